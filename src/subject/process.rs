//! A subject that is a command.
//!
//! I/O: starts it, reads its output as it comes, and waits until it has reported a fence. Nothing sleeps. Memory is bounded,
//! whatever it prints. It has its own process group, which is gone when [`Running`] is dropped.

use std::collections::BTreeSet;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use rustix::process::{PidfdFlags, pidfd_open};

use super::collector::Collector;
use super::json::Line;
use super::output::{Announcements, OutputFile};
use super::reading::{Reading, lost};
use super::seam::{Profile, Shown, Subject, Waited, Watching};
use super::splitter::Splitter;
use super::toml::{AdapterChoice, Definition, HowRun, Lifetime, Stream};
use super::window::Fences;
use crate::base::error::Error;

/// How long a process may live on when its streams have ended: ms.
const AFTER_ITS_STREAMS: u16 = 1000;

/// How many bytes are read at a time.
const ROOM: usize = 1 << 16;

/// One of its streams, if it has it.
type OutputPipe = Option<Box<dyn Read + Send>>;

/// A running subject.
pub struct Running {
    children: Vec<Child>,
    stop: Signal,
    collector: Arc<Collector>,
    /// The file that it reports to, if it does not print.
    output: Option<OutputFile>,
}

/// The streams that are read: its report, and its other output.
const STREAMS: usize = 2;

impl Running {
    /// Starts it on a process. `folder` has the files of its TOML. A file that it writes is in a new folder below `outputs`.
    pub fn start(
        definition: &Definition,
        pid: u32,
        folder: &Path,
        outputs: &Path,
        fences: Fences,
    ) -> Result<Self, Error> {
        let HowRun::Command { command, stream, adapter, stop, lost, output } = &definition.run else {
            return Err(Error::usage(format!("{} is no command", definition.name), "a BPF object is loaded here"));
        };
        let output = output.as_deref().map(|output| OutputFile::new(output, adapter, outputs)).transpose()?;
        let values = [
            ("{pid}", pid.to_string()),
            ("{folder}", folder.to_string_lossy().into_owned()),
            ("{output}", output.as_ref().map(OutputFile::path).unwrap_or_default()),
        ];
        let value = |word: &String| values.iter().fold(word.clone(), |word, (name, value)| word.replace(name, value));
        let words = |words: &[String]| -> Vec<String> { words.iter().map(value).collect() };
        let says = Announcements::of(lost.clone(), output.as_ref());
        if output.is_some() {
            // Both streams are one pipe: what it announces stays in order.
            let (from, to) = std::io::pipe().map_err(|error| not_started(&words(command), error))?;
            let twice = to.try_clone().map_err(|error| not_started(&words(command), error))?;
            let child = spawn(&words(command), twice.into(), to.into())?;
            let running = Self::of(child, *stop, fences, 1, output);
            running.listen(Some(boxed(from)), says)?;
            return Ok(running);
        }
        let mut child = spawn(&words(command), Stdio::piped(), Stdio::piped())?;
        let group = child.id();
        let (out, error) = (child.stdout.take(), child.stderr.take());
        let mut running = Self::of(child, *stop, fences, STREAMS, output);
        let (shown, others): (OutputPipe, OutputPipe) = match (stream, adapter) {
            (Stream::Out, AdapterChoice::Command(adapter)) => {
                let from = out.map_or_else(Stdio::null, Stdio::from);
                (running.adapted(&words(adapter), from, group)?, error.map(boxed))
            }
            (Stream::Error, AdapterChoice::Command(adapter)) => {
                let from = error.map_or_else(Stdio::null, Stdio::from);
                (running.adapted(&words(adapter), from, group)?, out.map(boxed))
            }
            (Stream::Out, AdapterChoice::BuiltIn(_)) => (out.map(boxed), error.map(boxed)),
            (Stream::Error, AdapterChoice::BuiltIn(_)) => (error.map(boxed), out.map(boxed)),
        };
        let name = if let AdapterChoice::BuiltIn(name) = adapter { name } else { "json" };
        running.read(shown, Reading::new(name, lost.clone()))?;
        running.listen(others, says)?;
        Ok(running)
    }

