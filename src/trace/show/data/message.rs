//! Messages of sockets (sendmsg(2)), as strace would write them.
//!
//! No I/O.

use super::address::{put_hex_bytes, put_index, put_internet, put_protocol, put_socket_address, word32};
use super::{put_list, put_struct, put_vector};
use crate::table::blocks::structs::{TIMESPEC, TIMEVAL};
use crate::table::blocks::{self, Block, Direction, MESSAGE_SIZE, PARTS, Size, part};
use crate::table::names;
use crate::trace::call::{Bytes, Data};
use crate::trace::show::{put, put_address, put_escaped, put_hex, put_names, put_number};

/// Appends what is known of a message that the call has not filled in: `{msg_namelen=16}`. False if it was not read, or is one of an
/// array.
pub(super) fn put_given(out: &mut String, block: &Block, given: &Data) -> bool {
    let Some(size) = given.room_for_name(0).filter(|_| matches!(block.size, Size::One)) else { return false };
    put(out, format_args!("{{msg_namelen={}}}", size as i32));
    true
}

/// Appends one message, or the array of them at this address, with the headers as they were given.
pub(super) fn put_messages<'d>(
    out: &mut String,
    block: &Block,
    (address, given): (u64, Option<&Data>),
    parts: impl Iterator<Item = &'d Data> + Clone,
) {
    let room = |at: usize| given.and_then(|given| given.room_for_name(at));
    if matches!(block.size, Size::One) {
        return put_message(out, parts, part::MESSAGE, room(0));
    }
    let headers = parts.clone().filter(|data| data.part % part::OF_MESSAGE == 0);
    out.push('[');
    for (at, header) in headers.clone().enumerate() {
        out.push_str(if at == 0 { "" } else { ", " });
        let Bytes::Read(bytes) = &header.bytes else {
            put(out, format_args!("... /* {:#x} */]", address.wrapping_add((at * MESSAGE_SIZE[1]) as u64)));
            return;
        };
        out.push_str("{msg_hdr=");
        put_message(out, parts.clone(), header.part, room(at));
        // The call sets it when it has sent the message (sendmmsg(2)).
        if block.way != Direction::In {
            out.push_str(", msg_len=");
            put_number(out, word32(bytes, MESSAGE_SIZE[0]));
        }
        out.push('}');
    }
    out.push_str(if headers.count() >= PARTS { ", ...]" } else { "]" });
}

/// The word of 64 bits at this place of a struct.
fn word(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|bytes| blocks::number(bytes, false)).unwrap_or(0) as u64
}

/// `struct msghdr`: msg_name, msg_namelen, msg_iov, msg_iovlen, msg_control, msg_controllen and msg_flags.
fn put_message<'d>(out: &mut String, parts: impl Iterator<Item = &'d Data> + Clone, begin: u16, room: Option<u32>) {
    let of_part = |place: u16| parts.clone().find(move |data| data.part == begin + place);
    let header = of_part(0).map(|data| &data.bytes);
    let Some(Bytes::Read(header)) = header else { return out.push_str("{}") };
    // The call may need more room for the address than it has (recvmsg(2)).
    let most = room.map_or(usize::MAX, |room| room as usize);
    out.push_str("{msg_name=");
    match of_part(part::ADDRESS).map(|data| &data.bytes) {
        Some(Bytes::Read(bytes)) if bytes.len().min(most) >= 2 => {
            put_socket_address(out, &bytes[..bytes.len().min(most)]);
        }
        _ => put_address(out, word(header, 0)),
    }
    out.push_str(", msg_namelen=");
    let size = word32(header, 8);
    if let Some(room) = room.filter(|&room| room != size) {
        put(out, format_args!("{} => ", room as i32));
    }
    put_number(out, size as i32);
    out.push_str(", msg_iov=");
    let vector = begin + part::VECTOR;
    let of_vector = parts.clone().filter(|data| (vector..begin + part::OF_MESSAGE).contains(&data.part));
    match of_part(part::VECTOR).map(|data| &data.bytes) {
        Some(Bytes::Read(bytes)) if !bytes.is_empty() => put_vector(out, of_vector),
        _ => put_address(out, word(header, 16)),
    }
    out.push_str(", msg_iovlen=");
    put_number(out, word(header, 24));
    if word(header, 40) != 0 {
        out.push_str(", msg_control=");
        match of_part(part::CONTROL) {
            Some(Data { bytes: Bytes::Read(bytes), size, .. }) if bytes.len() >= HEADER => {
                put_control(out, bytes, *size, word(header, 32));
            }
            _ => put_address(out, word(header, 32)),
        }
    }
    out.push_str(", msg_controllen=");
    put_number(out, word(header, 40));
    out.push_str(", msg_flags=");
    names::MESSAGE.put(out, word(header, 48) & u64::from(u32::MAX));
    out.push('}');
}

/// The size of `struct cmsghdr` (cmsg(3)): the length, the level and the type.
const HEADER: usize = 16;
/// How many descriptors of a control message are shown.
const SHOWN: usize = 32;

