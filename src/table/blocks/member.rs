//! What structs are made of.
//!
//! No I/O.

use super::number;
use crate::table::names::Names;

/// A struct of the kernel's interface.
#[derive(Debug)]
pub struct Struct {
    /// Its size in bytes.
    pub size: usize,
    /// Which of the members a line shows by default, by bits from the first one on. A shorter list ends with `...`.
    pub brief: u64,
    /// The members, in the order in which they are shown.
    pub members: &'static [Member],
    /// The least size that the kernel takes, if a program may give more or less of it (openat2(2), "Extensibility"); else 0.
    pub least: usize,
    /// Up to here the kernel takes members as 0 that a program does not give. All of them are shown (bpf(2)).
    pub filled: usize,
}

impl Struct {
    /// The same struct, of which a line shows the members of these bits.
    pub const fn in_brief(self, brief: u64) -> Self {
        Self { brief, ..self }
    }

    /// The members of these bits.
    pub fn members_of(&self, bits: u64) -> impl Iterator<Item = &Member> {
        self.members.iter().enumerate().filter(move |(at, _)| bits >> at & 1 != 0).map(|(_, member)| member)
    }

    /// Whether a line shows only some of the members.
    pub fn is_abridged(&self) -> bool {
        self.brief.count_ones() < self.members.len() as u32
    }

    /// The same struct, of which a program may give more or less, but no less than this.
    pub const fn at_least(self, least: usize) -> Self {
        Self { least, ..self }
    }

    /// The same struct, of which a program may give as little as it likes.
    pub const fn filled_up_to(self, filled: usize) -> Self {
        Self { least: 1, filled, ..self }
    }

    /// Where the address of a string is.
    pub fn text_at(&self) -> Option<usize> {
        self.members.iter().find(|member| matches!(member.kind, MemberKind::ToText)).map(|member| member.offset)
    }
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
    /// When it says something.
    pub shown: WhenShown,
}

/// What a member is.
#[derive(Clone, Copy, Debug)]
pub enum MemberKind {
    /// An unsigned number.
    Unsigned,
    /// A signed number.
    Signed,
    /// A number in base 16, such as a mask.
    Hex,
    /// Two words of 32 bits.
    Pair,
    /// The number of a device.
    Device,
    /// A limit, the greatest of which is none (getrlimit(2)).
    Limit,
    /// An address.
    Address,
    /// A file's type and permissions.
    Mode,
    /// Permissions.
    Permissions,
    /// A set of flags.
    Flags(&'static Names),
    /// One value of a set of names.
    Choice(&'static Names),
    /// One value of a set of names, or an unsigned number.
    Named(&'static Names),
    /// A descriptor of a directory.
    Directory,
    /// A version of the kernel, in one number.
    KernelVersion,
    /// The address of a string.
    ToText,
    /// The address of an array, which is a block of its own.
    ToArray,
    /// Seconds since the epoch, with their nanoseconds at this place, if there are any.
    Date(Option<usize>),
    /// The last member of a time since the epoch: its nanoseconds, with the seconds at this place.
    Nanoseconds(usize),
    /// A set of signals.
    Signals,
    /// A string in the same block, which begins so many bytes after this place as the member says.
    TextAt(usize),
    /// A text in an array of characters, which a NUL ends if it is shorter.
    Text,
}

/// When a member is shown. A place is that of a word in the struct.
#[derive(Clone, Copy, Debug)]
pub enum WhenShown {
    /// Always.
    Always,
    /// If it is not 0.
    NonZero,
    /// If the word of 64 bits at this place has one of these bits.
    With(usize, u64),
    /// If it is not 0, or the word of 64 bits at this place has one of these bits.
    NonZeroOr(usize, u64),
    /// If one of the words of 64 bits at these places is not 0.
    Either(usize, usize),
    /// If the word of 64 bits at this place has none of these bits.
    Without(usize, u64),
    /// If the word of 32 bits at this place is less than 64 and its bit is set here.
    Among(usize, u64),
    /// If not.
    NotAmong(usize, u64),
    /// If the file type in the word of 32 bits at this place is that of a device (inode(7)).
    OfDevice(usize),
    /// If not.
    OfNoDevice(usize),
}

impl Member {
    /// Its value in the bytes of the struct; `None` if they are cut before its end.
    pub fn value(&self, bytes: &[u8]) -> Option<i64> {
        let bytes = bytes.get(self.offset..self.offset + self.size)?;
        number(bytes, matches!(self.kind, MemberKind::Signed | MemberKind::Directory | MemberKind::Date(_)))
    }

    /// Its text in the bytes of the struct, without what follows a NUL; `None` if they are cut before its end.
    pub fn text<'b>(&self, bytes: &'b [u8]) -> Option<&'b [u8]> {
        let bytes = match self.kind {
            MemberKind::TextAt(from) => bytes.get(from.checked_add(usize::try_from(self.value(bytes)?).ok()?)?..)?,
            _ => bytes.get(self.offset..self.offset + self.size)?,
        };
        bytes.split(|&byte| byte == 0).next()
    }

    /// Whether it means something beside the other members.
    pub fn is_meant(&self, bytes: &[u8]) -> bool {
        match self.shown {
            WhenShown::Always
            | WhenShown::NonZero
            | WhenShown::NonZeroOr(..)
            | WhenShown::Either(..)
            | WhenShown::OfDevice(_)
            | WhenShown::OfNoDevice(_) => true,
            WhenShown::With(at, bits) => word(bytes, at, 8) & bits != 0,
            WhenShown::Without(at, bits) => word(bytes, at, 8) & bits == 0,
            WhenShown::Among(at, values) => is_among(word(bytes, at, 4), values),
            WhenShown::NotAmong(at, values) => !is_among(word(bytes, at, 4), values),
        }
    }

    /// Whether a line shows it.
    pub fn is_shown(&self, bytes: &[u8]) -> bool {
        let is_zero = self.value(bytes) == Some(0);
        match self.shown {
            WhenShown::NonZero => !is_zero,
            WhenShown::NonZeroOr(at, bits) => !is_zero || word(bytes, at, 8) & bits != 0,
            WhenShown::Either(one, other) => word(bytes, one, 8) != 0 || word(bytes, other, 8) != 0,
            WhenShown::OfDevice(mode) => is_device(word(bytes, mode, 4)),
            WhenShown::OfNoDevice(mode) => !is_device(word(bytes, mode, 4)),
            WhenShown::Always
            | WhenShown::With(..)
            | WhenShown::Without(..)
            | WhenShown::Among(..)
            | WhenShown::NotAmong(..) => self.is_meant(bytes),
        }
    }
}

fn is_device(mode: u64) -> bool {
    [libc::S_IFCHR, libc::S_IFBLK].contains(&(mode as u32 & libc::S_IFMT))
}

fn is_among(value: u64, values: u64) -> bool {
    value < 64 && values >> value & 1 != 0
}

/// The word of this size at this place; 0 if it is not there.
fn word(bytes: &[u8], at: usize, size: usize) -> u64 {
    bytes.get(at..at + size).and_then(|bytes| number(bytes, false)).unwrap_or(0) as u64
}
