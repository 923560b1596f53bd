//! What a call's pointers lead to besides its paths: the bytes that it moves, and structs.
//!
//! No I/O. BPF gets the places and the sizes from here ([`of_number`]), as it gets the roles of arguments from the table of calls. To
//! show one more block, add a row to `blocks/rows.rs`, and a struct to `blocks/structs.rs` if it is a new one.

use std::sync::LazyLock;

use crate::table::layout::{Blocks, RawBlock};
use crate::table::syscalls::{Role, Syscall};

mod member; // what structs are made of
pub mod structs; // the members of structs
pub mod entries; // the entries of directories
mod size; // how large they are
mod rows; // the blocks of each call
mod shape; // how their content is written

pub use entries::DirectoryLayout;
pub use member::{Member, MemberKind, Struct, WhenShown};
pub use shape::{InternetVersion, Shape, shape_of_arg, shapes};
pub use size::{Size, Within};

/// `IOR_PARTS`: the most segments of a vector that are read, strings or pointers of a list, and messages of an array.
pub const PARTS: usize = 16;

/// `IOR_DATA_CAP`: the most bytes of a block.
pub const MOST: usize = 4096;

/// `enum ior_part`: the numbers of the parts of a block. The block itself is 0, and the items of a list count from 1.
pub mod part {
    use super::PARTS;

    /// The block again, as the call has left it.
    pub const AFTER: u16 = 32;
    /// The headers of messages, as the call was given them to fill in.
    pub const GIVEN: u16 = 33;
    /// An array, whose address is in a block.
    pub const WITHIN: u16 = 34;
    /// The first message of an array.
    pub const MESSAGE: u16 = 64;
    /// How many numbers a message has.
    pub const OF_MESSAGE: u16 = 32;
    /// Within a message: its address.
    pub const ADDRESS: u16 = 1;
    /// Within a message: its control messages.
    pub const CONTROL: u16 = 2;
    /// Within a message: its vector, whose segments follow.
    pub const VECTOR: u16 = 3;
    /// The numbers of messages end before this one. From here on: the block itself, which belongs to a netlink socket of this protocol.
    pub const NETLINK: u16 = MESSAGE + PARTS as u16 * OF_MESSAGE;
    /// The numbers end before this one: a protocol of netlink has a byte.
    pub const END: u16 = NETLINK + 256;
}

/// One block.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    /// The name of the argument that leads to it.
    pub arg: &'static str,
    /// What lies there.
    pub what: What,
    /// How large it is.
    pub size: Size,
    /// Who writes it.
    pub way: Direction,
    /// When there is one; `None` if there always is.
    pub when: Option<When>,
}

/// An argument that says whether there is a block, such as the command of fcntl(2).
#[derive(Clone, Copy, Debug)]
pub struct When {
    /// The name of the argument.
    pub arg: &'static str,
    /// The bits of it that count.
    pub mask: u32,
    /// Its least value with which there is a block.
    pub base: u16,
    /// All of them, by bits from the least one on.
    pub values: u64,
}

