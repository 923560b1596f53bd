//! What pointers lead to, as strace would write it.
//!
//! No I/O.

use super::{put, put_address, put_device, put_escaped, put_hex, put_names, put_number, put_type_and_mode};
use crate::table::blocks::structs::{FLOCK, LIFE, POLLFD, SIGINFO, SYSCALL_INFO, TIMESPEC};
use crate::table::blocks::{self, Block, Member, MemberKind, Size, Struct, What, number, part};
use crate::table::names;
use crate::table::syscalls::{Role, Syscall};
use crate::trace::call::{Bytes, Call, Data};

mod address; // addresses of sockets
mod left; // what a call has made of descriptors
mod message; // messages of sockets
mod netlink; // messages of netlink sockets
mod option; // options of sockets
mod process; // how processes end, and signals
mod entries; // entries of directories
mod stop; // why a tracee has stopped

pub(super) use left::put_left;

use address::put_socket_address;

/// Appends what an argument leads to; false if nothing is known of it.
pub(super) fn put_data(out: &mut String, row: &Syscall, call: &Call, at: usize) -> bool {
    if call.data.is_empty() {
        return false;
    }
    let Some(block) = blocks::of_arg(row, at, &call.args) else { return false };
    let parts = call.data.iter().filter(|data| usize::from(data.arg) == at);
    let given = parts.clone().find(|data| data.part == part::GIVEN);
    let parts = parts.filter(|data| data.part != part::GIVEN);
    let Some(first) = parts.clone().next() else {
        return given.is_some_and(|given| message::put_given(out, block, given));
    };
    if let Bytes::Unreadable(errno) = first.bytes {
        put(out, format_args!("{:#x} (unreadable: ", call.args[at]));
        names::put_errno(out, errno);
        out.push(')');
        return true;
    }
    let is_empty = matches!(&first.bytes, Bytes::Read(bytes) if bytes.is_empty());
    let is_given = matches!(block.size, Size::Counted(_));
    match block.what {
        What::Vector => put_vector(out, parts.clone()),
        What::Strings => put_strings(out, parts.clone()),
        What::Pointers(of) if !is_refused(row, call, block) => {
            put_list(out, parts.clone(), |out, data| put_one(out, of, data), is_long(parts.clone()))
        }
        What::Message => message::put_messages(out, block, (call.args[at], given), parts.clone()),
        // Nothing lies there.
        What::Descriptors if is_empty => return false,
        What::Number(..) | What::Struct(_) if is_empty && block.size.is_one() => return false,
        // A size of 0 asks how many bytes there are, and the call fills in none (listxattr(2)).
        What::Bytes if is_empty && asks_for_size(row, call, block) => return false,
        // The kernel refuses a negative size or count, and reads nothing (setsockopt(2), io_submit(2)), and an address without a family
        // (bind(2)).
        What::Option | What::Pointers(_) if is_refused(row, call, block) => return false,
        What::Address if is_given && (first.size as i32) < 2 => return false,
        What::Sent if first.part >= part::NETLINK => {
            let Bytes::Read(bytes) = &first.bytes else { return false };
            netlink::put_messages(out, (first.part - part::NETLINK).into(), bytes, first.size, call.args[at]);
        }
        What::Option if !option::put_value(out, &call.args, first, is_given) => return false,
        What::Option => {}
        _ => {
            let after = parts.clone().find(|data| data.part == part::AFTER).filter(|_| !sets_lock(call, block));
            put_block(out, block, first, after);
        }
    }
    out.push_str(if parts.clone().any(|data| data.late) { " (read late)" } else { "" });
    true
}

/// Whether the call only asks how many bytes there are, since it gives no room.
fn asks_for_size(row: &Syscall, call: &Call, block: &Block) -> bool {
    matches!(block.size, Size::Moved("size")) && row.arg("size").is_some_and(|at| call.args[at] == 0)
}

/// Whether the argument that counts is negative.
fn is_refused(row: &Syscall, call: &Call, block: &Block) -> bool {
    let Size::Counted(count) = block.size else { return false };
    row.arg(count).is_some_and(|at| match row.args[at].role {
        Role::Signed => (call.args[at] as i64) < 0,
        Role::Int => (call.args[at] as i32) < 0,
        _ => false,
    })
}

/// Whether the call sets a lock: it fills in no process (fcntl(2)).
fn sets_lock(call: &Call, block: &Block) -> bool {
    let gets = [libc::F_GETLK, libc::F_OFD_GETLK];
    matches!(block.what, What::Struct(of) if std::ptr::eq(of, &FLOCK)) && !gets.contains(&(call.args[1] as i32))
}

