//! The process above a program's zygote: it takes the orphans of the program, and nothing else.
//!
//! The zygote itself must not take them. It is of the session of the program, and a process group whose parents are of the same
//! session is not orphaned: those in it that are stopped would get no SIGHUP and no SIGCONT when the last of their own parents
//! exits, as they do under init (setpgid(2), `_exit(2)`). So this process is of a session of its own, as init is.
#![allow(unsafe_code)]

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, raise, sigaction, signal};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getppid, setsid};

use super::child;
use super::process::{NAME, Unprepared, children, ignore_terminal, step};

/// The status of a zygote that has left the rest to whoever is above it.
pub const NOT_LEFT_ALONE: i32 = 1;

/// Becomes two processes. This one goes on as the zygote, the child of the other, and is killed when that is gone.
pub fn fork_below() -> Result<(), Unprepared> {
    step("prctl(PR_SET_NAME)", prctl::set_name(NAME))?;
    step("prctl(PR_SET_CHILD_SUBREAPER)", prctl::set_child_subreaper(true))?;
    let above = Pid::this();
    // SAFETY: this process has one thread.
    match step("fork", unsafe { fork() })? {
        ForkResult::Parent { child } => {
            go_on_when_parent_is_gone()?;
            // Without SA_RESTART: what waits is to hear of it.
            let hears = SigAction::new(SigHandler::Handler(nothing), SaFlags::empty(), SigSet::empty());
            // SAFETY: the handler does nothing.
            step("sigaction", unsafe { sigaction(Signal::SIGCONT, &hears) })?;
            reap_until_gone(child)
        }
        ForkResult::Child => {
            step("prctl(PR_SET_PDEATHSIG)", prctl::set_pdeathsig(Signal::SIGKILL))?;
            if getppid() == above { Ok(()) } else { step("fork", Err(Errno::ESRCH)) }
        }
    }
}

/// Whoever is stopped cleans up nothing: the end of the parent makes it go on (PR_SET_PDEATHSIG(2const)).
pub fn go_on_when_parent_is_gone() -> Result<(), Unprepared> {
    step("prctl(PR_SET_PDEATHSIG)", prctl::set_pdeathsig(Signal::SIGCONT))
}

extern "C" fn nothing(_signal: i32) {}

/// Ends as the zygote does. Unless that has left alone what there is, all of it is killed before.
fn reap_until_gone(zygote: Pid) -> ! {
    let _ = prctl::set_name(c"ior-it-reaper");
    // It cannot fail: whoever was just forked leads no process group (setsid(2)).
    let _ = setsid();
    let _ = ignore_terminal();
    // The zygote's ends of sockets and pipes, and the streams of the program: others wait for their end.
    let _ = child::close_range(0, u32::MAX);
    let status = loop {
        match waitpid(None, None) {
            Ok(status @ (WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, _, _))) if pid == zygote => {
                break status;
            }
            Err(Errno::ECHILD) => break WaitStatus::Exited(zygote, 0),
            // Told to go on: the zygote may have been stopped as well. Nobody else reaps it.
            Err(Errno::EINTR) => drop(kill(zygote, Signal::SIGCONT)),
            _ => {}
        }
    };
    if !matches!(status, WaitStatus::Exited(_, 0)) {
        kill_all();
    }
    if let WaitStatus::Signaled(_, of_zygote, _) = status {
        let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
        // SAFETY: no handler is installed, only the default action.
        let _ = unsafe { signal(of_zygote, SigHandler::SigDfl) };
        let _ = raise(of_zygote);
    }
    // SAFETY: ends this process without running what its parent registered to run at its own exit.
    unsafe { libc::_exit(0) }
}

/// Kills all children, and those who become children when theirs are gone. Nobody else reaps them, so that their numbers are
/// theirs.
fn kill_all() {
    loop {
        for child in children(Pid::this()) {
            let _ = kill(child, Signal::SIGKILL);
        }
        if waitpid(None, None) == Err(Errno::ECHILD) {
            return;
        }
    }
}
