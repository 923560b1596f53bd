//! What perf_event_open(2) counts and samples.
//!
//! The values are those of include/uapi/linux/perf_event.h, which are the same on all architectures of the tracer.

use super::Names;

/// Types of events.
pub static PERF_TYPE: Names = Names {
    what: "type of an event",
    mask: u32::MAX as u64,
    values: numbered! {
        PERF_TYPE_HARDWARE 0, PERF_TYPE_SOFTWARE 1, PERF_TYPE_TRACEPOINT 2, PERF_TYPE_HW_CACHE 3, PERF_TYPE_RAW 4,
        PERF_TYPE_BREAKPOINT 5,
    },
};

/// Sizes of `struct perf_event_attr`.
pub static PERF_SIZE: Names = Names {
    what: "size of the attributes",
    mask: u32::MAX as u64,
    values: numbered! {
        PERF_ATTR_SIZE_VER0 64, PERF_ATTR_SIZE_VER1 72, PERF_ATTR_SIZE_VER2 80, PERF_ATTR_SIZE_VER3 96,
        PERF_ATTR_SIZE_VER4 104, PERF_ATTR_SIZE_VER5 112, PERF_ATTR_SIZE_VER6 120, PERF_ATTR_SIZE_VER7 128,
        PERF_ATTR_SIZE_VER8 136, PERF_ATTR_SIZE_VER9 144,
    },
};

/// Events of the processor.
pub static PERF_HARDWARE: Names = Names {
    what: "event of the processor",
    mask: u32::MAX as u64,
    values: numbered! {
        PERF_COUNT_HW_CPU_CYCLES 0, PERF_COUNT_HW_INSTRUCTIONS 1, PERF_COUNT_HW_CACHE_REFERENCES 2,
        PERF_COUNT_HW_CACHE_MISSES 3, PERF_COUNT_HW_BRANCH_INSTRUCTIONS 4, PERF_COUNT_HW_BRANCH_MISSES 5,
        PERF_COUNT_HW_BUS_CYCLES 6, PERF_COUNT_HW_STALLED_CYCLES_FRONTEND 7, PERF_COUNT_HW_STALLED_CYCLES_BACKEND 8,
        PERF_COUNT_HW_REF_CPU_CYCLES 9,
    },
};

/// Events of the kernel.
pub static PERF_SOFTWARE: Names = Names {
    what: "event of the kernel",
    mask: u32::MAX as u64,
    values: numbered! {
        PERF_COUNT_SW_CPU_CLOCK 0, PERF_COUNT_SW_TASK_CLOCK 1, PERF_COUNT_SW_PAGE_FAULTS 2, PERF_COUNT_SW_CONTEXT_SWITCHES 3,
        PERF_COUNT_SW_CPU_MIGRATIONS 4, PERF_COUNT_SW_PAGE_FAULTS_MIN 5, PERF_COUNT_SW_PAGE_FAULTS_MAJ 6,
        PERF_COUNT_SW_ALIGNMENT_FAULTS 7, PERF_COUNT_SW_EMULATION_FAULTS 8, PERF_COUNT_SW_DUMMY 9,
        PERF_COUNT_SW_BPF_OUTPUT 10, PERF_COUNT_SW_CGROUP_SWITCHES 11,
    },
};

/// Caches.
pub static PERF_CACHE: Names = Names {
    what: "cache",
    mask: u32::MAX as u64,
    values: numbered! {
        PERF_COUNT_HW_CACHE_L1D 0, PERF_COUNT_HW_CACHE_L1I 1, PERF_COUNT_HW_CACHE_LL 2, PERF_COUNT_HW_CACHE_DTLB 3,
        PERF_COUNT_HW_CACHE_ITLB 4, PERF_COUNT_HW_CACHE_BPU 5, PERF_COUNT_HW_CACHE_NODE 6,
    },
};

/// Accesses to caches.
pub static PERF_CACHE_OPERATION: Names = Names {
    what: "access to a cache",
    mask: u32::MAX as u64,
    values: numbered! {
        PERF_COUNT_HW_CACHE_OP_READ 0, PERF_COUNT_HW_CACHE_OP_WRITE 1, PERF_COUNT_HW_CACHE_OP_PREFETCH 2,
    },
};

