//! Addresses of sockets, and their parts, as strace would write them.
//!
//! No I/O.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::put_list;
use crate::table::blocks;
use crate::table::names;
use crate::table::netlink::{NameSet, TABLES};
use crate::trace::show::{put, put_escaped, put_names, put_number};

/// `{sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}`. An address that is shorter than that of its family has
/// its bytes in `sa_data`.
pub(super) fn put_socket_address(out: &mut String, bytes: &[u8]) {
    if bytes.len() < FAMILY {
        return out.push_str("{}");
    }
    let family = half(bytes, 0);
    out.push_str("{sa_family=");
    names::FAMILY.put(out, family.into());
    out.push_str(if bytes.len() > FAMILY { ", " } else { "" });
    match (i32::from(family), bytes.len()) {
        (_, FAMILY) => {}
        (libc::AF_UNIX, _) => put_unix_path(out, &bytes[FAMILY..]),
        (libc::AF_INET, 16..) => {
            put(out, format_args!("sin_port=htons({}), ", port(bytes)));
            put_internet(out, &bytes[4..], libc::AF_INET, Some("sin_addr"));
        }
        (libc::AF_INET6, 24..) => put_internet6(out, bytes),
        (libc::AF_NETLINK, 12..) => put_netlink(out, bytes),
        (libc::AF_PACKET, 20..) => put_packet(out, bytes),
        (libc::AF_ALG, 25..) => put_algorithm(out, bytes),
        (libc::AF_VSOCK, 16..) => put_machine(out, bytes),
        (libc::AF_XDP, 16..) => put_express(out, bytes),
        _ => {
            out.push_str("sa_data=\"");
            put_escaped(out, &bytes[FAMILY..]);
            out.push('"');
        }
    }
    out.push('}');
}

/// The size of the family of an address.
const FAMILY: usize = 2;

/// The number of 16 bits at this place; 0 if there is none.
pub(super) fn half(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|bytes| blocks::number(bytes, false)).unwrap_or(0) as u16
}

/// The number of 32 bits at this place; 0 if there is none.
pub(super) fn word32(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|bytes| blocks::number(bytes, false)).unwrap_or(0) as u32
}

/// The port of an address of the Internet, and the protocol of one of AF_PACKET.
fn port(bytes: &[u8]) -> u16 {
    u16::from_be(half(bytes, FAMILY))
}

/// The size of `sun_path` in `struct sockaddr_un` (unix(7)).
const SUN_PATH: usize = 108;

/// The path of a socket ends with a NUL or with the address; a name that begins with a NUL is abstract.
fn put_unix_path(out: &mut String, path: &[u8]) {
    // An address that is longer than the struct goes on behind the path (unix(7)).
    let path = &path[..path.len().min(SUN_PATH)];
    let (mark, path) = match path {
        [0, name @ ..] => ("@", name),
        path => ("", until_nul(path)),
    };
    put(out, format_args!("sun_path={mark}\""));
    put_escaped(out, path);
    out.push('"');
}

