//! One scenario, from fork to verdict.
//!
//! A [`Session`] holds what all scenarios of a run share: the zygote, the tracer, the folder. [`Session::observe`] is the
//! one function that runs a scenario; everything after it is a pure function of what it returns.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use crate::base::descriptors;
use crate::base::error::Error;
use crate::base::limit::Limit;
use crate::child::diary::{self, Diary};
use crate::child::ending::{Ending, How, Phase};
use crate::child::scenario::Scenario;
use crate::child::workspace::Workspaces;
use crate::child::zygote::{Child, KeptStream, Streams, Zygote};
use crate::judge::expectation::Expectation;
use crate::judge::noted::OwnWord;
use crate::judge::report::Report;
use crate::judge::verdict::{self, Observed, Verdict, judge_with};
use crate::subject::verdict::Stretch;
use crate::timings::Phases;
use crate::trace::decoder::Assembly;
use crate::trace::testimony::Testimony;
use crate::trace::whole::{ProcessEnd, Trace};
use crate::watch::tracer::{self, Extent, Tracer, TracerOptions, WatchGuard, WatchRecords};
use crate::watch::witness::Witness;

pub(crate) mod beside; // a subject beside a child

mod options; // how to set up a session
mod ahead; // what is done for other scenarios meanwhile
mod again; // the same children for another tracer
mod own; // the child's own word on its trace
mod objected; // what the witness says otherwise
mod at_gate; // what happens while a child waits at its gate
mod commanded; // what a command writes and leaves
mod canary; // the check before all scenarios

pub use again::KeptZygote;
use ahead::ParkedWorkspaces;
pub use at_gate::{AtGate, ChildAtGate};
pub use beside::Beheld;
use beside::Beside;
use canary::CANARY;
pub use canary::cannot_start;
use commanded::outcome_report;
use objected::objection;
pub use options::{Needs, Options};
use own::{because, contradicted};

/// What the scenarios of a run share.
pub struct Session {
    tracer: Tracer,
    zygote: Arc<Zygote>,
    workspaces: Arc<Workspaces>,
    /// The zygote's number for each scenario.
    numbers: Arc<HashMap<&'static str, usize>>,
    /// What the tracer was made with.
    options: TracerOptions,
    /// The flags that load the same tracer again, if any are needed: ` --bpf FILE`, ` --ring-size BYTES`.
    flags: String,
    start_flags: String,
    watch: bool,
    witness: AtomicBool,
    /// How many bytes of data are recorded, where a table is about data.
    data: u32,
    /// Whether they are recorded of all.
    always_data: bool,
    /// The word in the fences of this run, and the number of the next fence.
    nonce: u64,
    fence: AtomicU64,
    /// What is done while a child waits at its gate.
    at_gate: Mutex<Option<AtGate>>,
    parked: ParkedWorkspaces,
}

/// Begins a session, in two steps. Between them the caller may start threads.
pub struct Prepared {
    zygote: Zygote,
    workspaces: Workspaces,
    scenarios: Vec<Scenario>,
    options: Options,
}

/// One run of a scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct ScenarioRun {
    /// The verdict on it.
    pub verdict: Verdict,
    /// Where the trace contradicts what the child itself has noted, as a report. The verdict has it as well.
    pub contradicted: Option<Report>,
    /// What the child itself has noted of its calls.
    pub noted: Diary,
    /// The witness's objection to the trace, as a report, if there is one.
    pub objection: Option<Report>,
    /// What was observed.
    pub observed: Observed,
    /// How long it took.
    pub phases: Phases,
    /// The workspace that it ran in.
    pub workspace: PathBuf,
    /// When it began.
    pub began: SystemTime,
}

/// What all observers saw of a scenario.
struct Witnessed {
    /// With the diary's own calls.
    observed: Observed,
    own: OwnWord,
    testimony: Option<Testimony>,
    /// What a subject reported.
    stretch: Option<Stretch>,
    /// What a command wrote to its standard output and its standard error output.
    streams: [KeptStream; 2],
    phases: Phases,
}

