//! The structs, by the headers of the kernel (include/uapi) and the man pages that are named.
//!
//! No I/O. Members that say nothing, such as padding, are left out.

use std::mem::offset_of;

use super::MemberKind::{
    Address, Choice, Date, Device, Flags, Hex, Limit, Mode, Nanoseconds, Pair, Signals, Signed, Text, ToArray, Unsigned,
};
use super::WhenShown::{OfDevice, OfNoDevice, With};
use super::{Member, Struct, WhenShown};
use crate::table::names;

const fn size_of_member<T, M>(_: fn(&T) -> &M) -> usize {
    size_of::<M>()
}

macro_rules! members {
    ($of:ty, $brief:expr; $($($member:ident).+: $kind:expr $(=> $shown:expr)?),* $(,)?) => {
        Struct {
            size: size_of::<$of>(),
            brief: first($brief),
            least: 0,
            filled: 0,
            members: &[$(Member {
                name: stringify!($($member).+),
                offset: offset_of!($of, $($member).+),
                size: size_of_member(|of: &$of| &of.$($member).+),
                kind: $kind,
                shown: last(&[WhenShown::Always, $($shown)?]),
            }),*],
        }
    };
}

/// A struct that libc does not have as the kernel reads it: its size, and where each member begins, how large it is, and when it is shown.
macro_rules! laid_out {
    ($size:literal, $brief:literal; $($name:literal $offset:literal $bytes:literal $kind:expr $(=> $shown:expr)?),* $(,)?) => {
        Struct {
            size: $size,
            brief: first($brief),
            least: 0,
            filled: 0,
            members: &[$(Member {
                name: $name,
                offset: $offset,
                size: $bytes,
                kind: $kind,
                shown: last(&[WhenShown::Always, $($shown)?]),
            }),*],
        }
    };
}

/// The bits of so many members.
const fn first(count: u32) -> u64 {
    (1 << count) - 1
}

const fn last(all: &[WhenShown]) -> WhenShown {
    all[all.len() - 1]
}

mod bpf; // what bpf is asked
mod extensible; // of which a program may give more or less
mod system; // memory, timers, quotas and modules

pub use bpf::*;
pub use extensible::*;
pub use system::*;

/// `struct stat` (stat(3type)).
pub static STAT: Struct = members!(libc::stat, 16;
    st_dev: Device, st_ino: Unsigned, st_mode: Mode, st_nlink: Unsigned, st_uid: Unsigned, st_gid: Unsigned, st_blksize: Signed,
    st_blocks: Signed, st_rdev: Device => OfDevice(offset_of!(libc::stat, st_mode)),
    st_size: Signed => OfNoDevice(offset_of!(libc::stat, st_mode)), st_atime: Date(Some(offset_of!(libc::stat, st_atime_nsec))),
    st_atime_nsec: Unsigned, st_mtime: Date(Some(offset_of!(libc::stat, st_mtime_nsec))), st_mtime_nsec: Unsigned,
    st_ctime: Date(Some(offset_of!(libc::stat, st_ctime_nsec))), st_ctime_nsec: Unsigned,
)
.in_brief(1 << 2 | 1 << 8 | 1 << 9);

