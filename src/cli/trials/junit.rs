//! `--format junit`: one XML document, at the end. An inconclusive scenario is an `error`, and not a `failure`.

use std::time::Duration;

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::output::TrialOutput;
use super::{Printer, TrialDone, TrialName, TrialOutcome, TrialSums};
use crate::child::scenarios::family_of;
use crate::judge::report::Report;
use crate::judge::verdict::Verdict;

pub struct JunitPrinter {
    output: TrialOutput,
}

impl JunitPrinter {
    pub fn new(output: TrialOutput) -> Self {
        Self { output }
    }
}

impl Printer for JunitPrinter {
    fn begin(&mut self, _: usize, _: Option<u64>) {}

    fn announce(&mut self, _: &TrialName) {}

    fn done(&mut self, _: &TrialDone) {}

    fn end(&mut self, all: &[TrialDone], _: &TrialSums, took: Duration) {
        let mut suite = TestSuite::new("ior-it");
        suite.set_time(took);
        suite.add_test_cases(all.iter().map(case));
        let mut document = quick_junit::Report::new("ior-it");
        document.set_time(took).add_test_suite(suite);
        // Only text and numbers: that cannot fail.
        let text = document.to_string().unwrap_or_default();
        self.output.put(&text);
    }
}

fn case(done: &TrialDone) -> TestCase {
    let status = match &done.outcome {
        TrialOutcome::Judged(Verdict::Pass) => TestCaseStatus::success(),
        TrialOutcome::Judged(Verdict::Fail(report)) => not_passed(NonSuccessKind::Failure, "fail", report),
        TrialOutcome::Judged(Verdict::Inconclusive(report)) => {
            not_passed(NonSuccessKind::Error, "inconclusive", report)
        }
        TrialOutcome::Judged(Verdict::Skip(reason)) => skipped(reason),
        TrialOutcome::NotRun(why) => skipped(&format!("not run: {why}")),
    };
    let mut case = TestCase::new(done.name.to_string(), status);
    case.set_classname(family_of(&done.name.name).unwrap_or("ior-it")).set_time(done.took);
    case
}

fn not_passed(kind: NonSuccessKind, word: &str, report: &Report) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(word).set_description(report.to_string());
    if let Some(cause) = &report.cause {
        status.set_message(cause.title.as_str());
    }
    status
}

fn skipped(why: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(why);
    status
}
