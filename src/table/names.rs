//! Names of flags, choices and errnos, both ways: `0x241` is `O_WRONLY|O_CREAT|O_TRUNC`.
//!
//! No I/O. The values are libc's for this architecture. The names are those of the man pages.

use std::fmt::Write as _;

use nix::errno::Errno;

/// A set of named values of one argument.
#[derive(Debug)]
pub struct Names {
    /// What a value of the set is called in messages.
    pub what: &'static str,
    /// The bits that hold one number and no flags (`O_ACCMODE`); 0 if there are none.
    mask: u64,
    /// The names with their values. A value that contains another comes before it.
    values: &'static [(&'static str, u64)],
}

macro_rules! values {
    ($($name:ident),* $(,)?) => { &[$((stringify!($name), libc::$name as u32 as u64)),*] };
}

/// The names with their numbers, which are the same on all architectures of the tracer.
macro_rules! numbered {
    ($($name:ident $value:literal),* $(,)?) => { &[$((stringify!($name), $value)),*] };
}

mod bpf;
mod event;
mod fcntl;
mod ioctl;
mod ipc;
mod kernel;
mod memory;
mod mount;
mod option;
mod perf;
mod prctl;
mod process;
mod schedule;
mod socket;
mod structs;
mod transfer;
mod uring;

pub use bpf::*;
pub use event::*;
pub use fcntl::*;
pub use ioctl::*;
pub use ipc::*;
pub use kernel::*;
pub use memory::*;
pub use mount::*;
pub use option::*;
pub use perf::*;
pub use prctl::*;
pub use process::*;
pub use schedule::*;
pub use socket::*;
pub use structs::*;
pub use transfer::*;
pub use uring::*;

/// Flags of open(2), and the file status flags of fcntl(2).
pub static OPEN: Names = Names {
    what: "flag of open",
    mask: libc::O_ACCMODE as u64,
    values: &[
        ("O_RDONLY", libc::O_RDONLY as u64),
        ("O_WRONLY", libc::O_WRONLY as u64),
        ("O_RDWR", libc::O_RDWR as u64),
        ("O_ACCMODE", libc::O_ACCMODE as u64),
        ("O_APPEND", libc::O_APPEND as u64),
        ("O_CREAT", libc::O_CREAT as u64),
        ("O_EXCL", libc::O_EXCL as u64),
        ("O_NOCTTY", libc::O_NOCTTY as u64),
        ("O_TRUNC", libc::O_TRUNC as u64),
        ("O_NONBLOCK", libc::O_NONBLOCK as u64),
        ("O_SYNC", libc::O_SYNC as u64),
        ("O_DSYNC", libc::O_DSYNC as u64),
        ("O_ASYNC", libc::O_ASYNC as u64),
        ("O_DIRECT", libc::O_DIRECT as u64),
        ("O_TMPFILE", libc::O_TMPFILE as u64),
        ("O_DIRECTORY", libc::O_DIRECTORY as u64),
        ("O_NOFOLLOW", libc::O_NOFOLLOW as u64),
        ("O_NOATIME", libc::O_NOATIME as u64),
        ("O_CLOEXEC", libc::O_CLOEXEC as u64),
        ("O_PATH", libc::O_PATH as u64),
        // include/uapi/asm-generic/fcntl.h: set by the kernel on 64-bit machines, and 0 in libc there.
        ("O_LARGEFILE", LARGEFILE),
        // include/uapi/asm-generic/fcntl.h.
        ("O_EMPTYPATH", 0o400_000_000),
        // include/uapi/linux/openat2.h: only openat2(2) has room for it.
        ("OPENAT2_REGULAR", 1 << 32),
        // The parts of O_SYNC and O_TMPFILE that mean nothing alone (include/uapi/asm-generic/fcntl.h).
        ("__O_SYNC", (libc::O_SYNC & !libc::O_DSYNC) as u64),
        ("__O_TMPFILE", (libc::O_TMPFILE & !libc::O_DIRECTORY) as u64),
    ],
};

#[cfg(any(target_arch = "x86_64", target_arch = "riscv64"))]
const LARGEFILE: u64 = 0o100_000;
#[cfg(target_arch = "aarch64")]
const LARGEFILE: u64 = 0o400_000;

/// The flags of an open file that remain after open(2): its access mode and the file status flags. O_LARGEFILE is not among them,
/// since a 64-bit kernel sets it at each open.
pub const STATUS_FLAGS: u32 = (libc::O_ACCMODE
    | libc::O_APPEND
    | libc::O_NONBLOCK
    | libc::O_SYNC
    | libc::O_ASYNC
    | libc::O_DIRECT
    | libc::O_NOATIME
    | libc::O_PATH) as u32;

/// The names of [`STATUS_FLAGS`].
pub static STATUS: Names = Names {
    what: "access mode or status flag",
    mask: libc::O_ACCMODE as u64,
    values: values![
        O_RDONLY, O_WRONLY, O_RDWR, O_APPEND, O_NONBLOCK, O_SYNC, O_DSYNC, O_ASYNC, O_DIRECT, O_NOATIME, O_PATH,
    ],
};