/// `struct statx` (statx(2)).
pub static STATX: Struct = laid_out!(256, 36;
    "stx_mask" 0 4 Flags(&names::STATX_MASK), "stx_blksize" 4 4 Unsigned, "stx_attributes" 8 8 Flags(&names::STATX_ATTRIBUTES),
    "stx_nlink" 16 4 Unsigned => With(0, 4), "stx_uid" 20 4 Unsigned => With(0, 8), "stx_gid" 24 4 Unsigned => With(0, 0x10),
    "stx_mode" 28 2 Mode => With(0, 3), "stx_ino" 32 8 Unsigned => With(0, 0x100), "stx_size" 40 8 Unsigned => With(0, 0x200),
    "stx_blocks" 48 8 Unsigned => With(0, 0x400), "stx_attributes_mask" 56 8 Flags(&names::STATX_ATTRIBUTES),
    "stx_atime.tv_sec" 64 8 Signed => With(0, 0x20), "stx_atime.tv_nsec" 72 4 Nanoseconds(64) => With(0, 0x20),
    "stx_btime.tv_sec" 80 8 Signed => With(0, 0x800), "stx_btime.tv_nsec" 88 4 Nanoseconds(80) => With(0, 0x800),
    "stx_ctime.tv_sec" 96 8 Signed => With(0, 0x80), "stx_ctime.tv_nsec" 104 4 Nanoseconds(96) => With(0, 0x80),
    "stx_mtime.tv_sec" 112 8 Signed => With(0, 0x40), "stx_mtime.tv_nsec" 120 4 Nanoseconds(112) => With(0, 0x40),
    "stx_rdev_major" 128 4 Unsigned, "stx_rdev_minor" 132 4 Unsigned, "stx_dev_major" 136 4 Unsigned,
    "stx_dev_minor" 140 4 Unsigned, "stx_mnt_id" 144 8 Hex => With(0, 0x5000), "stx_dio_mem_align" 152 4 Unsigned => With(0, 0x2000),
    "stx_dio_offset_align" 156 4 Unsigned => With(0, 0x2000), "stx_subvol" 160 8 Hex => With(0, 0x8000),
    "stx_atomic_write_unit_min" 168 4 Unsigned => With(8, WRITES_ATOMICALLY),
    "stx_atomic_write_unit_max" 172 4 Unsigned => With(8, WRITES_ATOMICALLY),
    "stx_atomic_write_segments_max" 176 4 Unsigned => With(8, WRITES_ATOMICALLY),
    "stx_dio_read_offset_align" 180 4 Unsigned => With(0, 0x2_0000),
    "stx_atomic_write_unit_max_opt" 184 4 Unsigned => With(8, WRITES_ATOMICALLY),
)
.in_brief(1 << 0 | 1 << 2 | 1 << 6 | 1 << 8);

/// STATX_ATTR_WRITE_ATOMIC (include/uapi/linux/stat.h).
const WRITES_ATOMICALLY: u64 = 0x40_0000;

/// `struct statfs` (statfs(2)).
pub static STATFS: Struct = laid_out!(120, 11;
    "f_type" 0 8 Choice(&names::FILE_SYSTEM), "f_bsize" 8 8 Unsigned, "f_blocks" 16 8 Unsigned, "f_bfree" 24 8 Unsigned, "f_bavail" 32 8
    Unsigned, "f_files" 40 8 Unsigned, "f_ffree" 48 8 Unsigned, "f_fsid.val" 56 8 Pair, "f_namelen" 64 8 Unsigned, "f_frsize" 72 8 Unsigned,
    "f_flags" 80 8 Flags(&names::FILE_SYSTEM_FLAGS),
);

/// `struct ustat` (ustat(2), include/linux/types.h).
pub static USTAT: Struct = laid_out!(32, 2; "f_tfree" 0 8 Signed, "f_tinode" 8 8 Unsigned);

/// `struct timespec` (timespec(3type)).
pub static TIMESPEC: Struct = members!(libc::timespec, 2; tv_sec: Signed, tv_nsec: Unsigned);

/// `struct itimerspec` (itimerspec(3type)).
pub static ITIMERSPEC: Struct = members!(libc::itimerspec, 4;
    it_interval.tv_sec: Signed, it_interval.tv_nsec: Unsigned, it_value.tv_sec: Signed, it_value.tv_nsec: Unsigned,
);

/// `struct rlimit64` (getrlimit(2)).
pub static RLIMIT: Struct = members!(libc::rlimit64, 2; rlim_cur: Limit, rlim_max: Limit);

/// `struct pollfd` (poll(2)).
pub static POLLFD: Struct =
    members!(libc::pollfd, 2; fd: Signed, events: Flags(&names::POLL), revents: Flags(&names::POLL));

/// `struct epoll_event` (epoll_event(3type)), which is packed on x86-64.
pub static EPOLL_EVENT: Struct = Struct {
    size: size_of::<libc::epoll_event>(),
    brief: first(2),
    least: 0,
    filled: 0,
    members: &[
        Member {
            name: "events",
            offset: offset_of!(libc::epoll_event, events),
            size: 4,
            kind: Flags(&names::EPOLL_EVENTS),
            shown: WhenShown::Always,
        },
        Member {
            name: "data",
            offset: offset_of!(libc::epoll_event, u64),
            size: 8,
            kind: Hex,
            shown: WhenShown::Always,
        },
    ],
};

/// `struct timeval` (timeval(3type)).
pub static TIMEVAL: Struct = members!(libc::timeval, 2; tv_sec: Signed, tv_usec: Unsigned);

/// `struct timezone` (gettimeofday(2)).
pub static TIMEZONE: Struct = laid_out!(8, 2; "tz_minuteswest" 0 4 Signed, "tz_dsttime" 4 4 Signed);

