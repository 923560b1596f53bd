//! Attributes of netlink(7), and what they hold.
//!
//! No I/O.

use super::value::{put_elements, put_inet, put_integer, put_numbers, put_value};
use super::{
    MessageContext, SHOWN, View, member, number, put_choice, put_index, put_list, put_sequence, put_socket_address,
};
use crate::table::netlink::{Digits, NetlinkKind, TABLES};
use crate::trace::show::{put, put_escaped, put_number};

/// The size of `struct nlattr`.
const HEADER: usize = 4;
/// NLA_F_NESTED and NLA_F_NET_BYTEORDER.
const NESTED: u16 = 1 << 15;
const NETWORK: u16 = 1 << 14;
/// The most bytes of the address of a device (MAX_ADDR_LEN).
const HARDWARE: usize = 32;
/// The size of `struct sockaddr_storage`.
const STORAGE: usize = 128;
/// The flags of `struct inet_diag_sockopt`.
const SOCKET_OPTIONS: [&str; 11] = [
    "recverr",
    "is_icsk",
    "freebind",
    "hdrincl",
    "mc_loop",
    "transparent",
    "mc_all",
    "nodefrag",
    "bind_address_no_port",
    "recverr_rfc4884",
    "defer_connect",
];

/// What a kind may depend on besides the message.
#[derive(Default)]
pub(super) struct Before<'m> {
    /// The type of the attribute.
    pub kind: u16,
    /// The last text that others depend on.
    pub text: &'m [u8],
    /// The first byte of the struct before it.
    pub code: u8,
}

/// Appends the attributes of a table.
pub(super) fn put_attributes(out: &mut String, of: &str, view: View<'_>, context: MessageContext) {
    let Some(table) = TABLES.attributes(of) else { return view.put_hex(out) };
    let mut before = Before::default();
    let length = |bytes: &[u8]| number(&bytes[..2]).unwrap_or(0) as usize;
    put_sequence(out, view, HEADER, length, |out, view| {
        let word = |from| view.number(from, 2).unwrap_or(0) as u16;
        let data = view.first(word(0).into()).after(HEADER);
        let kind = word(2) & !(NESTED | NETWORK);
        out.push_str(if data.len > 0 { "[" } else { "" });
        put(out, format_args!("{{nla_len={}, nla_type=", word(0)));
        out.push_str(if word(2) & NESTED != 0 { "NLA_F_NESTED|" } else { "" });
        out.push_str(if word(2) & NETWORK != 0 { "NLA_F_NET_BYTEORDER|" } else { "" });
        put_choice(out, TABLES.set(table.set), kind.into());
        out.push('}');
        if data.len > 0 {
            out.push_str(", ");
            before.kind = kind;
            let known = table.kind(kind);
            if let Some(NetlinkKind::TextForOthers) = known {
                // A text that does not end is none.
                let text = data.bytes(0, data.len).unwrap_or_default();
                before.text = text.iter().position(|&byte| byte == 0).map_or(&[], |end| &text[..end]);
            }
            if !known.is_some_and(|known| put_kind(out, known, data, context, &before)) {
                data.put_hex(out);
            }
            out.push(']');
        }
    });
}

/// Appends bytes of this kind; false if they are too few for it.
pub(super) fn put_kind(
    out: &mut String,
    kind: &NetlinkKind,
    view: View<'_>,
    context: MessageContext,
    before: &Before<'_>,
) -> bool {
    match kind {
        NetlinkKind::Nest(of) => put_attributes(out, of, view, context),
        NetlinkKind::Items(of) => put_items(out, of, view, context),
        NetlinkKind::In(of) => return put_in(out, of, view, context),
        NetlinkKind::Each(of) => return put_each(out, of, view, context),
        NetlinkKind::List { digits, size, set, .. } => return put_numbers(out, (*digits, *size), *set, view),
        NetlinkKind::Choose(of) => {
            let Some(choices) = TABLES.choices(of) else { return false };
            let value = match choices.by {
                "family" => context.family.to_string(),
                "type" => before.kind.to_string(),
                "size" => view.len.to_string(),
                "code" => before.code.to_string(),
                _ => String::from_utf8_lossy(before.text).into_owned(),
            };
            return choices.kind(&value).is_some_and(|kind| put_kind(out, kind, view, context, before));
        }
        NetlinkKind::Text | NetlinkKind::TextForOthers => {
            put_string(out, view, matches!(kind, NetlinkKind::TextForOthers))
        }
        NetlinkKind::Port => return put_port(out, view, context),
        NetlinkKind::Nexthops => return put_nexthops(out, view, context),
        NetlinkKind::Inet => put_inet(out, view, context.family.into(), None),
        _ => return put_number_of(out, kind, view),
    }
    true
}