/// The room for a handle that the call has not filled in (name_to_handle_at(2)): `{handle_bytes=0}`. False if it was not read.
pub(super) fn put_room(out: &mut String, call: &Call) -> bool {
    let given = call.data.iter().find(|data| usize::from(data.arg) == HANDLE && data.part == 0);
    let Some(Bytes::Read(bytes)) = given.map(|data| &data.bytes) else { return false };
    out.push_str("{handle_bytes=");
    put_role(out, Role::UnsignedInt, Some(bytes));
    out.push('}');
    true
}

/// The argument of name_to_handle_at(2) that leads to the handle.
const HANDLE: usize = 2;

/// What lies in a block, and what the call has left there.
fn put_block(out: &mut String, block: &Block, data: &Data, after: Option<&Data>) {
    let Bytes::Read(bytes) = &data.bytes else { return };
    match block.what {
        What::Number(..) if block.arg == "wstatus" => process::put_status(out, bytes),
        What::Number(role, size) if block.size.is_one() => {
            put_number_left(out, role, bytes.get(..size), after.map(|data| &data.bytes));
        }
        What::Number(role, size) => {
            put_list(out, bytes.chunks_exact(size), |out, bytes| put_role(out, role, Some(bytes)), is_cut(data));
        }
        What::Struct(of) if std::ptr::eq(of, &LIFE) => {
            out.push('[');
            put_member(out, &of.members[0], bytes);
            out.push(']');
        }
        What::Struct(of) if std::ptr::eq(of, &FLOCK) => put_lock(out, of, bytes, after),
        What::Struct(of) if std::ptr::eq(of, &SIGINFO) => process::put_signal_info(out, bytes),
        What::Struct(of) if std::ptr::eq(of, &SYSCALL_INFO) => stop::put_syscall_info(out, bytes),
        What::Struct(of) if block.size.is_one() => put_struct(out, of, bytes),
        // Two of them are the times of a file (utimensat(2)).
        What::Struct(of) if std::ptr::eq(of, &TIMESPEC) => {
            put_list(out, bytes.chunks_exact(of.size), put_time_of_file, is_cut(data));
        }
        What::Struct(of) => {
            put_list(out, bytes.chunks_exact(of.size), |out, bytes| put_struct(out, of, bytes), is_cut(data));
        }
        What::Address => put_socket_address(out, bytes),
        What::Signals => put_signals(out, bytes),
        What::Entries(layout) => entries::put_entries(out, layout, data, bytes),
        What::Descriptors => put_descriptors(out, bytes),
        What::Bytes
        | What::Sent
        | What::Option
        | What::String
        | What::Vector
        | What::Strings
        | What::Pointers(_)
        | What::Message => {
            put_bytes(out, data);
        }
    }
}

/// A lock. Its process is what F_GETLK fills in (fcntl(2)).
fn put_lock(out: &mut String, of: &Struct, bytes: &[u8], after: Option<&Data>) {
    match after.map(|data| &data.bytes) {
        Some(Bytes::Read(left)) => put_members(out, of, left, of.brief, false),
        Some(Bytes::Unreadable(_)) | None => put_members(out, of, bytes, of.brief - 1, false),
    }
}

/// A number, and what the call has made of it: `[16 => 7]`.
fn put_number_left(out: &mut String, role: Role, bytes: Option<&[u8]>, after: Option<&Bytes>) {
    out.push('[');
    put_role(out, role, bytes);
    if let (Some(given), Some(Bytes::Read(left))) = (bytes, after)
        && left.get(..given.len()).is_some_and(|left| left != given)
    {
        out.push_str(" => ");
        put_role(out, role, left.get(..given.len()));
    }
    out.push(']');
}

fn put_time_of_file(out: &mut String, bytes: &[u8]) {
    match TIMESPEC.members[1].value(bytes) {
        Some(libc::UTIME_NOW) => out.push_str("UTIME_NOW"),
        Some(libc::UTIME_OMIT) => out.push_str("UTIME_OMIT"),
        Some(_) | None => put_struct(out, &TIMESPEC, bytes),
    }
}

fn put_role(out: &mut String, role: Role, bytes: Option<&[u8]>) {
    let is_signed = matches!(role, Role::Signed | Role::Int | Role::Id);
    let Some(value) = bytes.and_then(|bytes| blocks::number(bytes, is_signed)) else { return out.push('?') };
    match role {
        Role::Pointer => put_address(out, value as u64),
        Role::Flags(names) | Role::Choice(names) => put_names(out, names, value as u64),
        _ => put_number(out, value),
    }
}

