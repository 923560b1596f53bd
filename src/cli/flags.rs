//! The flags of the command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use clap::Parser;
use nix::unistd::{SysconfVar, sysconf};

mod exclusions; // which flags exclude which
mod kernels; // those for other kernels
mod libtest; // those that libtest has too
mod traced; // those for a command or for running processes

use exclusions::{
    NOT_WITH_A_COMMAND, NOT_WITH_KERNEL, NOT_WITH_KERNEL_TABLE, NOT_WITH_ONE, NOT_WITH_SHOW, NOT_WITH_STRESS,
    NOT_WITH_WATCH, STARTS_NOTHING, WITHOUT_OUTPUT, WITHOUT_TRACES,
};
pub use kernels::KernelFlags;
pub use libtest::{ColorWhen, LibtestFlags, OutputFormat};
pub use traced::TraceFlags;

// The groups of options in the help, in this order.
const SELECT: &str = "Selecting scenarios";
const RUN: &str = "Running them";
const REPORT: &str = "Reporting";
const TABLES: &str = "Writing the tables";
const OTHERS: &str = "Other tracers";
const MUTANTS: &str = "Mutants of the tracer";
const KERNELS: &str = "Other kernels";
const SETUP: &str = "Setting up";

/// Proves that a BPF tracer of I/O system calls records exactly what a known program did.
#[derive(Debug, Parser)]
#[command(
    name = "ior-it",
    version = VERSION.as_str(),
    about,
    disable_version_flag = false,
    override_usage = "ior-it [OPTIONS] [FILTER]\n       ior-it [OPTIONS] -- COMMAND [ARGUMENT...]\n       ior-it [OPTIONS] -p PID",
    help_template = "{about}\n\n{usage-heading} {usage}\n\n{all-args}{after-help}",
    after_help = EXIT_CODES
)]
pub struct Cli {
    #[command(flatten)]
    pub libtest: LibtestFlags,

    /// Run only scenarios whose name contains F; may be repeated, and any of them will do
    #[arg(help_heading = SELECT, long = "filter", value_name = "F")]
    pub filters: Vec<String>,

    /// Run the scenarios of your own in FILE as well, or compare with the suite's tables in FILE instead of the embedded ones
    #[arg(help_heading = SELECT, long, value_name = "FILE")]
    pub tests: Option<PathBuf>,

    /// Load the BPF object FILE instead of the embedded one (`make bpf` compiles ./tracer.bpf.o)
    #[arg(help_heading = RUN, long, value_name = "FILE")]
    pub bpf: Option<PathBuf>,

    /// Make the ring buffer this large: bytes, or a number with KiB or MiB; a power of two, at least a page [default: 8MiB, 32MiB for a command]
    #[arg(help_heading = RUN, long, value_name = "SIZE", value_parser = ring_size)]
    pub ring_size: Option<u32>,

    /// Let perf events run the programs of system calls, as on kernels that would skip some of them
    #[arg(help_heading = RUN, long)]
    pub perf_events: bool,

    /// Kill a scenario after this many seconds [default: what its table says, else 5]
    #[arg(help_heading = RUN, long, value_name = "SECONDS", value_parser = seconds)]
    pub timeout: Option<Duration>,

    /// Run each scenario N times, until one run does not pass
    #[arg(help_heading = RUN, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub repeat: u32,

    /// Run what is selected again and again for this time; a scenario that passes and fails is flaky, which is a failure
    #[arg(help_heading = RUN, long, value_name = "SECONDS", value_parser = long_seconds, conflicts_with_all = NOT_WITH_STRESS)]
    pub stress: Option<Duration>,

    /// Run what is selected again and again until a run does not pass, at most for --stress SECONDS
    #[arg(help_heading = RUN, long, conflicts_with_all = NOT_WITH_STRESS)]
    pub until_fail: bool,

    /// Run no further scenario after the first that fails or is inconclusive
    #[arg(help_heading = RUN, long)]
    pub fail_fast: bool,

    /// Print the report on each scenario that does not pass, and all of it: not one for each cause, of at most 60 lines
    #[arg(help_heading = REPORT, long, conflicts_with = "command")]
    pub all_reports: bool,

    /// Run everything even if the basic tier is red: else a run of all scenarios ends after harness, open, close and readwrite
    #[arg(help_heading = RUN, long, conflicts_with = "command")]
    pub no_tiers: bool,

    /// Run only part K of N of the selected scenarios: each N-th, from the K-th on
    #[arg(help_heading = SELECT, long, value_name = "K/N", value_parser = shard)]
    pub shard: Option<Shard>,