/// What lies in a block.
#[derive(Clone, Copy, Debug)]
pub enum What {
    /// Bytes without a meaning of their own.
    Bytes,
    /// Bytes that a socket sends or receives. Those of a netlink socket are messages, of which all is read.
    Sent,
    /// The value of a socket's option: bytes, of which the kernel often reads only the first four (setsockopt(2)).
    Option,
    /// A string, which a NUL ends.
    String,
    /// A number of so many bytes, or several.
    Number(Role, usize),
    /// The address of a socket, which begins with its family (`struct sockaddr`).
    Address,
    /// The entries of a directory.
    Entries(DirectoryLayout),
    /// One struct, or an array of it.
    Struct(&'static Struct),
    /// An array of pointers to structs.
    Pointers(&'static Struct),
    /// A set of signals (sigset_t of the kernel: 64 bits).
    Signals,
    /// A set of nodes of memory in words of 64 bits (get_mempolicy(2)).
    Nodes,
    /// A set of processors in bytes (sched_setaffinity(2)).
    Processors,
    /// A set of descriptors (`fd_set`), of which an argument counts the bits.
    Descriptors,
    /// An array of `struct iovec`, each of which leads to bytes.
    Vector,
    /// An array of pointers to strings, which NULL ends.
    Strings,
    /// One `struct msghdr`, or an array of `struct mmsghdr`, with what they lead to.
    Message,
}

/// The sizes of `struct msghdr` and `struct mmsghdr` of a 64-bit program (recvmmsg(2)).
pub const MESSAGE_SIZE: [usize; 2] = [56, 64];

/// The most bytes of a socket's address: `struct sockaddr_storage` (sockaddr(3type)).
pub const ADDRESS_SIZE: usize = 128;

/// Who writes a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The program: the call reads it.
    In,
    /// The call, when it succeeds.
    Out,
    /// The program, and then the call: it is read twice.
    Both,
}

/// The argument of this name, counted from 1.
fn place(row: &Syscall, name: &str) -> Option<u8> {
    row.arg(name).and_then(|at| u8::try_from(at + 1).ok())
}

impl Block {
    /// How the size is found, and the argument that counts.
    fn counted(&self, row: &Syscall) -> Option<(u8, u8)> {
        let place = |name: &str| place(row, name);
        Some(match (self.what, self.size) {
            (What::Vector, Size::Counted(count)) => (RawBlock::VECTOR, place(count)?),
            (What::Strings, _) => (RawBlock::STRINGS, 0),
            (What::String, _) => (RawBlock::STRING, 0),
            (What::Descriptors, Size::Counted(count)) => (RawBlock::BITS, place(count)?),
            (What::Pointers(_), Size::Counted(count)) => (RawBlock::POINTERS, place(count)?),
            (What::Message, Size::One) => (RawBlock::MESSAGE, 0),
            (What::Message, Size::Counted(count)) => (RawBlock::MESSAGES, place(count)?),
            (_, Size::One | Size::Exactly(_)) => (RawBlock::FIXED, 0),
            (What::Address, Size::Counted(count)) => (RawBlock::SIZED, place(count)?),
            (_, Size::Counted(count)) => (RawBlock::COUNTED, place(count)?),
            (_, Size::Pointed(count)) => (RawBlock::POINTED, place(count)?),
            (_, Size::Moved(most)) => (RawBlock::MOVED, place(most)?),
            (_, Size::Sized(count)) => (RawBlock::SIZED, place(count)?),
            (_, Size::Own(_)) => (RawBlock::OWN, 0),
            (_, Size::Groups(count, ..)) => (RawBlock::GROUPS, place(count)?),
            (_, Size::Within(_)) => (RawBlock::WITHIN, self.size_of_outer(row).map_or(Some(0), place)?),
        })
    }

    fn raw(&self, row: &Syscall) -> Option<RawBlock> {
        let (how, count) = self.counted(row)?;
        let is_whole = matches!(self.size, Size::One | Size::Exactly(_) | Size::Sized(_) | Size::Own(_))
            || self.size.is_within() && !matches!(self.what, What::Bytes)
            || matches!(
                self.what,
                What::Address | What::Descriptors | What::Processors | What::Pointers(_) | What::Entries(_)
            );
        let way = match self.way {
            Direction::In => RawBlock::IN,
            Direction::Out => RawBlock::OUT,
            Direction::Both => RawBlock::IN | RawBlock::OUT,
        };
        let counts = count.checked_sub(1).is_some_and(|at| self.has_int(row, usize::from(at)));
        let flags = way | if is_whole { RawBlock::WHOLE } else { 0 } | if counts { RawBlock::INT } else { 0 };
        let flags = flags | if matches!(self.what, What::Option) { RawBlock::HEAD } else { 0 };
        let flags = flags | if matches!(self.what, What::Sent) { RawBlock::NETLINK } else { 0 };
        let flags = flags | if self.is_read_in_part() { RawBlock::PART } else { 0 };
        let size = self.unit() as u32;
        let (base, detail) = match self.size {
            Size::Own(at) => (0, at as u8),
            Size::Groups(_, more, shift) => (more, shift),
            Size::Within(Within { address, .. }) => (0, address),
            _ => (0, self.what.text_at().map_or(0, |at| at as u8 + 1)),
        };
        let block =
            RawBlock { arg: place(row, self.arg)?, how, count, flags, size, detail, base, ..RawBlock::default() };
        let Some(When { arg, mask, base, values }) = self.when else { return Some(block) };
        Some(RawBlock { when: place(row, arg)?, mask, base, values, ..block })
    }

