//! The rows, by the families of section 2 of the man pages.

use super::Class::{Io, Other};
use super::Role::{
    Choice, DirFd, Fd, FdNumber, Flags, Id, Int, Mode, Named, Path, Pointer, Signed, Text, Unsigned, UnsignedInt,
};
use super::{Arg, Class, Effect, Makes, Peek, PortableRow, Ret};
use crate::table::kind::Kind;
use crate::table::names;

macro_rules! args {
    ($($name:ident: $role:expr),* $(,)?) => { const { &[$(Arg { name: stringify!($name), role: $role }),*] } };
}

mod ipc;
mod kernel;
mod mounts;
mod schedule;

const fn row(name: &'static str, class: Class, args: &'static [Arg], ret: Ret) -> PortableRow {
    PortableRow { name, effect: Effect::Other, class, args, ret, implied_flags: None, peek: None, makes: None }
}

const fn io(name: &'static str, args: &'static [Arg]) -> PortableRow {
    row(name, Io, args, Ret::Number)
}

const fn makes_fd(name: &'static str, args: &'static [Arg]) -> PortableRow {
    row(name, Io, args, Ret::Fd)
}

const fn moves_bytes(name: &'static str, args: &'static [Arg]) -> PortableRow {
    row(name, Io, args, Ret::Bytes)
}

/// What descriptor it makes, that is open for reading and writing unless it says otherwise.
const fn of_kind(kind: Kind, row: PortableRow) -> PortableRow {
    let access = if matches!(kind, Kind::Inotify | Kind::Userfaultfd) { libc::O_RDONLY } else { libc::O_RDWR };
    PortableRow { makes: Some(Makes { kind, access }), ..row }
}

const fn other(name: &'static str, args: &'static [Arg]) -> PortableRow {
    row(name, Other, args, Ret::Number)
}

/// What it does to descriptors and names.
const fn does(effect: Effect, row: PortableRow) -> PortableRow {
    PortableRow { effect, ..row }
}

const fn peeking(at: usize, peek: Peek, row: PortableRow) -> PortableRow {
    PortableRow { peek: Some((at, peek)), ..row }
}

/// Calls without a row, whose arguments are numbers for that, and what they do all the same.
pub(super) const WITHOUT_ROW: [(&str, Effect); 1] = [
    // Of 32-bit programs.
    ("umount", Effect::ChangeNames),
];

/// All rows. A call that is missing here is still traced: its class is [`Class::Other`] and its arguments are numbers.
pub(super) fn rows() -> Vec<PortableRow> {
    let families = [everyday(), mounts::rows(), ipc::rows(), kernel::rows(), schedule::rows()];
    families.into_iter().flatten().collect()
}

