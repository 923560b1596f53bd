//! Groups verdicts by their cause, so that one fault of a tracer is one report.

use super::{TrialDone, TrialOutcome};
use crate::judge::report::{Report, ReportLine};
use crate::judge::verdict::Verdict;

/// The most lines of one report, unless all of it is asked for.
pub const MOST_LINES: usize = 60;
/// The most lines that are kept at the end of a report: the command that runs it again.
const MOST_LAST: usize = 6;

/// Verdicts of one kind with one cause, in the order of the trials. The first is shown.
#[derive(Clone, Debug)]
pub struct TrialGroup<'d> {
    /// What is wrong; `None` if that cannot be said.
    pub title: Option<&'d str>,
    pub first: &'d TrialDone,
    pub report: &'d Report,
    pub others: Vec<&'d TrialDone>,
}

impl TrialGroup<'_> {
    /// How many trials it has.
    pub fn len(&self) -> usize {
        1 + self.others.len()
    }

    /// The calls that show it, most frequent first, if there are several.
    pub fn calls(&self) -> Vec<(String, usize)> {
        let all = std::iter::once(self.first).chain(self.others.iter().copied());
        let calls = all.filter_map(|done| report(done)?.cause.as_ref()?.call.clone());
        let mut counts: Vec<(String, usize)> = Vec::new();
        for call in calls {
            match counts.iter_mut().find(|(name, _)| *name == call) {
                Some((_, count)) => *count += 1,
                None => counts.push((call, 1)),
            }
        }
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        if counts.len() > 1 { counts } else { Vec::new() }
    }
}

/// Which verdicts are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupOf {
    Failed,
    Inconclusive,
}

/// The groups of these verdicts, the largest first. Each trial is its own group if `alone`.
pub fn groups(all: &[TrialDone], of: GroupOf, alone: bool) -> Vec<TrialGroup<'_>> {
    let mut groups: Vec<TrialGroup<'_>> = Vec::new();
    for done in all {
        let Some(report) = report_of(done, of) else { continue };
        let title = report.cause.as_ref().map(|cause| cause.title.as_str());
        let is_same = |group: &&mut TrialGroup<'_>| {
            !alone && title.is_some() && group.title == title && group.first.name.kind == done.name.kind
        };
        match groups.iter_mut().find(is_same) {
            Some(group) => group.others.push(done),
            None => groups.push(TrialGroup { title, first: done, report, others: Vec::new() }),
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
    groups
}

fn report_of(done: &TrialDone, of: GroupOf) -> Option<&Report> {
    match (&done.outcome, of) {
        (TrialOutcome::Judged(Verdict::Fail(report)), GroupOf::Failed)
        | (TrialOutcome::Judged(Verdict::Inconclusive(report)), GroupOf::Inconclusive) => Some(report),
        (TrialOutcome::Judged(_) | TrialOutcome::NotRun(_), _) => None,
    }
}

fn report(done: &TrialDone) -> Option<&Report> {
    report_of(done, GroupOf::Failed).or_else(|| report_of(done, GroupOf::Inconclusive))
}

/// The lines of a report, at most [`MOST_LINES`] unless all are wanted. The end of a long one stays: it says how to run it again.
pub fn shown(report: &Report, all: bool) -> Vec<ReportLine> {
    let lines = &report.lines;
    if all || lines.len() <= MOST_LINES {
        return lines.clone();
    }
    let last = lines.iter().rev().take(MOST_LAST).position(|line| line.text.is_empty()).map_or(0, |at| at + 1);
    let first = MOST_LINES - last - 1;
    let left_out = lines.len() - first - last;
    let mut shown = lines[..first].to_vec();
    shown.push(format!("  … {left_out} more lines: --all-reports shows them").into());
    shown.extend_from_slice(&lines[lines.len() - last..]);
    shown
}
