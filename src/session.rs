//! One scenario, from fork to verdict.
//!
//! A [`Session`] holds what all scenarios of a run share: the zygote, the tracer, the folder. [`Session::observe`] is the
//! one function that runs a scenario; everything after it is a pure function of what it returns.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant, SystemTime};

use crate::base::descriptors;
use crate::base::error::Error;
use crate::base::limit::Limit;
use crate::child::ending::{Ending, How, Phase};
use crate::child::scenario::Scenario;
use crate::child::workspace::Workspaces;
use crate::child::zygote::Zygote;
use crate::judge::agreement;
use crate::judge::expectation::Expectation;
use crate::judge::report::{self, Disagreeing};
use crate::judge::verdict::{self, Observed, Verdict, judge_with};
use crate::subject::verdict::Stretch;
use crate::timings::Phases;
use crate::trace::decoder::Assembly;
use crate::trace::testimony::Testimony;
use crate::trace::whole::Trace;
use crate::watch::tracer::{self, Records, Tracer, Watching};
use crate::watch::witness::{self, Witness};

pub(crate) mod beside; // a subject beside a child

mod again; // the same children for another tracer
mod canary; // the scenario before all others

pub use beside::Beheld;
use beside::Beside;
use canary::CANARY;
pub use canary::cannot_start;

/// How a session is to be set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many scenarios may run at a time.
    pub lanes: usize,
    /// The tracer. `attach` is false only to show that nothing passes then.
    pub tracer: tracer::Options,
    /// Whether workspaces stay behind.
    pub keep: bool,
    /// Whether children are watched: false only to show that an unwatched child leaves no record.
    pub watch: bool,
    /// Whether children are witnessed by ptrace as well.
    pub witness: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { lanes: 1, tracer: tracer::Options::default(), keep: false, watch: true, witness: false }
    }
}

/// What the scenarios of a run share.
pub struct Session {
    tracer: Tracer,
    zygote: Arc<Zygote>,
    workspaces: Arc<Workspaces>,
    /// The number by which the zygote knows each scenario.
    numbers: Arc<HashMap<&'static str, usize>>,
    /// The flags of the tracer that differ from what they are without any: ` --bpf FILE`, ` --ring-size BYTES`.
    flags: String,
    watch: bool,
    witness: bool,
    /// The word in the fences of this run, and the number of the next fence.
    nonce: u64,
    fence: AtomicU64,
}

/// Begins a session, in two steps, since between them the caller may start threads.
pub struct Prepared {
    zygote: Zygote,
    workspaces: Workspaces,
    scenarios: Vec<Scenario>,
    options: Options,
}

/// One scenario, run.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// What is said of it.
    pub verdict: Verdict,
    /// What the witness has to object to the trace, a report, if there is a witness and it does.
    pub objection: Option<String>,
    /// What there was to see.
    pub observed: Observed,
    /// How long it took.
    pub phases: Phases,
    /// Where it ran.
    pub workspace: PathBuf,
    /// When it began.
    pub began: SystemTime,
}

/// What there was to see of a scenario, by all who looked.
struct Witnessed {
    observed: Observed,
    testimony: Option<Testimony>,
    /// What a subject showed.
    stretch: Option<Stretch>,
    phases: Phases,
}

impl Witnessed {
    /// Of a child that ended before its gate was opened.
    fn nothing(ending: Ending, phases: Phases) -> Self {
        let observed = Observed { ending, trace: Trace::default() };
        Self { observed, testimony: None, stretch: None, phases }
    }
}

/// What of a child is watched.
#[derive(Clone, Copy)]
struct Watched {
    /// The processes that it forks, too.
    follow: bool,
    /// What its pointers lead to, too.
    data: bool,
}

