//! What the kernel is asked to do: bpf(2), perf_event_open(2), ptrace(2), seccomp(2), landlock(7), reboot(2).
//!
//! The values are those of include/uapi/linux, which are the same on all architectures of the tracer.

use super::Names;

/// Commands of bpf(2).
pub static BPF: Names = Names {
    what: "command of bpf",
    mask: u32::MAX as u64,
    values: &[
        ("BPF_MAP_CREATE", 0),
        ("BPF_MAP_LOOKUP_ELEM", 1),
        ("BPF_MAP_UPDATE_ELEM", 2),
        ("BPF_MAP_DELETE_ELEM", 3),
        ("BPF_MAP_GET_NEXT_KEY", 4),
        ("BPF_PROG_LOAD", 5),
        ("BPF_OBJ_PIN", 6),
        ("BPF_OBJ_GET", 7),
        ("BPF_PROG_ATTACH", 8),
        ("BPF_PROG_DETACH", 9),
        ("BPF_PROG_TEST_RUN", 10),
        ("BPF_PROG_GET_NEXT_ID", 11),
        ("BPF_MAP_GET_NEXT_ID", 12),
        ("BPF_PROG_GET_FD_BY_ID", 13),
        ("BPF_MAP_GET_FD_BY_ID", 14),
        ("BPF_OBJ_GET_INFO_BY_FD", 15),
        ("BPF_PROG_QUERY", 0x10),
        ("BPF_RAW_TRACEPOINT_OPEN", 17),
        ("BPF_BTF_LOAD", 18),
        ("BPF_BTF_GET_FD_BY_ID", 19),
        ("BPF_TASK_FD_QUERY", 20),
        ("BPF_MAP_LOOKUP_AND_DELETE_ELEM", 21),
        ("BPF_MAP_FREEZE", 22),
        ("BPF_BTF_GET_NEXT_ID", 23),
        ("BPF_MAP_LOOKUP_BATCH", 24),
        ("BPF_MAP_LOOKUP_AND_DELETE_BATCH", 25),
        ("BPF_MAP_UPDATE_BATCH", 26),
        ("BPF_MAP_DELETE_BATCH", 27),
        ("BPF_LINK_CREATE", 28),
        ("BPF_LINK_UPDATE", 29),
        ("BPF_LINK_GET_FD_BY_ID", 30),
        ("BPF_LINK_GET_NEXT_ID", 31),
        ("BPF_ENABLE_STATS", 0x20),
        ("BPF_ITER_CREATE", 33),
        ("BPF_LINK_DETACH", 34),
        ("BPF_PROG_BIND_MAP", 35),
        ("BPF_TOKEN_CREATE", 36),
        ("BPF_PROG_STREAM_READ_BY_FD", 37),
        ("BPF_PROG_ASSOC_STRUCT_OPS", 38),
    ],
};

/// Flags of perf_event_open(2).
pub static PERF: Names = Names {
    what: "flag of perf_event_open",
    mask: 0,
    values: &[
        ("PERF_FLAG_FD_NO_GROUP", 1),
        ("PERF_FLAG_FD_OUTPUT", 2),
        ("PERF_FLAG_PID_CGROUP", 4),
        ("PERF_FLAG_FD_CLOEXEC", 8),
    ],
};

