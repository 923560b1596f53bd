//! From the gate to the end of the last process that is traced: what is waited for, and what becomes of it.
//!
//! Nothing is asked for with a period. The first record after all others were taken wakes the thread, and it takes what has come
//! [`TICK`] later; until then nothing but an urgent one wakes it again.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::departure::{Departure, FOR_THE_COMMAND, is_from_terminal};
use super::sink::Sink;
use super::{GATE_LIMIT, not_prepared};
use crate::ending::{Ending, How, Phase};
use crate::error::{Error, Exit};
use crate::pidfd::Pidfd;
use crate::testimony::Testimony;
use crate::tracer::{self, Left, Tracer, Watching};
use crate::witness::Witness;
use crate::zygote::Child;

/// How many records are taken at a time: what bounds the memory that they need on their way.
const TAKEN: usize = 4096;
/// How late a call may be printed.
const TICK: Duration = Duration::from_millis(50);
/// How long it may take until what was killed is gone.
const KILLED: Duration = Duration::from_millis(250);
/// How long it may take until the witness has let go who goes on.
const LET_GO: Duration = Duration::from_millis(200);

/// What the waiting is for.
const RING: u64 = 0;
const REAPED: u64 = 1;
const SIGNAL: u64 = 2;
const SOMEONE: u64 = 3;

/// A program that runs, or has run.
pub struct Run<'t> {
    pub child: Child<'t>,
    pub watching: Watching<'t>,
    pub departure: &'t Departure,
    pub sink: Sink,
    /// Whether the user wants no more of it.
    pub stopped: bool,
    tracer: &'t Tracer,
    /// Dropped after the child, since it ends when its tracees do.
    witness: Option<Witness>,
    waiting: Epoll,
    left: &'t Left,
    /// Someone who is waited for once the program itself is gone.
    someone: Option<Pidfd>,
    /// Of the program itself; processes that it has forked may go on.
    ending: Option<Ending>,
    /// The zygote has gone before its time, and the program with it.
    orphaned: bool,
    interrupts: u32,
    /// When what there is will be taken; `None` if there is nothing.
    due: Option<Instant>,
    /// When who has not ended is killed, after a signal.
    deadline: Option<Instant>,
}

impl<'t> Run<'t> {
    /// For a child at its gate.
    pub fn new(
        child: Child<'t>,
        watching: Watching<'t>,
        witness: Option<Witness>,
        departure: &'t Departure,
        sink: Sink,
        tracer: &'t Tracer,
    ) -> Result<Self, Error> {
        let left = departure.traces(watching.left()?);
        let waiting = waiting(&child, departure, tracer).map_err(|error| not_prepared(&error))?;
        Ok(Self {
            child,
            watching,
            departure,
            sink,
            stopped: false,
            tracer,
            witness,
            waiting,
            left,
            someone: None,
            ending: None,
            orphaned: false,
            interrupts: 0,
            due: None,
            deadline: None,
        })
    }

    /// Opens the gate, and takes the records until there are no more to come.
    pub fn until_it_is_over(&mut self) -> Result<(), Error> {
        self.child.open_gate()?;
        self.witness.iter().for_each(Witness::release);
        while !self.stopped && !self.is_over() {
            let events = self.wait();
            let first_record = events == [RING] && self.due.is_none();
            if first_record {
                self.due = Some(Instant::now() + TICK);
                continue;
            }
            self.due = None;
            self.take();
            if self.ending.is_none() && events.contains(&REAPED) {
                self.reaped();
            }
            while let Some(signal) = self.departure.next() {
                self.signalled(signal);
            }
            self.keep_to_deadline();
            self.sink.tick(&self.watching);
        }
        Ok(())
    }

    /// Sleeps until something has happened, and says what. Whatever it is, everything is looked at: an interrupted wait is no
    /// error.
    fn wait(&self) -> Vec<u64> {
        if self.due.is_none() {
            // Asks for the level, once: an edge is missed if the record comes while those before are being read.
            let _ = self.waiting.modify(self.tracer.ring(), &mut ring_event());
        }
        let next = [self.due, self.deadline, self.sink.due()].into_iter().flatten().min();
        let timeout = next.map_or(EpollTimeout::NONE, |next| {
            let left = next.saturating_duration_since(Instant::now()).as_micros().div_ceil(1000);
            EpollTimeout::try_from(left as i32).unwrap_or(EpollTimeout::ZERO)
        });
        let mut events = [EpollEvent::empty(); 4];
        let ready = self.waiting.wait(&mut events, timeout).unwrap_or_default();
        events[..ready].iter().map(EpollEvent::data).collect()
    }

    /// Takes what the ring holds, in parts.
    fn take(&mut self) {
        loop {
            let records = self.watching.take_some(TAKEN);
            if records.is_empty() {
                return;
            }
            self.sink.take(&records);
            for pid in self.sink.long_gone() {
                self.watching.forget(pid);
            }
        }
    }

