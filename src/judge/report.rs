//! A failure as a finished bug report: what was expected, what was observed, where they first differ, and how to run it
//! again.
//!
//! No I/O and no colour: each line has a mark, which a terminal may show as a colour. The width is 100 columns.

use crate::child::ending::Ending;
use crate::judge::cause::FailureCause;
use crate::judge::expectation::Expectation;
use crate::judge::matcher::{self, Difference, Strand, TraceComparison};
use crate::judge::outcome::OutcomeDifference;
use crate::trace::whole::Trace;

mod lines;
mod wrap;
mod agreement;
mod whole;
mod partial;

pub use agreement::{AgreementFailure, disagreement};
pub use lines::{LineMark, Report, ReportLine};
use wrap::wrapped;

/// The most differences that are listed, one on each line.
const MOST_LISTED: usize = 40;
/// The most differences that are examined for the list.
const MOST_READ: usize = 1000;

/// The most threads whose differences are shown.
const MOST_THREADS: usize = 4;

/// A scenario that failed, with everything that the report needs.
#[derive(Clone, Copy, Debug)]
pub struct Failure<'a> {
    /// Its name.
    pub scenario: &'a str,
    /// What was expected.
    pub expectation: &'a Expectation,
    /// The name of the expectation's file in messages.
    pub file: &'a str,
    /// What was observed.
    pub trace: &'a Trace,
    /// How they differ.
    pub comparison: &'a TraceComparison<'a>,
    /// How the workload ended.
    pub ending: &'a Ending,
    /// What was lost, one sentence for each loss.
    pub losses: &'a [String],
    /// The command that runs it again.
    pub rerun: &'a str,
}

/// The report on a scenario whose trace or end is not as expected.
pub fn failure(failure: &Failure) -> Report {
    let Failure { scenario, expectation, file, trace, comparison, ending, losses, rerun } = *failure;
    let mut lines = head(expectation, scenario, file);
    lines.extend(workload(expectation, ending));
    lines.extend(losses.iter().flat_map(|loss| entry("lost", loss)));
    lines.extend(match comparison {
        _ if comparison.differences().next().is_none() => entry("trace", "as expected"),
        TraceComparison::Whole(parts) => strands(parts, file, trace),
        TraceComparison::Partial { observed, differences } => {
            partial::list(&expectation.body, file, trace, observed, differences)
        }
    });
    // What a workload that ended early has not done is missing: the end is the cause.
    let end = matcher::ending(expectation, ending).map(|sentence| FailureCause::of_sentence(&sentence));
    finished(lines, rerun).with_cause(end.or_else(|| FailureCause::of(expectation, file, trace, comparison)))
}

/// The report on a workload that never reached its gate, and so has no trace.
pub fn before_gate(expectation: &Expectation, file: &str, ending: &Ending, rerun: &str) -> Report {
    let mut lines = head(expectation, &expectation.name, file);
    lines.extend(entry("workload", &ending.to_string()));
    lines.extend(entry("trace", "none: nothing is traced before the gate"));
    finished(lines, rerun).with_cause(Some(FailureCause::of_sentence(&ending.to_string())))
}

/// The report on a scenario that lost part of its trace.
pub fn inconclusive(scenario: &str, losses: &[String], ending: &Ending, rerun: &str) -> Report {
    let mut lines: Vec<ReportLine> =
        vec![format!("{scenario}: a part of the trace was lost, so it proves nothing").into()];
    lines.extend(entry("workload", &ending.to_string()));
    lines.extend(losses.iter().flat_map(|loss| entry("lost", loss)));
    finished(lines, rerun).with_cause(losses.first().map(|loss| FailureCause::of_sentence(loss)))
}

/// The report of these lines. The last one is the command to run it again.
fn finished(mut lines: Vec<ReportLine>, rerun: &str) -> Report {
    lines.push(ReportLine::empty());
    lines.extend(entry("run again", rerun));
    Report::new(lines)
}

