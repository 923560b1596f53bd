//! Parses a printed argument, by its type in the table of calls.

use crate::judge::expectation::Aspect;
use crate::subject::json::names_value;
use crate::subject::keys::{Of, of_argument};
use crate::subject::said::{Said, Value};
use crate::table::names::Names;
use crate::table::syscalls::{self, Role, Syscall};

/// The key of an argument, and its type in this call.
pub(super) fn argument(said: &Said, at: usize) -> Option<(&'static str, Role)> {
    let meaning = said.meaning();
    of_argument(said.row?, &meaning, at).map(|key| (key.name, key.role))
}

/// Sets an argument from the bits of its register.
pub(super) fn put_bits(said: &mut Said, at: usize, bits: u64) {
    let Some((key, role)) = argument(said, at) else { return };
    let number = match role {
        Role::Fd | Role::DirFd | Role::FdNumber | Role::Int | Role::Named(_) => (bits as i32).into(),
        Role::Id => syscalls::id(bits),
        Role::Flags(_) | Role::Choice(_) | Role::Mode | Role::UnsignedInt => (bits as u32).into(),
        Role::Signed | Role::Unsigned | Role::Pointer => bits as i64,
        Role::Path | Role::Text if bits == 0 => return put_no_text(said, key, "null"),
        // The register has an address, not the value there.
        Role::Path | Role::Text => return,
    };
    said.put(key, Value::Number(number));
}

/// Sets the reason why there is no path: `null` or `unreadable`.
pub(super) fn put_no_text(said: &mut Said, key: &str, why: &str) {
    said.put(key, Value::Nothing);
    said.put(&format!("{key}_is"), why.into());
}

/// Sets the file of the descriptor in this argument, if the call is about that file.
pub(super) fn put_file_of(said: &mut Said, at: usize, file: Value) {
    let Some(row) = said.row else { return };
    if let Some(key) = ["path", "path2"].into_iter().find(|key| row.descriptor_for(key) == Some(at)) {
        said.put(key, file);
    }
}

/// Sets the result from the raw register: a value from -4095 to -1 is an errno (include/linux/err.h).
pub(super) fn put_raw_ret(said: &mut Said, ret: i64) {
    let is_errno = (-4095..0).contains(&ret);
    said.put("ret", if is_errno { Value::Errno(-ret as i32) } else { Value::Number(ret) });
}

/// A number as C writes it: decimal, 0x and hex, 0 and octal.
pub(super) fn c_number(text: &str) -> Option<u64> {
    if let Some(digits) = text.strip_prefix('-') {
        return digits.parse::<i64>().ok().map(|number| (-number) as u64);
    }
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None if text.len() > 1 && text.starts_with('0') => u64::from_str_radix(&text[1..], 8).ok(),
        None => text.parse().ok(),
    }
}

/// Names that strace uses and the table lacks (include/uapi/linux/stat.h, fcntl.h).
const OTHERS: [(&str, u64); 2] = [("AT_STATX_SYNC_AS_STAT", 0), ("STATX_ALL", 0xfff)];

/// The value of names joined by `|`, or of a number. A name may lack the prefix that all names of the set share (`RDWR` for
/// `O_RDWR`).
pub(super) fn flags(names: &Names, text: &str) -> Option<u64> {
    if let Some(value) = names_value(names, text) {
        return Some(value);
    }
    let one = |word: &str| {
        let others = OTHERS.iter().find(|(name, _)| *name == word).map(|&(_, value)| value);
        let known = || names.all().find(|name| name.split_once('_').is_some_and(|(_, rest)| rest == word));
        others.or_else(|| c_number(word)).or_else(|| names_value(names, word)).or_else(|| names_value(names, known()?))
    };
    text.split('|').map(str::trim).try_fold(0, |sum, word| one(word).map(|value| sum | value))
}

/// The bits of a mode in words (inode(7)), as strace and perf print them: with `S_` or without, and in octal.
pub(super) fn mode(text: &str) -> Option<u64> {
    const NAMES: [(&str, u64); 26] = [
        ("IFSOCK", 0o140_000),
        ("IFLNK", 0o120_000),
        ("IFREG", 0o100_000),
        ("IFBLK", 0o060_000),
        ("IFDIR", 0o040_000),
        ("IFCHR", 0o020_000),
        ("IFIFO", 0o010_000),
        ("ISUID", 0o4000),
        ("ISGID", 0o2000),
        ("ISVTX", 0o1000),
        ("IRWXUGO", 0o777),
        ("IALLUGO", 0o7777),
        ("IRUGO", 0o444),
        ("IWUGO", 0o222),
        ("IXUGO", 0o111),
        ("IRWXU", 0o700),
        ("IRUSR", 0o400),
        ("IWUSR", 0o200),
        ("IXUSR", 0o100),
        ("IRWXG", 0o070),
        ("IRGRP", 0o040),
        ("IWGRP", 0o020),
        ("IXGRP", 0o010),
        ("IRWXO", 0o007),
        ("IROTH", 0o004),
        ("IWOTH", 0o002),
    ];
    let one = |word: &str| {
        let plain = word.strip_prefix("S_").unwrap_or(word);
        let known = NAMES.iter().find(|(name, _)| *name == plain).map(|&(_, bits)| bits);
        known.or((plain == "IXOTH").then_some(1)).or_else(|| c_number(word))
    };
    text.split('|').map(str::trim).try_fold(0, |sum, word| one(word).map(|bits| sum | bits))
}

