//! Clocks, sleeps and timers: clock_nanosleep(2), timer_create(2), setitimer(2), time_namespaces(7).
#![allow(unsafe_code)]

use std::fs;

use libc::{CLOCK_BOOTTIME, CLOCK_MONOTONIC, CLOCK_REALTIME, CLONE_NEWTIME, ITIMER_REAL, TIMER_ABSTIME, timespec};
use nix::errno::Errno;

use super::exec::in_fork;
use super::steps::{close, create, skip_on};
use crate::child::scenario::{Failed, Scenario, Setup, act, call, ensure, fails, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("clock-sleep", clock_sleep),
    Scenario::new("clock-timer", clock_timer),
    Scenario::new("clock-interval", clock_interval),
    Scenario::new("clock-namespace", clock_namespace),
];

const fn time(seconds: i64, nanoseconds: i64) -> timespec {
    timespec { tv_sec: seconds, tv_nsec: nanoseconds }
}

/// A sleep of a microsecond, one until a time that has been, and times that are none.
fn clock_sleep() -> Setup {
    act(|| {
        let (short, past, none) = (time(0, 1000), time(0, 1), time(0, -1));
        returns(call!(nanosleep, &raw const short, 0), 0)?;
        returns(call!(clock_nanosleep, CLOCK_MONOTONIC, 0, &raw const short, 0), 0)?;
        returns(call!(clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, &raw const past, 0), 0)?;
        fails(call!(nanosleep, &raw const none, 0), Errno::EINVAL)?;
        fails(call!(clock_nanosleep, CLOCK_MONOTONIC, 0, &raw const none, 0), Errno::EINVAL)?;
        let mut now = time(0, 0);
        returns(call!(clock_gettime, CLOCK_BOOTTIME, &raw mut now), 0)?;
        ensure(now.tv_sec > 0 || now.tv_nsec > 0, "the machine has no time")?;
        fails(call!(clock_gettime, 999, &raw mut now), Errno::EINVAL)
    })
}

/// A timer that tells nobody: it is armed, read, disarmed and deleted.
fn clock_timer() -> Setup {
    act(|| {
        // struct sigevent: SIGEV_NONE.
        let nobody = [0_u64, 1 << 32, 0, 0, 0, 0, 0, 0];
        let mut id = -1_i32;
        returns(call!(timer_create, CLOCK_MONOTONIC, nobody.as_ptr(), &raw mut id), 0)?;
        let hour = [time(0, 0), time(3600, 0)];
        returns(call!(timer_settime, id, 0, hour.as_ptr(), 0), 0)?;
        let mut left = [time(0, 0); 2];
        returns(call!(timer_gettime, id, left.as_mut_ptr()), 0)?;
        ensure(left[1].tv_sec > 0, "the timer is not armed")?;
        returns(call!(timer_getoverrun, id), 0)?;
        returns(call!(timer_delete, id), 0)?;
        fails(call!(timer_delete, id), Errno::EINVAL)
    })
}

/// The older timer, one for each process.
fn clock_interval() -> Setup {
    act(|| {
        let hour = [0_i64, 0, 3600, 0];
        let (mut before, off) = ([0_i64; 4], [0_i64; 4]);
        returns(call!(setitimer, ITIMER_REAL, hour.as_ptr(), before.as_mut_ptr()), 0)?;
        returns(call!(getitimer, ITIMER_REAL, before.as_mut_ptr()), 0)?;
        ensure(before[2] > 0, "the timer is not armed")?;
        returns(call!(setitimer, ITIMER_REAL, off.as_ptr(), 0), 0)?;
        fails(call!(getitimer, 999, before.as_mut_ptr()), Errno::EINVAL)
    })
}

/// A child in a namespace in which the machine has run for a thousand seconds more. Its calls have the tracer's time.
fn clock_namespace() -> Setup {
    // SAFETY: a number.
    let apart = Errno::result(unsafe { libc::unshare(CLONE_NEWTIME) });
    let skip = skip_on(Errno::EPERM, "it takes the rights of root: a namespace of times");
    apart.map_err(|errno| skip(Failed { call: "unshare", errno }))?;
    fs::write("/proc/self/timens_offsets", "monotonic 1000 0\nboottime 1000 0\n")?;
    act(|| {
        let mut before = time(0, 0);
        returns(call!(clock_gettime, CLOCK_MONOTONIC, &raw mut before), 0)?;
        in_fork(|| {
            let mut now = time(0, 0);
            returns(call!(clock_gettime, CLOCK_MONOTONIC, &raw mut now), 0)?;
            ensure(now.tv_sec >= before.tv_sec + 1000, "the child has the time of its parent")?;
            close(create(c"x.txt")?)
        })
    })
}
