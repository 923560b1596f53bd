//! The operations of prctl(2), and what their arguments may be (include/uapi/linux/prctl.h). The kernel looks at all 64 bits of these.

use super::Names;

/// A number that has no names, and is written in base 16.
pub static RAW: Names = Names { what: "number", mask: u64::MAX, values: &[] };

/// Operations of prctl(2).
pub static PRCTL: Names = Names {
    what: "operation of prctl",
    mask: u32::MAX as u64,
    values: numbered! {
        PR_SET_PDEATHSIG 1, PR_GET_PDEATHSIG 2, PR_GET_DUMPABLE 3, PR_SET_DUMPABLE 4, PR_GET_UNALIGN 5,
        PR_SET_UNALIGN 6, PR_GET_KEEPCAPS 7, PR_SET_KEEPCAPS 8, PR_GET_FPEMU 9, PR_SET_FPEMU 10, PR_GET_FPEXC 11,
        PR_SET_FPEXC 12, PR_GET_TIMING 13, PR_SET_TIMING 14, PR_SET_NAME 15, PR_GET_NAME 16, PR_GET_ENDIAN 19,
        PR_SET_ENDIAN 20, PR_GET_SECCOMP 21, PR_SET_SECCOMP 22, PR_CAPBSET_READ 23, PR_CAPBSET_DROP 24, PR_GET_TSC 25,
        PR_SET_TSC 26, PR_GET_SECUREBITS 27, PR_SET_SECUREBITS 28, PR_SET_TIMERSLACK 29, PR_GET_TIMERSLACK 30,
        PR_TASK_PERF_EVENTS_DISABLE 31, PR_TASK_PERF_EVENTS_ENABLE 32, PR_MCE_KILL 33, PR_MCE_KILL_GET 34, PR_SET_MM 35,
        PR_SET_PTRACER 0x59616d61, PR_SET_CHILD_SUBREAPER 36, PR_GET_CHILD_SUBREAPER 37, PR_SET_NO_NEW_PRIVS 38,
        PR_GET_NO_NEW_PRIVS 39, PR_GET_TID_ADDRESS 40, PR_SET_THP_DISABLE 41, PR_GET_THP_DISABLE 42,
        PR_MPX_ENABLE_MANAGEMENT 43, PR_MPX_DISABLE_MANAGEMENT 44, PR_SET_FP_MODE 45, PR_GET_FP_MODE 46,
        PR_CAP_AMBIENT 47, PR_SVE_SET_VL 50, PR_SVE_GET_VL 51, PR_GET_SPECULATION_CTRL 52, PR_SET_SPECULATION_CTRL 53,
        PR_PAC_RESET_KEYS 54, PR_SET_TAGGED_ADDR_CTRL 55, PR_GET_TAGGED_ADDR_CTRL 56, PR_SET_IO_FLUSHER 57,
        PR_GET_IO_FLUSHER 58, PR_SET_SYSCALL_USER_DISPATCH 59, PR_PAC_SET_ENABLED_KEYS 60, PR_PAC_GET_ENABLED_KEYS 61,
        PR_SCHED_CORE 62, PR_SME_SET_VL 63, PR_SME_GET_VL 64, PR_SET_MDWE 65, PR_GET_MDWE 66, PR_SET_VMA 0x53564d41,
        PR_GET_AUXV 0x41555856, PR_SET_MEMORY_MERGE 67, PR_GET_MEMORY_MERGE 68, PR_RISCV_V_SET_CONTROL 69,
        PR_RISCV_V_GET_CONTROL 70, PR_RISCV_SET_ICACHE_FLUSH_CTX 71, PR_PPC_GET_DEXCR 72, PR_PPC_SET_DEXCR 73,
        PR_GET_SHADOW_STACK_STATUS 74, PR_SET_SHADOW_STACK_STATUS 75, PR_LOCK_SHADOW_STACK_STATUS 76,
        PR_TIMER_CREATE_RESTORE_IDS 77, PR_FUTEX_HASH 78, PR_RSEQ_SLICE_EXTENSION 79, PR_GET_CFI 80, PR_SET_CFI 81,
    },
};

/// Whether a process leaves a core dump (PR_SET_DUMPABLE, include/linux/sched/coredump.h).
pub static DUMPABLE: Names = Names {
    what: "dumpable state",
    mask: u64::MAX,
    values: numbered! {
        SUID_DUMP_DISABLE 0, SUID_DUMP_USER 1, SUID_DUMP_ROOT 2,
    },
};

