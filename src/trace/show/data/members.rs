//! The members of a struct, as strace would write them.
//!
//! No I/O.

use super::super::{
    Detail, put, put_address, put_device, put_escaped, put_hex, put_mode, put_named, put_names, put_number,
    put_type_and_mode,
};
use super::date::{put_date, put_date_of};
use super::filter::put_instruction;
use super::list::{put_array, put_list};
use super::{put_bytes, put_role, put_signals};
use crate::table::blocks::structs::{POLLFD, TIMESPEC};
use crate::table::blocks::{Block, Member, MemberKind, Struct, What, number};
use crate::trace::call::{Bytes, Data};

pub(super) fn put_one(out: &mut String, of: &Struct, data: &Data, detail: Detail) {
    match &data.bytes {
        Bytes::Read(bytes) => put_struct_in(out, of, bytes, detail),
        Bytes::Unreadable(_) => put_bytes(out, data),
    }
}

pub(super) fn put_struct(out: &mut String, of: &Struct, bytes: &[u8]) {
    put_struct_in(out, of, bytes, Detail::Brief);
}

/// The same, with so many members.
pub(super) fn put_struct_in(out: &mut String, of: &Struct, bytes: &[u8], detail: Detail) {
    match detail {
        // poll(2) ignores a negative descriptor, and what it has found stands behind the result.
        _ if std::ptr::eq(of, &POLLFD) => {
            let is_ignored = POLLFD.members[0].value(bytes).is_some_and(|fd| fd < 0);
            put_members(out, of, bytes, if is_ignored { 1 } else { of.brief }, false);
        }
        Detail::Brief => put_members(out, of, bytes, of.brief, of.is_abridged()),
        Detail::Full => put_members(out, of, bytes, u64::MAX, false),
    }
}

/// One of the times of a file (utimensat(2), utimes(2)).
pub(super) fn put_time_of_file(out: &mut String, of: &Struct, bytes: &[u8]) {
    let [seconds, part] = [0, 1].map(|at| of.members[at].value(bytes).unwrap_or(0));
    match (part, std::ptr::eq(of, &TIMESPEC)) {
        (libc::UTIME_NOW, true) => out.push_str("UTIME_NOW"),
        (libc::UTIME_OMIT, true) => out.push_str("UTIME_OMIT"),
        (_, has_nanoseconds) => {
            put_struct(out, of, bytes);
            put_date(out, seconds, part, if has_nanoseconds { 9 } else { 6 });
        }
    }
}

/// The members of these bits, as far as the bytes go.
pub(super) fn put_members(out: &mut String, of: &Struct, bytes: &[u8], shown: u64, are_more: bool) {
    put_open(out, of, bytes, shown, Behind::default());
    out.push_str(if are_more { ", ...}" } else { "}" });
}

/// What a struct leads to.
#[derive(Clone, Copy, Default)]
pub(super) struct Behind<'d> {
    /// A string.
    pub text: Option<&'d Data>,
    /// An array.
    pub within: Option<(&'static Block, &'d Data)>,
    /// How much is shown of it, and of the struct.
    pub detail: Detail,
}

/// Whether an array that is shown was read only when the call had ended.
pub(super) fn shows_late(Behind { within, detail, .. }: Behind) -> bool {
    let is_shown = |block: &Block| detail == Detail::Full || !matches!(block.what, What::Struct(_));
    within.is_some_and(|(block, data)| data.late && data.read().is_some() && is_shown(block))
}

/// All members, and what they lead to.
pub(super) fn put_open_struct(out: &mut String, of: &Struct, bytes: &[u8], behind: Behind) {
    put_open(out, of, bytes, u64::MAX, behind);
    out.push('}');
}

/// The array to which a struct leads. Without its elements, its address says more.
fn put_within(out: &mut String, (block, data): (&Block, &Data), address: u64, detail: Detail) {
    match block.what {
        // The kernel reads none of no elements.
        What::Number(role, size) if data.size > 0 => {
            put_array(out, (data, address), size, |out, bytes| put_role(out, role, Some(bytes)));
        }
        // A set of signals of the size that the kernel takes (signal(7)).
        What::Signals if data.read().is_some_and(|bytes| bytes.len() == 8 && data.size == 8) => {
            put_signals(out, data.read().unwrap_or_default());
        }
        What::Bytes if data.size > 0 => put_bytes(out, data),
        What::Struct(of) if detail == Detail::Full => {
            put_array(out, (data, address), of.size, |out, bytes| put_instruction(out, of, bytes));
        }
        _ => put_address(out, address),
    }
}

