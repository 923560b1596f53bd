//! The rows, by the families of section 2 of the man pages.

use super::Class::{Io, Other};
use super::Role::{Choice, DirFd, Fd, FdNumber, Flags, Id, Mode, Path, Pointer, Signed, Text, Unsigned};
use super::{Arg, Class, Peek, Ret, Row};
use crate::names;

macro_rules! args {
    ($($name:ident: $role:expr),* $(,)?) => { const { &[$(Arg { name: stringify!($name), role: $role }),*] } };
}

const fn row(name: &'static str, class: Class, args: &'static [Arg], ret: Ret) -> Row {
    Row { name, class, args, ret, implied_flags: None, peek: None }
}

const fn io(name: &'static str, args: &'static [Arg]) -> Row {
    row(name, Io, args, Ret::Number)
}

const fn makes_fd(name: &'static str, args: &'static [Arg]) -> Row {
    row(name, Io, args, Ret::Fd)
}

const fn moves_bytes(name: &'static str, args: &'static [Arg]) -> Row {
    row(name, Io, args, Ret::Bytes)
}

const fn other(name: &'static str, args: &'static [Arg]) -> Row {
    row(name, Other, args, Ret::Number)
}

const fn peeking(at: usize, peek: Peek, row: Row) -> Row {
    Row { peek: Some((at, peek)), ..row }
}

