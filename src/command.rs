//! Any program as a scenario: from the gate through execve to the end of its last watched process.
//!
//! `run` does it all. One thread sleeps until the ring fills up, a process ends, a signal comes or it is time to print. It then
//! takes the records that have come. Memory does not grow with the number of calls, except for an archive or a witness. Only a
//! witness delays the program. Records that find no room in the ring are counted as lost.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::archive::{self, Archive, Origin};
use crate::base::descriptors;
use crate::base::error::{Error, Exit};
use crate::base::tell::StandardStream;
use crate::charts::{ChartFiles, Charts};
use crate::child::ending::How;
use crate::child::start::ProgramStart;
use crate::child::zygote::{Program, Zygote};
use crate::judge::verdict::Observed;
use crate::session;
use crate::session::beside::Beside;
use crate::subject::roster::Candidate;
use crate::table::selection::Selection;
use crate::watch::tracer::{self, Tracer};
use crate::watch::witness::Witness;

mod shown; // which calls are shown, and with which times
mod departure; // the signals that end the wait
mod output; // prints the trace and the progress
mod summary; // the table by call
mod sink; // what happens to the records
mod beside; // what a subject reports
mod witnessed; // whether the witness agrees
mod running; // from the open gate to the last record
mod attached; // processes that run already

use beside::{Agreed, BesideProgram};
use departure::Departure;
use running::TracedProgram;
use sink::Sink;
use witnessed::agrees;

pub(crate) use attached::attach;
pub(crate) use output::Output;
pub(crate) use shown::{Ends, LineClock, LineTimes, ShownCalls};
pub(crate) use summary::{Sort, Summary};

/// How to trace a program.
#[derive(Clone, Debug, Default)]
pub(crate) struct CommandOptions {
    /// Whether to watch the processes that it forks.
    pub follow: bool,
    /// Whether to print only the table.
    pub summary: bool,
    /// Whether to leave out the progress line.
    pub quiet: bool,
    /// The file for trace and table, instead of the standard error output.
    pub output: Option<PathBuf>,
    /// The folder for an archive.
    pub archive: Option<PathBuf>,
    /// Whether ptrace witnesses it as well.
    pub witness: bool,
    /// The BPF object to load instead of the embedded one.
    pub bpf: Option<PathBuf>,
    /// The size of the ring in bytes, if it differs from [`tracer::RING_OF_A_PROGRAM`].
    pub ring_size: Option<u32>,
    /// Whether perf events run the programs of system calls.
    pub by_perf: bool,
    /// Another tracer to compare with ours.
    pub subject: Option<Candidate>,
    /// How many bytes of what pointers lead to are shown.
    pub data: u32,
    /// Whether to print the trace as JSON lines, without the table.
    pub json: bool,
    /// The calls that are asked for, if not all.
    pub selection: Option<Selection>,
    /// Which of them are shown, and how.
    pub shown: ShownCalls,
    /// How the table is sorted.
    pub sort: Sort,
    /// How the program starts.
    pub start: ProgramStart,
    /// The pictures of the trace.
    pub charts: ChartFiles,
    /// What the trace is of: the command line, or the processes.
    pub title: String,
}

/// A process at the gate waits for nothing, but it may have been stopped.
const GATE_LIMIT: Duration = Duration::from_secs(60);

