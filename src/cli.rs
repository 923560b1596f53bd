//! The command line and the whole run: parse, validate, act.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use libtest_mimic::{Arguments, FormatSetting};
use nix::unistd::{SysconfVar, sysconf};

use crate::base::error::Error;
use crate::base::rights;
use crate::base::tell::{self, Stream};
use crate::child::scenario::Scenario;
use crate::child::scenarios;
use crate::command;
use crate::judge::expectation::{Expectation, Expectations};
use crate::session::Options;
use crate::table::syscalls;
use crate::watch::tracer;

mod archives;
mod select;
mod usage;
mod verdicts;
mod replay;
mod run;

static EMBEDDED_TESTS: &str = include_str!("../tests.toml");

/// The most threads that make sense: each needs a watch.
const MOST_THREADS: usize = 256;

/// Proves that a BPF tracer of I/O system calls records exactly what a known program did.
#[derive(Debug, Parser)]
#[command(
    name = "ior-it",
    version,
    about,
    disable_version_flag = false,
    override_usage = "ior-it [OPTIONS] [FILTER]\n       ior-it [OPTIONS] -- COMMAND [ARGUMENT...]",
    help_template = "{about}\n\n{usage-heading} {usage}\n\n{all-args}{after-help}",
    after_help = EXIT_CODES
)]
pub struct Cli {
    #[command(flatten)]
    libtest: Arguments,

    /// Run only scenarios whose name contains F; may be repeated, and any of them will do
    #[arg(long = "filter", value_name = "F")]
    filters: Vec<String>,

    /// Compare with the expectations in FILE instead of the embedded tests.toml
    #[arg(long, value_name = "FILE")]
    tests: Option<PathBuf>,

    /// Load the BPF object FILE instead of the embedded one (`make bpf` compiles ./tracer.bpf.o)
    #[arg(long, value_name = "FILE")]
    bpf: Option<PathBuf>,

    /// Make the ring buffer this large: bytes, or a number with KiB or MiB; a power of two, at least a page [default: 8MiB, 32MiB for a command]
    #[arg(long, value_name = "SIZE", value_parser = ring_size)]
    ring_size: Option<u32>,

    /// Kill a scenario after this many seconds [default: what its table says, else 5]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,

    /// Run each scenario N times, until one run does not pass
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,

    /// Run no further scenario after the first that fails or is inconclusive
    #[arg(long)]
    fail_fast: bool,

    /// Leave the workspaces behind, and say where
    #[arg(long)]
    keep: bool,

    /// Print the trace of each scenario as strace would write it
    #[arg(short, long, conflicts_with = "command")]
    verbose: bool,

    /// See each scenario, or the command, through ptrace as well, at the same time: what BPF and this witness see must be the same
    #[arg(long)]
    witness: bool,

    /// Print after the verdicts how long the phases and the scenarios took, in percentiles; --repeat gives the sample
    #[arg(long)]
    timings: bool,

    /// Write what was observed of each scenario to DIR/SCENARIO.ior.zst, read it back and compare
    #[arg(long, value_name = "DIR")]
    archive: Option<PathBuf>,

    /// Judge archives, and folders of them, in place of running anything: needs no privileges
    #[arg(long, value_name = "PATH", num_args = 1..)]
    #[arg(conflicts_with_all = ["bpf", "ring_size", "timeout", "repeat", "keep", "witness", "timings", "archive", "command"])]
    replay: Vec<PathBuf>,

    /// Print the trace in an archive as strace would write it, or as JSON lines with --format json
    #[arg(long, value_name = "FILE", conflicts_with_all = NOT_WITH_SHOW)]
    show: Option<PathBuf>,

    /// With a command: print the table by call alone, and not the trace
    #[arg(long, requires = "command")]
    summary: bool,

    /// With a command: write trace and table to FILE instead of the standard error output; to FILE.jsonl as JSON lines
    #[arg(long, value_name = "FILE", requires = "command")]
    output: Option<PathBuf>,

    /// With a command: do not watch the processes that it forks
    #[arg(long, requires = "command")]
    no_follow: bool,

    /// Trace this program instead of running scenarios; all that follows it is its own
    #[arg(last = true, value_name = "COMMAND", num_args = 1..)]
    #[arg(conflicts_with_all = NOT_WITH_A_COMMAND)]
    command: Vec<OsString>,
}

/// What makes no sense with a command.
const NOT_WITH_A_COMMAND: [&str; 17] = [
    "include_ignored",
    "ignored",
    "test",
    "bench",
    "list",
    "exact",
    "test_threads",
    "logfile",
    "skip",
    "filter",
    "filters",
    "tests",
    "timeout",
    "repeat",
    "fail_fast",
    "keep",
    "timings",
];

