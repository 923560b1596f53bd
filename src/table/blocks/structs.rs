//! The structs, by the headers of the kernel (include/uapi) and the man pages that are named.
//!
//! No I/O. Members that say nothing, such as padding, are left out.

use std::mem::offset_of;

use super::MemberKind::{Flags, Hex, Mode, Signed, Unsigned};
use super::{Member, Struct};
use crate::table::names;

const fn size_of_member<T, M>(_: fn(&T) -> &M) -> usize {
    size_of::<M>()
}

macro_rules! members {
    ($of:ty, $brief:expr; $($($member:ident).+: $kind:expr),* $(,)?) => {
        Struct {
            size: size_of::<$of>(),
            brief: $brief,
            members: &[$(Member {
                name: stringify!($($member).+),
                offset: offset_of!($of, $($member).+),
                size: size_of_member(|of: &$of| &of.$($member).+),
                kind: $kind,
            }),*],
        }
    };
}

/// `struct stat` (stat(3type)).
pub static STAT: Struct = members!(libc::stat, 2;
    st_mode: Mode, st_size: Signed, st_dev: Hex, st_ino: Unsigned, st_nlink: Unsigned, st_uid: Unsigned, st_gid: Unsigned, st_rdev: Hex,
    st_blksize: Signed, st_blocks: Signed,
);

/// `struct statx` (statx(2)).
pub static STATX: Struct = members!(libc::statx, 4;
    stx_mask: Flags(&names::STATX_MASK), stx_attributes: Hex, stx_mode: Mode, stx_size: Unsigned, stx_nlink: Unsigned,
    stx_uid: Unsigned, stx_gid: Unsigned, stx_ino: Unsigned, stx_blocks: Unsigned,
);

/// `struct statfs` (statfs(2)).
pub static STATFS: Struct = members!(libc::statfs, 7;
    f_type: Hex, f_bsize: Signed, f_blocks: Unsigned, f_bfree: Unsigned, f_bavail: Unsigned, f_files: Unsigned,
    f_ffree: Unsigned,
);

/// `struct timespec` (timespec(3type)).
pub static TIMESPEC: Struct = members!(libc::timespec, 2; tv_sec: Signed, tv_nsec: Signed);

/// `struct itimerspec` (itimerspec(3type)).
pub static ITIMERSPEC: Struct = members!(libc::itimerspec, 4;
    it_interval.tv_sec: Signed, it_interval.tv_nsec: Signed, it_value.tv_sec: Signed, it_value.tv_nsec: Signed,
);

/// `struct rlimit64` (getrlimit(2)).
pub static RLIMIT: Struct = members!(libc::rlimit64, 2; rlim_cur: Unsigned, rlim_max: Unsigned);

/// `struct pollfd` (poll(2)).
pub static POLLFD: Struct =
    members!(libc::pollfd, 3; fd: Signed, events: Flags(&names::POLL), revents: Flags(&names::POLL));

/// `struct epoll_event` (epoll_event(3type)), which is packed on x86-64.
pub static EPOLL_EVENT: Struct = Struct {
    size: size_of::<libc::epoll_event>(),
    brief: 2,
    members: &[
        Member {
            name: "events",
            offset: offset_of!(libc::epoll_event, events),
            size: 4,
            kind: Flags(&names::EPOLL_EVENTS),
        },
        Member { name: "data", offset: offset_of!(libc::epoll_event, u64), size: 8, kind: Hex },
    ],
};