impl Witnessed {
    /// The result for a child that ended before its gate was opened.
    fn nothing(ending: Ending, phases: Phases) -> Self {
        let observed = Observed { ending, trace: Trace::default() };
        Self { observed, own: OwnWord::default(), testimony: None, stretch: None, streams: Default::default(), phases }
    }
}

/// The extent of a child's watch.
#[derive(Clone, Copy)]
struct Watched {
    /// What the tracer watches.
    extent: Extent,
    /// Whether the child keeps a diary.
    diary: bool,
    /// Whether its standard streams are kept: those of a command.
    streams: bool,
}

/// A stopwatch that is read between phases.
struct Lap(Instant);

impl Lap {
    fn begin() -> Self {
        Self(Instant::now())
    }

    fn end(&mut self) -> Duration {
        let now = Instant::now();
        now - std::mem::replace(&mut self.0, now)
    }
}

impl Prepared {
    /// Makes the folder of the run and forks the zygote. The process must have no other thread yet.
    pub fn new(scenarios: impl IntoIterator<Item = Scenario>, options: Options) -> Result<Self, Error> {
        descriptors::allow_enough();
        let scenarios: Vec<Scenario> = [CANARY].into_iter().chain(scenarios).collect();
        let workspaces = Workspaces::make(options.keep);
        let lanes = (options.lanes, options.ahead);
        let zygote = Zygote::start_at(lanes, scenarios.clone(), Some(&workspaces), options.terminal.as_deref())?;
        Ok(Self { zygote, workspaces, scenarios, options })
    }

    /// Loads no more programs than needed. By default, the options say what is loaded.
    pub fn needing(mut self, needs: Needs) -> Self {
        self.options = self.options.needing(needs);
        self
    }

    /// Loads and attaches the BPF object.
    pub fn load(self) -> Result<Session, Error> {
        let options = self.options.clone();
        self.kept().session(&options)
    }

    /// What more than one session can be made of.
    pub fn kept(self) -> KeptZygote {
        let Self { zygote, workspaces, scenarios, options: _ } = self;
        let numbers = scenarios.iter().enumerate().map(|(number, scenario)| (scenario.name, number)).collect();
        KeptZygote { zygote: Arc::new(zygote), workspaces: Arc::new(workspaces), numbers: Arc::new(numbers) }
    }
}

impl Session {
    /// Attaches the programs and watches children from now on, or does neither. Benches compare the cost of the same children.
    pub fn set_tracing(&mut self, on: bool) -> Result<(), Error> {
        self.watch = on;
        if on {
            return self.tracer.attach();
        }
        self.tracer.detach();
        Ok(())
    }

    /// How many records have come that belong to no watch. There should be none.
    pub fn unclaimed_records(&self) -> u64 {
        self.tracer.unclaimed()
    }

    /// The zygote, for a signal handler.
    pub fn zygote(&self) -> &Zygote {
        &self.zygote
    }

    /// The folder of the workspaces, if it could be made.
    pub fn workspaces(&self) -> &Workspaces {
        &self.workspaces
    }

    /// Runs one scenario from fork to verdict. `file` is the name of the expectation's file in the report.
    pub fn run(
        &self,
        name: &str,
        expectation: &Expectation,
        file: &str,
        limit: impl Into<Limit>,
    ) -> Result<ScenarioRun, Error> {
        self.run_meanwhile(name, expectation, file, limit, &|| ())
    }