/// All rows. A call that is missing here is still traced: its class is [`Class::Other`] and its arguments are numbers.
#[allow(clippy::too_many_lines)] // a table
pub(super) fn rows() -> Vec<Row> {
    let creat_flags = (libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC) as u64;
    vec![
        // Opening and closing.
        makes_fd("open", args![path: Path, flags: Flags(&names::OPEN), mode: Mode]),
        makes_fd("openat", args![dirfd: DirFd, path: Path, flags: Flags(&names::OPEN), mode: Mode]),
        peeking(2, Peek::OpenHow, makes_fd("openat2", args![dirfd: DirFd, path: Path, how: Pointer, size: Unsigned])),
        Row { implied_flags: Some((&names::OPEN, creat_flags)), ..makes_fd("creat", args![path: Path, mode: Mode]) },
        peeking(
            2,
            Peek::HandleOut,
            io(
                "name_to_handle_at",
                args![dirfd: DirFd, path: Path, handle: Pointer, mount_id: Pointer, flags: Flags(&names::AT)],
            ),
        ),
        peeking(
            1,
            Peek::HandleIn,
            makes_fd("open_by_handle_at", args![dirfd: DirFd, handle: Pointer, flags: Flags(&names::OPEN)]),
        ),
        io("close", args![fd: Fd]),
        io("close_range", args![first: FdNumber, last: FdNumber, flags: Flags(&names::CLOSE_RANGE)]),
        makes_fd("dup", args![fd: Fd]),
        makes_fd("dup2", args![fd: Fd, newfd: FdNumber]),
        makes_fd("dup3", args![fd: Fd, newfd: FdNumber, flags: Flags(&names::OPEN)]),
        row("fcntl", Io, args![fd: Fd, cmd: Choice(&names::FCNTL), arg: Signed], Ret::ByCommand),
        io("flock", args![fd: Fd, op: Flags(&names::FLOCK)]),
        io("ioctl", args![fd: Fd, op: Unsigned, arg: Pointer]),
        // Reading and writing.
        moves_bytes("read", args![fd: Fd, buf: Pointer, count: Unsigned]),
        moves_bytes("write", args![fd: Fd, buf: Pointer, count: Unsigned]),
        moves_bytes("pread64", args![fd: Fd, buf: Pointer, count: Unsigned, offset: Signed]),
        moves_bytes("pwrite64", args![fd: Fd, buf: Pointer, count: Unsigned, offset: Signed]),
        moves_bytes("readv", args![fd: Fd, iov: Pointer, iovcnt: Signed]),
        moves_bytes("writev", args![fd: Fd, iov: Pointer, iovcnt: Signed]),
        moves_bytes("preadv", args![fd: Fd, iov: Pointer, iovcnt: Signed, offset: Signed]),
        moves_bytes("pwritev", args![fd: Fd, iov: Pointer, iovcnt: Signed, offset: Signed]),
        moves_bytes(
            "preadv2",
            args![fd: Fd, iov: Pointer, iovcnt: Signed, offset: Signed, offset_high: Signed, flags: Unsigned],
        ),
        moves_bytes(
            "pwritev2",
            args![fd: Fd, iov: Pointer, iovcnt: Signed, offset: Signed, offset_high: Signed, flags: Unsigned],
        ),
        io("lseek", args![fd: Fd, offset: Signed, whence: Choice(&names::WHENCE)]),
        io("readahead", args![fd: Fd, offset: Signed, count: Unsigned]),
        io("fadvise64", args![fd: Fd, offset: Signed, len: Signed, advice: Choice(&names::FADVICE)]),
        moves_bytes("getdents64", args![fd: Fd, buf: Pointer, count: Unsigned]),
        moves_bytes("getdents", args![fd: Fd, buf: Pointer, count: Unsigned]),
        moves_bytes(
            "copy_file_range",
            args![fd: Fd, off: Pointer, fd2: Fd, off2: Pointer, len: Unsigned, flags: Unsigned],
        ),
        moves_bytes("sendfile", args![fd: Fd, fd2: Fd, off: Pointer, count: Unsigned]),
        moves_bytes("splice", args![fd: Fd, off: Pointer, fd2: Fd, off2: Pointer, len: Unsigned, flags: Unsigned]),
        moves_bytes("tee", args![fd: Fd, fd2: Fd, len: Unsigned, flags: Unsigned]),
        moves_bytes("vmsplice", args![fd: Fd, iov: Pointer, nr_segs: Unsigned, flags: Unsigned]),
        // Names: rename, link, unlink, directories.
        io("rename", args![path: Path, path2: Path]),
        io("renameat", args![dirfd: DirFd, path: Path, dirfd2: DirFd, path2: Path]),
        io("renameat2", args![dirfd: DirFd, path: Path, dirfd2: DirFd, path2: Path, flags: Flags(&names::RENAME)]),
        io("link", args![path: Path, path2: Path]),
        io("linkat", args![dirfd: DirFd, path: Path, dirfd2: DirFd, path2: Path, flags: Flags(&names::AT)]),
        io("symlink", args![path: Text, path2: Path]),
        io("symlinkat", args![path: Text, dirfd: DirFd, path2: Path]),
        moves_bytes("readlink", args![path: Path, buf: Pointer, bufsiz: Unsigned]),
        moves_bytes("readlinkat", args![dirfd: DirFd, path: Path, buf: Pointer, bufsiz: Unsigned]),
        io("unlink", args![path: Path]),
        io("unlinkat", args![dirfd: DirFd, path: Path, flags: Flags(&names::UNLINK)]),
        io("rmdir", args![path: Path]),
        io("mkdir", args![path: Path, mode: Mode]),
        io("mkdirat", args![dirfd: DirFd, path: Path, mode: Mode]),
        io("mknod", args![path: Path, mode: Mode, dev: Unsigned]),
        io("mknodat", args![dirfd: DirFd, path: Path, mode: Mode, dev: Unsigned]),
        io("chdir", args![path: Path]),
        io("fchdir", args![fd: Fd]),
        moves_bytes("getcwd", args![path: Path, size: Unsigned]),
        // What is said of a file.
        io("stat", args![path: Path, statbuf: Pointer]),
        io("fstat", args![fd: Fd, statbuf: Pointer]),
        io("lstat", args![path: Path, statbuf: Pointer]),
        io("newfstatat", args![dirfd: DirFd, path: Path, statbuf: Pointer, flags: Flags(&names::AT)]),
        io(
            "statx",
            args![
                dirfd: DirFd,
                path: Path,
                flags: Flags(&names::STATX_FLAGS),
                mask: Flags(&names::STATX_MASK),
                statxbuf: Pointer,
            ],
        ),
        io("access", args![path: Path, mode: Choice(&names::ACCESS)]),
        io("faccessat", args![dirfd: DirFd, path: Path, mode: Choice(&names::ACCESS)]),
        io(
            "faccessat2",
            args![dirfd: DirFd, path: Path, mode: Choice(&names::ACCESS), flags: Flags(&names::ACCESS_FLAGS)],
        ),
        io("statfs", args![path: Path, buf: Pointer]),
        io("fstatfs", args![fd: Fd, buf: Pointer]),
        io("chmod", args![path: Path, mode: Mode]),
        io("fchmod", args![fd: Fd, mode: Mode]),
        io("fchmodat", args![dirfd: DirFd, path: Path, mode: Mode]),
        io("fchmodat2", args![dirfd: DirFd, path: Path, mode: Mode, flags: Flags(&names::AT)]),
        io("chown", args![path: Path, owner: Id, group: Id]),
        io("fchown", args![fd: Fd, owner: Id, group: Id]),
        io("lchown", args![path: Path, owner: Id, group: Id]),
        io("fchownat", args![dirfd: DirFd, path: Path, owner: Id, group: Id, flags: Flags(&names::AT)]),
        io("utime", args![path: Path, times: Pointer]),
        io("utimes", args![path: Path, times: Pointer]),
        io("futimesat", args![dirfd: DirFd, path: Path, times: Pointer]),
        io("utimensat", args![dirfd: DirFd, path: Path, times: Pointer, flags: Flags(&names::AT)]),
        // Extended attributes: `path2` is the attribute's name.
        io("setxattr", args![path: Path, path2: Text, value: Pointer, size: Unsigned, flags: Flags(&names::XATTR)]),
        io("lsetxattr", args![path: Path, path2: Text, value: Pointer, size: Unsigned, flags: Flags(&names::XATTR)]),
        io("fsetxattr", args![fd: Fd, path2: Text, value: Pointer, size: Unsigned, flags: Flags(&names::XATTR)]),
        moves_bytes("getxattr", args![path: Path, path2: Text, value: Pointer, size: Unsigned]),
        moves_bytes("lgetxattr", args![path: Path, path2: Text, value: Pointer, size: Unsigned]),
        moves_bytes("fgetxattr", args![fd: Fd, path2: Text, value: Pointer, size: Unsigned]),
        moves_bytes("listxattr", args![path: Path, list: Pointer, size: Unsigned]),
        moves_bytes("llistxattr", args![path: Path, list: Pointer, size: Unsigned]),
        moves_bytes("flistxattr", args![fd: Fd, list: Pointer, size: Unsigned]),
        io("removexattr", args![path: Path, path2: Text]),
        io("lremovexattr", args![path: Path, path2: Text]),
        io("fremovexattr", args![fd: Fd, path2: Text]),
        // Durability and size.
        io("fsync", args![fd: Fd]),
        io("fdatasync", args![fd: Fd]),
        io("sync_file_range", args![fd: Fd, offset: Signed, nbytes: Signed, flags: Flags(&names::SYNC_RANGE)]),
        io("sync", args![]),
        io("syncfs", args![fd: Fd]),
        io("truncate", args![path: Path, length: Signed]),
        io("ftruncate", args![fd: Fd, length: Signed]),
        io("fallocate", args![fd: Fd, mode: Flags(&names::FALLOCATE), offset: Signed, len: Signed]),
        // io_uring.
        makes_fd("io_uring_setup", args![entries: Unsigned, params: Pointer]),
        io(
            "io_uring_enter",
            args![
                fd: Fd,
                to_submit: Unsigned,
                min_complete: Unsigned,
                flags: Flags(&names::URING_ENTER),
                sig: Pointer,
                sz: Unsigned,
            ],
        ),
        io("io_uring_register", args![fd: Fd, opcode: Choice(&names::URING_REGISTER), arg: Pointer, nr_args: Unsigned]),
        // Descriptors that are no files.
        peeking(0, Peek::Pair, io("pipe", args![pipefd: Pointer])),
        peeking(0, Peek::Pair, io("pipe2", args![pipefd: Pointer, flags: Flags(&names::OPEN)])),
        peeking(
            3,
            Peek::Pair,
            io("socketpair", args![domain: Unsigned, type: Unsigned, protocol: Unsigned, sv: Pointer]),
        ),
        // No I/O, known by name so that a table may ask for them.
        other("mmap", args![addr: Pointer, length: Unsigned, prot: Unsigned, flags: Unsigned, fd: Fd, offset: Signed]),
        other("munmap", args![addr: Pointer, length: Unsigned]),
        other("msync", args![addr: Pointer, length: Unsigned, flags: Unsigned]),
        other("kill", args![pid: Signed, sig: Unsigned]),
        other("tgkill", args![tgid: Signed, tid: Signed, sig: Unsigned]),
        other("execve", args![path: Path, argv: Pointer, envp: Pointer]),
        other("execveat", args![dirfd: DirFd, path: Path, argv: Pointer, envp: Pointer, flags: Flags(&names::AT)]),
        other("clone", args![flags: Unsigned]),
        other("clone3", args![cl_args: Pointer, size: Unsigned]),
        other("fork", args![]),
        other("vfork", args![]),
        other("wait4", args![pid: Signed, wstatus: Pointer, options: Unsigned, rusage: Pointer]),
        other("restart_syscall", args![]),
        other("prctl", args![op: Unsigned]),
        row("exit", Other, args![status: Signed], Ret::Never),
        row("exit_group", Other, args![status: Signed], Ret::Never),
        row("rt_sigreturn", Other, args![], Ret::Never),
    ]
}
