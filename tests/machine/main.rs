//! The tests that start `ior-it` or trace themselves. They are one program, because each program needs a link step.
//!
//! Each group runs in its own process, so that its zygotes are forked before it has a second thread.
//! `cargo test --test machine clean` runs each group with "clean" in its name.

#[macro_use]
mod support;

mod burst;
mod clean;
mod cli;
mod command;
mod controls;
mod cost;
#[path = "../costs/mod.rs"]
mod costs;
mod damaged;
mod ends;
mod folders;
mod gate;
mod generated;
mod kernels;
mod leads;
mod left;
mod mutants;
mod mutations;
mod objects;
mod outputs;
mod page;
mod pids;
mod prototypes;
mod real;
mod recipe;
mod rerun;
mod refused;
mod rights;
mod subjects;
mod witness;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use nix::sys::signal::{SigHandler, Signal, signal};

/// Tells this program which group to run.
const GROUP: &str = "IOR_IT_TEST_GROUP";

type Group = (&'static str, fn() -> ExitCode);

const GROUPS: [Group; 28] = [
    ("cli", cli::main),
    ("controls", controls::main),
    ("clean", clean::main),
    ("command", command::main),
    ("burst", burst::main),
    ("witness", witness::main),
    ("leads", leads::main),
    ("generated", generated::main),
    ("outputs", outputs::main),
    ("ends", ends::main),
    ("rights", rights::main),
    ("folders", folders::main),
    ("left", left::main),
    ("rerun", rerun::main),
    ("gate", gate::main),
    ("pids", pids::main),
    ("refused", refused::main),
    ("damaged", damaged::main),
    ("cost", cost::main),
    ("mutations", mutations::main),
    ("mutants", mutants::main),
    ("subjects", subjects::main),
    ("objects", objects::main),
    ("prototypes", prototypes::main),
    ("page", page::main),
    ("kernels", kernels::main),
    ("recipe", recipe::main),
    ("real", real::main),
];

fn main() -> ExitCode {
    if let Ok(work) = std::env::var(command::WORK) {
        return command::works(&work);
    }
    if let Ok(work) = std::env::var(left::WORK) {
        return left::works(&work);
    }
    if let Ok(work) = std::env::var(pids::WORK) {
        return pids::works(&work);
    }
    if let Ok(kind) = std::env::var(objects::WORK) {
        return objects::works(&kind);
    }
    if std::env::var_os(cli::misuse::TARGET).is_some() {
        return ior_it::support::cli::main_of_test_target();
    }
    match std::env::var(GROUP) {
        Ok(named) => GROUPS.iter().find(|group| group.0 == named).map_or(ExitCode::from(2), |group| group.1()),
        Err(_) => all(),
    }
}

/// Under nohup(1) or after `&` in a script, this process and its children would ignore signals that the tests send.
#[allow(unsafe_code)]
fn heed_signals() {
    for ignored in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM] {
        // SAFETY: no handler is installed, only the default action.
        let _ = unsafe { signal(ignored, SigHandler::SigDfl) };
    }
}

/// Runs every group, or those that the filter selects, and fails if one of them fails.
fn all() -> ExitCode {
    heed_signals();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let is_named = |group: &str| args.iter().any(|arg| arg == group);
    let any_is_named = GROUPS.iter().any(|group| is_named(group.0));
    let chosen = GROUPS.iter().filter(|group| !any_is_named || is_named(group.0));
    let failed = chosen.filter(|group| !passes(group.0, &args)).count();
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(101) }
}

/// Each group has its own TMPDIR and must leave it empty. If the group is killed, its files go with the folder.
fn passes(group: &str, args: &[String]) -> bool {
    let run = || {
        let temp = tempfile::tempdir()?;
        // Independent of the umask, because some tests run as another user.
        std::fs::set_permissions(temp.path(), PermissionsExt::from_mode(0o755))?;
        let mut command = Command::new(std::env::current_exe()?);
        let status = command.args(args).env(GROUP, group).env("TMPDIR", temp.path()).status()?;
        std::io::Result::Ok((status.success(), left_in(temp.path())?))
    };
    let (passed, left) = run().unwrap_or_else(|error| {
        eprintln!("error: the group {group} could not be run: {error}");
        (false, Vec::new())
    });
    if !left.is_empty() {
        eprintln!("error: the group {group} has left behind: {}", left.join(", "));
    }
    passed && left.is_empty()
}

/// How long a zygote may take to clean up after a run that was killed.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is left in a folder.
fn left_in(folder: &Path) -> std::io::Result<Vec<String>> {
    let begin = Instant::now();
    loop {
        let left = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        let left: Vec<String> = left.collect::<std::io::Result<_>>()?;
        if left.is_empty() || begin.elapsed() > PATIENCE {
            return Ok(left);
        }
        std::thread::yield_now();
    }
}
