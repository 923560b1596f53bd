//! Any program as a scenario: from the gate through execve to the end of its last watched process.
//!
//! [`run`] is the one function that does it. One thread sleeps until the ring fills up, a process ends, a signal comes or it
//! is time to print, and takes what there is: memory does not grow with the number of calls, unless an archive or a witness is
//! wanted. The program itself is not held up, except by a witness; what the ring has no room for is counted as lost.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::archive::{self, Archive, Origin};
use crate::base::descriptors;
use crate::base::error::{Error, Exit};
use crate::base::place::Folder;
use crate::base::tell::Stream;
use crate::child::ending::{Ending, How, Phase};
use crate::child::zygote::{Child, Program, Zygote};
use crate::judge::agreement;
use crate::judge::report::{self, Disagreeing};
use crate::judge::verdict::{self, Observed};
use crate::session;
use crate::trace::call::Call;
use crate::trace::testimony::Testimony;
use crate::trace::whole::Trace;
use crate::watch::tracer::{self, Tracer, Watching};
use crate::watch::witness::Witness;

mod departure; // the signals that end the waiting
mod output; // the trace and the progress, as they come
mod summary; // the table by call
mod sink; // what becomes of the records

use departure::Departure;
use output::Output;
use sink::Sink;

/// How a program is to be traced.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whether the processes that it forks are watched too.
    pub follow: bool,
    /// Whether only the table is printed.
    pub summary: bool,
    /// Whether the line on the progress is left out.
    pub quiet: bool,
    /// Where trace and table go, if not to the standard error output.
    pub output: Option<PathBuf>,
    /// The folder for an archive of it.
    pub archive: Option<PathBuf>,
    /// Whether it is witnessed by ptrace as well.
    pub witness: bool,
    /// The BPF object to load in place of the embedded one.
    pub bpf: Option<PathBuf>,
    /// The size of the ring in bytes, if it is to be another than [`tracer::RING_OF_A_PROGRAM`].
    pub ring_size: Option<u32>,
    /// Whether the trace is printed as JSON lines, without the table.
    pub json: bool,
}

/// How many records are taken at a time: what bounds the memory that they need on their way.
const TAKEN: usize = 4096;
/// How late a call may be printed.
const TICK: Duration = Duration::from_millis(50);
/// How long it may take until the witness has let go who goes on.
const LET_GO: Duration = Duration::from_millis(200);
/// When it is first asked whether nobody is left, where the records do not say so; each time it takes twice as long.
const LOOK: Duration = Duration::from_secs(1);
/// A process at the gate has nothing to wait for; it may have been stopped, though.
const GATE_LIMIT: Duration = Duration::from_secs(60);

/// Runs a program (its name or path, and its arguments) and traces it. Returns the exit code: the program's own, 128 and the
/// number of the signal that killed it, that something was lost, or that the witness has seen something else. Must be called while there is no other thread.
pub fn run(command: &[OsString], options: &Options) -> Result<u8, Error> {
    tracer::check_machine()?;
    keep_memory();
    let program = Arc::new(Program::find(command)?);
    let zygote = Zygote::for_program(Arc::clone(&program))?;
    // Not before: the program has its caller's limits.
    descriptors::allow_enough();
    let archives = options.archive.as_deref().map(archive::prepare).transpose()?;
    let output = Output::open(options)?;
    departure::hold().map_err(|errno| not_prepared(errno.into()))?;
    let tracer = load(options)?;
    let mut child = zygote.spawn(0, Path::new(""))?;
    if let Some(ending) = child.reach_gate(GATE_LIMIT)? {
        return Err(session::cannot_start(&ending));
    }
    let began = SystemTime::now();
    let witness = options.witness.then(|| Witness::stop(child.pid(), options.follow)).transpose()?;
    let watching = tracer.watch(0, child.pid(), options.follow)?;
    if child.has_ended()? {
        witness.into_iter().for_each(Witness::mistaken);
        return Err(session::cannot_start(&child.wait(GATE_LIMIT)?));
    }
    let sink = Sink::new(options, output);
    let departure = Departure::start(watching.killer()?, &zygote).map_err(|errno| not_prepared(errno.into()))?;
    let mut run = Run::new(child, watching, witness, departure, sink, options.follow);
    run.until_it_is_over(&tracer)?;
    let testimony = run.testimony();
    let ending = run.finish()?;
    let orphaned = run.orphaned.then_some("the end of the program, since who reaps it was gone");
    let lost = run.sink.finish(run.watching.counts(), run.stopped, orphaned);
    let observed = Observed { trace: run.sink.trace(run.watching.counts()), ending };
    let agreed = testimony.map(|testimony| run.agrees(command, &observed, testimony, lost));
    run.sink.close()?;
    if let Some(errno) = run.child.refused() {
        return Err(program.refused(errno));
    }
    let exit = match run.departure.killed() {
        // Killed for this signal, which is what the end is about.
        Some(signal) => 128 + signal as u8,
        None => exit_code(&observed.ending.how, agreed?, lost),
    };
    if let Some(folder) = &archives {
        let origin = Origin::here(&program.name(), &working_directory(), began);
        // What the command itself says of its end, or the witness, is not hidden by a full disk.
        if let Err(error) = archived(folder, Archive { origin, observed }) {
            Stream::Error.line(&error.to_string());
            return Ok(if exit == 0 { Exit::Inconclusive as u8 } else { exit });
        }
    }
    Ok(exit)
}

