//! The run: the zygote first, then threads and BPF, the canary, and a trial for each scenario.

use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use super::WithoutPrivilege;
use super::archives::Archives;
use super::bless::Blessing;
use super::conformance;
use super::ends;
use super::explain;
use super::flags::OutputFormat;
use super::keys;
use super::pause;
use super::plan::Plan;
use super::records::SeenTrace;
use super::stress::{Stressed, stress};
use super::subjects::{self, SubjectSlot, Tested};
use super::traces::{KeptTraces, TraceView};
use super::trials::page::PageParts;
use super::trials::progress::{Steps, may_draw};
use super::trials::{self, Trial};
use crate::archive::{Archive, Origin};
use crate::base::error::{Error, Exit};
use crate::base::tell::{self, StandardStream};
use crate::child::scenario::Scenario;
use crate::child::scenarios::is_basic;
use crate::judge::expectation::Expectation;
use crate::judge::report::Report;
use crate::judge::verdict::{Verdict, judge};
use crate::session::{self, AtGate, Beheld, Session};
use crate::subject::Subject;
use crate::subject::cell::Cell;
use crate::timings::Timings;
use crate::watch::tracer;

mod next; // what is done for the next scenario

/// What the trials share.
pub struct LiveRun {
    session: Arc<Session>,
    plan: Arc<Plan>,
    traces: KeptTraces,
    archives: Option<Archives>,
    /// What is to be blessed.
    bless: Option<Blessing>,
    /// The findings about subjects.
    tested: Tested,
    timings: Mutex<Timings>,
    /// Set by the thread that received a signal, before any effect of the signal.
    interrupted: Arc<AtomicBool>,
}

/// Runs the scenarios that the plan selects.
pub fn run(plan: Plan, registry: Vec<Scenario>, without: WithoutPrivilege) -> Result<Exit, Error> {
    let known = registry.len();
    let scenarios: Vec<Scenario> = registry.into_iter().chain(plan.own.iter().copied()).collect();
    let names: Vec<&'static str> = scenarios.iter().map(|scenario| scenario.name).collect();
    if plan.libtest.list {
        let trial =
            |&name: &&'static str| Trial::new(name, || Verdict::Pass).with_ignored_flag(plan.ignored(name).is_some());
        trials::run(&plan.trials(), names.iter().map(trial).collect())?;
        return Ok(Exit::Success);
    }
    if let Err(error) = tracer::check_machine() {
        return match without {
            WithoutPrivilege::Refuse => Err(error),
            WithoutPrivilege::Ignore => ignore(&plan, &names, &error),
        };
    }
    let archives = plan.archive.as_deref().map(Archives::in_folder).transpose()?;
    let session = plan.loaded(scenarios)?;
    let mut plan = plan;
    subjects::ready(&mut plan.subjects, session.workspaces())?;
    let bless = plan.bless.take();
    let view = std::mem::take(&mut plan.view);
    let mut run = LiveRun::new(Arc::new(session), Arc::new(plan), view, bless, Arc::default())?;
    run.archives = archives;
    let run = Arc::new(run);
    end_on_signals(&run)?;
    run.unless_interrupted(run.session.canary())?;
    if let Some(terminal) = &run.plan.pause {
        run.session.set_at_gate(Some(pause::at_gate(Arc::clone(terminal))));
    }
    if run.plan.explain {
        let name = run.plan.selected.first().map_or("", String::as_str);
        return run.unless_interrupted(explain::explain(&run.session, &run.plan, name));
    }
    if let Some(folder) = run.plan.conformance.clone() {
        let selected: Vec<&'static str> = names.iter().copied().filter(|name| run.plan.is_selected(name)).collect();
        let (subjects, lanes) = (&run.plan.subjects, run.plan.session.lanes);
        return conformance::run(subjects, &selected, lanes, &folder, &|slot, name| run.cell(slot, name));
    }
    judged(&run, &names, known)
}

