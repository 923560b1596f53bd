//! What the trials of a run share, live or replayed: the verdicts, and the traces that `-v` prints.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use libtest_mimic::{Arguments, Completion, Failed, FormatSetting};

use crate::base::error::Exit;
use crate::base::escape;
use crate::base::tell::StandardStream;
use crate::judge::verdict::{Observed, Tally, Verdict};
use crate::trace::show;

/// The verdicts of a run.
#[derive(Debug, Default)]
pub struct Verdicts {
    fail_fast: bool,
    stopped: AtomicBool,
    tally: Mutex<Tally>,
    /// The traces that `-v` prints when all trials are over, by the name of the trial.
    traces: Mutex<BTreeMap<String, String>>,
}

impl Verdicts {
    /// Begins without verdicts. With `fail_fast`, no trial runs after the first that fails or is inconclusive.
    pub fn new(fail_fast: bool) -> Self {
        Self { fail_fast, ..Self::default() }
    }

    /// Adds a verdict, unless the run has ended early, and returns it in libtest's form.
    pub fn of_trial(&self, verdict: impl FnOnce() -> Verdict) -> Result<Completion, Failed> {
        if self.stopped.load(Ordering::Relaxed) {
            return Ok(Completion::ignored_with("not run: --fail-fast"));
        }
        let verdict = verdict();
        lock(&self.tally).add(&verdict);
        if self.fail_fast && matches!(verdict, Verdict::Fail(_) | Verdict::Inconclusive(_)) {
            self.stopped.store(true, Ordering::Relaxed);
        }
        match verdict {
            Verdict::Pass => Ok(Completion::Completed),
            Verdict::Skip(reason) => Ok(Completion::ignored_with(escape::line(&reason))),
            Verdict::Fail(report) | Verdict::Inconclusive(report) => Err(escape::lines(&report).into()),
        }
    }

    /// Keeps the trace of a trial until the end of the run.
    pub fn keep_trace(&self, name: &str, Observed { trace, ending }: &Observed) {
        let text = format!("{name}: {ending}\n{}", show::trace(trace, true));
        lock(&self.traces).insert(name.to_owned(), text);
    }

    /// Prints the kept traces, in this order.
    pub fn print_traces(&self, libtest: &Arguments, order: &[String]) {
        let traces = lock(&self.traces);
        // A program reads the standard output then.
        let for_machines = matches!(libtest.format, Some(FormatSetting::Json));
        for text in order.iter().filter_map(|name| traces.get(name)) {
            if for_machines { StandardStream::Error } else { StandardStream::Out }.line(text);
        }
    }

    /// The exit code of the process.
    pub fn exit(&self) -> Exit {
        lock(&self.tally).exit()
    }
}

/// Locks, even if a holder has panicked: between any two statements here, the guarded value is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