/// What makes no sense with `--show`: all but `--format`.
const NOT_WITH_SHOW: [&str; 31] = [
    "include_ignored",
    "ignored",
    "test",
    "bench",
    "list",
    "nocapture",
    "show_output",
    "unstable_flags",
    "exact",
    "quiet",
    "test_threads",
    "logfile",
    "skip",
    "color",
    "filter",
    "filters",
    "tests",
    "bpf",
    "ring_size",
    "timeout",
    "repeat",
    "fail_fast",
    "keep",
    "verbose",
    "witness",
    "timings",
    "archive",
    "replay",
    "summary",
    "output",
    "command",
];

const EXIT_CODES: &str = "\
Exit codes:
  0    every selected scenario passed or was skipped with a reason, and at least one ran
  2    bad usage, or an error in tests.toml or in an archive
  3    this machine cannot trace: no privilege, no BTF, the BPF object was refused
  4    no scenario ran: nothing matched, or everything was skipped
  5    nothing failed, but a scenario was inconclusive, or not all output could be written
  101  a scenario failed
  130  interrupted

With -- COMMAND the exit code is the command's own, or 128 and the number of the signal that killed it, but
  2    bad usage
  3    this machine cannot trace
  5    something was lost
  101  the witness saw something else
  126  the command cannot be executed
  127  the command was not found";

fn seconds(text: &str) -> Result<Duration, String> {
    let wrong = || "a number of seconds, more than 0 and at most 3600".to_owned();
    let seconds: f64 = text.parse().map_err(|_| wrong())?;
    if seconds > 0.0 && seconds <= 3600.0 { Ok(Duration::from_secs_f64(seconds)) } else { Err(wrong()) }
}

/// More is a slip of the unit.
const LARGEST_RING: u32 = 1 << 30;

fn ring_size(text: &str) -> Result<u32, String> {
    let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten().map_or(4096, |page| page as u32);
    let wrong =
        || format!("a power of two from {page} (a page) to 1024MiB, in bytes, KiB or MiB, such as {page} or 8MiB");
    let units = [("KiB", 1 << 10), ("MiB", 1 << 20)];
    let found = units.into_iter().find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?.trim_end(), bytes)));
    let (number, unit) = found.unwrap_or((text, 1));
    let size = number.parse::<u32>().ok().and_then(|number| number.checked_mul(unit)).ok_or_else(wrong)?;
    if size.is_power_of_two() && (page..=LARGEST_RING).contains(&size) { Ok(size) } else { Err(wrong()) }
}

/// What is to be done when live scenarios cannot run here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithoutPrivilege {
    /// An error: exit 3.
    Refuse,
    /// The scenarios are listed as ignored, with the reason.
    Ignore,
}

/// The command `ior-it`.
pub fn main() -> ExitCode {
    run_with(std::env::args_os(), scenarios::all().copied().collect(), WithoutPrivilege::Refuse)
}

/// The same trials as a test target of cargo: an ordinary user sees them ignored with the reason, unless `CI` is set.
pub fn main_of_test_target() -> ExitCode {
    let in_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false" && value != "0");
    let without = if in_ci { WithoutPrivilege::Refuse } else { WithoutPrivilege::Ignore };
    let mut args: Vec<OsString> = std::env::args_os().collect();
    // In CI everything runs, unless it is said what is to.
    let chooses = ["--list", "--ignored", "--include-ignored"];
    if in_ci && !args.iter().any(|arg| chooses.iter().any(|chosen| arg == chosen)) {
        args.push("--include-ignored".into());
    }
    run_with(args.into_iter(), scenarios::all().copied().collect(), without)
}

fn run_with(
    args: impl Iterator<Item = std::ffi::OsString>,
    scenarios: Vec<Scenario>,
    without: WithoutPrivilege,
) -> ExitCode {
    // As other Unix tools: `ior-it --list | head -1` ends quietly (libtest-mimic would panic on the closed pipe).
    default_sigpipe();
    large_files_are_errors();
    if let Err(error) = rights::check_owner().and_then(|()| syscalls::check()) {
        Stream::Error.line(&error.to_string());
        return error.exit.into();
    }
    rights::put_aside();
    let args: Vec<OsString> = args.collect();
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => {
            return tell::exit_code(usage::say(error) as u8).into();
        }
    };
    if cli.command.is_empty() && args.last().is_some_and(|last| last == "--") {
        let error = Error::usage("no command stands after --", "such as `sudo ./ior-it -- ls -l`; `ior-it --help`");
        Stream::Error.line(&error.to_string());
        return error.exit.into();
    }
    let refused = if cli.bpf.is_some() { rights::refuse("--bpf") } else { Ok(()) };
    let done: Result<u8, Error> =
        refused.and_then(|()| match (&cli.show, cli.replay.as_slice(), cli.command.as_slice()) {
            (Some(file), _, _) => as_json(&cli).and_then(|json| replay::show(file, json)).map(|exit| exit as u8),
            (None, [], []) => {
                validated(&cli, &scenarios).and_then(|plan| run::run(plan, scenarios, without)).map(|exit| exit as u8)
            }
            (None, [], command) => traced(&cli).and_then(|options| command::run(command, &options)),
            (None, _, _) => replay::validated(&cli, &scenarios).and_then(replay::run).map(|exit| exit as u8),
        });
    match done {
        Ok(exit) => tell::exit_code(exit).into(),
        Err(error) => {
            Stream::Error.line(&error.to_string());
            error.exit.into()
        }
    }
}

