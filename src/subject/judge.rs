//! The verdict on a subject.
//!
//! No I/O.

use super::compare::{SubjectComparison, misses_calls};
use super::window::Window;

/// The verdict on a subject in one scenario, or beside one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubjectVerdict {
    /// No difference in what the subject claims.
    Pass,
    /// Differences.
    Fail,
    /// Calls are missing, and the subject did not report a loss.
    SilentLoss,
    /// Nothing is proved, for this reason.
    Inconclusive(String),
    /// The subject never reported a fence. The text is its last output.
    Blind(String),
    /// The subject could not run here, for this reason.
    Skip(String),
    /// The subject claims none of the calls.
    NotClaimed,
}

/// A known fault of a subject in this version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownFault {
    /// The scenario that has it. Left out, it is any scenario.
    pub scenario: Option<String>,
    /// The call that has it.
    pub call: Option<String>,
    /// The wrong field, or `missing`, `extra`, `twice`, `order`, `garbled`.
    pub field: Option<String>,
    /// The cause.
    pub why: String,
}

impl KnownFault {
    /// Whether it covers this finding: a field of this call, or `missing`, `extra`, `twice`, `order`, `garbled`.
    pub fn explains(&self, scenario: &str, call: &str, about: &str) -> bool {
        let is = |wanted: &Option<String>, one: &str| wanted.as_deref().is_none_or(|wanted| wanted == one);
        is(&self.scenario, scenario) && is(&self.call, call) && is(&self.field, about)
    }
}

/// The state of the reference and of the fences.
pub struct Circumstances<'a> {
    /// The fault of the reference, if it has one.
    pub objection: Option<String>,
    /// The lines between the fences.
    pub window: &'a Window,
    /// The opening fence.
    pub open: u64,
    /// The closing fences that the subject had to report.
    pub closing: std::ops::RangeInclusive<u64>,
    /// The process has exited, and the subject has reported all: the end of its output closes the window.
    pub is_at_end: bool,
}

/// Gives the verdict.
pub fn judge(circumstances: &Circumstances, comparison: &SubjectComparison) -> SubjectVerdict {
    let Circumstances { objection, window, open, closing, is_at_end } = circumstances;
    if let Some(objection) = objection {
        return SubjectVerdict::Inconclusive(format!("the reference did not pass: {objection}"));
    }
    if window.seen.is_empty() {
        return SubjectVerdict::Blind("it has shown no fence".to_owned());
    }
    if comparison.claimed == 0 && comparison.findings.is_empty() {
        return SubjectVerdict::NotClaimed;
    }
    if window.losses.are_known() {
        return SubjectVerdict::Inconclusive(window.losses.clone().sentences().join("; "));
    }
    if misses_calls(&comparison.findings) && window.is_open && (*is_at_end || window.seen.contains(closing.end())) {
        return SubjectVerdict::SilentLoss;
    }
    let lost = window.lost_fences(*open, *closing.end());
    if !lost.is_empty() {
        return SubjectVerdict::SilentLoss;
    }
    let is_closed = *is_at_end || closing.clone().all(|number| window.seen.contains(&number));
    if !window.is_open || !is_closed {
        return SubjectVerdict::Inconclusive("it has not shown the fence after the last call".to_owned());
    }
    if comparison.findings.is_empty() { SubjectVerdict::Pass } else { SubjectVerdict::Fail }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::subject::compare::Finding;
    use crate::trace::counts::Losses;

    fn window(seen: &[u64], lost: u64) -> Window {
        let losses = if lost > 0 { Losses::Reported(lost) } else { Losses::Unknown };
        Window {
            inside: Vec::new(),
            seen: BTreeSet::from_iter(seen.iter().copied()),
            losses,
            is_open: seen.contains(&1),
        }
    }

    fn verdict(window: &Window, comparison: &SubjectComparison, objection: Option<&str>) -> SubjectVerdict {
        let objection = objection.map(str::to_owned);
        judge(&Circumstances { objection, window, open: 1, closing: 2..=3, is_at_end: false }, comparison)
    }

    #[test]
    fn the_verdict_says_what_is_known_and_no_more() {
        let right = SubjectComparison { claimed: 3, right: 3, ..SubjectComparison::default() };
        let with = |finding| SubjectComparison { findings: vec![finding], ..right.clone() };
        let (missing, extra) = (with(Finding::Missing { reference: 0 }), with(Finding::Extra { line: 0 }));
        let nothing = SubjectComparison { not_claimed: 3, ..SubjectComparison::default() };
        let unsure = |why: &str| SubjectVerdict::Inconclusive(why.to_owned());
        let rows = [
            ("all is right", window(&[0, 1, 2, 3], 0), &right, None, SubjectVerdict::Pass),
            ("a call too many", window(&[1, 2, 3], 0), &extra, None, SubjectVerdict::Fail),
            ("a call too few", window(&[1, 2, 3], 0), &missing, None, SubjectVerdict::SilentLoss),
            ("it says so", window(&[1, 2, 3], 7), &missing, None, unsure("it says that it has lost 7")),
            ("it says so of what is right", window(&[1, 2, 3], 7), &right, None, unsure("it says that it has lost 7")),
            ("a fence too few", window(&[1, 3], 0), &right, None, SubjectVerdict::SilentLoss),
            ("a fence that only pushes is still to come", window(&[1, 2, 3, 5], 0), &right, None, SubjectVerdict::Pass),
            (
                "its end is not there",
                window(&[1, 2], 0),
                &missing,
                None,
                unsure("it has not shown the fence after the last call"),
            ),
            ("no fence", window(&[], 0), &missing, None, SubjectVerdict::Blind("it has shown no fence".to_owned())),
            ("it claims none of these", window(&[1, 2, 3], 0), &nothing, None, SubjectVerdict::NotClaimed),
            (
                "the reference is wrong",
                window(&[1, 2, 3], 0),
                &right,
                Some("a call is missing"),
                unsure("the reference did not pass: a call is missing"),
            ),
        ];
        for (sentence, window, comparison, objection, expected) in rows {
            assert_eq!(verdict(&window, comparison, objection), expected, "{sentence}");
        }
    }
}