    fn of(child: Child, stop: Signal, fences: Fences, streams: usize, output: Option<OutputFile>) -> Self {
        Self { children: vec![child], stop, collector: Arc::new(Collector::new(fences, streams)), output }
    }

    /// Starts an adapter that reads its output, in the same group.
    fn adapted(&mut self, words: &[String], from: Stdio, group: u32) -> Result<OutputPipe, Error> {
        let mut command = command(words);
        let started =
            command.stdin(from).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(group as i32).spawn();
        let mut adapter = started.map_err(|error| not_started(words, error))?;
        let out = adapter.stdout.take().map(boxed);
        self.children.push(adapter);
        Ok(out)
    }

    fn read(&self, from: OutputPipe, mut reading: Reading) -> Result<(), Error> {
        self.on_thread(from, move |collector, bytes| {
            collector.push(match bytes {
                Some(bytes) => reading.take(bytes),
                None => reading.end(),
            });
        })
    }

    fn listen(&self, from: OutputPipe, says: Announcements) -> Result<(), Error> {
        let mut splitter = Splitter::default();
        self.on_thread(from, move |collector, bytes| {
            collector.words(bytes.unwrap_or_default());
            splitter.push(bytes.unwrap_or(b"\n"), |line, _| {
                if let Some(Line::Lost(count)) = lost(says.lost.as_ref(), line) {
                    collector.lost(count);
                }
                says.tell(line, collector);
            });
        })
    }

    /// Reads a stream to its end, in a separate thread.
    fn on_thread(
        &self,
        from: OutputPipe,
        mut take: impl FnMut(&Collector, Option<&[u8]>) + Send + 'static,
    ) -> Result<(), Error> {
        let collector = Arc::clone(&self.collector);
        let work = move || {
            let mut room = vec![0; ROOM];
            let mut from = from;
            while let Some(read @ 1..) = from.as_mut().and_then(|from| retried(|| from.read(&mut room))) {
                take(&collector, Some(&room[..read]));
            }
            take(&collector, None);
            collector.end();
        };
        let thread = std::thread::Builder::new().name("subject".to_owned()).spawn(work);
        let failed = |error| {
            Error::cannot_trace(format!("no thread for the output of a subject: {error}"), "see `ulimit -u`")
                .because(error)
        };
        thread.map(drop).map_err(failed)
    }

    /// What it has reported so far.
    pub fn collector(&self) -> &Collector {
        &self.collector
    }

    /// Asks it to end, and reads the rest of its output. A subject that has not ended within the limit is killed.
    pub fn stop(mut self, limit: Duration) -> Shown {
        let status = if self.collector.wait_for_end(Duration::ZERO) { self.exited() } else { None };
        if let Some(child) = self.children.first() {
            let _ = kill(Pid::from_raw(child.id() as i32), self.stop);
        }
        let is_all = self.collector.wait_for_end(limit);
        let unread = self.output.as_ref().and_then(|output| output.read(&self.collector, is_all).err());
        Shown { unread, status, killed: !is_all, ..self.collector.take() }
    }

    /// How it ended, where its streams have. It closes them a moment before it has exited. One that lives on without them is not
    /// waited for long.
    fn exited(&mut self) -> Option<ExitStatus> {
        let child = self.children.first()?;
        let pid = rustix::process::Pid::from_raw(child.id() as i32)?;
        let process = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        let _ = poll(&mut [PollFd::new(process.as_fd(), PollFlags::POLLIN)], PollTimeout::from(AFTER_ITS_STREAMS));
        self.status()
    }

    /// How it ended, if it has ended.
    pub fn status(&mut self) -> Option<ExitStatus> {
        self.children.first_mut().and_then(|child| child.try_wait().ok().flatten())
    }
}