/// Requests of ptrace(2).
pub static PTRACE: Names = Names {
    what: "request of ptrace",
    mask: u64::MAX,
    values: &[
        ("PTRACE_TRACEME", 0),
        ("PTRACE_PEEKTEXT", 1),
        ("PTRACE_PEEKDATA", 2),
        ("PTRACE_PEEKUSER", 3),
        ("PTRACE_POKETEXT", 4),
        ("PTRACE_POKEDATA", 5),
        ("PTRACE_POKEUSER", 6),
        ("PTRACE_CONT", 7),
        ("PTRACE_KILL", 8),
        ("PTRACE_SINGLESTEP", 9),
        ("PTRACE_ATTACH", 0x10),
        ("PTRACE_DETACH", 17),
        ("PTRACE_SYSCALL", 24),
        ("PTRACE_SETOPTIONS", 0x4200),
        ("PTRACE_GETEVENTMSG", 0x4201),
        ("PTRACE_GETSIGINFO", 0x4202),
        ("PTRACE_SETSIGINFO", 0x4203),
        ("PTRACE_GETREGSET", 0x4204),
        ("PTRACE_SETREGSET", 0x4205),
        ("PTRACE_SEIZE", 0x4206),
        ("PTRACE_INTERRUPT", 0x4207),
        ("PTRACE_LISTEN", 0x4208),
        ("PTRACE_PEEKSIGINFO", 0x4209),
        ("PTRACE_GETSIGMASK", 0x420a),
        ("PTRACE_SETSIGMASK", 0x420b),
        ("PTRACE_SECCOMP_GET_FILTER", 0x420c),
        ("PTRACE_SECCOMP_GET_METADATA", 0x420d),
        ("PTRACE_GET_SYSCALL_INFO", 0x420e),
        ("PTRACE_SET_SYSCALL_INFO", 0x4212),
        ("PTRACE_GET_RSEQ_CONFIGURATION", 0x420f),
    ],
};

/// Operations of seccomp(2).
pub static SECCOMP: Names = Names {
    what: "operation of seccomp",
    mask: u32::MAX as u64,
    values: &[
        ("SECCOMP_SET_MODE_STRICT", 0),
        ("SECCOMP_SET_MODE_FILTER", 1),
        ("SECCOMP_GET_ACTION_AVAIL", 2),
        ("SECCOMP_GET_NOTIF_SIZES", 3),
    ],
};

/// Flags of seccomp(2).
pub static SECCOMP_FILTER: Names = Names {
    what: "flag of seccomp",
    mask: 0,
    values: &[
        ("SECCOMP_FILTER_FLAG_TSYNC", 1),
        ("SECCOMP_FILTER_FLAG_LOG", 2),
        ("SECCOMP_FILTER_FLAG_SPEC_ALLOW", 4),
        ("SECCOMP_FILTER_FLAG_NEW_LISTENER", 8),
        ("SECCOMP_FILTER_FLAG_TSYNC_ESRCH", 0x10),
        ("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", 0x20),
    ],
};

/// Flags of landlock_create_ruleset(2).
pub static LANDLOCK_CREATE: Names = Names {
    what: "flag of landlock_create_ruleset",
    mask: 0,
    values: &[("LANDLOCK_CREATE_RULESET_VERSION", 1), ("LANDLOCK_CREATE_RULESET_ERRATA", 2)],
};

/// Types of rules of landlock_add_rule(2).
pub static LANDLOCK_RULE: Names = Names {
    what: "type of landlock_add_rule",
    mask: u32::MAX as u64,
    values: &[("LANDLOCK_RULE_PATH_BENEATH", 1), ("LANDLOCK_RULE_NET_PORT", 2)],
};

/// Flags of landlock_restrict_self(2).
pub static LANDLOCK_RESTRICT: Names = Names {
    what: "flag of landlock_restrict_self",
    mask: 0,
    values: &[
        ("LANDLOCK_RESTRICT_SELF_LOG_SAME_EXEC_OFF", 1),
        ("LANDLOCK_RESTRICT_SELF_LOG_NEW_EXEC_ON", 2),
        ("LANDLOCK_RESTRICT_SELF_LOG_SUBDOMAINS_OFF", 4),
    ],
};

/// Attributes of lsm_get_self_attr(2) (include/uapi/linux/lsm.h).
pub static LSM: Names = Names {
    what: "attribute of lsm_get_self_attr",
    mask: u32::MAX as u64,
    values: &[
        ("LSM_ATTR_UNDEF", 0),
        ("LSM_ATTR_CURRENT", 100),
        ("LSM_ATTR_EXEC", 101),
        ("LSM_ATTR_FSCREATE", 102),
        ("LSM_ATTR_KEYCREATE", 103),
        ("LSM_ATTR_PREV", 104),
        ("LSM_ATTR_SOCKCREATE", 105),
    ],
};

