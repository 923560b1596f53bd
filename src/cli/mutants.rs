//! `--mutants`: the object with one thing wrong at a time, against the suite.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use super::ends;
use super::flags::{Cli, OutputFormat};
use super::select;
use super::tables::tables;
use crate::base::error::{Error, Exit};
use crate::base::escape;
use crate::base::tell::{self, StandardStream};
use crate::child::scenario::Scenario;
use crate::judge::expectation::errors::near_or_all;
use crate::judge::expectation::{Expectation, Expectations};
use crate::mutants::bench::Bench;
use crate::mutants::edited::Sources;
use crate::mutants::fate::{Count, Fate, JudgedMutant};
use crate::mutants::image::Image;
use crate::mutants::listed::Listed;
use crate::mutants::plan::{self as mutants_plan, Mutant};
use crate::mutants::report::MutantsReport;
use crate::session::{Options, Prepared};
use crate::watch::tracer;

static EMBEDDED_LIST: &str = include_str!("../../mutants.toml");

/// What the command line asks for, checked.
struct MutantsAsked {
    image: (String, Image, Option<Sources>),
    mutants: Vec<Mutant>,
    planned: usize,
    listed: Listed,
    jobs: usize,
    json: bool,
    witness: bool,
}

/// Runs the mutants that the command line asks for, and says what came out.
pub fn run(cli: &Cli, scenarios: Vec<Scenario>) -> Result<Exit, Error> {
    let names: Vec<&'static str> = scenarios.iter().map(|scenario| scenario.name).collect();
    let expectations = tables(cli, &names)?.of_the_suite();
    let selected = select::select(cli, &names)?;
    let asked = asked(cli)?;
    tracer::check_machine()?;
    let options = options(cli, asked.jobs);
    let tracer = options.tracer.clone();
    let session = Prepared::new(scenarios, options)?.load()?;
    let interrupted = Arc::new(AtomicBool::new(false));
    let zygote = session.shared_zygote();
    ends::on_signals(&interrupted, move || {
        zygote.interrupt();
        tell::last_words("\ninterrupted: the children are killed, the workspaces removed");
        std::process::exit(Exit::Interrupted as i32);
    })?;
    let judging = judging(&expectations, &names, &selected);
    let MutantsAsked { image, mutants, planned, listed, jobs, json, witness } = asked;
    let object = image.0.clone();
    let made = Bench::new(session, tracer, image, &judging, witness);
    let bench = ends::unless_interrupted(&interrupted, made)?;
    let judged = judge_all(&bench, mutants, jobs, &interrupted)?;
    let (scenarios, left_out) = (bench.scenes(), bench.left_out().to_vec());
    let report = MutantsReport { object, planned, scenarios, left_out, witness, judged, listed };
    StandardStream::Out.line(&if json { report.json() } else { report.text() });
    Ok(if report.is_good() { Exit::Success } else { Exit::Failed })
}

fn asked(cli: &Cli) -> Result<MutantsAsked, Error> {
    let json = match cli.libtest.format {
        None | Some(OutputFormat::Pretty) => false,
        Some(OutputFormat::Json) => true,
        Some(OutputFormat::Terse | OutputFormat::Junit | OutputFormat::Ktap | OutputFormat::Github) => {
            return Err(Error::usage("--mutants has no such --format", "--format json is for machines"));
        }
    };
    let listed = listed(cli)?;
    let (name, bytes) = tracer::object(cli.bpf.as_deref())?;
    let image = Image::parse(&name, bytes)?;
    let sources = cli.source.then(Sources::read).transpose()?;
    let all = sources.as_ref().map_or_else(|| mutants_plan::all(&image), Sources::mutants);
    check_places(&cli.functions, &name, &image, &all)?;
    let is_asked = |mutant: &Mutant| cli.functions.is_empty() || cli.functions.iter().any(|named| is_in(mutant, named));
    let planned = all.len();
    let mut mutants: Vec<Mutant> = all.into_iter().filter(is_asked).collect();
    if let Some(count) = cli.sample {
        mutants = mutants_plan::sample(mutants, count as usize, cli.seed.unwrap_or(1));
    }
    if mutants.is_empty() {
        return Err(Error::usage(format!("{name} has no mutant there"), "without --in, all functions are mutated"));
    }
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = cli.jobs.map_or(2 * cpus, |jobs| jobs as usize).min(mutants.len());
    Ok(MutantsAsked { image: (name, image, sources), mutants, planned, listed, jobs, json, witness: cli.witness })
}

/// Whether a mutant is in the function or in the file of this name. A file may be named without its folders.
fn is_in(mutant: &Mutant, named: &str) -> bool {
    let is_of_file =
        mutant.line.file.strip_suffix(named).is_some_and(|folder| folder.is_empty() || folder.ends_with('/'));
    is_of_file || mutant.functions.iter().any(|function| function == named)
}