fn put_descriptors(out: &mut String, bytes: &[u8]) {
    out.push('[');
    for (at, descriptor) in blocks::descriptors_of(bytes).enumerate() {
        out.push_str(if at == 0 { "" } else { " " });
        put_number(out, descriptor);
    }
    out.push(']');
}

/// The names without `SIG`. Of more than half of all signals, those that are missing: `~[KILL STOP]`.
fn put_signals(out: &mut String, bytes: &[u8]) {
    let Some(set) = blocks::number(bytes, false).map(|set| set as u64) else { return out.push('?') };
    let is_most = set.count_ones() > 32;
    out.push_str(if is_most { "~[" } else { "[" });
    for (at, signal) in blocks::signals_of(if is_most { !set } else { set }).enumerate() {
        out.push_str(if at == 0 { "" } else { " " });
        match names::SIGNAL.name(signal as u64) {
            Some(name) => out.push_str(name.trim_start_matches("SIG")),
            // Real-time signals count from 32 (signal(7)).
            None => put(out, format_args!("RT_{}", signal - 32)),
        }
    }
    out.push(']');
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
        let segment = parts.clone().find(|data| usize::from(data.part) == usize::from(array.part) + at + 1);
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

fn put_one(out: &mut String, of: &Struct, data: &Data) {
    match &data.bytes {
        Bytes::Read(bytes) => put_struct(out, of, bytes),
        Bytes::Unreadable(_) => put_bytes(out, data),
    }
}

fn is_long<'d>(parts: impl Iterator<Item = &'d Data>) -> bool {
    parts.count() >= blocks::PARTS
}

fn put_struct(out: &mut String, of: &Struct, bytes: &[u8]) {
    // poll(2) ignores a negative descriptor.
    let is_ignored = std::ptr::eq(of, &POLLFD) && POLLFD.members[0].value(bytes).is_some_and(|fd| fd < 0);
    let shown = if is_ignored { 1 } else { of.brief };
    put_members(out, of, bytes, shown, of.brief < of.members.len() && !std::ptr::eq(of, &POLLFD));
}

/// So many members, as far as the bytes go. A name like `it_value.tv_sec` is a member of a member.
fn put_members(out: &mut String, of: &Struct, bytes: &[u8], shown: usize, are_more: bool) {
    out.push('{');
    let mut within = None;
    let there = of.members[..shown].iter().filter(|member| member.offset + member.size <= bytes.len());
    for (at, member) in there.enumerate() {
        let (outer, name) =
            member.name.split_once('.').map_or((None, member.name), |(outer, name)| (Some(outer), name));
        if within.is_some() && within != outer {
            out.push('}');
        }
        out.push_str(if at == 0 { "" } else { ", " });
        if let Some(outer) = outer.filter(|_| within != outer) {
            out.push_str(outer);
            out.push_str("={");
        }
        within = outer;
        out.push_str(name);
        out.push('=');
        put_member(out, member, bytes);
    }
    out.push_str(if within.is_some() { "}" } else { "" });
    out.push_str(if are_more { ", ...}" } else { "}" });
}

fn put_member(out: &mut String, member: &Member, bytes: &[u8]) {
    let own = bytes.get(member.offset..member.offset + member.size).unwrap_or_default();
    match member.kind {
        MemberKind::Signals => return put_signals(out, own),
        MemberKind::Text => {
            out.push('"');
            put_escaped(out, member.text(bytes).unwrap_or_default());
            return out.push('"');
        }
        _ => {}
    }
    let Some(value) = member.value(bytes) else { return out.push('?') };
    match member.kind {
        MemberKind::Signed => put_number(out, value),
        MemberKind::Address => put_address(out, value as u64),
        MemberKind::Hex => put_hex(out, value as u64),
        MemberKind::Limit if value as u64 == u64::MAX => out.push_str("RLIM64_INFINITY"),
        MemberKind::Unsigned | MemberKind::Limit => put_number(out, value as u64),
        MemberKind::Device => put_device(out, value as u64),
        MemberKind::Pair => {
            put_list(
                out,
                own.chunks_exact(4),
                |out, half| put_hex(out, number(half, false).unwrap_or(0) as u64),
                false,
            );
        }
        MemberKind::Mode => put_type_and_mode(out, value as u32),
        MemberKind::Flags(names) | MemberKind::Choice(names) => put_names(out, names, value as u64),
        MemberKind::Signals | MemberKind::Text => {}
    }
}
