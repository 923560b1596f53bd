//! Waiting for descriptors: ppoll(2), pselect6(2), epoll_pwait2(2), and the old forms of these and of what they wait for.
#![allow(unsafe_code)]

use libc::{EFD_NONBLOCK, EPOLL_CTL_ADD, EPOLLIN, POLLIN, RLIMIT_NOFILE};
use nix::errno::Errno;

use super::steps::{close, write};
use crate::child::scenario::{Scenario, Setup, act, call, fails, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("poll-ready", poll_ready),
    Scenario::new("poll-epoll-pwait2", poll_epoll_pwait2),
    Scenario::new("poll-old", poll_old),
    Scenario::new("poll-no-descriptor-left", poll_no_descriptor_left),
];

/// The size of the kernel's own signal sets in bytes.
const SIGNALS: usize = 8;
/// No time at all: seconds and nanoseconds, or microseconds.
const AT_ONCE: [i64; 2] = [0, 0];

/// Nothing can be read from a counter of 0, and something from another.
fn poll_ready() -> Setup {
    act(|| {
        let counter = call!(eventfd2, 0, EFD_NONBLOCK)?;
        let mut asked = libc::pollfd { fd: counter as i32, events: POLLIN, revents: 0 };
        let mut time = AT_ONCE;
        returns(call!(ppoll, &raw mut asked, 1, time.as_mut_ptr(), 0, SIGNALS), 0)?;
        write(counter, &1_u64.to_ne_bytes())?;
        returns(call!(ppoll, &raw mut asked, 1, time.as_mut_ptr(), 0, SIGNALS), 1)?;
        let mut set = [1_u64 << counter, 0];
        returns(call!(pselect6, counter + 1, set.as_mut_ptr(), 0, 0, time.as_mut_ptr(), 0), 1)?;
        close(counter)?;
        fails(call!(pselect6, counter + 1, set.as_mut_ptr(), 0, 0, time.as_mut_ptr(), 0), Errno::EBADF)
    })
}

fn poll_epoll_pwait2() -> Setup {
    act(|| {
        let counter = call!(eventfd2, 1, 0)?;
        let set = call!(epoll_create1, 0)?;
        let mut wanted = libc::epoll_event { events: EPOLLIN as u32, u64: 7 };
        returns(call!(epoll_ctl, set, EPOLL_CTL_ADD, counter, &raw mut wanted), 0)?;
        returns(call!(epoll_pwait2, set, &raw mut wanted, 1, AT_ONCE.as_ptr(), 0, SIGNALS), 1)?;
        fails(call!(epoll_pwait2, set, &raw mut wanted, 0, AT_ONCE.as_ptr(), 0, SIGNALS), Errno::EINVAL)?;
        close(set)?;
        close(counter)
    })
}

fn poll_old() -> Setup {
    act(|| {
        let counter = call!(eventfd, 1)?;
        let set = call!(epoll_create, 1)?;
        let mut wanted = libc::epoll_event { events: EPOLLIN as u32, u64: 7 };
        returns(call!(epoll_ctl, set, EPOLL_CTL_ADD, counter, &raw mut wanted), 0)?;
        returns(call!(epoll_wait, set, &raw mut wanted, 1, 0), 1)?;
        let (mut ready, mut time) = ([1_u64 << counter, 0], AT_ONCE);
        returns(call!(select, counter + 1, ready.as_mut_ptr(), 0, 0, time.as_mut_ptr()), 1)?;
        let no_signal = 0_u64;
        let signals = call!(signalfd, -1, &raw const no_signal, SIGNALS)?;
        let watches = call!(inotify_init)?;
        fails(call!(epoll_create, 0), Errno::EINVAL)?;
        [watches, signals, set, counter].into_iter().try_for_each(close)
    })
}

/// The process may have no more descriptors (getrlimit(2), RLIMIT_NOFILE).
fn poll_no_descriptor_left() -> Setup {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a struct of numbers that lives through the call.
    Errno::result(unsafe { libc::setrlimit(RLIMIT_NOFILE, &raw const none) })?;
    act(|| {
        fails(call!(eventfd, 0), Errno::EMFILE)?;
        fails(call!(inotify_init), Errno::EMFILE)?;
        fails(call!(openat, libc::AT_FDCWD, c".", libc::O_RDONLY, 0), Errno::EMFILE)
    })
}
