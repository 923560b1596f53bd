//! What the arguments of prctl(2) and ptrace(2) are, by the operation.
//!
//! No I/O. An operation whose arguments must be 0 shows them.

use super::Role;
use super::Role::{Choice, Flags, Int, Pointer, Signed, Unsigned};
use crate::table::names;

/// A list for ever.
macro_rules! roles {
    ($($role:expr),*) => {{
        static ROLES: &[Role] = &[$($role),*];
        ROLES
    }};
}

const RAW: Role = Flags(&names::RAW);

/// The arguments after the operation that the kernel looks at. Of an operation that is not known, all.
pub(super) fn arguments(op: u64) -> &'static [Role] {
    match op as u32 {
        // PR_GET_DUMPABLE, PR_GET_KEEPCAPS, PR_GET_TIMING, PR_GET_SECCOMP, PR_GET_SECUREBITS, PR_GET_TIMERSLACK,
        // PR_TASK_PERF_EVENTS_DISABLE, PR_TASK_PERF_EVENTS_ENABLE, PR_GET_FP_MODE, PR_SVE_GET_VL, PR_SME_GET_VL, PR_RISCV_V_GET_CONTROL.
        3 | 7 | 13 | 21 | 27 | 30 | 31 | 32 | 46 | 51 | 64 | 70 => &[],
        // PR_SET_PDEATHSIG.
        1 => roles![Choice(&names::SIGNAL)],
        // PR_GET_PDEATHSIG, PR_GET_UNALIGN, PR_GET_FPEMU, PR_GET_FPEXC, PR_SET_NAME, PR_GET_NAME, PR_GET_ENDIAN, PR_GET_TSC,
        // PR_GET_CHILD_SUBREAPER, PR_GET_TID_ADDRESS.
        2 | 5 | 9 | 11 | 15 | 16 | 19 | 25 | 37 | 40 => roles![Pointer],
        4 => roles![Choice(&names::DUMPABLE)],
        6 => roles![Flags(&names::UNALIGNED)],
        14 => roles![Choice(&names::TIMING)],
        // PR_SET_KEEPCAPS, PR_SET_CHILD_SUBREAPER.
        8 | 36 => roles![Unsigned],
        22 => roles![Choice(&names::SECCOMP_MODE), Pointer],
        23 | 24 => roles![Choice(&names::CAPABILITY)],
        26 => roles![Choice(&names::TIME_STAMP)],
        28 => roles![Flags(&names::SECURE_BITS)],
        29 => roles![Signed],
        33 => roles![Choice(&names::MEMORY_FAULT), Choice(&names::MEMORY_FAULT_POLICY), RAW, RAW],
        // PR_SET_NO_NEW_PRIVS, PR_SET_THP_DISABLE.
        38 | 41 => roles![Unsigned, RAW, RAW, RAW],
        47 => roles![Choice(&names::AMBIENT), Choice(&names::CAPABILITY), RAW, RAW],
        // PR_SET_FP_MODE, PR_SVE_SET_VL, PR_SME_SET_VL, PR_RISCV_V_SET_CONTROL.
        45 | 50 | 63 | 69 => roles![RAW],
        52 => roles![Choice(&names::SPECULATION), RAW, RAW, RAW],
        53 => roles![Choice(&names::SPECULATION), Flags(&names::SPECULATION_CONTROL), RAW, RAW],
        54 => roles![Flags(&names::KEYS_RESET), RAW, RAW, RAW],
        59 => roles![Choice(&names::DISPATCH), RAW, RAW, Pointer],
        60 => roles![Flags(&names::KEYS_RESET), Flags(&names::KEYS_RESET), RAW, RAW],
        62 => roles![Choice(&names::SCHED_CORE), Int, Flags(&names::RESERVED), Pointer],
        71 => roles![Choice(&names::FLUSH), Choice(&names::FLUSH_SCOPE)],
        72 => roles![Choice(&names::DEXCR), RAW, RAW, RAW],
        73 => roles![Choice(&names::DEXCR), Flags(&names::DEXCR_CONTROL), RAW, RAW],
        SET_VMA => roles![Choice(&names::AREA), Pointer, Unsigned, Pointer],
        _ => roles![RAW, RAW, RAW, RAW],
    }
}

/// PR_SET_VMA.
const SET_VMA: u32 = 0x5356_4d41;

/// What the argument of this index is for a request of ptrace(2); `None` if that is what its row says.
pub(super) fn ptrace_role(at: usize, request: u64) -> Option<Role> {
    match (at, request as u32) {
        // PTRACE_SECCOMP_GET_FILTER, PTRACE_SECCOMP_GET_METADATA, PTRACE_GET_SYSCALL_INFO and PTRACE_SET_SYSCALL_INFO; and
        // PTRACE_GETSIGMASK and PTRACE_SETSIGMASK.
        (2, 0x420a..=0x420e | 0x4212) => Some(Unsigned),
        // PTRACE_GETREGSET and PTRACE_SETREGSET.
        (2, 0x4204 | 0x4205) => Some(Choice(&names::REGISTERS)),
        // PTRACE_SETOPTIONS and PTRACE_SEIZE.
        (3, 0x4200 | 0x4206) => Some(Flags(&names::PTRACE_OPTION)),
        // PTRACE_CONT, PTRACE_SINGLESTEP, PTRACE_DETACH and PTRACE_SYSCALL.
        (3, 7 | 9 | 17 | 24) => Some(Choice(&names::SIGNAL)),
        _ => None,
    }
}

/// Whether a request of ptrace(2) looks at its last two arguments. PTRACE_TRACEME, PTRACE_KILL, PTRACE_ATTACH, PTRACE_INTERRUPT and
/// PTRACE_LISTEN do not.
pub(super) fn ptrace_looks_at(at: usize, request: u64) -> bool {
    let last = match request as u32 {
        0 => 0,
        8 | 0x10 | 0x4207 | 0x4208 => 1,
        _ => 3,
    };
    at <= last
}

/// Whether arch_prctl(2) has no such operation, so that nobody knows what its argument is.
pub(super) fn is_unknown_to_architecture(op: u64) -> bool {
    names::ARCH_PRCTL.name((op as u32).into()).is_none()
}
