//! The command line and the files that it names, checked.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::bless::Blessing;
use super::flags::{Cli, LibtestFlags, OutputFormat};
use super::pause;
use super::select;
use super::subjects::{self, Own, SubjectSlot};
use crate::base::error::Error;
use crate::base::limit::Limit;
use crate::base::terminal::TerminalMode;
use crate::child::scenario::Scenario;
use crate::judge::expectation::{EMBEDDED, Errors, Expectation, Expectations};
use crate::session::{Needs, Options};
use crate::watch::tracer;

pub static EMBEDDED_TESTS: &str = include_str!("../../tests.toml");

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
    pub expectations: Expectations,
    pub file: String,
    pub timeout: Option<Duration>,
    pub repeat: u32,
    pub fail_fast: bool,
    pub all_reports: bool,
    /// Whether nothing runs after a red basic tier: only a run of everything has tiers.
    pub tiers: bool,
    pub verbose: bool,
    pub timings: bool,
    pub archive: Option<PathBuf>,
    /// The file that takes what is observed, if there is to be one. Then the witness looks on as well.
    pub bless: Option<Blessing>,
    pub subjects: Vec<SubjectSlot>,
    /// The folder of the conformance table, if there is to be one.
    pub conformance: Option<PathBuf>,
    pub session: Options,
    /// The terminal whose key lets a child go on at its gate, if it is to wait there.
    pub pause: Option<Arc<TerminalMode>>,
    /// Whether the scenario is explained.
    pub explain: bool,
}

impl Plan {
    /// The table of a scenario.
    pub fn expectation(&self, name: &str) -> Result<&Expectation, Error> {
        self.expectations.get(name).ok_or_else(|| match self.expectations.errors(name) {
            Some(errors) => unusable(&self.file, errors),
            None => {
                Error::scenario(format!("{name} has no table in {}", self.file), "BUG: the tables were checked before")
            }
        })
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
        let is_about_data = |name: &String| self.expectations.get(name).is_some_and(Expectation::is_about_data);
        let data = if selected.clone().any(is_about_data) { tracer::MOST_DATA } else { 0 };
        Needs { requests: selected.any(|name| self.expectations.is_about_io_uring(name)), data }
    }
}

pub fn validated(cli: &Cli, scenarios: &[Scenario], own: Option<Own>) -> Result<Plan, Error> {
    let threads = threads(&cli.libtest)?;
    let names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name).collect();
    let bless = cli.bless.then(|| Blessing::of(cli.tests.as_deref(), cli.yes));
    let (file, expectations) = expectations_of(bless.as_ref(), cli, &names)?;
    let selected = select::select(cli, &names)?;
    let lanes = threads.min(selected.len()).max(1);
    let pause = cli.pause.as_ref().map(|_| pause::terminal()).transpose()?;
    Ok(Plan {
        libtest: cli.libtest.clone(),
        selected,
        threads,
        asks_for_ignored: asks_for_ignored(cli),
        expectations,
        file,
        timeout: cli.timeout,
        repeat: cli.repeat,
        fail_fast: cli.fail_fast,
        all_reports: cli.all_reports,
        tiers: has_tiers(cli),
        verbose: cli.verbose,
        timings: cli.timings,
        archive: cli.archive.clone(),
        bless,
        subjects: subjects::asked_for(cli, own)?,
        conformance: cli.output.clone().filter(|_| cli.conformance),
        session: Options { terminal: pause.clone(), ..session(cli, lanes) },
        pause,
        explain: cli.explain.is_some(),
    })
}

fn session(cli: &Cli, lanes: usize) -> Options {
    Options {
        lanes,
        tracer: tracer::TracerOptions {
            bpf: cli.bpf.clone(),
            ring_size: cli.ring_size.unwrap_or(tracer::RING_SIZE),
            verifier_log: cli.explain.is_some(),
            ..tracer::TracerOptions::default()
        },
        keep: cli.keep,
        witness: cli.witness || cli.bless,
        ..Options::default()
    }
}

/// A run of everything, on our own tracer.
fn has_tiers(cli: &Cli) -> bool {
    let libtest = &cli.libtest;
    let selects = libtest.filter.is_some() || libtest.ignored || !libtest.skip.is_empty() || !cli.filters.is_empty();
    !cli.no_tiers && !cli.bless && !selects && cli.shard.is_none() && cli.subjects.is_empty()
}

/// Selected by libtest's flags, or by its full name: an exact name is a request to run it.
fn asks_for_ignored(cli: &Cli) -> bool {
    let names_one = cli.libtest.exact && (cli.libtest.filter.is_some() || !cli.filters.is_empty());
    cli.libtest.ignored || cli.libtest.include_ignored || names_one
}

/// Whether to print a trace as JSON lines. The other formats are formats of verdicts.
pub fn as_json(cli: &Cli) -> Result<bool, Error> {
    match cli.libtest.format {
        None => Ok(false),
        Some(OutputFormat::Json) => Ok(true),
        Some(OutputFormat::Pretty | OutputFormat::Terse | OutputFormat::Junit | OutputFormat::Ktap) => {
            Err(Error::usage(
                "a trace has no such --format",
                "--format json prints JSON lines; without it, a trace is as strace would write it",
            ))
        }
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

pub fn expectations(cli: &Cli, names: &[&str]) -> Result<(String, Expectations), Error> {
    expectations_of(None, cli, names)
}

/// Those of the file that is to be blessed, if there is one.
fn expectations_of(bless: Option<&Blessing>, cli: &Cli, names: &[&str]) -> Result<(String, Expectations), Error> {
    if let (None, None, Some(unread)) = (bless, &cli.tests, Expectations::unread(EMBEDDED_TESTS, names)) {
        return Ok((EMBEDDED.to_owned(), unread));
    }
    let (tests, hint) = match bless {
        None => (cli.tests.as_deref(), "without --tests, the embedded tests.toml is used"),
        Some(bless) => (Some(bless.path()), "--bless writes ./tests.toml, or --tests FILE"),
    };
    let (file, text) = match tests {
        None => (EMBEDDED.to_owned(), EMBEDDED_TESTS.as_bytes().to_vec()),
        Some(path) => {
            let shown = crate::base::escape::path(path);
            let bytes = std::fs::read(path)
                .map_err(|error| Error::usage(format!("cannot read {shown}: {error}"), hint).because(error))?;
            (shown, bytes)
        }
    };
    let parsed = Expectations::parse_bytes(&file, &text, names);
    let expectations = parsed.map_err(|errors| unusable(&file, &errors))?;
    Ok((file, expectations))
}

fn unusable(file: &str, errors: &Errors) -> Error {
    Error::usage(format!("{file} cannot be used"), "docs/tests-toml.md describes the format")
        .with_details(format!("\n{errors}"))
}
