//! Runs trials and prints their verdicts, as a test program of Rust does: one trial for each scenario.
//!
//! The printers are told of each verdict when it is there, and of all of them at the end. They decide nothing.

use std::borrow::Cow;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use super::flags::{LibtestFlags, OutputFormat};
use crate::base::error::{Error, Exit};
use crate::base::escape;
use crate::judge::report::Report;
use crate::judge::verdict::{Tally, Verdict};

pub mod coming; // what runs next
mod quiet; // no output
mod output; // where the verdicts go, and with which colours
mod groups; // verdicts with the same cause
mod text; // --format pretty and terse
mod json; // --format json
mod junit; // --format junit
mod ktap; // --format ktap
mod github; // --format github
pub mod page; // --html
pub mod progress; // the bar of a long run

use coming::ComingTrials;
use output::TrialOutput;
use quiet::Quiet;

/// One scenario to run, or one archive to judge.
pub struct Trial {
    name: TrialName,
    is_ignored: bool,
    is_basic: bool,
    /// How long it took, if that was measured before.
    took: Option<Duration>,
    judge: Box<dyn FnOnce() -> Verdict + Send>,
}

/// A trial's name, and what it is about if there are several trials of one name: the subject.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TrialName {
    pub kind: Option<String>,
    pub name: String,
}

impl std::fmt::Display for TrialName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.kind {
            Some(kind) => write!(f, "[{kind}] {}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// What became of a trial.
#[derive(Clone, Debug)]
pub enum TrialOutcome {
    /// It ran, and this is the verdict.
    Judged(Verdict),
    /// It did not run, for this reason. Nothing is known of it.
    NotRun(&'static str),
}

/// A trial that is over.
#[derive(Clone, Debug)]
pub struct TrialDone {
    /// Its place among all trials.
    pub number: usize,
    pub name: TrialName,
    pub outcome: TrialOutcome,
    pub took: Duration,
}

/// What the command line says of trials.
#[derive(Clone, Debug)]
pub struct TrialOptions {
    pub libtest: LibtestFlags,
    /// How many run at a time.
    pub threads: usize,
    /// The names that are selected.
    pub selected: Vec<String>,
    /// Whether none begins after one that fails or is inconclusive.
    pub fail_fast: bool,
    /// Whether each report is printed, and all of it.
    pub all_reports: bool,
    /// Whether nothing else runs if a trial of the basic tier fails or is inconclusive.
    pub tiers: bool,
    /// The name of the expectations' file in reports.
    pub file: String,
    /// Told what comes.
    pub coming: Arc<ComingTrials>,
}

/// A run that is over.
#[derive(Clone, Debug)]
pub struct TrialRun {
    pub sums: TrialSums,
    /// The trials in their order.
    pub done: Vec<TrialDone>,
}

/// Why trials have not run.
const FAIL_FAST: &str = "--fail-fast";
const CUT_SHORT: &str = "the run was cut short";
const BASIC_IS_RED: &str = "the basic tier is red";

/// The sums of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrialSums {
    pub tally: Tally,
    /// Trials that did not run because the run ended before them.
    pub not_run: usize,
    /// Trials that were not selected.
    pub filtered_out: usize,
}

impl TrialOutcome {
    /// Whether it fails or is inconclusive.
    pub fn is_red(&self) -> bool {
        match self {
            Self::Judged(Verdict::Fail(_) | Verdict::Inconclusive(_)) => true,
            Self::Judged(Verdict::Pass | Verdict::Skip(_)) | Self::NotRun(_) => false,
        }
    }
}

impl TrialDone {
    /// Whether the run was cut short before it.
    pub fn is_cut(&self) -> bool {
        matches!(self.outcome, TrialOutcome::NotRun(CUT_SHORT))
    }

    /// Whether it did not run because the basic tier is red.
    pub fn is_of_another_tier(&self) -> bool {
        matches!(self.outcome, TrialOutcome::NotRun(BASIC_IS_RED))
    }
}

impl TrialSums {
    fn add(&mut self, outcome: &TrialOutcome) {
        match outcome {
            TrialOutcome::Judged(verdict) => self.tally.add(verdict),
            TrialOutcome::NotRun(_) => self.not_run += 1,
        }
    }

    /// The exit code of the process.
    pub fn exit(&self) -> Exit {
        self.tally.exit()
    }
}

/// The word for a whole run.
fn word(tally: &Tally) -> &'static str {
    match tally {
        Tally { failed: 1.., .. } => "failed",
        Tally { inconclusive: 1.., .. } => "inconclusive",
        Tally { .. } => "ok",
    }
}

/// Prints the verdicts in one form.
trait Printer {
    /// The run begins, with so many trials.
    fn begin(&mut self, trials: usize, seed: Option<u64>);
    /// A trial begins, or has ended if several run at a time.
    fn announce(&mut self, name: &TrialName);
    /// A trial is over.
    fn done(&mut self, done: &TrialDone);
    /// The run is over. The trials are in order.
    fn end(&mut self, all: &[TrialDone], sums: &TrialSums, took: Duration);
}

impl Trial {
    pub fn new(name: impl Into<String>, judge: impl FnOnce() -> Verdict + Send + 'static) -> Self {
        Self {
            name: TrialName { kind: None, name: escape::line(&name.into()).into_owned() },
            is_ignored: false,
            is_basic: false,
            took: None,
            judge: Box::new(judge),
        }
    }

