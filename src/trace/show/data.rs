//! What pointers lead to, as strace would write it.
//!
//! No I/O.

use super::{Detail, put, put_address, put_escaped, put_named, put_names, put_number};
use crate::table::blocks::structs::{FILTER, FLOCK, LIFE, SIGACTION, SIGINFO, SYSCALL_INFO, TIMESPEC, TIMEVAL};
use crate::table::blocks::{self, Block, Direction, Size, Struct, What, part};
use crate::table::names;
use crate::table::syscalls::{self, Role, Syscall};
use crate::trace::call::{Bytes, Call, Data};

mod address; // addresses of sockets
mod list; // arrays, and lists of parts
mod date; // dates of times
mod filter; // programs that filter packets and calls
mod members; // the members of structs
mod event; // what is counted
mod extensible; // structs of which a program may give more or less
mod left; // what a call has made of descriptors
mod message; // messages of sockets
mod netlink; // messages of netlink sockets
mod option; // options of sockets
mod process; // how processes end, and signals
mod entries; // entries of directories
mod stop; // why a tracee has stopped

pub(super) use extensible::put_how;
pub(super) use left::put_left;
use list::{put_array, put_list};
use members::{Behind, put_member, put_members, put_one, put_open_struct, put_struct, put_struct_in, put_time_of_file};

use address::put_socket_address;

/// Appends what an argument leads to; false if nothing is known of it.
pub(super) fn put_data(out: &mut String, row: &Syscall, call: &Call, at: usize, detail: Detail) -> bool {
    if call.data.is_empty() {
        return false;
    }
    let Some(block) = blocks::of_arg(row, at, &call.args) else { return false };
    let parts = call.data.iter().filter(|data| usize::from(data.arg) == at);
    let of_part = |part| parts.clone().find(|data| data.part == part);
    let given = of_part(part::GIVEN);
    let within = of_part(part::WITHIN).and_then(|data| Some((blocks::within(row, at, &call.args)?, data)));
    let behind = Behind { text: of_part(1), within, detail };
    let parts = parts.clone().filter(|data| ![part::GIVEN, part::WITHIN].contains(&data.part));
    let Some(first) = parts.clone().next() else {
        return given.is_some_and(|given| message::put_given(out, block, given));
    };
    if let Bytes::Unreadable(errno) = first.bytes {
        put(out, format_args!("{:#x} (unreadable: ", call.args[at]));
        names::put_errno(out, errno);
        out.push(')');
        return true;
    }
    let is_shown =
        !says_nothing(row, call, block, first) && put_parts(out, (block, behind), parts.clone(), (call, at), given);
    let is_late = parts.clone().any(|data| data.late) || members::shows_late(behind);
    out.push_str(if is_shown && is_late { " (read late)" } else { "" });
    is_shown
}

/// Whether only the address says something of what was read there.
fn says_nothing(row: &Syscall, call: &Call, block: &Block, first: &Data) -> bool {
    let is_given = matches!(block.size, Size::Counted(_));
    let is_empty = first.read().is_some_and(<[u8]>::is_empty);
    match block.what {
        What::Signals if block.way == Direction::In && has_strange_set(row, call) => true,
        What::Struct(of) if std::ptr::eq(of, &SIGACTION) && has_strange_set(row, call) => true,
        // Nothing lies there.
        What::Signals | What::Descriptors => is_empty,
        What::Number(..) | What::Struct(_) if is_empty && block.size.is_one() => true,
        What::Number(..) | What::Struct(_) | What::Nodes => list::is_no_array(block, row, call, first),
        // A size of 0 asks how many bytes there are, and the call fills in none (listxattr(2)).
        What::Bytes => is_empty && asks_for_size(row, call, block),
        // The kernel refuses a negative size or count, and reads nothing (setsockopt(2), io_submit(2)), and an address without a family
        // (bind(2)).
        What::Option | What::Pointers(_) => is_refused(row, call, block),
        What::Address => is_given && (first.size as i32) < 2,
        _ => false,
    }
}

/// Appends the parts of a block. False if only its address says something.
fn put_parts<'d>(
    out: &mut String,
    (block, behind): (&Block, Behind),
    parts: impl Iterator<Item = &'d Data> + Clone,
    (call, at): (&Call, usize),
    given: Option<&Data>,
) -> bool {
    let Some(first) = parts.clone().next() else { return false };
    let detail = behind.detail;
    match block.what {
        What::Vector => put_vector(out, parts),
        What::Strings => put_strings(out, parts),
        What::Pointers(of) => {
            put_list(out, parts.clone(), |out, data| put_one(out, of, data, detail), list::is_long(parts.clone()));
        }
        What::Message => message::put_messages(out, block, (call.args[at], given), parts),
        What::Struct(of) if of.least > 0 => return extensible::put_extensible(out, (block, behind), of, parts),
        What::Sent if first.part >= part::NETLINK => {
            let Some(bytes) = first.read() else { return false };
            netlink::put_messages(out, (first.part - part::NETLINK).into(), bytes, first.size, call.args[at]);
        }
        What::Option if behind.within.is_some() && filter::is_given(call, first) => {
            put_open_struct(out, &FILTER, first.read().unwrap_or_default(), behind);
        }
        What::Option => return option::put_value(out, &call.args, first, matches!(block.size, Size::Counted(_))),
        _ => {
            let after = parts.clone().find(|data| data.part == part::AFTER).filter(|_| !sets_lock(call, block));
            put_block(out, (block, behind), (first, after), call.args[at]);
        }
    }
    true
}

