//! Processes that run already: `-p PID`. They go on when the watch ends.

use std::collections::BTreeSet;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, SystemTime};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::departure::{self, Departure};
use super::output::Output;
use super::running::{Pace, go_before_others, take};
use super::sink::{Sink, processes};
use super::{CommandOptions, keep_memory, load, not_prepared, working_directory};
use crate::archive::{self, Archive, Origin};
use crate::base::descriptors;
use crate::base::error::{Error, Exit};
use crate::base::rights;
use crate::charts::Charts;
use crate::child::ending::{Ending, How, Phase};
use crate::judge::verdict::Observed;
use crate::watch::tracer::{self, Tracer, WatchGuard};

/// Traces these processes until all of them are gone, or until a signal. Returns the exit code: 0, or that for a loss. The process
/// must have no other thread.
pub(crate) fn attach(pids: &[u32], options: &CommandOptions) -> Result<u8, Error> {
    tracer::check_machine()?;
    keep_memory();
    let pids: Vec<u32> = pids.iter().copied().collect::<BTreeSet<u32>>().into_iter().collect();
    let held = pids.iter().map(|&pid| held(pid)).collect::<Result<Vec<OwnedFd>, Error>>()?;
    descriptors::allow_enough();
    let archives = options.archive.as_deref().map(archive::prepare).transpose()?;
    let output = Output::open(options)?;
    let charts = Charts::open(&options.charts)?;
    departure::hold().map_err(|errno| not_prepared(errno.into()))?;
    let tracer = load(options)?;
    let began = SystemTime::now();
    let before = threads(&pids);
    let mut watching = tracer.watch_running(0, &pids, options.follow)?;
    // A thread that is in neither list began within the watch, or ended before it.
    watching.began_with(before.union(&threads(&pids)).count() as u64);
    let ended = held.iter().filter(|process| has_ended(process)).count() as u64;
    // The end of a process is recorded before it is told.
    if ended > watching.counts().ends {
        return Err(Error::usage("--attach: the process has ended before it was watched", AWAY));
    }
    let departure = Departure::start(None).map_err(|errno| not_prepared(errno.into()))?;
    let mut sink = Sink::new(options, output, charts, None);
    sink.say(&format!("attached to {} with {} threads; Ctrl-C detaches", processes(pids.len() as u64), before.len()));
    let stopped = until_it_is_over(&tracer, &watching, &departure, &held, &mut sink);
    let stopped = stopped.map_err(|errno| not_prepared(errno.into()))?;
    let counts = watching.until_all_have_come(|| {
        take(&watching, &mut sink);
        sink.received()
    });
    let lost = sink.finish(counts, stopped, None);
    let trace = sink.trace(counts);
    sink.close()?;
    let exit = if lost { Exit::Inconclusive } else { Exit::Success } as u8;
    let Some(folder) = &archives else { return Ok(exit) };
    let origin = Origin::here(&format!("pid-{}", pids[0]), &working_directory(), began);
    let ending = Ending { phase: Phase::Act, how: How::Finished };
    archive::save_checked(folder, &Archive { origin, observed: Observed { trace, ending } })?;
    Ok(exit)
}

/// What the thread waits for.
const RING: u64 = 0;
const SIGNAL: u64 = 1;
const ENDED: u64 = 2;
/// How long to wait for the record of an end when all processes are gone.
const LOOK: Duration = Duration::from_secs(1);
const AWAY: &str = "`pgrep -a NAME` finds processes";

/// Takes records until all processes are gone. True if a signal ends it before.
fn until_it_is_over(
    tracer: &Tracer,
    watching: &WatchGuard<'_>,
    departure: &Departure,
    held: &[OwnedFd],
    sink: &mut Sink,
) -> nix::Result<bool> {
    let waiting = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    waiting.add(tracer.ring(), EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, RING))?;
    waiting.add(departure.wake(), EpollEvent::new(EpollFlags::EPOLLIN, SIGNAL))?;
    for process in held {
        waiting.add(process, EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT, ENDED))?;
    }
    let mut pace = Pace::default();
    go_before_others();
    loop {
        let mut events = [EpollEvent::empty(); 2];
        let are_gone = held.iter().all(has_ended);
        // Every source is checked after every wake-up, and so an interrupted wait is not an error.
        let _ = waiting.wait(&mut events, pace.patience(watching, sink, are_gone.then_some(LOOK)));
        take(watching, sink);
        if !departure.signals().is_empty() {
            return Ok(true);
        }
        sink.tick(&watching.counts());
        if watching.is_gone() || are_gone && watching.is_deserted() {
            return Ok(false);
        }
    }
}

/// A process that is there and may be traced (pidfd_open(2)).
fn held(pid: u32) -> Result<OwnedFd, Error> {
    rights::refuse("--attach")?;
    if pid == std::process::id() {
        return Err(Error::usage("--attach: this is the process of `ior-it` itself", AWAY));
    }
    if let Some(leader) = leader_of(pid).filter(|&leader| leader != pid) {
        return Err(Error::usage(
            format!("--attach: {pid} is a thread of process {leader}"),
            format!("--attach {leader} traces all threads of the process"),
        ));
    }
    let known = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let opened = known.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
    opened
        .filter(|process| !has_ended(process))
        .ok_or_else(|| Error::usage(format!("--attach: there is no process {pid}"), AWAY))
}

fn has_ended(process: &OwnedFd) -> bool {
    let mut polled = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
    matches!(poll(&mut polled, PollTimeout::ZERO), Ok(1..))
}

/// The process that a thread belongs to (proc_pid_status(5)).
fn leader_of(tid: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{tid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("Tgid:"))?.trim().parse().ok()
}

/// The threads of these processes (proc_pid_task(5)).
fn threads(pids: &[u32]) -> BTreeSet<u32> {
    let of = |pid: &u32| std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    pids.iter().flat_map(of).filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}
