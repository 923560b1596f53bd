//! Values as a report shows them.

use bstr::BStr;

use super::super::content::{self, show_number as number};
use super::{Bindings, Fact, fact};
use crate::judge::expectation::{Wanted, WantedField};
use crate::table::names;
use crate::table::syscalls::Role;
use crate::trace::call::Call;

/// What the value of a descriptor says if it is that of the other one of its pair. The number of the call follows that made the pair.
pub(crate) const PAIR_IS_SWAPPED: &str = "the pair is swapped that is made by call ";

pub(super) fn wanted(field: &WantedField, bindings: &Bindings) -> String {
    match &field.wanted {
        Wanted::Nothing => "none".to_owned(),
        Wanted::Text(text) => format!("{:?}", BStr::new(text)),
        Wanted::Contains(text) => format!("a path with {text:?} in it"),
        Wanted::Number(value) => number(*value, field.role),
        Wanted::Name(name) => match bindings.values.get(name.as_str()) {
            Some((value, call)) => format!("{name} = {} (bound by call {call})", number(*value, field.role)),
            None => format!("{name}, any result of success"),
        },
        Wanted::Errno(errno) => names::errno_name(*errno),
        Wanted::Unfinished => "unfinished".to_owned(),
        Wanted::Is(value) => value.to_string(),
        Wanted::Files(files) => format!("{files:?}"),
        Wanted::Content(wanted) => content::show_wanted(wanted, &|name| bindings.value(name)),
    }
}

/// The observed value of a field, and whether it is that of the other descriptor of a pair.
pub(super) fn observed(field: &WantedField, call: &Call, bindings: &Bindings) -> String {
    let value = value(field, call);
    let Wanted::Name(name) = &field.wanted else { return value };
    if !matches!(field.role, Role::Fd | Role::DirFd) {
        return value;
    }
    let Some(Fact::Number(found)) = fact(field, call) else { return value };
    match bindings.other_of_pair(name, found) {
        Some(number) => format!("{value}: {PAIR_IS_SWAPPED}{number}"),
        None => value,
    }
}

fn value(field: &WantedField, call: &Call) -> String {
    match fact(field, call) {
        None => "nothing".to_owned(),
        Some(Fact::Number(value)) => number(value, field.role),
        Some(Fact::Errno(errno)) => names::errno_name(errno),
        Some(Fact::Unfinished) => "unfinished".to_owned(),
        Some(Fact::File(None)) => "none".to_owned(),
        Some(Fact::File(Some(bytes)) | Fact::Text(bytes)) => format!("{:?}", BStr::new(bytes)),
        Some(Fact::Files(files)) => format!("{:?}", files.iter().map(BStr::new).collect::<Vec<_>>()),
        Some(Fact::Is(value)) => value.to_string(),
        Some(Fact::Content(found)) => content::show_beside(&found, &field.wanted),
        Some(Fact::Unknown(why)) => why.into_owned(),
    }
}
