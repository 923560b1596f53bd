//! Structs of memory, rules, timers, quotas and kernels to start.
//!
//! No I/O.

use super::super::MemberKind::{Address, Choice, Flags, Hex, Named, Signed, TextAt, ToArray, Unsigned};
use super::super::WhenShown::{Among, NonZero, With};
use super::super::{Member, Struct, WhenShown};
use super::{first, last};
use crate::table::names;

/// `struct landlock_path_beneath_attr` (landlock_add_rule(2)), which is packed.
pub static PATH_BENEATH: Struct =
    laid_out!(12, 2; "allowed_access" 0 8 Flags(&names::LANDLOCK_FS), "parent_fd" 8 4 Signed);

/// `struct landlock_net_port_attr` (landlock_add_rule(2)).
pub static NET_PORT: Struct = laid_out!(16, 2; "allowed_access" 0 8 Flags(&names::LANDLOCK_NET), "port" 8 8 Unsigned);

/// `struct futex_waitv` (futex_waitv(2), include/uapi/linux/futex.h).
pub static WAITER: Struct = laid_out!(24, 4;
    "val" 0 8 Hex, "uaddr" 8 8 Address, "flags" 16 4 Flags(&names::FUTEX2), "__reserved" 20 4 Hex => NonZero,
);

/// `struct kexec_segment` (kexec_load(2)).
pub static KEXEC_SEGMENT: Struct =
    laid_out!(32, 4; "buf" 0 8 Address, "bufsz" 8 8 Unsigned, "mem" 16 8 Address, "memsz" 24 8 Unsigned);

/// `struct lsm_ctx` without its text (lsm_set_self_attr(2), include/uapi/linux/lsm.h).
pub static LSM_CONTEXT: Struct = laid_out!(32, 4;
    "id" 0 8 Choice(&names::LSM_ID), "flags" 8 8 Hex, "len" 16 8 Unsigned, "ctx_len" 24 8 Unsigned,
)
.at_least(32);

/// `struct sock_fprog` (seccomp(2), socket(7), include/uapi/linux/filter.h).
pub static FILTER: Struct = laid_out!(16, 2; "len" 0 2 Unsigned, "filter" 8 8 ToArray);

/// `struct sock_filter`, of the filter of a socket.
pub static SOCKET_INSTRUCTION: Struct = laid_out!(8, 4; "code" 0 2 Hex, "jt" 2 1 Hex, "jf" 3 1 Hex, "k" 4 4 Hex);

/// The same, of a filter of seccomp(2).
pub static SECCOMP_INSTRUCTION: Struct = laid_out!(8, 4; "code" 0 2 Hex, "jt" 2 1 Hex, "jf" 3 1 Hex, "k" 4 4 Hex);

/// `struct if_dqblk` (quotactl(2)).
pub static QUOTA: Struct = laid_out!(72, 6;
    "dqb_bhardlimit" 0 8 Unsigned, "dqb_bsoftlimit" 8 8 Unsigned, "dqb_curspace" 16 8 Unsigned, "dqb_ihardlimit" 24 8 Unsigned,
    "dqb_isoftlimit" 32 8 Unsigned, "dqb_curinodes" 40 8 Unsigned, "dqb_btime" 48 8 Unsigned, "dqb_itime" 56 8 Unsigned,
    "dqb_valid" 64 4 Flags(&names::QUOTA_VALID),
);

/// `struct if_nextdqblk` (quotactl(2)).
pub static NEXT_QUOTA: Struct = laid_out!(72, 10;
    "dqb_bhardlimit" 0 8 Unsigned, "dqb_bsoftlimit" 8 8 Unsigned, "dqb_curspace" 16 8 Unsigned, "dqb_ihardlimit" 24 8 Unsigned,
    "dqb_isoftlimit" 32 8 Unsigned, "dqb_curinodes" 40 8 Unsigned, "dqb_btime" 48 8 Unsigned, "dqb_itime" 56 8 Unsigned,
    "dqb_valid" 64 4 Flags(&names::QUOTA_VALID), "dqb_id" 68 4 Unsigned,
)
.in_brief(0b10_0011_1111);

/// `struct if_dqinfo` (quotactl(2)).
pub static QUOTA_INFO: Struct = laid_out!(24, 4;
    "dqi_bgrace" 0 8 Unsigned, "dqi_igrace" 8 8 Unsigned, "dqi_flags" 16 4 Flags(&names::QUOTA_FLAGS),
    "dqi_valid" 20 4 Flags(&names::QUOTA_INFO_VALID),
);

/// Where `sigev_notify` is, and SIGEV_THREAD and SIGEV_THREAD_ID among its values (sigevent(3type)).
const NOTIFY: usize = 12;
const THREAD: u64 = 1 << 2;
const THREAD_ID: u64 = 1 << 4;