/// Flags of lsm_get_self_attr(2) (include/uapi/linux/lsm.h).
pub static LSM_GET: Names = Names { what: "flag of lsm_get_self_attr", mask: 0, values: &[("LSM_FLAG_SINGLE", 1)] };

/// The first two arguments of reboot(2).
pub static REBOOT_MAGIC: Names = Names {
    what: "magic number of reboot",
    mask: u32::MAX as u64,
    values: numbered! {
        LINUX_REBOOT_MAGIC1 0xfee1_dead, LINUX_REBOOT_MAGIC2 672_274_793, LINUX_REBOOT_MAGIC2A 85_072_278, LINUX_REBOOT_MAGIC2B
        369_367_448, LINUX_REBOOT_MAGIC2C 537_993_216,
    },
};

/// Commands of syslog(2) (include/linux/syslog.h).
pub static SYSLOG: Names = Names {
    what: "command of syslog",
    mask: u32::MAX as u64,
    values: numbered! {
        SYSLOG_ACTION_CLOSE 0, SYSLOG_ACTION_OPEN 1, SYSLOG_ACTION_READ 2, SYSLOG_ACTION_READ_ALL 3, SYSLOG_ACTION_READ_CLEAR 4,
        SYSLOG_ACTION_CLEAR 5, SYSLOG_ACTION_CONSOLE_OFF 6, SYSLOG_ACTION_CONSOLE_ON 7, SYSLOG_ACTION_CONSOLE_LEVEL 8,
        SYSLOG_ACTION_SIZE_UNREAD 9, SYSLOG_ACTION_SIZE_BUFFER 10,
    },
};

/// Operations of reboot(2).
pub static REBOOT: Names = Names {
    what: "operation of reboot",
    mask: u32::MAX as u64,
    values: &[
        ("LINUX_REBOOT_CMD_CAD_OFF", 0),
        ("LINUX_REBOOT_CMD_CAD_ON", 0x89ab_cdef),
        ("LINUX_REBOOT_CMD_HALT", 0xcdef_0123),
        ("LINUX_REBOOT_CMD_KEXEC", 0x4558_4543),
        ("LINUX_REBOOT_CMD_POWER_OFF", 0x4321_fedc),
        ("LINUX_REBOOT_CMD_RESTART", 0x123_4567),
        ("LINUX_REBOOT_CMD_RESTART2", 0xa1b2_c3d4),
        ("LINUX_REBOOT_CMD_SW_SUSPEND", 0xd000_fce2),
    ],
};

/// Flags of finit_module(2).
pub static INIT_MODULE: Names = Names {
    what: "flag of finit_module",
    mask: 0,
    values: &[
        ("MODULE_INIT_IGNORE_MODVERSIONS", 1),
        ("MODULE_INIT_IGNORE_VERMAGIC", 2),
        ("MODULE_INIT_COMPRESSED_FILE", 4),
    ],
};

/// Flags of kexec_file_load(2).
pub static KEXEC_FILE: Names = Names {
    what: "flag of kexec_file_load",
    mask: 0,
    values: numbered! {
        KEXEC_FILE_UNLOAD 1, KEXEC_FILE_ON_CRASH 2, KEXEC_FILE_NO_INITRAMFS 4, KEXEC_FILE_DEBUG 8, KEXEC_FILE_NO_CMA 0x10,
        KEXEC_FILE_FORCE_DTB 0x20,
    },
};

/// Why a tracee has stopped, as its status says (ptrace(2)).
pub static PTRACE_EVENT: Names = Names {
    what: "event of ptrace",
    mask: u32::MAX as u64,
    values: numbered! {
        PTRACE_EVENT_FORK 1, PTRACE_EVENT_VFORK 2, PTRACE_EVENT_CLONE 3, PTRACE_EVENT_EXEC 4, PTRACE_EVENT_VFORK_DONE 5,
        PTRACE_EVENT_EXIT 6, PTRACE_EVENT_SECCOMP 7, PTRACE_EVENT_STOP 128,
    },
};

