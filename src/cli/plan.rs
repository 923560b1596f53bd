//! The command line and the files that it names, checked.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::bless::Blessing;
use super::flags::{Cli, LibtestFlags, OutputFormat};
use super::pause;
use super::records::{self, Recording};
use super::select;
use super::start;
use super::stress::StressLimit;
use super::subjects::{self, Own, SubjectSlot};
use super::tables::{SuiteTables, tables_of};
use super::traces::TraceView;
use super::trials::TrialOptions;
use super::trials::coming::ComingTrials;
use crate::base::error::Error;
use crate::base::limit::Limit;
use crate::base::terminal::TerminalMode;
use crate::child::scenario::Scenario;
use crate::judge::expectation::Expectation;
use crate::session::{Needs, Options, Prepared, Session};
use crate::watch::tracer;

/// The most threads that are useful: each needs a watch.
const MOST_THREADS: usize = 256;

/// The command line and its files, checked. From here on only this machine can cause an error.
pub struct Plan {
    pub libtest: LibtestFlags,
    pub selected: Vec<String>,
    /// How many scenarios run at a time.
    pub threads: usize,
    /// Whether scenarios run that their table marks as ignored.
    pub asks_for_ignored: bool,
    pub tables: SuiteTables,
    /// The scenarios of one's own.
    pub own: Vec<Scenario>,
    pub timeout: Option<Duration>,
    pub repeat: u32,
    pub fail_fast: bool,
    pub all_reports: bool,
    /// Whether nothing runs after a red basic tier: only a run of everything has tiers.
    pub tiers: bool,
    /// What is shown of traces.
    pub view: TraceView,
    pub timings: bool,
    pub archive: Option<PathBuf>,
    /// The file that takes what is observed, if there is to be one. Then the witness looks on as well.
    pub bless: Option<Blessing>,
    pub subjects: Vec<SubjectSlot>,
    /// The record of this run, if one is to be kept.
    pub recording: Option<Recording>,
    /// When a repetition ends, if there is one.
    pub stress: Option<StressLimit>,
    /// The folder of the conformance table, if there is to be one.
    pub conformance: Option<PathBuf>,
    pub session: Options,
    /// Whether there is to be a page with the verdicts.
    pub has_page: bool,
    /// How many bytes of data are recorded of each scenario, whatever its table is about.
    pub data: Option<u32>,
    /// The terminal whose key lets a child go on at its gate, if it is to wait there.
    pub pause: Option<Arc<TerminalMode>>,
    /// Whether the scenario is explained.
    pub explain: bool,
    /// The trials that have not begun.
    pub coming: Arc<ComingTrials>,
}

impl Plan {
    /// The table of a scenario.
    pub fn expectation(&self, name: &str) -> Result<&Expectation, Error> {
        self.tables.expectation(name)
    }

    /// How long a child may take.
    pub fn limit(&self, expectation: &Expectation) -> Limit {
        // A time limit on the command line is exact.
        self.timeout.map_or_else(|| Limit::growing(expectation.timeout), Limit::from)
    }

    /// What the selected tables need of the tracer. They are read for it: not before the zygote is forked, which has no use for
    /// the memory.
    pub fn needs(&self) -> Needs {
        let mut selected = self.selected.iter();
        let is_about_data = |name: &String| self.tables.get(name).is_some_and(Expectation::is_about_data);
        let data = if selected.clone().any(is_about_data) { tracer::MOST_DATA } else { self.data.unwrap_or(0) };
        Needs { requests: selected.any(|name| self.tables.expectations.is_about_io_uring(name)), data }
    }
}

impl Plan {
    /// The session that runs these scenarios. A record notes what the kernel says of the object.
    pub fn loaded(&self, scenarios: Vec<Scenario>) -> Result<Session, Error> {
        let began = Instant::now();
        let session = Prepared::new(scenarios, self.session.clone())?.needing(self.needs()).load()?;
        self.recording.as_ref().map_or(Ok(()), |recording| recording.note_object(session.tracer(), began.elapsed()))?;
        Ok(session)
    }

    /// How to run the trials.
    pub fn trials(&self) -> TrialOptions {
        TrialOptions {
            libtest: self.libtest.clone(),
            threads: self.threads,
            selected: self.selected.clone(),
            fail_fast: self.fail_fast,
            all_reports: self.all_reports,
            tiers: self.tiers && self.subjects.is_empty(),
            file: self.tables.file.clone(),
            coming: Arc::clone(&self.coming),
        }
    }

    /// Whether to run a scenario.
    pub fn is_selected(&self, name: &str) -> bool {
        let is_left_out = self.ignored(name).is_some() && !self.asks_for_ignored;
        !is_left_out && self.selected.iter().any(|selected| selected == name)
    }

    /// The reason why a scenario runs only on request.
    pub fn ignored(&self, name: &str) -> Option<&str> {
        self.tables.expectations.ignored(name)
    }
}