fn watched(expectation: &Expectation) -> Watched {
    Watched { follow: expectation.follow, data: expectation.is_about_data() }
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
    /// Makes the folder of the run and forks the zygote. There must be no other thread yet.
    pub fn new(scenarios: impl IntoIterator<Item = Scenario>, options: Options) -> Result<Self, Error> {
        descriptors::allow_enough();
        let scenarios: Vec<Scenario> = [CANARY].into_iter().chain(scenarios).collect();
        let workspaces = Workspaces::make(options.keep);
        let zygote = Zygote::start(options.lanes, scenarios.clone(), Some(&workspaces))?;
        Ok(Self { zygote, workspaces, scenarios, options })
    }

    /// Loads and attaches the BPF object.
    pub fn load(self) -> Result<Session, Error> {
        let Self { zygote, workspaces, scenarios, options } = self;
        tracer::check_machine()?;
        if options.witness {
            witness::check_machine()?;
        }
        let tracer = Tracer::load(&options.tracer)?;
        let numbers = scenarios.iter().enumerate().map(|(number, scenario)| (scenario.name, number)).collect();
        let flags = flags(&options.tracer);
        let (watch, witness) = (options.watch, options.witness);
        let (nonce, fence) = (nonce(), AtomicU64::default());
        let (zygote, workspaces, numbers) = (Arc::new(zygote), Arc::new(workspaces), Arc::new(numbers));
        Ok(Session { tracer, zygote, workspaces, numbers, flags, watch, witness, nonce, fence })
    }
}

impl Session {
    /// Attaches the programs and watches children from now on, or does neither: to compare what the same children cost.
    pub fn set_tracing(&mut self, on: bool) -> Result<(), Error> {
        self.watch = on;
        if on {
            return self.tracer.attach();
        }
        self.tracer.detach();
        Ok(())
    }

    /// How many records have come that belong to no watch: there should be none.
    pub fn unclaimed_records(&self) -> u64 {
        self.tracer.unclaimed()
    }

    /// The zygote, for whoever handles signals.
    pub fn zygote(&self) -> &Zygote {
        &self.zygote
    }

    /// Where the workspaces are, if they could be made.
    pub fn workspaces(&self) -> &Workspaces {
        &self.workspaces
    }

    /// Runs one scenario from fork to verdict. `file` is what the report calls the file of the expectation.
    pub fn run(
        &self,
        name: &str,
        expectation: &Expectation,
        file: &str,
        limit: impl Into<Limit>,
    ) -> Result<Run, Error> {
        let workspace = self.workspaces.for_scenario(name)?;
        let began = SystemTime::now();
        let (observed, testimony, mut phases) = match self.lacks(expectation) {
            Some(reason) => {
                let ending = Ending { phase: Phase::Setup, how: How::Skipped(reason) };
                (Observed { ending, trace: Trace::default() }, None, Phases::default())
            }
            None => {
                let Witnessed { observed, testimony, phases, stretch: _ } =
                    self.seen_by_all(name, workspace.path(), limit.into(), watched(expectation), None)?;
                (observed, testimony, phases)
            }
        };
        let begin = Instant::now();
        let witness = if testimony.is_some() { "--witness " } else { "" };
        let rerun = verdict::rerun(&format!("{witness}--exact --filter {name}{}", self.flags), file);
        let verdict = judge_with(expectation, file, &observed, &rerun);
        let directory = workspace.path().as_os_str().as_bytes();
        let objection = testimony.and_then(|testimony| objection(name, &rerun, &observed, &testimony, directory));
        phases.matching += begin.elapsed();
        Ok(Run { verdict, objection, observed, phases, workspace: workspace.path().to_owned(), began })
    }

    /// Why the kernel cannot show what a scenario needs, if so.
    fn lacks(&self, expectation: &Expectation) -> Option<String> {
        let needed = expectation.calls().any(|call| call.syscall.is_request());
        (needed && !self.tracer.follows_requests())
            .then(|| "this kernel has no tracepoints for the requests of io_uring".to_owned())
    }

    /// Runs one scenario in this directory, and returns what there was to see of it and how long each phase took.
    /// With `follow`, the processes that it forks belong to it.
    pub fn observe(
        &self,
        name: &str,
        directory: &Path,
        limit: impl Into<Limit>,
        follow: bool,
    ) -> Result<(Observed, Phases), Error> {
        let watched = Watched { follow, data: false };
        self.seen_by_all(name, directory, limit.into(), watched, None).map(|seen| (seen.observed, seen.phases))
    }

    /// The same, with what the witness saw, if there is one.
    pub fn witnessed(
        &self,
        name: &str,
        directory: &Path,
        limit: Limit,
        follow: bool,
    ) -> Result<(Observed, Option<Testimony>, Phases), Error> {
        let seen = self.seen_by_all(name, directory, limit, Watched { follow, data: false }, None)?;
        Ok((seen.observed, seen.testimony, seen.phases))
    }

    /// The number by which the zygote knows a scenario.
    fn number(&self, name: &str) -> Result<usize, Error> {
        let number = self.numbers.get(name).copied();
        number.ok_or_else(|| Error::usage(format!("there is no scenario {name}"), "`ior-it --list` names them all"))
    }

