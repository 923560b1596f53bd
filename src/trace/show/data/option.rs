//! The values of options of sockets (getsockopt(2)), as strace would write them.
//!
//! No I/O.

use super::address::{
    half, put_choice, put_hardware, put_hex_bytes, put_index, put_internet, put_protocol, put_socket_address, word32,
};
use super::{put_bytes, put_list, put_struct};
use crate::table::blocks::structs::{FILTER, TIMEVAL};
use crate::table::names::{self, Names};
use crate::table::syscalls;
use crate::trace::call::{Bytes, Data};
use crate::trace::show::{put, put_names, put_number};

/// How the value of an option is written.
enum OptionForm {
    /// A number, if it has the size of one, else bytes.
    Any,
    /// Bytes, whatever the size is.
    Text,
    /// A struct or a number of so many bytes at least.
    From(usize, fn(&mut String, &[u8])),
    /// A struct of exactly so many bytes.
    Exactly(usize, fn(&mut String, &[u8])),
    /// The same; another size is shown in bytes.
    ExactlyOrBytes(fn(&mut String, &[u8])),
    /// A struct of words of 32 bits. Of the last one that the kernel has filled in some bytes may be missing.
    Words(&'static [&'static str]),
    /// As far as it goes.
    Filled(fn(&mut String, &[u8])),
    /// Not, since it says nothing without something else.
    Hidden,
}

/// Appends the value of an option, whose level and name are the second and the third argument. False if it cannot be shown: a value
/// that is given has too few bytes, or there are none.
pub(super) fn put_value(out: &mut String, args: &[u64; 6], data: &Data, is_given: bool) -> bool {
    let Bytes::Read(bytes) = &data.bytes else { return false };
    if bytes.is_empty() && !is_given {
        return false;
    }
    let is_whole = bytes.len() as u64 == data.size;
    match form_of(args[1] as i32, args[2] as i32, data.size, is_given) {
        OptionForm::Any if bytes.len() == INT && is_whole => put_int(out, bytes),
        OptionForm::Any | OptionForm::Text => put_bytes(out, data),
        OptionForm::From(least, put) if bytes.len() >= least => put(out, bytes),
        OptionForm::Exactly(size, put) if bytes.len() == size && is_whole => put(out, bytes),
        OptionForm::ExactlyOrBytes(put) if bytes.len() == INT && is_whole => put(out, bytes),
        OptionForm::Words(names) if !is_given || bytes.len() >= INT * names.len() => put_words(out, names, bytes),
        OptionForm::Filled(put) if !bytes.is_empty() => put(out, bytes),
        OptionForm::ExactlyOrBytes(_) if is_whole => put_hex_bytes(out, bytes),
        OptionForm::From(..) if !is_given && is_whole => put_hex_bytes(out, bytes),
        _ => return false,
    }
    true
}

/// The size of an int.
const INT: usize = 4;

fn form_of(level: i32, option: i32, size: u64, is_given: bool) -> OptionForm {
    use OptionForm::{Any, Exactly, ExactlyOrBytes, Filled, From, Text};
    match (level, option) {
        (libc::SOL_SOCKET, _) => form_of_socket(option, size, is_given),
        (libc::SOL_IP, libc::IP_ADD_MEMBERSHIP | libc::IP_DROP_MEMBERSHIP) if is_given => From(8, put_membership),
        (libc::SOL_IP | libc::SOL_IPV6, JOIN_GROUP | LEAVE_GROUP) if is_given => From(136, put_group),
        (libc::SOL_IP, IP_LOCAL_PORT_RANGE) => ExactlyOrBytes(put_ports),
        (libc::SOL_IP, IP_PROTOCOL) if !is_given => ExactlyOrBytes(put_protocol),
        (
            libc::SOL_IPV6,
            libc::IPV6_ADD_MEMBERSHIP | libc::IPV6_DROP_MEMBERSHIP | IPV6_JOIN_ANYCAST | IPV6_LEAVE_ANYCAST,
        ) if is_given => From(20, put_membership6),
        (libc::SOL_TCP, libc::TCP_CONGESTION | libc::TCP_ULP) => Text,
        (libc::SOL_PACKET, PACKET_RX_RING | PACKET_TX_RING) if is_given => Exactly(16, put_ring),
        (libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP | libc::PACKET_DROP_MEMBERSHIP) if is_given => {
            Exactly(16, put_packets)
        }
        (libc::SOL_PACKET, PACKET_STATISTICS) if !is_given => {
            OptionForm::Words(&["tp_packets", "tp_drops", "tp_freeze_q_cnt"])
        }
        (libc::SOL_NETLINK, libc::NETLINK_LIST_MEMBERSHIPS) if !is_given => Filled(put_groups),
        (libc::SOL_NETLINK, _) => From(INT, put_int),
        (libc::SOL_TIPC, TIPC_IMPORTANCE) => From(INT, |out, bytes| put_one_of(out, &names::TIPC_IMPORTANCE, bytes)),
        (libc::SOL_TIPC, TIPC_GROUP_JOIN) => From(16, put_tipc_group),
        (libc::SOL_TIPC, _) => From(INT, put_int),
        (libc::SOL_RAW, ICMP_FILTER) => Filled(put_filter),
        _ => Any,
    }
}

