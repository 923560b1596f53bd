//! `--coverage`: which calls the tables show.

use super::flags::Cli;
use super::plan;
use super::tables::tables;
use crate::base::error::{Error, Exit};
use crate::base::tell::StandardStream;
use crate::child::scenario::Scenario;
use crate::judge::coverage::{Coverage, calls_in, text};

static EXCUSES: &str = include_str!("../../coverage.toml");

/// Prints the table. A fault is a failure.
pub fn run(cli: &Cli, scenarios: &[Scenario]) -> Result<Exit, Error> {
    let names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name).collect();
    let expectations = tables(cli, &names)?.of_the_suite();
    // Where it cannot be read, the column says so.
    let kernel = std::fs::read_to_string("/proc/kallsyms").ok().and_then(|text| calls_in(&text));
    let coverage = Coverage::of(&expectations, kernel.as_ref(), EXCUSES)?;
    let shown = if plan::as_json(cli)? { json(&coverage)? } else { text(&coverage) };
    StandardStream::Out.line(&shown);
    Ok(if coverage.faults.is_empty() { Exit::Success } else { Exit::Failed })
}

fn json(coverage: &Coverage) -> Result<String, Error> {
    serde_json::to_string(coverage)
        .map_err(|error| Error::scenario(format!("BUG: no JSON: {error}"), "leave out --format json"))
}
