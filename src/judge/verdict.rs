//! The verdict on a scenario, and how verdicts become an exit code.
//!
//! No I/O.

use std::collections::HashMap;

use crate::base::error::Exit;
use crate::child::ending::{Ending, How, Phase};
use crate::judge::expectation::Expectation;
use crate::judge::matcher;
use crate::judge::noted::SLACK_NS;
use crate::judge::report::{self, Failure, Report};
use crate::trace::whole::Trace;

/// The name of the embedded expectations in messages.
pub(crate) const EMBEDDED: &str = "tests.toml";

/// The result of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The whole trace is as expected.
    Pass,
    /// The trace or the end differs from the expectation.
    Fail(Report),
    /// The scenario could not run. The text is the reason.
    Skip(String),
    /// Something was lost, so that nothing is proved.
    Inconclusive(Report),
}

/// What was observed of a scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// How its child ended.
    pub ending: Ending,
    /// Its trace. Empty if the child ended before the gate.
    pub trace: Trace,
}

/// Judges a scenario. Losses come before differences, because a trace with losses proves nothing.
pub fn judge(expectation: &Expectation, file: &str, observed: &Observed) -> Verdict {
    judge_with(expectation, file, observed, &rerun(&format!("--exact --filter {}", expectation.name), file))
}

/// The command that runs a scenario again with these flags.
pub(crate) fn rerun(flags: &str, file: &str) -> String {
    format!("sudo ./ior-it {flags}{}", tests_flag(file))
}

/// The flag that names the file of the expectations: nothing for those that are embedded.
pub(crate) fn tests_flag(file: &str) -> String {
    if file == EMBEDDED { String::new() } else { format!(" --tests {file}") }
}

impl Verdict {
    /// The verdict when the witness contradicts the trace, which makes a pass a failure. A trace with losses proves nothing
    /// anyway, and a scenario that did not run has no trace to contradict.
    pub(crate) fn with_objection(self, objection: Option<Report>) -> Self {
        match (self, objection) {
            (Self::Pass, Some(objection)) => Self::Fail(objection),
            (Self::Fail(report), Some(objection)) => Self::Fail(report.and(objection)),
            (verdict @ (Self::Skip(_) | Self::Inconclusive(_)), Some(_)) | (verdict, None) => verdict,
        }
    }
}

/// The same, with this command in the report to run it again.
pub(crate) fn judge_with(expectation: &Expectation, file: &str, observed: &Observed, rerun: &str) -> Verdict {
    let Observed { ending, trace } = observed;
    if let How::Skipped(reason) = &ending.how {
        return Verdict::Skip(reason.clone());
    }
    if let Some(call) = &expectation.lacks {
        return Verdict::Skip(format!("this architecture has no {call}"));
    }
    let name = expectation.name.as_str();
    if let How::PremiseNotMet(sentence) = &ending.how {
        let losses = [format!("premise not met: {sentence}")];
        return Verdict::Inconclusive(report::inconclusive(name, &losses, ending, rerun));
    }
    if ending.phase == Phase::Setup {
        return Verdict::Fail(report::before_gate(expectation, file, ending, rerun));
    }
    let losses: Vec<String> = losses(expectation, trace).into_iter().chain(out_of_time(trace)).collect();
    if !losses.is_empty() {
        return Verdict::Inconclusive(report::inconclusive(name, &losses, ending, rerun));
    }
    let comparison = matcher::compare(expectation, trace);
    if comparison.differences().next().is_none() && matcher::ending(expectation, ending).is_none() {
        return Verdict::Pass;
    }
    let failure =
        Failure { scenario: name, expectation, file, trace, comparison: &comparison, ending, losses: &losses, rerun };
    Verdict::Fail(report::failure(&failure))
}

/// What was lost, or was to be hidden and was not. What was to be hidden is no loss.
pub(crate) fn losses(expectation: &Expectation, trace: &Trace) -> Vec<String> {
    let mut losses = trace.losses().sentences();
    if let Some(wanted) = expectation.hidden {
        let hidden = trace.counts.hidden();
        losses.retain(|sentence| Some(sentence) != hidden.as_ref());
        let found = trace.counts.hidden;
        losses.extend((found != wanted).then(|| format!("{wanted} processes were to be hidden, and {found} were")));
    }
    losses
}