// include/uapi/linux/in.h, in6.h, if_packet.h, tipc.h and icmp.h.
const JOIN_GROUP: i32 = 42;
const LEAVE_GROUP: i32 = 45;
const IP_LOCAL_PORT_RANGE: i32 = 51;
const IP_PROTOCOL: i32 = 52;
const IPV6_JOIN_ANYCAST: i32 = 27;
const IPV6_LEAVE_ANYCAST: i32 = 28;
const PACKET_RX_RING: i32 = 5;
const PACKET_STATISTICS: i32 = 6;
const PACKET_TX_RING: i32 = 13;
const TIPC_IMPORTANCE: i32 = 127;
const TIPC_GROUP_JOIN: i32 = 135;
const ICMP_FILTER: i32 = 1;

/// Of SOL_SOCKET (socket(7), include/uapi/asm-generic/socket.h).
fn form_of_socket(option: i32, size: u64, is_given: bool) -> OptionForm {
    use OptionForm::{Any, Exactly, From, Hidden, Text, Words};
    /// SO_RCVTIMEO_NEW and SO_SNDTIMEO_NEW.
    const TIMEOUTS: [i32; 2] = [66, 67];
    const TXREHASH: i32 = 74;
    const PEERPIDFD: i32 = 77;
    match option {
        libc::SO_LINGER => Words(&["l_onoff", "l_linger"]),
        libc::SO_PEERCRED if !is_given => Words(&["pid", "uid", "gid"]),
        libc::SO_RCVTIMEO | libc::SO_SNDTIMEO if size >= 16 => From(16, put_time),
        option if TIMEOUTS.contains(&option) && size >= 16 => From(16, put_time),
        libc::SO_ATTACH_FILTER | libc::SO_ATTACH_REUSEPORT_CBPF if is_given => {
            Exactly(16, |out, bytes| put_struct(out, &FILTER, bytes))
        }
        // Its size counts instructions.
        libc::SO_ATTACH_FILTER => Hidden,
        libc::SO_ERROR if !is_given => From(INT, put_error),
        libc::SO_BINDTODEVICE | libc::SO_PEERSEC => Text,
        TXREHASH => From(INT, |out, bytes| put_one_of(out, &names::TXREHASH, bytes)),
        PEERPIDFD if !is_given => From(INT, put_int),
        // Those of an int, of which the kernel ignores what follows.
        1 | 2 | 5..=12 | 14..=16 | 18 | 19 | 27 | 29 | 30 | 32..=37 | 40..=46 | 49 | 53 | 56 | 60 | 63..=65 => {
            From(INT, put_int)
        }
        68..=70 | 73 | 75 | 76 | 82..=84 => From(INT, put_int),
        _ => Any,
    }
}

fn put_int(out: &mut String, bytes: &[u8]) {
    out.push('[');
    put_number(out, word32(bytes, 0) as i32);
    out.push(']');
}

fn put_one_of(out: &mut String, names: &Names, bytes: &[u8]) {
    out.push('[');
    put_names(out, names, word32(bytes, 0).into());
    out.push(']');
}

/// An errno, or 0.
fn put_error(out: &mut String, bytes: &[u8]) {
    out.push('[');
    match word32(bytes, 0) as i32 {
        errno @ 1..=133 => names::put_errno(out, errno),
        other => put_number(out, other),
    }
    out.push(']');
}

/// The members as far as they go. What is an id has no sign, except that -1 is none (credentials(7)).
fn put_words(out: &mut String, names: &[&str], bytes: &[u8]) {
    out.push('{');
    for (at, (name, own)) in names.iter().zip(bytes.chunks(INT)).enumerate() {
        put(out, format_args!("{}{name}=", if at == 0 { "" } else { ", " }));
        match (own.len(), *name) {
            (INT, "uid" | "gid") => put_number(out, syscalls::id(word32(own, 0).into())),
            (INT, name) if name.starts_with("tp_") => put_number(out, word32(own, 0)),
            (INT, _) => put_number(out, word32(own, 0) as i32),
            _ => put_hex_bytes(out, own),
        }
    }
    out.push('}');
}

