//! Descriptors that events are read from: eventfd(2), timerfd_create(2), signalfd(2), epoll(7), inotify(7), fanotify(7).
#![allow(unsafe_code)]

use std::fs;
use std::mem::zeroed;

use libc::{
    AT_FDCWD, CLOCK_MONOTONIC, EFD_CLOEXEC, EFD_NONBLOCK, EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD,
    EPOLLIN, EPOLLOUT, FAN_CLASS_NOTIF, FAN_CLOEXEC, FAN_MARK_ADD, FAN_NONBLOCK, FAN_OPEN, IN_CLOEXEC, IN_CREATE,
    IN_NONBLOCK, IN_ONLYDIR, O_CLOEXEC, O_RDONLY, SFD_CLOEXEC, SFD_NONBLOCK, SIGUSR1, SIGUSR2, TFD_CLOEXEC,
    TFD_NONBLOCK, TFD_TIMER_ABSTIME,
};
use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};

use super::steps::{close, create, open, read, write};
use crate::child::scenario::{Broken, Failed, Scenario, Setup, act, call, ensure, fails, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("eventfd-basic", eventfd_basic),
    Scenario::new("timerfd-basic", timerfd_basic),
    Scenario::new("signalfd-basic", signalfd_basic),
    Scenario::new("epoll-basic", epoll_basic),
    Scenario::new("inotify-basic", inotify_basic),
    Scenario::new("fanotify-basic", fanotify_basic),
];

/// The size of the kernel's own signal sets in bytes: one bit for each of 64 signals.
const SIGNALS: usize = 8;

/// A counter of eight bytes: a write adds to it, and a read takes all of it.
fn eventfd_basic() -> Setup {
    act(|| {
        let fd = call!(eventfd2, 3, EFD_CLOEXEC | EFD_NONBLOCK)?;
        write(fd, &5_u64.to_ne_bytes())?;
        read(fd, &8_u64.to_ne_bytes())?;
        nothing_to_read(fd)?;
        fails(call!(write, fd, b"less".as_ptr(), 4), Errno::EINVAL)?;
        close(fd)
    })
}

/// A timer that is set to a past time has expired. A timer that was never set has nothing to read.
fn timerfd_basic() -> Setup {
    act(|| {
        let fd = call!(timerfd_create, CLOCK_MONOTONIC, TFD_CLOEXEC)?;
        // SAFETY: plain numbers, for which all bits zero is a value: a timer that is not armed.
        let mut timer: libc::itimerspec = unsafe { zeroed() };
        timer.it_value.tv_nsec = 1;
        returns(call!(timerfd_settime, fd, TFD_TIMER_ABSTIME, &raw const timer, 0), 0)?;
        read(fd, &1_u64.to_ne_bytes())?;
        returns(call!(timerfd_gettime, fd, &raw mut timer), 0)?;
        ensure(timer.it_value.tv_nsec == 0 && timer.it_value.tv_sec == 0, "the timer is still armed")?;
        let unarmed = call!(timerfd_create, CLOCK_MONOTONIC, TFD_NONBLOCK)?;
        nothing_to_read(unarmed)?;
        close(unarmed)?;
        close(fd)
    })
}

/// A signal is read instead of delivered. A second signalfd4 on the descriptor changes its set and returns it.
fn signalfd_basic() -> Setup {
    SigSet::from_iter([Signal::SIGUSR1, Signal::SIGUSR2]).thread_block()?;
    let pid = std::process::id();
    act(move || {
        let waits_for = |signal: i32| 1_u64 << (signal - 1);
        let first = waits_for(SIGUSR1);
        let fd = call!(signalfd4, -1, &raw const first, SIGNALS, SFD_CLOEXEC | SFD_NONBLOCK)?;
        nothing_to_read(fd)?;
        let second = waits_for(SIGUSR2);
        returns(call!(signalfd4, fd, &raw const second, SIGNALS, 0), fd)?;
        returns(call!(kill, pid, SIGUSR2), 0)?;
        // SAFETY: plain numbers, for which all bits zero is a value.
        let mut info: libc::signalfd_siginfo = unsafe { zeroed() };
        returns(call!(read, fd, &raw mut info, size_of_val(&info)), 128)?;
        ensure(info.ssi_signo == SIGUSR2 as u32 && info.ssi_pid == pid, "another signal was read than was sent")?;
        close(fd)
    })
}

