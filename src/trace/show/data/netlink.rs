//! Messages of netlink(7), as strace would write them.
//!
//! No I/O. What is in a message is in the descriptions of [`netlink`](crate::table::netlink). Bytes that could not be read are shown by
//! their address.

use super::address::{put_choice, put_hardware, put_hex_bytes, put_index, put_internet, put_socket_address};
use super::put_list;
use crate::table::names;
use crate::table::netlink::{DONE, ERROR, FIRST_TYPE, MessageRow, NameSet, TABLES};
use crate::trace::show::{put, put_address, put_escaped, put_number};

mod value; // numbers, addresses and names
mod member; // structs and their members
mod attribute; // attributes, and what they hold

/// How many elements of a list, and how many bytes without a meaning, are shown.
const SHOWN: usize = 32;
/// The size of `struct nlmsghdr`.
const HEADER: usize = 16;
/// NETLINK_KOBJECT_UEVENT: its messages have no `struct nlmsghdr`.
const UEVENTS: u64 = 15;
/// NLM_F_REQUEST and NLM_F_CAPPED.
const REQUEST: u16 = 1;
const CAPPED: u16 = 0x100;
/// The size of the error in `struct nlmsgerr`, before the message.
const ERROR_SIZE: usize = 4;

/// Some of the bytes of a block, of which the last ones may not have been read.
#[derive(Clone, Copy)]
struct View<'m> {
    /// The bytes of the block that were read.
    all: &'m [u8],
    /// Where this part begins in them.
    at: usize,
    /// How many bytes this part has.
    len: usize,
    /// The address of the block.
    base: u64,
}

impl<'m> View<'m> {
    /// So many bytes; `None` if not all of them were read.
    fn bytes(self, from: usize, size: usize) -> Option<&'m [u8]> {
        self.all.get(self.at + from..(self.at + from).checked_add(size)?)
    }

    /// What comes after so many bytes.
    fn after(self, size: usize) -> Self {
        let size = size.min(self.len);
        Self { at: self.at + size, len: self.len - size, ..self }
    }

    /// No more than so many bytes.
    fn first(self, size: usize) -> Self {
        Self { len: self.len.min(size), ..self }
    }

    fn number(self, from: usize, size: usize) -> Option<u64> {
        number(self.bytes(from, size)?)
    }

    fn put_address(self, out: &mut String) {
        put_address(out, self.base.wrapping_add(self.at as u64));
    }

    /// The bytes in base 16.
    fn put_hex(self, out: &mut String) {
        match self.bytes(0, self.len.min(SHOWN)) {
            Some(bytes) => {
                put_hex_bytes(out, bytes);
                out.push_str(if self.len > SHOWN { "..." } else { "" });
            }
            None => self.put_address(out),
        }
    }
}

/// An unsigned number of up to eight bytes.
fn number(bytes: &[u8]) -> Option<u64> {
    let mut word = [0; 8];
    let place = if cfg!(target_endian = "big") { 8usize.checked_sub(bytes.len())? } else { 0 };
    word.get_mut(place..place + bytes.len())?.copy_from_slice(bytes);
    Some(u64::from_ne_bytes(word))
}

/// What a message says that its attributes depend on.
#[derive(Clone, Copy)]
struct MessageContext {
    family: u8,
}

/// Appends the messages in a block of this size, of which these bytes were read.
pub(super) fn put_messages(out: &mut String, protocol: u64, bytes: &[u8], size: u64, base: u64) {
    let view = View { all: bytes, at: 0, len: usize::try_from(size).unwrap_or(usize::MAX), base };
    if protocol == UEVENTS {
        return put_event(out, view);
    }
    put_sequence(
        out,
        view,
        HEADER,
        |bytes| number(&bytes[..4]).unwrap_or(0) as usize,
        |out, view| put_message(out, protocol, view),
    );
}

/// What begins with its own length, one after the other at multiples of 4 bytes.
fn put_sequence<'m>(
    out: &mut String,
    mut view: View<'m>,
    header: usize,
    length: impl Fn(&[u8]) -> usize,
    mut put_one: impl FnMut(&mut String, View<'m>),
) {
    let mut is_list = false;
    for at in 0.. {
        let found = view.bytes(0, header).filter(|_| view.len >= header);
        let Some(found) = found.filter(|_| at < SHOWN) else {
            match found {
                _ if view.len < header => view.put_hex(out),
                None if !is_list => view.put_address(out),
                _ => out.push_str("..."),
            }
            break;
        };
        let length = length(found);
        let next = if length >= header { view.after(length.next_multiple_of(4)) } else { view.after(view.len) };
        if !is_list && next.len > 0 {
            out.push('[');
            is_list = true;
        }
        put_one(out, view);
        if next.len == 0 {
            break;
        }
        out.push_str(", ");
        view = next;
    }
    out.push_str(if is_list { "]" } else { "" });
}