    /// Whether the program and, if they are followed, all its descendants are gone.
    fn is_over(&mut self) -> bool {
        if self.ending.is_none() {
            return false;
        }
        if !self.watching.follows() || self.watching.is_gone() {
            return true;
        }
        if self.someone.as_ref().is_some_and(|someone| !someone.is_gone()) {
            return false;
        }
        self.someone = self.left.anyone();
        if let Some(someone) = &self.someone {
            let _ = self.waiting.add(someone.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, SOMEONE));
        }
        self.someone.is_none()
    }

    /// The program is gone. If there is nobody to say how, the zygote is: it has taken the program with it (PR_SET_PDEATHSIG), and
    /// what that has forked is to go the same way.
    fn reaped(&mut self) {
        match self.child.wait(GATE_LIMIT) {
            Ok(ending) => self.ending = Some(ending),
            Err(_) => {
                self.orphaned = true;
                self.left.kill_all(Instant::now() + KILLED);
                self.ending = Some(Ending { phase: Phase::Act, how: How::Signal(libc::SIGKILL) });
            }
        }
        self.departure.command_is_gone();
    }

    /// SIGINT and SIGQUIT of a terminal reach the program by themselves, and the first is its own affair. The second, or any other
    /// signal, is meant for all: the program has some time to end; what it has left behind goes on, not watched any more.
    fn signalled(&mut self, signal: i32) {
        self.interrupts += u32::from(is_from_terminal(signal));
        let ends = !is_from_terminal(signal) || self.interrupts > 1;
        match (&self.ending, ends) {
            (Some(_), true) => self.stopped = true,
            (Some(_), false) => {
                let left = self.watching.counts().left();
                self.sink
                    .say(&format!("the program is gone, {left} of its processes are not; Ctrl-C once more to stop"));
            }
            (None, ends) => {
                if !is_from_terminal(signal) {
                    // If the zygote is gone, that is noticed by itself.
                    let _ = self.child.signal(signal);
                }
                if ends && self.deadline.is_none() {
                    self.deadline = Some(Instant::now() + FOR_THE_COMMAND);
                }
            }
        }
    }

    /// Once the time after a signal is over, a program that has not ended is killed with all that it has forked.
    fn keep_to_deadline(&mut self) {
        if self.deadline.is_none_or(|deadline| Instant::now() < deadline) {
            return;
        }
        self.deadline = None;
        match self.ending {
            Some(_) => self.stopped = true,
            None => drop(self.left.kill_all(Instant::now() + KILLED)),
        }
    }

    /// Takes the rest. Everything that was emitted is in the ring, but another process's record that is just being written can
    /// hold ours up for a moment.
    pub fn finish(&mut self) -> Result<Ending, Error> {
        let ending = match self.ending.clone() {
            Some(ending) => ending,
            None => self.child.wait(GATE_LIMIT)?,
        };
        if !self.watching.is_gone() {
            tracer::grace_period();
        }
        let counts = self.watching.counts();
        let mut idle = 0;
        while self.sink.received() < counts.in_ring() && idle < 10_000 {
            let before = self.sink.received();
            self.take();
            idle = if self.sink.received() == before { idle + 1 } else { 0 };
            std::thread::yield_now();
        }
        Ok(ending)
    }

    /// What the witness has seen, if there is one. It is asked before the last records are taken, so that all that it has seen is
    /// among them.
    pub fn testimony(&mut self) -> Result<Option<Testimony>, Error> {
        let Some(witness) = self.witness.take() else { return Ok(None) };
        if self.stopped { witness.let_go(LET_GO) } else { witness.testimony() }.map(Some)
    }

    /// An error if the zygote has gone before its time.
    pub fn zygote_is_gone(&self) -> Result<(), Error> {
        if !self.orphaned {
            return Ok(());
        }
        Err(Error {
            sentence: format!(
                "the process that forks the command is gone: the command and all that it had forked were killed, after {} calls",
                self.left.seen()
            ),
            hint: "was `ior-it-zygote` killed? `dmesg` says whether memory had run out".to_owned(),
            exit: Exit::Inconclusive,
        })
    }
}

/// The ring wakes by edges: its level would wake for each record, which costs ten times the record.
fn ring_event() -> EpollEvent {
    EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, RING)
}

fn waiting(child: &Child<'_>, departure: &Departure, tracer: &Tracer) -> io::Result<Epoll> {
    let waiting = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    waiting.add(tracer.ring(), ring_event())?;
    let reaped = child.reaped().map_err(io::Error::other)?;
    waiting.add(reaped, EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT, REAPED))?;
    waiting.add(departure.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, SIGNAL))?;
    Ok(waiting)
}
