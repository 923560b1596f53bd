//! `-- COMMAND` and `-p PID`: the flags, checked.

use super::flags::Cli;
use super::plan::as_json;
use super::start;
use super::subjects;
use super::traces::{chart_files, goes_to_lines, no_lines_of_a_table, shown};
use crate::base::error::Error;
use crate::command::CommandOptions;
use crate::table::selection::Selection;

/// How many bytes of data strace(1) shows by default.
const SHOWN_DATA: u32 = 32;

/// How to trace.
pub fn options(cli: &Cli) -> Result<CommandOptions, Error> {
    let flags = &cli.trace;
    let json = as_json(cli)? || goes_to_lines(cli);
    if json && flags.summary {
        return Err(no_lines_of_a_table());
    }
    Ok(CommandOptions {
        follow: !flags.no_follow,
        summary: flags.summary,
        quiet: cli.libtest.quiet,
        output: cli.output.clone(),
        archive: cli.archive.clone(),
        witness: cli.witness,
        bpf: cli.bpf.clone(),
        ring_size: cli.ring_size,
        by_perf: cli.perf_events,
        subject: subjects::for_command(cli)?,
        // The table has no data: then nobody pays for it.
        data: if flags.summary { 0 } else { flags.data.unwrap_or(SHOWN_DATA) },
        json,
        selection: Selection::union(&flags.selections),
        shown: shown(cli)?,
        sort: flags.sort.unwrap_or_default(),
        start: start::asked_for(flags)?,
        charts: chart_files(flags),
        title: title(cli),
    })
}

/// What the trace is of.
fn title(cli: &Cli) -> String {
    let words: Vec<_> = cli.command.iter().map(|word| word.to_string_lossy()).collect();
    let pids: Vec<String> = cli.trace.pids.iter().map(u32::to_string).collect();
    match pids.len() {
        0 => shlex::try_join(words.iter().map(AsRef::as_ref)).unwrap_or_default(),
        1 => format!("process {}", pids[0]),
        _ => format!("processes {}", pids.join(", ")),
    }
}