    /// The same with a kind.
    pub fn with_kind(mut self, kind: &str) -> Self {
        self.name.kind = Some(escape::line(kind).into_owned());
        self
    }

    /// The same as one of the basic tier, whose trials run first.
    pub fn in_basic_tier(self, is_basic: bool) -> Self {
        Self { is_basic, ..self }
    }

    /// The same with this time, which was measured before.
    pub fn with_time(self, took: Duration) -> Self {
        Self { took: Some(took), ..self }
    }

    /// The same as one that `--ignored` selects.
    pub fn with_ignored_flag(self, is_ignored: bool) -> Self {
        Self { is_ignored, ..self }
    }
}

/// Runs the selected trials, or lists them, and prints what becomes of them.
pub fn run(options: &TrialOptions, trials: Vec<Trial>) -> Result<TrialRun, Error> {
    TrialOutput::open(options).map(|output| run_to(options, trials, output))
}

/// Runs the selected trials and prints nothing. When `is_over` says so, no further trial begins.
pub fn run_quietly(options: &TrialOptions, trials: Vec<Trial>, is_over: &IsOver<'_>) -> Vec<TrialDone> {
    let mut done = run_tiers(options, selected(options, trials), &mut Quiet, is_over);
    done.sort_by_key(|done| done.number);
    done
}

/// Prints the reports on these trials, as far as they do not pass.
pub fn report(options: &TrialOptions, done: &[TrialDone]) -> Result<(), Error> {
    let output = TrialOutput::open(options)?;
    text::TextPrinter::new(output, true, options.all_reports, std::iter::empty()).sections(done);
    Ok(())
}

/// Whether a run is to be cut short.
pub type IsOver<'o> = dyn Fn() -> bool + Sync + 'o;

/// The selected trials, each with its number.
fn selected(options: &TrialOptions, trials: Vec<Trial>) -> Vec<(usize, Trial)> {
    let libtest = &options.libtest;
    let selected: HashSet<Cow<str>> = options.selected.iter().map(|name| escape::line(name)).collect();
    let is_selected = |trial: &Trial| {
        let is_named = selected.contains(trial.name.name.as_str());
        is_named && (trial.is_ignored || !libtest.ignored) && (!libtest.bench || libtest.list)
    };
    trials.into_iter().filter(is_selected).enumerate().collect()
}

fn run_to(options: &TrialOptions, trials: Vec<Trial>, mut output: TrialOutput) -> TrialRun {
    let all = trials.len();
    let libtest = &options.libtest;
    let mut trials = selected(options, trials);
    let mut sums = TrialSums { filtered_out: all - trials.len(), ..TrialSums::default() };
    if libtest.list {
        output.put(&trials.iter().map(|(_, trial)| format!("{}: test\n", trial.name)).collect::<String>());
        return TrialRun { sums, done: Vec::new() };
    }
    let seed = libtest.shuffle.map(|seed| seed.unwrap_or_else(|| fastrand::u64(..1 << 32)));
    if let Some(seed) = seed {
        fastrand::Rng::with_seed(seed).shuffle(&mut trials);
    }
    let began = Instant::now();
    let is_for_people = options.libtest.output_format() == OutputFormat::Pretty;
    let printer = printer(options, output, &trials);
    let mut printer = progress::WithProgress::new(printer, progress::may_draw(is_for_people));
    printer.begin(trials.len(), seed);
    let mut done = run_tiers(options, trials, &mut printer, &|| false);
    done.sort_by_key(|done| done.number);
    done.iter().for_each(|done| sums.add(&done.outcome));
    printer.end(&done, &sums, began.elapsed());
    TrialRun { sums, done }
}

fn printer(options: &TrialOptions, output: TrialOutput, trials: &[(usize, Trial)]) -> Box<dyn Printer> {
    let format = options.libtest.output_format();
    match format {
        OutputFormat::Pretty | OutputFormat::Terse => {
            let names = trials.iter().map(|(_, trial)| &trial.name);
            Box::new(text::TextPrinter::new(output, format == OutputFormat::Terse, options.all_reports, names))
        }
        OutputFormat::Json => Box::new(json::JsonPrinter::new(output)),
        OutputFormat::Junit => Box::new(junit::JunitPrinter::new(output)),
        OutputFormat::Ktap => Box::new(ktap::KtapPrinter::new(output)),
        OutputFormat::Github => {
            let names = trials.iter().map(|(_, trial)| &trial.name);
            Box::new(github::GithubPrinter::new(output, options.all_reports, names))
        }
    }
}

/// Runs the basic tier, and then the other trials unless it is red.
fn run_tiers(
    options: &TrialOptions,
    trials: Vec<(usize, Trial)>,
    printer: &mut dyn Printer,
    is_over: &IsOver<'_>,
) -> Vec<TrialDone> {
    let (basic, others): (Vec<_>, Vec<_>) = trials.into_iter().partition(|(_, trial)| options.tiers && trial.is_basic);
    let mut done = run_all(options, basic, printer, is_over);
    if !done.iter().any(|done| done.outcome.is_red()) {
        done.extend(run_all(options, others, printer, is_over));
        return done;
    }
    let why = if options.fail_fast { FAIL_FAST } else { BASIC_IS_RED };
    for (number, Trial { name, .. }) in others {
        let not_run = TrialDone { number, name, outcome: TrialOutcome::NotRun(why), took: Duration::ZERO };
        printer.done(&not_run);
        done.push(not_run);
    }
    done
}

/// Runs the trials, one after the other in this thread or some at a time in others.
fn run_all(
    options: &TrialOptions,
    trials: Vec<(usize, Trial)>,
    printer: &mut dyn Printer,
    is_over: &IsOver<'_>,
) -> Vec<TrialDone> {
    let stop = AtomicBool::new(false);
    options.coming.fill(trials.iter().map(|(_, trial)| trial.name.name.as_str()));
    let one = |(number, trial)| run_unless_over(options, (number, trial), is_over, &stop);
    let mut all = Vec::with_capacity(trials.len());
    if options.threads == 1 || trials.is_empty() {
        for (number, trial) in trials {
            if !stop.load(Ordering::Relaxed) {
                printer.announce(&trial.name);
            }
            let done = one((number, trial));
            printer.done(&done);
            all.push(done);
        }
        return all;
    }
    let queue = Mutex::new(trials.into_iter());
    let (give, take) = mpsc::channel();
    std::thread::scope(|threads| {
        for _ in 0..options.threads {
            let (give, queue, one) = (give.clone(), &queue, &one);
            threads.spawn(move || {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(next) = next else { return };
                    // The other end is there as long as this scope.
                    let _ = give.send(one(next));
                }
            });
        }
        drop(give);
        for done in take {
            if let TrialOutcome::Judged(_) = done.outcome {
                printer.announce(&done.name);
            }
            printer.done(&done);
            all.push(done);
        }
    });
    all
}