/// The control messages, each of which begins at a multiple of 8 bytes (cmsg(3)). So many bytes of them are at this address.
fn put_control(out: &mut String, bytes: &[u8], size: u64, address: u64) {
    let mut rest = bytes;
    let mut separator = "[";
    while rest.len() >= HEADER {
        let length = word(rest, 0);
        out.push_str(separator);
        separator = ", ";
        let whole = rest.len().min(usize::try_from(length).unwrap_or(usize::MAX));
        put_control_message(out, &rest[..HEADER], rest.get(HEADER..whole).unwrap_or_default());
        if length < HEADER as u64 {
            rest = &rest[HEADER..];
            break;
        }
        rest = rest.get(whole.next_multiple_of(8)..).unwrap_or_default();
    }
    if !rest.is_empty() {
        let at = address.wrapping_add((bytes.len() - rest.len()) as u64);
        put(out, format_args!(", ... /* {at:#x} */]"));
    } else {
        out.push_str(if (bytes.len() as u64) < size { ", ...]" } else { "]" });
    }
}

/// One control message by its header and its data (unix(7), ip(7)).
fn put_control_message(out: &mut String, header: &[u8], data: &[u8]) {
    let (level, kind) = (word32(header, 8) as i32, word32(header, 12) as i32);
    put(out, format_args!("{{cmsg_len={}, cmsg_level=", word(header, 0)));
    put_names(out, &names::SOCKET_LEVEL, level as u32 as u64);
    out.push_str(", cmsg_type=");
    let kinds = if level == libc::SOL_SOCKET { &names::CONTROL_MESSAGE } else { names::options_of(level) };
    put_names(out, kinds, kind as u32 as u64);
    if !data.is_empty() {
        out.push_str(", cmsg_data=");
        let is_shown = match level {
            libc::SOL_SOCKET => put_data_of_socket(out, kind, data),
            libc::SOL_IP => put_data_of_ip(out, kind, data),
            _ => false,
        };
        if !is_shown {
            put_hex_bytes(out, data);
        }
    }
    out.push('}');
}

/// Appends the data of a control message of SOL_SOCKET (unix(7)); false if it has no form here, or if there are too few bytes.
fn put_data_of_socket(out: &mut String, kind: i32, data: &[u8]) -> bool {
    match (kind, data.len()) {
        (libc::SCM_RIGHTS, 4..) => {
            let descriptors = data.chunks_exact(4).take(SHOWN).map(|bytes| word32(bytes, 0) as i32);
            put_list(out, descriptors, put_number, data.len() / 4 > SHOWN);
        }
        (libc::SCM_CREDENTIALS, 12..) => {
            let [pid, uid, gid] = [0, 4, 8].map(|at| word32(data, at));
            put(out, format_args!("{{pid={}, uid={uid}, gid={gid}}}", pid as i32));
        }
        (SCM_SECURITY, _) => {
            out.push('"');
            put_escaped(out, data);
            out.push('"');
        }
        (SCM_PIDFD, 4..) => put_number(out, word32(data, 0) as i32),
        (libc::SO_TIMESTAMP | TIMESTAMP_NEW, 16..) => put_struct(out, &TIMEVAL, data),
        (libc::SO_TIMESTAMPNS | TIMESTAMPNS_NEW, 16..) => put_struct(out, &TIMESPEC, data),
        (libc::SO_TIMESTAMPING | TIMESTAMPING_NEW, 48..) => {
            let times = data.chunks_exact(TIMESPEC.size).take(3);
            put_list(out, times, |out, bytes| put_struct(out, &TIMESPEC, bytes), false);
        }
        _ => return false,
    }
    true
}

// include/linux/socket.h and include/uapi/asm-generic/socket.h.
const SCM_SECURITY: i32 = 3;
const SCM_PIDFD: i32 = 4;
const TIMESTAMP_NEW: i32 = 63;
const TIMESTAMPNS_NEW: i32 = 64;
const TIMESTAMPING_NEW: i32 = 65;

/// The same of SOL_IP (ip(7)).
fn put_data_of_ip(out: &mut String, kind: i32, data: &[u8]) -> bool {
    match (kind, data.len()) {
        (libc::IP_PKTINFO, 12..) => {
            out.push_str("{ipi_ifindex=");
            put_index(out, word32(data, 0));
            out.push_str(", ");
            put_internet(out, &data[4..], libc::AF_INET, Some("ipi_spec_dst"));
            out.push_str(", ");
            put_internet(out, &data[8..], libc::AF_INET, Some("ipi_addr"));
            out.push('}');
        }
        (libc::IP_TTL | IP_CHECKSUM, 4..) => {
            put_list(out, data.chunks_exact(4), |out, bytes| put_number(out, word32(bytes, 0)), false);
        }
        (libc::IP_TOS | libc::IP_RECVOPTS | libc::IP_RETOPTS, _) => {
            put_list(out, data.iter(), |out, &byte| put_hex(out, byte.into()), false);
        }
        // `struct sock_extended_err`, and the address of whoever has sent it.
        (libc::IP_RECVERR, 32..) => {
            put(out, format_args!("{{ee_errno={}", word32(data, 0)));
            let [origin, kind, code] = [data[4], data[5], data[6]];
            put(out, format_args!(", ee_origin={origin}, ee_type={kind}, ee_code={code}"));
            put(out, format_args!(", ee_info={}, ee_data={}, offender=", word32(data, 8), word32(data, 12)));
            put_socket_address(out, &data[16..32]);
            out.push('}');
        }
        (libc::IP_ORIGDSTADDR, 16..) => put_socket_address(out, data),
        (IP_PROTOCOL, 4..) => put_protocol(out, data),
        _ => return false,
    }
    true
}

// include/uapi/linux/in.h.
const IP_CHECKSUM: i32 = 23;
const IP_PROTOCOL: i32 = 52;
