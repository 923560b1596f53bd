//! From the open gate to the last record.

use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::departure::Departure;
use super::sink::Sink;
use super::{GATE_LIMIT, not_prepared};
use crate::base::error::Error;
use crate::child::ending::{Ending, How, Phase};
use crate::child::zygote::Child;
use crate::trace::testimony::Testimony;
use crate::watch::tracer::{Tracer, WatchGuard};
use crate::watch::witness::Witness;

/// How many records are taken at a time. It bounds the memory for them.
const TAKEN: usize = 4096;
/// How late a call may be printed.
const TICK: Duration = Duration::from_millis(50);
/// How long the witness may take to detach from the processes that go on.
const LET_GO: Duration = Duration::from_millis(200);
/// When to check for the first time whether all processes are gone without a record of it. Each later check comes after twice
/// as long.
const LOOK: Duration = Duration::from_secs(1);
/// What the thread waits for.
const RING: u64 = 0;
const REAPED: u64 = 1;
const SIGNAL: u64 = 2;

/// A program that runs or has run.
pub struct TracedProgram<'t> {
    pub child: Child<'t>,
    pub watching: WatchGuard<'t>,
    pub departure: Departure,
    pub sink: Sink,
    follow: bool,
    /// Dropped after the child, because it ends when its tracees do.
    witness: Option<Witness>,
    /// The end of the program itself. Processes that it has forked may go on.
    ending: Option<Ending>,
    interrupts: u32,
    /// Whether the user has asked for the end.
    pub stopped: bool,
    /// Whether the program's end was not seen, because the process that reaps it was gone.
    pub orphaned: bool,
    looked: Instant,
    /// How long to wait until the next check after that.
    look: Duration,
    pace: Pace,
}

/// When to look for records that have woken nobody.
#[derive(Debug, Default)]
pub struct Pace {
    /// How many records had come at the last wait.
    received: u64,
    /// Whether the next record wakes this thread, since one tick ago.
    asleep: bool,
}

impl Pace {
    /// Whether to look again after a tick. A record does not wake this thread while records come, and so a timer does. After a tick
    /// without records, the next record wakes it. One tick later it looks once more: a program may have decided not to wake it just
    /// before. After that the timer is only for other work.
    fn ticks(&mut self, watching: &WatchGuard<'_>, sink: &mut Sink) -> bool {
        let received = sink.received();
        let comes = std::mem::replace(&mut self.received, received) != received;
        if !comes {
            watching.fall_asleep();
            take(watching, sink);
        }
        let dozes = !std::mem::replace(&mut self.asleep, !comes);
        comes || dozes || sink.received() != received || sink.is_to_say()
    }

    /// How long to wait: a tick, or this long.
    pub fn patience(&mut self, watching: &WatchGuard<'_>, sink: &mut Sink, else_for: Option<Duration>) -> EpollTimeout {
        let timer = if self.ticks(watching, sink) { Some(TICK) } else { else_for };
        // Rounded up: a thread that wakes too early finds no work.
        timer.map_or(EpollTimeout::NONE, |timer| {
            EpollTimeout::try_from(timer + Duration::from_millis(1)).unwrap_or(EpollTimeout::MAX)
        })
    }
}

impl<'t> TracedProgram<'t> {
    pub fn new(
        child: Child<'t>,
        watching: WatchGuard<'t>,
        witness: Option<Witness>,
        departure: Departure,
        sink: Sink,
        follow: bool,
    ) -> Self {
        Self {
            child,
            watching,
            departure,
            sink,
            follow,
            witness,
            ending: None,
            interrupts: 0,
            stopped: false,
            orphaned: false,
            looked: Instant::now(),
            look: LOOK,
            pace: Pace::default(),
        }
    }

    /// Opens the gate, and takes records until no more can come.
    pub fn until_it_is_over(&mut self, tracer: &Tracer) -> Result<(), Error> {
        let waiting = self.waiting(tracer).map_err(|errno| not_prepared(errno.into()))?;
        go_before_others();
        self.child.open_gate()?;
        self.witness.iter().for_each(Witness::release);
        while !self.stopped && !self.is_over() {
            // Every source is checked after every wake-up, and so an interrupted wait is not an error.
            let mut events = [EpollEvent::empty(); 3];
            let ready = waiting.wait(&mut events, self.patience()).unwrap_or_default();
            self.take();
            if self.ending.is_none() && events[..ready].iter().any(|event| event.data() == REAPED) {
                match self.child.wait(GATE_LIMIT) {
                    Ok(ending) => self.ending = Some(ending),
                    Err(error) => self.orphaned(&error)?,
                }
            }
            for signal in self.departure.signals() {
                self.signalled(signal)?;
            }
            self.sink.tick(&self.watching.counts());
        }
        Ok(())
    }

