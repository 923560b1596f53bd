//! What a pointer leads to as TOML: of structs the members that the table has, or all of them.
//!
//! No I/O.

use toml_edit::{Array, InlineTable, Value};

use super::names::BoundNumbers;
use crate::judge::expectation::{Aspect, Wanted, WantedContent, WantedField};
use crate::table::blocks::{self, Shape};
use crate::table::syscalls::Role;
use crate::trace::call::{Call, Content};

/// The content behind the argument of a field.
pub(super) fn content(field: &WantedField, found: &Content, call: &Call, known: &BoundNumbers) -> Option<Value> {
    let Aspect::Data(at) = field.aspect else { return None };
    let shape = blocks::shape_of_arg(call.syscall()?, at, &call.args)?;
    let wanted = if let Wanted::Content(wanted) = &field.wanted { Some(wanted) } else { None };
    shaped(&shape, found, wanted, &|number| known.descriptor(number, call))
}

type NameOf<'k> = dyn Fn(i64) -> Option<String> + 'k;

/// `None` if it has no form in a table: a number of more than 63 bits.
fn shaped(shape: &Shape, found: &Content, wanted: Option<&WantedContent>, name: &NameOf) -> Option<Value> {
    match (shape, found) {
        (_, Content::Bytes(found)) => Some(bytes(found)),
        (Shape::Number(role), Content::Number(number)) => {
            let had_name = matches!(wanted, Some(WantedContent::Name(_)));
            let name = name(*number).filter(|_| had_name).map(Value::from);
            let is_large = matches!(role, Role::Unsigned | Role::Pointer) && *number < 0;
            name.or_else(|| number_of(*role, *number).filter(|_| !is_large))
        }
        (Shape::Object(shapes), Content::Object(members)) => object(shapes, members, wanted, name),
        (Shape::List(each), Content::List(items)) => {
            let wanted = if let Some(WantedContent::List(wanted)) = wanted { wanted.as_slice() } else { &[] };
            // An item more has the members of the last one.
            let like = |at: usize| wanted.get(at).or(wanted.last());
            let items = items.iter().enumerate().map(|(at, item)| shaped(each, item, like(at), name));
            items.collect::<Option<Array>>().map(Value::Array)
        }
        (Shape::Bytes | Shape::Internet(_) | Shape::Number(_) | Shape::Object(_) | Shape::List(_), _) => None,
    }
}

fn object(
    shapes: &[(&'static str, Shape)],
    members: &[(&'static str, Content)],
    wanted: Option<&WantedContent>,
    name: &NameOf,
) -> Option<Value> {
    let mut table = InlineTable::new();
    for (member, shape) in shapes {
        let Some((_, found)) = members.iter().find(|(known, _)| known == member) else { continue };
        let wanted = match wanted {
            Some(WantedContent::Object(wanted)) => match wanted.iter().find(|(known, _)| known == member) {
                Some((_, wanted)) => Some(wanted),
                None => continue,
            },
            _ => None,
        };
        if let Some(value) = shaped(shape, found, wanted, name) {
            table.insert(*member, value);
        }
    }
    (!table.is_empty()).then_some(Value::InlineTable(table))
}

/// A number as an argument of this role is written.
pub(super) fn number_of(role: Role, number: i64) -> Option<Value> {
    match role {
        Role::DirFd if number == i64::from(libc::AT_FDCWD) => Some("AT_FDCWD".into()),
        Role::Flags(names) | Role::Choice(names) => Some(named(&names.show(number as u64), number)),
        Role::Named(names) => Some(names.name(number as u32 as u64).map_or(number.into(), Value::from)),
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

/// Bytes as they are. Those that are no UTF-8 become pieces.
pub(super) fn bytes(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => string(text),
        Err(_) => Value::Array(pieces(bytes)),
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
