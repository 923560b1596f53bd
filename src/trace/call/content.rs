//! What a call's pointers lead to, taken apart into values ([`Shape`](crate::table::blocks::Shape)).
//!
//! No I/O.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Bytes, Call, Data};
use crate::table::blocks::entries::{DirectoryEntry, entries};
use crate::table::blocks::{self, Block, Direction, MESSAGE_SIZE, Member, MemberKind, PARTS, Size, Struct, What, part};
use crate::table::syscalls::Role;

/// A value of its shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Bytes, or a text.
    Bytes(Vec<u8>),
    /// A number.
    Number(i64),
    /// Members with names, in the order of the shape.
    Object(Vec<(&'static str, Content)>),
    /// Several values.
    List(Vec<Content>),
}

/// How the content of a block was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentState {
    /// All of it, when the call had it.
    Whole,
    /// Not all of it.
    Cut,
    /// Not, or only what comes before a bad pointer.
    Unreadable,
    /// All of it, but only when the call ended. The process may have written there meanwhile.
    Late,
}

/// The word where there is no content: nothing was read.
pub const NOTHING_READ: &str = "none";

impl ContentState {
    /// All of them by their words, as in JSON lines.
    pub const ALL: [(Self, &'static str); 4] =
        [(Self::Whole, "whole"), (Self::Cut, "cut"), (Self::Unreadable, "unreadable"), (Self::Late, "late")];

    /// Its word.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(state, _)| *state == self).map_or("", |(_, word)| word)
    }
}

impl Call {
    /// What the argument of this index leads to; `None` if that was not read. Nothing is known of it if it is unreadable.
    pub fn content(&self, at: usize) -> Option<(Option<Content>, ContentState)> {
        let row = self.syscall()?;
        let block = blocks::of_arg(row, at, &self.args)?;
        let parts = self.data.iter().filter(|data| usize::from(data.arg) == at);
        let given = parts.clone().find(|data| data.part == part::GIVEN);
        // That of an option is no part of its content.
        let within = parts.clone().find(|data| data.part == part::WITHIN && matches!(block.what, What::Struct(_)));
        let array = within.and_then(|data| array(blocks::within(row, at, &self.args)?, data));
        let parts: Vec<&Data> = parts.filter(|data| ![part::GIVEN, part::WITHIN].contains(&data.part)).collect();
        // What the call has left there says more than what it was given. The time that is left differs from run to run.
        let is_left = |data: &&Data| data.part == part::AFTER && block.way != Direction::In && block.arg != "timeout";
        let left: Vec<&Data> = parts.iter().copied().filter(is_left).collect();
        let parts = if left.is_empty() { parts } else { left };
        let [first, ..] = parts[..] else { return None };
        let state = state(block, &parts.iter().copied().chain(within).collect::<Vec<_>>());
        let Bytes::Read(bytes) = &first.bytes else { return Some((None, state)) };
        let content = match (block.what, array) {
            (What::Struct(of), Some(array)) => members(of, bytes, None, Some(array)),
            _ => taken_apart(block, bytes, &parts, given),
        };
        Some((Some(content), state))
    }
}

fn state(block: &Block, parts: &[&Data]) -> ContentState {
    let is_cut = |data: &&Data| matches!(&data.bytes, Bytes::Read(bytes) if (bytes.len() as u64) < data.size);
    let is_long = matches!(block.what, What::Strings | What::Pointers(_)) && parts.len() >= PARTS;
    if parts.iter().any(|data| matches!(data.bytes, Bytes::Unreadable(_))) {
        ContentState::Unreadable
    } else if is_long || parts.iter().any(is_cut) {
        ContentState::Cut
    } else if parts.iter().any(|data| data.late) {
        ContentState::Late
    } else {
        ContentState::Whole
    }
}

/// The value of a block. What was `given` says how much room messages had.
fn taken_apart(block: &Block, bytes: &[u8], parts: &[&Data], given: Option<&Data>) -> Content {
    match block.what {
        What::Bytes | What::Sent | What::Option | What::String => Content::Bytes(bytes.to_vec()),
        What::Address => Content::Object(socket_address(bytes)),
        What::Number(role, size) if block.size.is_one() => Content::Number(number(role, bytes.get(..size))),
        What::Number(role, size) => {
            Content::List(bytes.chunks_exact(size).map(|bytes| Content::Number(number(role, Some(bytes)))).collect())
        }
        What::Struct(of) if block.size.is_one() => {
            members(of, bytes, parts.iter().find(|data| data.part == 1).and_then(|data| data.read()), None)
        }
        What::Struct(of) => {
            Content::List(bytes.chunks_exact(of.size).map(|bytes| members(of, bytes, None, None)).collect())
        }
        What::Pointers(of) => Content::List(items(parts).map(|bytes| members(of, bytes, None, None)).collect()),
        What::Signals => signals(bytes),
        What::Entries(layout) => Content::List(entries(layout, bytes).flatten().map(entry).collect()),
        What::Nodes => Content::List(
            bytes.chunks_exact(8).map(|word| Content::Number(number(Role::Pointer, Some(word)))).collect(),
        ),
        What::Descriptors | What::Processors => {
            Content::List(blocks::descriptors_of(bytes).map(Content::Number).collect())
        }
        What::Vector | What::Strings => {
            Content::List(items(parts).map(|bytes| Content::Bytes(bytes.to_vec())).collect())
        }
        What::Message if matches!(block.size, Size::One) => Content::Object(message(parts, 0, given)),
        What::Message => {
            let count = parts.iter().filter(|data| data.part % part::OF_MESSAGE == 0).count();
            Content::List((0..count as u16).map(|at| Content::Object(message(parts, at, given))).collect())
        }
    }
}

/// The segments of a vector or the items of a list, which count from 1, up to one that was not read.
fn items<'d>(parts: &[&'d Data]) -> impl Iterator<Item = &'d [u8]> {
    (1..=PARTS as u16).map_while(|at| parts.iter().find(|data| data.part == at).and_then(|data| data.read()))
}

