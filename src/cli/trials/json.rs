//! `--format json`: one object a line. The objects are those of libtest, with two events more: `inconclusive` and `not_run`.

use std::time::Duration;

use serde::Serialize;

use super::output::TrialOutput;
use super::{Printer, TrialDone, TrialName, TrialOutcome, TrialSums, word};
use crate::judge::verdict::Verdict;

pub struct JsonPrinter {
    output: TrialOutput,
}

#[derive(Serialize)]
struct SuiteStarted {
    r#type: &'static str,
    event: &'static str,
    test_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    shuffle_seed: Option<u64>,
}

#[derive(Default, Serialize)]
struct TestEvent<'e> {
    r#type: &'static str,
    event: &'static str,
    name: &'e str,
    /// The subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exec_time: Option<f64>,
    /// Why it did not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'e str>,
    /// The cause, which other tests may share.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'e str>,
    /// The file and line of the call that was expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<&'e str>,
    /// The report.
    #[serde(skip_serializing_if = "Option::is_none")]
    stdout: Option<String>,
}

#[derive(Serialize)]
struct SuiteEnded {
    r#type: &'static str,
    event: &'static str,
    passed: usize,
    failed: usize,
    inconclusive: usize,
    ignored: usize,
    not_run: usize,
    measured: usize,
    filtered_out: usize,
    exec_time: f64,
}

impl JsonPrinter {
    pub fn new(output: TrialOutput) -> Self {
        Self { output }
    }

    fn put(&mut self, object: &impl Serialize) {
        // Only text and numbers, which cannot fail. Names, reasons and reports are escaped.
        let line = serde_json::to_string(object).unwrap_or_default();
        self.output.put(&format!("{line}\n"));
    }
}

impl Printer for JsonPrinter {
    fn begin(&mut self, trials: usize, seed: Option<u64>) {
        self.put(&SuiteStarted { r#type: "suite", event: "started", test_count: trials, shuffle_seed: seed });
    }

    fn announce(&mut self, TrialName { kind, name }: &TrialName) {
        let kind = kind.as_deref();
        self.put(&TestEvent { r#type: "test", event: "started", name, kind, ..TestEvent::default() });
    }

    fn done(&mut self, done: &TrialDone) {
        let (event, message, report) = match &done.outcome {
            TrialOutcome::Judged(Verdict::Pass) => ("ok", None, None),
            TrialOutcome::Judged(Verdict::Fail(report)) => ("failed", None, Some(report)),
            TrialOutcome::Judged(Verdict::Inconclusive(report)) => ("inconclusive", None, Some(report)),
            TrialOutcome::Judged(Verdict::Skip(reason)) => ("ignored", Some(reason.as_str()), None),
            TrialOutcome::NotRun(why) => ("not_run", Some(*why), None),
        };
        let TrialName { kind, name } = &done.name;
        let cause = report.and_then(|report| report.cause.as_ref());
        self.put(&TestEvent {
            r#type: "test",
            event,
            name,
            kind: kind.as_deref(),
            exec_time: Some(done.took.as_secs_f64()),
            message,
            cause: cause.map(|cause| cause.title.as_str()),
            place: cause.and_then(|cause| cause.place.as_deref()),
            stdout: report.map(|report| report.to_string()),
        });
    }

    fn end(&mut self, _: &[TrialDone], sums: &TrialSums, took: Duration) {
        let TrialSums { tally, not_run, filtered_out } = *sums;
        self.put(&SuiteEnded {
            r#type: "suite",
            event: word(&tally),
            passed: tally.passed,
            failed: tally.failed,
            inconclusive: tally.inconclusive,
            ignored: tally.skipped,
            not_run,
            measured: 0,
            filtered_out,
            exec_time: took.as_secs_f64(),
        });
    }
}
