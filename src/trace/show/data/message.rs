//! Messages of sockets (sendmsg(2)), as strace would write them.
//!
//! No I/O.

use super::{put_list, put_socket_address, put_vector};
use crate::table::blocks::{self, Block, MESSAGE_SIZE, PARTS, Size, part};
use crate::table::names;
use crate::trace::call::{Bytes, Data};
use crate::trace::show::{put, put_address, put_escaped, put_number};

/// Appends one message, or the array of them.
pub(super) fn put_messages<'d>(out: &mut String, block: &Block, parts: impl Iterator<Item = &'d Data> + Clone) {
    if matches!(block.size, Size::One) {
        return put_message(out, parts, part::MESSAGE, false);
    }
    let begins = parts.clone().map(|data| data.part).filter(|place| place % part::OF_MESSAGE == 0);
    let is_long = begins.clone().count() >= PARTS;
    let put_one = |out: &mut String, begin| {
        out.push_str("{msg_hdr=");
        put_message(out, parts.clone(), begin, true);
        out.push('}');
    };
    put_list(out, begins, put_one, is_long);
}

/// The word of 64 bits at this place of a struct.
fn word(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|bytes| blocks::number(bytes, false)).unwrap_or(0) as u64
}

/// `struct msghdr`: msg_name, msg_namelen, msg_iov, msg_iovlen, msg_control, msg_controllen and msg_flags. In an array the length of
/// the message follows.
fn put_message<'d>(out: &mut String, parts: impl Iterator<Item = &'d Data> + Clone, begin: u16, is_one_of_many: bool) {
    let of_part = |place: u16| parts.clone().find(move |data| data.part == begin + place);
    let header = of_part(0).map(|data| &data.bytes);
    let Some(Bytes::Read(header)) = header else { return out.push_str("{}") };
    out.push_str("{msg_name=");
    match of_part(part::ADDRESS).map(|data| &data.bytes) {
        Some(Bytes::Read(bytes)) if bytes.len() >= 2 => put_socket_address(out, bytes),
        _ => put_address(out, word(header, 0)),
    }
    out.push_str(", msg_namelen=");
    put_number(out, word(header, 8) as i32);
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
            Some(Data { bytes: Bytes::Read(bytes), .. }) if bytes.len() >= HEADER => put_control(out, bytes),
            _ => put_address(out, word(header, 32)),
        }
    }
    out.push_str(", msg_controllen=");
    put_number(out, word(header, 40));
    out.push_str(", msg_flags=");
    names::MESSAGE.put(out, word(header, 48) & u64::from(u32::MAX));
    out.push('}');
    if is_one_of_many && let Some(length) = header.get(MESSAGE_SIZE[0]..MESSAGE_SIZE[0] + 4) {
        out.push_str(", msg_len=");
        put_number(out, blocks::number(length, false).unwrap_or(0));
    }
}

/// The size of `struct cmsghdr` (cmsg(3)): the length, the level and the type.
const HEADER: usize = 16;
/// How many descriptors of a control message are shown.
const SHOWN: usize = 32;

/// The control messages, each of which begins at a multiple of 8 bytes (cmsg(3)).
fn put_control(out: &mut String, mut rest: &[u8]) {
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
    out.push_str(if rest.is_empty() { "]" } else { ", ...]" });
}

fn int(bytes: &[u8], at: usize) -> i32 {
    bytes.get(at..at + 4).and_then(|bytes| blocks::number(bytes, true)).unwrap_or(0) as i32
}

/// One control message by its header and its data (unix(7), ip(7)).
fn put_control_message(out: &mut String, header: &[u8], data: &[u8]) {
    let (level, kind) = (int(header, 8), int(header, 12));
    put(out, format_args!("{{cmsg_len={}, cmsg_level=", word(header, 0)));
    names::SOCKET_LEVEL.put(out, level as u32 as u64);
    out.push_str(", cmsg_type=");
    let kinds = if level == libc::SOL_SOCKET { &names::CONTROL_MESSAGE } else { names::options_of(level) };
    kinds.put(out, kind as u32 as u64);
    if !data.is_empty() {
        out.push_str(", cmsg_data=");
        let is_of_sockets = level == libc::SOL_SOCKET;
        match kind {
            libc::SCM_RIGHTS if is_of_sockets && data.len() >= 4 => {
                let descriptors = data.chunks_exact(4).take(SHOWN).map(|bytes| int(bytes, 0));
                put_list(out, descriptors, put_number, data.len() / 4 > SHOWN);
            }
            libc::SCM_CREDENTIALS if is_of_sockets && data.len() >= 12 => {
                let [pid, uid, gid] = [0, 4, 8].map(|at| int(data, at));
                put(out, format_args!("{{pid={pid}, uid={}, gid={}}}", uid as u32, gid as u32));
            }
            _ => {
                out.push('"');
                put_escaped(out, data);
                out.push('"');
            }
        }
    }
    out.push('}');
}