fn put_time(out: &mut String, bytes: &[u8]) {
    put_struct(out, &TIMEVAL, bytes);
}

/// `struct ip_mreqn`, of which the last member may be missing (ip(7)).
fn put_membership(out: &mut String, bytes: &[u8]) {
    out.push('{');
    put_internet(out, bytes, libc::AF_INET, Some("imr_multiaddr"));
    out.push_str(", ");
    let has_index = bytes.len() >= 12;
    put_internet(out, &bytes[4..], libc::AF_INET, Some(if has_index { "imr_address" } else { "imr_interface" }));
    if has_index {
        out.push_str(", imr_ifindex=");
        put_index(out, word32(bytes, 8));
    }
    out.push('}');
}

/// `struct ipv6_mreq` (ipv6(7)).
fn put_membership6(out: &mut String, bytes: &[u8]) {
    out.push('{');
    put_internet(out, bytes, libc::AF_INET6, Some("ipv6mr_multiaddr"));
    out.push_str(", ipv6mr_interface=");
    put_index(out, word32(bytes, 16));
    out.push('}');
}

/// `struct group_req` (include/uapi/linux/in.h).
fn put_group(out: &mut String, bytes: &[u8]) {
    out.push_str("{gr_interface=");
    put_index(out, word32(bytes, 0));
    out.push_str(", gr_group=");
    put_socket_address(out, &bytes[8..136]);
    out.push('}');
}

/// The least port and the greatest one, of which 0 is none: `[0x12341234 /* 4660..4660 */]` (ip(7)).
fn put_ports(out: &mut String, bytes: &[u8]) {
    let ports = word32(bytes, 0);
    let [least, greatest] = [ports as u16, (ports >> 16) as u16];
    out.push('[');
    put_choice(out, None, ports.into());
    if ports != 0 && (least == 0 || greatest == 0 || least <= greatest) {
        out.push_str(" /* ");
        if least != 0 {
            put_number(out, least);
        }
        out.push_str("..");
        if greatest != 0 {
            put_number(out, greatest);
        }
        out.push_str(" */");
    }
    out.push(']');
}

/// `struct tpacket_req` (include/uapi/linux/if_packet.h).
fn put_ring(out: &mut String, bytes: &[u8]) {
    put_words(out, &["tp_block_size", "tp_block_nr", "tp_frame_size", "tp_frame_nr"], bytes);
}

/// `struct packet_mreq` (packet(7)).
fn put_packets(out: &mut String, bytes: &[u8]) {
    let (kind, size) = (half(bytes, 4), half(bytes, 6));
    out.push_str("{mr_ifindex=");
    put_index(out, word32(bytes, 0));
    out.push_str(", mr_type=");
    put_names(out, &names::PACKET_MEMBERSHIP, kind.into());
    put(out, format_args!(", mr_alen={size}, mr_address="));
    put_hardware(out, &bytes[8..8 + usize::from(size).min(8)]);
    out.push('}');
}

/// The groups of a netlink socket, as numbers of 32 bits (netlink(7)).
fn put_groups(out: &mut String, bytes: &[u8]) {
    put_list(out, bytes.chunks_exact(INT), |out, word| put_number(out, word32(word, 0)), false);
}

/// `struct tipc_group_req` (include/uapi/linux/tipc.h).
fn put_tipc_group(out: &mut String, bytes: &[u8]) {
    put(out, format_args!("{{type={}, instance={}, scope=", word32(bytes, 0), word32(bytes, 4)));
    put_names(out, &names::TIPC_SCOPE, word32(bytes, 8).into());
    out.push_str(", flags=");
    put_names(out, &names::TIPC_GROUP, word32(bytes, 12).into());
    out.push('}');
}

/// The messages that a raw socket does not get (raw(7)). Of more than half of all, those that it gets: `~[ICMP_ECHO]`.
fn put_filter(out: &mut String, bytes: &[u8]) {
    let mut word = [0xff; INT];
    let size = bytes.len().min(INT);
    word[..size].copy_from_slice(&bytes[..size]);
    let set = u32::from_ne_bytes(word);
    let is_most = set.count_ones() > 16;
    out.push_str(if is_most { "~[" } else { "[" });
    let shown = if is_most { !set } else { set };
    for (at, bit) in (0..32).filter(|bit| shown >> bit & 1 != 0).enumerate() {
        out.push_str(if at == 0 { "" } else { " " });
        put_names(out, &names::ICMP, bit);
    }
    out.push(']');
}