/// Results of accesses to caches.
pub static PERF_CACHE_RESULT: Names = Names {
    what: "result of an access",
    mask: u32::MAX as u64,
    values: numbered! {
        PERF_COUNT_HW_CACHE_RESULT_ACCESS 0, PERF_COUNT_HW_CACHE_RESULT_MISS 1,
    },
};

/// What a sample has.
pub static PERF_SAMPLE: Names = Names {
    what: "member of a sample",
    mask: 0,
    values: numbered! {
        PERF_SAMPLE_IP 1, PERF_SAMPLE_TID 2, PERF_SAMPLE_TIME 4, PERF_SAMPLE_ADDR 8, PERF_SAMPLE_READ 0x10,
        PERF_SAMPLE_CALLCHAIN 0x20, PERF_SAMPLE_ID 0x40, PERF_SAMPLE_CPU 0x80, PERF_SAMPLE_PERIOD 0x100,
        PERF_SAMPLE_STREAM_ID 0x200, PERF_SAMPLE_RAW 0x400, PERF_SAMPLE_BRANCH_STACK 0x800, PERF_SAMPLE_REGS_USER 0x1000,
        PERF_SAMPLE_STACK_USER 0x2000, PERF_SAMPLE_WEIGHT 0x4000, PERF_SAMPLE_DATA_SRC 0x8000,
        PERF_SAMPLE_IDENTIFIER 0x1_0000, PERF_SAMPLE_TRANSACTION 0x2_0000, PERF_SAMPLE_REGS_INTR 0x4_0000,
        PERF_SAMPLE_PHYS_ADDR 0x8_0000, PERF_SAMPLE_AUX 0x10_0000, PERF_SAMPLE_CGROUP 0x20_0000,
        PERF_SAMPLE_DATA_PAGE_SIZE 0x40_0000, PERF_SAMPLE_CODE_PAGE_SIZE 0x80_0000, PERF_SAMPLE_WEIGHT_STRUCT 0x100_0000,
    },
};

/// Which branches are sampled.
pub static PERF_BRANCH: Names = Names {
    what: "branch to sample",
    mask: 0,
    values: numbered! {
        PERF_SAMPLE_BRANCH_USER 1, PERF_SAMPLE_BRANCH_KERNEL 2, PERF_SAMPLE_BRANCH_HV 4, PERF_SAMPLE_BRANCH_ANY 8,
        PERF_SAMPLE_BRANCH_ANY_CALL 0x10, PERF_SAMPLE_BRANCH_ANY_RETURN 0x20, PERF_SAMPLE_BRANCH_IND_CALL 0x40,
        PERF_SAMPLE_BRANCH_ABORT_TX 0x80, PERF_SAMPLE_BRANCH_IN_TX 0x100, PERF_SAMPLE_BRANCH_NO_TX 0x200,
        PERF_SAMPLE_BRANCH_COND 0x400, PERF_SAMPLE_BRANCH_CALL_STACK 0x800, PERF_SAMPLE_BRANCH_IND_JUMP 0x1000,
        PERF_SAMPLE_BRANCH_CALL 0x2000, PERF_SAMPLE_BRANCH_NO_FLAGS 0x4000, PERF_SAMPLE_BRANCH_NO_CYCLES 0x8000,
        PERF_SAMPLE_BRANCH_TYPE_SAVE 0x1_0000, PERF_SAMPLE_BRANCH_HW_INDEX 0x2_0000, PERF_SAMPLE_BRANCH_PRIV_SAVE 0x4_0000,
        PERF_SAMPLE_BRANCH_COUNTERS 0x8_0000,
    },
};

/// Accesses at which a breakpoint counts (include/uapi/linux/hw_breakpoint.h).
pub static PERF_BREAKPOINT: Names = Names {
    what: "access of a breakpoint",
    mask: u32::MAX as u64,
    values: numbered! {
        HW_BREAKPOINT_EMPTY 0, HW_BREAKPOINT_R 1, HW_BREAKPOINT_W 2, HW_BREAKPOINT_RW 3, HW_BREAKPOINT_X 4,
    },
};

/// What is read of an event.
pub static PERF_FORMAT: Names = Names {
    what: "format of reads",
    mask: 0,
    values: numbered! {
        PERF_FORMAT_TOTAL_TIME_ENABLED 1, PERF_FORMAT_TOTAL_TIME_RUNNING 2, PERF_FORMAT_ID 4, PERF_FORMAT_GROUP 8,
        PERF_FORMAT_LOST 0x10,
    },
};
