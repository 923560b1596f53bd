//! Reads what the pointers of a call lead to, while its thread is stopped.
//!
//! The rows of [`blocks`] say where and how much. How BPF reads the same is of no concern here. A part that could not be read for a
//! page that is not present is unreadable and late: see [`look`].

use super::look;
use crate::table::blocks::{self, Block, Direction, PARTS, Size, What};
use crate::table::syscalls::{Effect, Syscall};
use crate::trace::call::{Bytes, Data, Text};
use crate::trace::testimony::Seen;

/// The most bytes of a block that an observer keeps.
const MOST: u64 = 4096;
/// The size of a pointer, and of a length.
const WORD: u64 = size_of::<u64>() as u64;

/// Reads blocks of one call.
struct BlockReader<'c> {
    tid: u32,
    row: &'static Syscall,
    args: [u64; 6],
    /// The result, if the call has succeeded.
    result: Option<i64>,
    /// How many bytes or elements are wanted.
    wanted: u64,
    late: bool,
    found: &'c mut Vec<Data>,
}

/// At the enter: what the call is given.
pub fn read_given(tid: u32, seen: &mut Seen, wanted: u32) {
    let Some((row, blocks)) = blocks_of(seen, wanted) else { return };
    seen.call.data.clear();
    for block in blocks.iter().filter(|block| block.way == Direction::In) {
        BlockReader::of(tid, row, seen, wanted).read(block);
    }
}

/// At the exit: what the call has filled in, and what could not be read at the enter. After a successful execve(2) the addresses
/// belong to the new program.
pub fn read_filled(tid: u32, seen: &mut Seen, wanted: u32) {
    let Some((row, blocks)) = blocks_of(seen, wanted) else { return };
    let result = seen.call.success();
    if row.effect == Effect::Execute && result.is_some() {
        return;
    }
    for block in blocks {
        let at = row.arg(block.arg).unwrap_or_default();
        let is_unread = |data: &Data| usize::from(data.arg) == at && matches!(data.bytes, Bytes::Unreadable(_));
        let is_late = block.way == Direction::In && seen.call.data.iter().any(is_unread);
        if is_late {
            seen.call.data.retain(|data| usize::from(data.arg) != at);
        }
        if is_late || block.way == Direction::Out && result.is_some() {
            BlockReader { result, late: is_late, ..BlockReader::of(tid, row, seen, wanted) }.read(block);
        }
    }
}

fn blocks_of(seen: &Seen, wanted: u32) -> Option<(&'static Syscall, &'static [Block])> {
    let row = seen.call.syscall().filter(|_| wanted > 0 && seen.call.abi.is_native())?;
    Some((row, blocks::of(row))).filter(|(_, blocks)| !blocks.is_empty())
}

impl<'c> BlockReader<'c> {
    fn of(tid: u32, row: &'static Syscall, seen: &'c mut Seen, wanted: u32) -> Self {
        let (args, wanted) = (seen.call.args, wanted.into());
        Self { tid, row, args, result: None, wanted, late: false, found: &mut seen.call.data }
    }

    fn argument(&self, name: &str) -> u64 {
        self.row.arg(name).map_or(0, |at| self.args[at])
    }

    fn read(&mut self, block: &Block) {
        let Some(arg) = self.row.arg(block.arg) else { return };
        let address = self.args[arg];
        if address == 0 {
            return;
        }
        let count = self.count(block.size);
        match block.what {
            What::Vector => self.vector(arg, address, count, block.way),
            What::Strings => self.strings(arg, address),
            What::Bytes => drop(self.part(arg, 0, address, count, self.wanted)),
            What::Address => drop(self.part(arg, 0, address, count, MOST)),
            What::Struct(of) => {
                let (size, is_one) = (of.size as u64, matches!(block.size, Size::One));
                let limit = if is_one { MOST } else { self.wanted.saturating_mul(size) };
                self.part(arg, 0, address, count.wrapping_mul(size), limit);
            }
        }
    }

    fn count(&self, size: Size) -> u64 {
        match size {
            Size::One => 1,
            Size::Counted(by) => self.argument(by),
            Size::Moved(most) => self.argument(most).min(self.result.unwrap_or(0) as u64),
            Size::Pointed(by) => {
                let word = look::block(self.tid, self.argument(by), 4).flatten().unwrap_or_default();
                word.first_chunk().map_or(0, |bytes| u32::from_ne_bytes(*bytes)).into()
            }
        }
    }

    /// Reads one part. Returns its bytes, if it could be read.
    fn part(&mut self, arg: usize, part: u16, address: u64, size: u64, limit: u64) -> Option<Vec<u8>> {
        let wanted = size.min(limit).min(MOST) as usize;
        let read = if wanted == 0 { Some(Some(Vec::new())) } else { look::block(self.tid, address, wanted) };
        self.keep(arg, part, size, read.clone());
        read.flatten()
    }

    /// Keeps a part. `Some(None)` could not be read, and the page of `None` is not present.
    fn keep(&mut self, arg: usize, part: u16, size: u64, read: Option<Option<Vec<u8>>>) {
        let late = self.late || read.is_none();
        let bytes = read.flatten().map_or(Bytes::Unreadable(libc::EFAULT), Bytes::Read);
        self.found.push(Data { arg: arg as u8, part, size, bytes, late });
    }

    /// An array of `struct iovec` and its segments. A call that fills segments in has filled as many bytes as it says (readv(2)).
    fn vector(&mut self, arg: usize, address: u64, count: u64, way: Direction) {
        let element = 2 * WORD;
        let limit = element * count.min(PARTS as u64);
        let Some(array) = self.part(arg, 0, address, count.wrapping_mul(element), limit) else { return };
        let words: Vec<u64> =
            array.chunks_exact(8).filter_map(|word| word.first_chunk().map(|word| u64::from_ne_bytes(*word))).collect();
        let mut left = if way == Direction::Out { self.result.unwrap_or(0) as u64 } else { u64::MAX };
        for (at, segment) in words.chunks_exact(2).enumerate() {
            if left == 0 {
                return;
            }
            let size = segment[1].min(left);
            left -= size;
            if self.part(arg, at as u16 + 1, segment[0], size, self.wanted).is_none() {
                return;
            }
        }
    }

    /// The strings up to a NULL.
    fn strings(&mut self, arg: usize, address: u64) {
        for at in 0..PARTS as u64 {
            let pointer = look::block(self.tid, address.wrapping_add(at * WORD), WORD as usize);
            let Some(Some(pointer)) = pointer else { return self.keep(arg, at as u16 + 1, 0, pointer) };
            let pointer = pointer.first_chunk().map_or(0, |word| u64::from_ne_bytes(*word));
            if pointer == 0 {
                return;
            }
            let most = self.wanted.min(MOST - 2) as usize;
            let (size, read) = match look::string(self.tid, pointer) {
                Some(Text::Read { bytes, cut }) if cut || bytes.len() > most => {
                    (most + 1, Some(Some(bytes[..most.min(bytes.len())].to_vec())))
                }
                Some(Text::Read { bytes, .. }) => (bytes.len(), Some(Some(bytes))),
                Some(Text::Unreadable(_)) => (0, Some(None)),
                None => (0, None),
            };
            let goes_on = matches!(read, Some(Some(_)));
            self.keep(arg, at as u16 + 1, size as u64, read);
            if !goes_on {
                return;
            }
        }
    }
}