    fn patience(&mut self) -> EpollTimeout {
        let look = (self.ending.is_some() && self.follow).then(|| self.look.saturating_sub(self.looked.elapsed()));
        self.pace.patience(&self.watching, &mut self.sink, look)
    }

    /// Handles the loss of the zygote, and of the program with it. No other process would end the program's descendants.
    fn orphaned(&mut self, error: &Error) -> Result<(), Error> {
        self.sink.say(&format!("{}: what it has started is killed", error.sentence));
        self.watching.killer()?.kill_all();
        self.ending = Some(Ending { phase: Phase::Act, how: How::Signal(libc::SIGKILL) });
        self.orphaned = true;
        Ok(())
    }

    /// The ring wakes by edges. By level it would wake for each record, which costs ten times the record.
    fn waiting(&self, tracer: &Tracer) -> nix::Result<Epoll> {
        let waiting = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        waiting.add(tracer.ring(), EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, RING))?;
        let reaped = self.child.ended().map_err(|_| nix::errno::Errno::EBADF)?;
        waiting.add(reaped, EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT, REAPED))?;
        waiting.add(self.departure.wake(), EpollEvent::new(EpollFlags::EPOLLIN, SIGNAL))?;
        Ok(waiting)
    }

    fn take(&mut self) {
        take(&self.watching, &mut self.sink);
    }

    /// Whether the program is gone, and all its descendants if they are followed.
    fn is_over(&mut self) -> bool {
        if self.ending.is_none() {
            return false;
        }
        if !self.follow || self.watching.is_gone() {
            return true;
        }
        if self.looked.elapsed() < self.look {
            return false;
        }
        self.looked = Instant::now();
        self.look = self.look.saturating_mul(2);
        self.watching.is_deserted()
    }

    /// Handles a signal. SIGINT and SIGQUIT from a terminal reach the program by themselves. Once it is gone, a second SIGINT
    /// or any other signal ends the wait for its descendants.
    fn signalled(&mut self, signal: i32) -> Result<(), Error> {
        let from_terminal = matches!(signal, libc::SIGINT | libc::SIGQUIT);
        match (&self.ending, from_terminal) {
            (None, true) => self.interrupts += 1,
            // If the program has just ended, its reap reports that.
            (None, false) => drop(self.child.signal(signal)),
            (Some(_), true) if self.interrupts == 0 => {
                self.interrupts += 1;
                let left = self.watching.counts().left();
                self.sink
                    .say(&format!("the program is gone, {left} of its processes are not; Ctrl-C once more to stop"));
            }
            (Some(_), _) => self.stopped = true,
        }
        Ok(())
    }

    /// Takes the remaining records. Everything that was emitted is in the ring, but a record that another process is just
    /// writing can delay ours for a moment.
    pub fn finish(&mut self) -> Result<Ending, Error> {
        let ending = match self.ending.clone() {
            Some(ending) => ending,
            None => self.child.wait(GATE_LIMIT)?,
        };
        let Self { watching, sink, .. } = self;
        watching.until_all_have_come(|| {
            take(watching, sink);
            sink.received()
        });
        Ok(ending)
    }

    /// What the witness has seen, if there is one. It ends before the last records are taken, so that every call that it saw
    /// has its record among them.
    pub fn testimony(&mut self) -> Result<Option<Testimony>, Error> {
        let Some(witness) = self.witness.take() else { return Ok(None) };
        if self.stopped { witness.let_go(LET_GO) } else { witness.testimony() }.map(Some)
    }
}

/// Takes what the ring holds, in parts.
pub fn take(watching: &WatchGuard, sink: &mut Sink) {
    loop {
        let records = watching.take_some(TAKEN);
        if records.is_empty() {
            return;
        }
        sink.take(&records);
        for pid in sink.long_gone() {
            watching.forget(pid);
        }
    }
}

/// Runs this thread before ordinary ones, if that is permitted (CAP_SYS_NICE). Records that it does not read in time are lost,
/// and next to busy processes it would get only a share of a CPU. It gets no real-time priority, because it prints for as long
/// as there is output. The program was forked before, and keeps its own priority (setpriority(2)).
#[allow(unsafe_code)]
pub fn go_before_others() {
    // SAFETY: plain numbers, for this thread. Without the permission nothing changes.
    let _ = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, -20) };
}