/// Runs a trial, unless the run is cut short.
fn run_unless_over(
    options: &TrialOptions,
    numbered: (usize, Trial),
    over: &IsOver<'_>,
    stop: &AtomicBool,
) -> TrialDone {
    let (number, trial) = numbered;
    options.coming.begin(&trial.name.name);
    match over() {
        true => TrialDone { number, name: trial.name, outcome: TrialOutcome::NotRun(CUT_SHORT), took: Duration::ZERO },
        false => run_one(number, trial, options.fail_fast, stop),
    }
}

fn run_one(number: usize, trial: Trial, fail_fast: bool, stop: &AtomicBool) -> TrialDone {
    let Trial { name, judge, took, .. } = trial;
    let began = Instant::now();
    if stop.load(Ordering::Relaxed) {
        return TrialDone { number, name, outcome: TrialOutcome::NotRun(FAIL_FAST), took: Duration::ZERO };
    }
    let verdict = catch_unwind(AssertUnwindSafe(judge)).unwrap_or_else(|panic| Verdict::Fail(panicked(panic.as_ref())));
    if fail_fast && matches!(verdict, Verdict::Fail(_) | Verdict::Inconclusive(_)) {
        stop.store(true, Ordering::Relaxed);
    }
    let verdict = match verdict {
        Verdict::Skip(reason) => Verdict::Skip(escape::line(&reason).into_owned()),
        other => other,
    };
    TrialDone { number, name, outcome: TrialOutcome::Judged(verdict), took: took.unwrap_or_else(|| began.elapsed()) }
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Report {
    let said = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    Report::from(format!("BUG: the trial panicked: {}", said.unwrap_or("without a message")))
}

#[cfg(test)]
mod tests;
