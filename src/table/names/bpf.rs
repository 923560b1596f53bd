//! What bpf(2) is asked: its maps, programs, links and files.
//!
//! The values are those of include/uapi/linux/bpf.h, which are the same on all architectures of the tracer.

use super::Names;

/// Types of maps.
pub static BPF_MAP_TYPE: Names = Names {
    what: "type of a map",
    mask: u32::MAX as u64,
    values: numbered! {
        BPF_MAP_TYPE_UNSPEC 0, BPF_MAP_TYPE_HASH 1, BPF_MAP_TYPE_ARRAY 2, BPF_MAP_TYPE_PROG_ARRAY 3,
        BPF_MAP_TYPE_PERF_EVENT_ARRAY 4, BPF_MAP_TYPE_PERCPU_HASH 5, BPF_MAP_TYPE_PERCPU_ARRAY 6, BPF_MAP_TYPE_STACK_TRACE 7,
        BPF_MAP_TYPE_CGROUP_ARRAY 8, BPF_MAP_TYPE_LRU_HASH 9, BPF_MAP_TYPE_LRU_PERCPU_HASH 10, BPF_MAP_TYPE_LPM_TRIE 11,
        BPF_MAP_TYPE_ARRAY_OF_MAPS 12, BPF_MAP_TYPE_HASH_OF_MAPS 13, BPF_MAP_TYPE_DEVMAP 14, BPF_MAP_TYPE_SOCKMAP 15,
        BPF_MAP_TYPE_CPUMAP 16, BPF_MAP_TYPE_XSKMAP 17, BPF_MAP_TYPE_SOCKHASH 18, BPF_MAP_TYPE_CGROUP_STORAGE 19,
        BPF_MAP_TYPE_REUSEPORT_SOCKARRAY 20, BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE 21, BPF_MAP_TYPE_QUEUE 22,
        BPF_MAP_TYPE_STACK 23, BPF_MAP_TYPE_SK_STORAGE 24, BPF_MAP_TYPE_DEVMAP_HASH 25, BPF_MAP_TYPE_STRUCT_OPS 26,
        BPF_MAP_TYPE_RINGBUF 27, BPF_MAP_TYPE_INODE_STORAGE 28, BPF_MAP_TYPE_TASK_STORAGE 29, BPF_MAP_TYPE_BLOOM_FILTER 30,
        BPF_MAP_TYPE_USER_RINGBUF 31, BPF_MAP_TYPE_CGRP_STORAGE 32, BPF_MAP_TYPE_ARENA 33, BPF_MAP_TYPE_INSN_ARRAY 34,
        BPF_MAP_TYPE_RHASH 35,
    },
};

/// Types of programs.
pub static BPF_PROG_TYPE: Names = Names {
    what: "type of a program",
    mask: u32::MAX as u64,
    values: numbered! {
        BPF_PROG_TYPE_UNSPEC 0, BPF_PROG_TYPE_SOCKET_FILTER 1, BPF_PROG_TYPE_KPROBE 2, BPF_PROG_TYPE_SCHED_CLS 3,
        BPF_PROG_TYPE_SCHED_ACT 4, BPF_PROG_TYPE_TRACEPOINT 5, BPF_PROG_TYPE_XDP 6, BPF_PROG_TYPE_PERF_EVENT 7,
        BPF_PROG_TYPE_CGROUP_SKB 8, BPF_PROG_TYPE_CGROUP_SOCK 9, BPF_PROG_TYPE_LWT_IN 10, BPF_PROG_TYPE_LWT_OUT 11,
        BPF_PROG_TYPE_LWT_XMIT 12, BPF_PROG_TYPE_SOCK_OPS 13, BPF_PROG_TYPE_SK_SKB 14, BPF_PROG_TYPE_CGROUP_DEVICE 15,
        BPF_PROG_TYPE_SK_MSG 16, BPF_PROG_TYPE_RAW_TRACEPOINT 17, BPF_PROG_TYPE_CGROUP_SOCK_ADDR 18,
        BPF_PROG_TYPE_LWT_SEG6LOCAL 19, BPF_PROG_TYPE_LIRC_MODE2 20, BPF_PROG_TYPE_SK_REUSEPORT 21,
        BPF_PROG_TYPE_FLOW_DISSECTOR 22, BPF_PROG_TYPE_CGROUP_SYSCTL 23, BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE 24,
        BPF_PROG_TYPE_CGROUP_SOCKOPT 25, BPF_PROG_TYPE_TRACING 26, BPF_PROG_TYPE_STRUCT_OPS 27, BPF_PROG_TYPE_EXT 28,
        BPF_PROG_TYPE_LSM 29, BPF_PROG_TYPE_SK_LOOKUP 30, BPF_PROG_TYPE_SYSCALL 31, BPF_PROG_TYPE_NETFILTER 32,
    },
};