/// A number of this role; 0 if there is none.
fn number(role: Role, bytes: Option<&[u8]>) -> i64 {
    let is_signed = matches!(role, Role::Signed | Role::Int | Role::Named(_));
    let number = bytes.and_then(|bytes| blocks::number(bytes, is_signed)).unwrap_or(0);
    if matches!(role, Role::Id) { crate::table::syscalls::id(number as u64) } else { number }
}

fn entry(entry: DirectoryEntry<'_>) -> Content {
    let DirectoryEntry { inode, offset, length, kind, name } = entry;
    Content::Object(vec![
        ("d_ino", Content::Number(inode as i64)),
        ("d_off", Content::Number(offset)),
        ("d_reclen", Content::Number(length.into())),
        ("d_type", Content::Number(kind.into())),
        ("d_name", Content::Bytes(name.to_vec())),
    ])
}

fn signals(bytes: &[u8]) -> Content {
    let set = blocks::number(bytes, false).unwrap_or(0) as u64;
    Content::List(blocks::signals_of(set).map(Content::Number).collect())
}

/// The message at this place of an array, and what it leads to (sendmsg(2)).
fn message(parts: &[&Data], at: u16, given: Option<&Data>) -> Vec<(&'static str, Content)> {
    let base = part::MESSAGE + at * part::OF_MESSAGE;
    let read = |part: u16| {
        parts.iter().find(|data| data.part == base + part).and_then(|data| match &data.bytes {
            Bytes::Read(bytes) => Some(bytes.as_slice()),
            Bytes::Unreadable(_) => None,
        })
    };
    let mut members = Vec::new();
    if let Some(address) = read(part::ADDRESS) {
        let room = given.and_then(|given| given.room_for_name(at.into())).map_or(usize::MAX, |room| room as usize);
        members.push(("msg_name", Content::Object(socket_address(&address[..address.len().min(room)]))));
    }
    if read(part::VECTOR).is_some() {
        let segments = (1..=PARTS as u16).map_while(|at| read(part::VECTOR + at));
        members.push(("msg_iov", Content::List(segments.map(|bytes| Content::Bytes(bytes.to_vec())).collect())));
    }
    if let Some(control) = read(part::CONTROL) {
        members.push(("msg_control", Content::Bytes(control.to_vec())));
    }
    let header = read(0).unwrap_or_default();
    if let Some(flags) = header.get(48..52).and_then(|bytes| blocks::number(bytes, false)) {
        members.push(("msg_flags", Content::Number(flags)));
    }
    if let Some(length) =
        header.get(MESSAGE_SIZE[0]..MESSAGE_SIZE[0] + 4).and_then(|bytes| blocks::number(bytes, false))
    {
        members.push(("msg_len", Content::Number(length)));
    }
    members
}

/// The array to which a struct leads; `None` if it was not read, or is no set of signals (signal(7)).
fn array(block: &Block, data: &Data) -> Option<Content> {
    let bytes = data.read()?;
    let is_set = data.size == 8 && bytes.len() == 8;
    (is_set || !matches!(block.what, What::Signals)).then(|| taken_apart(block, bytes, &[], None))
}