    /// The same, and does something while the child acts, which may take longer than that.
    pub fn run_meanwhile(
        &self,
        name: &str,
        expectation: &Expectation,
        file: &str,
        limit: impl Into<Limit>,
        meanwhile: &dyn Fn(),
    ) -> Result<ScenarioRun, Error> {
        let workspace = self.workspace_for(name)?;
        let began = SystemTime::now();
        let seen = match self.lacks(expectation) {
            Some(reason) => {
                Witnessed::nothing(Ending { phase: Phase::Setup, how: How::Skipped(reason) }, Phases::default())
            }
            None => {
                let watched = Watched { diary: true, ..self.watched(expectation) };
                self.seen_by_all(name, workspace.path(), limit.into(), watched, None, &|| self.do_ahead(meanwhile))?
            }
        };
        let Witnessed { observed, own, testimony, mut phases, streams, stretch: _ } = seen;
        let begin = Instant::now();
        let witness = if testimony.is_some() { "--witness " } else { "" };
        let rerun = verdict::rerun(&format!("{witness}--exact --filter {name}{}", self.flags_of(expectation)), file);
        let directory = workspace.path().as_os_str().as_bytes();
        let objection = testimony.and_then(|testimony| objection(name, &rerun, &observed, &testimony, directory));
        let contradicted = contradicted(name, &rerun, &observed, &own);
        let observed = Observed { trace: observed.trace.without(|call| own.diary.is_own(&call.args)), ..observed };
        let written = outcome_report(expectation, file, &observed, streams, workspace.path(), &rerun);
        let verdict = judge_with(expectation, file, &observed, &rerun);
        let verdict = because(verdict, expectation, file, &observed, &own.diary).with_objection(written);
        let verdict = verdict.with_objection(contradicted.clone());
        phases.matching += begin.elapsed();
        let path = workspace.path().to_owned();
        self.leave(workspace);
        let noted = own.diary;
        Ok(ScenarioRun { verdict, contradicted, noted, objection, observed, phases, workspace: path, began })
    }

    fn watched(&self, expectation: &Expectation) -> Watched {
        let has_data = self.always_data || expectation.is_about_data();
        let data = if has_data { self.data.min(expectation.data) } else { 0 };
        let (follow, hides) = (expectation.follow, expectation.hidden.is_some());
        Watched { extent: Extent { follow, hides, data }, diary: false, streams: expectation.command.is_some() }
    }

    /// Why the kernel cannot report what a scenario needs, if so.
    fn lacks(&self, expectation: &Expectation) -> Option<String> {
        let needed = expectation.calls().any(|call| call.syscall.is_request());
        (needed && !self.tracer.follows_requests())
            .then(|| "this kernel has no tracepoints for the requests of io_uring".to_owned())
    }

    /// Runs one scenario in this directory, and returns what was observed and how long each phase took. With `follow`, the
    /// processes that it forks are watched too.
    pub fn observe(
        &self,
        name: &str,
        directory: &Path,
        limit: impl Into<Limit>,
        follow: bool,
    ) -> Result<(Observed, Phases), Error> {
        let watched = Watched { extent: Extent { follow, hides: false, data: 0 }, diary: false, streams: false };
        self.seen_by_all(name, directory, limit.into(), watched, None, &|| ()).map(|seen| (seen.observed, seen.phases))
    }

    /// The same, with the witness's testimony, if there is a witness.
    pub fn witnessed(
        &self,
        name: &str,
        directory: &Path,
        limit: Limit,
        follow: bool,
    ) -> Result<(Observed, Option<Testimony>, Phases), Error> {
        let watched = Watched { extent: Extent { follow, hides: false, data: 0 }, diary: false, streams: false };
        let seen = self.seen_by_all(name, directory, limit, watched, None, &|| ())?;
        Ok((seen.observed, seen.testimony, seen.phases))
    }

    /// The zygote's number for a scenario.
    fn number(&self, name: &str) -> Result<usize, Error> {
        let number = self.numbers.get(name).copied();
        number.ok_or_else(|| Error::usage(format!("there is no scenario {name}"), "`ior-it --list` names them all"))
    }