impl Drop for Running {
    /// Kills the whole group. A thread reaps it, because some tracers take seconds to detach even when they are killed.
    fn drop(&mut self) {
        if let Some(child) = self.children.first() {
            let _ = killpg(Pid::from_raw(child.id() as i32), Signal::SIGKILL);
        }
        let (mut children, output) = (std::mem::take(&mut self.children), self.output.take());
        let reap = move || {
            children.iter_mut().for_each(|child| drop(child.wait()));
            // Nobody writes into its folder any more.
            drop(output);
        };
        // Without a thread, the process that inherits them reaps them.
        let _ = std::thread::Builder::new().name("reap".to_owned()).spawn(reap);
    }
}

fn boxed(stream: impl Read + Send + 'static) -> Box<dyn Read + Send> {
    Box::new(stream)
}

fn command(words: &[String]) -> Command {
    let mut command = Command::new(words.first().map_or("", String::as_str));
    // A tracer's output depends on the locale.
    command.args(words.iter().skip(1)).env("LC_ALL", "C");
    command
}

fn spawn(words: &[String], out: Stdio, error: Stdio) -> Result<Child, Error> {
    let mut command = command(words);
    let started = command.stdin(Stdio::null()).stdout(out).stderr(error).process_group(0).spawn();
    started.map_err(|error| not_started(words, error))
}

fn not_started(words: &[String], error: std::io::Error) -> Error {
    let program = words.first().map_or("", String::as_str);
    Error::usage(
        format!("{program} could not be started: {error}"),
        "`ior-it --subjects` says what is there, and how to get it",
    )
    .because(error)
}

/// Reads again after an interruption by a signal. `None` after an error, which ends the stream too.
fn retried(mut read: impl FnMut() -> std::io::Result<usize>) -> Option<usize> {
    loop {
        match read() {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            read => return read.ok(),
        }
    }
}

/// A subject that is a command.
pub struct CommandSubject {
    definition: Definition,
    profile: Profile,
    /// The folder with the files of its TOML.
    folder: PathBuf,
    /// The folder for files that it writes.
    outputs: PathBuf,
    /// The process, if one runs for the whole run.
    running: Mutex<Option<Running>>,
}

impl CommandSubject {
    /// The subject for this definition.
    pub fn new(definition: Definition, version: Option<String>, folder: PathBuf, outputs: PathBuf) -> Self {
        let profile = definition.profile(version);
        Self { definition, profile, folder, outputs, running: Mutex::default() }
    }
}

impl Subject for CommandSubject {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn watch(&self, pid: u32, fences: Fences) -> Result<Box<dyn Watching + '_>, Error> {
        let start = || Running::start(&self.definition, pid, &self.folder, &self.outputs, fences);
        if self.definition.lifetime == Lifetime::Scenario {
            return Ok(Box::new(OfScenario(start()?)));
        }
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.as_mut().is_none_or(|running| running.status().is_some()) {
            *running = Some(start()?);
        }
        Ok(Box::new(OfRun(running)))
    }
}

/// A command that runs for one scenario.
struct OfScenario(Running);

impl Watching for OfScenario {
    fn wait_for(&self, enough: &dyn Fn(&BTreeSet<u64>) -> bool, limit: Duration) -> Waited {
        self.0.collector.wait_for(enough, limit)
    }

    fn stop(self: Box<Self>, limit: Duration) -> Shown {
        self.0.stop(limit)
    }
}

/// A command that keeps running. It reports the calls of one scenario at a time.
struct OfRun<'s>(MutexGuard<'s, Option<Running>>);

impl Watching for OfRun<'_> {
    fn wait_for(&self, enough: &dyn Fn(&BTreeSet<u64>) -> bool, limit: Duration) -> Waited {
        self.0.as_ref().map_or(Waited::Ended, |running| running.collector.wait_for(enough, limit))
    }

    fn stop(self: Box<Self>, _limit: Duration) -> Shown {
        self.0.as_ref().map(|running| running.collector.take()).unwrap_or_default()
    }
}
