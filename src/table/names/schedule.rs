//! Scheduling, memory policies, timers: sched_setscheduler(2), mbind(2), mlock2(2), setitimer(2), kcmp(2).
//!
//! The values are those of include/uapi/linux, which are the same on all architectures of the tracer.

use super::Names;

/// Policies of sched_setscheduler(2), with their flag.
pub static SCHEDULER: Names = Names {
    what: "scheduling policy",
    mask: 0x3fff_ffff,
    values: &[
        ("SCHED_OTHER", 0),
        // The kernel's own name for it (include/uapi/linux/sched.h).
        ("SCHED_NORMAL", 0),
        ("SCHED_FIFO", 1),
        ("SCHED_RR", 2),
        ("SCHED_BATCH", 3),
        ("SCHED_IDLE", 5),
        ("SCHED_DEADLINE", 6),
        ("SCHED_EXT", 7),
        ("SCHED_RESET_ON_FORK", 0x4000_0000),
    ],
};

/// Whose priority ioprio_set(2) sets.
pub static IO_PRIORITY: Names = Names {
    what: "which of ioprio_set",
    mask: u32::MAX as u64,
    values: &[("IOPRIO_WHO_PROCESS", 1), ("IOPRIO_WHO_PGRP", 2), ("IOPRIO_WHO_USER", 3)],
};

/// Whose priority setpriority(2) sets (include/uapi/linux/resource.h).
pub static PRIORITY: Names = Names {
    what: "which of setpriority",
    mask: u32::MAX as u64,
    values: &[("PRIO_PROCESS", 0), ("PRIO_PGRP", 1), ("PRIO_USER", 2)],
};

/// Policies of set_mempolicy(2) and mbind(2), with their flags.
pub static MEMORY_POLICY: Names = Names {
    what: "memory policy",
    mask: 0x1fff,
    values: &[
        ("MPOL_DEFAULT", 0),
        ("MPOL_PREFERRED", 1),
        ("MPOL_BIND", 2),
        ("MPOL_INTERLEAVE", 3),
        ("MPOL_LOCAL", 4),
        ("MPOL_PREFERRED_MANY", 5),
        ("MPOL_WEIGHTED_INTERLEAVE", 6),
        ("MPOL_F_STATIC_NODES", 0x8000),
        ("MPOL_F_RELATIVE_NODES", 0x4000),
        ("MPOL_F_NUMA_BALANCING", 0x2000),
    ],
};

/// Flags of get_mempolicy(2).
pub static GET_MEMORY_POLICY: Names = Names {
    what: "flag of get_mempolicy",
    mask: 0,
    values: &[("MPOL_F_NODE", 1), ("MPOL_F_ADDR", 2), ("MPOL_F_MEMS_ALLOWED", 4)],
};

/// Flags of mbind(2) and move_pages(2).
pub static MEMORY_MOVE: Names = Names {
    what: "flag of mbind",
    mask: 0,
    values: &[("MPOL_MF_STRICT", 1), ("MPOL_MF_MOVE", 2), ("MPOL_MF_MOVE_ALL", 4)],
};

/// Flags of mlock2(2).
pub static MEMORY_LOCK: Names = Names { what: "flag of mlock2", mask: 0, values: &[("MLOCK_ONFAULT", 1)] };

/// Flags of mlockall(2).
pub static MEMORY_LOCK_ALL: Names =
    Names { what: "flag of mlockall", mask: 0, values: &[("MCL_CURRENT", 1), ("MCL_FUTURE", 2), ("MCL_ONFAULT", 4)] };

/// Commands of membarrier(2).
pub static MEMBARRIER: Names = Names {
    what: "command of membarrier",
    mask: u32::MAX as u64,
    values: &[
        ("MEMBARRIER_CMD_QUERY", 0),
        ("MEMBARRIER_CMD_GLOBAL", 1),
        ("MEMBARRIER_CMD_GLOBAL_EXPEDITED", 2),
        ("MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED", 4),
        ("MEMBARRIER_CMD_PRIVATE_EXPEDITED", 8),
        ("MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED", 0x10),
        ("MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE", 0x20),
        ("MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE", 0x40),
        ("MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ", 0x80),
        ("MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ", 0x100),
        ("MEMBARRIER_CMD_GET_REGISTRATIONS", 0x200),
    ],
};

/// Timers of setitimer(2).
pub static INTERVAL_TIMER: Names = Names {
    what: "timer of setitimer",
    mask: u32::MAX as u64,
    values: &[("ITIMER_REAL", 0), ("ITIMER_VIRTUAL", 1), ("ITIMER_PROF", 2)],
};

/// What kcmp(2) compares.
pub static COMPARE: Names = Names {
    what: "type of kcmp",
    mask: u32::MAX as u64,
    values: &[
        ("KCMP_FILE", 0),
        ("KCMP_VM", 1),
        ("KCMP_FILES", 2),
        ("KCMP_FS", 3),
        ("KCMP_SIGHAND", 4),
        ("KCMP_IO", 5),
        ("KCMP_SYSVSEM", 6),
        ("KCMP_EPOLL_TFD", 7),
    ],
};

/// Flags of futex_wait(2): a size, and others (include/uapi/linux/futex.h).
pub static FUTEX2: Names = Names {
    what: "flag of futex_wait",
    mask: 3,
    values: &[
        ("FUTEX2_SIZE_U8", 0),
        ("FUTEX2_SIZE_U16", 1),
        ("FUTEX2_SIZE_U32", 2),
        ("FUTEX2_SIZE_U64", 3),
        ("FUTEX2_NUMA", 4),
        ("FUTEX2_MPOL", 8),
        ("FUTEX2_PRIVATE", 0x80),
    ],
};

/// Flags of pidfd_send_signal(2) (include/uapi/linux/pidfd.h).
pub static PIDFD_SIGNAL: Names = Names {
    what: "flag of pidfd_send_signal",
    mask: 0,
    values: &[("PIDFD_SIGNAL_THREAD", 1), ("PIDFD_SIGNAL_THREAD_GROUP", 2), ("PIDFD_SIGNAL_PROCESS_GROUP", 4)],
};

/// Rights of pkey_alloc(2) (include/uapi/asm-generic/mman-common.h).
pub static PKEY: Names = Names {
    what: "right of pkey_alloc",
    mask: 0,
    values: numbered! {
        PKEY_UNRESTRICTED 0, PKEY_DISABLE_ACCESS 1, PKEY_DISABLE_WRITE 2, PKEY_DISABLE_EXECUTE 4,
    },
};

/// Flags of sched_setattr(2).
pub static SCHEDULER_FLAGS: Names = Names {
    what: "flag of sched_setattr",
    mask: 0,
    values: numbered! {
        SCHED_FLAG_RESET_ON_FORK 1, SCHED_FLAG_RECLAIM 2, SCHED_FLAG_DL_OVERRUN 4, SCHED_FLAG_KEEP_POLICY 8,
        SCHED_FLAG_KEEP_PARAMS 16, SCHED_FLAG_UTIL_CLAMP_MIN 32, SCHED_FLAG_UTIL_CLAMP_MAX 64,
    },
};

/// The mask of futex_wait(2) and futex_wake(2) that matches all others.
pub static FUTEX_BITSET: Names =
    Names { what: "mask of futex_wait", mask: u64::MAX, values: numbered! { FUTEX_BITSET_MATCH_ANY 0xffff_ffff } };
