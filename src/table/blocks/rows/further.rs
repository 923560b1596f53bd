//! The blocks of more calls: structs that may be longer than is known, lists, and what the kernel and its memory are asked for.
//!
//! No I/O.

use super::super::Size::{Counted, Exactly, Groups, Moved, One, Own, Sized};
use super::super::What::{Bytes, Nodes, Number, Processors, Signals, String, Struct, Vector};
use super::super::{Block, Size, Struct as Layout, What, When, structs};
use super::{INT, LENGTH, TIMESPEC, both, filled, given, when, within};
use crate::table::names;
use crate::table::syscalls::Role;

/// Addresses of pages.
const PAGES: What = Number(Role::Pointer, 8);
const NODES: Size = Groups("maxnode", 62, 6);
const REQUEST: What = Struct(&structs::STATMOUNT_REQUEST);
/// Identities of mounts and namespaces.
const IDS: What = Number(Role::Pointer, 8);
const QUOTA: What = Struct(&structs::QUOTA);
const NEXT_QUOTA: What = Struct(&structs::NEXT_QUOTA);
const QUOTA_INFO: What = Struct(&structs::QUOTA_INFO);

/// The bits of an operation of quotactl(2) that tell the generic ones from each other and from those of XFS.
const QUOTA_OPERATION: u32 = 0x58_0f00;

/// One operation of quotactl(2).
const fn quota(operation: u16, block: Block) -> Block {
    Block { when: Some(When { arg: "op", mask: QUOTA_OPERATION, base: operation << 8, values: 1 }), ..block }
}

const QUOTAS: &[Block] = &[
    quota(2, given("addr", String, One)),
    quota(5, filled("addr", QUOTA_INFO, One)),
    quota(6, given("addr", QUOTA_INFO, One)),
    quota(7, filled("addr", QUOTA, One)),
    quota(8, given("addr", QUOTA, One)),
    quota(9, filled("addr", NEXT_QUOTA, One)),
];

/// What bpf(2) is given by one of these commands.
const fn bpf(commands: u64, of: &'static Layout) -> Block {
    when("cmd", commands, given("attr", Struct(of), Sized("size")))
}

/// What bpf(2) is given, and fills in.
const fn bpf_both(commands: u64, of: &'static Layout) -> Block {
    when("cmd", commands, both("attr", Struct(of), Sized("size")))
}

/// By the commands of include/uapi/linux/bpf.h.
const BPF: &[Block] = &[
    bpf(1 << 0, &structs::MAP_CREATE),
    bpf(1 << 1 | 1 << 21, &structs::MAP_LOOKUP),
    bpf(1 << 2, &structs::MAP_UPDATE),
    bpf(1 << 3, &structs::MAP_DELETE),
    bpf(1 << 4, &structs::MAP_NEXT_KEY),
    bpf(1 << 5, &structs::PROG_LOAD),
    bpf(1 << 6 | 1 << 7, &structs::OBJ_PIN),
    bpf(1 << 8 | 1 << 9, &structs::PROG_ATTACH),
    bpf(1 << 10, &structs::PROG_TEST_RUN),
    bpf_both(1 << 11 | 1 << 12 | 1 << 23 | 1 << 31, &structs::NEXT_ID),
    bpf(1 << 13, &structs::PROG_BY_ID),
    bpf(1 << 14, &structs::MAP_BY_ID),
    bpf_both(1 << 15, &structs::INFO_BY_FD),
    bpf_both(1 << 16, &structs::PROG_QUERY),
    bpf(1 << 17, &structs::RAW_TRACEPOINT),
    bpf(1 << 18, &structs::BTF_LOAD),
    bpf(1 << 19, &structs::BTF_BY_ID),
    bpf_both(1 << 20, &structs::TASK_FD_QUERY),
    bpf(1 << 22, &structs::MAP_FREEZE),
    bpf(1 << 24 | 1 << 25, &structs::LOOKUP_BATCH),
    bpf(1 << 26, &structs::UPDATE_BATCH),
    bpf(1 << 27, &structs::DELETE_BATCH),
    bpf(1 << 28, &structs::LINK_CREATE),
    bpf(1 << 29, &structs::LINK_UPDATE),
    bpf(1 << 30, &structs::LINK_BY_ID),
    bpf(1 << 32, &structs::ENABLE_STATS),
    bpf(1 << 33, &structs::ITER_CREATE),
    bpf(1 << 34, &structs::LINK_DETACH),
    bpf(1 << 35, &structs::PROG_BIND_MAP),
    bpf(1 << 36, &structs::TOKEN_CREATE),
    bpf(1 << 37, &structs::STREAM_READ),
    bpf(1 << 38, &structs::ASSOC_STRUCT_OPS),
];