/// Capabilities (capabilities(7)).
pub static CAPABILITY: Names = Names {
    what: "capability",
    mask: u64::MAX,
    values: numbered! {
        CAP_CHOWN 0, CAP_DAC_OVERRIDE 1, CAP_DAC_READ_SEARCH 2, CAP_FOWNER 3, CAP_FSETID 4, CAP_KILL 5, CAP_SETGID 6,
        CAP_SETUID 7, CAP_SETPCAP 8, CAP_LINUX_IMMUTABLE 9, CAP_NET_BIND_SERVICE 10, CAP_NET_BROADCAST 11,
        CAP_NET_ADMIN 12, CAP_NET_RAW 13, CAP_IPC_LOCK 14, CAP_IPC_OWNER 15, CAP_SYS_MODULE 16, CAP_SYS_RAWIO 17,
        CAP_SYS_CHROOT 18, CAP_SYS_PTRACE 19, CAP_SYS_PACCT 20, CAP_SYS_ADMIN 21, CAP_SYS_BOOT 22, CAP_SYS_NICE 23,
        CAP_SYS_RESOURCE 24, CAP_SYS_TIME 25, CAP_SYS_TTY_CONFIG 26, CAP_MKNOD 27, CAP_LEASE 28, CAP_AUDIT_WRITE 29,
        CAP_AUDIT_CONTROL 30, CAP_SETFCAP 31, CAP_MAC_OVERRIDE 32, CAP_MAC_ADMIN 33, CAP_SYSLOG 34, CAP_WAKE_ALARM 35,
        CAP_BLOCK_SUSPEND 36, CAP_AUDIT_READ 37, CAP_PERFMON 38, CAP_BPF 39, CAP_CHECKPOINT_RESTORE 40,
    },
};

/// Secure bits (capabilities(7), include/uapi/linux/securebits.h).
pub static SECURE_BITS: Names = Names {
    what: "secure bit",
    mask: 0,
    values: numbered! {
        SECBIT_NOROOT 1, SECBIT_NOROOT_LOCKED 2, SECBIT_NO_SETUID_FIXUP 4, SECBIT_NO_SETUID_FIXUP_LOCKED 8,
        SECBIT_KEEP_CAPS 16, SECBIT_KEEP_CAPS_LOCKED 32, SECBIT_NO_CAP_AMBIENT_RAISE 64,
        SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED 128, SECBIT_EXEC_RESTRICT_FILE 256, SECBIT_EXEC_RESTRICT_FILE_LOCKED 512,
        SECBIT_EXEC_DENY_INTERACTIVE 0x400, SECBIT_EXEC_DENY_INTERACTIVE_LOCKED 0x800,
    },
};

/// What PR_CAP_AMBIENT does.
pub static AMBIENT: Names = Names {
    what: "operation of PR_CAP_AMBIENT",
    mask: u64::MAX,
    values: numbered! {
        PR_CAP_AMBIENT_IS_SET 1, PR_CAP_AMBIENT_RAISE 2, PR_CAP_AMBIENT_LOWER 3, PR_CAP_AMBIENT_CLEAR_ALL 4,
    },
};

/// What PR_MCE_KILL does.
pub static MEMORY_FAULT: Names = Names {
    what: "operation of PR_MCE_KILL",
    mask: u64::MAX,
    values: numbered! {
        PR_MCE_KILL_CLEAR 0, PR_MCE_KILL_SET 1,
    },
};

/// When a process is told of a memory fault (PR_MCE_KILL_SET).
pub static MEMORY_FAULT_POLICY: Names = Names {
    what: "policy of PR_MCE_KILL",
    mask: u64::MAX,
    values: numbered! {
        PR_MCE_KILL_LATE 0, PR_MCE_KILL_EARLY 1, PR_MCE_KILL_DEFAULT 2,
    },
};

/// Modes of seccomp (PR_SET_SECCOMP).
pub static SECCOMP_MODE: Names = Names {
    what: "mode of seccomp",
    mask: u64::MAX,
    values: numbered! {
        SECCOMP_MODE_DISABLED 0, SECCOMP_MODE_STRICT 1, SECCOMP_MODE_FILTER 2,
    },
};

/// Whether the time stamp counter may be read (PR_SET_TSC).
pub static TIME_STAMP: Names = Names {
    what: "state of PR_SET_TSC",
    mask: u64::MAX,
    values: numbered! {
        PR_TSC_ENABLE 1, PR_TSC_SIGSEGV 2,
    },
};

/// How CPU time is measured (PR_SET_TIMING).
pub static TIMING: Names = Names {
    what: "method of PR_SET_TIMING",
    mask: u64::MAX,
    values: numbered! {
        PR_TIMING_STATISTICAL 0, PR_TIMING_TIMESTAMP 1,
    },
};

