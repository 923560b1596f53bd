//! The blocks of each call, by the names of its arguments.
//!
//! No I/O. Arguments that are paths, or whose block the record has itself (`open_how`), have no row.

use super::Size::{Counted, Moved, One, Pointed};
use super::What::{Address, Bytes, Strings, Struct, Vector};
use super::{Block, Direction, Size, What, structs};

const fn given(arg: &'static str, what: What, size: Size) -> Block {
    Block { arg, what, size, way: Direction::In }
}

const fn filled(arg: &'static str, what: What, size: Size) -> Block {
    Block { arg, what, size, way: Direction::Out }
}

/// All rows.
pub(super) static ROWS: &[(&str, &[Block])] = &[
    // Bytes.
    ("read", &[filled("buf", Bytes, Moved("count"))]),
    ("pread64", &[filled("buf", Bytes, Moved("count"))]),
    ("recvfrom", &[filled("buf", Bytes, Moved("len"))]),
    ("getrandom", &[filled("buf", Bytes, Moved("count"))]),
    ("write", &[given("buf", Bytes, Counted("count"))]),
    ("pwrite64", &[given("buf", Bytes, Counted("count"))]),
    ("sendto", &[given("buf", Bytes, Counted("len"))]),
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
    ("readlink", &[filled("buf", Bytes, Moved("bufsiz"))]),
    ("readlinkat", &[filled("buf", Bytes, Moved("bufsiz"))]),
    ("execve", &[given("argv", Strings, One)]),
    ("execveat", &[given("argv", Strings, One)]),
    ("bind", &[given("addr", Address, Counted("addrlen"))]),
    ("connect", &[given("addr", Address, Counted("addrlen"))]),
    ("accept", &[filled("addr", Address, Pointed("addrlen"))]),
    ("accept4", &[filled("addr", Address, Pointed("addrlen"))]),
    ("getsockname", &[filled("addr", Address, Pointed("addrlen"))]),
    ("getpeername", &[filled("addr", Address, Pointed("addrlen"))]),
    // Structs.
    ("stat", &[filled("statbuf", Struct(&structs::STAT), One)]),
    ("lstat", &[filled("statbuf", Struct(&structs::STAT), One)]),
    ("fstat", &[filled("statbuf", Struct(&structs::STAT), One)]),
    ("newfstatat", &[filled("statbuf", Struct(&structs::STAT), One)]),
    ("statx", &[filled("statxbuf", Struct(&structs::STATX), One)]),
    ("statfs", &[filled("buf", Struct(&structs::STATFS), One)]),
    ("fstatfs", &[filled("buf", Struct(&structs::STATFS), One)]),
    ("nanosleep", &[given("duration", Struct(&structs::TIMESPEC), One)]),
    ("clock_nanosleep", &[given("t", Struct(&structs::TIMESPEC), One)]),
    ("clock_gettime", &[filled("tp", Struct(&structs::TIMESPEC), One)]),
    ("getrlimit", &[filled("rlim", Struct(&structs::RLIMIT), One)]),
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
    ("poll", &[filled("fds", Struct(&structs::POLLFD), Counted("nfds"))]),
    ("ppoll", &[filled("fds", Struct(&structs::POLLFD), Counted("nfds"))]),
    ("epoll_ctl", &[given("event", Struct(&structs::EPOLL_EVENT), One)]),
    ("epoll_wait", &[filled("events", Struct(&structs::EPOLL_EVENT), Moved("maxevents"))]),
    ("epoll_pwait", &[filled("events", Struct(&structs::EPOLL_EVENT), Moved("maxevents"))]),
];
