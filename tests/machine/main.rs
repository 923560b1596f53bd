//! The tests that start `ior-it` or trace by themselves. One program for all, since each costs a link of its own.
//!
//! They come in groups, each of which runs in a process of its own: its zygotes are forked before it has a thread.
//! `cargo test --test machine clean` runs one group, or whatever else has "clean" in its name.

#[macro_use]
mod support;

mod burst;
mod clean;
mod cli;
mod command;
mod controls;
mod damaged;
mod ends;
mod generated;
mod leads;
mod left;
mod mutations;
mod outputs;
mod pids;
mod real;
mod refused;
mod rights;
mod witness;

use std::process::{Command, ExitCode};

/// Says to this program which of its groups it is to run.
const GROUP: &str = "IOR_IT_TEST_GROUP";

type Group = (&'static str, fn() -> ExitCode);

const GROUPS: [Group; 17] = [
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
    ("left", left::main),
    ("pids", pids::main),
    ("refused", refused::main),
    ("damaged", damaged::main),
    ("mutations", mutations::main),
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
    match std::env::var(GROUP) {
        Ok(named) => GROUPS.iter().find(|group| group.0 == named).map_or(ExitCode::from(2), |group| group.1()),
        Err(_) => all(),
    }
}

/// Runs every group, or the one that is a filter, and fails if one of them does.
fn all() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let is_named = |group: &str| args.iter().any(|arg| arg == group);
    let any_is_named = GROUPS.iter().any(|group| is_named(group.0));
    let chosen = GROUPS.iter().filter(|group| !any_is_named || is_named(group.0));
    let failed = chosen.filter(|group| !passes(group.0, &args)).count();
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(101) }
}

fn passes(group: &str, args: &[String]) -> bool {
    let run = || Command::new(std::env::current_exe()?).args(args).env(GROUP, group).status();
    match run() {
        Ok(status) => status.success(),
        Err(error) => {
            eprintln!("error: the group {group} could not be run: {error}");
            false
        }
    }
}