/// What an unaligned access does (PR_SET_UNALIGN).
pub static UNALIGNED: Names = Names {
    what: "flag of PR_SET_UNALIGN",
    mask: 0,
    values: numbered! {
        PR_UNALIGN_NOPRINT 1, PR_UNALIGN_SIGBUS 2,
    },
};

/// Misfeatures of speculation (PR_GET_SPECULATION_CTRL).
pub static SPECULATION: Names = Names {
    what: "misfeature of speculation",
    mask: u64::MAX,
    values: numbered! {
        PR_SPEC_STORE_BYPASS 0, PR_SPEC_INDIRECT_BRANCH 1, PR_SPEC_L1D_FLUSH 2,
    },
};

/// How a misfeature of speculation is controlled (PR_SET_SPECULATION_CTRL).
pub static SPECULATION_CONTROL: Names = Names {
    what: "flag of PR_SET_SPECULATION_CTRL",
    mask: 0,
    values: numbered! {
        PR_SPEC_PRCTL 1, PR_SPEC_ENABLE 2, PR_SPEC_DISABLE 4, PR_SPEC_FORCE_DISABLE 8, PR_SPEC_DISABLE_NOEXEC 16,
    },
};

/// Keys of pointer authentication (PR_PAC_RESET_KEYS).
pub static KEYS_RESET: Names = Names {
    what: "key of PR_PAC_RESET_KEYS",
    mask: 0,
    values: numbered! {
        PR_PAC_APIAKEY 1, PR_PAC_APIBKEY 2, PR_PAC_APDAKEY 4, PR_PAC_APDBKEY 8, PR_PAC_APGAKEY 16,
    },
};

/// Whether system calls are dispatched to the process (PR_SET_SYSCALL_USER_DISPATCH).
pub static DISPATCH: Names = Names {
    what: "state of PR_SET_SYSCALL_USER_DISPATCH",
    mask: u64::MAX,
    values: numbered! {
        PR_SYS_DISPATCH_OFF 0, PR_SYS_DISPATCH_EXCLUSIVE_ON 1, PR_SYS_DISPATCH_INCLUSIVE_ON 2,
    },
};

/// What PR_SCHED_CORE does.
pub static SCHED_CORE: Names = Names {
    what: "operation of PR_SCHED_CORE",
    mask: u32::MAX as u64,
    values: numbered! {
        PR_SCHED_CORE_GET 0, PR_SCHED_CORE_CREATE 1, PR_SCHED_CORE_SHARE_TO 2, PR_SCHED_CORE_SHARE_FROM 3,
    },
};

/// Aspects of PR_PPC_SET_DEXCR.
pub static DEXCR: Names = Names {
    what: "aspect of PR_PPC_SET_DEXCR",
    mask: u64::MAX,
    values: numbered! {
        PR_PPC_DEXCR_SBHE 0, PR_PPC_DEXCR_IBRTPD 1, PR_PPC_DEXCR_SRAPD 2, PR_PPC_DEXCR_NPHIE 3,
    },
};

/// Flags of PR_PPC_SET_DEXCR.
pub static DEXCR_CONTROL: Names = Names {
    what: "flag of PR_PPC_SET_DEXCR",
    mask: 0,
    values: numbered! {
        PR_PPC_DEXCR_CTRL_EDITABLE 1, PR_PPC_DEXCR_CTRL_SET 2, PR_PPC_DEXCR_CTRL_CLEAR 4,
        PR_PPC_DEXCR_CTRL_SET_ONEXEC 8, PR_PPC_DEXCR_CTRL_CLEAR_ONEXEC 16,
    },
};

/// Whether a thread flushes the instruction cache by itself (PR_RISCV_SET_ICACHE_FLUSH_CTX).
pub static FLUSH: Names = Names {
    what: "context of PR_RISCV_SET_ICACHE_FLUSH_CTX",
    mask: u64::MAX,
    values: numbered! {
        PR_RISCV_CTX_SW_FENCEI_ON 0, PR_RISCV_CTX_SW_FENCEI_OFF 1,
    },
};

/// For whom (PR_RISCV_SET_ICACHE_FLUSH_CTX).
pub static FLUSH_SCOPE: Names = Names {
    what: "scope of PR_RISCV_SET_ICACHE_FLUSH_CTX",
    mask: u64::MAX,
    values: numbered! {
        PR_RISCV_SCOPE_PER_PROCESS 0, PR_RISCV_SCOPE_PER_THREAD 1,
    },
};

/// What PR_SET_VMA sets.
pub static AREA: Names = Names {
    what: "attribute of PR_SET_VMA",
    mask: u64::MAX,
    values: numbered! {
        PR_SET_VMA_ANON_NAME 0,
    },
};