/// The same without what closes the struct. A name like `it_value.tv_sec` is a member of a member. A member may lead to a string.
pub(super) fn put_open(out: &mut String, of: &Struct, bytes: &[u8], shown: u64, behind: Behind) {
    out.push('{');
    let (mut within, mut before) = ("", None);
    let is_there = |member: &&Member| member.offset + member.size <= bytes.len() && member.is_shown(bytes);
    for (at, member) in of.members_of(shown).filter(is_there).enumerate() {
        let (outer, name) = member.name.rsplit_once('.').unwrap_or(("", member.name));
        let same = levels(within).zip(levels(outer)).take_while(|(one, other)| one == other).count();
        put_closed(out, levels(within).skip(same).count(), before, bytes);
        out.push_str(if at == 0 { "" } else { ", " });
        for level in levels(outer).skip(same) {
            out.push_str(level);
            out.push_str("={");
        }
        (within, before) = (outer, Some(member));
        out.push_str(name);
        out.push('=');
        match (member.kind, behind.text, behind.within) {
            (MemberKind::ToText, Some(text), _) if text.read().is_some() => put_bytes(out, text),
            (MemberKind::ToArray, _, Some(within)) if is_array(within) => {
                put_within(out, within, member.value(bytes).unwrap_or(0) as u64, behind.detail);
            }
            _ => put_member(out, member, bytes),
        }
    }
    put_closed(out, levels(within).count(), before, bytes);
}

/// Closes so many members of members, the last of which ends with this member. A time is followed by its date.
fn put_closed(out: &mut String, levels: usize, last: Option<&Member>, bytes: &[u8]) {
    for level in 0..levels {
        out.push('}');
        if let (0, Some(MemberKind::Nanoseconds(seconds))) = (level, last.map(|last| last.kind))
            && let (Some(seconds), Some(nanoseconds)) = (word(bytes, seconds), last.and_then(|last| last.value(bytes)))
        {
            put_date_of(out, seconds, nanoseconds);
        }
    }
}

/// The number of 64 bits at this place.
fn word(bytes: &[u8], at: usize) -> Option<i64> {
    bytes.get(at..at + 8).and_then(|bytes| number(bytes, true))
}

/// Whether the beginning of an array was read, or it is empty.
fn is_array((block, data): (&Block, &Data)) -> bool {
    data.read().is_some_and(|bytes| data.size == 0 || bytes.len() >= block.element())
}

/// The members within which a member is.
fn levels(outer: &str) -> impl Iterator<Item = &str> {
    outer.split('.').filter(|level| !level.is_empty())
}

/// A limit (getrlimit(2)). Those of memory are most often given in KiB.
fn put_limit(out: &mut String, limit: u64) {
    match limit {
        u64::MAX => out.push_str("RLIM64_INFINITY"),
        1025.. if limit.is_multiple_of(1024) => {
            put_number(out, limit / 1024);
            out.push_str("*1024");
        }
        _ => put_number(out, limit),
    }
}

pub(super) fn put_member(out: &mut String, member: &Member, bytes: &[u8]) {
    let own = bytes.get(member.offset..member.offset + member.size).unwrap_or_default();
    match member.kind {
        MemberKind::Signals => return put_signals(out, own),
        MemberKind::TextAt(_) if member.text(bytes).is_none() => {}
        MemberKind::Text | MemberKind::TextAt(_) => {
            out.push('"');
            put_escaped(out, member.text(bytes).unwrap_or_default());
            return out.push('"');
        }
        _ => {}
    }
    let Some(value) = member.value(bytes) else { return out.push('?') };
    match member.kind {
        MemberKind::Limit => put_limit(out, value as u64),
        MemberKind::Unsigned | MemberKind::Nanoseconds(_) => put_number(out, value as u64),
        MemberKind::Date(nanoseconds) => {
            put_number(out, value);
            put_date_of(out, value, nanoseconds.and_then(|at| word(bytes, at)).unwrap_or(0));
        }
        MemberKind::Device => put_device(out, value as u64),
        MemberKind::Pair => {
            let put_half = |out: &mut String, half| put_hex(out, number(half, false).unwrap_or(0) as u64);
            put_list(out, own.chunks_exact(4), put_half, false);
        }
        MemberKind::Signed => put_number(out, value),
        MemberKind::Address | MemberKind::ToText | MemberKind::ToArray => put_address(out, value as u64),
        MemberKind::Hex | MemberKind::TextAt(_) => put_hex(out, value as u64),
        MemberKind::Permissions => put_mode(out, value as u64),
        MemberKind::Mode => put_type_and_mode(out, value as u32),
        MemberKind::Flags(names) | MemberKind::Choice(names) => put_names(out, names, value as u64),
        MemberKind::Named(names) => put_named(out, names, value as u64, value as u64),
        MemberKind::Directory if value as i32 == libc::AT_FDCWD => out.push_str("AT_FDCWD"),
        MemberKind::Directory => put_number(out, value as i32),
        MemberKind::KernelVersion => {
            put(out, format_args!("KERNEL_VERSION({}, {}, {})", value >> 16, value >> 8 & 0xff, value & 0xff));
        }
        MemberKind::Signals | MemberKind::Text => {}
    }
}
