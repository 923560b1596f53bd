//! The blocks of each call, by the names of its arguments.
//!
//! No I/O. Arguments that are paths, or whose block the record has itself (`open_how`), have no row.

use super::Size::{Counted, Exactly, Moved, One, Pointed, Sized};
use super::What::{
    Address, Bytes, Descriptors, Entries, Message, Number, Pointers, Sent, Signals, String, Strings, Struct, Vector,
};
use super::{Block, Direction, DirectoryLayout, Size, What, When, Within, structs};
use crate::table::syscalls::Role;

const fn given(arg: &'static str, what: What, size: Size) -> Block {
    Block { arg, what, size, way: Direction::In, when: None }
}

const fn filled(arg: &'static str, what: What, size: Size) -> Block {
    Block { arg, what, size, way: Direction::Out, when: None }
}

/// Given, and then filled in.
const fn both(arg: &'static str, what: What, size: Size) -> Block {
    Block { arg, what, size, way: Direction::Both, when: None }
}

/// The array whose address, and the count of whose elements, are at these places of the struct that the argument leads to.
const fn within(arg: &'static str, what: What, address: u8, (count, bytes): (u8, u8)) -> Block {
    given(arg, what, Size::Within(Within { address, count, bytes }))
}

/// Only where an argument has one of these values, all of which are less than 64.
const fn when(arg: &'static str, values: u64, block: Block) -> Block {
    Block { when: Some(When { arg, mask: u32::MAX, base: 0, values }), ..block }
}

/// The same for values from a least one on.
const fn from(arg: &'static str, base: u16, values: u64, block: Block) -> Block {
    Block { when: Some(When { arg, mask: u32::MAX, base, values }), ..block }
}

/// A `socklen_t`, or another unsigned int.
const LENGTH: What = Number(Role::UnsignedInt, 4);
const INT: What = Number(Role::Int, 4);
/// A user or a group.
const ID: What = Number(Role::Id, 4);
const OFFSET: What = Number(Role::Signed, 8);
const TIMESPEC: What = Struct(&structs::TIMESPEC);
const TIMEVAL: What = Struct(&structs::TIMEVAL);
const ITIMERSPEC: What = Struct(&structs::ITIMERSPEC);

/// F_GETLK, F_SETLK, F_SETLKW, and the same of open file descriptions (fcntl(2)).
const LOCKS: u64 = 1 << 5 | 1 << 6 | 1 << 7 | 1 << 36 | 1 << 37 | 1 << 38;
const SETOWN_EX: u64 = 1 << 15;
const GETOWN_EX: u64 = 1 << 16;
/// F_GET_RW_HINT, F_SET_RW_HINT, F_GET_FILE_RW_HINT and F_SET_FILE_RW_HINT follow one another, as do F_GETDELEG and F_SETDELEG.
const RW_HINTS: u16 = 1035;
const GETS_HINT: u64 = 0b0101;
const SETS_HINT: u64 = 0b1010;
const DELEGATIONS: u16 = 1039;
/// The operations of futex(2) that wait for a time: FUTEX_WAIT, FUTEX_LOCK_PI, FUTEX_WAIT_BITSET, FUTEX_WAIT_REQUEUE_PI and
/// FUTEX_LOCK_PI2.
const WAITS: u64 = 1 | 1 << 6 | 1 << 9 | 1 << 11 | 1 << 13;
/// The operation without FUTEX_PRIVATE_FLAG and FUTEX_CLOCK_REALTIME.
const FUTEX_COMMAND: u32 = 0x7f;

/// SO_ATTACH_FILTER and SO_ATTACH_REUSEPORT_CBPF (socket(7)).
const FILTERS: u64 = 1 << 26 | 1 << 51;

/// PR_SET_NAME and PR_GET_NAME (prctl(2)).
const SETS_NAME: u64 = 1 << 15;
const GETS_NAME: u64 = 1 << 16;

/// PTRACE_GETSIGINFO, and PTRACE_SETSIGINFO after it (ptrace(2)).
const SIGNAL_INFO: u16 = 0x4202;
/// PTRACE_GETREGSET, and PTRACE_SETREGSET after it (ptrace(2)).
const REGISTERS: u16 = 0x4204;
/// PTRACE_GET_SYSCALL_INFO, and PTRACE_SET_SYSCALL_INFO as a bit from there on (ptrace(2)).
const SYSCALL_INFO: u16 = 0x420e;
const SETS_SYSCALL_INFO: u64 = 1 << 4;

