//! What a call has made of the descriptors that it was given (poll(2), select(2)), as strace would write it.
//!
//! No I/O.

use super::{put_descriptors, put_list, put_member, put_struct};
use crate::table::blocks::structs::POLLFD;
use crate::table::blocks::{self, What, part};
use crate::table::syscalls::{Effect, Syscall};
use crate::trace::call::{Bytes, Call, Data};

/// What a call has made of the descriptors that it was given, behind its result: ` ([{fd=3, revents=POLLIN}])`.
pub fn put_left(out: &mut String, row: &Syscall, call: &Call) {
    let mut after = call.data.iter().filter(|data| data.part == part::AFTER);
    let Some(first) = after.next() else { return };
    match (what(row, call, first), &first.bytes) {
        (Some(What::Struct(of)), Bytes::Read(bytes)) if std::ptr::eq(of, &POLLFD) => {
            let is_ready = |bytes: &&[u8]| bytes[6..] != [0, 0];
            out.push_str(if bytes.chunks_exact(of.size).any(|bytes| is_ready(&bytes)) { " (" } else { " (Timeout" });
            let ready = bytes.chunks_exact(of.size).filter(is_ready);
            if ready.clone().next().is_some() {
                put_list(out, ready, put_ready, false);
            }
            out.push(')');
        }
        (Some(_), _) if row.arg("readfds").is_some() => {
            put_sets_left(out, row, call, std::iter::once(first).chain(after))
        }
        // The time that is left (recvmmsg(2)).
        (Some(What::Struct(of)), Bytes::Read(bytes)) if row.effect == Effect::ReceiveMessages => {
            out.push_str(" (left ");
            put_struct(out, of, bytes);
            out.push(')');
        }
        _ => {}
    }
}

fn what(row: &Syscall, call: &Call, data: &Data) -> Option<What> {
    blocks::of_arg(row, usize::from(data.arg), &call.args).map(|block| block.what)
}

fn put_ready(out: &mut String, bytes: &[u8]) {
    out.push_str("{fd=");
    put_member(out, &POLLFD.members[0], bytes);
    out.push_str(", revents=");
    put_member(out, &POLLFD.members[2], bytes);
    out.push('}');
}

/// The sets that select(2) has left, and the time: ` (in [3], out [4], left {tv_sec=1, tv_usec=2})`.
fn put_sets_left<'d>(out: &mut String, row: &Syscall, call: &Call, sets: impl Iterator<Item = &'d Data>) {
    let words = [("readfds", "in "), ("writefds", "out "), ("exceptfds", "except ")];
    let (mut separator, mut time) = (" (", None);
    for data in sets {
        let name = row.args.get(usize::from(data.arg)).map(|arg| arg.name);
        let word = words.iter().find(|(known, _)| Some(*known) == name);
        if let (Some((_, word)), Bytes::Read(bytes)) = (word, &data.bytes)
            && blocks::descriptors_of(bytes).next().is_some()
        {
            out.push_str(separator);
            out.push_str(word);
            put_descriptors(out, bytes);
            separator = ", ";
        }
        if let (Some(What::Struct(of)), Bytes::Read(bytes)) = (what(row, call, data), &data.bytes) {
            time = Some((of, bytes));
        }
    }
    if let Some((of, bytes)) = time.filter(|_| call.success() != Some(0)) {
        out.push_str(separator);
        out.push_str("left ");
        put_struct(out, of, bytes);
        separator = ", ";
    }
    if separator == ", " {
        out.push(')');
    } else {
        // Of sets that are the same memory, the last one holds.
        out.push_str(if call.success() == Some(0) { " (Timeout)" } else { " ()" });
    }
}