    /// Leave the workspaces behind, and say where
    #[arg(help_heading = RUN, long)]
    pub keep: bool,

    /// Print the trace of each scenario as strace would write it; with a command or -p, the same as --no-abbrev
    #[arg(help_heading = REPORT, short, long)]
    pub verbose: bool,

    /// See each scenario, or the command, through ptrace as well, at the same time: what BPF and this witness see must be the same
    #[arg(help_heading = RUN, long)]
    pub witness: bool,

    /// Run again what is selected whenever bpf/, the --bpf object, tests.toml, --tests FILE, a subject or src/ is saved; keys say what else
    #[arg(help_heading = RUN, long, conflicts_with_all = NOT_WITH_WATCH)]
    pub watch: bool,

    /// Stop SCENARIO at its gate: says its pid and what to type; Enter lets it go on, s opens a shell
    #[arg(help_heading = RUN, long, value_name = "SCENARIO", conflicts_with_all = NOT_WITH_ONE, conflicts_with_all = ["witness", "explain"])]
    pub pause: Option<String>,

    /// Run SCENARIO, and explain the way of its calls, each difference, and what the kernel knows of each BPF program
    #[arg(help_heading = RUN, long, value_name = "SCENARIO", conflicts_with_all = NOT_WITH_ONE, conflicts_with_all = ["archive", "format", "logfile", "timings", "verbose"])]
    pub explain: Option<String>,

    /// Write what was observed of the scenarios that fail into tests.toml, or into --tests FILE; shows the difference and asks
    #[arg(help_heading = TABLES, long, group = "with_bless", conflicts_with_all = ["command", "conformance", "mutants", "archive", "repeat", "subjects", "replay", "show", "coverage", "list"])]
    pub bless: bool,

    /// With --bless: write without asking
    #[arg(help_heading = TABLES, long, requires = "with_bless")]
    pub yes: bool,

    /// Put this tracer into the slot: the name of a built-in one (--subjects), or a TOML file; may be repeated
    #[arg(help_heading = OTHERS, long = "subject", value_name = "NAME|FILE", group = "with_subjects")]
    pub subjects: Vec<String>,

    /// List the built-in subjects: whether they are here, how to get them, and what they claim
    #[arg(help_heading = OTHERS, long = "subjects")]
    pub list_subjects: bool,

    /// Run every subject on every scenario, print one table, and write it to --output DIR as Markdown, JSON and a page
    #[arg(help_heading = OTHERS, long, requires = "with_output", conflicts_with_all = ["command", "archive", "repeat", "verbose"])]
    pub conformance: bool,

    /// Change one thing of the BPF object at a time, and see whether the suite notices; with --bpf, of another object
    #[arg(help_heading = MUTANTS, long, group = "with_mutants", conflicts_with_all = ["command", "conformance", "archive", "repeat", "verbose", "subjects", "fail_fast", "timings"])]
    pub mutants: bool,

    /// With --mutants: change the tracer's sources in ./bpf, which clang compiles for each
    #[arg(help_heading = MUTANTS, long, requires = "with_mutants", conflicts_with = "bpf")]
    pub source: bool,

    /// With --mutants: change only this function or file; may be repeated
    #[arg(help_heading = MUTANTS, long = "in", value_name = "FUNCTION", requires = "with_mutants")]
    pub functions: Vec<String>,

    /// With --mutants: judge only N, chosen by --seed
    #[arg(help_heading = MUTANTS, long, value_name = "N", group = "with_sample", requires = "with_mutants", value_parser = clap::value_parser!(u32).range(1..))]
    pub sample: Option<u32>,

    /// With --sample: which ones; the same number chooses the same mutants [default: 1]
    #[arg(help_heading = MUTANTS, long, value_name = "S", requires = "with_sample")]
    pub seed: Option<u64>,

    /// With --mutants: judge N at a time [default: two for each CPU]
    #[arg(help_heading = MUTANTS, long, value_name = "N", requires = "with_mutants", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub jobs: Option<u32>,

    /// With --mutants: the survivors in FILE are known, each with a reason [default: those of the embedded object]
    #[arg(help_heading = MUTANTS, long, value_name = "FILE", requires = "with_mutants")]
    pub listed: Option<PathBuf>,

    /// Print which calls the tables show succeed and fail, and which flags none shows; runs nothing
    #[arg(help_heading = OTHERS, long, conflicts_with_all = ["command", "archive", "replay", "show", "conformance"])]
    pub coverage: bool,

