//! Shared by the zygote and the reaper above it.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use nix::errno::Errno;
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::unistd::Pid;

/// The zygote's name (proc_pid_comm(5)).
pub const NAME: &CStr = c"ior-it-zygote";

/// The most bytes of a list of children that are read at once.
const LIST: usize = 1024;

/// A step of the preparation that failed.
pub struct Unprepared {
    pub step: &'static str,
    pub errno: Errno,
}

/// Adds the name of the step: an errno does not say which call was refused.
pub fn step<T>(step: &'static str, result: nix::Result<T>) -> Result<T, Unprepared> {
    result.map_err(|errno| Unprepared { step, errno })
}

/// The signals that the zygote ignores.
pub const IGNORED: [Signal; 5] = [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGPIPE];

/// Gives all signals their default action, which a child inherits. It changes only those that the zygote ignores.
pub fn forget_handlers() -> Result<(), Unprepared> {
    for known in Signal::iterator().filter(|known| !matches!(known, Signal::SIGKILL | Signal::SIGSTOP)) {
        // SAFETY: no handler is installed, only the default action.
        step("sigaction", unsafe { signal(known, SigHandler::SigDfl) })?;
    }
    Ok(())
}

/// Ignores the signals that end a job. The parent ends this process in another way.
pub fn ignore_terminal() -> Result<(), Unprepared> {
    for ignored in IGNORED {
        // SAFETY: no handler is installed, only "ignore".
        step("sigaction", unsafe { signal(ignored, SigHandler::SigIgn) })?;
    }
    Ok(())
}

/// The list of this process's own children, which is read again and again.
#[derive(Debug, Default)]
pub struct OwnChildren(Option<File>);

impl OwnChildren {
    /// Opens the list of this thread.
    pub fn open() -> Self {
        Self(File::open("/proc/thread-self/children").ok())
    }

    /// The children there are now.
    pub fn listed(&self) -> Vec<Pid> {
        let mut list = [0; LIST];
        match self.0.as_ref().map(|file| file.read_at(&mut list, 0)) {
            // A list that may go on is read in the other way.
            Some(Ok(length)) if length < LIST => pids(&String::from_utf8_lossy(&list[..length])),
            Some(_) | None => children(Pid::this()),
        }
    }
}

fn pids(list: &str) -> Vec<Pid> {
    list.split_whitespace().filter_map(|word| word.parse().ok()).map(Pid::from_raw).collect()
}

/// The children of a process, as proc(5) lists them for its first thread; empty where the kernel has no such list.
pub fn children(pid: Pid) -> Vec<Pid> {
    pids(&fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default())
}