/// Each function that is named is one of the object's, or a file with mutants.
fn check_places(named: &[String], object: &str, image: &Image, mutants: &[Mutant]) -> Result<(), Error> {
    let all: Vec<&str> = image.functions().iter().map(|function| function.name.as_str()).collect();
    let is_known = |name: &str| all.contains(&name) || mutants.iter().any(|mutant| is_in(mutant, name));
    match named.iter().find(|name| !is_known(name.as_str())) {
        Some(unknown) => Err(Error::usage(
            format!("{object} has no function or file `{}` with mutants", escape::line(unknown)),
            near_or_all(unknown, &all),
        )),
        None => Ok(()),
    }
}

fn listed(cli: &Cli) -> Result<Listed, Error> {
    match &cli.listed {
        Some(path) => {
            let shown = escape::path(path);
            let read = |path: &Path| std::fs::read_to_string(path);
            let text = read(path).map_err(|error| {
                Error::usage(format!("--listed {shown}: {error}"), "docs/mutants.md describes the format")
            })?;
            Listed::parse(&shown, &text)
        }
        None if cli.bpf.is_some() => Ok(Listed::default()),
        None => Listed::parse("mutants.toml", EMBEDDED_LIST),
    }
}

fn options(cli: &Cli, lanes: usize) -> Options {
    let ring_size = cli.ring_size.unwrap_or(tracer::RING_SIZE);
    let tracer = tracer::TracerOptions {
        bpf: cli.bpf.clone(),
        ring_size,
        data: tracer::MOST_DATA,
        ..tracer::TracerOptions::default()
    };
    Options { lanes, tracer, keep: cli.keep, ..Options::default() }
}

/// The scenarios that judge: those that are selected and run by themselves.
fn judging<'e>(
    expectations: &'e Expectations,
    names: &[&'static str],
    selected: &[String],
) -> Vec<(&'static str, &'e Expectation)> {
    let chosen = names.iter().filter(|&&name| selected.iter().any(|selected| selected == name));
    let found = chosen.filter_map(|&name| Some((name, expectations.get(name)?)));
    found.filter(|(_, expectation)| expectation.ignored.is_none()).collect()
}

/// What is judged so far.
#[derive(Default)]
struct Done {
    judged: Vec<(usize, JudgedMutant)>,
    count: Count,
    failed: Option<Error>,
}

/// Judges the mutants, some at a time. The first error ends it.
fn judge_all(
    bench: &Bench<'_>,
    mutants: Vec<Mutant>,
    jobs: usize,
    interrupted: &AtomicBool,
) -> Result<Vec<JudgedMutant>, Error> {
    let all = mutants.len();
    let queue = Mutex::new(mutants.into_iter().enumerate());
    let done = Mutex::new(Done::default());
    std::thread::scope(|threads| {
        for _ in 0..jobs {
            threads.spawn(|| {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((number, mutant)) = next else { return };
                    let one = ends::unless_interrupted(interrupted, bench.judge(mutant));
                    if !add(&done, number, one, all) {
                        return;
                    }
                }
            });
        }
    });
    let Done { mut judged, failed, .. } = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(error) = failed {
        return Err(error);
    }
    judged.sort_by(|(_, one), (_, other)| {
        let key = |one: &JudgedMutant| (one.mutant.line.clone(), one.mutant.change.clone());
        key(one).cmp(&key(other))
    });
    Ok(judged.into_iter().map(|(_, one)| one).collect())
}

/// Notes a judgement. False if there was an error: then no further mutant is judged.
fn add(done: &Mutex<Done>, number: usize, one: Result<JudgedMutant, Error>, all: usize) -> bool {
    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
    match one {
        Ok(one) => {
            done.count.add(&one.fate);
            say(&done.count, &one, all);
            done.judged.push((number, one));
        }
        Err(error) => done.failed = Some(error),
    }
    done.failed.is_none()
}

/// The progress: on a terminal a line that is written again and again, else one now and then. Survivors are said at once.
fn say(count: &Count, one: &JudgedMutant, all: usize) {
    const NOW_AND_THEN: usize = 250;
    let is_terminal = StandardStream::Error.is_terminal();
    let (clear, end) = if is_terminal { ("\r\x1b[K", "") } else { ("", "\n") };
    if one.fate == Fate::Survived {
        let line = &one.mutant.line;
        let change = format!("survived: {}:{}: {}", line.file, line.line, one.mutant.change);
        StandardStream::Error.raw(&format!("{clear}{}\n", escape::line(&change)));
    }
    if is_terminal || count.all().is_multiple_of(NOW_AND_THEN) {
        let killed = count.killed + count.killed_by_witness;
        let sums = format!("{} of {all}: {killed} killed, {} survived", count.all(), count.survived);
        StandardStream::Error.raw(&format!("{clear}{sums}{end}"));
    }
    if is_terminal && count.all() == all {
        StandardStream::Error.raw(clear);
    }
}