/// `struct sigevent` without its padding (sigevent(3type)).
pub static SIGEVENT: Struct = laid_out!(32, 7;
    "sigev_value.sival_int" 0 4 Signed => With(0, u64::MAX), "sigev_value.sival_ptr" 0 8 Address => With(0, u64::MAX),
    "sigev_signo" 8 4 Named(&names::SIGNAL), "sigev_notify" 12 4 Choice(&names::EVENT),
    "sigev_notify_function" 16 8 Address => Among(NOTIFY, THREAD), "sigev_notify_attributes" 24 8 Address => Among(NOTIFY, THREAD),
    "sigev_notify_thread_id" 16 4 Signed => Among(NOTIFY, THREAD_ID),
);

/// `struct timex` (adjtimex(2)).
pub static TIMEX: Struct = laid_out!(208, 21;
    "modes" 0 4 Flags(&names::ADJUST), "offset" 8 8 Signed, "freq" 16 8 Signed, "maxerror" 24 8 Signed, "esterror" 32 8 Signed,
    "status" 40 4 Flags(&names::CLOCK_STATUS), "constant" 48 8 Signed, "precision" 56 8 Signed, "tolerance" 64 8 Signed,
    "time.tv_sec" 72 8 Signed, "time.tv_usec" 80 8 Unsigned, "tick" 88 8 Signed, "ppsfreq" 96 8 Signed, "jitter" 104 8 Signed,
    "shift" 112 4 Signed, "stabil" 120 8 Signed, "jitcnt" 128 8 Signed, "calcnt" 136 8 Signed, "errcnt" 144 8 Signed,
    "stbcnt" 152 8 Signed, "tai" 160 4 Signed,
);

/// STATMOUNT_SB_BASIC, STATMOUNT_MNT_BASIC and what follows them in `mask` (statmount(2)).
const MASK: usize = 8;
const BASIC: u64 = 1;
const MOUNT: u64 = 2;
/// Where the strings of statmount(2) begin. A member has the offset of its string from there.
const STRINGS: usize = 512;

/// `struct statmount` (statmount(2), include/uapi/linux/mount.h). What it has is in its mask, and its strings follow it.
pub static STATMOUNT: Struct = laid_out!(512, 31;
    "size" 0 4 Unsigned, "mnt_opts" 4 4 TextAt(STRINGS) => With(MASK, 0x80), "mask" 8 8 Flags(&names::STATMOUNT_MASK),
    "sb_dev_major" 16 4 Unsigned => With(MASK, BASIC), "sb_dev_minor" 20 4 Unsigned => With(MASK, BASIC),
    "sb_magic" 24 8 Hex => With(MASK, BASIC), "sb_flags" 32 4 Flags(&names::MOUNT) => With(MASK, BASIC),
    "fs_type" 36 4 TextAt(STRINGS) => With(MASK, 0x20), "mnt_id" 40 8 Hex => With(MASK, MOUNT),
    "mnt_parent_id" 48 8 Hex => With(MASK, MOUNT), "mnt_id_old" 56 4 Hex => With(MASK, MOUNT),
    "mnt_parent_id_old" 60 4 Hex => With(MASK, MOUNT), "mnt_attr" 64 8 Flags(&names::MOUNT_ATTR) => With(MASK, MOUNT),
    "mnt_propagation" 72 8 Flags(&names::MOUNT) => With(MASK, MOUNT), "mnt_peer_group" 80 8 Hex => With(MASK, MOUNT),
    "mnt_master" 88 8 Hex => With(MASK, MOUNT), "propagate_from" 96 8 Hex => With(MASK, 0x4),
    "mnt_root" 104 4 TextAt(STRINGS) => With(MASK, 0x8), "mnt_point" 108 4 TextAt(STRINGS) => With(MASK, 0x10),
    "mnt_ns_id" 112 8 Hex => With(MASK, 0x40), "fs_subtype" 120 4 TextAt(STRINGS) => With(MASK, 0x100),
    "sb_source" 124 4 TextAt(STRINGS) => With(MASK, 0x200), "opt_num" 128 4 Unsigned => With(MASK, 0x400),
    "opt_array" 132 4 TextAt(STRINGS) => With(MASK, 0x400), "opt_sec_num" 136 4 Unsigned => With(MASK, 0x800),
    "opt_sec_array" 140 4 TextAt(STRINGS) => With(MASK, 0x800),
    "supported_mask" 144 8 Flags(&names::STATMOUNT_MASK) => With(MASK, 0x1000), "mnt_uidmap_num" 152 4 Unsigned => With(MASK, 0x2000),
    "mnt_uidmap" 156 4 TextAt(STRINGS) => With(MASK, 0x2000), "mnt_gidmap_num" 160 4 Unsigned => With(MASK, 0x4000),
    "mnt_gidmap" 164 4 TextAt(STRINGS) => With(MASK, 0x4000),
);
