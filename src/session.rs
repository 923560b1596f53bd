//! One scenario, from fork to verdict.
//!
//! A [`Session`] holds what all scenarios of a run share: the zygote, the tracer, the folder. [`Session::observe`] is the
//! one function that runs a scenario; everything after it is a pure function of what it returns.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use nix::errno::Errno;

use crate::ending::How;
use crate::error::Error;
use crate::expectation::Expectation;
use crate::files::AtGate;
use crate::scenario::{Scenario, Setup, act, call, fails};
use crate::trace::Trace;
use crate::tracer::{self, Tracer};
use crate::verdict::{Observed, Verdict, judge};
use crate::workspace::Workspaces;
use crate::zygote::Zygote;

/// How a session is to be set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many scenarios may run at a time.
    pub lanes: usize,
    /// The BPF object to load in place of the embedded one.
    pub bpf: Option<PathBuf>,
    /// Whether workspaces stay behind.
    pub keep: bool,
    /// Whether children are watched: false only to show that an unwatched child leaves no record.
    pub watch: bool,
    /// Whether the programs are attached: false only to show that nothing passes then.
    pub attach: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { lanes: 1, bpf: None, keep: false, watch: true, attach: true }
    }
}

/// What the scenarios of a run share.
pub struct Session {
    tracer: Tracer,
    zygote: Zygote,
    workspaces: Workspaces,
    /// The number by which the zygote knows each scenario.
    numbers: HashMap<&'static str, usize>,
    watch: bool,
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
    /// What there was to see.
    pub observed: Observed,
    /// How long it took.
    pub phases: Phases,
    /// Where it ran.
    pub workspace: PathBuf,
    /// When it began.
    pub began: SystemTime,
}

/// How long each phase of a scenario took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phases {
    /// Until the zygote has forked the child.
    pub fork: Duration,
    /// Until the child is at the gate.
    pub setup: Duration,
    /// To watch it.
    pub gate: Duration,
    /// From the opening of the gate until it has been reaped.
    pub act: Duration,
    /// To drain the ring.
    pub drain: Duration,
    /// To decode, follow the files and compare.
    pub matching: Duration,
}

impl Phases {
    /// Each with its name, in order.
    pub fn named(&self) -> [(&'static str, Duration); 6] {
        let Phases { fork, setup, gate, act, drain, matching } = *self;
        [("fork", fork), ("setup", setup), ("gate", gate), ("act", act), ("drain", drain), ("match", matching)]
    }

    /// From the request to fork to the verdict.
    pub fn total(&self) -> Duration {
        self.named().iter().map(|&(_, duration)| duration).sum()
    }

    /// From the opened gate to the verdict.
    pub fn gate_to_verdict(&self) -> Duration {
        self.act + self.drain + self.matching
    }
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

/// The scenario that is run before all others, to see that tracing works here. It is in no list.
const CANARY: Scenario = Scenario::new("canary", canary);

fn canary() -> Setup {
    act(|| fails(call!(dup, -1), Errno::EBADF))
}

impl Prepared {
    /// Makes the folder of the run and forks the zygote. There must be no other thread yet.
    pub fn new(scenarios: impl IntoIterator<Item = Scenario>, options: Options) -> Result<Self, Error> {
        let scenarios: Vec<Scenario> = [CANARY].into_iter().chain(scenarios).collect();
        let workspaces = Workspaces::make(options.keep);
        let folder = workspaces.root().filter(|_| !options.keep).map(Path::to_path_buf);
        let zygote = Zygote::start(options.lanes, scenarios.clone(), folder)?;
        Ok(Self { zygote, workspaces, scenarios, options })
    }

    /// Loads and attaches the BPF object.
    pub fn load(self) -> Result<Session, Error> {
        let Self { zygote, workspaces, scenarios, options } = self;
        tracer::check_machine()?;
        let tracer = Tracer::load(options.bpf.as_deref(), options.attach)?;
        let numbers = scenarios.iter().enumerate().map(|(number, scenario)| (scenario.name, number)).collect();
        Ok(Session { tracer, zygote, workspaces, numbers, watch: options.watch })
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
    pub fn run(&self, name: &str, expectation: &Expectation, file: &str, limit: Duration) -> Result<Run, Error> {
        let workspace = self.workspaces.for_scenario(name)?;
        let began = SystemTime::now();
        let (observed, mut phases) = self.observe(name, workspace.path(), limit, expectation.follow)?;
        let begin = Instant::now();
        let verdict = judge(expectation, file, &observed);
        phases.matching += begin.elapsed();
        Ok(Run { verdict, observed, phases, workspace: workspace.path().to_owned(), began })
    }

    /// Runs one scenario in this directory, and returns what there was to see of it and how long each phase took.
    /// With `follow`, the processes that it forks belong to it.
    pub fn observe(
        &self,
        name: &str,
        directory: &Path,
        limit: Duration,
        follow: bool,
    ) -> Result<(Observed, Phases), Error> {
        let mut phases = Phases::default();
        let mut lap = Lap::begin();
        let number = *self
            .numbers
            .get(name)
            .ok_or_else(|| Error::usage(format!("there is no scenario {name}"), "`ior-it --list` names them all"))?;
        let mut child = self.zygote.spawn(number, directory)?;
        phases.fork = lap.end();
        if let Some(ending) = child.reach_gate(limit)? {
            return Ok((Observed { ending, trace: Trace::default() }, phases));
        }
        let gate = AtGate { open: child.open_files(), ..AtGate::in_workspace(directory.as_os_str().as_bytes()) };
        phases.setup = lap.end();
        let watching =
            if self.watch { Some(self.tracer.watch(child.lane_number(), child.pid(), follow)?) } else { None };
        phases.gate = lap.end();
        child.open_gate()?;
        let mut ending = child.wait(limit)?;
        let awaited = watching.as_ref().filter(|_| follow && ending.how == How::Finished);
        if awaited.is_some_and(|watching| !watching.wait_until_gone(limit)) {
            ending.how = How::TimedOut(limit);
        }
        phases.act = lap.end();
        let records = watching.map(|watching| watching.collect()).unwrap_or_default();
        phases.drain = lap.end();
        let trace = Trace::assemble(records.iter(), records.counts, gate);
        phases.matching = lap.end();
        Ok((Observed { ending, trace }, phases))
    }

    /// Sees that tracing works on this machine: one child, one known call. Otherwise one error says so, not one for each
    /// scenario.
    pub fn canary(&self) -> Result<(), Error> {
        let (Observed { ending, trace }, _) =
            self.observe(CANARY.name, Path::new("/"), Duration::from_secs(5), false)?;
        if ending.how != How::Finished {
            return Err(canary_error(&format!("it {ending}")));
        }
        let losses = trace.losses();
        let seen = trace.calls.iter().any(|call| call.name() == "dup" && call.errno() == Some(libc::EBADF));
        match (seen, losses.as_slice()) {
            (true, []) => Ok(()),
            (false, []) => Err(canary_error("its call was not recorded")),
            (_, [first, ..]) => Err(canary_error(first)),
        }
    }
}

fn canary_error(what: &str) -> Error {
    Error::cannot_trace(
        format!("the canary, a child that calls dup once, was not seen as it should be: {what}"),
        "in a container, share the host's pid namespace (docker run --pid=host); with --bpf FILE, try without",
    )
}
