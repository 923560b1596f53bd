//! The reaper: a process above a program's zygote that only adopts the orphans of the program.
//!
//! The zygote itself must not adopt them, because it is in the program's session. A process group with a parent in the same session
//! is not orphaned. Its stopped processes would get no SIGHUP and no SIGCONT when their last own parent exits, as they do under init
//! (setpgid(2), `_exit(2)`). So the reaper has a session of its own, as init has.
#![allow(unsafe_code)]

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, raise, sigaction, signal};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getppid, setsid};

use super::child;
use super::process::{NAME, Unprepared, children, ignore_terminal, step};

/// The exit status of a zygote whose processes the reaper shall kill.
pub const NOT_LEFT_ALONE: i32 = 1;

/// Forks. The child goes on as the zygote and dies with its parent; the parent becomes the reaper.
pub fn fork_below() -> Result<(), Unprepared> {
    step("prctl(PR_SET_NAME)", prctl::set_name(NAME))?;
    step("prctl(PR_SET_CHILD_SUBREAPER)", prctl::set_child_subreaper(true))?;
    let above = Pid::this();
    // SAFETY: this process has one thread.
    match step("fork", unsafe { fork() })? {
        ForkResult::Parent { child } => {
            go_on_when_parent_is_gone()?;
            // Without SA_RESTART, so that SIGCONT interrupts a wait.
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

/// Resumes this process when its parent ends (PR_SET_PDEATHSIG(2const)): a stopped process would not clean up.
pub fn go_on_when_parent_is_gone() -> Result<(), Unprepared> {
    step("prctl(PR_SET_PDEATHSIG)", prctl::set_pdeathsig(Signal::SIGCONT))
}

extern "C" fn nothing(_signal: i32) {}

/// Reaps until the zygote has ended, and ends in the same way. It kills the orphans first, unless the zygote has said to leave them.
fn reap_until_gone(zygote: Pid) -> ! {
    let _ = prctl::set_name(c"ior-it-reaper");
    // It fails only for the leader of a process group (setsid(2)).
    let _ = setsid();
    let _ = ignore_terminal();
    // Other processes wait until all copies of these sockets, pipes and streams are closed.
    let _ = child::close_range(0, u32::MAX);
    let status = loop {
        match waitpid(None, None) {
            Ok(status @ (WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, _, _))) if pid == zygote => {
                break status;
            }
            Err(Errno::ECHILD) => break WaitStatus::Exited(zygote, 0),
            // SIGCONT has come, because `ior-it` has ended. The zygote may be stopped, too. Only this process reaps it.
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
    // SAFETY: it ends this process without the parent's exit handlers.
    unsafe { libc::_exit(0) }
}

/// Kills all children, and the orphans that become children then. Only this process reaps them, so their pids are their own.
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
