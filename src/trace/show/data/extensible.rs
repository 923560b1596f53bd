//! Structs of which a program may give more or less than is known (openat2(2), "Extensibility"), as strace would write them.
//!
//! No I/O.

use super::super::{Detail, put, put_number};
use super::address::put_hex_bytes;
use super::event;
use super::members::{Behind, put_open};
use crate::table::blocks::structs::{OPEN_HOW, OPEN_HOW_WITH_MODE, PERF_EVENT};
use crate::table::blocks::{Block, Direction, MOST, Size, Struct, number, part};
use crate::trace::call::{Bytes, Call, Data, Text};
use crate::trace::show::makes_file;

/// The most bytes of a struct whose members are known.
const KNOWN: usize = 256;

/// Appends a struct, the string to which it leads, and the size that the kernel has left in it. False if only its address says
/// something: the kernel refuses such a size, or nothing could be read.
pub(super) fn put_extensible<'d>(
    out: &mut String,
    (block, behind): (&Block, Behind),
    of: &Struct,
    parts: impl Iterator<Item = &'d Data> + Clone,
) -> bool {
    let part = |place| parts.clone().find(|data| data.part == place);
    let Some((first, given)) = part(0).and_then(|first| Some((first, first.read()?))) else { return false };
    let after = part(part::AFTER).and_then(Data::read);
    let bytes = after.filter(|_| block.way == Direction::Both).unwrap_or(given);
    if std::ptr::eq(of, &PERF_EVENT) {
        return event::put_event(out, bytes, after, behind.detail);
    }
    let is_shown = put_struct(out, (block, behind), of, (bytes, first.size));
    if let (true, Size::Own(0), Some(after)) = (is_shown, block.size, after) {
        put_known_size(out, bytes, after);
    }
    is_shown
}

fn put_struct(out: &mut String, (block, behind): (&Block, Behind), of: &Struct, (bytes, size): (&[u8], u64)) -> bool {
    let size = match block.size {
        Size::Own(at) => match bytes.get(at..at + 4).and_then(|word| number(word, false)) {
            Some(own) => own as usize,
            None => return false,
        },
        _ if size > MOST as u64 => return false,
        _ => size as usize,
    };
    let given = if size == 0 && matches!(block.size, Size::Own(_)) { of.least } else { size };
    let needed = if of.filled > 0 { given } else { given.min(of.size) };
    let is_known = bytes.len() >= needed;
    if given >= of.least && is_known {
        put_known(out, of, &bytes[..given.min(of.size)], behind);
        put_rest(out, of, bytes, given.min(MOST), behind.detail);
        return true;
    }
    if let Size::Own(0) = block.size {
        out.push_str("{size=");
        put_number(out, size);
        out.push_str(if given < of.least { "}" } else { ", ???}" });
        return true;
    }
    false
}

/// The size that the kernel knows, which it has left in a struct that is too long (sched_setattr(2)): ` => {size=56}`.
fn put_known_size(out: &mut String, given: &[u8], left: &[u8]) {
    let size = |bytes: &[u8]| bytes.first_chunk().map(|word| u32::from_ne_bytes(*word));
    if let Some(known) = size(left).filter(|known| size(given) != Some(*known)) {
        put(out, format_args!(" => {{size={known}}}"));
    }
}

/// The members that are known. What is not given of the last one, and of those that always count, is 0.
fn put_known(out: &mut String, of: &Struct, bytes: &[u8], behind: Behind) {
    let mut whole = [0; KNOWN];
    whole.iter_mut().zip(bytes).for_each(|(to, byte)| *to = *byte);
    let begun = of.members.iter().filter(|member| member.offset < bytes.len().max(of.filled));
    let end = begun.map(|member| member.offset + member.size).max().unwrap_or(0);
    put_open(out, of, &whole[..end], of.brief, behind);
}

/// What follows the members that are known, if it is not all zeros.
fn put_rest(out: &mut String, of: &Struct, bytes: &[u8], end: usize, detail: Detail) {
    let from = of.size;
    match bytes.get(from..end) {
        None if from < end => out.push_str(", ???"),
        Some(rest) if rest.iter().all(|&byte| byte == 0) => {}
        Some(_) if of.filled > 0 && detail == Detail::Brief => out.push_str(", ..."),
        Some(rest) if of.filled > 0 => {
            out.push_str(", extra_data=");
            put_hex_bytes(out, rest);
            put(out, format_args!(" /* bytes {from}..{} */", end - 1));
        }
        Some(rest) => {
            put(out, format_args!(", /* bytes {from}..{} */ \"", end - 1));
            rest.iter().take(SHOWN).for_each(|byte| put(out, format_args!("\\x{byte:02x}")));
            out.push_str(if rest.len() > SHOWN { "\"..." } else { "\"" });
        }
        None => {}
    }
    out.push('}');
}

/// How many bytes of the rest are shown, as `-s` is by default.
const SHOWN: usize = 32;

/// The argument of openat2(2) that leads to the struct.
const HOW: usize = 2;

/// `struct open_how` by what data has of it, else by the record itself, which has no more than is known. False if it was not read.
pub(in crate::trace::show) fn put_how(out: &mut String, call: &Call) -> bool {
    let size = call.args[3];
    let data = call.data.iter().find(|data| usize::from(data.arg) == HOW).map(|data| &data.bytes);
    let bytes = match (data, &call.peek) {
        (Some(Bytes::Read(bytes)), _) => bytes.as_slice(),
        (_, Some(bytes)) => bytes,
        _ => return false,
    };
    let flags = bytes.get(..8).and_then(|word| number(word, false)).unwrap_or(0);
    let of = if makes_file(flags as i32) { &OPEN_HOW_WITH_MODE } else { &OPEN_HOW };
    if size < of.least as u64 || size > MOST as u64 || bytes.len() < of.size {
        return false;
    }
    put_open(out, of, &bytes[..of.size], of.brief, Behind::default());
    match data {
        Some(Bytes::Read(_)) => put_rest(out, of, bytes, size as usize, Detail::Brief),
        _ => out.push_str(if lacks_the_rest(call) { ", ???}" } else { "}" }),
    }
    true
}

/// Whether openat2 has failed since more of the struct was given than could be read. The kernel reads it before the path.
fn lacks_the_rest(call: &Call) -> bool {
    let has_path = matches!(call.text(1), Some(Text::Read { .. }));
    call.args[3] > OPEN_HOW.size as u64 && call.errno() == Some(libc::EFAULT) && has_path
}
