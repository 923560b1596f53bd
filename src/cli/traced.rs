//! `-- COMMAND` and `-p PID`: the flags, checked.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use super::flags::{Cli, TraceFlags};
use super::plan::as_json;
use super::subjects;
use crate::base::error::Error;
use crate::charts::ChartFiles;
use crate::child::zygote::{ProgramStart, ProgramUser};
use crate::command::{CommandOptions, Ends, LineTimes, ShownCalls};
use crate::table::selection::Selection;

/// How to trace.
pub fn options(cli: &Cli) -> Result<CommandOptions, Error> {
    let flags = &cli.trace;
    let to_lines =
        cli.output.as_ref().is_some_and(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    let json = as_json(cli)? || to_lines;
    if json && flags.summary {
        return Err(Error::usage("--summary has no JSON lines", "without --summary, each call is a line"));
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
        data: if flags.summary { 0 } else { flags.data },
        json,
        selection: Selection::union(&flags.selections),
        shown: shown(cli)?,
        sort: flags.sort,
        start: start(flags)?,
        charts: ChartFiles {
            html: flags.html.clone(),
            flamegraph: flags.flamegraph.clone(),
            weight: flags.flamegraph_by,
            timeline: flags.timeline.clone(),
        },
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

fn shown(cli: &Cli) -> Result<ShownCalls, Error> {
    let flags = &cli.trace;
    let times = match (flags.times, flags.relative_times) {
        (_, true) => LineTimes::Relative,
        (0, _) => LineTimes::None,
        (1, _) => LineTimes::Seconds,
        (2, _) => LineTimes::Microseconds,
        (_, _) => LineTimes::Epoch,
    };
    let ends = match (flags.successful_only, flags.failed_only) {
        (true, _) => Ends::Successful,
        (_, true) => Ends::Failed,
        (false, false) => Ends::All,
    };
    let separate = flags.forks > 1;
    let is_file = cli.output.as_ref().is_some_and(|path| !path.as_os_str().as_bytes().starts_with(b"|"));
    if separate && !is_file {
        return Err(Error::usage("-ff writes files, and needs --output FILE", "as in `-ff -o trace`: trace.PID"));
    }
    // As it is given to the call, and as the kernel knows it.
    let both = flags.paths.iter().flat_map(|path| [Some(path.clone()), path.canonicalize().ok()]);
    let paths = both.flatten().map(|path| path.into_os_string().into_vec()).collect();
    Ok(ShownCalls { times, ends, paths, relative: flags.relative_paths, separate })
}

fn start(flags: &TraceFlags) -> Result<ProgramStart, Error> {
    let user = flags.user.as_deref().map(ProgramUser::named).transpose()?;
    let variables = flags.variables.iter().map(|text| variable(text)).collect::<Result<_, _>>()?;
    Ok(ProgramStart { variables, user })
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