/// A tracer that is known to see this process.
fn load(options: &Options) -> Result<Tracer, Error> {
    let ring_size = options.ring_size.unwrap_or(tracer::RING_OF_A_PROGRAM);
    let options = tracer::Options { bpf: options.bpf.clone(), ring_size, ..tracer::Options::default() };
    let tracer = Tracer::for_program(&options)?;
    tracer.check_own_pid().map(|()| tracer)
}

/// What one lot of records has needed, the next needs again. Without this, the C library gives it back to the kernel each time,
/// and a fifth of the time goes into page faults (mallopt(3)).
#[allow(unsafe_code)]
fn keep_memory() {
    for limit in [libc::M_MMAP_THRESHOLD, libc::M_TRIM_THRESHOLD] {
        // SAFETY: plain numbers; whether it does anything changes no result.
        let _ = unsafe { libc::mallopt(limit, 32 << 20) };
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

/// The program's own, unless the witness has seen something else, or something was lost.
fn exit_code(how: &How, agreed: bool, lost: bool) -> u8 {
    match (how, agreed, lost) {
        (_, false, _) => Exit::Failed as u8,
        (_, true, true) => Exit::Inconclusive as u8,
        (How::Exited(status), ..) => *status as u8,
        (How::Signal(signal), ..) => 128 + *signal as u8,
        (How::Finished | How::Failed(_) | How::Skipped(_) | How::PremiseNotMet(_) | How::Panicked(_), ..) => 0,
        (How::TimedOut(_), ..) => Exit::Failed as u8,
    }
}

/// Writes the archive of it, reads it back and compares.
fn archived(folder: &Folder, archive: Archive) -> Result<(), Error> {
    archive::save(folder, &archive)?;
    match archive::difference(&archive, &archive::saved(folder, &archive)?) {
        None => Ok(()),
        Some(difference) => Err(Error::scenario(
            format!("archive check: {}: {difference}", crate::base::escape::path(&archive::saved_as(folder, &archive))),
            "this is a fault in src/archive; without --archive nothing is written",
        )),
    }
}

/// A program that runs, or has run.
struct Run<'t> {
    child: Child<'t>,
    watching: Watching<'t>,
    departure: Departure,
    sink: Sink,
    follow: bool,
    /// Dropped after the child, since it ends when its tracees do.
    witness: Option<Witness>,
    /// Of the program itself; processes that it has forked may go on.
    ending: Option<Ending>,
    interrupts: u32,
    /// Whether the user wants no more of it.
    stopped: bool,
    /// Whether the program's end was not seen, since who reaps it was gone.
    orphaned: bool,
    looked: Instant,
    /// How long after that it is looked again.
    look: Duration,
    /// How many records had come when it was last waited.
    received: u64,
    /// Whether the next record wakes, since a tick ago.
    asleep: bool,
}

impl<'t> Run<'t> {
    fn new(
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
    fn until_it_is_over(&mut self, tracer: &Tracer) -> Result<(), Error> {
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
    fn finish(&mut self) -> Result<Ending, Error> {
        let ending = match self.ending.clone() {
            Some(ending) => ending,
            None => self.child.wait(GATE_LIMIT)?,
        };
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
    fn testimony(&mut self) -> Result<Option<Testimony>, Error> {
        let Some(witness) = self.witness.take() else { return Ok(None) };
        if self.stopped { witness.let_go(LET_GO) } else { witness.testimony() }.map(Some)
    }

    /// Whether the witness, if there is one, has seen the same, and says so. A trace that has lost something is compared with
    /// nothing.
    fn agrees(&mut self, command: &[OsString], observed: &Observed, testimony: Option<Testimony>, lost: bool) -> bool {
        let Some(testimony) = testimony else { return true };
        if !testimony.killed.is_empty() {
            let killed = sink::processes(testimony.killed.len() as u64);
            self.sink.line(&format!("witness: {killed} could not be let go in time, and were killed"));
        }
        if lost {
            self.sink.line("witness: nothing was compared, since something was lost; --ring-size makes more room");
            return true;
        }
        let (trace, testimony) = without_those_left(&observed.trace, testimony);
        let (trace, unwitnessed) = without_those_hidden(trace, &testimony);
        if unwitnessed > 0 {
            self.sink.line(&format!(
                "witness: {unwitnessed} calls cannot be witnessed: their threads are hidden from ptrace (clone(2), CLONE_UNTRACED)"
            ));
        }
        let calls = testimony.calls.len();
        let disagreements = agreement::compare(&trace, &testimony, None);
        if disagreements.is_empty() {
            self.sink.line(&format!("witness: {calls} calls compared, no difference"));
            return true;
        }
        let words: Vec<_> = command.iter().map(|word| word.to_string_lossy()).collect();
        let words = shlex::try_join(words.iter().map(AsRef::as_ref)).unwrap_or_default();
        self.sink.line(&format!("witness: {calls} calls compared, {} differences\n", disagreements.len()));
        self.sink.line(&report::disagreement(&Disagreeing {
            scenario: words.split(' ').next().unwrap_or_default(),
            ending: &observed.ending,
            trace: &trace,
            testimony: &testimony,
            disagreements: &disagreements,
            rerun: &verdict::rerun(&format!("--witness -- {words}"), verdict::EMBEDDED),
        }));
        false
    }
}

/// Both without the processes that the witness has let go.
fn without_those_left(trace: &Trace, mut testimony: Testimony) -> (Cow<'_, Trace>, Testimony) {
    if testimony.left.is_empty() {
        return (Cow::Borrowed(trace), testimony);
    }
    let left = std::mem::take(&mut testimony.left);
    let mut trace = trace.clone();
    trace.calls.retain(|call| !left.contains(&call.pid));
    testimony.calls.retain(|seen| !left.contains(&seen.call.pid));
    (Cow::Owned(trace), testimony)
}

/// A trace without the threads that the kernel does not show to the witness, and how many calls they have made.
fn without_those_hidden<'t>(trace: Cow<'t, Trace>, testimony: &Testimony) -> (Cow<'t, Trace>, usize) {
    let is_hidden = |call: &Call| !testimony.threads.contains(&call.tid);
    let hidden = trace.calls.iter().filter(|call| is_hidden(call) && call.request.is_none()).count();
    if hidden == 0 {
        return (trace, 0);
    }
    let mut trace = trace.into_owned();
    trace.calls.retain(|call| !is_hidden(call));
    (Cow::Owned(trace), hidden)
}

/// What the waiting is for.
const RING: u64 = 0;
const REAPED: u64 = 1;
const SIGNAL: u64 = 2;

/// Where the program begins; `/` where that is gone.
fn working_directory() -> Vec<u8> {
    std::env::current_dir().map_or(b"/".to_vec(), |path| path.into_os_string().into_vec())
}

fn not_prepared(error: io::Error) -> Error {
    tracer::refused("the waiting for the program could not be prepared", &error)
}
