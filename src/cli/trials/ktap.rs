//! `--format ktap`: version 1 of what the kernel's own tests print (Documentation/dev-tools/ktap.rst). An inconclusive scenario
//! has the directive ERROR: its test has not come to a result.

use std::time::Duration;

use super::output::TrialOutput;
use super::{Printer, TrialDone, TrialName, TrialOutcome, TrialSums};
use crate::judge::report::Report;
use crate::judge::verdict::Verdict;

pub struct KtapPrinter {
    output: TrialOutput,
    /// How many results there are.
    results: usize,
}

impl KtapPrinter {
    pub fn new(output: TrialOutput) -> Self {
        Self { output, results: 0 }
    }

    /// The diagnostic lines come before the result.
    fn diagnosis(&mut self, report: &Report) {
        for line in &report.lines {
            self.output.put(format!("# {}", line.text).trim_end());
            self.output.put("\n");
        }
    }
}

impl Printer for KtapPrinter {
    fn begin(&mut self, trials: usize, _: Option<u64>) {
        self.output.put(&format!("KTAP version 1\n1..{trials}\n"));
    }

    fn announce(&mut self, _: &TrialName) {}

    fn done(&mut self, done: &TrialDone) {
        self.results += 1;
        let (word, directive) = match &done.outcome {
            TrialOutcome::Judged(Verdict::Pass) => ("ok", String::new()),
            TrialOutcome::Judged(Verdict::Fail(report)) => {
                self.diagnosis(report);
                ("not ok", String::new())
            }
            TrialOutcome::Judged(Verdict::Inconclusive(report)) => {
                self.diagnosis(report);
                let cause = report.cause.as_ref().map_or("", |cause| cause.title.as_str());
                ("not ok", format!(" # ERROR inconclusive: {cause}"))
            }
            TrialOutcome::Judged(Verdict::Skip(reason)) => ("ok", format!(" # SKIP {reason}")),
            TrialOutcome::NotRun(why) => ("ok", format!(" # SKIP not run: {why}")),
        };
        // A `#` begins a directive.
        let name = done.name.to_string().replace('#', "-");
        self.output.put(&format!("{word} {} {name}{directive}\n", self.results));
    }

    fn end(&mut self, _: &[TrialDone], sums: &TrialSums, _: Duration) {
        let TrialSums { tally, not_run, .. } = *sums;
        self.output.put(&format!(
            "# Totals: pass:{} fail:{} xfail:0 xpass:0 skip:{} error:{}\n",
            tally.passed,
            tally.failed,
            tally.skipped + not_run,
            tally.inconclusive
        ));
    }
}
