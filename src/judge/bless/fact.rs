//! A value of a call as TOML.

use bstr::ByteSlice;
use toml_edit::{Array, Value};

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
        // The words for it are those of the key.
        Fact::Unknown(why) if field.aspect == Aspect::Bytes => Some(why.into_owned().into()),
        Fact::Unknown(_) => None,
    }
}

fn number(field: &WantedField, number: i64) -> Option<Value> {
    match field.role {
        Role::DirFd if number == i64::from(libc::AT_FDCWD) => Some("AT_FDCWD".into()),
        Role::Flags(_) if number == 0 && field.aspect != Aspect::Ret => None,
        Role::Flags(names) | Role::Choice(names) => Some(named(&names.show(number as u64), number)),
        Role::Mode => format!("{number:#o}").parse().ok(),
        Role::Fd
        | Role::DirFd
        | Role::FdNumber
        | Role::Id
        | Role::Int
        | Role::Signed
        | Role::Unsigned
        | Role::UnsignedInt
        | Role::Pointer
        | Role::Path
        | Role::Text => Some(number.into()),
    }
}

/// A choice without a name is a number.
fn named(shown: &str, number: i64) -> Value {
    if shown.starts_with(|first: char| first.is_ascii_digit()) && !shown.contains('|') {
        number.into()
    } else {
        shown.into()
    }
}

/// A path or another text. A process that is in it gets its placeholder, and bytes that are no UTF-8 become pieces.
fn text(bytes: &[u8], call: &Call) -> Value {
    let bytes = match bytes.strip_prefix(format!("/proc/{}/", call.pid).as_bytes()) {
        None => bytes.to_vec(),
        Some(rest) => {
            [b"/proc/{pid}/".as_slice(), &rest.replace(format!("task/{}/", call.tid), "task/{tid}/")].concat()
        }
    };
    match std::str::from_utf8(&bytes) {
        Ok(text) => string(text),
        Err(_) => Value::Array(pieces(&bytes)),
    }
}

/// On one line, whatever is in it: what JSON escapes, TOML reads.
fn string(text: &str) -> Value {
    let json = serde_json::to_string(text).ok();
    json.and_then(|json| json.parse().ok()).unwrap_or_else(|| text.into())
}

fn pieces(bytes: &[u8]) -> Array {
    let mut pieces = Array::new();
    for chunk in bytes.utf8_chunks() {
        if !chunk.valid().is_empty() {
            pieces.push_formatted(string(chunk.valid()));
        }
        for byte in chunk.invalid() {
            pieces.push_formatted(format!("{byte:#04x}").parse().unwrap_or_else(|_| i64::from(*byte).into()));
        }
    }
    pieces
}