/// Descriptor flags of F_GETFD and F_SETFD (fcntl(2)).
pub static FD: Names = Names { what: "descriptor flag", mask: 0, values: values![FD_CLOEXEC] };

/// `AT_*` flags of the calls that take a directory descriptor.
pub static AT: Names = Names {
    what: "AT flag",
    mask: 0,
    values: &[
        ("AT_SYMLINK_NOFOLLOW", libc::AT_SYMLINK_NOFOLLOW as u64),
        ("AT_REMOVEDIR", libc::AT_REMOVEDIR as u64),
        ("AT_SYMLINK_FOLLOW", libc::AT_SYMLINK_FOLLOW as u64),
        ("AT_NO_AUTOMOUNT", libc::AT_NO_AUTOMOUNT as u64),
        ("AT_EMPTY_PATH", libc::AT_EMPTY_PATH as u64),
        ("AT_RECURSIVE", libc::AT_RECURSIVE as u64),
    ],
};

/// Flags of unlinkat(2); the bit means something else in faccessat(2).
pub static UNLINK: Names = Names { what: "flag of unlinkat", mask: 0, values: values![AT_REMOVEDIR] };

/// Flags of faccessat2(2).
pub static ACCESS_FLAGS: Names =
    Names { what: "flag of faccessat2", mask: 0, values: values![AT_SYMLINK_NOFOLLOW, AT_EACCESS, AT_EMPTY_PATH] };

/// Flags of renameat2(2).
pub static RENAME: Names =
    Names { what: "flag of renameat2", mask: 0, values: values![RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT] };

/// Modes of access(2).
pub static ACCESS: Names =
    Names { what: "mode of access", mask: 0, values: &[("F_OK", 0), ("R_OK", 4), ("W_OK", 2), ("X_OK", 1)] };

/// Flags of dup3(2). All others than O_CLOEXEC make it fail.
pub static DUP: Names = Names {
    what: "flag of dup3",
    mask: 0,
    values: values![O_TRUNC, O_APPEND, O_NONBLOCK, O_ASYNC, O_DIRECT, O_CLOEXEC],
};

/// Flags of name_to_handle_at(2).
pub static HANDLE_AT: Names = Names {
    what: "flag of name_to_handle_at",
    mask: 0,
    // include/uapi/linux/fcntl.h.
    values: numbered! {
        AT_HANDLE_MNT_ID_UNIQUE 1, AT_HANDLE_CONNECTABLE 2, AT_HANDLE_FID 0x200, AT_SYMLINK_FOLLOW 0x400, AT_EMPTY_PATH 0x1000,
    },
};

/// Where an lseek(2) counts from.
pub static WHENCE: Names = Names {
    what: "whence of lseek",
    mask: u32::MAX as u64,
    values: values![SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA, SEEK_HOLE],
};

/// Flags of close_range(2).
pub static CLOSE_RANGE: Names =
    Names { what: "flag of close_range", mask: 0, values: values![CLOSE_RANGE_UNSHARE, CLOSE_RANGE_CLOEXEC] };

/// Operations of flock(2).
pub static FLOCK: Names =
    Names { what: "operation of flock", mask: 0, values: values![LOCK_SH, LOCK_EX, LOCK_UN, LOCK_NB] };

/// How openat2(2) resolves a path.
pub static RESOLVE: Names = Names {
    what: "resolve flag of openat2",
    mask: 0,
    values: values![
        RESOLVE_NO_XDEV,
        RESOLVE_NO_MAGICLINKS,
        RESOLVE_NO_SYMLINKS,
        RESOLVE_BENEATH,
        RESOLVE_IN_ROOT,
        RESOLVE_CACHED,
    ],
};

/// Flags of setxattr(2).
pub static XATTR: Names = Names { what: "flag of setxattr", mask: 0, values: values![XATTR_CREATE, XATTR_REPLACE] };

/// Advice of posix_fadvise(2).
pub static FADVICE: Names = Names {
    what: "advice of fadvise64",
    mask: u32::MAX as u64,
    values: values![
        POSIX_FADV_NORMAL,
        POSIX_FADV_RANDOM,
        POSIX_FADV_SEQUENTIAL,
        POSIX_FADV_WILLNEED,
        POSIX_FADV_DONTNEED,
        POSIX_FADV_NOREUSE,
    ],
};

/// Flags of sync_file_range(2).
pub static SYNC_RANGE: Names = Names {
    what: "flag of sync_file_range",
    mask: 0,
    values: values![SYNC_FILE_RANGE_WAIT_BEFORE, SYNC_FILE_RANGE_WRITE, SYNC_FILE_RANGE_WAIT_AFTER],
};