/// The report on a trace that contradicts what the child itself has noted.
pub fn contradicted(scenario: &str, contradictions: &[String], ending: &Ending, rerun: &str) -> Report {
    let sentence = "the trace contradicts what the child itself has noted";
    let mut lines: Vec<ReportLine> = vec![format!("{scenario}: {sentence}").into()];
    lines.extend(entry("workload", &ending.to_string()));
    lines.extend(contradictions.iter().take(MOST_LISTED).flat_map(|sentence| entry("noted", sentence)));
    if contradictions.len() > MOST_LISTED {
        lines.push(format!("  and {} more", contradictions.len() - MOST_LISTED).into());
    }
    finished(lines, rerun).with_cause(Some(FailureCause::of_sentence(sentence)))
}

/// The report on a command that has written or left something else than its table says.
pub fn outcome(
    expectation: &Expectation,
    file: &str,
    ending: &Ending,
    differences: &[OutcomeDifference],
    rerun: &str,
) -> Report {
    let mut lines = head(expectation, &expectation.name, file);
    lines.extend(workload(expectation, ending));
    let shown = differences.iter().take(MOST_LISTED);
    lines.extend(shown.flat_map(|OutcomeDifference { key, sentence }| entry(key, sentence)));
    if differences.len() > MOST_LISTED {
        lines.push(format!("  and {} more", differences.len() - MOST_LISTED).into());
    }
    let cause = differences.first().map(|OutcomeDifference { key, sentence }| format!("{key}: {sentence}"));
    finished(lines, rerun).with_cause(cause.map(|cause| FailureCause::of_sentence(&cause)))
}

/// Shows the whole trace, or each thread that is not as expected.
fn strands(parts: &[(Strand, Vec<Difference>)], file: &str, trace: &Trace) -> Vec<ReportLine> {
    let wrong = || parts.iter().filter(|(_, differences)| !differences.is_empty());
    let mut lines = Vec::new();
    for (strand, differences) in wrong().take(MOST_THREADS) {
        lines.push(ReportLine::empty());
        lines.extend(whole::diff(strand, file, trace, differences));
        lines.extend(others(strand, file, trace, &differences[1..]));
    }
    let more = wrong().count().saturating_sub(MOST_THREADS);
    if more > 0 {
        lines.extend([ReportLine::empty(), format!("and {more} more threads are not as expected").into()]);
    }
    lines
}

/// Every difference but the first, one on each line.
fn others(strand: &Strand, file: &str, trace: &Trace, rest: &[Difference]) -> Vec<ReportLine> {
    if rest.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![ReportLine::empty(), "the other differences:".to_owned().into()];
    let sentences: Vec<String> =
        rest.iter().take(MOST_READ).map(|difference| whole::sentence(difference, strand, file, trace)).collect();
    // A call that is repeated by mistake makes one line, not hundreds.
    let runs: Vec<&[String]> = sentences.chunk_by(|one, next| one == next).collect();
    for run in runs.iter().take(MOST_LISTED) {
        let times = if run.len() == 1 { String::new() } else { format!(" ({} times)", run.len()) };
        lines.extend(plain(wrapped(&format!("{}{times}", run[0]), "  ", "      ")));
    }
    let listed: usize = runs.iter().take(MOST_LISTED).map(|run| run.len()).sum();
    if rest.len() > listed {
        lines.push(format!("  and {} more", rest.len() - listed).into());
    }
    lines
}

fn head(expectation: &Expectation, scenario: &str, file: &str) -> Vec<ReportLine> {
    let mut lines = plain(wrapped(&format!("{scenario}: {}", expectation.about), "", "    "));
    lines.extend(entry("expected by", &format!("{file}:{}", expectation.line)));
    lines
}

fn workload(expectation: &Expectation, ending: &Ending) -> Vec<ReportLine> {
    match matcher::ending(expectation, ending) {
        Some(sentence) => entry("workload", &sentence),
        None => entry("workload", &format!("{ending}, as expected")),
    }
}

/// A line with its label. All lines of a longer text are indented alike.
fn entry(label: &str, text: &str) -> Vec<ReportLine> {
    let first = format!("  {label:<12} ");
    let indent = " ".repeat(first.len());
    let mut lines = Vec::new();
    for (at, line) in text.lines().enumerate() {
        lines.extend(plain(wrapped(line, if at == 0 { &first } else { &indent }, &indent)));
    }
    lines
}

/// Lines without a mark.
fn plain(lines: Vec<String>) -> Vec<ReportLine> {
    lines.into_iter().map(ReportLine::from).collect()
}