/// The first call that was entered before an earlier one of its thread, a sentence. Without times all is at 0.
fn out_of_time(trace: &Trace) -> Option<String> {
    let mut entered: HashMap<u32, u64> = HashMap::new();
    trace.calls.iter().filter(|call| call.request.is_none()).find_map(|call| {
        let before = entered.insert(call.tid, call.enter_ns).unwrap_or_default();
        let is_before = call.enter_ns.saturating_add(SLACK_NS) < before;
        is_before.then(|| format!("call number {} has a time before that of an earlier call of its thread", call.order))
    })
}

/// How many scenarios got each verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Passed.
    pub passed: usize,
    /// Failed.
    pub failed: usize,
    /// Skipped.
    pub skipped: usize,
    /// Inconclusive.
    pub inconclusive: usize,
}

impl Tally {
    /// Counts one verdict.
    pub fn add(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Pass => self.passed += 1,
            Verdict::Fail(_) => self.failed += 1,
            Verdict::Skip(_) => self.skipped += 1,
            Verdict::Inconclusive(_) => self.inconclusive += 1,
        }
    }

    /// Fail > inconclusive > pass > skip.
    pub fn exit(&self) -> Exit {
        match self {
            Tally { failed: 1.., .. } => Exit::Failed,
            Tally { inconclusive: 1.., .. } => Exit::Inconclusive,
            Tally { passed: 1.., .. } => Exit::Success,
            Tally { .. } => Exit::NothingRan,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::expectation::Expectations;
    use crate::table::syscalls::Syscall;
    use crate::trace::counts::Counts;
    use crate::trace::record::tests::{call_bytes, end_bytes};

    /// A scenario that calls sync once and finishes.
    const TESTS: &str = "[sync-once]\nabout = \"calls sync\"\ncalls = [{ call = \"sync\", ret = 0 }]\n";

    /// The trace of this many calls of sync.
    fn trace(calls: u64) -> Trace {
        let number = Syscall::by_name("sync").unwrap().number;
        let sync = |order| call_bytes(order, number, 0, b"", 0);
        let records: Vec<_> = (0..calls).map(sync).chain([end_bytes(calls)]).collect();
        let counts = Counts { seen: calls, emitted: calls, ends: 1, ..Counts::default() };
        crate::trace::decoder::assemble(records.iter().map(Vec::as_slice), counts, Some(b"/ws"))
    }

    /// The same with one call whose record found no room in the ring.
    fn lossy(calls: u64) -> Trace {
        let mut trace = trace(calls);
        (trace.counts.seen, trace.counts.refused) = (calls + 1, 1);
        trace
    }

    fn judged(phase: Phase, how: How, trace: Trace) -> Verdict {
        let expectations = Expectations::parse("tests.toml", TESTS, &["sync-once"]).unwrap();
        let observed = Observed { ending: Ending { phase, how }, trace };
        judge(expectations.get("sync-once").unwrap(), "tests.toml", &observed)
    }

    /// The kind of verdict, and what its text must contain.
    fn is_verdict(verdict: &Verdict, kind: &str, holds: &str) -> bool {
        match verdict {
            Verdict::Pass => kind == "pass",
            Verdict::Fail(text) => kind == "fail" && text.contains(holds),
            Verdict::Skip(text) => kind == "skip" && text == holds,
            Verdict::Inconclusive(text) => kind == "inconclusive" && text.contains(holds),
        }
    }

    #[test]
    fn only_a_whole_trace_that_is_as_expected_passes() {
        let act = |how, trace| judged(Phase::Act, how, trace);
        let rows = [
            ("as expected", act(How::Finished, trace(1)), "pass", ""),
            ("a call is missing", act(How::Finished, trace(0)), "fail", "^ missing"),
            ("there is one more", act(How::Finished, trace(2)), "fail", "^ extra"),
            ("all calls, and then a signal", act(How::Signal(libc::SIGSEGV), trace(1)), "fail", "SIGSEGV"),
            ("all calls, and then a step that fails", act(How::Failed("no luck".into()), trace(1)), "fail", "no luck"),
            ("all calls, and then a panic", act(How::Panicked("oh no".into()), trace(1)), "fail", "oh no"),
            ("all calls, and then it exits by itself", act(How::Exited(7), trace(1)), "fail", "exited with status 7"),
        ];
        for (sentence, verdict, kind, holds) in rows {
            assert!(is_verdict(&verdict, kind, holds), "{sentence}: {verdict:?}");
        }
    }

    #[test]
    fn a_trace_with_losses_proves_nothing() {
        let no_room = "found no room";
        let rows = [
            ("though all expected calls are there", How::Finished, lossy(1)),
            ("nor that a call is missing", How::Finished, lossy(0)),
            ("nor that there was one more", How::Finished, lossy(2)),
            ("nor what the child died of", How::Signal(libc::SIGSEGV), lossy(1)),
        ];
        for (sentence, how, trace) in rows {
            let verdict = judged(Phase::Act, how, trace);
            assert!(is_verdict(&verdict, "inconclusive", no_room), "{sentence}: {verdict:?}");
        }
        let nothing = judged(Phase::Act, How::Finished, Trace::default());
        assert!(is_verdict(&nothing, "inconclusive", "the end of the process was not seen"), "{nothing:?}");
    }

    #[test]
    fn a_thread_does_not_go_back_in_time() {
        let at = |times: [u64; 2]| {
            let mut trace = trace(1);
            trace.calls.push(trace.calls[0].clone());
            (trace.calls[0].enter_ns, trace.calls[1].enter_ns) = (times[0], times[1]);
            trace
        };
        for (times, is_wrong) in [([0, 0], false), ([5000, 4500], false), ([5000, 9000], false), ([5000, 0], true)] {
            assert_eq!(out_of_time(&at(times)).is_some(), is_wrong, "{times:?}");
        }
        let mut two_threads = at([5000, 0]);
        two_threads.calls[1].tid += 1;
        assert_eq!(out_of_time(&two_threads), None);
        let verdict = judged(Phase::Act, How::Finished, at([5000, 0]));
        assert!(is_verdict(&verdict, "inconclusive", "before that of an earlier call"), "{verdict:?}");
    }

    #[test]
    fn what_ends_before_the_gate_has_no_trace_to_judge() {
        let setup = |how| judged(Phase::Setup, how, Trace::default());
        let reason = || How::Skipped("no io_uring".to_owned());
        let rows = [
            ("the machine lacks something", setup(reason()), "skip", "no io_uring"),
            ("which may turn out in act", judged(Phase::Act, reason(), lossy(1)), "skip", "no io_uring"),
            ("a step failed", setup(How::Failed("no luck".into())), "fail", "no luck"),
            ("the code panicked", setup(How::Panicked("oh no".into())), "fail", "oh no"),
            ("a signal came", setup(How::Signal(libc::SIGKILL)), "fail", "SIGKILL"),
            ("time was up", setup(How::TimedOut(std::time::Duration::from_secs(5))), "fail", "timed out"),
        ];
        for (sentence, verdict, kind, holds) in rows {
            assert!(is_verdict(&verdict, kind, holds), "{sentence}: {verdict:?}");
        }
    }

    #[test]
    fn each_verdict_is_counted_as_what_it_is() {
        let mut tally = Tally::default();
        let report = || Report::new(Vec::new());
        tally.add(&Verdict::Pass);
        (0..2).for_each(|_| tally.add(&Verdict::Fail(report())));
        (0..3).for_each(|_| tally.add(&Verdict::Skip(String::new())));
        (0..4).for_each(|_| tally.add(&Verdict::Inconclusive(report())));
        assert_eq!(tally, Tally { passed: 1, failed: 2, skipped: 3, inconclusive: 4 });
    }

    #[test]
    fn the_worst_verdict_decides_the_exit() {
        let rows = [
            ((1, 1, 1, 1), Exit::Failed),
            ((1, 0, 1, 1), Exit::Inconclusive),
            ((1, 0, 1, 0), Exit::Success),
            ((0, 0, 1, 0), Exit::NothingRan),
            ((0, 0, 0, 0), Exit::NothingRan),
        ];
        for ((passed, failed, skipped, inconclusive), exit) in rows {
            assert_eq!(Tally { passed, failed, skipped, inconclusive }.exit(), exit);
        }
    }
}