/// The sets of signals of which pselect6 and io_pgetevents are given the address and the size in bytes.
const SIGNALS_OF_SIGMASK: Block = within("sigmask", Signals, 0, (8, 8));
const SIGNALS_OF_USIG: Block = within("usig", Signals, 0, (8, 8));

mod further; // more rows

/// All rows.
pub(super) fn all() -> impl Iterator<Item = &'static (&'static str, &'static [Block])> {
    ROWS.iter().chain(further::ROWS)
}

static ROWS: &[(&str, &[Block])] = &[
    // Bytes.
    ("read", &[filled("buf", Bytes, Moved("count"))]),
    ("getdents64", &[filled("buf", Entries(DirectoryLayout::Wide), Moved("count"))]),
    ("getdents", &[filled("buf", Entries(DirectoryLayout::Old), Moved("count"))]),
    ("pread64", &[filled("buf", Bytes, Moved("count"))]),
    (
        "recvfrom",
        &[
            filled("buf", Sent, Moved("len")),
            filled("src_addr", Address, Pointed("addrlen")),
            both("addrlen", LENGTH, One),
        ],
    ),
    ("getrandom", &[filled("buf", Bytes, Moved("count"))]),
    ("write", &[given("buf", Bytes, Counted("count"))]),
    ("pwrite64", &[given("buf", Bytes, Counted("count"))]),
    ("sendto", &[given("buf", Sent, Counted("len")), given("dest_addr", Address, Counted("addrlen"))]),
    ("sendmsg", &[given("msg", Message, One)]),
    ("recvmsg", &[filled("msg", Message, One)]),
    ("sendmmsg", &[given("msgvec", Message, Counted("vlen"))]),
    ("recvmmsg", &[filled("msgvec", Message, Counted("vlen")), both("timeout", TIMESPEC, One)]),
    (
        "setsockopt",
        &[
            given("optval", What::Option, Counted("optlen")),
            when("optname", FILTERS, within("optval", Struct(&structs::SOCKET_INSTRUCTION), 8, (0, 2))),
        ],
    ),
    ("getsockopt", &[filled("optval", What::Option, Pointed("optlen")), both("optlen", INT, One)]),
    ("add_key", &[given("payload", Bytes, Counted("plen"))]),
    ("request_key", &[given("callout_info", String, One)]),
    ("mq_timedsend", &[given("msg_ptr", Bytes, Counted("msg_len")), given("abs_timeout", TIMESPEC, One)]),
    (
        "mq_timedreceive",
        &[
            filled("msg_ptr", Bytes, Moved("msg_len")),
            filled("msg_prio", LENGTH, One),
            given("abs_timeout", TIMESPEC, One),
        ],
    ),
    ("sethostname", &[given("name", Bytes, Counted("length"))]),
    ("setdomainname", &[given("name", Bytes, Counted("length"))]),
    ("readv", &[filled("iov", Vector, Counted("iovcnt"))]),
    ("preadv", &[filled("iov", Vector, Counted("iovcnt"))]),
    ("preadv2", &[filled("iov", Vector, Counted("iovcnt"))]),
    ("writev", &[given("iov", Vector, Counted("iovcnt"))]),
    ("pwritev", &[given("iov", Vector, Counted("iovcnt"))]),
    ("pwritev2", &[given("iov", Vector, Counted("iovcnt"))]),
    ("vmsplice", &[given("iov", Vector, Counted("nr_segs"))]),
    ("getxattr", &[filled("value", Bytes, Moved("size"))]),
    ("lgetxattr", &[filled("value", Bytes, Moved("size"))]),
    ("fgetxattr", &[filled("value", Bytes, Moved("size"))]),
    ("setxattr", &[given("value", Bytes, Counted("size"))]),
    ("lsetxattr", &[given("value", Bytes, Counted("size"))]),
    ("fsetxattr", &[given("value", Bytes, Counted("size"))]),
    ("listxattr", &[filled("list", Bytes, Moved("size"))]),
    ("llistxattr", &[filled("list", Bytes, Moved("size"))]),
    ("flistxattr", &[filled("list", Bytes, Moved("size"))]),
    ("listxattrat", &[filled("list", Bytes, Moved("size"))]),
    ("readlink", &[filled("buf", Bytes, Moved("bufsiz"))]),
    ("readlinkat", &[filled("buf", Bytes, Moved("bufsiz"))]),
    ("execve", &[given("argv", Strings, One)]),
    ("execveat", &[given("argv", Strings, One)]),
    ("bind", &[given("addr", Address, Counted("addrlen"))]),
    ("connect", &[given("addr", Address, Counted("addrlen"))]),
    ("accept", &[filled("addr", Address, Pointed("addrlen")), both("addrlen", LENGTH, One)]),
    ("accept4", &[filled("addr", Address, Pointed("addrlen")), both("addrlen", LENGTH, One)]),
    ("getsockname", &[filled("addr", Address, Pointed("addrlen")), both("addrlen", LENGTH, One)]),
    ("getpeername", &[filled("addr", Address, Pointed("addrlen")), both("addrlen", LENGTH, One)]),
    // Structs.
    ("stat", &[filled("statbuf", Struct(&structs::STAT), One)]),
    ("lstat", &[filled("statbuf", Struct(&structs::STAT), One)]),
    ("fstat", &[filled("statbuf", Struct(&structs::STAT), One)]),
    ("newfstatat", &[filled("statbuf", Struct(&structs::STAT), One)]),
    ("statx", &[filled("statxbuf", Struct(&structs::STATX), One)]),
    ("statfs", &[filled("buf", Struct(&structs::STATFS), One)]),
    ("ustat", &[filled("ubuf", Struct(&structs::USTAT), One)]),
    ("fstatfs", &[filled("buf", Struct(&structs::STATFS), One)]),
    ("nanosleep", &[given("duration", TIMESPEC, One)]),
    ("clock_nanosleep", &[given("t", TIMESPEC, One)]),
    ("clock_gettime", &[filled("tp", TIMESPEC, One)]),
    ("clock_settime", &[given("tp", TIMESPEC, One)]),
    ("clock_getres", &[filled("res", TIMESPEC, One)]),
    ("sched_rr_get_interval", &[filled("tp", TIMESPEC, One)]),
    ("gettimeofday", &[filled("tv", TIMEVAL, One), filled("tz", Struct(&structs::TIMEZONE), One)]),
    ("settimeofday", &[given("tv", TIMEVAL, One), given("tz", Struct(&structs::TIMEZONE), One)]),
    ("times", &[filled("buf", Struct(&structs::TMS), One)]),
    ("time", &[filled("tloc", OFFSET, One)]),
    ("utime", &[given("times", Struct(&structs::UTIMBUF), One)]),
    ("utimes", &[given("times", TIMEVAL, Exactly(2))]),
    ("futimesat", &[given("times", TIMEVAL, Exactly(2))]),
    ("utimensat", &[given("times", TIMESPEC, Exactly(2))]),
    ("getitimer", &[filled("curr_value", Struct(&structs::ITIMERVAL), One)]),
    (
        "setitimer",
        &[given("new_value", Struct(&structs::ITIMERVAL), One), filled("old_value", Struct(&structs::ITIMERVAL), One)],
    ),
    ("timer_settime", &[given("new_value", ITIMERSPEC, One), filled("old_value", ITIMERSPEC, One)]),
    ("timer_gettime", &[filled("curr_value", ITIMERSPEC, One)]),
    (
        "futex",
        &[Block {
            when: Some(When { arg: "op", mask: FUTEX_COMMAND, base: 0, values: WAITS }),
            ..given("timeout", TIMESPEC, One)
        }],
    ),
    ("futex_wait", &[given("timeout", TIMESPEC, One)]),
    ("semop", &[given("sops", Struct(&structs::SEMBUF), Counted("nsops"))]),
    ("semtimedop", &[given("sops", Struct(&structs::SEMBUF), Counted("nsops")), given("timeout", TIMESPEC, One)]),
    (
        "fcntl",
        &[
            when("cmd", LOCKS, both("arg", Struct(&structs::FLOCK), One)),
            when("cmd", SETOWN_EX, given("arg", Struct(&structs::OWNER), One)),
            when("cmd", GETOWN_EX, filled("arg", Struct(&structs::OWNER), One)),
            from("cmd", RW_HINTS, SETS_HINT, given("arg", Struct(&structs::LIFE), One)),
            from("cmd", RW_HINTS, GETS_HINT, filled("arg", Struct(&structs::LIFE), One)),
            from("cmd", DELEGATIONS, 0b11, both("arg", Struct(&structs::DELEGATION), One)),
        ],
    ),
    ("prctl", &[when("op", SETS_NAME, given("arg2", String, One)), when("op", GETS_NAME, filled("arg2", String, One))]),
    (
        "ptrace",
        &[
            from("op", SIGNAL_INFO, 0b01, filled("data", Struct(&structs::SIGINFO), One)),
            from("op", SIGNAL_INFO, 0b10, given("data", Struct(&structs::SIGINFO), One)),
            from("op", REGISTERS, 0b11, given("data", Struct(&structs::IOVEC), One)),
            from("op", SYSCALL_INFO, 1, filled("data", Struct(&structs::SYSCALL_INFO), Sized("addr"))),
            from("op", SYSCALL_INFO, SETS_SYSCALL_INFO, given("data", Struct(&structs::SYSCALL_INFO), Sized("addr"))),
        ],
    ),
    ("getrlimit", &[filled("rlim", Struct(&structs::RLIMIT), One)]),
    ("setrlimit", &[given("rlim", Struct(&structs::RLIMIT), One)]),
    ("getrusage", &[filled("usage", Struct(&structs::RUSAGE), One)]),
    ("wait4", &[filled("wstatus", INT, One), filled("rusage", Struct(&structs::RUSAGE), One)]),
    ("waitid", &[filled("infop", Struct(&structs::SIGINFO), One), filled("rusage", Struct(&structs::RUSAGE), One)]),
    ("uname", &[filled("buf", Struct(&structs::UTSNAME), One)]),
    ("sysinfo", &[filled("info", Struct(&structs::SYSINFO), One)]),
    // Signals.
    (
        "rt_sigaction",
        &[given("act", Struct(&structs::SIGACTION), One), filled("oldact", Struct(&structs::SIGACTION), One)],
    ),
    ("rt_sigprocmask", &[given("set", Signals, One), filled("oldset", Signals, One)]),
    (
        "rt_sigtimedwait",
        &[given("set", Signals, One), filled("info", Struct(&structs::SIGINFO), One), given("timeout", TIMESPEC, One)],
    ),
    ("sigaltstack", &[given("ss", Struct(&structs::STACK), One), filled("old_ss", Struct(&structs::STACK), One)]),
    ("rt_sigqueueinfo", &[given("info", Struct(&structs::SIGINFO), One)]),
    ("rt_tgsigqueueinfo", &[given("info", Struct(&structs::SIGINFO), One)]),
    ("pidfd_send_signal", &[given("info", Struct(&structs::SIGINFO), One)]),
    ("signalfd", &[given("mask", Signals, One)]),
    ("signalfd4", &[given("mask", Signals, One)]),
    (
        "get_robust_list",
        &[filled("head_ptr", Number(Role::Pointer, 8), One), filled("sizep", Number(Role::Unsigned, 8), One)],
    ),
    // Users and groups.
    ("getresuid", &[filled("ruid", ID, One), filled("euid", ID, One), filled("suid", ID, One)]),
    ("getresgid", &[filled("rgid", ID, One), filled("egid", ID, One), filled("sgid", ID, One)]),
    ("getgroups", &[filled("list", ID, Moved("size"))]),
    ("setgroups", &[given("list", ID, Counted("size"))]),
    // Where a call reads and writes, and where it has stopped.
    ("sendfile", &[both("off", OFFSET, One)]),
    ("splice", &[both("off", OFFSET, One), both("off2", OFFSET, One)]),
    ("copy_file_range", &[both("off", OFFSET, One), both("off2", OFFSET, One)]),
    ("name_to_handle_at", &[given("handle", LENGTH, One), filled("mount_id", INT, One)]),
    // Asynchronous I/O.
    ("io_setup", &[filled("ctx_idp", Number(Role::Pointer, 8), One)]),
    ("io_submit", &[given("iocbpp", Pointers(&structs::IOCB), Counted("nr"))]),
    ("io_cancel", &[given("iocb", Struct(&structs::IOCB), One), filled("result", Struct(&structs::IO_EVENT), One)]),
    ("io_getevents", &[filled("events", Struct(&structs::IO_EVENT), Moved("nr")), given("timeout", TIMESPEC, One)]),
    (
        "io_pgetevents",
        &[
            filled("events", Struct(&structs::IO_EVENT), Moved("nr")),
            given("timeout", TIMESPEC, One),
            given("usig", Struct(&structs::SIGSET_AND_SIZE), One),
            SIGNALS_OF_USIG,
        ],
    ),
    ("io_uring_setup", &[both("params", Struct(&structs::IO_URING_PARAMS), One)]),
    // Scheduling, queues, mounts and attributes.
    ("sched_setparam", &[given("param", Struct(&structs::SCHED_PARAM), One)]),
    ("sched_getparam", &[filled("param", Struct(&structs::SCHED_PARAM), One)]),
    ("sched_setscheduler", &[given("param", Struct(&structs::SCHED_PARAM), One)]),
    ("mq_open", &[given("attr", Struct(&structs::MQ_ATTR), One)]),
    (
        "mq_getsetattr",
        &[given("newattr", Struct(&structs::MQ_ATTR), One), filled("oldattr", Struct(&structs::MQ_ATTR), One)],
    ),
    (
        "cachestat",
        &[given("range", Struct(&structs::CACHESTAT_RANGE), One), filled("cstat", Struct(&structs::CACHESTAT), One)],
    ),
    ("setxattrat", &[given("args", Struct(&structs::XATTR_ARGS), Sized("size")), within("args", Bytes, 0, (8, 4))]),
    (
        "getxattrat",
        &[
            given("args", Struct(&structs::XATTR_ARGS), Sized("size")),
            Block { way: Direction::Out, ..within("args", Bytes, 0, (8, 4)) },
        ],
    ),
    (
        "timerfd_settime",
        &[
            given("new_value", Struct(&structs::ITIMERSPEC), One),
            filled("old_value", Struct(&structs::ITIMERSPEC), One),
        ],
    ),
    ("timerfd_gettime", &[filled("curr_value", Struct(&structs::ITIMERSPEC), One)]),
    (
        "prlimit64",
        &[given("new_limit", Struct(&structs::RLIMIT), One), filled("old_limit", Struct(&structs::RLIMIT), One)],
    ),
    // Waiting.
    ("poll", &[both("fds", Struct(&structs::POLLFD), Counted("nfds"))]),
    (
        "ppoll",
        &[
            both("fds", Struct(&structs::POLLFD), Counted("nfds")),
            given("tmo_p", TIMESPEC, One),
            given("sigmask", Signals, One),
        ],
    ),
    (
        "select",
        &[
            both("readfds", Descriptors, Counted("nfds")),
            both("writefds", Descriptors, Counted("nfds")),
            both("exceptfds", Descriptors, Counted("nfds")),
            both("timeout", TIMEVAL, One),
        ],
    ),
    (
        "pselect6",
        &[
            both("readfds", Descriptors, Counted("nfds")),
            both("writefds", Descriptors, Counted("nfds")),
            both("exceptfds", Descriptors, Counted("nfds")),
            both("timeout", TIMESPEC, One),
            given("sigmask", Struct(&structs::SIGSET_AND_SIZE), One),
            SIGNALS_OF_SIGMASK,
        ],
    ),
    // EPOLL_CTL_ADD and EPOLL_CTL_MOD.
    ("epoll_ctl", &[when("op", 1 << 1 | 1 << 3, given("event", Struct(&structs::EPOLL_EVENT), One))]),
    ("epoll_wait", &[filled("events", Struct(&structs::EPOLL_EVENT), Moved("maxevents"))]),
    (
        "epoll_pwait",
        &[filled("events", Struct(&structs::EPOLL_EVENT), Moved("maxevents")), given("sigmask", Signals, One)],
    ),
    (
        "epoll_pwait2",
        &[
            filled("events", Struct(&structs::EPOLL_EVENT), Moved("maxevents")),
            given("timeout", TIMESPEC, One),
            given("sigmask", Signals, One),
        ],
    ),
];
