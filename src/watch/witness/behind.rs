//! Reads what the pointers of a call lead to, while its thread is stopped.
//!
//! The rows of [`blocks`] say where and how much. How BPF reads the same is of no concern here. A part that could not be read for a
//! page that is not present is unreadable and late: see [`look`].

use super::look;
use crate::table::blocks::{self, ADDRESS_SIZE, Block, Direction, MESSAGE_SIZE, PARTS, Size, What, Within, part};
use crate::table::syscalls::{Effect, Syscall};
use crate::trace::call::{Bytes, Data, Text};
use crate::trace::testimony::Seen;

/// The most bytes of a block that an observer keeps.
const MOST: u64 = 4096;
/// The most bytes of a socket's address.
const MOST_OF_ADDRESS: u64 = ADDRESS_SIZE as u64;
/// MCAST_JOIN_GROUP and MCAST_LEAVE_GROUP, and the size of their `struct group_req` (include/uapi/linux/in.h).
const GROUP_OPTIONS: [u32; 2] = [42, 45];
const GROUP_SIZE: u64 = 136;
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
    /// Whether the block was read at the enter as well.
    again: bool,
    /// The room that the program has for a block whose size is behind a pointer; `None` if that is not known.
    room: Option<u64>,
    found: &'c mut Vec<Data>,
}

