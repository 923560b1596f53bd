//! `--html FILE` for scenarios: the verdicts, the reports with both traces side by side, and how long each took, as one page.

use std::collections::BTreeMap;
use std::time::SystemTime;

use maud::{Markup, html};

use super::groups::{GroupOf, TrialGroup, groups};
use super::{TrialDone, TrialOutcome, TrialRun};
use crate::archive::Origin;
use crate::base::escape;
use crate::charts::document;
use crate::cli::traces::TraceSum;
use crate::judge::report::{LineMark, Report, ReportLine};
use crate::judge::verdict::Verdict;

/// What the page has besides the verdicts.
pub struct PageParts<'p> {
    /// The calls of all scenarios, as pictures.
    pub pictures: &'p Markup,
    /// The calls of each scenario in numbers.
    pub sums: &'p BTreeMap<String, TraceSum>,
    /// The table of the phases, if they were measured.
    pub timings: Option<&'p str>,
}

/// This program and this machine, in a line.
pub fn here() -> String {
    let Origin { ior_it, kernel, architecture, .. } = Origin::here("", b"", SystemTime::now());
    format!("ior-it {ior_it}, Linux {kernel}, {architecture}")
}

/// The page. `about` says where the traces were made.
pub fn text(run: &TrialRun, about: &str, parts: &PageParts<'_>) -> String {
    let tally = &run.sums.tally;
    let title = format!(
        "{} passed, {} failed, {} inconclusive, {} skipped",
        tally.passed, tally.failed, tally.inconclusive, tally.skipped
    );
    document(
        &title,
        &html! {
            h1 { (title) }
            p { (about) }
            @if run.sums.not_run > 0 { p { (run.sums.not_run) " were not run." } }
            @for (of, heading) in [(GroupOf::Failed, "Failures"), (GroupOf::Inconclusive, "Inconclusive")] {
                (section(heading, &groups(&run.done, of, false)))
            }
            h2 { "Scenarios" }
            (scenarios(&run.done, parts.sums))
            (losses(parts.sums))
            (parts.pictures)
            @if let Some(table) = parts.timings {
                h2 { "How long it took" }
                div.scroll tabindex="0" role="region" aria-label="Times" { pre { (table) } }
            }
        },
    )
}

fn section(heading: &str, groups: &[TrialGroup<'_>]) -> Markup {
    html! {
        @if !groups.is_empty() {
            h2 { (heading) }
            @for (at, group) in groups.iter().enumerate() {
                details open[at == 0] {
                    summary { b { (group.first.name) } @if let Some(title) = group.title { ": " (title) } }
                    @if !group.others.is_empty() {
                        p { "The same in " (group.others.len()) " more: "
                            (group.others.iter().map(|done| done.name.to_string()).collect::<Vec<_>>().join(", ")) }
                    }
                    (report(group.report))
                }
            }
        }
    }
}

/// A report. What was expected stands to the left of what was observed.
fn report(report: &Report) -> Markup {
    html! {
        table.report {
            colgroup { col.wide; col; }
            @for row in rows(&report.lines) {
                @match row {
                    ReportRow::Plain(text) => tr { td colspan="2" { pre { (text) } } },
                    ReportRow::Beside(expected, observed) => tr {
                        td.expected { @if let Some(text) = expected { pre { (text) } } }
                        td.observed { @if let Some(text) = observed { pre { (text) } } }
                    },
                }
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum ReportRow {
    /// Lines of both.
    Plain(String),
    /// What was expected, and what was observed.
    Beside(Option<String>, Option<String>),
}

/// The lines as rows: a run of expected lines beside the observed ones that follow it. A pointer belongs to the line above.
fn rows(lines: &[ReportLine]) -> Vec<ReportRow> {
    let mut rows = Vec::new();
    for block in lines.chunk_by(|one, next| (one.mark == LineMark::Plain) == (next.mark == LineMark::Plain)) {
        if block[0].mark == LineMark::Plain {
            rows.push(ReportRow::Plain(joined(block.iter())));
            continue;
        }
        let (mut left, mut right, mut is_left) = (Vec::new(), Vec::new(), true);
        for line in block {
            match line.mark {
                LineMark::Expected => is_left = true,
                LineMark::Observed => is_left = false,
                LineMark::Pointer | LineMark::Plain => {}
            }
            if is_left { left.push(line) } else { right.push(line) }
        }
        let text = |lines: Vec<&ReportLine>| (!lines.is_empty()).then(|| joined(lines.into_iter()));
        rows.push(ReportRow::Beside(text(left), text(right)));
    }
    rows
}

fn joined<'l>(lines: impl Iterator<Item = &'l ReportLine>) -> String {
    lines.map(|line| line.text.as_str()).collect::<Vec<_>>().join("\n")
}

/// What was lost, by scenario.
fn losses(sums: &BTreeMap<String, TraceSum>) -> Markup {
    let lost: Vec<_> = sums.iter().filter(|(_, sum)| !sum.lost.is_empty()).collect();
    html! {
        h2 { "Losses" }
        @if lost.is_empty() { p { "Nothing was lost." } }
        @else { ul { @for (name, sum) in lost { li { b { (name) } ": " (escape::line(&sum.lost.join("; "))) } } } }
    }
}

fn scenarios(all: &[TrialDone], sums: &BTreeMap<String, TraceSum>) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label="The scenarios" {
            table.list {
                thead { tr { th { "scenario" } th { "verdict" } th { "calls" } th { "ms" } } }
                @for done in all {
                    @let (word, why) = verdict(&done.outcome);
                    tr {
                        th scope="row" { (done.name) }
                        td.(word) { (word) @if !why.is_empty() { ": " (why) } }
                        td.number { @if let Some(sum) = sums.get(&done.name.name) { (sum.calls) } }
                        td.number { (format!("{:.1}", done.took.as_secs_f64() * 1e3)) }
                    }
                }
            }
        }
    }
}

/// The word for an outcome, and the reason if it did not run.
fn verdict(outcome: &TrialOutcome) -> (&'static str, &str) {
    match outcome {
        TrialOutcome::Judged(Verdict::Pass) => ("pass", ""),
        TrialOutcome::Judged(Verdict::Fail(_)) => ("fail", ""),
        TrialOutcome::Judged(Verdict::Inconclusive(_)) => ("inconclusive", ""),
        TrialOutcome::Judged(Verdict::Skip(reason)) => ("skip", reason),
        TrialOutcome::NotRun(why) => ("not-run", why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_expected_stands_beside_what_was_observed() {
        let line = |mark, text: &str| ReportLine::marked(mark, text);
        let lines = [
            line(LineMark::Plain, "head"),
            line(LineMark::Plain, "  dup(3) = 4"),
            line(LineMark::Expected, "- close(4) = 0"),
            line(LineMark::Pointer, "        ^"),
            line(LineMark::Observed, "+ close(5) = 0"),
            line(LineMark::Plain, "  end"),
            line(LineMark::Observed, "+ extra"),
        ];
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            rows(&lines),
            [
                ReportRow::Plain("head\n  dup(3) = 4".to_owned()),
                ReportRow::Beside(text("- close(4) = 0\n        ^"), text("+ close(5) = 0")),
                ReportRow::Plain("  end".to_owned()),
                ReportRow::Beside(None, text("+ extra")),
            ]
        );
    }
}
