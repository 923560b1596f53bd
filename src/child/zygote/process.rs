//! Shared by the zygote and the reaper above it.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::fs;

use nix::errno::Errno;
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::unistd::Pid;

/// The zygote's name (proc_pid_comm(5)).
pub const NAME: &CStr = c"ior-it-zygote";

/// A step of the preparation that failed.
pub struct Unprepared {
    pub step: &'static str,
    pub errno: Errno,
}

/// Adds the name of the step: an errno does not say which call was refused.
pub fn step<T>(step: &'static str, result: nix::Result<T>) -> Result<T, Unprepared> {
    result.map_err(|errno| Unprepared { step, errno })
}

/// Ignores the signals that end a job. The parent ends this process in another way.
pub fn ignore_terminal() -> Result<(), Unprepared> {
    for ignored in [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGPIPE] {
        // SAFETY: no handler is installed, only "ignore".
        step("sigaction", unsafe { signal(ignored, SigHandler::SigIgn) })?;
    }
    Ok(())
}

/// The children of a process, as proc(5) lists them for its first thread; empty where the kernel has no such list.
pub fn children(pid: Pid) -> Vec<Pid> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_whitespace().filter_map(|word| word.parse().ok()).map(Pid::from_raw).collect()
}
