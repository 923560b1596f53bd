//! A value of a call as TOML.

use bstr::ByteSlice;
use toml_edit::{Array, Value};

use super::content::{self, content, number_of};
use super::names::BoundNumbers;
use crate::judge::expectation::{Aspect, WantedField};
use crate::judge::matcher::facts::{Fact, fact};
use crate::table::names;
use crate::table::syscalls::Role;
use crate::trace::call::Call;

/// The observed value of a key, which may stand for two fields (`makes`, the `status` of a pair). `None` if the key is to be
/// left out.
pub(super) fn value(fields: &[&WantedField], call: &Call, known: &BoundNumbers) -> Option<Value> {
    let mut values = fields.iter().map(|field| one(field, call, known));
    match fields {
        [_] => values.next()?,
        _ => values.collect::<Option<Array>>().map(Value::Array),
    }
}

fn one(field: &WantedField, call: &Call, known: &BoundNumbers) -> Option<Value> {
    match fact(field, call)? {
        Fact::Number(number) => {
            known.name_of(field, number, call).map_or_else(|| self::number(field, number), |name| Some(name.into()))
        }
        Fact::Errno(errno) => Some(names::errno_name(errno).into()),
        Fact::Unfinished => Some("unfinished".into()),
        Fact::File(bytes) => bytes.map(|bytes| text(bytes, call)),
        Fact::Text(bytes) => Some(text(bytes, call)),
        Fact::Is(is) => Some(is.into()),
        Fact::Files(files) => Some(Value::Array(files.iter().map(|file| text(file, call)).collect())),
        Fact::Content(found) => content(field, &found, call, known),
        // The words for it are those of the key.
        Fact::Unknown(why) if field.aspect == Aspect::Bytes => Some(why.into_owned().into()),
        Fact::Unknown(_) => None,
    }
}

fn number(field: &WantedField, number: i64) -> Option<Value> {
    let is_default = matches!(field.role, Role::Flags(_)) && number == 0 && field.aspect != Aspect::Ret;
    number_of(field.role, number).filter(|_| !is_default)
}

/// A path or another text. A process that is in it gets its placeholder, and bytes that are no UTF-8 become pieces.
fn text(bytes: &[u8], call: &Call) -> Value {
    let bytes = match bytes.strip_prefix(format!("/proc/{}/", call.pid).as_bytes()) {
        None => bytes.to_vec(),
        Some(rest) => {
            [b"/proc/{pid}/".as_slice(), &rest.replace(format!("task/{}/", call.tid), "task/{tid}/")].concat()
        }
    };
    content::bytes(&bytes)
}
