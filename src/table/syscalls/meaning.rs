//! What an argument, a result and a block may be. The rows of the tables are made of these.
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
    /// A user or a group: a 32-bit number. It is shown as -1 where all bits are set (chown(2): leave it as it is).
    Id,
    /// A signed number (offsets, lengths).
    Signed,
    /// An `int` (timeouts, levels, process ids). The kernel reads the lower 32 bits of the register.
    Int,
    /// An `int` of which some values have names.
    Named(&'static Names),
    /// An unsigned number (sizes, counts).
    Unsigned,
    /// An `unsigned int` or a `socklen_t`. The kernel reads the lower 32 bits of the register.
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
    /// The bytes moved. [`super::Syscall::bytes`] knows the calls that move fewer.
    Bytes,
    /// A set of flags.
    Flags(&'static Names),
    /// Permission bits (umask(2)).
    Mode,
    /// An address.
    Pointer,
    /// It depends on the `cmd` of fcntl(2).
    ByCommand,
    /// A new descriptor for these arguments, and a plain number for others (bpf(2), landlock_create_ruleset(2)).
    FdWhen(fn(&[u64; 6]) -> bool),
    /// The call does not return.
    Never,
}

/// A block that the tracer copies out of the traced process's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peek {
    /// `struct open_how`: flags, mode and resolve, three 64-bit words.
    OpenHow,
    /// The two descriptors that pipe(2) or socketpair(2) makes, as two `int`s. Their files are recorded as well.
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

/// The kind of descriptor that a call makes, where the call alone determines it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Makes {
    /// The kind of its file.
    pub kind: Kind,
    /// Its access mode (`O_RDWR`). It does not apply to a pipe: one end is read, the other written.
    pub access: i32,
}

/// Whether an operation of futex(2) takes a time in its fourth argument. Others take a number, or nothing.
pub(super) fn futex_waits(op: i32) -> bool {
    let waits = [
        libc::FUTEX_WAIT,
        libc::FUTEX_LOCK_PI,
        libc::FUTEX_WAIT_BITSET,
        libc::FUTEX_WAIT_REQUEUE_PI,
        libc::FUTEX_LOCK_PI2,
    ];
    waits.contains(&(op & libc::FUTEX_CMD_MASK))
}

/// Whether an operation of futex(2) looks at the argument of this index. An operation that is not known looks at all.
pub(super) fn futex_looks_at(at: usize, op: i32) -> bool {
    let looked_at: &[usize] = match op & libc::FUTEX_CMD_MASK {
        libc::FUTEX_WAIT => &[0, 1, 2, 3],
        libc::FUTEX_WAKE | libc::FUTEX_FD => &[0, 1, 2],
        libc::FUTEX_REQUEUE => &[0, 1, 2, 3, 4],
        libc::FUTEX_LOCK_PI | libc::FUTEX_LOCK_PI2 => &[0, 1, 3],
        libc::FUTEX_UNLOCK_PI | libc::FUTEX_TRYLOCK_PI => &[0, 1],
        libc::FUTEX_WAIT_BITSET => &[0, 1, 2, 3, 5],
        libc::FUTEX_WAKE_BITSET => &[0, 1, 2, 5],
        libc::FUTEX_WAIT_REQUEUE_PI => &[0, 1, 2, 3, 4],
        _ => &[0, 1, 2, 3, 4, 5],
    };
    looked_at.contains(&at)
}