/// Types of attachment.
pub static BPF_ATTACH_TYPE: Names = Names {
    what: "type of attachment",
    mask: u32::MAX as u64,
    values: numbered! {
        BPF_CGROUP_INET_INGRESS 0, BPF_CGROUP_INET_EGRESS 1, BPF_CGROUP_INET_SOCK_CREATE 2, BPF_CGROUP_SOCK_OPS 3,
        BPF_SK_SKB_STREAM_PARSER 4, BPF_SK_SKB_STREAM_VERDICT 5, BPF_CGROUP_DEVICE 6, BPF_SK_MSG_VERDICT 7,
        BPF_CGROUP_INET4_BIND 8, BPF_CGROUP_INET6_BIND 9, BPF_CGROUP_INET4_CONNECT 10, BPF_CGROUP_INET6_CONNECT 11,
        BPF_CGROUP_INET4_POST_BIND 12, BPF_CGROUP_INET6_POST_BIND 13, BPF_CGROUP_UDP4_SENDMSG 14, BPF_CGROUP_UDP6_SENDMSG 15,
        BPF_LIRC_MODE2 16, BPF_FLOW_DISSECTOR 17, BPF_CGROUP_SYSCTL 18, BPF_CGROUP_UDP4_RECVMSG 19,
        BPF_CGROUP_UDP6_RECVMSG 20, BPF_CGROUP_GETSOCKOPT 21, BPF_CGROUP_SETSOCKOPT 22, BPF_TRACE_RAW_TP 23,
        BPF_TRACE_FENTRY 24, BPF_TRACE_FEXIT 25, BPF_MODIFY_RETURN 26, BPF_LSM_MAC 27, BPF_TRACE_ITER 28,
        BPF_CGROUP_INET4_GETPEERNAME 29, BPF_CGROUP_INET6_GETPEERNAME 30, BPF_CGROUP_INET4_GETSOCKNAME 31,
        BPF_CGROUP_INET6_GETSOCKNAME 32, BPF_XDP_DEVMAP 33, BPF_CGROUP_INET_SOCK_RELEASE 34, BPF_XDP_CPUMAP 35,
        BPF_SK_LOOKUP 36, BPF_XDP 37, BPF_SK_SKB_VERDICT 38, BPF_SK_REUSEPORT_SELECT 39,
        BPF_SK_REUSEPORT_SELECT_OR_MIGRATE 40, BPF_PERF_EVENT 41, BPF_TRACE_KPROBE_MULTI 42, BPF_LSM_CGROUP 43,
        BPF_STRUCT_OPS 44, BPF_NETFILTER 45, BPF_TCX_INGRESS 46, BPF_TCX_EGRESS 47, BPF_TRACE_UPROBE_MULTI 48,
        BPF_CGROUP_UNIX_CONNECT 49, BPF_CGROUP_UNIX_SENDMSG 50, BPF_CGROUP_UNIX_RECVMSG 51, BPF_CGROUP_UNIX_GETPEERNAME 52,
        BPF_CGROUP_UNIX_GETSOCKNAME 53, BPF_NETKIT_PRIMARY 54, BPF_NETKIT_PEER 55, BPF_TRACE_KPROBE_SESSION 56,
        BPF_TRACE_UPROBE_SESSION 57, BPF_TRACE_FSESSION 58, BPF_TRACE_FENTRY_MULTI 59, BPF_TRACE_FEXIT_MULTI 60,
        BPF_TRACE_FSESSION_MULTI 61,
    },
};

/// Flags of a map.
pub static BPF_MAP_FLAGS: Names = Names {
    what: "flag of a map",
    mask: 0,
    values: numbered! {
        BPF_F_NO_PREALLOC 1, BPF_F_NO_COMMON_LRU 2, BPF_F_NUMA_NODE 4, BPF_F_RDONLY 8, BPF_F_WRONLY 0x10,
        BPF_F_STACK_BUILD_ID 0x20, BPF_F_ZERO_SEED 0x40, BPF_F_RDONLY_PROG 0x80, BPF_F_WRONLY_PROG 0x100, BPF_F_CLONE 0x200,
        BPF_F_MMAPABLE 0x400, BPF_F_PRESERVE_ELEMS 0x800, BPF_F_INNER_MAP 0x1000, BPF_F_LINK 0x2000,
        BPF_F_VTYPE_BTF_OBJ_FD 0x8000, BPF_F_TOKEN_FD 0x1_0000, BPF_F_SEGV_ON_FAULT 0x2_0000, BPF_F_NO_USER_CONV 0x4_0000,
        BPF_F_RB_OVERWRITE 0x8_0000,
    },
};

