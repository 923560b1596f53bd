//! Numbers, addresses and names in messages of netlink(7).
//!
//! No I/O.

use super::{SHOWN, View, number, put_choice, put_flags, put_hardware, put_hex_bytes, put_index, put_internet};
use crate::table::netlink::{Digits, NetlinkKind, TABLES};
use crate::trace::show::{put, put_number};

/// A value in exactly these bytes.
pub(super) fn put_value(out: &mut String, kind: &NetlinkKind, bytes: &[u8]) {
    let value = number(bytes).unwrap_or(0);
    match *kind {
        NetlinkKind::Integer(digits, _) => put_integer(out, digits, bytes),
        NetlinkKind::Choice(_, set) => put_choice(out, TABLES.set(set), value),
        NetlinkKind::Flags(_, set) => put_flags(out, &[TABLES.set(set)], value),
        NetlinkKind::Network(size, set) => {
            let value = bytes.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
            out.push_str(["htons(", "htonl(", "htobe64("][usize::from(size > 2) + usize::from(size > 4)]);
            match set {
                Some(set) => put_choice(out, TABLES.set(set), value),
                None => put_number(out, value),
            }
            out.push(')');
        }
        NetlinkKind::NetworkHex(_) => {
            let value = bytes.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
            out.push_str("htonl(");
            put_choice(out, None, value);
            out.push(')');
        }
        // -1 is none.
        NetlinkKind::Id if value == u64::from(u32::MAX) => out.push_str("-1"),
        NetlinkKind::Id => put_number(out, value),
        NetlinkKind::Index => put_index(out, value as u32),
        NetlinkKind::Hardware | NetlinkKind::HardwareOf(_) => put_hardware(out, bytes),
        NetlinkKind::Inet4 | NetlinkKind::Inet6 => {
            let family = if bytes.len() == 4 { libc::AF_INET } else { libc::AF_INET6 };
            put_internet(out, bytes, family, None);
        }
        _ => put_hex_bytes(out, bytes),
    }
}

pub(super) fn put_integer(out: &mut String, digits: Digits, bytes: &[u8]) {
    let value = number(bytes).unwrap_or(0);
    match digits {
        Digits::Unsigned => put_number(out, value),
        Digits::Signed => {
            let unused = 64 - 8 * bytes.len() as u32;
            put_number(out, (value << unused) as i64 >> unused);
        }
        Digits::Hex => put_choice(out, None, value),
        Digits::Padded if value == 0 => out.push_str(&"0".repeat(2 * bytes.len())),
        Digits::Padded => put(out, format_args!("{value:#0width$x}", width = 2 * bytes.len())),
    }
}

/// An address of this family, or bytes. In a struct it has a name.
pub(super) fn put_inet(out: &mut String, view: View<'_>, family: i32, name: Option<&str>) {
    let size = match family {
        libc::AF_INET => 4,
        libc::AF_INET6 => 16,
        _ => usize::MAX,
    };
    match view.bytes(0, size.min(view.len)).filter(|_| view.len >= size) {
        Some(bytes) => put_internet(out, bytes, family, name),
        None => {
            name.iter().for_each(|name| put(out, format_args!("{name}=")));
            if view.len < size { view.put_hex(out) } else { view.put_address(out) }
        }
    }
}

/// Elements one after the other, each of which may not have been read.
pub(super) fn put_elements(
    out: &mut String,
    view: View<'_>,
    size: usize,
    mut put_one: impl FnMut(&mut String, usize, View<'_>),
) -> bool {
    let count = view.len / size;
    if count == 0 {
        return false;
    }
    if view.bytes(0, size).is_none() {
        view.put_address(out);
        return true;
    }
    out.push('[');
    for at in 0..count {
        out.push_str(if at == 0 { "" } else { ", " });
        let element = view.after(at * size).first(size);
        if at == SHOWN || element.bytes(0, size).is_none() {
            out.push_str("...");
            break;
        }
        put_one(out, at, element);
    }
    out.push(']');
    true
}

/// Numbers, with the names of their places if they have some.
pub(super) fn put_numbers(
    out: &mut String,
    (digits, size): (Digits, usize),
    set: Option<&str>,
    view: View<'_>,
) -> bool {
    let names = set.map(|set| TABLES.set(set));
    put_elements(out, view, size, |out, at, view| {
        if let Some(names) = names {
            out.push('[');
            match names.and_then(|names| names.name(at as u64)) {
                Some(name) => out.push_str(name),
                None => put_number(out, at),
            }
            out.push_str("]=");
        }
        put_integer(out, digits, view.bytes(0, size).unwrap_or_default());
    })
}
