//! The calls of 32-bit programs, whose numbers are in another table of the kernel.
//!
//! No I/O. A call whose arguments are those of a native call has the row of that call. Others have only a name: those that take a
//! 64-bit number in two registers, and those that point to a struct of another layout.

use std::str::FromStr;

use super::Syscall;

#[cfg(target_arch = "aarch64")]
use syscalls::arm::Sysno as Number;
#[cfg(not(target_arch = "aarch64"))]
use syscalls::x86::Sysno as Number;

/// Calls whose arguments differ from those of the native call of the same name (arch/x86/entry/syscalls/syscall_32.tbl).
const UNLIKE: [&str; 23] = [
    "pread64",
    "pwrite64",
    "preadv",
    "pwritev",
    "preadv2",
    "pwritev2",
    "readahead",
    "truncate64",
    "ftruncate64",
    "fadvise64",
    "fadvise64_64",
    "fallocate",
    "sync_file_range",
    "sync_file_range2",
    "mmap",
    "mmap2",
    "select",
    "chown",
    "fchown",
    "lchown",
    "fanotify_mark",
    "name_to_handle_at",
    "open_by_handle_at",
];

/// Calls that have another name here, with that name.
const ALIASES: [(&str, &str); 10] = [
    ("fcntl64", "fcntl"),
    ("stat64", "stat"),
    ("fstat64", "fstat"),
    ("lstat64", "lstat"),
    ("fstatat64", "newfstatat"),
    ("sendfile64", "sendfile"),
    ("chown32", "chown"),
    ("fchown32", "fchown"),
    ("lchown32", "lchown"),
    ("utimensat_time64", "utimensat"),
];

/// The name of a number.
pub(super) fn name(number: u32) -> Option<&'static str> {
    Number::new(number as usize).map(|number| number.name())
}

/// Whether some architecture has a call of this name.
pub(super) fn is_known(name: &str) -> bool {
    syscalls::arm::Sysno::from_str(name).is_ok()
        || syscalls::x86::Sysno::from_str(name).is_ok()
        || syscalls::x86_64::Sysno::from_str(name).is_ok()
}

/// The row with the meaning of the arguments of a number.
pub(super) fn row(number: u32) -> Option<&'static Syscall> {
    let name = name(number).filter(|name| !UNLIKE.contains(name))?;
    let alias = ALIASES.iter().find(|(other, _)| *other == name);
    Syscall::by_name(alias.map_or(name, |(_, native)| native))
}
