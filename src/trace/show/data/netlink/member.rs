//! Structs of netlink(7), and their members.
//!
//! No I/O.

use super::value::{put_inet, put_numbers, put_value};
use super::{MessageContext, View, put_choice, put_hex_bytes, put_internet};
use crate::table::netlink::{FamilyOf, Field, NetlinkKind, NetlinkLayout, TABLES};
use crate::trace::show::{put, put_escaped};

/// NFNL_SUBSYS_NFTABLES.
const NFTABLES: u16 = 10;

/// Appends a struct, as far as its bytes go.
pub(super) fn put_struct(out: &mut String, layout: &NetlinkLayout, view: View<'_>, context: MessageContext) {
    out.push('{');
    put_members(out, layout, view, context);
    out.push('}');
}

/// Appends the first member, even if the others were not read.
pub(super) fn put_first(out: &mut String, layout: &NetlinkLayout, view: View<'_>, context: MessageContext) {
    if let Some(field) = layout.members.first() {
        put_member(out, field, view, context);
    }
}

/// Appends the members of a struct that are within its bytes.
pub(super) fn put_members(out: &mut String, layout: &NetlinkLayout, view: View<'_>, context: MessageContext) {
    let begin = out.len();
    for field in &layout.members {
        let Some(bytes) = view.bytes(field.offset, layout.size_of(field)).filter(|_| field.offset < view.len) else {
            continue;
        };
        if field.optional && bytes.iter().all(|&byte| byte == 0) {
            continue;
        }
        out.push_str(if out.len() == begin { "" } else { ", " });
        put_member(out, field, view, context);
    }
}

fn put_member(out: &mut String, field: &Field, view: View<'_>, context: MessageContext) {
    let part = view.after(field.offset);
    match field.kind {
        NetlinkKind::InetRest => return put_inet(out, part, first_family(view), Some(field.name)),
        NetlinkKind::InetOf(of) => {
            let family = match of {
                FamilyOf::Message => context.family.into(),
                FamilyOf::Struct => first_family(view),
                FamilyOf::Four => libc::AF_INET,
            };
            return put_internet(out, part.bytes(0, 16).unwrap_or_default(), family, Some(field.name));
        }
        _ => {}
    }
    out.push_str(field.name);
    out.push('=');
    match field.kind {
        NetlinkKind::In(of) => {
            if let Some(layout) = TABLES.layout(of) {
                put_struct(out, layout, part, context);
            }
        }
        NetlinkKind::List { digits, size, count, set } => {
            put_numbers(out, (digits, size), set, part.first(size * count.unwrap_or(0)));
        }
        NetlinkKind::TextOf(size) => put_string(out, part.bytes(0, size).unwrap_or_default()),
        NetlinkKind::Device => put_device(out, part.number(0, 4).unwrap_or(0)),
        NetlinkKind::ResId => put_part(out, part.number(0, 2).unwrap_or(0) as u16),
        NetlinkKind::MdbAddress => put_mdb_address(out, part),
        // How many bytes the key has stands before it (struct tcp_diag_md5sig).
        NetlinkKind::Key(size) => {
            let length = view.number(2, 2).unwrap_or(0) as usize;
            put_hex_bytes(out, part.bytes(0, size.min(length)).unwrap_or_default());
        }
        ref kind => {
            let size = field.kind.size().unwrap_or(0);
            put_value(out, kind, part.bytes(0, size).unwrap_or_default());
        }
    }
}

/// The family that a struct begins with: a byte, or two.
fn first_family(view: View<'_>) -> i32 {
    view.number(0, 1).unwrap_or(0) as i32
}

/// A text in an array, which a NUL ends if it is shorter.
fn put_string(out: &mut String, bytes: &[u8]) {
    let end = bytes.iter().position(|&byte| byte == 0);
    out.push('"');
    put_escaped(out, &bytes[..end.unwrap_or(bytes.len())]);
    out.push_str(if end.is_some() { "\"" } else { "\"..." });
}

/// A device as the kernel writes it into 32 bits (include/linux/kdev_t.h, new_encode_dev()).
fn put_device(out: &mut String, value: u64) {
    let (major, minor) = (value >> 8 & 0xfff, value & 0xff | value >> 12 & 0xf_ff00);
    out.push_str("makedev(");
    put_choice(out, None, major);
    out.push_str(", ");
    put_choice(out, None, minor);
    out.push(')');
}

/// The resource of a message of netfilter. That of nftables is its own number, in either byte order.
fn put_part(out: &mut String, value: u16) {
    match u16::from_be(value) {
        NFTABLES => out.push_str("htons(NFNL_SUBSYS_NFTABLES)"),
        _ if value == NFTABLES => out.push_str("NFNL_SUBSYS_NFTABLES"),
        value => put(out, format_args!("htons({value})")),
    }
}

/// The address in `struct br_mdb_entry`, before its family.
fn put_mdb_address(out: &mut String, view: View<'_>) {
    let family = view.bytes(16, 2).map_or(0, |bytes| u16::from_be_bytes([bytes[0], bytes[1]]));
    out.push('{');
    put_internet(out, view.bytes(0, 16).unwrap_or_default(), family.into(), Some("u"));
    out.push_str(", proto=htons(");
    put_choice(out, TABLES.set("family"), family.into());
    out.push_str(")}");
}
