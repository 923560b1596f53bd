//! From the opened gate to the last record.

use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::departure::Departure;
use super::sink::Sink;
use super::{GATE_LIMIT, not_prepared};
use crate::base::error::Error;
use crate::child::ending::{Ending, How, Phase};
use crate::child::zygote::Child;
use crate::trace::testimony::Testimony;
use crate::watch::tracer::{Tracer, Watching};
use crate::watch::witness::Witness;

/// How many records are taken at a time: what bounds the memory that they need on their way.
const TAKEN: usize = 4096;
/// How late a call may be printed.
const TICK: Duration = Duration::from_millis(50);
/// How long it may take until the witness has let go who goes on.
const LET_GO: Duration = Duration::from_millis(200);
/// When it is first asked whether nobody is left, where the records do not say so; each time it takes twice as long.
const LOOK: Duration = Duration::from_secs(1);
/// What the waiting is for.
const RING: u64 = 0;
const REAPED: u64 = 1;
const SIGNAL: u64 = 2;

/// A program that runs, or has run.
pub struct TracedProgram<'t> {
    pub child: Child<'t>,
    pub watching: Watching<'t>,
    pub departure: Departure,
    pub sink: Sink,
    follow: bool,
    /// Dropped after the child, since it ends when its tracees do.
    witness: Option<Witness>,
    /// Of the program itself; processes that it has forked may go on.
    ending: Option<Ending>,
    interrupts: u32,
    /// Whether the user wants no more of it.
    pub stopped: bool,
    /// Whether the program's end was not seen, since who reaps it was gone.
    pub orphaned: bool,
    looked: Instant,
    /// How long after that it is looked again.
    look: Duration,
    /// How many records had come when it was last waited.
    received: u64,
    /// Whether the next record wakes, since a tick ago.
    asleep: bool,
}

impl<'t> TracedProgram<'t> {
    pub fn new(
        child: Child<'t>,
        watching: Watching<'t>,
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
            received: 0,
            asleep: false,
        }
    }

    /// Opens the gate, and takes the records until there are no more to come.
    pub fn until_it_is_over(&mut self, tracer: &Tracer) -> Result<(), Error> {
        let waiting = self.waiting(tracer).map_err(|errno| not_prepared(errno.into()))?;
        go_before_others();
        self.child.open_gate()?;
        self.witness.iter().for_each(Witness::release);
        while !self.stopped && !self.is_over() {
            // Whatever has happened, everything is looked at: an interrupted wait is no error.
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

    /// How long to wait. Nothing wakes for each record, so that there is a timer while records come; when none has come for a tick,
    /// the next one wakes. It is looked once more a tick later, for a record whose program had asked before whether it is to wake;
    /// then the timer is only for what else there is to do.
    fn patience(&mut self) -> EpollTimeout {
        let received = self.sink.received();
        let comes = std::mem::replace(&mut self.received, received) != received;
        if !comes {
            self.watching.fall_asleep();
            self.take();
        }
        let dozes = !std::mem::replace(&mut self.asleep, !comes);
        let look = (self.ending.is_some() && self.follow).then(|| self.look.saturating_sub(self.looked.elapsed()));
        let timer =
            if comes || dozes || self.sink.received() != received || self.sink.is_to_say() { Some(TICK) } else { look };
        // Rounded up: who wakes too early finds nothing to do.
        timer.map_or(EpollTimeout::NONE, |timer| {
            EpollTimeout::try_from(timer + Duration::from_millis(1)).unwrap_or(EpollTimeout::MAX)
        })
    }

    /// Who starts and reaps the program is gone, and the program with it: what that has left behind nobody would end.
    fn orphaned(&mut self, error: &Error) -> Result<(), Error> {
        self.sink.say(&format!("{}: what it has started is killed", error.sentence));
        self.watching.killer()?.kill_all();
        self.ending = Some(Ending { phase: Phase::Act, how: How::Signal(libc::SIGKILL) });
        self.orphaned = true;
        Ok(())
    }

    /// The ring wakes by edges: its level would wake for each record, which costs ten times the record.
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

    /// Whether the program and, if they are followed, all its descendants are gone.
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

    /// SIGINT and SIGQUIT of a terminal reach the program by themselves. Once it is gone, a second SIGINT, or any other signal,
    /// ends the waiting for what it has left behind.
    fn signalled(&mut self, signal: i32) -> Result<(), Error> {
        let from_terminal = matches!(signal, libc::SIGINT | libc::SIGQUIT);
        match (&self.ending, from_terminal) {
            (None, true) => self.interrupts += 1,
            // If it is gone meanwhile, that is told by itself.
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

    /// Takes the rest. Everything that was emitted is in the ring, but another process's record that is just being written can
    /// hold ours up for a moment.
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

    /// What the witness has seen, if there is one. It is asked before the last records are taken, so that all that it has seen is
    /// among them.
    pub fn testimony(&mut self) -> Result<Option<Testimony>, Error> {
        let Some(witness) = self.witness.take() else { return Ok(None) };
        if self.stopped { witness.let_go(LET_GO) } else { witness.testimony() }.map(Some)
    }
}

/// Takes what the ring holds, in parts.
fn take(watching: &Watching, sink: &mut Sink) {
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

/// Of the processors, this thread gets what it needs before ordinary ones do, where that is permitted (CAP_SYS_NICE): what it
/// does not read in time is lost, and beside processes that keep all processors busy it would have a part of one. No real-time
/// priority: it prints for as long as there is something. The program was forked before, and has its own (setpriority(2)).
#[allow(unsafe_code)]
fn go_before_others() {
    // SAFETY: plain numbers, of this thread. Without the permission nothing changes.
    let _ = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, -20) };
}
