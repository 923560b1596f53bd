//! What pointers lead to, as strace would write it.
//!
//! No I/O.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{put, put_address, put_escaped, put_number, put_octal};
use crate::table::blocks::{self, Block, Member, MemberKind, Struct, What};
use crate::table::names;
use crate::table::syscalls::Syscall;
use crate::trace::call::{Bytes, Call, Data};

/// Appends what an argument leads to; false if nothing is known of it.
pub(super) fn put_data(out: &mut String, row: &Syscall, call: &Call, at: usize) -> bool {
    if call.data.is_empty() {
        return false;
    }
    let Some(block) = blocks::of_arg(row, at) else { return false };
    let parts = call.data.iter().filter(|data| usize::from(data.arg) == at);
    let Some(first) = parts.clone().next() else { return false };
    if let Bytes::Unreadable(errno) = first.bytes {
        put(out, format_args!("{:#x} (unreadable: ", call.args[at]));
        names::put_errno(out, errno);
        out.push(')');
        return true;
    }
    match block.what {
        What::Vector => put_vector(out, parts.clone()),
        What::Strings => put_strings(out, parts.clone()),
        What::Bytes | What::Address | What::Struct(_) => put_block(out, block, first),
    }
    out.push_str(if parts.clone().any(|data| data.late) { " (read late)" } else { "" });
    true
}

fn put_block(out: &mut String, block: &Block, data: &Data) {
    let Bytes::Read(bytes) = &data.bytes else { return };
    match block.what {
        What::Struct(of) if matches!(block.size, blocks::Size::One) => put_struct(out, of, bytes),
        What::Struct(of) => {
            put_list(out, bytes.chunks_exact(of.size), |out, bytes| put_struct(out, of, bytes), is_cut(data));
        }
        What::Address => put_socket_address(out, bytes),
        What::Bytes | What::Vector | What::Strings => put_bytes(out, data),
    }
}

/// Whether there is more than was read.
fn is_cut(data: &Data) -> bool {
    matches!(&data.bytes, Bytes::Read(bytes) if (bytes.len() as u64) < data.size)
}

/// Bytes in quotes, or nothing that could be read of them.
fn put_bytes(out: &mut String, data: &Data) {
    match &data.bytes {
        Bytes::Read(bytes) => {
            out.push('"');
            put_escaped(out, bytes);
            out.push_str(if is_cut(data) { "\"..." } else { "\"" });
        }
        Bytes::Unreadable(errno) => {
            out.push_str("(unreadable: ");
            names::put_errno(out, *errno);
            out.push(')');
        }
    }
}

fn put_list<T>(out: &mut String, items: impl Iterator<Item = T>, put: impl Fn(&mut String, T), is_cut: bool) {
    out.push('[');
    for (at, item) in items.enumerate() {
        out.push_str(if at == 0 { "" } else { ", " });
        put(out, item);
    }
    out.push_str(if is_cut { ", ...]" } else { "]" });
}

/// The segments of a `struct iovec` array. The array itself is the first part.
fn put_vector<'d>(out: &mut String, mut parts: impl Iterator<Item = &'d Data> + Clone) {
    let Some(array) = parts.next() else { return };
    let Bytes::Read(bytes) = &array.bytes else { return };
    let lengths = bytes.chunks_exact(2 * size_of::<u64>()).map(|element| word(&element[size_of::<u64>()..]));
    let elements = lengths.enumerate().map(|(at, length)| {
        let segment = parts.clone().find(|data| usize::from(data.part) == at + 1);
        (segment, length)
    });
    let put_one = |out: &mut String, (segment, length): (Option<&Data>, u64)| {
        out.push_str("{iov_base=");
        match segment {
            Some(data) => put_bytes(out, data),
            None => out.push_str("\"\""),
        }
        out.push_str(", iov_len=");
        put_number(out, length);
        out.push('}');
    };
    put_list(out, elements, put_one, is_cut(array));
}

