//! `-- COMMAND` and `-p PID`: the flags, checked.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use super::flags::{Cli, TraceFlags};
use super::plan::as_json;
use super::subjects;
use super::traces::{chart_files, goes_to_lines, no_lines_of_a_table, shown};
use crate::base::error::Error;
use crate::child::start::{ProgramStart, ProgramUser};
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
        subject: subjects::for_command(cli)?,
        // The table has no data: then nobody pays for it.
        data: if flags.summary { 0 } else { flags.data.unwrap_or(SHOWN_DATA) },
        json,
        selection: Selection::union(&flags.selections),
        shown: shown(cli)?,
        sort: flags.sort.unwrap_or_default(),
        start: start(flags)?,
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

/// How a command starts, and those of scenarios of one's own.
pub fn start(flags: &TraceFlags) -> Result<ProgramStart, Error> {
    let user = flags.user.as_deref().map(ProgramUser::named).transpose()?;
    let variables = flags.variables.iter().map(|text| variable(text)).collect::<Result<_, _>>()?;
    Ok(ProgramStart { variables, user })
}

/// The flags that say so, such as ` -u nobody`.
pub fn start_flags(flags: &TraceFlags) -> String {
    let variables = flags.variables.iter().map(|text| ("-E", text.to_string_lossy()));
    let all = variables.chain(flags.user.iter().map(|user| ("-u", user.into())));
    all.filter_map(|(flag, value)| Some(format!(" {flag} {}", shlex::try_quote(&value).ok()?))).collect()
}

/// `VAR=VALUE`, or `VAR` for none.
fn variable(text: &OsStr) -> Result<(OsString, Option<OsString>), Error> {
    let bytes = text.as_bytes();
    let (name, value) = match bytes.iter().position(|&byte| byte == b'=') {
        Some(at) => (&bytes[..at], Some(OsString::from_vec(bytes[at + 1..].to_vec()))),
        None => (bytes, None),
    };
    if name.is_empty() {
        let hint = "as in `-E LANG=C`; without =VALUE the variable is removed";
        return Err(Error::usage("--env: the name of the variable is missing", hint));
    }
    Ok((OsString::from_vec(name.to_vec()), value))
}
