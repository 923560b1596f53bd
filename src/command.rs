//! Any program as a scenario: from the gate through execve to the end of its last watched process.
//!
//! `run` is the one function that does it. One thread sleeps until the ring fills up, a process ends, a signal comes or it
//! is time to print, and takes what there is: memory does not grow with the number of calls, unless an archive or a witness is
//! wanted. The program itself is not held up, except by a witness; what the ring has no room for is counted as lost.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::archive::{self, Archive, Origin};
use crate::base::descriptors;
use crate::base::error::{Error, Exit};
use crate::base::tell::Stream;
use crate::child::ending::How;
use crate::child::zygote::{Program, Zygote};
use crate::judge::verdict::Observed;
use crate::session;
use crate::session::beside::Beside;
use crate::subject::roster::Candidate;
use crate::watch::tracer::{self, Tracer};
use crate::watch::witness::Witness;

mod departure; // the signals that end the waiting
mod output; // the trace and the progress, as they come
mod summary; // the table by call
mod sink; // what becomes of the records
mod beside; // what a subject shows
mod witnessed; // whether the witness has seen the same
mod running; // from the opened gate to the last record

use beside::{Agreed, BesideProgram};
use departure::Departure;
use output::Output;
use running::TracedProgram;
use sink::Sink;
use witnessed::agrees;

/// How a program is to be traced.
#[derive(Clone, Debug, Default)]
pub(crate) struct CommandOptions {
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
    /// A tracer of others that is compared with ours.
    pub subject: Option<Candidate>,
    /// How many bytes of what pointers lead to are shown.
    pub data: u32,
    /// Whether the trace is printed as JSON lines, without the table.
    pub json: bool,
}

/// A process at the gate has nothing to wait for; it may have been stopped, though.
const GATE_LIMIT: Duration = Duration::from_secs(60);

/// Runs a program (its name or path, and its arguments) and traces it. Returns the exit code: the program's own, 128 and the
/// number of the signal that killed it, that something was lost, or that the witness has seen something else. Must be called while there is no other thread.
pub(crate) fn run(command: &[OsString], options: &CommandOptions) -> Result<u8, Error> {
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
    let witness = options.witness.then(|| Witness::stop(child.pid(), options.follow)).transpose()?;
    let watching = tracer.watch(0, child.pid(), options.follow)?;
    if child.has_ended()? {
        witness.into_iter().for_each(Witness::mistaken);
        return Err(session::cannot_start(&child.wait(GATE_LIMIT)?));
    }
    let sink = Sink::new(options, output, enclosed.map(|enclosed| (enclosed.fences, enclosed.open)));
    let departure = Departure::start(watching.killer()?, &zygote).map_err(|errno| not_prepared(errno.into()))?;
    let mut run = TracedProgram::new(child, watching, witness, departure, sink, options.follow);
    run.until_it_is_over(&tracer)?;
    let (observed, exit) = concluded(&mut run, &program, command, attached)?;
    let Some(folder) = &archives else { return Ok(exit) };
    let origin = Origin::here(&program.name(), &working_directory(), began);
    let Err(error) = archive::save_checked(folder, &Archive { origin, observed }) else { return Ok(exit) };
    Stream::Error.line(&error.to_string());
    // What the command itself says of its end, or the witness, is not hidden by a full disk.
    Ok(if exit == 0 { Exit::Inconclusive as u8 } else { exit })
}

/// Takes what is left, and prints the end of it: what was observed, and how to exit.
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
        // Killed for this signal, which is what the end is about.
        Some(signal) => 128 + signal as u8,
        None => exit_code(&observed.ending.how, agreed? && shown != Agreed::No, lost || shown == Agreed::Unknown),
    };
    Ok((observed, exit))
}

/// A tracer that is known to see this process.
fn load(options: &CommandOptions) -> Result<Tracer, Error> {
    let ring_size = options.ring_size.unwrap_or(tracer::RING_OF_A_PROGRAM);
    let options =
        tracer::Options { bpf: options.bpf.clone(), ring_size, data: options.data, ..tracer::Options::default() };
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

/// Where the program begins; `/` where that is gone.
fn working_directory() -> Vec<u8> {
    std::env::current_dir().map_or(b"/".to_vec(), |path| path.into_os_string().into_vec())
}

fn not_prepared(error: io::Error) -> Error {
    tracer::refused("the waiting for the program could not be prepared", &error)
}