    /// Whether what comes before a page that cannot be read is read: the beginning of an array, or of a struct that may be longer.
    pub fn is_read_in_part(&self) -> bool {
        match (self.what, self.size) {
            (_, Size::Within(_)) => true,
            (What::Struct(of), Size::Sized(_)) => of.least > 0,
            (What::Struct(_) | What::Number(..) | What::Nodes, Size::Own(_) | Size::Counted(_) | Size::Groups(..)) => {
                true
            }
            _ => false,
        }
    }

    /// The size of one element of it. A struct says how many bytes a set of signals has (select(2)).
    pub fn element(&self) -> usize {
        if self.size.is_within() && matches!(self.what, What::Signals) { 1 } else { self.what.element() }
    }

    /// The size of what is counted. Of what has its size in an argument, the bytes that are read; of what says its own, the least.
    fn unit(&self) -> usize {
        match (self.what, self.size) {
            (What::Struct(of), Size::Sized(_)) if of.least > 0 => MOST,
            (What::Struct(of), Size::Own(_)) => of.least,
            (What::Address, Size::Counted(_)) => ADDRESS_SIZE,
            (what, Size::Exactly(times)) => what.element() * times,
            (_, Size::Within(Within { count, bytes, .. })) => {
                self.element() | usize::from(bytes) << 8 | usize::from(count) << 16
            }
            (what, _) => what.element(),
        }
    }

    /// Whether the argument that counts has 32 bits. The kernel does not look at the others.
    fn has_int(&self, row: &Syscall, at: usize) -> bool {
        matches!(row.args[at].role, Role::Int | Role::UnsignedInt) && !matches!(self.size, Size::Pointed(_))
    }

    /// The argument that says how large the struct is that leads to this array, if there is one.
    pub fn size_of_outer(&self, row: &Syscall) -> Option<&'static str> {
        of(row).iter().filter(|outer| outer.arg == self.arg).find_map(|outer| outer.size.argument())
    }

    /// The value of the argument that counts, as the kernel reads it.
    pub fn count_of(&self, row: &Syscall, args: &[u64; 6], by: &str) -> u64 {
        let Some(at) = row.arg(by) else { return 0 };
        if self.has_int(row, at) { u64::from(args[at] as u32) } else { args[at] }
    }

    /// Whether a call with these arguments has the block.
    pub fn is_there(&self, row: &Syscall, args: &[u64; 6]) -> bool {
        let Some(When { arg, mask, base, values }) = self.when else { return true };
        let value = row.arg(arg).map_or(u64::MAX, |at| (args[at] & u64::from(mask)).wrapping_sub(base.into()));
        value < 64 && values >> value & 1 != 0
    }
}

impl What {
    /// Where a struct that may be longer has the address of a string.
    pub fn text_at(self) -> Option<usize> {
        if let What::Struct(of) = self { of.text_at() } else { None }
    }

    /// The member of a struct that leads to an array.
    pub fn array(self) -> Option<&'static Member> {
        let What::Struct(of) = self else { return None };
        of.members.iter().find(|member| matches!(member.kind, MemberKind::ToArray))
    }

    /// The size of one element in bytes.
    pub fn element(self) -> usize {
        match self {
            What::Struct(of) | What::Pointers(of) => of.size,
            What::Number(_, size) => size,
            What::Signals | What::Descriptors | What::Nodes => size_of::<u64>(),
            What::Bytes
            | What::Sent
            | What::Option
            | What::String
            | What::Entries(_)
            | What::Address
            | What::Vector
            | What::Strings
            | What::Processors
            | What::Message => 1,
        }
    }
}

/// The place in [`rows::all`] of the row of each call, by its number. It takes no memory of its own.
static BY_NUMBER: LazyLock<[Option<u8>; Syscall::NUMBERS as usize]> = LazyLock::new(|| {
    let mut places = [None; Syscall::NUMBERS as usize];
    for (at, (name, _)) in rows::all().enumerate() {
        let number = Syscall::by_name(name).map(|row| row.number as usize);
        if let Some(place) = number.and_then(|number| places.get_mut(number)) {
            *place = u8::try_from(at).ok();
        }
    }
    places
});

/// The blocks of a call; of a request of io_uring none are read.
pub fn of(row: &Syscall) -> &'static [Block] {
    let place = BY_NUMBER.get(row.number as usize).copied().flatten();
    place.and_then(|at| rows::all().nth(at.into())).map_or(&[], |(_, blocks)| blocks)
}