/// `struct itimerval` (getitimer(2)).
pub static ITIMERVAL: Struct = members!(libc::itimerval, 4;
    it_interval.tv_sec: Signed, it_interval.tv_usec: Unsigned, it_value.tv_sec: Signed, it_value.tv_usec: Unsigned,
);

/// `struct utimbuf` (utime(2)).
pub static UTIMBUF: Struct = members!(libc::utimbuf, 2; actime: Date(None), modtime: Date(None));

/// `struct tms` (times(2)).
pub static TMS: Struct =
    members!(libc::tms, 4; tms_utime: Signed, tms_stime: Signed, tms_cutime: Signed, tms_cstime: Signed);

/// `struct flock` (fcntl(2)).
pub static FLOCK: Struct = members!(libc::flock, 5;
    l_type: Choice(&names::LOCK), l_whence: Choice(&names::WHENCE), l_start: Signed, l_len: Signed, l_pid: Signed,
);

/// `struct rusage` (getrusage(2)).
pub static RUSAGE: Struct = members!(libc::rusage, 4;
    ru_utime.tv_sec: Signed, ru_utime.tv_usec: Unsigned, ru_stime.tv_sec: Signed, ru_stime.tv_usec: Unsigned, ru_maxrss: Signed,
    ru_ixrss: Signed, ru_idrss: Signed, ru_isrss: Signed, ru_minflt: Signed, ru_majflt: Signed, ru_nswap: Signed, ru_inblock: Signed,
    ru_oublock: Signed, ru_msgsnd: Signed, ru_msgrcv: Signed, ru_nsignals: Signed, ru_nvcsw: Signed, ru_nivcsw: Signed,
);

/// `struct utsname` (uname(2)).
pub static UTSNAME: Struct = members!(libc::utsname, 2;
    sysname: Text, nodename: Text, release: Text, version: Text, machine: Text, domainname: Text,
);

/// `struct sysinfo` (sysinfo(2)).
pub static SYSINFO: Struct = members!(libc::sysinfo, 11;
    uptime: Signed, totalram: Unsigned, freeram: Unsigned, sharedram: Unsigned, bufferram: Unsigned, totalswap: Unsigned,
    freeswap: Unsigned, procs: Unsigned, totalhigh: Unsigned, freehigh: Unsigned, mem_unit: Unsigned,
);

/// The kernel's `struct sigaction` (rt_sigaction(2), include/linux/signal_types.h).
pub static SIGACTION: Struct = laid_out!(32, 4;
    "sa_handler" 0 8 Choice(&names::HANDLER), "sa_mask" 24 8 Signals, "sa_flags" 8 8 Flags(&names::ACTION), "sa_restorer" 16 8 Address,
);

/// `stack_t` (sigaltstack(2)).
pub static STACK: Struct =
    laid_out!(24, 3; "ss_sp" 0 8 Address, "ss_flags" 8 4 Flags(&names::ALTSTACK), "ss_size" 16 8 Unsigned);

/// The first members of `siginfo_t` (sigaction(2)). The others depend on them.
pub static SIGINFO: Struct = laid_out!(128, 3;
    "si_signo" 0 4 Choice(&names::SIGNAL), "si_code" 8 4 Choice(&names::SIGNAL_CODE), "si_errno" 4 4 Signed, "si_pid" 16 4 Signed,
    "si_uid" 20 4 Unsigned, "si_status" 24 4 Signed,
);

/// The last argument of pselect6 (select(2)).
pub static SIGSET_AND_SIZE: Struct = laid_out!(16, 2; "sigmask" 0 8 ToArray, "sigsetsize" 8 8 Unsigned);

/// `struct io_event` (io_getevents(2), include/uapi/linux/aio_abi.h).
pub static IO_EVENT: Struct = laid_out!(32, 4; "data" 0 8 Hex, "obj" 8 8 Hex, "res" 16 8 Signed, "res2" 24 8 Signed);

/// `struct iocb` (io_submit(2), include/uapi/linux/aio_abi.h).
pub static IOCB: Struct = laid_out!(64, 6;
    "aio_data" 0 8 Hex, "aio_lio_opcode" 16 2 Choice(&names::IOCB_COMMAND), "aio_fildes" 20 4 Signed, "aio_buf" 24 8 Address,
    "aio_nbytes" 32 8 Unsigned, "aio_offset" 40 8 Signed, "aio_reqprio" 18 2 Signed, "aio_flags" 56 4 Flags(&names::IOCB_FLAGS),
    "aio_resfd" 60 4 Signed,
);