#[allow(unsafe_code)]
fn default_sigpipe() {
    // SAFETY: no handler is installed, only the default action; there is no other thread yet.
    let _ =
        unsafe { nix::sys::signal::signal(nix::sys::signal::Signal::SIGPIPE, nix::sys::signal::SigHandler::SigDfl) };
}

/// A file that would be larger than `ulimit -f` allows is an error (EFBIG) and not the end (SIGXFSZ, setrlimit(2)). What is traced
/// has the signal as it was (src/child/zygote/program.rs).
#[allow(unsafe_code)]
fn large_files_are_errors() {
    // SAFETY: no handler is installed; there is no other thread yet.
    let _ =
        unsafe { nix::sys::signal::signal(nix::sys::signal::Signal::SIGXFSZ, nix::sys::signal::SigHandler::SigIgn) };
}

/// The command line and the files it names, checked: what is left can only fail on this machine.
struct Plan {
    libtest: Arguments,
    selected: Vec<String>,
    /// Whether scenarios run whose table says that they are ignored.
    asks_for_ignored: bool,
    expectations: Expectations,
    file: String,
    timeout: Option<Duration>,
    repeat: u32,
    fail_fast: bool,
    verbose: bool,
    timings: bool,
    archive: Option<PathBuf>,
    session: Options,
}

fn validated(cli: &Cli, scenarios: &[Scenario]) -> Result<Plan, Error> {
    let threads = threads(&cli.libtest)?;
    let names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name).collect();
    let (file, expectations) = expectations(cli, &names)?;
    let selected = select::select(&cli.libtest, &cli.filters, &names)?;
    let lanes = threads.min(selected.len()).max(1);
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
        session: Options {
            lanes,
            tracer: tracer::Options {
                bpf: cli.bpf.clone(),
                ring_size: cli.ring_size.unwrap_or(tracer::RING_SIZE),
                requests,
                times: cli.archive.is_some(),
                ..tracer::Options::default()
            },
            keep: cli.keep,
            witness: cli.witness,
            ..Options::default()
        },
    })
}

/// By libtest's flags, or by its name: whoever writes that in full means it.
fn asks_for_ignored(cli: &Cli) -> bool {
    let names_one = cli.libtest.exact && (cli.libtest.filter.is_some() || !cli.filters.is_empty());
    cli.libtest.ignored || cli.libtest.include_ignored || names_one
}

/// How a command is to be traced.
fn traced(cli: &Cli) -> Result<command::Options, Error> {
    let to_lines =
        cli.output.as_ref().is_some_and(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    let is_json = as_json(cli)? || to_lines;
    if is_json && cli.summary {
        return Err(Error::usage("--summary has no JSON lines", "without --summary, each call is a line"));
    }
    Ok(command::Options {
        follow: !cli.no_follow,
        summary: cli.summary,
        quiet: cli.libtest.quiet,
        output: cli.output.clone(),
        archive: cli.archive.clone(),
        witness: cli.witness,
        bpf: cli.bpf.clone(),
        ring_size: cli.ring_size,
        json: is_json,
    })
}

/// Whether a trace is printed as JSON lines. The other formats are those of verdicts.
fn as_json(cli: &Cli) -> Result<bool, Error> {
    match cli.libtest.format {
        None => Ok(false),
        Some(FormatSetting::Json) => Ok(true),
        Some(FormatSetting::Pretty | FormatSetting::Terse) => Err(Error::usage(
            "a trace has no such --format",
            "--format json prints JSON lines; without it, a trace is as strace would write it",
        )),
    }
}

fn threads(libtest: &Arguments) -> Result<usize, Error> {
    match libtest.test_threads {
        None => Ok(std::thread::available_parallelism().map_or(1, Into::into).min(MOST_THREADS)),
        Some(threads @ 1..=MOST_THREADS) => Ok(threads),
        Some(threads) => Err(Error::usage(
            format!("--test-threads {threads} is not possible"),
            format!("--test-threads takes 1 to {MOST_THREADS}"),
        )),
    }
}

fn expectations(cli: &Cli, names: &[&str]) -> Result<(String, Expectations), Error> {
    let (file, text) = match &cli.tests {
        None => ("tests.toml".to_owned(), EMBEDDED_TESTS.as_bytes().to_vec()),
        Some(path) => {
            let shown = crate::base::escape::path(path);
            let bytes = std::fs::read(path).map_err(|error| {
                Error::usage(format!("--tests {shown}: {error}"), "without --tests, the embedded tests.toml is used")
            })?;
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
