//! What a call's pointers lead to besides its paths: the bytes that it moves, and structs.
//!
//! No I/O. BPF gets the places and the sizes from here ([`of_number`]), as it gets the roles of arguments from the table of calls. To
//! show one more block, add a row to `blocks/rows.rs`, and a struct to `blocks/structs.rs` if it is a new one.

use std::sync::LazyLock;

use crate::table::layout::{Blocks, RawBlock};
use crate::table::names::Names;
use crate::table::syscalls::Syscall;

mod rows; // the blocks of each call
mod structs; // the members of structs
mod shape; // how their content is written

pub use shape::{InternetVersion, Shape};

/// `IOR_PARTS`: the most segments of a vector that are read, and the most strings of a list.
pub const PARTS: usize = 16;

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
}

/// What lies in a block.
#[derive(Clone, Copy, Debug)]
pub enum What {
    /// Bytes without a meaning of their own.
    Bytes,
    /// The address of a socket, which begins with its family (`struct sockaddr`).
    Address,
    /// One struct, or an array of it.
    Struct(&'static Struct),
    /// An array of `struct iovec`, each of which leads to bytes.
    Vector,
    /// An array of pointers to strings, which NULL ends.
    Strings,
}

/// How large a block is.
#[derive(Clone, Copy, Debug)]
pub enum Size {
    /// One of it.
    One,
    /// As many as this argument says.
    Counted(&'static str),
    /// As many as the result says, but no more than this argument.
    Moved(&'static str),
    /// As many bytes as the `socklen_t` says that this argument points to.
    Pointed(&'static str),
}

/// Who writes a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The program: the call reads it.
    In,
    /// The call, when it succeeds.
    Out,
}

/// A struct of the kernel's interface.
#[derive(Debug)]
pub struct Struct {
    /// Its size in bytes.
    pub size: usize,
    /// How many of the members a line shows; a shorter list ends with `...`.
    pub brief: usize,
    /// The members, in the order in which they are shown.
    pub members: &'static [Member],
}

/// A member of a struct.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Its name, as in the man page.
    pub name: &'static str,
    /// Where it begins, in bytes.
    pub offset: usize,
    /// Its size in bytes, 8 at most.
    pub size: usize,
    /// What it is.
    pub kind: MemberKind,
}

/// What a member is.
#[derive(Clone, Copy, Debug)]
pub enum MemberKind {
    /// An unsigned number.
    Unsigned,
    /// A signed number.
    Signed,
    /// A number in base 16, such as an address or a mask.
    Hex,
    /// A file's type and permissions.
    Mode,
    /// A set of flags.
    Flags(&'static Names),
}

impl Block {
    fn raw(&self, row: &Syscall) -> Option<RawBlock> {
        let place = |name: &str| row.arg(name).and_then(|at| u8::try_from(at + 1).ok());
        let (how, count) = match (self.what, self.size) {
            (What::Vector, Size::Counted(count)) => (RawBlock::VECTOR, place(count)?),
            (What::Strings, _) => (RawBlock::STRINGS, 0),
            (_, Size::One) => (RawBlock::FIXED, 0),
            (_, Size::Counted(count)) => (RawBlock::COUNTED, place(count)?),
            (_, Size::Pointed(count)) => (RawBlock::POINTED, place(count)?),
            (_, Size::Moved(most)) => (RawBlock::MOVED, place(most)?),
        };
        let size = match self.what {
            What::Struct(of) => of.size as u32,
            What::Bytes | What::Address | What::Vector | What::Strings => 1,
        };
        let way = if self.way == Direction::In { RawBlock::IN } else { RawBlock::OUT };
        let is_whole = matches!((self.what, self.size), (What::Struct(_), Size::One) | (What::Address, _));
        let flags = way | if is_whole { RawBlock::WHOLE } else { 0 };
        Some(RawBlock { arg: place(self.arg)?, how, count, flags, size })
    }
}

/// The index in [`rows::ROWS`] of the row of each call, by its number. It takes no memory of its own.
static BY_NUMBER: LazyLock<[Option<u8>; Syscall::NUMBERS as usize]> = LazyLock::new(|| {
    let mut places = [None; Syscall::NUMBERS as usize];
    for (at, (name, _)) in rows::ROWS.iter().enumerate() {
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
    place.map_or(&[], |at| rows::ROWS[usize::from(at)].1)
}

/// The block of an argument.
pub fn of_arg(row: &Syscall, at: usize) -> Option<&'static Block> {
    let name = row.args.get(at)?.name;
    of(row).iter().find(|block| block.arg == name)
}

/// What BPF reads of each call that has blocks, by number.
pub fn of_number() -> impl Iterator<Item = (u32, Blocks)> {
    Syscall::all().iter().filter(|row| !of(row).is_empty()).map(|row| {
        let mut blocks = Blocks::default();
        let raw = of(row).iter().filter_map(|block| block.raw(row));
        blocks.block.iter_mut().zip(raw).for_each(|(to, raw)| *to = raw);
        (row.number, blocks)
    })
}

impl Member {
    /// Its value in the bytes of the struct; `None` if they are cut before its end.
    pub fn value(&self, bytes: &[u8]) -> Option<i64> {
        let bytes = bytes.get(self.offset..self.offset + self.size)?;
        let is_signed = matches!(self.kind, MemberKind::Signed);
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::layout::BLOCKS;

    #[test]
    fn each_row_is_a_call_and_each_block_an_argument_of_it() {
        for (name, blocks) in rows::ROWS {
            assert!(Syscall::is_known(name), "{name}");
            assert!((1..=BLOCKS).contains(&blocks.len()), "{name}");
            let Some(row) = Syscall::by_name(name) else { continue };
            for block in *blocks {
                assert!(block.raw(row).is_some(), "{name} has no argument {} or no count", block.arg);
            }
        }
    }

    #[test]
    fn members_are_words_within_their_struct() {
        for (name, blocks) in rows::ROWS {
            for block in *blocks {
                let What::Struct(of) = block.what else { continue };
                for member in of.members {
                    assert!(matches!(member.size, 1 | 2 | 4 | 8), "{name}: {} has {} bytes", member.name, member.size);
                    assert!(member.offset + member.size <= of.size, "{name}: {}", member.name);
                }
            }
        }
    }
}