pub fn validated(cli: &Cli, scenarios: &[Scenario], tracer: Option<Own>) -> Result<Plan, Error> {
    let threads = threads(&cli.libtest)?;
    let names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name).collect();
    let bless = cli.bless.then(|| Blessing::of(cli.tests.as_deref(), cli.yes));
    let tables = tables_of(bless.as_ref(), cli, &names)?;
    let own = tables.scenarios(&start::asked_for(&cli.trace)?);
    let names: Vec<&str> = names.into_iter().chain(own.iter().map(|scenario| scenario.name)).collect();
    let selected = select::select(cli, &names)?;
    start::check(&cli.trace, &selected, &own)?;
    let selected = if cli.rerun_failed { records::red_in_last(selected, &names)? } else { selected };
    let stress = stress(cli);
    // A scenario may then run beside itself.
    let lanes = if stress.is_some() { threads } else { threads.min(selected.len()).max(1) };
    let ahead = ahead(cli, selected.len(), lanes);
    let pause = cli.pause.as_ref().map(|_| pause::terminal()).transpose()?;
    Ok(Plan {
        libtest: cli.libtest.clone(),
        selected,
        threads,
        asks_for_ignored: asks_for_ignored(cli),
        tables,
        own,
        timeout: cli.timeout,
        repeat: cli.repeat,
        fail_fast: cli.fail_fast,
        all_reports: cli.all_reports,
        tiers: has_tiers(cli),
        view: TraceView::of(cli)?,
        timings: cli.timings,
        archive: cli.archive.clone(),
        bless,
        subjects: subjects::asked_for(cli, tracer)?,
        recording: Recording::begin(cli)?,
        stress,
        conformance: cli.output.clone().filter(|_| cli.conformance),
        has_page: cli.trace.html.is_some(),
        data: cli.trace.data,
        session: Options { terminal: pause.clone(), ahead, ..session(cli, lanes) },
        pause,
        explain: cli.explain.is_some(),
        coming: Arc::default(),
    })
}

/// How many children begin before their scenarios run: one for each lane, if these follow one another.
fn ahead(cli: &Cli, selected: usize, lanes: usize) -> usize {
    let is_one_after_another = stress(cli).is_none() && (selected > lanes || cli.repeat > 1);
    if is_one_after_another { lanes } else { 0 }
}

fn stress(cli: &Cli) -> Option<StressLimit> {
    let limit = StressLimit { time: cli.stress, until_fail: cli.until_fail };
    (cli.stress.is_some() || cli.until_fail).then_some(limit)
}

fn session(cli: &Cli, lanes: usize) -> Options {
    Options {
        lanes,
        tracer: tracer::TracerOptions {
            bpf: cli.bpf.clone(),
            ring_size: cli.ring_size.unwrap_or(tracer::RING_SIZE),
            by_perf: cli.perf_events,
            verifier_log: cli.explain.is_some(),
            ..tracer::TracerOptions::default()
        },
        keep: cli.keep,
        witness: cli.witness || cli.bless,
        always_data: cli.trace.data.is_some_and(|bytes| bytes > 0),
        start_flags: start::flags(&cli.trace),
        ..Options::default()
    }
}

/// A run of everything, on our own tracer.
fn has_tiers(cli: &Cli) -> bool {
    let libtest = &cli.libtest;
    let selects = libtest.filter.is_some() || libtest.ignored || !libtest.skip.is_empty() || !cli.filters.is_empty();
    let repeats = cli.rerun_failed || stress(cli).is_some();
    !cli.no_tiers && !cli.bless && !selects && !repeats && cli.shard.is_none() && cli.subjects.is_empty()
}

/// Selected by libtest's flags, or by its full name: an exact name is a request to run it.
fn asks_for_ignored(cli: &Cli) -> bool {
    let names_one = cli.libtest.exact && (cli.libtest.filter.is_some() || !cli.filters.is_empty());
    cli.libtest.ignored || cli.libtest.include_ignored || names_one || cli.rerun_failed
}

/// Whether to print a trace as JSON lines. The other formats are formats of verdicts.
pub fn as_json(cli: &Cli) -> Result<bool, Error> {
    match cli.libtest.format {
        None => Ok(false),
        Some(OutputFormat::Json) => Ok(true),
        Some(
            OutputFormat::Pretty
            | OutputFormat::Terse
            | OutputFormat::Junit
            | OutputFormat::Ktap
            | OutputFormat::Github,
        ) => Err(Error::usage(
            "a trace has no such --format",
            "--format json prints JSON lines; without it, a trace is as strace would write it",
        )),
    }
}

/// How many scenarios run at a time: `--test-threads`, or the variable that libtest reads, or one for each CPU.
pub fn threads(libtest: &LibtestFlags) -> Result<usize, Error> {
    const VARIABLE: &str = "RUST_TEST_THREADS";
    let variable = std::env::var_os(VARIABLE).filter(|value| !value.is_empty());
    let (asked, number) = match (libtest.test_threads, variable) {
        (Some(threads), _) => (format!("--test-threads {threads}"), Some(threads)),
        (None, Some(value)) => {
            let text = value.to_string_lossy();
            (format!("{VARIABLE}={}", crate::base::escape::line(&text)), text.parse().ok())
        }
        (None, None) => return Ok(std::thread::available_parallelism().map_or(1, Into::into).min(MOST_THREADS)),
    };
    let name = asked.split([' ', '=']).next().unwrap_or_default();
    number
        .filter(|threads| (1..=MOST_THREADS).contains(threads))
        .ok_or_else(|| Error::usage(format!("{asked} is not possible"), format!("{name} takes 1 to {MOST_THREADS}")))
}
