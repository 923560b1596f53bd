//! Any program as a scenario: from the gate through execve to the end of its last watched process.
//!
//! [`run`] is the one function that does it. One thread sleeps until there is a record, a process ends or a signal comes, and
//! takes what there is: memory does not grow with the number of calls, unless an archive or a witness is
//! wanted. The program itself is not held up, except by a witness; what the ring has no room for is counted as lost.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::agreement;
use crate::archive::{self, Archive, Origin};
use crate::ending::How;
use crate::error::{Error, Exit};
use crate::report::{self, Disagreeing};
use crate::session;
use crate::testimony::Testimony;
use crate::trace::{Call, Trace};
use crate::tracer::{self, Tracer};
use crate::verdict::{self, Observed};
use crate::witness::Witness;
use crate::zygote::{Program, Zygote};

mod departure; // signals, and an end whatever they find
mod output; // the trace and the progress, as they come
mod running; // from the gate to the end of the last process
mod sink; // what becomes of the records
mod summary; // the table by call

use departure::Departure;
use output::Output;
use running::Run;
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
}

/// A process at the gate has nothing to wait for; it may have been stopped, though.
const GATE_LIMIT: Duration = Duration::from_secs(60);

/// Runs a program (its name or path, and its arguments) and traces it. Returns the exit code: the program's own, 128 and the
/// number of the signal that killed it, that something was lost, or that the witness has seen something else. Must be called while there is no other thread.
pub fn run(command: &[OsString], options: &Options) -> Result<u8, Error> {
    tracer::check_machine()?;
    keep_memory();
    let program = Arc::new(Program::find(command)?);
    let zygote = Zygote::for_program(Arc::clone(&program))?;
    if let Some(folder) = &options.archive {
        archive::prepare(folder)?;
    }
    let output = Output::open(options)?;
    let departure = Departure::prepare().map_err(|error| not_prepared(&error))?;
    let tracer = Tracer::for_program(&tracer::Options {
        bpf: options.bpf.clone(),
        ring_size: options.ring_size.unwrap_or(tracer::RING_OF_A_PROGRAM),
        ..tracer::Options::default()
    })?;
    tracer.check_own_pid()?;
    let mut child = zygote.spawn(0, Path::new(""))?;
    if let Some(ending) = child.reach_gate(GATE_LIMIT)? {
        return Err(session::cannot_start(&ending));
    }
    let began = SystemTime::now();
    let witness = options.witness.then(|| Witness::stop(child.pid(), options.follow)).transpose()?;
    let watching = tracer.watch(0, child.pid(), options.follow)?;
    let sink = Sink::new(options, output);
    let mut run = Run::new(child, watching, witness, &departure, sink, &tracer)?;
    run.until_it_is_over()?;
    let testimony = run.testimony();
    let ending = run.finish()?;
    let lost = run.sink.finish(run.watching.counts(), run.stopped);
    let observed = Observed { trace: run.sink.trace(run.watching.counts()), ending };
    let agreed = testimony.map(|testimony| run.agrees(command, &observed, testimony, lost));
    run.sink.close()?;
    run.zygote_is_gone()?;
    if let Some(errno) = run.child.refused() {
        return Err(program.refused(errno));
    }
    let exit = exit_code(&observed.ending.how, agreed?, lost);
    if let Some(folder) = &options.archive {
        let origin = Origin::here(&program.name(), &working_directory(), began);
        departure.work(|| archived(folder, Archive { origin, observed }))?;
    }
    Ok(exit)
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
fn archived(folder: &Path, archive: Archive) -> Result<(), Error> {
    let path = archive::save(folder, &archive)?;
    match archive::difference(&archive, &archive::load(&path)?) {
        None => Ok(()),
        Some(difference) => Err(Error::scenario(
            format!("archive check: {}: {difference}", path.display()),
            "this is a fault in src/archive; without --archive nothing is written",
        )),
    }
}

impl Run<'_> {
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
        let disagreements = self.departure.work(|| agreement::compare(&trace, &testimony, None));
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

/// Where the program begins; `/` where that is gone.
fn working_directory() -> Vec<u8> {
    std::env::current_dir().map_or(b"/".to_vec(), |path| path.into_os_string().into_vec())
}

fn not_prepared(error: &io::Error) -> Error {
    tracer::refused("the waiting for the program could not be prepared", error)
}
