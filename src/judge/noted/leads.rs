//! Whether the data of calls is what their arguments lead to: no more, no less, and as long as it is to be.
//!
//! No I/O: values in, values out. Tables name few blocks. What a call has beside these, and what it lacks, is found here.

use crate::table::blocks::{self, ADDRESS_SIZE, Block, Direction, MESSAGE_SIZE, MOST, PARTS, Size, What, part};
use crate::table::syscalls::{Peek, Syscall};
use crate::trace::call::{Bytes, Call, Data, Outcome};
use crate::trace::whole::Trace;

/// A call, and how many bytes or elements are wanted of its blocks.
struct Led<'c> {
    call: &'c Call,
    row: &'static Syscall,
    wanted: u64,
}

/// The first call with data to which no argument leads, the first without data to which one does, and the first whose handle is cut.
pub(super) fn misled(trace: &Trace, wanted: u32) -> impl Iterator<Item = String> {
    let led = move |call| Led::of(call, wanted.into());
    let odd = trace.calls.iter().find_map(move |call| {
        let led = led(call);
        let is_led_to =
            |data: &Data| led.as_ref().is_some_and(|led| led.leads_to(data) && led.is_of_socket(data, trace));
        let Data { arg, part, size, .. } = call.data.iter().find(|data| !is_led_to(data))?;
        let (name, order) = (call.name(), call.order);
        Some(format!("{name} (call {order}) has part {part} of argument {arg}, of {size} bytes, and none leads to it"))
    });
    let lacking = trace.calls.iter().filter_map(led).find_map(|led| {
        let is_there = |block: &&Block| block.is_there(led.row, &led.call.args);
        let block = blocks::of(led.row).iter().filter(is_there).find(|block| led.lacks(block))?;
        let (name, order) = (led.call.name(), led.call.order);
        Some(format!("{name} (call {order}) lacks what `{}` leads to", block.arg))
    });
    let short = trace.calls.iter().find(|call| !has_handle(call)).map(|call| {
        let (name, order) = (call.name(), call.order);
        format!("{name} (call {order}) has another part of its handle than its first word says")
    });
    odd.into_iter().chain(lacking).chain(short)
}

/// Whether a `struct file_handle` that was read has as many bytes as its first word says, up to the most that are read.
fn has_handle(call: &Call) -> bool {
    let is_handle = |row: &Syscall| matches!(row.peek, Some((_, Peek::HandleIn | Peek::HandleOut)));
    let handle = call.peek.as_deref().filter(|_| call.syscall().is_some_and(is_handle));
    handle.filter(|handle| !handle.is_empty()).is_none_or(|handle| {
        let size = handle.first_chunk().map_or(0, |size| u32::from_ne_bytes(*size)) as usize;
        handle.len() == size.saturating_add(HANDLE_HEADER).min(MOST_OF_HANDLE)
    })
}

/// Before the bytes of a handle there are their count and their type (open_by_handle_at(2)).
const HANDLE_HEADER: usize = 8;
/// `IOR_PEEK_CAP`: with the most bytes of a handle, MAX_HANDLE_SZ.
const MOST_OF_HANDLE: usize = HANDLE_HEADER + 128;

impl<'c> Led<'c> {
    /// `None` if no data is wanted of it: BPF reads none for calls of the 32-bit tables.
    fn of(call: &'c Call, wanted: u64) -> Option<Self> {
        let row = call.syscall().filter(|_| wanted > 0 && call.abi.is_native())?;
        Some(Self { call, row, wanted })
    }

    /// Whether some block has such a part.
    fn leads_to(&self, data: &Data) -> bool {
        let Some(arg) = self.row.args.get(usize::from(data.arg)) else { return false };
        let is_of_arg = |block: &&Block| block.arg == arg.name && block.is_there(self.row, &self.call.args);
        self.call.args[usize::from(data.arg)] != 0
            && blocks::of(self.row).iter().filter(is_of_arg).any(|block| self.may_have(block, data))
    }

