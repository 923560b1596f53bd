//! Any program as a scenario: from the gate through execve to the end of its last watched process.
//!
//! [`run`] is the one function that does it. One thread sleeps until the ring fills up, a process ends, a signal comes or it
//! is time to print, and takes what there is: memory does not grow with the number of calls, unless an archive is wanted. The
//! program itself is never held up; what the ring has no room for is counted as lost.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::archive::{self, Archive, Origin};
use crate::ending::{Ending, How};
use crate::error::{Error, Exit};
use crate::files::AtGate;
use crate::trace::Trace;
use crate::tracer::{self, Tracer, Watching};
use crate::verdict::Observed;
use crate::zygote::{Child, Program, Zygote};

mod lineage; // a process's calls after the fork that made it
mod output; // the trace and the progress, as they come
mod sink; // what becomes of the records
mod summary; // the table by call

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
    /// The BPF object to load in place of the embedded one.
    pub bpf: Option<PathBuf>,
    /// The size of the ring in bytes, if it is to be another than [`tracer::RING_OF_A_PROGRAM`].
    pub ring_size: Option<u32>,
}

/// How many records are taken at a time: what bounds the memory that they need on their way.
const TAKEN: usize = 4096;
/// How late a call may be printed.
const TICK: Duration = Duration::from_millis(50);
/// How often it is asked whether nobody is left, where the records do not say so.
const LOOK: Duration = Duration::from_secs(1);
/// A process at the gate has nothing to wait for; it may have been stopped, though.
const GATE_LIMIT: Duration = Duration::from_secs(60);

/// Runs a program (its name or path, and its arguments) and traces it. Returns the exit code: the program's own, 128 and the
/// number of the signal that killed it, or that something was lost. Must be called while there is no other thread.
pub fn run(command: &[OsString], options: &Options) -> Result<u8, Error> {
    tracer::check_machine()?;
    let program = Arc::new(Program::find(command)?);
    let zygote = Zygote::for_program(Arc::clone(&program))?;
    if let Some(folder) = &options.archive {
        archive::prepare(folder)?;
    }
    let output = Output::open(options)?;
    let signals = signals().map_err(|errno| not_prepared(errno.into()))?;
    let tracer = Tracer::for_program(&tracer::Options {
        bpf: options.bpf.clone(),
        ring_size: options.ring_size.unwrap_or(tracer::RING_OF_A_PROGRAM),
        ..tracer::Options::default()
    })?;
    tracer.check_own_pid()?;
    let mut child = zygote.spawn(0, Path::new(""))?;
    if let Some(ending) = child.reach_gate(GATE_LIMIT)? {
        return Err(Error::scenario(format!("the program could not be started: {ending}"), "see `ulimit -a`"));
    }
    let gate = AtGate { cwd: working_directory(), workspace: None, open: child.open_files() };
    let began = SystemTime::now();
    let watching = tracer.watch(0, child.pid(), options.follow)?;
    let sink = Sink::new(options, child.pid(), gate.clone(), output);
    let mut run = Run::new(child, watching, signals, sink, options.follow);
    run.until_it_is_over(&tracer)?;
    let ending = run.finish()?;
    let exit = run.report(&ending)?;
    if let Some(errno) = run.child.refused() {
        return Err(program.refused(errno));
    }
    if let Some(folder) = &options.archive {
        run.archive(folder, &program.name(), ending, gate, began)?;
    }
    Ok(exit)
}

/// A program that runs, or has run.
struct Run<'t> {
    child: Child<'t>,
    watching: Watching<'t>,
    signals: SignalFd,
    sink: Sink,
    follow: bool,
    /// Of the program itself; processes that it has forked may go on.
    ending: Option<Ending>,
    interrupts: u32,
    /// Whether the user wants no more of it.
    stopped: bool,
    looked: Instant,
}

impl<'t> Run<'t> {
    fn new(child: Child<'t>, watching: Watching<'t>, signals: SignalFd, sink: Sink, follow: bool) -> Self {
        let looked = Instant::now();
        Self { child, watching, signals, sink, follow, ending: None, interrupts: 0, stopped: false, looked }
    }