/// At the enter: what the call is given.
pub fn read_given(tid: u32, seen: &mut Seen, wanted: u32) {
    let Some((row, blocks)) = blocks_of(seen, wanted) else { return };
    seen.call.data.clear();
    seen.room = None;
    for block in blocks {
        let mut reader = BlockReader::of(tid, row, seen, wanted);
        if block.way != Direction::Out {
            reader.read(block);
        } else if let What::Message = block.what {
            reader.headers(block);
        } else if let Size::Pointed(by) = block.size {
            seen.room = reader.word_of(by);
        }
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
    // An argument may lead to other blocks for other commands (fcntl(2)).
    let args = seen.call.args;
    let given = seen.call.data.clone();
    let room = seen.room;
    let is_known = |block: &Block| room.is_some() || !matches!(block.size, Size::Pointed(_));
    for block in blocks.iter().filter(|&block| block.is_there(row, &args) && is_known(block)) {
        let at = row.arg(block.arg).unwrap_or_default();
        // An array is found by a struct, which is another block of the same argument.
        let is_own = |data: &Data| usize::from(data.arg) == at && (data.part == part::WITHIN) == block.size.is_within();
        let may_lead_here = |data: &Data| is_own(data) || usize::from(data.arg) == at && block.size.is_within();
        let is_unread = |data: &Data| may_lead_here(data) && matches!(data.bytes, Bytes::Unreadable(_));
        let says_size =
            block.way != Direction::Out && matches!(block.size, Size::Own(_)) && seen.call.errno() == Some(libc::E2BIG);
        let is_filled_in =
            says_size || block.way != Direction::In && result.is_some_and(|result| blocks::are_filled_in(row, result));
        let is_late = !is_filled_in && block.way != Direction::Out && given.iter().any(is_unread);
        if is_late {
            seen.call.data.retain(|data| !is_own(data));
        }
        if is_late || is_filled_in {
            let again = is_filled_in && block.way != Direction::Out;
            BlockReader { result, late: is_late, again, room, ..BlockReader::of(tid, row, seen, wanted) }.read(block);
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
        let found = &mut seen.call.data;
        Self { tid, row, args, result: None, wanted, late: false, again: false, room: None, found }
    }

    fn argument(&self, name: &str) -> u64 {
        self.row.arg(name).map_or(0, |at| self.args[at])
    }

    fn read(&mut self, block: &Block) {
        let Some(arg) = self.row.arg(block.arg) else { return };
        let address = self.args[arg];
        if address == 0 || !block.is_there(self.row, &self.args) {
            return;
        }
        if let Size::Within(place) = block.size {
            return self.within(block, (arg, address), place);
        }
        let count = self.count(block);
        if !matches!(block.what, What::Sent) || !self.messages_of_netlink(arg, address, count) {
            self.read_counted(block, (arg, address), count);
        }
    }

    /// Reads a block of so many elements at this address.
    fn read_counted(&mut self, block: &Block, (arg, address): (usize, u64), count: u64) {
        let place = if self.again { part::AFTER } else { 0 };
        let (size, is_all) = (block.what.element() as u64, matches!(block.size, Size::One | Size::Exactly(_)));
        let limit = if is_all { MOST } else { self.wanted.saturating_mul(size) };
        let left = if block.way == Direction::Out { self.result.unwrap_or(0) as u64 } else { u64::MAX };
        match (block.what, block.size) {
            (What::Vector, _) => drop(self.vector((arg, 0), address, count, left)),
            (What::Strings, _) => self.strings(arg, address),
            (What::String, _) => drop(self.string(arg, 0, address)),
            (What::Message, Size::One) => self.message((arg, part::MESSAGE), address, MESSAGE_SIZE[0], left),
            (What::Message, _) => self.messages(arg, address, count, block.way),
            (What::Pointers(of), _) => self.pointers(arg, address, count, of.size as u64),
            (What::Descriptors, _) => {
                // An fd_set has 1024 (select(2)).
                let bits = (count as i32).clamp(0, 1024) as u64;
                self.part(arg, place, address, bits.div_ceil(64) * WORD, MOST);
            }
            (What::Address, _) => drop(self.part(arg, place, address, count, MOST_OF_ADDRESS)),
            (What::Entries(_) | What::Processors, _) => drop(self.part(arg, place, address, count, MOST)),
            (_, Size::Sized(_) | Size::Own(_)) if block.is_read_in_part() => {
                self.beginning(arg, place, address, count, MOST);
                self.text_of(block, arg, address, count);
            }
            (_, Size::Sized(_) | Size::Own(_)) => drop(self.part(arg, place, address, count, size)),
            _ if block.is_read_in_part() => self.beginning(arg, place, address, count.wrapping_mul(size), limit),
            (What::Option, _) => {
                let limit = if GROUP_OPTIONS.contains(&(self.args[2] as u32)) { limit.max(GROUP_SIZE) } else { limit };
                self.beginning(arg, place, address, count, limit);
            }
            (What::Bytes | What::Sent | What::Number(..) | What::Struct(_) | What::Nodes | What::Signals, _) => {
                self.part(arg, place, address, count.wrapping_mul(size), limit);
            }
        }
    }

    /// Reads all that a netlink socket sends or receives, or what comes before a page that cannot be read. False for any other socket.
    fn messages_of_netlink(&mut self, arg: usize, address: u64, size: u64) -> bool {
        let Some(protocol) = look::netlink_protocol(self.tid, self.args[0] as i32) else { return false };
        self.beginning(arg, part::NETLINK + protocol, address, size, MOST);
        true
    }

    /// Reads one part, or what comes before a page of it that cannot be read.
    fn beginning(&mut self, arg: usize, part: u16, address: u64, size: u64, limit: u64) {
        let read = match size.min(limit).min(MOST) as usize {
            0 => Some(Some(Vec::new())),
            size => look::beginning(self.tid, address, size),
        };
        self.keep(arg, part, size, read);
    }

    fn count(&self, block: &Block) -> u64 {
        let counted = |by| block.count_of(self.row, &self.args, by);
        match block.size {
            Size::One => 1,
            Size::Exactly(times) => times as u64,
            Size::Counted(by) | Size::Sized(by) => counted(by),
            Size::Groups(by, more, shift) => counted(by).wrapping_add(more.into()) >> shift,
            Size::Own(at) => self.own_size(block, at as u64),
            // Its struct says it.
            Size::Within(_) => 0,
            Size::Moved(most) => counted(most).min(self.result.unwrap_or(0) as u64),
            Size::Pointed(by) => self.word_of(by).unwrap_or(0).min(self.room.unwrap_or(0)),
        }
    }

    /// The word that an argument leads to, if it can be read.
    fn word_of(&self, by: &str) -> Option<u64> {
        let word = look::block(self.tid, self.argument(by), 4).flatten()?;
        word.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes).into())
    }

    /// What the struct itself says at this place (sched_setattr(2): 0 is the least size).
    fn own_size(&self, block: &Block, at: u64) -> u64 {
        let word = look::block(self.tid, self.argument(block.arg).wrapping_add(at), 4).flatten().unwrap_or_default();
        let given = word.first_chunk().map_or(0, |bytes| u32::from_ne_bytes(*bytes)).into();
        let least = if let What::Struct(of) = block.what { of.least as u64 } else { 0 };
        (if given == 0 { least } else { given }).max(at + 4)
    }

    /// Reads one part. Returns its bytes, if it could be read.
    fn part(&mut self, arg: usize, part: u16, address: u64, size: u64, limit: u64) -> Option<Vec<u8>> {
        let wanted = size.min(limit).min(MOST) as usize;
        let read = if wanted == 0 { Some(Some(Vec::new())) } else { look::block(self.tid, address, wanted) };
        self.keep(arg, part, size, read.clone());
        read.flatten()
    }

    /// The string whose address is in a struct that was read whole.
    fn text_of(&mut self, block: &Block, arg: usize, address: u64, size: u64) {
        let is_whole = |data: &Data| matches!(&data.bytes, Bytes::Read(bytes) if bytes.len() as u64 == size.min(MOST));
        let Some(at) = block.what.text_at().filter(|_| self.found.last().is_some_and(is_whole)) else { return };
        if size >= at as u64 + WORD
            && let Some(Some(pointer)) = look::block(self.tid, address.wrapping_add(at as u64), WORD as usize)
            && let Some(&pointer) = words(&pointer).first()
            && pointer != 0
        {
            self.string(arg, 1, pointer);
        }
    }

    /// The array whose address, and the count of whose elements, are in the struct at this address.
    fn within(&mut self, block: &Block, (arg, address): (usize, u64), place: Within) {
        let word = |at: u8, bytes: u8| {
            let read = look::block(self.tid, address.wrapping_add(at.into()), bytes.into()).flatten()?;
            let mut word = [0; 8];
            word.iter_mut().zip(read).for_each(|(to, byte)| *to = byte);
            Some(u64::from_le_bytes(word))
        };
        // The call reads no more of the struct than is given.
        let given = block.size_of_outer(self.row).map(|by| block.count_of(self.row, &self.args, by));
        let ends = [u64::from(place.address) + WORD, u64::from(place.count) + u64::from(place.bytes)];
        if given.is_some_and(|given| ends.iter().any(|&end| given < end)) {
            return;
        }
        let array = word(place.address, WORD as u8).filter(|&array| array != 0);
        if let (Some(array), Some(count)) = (array, word(place.count, place.bytes)) {
            let filled = if block.way == Direction::Out { self.result.unwrap_or(0) as u64 } else { u64::MAX };
            let limit = if let What::Bytes = block.what { self.wanted } else { MOST };
            let size = count.wrapping_mul(block.element() as u64).min(filled);
            self.beginning(arg, part::WITHIN, array, size, limit);
        }
    }

    /// Keeps a part. `Some(None)` could not be read, and the page of `None` is not present.
    fn keep(&mut self, arg: usize, part: u16, size: u64, read: Option<Option<Vec<u8>>>) {
        let late = self.late || read.is_none();
        let bytes = read.flatten().map_or(Bytes::Unreadable(libc::EFAULT), Bytes::Read);
        self.found.push(Data { arg: arg as u8, part, size, bytes, late });
    }

    /// An array of `struct iovec` and its segments, of which so many bytes are left. False if something could not be read.
    fn vector(&mut self, (arg, place): (usize, u16), address: u64, count: u64, mut left: u64) -> bool {
        let element = 2 * WORD;
        let limit = element * count.min(PARTS as u64);
        let Some(array) = self.part(arg, place, address, count.wrapping_mul(element), limit) else { return false };
        for (at, segment) in words(&array).chunks_exact(2).enumerate() {
            if left == 0 {
                break;
            }
            let size = segment[1].min(left);
            left -= size;
            if self.part(arg, place + at as u16 + 1, segment[0], size, self.wanted).is_none() {
                return false;
            }
        }
        true
    }

    /// The headers of messages that are to be filled in.
    fn headers(&mut self, block: &Block) {
        let Some(arg) = self.row.arg(block.arg).filter(|&arg| self.args[arg] != 0) else { return };
        let count = self.count(block);
        let size = if count == 1 { MESSAGE_SIZE[0] as u64 } else { count.wrapping_mul(MESSAGE_SIZE[1] as u64) };
        self.part(arg, part::GIVEN, self.args[arg], size, (PARTS * MESSAGE_SIZE[1]) as u64);
    }

    /// A `struct msghdr` of this size, its address, its control messages and its segments (recvmsg(2)).
    fn message(&mut self, (arg, place): (usize, u16), address: u64, size: usize, left: u64) {
        let Some(header) = self.part(arg, place, address, size as u64, MOST) else { return };
        let Some(&[name, name_size, vector, count, control, control_size]) = words(&header).first_chunk() else {
            return;
        };
        if name != 0 {
            self.part(arg, place + part::ADDRESS, name, name_size & u64::from(u32::MAX), MOST_OF_ADDRESS);
        }
        if control != 0 {
            self.part(arg, place + part::CONTROL, control, control_size, MOST);
        }
        if vector != 0 {
            self.vector((arg, place + part::VECTOR), vector, count, left);
        }
    }

    /// An array of `struct mmsghdr`. Each one that was filled in says how many bytes it has (recvmmsg(2)).
    fn messages(&mut self, arg: usize, address: u64, count: u64, way: Direction) {
        let count = if way == Direction::Out { self.result.unwrap_or(0) as u64 } else { count };
        for at in 0..count.min(PARTS as u64) {
            let message = address.wrapping_add(at * MESSAGE_SIZE[1] as u64);
            let length = look::block(self.tid, message.wrapping_add(MESSAGE_SIZE[0] as u64), 4).flatten();
            let length = length.and_then(|bytes| Some(u32::from_ne_bytes(*bytes.first_chunk()?))).unwrap_or(0);
            let left = if way == Direction::Out { length.into() } else { u64::MAX };
            self.message((arg, part::MESSAGE + at as u16 * part::OF_MESSAGE), message, MESSAGE_SIZE[1], left);
        }
    }

    /// What the pointers of an array lead to, up to one that leads nowhere.
    fn pointers(&mut self, arg: usize, address: u64, count: u64, size: u64) {
        for at in 0..count.min(PARTS as u64) {
            let pointer = look::block(self.tid, address.wrapping_add(at * WORD), WORD as usize);
            let Some(Some(pointer)) = pointer else { return self.keep(arg, at as u16 + 1, size, pointer) };
            let Some(&pointer) = words(&pointer).first() else { return };
            if self.part(arg, at as u16 + 1, pointer, size, MOST).is_none() {
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
            if !self.string(arg, at as u16 + 1, pointer) {
                return;
            }
        }
    }

    /// One string. False if it could not be read.
    fn string(&mut self, arg: usize, place: u16, pointer: u64) -> bool {
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
        self.keep(arg, place, size as u64, read);
        goes_on
    }
}

/// The words of 64 bits in these bytes.
fn words(bytes: &[u8]) -> Vec<u64> {
    bytes.chunks_exact(8).filter_map(|word| word.first_chunk().map(|word| u64::from_ne_bytes(*word))).collect()
}