/// `struct io_uring_params` (io_uring_setup(2)).
pub static IO_URING_PARAMS: Struct = laid_out!(120, 5;
    "sq_entries" 0 4 Unsigned, "cq_entries" 4 4 Unsigned, "flags" 8 4 Flags(&names::URING_SETUP), "sq_thread_cpu" 12 4 Unsigned,
    "sq_thread_idle" 16 4 Unsigned, "features" 20 4 Flags(&names::URING_FEATURES), "wq_fd" 24 4 Unsigned,
    "sq_off.head" 40 4 Unsigned, "sq_off.tail" 44 4 Unsigned, "sq_off.ring_mask" 48 4 Unsigned, "sq_off.ring_entries" 52 4 Unsigned,
    "sq_off.flags" 56 4 Unsigned, "sq_off.dropped" 60 4 Unsigned, "sq_off.array" 64 4 Unsigned, "sq_off.user_addr" 72 8 Address,
    "cq_off.head" 80 4 Unsigned, "cq_off.tail" 84 4 Unsigned, "cq_off.ring_mask" 88 4 Unsigned, "cq_off.ring_entries" 92 4 Unsigned,
    "cq_off.overflow" 96 4 Unsigned, "cq_off.cqes" 100 4 Unsigned, "cq_off.flags" 104 4 Unsigned, "cq_off.user_addr" 112 8 Address,
);

/// `struct sched_param` (sched_setparam(2)).
pub static SCHED_PARAM: Struct = laid_out!(4, 1; "sched_priority" 0 4 Signed);

/// `struct sembuf` (semop(2)).
pub static SEMBUF: Struct =
    laid_out!(6, 3; "sem_num" 0 2 Unsigned, "sem_op" 2 2 Signed, "sem_flg" 4 2 Flags(&names::SEM_FLAGS));

/// `struct mq_attr` (mq_getattr(3)).
pub static MQ_ATTR: Struct = laid_out!(64, 4;
    "mq_flags" 0 8 Flags(&names::QUEUE), "mq_maxmsg" 8 8 Signed, "mq_msgsize" 16 8 Signed, "mq_curmsgs" 24 8 Signed,
);

/// `struct cachestat_range` (cachestat(2)).
pub static CACHESTAT_RANGE: Struct = laid_out!(16, 2; "off" 0 8 Unsigned, "len" 8 8 Unsigned);

/// `struct cachestat` (cachestat(2)).
pub static CACHESTAT: Struct = laid_out!(40, 5;
    "nr_cache" 0 8 Unsigned, "nr_dirty" 8 8 Unsigned, "nr_writeback" 16 8 Unsigned, "nr_evicted" 24 8 Unsigned,
    "nr_recently_evicted" 32 8 Unsigned,
);

/// `struct xattr_args` (setxattrat(2)).
pub static XATTR_ARGS: Struct =
    laid_out!(16, 3; "value" 0 8 ToArray, "size" 8 4 Unsigned, "flags" 12 4 Flags(&names::XATTR)).at_least(16);

/// `struct f_owner_ex` (fcntl(2), F_SETOWN_EX).
pub static OWNER: Struct = laid_out!(8, 2; "type" 0 4 Choice(&names::OWNER), "pid" 4 4 Signed);

/// How long what is written lives (fcntl(2), F_SET_RW_HINT).
pub static LIFE: Struct = laid_out!(8, 1; "hint" 0 8 Choice(&names::LIFE));

/// `struct delegation` (include/uapi/linux/fcntl.h, F_SETDELEG).
pub static DELEGATION: Struct = laid_out!(8, 3; "d_flags" 0 4 Hex, "d_type" 4 2 Choice(&names::LOCK), "__pad" 6 2 Hex);

/// The first members of `struct ptrace_syscall_info` (ptrace(2)). The others depend on `op`.
pub static SYSCALL_INFO: Struct = laid_out!(88, 6;
    "op" 0 1 Choice(&names::SYSCALL_STOP), "reserved" 1 1 Hex, "flags" 2 2 Hex, "arch" 4 4 Choice(&names::AUDIT_ARCH),
    "instruction_pointer" 8 8 Hex, "stack_pointer" 16 8 Hex,
);

/// `struct iovec`, of which only the address is read (ptrace(2), PTRACE_GETREGSET).
pub static IOVEC: Struct = laid_out!(16, 2; "iov_base" 0 8 Address, "iov_len" 8 8 Unsigned);