/// A text in an array of characters.
fn until_nul(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// `struct sockaddr_in6` (ipv6(7)), whose `sin6_scope_id` may be missing. What is 0 is not shown.
fn put_internet6(out: &mut String, bytes: &[u8]) {
    put(out, format_args!("sin6_port=htons({}), ", port(bytes)));
    let flow = u32::from_be(word32(bytes, 4));
    if flow != 0 {
        put(out, format_args!("sin6_flowinfo=htonl({flow}), "));
    }
    put_internet(out, &bytes[8..], libc::AF_INET6, Some("sin6_addr"));
    let scope = word32(bytes, 24);
    if scope != 0 {
        out.push_str(", sin6_scope_id=");
        // It is the index of a device only for addresses of one link (RFC 4007).
        let is_of_link = matches!(bytes[8..], [0xfe, second, ..] if second & 0xc0 == 0x80)
            || matches!(bytes[8..], [0xff, second, ..] if second & 0xf == 2);
        if is_of_link { put_index(out, scope) } else { put_number(out, scope) }
    }
}

/// `struct sockaddr_nl` (netlink(7)).
fn put_netlink(out: &mut String, bytes: &[u8]) {
    let (pad, pid, groups) = (half(bytes, 2), word32(bytes, 4), word32(bytes, 8));
    if pad != 0 {
        put(out, format_args!("nl_pad={pad:#x}, "));
    }
    put(out, format_args!("nl_pid={pid}, nl_groups="));
    if groups == 0 { out.push_str("00000000") } else { put(out, format_args!("{groups:#08x}")) }
}

/// `struct sockaddr_ll` (packet(7)).
fn put_packet(out: &mut String, bytes: &[u8]) {
    out.push_str("sll_protocol=htons(");
    put_choice(out, TABLES.set("eth_p"), port(bytes).into());
    out.push_str("), sll_ifindex=");
    put_index(out, word32(bytes, 4));
    out.push_str(", sll_hatype=");
    put_choice(out, TABLES.set("arphrd"), half(bytes, 8).into());
    out.push_str(", sll_pkttype=");
    put_names(out, &names::PACKET_TYPE, bytes[10].into());
    let length = usize::from(bytes[11]);
    put(out, format_args!(", sll_halen={length}"));
    if length != 0 {
        out.push_str(", sll_addr=");
        let is_cut = length > bytes.len() - 12;
        put_list(out, bytes[12..].iter().take(length), |out, &byte| put_byte(out, byte), is_cut);
    }
}

/// A byte in base 16.
fn put_byte(out: &mut String, byte: u8) {
    if byte == 0 { out.push_str("00") } else { put(out, format_args!("{byte:#x}")) }
}

/// `struct sockaddr_alg` (include/uapi/linux/if_alg.h).
fn put_algorithm(out: &mut String, bytes: &[u8]) {
    out.push_str("salg_type=\"");
    put_escaped(out, until_nul(&bytes[2..16]));
    out.push_str("\", salg_feat=");
    put_choice(out, None, word32(bytes, 16).into());
    out.push_str(", salg_mask=");
    put_choice(out, None, word32(bytes, 20).into());
    out.push_str(", salg_name=\"");
    put_escaped(out, until_nul(&bytes[24..]));
    out.push('"');
}

/// `struct sockaddr_vm` (vsock(7)).
fn put_machine(out: &mut String, bytes: &[u8]) {
    out.push_str("svm_cid=");
    put_names(out, &names::VSOCK_CID, word32(bytes, 8).into());
    out.push_str(", svm_port=");
    put_names(out, &names::VSOCK_PORT, word32(bytes, 4).into());
    out.push_str(", svm_flags=");
    put_names(out, &names::VSOCK_FLAGS, bytes[12].into());
}

/// `struct sockaddr_xdp` (include/uapi/linux/if_xdp.h).
fn put_express(out: &mut String, bytes: &[u8]) {
    out.push_str("sxdp_flags=");
    put_names(out, &names::XDP_FLAGS, half(bytes, 2).into());
    out.push_str(", sxdp_ifindex=");
    put_index(out, word32(bytes, 4));
    put(out, format_args!(", sxdp_queue_id={}", word32(bytes, 8)));
    if word32(bytes, 12) != 0 {
        put(out, format_args!(", sxdp_shared_umem_fd={}", word32(bytes, 12) as i32));
    }
}

/// LOOPBACK_IFINDEX: the loopback device has this index in every network namespace.
const LOOPBACK: u32 = 1;

/// The index of a device.
pub(super) fn put_index(out: &mut String, index: u32) {
    if index == LOOPBACK { out.push_str("if_nametoindex(\"lo\")") } else { put_number(out, index) }
}

/// An address of the Internet of this family, or bytes. In a struct it has a name.
pub(super) fn put_internet(out: &mut String, bytes: &[u8], family: i32, name: Option<&str>) {
    match (family, bytes.first_chunk::<4>(), bytes.first_chunk::<16>()) {
        (libc::AF_INET6, _, Some(six)) => {
            put(out, format_args!("inet_pton(AF_INET6, \"{}\"", Ipv6Addr::from(*six)));
            name.iter().for_each(|name| put(out, format_args!(", &{name}")));
            out.push(')');
        }
        (libc::AF_INET, Some(four), _) => {
            name.iter().for_each(|name| put(out, format_args!("{name}=")));
            put(out, format_args!("inet_addr(\"{}\")", Ipv4Addr::from(*four)));
        }
        _ => {
            name.iter().for_each(|name| put(out, format_args!("{name}=")));
            put_hex_bytes(out, bytes);
        }
    }
}

/// A protocol of the Internet, as an option has it.
pub(super) fn put_protocol(out: &mut String, bytes: &[u8]) {
    out.push('[');
    put_choice(out, TABLES.set("ipproto"), word32(bytes, 0).into());
    out.push(']');
}

/// The address of a network card.
pub(super) fn put_hardware(out: &mut String, bytes: &[u8]) {
    for (at, byte) in bytes.iter().enumerate() {
        put(out, format_args!("{}{byte:02x}", if at == 0 { "" } else { ":" }));
    }
}

/// Bytes in quotes, none of which stands for itself.
pub(super) fn put_hex_bytes(out: &mut String, bytes: &[u8]) {
    out.push('"');
    bytes.iter().for_each(|byte| put(out, format_args!("\\x{byte:02x}")));
    out.push('"');
}

/// A value of a set by its name.
pub(super) fn put_choice(out: &mut String, set: Option<&NameSet>, value: u64) {
    match set.and_then(|set| set.name(value)) {
        Some(name) => out.push_str(name),
        None if value == 0 => out.push('0'),
        None => put(out, format_args!("{value:#x}")),
    }
}