    fn may_have(&self, block: &Block, data: &Data) -> bool {
        let is_message = matches!(block.what, What::Message);
        let is_list = matches!(block.what, What::Strings | What::Pointers(_));
        let is_written = block.way != Direction::Out || self.may_be_filled_in();
        let is_right = || self.size_of(block).is_none_or(|size| self.has_size(block, data, size));
        match data.part {
            part::WITHIN => block.size.is_within() && is_written && self.has_array(block),
            _ if block.size.is_within() => false,
            part::GIVEN => is_message && block.way == Direction::Out && self.size_of(block) == Some(data.size),
            part::AFTER => {
                (self.says_size(block) || block.way == Direction::Both && self.may_be_filled_in()) && is_right()
            }
            0 => !is_message && !is_list && is_written && is_right(),
            1..=LAST_ITEM => is_written && self.is_item(block, data),
            part::MESSAGE..part::NETLINK => {
                let is_header = data.part.is_multiple_of(part::OF_MESSAGE);
                is_message && is_written && (!is_header || data.size == self.size_of_header(block))
            }
            part::NETLINK.. => matches!(block.what, What::Sent) && is_written && is_right(),
            _ => false,
        }
    }

    /// Whether it may be the item of a list, the segment of a vector, or the string to which a struct leads. The one before was read.
    fn is_item(&self, block: &Block, data: &Data) -> bool {
        let before = |known: &&Data| known.arg == data.arg && known.part + 1 == data.part;
        let is_next = || self.call.data.iter().find(before).is_some_and(|before| before.read().is_some());
        match block.what {
            What::Strings | What::Pointers(_) => data.part == 1 || is_next(),
            What::Vector => is_next(),
            what => {
                let end = |at: usize| (at + size_of::<u64>()) as u64;
                let is_in_struct =
                    what.text_at().is_some_and(|at| self.size_of(block).is_some_and(|size| size >= end(at)));
                data.part == 1 && is_in_struct && is_next()
            }
        }
    }

    /// Whether so many bytes of the block were read, or the beginning of what is read in part.
    fn has_size(&self, block: &Block, data: &Data, size: u64) -> bool {
        let Bytes::Read(bytes) = &data.bytes else { return data.size == size };
        let most = MOST as u64;
        let limit = match (block.what, block.size) {
            _ if data.part >= part::NETLINK => most,
            (What::Vector, _) => (PARTS * 2 * size_of::<u64>()) as u64,
            (What::String, _) => self.wanted + 1,
            (What::Address, _) => ADDRESS_SIZE as u64,
            (What::Descriptors | What::Processors | What::Entries(_), _) => most,
            (_, Size::One | Size::Exactly(_) | Size::Sized(_) | Size::Own(_)) => most,
            (what, _) => self.wanted.saturating_mul(what.element() as u64).min(most),
        };
        let (read, full) = (bytes.len() as u64, size.min(limit));
        let in_part = block.is_read_in_part() || matches!(block.what, What::Option) || data.part >= part::NETLINK;
        data.size == size && (read == full || in_part)
    }

    /// The size of a block by the arguments and the result; `None` if it is behind a pointer, or the call has no result.
    fn size_of(&self, block: &Block) -> Option<u64> {
        let counted = |by| block.count_of(self.row, &self.call.args, by);
        let element = block.what.element() as u64;
        Some(match (block.what, block.size) {
            (What::String | What::Strings | What::Pointers(_), _) => return None,
            (What::Message, Size::Counted(by)) if counted(by) != 1 => counted(by).wrapping_mul(MESSAGE_SIZE[1] as u64),
            (What::Message, _) => MESSAGE_SIZE[0] as u64,
            (What::Vector, Size::Counted(by)) => counted(by).wrapping_mul(2 * size_of::<u64>() as u64),
            // An fd_set has 1024 (select(2)).
            (What::Descriptors, Size::Counted(by)) => {
                (counted(by) as i32).clamp(0, 1024).unsigned_abs().div_ceil(64) as u64 * 8
            }
            (_, Size::One) => element,
            (_, Size::Exactly(times)) => element * times as u64,
            (_, Size::Sized(by)) => counted(by),
            (_, Size::Counted(by)) => counted(by).wrapping_mul(element),
            (_, Size::Moved(by)) => counted(by).min(self.call.success()? as u64).wrapping_mul(element),
            (_, Size::Groups(by, more, shift)) => {
                (counted(by).wrapping_add(more.into()) >> shift).wrapping_mul(element)
            }
            (_, Size::Own(_) | Size::Pointed(_) | Size::Within(_)) => return None,
        })
    }