/// Flags of a lookup.
pub static BPF_LOOKUP: Names = Names {
    what: "flag of a lookup",
    mask: 0,
    values: numbered! {
        BPF_F_ALL_CPUS 0x10, BPF_F_CPU 8, BPF_F_LOCK 4, BPF_ANY 0,
    },
};

/// Flags of an update.
pub static BPF_UPDATE: Names = Names {
    what: "flag of an update",
    mask: 0,
    values: numbered! {
        BPF_F_ALL_CPUS 0x10, BPF_F_CPU 8, BPF_F_LOCK 4, BPF_EXIST 2, BPF_NOEXIST 1, BPF_ANY 0,
    },
};

/// Flags of a program.
pub static BPF_PROG_FLAGS: Names = Names {
    what: "flag of a program",
    mask: 0,
    values: numbered! {
        BPF_F_STRICT_ALIGNMENT 1, BPF_F_ANY_ALIGNMENT 2, BPF_F_TEST_RND_HI32 4, BPF_F_TEST_STATE_FREQ 8, BPF_F_SLEEPABLE 0x10,
        BPF_F_XDP_HAS_FRAGS 0x20, BPF_F_XDP_DEV_BOUND_ONLY 0x40, BPF_F_TEST_REG_INVARIANTS 0x80,
    },
};

/// Flags of a pinned object.
pub static BPF_FILE_FLAGS: Names = Names {
    what: "flag of a pinned object",
    mask: 0,
    values: numbered! {
        BPF_F_RDONLY 8, BPF_F_WRONLY 0x10, BPF_F_PATH_FD 0x4000, BPF_F_VTYPE_BTF_OBJ_FD 0x8000, BPF_F_TOKEN_FD 0x1_0000,
        BPF_F_SEGV_ON_FAULT 0x2_0000, BPF_F_NO_USER_CONV 0x4_0000, BPF_F_RB_OVERWRITE 0x8_0000,
    },
};

/// Flags of a descriptor.
pub static BPF_FILE_MODE: Names = Names {
    what: "flag of a descriptor",
    mask: 0,
    values: numbered! {
        BPF_F_RDONLY 8, BPF_F_WRONLY 0x10,
    },
};

/// Flags of an attachment.
pub static BPF_ATTACH_FLAGS: Names = Names {
    what: "flag of an attachment",
    mask: 0,
    values: numbered! {
        BPF_F_ALLOW_OVERRIDE 1, BPF_F_ALLOW_MULTI 2, BPF_F_REPLACE 4, BPF_F_BEFORE 8, BPF_F_AFTER 0x10, BPF_F_ID 0x20,
        BPF_F_PREORDER 0x40, BPF_F_LINK 0x2000,
    },
};

/// Flags of a query.
pub static BPF_QUERY: Names = Names {
    what: "flag of a query",
    mask: 0,
    values: numbered! {
        BPF_F_QUERY_EFFECTIVE 1,
    },
};

/// Flags of a test run.
pub static BPF_TEST_RUN: Names = Names {
    what: "flag of a test run",
    mask: 0,
    values: numbered! {
        BPF_F_TEST_RUN_ON_CPU 1, BPF_F_TEST_XDP_LIVE_FRAMES 2,
    },
};

/// Types of what a descriptor is attached to.
pub static BPF_FD_TYPE: Names = Names {
    what: "type of attachment of a descriptor",
    mask: u32::MAX as u64,
    values: numbered! {
        BPF_FD_TYPE_RAW_TRACEPOINT 0, BPF_FD_TYPE_TRACEPOINT 1, BPF_FD_TYPE_KPROBE 2, BPF_FD_TYPE_KRETPROBE 3,
        BPF_FD_TYPE_UPROBE 4, BPF_FD_TYPE_URETPROBE 5,
    },
};

/// Types of statistics.
pub static BPF_STATS: Names = Names {
    what: "type of statistics",
    mask: u32::MAX as u64,
    values: numbered! {
        BPF_STATS_RUN_TIME 0,
    },
};

/// Flags of a link to netfilter.
pub static BPF_NETFILTER: Names = Names {
    what: "flag of a netfilter link",
    mask: 0,
    values: numbered! {
        BPF_F_NETFILTER_IP_DEFRAG 1,
    },
};

/// Flags of a link to kprobes.
pub static BPF_KPROBES: Names = Names {
    what: "flag of a kprobe link",
    mask: 0,
    values: numbered! {
        BPF_F_KPROBE_MULTI_RETURN 1,
    },
};

/// Flags of a link to uprobes.
pub static BPF_UPROBES: Names = Names {
    what: "flag of a uprobe link",
    mask: 0,
    values: numbered! {
        BPF_F_UPROBE_MULTI_RETURN 1, BPF_F_UPROBE_MULTI_PATH_FD 2,
    },
};
