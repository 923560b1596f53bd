//! Scheduling, memory, timers and clocks.

use super::{Arg, Other, PortableRow, Ret, other, row};
use crate::table::names;
use crate::table::syscalls::Role::{Choice, Flags, Int, Pointer, Unsigned, UnsignedInt};

/// All of them.
#[allow(clippy::too_many_lines)] // a table
pub(super) fn rows() -> Vec<PortableRow> {
    vec![
        other("sched_setparam", args![pid: Int, param: Pointer]),
        other("sched_getparam", args![pid: Int, param: Pointer]),
        other("sched_setscheduler", args![pid: Int, policy: Choice(&names::SCHEDULER), param: Pointer]),
        row("sched_getscheduler", Other, args![pid: Int], Ret::Flags(&names::SCHEDULER)),
        other("sched_get_priority_max", args![policy: Choice(&names::SCHEDULER)]),
        other("sched_get_priority_min", args![policy: Choice(&names::SCHEDULER)]),
        other("sched_rr_get_interval", args![pid: Int, tp: Pointer]),
        other("sched_setattr", args![pid: Int, attr: Pointer, flags: Flags(&names::RESERVED)]),
        other("sched_getattr", args![pid: Int, attr: Pointer, size: UnsignedInt, flags: Flags(&names::SCHED_GETATTR)]),
        other("getpriority", args![which: Choice(&names::PRIORITY), who: Int]),
        other("setpriority", args![which: Choice(&names::PRIORITY), who: Int, prio: Int]),
        other("ioprio_get", args![which: Choice(&names::IO_PRIORITY), who: Int]),
        other("ioprio_set", args![which: Choice(&names::IO_PRIORITY), who: Int, ioprio: Int]),
        other("getcpu", args![cpu: Pointer, node: Pointer]),
        other("get_robust_list", args![target: Int, head_ptr: Pointer, sizep: Pointer]),
        // Memory.
        other(
            "mbind",
            args![addr: Pointer, length: Unsigned, mode: Choice(&names::MEMORY_POLICY), nodemask: Pointer, maxnode: Unsigned, flags: Flags(&names::MEMORY_MOVE)],
        ),
        other("set_mempolicy", args![mode: Choice(&names::MEMORY_POLICY), nodemask: Pointer, maxnode: Unsigned]),
        other(
            "get_mempolicy",
            args![mode: Pointer, nodemask: Pointer, maxnode: Unsigned, addr: Pointer, flags: Flags(&names::GET_MEMORY_POLICY)],
        ),
        other(
            "set_mempolicy_home_node",
            args![addr: Pointer, length: Unsigned, home_node: Unsigned, flags: Flags(&names::RESERVED_LONG)],
        ),
        other("migrate_pages", args![pid: Int, maxnode: Unsigned, old_nodes: Pointer, new_nodes: Pointer]),
        other(
            "move_pages",
            args![pid: Int, count: Unsigned, pages: Pointer, nodes: Pointer, status: Pointer, flags: Flags(&names::MEMORY_MOVE)],
        ),
        other("mlock2", args![addr: Pointer, length: Unsigned, flags: Flags(&names::MEMORY_LOCK)]),
        other("mlockall", args![flags: Flags(&names::MEMORY_LOCK_ALL)]),
        other("munlockall", args![]),
        other("mseal", args![addr: Pointer, length: Unsigned, flags: Flags(&names::RESERVED_LONG)]),
        other("pkey_alloc", args![flags: Flags(&names::RESERVED_LONG), access_rights: Flags(&names::PKEY)]),
        other("pkey_free", args![pkey: Int]),
        other("pkey_mprotect", args![addr: Pointer, length: Unsigned, prot: Flags(&names::PROT), pkey: Int]),
        other(
            "remap_file_pages",
            args![addr: Pointer, size: Unsigned, prot: Flags(&names::PROT), pgoff: Unsigned, flags: Flags(&names::MAP)],
        ),
        row(
            "map_shadow_stack",
            Other,
            args![addr: Pointer, length: Unsigned, flags: Flags(&names::SHADOW_STACK)],
            Ret::Pointer,
        ),
        other(
            "membarrier",
            args![cmd: Choice(&names::MEMBARRIER), flags: Flags(&names::MEMBARRIER_FLAGS), cpu_id: Int],
        ),
        // Waiting for a word of memory.
        other(
            "futex_wait",
            args![uaddr: Pointer, val: Unsigned, mask: Flags(&names::FUTEX_BITSET), flags: Flags(&names::FUTEX2), timeout: Pointer, clockid: Choice(&names::CLOCK)],
        ),
        other(
            "futex_wake",
            args![uaddr: Pointer, mask: Flags(&names::FUTEX_BITSET), nr: Int, flags: Flags(&names::FUTEX2)],
        ),
        other("futex_requeue", args![waiters: Pointer, flags: Flags(&names::RESERVED), nr_wake: Int, nr_requeue: Int]),
        other(
            "futex_waitv",
            args![waiters: Pointer, nr_futexes: UnsignedInt, flags: Flags(&names::RESERVED), timeout: Pointer, clockid: Choice(&names::CLOCK)],
        ),
        // Timers and clocks.
        other("timer_create", args![clockid: Choice(&names::CLOCK), sevp: Pointer, timerid: Pointer]),
        other(
            "timer_settime",
            args![timerid: Int, flags: Flags(&names::SLEEP), new_value: Pointer, old_value: Pointer],
        ),
        other("timer_gettime", args![timerid: Int, curr_value: Pointer]),
        other("timer_getoverrun", args![timerid: Int]),
        other("timer_delete", args![timerid: Int]),
        other("getitimer", args![which: Choice(&names::INTERVAL_TIMER), curr_value: Pointer]),
        other("setitimer", args![which: Choice(&names::INTERVAL_TIMER), new_value: Pointer, old_value: Pointer]),
        other("adjtimex", args![buf: Pointer]),
        other("clock_adjtime", args![clockid: Choice(&names::CLOCK), buf: Pointer]),
        other("clock_settime", args![clockid: Choice(&names::CLOCK), tp: Pointer]),
        other("settimeofday", args![tv: Pointer, tz: Pointer]),
        other("time", args![tloc: Pointer]),
    ]
}