#[allow(clippy::too_many_lines)] // a table
fn everyday() -> Vec<PortableRow> {
    let creat_flags = (libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC) as u64;
    vec![
        // Opening and closing.
        does(Effect::Open, makes_fd("open", args![path: Path, flags: Flags(&names::OPEN), mode: Mode])),
        does(Effect::Open, makes_fd("openat", args![dirfd: DirFd, path: Path, flags: Flags(&names::OPEN), mode: Mode])),
        does(
            Effect::Open,
            peeking(
                2,
                Peek::OpenHow,
                makes_fd("openat2", args![dirfd: DirFd, path: Path, how: Pointer, size: Unsigned]),
            ),
        ),
        PortableRow {
            implied_flags: Some((&names::OPEN, creat_flags)),
            ..does(Effect::Open, makes_fd("creat", args![path: Path, mode: Mode]))
        },
        peeking(
            2,
            Peek::HandleOut,
            io(
                "name_to_handle_at",
                args![dirfd: DirFd, path: Path, handle: Pointer, mount_id: Pointer, flags: Flags(&names::HANDLE_AT)],
            ),
        ),
        does(
            Effect::OpenHandle,
            peeking(
                1,
                Peek::HandleIn,
                makes_fd("open_by_handle_at", args![dirfd: DirFd, handle: Pointer, flags: Flags(&names::OPEN)]),
            ),
        ),
        does(Effect::Close, io("close", args![fd: Fd])),
        does(
            Effect::CloseRange,
            io("close_range", args![first: FdNumber, last: FdNumber, flags: Flags(&names::CLOSE_RANGE)]),
        ),
        does(Effect::Duplicate, makes_fd("dup", args![fd: Fd])),
        does(Effect::DuplicateOnto, makes_fd("dup2", args![fd: Fd, newfd: FdNumber])),
        does(Effect::DuplicateOnto, makes_fd("dup3", args![fd: Fd, newfd: FdNumber, flags: Flags(&names::DUP)])),
        does(
            Effect::ControlDescriptor,
            row("fcntl", Io, args![fd: Fd, cmd: Choice(&names::FCNTL), arg: Signed], Ret::ByCommand),
        ),
        io("flock", args![fd: Fd, op: Flags(&names::FLOCK)]),
        io("ioctl", args![fd: Fd, op: Choice(&names::IOCTL), arg: Pointer]),
        // Reading and writing.
        moves_bytes("read", args![fd: Fd, buf: Pointer, count: Unsigned]),
        moves_bytes("write", args![fd: Fd, buf: Pointer, count: Unsigned]),
        moves_bytes("pread64", args![fd: Fd, buf: Pointer, count: Unsigned, offset: Signed]),
        moves_bytes("pwrite64", args![fd: Fd, buf: Pointer, count: Unsigned, offset: Signed]),
        moves_bytes("readv", args![fd: Fd, iov: Pointer, iovcnt: Unsigned]),
        moves_bytes("writev", args![fd: Fd, iov: Pointer, iovcnt: Unsigned]),
        moves_bytes("preadv", args![fd: Fd, iov: Pointer, iovcnt: Unsigned, offset: Signed]),
        moves_bytes("pwritev", args![fd: Fd, iov: Pointer, iovcnt: Unsigned, offset: Signed]),
        moves_bytes(
            "preadv2",
            args![fd: Fd, iov: Pointer, iovcnt: Unsigned, offset: Signed, offset_high: Signed, flags: Flags(&names::RWF)],
        ),
        moves_bytes(
            "pwritev2",
            args![fd: Fd, iov: Pointer, iovcnt: Unsigned, offset: Signed, offset_high: Signed, flags: Flags(&names::RWF)],
        ),
        io("lseek", args![fd: Fd, offset: Signed, whence: Choice(&names::WHENCE)]),
        io("readahead", args![fd: Fd, offset: Signed, count: Unsigned]),
        io("fadvise64", args![fd: Fd, offset: Signed, len: Signed, advice: Choice(&names::FADVICE)]),
        moves_bytes("getdents64", args![fd: Fd, buf: Pointer, count: UnsignedInt]),
        moves_bytes("getdents", args![fd: Fd, buf: Pointer, count: UnsignedInt]),
        moves_bytes(
            "copy_file_range",
            args![fd: Fd, off: Pointer, fd2: Fd, off2: Pointer, len: Unsigned, flags: Flags(&names::RESERVED)],
        ),
        // The first is the descriptor written to.
        moves_bytes("sendfile", args![fd: Fd, fd2: Fd, off: Pointer, count: Unsigned]),
        moves_bytes(
            "splice",
            args![fd: Fd, off: Pointer, fd2: Fd, off2: Pointer, len: Unsigned, flags: Flags(&names::SPLICE)],
        ),
        moves_bytes("tee", args![fd: Fd, fd2: Fd, len: Unsigned, flags: Flags(&names::SPLICE)]),
        moves_bytes("vmsplice", args![fd: Fd, iov: Pointer, nr_segs: Unsigned, flags: Flags(&names::SPLICE)]),
        // Results are counts of requests.
        io("io_setup", args![nr_events: UnsignedInt, ctx_idp: Pointer]),
        io("io_destroy", args![ctx_id: Pointer]),
        io("io_submit", args![ctx_id: Pointer, nr: Signed, iocbpp: Pointer]),
        io("io_cancel", args![ctx_id: Pointer, iocb: Pointer, result: Pointer]),
        io("io_getevents", args![ctx_id: Pointer, min_nr: Signed, nr: Signed, events: Pointer, timeout: Pointer]),
        io(
            "io_pgetevents",
            args![ctx_id: Pointer, min_nr: Signed, nr: Signed, events: Pointer, timeout: Pointer, usig: Pointer],
        ),
        // Names: rename, link, unlink, directories.
        does(Effect::ChangeNames, io("rename", args![path: Path, path2: Path])),
        does(Effect::ChangeNames, io("renameat", args![dirfd: DirFd, path: Path, dirfd2: DirFd, path2: Path])),
        does(
            Effect::ChangeNames,
            io("renameat2", args![dirfd: DirFd, path: Path, dirfd2: DirFd, path2: Path, flags: Flags(&names::RENAME)]),
        ),
        does(Effect::ChangeNames, io("link", args![path: Path, path2: Path])),
        does(
            Effect::ChangeNames,
            io("linkat", args![dirfd: DirFd, path: Path, dirfd2: DirFd, path2: Path, flags: Flags(&names::AT)]),
        ),
        does(Effect::ChangeNames, io("symlink", args![path: Text, path2: Path])),
        does(Effect::ChangeNames, io("symlinkat", args![path: Text, dirfd: DirFd, path2: Path])),
        moves_bytes("readlink", args![path: Path, buf: Pointer, bufsiz: Int]),
        moves_bytes("readlinkat", args![dirfd: DirFd, path: Path, buf: Pointer, bufsiz: Int]),
        does(Effect::ChangeNames, io("unlink", args![path: Path])),
        does(Effect::ChangeNames, io("unlinkat", args![dirfd: DirFd, path: Path, flags: Flags(&names::UNLINK)])),
        does(Effect::ChangeNames, io("rmdir", args![path: Path])),
        io("mkdir", args![path: Path, mode: Mode]),
        io("mkdirat", args![dirfd: DirFd, path: Path, mode: Mode]),
        io("mknod", args![path: Path, mode: Mode, dev: UnsignedInt]),
        io("mknodat", args![dirfd: DirFd, path: Path, mode: Mode, dev: UnsignedInt]),
        does(Effect::ChangeDirectory, io("chdir", args![path: Path])),
        does(Effect::ChangeDirectory, io("fchdir", args![fd: Fd])),
        does(Effect::TellDirectory, moves_bytes("getcwd", args![path: Path, size: Unsigned])),
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
        of_kind(Kind::IoUring, makes_fd("io_uring_setup", args![entries: UnsignedInt, params: Pointer])),
        does(
            Effect::SubmitRequests,
            io(
                "io_uring_enter",
                args![
                    fd: Fd,
                    to_submit: UnsignedInt,
                    min_complete: UnsignedInt,
                    flags: Flags(&names::URING_ENTER),
                    sig: Pointer,
                    sz: Unsigned,
                ],
            ),
        ),
        does(
            Effect::RegisterResources,
            io(
                "io_uring_register",
                args![fd: Fd, opcode: Choice(&names::URING_REGISTER), arg: Pointer, nr_args: UnsignedInt],
            ),
        ),
        // Descriptors that are no files.
        of_kind(Kind::Pipe, peeking(0, Peek::Pair, io("pipe", args![pipefd: Pointer]))),
        of_kind(Kind::Pipe, peeking(0, Peek::Pair, io("pipe2", args![pipefd: Pointer, flags: Flags(&names::PIPE)]))),
        of_kind(Kind::Memfd, makes_fd("memfd_create", args![path: Text, flags: Flags(&names::MEMFD)])),
        of_kind(Kind::Eventfd, makes_fd("eventfd", args![initval: UnsignedInt])),
        of_kind(Kind::Eventfd, makes_fd("eventfd2", args![initval: UnsignedInt, flags: Flags(&names::EVENTFD)])),
        of_kind(
            Kind::Timerfd,
            makes_fd("timerfd_create", args![clockid: Choice(&names::CLOCK), flags: Flags(&names::TIMERFD)]),
        ),
        io("timerfd_settime", args![fd: Fd, flags: Flags(&names::TIMER), new_value: Pointer, old_value: Pointer]),
        io("timerfd_gettime", args![fd: Fd, curr_value: Pointer]),
        of_kind(Kind::Signalfd, makes_fd("signalfd", args![fd: Fd, mask: Pointer, sizemask: Unsigned])),
        of_kind(
            Kind::Signalfd,
            makes_fd("signalfd4", args![fd: Fd, mask: Pointer, sizemask: Unsigned, flags: Flags(&names::SIGNALFD)]),
        ),
        of_kind(Kind::Pidfd, makes_fd("pidfd_open", args![pid: Int, flags: Flags(&names::PIDFD)])),
        of_kind(Kind::Userfaultfd, makes_fd("userfaultfd", args![flags: Flags(&names::USERFAULTFD)])),
        does(
            Effect::CopyDescriptor,
            makes_fd("pidfd_getfd", args![fd: Fd, targetfd: FdNumber, flags: Flags(&names::RESERVED)]),
        ),
        // Waiting for descriptors: results are counts of them.
        io("poll", args![fds: Pointer, nfds: UnsignedInt, timeout: Int]),
        io("ppoll", args![fds: Pointer, nfds: UnsignedInt, tmo_p: Pointer, sigmask: Pointer, sigsetsize: Unsigned]),
        io("select", args![nfds: Int, readfds: Pointer, writefds: Pointer, exceptfds: Pointer, timeout: Pointer]),
        io(
            "pselect6",
            args![
                nfds: Int,
                readfds: Pointer,
                writefds: Pointer,
                exceptfds: Pointer,
                timeout: Pointer,
                sigmask: Pointer,
            ],
        ),
        of_kind(Kind::Epoll, makes_fd("epoll_create", args![size: Int])),
        of_kind(Kind::Epoll, makes_fd("epoll_create1", args![flags: Flags(&names::EPOLL)])),
        io("epoll_ctl", args![fd: Fd, op: Choice(&names::EPOLL_CTL), fd2: Fd, event: Pointer]),
        io("epoll_wait", args![fd: Fd, events: Pointer, maxevents: Int, timeout: Int]),
        io(
            "epoll_pwait",
            args![
                fd: Fd,
                events: Pointer,
                maxevents: Int,
                timeout: Int,
                sigmask: Pointer,
                sigsetsize: Unsigned,
            ],
        ),
        io(
            "epoll_pwait2",
            args![
                fd: Fd,
                events: Pointer,
                maxevents: Int,
                timeout: Pointer,
                sigmask: Pointer,
                sigsetsize: Unsigned,
            ],
        ),
        // The result of inotify_add_watch is a number among the watches, and no descriptor.
        of_kind(Kind::Inotify, makes_fd("inotify_init", args![])),
        of_kind(Kind::Inotify, makes_fd("inotify_init1", args![flags: Flags(&names::INOTIFY)])),
        io("inotify_add_watch", args![fd: Fd, path: Path, mask: Flags(&names::INOTIFY_MASK)]),
        io("inotify_rm_watch", args![fd: Fd, wd: Int]),
        of_kind(
            Kind::Fanotify,
            makes_fd("fanotify_init", args![flags: Flags(&names::FANOTIFY), event_f_flags: Flags(&names::OPEN)]),
        ),
        io(
            "fanotify_mark",
            args![
                fd: Fd,
                flags: Flags(&names::FANOTIFY_MARK),
                mask: Flags(&names::FANOTIFY_MASK),
                dirfd: DirFd,
                path: Path,
            ],
        ),
        // Sockets.
        of_kind(
            Kind::Socket,
            makes_fd("socket", args![domain: Choice(&names::FAMILY), type: Choice(&names::SOCKET), protocol: Int]),
        ),
        of_kind(
            Kind::Socket,
            peeking(
                3,
                Peek::Pair,
                io(
                    "socketpair",
                    args![domain: Choice(&names::FAMILY), type: Choice(&names::SOCKET), protocol: Int, sv: Pointer],
                ),
            ),
        ),
        io("bind", args![fd: Fd, addr: Pointer, addrlen: UnsignedInt]),
        io("listen", args![fd: Fd, backlog: Int]),
        of_kind(Kind::Socket, makes_fd("accept", args![fd: Fd, addr: Pointer, addrlen: Pointer])),
        of_kind(
            Kind::Socket,
            makes_fd("accept4", args![fd: Fd, addr: Pointer, addrlen: Pointer, flags: Flags(&names::ACCEPT)]),
        ),
        io("connect", args![fd: Fd, addr: Pointer, addrlen: UnsignedInt]),
        io("shutdown", args![fd: Fd, how: Choice(&names::SHUTDOWN)]),
        io("getsockname", args![fd: Fd, addr: Pointer, addrlen: Pointer]),
        io("getpeername", args![fd: Fd, addr: Pointer, addrlen: Pointer]),
        io(
            "setsockopt",
            args![fd: Fd, level: Choice(&names::SOCKET_LEVEL), optname: Choice(&names::OTHER_OPTION), optval: Pointer, optlen: Int],
        ),
        io(
            "getsockopt",
            args![fd: Fd, level: Choice(&names::SOCKET_LEVEL), optname: Choice(&names::OTHER_OPTION), optval: Pointer, optlen: Pointer],
        ),
        moves_bytes(
            "sendto",
            args![
                fd: Fd,
                buf: Pointer,
                len: Unsigned,
                flags: Flags(&names::MESSAGE),
                dest_addr: Pointer,
                addrlen: UnsignedInt,
            ],
        ),
        does(
            Effect::Receive,
            moves_bytes(
                "recvfrom",
                args![
                    fd: Fd,
                    buf: Pointer,
                    len: Unsigned,
                    flags: Flags(&names::MESSAGE),
                    src_addr: Pointer,
                    addrlen: Pointer,
                ],
            ),
        ),
        moves_bytes("sendmsg", args![fd: Fd, msg: Pointer, flags: Flags(&names::MESSAGE)]),
        does(
            Effect::ReceiveMessages,
            moves_bytes("recvmsg", args![fd: Fd, msg: Pointer, flags: Flags(&names::MESSAGE)]),
        ),
        // Their results are counts of messages.
        io("sendmmsg", args![fd: Fd, msgvec: Pointer, vlen: UnsignedInt, flags: Flags(&names::MESSAGE)]),
        does(
            Effect::ReceiveMessages,
            io(
                "recvmmsg",
                args![fd: Fd, msgvec: Pointer, vlen: UnsignedInt, flags: Flags(&names::MESSAGE), timeout: Pointer],
            ),
        ),
        // No I/O, known by name so that a table may ask for them.
        does(
            Effect::Map,
            row(
                "mmap",
                Other,
                args![
                    addr: Pointer,
                    length: Unsigned,
                    prot: Flags(&names::PROT),
                    flags: Flags(&names::MAP),
                    fd: Fd,
                    offset: Signed,
                ],
                Ret::Pointer,
            ),
        ),
        other("munmap", args![addr: Pointer, length: Unsigned]),
        other("msync", args![addr: Pointer, length: Unsigned, flags: Flags(&names::MSYNC)]),
        other("kill", args![pid: Int, sig: Named(&names::SIGNAL)]),
        other("tgkill", args![tgid: Int, tid: Int, sig: Named(&names::SIGNAL)]),
        does(Effect::Execute, other("execve", args![path: Path, argv: Pointer, envp: Pointer])),
        does(
            Effect::Execute,
            other("execveat", args![dirfd: DirFd, path: Path, argv: Pointer, envp: Pointer, flags: Flags(&names::AT)]),
        ),
        does(
            Effect::Clone,
            other(
                "clone",
                args![
                    flags: Flags(&names::CLONE),
                    stack: Pointer,
                    parent_tid: Pointer,
                    // On x86-64; on arm64 these two are the other way round.
                    child_tid: Pointer,
                    tls: Pointer,
                ],
            ),
        ),
        other("clone3", args![cl_args: Pointer, size: Unsigned]),
        other("fork", args![]),
        other("vfork", args![]),
        other("wait4", args![pid: Int, wstatus: Pointer, options: Flags(&names::WAIT), rusage: Pointer]),
        other(
            "waitid",
            args![
                idtype: Choice(&names::WAIT_FOR),
                id: Int,
                infop: Pointer,
                options: Flags(&names::WAIT_ID),
                rusage: Pointer,
            ],
        ),
        other("restart_syscall", args![]),
        does(
            Effect::ControlProcess,
            other(
                "prctl",
                args![op: Choice(&names::PRCTL), arg2: Pointer, arg3: Pointer, arg4: Pointer, arg5: Pointer],
            ),
        ),
        // What every program does besides, so that its trace can be read.
        row("brk", Other, args![addr: Pointer], Ret::Pointer),
        other("mprotect", args![addr: Pointer, length: Unsigned, prot: Flags(&names::PROT)]),
        other("madvise", args![addr: Pointer, length: Unsigned, advice: Choice(&names::MADVICE)]),
        row(
            "mremap",
            Other,
            args![
                addr: Pointer,
                old_size: Unsigned,
                new_size: Unsigned,
                flags: Flags(&names::MREMAP),
                new_address: Pointer,
            ],
            Ret::Pointer,
        ),
        other("mlock", args![addr: Pointer, length: Unsigned]),
        other("munlock", args![addr: Pointer, length: Unsigned]),
        other("mincore", args![addr: Pointer, length: Unsigned, vec: Pointer]),
        other("arch_prctl", args![op: Choice(&names::ARCH_PRCTL), addr: Pointer]),
        other("set_tid_address", args![tidptr: Pointer]),
        other("set_robust_list", args![head: Pointer, length: Unsigned]),
        other(
            "rseq",
            args![rseq: Pointer, length: UnsignedInt, flags: Flags(&names::RSEQ), sig: Choice(&names::RSEQ_SIGNATURE)],
        ),
        other(
            "futex",
            args![
                uaddr: Pointer,
                op: Flags(&names::FUTEX),
                val: UnsignedInt,
                timeout: Pointer,
                uaddr2: Pointer,
                val3: UnsignedInt,
            ],
        ),
        row("getrandom", Other, args![buf: Pointer, count: Unsigned, flags: Flags(&names::RANDOM)], Ret::Bytes),
        other("prlimit64", args![pid: Int, resource: Choice(&names::RESOURCE), new_limit: Pointer, old_limit: Pointer]),
        other("getrlimit", args![resource: Choice(&names::RESOURCE), rlim: Pointer]),
        other("setrlimit", args![resource: Choice(&names::RESOURCE), rlim: Pointer]),
        other("getrusage", args![who: Choice(&names::USAGE), usage: Pointer]),
        other("rt_sigaction", args![sig: Choice(&names::SIGNAL), act: Pointer, oldact: Pointer, sigsetsize: Unsigned]),
        other(
            "rt_sigprocmask",
            args![how: Choice(&names::SIGMASK), set: Pointer, oldset: Pointer, sigsetsize: Unsigned],
        ),
        other("rt_sigsuspend", args![mask: Pointer, sigsetsize: Unsigned]),
        other("rt_sigtimedwait", args![set: Pointer, info: Pointer, timeout: Pointer, sigsetsize: Unsigned]),
        other("rt_sigpending", args![set: Pointer, sigsetsize: Unsigned]),
        other("sigaltstack", args![ss: Pointer, old_ss: Pointer]),
        other("tkill", args![tid: Int, sig: Named(&names::SIGNAL)]),
        other("pause", args![]),
        other("alarm", args![seconds: UnsignedInt]),
        other("nanosleep", args![duration: Pointer, rem: Pointer]),
        other(
            "clock_nanosleep",
            args![clockid: Choice(&names::CLOCK), flags: Flags(&names::SLEEP), t: Pointer, remain: Pointer],
        ),
        other("clock_gettime", args![clockid: Choice(&names::CLOCK), tp: Pointer]),
        other("clock_getres", args![clockid: Choice(&names::CLOCK), res: Pointer]),
        other("gettimeofday", args![tv: Pointer, tz: Pointer]),
        other("times", args![buf: Pointer]),
        other("sched_yield", args![]),
        other("sched_getaffinity", args![pid: Int, cpusetsize: UnsignedInt, mask: Pointer]),
        other("sched_setaffinity", args![pid: Int, cpusetsize: UnsignedInt, mask: Pointer]),
        does(Effect::ChangeNamespace, other("unshare", args![flags: Flags(&names::UNSHARE)])),
        does(Effect::ChangeNamespace, other("setns", args![fd: Fd, nstype: Flags(&names::NAMESPACE)])),
        other("uname", args![buf: Pointer]),
        other("sysinfo", args![info: Pointer]),
        row("umask", Other, args![mask: Mode], Ret::Mode),
        does(Effect::ChangeRoot, other("chroot", args![path: Path])),
        other("getpid", args![]),
        other("getppid", args![]),
        other("gettid", args![]),
        other("getuid", args![]),
        other("geteuid", args![]),
        other("getgid", args![]),
        other("getegid", args![]),
        other("setuid", args![uid: Id]),
        other("setgid", args![gid: Id]),
        other("setresuid", args![ruid: Id, euid: Id, suid: Id]),
        other("setresgid", args![rgid: Id, egid: Id, sgid: Id]),
        other("getresuid", args![ruid: Pointer, euid: Pointer, suid: Pointer]),
        other("getresgid", args![rgid: Pointer, egid: Pointer, sgid: Pointer]),
        other("getgroups", args![size: Int, list: Pointer]),
        other("setgroups", args![size: Int, list: Pointer]),
        other("getpgrp", args![]),
        other("getpgid", args![pid: Int]),
        other("setpgid", args![pid: Int, pgid: Int]),
        other("getsid", args![pid: Int]),
        other("setsid", args![]),
        other("capget", args![hdrp: Pointer, datap: Pointer]),
        other("capset", args![hdrp: Pointer, datap: Pointer]),
        row("exit", Other, args![status: Int], Ret::Never),
        row("exit_group", Other, args![status: Int], Ret::Never),
        row("rt_sigreturn", Other, args![], Ret::Never),
    ]
}