/// Options of PTRACE_SETOPTIONS and PTRACE_SEIZE (ptrace(2)).
pub static PTRACE_OPTION: Names = Names {
    what: "option of ptrace",
    mask: 0,
    values: numbered! {
        PTRACE_O_TRACESYSGOOD 1, PTRACE_O_TRACEFORK 2, PTRACE_O_TRACEVFORK 4, PTRACE_O_TRACECLONE 8, PTRACE_O_TRACEEXEC 0x10,
        PTRACE_O_TRACEVFORKDONE 0x20, PTRACE_O_TRACEEXIT 0x40, PTRACE_O_TRACESECCOMP 0x80, PTRACE_O_EXITKILL 0x10_0000,
        PTRACE_O_SUSPEND_SECCOMP 0x20_0000,
    },
};

/// Why a tracee has stopped (PTRACE_GET_SYSCALL_INFO).
pub static SYSCALL_STOP: Names = Names {
    what: "kind of a system call stop",
    mask: u32::MAX as u64,
    values: numbered! {
        PTRACE_SYSCALL_INFO_NONE 0, PTRACE_SYSCALL_INFO_ENTRY 1, PTRACE_SYSCALL_INFO_EXIT 2, PTRACE_SYSCALL_INFO_SECCOMP 3,
    },
};

/// Architectures (include/uapi/linux/audit.h).
pub static AUDIT_ARCH: Names = Names {
    what: "architecture",
    mask: u32::MAX as u64,
    values: numbered! {
        AUDIT_ARCH_X86_64 0xc000_003e, AUDIT_ARCH_I386 0x4000_0003, AUDIT_ARCH_AARCH64 0xc000_00b7, AUDIT_ARCH_ARM 0x4000_0028,
        AUDIT_ARCH_RISCV64 0xc000_00f3, AUDIT_ARCH_RISCV32 0x4000_00f3, AUDIT_ARCH_CRIS 0x4000_004c, AUDIT_ARCH_PPC64LE
        0xc000_0015, AUDIT_ARCH_PPC64 0x8000_0015, AUDIT_ARCH_PPC 0x14, AUDIT_ARCH_S390X 0x8000_0016, AUDIT_ARCH_LOONGARCH64
        0xc000_0102,
    },
};

/// Sets of registers (PTRACE_GETREGSET, include/uapi/linux/elf.h).
pub static REGISTERS: Names = Names {
    what: "set of registers",
    mask: u32::MAX as u64,
    values: numbered! {
        NT_PRSTATUS 1, NT_FPREGSET 2, NT_PRPSINFO 3, NT_TASKSTRUCT 4, NT_AUXV 6, NT_386_TLS 0x200, NT_386_IOPERM 0x201,
        NT_X86_XSTATE 0x202, NT_X86_SHSTK 0x204, NT_ARM_VFP 0x400, NT_ARM_TLS 0x401, NT_ARM_HW_BREAK 0x402, NT_ARM_HW_WATCH
        0x403, NT_ARM_SYSTEM_CALL 0x404, NT_ARM_SVE 0x405, NT_ARM_PAC_MASK 0x406, NT_RISCV_VECTOR 0x901,
    },
};

/// Flags of delete_module(2).
pub static DELETE_MODULE: Names =
    Names { what: "flag of delete_module", mask: 0, values: numbered! { O_NONBLOCK 0o4000, O_TRUNC 0o1000 } };

/// Flags of rseq(2) (include/uapi/linux/rseq.h).
pub static RSEQ: Names = Names {
    what: "flag of rseq",
    mask: 0,
    values: numbered! { RSEQ_FLAG_UNREGISTER 1, RSEQ_FLAG_SLICE_EXT_DEFAULT_ON 2 },
};

/// The signature of rseq(2), which glibc has for x86 (tools/testing/selftests/rseq/rseq-x86.h).
pub static RSEQ_SIGNATURE: Names =
    Names { what: "signature of rseq", mask: u32::MAX as u64, values: numbered! { RSEQ_SIG 0x5305_3053 } };