/// One of a set of descriptors becomes ready. A regular file cannot be in the set.
fn epoll_basic() -> Setup {
    act(|| {
        let event = call!(eventfd2, 0, 0)?;
        let set = call!(epoll_create1, EPOLL_CLOEXEC)?;
        let mut wanted = libc::epoll_event { events: EPOLLIN as u32, u64: 7 };
        returns(call!(epoll_ctl, set, EPOLL_CTL_ADD, event, &raw mut wanted), 0)?;
        let mut ready = [libc::epoll_event { events: 0, u64: 0 }; 4];
        returns(call!(epoll_pwait, set, ready.as_mut_ptr(), ready.len(), 0, 0, SIGNALS), 0)?;
        write(event, &1_u64.to_ne_bytes())?;
        returns(call!(epoll_pwait, set, ready.as_mut_ptr(), ready.len(), -1, 0, SIGNALS), 1)?;
        let [first, ..] = ready;
        ensure({ first.u64 } == 7 && { first.events } == EPOLLIN as u32, "another descriptor is ready")?;
        wanted.events = EPOLLOUT as u32;
        returns(call!(epoll_ctl, set, EPOLL_CTL_MOD, event, &raw mut wanted), 0)?;
        returns(call!(epoll_ctl, set, EPOLL_CTL_DEL, event, 0), 0)?;
        let file = create(c"file.txt")?;
        fails(call!(epoll_ctl, set, EPOLL_CTL_ADD, file, &raw mut wanted), Errno::EPERM)?;
        [file, set, event].into_iter().try_for_each(close)
    })
}

/// A file is made in a watched directory. The result of inotify_add_watch is the number of the watch, and not a descriptor.
fn inotify_basic() -> Setup {
    fs::create_dir("sub")?;
    act(|| {
        let fd = call!(inotify_init1, IN_CLOEXEC | IN_NONBLOCK)?;
        let watch = call!(inotify_add_watch, fd, c"sub", IN_CREATE | IN_ONLYDIR)?;
        close(create(c"sub/made.txt")?)?;
        // inotify(7): a struct inotify_event of 16 bytes, and the name with NULs up to a multiple of that.
        let mut events = [0_u32; 64];
        returns(call!(read, fd, events.as_mut_ptr(), size_of_val(&events)), 32)?;
        ensure(events[1] == IN_CREATE, "another event was read than that a file was made")?;
        returns(call!(inotify_rm_watch, fd, watch), 0)?;
        // The end of the watch is an event too (IN_IGNORED), without a name.
        returns(call!(read, fd, events.as_mut_ptr(), size_of_val(&events)), 16)?;
        close(fd)
    })
}

/// The event about an opened file has a descriptor for it, which the read makes.
fn fanotify_basic() -> Setup {
    fs::write("watched.txt", "hello")?;
    act(|| {
        let flags = FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK;
        let fd = call!(fanotify_init, flags, O_RDONLY | O_CLOEXEC).map_err(without_fanotify)?;
        returns(call!(fanotify_mark, fd, FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, c"watched.txt"), 0)?;
        let file = open(c"watched.txt", O_RDONLY)?;
        // SAFETY: plain numbers, for which all bits zero is a value.
        let mut event: libc::fanotify_event_metadata = unsafe { zeroed() };
        returns(call!(read, fd, &raw mut event, size_of_val(&event)), 24)?;
        ensure({ event.mask } == FAN_OPEN, "another event was read than that the file was opened")?;
        ensure(i64::from(event.fd) == file + 1, "the event's descriptor is not the lowest free number")?;
        read(event.fd.into(), b"hello")?;
        close(event.fd.into())?;
        close(file)?;
        close(fd)
    })
}

/// Events with descriptors need the superuser (fanotify_init(2)), and a kernel may lack them.
fn without_fanotify(failed: Failed) -> Broken {
    match failed.errno {
        Errno::EPERM => Broken::Skip("fanotify_init needs CAP_SYS_ADMIN".to_owned()),
        _ => failed.into(),
    }
}

fn nothing_to_read(fd: i64) -> Result<(), Broken> {
    let mut buffer = [0_u8; 128];
    fails(call!(read, fd, buffer.as_mut_ptr(), buffer.len()), Errno::EAGAIN)
}