/// Runs the trials, and reports on them as asked for. The first `known` names are the suite's own.
fn judged(run: &Arc<LiveRun>, names: &[&'static str], known: usize) -> Result<Exit, Error> {
    let trials = if run.plan.stress.is_some() { run.stressed(names) } else { run.trials(names) };
    let done = trials::run(&run.plan.trials(), trials)?;
    run.traces.finish(|pictures, sums| {
        let timings = run.timings.lock().unwrap_or_else(PoisonError::into_inner).table();
        trials::page::text(&done, &trials::page::here(), &PageParts { pictures, sums, timings: Some(&timings) })
    })?;
    let exit = run.finish(&names[..known], done.sums.exit())?;
    run.plan.recording.as_ref().map_or(Ok(()), |recording| recording.finish(&done, run.plan.threads, exit))?;
    Ok(exit)
}

/// For cargo test as an ordinary user: each trial is ignored, with the reason.
fn ignore(plan: &Plan, names: &[&'static str], error: &Error) -> Result<Exit, Error> {
    let reason = error.sentence.clone();
    let trial = |&name: &&'static str| {
        let reason = reason.clone();
        Trial::new(name, move || Verdict::Skip(reason))
    };
    trials::run(&plan.trials(), names.iter().map(trial).collect()).map(|_| Exit::Success)
}

/// After a signal the zygote kills the children and removes the workspaces. Then the process ends.
fn end_on_signals(run: &Arc<LiveRun>) -> Result<(), Error> {
    let weak = Arc::downgrade(run);
    ends::on_signals(&run.interrupted, move || {
        let run = weak.upgrade();
        if let Some(run) = &run {
            run.session.zygote().interrupt();
        }
        keys::restore();
        let _none_half_written = run.iter().filter_map(|run| run.archives.as_ref()).map(Archives::hold).next();
        tell::last_words("\ninterrupted: the children are killed, the workspaces removed");
        std::process::exit(Exit::Interrupted as i32);
    })
}

impl LiveRun {
    /// A run of this plan. `interrupted` is set by the handler of signals. An error if a picture cannot be written.
    pub fn new(
        session: Arc<Session>,
        plan: Arc<Plan>,
        view: TraceView,
        bless: Option<Blessing>,
        interrupted: Arc<AtomicBool>,
    ) -> Result<Self, Error> {
        let (traces, tested, timings) = (KeptTraces::new(view)?, Tested::default(), Mutex::default());
        Ok(Self { session, plan, traces, archives: None, bless, tested, timings, interrupted })
    }

    /// Whether the witness looks on from now on.
    pub fn set_witness(&self, on: bool) {
        self.session.set_witness(on);
    }

    /// What is done from now on while a child waits at its gate.
    pub fn set_at_gate(&self, act: Option<AtGate>) {
        self.session.set_at_gate(act);
    }

    /// With `-v`, the traces. Returns the exit code.
    pub fn print_traces(&self, exit: Exit) -> Exit {
        self.traces.print(&self.plan.libtest, &self.plan.selected, exit)
    }

    /// The trials of these scenarios.
    pub fn trials(self: &Arc<Self>, names: &[&'static str]) -> Vec<Trial> {
        let trial = |&name: &&'static str| {
            let run = Arc::clone(self);
            // With --ignored, only the trials with the flag run.
            let flag = self.plan.libtest.ignored && self.plan.ignored(name).is_some();
            Trial::new(name, move || run.trial_of(name, || run.repeated(name)))
                .with_ignored_flag(flag)
                .in_basic_tier(is_basic(name))
        };
        if self.plan.subjects.is_empty() { names.iter().map(trial).collect() } else { self.trials_of_subjects(names) }
    }

    /// Runs what is selected again and again, and then has a trial for each scenario with the verdict on all its runs.
    fn stressed(self: &Arc<Self>, names: &[&'static str]) -> Vec<Trial> {
        let Some(limit) = self.plan.stress else { return Vec::new() };
        let (selected, others): (Vec<&'static str>, Vec<&'static str>) =
            names.iter().partition(|name| self.plan.is_selected(name));
        let subjects = self.plan.subjects.len();
        // Each subject takes part in each scenario.
        let slots: Vec<Option<usize>> = if subjects == 0 { vec![None] } else { (0..subjects).map(Some).collect() };
        let pairs = slots.iter().flat_map(|&slot| selected.iter().map(move |&name| (slot, name)));
        let pairs: Vec<(Option<usize>, &'static str)> = pairs.collect();
        let is_for_people = self.plan.libtest.output_format() == OutputFormat::Pretty;
        let steps = if may_draw(is_for_people) { Steps::Open } else { Steps::Hidden };
        let once = |at: usize| {
            let (slot, name) = pairs[at];
            let live = || self.plan.expectation(name).and_then(|expectation| self.once(name, expectation, false));
            slot.map_or_else(live, |slot| self.beside(slot, name))
        };
        let Stressed { tallies, runs, took } = stress(limit, self.plan.threads, pairs.len(), steps, once);
        self.unless_interrupted(());
        let scenarios = if pairs.len() == 1 { "1 scenario" } else { &format!("{} scenarios", pairs.len()) };
        StandardStream::Error.line(&format!("{scenarios} ran {runs} times in {:.1} s", took.as_secs_f64()));
        let told = pairs.iter().zip(tallies).map(|(&(slot, name), tally)| {
            let (took, flag) = (tally.took, self.plan.libtest.ignored && self.plan.ignored(name).is_some());
            let trial = Trial::new(name, move || tally.verdict()).with_time(took).with_ignored_flag(flag);
            match slot {
                Some(slot) => trial.with_kind(&self.plan.subjects[slot].name),
                None => trial,
            }
        });
        let run = Arc::clone(self);
        let left_out = others.into_iter().map(move |name| {
            let run = Arc::clone(&run);
            Trial::new(name, move || run.trial_of(name, || Ok(Verdict::Pass)))
        });
        // What is left out is not selected, or is ignored with the reason.
        told.chain(left_out).collect()
    }

    /// A trial for each subject and scenario. The trial's kind is the subject.
    fn trials_of_subjects(self: &Arc<Self>, names: &[&'static str]) -> Vec<Trial> {
        let pairs = (0..self.plan.subjects.len()).flat_map(|at| names.iter().map(move |&name| (at, name)));
        let trial = |(at, name): (usize, &'static str)| {
            let run = Arc::clone(self);
            let flag = self.plan.libtest.ignored && self.plan.ignored(name).is_some();
            let kind = &self.plan.subjects[at].name;
            Trial::new(name, move || run.trial_of(name, || run.beside(at, name)))
                .with_kind(kind)
                .with_ignored_flag(flag)
        };
        pairs.map(trial).collect()
    }

    /// What comes after the trials. The names are those of the registry.
    pub fn finish(&self, names: &[&'static str], exit: Exit) -> Result<Exit, Error> {
        let exit = self.print_traces(exit);
        self.tested.print_unseen(&self.plan.subjects);
        self.print_timings();
        self.print_kept();
        let exit = self.unless_interrupted(exit);
        self.bless.as_ref().map_or(Ok(exit), |bless| bless.finish(names, exit))
    }

    /// The verdict on a trial, unless its scenario runs only on request.
    fn trial_of(&self, name: &'static str, verdict: impl FnOnce() -> Result<Verdict, Error>) -> Verdict {
        if let Some(reason) = self.plan.ignored(name).filter(|_| !self.plan.asks_for_ignored) {
            return Verdict::Skip(format!("{reason}: --ignored, or --exact and its name, runs it"));
        }
        self.unless_interrupted(verdict().unwrap_or_else(|error| Verdict::Fail(error.to_string().into())))
    }

    /// A result, unless a signal has caused it by killing the child. After a signal it waits for the signal's thread, which
    /// ends the process.
    pub fn unless_interrupted<T>(&self, result: T) -> T {
        ends::unless_interrupted(&self.interrupted, result)
    }

    /// The verdict of the first run that does not pass, or else of the last run.
    fn repeated(&self, name: &'static str) -> Result<Verdict, Error> {
        let expectation = self.plan.expectation(name)?;
        self.rounds(|again| self.once(name, expectation, again))
    }

    /// The same for a subject.
    fn beside(&self, at: usize, name: &'static str) -> Result<Verdict, Error> {
        let slot = &self.plan.subjects[at];
        let Some(subject) = &slot.subject else {
            return Ok(Verdict::Skip(slot.missing.clone().unwrap_or_default()));
        };
        let expectation = self.plan.expectation(name)?;
        self.rounds(|_| self.once_beside(slot, subject.as_ref(), name, expectation))
    }

    /// The result of a subject in a scenario.
    fn cell(&self, slot: &SubjectSlot, name: &str) -> Cell {
        let again = format!("{} --exact --filter {name}", slot.command);
        let unknown = |why: &str| Cell::unknown(&slot.name, name, why, &again);
        let Some(subject) = &slot.subject else { return unknown(slot.missing.as_deref().unwrap_or_default()) };
        let one = self
            .plan
            .expectation(name)
            .and_then(|expectation| self.run_beside(slot, subject.as_ref(), name, expectation));
        self.unless_interrupted(one.map_or_else(|error| unknown(&error.sentence), |one| one.cell))
    }

    fn run_beside(
        &self,
        slot: &SubjectSlot,
        subject: &dyn Subject,
        name: &str,
        expectation: &Expectation,
    ) -> Result<Beheld, Error> {
        let limit = self.plan.limit(expectation);
        self.session.run_beside(subject, &slot.command, name, expectation, self.plan.tables.file_of(name), limit)
    }

    fn once_beside(
        &self,
        slot: &SubjectSlot,
        subject: &dyn Subject,
        name: &str,
        expectation: &Expectation,
    ) -> Result<Verdict, Error> {
        let began = SystemTime::now();
        let begin = Instant::now();
        let one = self.run_beside(slot, subject, name, expectation)?;
        self.tested.add(&one.cell);
        let verdict = subjects::verdict(&one.cell);
        if let Some(recording) = &self.plan.recording {
            let took = begin.elapsed();
            let seen = one.observed.as_ref().map(SeenTrace::of);
            recording.note(Some(&slot.name), name, seen, verdict == Verdict::Pass, took);
        }
        let Some(observed) = one.observed else { return Ok(verdict) };
        self.traces.keep(name, &observed);
        let Some(archives) = &self.archives else { return Ok(verdict) };
        // The archive has our own trace, which is judged by its table.
        let origin = Origin::here(name, one.workspace.as_os_str().as_bytes(), began);
        let judge = |observed: &_| judge(expectation, self.plan.tables.file_of(name), observed);
        let reference = judge(&observed);
        Ok(match archives.checked(&Archive { origin, observed }, reference, judge) {
            Verdict::Pass => verdict,
            other => other,
        })
    }

    fn rounds(&self, once: impl Fn(bool) -> Result<Verdict, Error>) -> Result<Verdict, Error> {
        for round in 1..=self.plan.repeat {
            match once(round < self.plan.repeat)? {
                Verdict::Pass => {}
                Verdict::Fail(report) => return Ok(Verdict::Fail(self.in_round(round, report))),
                Verdict::Inconclusive(report) => return Ok(Verdict::Inconclusive(self.in_round(round, report))),
                Verdict::Skip(reason) => return Ok(Verdict::Skip(reason)),
            }
        }
        Ok(Verdict::Pass)
    }

    /// With `again`, the same scenario runs after that.
    fn once(&self, name: &'static str, expectation: &Expectation, again: bool) -> Result<Verdict, Error> {
        let begin = Instant::now();
        let limit = self.plan.limit(expectation);
        let meanwhile = || self.begin_next(again.then_some(name));
        let file = self.plan.tables.file_of(name);
        let one = self.session.run_meanwhile(name, expectation, file, limit, &meanwhile)?;
        let took = begin.elapsed();
        self.traces.keep(name, &one.observed);
        if self.plan.timings || self.plan.has_page {
            self.timings.lock().unwrap_or_else(PoisonError::into_inner).add(name, &one.phases);
        }
        if let (Some(bless), Verdict::Fail(_), true) = (&self.bless, &one.verdict, self.plan.tables.is_in_file(name)) {
            bless.keep(name, &one.observed, one.objection.as_ref().or(one.contradicted.as_ref()));
        }
        let seen = SeenTrace::of(&one.observed);
        let verdict = self.archived(name, expectation, one);
        if let Some(recording) = &self.plan.recording {
            recording.note(None, name, Some(seen), verdict == Verdict::Pass, took);
        }
        Ok(verdict)
    }

    /// With `--archive`, the verdict after the check of the archive.
    fn archived(&self, name: &str, expectation: &Expectation, one: session::ScenarioRun) -> Verdict {
        let session::ScenarioRun {
            verdict,
            objection,
            observed,
            workspace,
            began,
            contradicted: _,
            noted: _,
            phases: _,
        } = one;
        let Some(archives) = &self.archives else { return verdict.with_objection(objection) };
        let origin = Origin::here(name, workspace.as_os_str().as_bytes(), began);
        let judge = |observed: &_| judge(expectation, self.plan.tables.file_of(name), observed);
        archives.checked(&Archive { origin, observed }, verdict, judge).with_objection(objection)
    }

    fn in_round(&self, round: u32, report: Report) -> Report {
        match self.plan.repeat {
            1 => report,
            all => report.below(format!("in run {round} of {all}:")),
        }
    }

    fn print_timings(&self) {
        if self.plan.timings {
            // A program reads the standard output.
            StandardStream::Error
                .line(&self.timings.lock().unwrap_or_else(PoisonError::into_inner).table().to_string());
        }
    }

    fn print_kept(&self) {
        if let (true, Some(root)) = (self.session.workspaces().keep(), self.session.workspaces().root()) {
            StandardStream::Error
                .line(&format!("the workspaces are kept in {}", crate::base::escape::path(root.path())));
        }
    }
}
