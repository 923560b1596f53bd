//! `--replay` and `--show`: judges and prints archives, without privileges, kernel or BPF.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::flags::{Cli, LibtestFlags};
use super::plan::threads;
use super::select;
use super::tables::{SuiteTables, tables};
use super::traces::{KeptTraces, TraceView};
use super::trials::page::PageParts;
use super::trials::{self, Trial, TrialOptions};
use crate::archive::{self, SUFFIX};
use crate::base::error::{Error, Exit};
use crate::base::tell::StandardStream;
use crate::child::scenario::Scenario;
use crate::judge::verdict::{Verdict, judge_with};

/// What `--replay` will do, checked.
pub struct Replay {
    libtest: LibtestFlags,
    threads: usize,
    selected: Vec<String>,
    archives: Vec<Archived>,
    tables: SuiteTables,
    view: TraceView,
    fail_fast: bool,
    all_reports: bool,
}

/// One archive.
struct Archived {
    /// The scenario, and the file if several archives have the same scenario.
    name: String,
    scenario: String,
    path: PathBuf,
}

/// Reads all archives once, so that all errors come before the first verdict.
pub fn validated(cli: &Cli, scenarios: &[Scenario]) -> Result<Replay, Error> {
    let threads = threads(&cli.libtest)?;
    let known: Vec<&str> = scenarios.iter().map(|scenario| scenario.name).collect();
    let tables = tables(cli, &known)?;
    let known: Vec<&str> = known.into_iter().chain(tables.own()).collect();
    let archives = named(checked(&files(&cli.replay)?, &known)?);
    let names: Vec<&str> = archives.iter().map(|archived| archived.name.as_str()).collect();
    let selected = select::select(cli, &names)?;
    Ok(Replay {
        libtest: cli.libtest.clone(),
        threads,
        selected,
        archives,
        tables,
        view: TraceView::of(cli)?,
        fail_fast: cli.fail_fast,
        all_reports: cli.all_reports,
    })
}

/// The files on the command line, and the archives in its folders, each once.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let mut files: Vec<PathBuf> = Vec::new();
    for path in paths {
        let cannot = |error: std::io::Error| {
            Error::usage(
                format!("--replay {}: {error}", crate::base::escape::path(path)),
                "--replay takes all that follows it: a FILTER goes before it",
            )
            .because(error)
        };
        if !std::fs::metadata(path).map_err(cannot)?.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
        let inside = entries.map_err(cannot)?.into_iter().map(|entry| entry.path());
        let mut inside: Vec<PathBuf> = inside.filter(|path| path.to_string_lossy().ends_with(SUFFIX)).collect();
        inside.sort();
        files.extend(inside);
    }
    if files.is_empty() {
        let paths: Vec<String> = paths.iter().map(|path| crate::base::escape::path(path)).collect();
        return Err(Error {
            exit: Exit::NothingRan,
            ..Error::usage(
                format!("there is no archive in {}", paths.join(", ")),
                format!("`ior-it --archive DIR` writes archives: DIR/SCENARIO{SUFFIX}"),
            )
        });
    }
    let mut seen = std::collections::HashSet::new();
    files.retain(|file| seen.insert(file.canonicalize().unwrap_or_else(|_| file.clone())));
    Ok(files)
}

/// The scenario of each archive, or all errors at once.
fn checked(files: &[PathBuf], known: &[&str]) -> Result<Vec<(String, PathBuf)>, Error> {
    let mut errors = Vec::new();
    let mut archives = Vec::new();
    for path in files {
        match archive::check(path) {
            Ok(origin) if known.contains(&origin.scenario.as_str()) => archives.push((origin.scenario, path.clone())),
            Ok(origin) => errors.push(Error::usage(
                format!("{}: there is no scenario {:?}", crate::base::escape::path(path), origin.scenario),
                "`ior-it --list` names them all; --tests FILE adds your own",
            )),
            Err(error) => errors.push(error),
        }
    }
    match errors.len() {
        0 => Ok(archives),
        1 => Err(errors.remove(0)),
        count => {
            let each: Vec<String> = errors.iter().map(Error::to_string).collect();
            Err(Error::usage(
                format!("{count} of {} archives cannot be used", files.len()),
                "docs/archive.md describes the format",
            )
            .with_details(format!("\n{}\n", each.join("\n\n"))))
        }
    }
}

fn named(archives: Vec<(String, PathBuf)>) -> Vec<Archived> {
    let mut times: HashMap<String, usize> = HashMap::new();
    for (scenario, _) in &archives {
        *times.entry(scenario.clone()).or_default() += 1;
    }
    let named = |(scenario, path): (String, PathBuf)| {
        let name = if times[&scenario] == 1 {
            scenario.clone()
        } else {
            format!("{scenario} ({})", crate::base::escape::path(&path))
        };
        Archived { name, scenario, path }
    };
    archives.into_iter().map(named).collect()
}

/// Judges the selected archives.
pub fn run(mut replay: Replay) -> Result<Exit, Error> {
    let traces = Arc::new(KeptTraces::new(std::mem::take(&mut replay.view))?);
    let archives = std::mem::take(&mut replay.archives);
    let replay = Arc::new(replay);
    let trial = |archived: Archived| {
        let (replay, traces) = (Arc::clone(&replay), Arc::clone(&traces));
        Trial::new(archived.name.clone(), move || replay.verdict(&archived, &traces))
    };
    let options = TrialOptions {
        libtest: replay.libtest.clone(),
        threads: replay.threads,
        selected: replay.selected.clone(),
        fail_fast: replay.fail_fast,
        all_reports: replay.all_reports,
        tiers: false,
        file: replay.tables.file.clone(),
        coming: Arc::default(),
    };
    let done = trials::run(&options, archives.into_iter().map(trial).collect())?;
    let exit = traces.print(&replay.libtest, &replay.selected, done.sums.exit());
    traces.finish(|pictures, sums| {
        trials::page::text(&done, "From archives.", &PageParts { pictures, sums, timings: None })
    })?;
    Ok(if replay.libtest.list { Exit::Success } else { exit })
}

impl Replay {
    fn verdict(&self, archived: &Archived, traces: &KeptTraces) -> Verdict {
        let Archived { name, scenario, path } = archived;
        let read = match archive::load(path) {
            Ok(read) => read,
            Err(error) => return Verdict::Fail(error.to_string().into()),
        };
        traces.keep(name, &read.observed);
        let Some(expectation) = self.tables.get(scenario) else {
            return Verdict::Fail(format!("BUG: {scenario} has no table in {}", self.tables.file).into());
        };
        judge_with(
            expectation,
            self.tables.file_of(scenario),
            &read.observed,
            &format!("./ior-it --replay {}", crate::base::escape::path(path)),
        )
    }
}

/// Prints the trace in an archive, as strace would write it or as JSON lines.
pub fn show(path: &Path, as_json: bool, view: &TraceView) -> Result<Exit, Error> {
    let archive = archive::load(path)?;
    let trace = &archive.observed.trace;
    if as_json {
        view.lines(trace).iter().for_each(|line| StandardStream::Out.line(line));
        return Ok(Exit::Success);
    }
    let lost: String = trace.losses().sentences().iter().map(|loss| format!("# lost: {loss}\n")).collect();
    let text = format!("# {}\n{lost}{}", archive.headline(), view.text(trace));
    StandardStream::Out.line(text.trim_end_matches('\n'));
    Ok(Exit::Success)
}