fn put_strings<'d>(out: &mut String, parts: impl Iterator<Item = &'d Data> + Clone) {
    let is_cut = parts.clone().count() >= blocks::PARTS;
    put_list(out, parts, put_bytes, is_cut);
}

/// The first eight bytes as a number.
fn word(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |bytes| u64::from_ne_bytes(*bytes))
}

fn put_struct(out: &mut String, of: &Struct, bytes: &[u8]) {
    out.push('{');
    for (at, member) in of.members[..of.brief].iter().enumerate() {
        out.push_str(if at == 0 { "" } else { ", " });
        out.push_str(member.name);
        out.push('=');
        put_member(out, member, bytes);
    }
    out.push_str(if of.brief < of.members.len() { ", ...}" } else { "}" });
}

fn put_member(out: &mut String, member: &Member, bytes: &[u8]) {
    let Some(value) = member.value(bytes) else { return out.push('?') };
    match member.kind {
        MemberKind::Unsigned => put_number(out, value as u64),
        MemberKind::Signed => put_number(out, value),
        MemberKind::Hex => put_address_or_zero(out, value as u64),
        MemberKind::Mode => put_mode(out, value as u32),
        MemberKind::Flags(names) => names.put(out, value as u64),
    }
}

fn put_address_or_zero(out: &mut String, value: u64) {
    if value == 0 { out.push('0') } else { put_address(out, value) }
}

/// `S_IFREG|0644` (inode(7)).
fn put_mode(out: &mut String, mode: u32) {
    let types = [
        (libc::S_IFREG, "S_IFREG|"),
        (libc::S_IFDIR, "S_IFDIR|"),
        (libc::S_IFLNK, "S_IFLNK|"),
        (libc::S_IFCHR, "S_IFCHR|"),
        (libc::S_IFBLK, "S_IFBLK|"),
        (libc::S_IFIFO, "S_IFIFO|"),
        (libc::S_IFSOCK, "S_IFSOCK|"),
    ];
    match types.iter().find(|(value, _)| mode & libc::S_IFMT == *value) {
        Some((_, name)) => {
            out.push_str(name);
            put_octal(out, (mode & !libc::S_IFMT).into());
        }
        None => put_octal(out, mode.into()),
    }
}

/// `{sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}` (unix(7), ip(7), ipv6(7)).
fn put_socket_address(out: &mut String, bytes: &[u8]) {
    let Some((family, rest)) = bytes.split_first_chunk() else { return out.push_str("{}") };
    let family = u16::from_ne_bytes(*family);
    out.push_str("{sa_family=");
    names::FAMILY.put(out, family.into());
    match (i32::from(family), rest) {
        (libc::AF_UNIX, path) => put_unix_path(out, path),
        (libc::AF_INET, [p0, p1, a, b, c, d, ..]) => {
            let (port, address) = (u16::from_be_bytes([*p0, *p1]), Ipv4Addr::new(*a, *b, *c, *d));
            put(out, format_args!(", sin_port=htons({port}), sin_addr=inet_addr(\"{address}\")"));
        }
        (libc::AF_INET6, [p0, p1, _, _, _, _, address @ ..]) if address.len() >= 16 => {
            let port = u16::from_be_bytes([*p0, *p1]);
            let address = Ipv6Addr::from(*address.first_chunk::<16>().unwrap_or(&[0; 16]));
            put(out, format_args!(", sin6_port=htons({port}), inet_pton(AF_INET6, \"{address}\", &sin6_addr)"));
        }
        (_, data) => {
            out.push_str(", sa_data=\"");
            put_escaped(out, data);
            out.push('"');
        }
    }
    out.push('}');
}

/// The path of a socket ends with a NUL or with the address; a name that begins with a NUL is abstract.
fn put_unix_path(out: &mut String, path: &[u8]) {
    let (mark, path) = match path {
        [] => return,
        [0, name @ ..] => ("@", name),
        path => ("", path.split(|&byte| byte == 0).next().unwrap_or_default()),
    };
    put(out, format_args!(", sun_path={mark}\""));
    put_escaped(out, path);
    out.push('"');
}