/// An event of the kernel's objects as udev sends it on, or bytes.
fn put_event(out: &mut String, view: View<'_>) {
    let layout = TABLES
        .layout("uevent")
        .filter(|layout| view.bytes(0, layout.sizes[0]).is_some_and(|bytes| bytes.starts_with(b"libudev\0")));
    let Some(layout) = layout else { return put_text(out, view) };
    let rest = view.after(layout.sizes[0]);
    out.push_str(if rest.len > 0 { "[" } else { "" });
    member::put_struct(out, layout, view, MessageContext { family: 0 });
    if rest.len > 0 {
        out.push_str(", ");
        put_text(out, rest);
        out.push(']');
    }
}

/// Bytes as a text.
fn put_text(out: &mut String, view: View<'_>) {
    let Some(bytes) = view.bytes(0, view.len.min(SHOWN)) else { return view.put_address(out) };
    out.push('"');
    put_escaped(out, bytes);
    out.push_str(if view.len > SHOWN { "\"..." } else { "\"" });
}

/// Flags of some sets by their names.
fn put_flags(out: &mut String, sets: &[Option<&NameSet>], value: u64) {
    let (begin, mut rest) = (out.len(), value);
    for set in sets.iter().flatten() {
        let (names, left) = set.flags(rest);
        rest = left;
        for name in names {
            out.push_str(if out.len() == begin { "" } else { "|" });
            out.push_str(name);
        }
    }
    if rest != 0 || out.len() == begin {
        out.push_str(if out.len() == begin { "" } else { "|" });
        let of_zero = sets.iter().flatten().next().filter(|_| rest == 0).and_then(|set| set.name(0));
        match of_zero {
            Some(name) => out.push_str(name),
            None if rest == 0 => out.push('0'),
            None => put(out, format_args!("{rest:#x}")),
        }
    }
}

/// The header of a message.
#[derive(Clone, Copy)]
struct Header {
    kind: u16,
    flags: u16,
}

fn put_message(out: &mut String, protocol: u64, view: View<'_>) {
    let word = |from, size| view.number(from, size).unwrap_or(0);
    let header = Header { kind: word(4, 2) as u16, flags: word(6, 2) as u16 };
    let payload = view.first(word(0, 4) as usize).after(HEADER);
    out.push_str(if payload.len > 0 { "[" } else { "" });
    put(out, format_args!("{{nlmsg_len={}, nlmsg_type=", word(0, 4)));
    put_type(out, protocol, header.kind);
    out.push_str(", nlmsg_flags=");
    put_flags_of_type(out, protocol, header);
    put(out, format_args!(", nlmsg_seq={}, nlmsg_pid={}}}", word(8, 4), word(12, 4) as i32));
    if payload.len > 0 {
        out.push_str(", ");
        put_payload(out, protocol, header, payload);
        out.push(']');
    }
}

fn put_type(out: &mut String, protocol: u64, kind: u16) {
    let of_protocol = TABLES.protocol(protocol).filter(|_| kind >= FIRST_TYPE);
    let Some((at, sets)) = of_protocol else { return put_choice(out, TABLES.set("nlmsg"), kind.into()) };
    let name = sets.iter().find_map(|set| TABLES.set(set)?.name(kind.into()));
    match name {
        Some(name) => out.push_str(name),
        None if at == "netfilter" => {
            // A part of netfilter, and a type of its own.
            put_choice(out, TABLES.set("nfnl_subsys"), u64::from(kind >> 8));
            out.push_str("<<8|");
            put_choice(out, TABLES.subsystem(kind >> 8), u64::from(kind & 0xff));
        }
        None => put_choice(out, None, kind.into()),
    }
}

fn put_flags_of_type(out: &mut String, protocol: u64, header: Header) {
    let more = match TABLES.protocol(protocol) {
        _ if header.kind == ERROR => TABLES.set("nlm_ack"),
        Some(("netfilter", _)) if header.kind >= FIRST_TYPE => {
            TABLES.flags(&(header.kind >> 8).to_string(), header.kind & 0xff)
        }
        Some((at, _)) if header.kind >= FIRST_TYPE => TABLES.flags(at, header.kind),
        _ => None,
    };
    put_flags(out, &[TABLES.set("nlm_f"), more], header.flags.into());
}

/// What comes after the header of a message.
fn put_payload(out: &mut String, protocol: u64, header: Header, view: View<'_>) {
    if header.kind == ERROR {
        return put_error(out, protocol, header, view);
    }
    let at = TABLES.protocol(protocol).map_or("", |(at, _)| at);
    if header.kind >= FIRST_TYPE && put_known(out, at, header, view) {
        return;
    }
    match view.number(0, 4) {
        Some(number) if header.kind == DONE && view.len == 4 => put_number(out, number as i32),
        _ => view.put_hex(out),
    }
}

