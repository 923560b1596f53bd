//! The command line and the whole run: parse, validate, act.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use crate::base::error::Error;
use crate::base::rights;
use crate::base::tell::{self, StandardStream};
use crate::child::scenario::Scenario;
use crate::child::scenarios;
use crate::command;
use crate::kernels::guest;
use crate::subject::Subject;
use crate::table::syscalls;

mod flags; // the flags
mod environment; // what the environment adds for cargo test
mod select; // the scenarios that the filters select
mod usage; // help, and wrong usage
mod subjects; // --subject and --subjects
mod bless; // --bless
mod tables; // the tables of a run, and the scenarios of one's own
mod setup; // --completions and --man
mod keys; // single keys of a terminal
mod pause; // --pause
mod archives; // --archive
mod traces; // -v
mod trials; // runs trials and prints their verdicts
mod records; // --record, --runs, --compare and --rerun-failed
mod stress; // --stress and --until-fail
mod start; // -E and -u
mod plan; // the command line and its files, checked
mod replay; // --replay and --show
mod conformance; // --conformance
mod coverage; // --coverage
mod ends; // what a signal brings about
mod mutants; // --mutants
mod explain; // --explain
mod run; // the live scenarios
mod rerun; // --watch
mod kernels; // --kernel
mod traced; // -- COMMAND and -p PID

use flags::Cli;
use subjects::Own;

/// What happens if live scenarios cannot run here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WithoutPrivilege {
    /// An error: exit 3.
    Refuse,
    /// The scenarios are listed as ignored, with the reason.
    Ignore,
}

/// The command `ior-it`.
pub fn main() -> ExitCode {
    if guest::is_init() {
        guest::run();
    }
    run_with(std::env::args_os(), scenarios::all().copied().collect(), WithoutPrivilege::Refuse, None)
}

/// The same trials as a test target of cargo. Without privileges they are ignored with the reason, unless `CI` is set.
pub fn main_of_test_target() -> ExitCode {
    test_target(None)
}

/// Runs all scenarios on another project's tracer. This is the whole `main` of a test with `harness = false`. The tracer is
/// made after the zygote has been forked: until then the process may have no second thread. The command line is that of
/// `ior-it`.
pub fn conformance(make: fn() -> Result<Box<dyn Subject>, Error>) -> ExitCode {
    test_target(Some(make))
}

fn test_target(own: Option<Own>) -> ExitCode {
    let in_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false" && value != "0");
    let without = if in_ci { WithoutPrivilege::Refuse } else { WithoutPrivilege::Ignore };
    let mut args = match environment::with_variables(std::env::args_os().collect(), |name| std::env::var_os(name)) {
        Ok(args) => args,
        Err(error) => {
            StandardStream::Error.line(&error.to_string());
            return error.exit.into();
        }
    };
    // In CI everything runs, unless the command line selects something.
    let chooses = ["--list", "--ignored", "--include-ignored"];
    if in_ci && !args.iter().any(|arg| chooses.iter().any(|chosen| arg == chosen)) {
        args.push("--include-ignored".into());
    }
    run_with(args.into_iter(), scenarios::all().copied().collect(), without, own)
}

fn run_with(
    args: impl Iterator<Item = std::ffi::OsString>,
    scenarios: Vec<Scenario>,
    without: WithoutPrivilege,
    own: Option<Own>,
) -> ExitCode {
    // As with other Unix tools, `ior-it --list | head -1` ends quietly. An error would be no use: nobody reads it.
    default_sigpipe();
    large_files_are_errors();
    if let Err(error) = rights::check_owner().and_then(|()| syscalls::check()) {
        StandardStream::Error.line(&error.to_string());
        return error.exit.into();
    }
    rights::put_aside();
    let args: Vec<OsString> = args.collect();
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => {
            return tell::exit_code(usage::say(error, &args) as u8).into();
        }
    };
    cli.libtest.choose_colours();
    if cli.command.is_empty() && args.last().is_some_and(|last| last == "--") {
        let error = Error::usage("there is no command after --", "such as `sudo ./ior-it -- ls -l`; `ior-it --help`");
        StandardStream::Error.line(&error.to_string());
        return error.exit.into();
    }
    match act(cli, scenarios, &args, without, own) {
        Ok(exit) => tell::exit_code(exit).into(),
        Err(error) => {
            StandardStream::Error.line(&error.to_string());
            error.exit.into()
        }
    }
}

/// Does what the command line asks for. Returns the exit code.
fn act(
    mut cli: Cli,
    scenarios: Vec<Scenario>,
    args: &[OsString],
    without: WithoutPrivilege,
    own: Option<Own>,
) -> Result<u8, Error> {
    if cli.bpf.is_some() {
        rights::refuse("--bpf")?;
    }
    pause::select_one(&mut cli);
    if let Some(printed) = setup::print(&cli) {
        return printed.map(|exit| exit as u8);
    }
    if cli.watch {
        return rerun::run(cli, scenarios, args).map(|exit| exit as u8);
    }
    let cli = &cli;
    if !cli.kernels.kernels.is_empty() {
        return kernels::run(cli, args, &scenarios);
    }
    let exit = match (&cli.show, cli.replay.as_slice(), cli.command.as_slice()) {
        _ if cli.coverage => coverage::run(cli, &scenarios)?,
        _ if cli.runs => records::list()?,
        _ if !cli.compare.is_empty() => records::compare(&cli.compare)?,
        _ if cli.list_subjects => subjects::list()?,
        (Some(file), _, _) => replay::show(file, plan::as_json(cli)?, &traces::TraceView::of(cli)?)?,
        (None, [], []) if !cli.trace.pids.is_empty() => {
            return command::attach(&cli.trace.pids, &traced::options(cli)?);
        }
        (None, [], []) if cli.mutants => mutants::run(cli, scenarios)?,
        (None, [], []) => run::run(plan::validated(cli, &scenarios, own)?, scenarios, without)?,
        (None, [], command) => return command::run(command, &traced::options(cli)?),
        (None, _, _) => replay::run(replay::validated(cli, &scenarios)?)?,
    };
    Ok(exit as u8)
}

#[allow(unsafe_code)]
fn default_sigpipe() {
    // SAFETY: no handler is installed, only the default action; there is no other thread yet.
    let _ =
        unsafe { nix::sys::signal::signal(nix::sys::signal::Signal::SIGPIPE, nix::sys::signal::SigHandler::SigDfl) };
}

/// Makes a file that exceeds `ulimit -f` an error (EFBIG) instead of the end of the process (SIGXFSZ, setrlimit(2)). A traced
/// program keeps the signal's disposition as it was (src/child/zygote/program.rs).
#[allow(unsafe_code)]
fn large_files_are_errors() {
    // SAFETY: no handler is installed; there is no other thread yet.
    let _ =
        unsafe { nix::sys::signal::signal(nix::sys::signal::Signal::SIGXFSZ, nix::sys::signal::SigHandler::SigIgn) };
}