/// The flags of which the kernel looks at 64 bits (SYSCALL_DEFINE in fs/namespace.c, fs/notify/fanotify/fanotify_user.c,
/// kernel/events/core.c, kernel/fork.c, kernel/futex/syscalls.c, kernel/kexec.c, kernel/kexec_file.c, mm/mempolicy.c, mm/mmap.c, mm/mprotect.c, mm/mremap.c, mm/mseal.c
/// and mm/process_vm_access.c).
static LONG: [&Names; 14] = [
    &FANOTIFY_MASK,
    &FUTEX_BITSET,
    &GET_MEMORY_POLICY,
    &KEXEC,
    &KEXEC_FILE,
    &MAP,
    &MOUNT,
    &MREMAP,
    &PERF,
    &PKEY,
    &PROT,
    &RESERVED_LONG,
    &SECURE_BITS,
    &UNSHARE,
];

impl Names {
    /// The value of names joined by `|`, or 0 for no names. The error is a name that is not in this set.
    pub fn parse<'a>(&self, text: &'a str) -> Result<u64, &'a str> {
        if let Some(value) = self.value_of(text) {
            return Ok(value);
        }
        text.split('|')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .try_fold(0, |sum, name| self.value_of(name).map(|value| sum | value).ok_or(name))
    }

    fn value_of(&self, name: &str) -> Option<u64> {
        self.values.iter().find(|(known, _)| *known == name).map(|&(_, value)| value)
    }

    /// Whether the kernel looks at 64 bits of an argument with these flags. It looks at 32 bits of all others.
    pub fn is_long(&self) -> bool {
        self.mask == u64::MAX || LONG.iter().any(|long| std::ptr::eq(*long, self))
    }

    /// The first name of exactly this value.
    pub fn name(&self, value: u64) -> Option<&'static str> {
        self.values.iter().find(|&&(_, known)| known == value).map(|&(name, _)| name)
    }

    /// The names of the set, for hints.
    pub fn all(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.values.iter().map(|&(name, _)| name)
    }

    /// A value as names, with unnamed bits in hex at the end: `O_RDWR|O_CREAT|0x80000000`. 0 is `0` if it has no name.
    pub fn show(&self, value: u64) -> String {
        let mut shown = String::new();
        self.put(&mut shown, value);
        shown
    }

    /// Appends the names to `out`.
    pub fn put(&self, out: &mut String, value: u64) {
        let begin = out.len();
        let mut next = |name: Result<&str, u64>| {
            out.push_str(if out.len() == begin { "" } else { "|" });
            match name {
                Ok(name) => out.push_str(name),
                // A string takes whatever is written to it.
                Err(rest) => drop(write!(out, "{rest:#x}")),
            }
        };
        let mut rest = value & !self.mask;
        let choice = value & self.mask;
        let known = self.values.iter().find(|&&(_, known)| known & !self.mask == 0 && known == choice);
        // Beside flags, a choice of 0 that has no name says nothing.
        if self.mask != 0 && (known.is_some() || choice != 0 || rest == 0) {
            next(known.map(|&(name, _)| name).ok_or(choice));
        }
        for &(name, bits) in self.patterns() {
            if rest & bits == bits {
                next(Ok(name));
                rest &= !bits;
            }
        }
        if rest != 0 {
            next(Err(rest));
        }
        if out.len() == begin {
            let nothing = self.values.iter().find(|&&(_, value)| value == 0);
            out.push_str(nothing.map_or("0", |&(name, _)| name));
        }
    }

    /// The values outside the mask. A value that contains another (`O_SYNC`, `O_TMPFILE`) comes first in its table.
    fn patterns(&self) -> impl Iterator<Item = &'static (&'static str, u64)> {
        let mask = self.mask;
        self.values.iter().filter(move |&&(_, value)| value & !mask != 0)
    }
}

/// The errno of a name (`ENOENT`), as in errno(3).
pub fn errno(name: &str) -> Option<Errno> {
    errnos().find(|errno| format!("{errno:?}") == name)
}

/// All errnos that have a name.
pub fn errnos() -> impl Iterator<Item = Errno> {
    // include/uapi/asm-generic/errno.h ends at 133 (EHWPOISON).
    (1..=133).map(Errno::from_raw).filter(|errno| *errno != Errno::UnknownErrno)
}

/// The name of an errno number, or of one of the kernel's restart codes, which no program sees (include/linux/errno.h).
pub fn errno_name(number: i32) -> String {
    let mut name = String::new();
    put_errno(&mut name, number);
    name
}

/// Appends the name to `out`.
pub fn put_errno(out: &mut String, number: i32) {
    // A string takes whatever is written to it.
    let _ = match (number, Errno::from_raw(number)) {
        (512, _) => out.write_str("ERESTARTSYS"),
        (513, _) => out.write_str("ERESTARTNOINTR"),
        (514, _) => out.write_str("ERESTARTNOHAND"),
        (516, _) => out.write_str("ERESTART_RESTARTBLOCK"),
        (_, Errno::UnknownErrno) => write!(out, "errno {number}"),
        (_, errno) => write!(out, "{errno:?}"),
    };
}

/// The name of a signal number (`SIGSEGV`), as in signal(7).
pub fn signal_name(number: i32) -> String {
    nix::sys::signal::Signal::try_from(number)
        .map_or_else(|_| format!("signal {number}"), |signal| signal.as_str().to_owned())
}

#[cfg(test)]
mod tests;