    /// A subject that cannot run here is an error instead of a skip
    #[arg(help_heading = OTHERS, long, requires = "with_subjects")]
    pub no_skip: bool,

    /// Keep a record of the run, as JSON in $XDG_STATE_HOME/ior-it [default: ~/.local/state/ior-it; under sudo, that of root]; `record = true` in ~/.config/ior-it/config.toml keeps one of each run
    #[arg(help_heading = REPORT, long, conflicts_with_all = ["command", "list", "list_subjects", "replay", "show", "coverage", "conformance", "mutants"])]
    pub record: bool,

    /// List the records of runs, the newest first; runs nothing
    #[arg(help_heading = REPORT, long, conflicts_with_all = ["record", "command", "replay", "show", "coverage", "conformance", "mutants", "list", "list_subjects", "format"])]
    pub runs: bool,

    /// Show what has changed from the run A to the run B, or to the last: numbers or ids of --runs, or files; exit 101 if a scenario is newly red
    #[arg(help_heading = REPORT, long, value_names = ["A", "B"], num_args = 1..=2, conflicts_with_all = ["runs", "record", "command", "replay", "show", "coverage", "conformance", "mutants", "list", "list_subjects", "format"])]
    pub compare: Vec<String>,

    /// Run only what failed or was inconclusive in the last recorded run
    #[arg(help_heading = SELECT, long, conflicts_with_all = ["runs", "compare", "command", "replay", "show", "coverage", "mutants"])]
    pub rerun_failed: bool,

    /// Print after the verdicts how long the phases and the scenarios took, in percentiles; --repeat gives the sample
    #[arg(help_heading = REPORT, long)]
    pub timings: bool,

    /// Write what was observed of each scenario to DIR/SCENARIO.ior.zst, read it back and compare
    #[arg(help_heading = REPORT, long, value_name = "DIR")]
    pub archive: Option<PathBuf>,

    /// Judge archives, and folders of them, in place of running anything: needs no privileges
    #[arg(help_heading = REPORT, long, value_name = "PATH", num_args = 1..)]
    #[arg(conflicts_with_all = ["bpf", "ring_size", "perf_events", "timeout", "repeat", "keep", "witness", "timings", "archive", "subjects", "mutants", "command"])]
    pub replay: Vec<PathBuf>,

    /// Print the trace in an archive as strace would write it, or as JSON lines with --format json
    #[arg(help_heading = REPORT, long, value_name = "FILE", conflicts_with_all = NOT_WITH_SHOW)]
    pub show: Option<PathBuf>,

    /// Write traces and table to FILE instead of a standard stream; to FILE.jsonl as JSON lines, to `|COMMAND` through a pipe
    #[arg(help_heading = REPORT, short, long, value_name = "FILE", group = "with_output", conflicts_with_all = WITHOUT_OUTPUT)]
    pub output: Option<PathBuf>,

    #[command(flatten)]
    pub trace: TraceFlags,

    #[command(flatten)]
    pub kernels: KernelFlags,

    /// Print the completions for SHELL, such as bash, zsh or fish
    #[arg(help_heading = SETUP, long, value_name = "SHELL", exclusive = true, hide_possible_values = true)]
    pub completions: Option<clap_complete::Shell>,

    /// Print the man page
    #[arg(help_heading = SETUP, long, exclusive = true)]
    pub man: bool,

    /// Trace this program instead of running scenarios; all that follows it is its own
    #[arg(last = true, value_name = "COMMAND", num_args = 1.., group = "traced")]
    #[arg(conflicts_with_all = NOT_WITH_A_COMMAND)]
    pub command: Vec<OsString>,
}

const EXIT_CODES: &str = "\
Exit codes:
  0    every selected scenario passed or was skipped with a reason, and at least one ran
  2    bad usage, or an error in tests.toml or in an archive
  3    this machine cannot trace: no privilege, no BTF, the BPF object was refused
  4    no scenario ran: nothing matched, or everything was skipped
  5    nothing failed, but a scenario was inconclusive, or not all output could be written
  6    with --kernel: a kernel did not boot, panicked, oopsed or hung
  101  a scenario failed
  130  interrupted

With -- COMMAND the exit code is the command's own, or 128 and the number of the signal that killed it, but
  2    bad usage
  3    this machine cannot trace
  5    something was lost
  101  the witness saw something else
  126  the command cannot be executed
  127  the command was not found";

pub static VERSION: LazyLock<String> = LazyLock::new(|| version(option_env!("IOR_IT_COMMIT")));