/// Runs a program (its name or path, and its arguments) and traces it. Returns the exit code. That is the program's own, 128
/// plus the number of the signal that killed it, the code for a loss, or the code for a disagreement with the witness. The
/// process must have no other thread.
pub(crate) fn run(command: &[OsString], options: &CommandOptions) -> Result<u8, Error> {
    tracer::check_machine()?;
    keep_memory();
    let program = Arc::new(Program::find(command, &options.start)?);
    let zygote = Zygote::for_program(Arc::clone(&program))?;
    // Not before: the program keeps its caller's limits.
    descriptors::allow_enough();
    let archives = options.archive.as_deref().map(archive::prepare).transpose()?;
    let output = Output::open(options)?;
    let charts = Charts::open(&options.charts)?;
    departure::hold().map_err(|errno| not_prepared(errno.into()))?;
    let tracer = load(options)?;
    let files = options.subject.as_ref().map(|_| tempfile::tempdir()).transpose().map_err(not_prepared)?;
    let subject = options.subject.as_ref().zip(files.as_ref());
    let subject = subject.map(|(candidate, files)| candidate.subject(files.path())).transpose()?;
    let beside = subject.as_deref().map(|subject| Beside::new(subject, session::nonce(), 0));
    let enclosed = beside.as_ref().map(Beside::enclosed);
    let mut child = zygote.spawn_enclosed(0, Path::new(""), enclosed.as_ref())?;
    let attached = options.subject.as_ref().zip(subject.as_deref()).zip(beside.as_ref());
    let attached =
        attached.map(|(subject, beside)| BesideProgram::attach(subject, beside, &child)).transpose()?.flatten();
    if let Some(ending) = child.reach_gate(GATE_LIMIT)? {
        return Err(session::cannot_start(&ending));
    }
    let began = SystemTime::now();
    let witness = options.witness.then(|| Witness::stop(child.pid(), options.follow, options.data)).transpose()?;
    let watching = tracer.watch(0, child.pid(), options.follow)?;
    if child.has_ended()? {
        witness.into_iter().for_each(Witness::mistaken);
        return Err(session::cannot_start(&child.wait(GATE_LIMIT)?));
    }
    let sink = Sink::new(options, output, charts, enclosed.map(|enclosed| (enclosed.fences, enclosed.open)));
    let departure =
        Departure::start(Some((watching.killer()?, &zygote))).map_err(|errno| not_prepared(errno.into()))?;
    let mut run = TracedProgram::new(child, watching, witness, departure, sink, options.follow);
    run.until_it_is_over(&tracer)?;
    let (observed, exit) = concluded(&mut run, &program, command, attached)?;
    let Some(folder) = &archives else { return Ok(exit) };
    let origin = Origin::here(&program.name(), &working_directory(), began);
    let Err(error) = archive::save_checked(folder, &Archive { origin, observed }) else { return Ok(exit) };
    StandardStream::Error.line(&error.to_string());
    // A full disk must not hide the exit code of the command or the witness's word.
    Ok(if exit == 0 { Exit::Inconclusive as u8 } else { exit })
}

/// Takes the remaining records, prints the end, and returns the observation with the exit code.
fn concluded(
    run: &mut TracedProgram,
    program: &Program,
    command: &[OsString],
    beside: Option<BesideProgram<'_>>,
) -> Result<(Observed, u8), Error> {
    let testimony = run.testimony();
    let ending = run.finish()?;
    let orphaned = run.orphaned.then_some("the end of the program, since who reaps it was gone");
    let lost = run.sink.finish(run.watching.counts(), run.stopped, orphaned);
    let observed = Observed { trace: run.sink.trace(run.watching.counts()), ending };
    let agreed = testimony.map(|testimony| agrees(&mut run.sink, command, &observed, testimony, lost));
    let shown =
        beside.map_or(Agreed::Yes, |beside| beside.agrees(&mut run.sink, command, observed.trace.clone(), lost));
    run.sink.close()?;
    if let Some(errno) = run.child.refused() {
        return Err(program.refused(errno));
    }
    let exit = match run.departure.killed() {
        // The program was killed because of this signal, and so the exit code is the signal's.
        Some(signal) => 128 + signal as u8,
        None => exit_code(&observed.ending.how, agreed? && shown != Agreed::No, lost || shown == Agreed::Unknown),
    };
    Ok((observed, exit))
}

/// A tracer that is known to see this process.
fn load(options: &CommandOptions) -> Result<Tracer, Error> {
    let tracer = Tracer::for_program(&tracer::TracerOptions {
        bpf: options.bpf.clone(),
        ring_size: options.ring_size.unwrap_or(tracer::RING_OF_A_PROGRAM),
        by_perf: options.by_perf,
        data: options.data,
        requests: options.selection.as_ref().is_none_or(Selection::has_requests),
        ..tracer::TracerOptions::default()
    })?;
    tracer.check_own_pid()?;
    // Not before: the check makes a call of its own.
    if let Some(selection) = &options.selection {
        tracer.select(selection)?;
    }
    Ok(tracer)
}

/// Keeps the memory of one batch of records for the next. Otherwise the C library returns it to the kernel each time, and a
/// fifth of the time goes into page faults (mallopt(3)).
#[allow(unsafe_code)]
fn keep_memory() {
    for limit in [libc::M_MMAP_THRESHOLD, libc::M_TRIM_THRESHOLD] {
        // SAFETY: plain numbers. No result depends on its effect.
        let _ = unsafe { libc::mallopt(limit, 32 << 20) };
    }
}

/// The program's own exit code, unless the witness disagrees or something was lost.
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

/// The directory in which the program begins, or `/` if it no longer exists.
fn working_directory() -> Vec<u8> {
    std::env::current_dir().map_or(b"/".to_vec(), |path| path.into_os_string().into_vec())
}

fn not_prepared(error: io::Error) -> Error {
    tracer::refused("the waiting for the program could not be prepared", &error)
}