/// `struct nlmsgerr`: the error, the message that led to it, and attributes.
fn put_error(out: &mut String, protocol: u64, header: Header, view: View<'_>) {
    if view.len < ERROR_SIZE + HEADER {
        return view.put_hex(out);
    }
    let (Some(error), Some(length)) =
        (view.number(0, 4), view.number(4, 4).filter(|_| view.bytes(0, ERROR_SIZE + HEADER).is_some()))
    else {
        return view.put_address(out);
    };
    let message = view.after(ERROR_SIZE);
    let length = if header.flags & CAPPED != 0 { HEADER } else { (length as usize).max(HEADER) };
    let rest = message.after(length);
    out.push_str(if rest.len > 0 { "[{error=" } else { "{error=" });
    match error as i32 {
        error @ ..0 => {
            out.push('-');
            names::put_errno(out, error.wrapping_neg());
        }
        error => put_number(out, error),
    }
    out.push_str(", msg=");
    put_message(out, protocol, message.first(length));
    out.push('}');
    if rest.len > 0 {
        out.push_str(", ");
        attribute::put_attributes(out, "nlmsgerr", rest, MessageContext { family: 0 });
        out.push(']');
    }
}

/// A message that has a row, or begins with a family. False if nothing is known of it.
fn put_known(out: &mut String, at: &str, header: Header, view: View<'_>) -> bool {
    // The families of sock_diag(7) have messages of their own.
    let is_diag = at == "diag";
    if !is_diag && at != "route" {
        return TABLES.message(at, header.kind, 0).is_some_and(|row| put_plain(out, row, view));
    }
    let Some(family) = view.number(0, 1) else {
        view.put_address(out);
        return true;
    };
    let at = match header.kind {
        _ if !is_diag => at,
        _ if header.flags & REQUEST == 0 => "response",
        18 | 19 => "compat",
        _ => "request",
    };
    let kind = if is_diag { family as u16 } else { header.kind };
    let row = TABLES.message(at, kind, family as u8).filter(|_| !is_diag || view.len > 1);
    match row {
        Some(row) => put_of_family(out, row, view, MessageContext { family: family as u8 }),
        None => {
            out.push_str("{family=");
            put_choice(out, TABLES.set("family"), family);
            if view.len > 1 {
                out.push_str(", data=");
                view.after(1).put_hex(out);
            }
            out.push('}');
        }
    }
    true
}

/// A struct that does not begin with a family.
fn put_plain(out: &mut String, row: &MessageRow, view: View<'_>) -> bool {
    let Some(layout) = TABLES.layout(row.layout) else { return false };
    let size = layout.sizes[0];
    if view.len < size {
        if row.layout == "crypto_user_alg" {
            put_text(out, view)
        } else {
            view.put_hex(out)
        }
        return true;
    }
    if view.bytes(0, size).is_none() {
        view.put_address(out);
        return true;
    }
    let context = MessageContext { family: 0 };
    member::put_struct(out, layout, view, context);
    put_rest(out, row, view.after(size.next_multiple_of(4)), context);
    true
}

/// A struct that begins with a family, which is read before the rest.
fn put_of_family(out: &mut String, row: &MessageRow, view: View<'_>, context: MessageContext) {
    let Some(layout) = TABLES.layout(row.layout) else { return view.put_hex(out) };
    let size = layout.sizes[0];
    out.push('{');
    let is_whole = view.len >= size && view.bytes(0, size).is_some();
    if is_whole {
        member::put_members(out, layout, view, context);
    } else {
        member::put_first(out, layout, view, context);
        out.push_str(", ");
        if view.len < size { out.push_str("...") } else { view.after(1).put_address(out) }
    }
    out.push('}');
    if is_whole {
        put_rest(out, row, view.after(size.next_multiple_of(4)), context);
    }
}

/// The attributes of a message.
fn put_rest(out: &mut String, row: &MessageRow, view: View<'_>, context: MessageContext) {
    let Some(of) = row.attributes.filter(|_| view.len > 0) else { return };
    out.push_str(", ");
    if let Some(choices) = TABLES.choices(of) {
        let kind = choices.kind(&context.family.to_string());
        if !kind.is_some_and(|kind| attribute::put_kind(out, kind, view, context, &attribute::Before::default())) {
            view.put_hex(out);
        }
    } else if of == "hex" {
        view.put_hex(out);
    } else {
        attribute::put_attributes(out, of, view, context);
    }
}

#[cfg(test)]
mod tests;