/// MS_BIND, MS_MOVE and the kinds of propagation: a mount that has none of them has options (mount(2)).
const HAS_OPTIONS: When = When { arg: "mountflags", mask: 0x1e_3000, base: 0, values: 1 };
/// The same with MS_REMOUNT: a mount that has none of them has a type.
const HAS_TYPE: When = When { mask: 0x1e_3020, ..HAS_OPTIONS };
/// LINUX_REBOOT_CMD_RESTART2, by its lower half (reboot(2)).
const RESTARTS_WITH: When = When { arg: "op", mask: 0xffff, base: 0xc3d4, values: 1 };

/// SECCOMP_SET_MODE_FILTER and SECCOMP_GET_ACTION_AVAIL (seccomp(2)).
const SETS_FILTER: u64 = 1 << 1;
const ASKS_ACTION: u64 = 1 << 2;
/// LANDLOCK_RULE_PATH_BENEATH and LANDLOCK_RULE_NET_PORT (landlock_add_rule(2)).
const PATH_BENEATH: u64 = 1 << 1;
const NET_PORT: u64 = 1 << 2;

pub(super) static ROWS: &[(&str, &[Block])] = &[
    // Structs that may be longer than is known.
    ("openat2", &[given("how", Struct(&structs::OPEN_HOW), Sized("size"))]),
    ("clone3", &[given("cl_args", Struct(&structs::CLONE_ARGS), Sized("size")), within("cl_args", INT, 64, (72, 8))]),
    ("sched_setattr", &[given("attr", Struct(&structs::SCHED_ATTR), Own(0))]),
    ("sched_getattr", &[filled("attr", Struct(&structs::SCHED_ATTR), Own(0))]),
    ("mount_setattr", &[given("attr", Struct(&structs::MOUNT_ATTR), Sized("size"))]),
    ("open_tree_attr", &[given("attr", Struct(&structs::MOUNT_ATTR), Sized("size"))]),
    ("file_getattr", &[filled("attr", Struct(&structs::FILE_ATTR), Sized("size"))]),
    ("file_setattr", &[given("attr", Struct(&structs::GIVEN_FILE_ATTR), Sized("size"))]),
    ("landlock_create_ruleset", &[given("attr", Struct(&structs::RULESET), Sized("size"))]),
    ("statmount", &[given("req", REQUEST, Own(0)), filled("smbuf", Struct(&structs::STATMOUNT), Own(0))]),
    (
        "listmount",
        &[given("req", Struct(&structs::LISTMOUNT_REQUEST), Own(0)), filled("mnt_ids", IDS, Moved("nr_mnt_ids"))],
    ),
    ("listns", &[given("req", Struct(&structs::LISTNS_REQUEST), Own(0)), filled("ns_ids", IDS, Moved("nr_ns_ids"))]),
    ("lsm_set_self_attr", &[given("ctx", Struct(&structs::LSM_CONTEXT), Sized("size"))]),
    ("perf_event_open", &[given("attr", Struct(&structs::PERF_EVENT), Own(4))]),
    ("bpf", BPF),
    // Rules and modules of security.
    (
        "landlock_add_rule",
        &[
            when("rule_type", PATH_BENEATH, given("rule_attr", Struct(&structs::PATH_BENEATH), One)),
            when("rule_type", NET_PORT, given("rule_attr", Struct(&structs::NET_PORT), One)),
        ],
    ),
    ("lsm_get_self_attr", &[both("size", LENGTH, One)]),
    // The size is behind a pointer, so the result is always less.
    (
        "lsm_list_modules",
        &[filled("ids", Number(Role::Choice(&names::LSM_ID), 8), Moved("size")), both("size", LENGTH, One)],
    ),
    (
        "seccomp",
        &[
            when("op", ASKS_ACTION, given("addr", Number(Role::Choice(&names::SECCOMP_ACTION), 4), One)),
            when("op", SETS_FILTER, given("addr", Struct(&structs::FILTER), One)),
            when("op", SETS_FILTER, within("addr", Struct(&structs::SECCOMP_INSTRUCTION), 8, (0, 2))),
        ],
    ),
    // Words of memory.
    ("futex_requeue", &[given("waiters", Struct(&structs::WAITER), Exactly(2))]),
    (
        "futex_waitv",
        &[given("waiters", Struct(&structs::WAITER), Counted("nr_futexes")), given("timeout", TIMESPEC, One)],
    ),
    // Memory.
    ("mincore", &[filled("vec", Number(Role::Unsigned, 1), Groups("length", 4095, 12))]),
    (
        "move_pages",
        &[
            given("pages", PAGES, Counted("count")),
            given("nodes", INT, Counted("count")),
            filled("status", Number(Role::Named(&names::PAGE_STATE), 4), Counted("count")),
        ],
    ),
    ("set_mempolicy", &[given("nodemask", Nodes, NODES)]),
    ("mbind", &[given("nodemask", Nodes, NODES)]),
    ("migrate_pages", &[given("old_nodes", Nodes, NODES), given("new_nodes", Nodes, NODES)]),
    (
        "get_mempolicy",
        &[filled("mode", Number(Role::Choice(&names::MEMORY_POLICY), 4), One), filled("nodemask", Nodes, NODES)],
    ),
    (
        "process_vm_readv",
        &[
            given("local_iov", Struct(&structs::IOVEC), Counted("liovcnt")),
            given("remote_iov", Struct(&structs::IOVEC), Counted("riovcnt")),
        ],
    ),
    (
        "process_vm_writev",
        &[
            given("local_iov", Vector, Counted("liovcnt")),
            given("remote_iov", Struct(&structs::IOVEC), Counted("riovcnt")),
        ],
    ),
    ("sched_setaffinity", &[given("mask", Processors, Counted("cpusetsize"))]),
    // The result is the size of the kernel's own set (sched_setaffinity(2)).
    ("sched_getaffinity", &[filled("mask", Processors, Moved("cpusetsize"))]),
    // Timers, clocks and signals.
    ("timer_create", &[given("sevp", Struct(&structs::SIGEVENT), One), filled("timerid", INT, One)]),
    ("mq_notify", &[given("sevp", Struct(&structs::SIGEVENT), One)]),
    ("adjtimex", &[filled("buf", Struct(&structs::TIMEX), One)]),
    ("clock_adjtime", &[filled("buf", Struct(&structs::TIMEX), One)]),
    ("rt_sigpending", &[filled("set", Signals, Sized("sigsetsize"))]),
    ("rt_sigsuspend", &[given("mask", Signals, Sized("sigsetsize"))]),
    // The machine.
    ("quotactl", QUOTAS),
    ("quotactl_fd", QUOTAS),
    (
        "mount",
        &[
            Block { when: Some(HAS_TYPE), ..given("filesystemtype", String, One) },
            Block { when: Some(HAS_OPTIONS), ..given("data", String, One) },
        ],
    ),
    ("kexec_file_load", &[given("cmdline", Bytes, Counted("cmdline_len"))]),
    ("process_madvise", &[given("iov", Struct(&structs::IOVEC), Counted("iovcnt"))]),
    ("getcpu", &[filled("cpu", LENGTH, One), filled("node", LENGTH, One)]),
    ("reboot", &[Block { when: Some(RESTARTS_WITH), ..given("arg", String, One) }]),
    ("kexec_load", &[given("segments", Struct(&structs::KEXEC_SEGMENT), Counted("nr_segments"))]),
];
