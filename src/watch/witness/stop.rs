//! The stops of tracees: waiting for one, what it is, and what lets a thread go on.
#![allow(unsafe_code)]

use std::ptr;

use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

use crate::base::error::Error;

/// PTRACE_EVENT_STOP (ptrace(2)): an interrupted, a group-stopped or a new thread.
const EVENT_STOP: i32 = 128;
/// What a thread stopped for (ptrace(2), "Stopped states").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PtraceStop {
    /// It is no more.
    Gone,
    /// At the entrance or the exit of a call.
    Call,
    /// It is to get this signal.
    Signal(i32),
    /// With its process, by this signal.
    Group,
    /// A PTRACE_EVENT.
    Event(i32),
}

impl PtraceStop {
    /// What the status of waitpid(2) says.
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

/// PTRACE_O_TRACESYSGOOD marks the stop of a call so that it is told from a SIGTRAP.
const CALL: i32 = libc::SIGTRAP | 0x80;

/// Waits for a stop or the end of this tracee, or of any (-1), of this very thread (`__WNOTHREAD`): other witnesses wait for
/// theirs. `None` if there is none left.
pub fn wait(tid: i32) -> Option<(u32, i32)> {
    loop {
        match wait_once(tid) {
            Err(Errno::EINTR) => {}
            stop => return stop.ok(),
        }
    }
}

/// The same, but for signals that end it (EINTR), and for the error.
pub fn wait_once(tid: i32) -> nix::Result<(u32, i32)> {
    let mut status = 0;
    // SAFETY: `status` is an int to be written to.
    let waited = unsafe { libc::waitpid(tid, &raw mut status, libc::__WALL | libc::__WNOTHREAD) };
    Errno::result(waited).map(|tid| (tid as u32, status))
}

/// From here on SIGUSR1 ends a waitpid(2) of this process (EINTR) and does nothing else.
pub fn prepare_to_leave() -> Result<(), Error> {
    extern "C" fn nothing(_: i32) {}
    let action = SigAction::new(SigHandler::Handler(nothing), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler does nothing.
    let set = unsafe { sigaction(Signal::SIGUSR1, &action) };
    set.map(drop).map_err(|errno| Error::scenario(format!("no signal handler: {errno}"), "BUG: SIGUSR1 can be handled"))
}

/// Lets a thread go on, with a signal if that is not 0 (any number: nix knows no real-time signals). One that has been killed
/// meanwhile goes its way by itself.
pub fn resume(request: libc::c_uint, tid: u32, signal: i32) {
    // SAFETY: the address is not looked at; the signal is a number.
    unsafe { libc::ptrace(request, tid as libc::pid_t, ptr::null_mut::<libc::c_void>(), signal as libc::c_long) };
}
