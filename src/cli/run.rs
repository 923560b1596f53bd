//! The run: the zygote first, then threads and BPF, the canary, and a trial for each scenario.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use libtest_mimic::{Completion, Failed, FormatSetting, Trial};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::{Plan, WithoutPrivilege};
use crate::error::{Error, Exit};
use crate::expectation::Expectation;
use crate::scenario::Scenario;
use crate::session::{Prepared, Session};
use crate::show;
use crate::tracer;
use crate::verdict::{Observed, Tally, Verdict};

/// What the trials share.
struct Run {
    session: Session,
    plan: Plan,
    tally: Mutex<Tally>,
    /// What `-v` prints when all trials are over, by scenario.
    traces: Mutex<BTreeMap<String, String>>,
    stopped: AtomicBool,
}

/// Runs what the plan selects.
pub fn run(plan: Plan, scenarios: Vec<Scenario>, without: WithoutPrivilege) -> Result<Exit, Error> {
    let names: Vec<&'static str> = scenarios.iter().map(|scenario| scenario.name).collect();
    if plan.libtest.list {
        let trials = names.iter().map(|&name| Trial::test(name, || Ok(()))).collect();
        let _ = libtest_mimic::run(&plan.libtest, trials);
        return Ok(Exit::Success);
    }
    if let Err(error) = tracer::check_machine() {
        return match without {
            WithoutPrivilege::Refuse => Err(error),
            WithoutPrivilege::Ignore => Ok(ignore(&plan, &names, &error)),
        };
    }
    let session = Prepared::new(scenarios, plan.session.clone())?.load()?;
    let run = Arc::new(Run {
        session,
        plan,
        tally: Mutex::default(),
        traces: Mutex::default(),
        stopped: AtomicBool::new(false),
    });
    end_on_signals(&run)?;
    run.session.canary()?;
    let _ = libtest_mimic::run(&run.plan.libtest, run.trials(&names));
    run.print_traces();
    run.print_kept();
    let tally = *run.tally.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(tally.exit())
}

/// For cargo test as an ordinary user: each trial is ignored, with the reason.
fn ignore(plan: &Plan, names: &[&'static str], error: &Error) -> Exit {
    let reason = error.sentence.clone();
    let trial = |&name: &&'static str| {
        let reason = reason.clone();
        Trial::ignorable_test(name, move || Ok(Completion::ignored_with(reason)))
    };
    let _ = libtest_mimic::run(&plan.libtest, names.iter().map(trial).collect());
    Exit::Success
}

/// On SIGINT, SIGTERM and SIGHUP the zygote kills the children and removes the workspaces; then the process ends.
fn end_on_signals(run: &Arc<Run>) -> Result<(), Error> {
    let cannot = |error: std::io::Error| {
        Error::cannot_trace(format!("no signal handler: {error}"), "see `ulimit -u` and `ulimit -n`")
    };
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(cannot)?;
    let run = Arc::downgrade(run);
    let wait = move || {
        if signals.forever().next().is_some() {
            if let Some(run) = run.upgrade() {
                run.session.zygote().interrupt();
            }
            eprintln!("\ninterrupted: the children are killed, the workspaces removed");
            std::process::exit(Exit::Interrupted as i32);
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(wait).map(drop).map_err(cannot)
}

impl Run {
    fn trials(self: &Arc<Self>, names: &[&'static str]) -> Vec<Trial> {
        let trial = |&name: &&'static str| {
            let run = Arc::clone(self);
            Trial::ignorable_test(name, move || run.trial(name))
        };
        names.iter().map(trial).collect()
    }

    /// One scenario as libtest sees it.
    fn trial(&self, name: &'static str) -> Result<Completion, Failed> {
        if self.stopped.load(Ordering::Relaxed) {
            return Ok(Completion::ignored_with("not run: --fail-fast"));
        }
        let verdict = self.repeated(name).unwrap_or_else(|error| Verdict::Fail(error.to_string()));
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).add(&verdict);
        if self.plan.fail_fast && matches!(verdict, Verdict::Fail(_) | Verdict::Inconclusive(_)) {
            self.stopped.store(true, Ordering::Relaxed);
        }
        match verdict {
            Verdict::Pass => Ok(Completion::Completed),
            Verdict::Skip(reason) => Ok(Completion::ignored_with(reason)),
            Verdict::Fail(report) | Verdict::Inconclusive(report) => Err(report.into()),
        }
    }

    /// The verdict of the first run that does not pass, or of the last.
    fn repeated(&self, name: &'static str) -> Result<Verdict, Error> {
        let expectation = self.plan.expectations.get(name).ok_or_else(|| {
            Error::scenario(format!("{name} has no table in {}", self.plan.file), "BUG: the tables were checked before")
        })?;
        for round in 1..=self.plan.repeat {
            match self.once(name, expectation)? {
                Verdict::Pass => {}
                Verdict::Fail(report) => return Ok(Verdict::Fail(self.in_round(round, report))),
                Verdict::Inconclusive(report) => return Ok(Verdict::Inconclusive(self.in_round(round, report))),
                Verdict::Skip(reason) => return Ok(Verdict::Skip(reason)),
            }
        }
        Ok(Verdict::Pass)
    }

    fn once(&self, name: &'static str, expectation: &Expectation) -> Result<Verdict, Error> {
        let limit = self.plan.timeout.unwrap_or(expectation.timeout);
        let one = self.session.run(name, expectation, &self.plan.file, limit)?;
        if self.plan.verbose {
            let Observed { trace, ending } = one.observed;
            let text = format!("{name}: {ending}\n{}", show::trace(&trace, true));
            self.traces.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), text);
        }
        Ok(one.verdict)
    }

    fn in_round(&self, round: u32, report: String) -> String {
        match self.plan.repeat {
            1 => report,
            all => format!("in run {round} of {all}:\n{report}"),
        }
    }

    fn print_traces(&self) {
        let traces = self.traces.lock().unwrap_or_else(PoisonError::into_inner);
        let in_order = self.plan.selected.iter().filter_map(|name| traces.get(name));
        // Machines read the standard output then.
        let for_machines = matches!(self.plan.libtest.format, Some(FormatSetting::Json));
        for text in in_order {
            if for_machines { eprintln!("{text}") } else { println!("{text}") }
        }
    }

    fn print_kept(&self) {
        if let (true, Some(root)) = (self.session.workspaces().keep(), self.session.workspaces().root()) {
            eprintln!("the workspaces are kept in {}", root.display());
        }
    }
}