/// Sets an argument from its words or numbers. Leaves out an argument that is neither.
pub(super) fn put_words(said: &mut Said, at: usize, text: &str) {
    let Some((_, role)) = argument(said, at) else { return };
    let bits = match role {
        Role::Flags(names) | Role::Choice(names) => flags(names, text),
        Role::Mode => mode(text),
        Role::DirFd if matches!(text, "AT_FDCWD" | "CWD") => Some(libc::AT_FDCWD as u64),
        Role::Pointer | Role::Path | Role::Text if text == "NULL" => Some(0),
        _ => c_number(text),
    };
    match (role, bits) {
        (Role::Path | Role::Text, Some(1..)) | (_, None) => {}
        (_, Some(bits)) => put_bits(said, at, bits),
    }
}

/// Our name for an argument that the kernel's source, and so a tracepoint, calls otherwise (`fildes` of dup is `fd`).
pub(super) fn by_kernel_name(row: &Syscall, name: &str) -> Option<usize> {
    let ours: &[&str] = match (row.name, name) {
        ("close_range", "fd") => &["first"],
        ("close_range", "max_fd") => &["last"],
        ("splice" | "copy_file_range", "fd_in") | ("tee", "fdin") | ("sendfile", "out_fd") => &["fd"],
        ("splice" | "copy_file_range", "fd_out") | ("tee", "fdout") | ("sendfile", "in_fd") => &["fd2"],
        ("epoll_ctl", "fd") => &["fd2"],
        ("pipe" | "pipe2", "fildes") => &["pipefd"],
        (_, "fildes" | "oldfd" | "epfd" | "ufd" | "pidfd" | "mfd" | "fanotify_fd") => &["fd"],
        (_, "dfd" | "olddfd") => &["dirfd"],
        (_, "newdfd") => &["dirfd2", "dirfd"],
        (_, "filename" | "pathname" | "oldname" | "uname") => &["path"],
        (_, "newname") => &["path2"],
        (_, "name") => &["path2", "path"],
        (_, "flag") => &["flags"],
        (_, "pos") => &["offset"],
        (_, "vec") => &["iov"],
        (_, "vlen") => &["iovcnt", "vlen"],
        (_, "len") => &["len", "length"],
        (_, "off") => &["offset"],
        (_, "usize") => &["size"],
        (_, "option") => &["op"],
        (_, other) => return row.arg(other),
    };
    ours.iter().find_map(|ours| row.arg(ours)).or_else(|| row.arg(name))
}

/// Whether an argument of a call is a path or a text, so that its key has a `_is`.
pub(super) fn is_text(said: &Said, at: usize) -> bool {
    let key = said.row.and_then(|row| of_argument(row, &said.meaning(), at));
    key.is_some_and(|key| matches!(key.of, Of::Field(Aspect::File(_))))
}

/// The name of a call, by the name of its tracepoints: some functions in the kernel have another name
/// (arch/x86/entry/syscalls/syscall_64.tbl).
pub(super) fn by_tracepoint(name: &str) -> &str {
    match name {
        "newstat" => "stat",
        "newfstat" => "fstat",
        "newlstat" => "lstat",
        "newuname" => "uname",
        "sendfile64" => "sendfile",
        "umount" => "umount2",
        name => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::names;

    #[test]
    fn words_are_found_with_and_without_what_they_begin_with() {
        assert_eq!(flags(&names::OPEN, "RDWR|CREAT"), Some(66));
        assert_eq!(flags(&names::OPEN, "O_RDWR|O_CREAT"), Some(66));
        assert_eq!(flags(&names::OPEN, "O_RDONLY|0x100000"), Some(0x10_0000));
        assert_eq!(flags(&names::WHENCE, "SET"), Some(0));
        assert_eq!(flags(&names::FCNTL, "DUPFD_CLOEXEC"), Some(1030));
        assert_eq!(flags(&names::OPEN, "RDWR|odd"), None);
        assert_eq!(mode("IRUGO|IWUSR"), Some(0o644));
        assert_eq!(mode("S_IFIFO|0600"), Some(0o010_600));
    }

    #[test]
    fn the_kernels_names_are_those_of_the_table() {
        let rows = [
            ("openat", "dfd", "dirfd"),
            ("openat", "filename", "path"),
            ("dup2", "oldfd", "fd"),
            ("dup2", "newfd", "newfd"),
            ("close_range", "max_fd", "last"),
            ("renameat", "newdfd", "dirfd2"),
            ("renameat", "newname", "path2"),
            ("symlinkat", "newdfd", "dirfd"),
            ("pread64", "pos", "offset"),
            ("fsetxattr", "name", "path2"),
            ("unlinkat", "flag", "flags"),
            ("ftruncate", "length", "length"),
        ];
        for (call, kernels, ours) in rows {
            let row = Syscall::by_name(call).unwrap();
            assert_eq!(by_kernel_name(row, kernels), row.arg(ours), "{call} {kernels}");
        }
    }
}