/// The block of an argument of a call with these arguments.
pub fn of_arg(row: &Syscall, at: usize, args: &[u64; 6]) -> Option<&'static Block> {
    let name = row.args.get(at)?.name;
    of_args(row, args).find(|block| block.arg == name)
}

/// The blocks of the arguments of a call with these arguments.
pub fn of_args<'a>(row: &'a Syscall, args: &'a [u64; 6]) -> impl Iterator<Item = &'static Block> + use<'a> {
    of(row).iter().filter(|block| !block.size.is_within() && block.is_there(row, args))
}

/// The array to which a struct leads that is the block of an argument.
pub fn within(row: &Syscall, at: usize, args: &[u64; 6]) -> Option<&'static Block> {
    let name = row.args.get(at)?.name;
    of(row).iter().find(|block| block.arg == name && block.size.is_within() && block.is_there(row, args))
}

/// Whether a call that was successful has filled in its blocks. wait4(2) has not if no child has changed (WNOHANG).
pub fn are_filled_in(row: &Syscall, result: i64) -> bool {
    result != 0 || !row.args.iter().any(|arg| arg.name == "wstatus")
}

/// What BPF reads of each call that has blocks, by number.
pub fn of_number() -> impl Iterator<Item = (u32, Blocks)> {
    Syscall::all().iter().filter(|row| !of(row).is_empty()).map(|row| {
        let mut blocks = Blocks::default();
        blocks.block.iter_mut().zip(raw_of(row)).for_each(|(to, raw)| *to = raw);
        (row.number, blocks)
    })
}

/// What BPF reads of a call. Blocks that differ only in the values of an argument are one.
fn raw_of(row: &Syscall) -> Vec<RawBlock> {
    let mut all = Vec::<RawBlock>::new();
    for raw in of(row).iter().filter_map(|block| block.raw(row)) {
        match all.iter_mut().find(|known| RawBlock { values: raw.values, ..**known } == raw && raw.when > 0) {
            Some(known) => known.values |= raw.values,
            None => all.push(raw),
        }
    }
    all
}

/// The number in 1, 2, 4 or 8 bytes of this machine.
pub fn number(bytes: &[u8], is_signed: bool) -> Option<i64> {
    Some(match *bytes {
        [one] if is_signed => (one as i8).into(),
        [one] => one.into(),
        [a, b] if is_signed => i16::from_ne_bytes([a, b]).into(),
        [a, b] => u16::from_ne_bytes([a, b]).into(),
        [a, b, c, d] if is_signed => i32::from_ne_bytes([a, b, c, d]).into(),
        [a, b, c, d] => u32::from_ne_bytes([a, b, c, d]).into(),
        [a, b, c, d, e, f, g, h] => i64::from_ne_bytes([a, b, c, d, e, f, g, h]),
        _ => return None,
    })
}

/// The signals of a set (signal(7)): the first bit is signal 1.
pub fn signals_of(set: u64) -> impl Iterator<Item = i64> {
    (1..=64).filter(move |signal| set >> (signal - 1) & 1 != 0)
}

/// The descriptors of an `fd_set` (select(2)).
pub fn descriptors_of(bytes: &[u8]) -> impl Iterator<Item = i64> {
    (0..8 * bytes.len()).filter(|at| bytes[at / 8] >> (at % 8) & 1 != 0).map(|at| at as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::layout::BLOCKS;

    #[test]
    fn each_row_is_a_call_and_each_block_an_argument_of_it() {
        for (name, blocks) in rows::all() {
            assert!(Syscall::is_known(name), "{name}");
            let Some(row) = Syscall::by_name(name) else { continue };
            assert!((1..=BLOCKS).contains(&raw_of(row).len()), "{name}");
            for block in *blocks {
                assert!(block.raw(row).is_some(), "{name} has no argument {} or no count", block.arg);
            }
        }
    }

    #[test]
    fn members_are_words_within_their_struct() {
        for (name, blocks) in rows::all() {
            for block in *blocks {
                let (What::Struct(of) | What::Pointers(of)) = block.what else { continue };
                assert!(of.members.len() < 64 && of.brief >> of.members.len() == 0, "{name}");
                for member in of.members {
                    let is_word = matches!(member.size, 1 | 2 | 4 | 8) || matches!(member.kind, MemberKind::Text);
                    assert!(is_word, "{name}: {} has {} bytes", member.name, member.size);
                    assert!(member.offset + member.size <= of.size, "{name}: {}", member.name);
                }
            }
        }
    }
}