/// The version, with the commit if the build knows it (build.rs).
fn version(commit: Option<&str>) -> String {
    let version = env!("CARGO_PKG_VERSION");
    commit.filter(|commit| !commit.is_empty()).map_or(version.to_owned(), |commit| format!("{version} ({commit})"))
}

/// A part of the selected scenarios.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which part, counted from 1.
    pub part: usize,
    /// Of how many.
    pub of: usize,
}

fn shard(text: &str) -> Result<Shard, String> {
    let numbers = text.split_once('/').and_then(|(part, of)| Some((part.parse().ok()?, of.parse().ok()?)));
    let shard = numbers.map(|(part, of)| Shard { part, of }).filter(|shard| (1..=shard.of).contains(&shard.part));
    shard.ok_or_else(|| "K/N with K from 1 to N, such as 2/5".to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    seconds_to(text, 3600)
}

/// Up to a week.
fn long_seconds(text: &str) -> Result<Duration, String> {
    seconds_to(text, 7 * 24 * 3600)
}

fn seconds_to(text: &str, most: u32) -> Result<Duration, String> {
    let wrong = || format!("a number of seconds, more than 0 and at most {most}");
    let seconds: f64 = text.parse().map_err(|_| wrong())?;
    if seconds > 0.0 && seconds <= f64::from(most) { Ok(Duration::from_secs_f64(seconds)) } else { Err(wrong()) }
}

/// More is a mistake in the unit.
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    #[test]
    fn the_version_has_the_commit_if_it_is_known() {
        assert_eq!(version(Some("0123456789ab")), format!("{} (0123456789ab)", env!("CARGO_PKG_VERSION")));
        assert_eq!(version(Some("")), env!("CARGO_PKG_VERSION"));
        assert_eq!(version(None), env!("CARGO_PKG_VERSION"));
    }

    /// Each flag of the command line with a value that it takes.
    fn each_alone() -> Vec<Vec<String>> {
        let mut command = Cli::command();
        command.build();
        let flags = command.get_arguments().filter_map(|arg| Some((format!("--{}", arg.get_long()?), arg)));
        let alone = |(flag, arg): (String, &clap::Arg)| {
            if !arg.get_action().takes_values() {
                return Some(vec![flag]);
            }
            let named = arg.get_possible_values().first().map(|value| value.get_name().to_owned());
            let values = named.into_iter().chain(["1", "1/2", "1s", "read", "4KiB"].map(String::from));
            let kind = |args: &Vec<String>| {
                Cli::try_parse_from(std::iter::once("ior-it").chain(args.iter().map(String::as_str)))
                    .err()
                    .map(|error| error.kind())
            };
            values
                .map(|value| vec![format!("{flag}={value}")])
                .find(|args| !matches!(kind(args), Some(ErrorKind::ValueValidation | ErrorKind::InvalidValue)))
        };
        flags.filter_map(alone).chain([vec!["--".to_owned(), "true".to_owned()]]).collect()
    }

    // clap drops a `requires` of a single flag without a word if that flag is excluded by another one. It keeps one of a group.
    #[test]
    fn a_flag_that_needs_another_is_refused_without_it_whatever_else_is_given() {
        let parse = |args: &[&Vec<String>]| {
            let words = args.iter().flat_map(|args| args.iter()).map(String::as_str);
            Cli::try_parse_from(std::iter::once("ior-it").chain(words))
        };
        let all = each_alone();
        let needy = all
            .iter()
            .filter(|args| parse(&[args]).is_err_and(|error| error.kind() == ErrorKind::MissingRequiredArgument));
        let mut shown = String::new();
        for one in needy {
            let with = all.iter().filter(|other| *other != one && parse(&[one, other]).is_ok());
            let with: Vec<&str> = with.map(|other| other[0].as_str()).collect();
            shown += &format!("{} with {}\n", one[0], with.join(" "));
        }
        let expected = "\
            --yes with --bless\n\
            --conformance with --output=1\n\
            --source with --mutants\n\
            --in=1 with --mutants\n\
            --sample=1 with --mutants\n\
            --seed=1 with \n\
            --jobs=1 with --mutants\n\
            --listed=1 with --mutants\n\
            --no-skip with --subject=1\n\
            --no-follow with --attach=1 --\n\
            --flamegraph-by=calls with --flamegraph=1\n\
            --machines=1 with --kernel=1\n\
            --kernel-program=1 with --kernel=1\n\
            --kernel-table=1 with --kernel=1\n\
            --silence=1 with --kernel=1\n";
        assert_eq!(shown, expected);
    }
}
