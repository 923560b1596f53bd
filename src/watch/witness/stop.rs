//! The stops of tracees: how to wait for one, what it means, and how to resume the thread.
#![allow(unsafe_code)]

use std::ptr;

use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

use crate::base::error::Error;

/// PTRACE_EVENT_STOP (ptrace(2)): an interrupted, a group-stopped or a new thread.
const EVENT_STOP: i32 = 128;
/// PTRACE_O_TRACESYSGOOD marks the stop at a call, to tell it from a SIGTRAP.
const CALL: i32 = libc::SIGTRAP | 0x80;

/// Why a thread has stopped (ptrace(2), "Stopped states").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PtraceStop {
    /// It has ended.
    Gone,
    /// At the entrance or the exit of a call.
    Call,
    /// This signal is about to be delivered.
    Signal(i32),
    /// A stop signal has stopped the whole process.
    Group,
    /// This PTRACE_EVENT.
    Event(i32),
}

impl PtraceStop {
    /// The stop that a status of waitpid(2) reports.
    pub fn of(status: i32) -> Self {
        if !libc::WIFSTOPPED(status) {
            return Self::Gone;
        }
        let (signal, event) = (libc::WSTOPSIG(status), status >> 16);
        match (event, signal) {
            (0, CALL) => Self::Call,
            (0, signal) => Self::Signal(signal),
            (EVENT_STOP, libc::SIGSTOP | libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU) => Self::Group,
            (event, _) => Self::Event(event),
        }
    }
}

/// Waits until this tracee stops or ends, or any (-1). Only tracees of this thread count (`__WNOTHREAD`): other witnesses wait for
/// theirs. `None` if no tracee is left.
pub fn wait(tid: i32) -> Option<(u32, i32)> {
    loop {
        match wait_once(tid) {
            Err(Errno::EINTR) => {}
            stop => return stop.ok(),
        }
    }
}

/// The same once: a signal may end it (EINTR).
pub fn wait_once(tid: i32) -> nix::Result<(u32, i32)> {
    let mut status = 0;
    // SAFETY: `status` is an int that the call may write to.
    let waited = unsafe { libc::waitpid(tid, &raw mut status, libc::__WALL | libc::__WNOTHREAD) };
    Errno::result(waited).map(|tid| (tid as u32, status))
}

/// From now on SIGUSR1 interrupts a waitpid(2) of this process (EINTR) and does nothing else.
pub fn prepare_to_leave() -> Result<(), Error> {
    extern "C" fn nothing(_: i32) {}
    let action = SigAction::new(SigHandler::Handler(nothing), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler does nothing.
    let set = unsafe { sigaction(Signal::SIGUSR1, &action) };
    set.map(drop).map_err(|errno| Error::scenario(format!("no signal handler: {errno}"), "BUG: SIGUSR1 can be handled"))
}

/// Resumes a thread, with a signal if that is not 0. The signal is a number because nix knows no real-time signals. It is no error
/// if the thread was killed meanwhile.
pub fn resume(request: libc::c_uint, tid: u32, signal: i32) {
    // SAFETY: ptrace ignores the address, and the signal is a number.
    unsafe { libc::ptrace(request, tid as libc::pid_t, ptr::null_mut::<libc::c_void>(), signal as libc::c_long) };
}
