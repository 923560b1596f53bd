//! What an argument leads to, against what it must lead to.
//!
//! No I/O.

use std::fmt::Display;

use bstr::BStr;

use crate::judge::expectation::content::ShownAs;
use crate::judge::expectation::{Wanted, WantedContent};
use crate::table::syscalls::{Peek, Role};
use crate::trace::call::{Call, Content, ContentState, NOTHING_READ};

const NOT_READ: &str = "not read";

/// What an argument leads to, as far as it was read, or why there is nothing.
pub(super) fn of(call: &Call, at: usize) -> Result<Content, &'static str> {
    let (content, state) = call.content(at).ok_or(NOT_READ)?;
    content.ok_or(state.word())
}

/// How it was read, by its word.
pub(super) fn state(call: &Call, at: usize) -> &'static [u8] {
    let of_handle = || match call.syscall()?.peek? {
        (arg, Peek::HandleIn) if arg == at => Some(match (&call.peek, call.late[2]) {
            (None, _) => ContentState::Unreadable,
            (Some(_), true) => ContentState::Late,
            (Some(bytes), false) if is_cut(bytes) => ContentState::Cut,
            (Some(_), false) => ContentState::Whole,
        }),
        _ => None,
    };
    let state = call.content(at).map(|(_, state)| state).or_else(of_handle);
    state.map_or(NOTHING_READ, ContentState::word).as_bytes()
}

/// Whether a `struct file_handle` has fewer bytes than its first word says (open_by_handle_at(2)).
fn is_cut(handle: &[u8]) -> bool {
    let size = handle.first_chunk().map_or(0, |size| u32::from_ne_bytes(*size));
    handle.len() < (size as usize).saturating_add(8)
}

/// Whether the content has all that is wanted. A name that nothing has bound may have any value.
pub(super) fn meets(wanted: &WantedContent, found: &Content, bound: &dyn Fn(&str) -> Option<i64>) -> bool {
    match (wanted, found) {
        (WantedContent::Bytes(wanted), Content::Bytes(found)) => wanted == found,
        (WantedContent::Number(wanted, _), Content::Number(found)) => wanted == found,
        (WantedContent::Name(name), Content::Number(found)) => bound(name).is_none_or(|value| value == *found),
        (WantedContent::Object(wanted), Content::Object(_)) => {
            wanted.iter().all(|(name, wanted)| member(found, name).is_some_and(|found| meets(wanted, found, bound)))
        }
        (WantedContent::List(wanted), Content::List(found)) => {
            wanted.len() == found.len() && wanted.iter().zip(found).all(|(wanted, found)| meets(wanted, found, bound))
        }
        (
            WantedContent::Bytes(_)
            | WantedContent::Number(..)
            | WantedContent::Name(_)
            | WantedContent::Object(_)
            | WantedContent::List(_),
            _,
        ) => false,
    }
}

fn member<'c>(of: &'c Content, name: &str) -> Option<&'c Content> {
    let Content::Object(members) = of else { return None };
    members.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// The wanted content as `tests.toml` would write it, but names by their values.
pub(super) fn show_wanted(wanted: &WantedContent, bound: &dyn Fn(&str) -> Option<i64>) -> String {
    match wanted {
        WantedContent::Bytes(bytes) => format!("{:?}", BStr::new(bytes)),
        WantedContent::Number(value, ShownAs(role)) => show_number(*value, *role),
        WantedContent::Name(name) => bound(name).map_or_else(|| name.clone(), |value| format!("{name} = {value}")),
        WantedContent::Object(members) => {
            object(members.iter().map(|(name, value)| (*name, show_wanted(value, bound))))
        }
        WantedContent::List(items) => list(items.iter().map(|item| show_wanted(item, bound))),
    }
}

/// The content that was found, in the same way: of structs only the members that are wanted.
pub(crate) fn show_found(found: &Content, wanted: Option<&WantedContent>) -> String {
    match (found, wanted) {
        (Content::Bytes(bytes), _) => format!("{:?}", BStr::new(bytes)),
        (Content::Number(value), Some(WantedContent::Number(_, ShownAs(role)))) => show_number(*value, *role),
        (Content::Number(value), _) => value.to_string(),
        (Content::Object(_), Some(WantedContent::Object(wanted))) => object(wanted.iter().map(|(name, wanted)| {
            let shown = member(found, name).map(|found| show_found(found, Some(wanted)));
            (*name, shown.unwrap_or_else(|| "none".to_owned()))
        })),
        (Content::Object(members), _) => object(members.iter().map(|(name, value)| (*name, show_found(value, None)))),
        (Content::List(items), wanted) => {
            let wanted = if let Some(WantedContent::List(wanted)) = wanted { wanted.as_slice() } else { &[] };
            list(items.iter().enumerate().map(|(at, item)| show_found(item, wanted.get(at))))
        }
    }
}

/// The same beside the wanted value of its field.
pub(super) fn show_beside(found: &Content, wanted: &Wanted) -> String {
    show_found(found, if let Wanted::Content(wanted) = wanted { Some(wanted) } else { None })
}

fn object<V: Display>(members: impl Iterator<Item = (&'static str, V)>) -> String {
    let members: Vec<String> = members.map(|(name, value)| format!("{name} = {value}")).collect();
    format!("{{ {} }}", members.join(", "))
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

/// A number as an argument of this role is shown.
pub(crate) fn show_number(value: i64, role: Role) -> String {
    match role {
        Role::DirFd if value == i64::from(libc::AT_FDCWD) => "AT_FDCWD".to_owned(),
        Role::Flags(names) | Role::Choice(names) => names.show(value as u64),
        Role::Named(names) => names.name(value as u32 as u64).map_or_else(|| value.to_string(), str::to_owned),
        Role::Mode => format!("{value:#o}"),
        Role::Unsigned | Role::UnsignedInt => (value as u64).to_string(),
        Role::Pointer => format!("{:#x}", value as u64),
        Role::Fd | Role::DirFd | Role::FdNumber | Role::Id | Role::Int | Role::Signed | Role::Path | Role::Text => {
            value.to_string()
        }
    }
}

#[cfg(test)]
mod tests;
