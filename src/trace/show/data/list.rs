//! Arrays, and lists of parts, as strace would write them.
//!
//! No I/O.

use super::super::put;
use super::is_cut;
use crate::table::blocks::{Block, PARTS, Size};
use crate::table::syscalls::Syscall;
use crate::trace::call::{Bytes, Call, Data};

pub(super) fn put_list<T>(
    out: &mut String,
    items: impl Iterator<Item = T>,
    put: impl Fn(&mut String, T),
    is_cut: bool,
) {
    out.push('[');
    for (at, item) in items.enumerate() {
        out.push_str(if at == 0 { "" } else { ", " });
        put(out, item);
    }
    out.push_str(if is_cut { ", ...]" } else { "]" });
}

/// Whether there may be more parts than were read.
pub(super) fn is_long<'d>(parts: impl Iterator<Item = &'d Data>) -> bool {
    parts.count() >= PARTS
}

/// An array of elements of this size. If the rest cannot be read, its address follows: `[1, 2, ... /* 0x7f0000001000 */]`.
pub(super) fn put_array(
    out: &mut String,
    (data, address): (&Data, u64),
    size: usize,
    item: impl Fn(&mut String, &[u8]),
) {
    let Bytes::Read(bytes) = &data.bytes else { return };
    put_list(out, bytes.chunks_exact(size), item, is_cut(data));
    let read = bytes.len() as u64;
    if is_cut(data) && (!read.is_multiple_of(size as u64) || address.wrapping_add(read).is_multiple_of(PAGE)) {
        out.pop();
        let rest = address.wrapping_add(read - read % size as u64);
        put(out, format_args!(" /* {rest:#x} */]"));
    }
}

/// The smallest page of all machines.
const PAGE: u64 = 4096;

/// Whether an array has more elements than memory has room for, or not even the first of them could be read.
pub(super) fn is_no_array(block: &Block, row: &Syscall, call: &Call, data: &Data) -> bool {
    let size = block.what.element() as u64;
    let is_beyond = |by| block.count_of(row, &call.args, by).checked_mul(size).is_none();
    let is_cut_first = matches!(&data.bytes, Bytes::Read(bytes) if data.size > 0 && (bytes.len() as u64) < size);
    match block.size {
        Size::Counted(by) => is_beyond(by) || is_cut_first,
        Size::Groups(by, ..) => is_cut_first || data.size == 0 && block.count_of(row, &call.args, by) > 0,
        _ => false,
    }
}
