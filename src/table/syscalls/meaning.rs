//! What an argument, a result and a block may be: the words of which the rows are made.
//!
//! No I/O.

use crate::table::kind::Kind;
use crate::table::names::Names;

/// What an argument is.
#[derive(Clone, Copy, Debug)]
pub enum Role {
    /// A descriptor that the call uses; the kernel's identity of the file behind it is recorded.
    Fd,
    /// A directory descriptor that a path is relative to, or `AT_FDCWD`.
    DirFd,
    /// A descriptor number that need not be open (`newfd` of dup2, the ends of close_range).
    FdNumber,
    /// A path, resolved against its directory descriptor or the working directory.
    Path,
    /// A string that is no path (the target of a symbolic link, the name of an extended attribute).
    Text,
    /// A set of flags.
    Flags(&'static Names),
    /// One value of a set of names (`whence`, `cmd`).
    Choice(&'static Names),
    /// Permission bits, in mknod with the file's type; shown in octal.
    Mode,
    /// A user or a group: 32 bits, shown as -1 where all are set (chown(2): it stays as it is).
    Id,
    /// A signed number (offsets, lengths).
    Signed,
    /// An `int`: of the register the kernel looks at 32 bits (timeouts, levels, process ids).
    Int,
    /// An unsigned number (sizes, counts).
    Unsigned,
    /// An `unsigned int`, a `socklen_t`: of the register the kernel looks at 32 bits.
    UnsignedInt,
    /// An address in the traced process: shown, never compared.
    Pointer,
}

/// What the result is when it is not an error.
#[derive(Clone, Copy, Debug)]
pub enum Ret {
    /// 0 or another plain number.
    Number,
    /// A new descriptor.
    Fd,
    /// Bytes moved; [`Syscall::bytes`] knows where they are fewer.
    Bytes,
    /// A set of flags.
    Flags(&'static Names),
    /// An address.
    Pointer,
    /// fcntl: by its `cmd`.
    ByCommand,
    /// The call does not return.
    Never,
}

/// A block that the tracer copies out of the traced process's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peek {
    /// `struct open_how`: flags, mode and resolve, three 64-bit words.
    OpenHow,
    /// Two `int`s, the descriptors made (pipe, socketpair); the files behind them are recorded as well.
    Pair,
    /// `struct file_handle`, filled in by the call.
    HandleOut,
    /// `struct file_handle`, given to the call.
    HandleIn,
}

/// One argument: its key in `tests.toml` and what it is.
#[derive(Clone, Copy, Debug)]
pub struct Arg {
    /// The key in `tests.toml`.
    pub name: &'static str,
    /// What it is.
    pub role: Role,
}

/// What a descriptor is that a call makes, where the call alone says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Makes {
    /// What is behind it.
    pub kind: Kind,
    /// Its access mode (`O_RDWR`). The ends of a pipe are for one way each, whatever stands here.
    pub access: i32,
}