    /// Opens the gate, and takes the records until there are no more to come.
    fn until_it_is_over(&mut self, tracer: &Tracer) -> Result<(), Error> {
        let waiting = self.waiting(tracer).map_err(|errno| not_prepared(errno.into()))?;
        let tick = EpollTimeout::try_from(TICK).unwrap_or(EpollTimeout::ZERO);
        self.child.open_gate()?;
        while !self.stopped && !self.is_over() {
            // Whatever has happened, everything is looked at: an interrupted wait is no error.
            let mut events = [EpollEvent::empty(); 3];
            let ready = waiting.wait(&mut events, tick).unwrap_or_default();
            self.take();
            if self.ending.is_none() && events[..ready].iter().any(|event| event.data() == REAPED) {
                self.ending = Some(self.child.wait(GATE_LIMIT)?);
            }
            while let Ok(Some(signal)) = self.signals.read_signal() {
                self.signalled(signal.ssi_signo as i32)?;
            }
            self.sink.tick(&self.watching.counts());
        }
        Ok(())
    }

    /// The ring wakes by edges: its level would wake for each record, which costs ten times the record.
    fn waiting(&self, tracer: &Tracer) -> nix::Result<Epoll> {
        let waiting = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        waiting.add(tracer.ring(), EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, RING))?;
        let reaped = self.child.reaped().map_err(|_| nix::errno::Errno::EBADF)?;
        waiting.add(reaped, EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT, REAPED))?;
        waiting.add(&self.signals, EpollEvent::new(EpollFlags::EPOLLIN, SIGNAL))?;
        Ok(waiting)
    }

    /// Takes what the ring holds, in parts.
    fn take(&mut self) {
        loop {
            let records = self.watching.take_some(TAKEN);
            if records.is_empty() {
                return;
            }
            self.sink.take(records);
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
        if self.looked.elapsed() < LOOK {
            return false;
        }
        self.looked = Instant::now();
        self.watching.is_deserted()
    }

    /// SIGINT and SIGQUIT of a terminal reach the program by themselves. Once it is gone, a second SIGINT, or any other signal,
    /// ends the waiting for what it has left behind.
    fn signalled(&mut self, signal: i32) -> Result<(), Error> {
        let from_terminal = matches!(signal, libc::SIGINT | libc::SIGQUIT);
        match (&self.ending, from_terminal) {
            (None, true) => self.interrupts += 1,
            (None, false) => self.child.signal(signal)?,
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
        while self.sink.received() < counts.emitted + counts.ends + counts.submitted && idle < 10_000 {
            let before = self.sink.received();
            self.take();
            idle = if self.sink.received() == before { idle + 1 } else { 0 };
            std::thread::yield_now();
        }
        self.sink.release();
        Ok(ending)
    }

    /// The end of the output: the table, and the losses. Returns the exit code.
    fn report(&mut self, ending: &Ending) -> Result<u8, Error> {
        let lost = self.sink.finish(self.watching.counts(), self.stopped)?;
        let own = match ending.how {
            How::Exited(status) => status as u8,
            How::Signal(signal) => 128 + signal as u8,
            How::Finished | How::Failed(_) | How::Skipped(_) | How::PremiseNotMet(_) | How::Panicked(_) => 0,
            How::TimedOut(_) => Exit::Failed as u8,
        };
        Ok(if lost { Exit::Inconclusive as u8 } else { own })
    }

    /// Writes the archive of it, reads it back and compares.
    fn archive(
        &mut self,
        folder: &Path,
        name: &str,
        ending: Ending,
        gate: AtGate,
        began: SystemTime,
    ) -> Result<(), Error> {
        let origin = Origin::here(name, &gate.cwd, began);
        let kept = self.sink.kept();
        let records = kept.iter().flat_map(tracer::Records::iter);
        let trace = Trace::assemble(records, self.watching.counts(), gate);
        let archive = Archive { origin, observed: Observed { ending, trace } };
        let path = archive::save(folder, &archive)?;
        match archive::difference(&archive, &archive::load(&path)?) {
            None => Ok(()),
            Some(difference) => Err(Error::scenario(
                format!("archive check: {}: {difference}", path.display()),
                "this is a fault in src/archive; without --archive nothing is written",
            )),
        }
    }
}

/// What the waiting is for.
const RING: u64 = 0;
const REAPED: u64 = 1;
const SIGNAL: u64 = 2;

/// The signals that are the program's, or that end the waiting for it. Blocked from here on in this thread and those it
/// starts; the zygote was forked before.
fn signals() -> nix::Result<SignalFd> {
    let mut set = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGHUP] {
        set.add(signal);
    }
    set.thread_block()?;
    SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
}

/// Where the program begins; `/` where that is gone.
fn working_directory() -> Vec<u8> {
    std::env::current_dir().map_or(b"/".to_vec(), |path| path.into_os_string().into_vec())
}

fn not_prepared(error: io::Error) -> Error {
    Error::cannot_trace(format!("the waiting for the program could not be prepared: {error}"), "see `ulimit -n`")
}
