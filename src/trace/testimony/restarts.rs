//! How a call is interrupted, and how it is made again.
//!
//! No I/O.

use crate::table::syscalls::Abi;
use crate::trace::call::Call;

/// A signal handler that is running.
#[derive(Clone, Copy, Debug)]
pub(super) struct Handler {
    /// The call that it has interrupted.
    pub(super) interrupted: Option<InterruptedCall>,
    /// The stack pointer when it began.
    pub(super) stack: u64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct InterruptedCall {
    pub(super) call: usize,
    /// The address after the instruction that made the call.
    pub(super) behind: u64,
    /// The stack pointer when it was made.
    pub(super) stack: u64,
    /// Whether restart_syscall(2) goes on with it (ERESTART_RESTARTBLOCK).
    pub(super) by_restart: bool,
    /// As `TracedThread::since`.
    pub(super) since: u64,
}

/// The kernel's codes for a call that is to be made again. No program sees them (include/linux/errno.h).
pub(super) const ERESTARTSYS: i64 = 512;
pub(super) const ERESTARTNOINTR: i64 = 513;
pub(super) const ERESTARTNOHAND: i64 = 514;
pub(super) const ERESTART_RESTARTBLOCK: i64 = 516;

/// The length in bytes of the instruction that makes a call. To make a call again, the kernel steps back by as much.
#[cfg(target_arch = "x86_64")]
pub(super) const INSTRUCTION: u64 = 2;
#[cfg(target_arch = "aarch64")]
pub(super) const INSTRUCTION: u64 = 4;

/// The value of the result register before a call: its number on x86-64, its first argument on aarch64
/// (syscall_rollback() in arch/ARCH/include/asm/syscall.h).
pub(super) fn rolled_back(call: &Call) -> u32 {
    if cfg!(target_arch = "aarch64") { call.args[0] as u32 } else { call.number }
}

/// Whether this is restart_syscall(2). Its number in the 32-bit tables is 0.
pub(super) fn is_restart(call: &Call) -> bool {
    match call.abi {
        Abi::Native => i64::from(call.number & !X32) == libc::SYS_restart_syscall,
        Abi::Compat => call.number == 0,
    }
}

/// The bit that only numbers of x32 calls have (syscalls(2)).
pub(super) const X32: u32 = 0x4000_0000;

/// Whether this is rt_sigreturn(2), or sigreturn of 32-bit programs. There they are 173 and 119 on both architectures.
pub(super) fn is_return_from_handler(call: &Call) -> bool {
    match call.abi {
        Abi::Native => i64::from(call.number) == libc::SYS_rt_sigreturn,
        Abi::Compat => matches!(call.number, 119 | 173),
    }
}
