//! The command line and the files that it names, checked.

use std::path::PathBuf;
use std::time::Duration;

use libtest_mimic::{Arguments, FormatSetting};

use super::bless::Blessing;
use super::flags::Cli;
use super::select;
use super::subjects::{self, Own, SubjectSlot};
use crate::base::error::Error;
use crate::child::scenario::Scenario;
use crate::command;
use crate::judge::expectation::{Expectation, Expectations};
use crate::session::Options;
use crate::watch::tracer;

static EMBEDDED_TESTS: &str = include_str!("../../tests.toml");

/// The most threads that are useful: each needs a watch.
const MOST_THREADS: usize = 256;

/// The command line and its files, checked. From here on only this machine can cause an error.
pub struct Plan {
    pub libtest: Arguments,
    pub selected: Vec<String>,
    /// Whether scenarios run that their table marks as ignored.
    pub asks_for_ignored: bool,
    pub expectations: Expectations,
    pub file: String,
    pub timeout: Option<Duration>,
    pub repeat: u32,
    pub fail_fast: bool,
    pub verbose: bool,
    pub timings: bool,
    pub archive: Option<PathBuf>,
    /// The file that takes what is observed, if there is to be one. Then the witness looks on as well.
    pub bless: Option<Blessing>,
    pub subjects: Vec<SubjectSlot>,
    /// The folder of the conformance table, if there is to be one.
    pub conformance: Option<PathBuf>,
    pub session: Options,
}

pub fn validated(cli: &Cli, scenarios: &[Scenario], own: Option<Own>) -> Result<Plan, Error> {
    let threads = threads(&cli.libtest)?;
    let names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name).collect();
    let bless = cli.bless.then(|| Blessing::of(cli.tests.as_deref(), cli.yes));
    let (file, expectations) = expectations_of(bless.as_ref(), cli, &names)?;
    let selected = select::select(&cli.libtest, &cli.filters, &names)?;
    let lanes = threads.min(selected.len()).max(1);
    let is_about_data = selected.iter().filter_map(|name| expectations.get(name)).any(Expectation::is_about_data);
    let requests = selected.iter().filter_map(|name| expectations.get(name)).any(Expectation::is_about_io_uring);
    Ok(Plan {
        libtest: select::arguments(&cli.libtest, threads, &selected, &names),
        selected,
        asks_for_ignored: asks_for_ignored(cli),
        expectations,
        file,
        timeout: cli.timeout,
        repeat: cli.repeat,
        fail_fast: cli.fail_fast,
        verbose: cli.verbose,
        timings: cli.timings,
        archive: cli.archive.clone(),
        bless,
        subjects: subjects::asked_for(cli, own)?,
        conformance: cli.output.clone().filter(|_| cli.conformance),
        session: Options {
            lanes,
            tracer: tracer::TracerOptions {
                bpf: cli.bpf.clone(),
                ring_size: cli.ring_size.unwrap_or(tracer::RING_SIZE),
                requests,
                data: if is_about_data { tracer::MOST_DATA } else { 0 },
                ..tracer::TracerOptions::default()
            },
            keep: cli.keep,
            witness: cli.witness || cli.bless,
            ..Options::default()
        },
    })
}

/// Selected by libtest's flags, or by its full name: an exact name is a request to run it.
fn asks_for_ignored(cli: &Cli) -> bool {
    let names_one = cli.libtest.exact && (cli.libtest.filter.is_some() || !cli.filters.is_empty());
    cli.libtest.ignored || cli.libtest.include_ignored || names_one
}

/// How to trace a command.
pub fn traced(cli: &Cli) -> Result<command::CommandOptions, Error> {
    let to_lines =
        cli.output.as_ref().is_some_and(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    let is_json = as_json(cli)? || to_lines;
    if is_json && cli.summary {
        return Err(Error::usage("--summary has no JSON lines", "without --summary, each call is a line"));
    }
    Ok(command::CommandOptions {
        follow: !cli.no_follow,
        summary: cli.summary,
        quiet: cli.libtest.quiet,
        output: cli.output.clone(),
        archive: cli.archive.clone(),
        witness: cli.witness,
        bpf: cli.bpf.clone(),
        ring_size: cli.ring_size,
        subject: subjects::for_command(cli)?,
        // Neither the table nor JSON lines have data: then nobody pays for it.
        data: if cli.summary || is_json { 0 } else { cli.data },
        json: is_json,
    })
}

/// Whether to print a trace as JSON lines. The other formats are formats of verdicts.
pub fn as_json(cli: &Cli) -> Result<bool, Error> {
    match cli.libtest.format {
        None => Ok(false),
        Some(FormatSetting::Json) => Ok(true),
        Some(FormatSetting::Pretty | FormatSetting::Terse) => Err(Error::usage(
            "a trace has no such --format",
            "--format json prints JSON lines; without it, a trace is as strace would write it",
        )),
    }
}

pub fn threads(libtest: &Arguments) -> Result<usize, Error> {
    match libtest.test_threads {
        None => Ok(std::thread::available_parallelism().map_or(1, Into::into).min(MOST_THREADS)),
        Some(threads @ 1..=MOST_THREADS) => Ok(threads),
        Some(threads) => Err(Error::usage(
            format!("--test-threads {threads} is not possible"),
            format!("--test-threads takes 1 to {MOST_THREADS}"),
        )),
    }
}

pub fn expectations(cli: &Cli, names: &[&str]) -> Result<(String, Expectations), Error> {
    expectations_of(None, cli, names)
}

/// Those of the file that is to be blessed, if there is one.
fn expectations_of(bless: Option<&Blessing>, cli: &Cli, names: &[&str]) -> Result<(String, Expectations), Error> {
    let (tests, hint) = match bless {
        None => (cli.tests.as_deref(), "without --tests, the embedded tests.toml is used"),
        Some(bless) => (Some(bless.path()), "--bless writes ./tests.toml, or --tests FILE"),
    };
    let (file, text) = match tests {
        None => ("tests.toml".to_owned(), EMBEDDED_TESTS.as_bytes().to_vec()),
        Some(path) => {
            let shown = crate::base::escape::path(path);
            let bytes = std::fs::read(path)
                .map_err(|error| Error::usage(format!("cannot read {shown}: {error}"), hint).because(error))?;
            (shown, bytes)
        }
    };
    let parsed = Expectations::parse_bytes(&file, &text, names);
    let expectations = parsed.map_err(|errors| {
        Error::usage(format!("{file} cannot be used"), "docs/tests-toml.md describes the format")
            .with_details(format!("\n{errors}"))
    })?;
    Ok((file, expectations))
}
