//! A value of a call as TOML.

use bstr::ByteSlice;
use toml_edit::{Array, InlineTable, Value};

use super::names::BoundNumbers;
use crate::judge::expectation::content::ShownAs;
use crate::judge::expectation::{Aspect, Wanted, WantedContent, WantedField};
use crate::judge::matcher::facts::{Fact, fact};
use crate::table::names;
use crate::table::syscalls::Role;
use crate::trace::call::{Call, Content};

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
        Fact::Content(found) => content(&found, &field.wanted, call),
        // The words for it are those of the key.
        Fact::Unknown(why) if field.aspect == Aspect::Bytes => Some(why.into_owned().into()),
        Fact::Unknown(_) => None,
    }
}

/// What an argument leads to: of structs, the members that the table has.
fn content(found: &Content, wanted: &Wanted, call: &Call) -> Option<Value> {
    let Wanted::Content(wanted) = wanted else { return None };
    shaped(found, Some(wanted), call)
}

fn shaped(found: &Content, wanted: Option<&WantedContent>, call: &Call) -> Option<Value> {
    Some(match (found, wanted) {
        (Content::Bytes(bytes), _) => text(bytes, call),
        (Content::Number(value), Some(WantedContent::Number(_, ShownAs(role)))) => by_role(*role, *value),
        (Content::Number(value), _) => (*value).into(),
        (Content::Object(members), Some(WantedContent::Object(wanted))) => {
            let one = |(name, wanted): &(&'static str, WantedContent)| {
                let (_, found) = members.iter().find(|(known, _)| known == name)?;
                Some((*name, shaped(found, Some(wanted), call)?))
            };
            Value::InlineTable(wanted.iter().map(one).collect::<Option<InlineTable>>()?)
        }
        (Content::Object(_), _) => return None,
        (Content::List(items), wanted) => {
            let wanted = if let Some(WantedContent::List(wanted)) = wanted { wanted.as_slice() } else { &[] };
            // An item that the table does not have has the shape of the first.
            let shape = |at: usize| wanted.get(at).or(wanted.first());
            let items = items.iter().enumerate().map(|(at, item)| shaped(item, shape(at), call));
            Value::Array(items.collect::<Option<Array>>()?)
        }
    })
}

fn number(field: &WantedField, number: i64) -> Option<Value> {
    let is_left_out = matches!(field.role, Role::Flags(_)) && number == 0 && field.aspect != Aspect::Ret;
    (!is_left_out).then(|| by_role(field.role, number))
}

fn by_role(role: Role, number: i64) -> Value {
    match role {
        Role::DirFd if number == i64::from(libc::AT_FDCWD) => "AT_FDCWD".into(),
        Role::Flags(names) | Role::Choice(names) => named(&names.show(number as u64), number),
        Role::Mode => format!("{number:#o}").parse().unwrap_or_else(|_| number.into()),
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
        | Role::Text => number.into(),
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