/// The members, and the string or the array to which one leads.
fn members(of: &Struct, bytes: &[u8], text: Option<&[u8]>, array: Option<Content>) -> Content {
    let mut members = Vec::new();
    for member in of.members.iter().filter(|member| member.is_meant(bytes)) {
        let value = match member.kind {
            MemberKind::ToArray => array.clone(),
            MemberKind::ToText => text.map(|text| Content::Bytes(text.to_vec())),
            _ => member_of(member, bytes),
        };
        if let Some(value) = value {
            put(&mut members, member.name, value);
        }
    }
    Content::Object(members)
}

/// The value of a member, if the bytes have all of it.
fn member_of(member: &Member, bytes: &[u8]) -> Option<Content> {
    match member.kind {
        MemberKind::Text | MemberKind::TextAt(_) => member.text(bytes).map(|text| Content::Bytes(text.to_vec())),
        MemberKind::Signals => bytes.get(member.offset..member.offset + member.size).map(signals),
        MemberKind::Unsigned
        | MemberKind::Signed
        | MemberKind::Hex
        | MemberKind::Pair
        | MemberKind::Device
        | MemberKind::Limit
        | MemberKind::Date(_)
        | MemberKind::Nanoseconds(_)
        | MemberKind::Address
        | MemberKind::Mode
        | MemberKind::Permissions
        | MemberKind::Flags(_)
        | MemberKind::Choice(_)
        | MemberKind::Named(_)
        | MemberKind::Directory
        | MemberKind::KernelVersion
        | MemberKind::ToArray
        | MemberKind::ToText => member.value(bytes).map(Content::Number),
    }
}

/// Adds a member. A name like `it_value.tv_sec` is a member of a member.
fn put(members: &mut Vec<(&'static str, Content)>, name: &'static str, value: Content) {
    let Some((outer, inner)) = name.split_once('.') else { return members.push((name, value)) };
    match members.last_mut() {
        Some((last, Content::Object(within))) if *last == outer => put(within, inner, value),
        _ => {
            let mut within = Vec::new();
            put(&mut within, inner, value);
            members.push((outer, Content::Object(within)));
        }
    }
}

/// The members by the family (unix(7), ip(7), ipv6(7)). The path of a socket ends with a NUL or with the address; a name that begins
/// with a NUL is abstract and has all that follows.
fn socket_address(bytes: &[u8]) -> Vec<(&'static str, Content)> {
    let text = |text: String| Content::Bytes(text.into_bytes());
    let Some((family, rest)) = bytes.split_first_chunk() else { return Vec::new() };
    let family = u16::from_ne_bytes(*family);
    let mut members = vec![("sa_family", Content::Number(family.into()))];
    match (i32::from(family), rest) {
        (libc::AF_UNIX, []) => {}
        (libc::AF_UNIX, [0, ..]) => members.push(("sun_path", Content::Bytes(rest.to_vec()))),
        (libc::AF_UNIX, path) => {
            let path = path.split(|&byte| byte == 0).next().unwrap_or_default();
            members.push(("sun_path", Content::Bytes(path.to_vec())));
        }
        (libc::AF_INET, [p0, p1, a, b, c, d, ..]) if bytes.len() >= 16 => {
            members.push(("sin_port", Content::Number(u16::from_be_bytes([*p0, *p1]).into())));
            members.push(("sin_addr", text(Ipv4Addr::new(*a, *b, *c, *d).to_string())));
        }
        (libc::AF_INET6, [p0, p1, rest @ ..]) if bytes.len() >= 24 => {
            let word = |at: usize| rest.get(at..at + 4).and_then(|bytes| blocks::number(bytes, false));
            members.push(("sin6_port", Content::Number(u16::from_be_bytes([*p0, *p1]).into())));
            let flow = word(0).map_or(0, |flow| u32::from_be(flow as u32));
            members.push(("sin6_flowinfo", Content::Number(flow.into())));
            let address = rest[4..].first_chunk::<16>().map(|bytes| Ipv6Addr::from(*bytes).to_string());
            members.push(("sin6_addr", text(address.unwrap_or_default())));
            members.extend(word(20).map(|scope| ("sin6_scope_id", Content::Number(scope))));
        }
        (_, rest) => members.push(("sa_data", Content::Bytes(rest.to_vec()))),
    }
    members
}

#[cfg(test)]
mod tests;
