//! Structs of which a program may give more or less than the kernel knows (openat2(2), "Extensibility").
//!
//! No I/O.

use super::super::MemberKind::{Address, Choice, Flags, Hex, Named, Permissions, Signed, ToArray, Unsigned};
use super::super::WhenShown::{Among, NonZero, NotAmong, With, Without};
use super::super::{Member, Struct, WhenShown};
use super::{first, last};
use crate::table::names;

/// `struct open_how` (openat2(2)).
pub static OPEN_HOW: Struct = laid_out!(24, 3;
    "flags" 0 8 Flags(&names::OPEN), "mode" 8 8 Permissions => NonZero, "resolve" 16 8 Flags(&names::RESOLVE),
)
.at_least(24);

/// The same where the call makes a file, which has the mode.
pub static OPEN_HOW_WITH_MODE: Struct = laid_out!(24, 3;
    "flags" 0 8 Flags(&names::OPEN), "mode" 8 8 Permissions, "resolve" 16 8 Flags(&names::RESOLVE),
)
.at_least(24);

/// CLONE_PIDFD, CLONE_SETTLS, CLONE_PARENT_SETTID, CLONE_CHILD_SETTID with CLONE_CHILD_CLEARTID, and CLONE_INTO_CGROUP (clone(2)).
const PIDFD: u64 = 0x1000;
const SETS_TLS: u64 = 0x8_0000;
const SETS_PARENT: u64 = 0x10_0000;
const SETS_CHILD: u64 = 0x120_0000;
const INTO_CGROUP: u64 = 1 << 33;

/// `struct clone_args` (clone3(2)).
pub static CLONE_ARGS: Struct = laid_out!(88, 11;
    "flags" 0 8 Flags(&names::CLONE3), "pidfd" 8 8 Address => With(0, PIDFD), "child_tid" 16 8 Address => With(0, SETS_CHILD),
    "parent_tid" 24 8 Address => With(0, SETS_PARENT), "exit_signal" 32 8 Named(&names::SIGNAL), "stack" 40 8 Address,
    "stack_size" 48 8 Hex, "tls" 56 8 Address => With(0, SETS_TLS), "set_tid" 64 8 ToArray => WhenShown::Either(64, 72),
    "set_tid_size" 72 8 Unsigned => WhenShown::Either(64, 72), "cgroup" 80 8 Unsigned => WhenShown::NonZeroOr(0, INTO_CGROUP),
)
.at_least(64);

/// SCHED_FLAG_KEEP_PARAMS, and the same with SCHED_FLAG_KEEP_POLICY (sched_setattr(2)).
const KEEPS_PARAMETERS: u64 = 0x10;
const KEEPS_POLICY: u64 = 0x18;

/// `struct sched_attr` (sched_setattr(2)).
pub static SCHED_ATTR: Struct = laid_out!(56, 10;
    "size" 0 4 Unsigned, "sched_policy" 4 4 Choice(&names::SCHEDULER) => Without(8, KEEPS_POLICY), "sched_flags" 8 8 Flags(&names::SCHEDULER_FLAGS),
    "sched_nice" 16 4 Signed => Without(8, KEEPS_PARAMETERS), "sched_priority" 20 4 Unsigned => Without(8, KEEPS_PARAMETERS),
    "sched_runtime" 24 8 Unsigned => Without(8, KEEPS_PARAMETERS), "sched_deadline" 32 8 Unsigned => Without(8, KEEPS_PARAMETERS),
    "sched_period" 40 8 Unsigned => Without(8, KEEPS_PARAMETERS), "sched_util_min" 48 4 Unsigned, "sched_util_max" 52 4 Unsigned,
)
.at_least(48);

/// `struct mount_attr` (mount_setattr(2)).
pub static MOUNT_ATTR: Struct = laid_out!(32, 4;
    "attr_set" 0 8 Flags(&names::MOUNT_ATTR), "attr_clr" 8 8 Flags(&names::MOUNT_ATTR), "propagation" 16 8 Flags(&names::MOUNT),
    "userns_fd" 24 8 Unsigned,
)
.at_least(32);

/// `struct file_attr` (file_getattr(2), include/uapi/linux/fs.h), which is filled in.
pub static FILE_ATTR: Struct = laid_out!(24, 5;
    "fa_xflags" 0 8 Flags(&names::FILE_ATTR), "fa_extsize" 8 4 Unsigned, "fa_nextents" 12 4 Unsigned, "fa_projid" 16 4 Hex,
    "fa_cowextsize" 20 4 Unsigned,
)
.at_least(24);

