//! A failure as a finished bug report: what was expected, what was observed, where they first differ, and how to run it
//! again.
//!
//! No I/O and no colour. The width is 100 columns.

use crate::base::escape;
use crate::child::ending::Ending;
use crate::judge::expectation::Expectation;
use crate::judge::matcher::{self, Difference, Strand, TraceComparison};
use crate::trace::whole::Trace;

mod wrap;
mod agreement;
mod whole;
mod partial;

pub use agreement::{AgreementFailure, disagreement};
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
pub fn failure(failure: &Failure) -> String {
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
    lines.push(String::new());
    lines.extend(entry("run again", rerun));
    joined(&lines)
}

/// The report on a workload that never reached its gate, and so has no trace.
pub fn before_gate(expectation: &Expectation, file: &str, ending: &Ending, rerun: &str) -> String {
    let mut lines = head(expectation, &expectation.name, file);
    lines.extend(entry("workload", &ending.to_string()));
    lines.extend(entry("trace", "none: nothing is traced before the gate"));
    lines.push(String::new());
    lines.extend(entry("run again", rerun));
    joined(&lines)
}

/// The report on a scenario that lost part of its trace.
pub fn inconclusive(scenario: &str, losses: &[String], ending: &Ending, rerun: &str) -> String {
    let mut lines = vec![format!("{scenario}: a part of the trace was lost, so it proves nothing")];
    lines.extend(entry("workload", &ending.to_string()));
    lines.extend(losses.iter().flat_map(|loss| entry("lost", loss)));
    lines.push(String::new());
    lines.extend(entry("run again", rerun));
    joined(&lines)
}

/// The report on a trace that contradicts what the child itself has noted.
pub fn contradicted(scenario: &str, contradictions: &[String], ending: &Ending, rerun: &str) -> String {
    let mut lines = vec![format!("{scenario}: the trace contradicts what the child itself has noted")];
    lines.extend(entry("workload", &ending.to_string()));
    lines.extend(contradictions.iter().take(MOST_LISTED).flat_map(|sentence| entry("noted", sentence)));
    if contradictions.len() > MOST_LISTED {
        lines.push(format!("  and {} more", contradictions.len() - MOST_LISTED));
    }
    lines.push(String::new());
    lines.extend(entry("run again", rerun));
    joined(&lines)
}

/// Shows the whole trace, or each thread that is not as expected.
fn strands(parts: &[(Strand, Vec<Difference>)], file: &str, trace: &Trace) -> Vec<String> {
    let wrong = || parts.iter().filter(|(_, differences)| !differences.is_empty());
    let mut lines = Vec::new();
    for (strand, differences) in wrong().take(MOST_THREADS) {
        lines.push(String::new());
        lines.extend(whole::diff(strand, trace, differences));
        lines.extend(others(strand, file, trace, &differences[1..]));
    }
    let more = wrong().count().saturating_sub(MOST_THREADS);
    if more > 0 {
        lines.extend([String::new(), format!("and {more} more threads are not as expected")]);
    }
    lines
}

/// Every difference but the first, one on each line.
fn others(strand: &Strand, file: &str, trace: &Trace, rest: &[Difference]) -> Vec<String> {
    if rest.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![String::new(), "the other differences:".to_owned()];
    let sentences: Vec<String> =
        rest.iter().take(MOST_READ).map(|difference| whole::sentence(difference, strand, file, trace)).collect();
    // A call that is repeated by mistake makes one line, not hundreds.
    let runs: Vec<&[String]> = sentences.chunk_by(|one, next| one == next).collect();
    for run in runs.iter().take(MOST_LISTED) {
        let times = if run.len() == 1 { String::new() } else { format!(" ({} times)", run.len()) };
        lines.extend(wrapped(&format!("{}{times}", run[0]), "  ", "      "));
    }
    let listed: usize = runs.iter().take(MOST_LISTED).map(|run| run.len()).sum();
    if rest.len() > listed {
        lines.push(format!("  and {} more", rest.len() - listed));
    }
    lines
}

fn head(expectation: &Expectation, scenario: &str, file: &str) -> Vec<String> {
    let mut lines = wrapped(&format!("{scenario}: {}", expectation.about), "", "    ");
    lines.extend(entry("expected by", &format!("{file}:{}", expectation.line)));
    lines
}

fn workload(expectation: &Expectation, ending: &Ending) -> Vec<String> {
    match matcher::ending(expectation, ending) {
        Some(sentence) => entry("workload", &sentence),
        None => entry("workload", &format!("{ending}, as expected")),
    }
}

/// A line with its label. All lines of a longer text are indented alike.
fn entry(label: &str, text: &str) -> Vec<String> {
    let first = format!("  {label:<12} ");
    let indent = " ".repeat(first.len());
    let mut lines = Vec::new();
    for (at, line) in text.lines().enumerate() {
        lines.extend(wrapped(line, if at == 0 { &first } else { &indent }, &indent));
    }
    lines
}

/// Keeps each item on one line, whatever it contains.
fn joined(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{}\n", escape::line(line.trim_end()))).collect()
}