/// Bytes whose number is known from their kind.
fn put_number_of(out: &mut String, kind: &NetlinkKind, view: View<'_>) -> bool {
    let size = match *kind {
        NetlinkKind::Integer(_, size) | NetlinkKind::Network(size, _) => size,
        NetlinkKind::Choice(size, _) | NetlinkKind::Flags(size, _) if size > 0 && view.len <= 8 => size,
        NetlinkKind::Choice(0, _) | NetlinkKind::Flags(0, _) | NetlinkKind::Number if view.len <= 8 => view.len,
        NetlinkKind::HexNumber if matches!(view.len, 1 | 2 | 4 | 8) => view.len,
        NetlinkKind::Id | NetlinkKind::Index | NetlinkKind::Inet4 => 4,
        NetlinkKind::Inet6 => 16,
        NetlinkKind::Hardware if view.len <= HARDWARE => view.len,
        NetlinkKind::SocketAddresses if view.len >= STORAGE => view.len,
        NetlinkKind::SocketOptions => 2,
        _ => return false,
    };
    if view.len < size {
        return false;
    }
    let Some(bytes) = view.bytes(0, size) else {
        view.put_address(out);
        return true;
    };
    match kind {
        NetlinkKind::Number => put_number(out, number(bytes).unwrap_or(0)),
        NetlinkKind::HexNumber => put_integer(out, Digits::Hex, bytes),
        NetlinkKind::SocketOptions => put_options(out, number(bytes).unwrap_or(0)),
        NetlinkKind::SocketAddresses => put_list(out, bytes.chunks_exact(STORAGE), put_socket_address, false),
        _ => put_value(out, kind, bytes),
    }
    true
}

/// A text with the NUL that ends it, or up to the first NUL. Without one it goes on.
fn put_string(out: &mut String, view: View<'_>, ends_at_first: bool) {
    let Some(bytes) = view.bytes(0, view.len.min(SHOWN)) else { return view.put_address(out) };
    let end = if ends_at_first {
        bytes.iter().position(|&byte| byte == 0)
    } else {
        bytes.len().checked_sub(1).filter(|&last| bytes[last] == 0)
    };
    out.push('"');
    put_escaped(out, &bytes[..end.unwrap_or(bytes.len())]);
    out.push_str(if end.is_some() { "\"" } else { "\"..." });
}

/// Attributes whose types are indices, each of which has the attributes of a table.
fn put_items(out: &mut String, of: &str, view: View<'_>, context: MessageContext) {
    let length = |bytes: &[u8]| number(&bytes[..2]).unwrap_or(0) as usize;
    put_sequence(out, view, HEADER, length, |out, view| {
        let word = |from| view.number(from, 2).unwrap_or(0) as u16;
        let data = view.first(word(0).into()).after(HEADER);
        out.push_str(if data.len > 0 { "[" } else { "" });
        put(out, format_args!("{{nla_len={}, nla_type=", word(0)));
        out.push_str(if word(2) & NESTED != 0 { "NLA_F_NESTED|" } else { "" });
        out.push_str(if word(2) & NETWORK != 0 { "NLA_F_NET_BYTEORDER|" } else { "" });
        put_choice(out, None, u64::from(word(2) & !(NESTED | NETWORK)));
        out.push('}');
        if data.len > 0 {
            out.push_str(", ");
            put_attributes(out, of, data, context);
            out.push(']');
        }
    });
}

