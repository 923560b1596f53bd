//! `--format pretty` and `terse`: what a person reads. The lines are those of libtest.

use std::time::Duration;

use anstyle::AnsiColor;

use super::groups::{GroupOf, TrialGroup, groups, shown};
use super::output::TrialOutput;
use super::{BASIC_IS_RED, Printer, TrialDone, TrialName, TrialOutcome, TrialSums, word};
use crate::child::scenarios::BASIC;
use crate::judge::verdict::Verdict;

/// The columns of a list of names.
const WIDTH: usize = 100;

pub struct TextPrinter {
    output: TrialOutput,
    terse: bool,
    all_reports: bool,
    /// The widths of kinds and names.
    widths: (usize, usize),
}

impl TextPrinter {
    pub fn new<'n>(
        output: TrialOutput,
        terse: bool,
        all_reports: bool,
        names: impl Iterator<Item = &'n TrialName>,
    ) -> Self {
        let width = |text: &str| text.chars().count();
        let kind = |name: &TrialName| name.kind.as_ref().map_or(0, |kind| width(kind) + 3);
        let widths = names.fold((0, 0), |(kinds, all), name| (kinds.max(kind(name)), all.max(width(&name.name))));
        Self { output, terse, all_reports, widths }
    }

    /// Writes this text as it is.
    pub fn put(&mut self, text: &str) {
        self.output.put(text);
    }

    fn group(&mut self, group: &TrialGroup<'_>) {
        let title = match (group.others.len(), group.title) {
            (1.., Some(title)) => {
                format!("---- {title}: {} scenarios, the first is {} ----", group.len(), group.first.name)
            }
            (_, _) => format!("---- {} ----", group.first.name),
        };
        self.output.put(&format!("{title}\n"));
        shown(group.report, self.all_reports).iter().for_each(|line| self.output.report_line(line));
        if !group.others.is_empty() {
            let names: Vec<&str> = group.others.iter().map(|done| done.name.name.as_str()).collect();
            let count = names.len();
            let scenarios = if count == 1 { "scenario" } else { "scenarios" };
            self.output.put(&format!("\n  the same in {count} more {scenarios} (--all-reports shows each report):\n"));
            self.output.put(&in_lines(&names.join(", "), "    "));
        }
        self.output.put("\n");
    }

    /// The reports on all that failed, and on all that is inconclusive.
    pub fn sections<'d>(&mut self, all: &'d [TrialDone]) -> (Vec<TrialGroup<'d>>, Vec<TrialGroup<'d>>) {
        let failed = groups(all, GroupOf::Failed, self.all_reports);
        let inconclusive = groups(all, GroupOf::Inconclusive, self.all_reports);
        self.section("failures", &failed);
        self.section("inconclusive", &inconclusive);
        (failed, inconclusive)
    }

    /// The reports, and then one line for each cause.
    fn section(&mut self, heading: &str, groups: &[TrialGroup<'_>]) {
        if groups.is_empty() {
            return;
        }
        self.output.put(&format!("\n{heading}:\n\n"));
        groups.iter().for_each(|group| self.group(group));
    }

    fn list(&mut self, heading: &str, groups: &[TrialGroup<'_>]) {
        if groups.is_empty() {
            return;
        }
        self.output.put(&format!("\n{heading}:\n"));
        for group in groups {
            let line = self.output.linked(&entry(group));
            self.output.put(&format!("    {line}\n"));
        }
    }
}

/// A group in one line: a scenario and its cause, or a cause and its scenarios.
fn entry(group: &TrialGroup<'_>) -> String {
    let place = group.report.cause.as_ref().and_then(|cause| cause.place.as_deref());
    let at = place.map_or(String::new(), |place| format!(" ({place})"));
    match (group.title, group.len()) {
        (Some(title), 1) => format!("{}{at}: {title}", group.first.name),
        (None, _) => format!("{}{at}", group.first.name),
        (Some(title), count) => {
            let calls = group.calls();
            let few: Vec<String> = calls.iter().take(4).map(|(call, count)| format!("{call} {count}")).collect();
            let more = if calls.len() > few.len() { ", …" } else { "" };
            let calls = if few.is_empty() { String::new() } else { format!(" ({}{more})", few.join(", ")) };
            format!("{title}: {count} scenarios{calls}, the first is {}{at}", group.first.name)
        }
    }
}

/// A text in lines, broken at spaces.
fn in_lines(text: &str, indent: &str) -> String {
    let options = textwrap::Options::new(WIDTH).initial_indent(indent).subsequent_indent(indent);
    let options = options.word_splitter(textwrap::WordSplitter::NoHyphenation);
    let options = options.word_separator(textwrap::WordSeparator::AsciiSpace);
    textwrap::wrap(text, options).into_iter().map(|line| format!("{line}\n")).collect()
}

impl Printer for TextPrinter {
    fn begin(&mut self, trials: usize, seed: Option<u64>) {
        let plural = if trials == 1 { "" } else { "s" };
        let seed = seed.map_or(String::new(), |seed| format!(" (shuffle seed: {seed})"));
        self.output.put(&format!("\nrunning {trials} test{plural}{seed}\n"));
    }

    fn announce(&mut self, name: &TrialName) {
        if self.terse {
            return;
        }
        let kind = name.kind.as_ref().map_or(String::new(), |kind| format!("[{kind}] "));
        let (kinds, names) = self.widths;
        self.output.put(&format!("test {kind:<kinds$}{:<names$} ... ", name.name));
    }

    fn done(&mut self, done: &TrialDone) {
        let (word, sign, colour) = match &done.outcome {
            TrialOutcome::Judged(Verdict::Pass) => ("ok".to_owned(), ".", AnsiColor::Green),
            TrialOutcome::Judged(Verdict::Fail(_)) => ("FAILED".to_owned(), "F", AnsiColor::Red),
            TrialOutcome::Judged(Verdict::Inconclusive(_)) => ("INCONCLUSIVE".to_owned(), "?", AnsiColor::Magenta),
            TrialOutcome::Judged(Verdict::Skip(reason)) => (format!("ignored ({reason})"), "i", AnsiColor::Yellow),
            // Their number is in the last line.
            TrialOutcome::NotRun(_) => return,
        };
        match self.terse {
            true => self.output.put(&self.output.coloured(sign, colour)),
            false => self.output.put(&format!("{}\n", self.output.coloured(&word, colour))),
        }
    }

    fn end(&mut self, all: &[TrialDone], sums: &TrialSums, took: Duration) {
        let (failed, inconclusive) = self.sections(all);
        self.list("failures", &failed);
        self.list("inconclusive", &inconclusive);
        if all.iter().any(|done| matches!(done.outcome, TrialOutcome::NotRun(BASIC_IS_RED))) {
            let families = BASIC.join(", ");
            let not_run = sums.not_run;
            let line =
                format!("the basic tier ({families}) is red: {not_run} more tests were not run; --no-tiers runs them");
            self.output.put(&format!("\n{line}\n"));
        }
        let (result, colour) = match word(&sums.tally) {
            "ok" => ("ok", AnsiColor::Green),
            "inconclusive" => ("INCONCLUSIVE", AnsiColor::Magenta),
            _ => ("FAILED", AnsiColor::Red),
        };
        let result = self.output.coloured(result, colour);
        let line = sums_line(sums, took);
        self.output.put(&format!("\ntest result: {result}. {line}\n\n"));
    }
}

/// The sums in one line, as libtest has them. What libtest does not know is there only if it is not 0.
fn sums_line(sums: &TrialSums, took: Duration) -> String {
    let TrialSums { tally, not_run, filtered_out } = sums;
    let some = |count: usize, what: &str| if count == 0 { String::new() } else { format!(" {count} {what};") };
    format!(
        "{} passed; {} failed; {} ignored;{}{} 0 measured; {filtered_out} filtered out; finished in {:.2}s",
        tally.passed,
        tally.failed,
        tally.skipped,
        some(tally.inconclusive, "inconclusive"),
        some(*not_run, "not run"),
        took.as_secs_f64(),
    )
}