    /// Runs one scenario, and returns what our own tracer saw, and what the witness and the subject saw if they took part.
    fn seen_by_all(
        &self,
        name: &str,
        directory: &Path,
        limit: Limit,
        watched: Watched,
        beside: Option<&Beside<'_>>,
        meanwhile: &dyn Fn(),
    ) -> Result<Witnessed, Error> {
        let Watched { extent, diary: keeps_diary, streams: _ } = watched;
        let mut phases = Phases::default();
        let mut lap = Lap::begin();
        // Dropped after the child, because it ends at the latest when the child and its descendants are killed.
        let witness;
        let (mut child, streams) = self.spawned(name, directory, watched, beside.map(Beside::enclosed).as_ref())?;
        phases.fork = lap.end();
        let attached = beside.map(|beside| beside.attach(&child)).transpose()?.flatten();
        if let Some(ending) = child.reach_gate(limit)? {
            return Ok(Witnessed::nothing(ending, phases));
        }
        phases.setup = lap.end();
        self.while_at_gate(name, &child)?;
        witness = self.witness_of(child.pid(), extent.follow, extent.data)?;
        // No watch has slot 0: a tracer that loses the slot is found out.
        let watch = || self.tracer.watch_with(child.lane_number() + 1, child.pid(), extent);
        let watching = self.watch.then(watch).transpose()?;
        phases.gate = lap.end();
        if child.has_ended()? {
            witness.into_iter().for_each(Witness::mistaken);
            return Ok(Witnessed::nothing(child.wait(limit)?, phases));
        }
        let opened_ns = diary::now_ns();
        child.open_gate()?;
        witness.iter().for_each(Witness::release);
        meanwhile();
        let is_at_end = match (beside, &attached) {
            (Some(beside), Some(attached)) => beside.close(attached, &child, limit)?,
            _ => false,
        };
        let ending = ended(&mut child, watching.as_ref().filter(|_| extent.follow), limit)?;
        phases.act = lap.end();
        let records = watching.map(|watching| watching.collect()).unwrap_or_default();
        phases.drain = lap.end();
        let streams = streams.map(Streams::finish).unwrap_or_default();
        let (trace, ends) = assembled(&records, directory);
        let own = self.own_word(&child, (keeps_diary, extent.data), &ends, opened_ns);
        phases.matching = lap.end();
        drop(child);
        let testimony = witness.map(Witness::testimony).transpose()?;
        let stretch = beside.zip(attached).map(|(beside, attached)| beside.stretch(attached, is_at_end));
        Ok(Witnessed { observed: Observed { ending, trace }, own, testimony, stretch, streams, phases })
    }
}

/// Waits for the end of a child, and of the processes of a watch that follows.
fn ended(child: &mut Child<'_>, follows: Option<&WatchGuard<'_>>, limit: Limit) -> Result<Ending, Error> {
    let ending = child.wait(limit)?;
    let goes_on = matches!(ending.how, How::Finished | How::Exited(_));
    match follows.filter(|_| goes_on) {
        Some(watching) if !watching.wait_until_gone(limit) => Ok(Ending { how: How::TimedOut(limit.now()), ..ending }),
        Some(_) | None => Ok(ending),
    }
}

fn assembled(records: &WatchRecords, directory: &Path) -> (Trace, Vec<ProcessEnd>) {
    let mut assembly = Assembly::new(Some(directory.as_os_str().as_bytes()));
    records.for_each(|bytes| assembly.add(bytes));
    let ends = assembly.ends().to_vec();
    (assembly.finished(records.counts), ends)
}

/// A word that no other run has.
pub(crate) fn nonce() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    now.as_nanos() as u64 ^ u64::from(std::process::id()) << 40
}

/// The flags that load the same tracer again: ` --bpf FILE`, ` --ring-size BYTES`, and ` --watch` for one
/// that was compiled meanwhile. Empty for the default tracer.
fn flags(tracer: &TracerOptions) -> String {
    let bpf = tracer.bpf.as_ref().map(|file| format!(" --bpf {}", crate::base::escape::path(file))).unwrap_or_default();
    let watch = if tracer.compiled.is_some() { " --watch" } else { "" };
    let size = tracer.ring_size;
    let ring_size = if size == tracer::RING_SIZE { String::new() } else { format!(" --ring-size {size}") };
    let by_perf = if tracer.by_perf { " --perf-events" } else { "" };
    bpf + &ring_size + by_perf + watch
}