/// Whether the call only asks how many bytes there are, since it gives no room.
fn asks_for_size(row: &Syscall, call: &Call, block: &Block) -> bool {
    matches!(block.size, Size::Moved("size")) && row.arg("size").is_some_and(|at| call.args[at] == 0)
}

/// Whether the call says that sets of signals have another size than the kernel's, which refuses them (rt_sigaction(2)).
fn has_strange_set(row: &Syscall, call: &Call) -> bool {
    ["sigsetsize", "sizemask"].iter().find_map(|name| row.arg(name)).is_some_and(|at| call.args[at] != 8)
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
fn put_block(out: &mut String, (block, behind): (&Block, Behind), (data, after): (&Data, Option<&Data>), address: u64) {
    let Bytes::Read(bytes) = &data.bytes else { return };
    match block.what {
        What::Number(..) if block.arg == "wstatus" => process::put_status(out, bytes),
        What::Number(role, size) if block.size.is_one() => {
            put_number_left(out, role, bytes.get(..size), after.map(|data| &data.bytes));
        }
        What::Number(role, size) => {
            put_array(out, (data, address), size, |out, bytes| put_role(out, role, Some(bytes)));
        }
        What::Struct(of) if block.size.is_one() => put_one_struct(out, of, bytes, after, behind),
        What::Struct(of) if [&TIMESPEC, &TIMEVAL].iter().any(|time| std::ptr::eq(*time, of)) => {
            put_list(out, bytes.chunks_exact(of.size), |out, bytes| put_time_of_file(out, of, bytes), is_cut(data));
        }
        What::Struct(of) => {
            put_array(out, (data, address), of.size, |out, bytes| put_struct_in(out, of, bytes, behind.detail));
        }
        What::Address => put_socket_address(out, bytes),
        What::Signals => put_signals(out, bytes),
        What::Entries(layout) => entries::put_entries(out, layout, (data, bytes), behind.detail),
        What::Descriptors | What::Processors => put_descriptors(out, bytes),
        What::Nodes => put_array(out, (data, address), 8, |out, bytes| put(out, format_args!("{:016x}", word(bytes)))),
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

/// A struct that is not one of an array. Some are shown in their own way.
fn put_one_struct(out: &mut String, of: &Struct, bytes: &[u8], after: Option<&Data>, behind: Behind) {
    if std::ptr::eq(of, &LIFE) {
        out.push('[');
        put_member(out, &of.members[0], bytes);
        out.push(']');
    } else if std::ptr::eq(of, &FLOCK) {
        put_lock(out, of, bytes, after);
    } else if std::ptr::eq(of, &SIGINFO) {
        process::put_signal_info(out, bytes);
    } else if std::ptr::eq(of, &SYSCALL_INFO) {
        stop::put_syscall_info(out, bytes);
    } else if behind.within.is_some() {
        put_open_struct(out, of, bytes, behind);
    } else {
        put_struct_in(out, of, bytes, behind.detail);
    }
}

/// A lock. Its process is what F_GETLK fills in (fcntl(2)).
fn put_lock(out: &mut String, of: &Struct, bytes: &[u8], after: Option<&Data>) {
    match after.map(|data| &data.bytes) {
        Some(Bytes::Read(left)) => put_members(out, of, left, of.brief, false),
        Some(Bytes::Unreadable(_)) | None => put_members(out, of, bytes, of.brief >> 1, false),
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

fn put_role(out: &mut String, role: Role, bytes: Option<&[u8]>) {
    let is_signed = matches!(role, Role::Signed | Role::Int | Role::Id);
    let Some(value) = bytes.and_then(|bytes| blocks::number(bytes, is_signed)) else { return out.push('?') };
    match role {
        Role::Pointer => put_address(out, value as u64),
        Role::Id => put_number(out, syscalls::id(value as u64)),
        Role::Flags(names) | Role::Choice(names) => put_names(out, names, value as u64),
        Role::Named(names) => put_named(out, names, (value as u32).into(), value as i32),
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
    let mut set = [0; 8];
    set.iter_mut().zip(bytes).for_each(|(to, byte)| *to = *byte);
    let set = u64::from_le_bytes(set);
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

/// The segments of a `struct iovec` array. The array itself is the first part. Of a segment that could not be read, and of those after
/// it, only the address is known.
fn put_vector<'d>(out: &mut String, mut parts: impl Iterator<Item = &'d Data> + Clone) {
    let Some(array) = parts.next() else { return };
    let Some(bytes) = array.read() else { return };
    let is_whole = parts.clone().all(|data| data.read().is_some());
    let elements = bytes.chunks_exact(2 * size_of::<u64>()).enumerate().map(|(at, element)| {
        let segment = parts.clone().find(|data| usize::from(data.part) == usize::from(array.part) + at + 1);
        (segment, word(element), word(&element[size_of::<u64>()..]))
    });
    let put_one = |out: &mut String, (segment, base, length): (Option<&Data>, u64, u64)| {
        out.push_str("{iov_base=");
        match segment {
            Some(data) if data.read().is_some() => put_bytes(out, data),
            None if is_whole => out.push_str("\"\""),
            Some(data) => {
                put_address(out, base);
                out.push(' ');
                put_bytes(out, data);
            }
            None => put_address(out, base),
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
