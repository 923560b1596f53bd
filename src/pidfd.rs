//! A process by a descriptor: unlike its number, that is never given to somebody else.
//!
//! Whoever opens one by a number asks afterwards whether the number still is the process that it meant: if so, the descriptor
//! is of that process.
#![allow(unsafe_code)]

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

/// A process, until it is dropped. Can be read when the process is gone (pidfd_open(2)).
#[derive(Debug)]
pub struct Pidfd(OwnedFd);

impl Pidfd {
    /// Of the process that has this number now.
    pub fn open(pid: u32) -> nix::Result<Self> {
        // SAFETY: plain numbers.
        let fd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
        // SAFETY: a new descriptor, which nobody else has.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd as i32) }))
    }

    /// Sends it SIGKILL; one that is gone does not mind.
    pub fn kill(&self) {
        let info = std::ptr::null::<libc::siginfo_t>();
        // SAFETY: without a `siginfo_t` the kernel fills one in.
        let _ =
            unsafe { libc::syscall(libc::SYS_pidfd_send_signal, self.0.as_raw_fd(), Signal::SIGKILL as i32, info, 0) };
    }

    /// Whether it is gone.
    pub fn is_gone(&self) -> bool {
        let mut polled = [PollFd::new(self.as_fd(), PollFlags::POLLIN)];
        poll(&mut polled, PollTimeout::ZERO) == Ok(1)
    }

    /// Waits until it is gone; false if it is not by then.
    pub fn wait_until(&self, end: Instant) -> bool {
        loop {
            let mut polled = [PollFd::new(self.as_fd(), PollFlags::POLLIN)];
            // Rounded up, so that the last wait does not spin through the final millisecond.
            let left = end.saturating_duration_since(Instant::now()).as_millis() + 1;
            match poll(&mut polled, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
                Ok(1) => return true,
                _ if Instant::now() >= end => return false,
                _ => {}
            }
        }
    }
}

impl AsFd for Pidfd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
