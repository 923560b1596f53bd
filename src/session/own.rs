//! The child's own word on its trace.

use super::Session;
use crate::child::diary::{self, Diary};
use crate::child::ending::Phase;
use crate::child::zygote::Child;
use crate::judge::expectation::Expectation;
use crate::judge::explain::{Explained, first_cause};
use crate::judge::matcher;
use crate::judge::noted::{self, OwnWord};
use crate::judge::report::{self, Report};
use crate::judge::verdict::{Observed, Verdict};
use crate::trace::whole::ProcessEnd;

impl Session {
    /// What a child has noted that has ended, and what is known of it beside its trace. `opened_ns` is when its gate was opened.
    pub(super) fn own_word(
        &self,
        child: &Child<'_>,
        (keeps_diary, data): (bool, u32),
        ends: &[ProcessEnd],
        opened_ns: u64,
    ) -> OwnWord {
        let diary = if keeps_diary { child.diary() } else { Diary::default() };
        let span_ns = self.tracer.records_times().then(|| (opened_ns, diary::now_ns()));
        OwnWord { pid: child.pid(), diary, ends: ends.to_vec(), span_ns, data }
    }
}

/// The same verdict; a failure's report ends with its first cause, if the child's notes say it.
pub(super) fn because(
    verdict: Verdict,
    expectation: &Expectation,
    file: &str,
    observed: &Observed,
    diary: &Diary,
) -> Verdict {
    let Verdict::Fail(report) = verdict else { return verdict };
    let trace = &observed.trace;
    let comparison = matcher::compare(expectation, trace);
    let cause = first_cause(&Explained { expectation, file, trace, comparison: &comparison, diary });
    Verdict::Fail(match cause {
        Some(cause) => report::with_first_cause(report, &cause),
        None => report,
    })
}

/// The report on what the trace says otherwise than the child itself. A child without a gate has no trace, and one with losses is
/// not compared: its losses are reported.
pub(super) fn contradicted(name: &str, rerun: &str, observed: &Observed, own: &OwnWord) -> Option<Report> {
    let Observed { ending, trace } = observed;
    if ending.phase == Phase::Setup || trace.losses().are_known() {
        return None;
    }
    let contradictions = noted::contradictions(trace, ending, own);
    (!contradictions.is_empty()).then(|| report::contradicted(name, &contradictions, ending, rerun))
}
