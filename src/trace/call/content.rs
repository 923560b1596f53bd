//! What a call's pointers lead to, taken apart into values ([`Shape`](crate::table::blocks::Shape)).
//!
//! No I/O.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Bytes, Call, Data};
use crate::table::blocks::{self, Block, PARTS, Size, Struct, What};

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
        let block = blocks::of_arg(self.syscall()?, at)?;
        let parts: Vec<&Data> = self.data.iter().filter(|data| usize::from(data.arg) == at).collect();
        let [first, ..] = parts[..] else { return None };
        let state = state(block, &parts);
        let Bytes::Read(bytes) = &first.bytes else { return Some((None, state)) };
        Some((Some(taken_apart(block, bytes, &parts)), state))
    }
}

fn state(block: &Block, parts: &[&Data]) -> ContentState {
    let is_cut = |data: &&Data| matches!(&data.bytes, Bytes::Read(bytes) if (bytes.len() as u64) < data.size);
    let is_long = matches!(block.what, What::Strings) && parts.len() >= PARTS;
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

fn taken_apart(block: &Block, bytes: &[u8], parts: &[&Data]) -> Content {
    match block.what {
        What::Bytes => Content::Bytes(bytes.to_vec()),
        What::Address => Content::Object(socket_address(bytes)),
        What::Struct(of) if matches!(block.size, Size::One) => members(of, bytes),
        What::Struct(of) => Content::List(bytes.chunks_exact(of.size).map(|bytes| members(of, bytes)).collect()),
        What::Vector | What::Strings => {
            let of_part = |data: &&Data| match &data.bytes {
                Bytes::Read(bytes) if data.part > 0 => Some(Content::Bytes(bytes.clone())),
                Bytes::Read(_) | Bytes::Unreadable(_) => None,
            };
            Content::List(parts.iter().filter_map(of_part).collect())
        }
    }
}

fn members(of: &Struct, bytes: &[u8]) -> Content {
    let mut members = Vec::new();
    for member in of.members {
        if let Some(value) = member.value(bytes) {
            put(&mut members, member.name, Content::Number(value));
        }
    }
    Content::Object(members)
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
        (libc::AF_INET, [p0, p1, a, b, c, d, ..]) => {
            members.push(("sin_port", Content::Number(u16::from_be_bytes([*p0, *p1]).into())));
            members.push(("sin_addr", text(Ipv4Addr::new(*a, *b, *c, *d).to_string())));
        }
        (libc::AF_INET6, [p0, p1, _, _, _, _, address @ ..]) if address.len() >= 16 => {
            members.push(("sin6_port", Content::Number(u16::from_be_bytes([*p0, *p1]).into())));
            let address = address.first_chunk::<16>().map(|bytes| Ipv6Addr::from(*bytes).to_string());
            members.push(("sin6_addr", text(address.unwrap_or_default())));
        }
        (_, rest) => members.push(("sa_data", Content::Bytes(rest.to_vec()))),
    }
    members
}
