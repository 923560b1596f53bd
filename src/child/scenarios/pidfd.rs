//! pidfd_open(2), pidfd_getfd(2).
#![allow(unsafe_code)]

use std::fs;
use std::io::Read;

use libc::{O_RDONLY, SIGKILL};
use nix::errno::Errno;

use super::steps::{close, open, read};
use crate::child::scenario::{Broken, Failed, Scenario, Setup, act, call, ensure, returns};

pub const ALL: &[Scenario] = &[Scenario::new("pidfd-getfd", pidfd_getfd)];

/// A descriptor number that both processes have open, for different files.
const NUMBER: i64 = 3;

/// Gets a file from an unwatched grandchild that has it open.
fn pidfd_getfd() -> Setup {
    fs::write("held.txt", "held")?;
    fs::write("own.txt", "own")?;
    let grandchild = holder()?;
    act(move || {
        let own = open(c"own.txt", O_RDONLY)?;
        ensure(own == NUMBER, "the own file has not the number of the other process's")?;
        let pidfd = call!(pidfd_open, grandchild, 0)?;
        let held = call!(pidfd_getfd, pidfd, NUMBER, 0).map_err(not_permitted)?;
        read(held, b"held")?;
        read(own, b"own")?;
        close(held)?;
        close(pidfd)?;
        close(own)?;
        returns(call!(kill, grandchild, SIGKILL), 0)?;
        let mut status = 0_i32;
        returns(call!(wait4, grandchild, &raw mut status, 0, 0), grandchild.into())
    })
}

/// pidfd_getfd(2) needs the same permission as ptrace(2).
fn not_permitted(failed: Failed) -> Broken {
    match failed.errno {
        Errno::EPERM => Broken::Skip("pidfd_getfd is not permitted here (see sysctl kernel.yama.ptrace_scope)".into()),
        _ => failed.into(),
    }
}

/// Forks a process that has opened `held.txt` as [`NUMBER`] when this returns. The process ends with this one.
fn holder() -> Result<i32, Broken> {
    let (mut ready, say) = std::io::pipe()?;
    // SAFETY: this process has one thread, and the new one only makes system calls.
    let pid = Errno::result(unsafe { libc::fork() })?;
    if pid == 0 {
        hold(say);
    }
    drop(say);
    // The read returns nothing if the other process has ended.
    let mut byte = [0];
    ensure(ready.read(&mut byte)? == 1, "the grandchild could not open its file")?;
    Ok(pid)
}

fn hold(say: std::io::PipeWriter) -> ! {
    use std::os::fd::AsRawFd;
    // SAFETY: all descriptors are copies of the parent's, and nothing here drops one.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, SIGKILL);
        let held = libc::open(c"held.txt".as_ptr(), O_RDONLY);
        if held >= 0 && libc::dup2(held, NUMBER as i32) >= 0 {
            libc::write(say.as_raw_fd(), c"!".as_ptr().cast(), 1);
            loop {
                libc::pause();
            }
        }
        libc::_exit(1)
    }
}