    /// Runs one scenario, and returns what our own tracer, the witness and a subject have to say, where they are there.
    fn seen_by_all(
        &self,
        name: &str,
        directory: &Path,
        limit: Limit,
        Watched { follow, data }: Watched,
        beside: Option<&Beside<'_>>,
    ) -> Result<Witnessed, Error> {
        let mut phases = Phases::default();
        let mut lap = Lap::begin();
        let number = self.number(name)?;
        // Dropped after the child, since it ends when the child and its descendants are killed at the latest.
        let witness;
        let enclosed = beside.map(Beside::enclosed);
        let mut child = self.zygote.spawn_enclosed(number, directory, enclosed.as_ref())?;
        phases.fork = lap.end();
        let attached = beside.map(|beside| beside.attach(&child)).transpose()?.flatten();
        if let Some(ending) = child.reach_gate(limit)? {
            return Ok(Witnessed::nothing(ending, phases));
        }
        phases.setup = lap.end();
        witness = self.witness.then(|| stopped(child.pid(), follow)).transpose()?;
        let watch = || self.tracer.watch_with(child.lane_number(), child.pid(), follow, data);
        let watching = self.watch.then(watch).transpose()?;
        phases.gate = lap.end();
        if child.has_ended()? {
            witness.into_iter().for_each(Witness::mistaken);
            return Ok(Witnessed::nothing(child.wait(limit)?, phases));
        }
        child.open_gate()?;
        witness.iter().for_each(Witness::release);
        let is_at_end = match (beside, &attached) {
            (Some(beside), Some(attached)) => beside.close(attached, &child, limit)?,
            _ => false,
        };
        let mut ending = child.wait(limit)?;
        let goes_on = |_: &&Watching| follow && matches!(ending.how, How::Finished | How::Exited(_));
        if watching.as_ref().filter(goes_on).is_some_and(|watching| !watching.wait_until_gone(limit)) {
            ending.how = How::TimedOut(limit.now());
        }
        phases.act = lap.end();
        let records = watching.map(|watching| watching.collect()).unwrap_or_default();
        phases.drain = lap.end();
        let trace = assembled(&records, directory);
        phases.matching = lap.end();
        drop(child);
        let testimony = witness.map(Witness::testimony).transpose()?;
        let stretch = beside.zip(attached).map(|(beside, attached)| beside.stretch(attached, is_at_end));
        Ok(Witnessed { observed: Observed { ending, trace }, testimony, stretch, phases })
    }
}

/// A witness of a child, which it stops.
fn stopped(pid: u32, follow: bool) -> Result<Witness, Error> {
    // For what is forked here. The witness of a command looks on with its caller's rights: the kernel lets it see no more.
    crate::base::rights::raise(caps::Capability::CAP_SYS_PTRACE);
    Witness::stop(pid, follow)
}

fn assembled(records: &Records, directory: &Path) -> Trace {
    let mut assembly = Assembly::new(Some(directory.as_os_str().as_bytes()));
    records.for_each(|bytes| assembly.add(bytes));
    assembly.finished(records.counts)
}

/// A word that no other run has.
pub(crate) fn nonce() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    now.as_nanos() as u64 ^ u64::from(std::process::id()) << 40
}

/// The flags that load the same tracer again: ` --bpf FILE`, ` --ring-size BYTES`; nothing for the one that is loaded without.
fn flags(tracer: &tracer::Options) -> String {
    let bpf = tracer.bpf.as_ref().map(|file| format!(" --bpf {}", crate::base::escape::path(file))).unwrap_or_default();
    let size = tracer.ring_size;
    let ring_size = if size == tracer::RING_SIZE { String::new() } else { format!(" --ring-size {size}") };
    bpf + &ring_size
}

/// The report on what the witness saw and BPF did not, or the other way round. A trace that has lost something is compared with
/// nothing: it says so itself.
fn objection(name: &str, rerun: &str, observed: &Observed, testimony: &Testimony, workspace: &[u8]) -> Option<String> {
    let Observed { ending, trace } = observed;
    if !trace.losses().is_empty() {
        return None;
    }
    let disagreements = agreement::compare(trace, testimony, Some(workspace));
    let disagreeing = Disagreeing { scenario: name, ending, trace, testimony, disagreements: &disagreements, rerun };
    (!disagreements.is_empty()).then(|| report::disagreement(&disagreeing))
}
