//! How a call is interrupted, and how it is made again.
//!
//! No I/O.

use crate::table::syscalls::Abi;
use crate::trace::call::Call;

/// A handler that runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Handler {
    /// The call that it has interrupted.
    pub(super) interrupted: Option<InterruptedCall>,
    /// Where the stack was.
    pub(super) stack: u64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct InterruptedCall {
    pub(super) call: usize,
    /// The address behind the instruction that made the call.
    pub(super) behind: u64,
    /// As `TracedThread::since`.
    pub(super) since: u64,
}

/// The kernel's own codes for "to be made again", which no program sees (include/linux/errno.h).
pub(super) const ERESTARTSYS: i64 = 512;
pub(super) const ERESTARTNOINTR: i64 = 513;
pub(super) const ERESTARTNOHAND: i64 = 514;
pub(super) const ERESTART_RESTARTBLOCK: i64 = 516;

/// The bytes of the instruction that makes a call: it is stepped back by so many to make it again.
#[cfg(target_arch = "x86_64")]
pub(super) const INSTRUCTION: u64 = 2;
#[cfg(target_arch = "aarch64")]
pub(super) const INSTRUCTION: u64 = 4;

/// What was in the register of the result before a call: its number on x86-64, its first argument on aarch64
/// (syscall_rollback() in arch/<arch>/include/asm/syscall.h).
pub(super) fn rolled_back(call: &Call) -> u32 {
    if cfg!(target_arch = "aarch64") { call.args[0] as u32 } else { call.number }
}

/// restart_syscall(2), whose number in the 32-bit tables is 0.
pub(super) fn is_restart(call: &Call) -> bool {
    match call.abi {
        Abi::Native => i64::from(call.number & !X32) == libc::SYS_restart_syscall,
        Abi::Compat => call.number == 0,
    }
}

/// In the numbers of x32 (syscalls(2)); the numbers of no other calls have it.
pub(super) const X32: u32 = 0x4000_0000;

/// rt_sigreturn(2), and sigreturn of 32-bit programs: on both architectures they are 173 and 119 there.
pub(super) fn is_return_from_handler(call: &Call) -> bool {
    match call.abi {
        Abi::Native => i64::from(call.number) == libc::SYS_rt_sigreturn,
        Abi::Compat => matches!(call.number, 119 | 173),
    }
}