/// The same, which is given. The kernel does not look at the number of extents.
pub static GIVEN_FILE_ATTR: Struct = laid_out!(24, 4;
    "fa_xflags" 0 8 Flags(&names::FILE_ATTR), "fa_extsize" 8 4 Unsigned, "fa_projid" 16 4 Hex, "fa_cowextsize" 20 4 Unsigned,
)
.at_least(24);

/// `struct landlock_ruleset_attr` (landlock_create_ruleset(2), include/uapi/linux/landlock.h).
pub static RULESET: Struct = laid_out!(48, 6;
    "handled_access_fs" 0 8 Flags(&names::LANDLOCK_FS), "handled_access_net" 8 8 Flags(&names::LANDLOCK_NET),
    "scoped" 16 8 Flags(&names::LANDLOCK_SCOPE), "quiet_access_fs" 24 8 Flags(&names::LANDLOCK_FS),
    "quiet_access_net" 32 8 Flags(&names::LANDLOCK_NET), "quiet_scoped" 40 8 Flags(&names::LANDLOCK_SCOPE),
)
.at_least(8);

/// `struct mnt_id_req` of statmount(2).
pub static STATMOUNT_REQUEST: Struct = laid_out!(32, 5;
    "size" 0 4 Unsigned, "mnt_ns_fd" 4 4 Signed, "mnt_id" 8 8 Hex, "param" 16 8 Flags(&names::STATMOUNT_MASK),
    "mnt_ns_id" 24 8 Hex,
)
.at_least(24);

/// `struct mnt_id_req` of listmount(2), which has the last mount that was listed.
pub static LISTMOUNT_REQUEST: Struct = laid_out!(32, 5;
    "size" 0 4 Unsigned, "mnt_ns_fd" 4 4 Signed, "mnt_id" 8 8 Choice(&names::MOUNT_ID), "param" 16 8 Hex, "mnt_ns_id" 24 8 Hex,
)
.at_least(24);

/// `struct ns_id_req` of listns(2) (include/uapi/linux/nsfs.h), which has the last namespace that was listed.
pub static LISTNS_REQUEST: Struct = laid_out!(32, 6;
    "size" 0 4 Unsigned, "spare" 4 4 Hex => NonZero, "ns_id" 8 8 Hex, "ns_type" 16 4 Flags(&names::NAMESPACE_TYPE),
    "spare2" 20 4 Hex => NonZero, "user_ns_id" 24 8 Choice(&names::LISTNS_USER),
)
.at_least(32);

/// Bits of `sample_type` and of the flags of `struct perf_event_attr`, and PERF_TYPE_BREAKPOINT as one of the types.
const SAMPLES: usize = 24;
const FLAGS: usize = 40;
const BREAKPOINT: u64 = 1 << 5;
const WATERMARK: u64 = 1 << 14;
const USES_CLOCK: u64 = 1 << 25;

/// `struct perf_event_attr` (perf_event_open(2)). Its flags are bits.
pub static PERF_EVENT: Struct = laid_out!(144, 7;
    "type" 0 4 Choice(&names::PERF_TYPE), "size" 4 4 Choice(&names::PERF_SIZE), "config" 8 8 Hex, "sample_period" 16 8 Unsigned,
    "sample_type" 24 8 Flags(&names::PERF_SAMPLE), "read_format" 32 8 Flags(&names::PERF_FORMAT), "flags" 40 8 Hex,
    "wakeup_watermark" 48 4 Unsigned => With(FLAGS, WATERMARK), "wakeup_events" 48 4 Unsigned => Without(FLAGS, WATERMARK),
    "bp_type" 52 4 Choice(&names::PERF_BREAKPOINT) => Among(0, BREAKPOINT), "bp_addr" 56 8 Hex => Among(0, BREAKPOINT),
    "config1" 56 8 Hex => NotAmong(0, BREAKPOINT), "bp_len" 64 8 Unsigned => Among(0, BREAKPOINT),
    "config2" 64 8 Hex => NotAmong(0, BREAKPOINT), "branch_sample_type" 72 8 Flags(&names::PERF_BRANCH) => With(SAMPLES, 0x800),
    "sample_regs_user" 80 8 Hex, "sample_stack_user" 88 4 Hex => With(SAMPLES, 0x2000),
    "clockid" 92 4 Choice(&names::CLOCK) => With(FLAGS, USES_CLOCK), "sample_regs_intr" 96 8 Hex, "aux_watermark" 104 4 Unsigned,
    "sample_max_stack" 108 2 Unsigned, "__reserved_2" 110 2 Hex => NonZero, "aux_sample_size" 112 4 Unsigned, "aux_action" 116 4 Hex,
    "sig_data" 120 8 Hex, "config3" 128 8 Hex, "config4" 136 8 Hex,
)
.at_least(64);