/// A struct, and what may follow it.
fn put_in(out: &mut String, of: &str, view: View<'_>, context: MessageContext) -> bool {
    let Some(layout) = TABLES.layout(of) else { return false };
    let whole = layout.sizes.last().copied().unwrap_or(0);
    let size =
        if view.len >= whole { Some(whole) } else { layout.sizes.iter().copied().find(|&size| size == view.len) };
    let Some(size) = size else { return false };
    if view.bytes(0, size).is_none() {
        view.put_address(out);
        return true;
    }
    member::put_struct(out, layout, view.first(if layout.ends_with_rest() { view.len } else { size }), context);
    let Some(rest) = &layout.rest else { return true };
    let is_nest = matches!(rest, NetlinkKind::Nest(_));
    let after = view.after(if is_nest { size.next_multiple_of(4) } else { size });
    if after.len > 0 {
        out.push_str(", ");
        let code = view.number(0, 1).unwrap_or(0) as u8;
        if !put_kind(out, rest, after, context, &Before { code, ..Before::default() }) {
            after.put_hex(out);
        }
    }
    true
}

fn put_each(out: &mut String, of: &str, view: View<'_>, context: MessageContext) -> bool {
    let Some(layout) = TABLES.layout(of) else { return false };
    let size = layout.sizes.last().copied().unwrap_or(1);
    put_elements(out, view, size, |out, _, view| member::put_struct(out, layout, view, context))
}

/// The port of a router: the index of its device, and attributes.
fn put_port(out: &mut String, view: View<'_>, context: MessageContext) -> bool {
    if view.len < 4 {
        return false;
    }
    match view.number(0, 4) {
        Some(index) => put_index(out, index as u32),
        None => view.put_address(out),
    }
    if view.len > 4 {
        out.push_str(", ");
        put_attributes(out, "mdba_pattr", view.after(4), context);
    }
    true
}

/// `struct rtnexthop` with attributes, one after the other.
fn put_nexthops(out: &mut String, mut view: View<'_>, context: MessageContext) -> bool {
    let Some(layout) = TABLES.layout("rtnexthop").filter(|layout| view.len >= layout.sizes[0]) else { return false };
    let header = layout.sizes[0];
    let is_list =
        view.number(0, 2).is_some_and(|length| (length as usize) < view.len) && view.bytes(0, header).is_some();
    out.push_str(if is_list { "[" } else { "" });
    for at in 0..SHOWN {
        if view.bytes(0, header).is_none() {
            view.put_address(out);
            break;
        }
        out.push_str(if at == 0 { "" } else { ", " });
        let hop = view.first(view.number(0, 2).unwrap_or(0) as usize);
        let attributes = hop.after(header);
        out.push_str(if attributes.len > 0 { "[" } else { "" });
        member::put_struct(out, layout, view, context);
        if attributes.len > 0 {
            out.push_str(", ");
            put_attributes(out, "rta", attributes, context);
            out.push(']');
        }
        let size = hop.len.next_multiple_of(4);
        if size == 0 || size >= view.len {
            break;
        }
        view = view.after(size);
    }
    out.push_str(if is_list { "]" } else { "" });
    true
}

/// The options of a socket that are set.
fn put_options(out: &mut String, bits: u64) {
    out.push('{');
    let set = SOCKET_OPTIONS.iter().enumerate().filter(|(bit, _)| bits >> bit & 1 != 0);
    for (at, (_, name)) in set.enumerate() {
        put(out, format_args!("{}{name}=1", if at == 0 { "" } else { ", " }));
    }
    let unused = bits >> SOCKET_OPTIONS.len();
    if unused != 0 {
        put(out, format_args!("{}unused={unused:#x}", if out.ends_with('{') { "" } else { ", " }));
    }
    out.push('}');
}