    fn size_of_header(&self, block: &Block) -> u64 {
        MESSAGE_SIZE[usize::from(!block.size.is_one())] as u64
    }

    /// Whether a part that belongs to a netlink socket has the protocol with which the call's socket was made, if that was seen.
    fn is_of_socket(&self, data: &Data, trace: &Trace) -> bool {
        let Some(protocol) = data.part.checked_sub(part::NETLINK) else { return true };
        let Some(file) = self.call.fds[0] else { return false };
        let is_its = |call: &&Call| {
            let makes_socket = call.syscall().is_some_and(|row| row.name == "socket");
            makes_socket && call.made.is_some_and(|made| made.same_file(&file))
        };
        trace.calls.iter().find(is_its).is_none_or(|call| call.args[2] == u64::from(protocol))
    }

    /// Whether the struct is so long that it has the address of the array and the count of its elements.
    fn has_array(&self, block: &Block) -> bool {
        let Size::Within(place) = block.size else { return false };
        let given = block.size_of_outer(self.row).map_or(u64::MAX, |by| block.count_of(self.row, &self.call.args, by));
        given >= u64::from(place.address) + size_of::<u64>() as u64 && given >= u64::from(place.count + place.bytes)
    }

    /// Of a struct that is too long the call writes the size that it knows (sched_setattr(2)).
    fn says_size(&self, block: &Block) -> bool {
        block.way != Direction::Out && matches!(block.size, Size::Own(_)) && self.call.errno() == Some(libc::E2BIG)
    }

    /// A call without a result may have had one: seccomp(2) has taken it away.
    fn may_be_filled_in(&self) -> bool {
        self.call.success().is_some() || self.call.outcome == Outcome::Unfinished
    }

    /// Whether a block has no data, though one is there. A list may be empty, and a size that cannot be read is not known.
    fn lacks(&self, block: &Block) -> bool {
        let Some(at) = self.row.arg(block.arg).filter(|&at| self.call.args[at] != 0) else { return false };
        let is_list = matches!(block.what, What::Strings | What::Pointers(_));
        if is_list
            || matches!(block.size, Size::Pointed(_))
            || matches!((block.what, block.size), (What::Message, Size::Counted(_)))
        {
            return false;
        }
        if block.size.is_within() {
            return self.lacks_array(block, at);
        }
        let has = |wanted: &dyn Fn(u16) -> bool| {
            self.call.data.iter().any(|data| usize::from(data.arg) == at && wanted(data.part))
        };
        let is_filled_in = self.call.success().is_some_and(|result| blocks::are_filled_in(self.row, result));
        let is_itself = |part| ![part::AFTER, part::GIVEN, part::WITHIN].contains(&part);
        match block.way {
            Direction::In => !has(&is_itself) || self.says_size(block) && !has(&|part| part == part::AFTER),
            Direction::Out => is_filled_in && !has(&is_itself),
            Direction::Both => !has(&is_itself) || is_filled_in && !has(&|part| part == part::AFTER),
        }
    }

    /// Whether a struct that was read has the address of an array, and the array has no data.
    fn lacks_array(&self, block: &Block, at: usize) -> bool {
        let Size::Within(place) = block.size else { return false };
        let of_arg = |data: &&Data| usize::from(data.arg) == at;
        let outer = self.call.data.iter().filter(of_arg).find(|data| data.part == 0);
        let place = usize::from(place.address);
        let address = outer.and_then(|outer| outer.read()?.get(place..place + size_of::<u64>()));
        let is_given = address.is_some_and(|bytes| bytes.iter().any(|&byte| byte != 0)) && self.has_array(block);
        let is_due = block.way != Direction::Out || self.call.success().is_some();
        is_given && is_due && !self.call.data.iter().filter(of_arg).any(|data| data.part == part::WITHIN)
    }
}

/// The number of the last item of a list.
const LAST_ITEM: u16 = PARTS as u16;

#[cfg(test)]
mod tests;
