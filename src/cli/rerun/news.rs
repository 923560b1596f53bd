//! What has changed from one run to the next: which scenarios have become red, and which green.
//!
//! No I/O. Red is what fails or is inconclusive, green is what passes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cli::trials::{TrialDone, TrialOutcome};
use crate::judge::verdict::Verdict;

/// What became of each trial when it last ran.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRun(BTreeMap<String, LastOutcome>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct LastOutcome {
    scenario: String,
    /// `None` if it was green or skipped. For a red one its cause, if it has one.
    red: Option<Option<String>>,
}

/// What is new in a run.
#[derive(Clone, Debug, Default)]
pub struct RunNews {
    /// Red, and not before.
    pub newly_red: Vec<TrialDone>,
    /// Red before as well, for another cause.
    pub red_otherwise: Vec<TrialDone>,
    /// Green, and red before.
    pub newly_green: Vec<TrialDone>,
    /// The counts of the run.
    counts: RunCounts,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct RunCounts {
    green: usize,
    red: usize,
    skipped: usize,
    not_run: usize,
}

/// How long the steps of a rerun took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RerunTimes {
    /// From the save, or the key, to the verdict.
    pub all: Duration,
    /// In clang, if it ran.
    pub clang: Option<Duration>,
    /// To load the object, if it was loaded.
    pub load: Option<Duration>,
    /// To run the scenarios.
    pub run: Duration,
}

impl LastRun {
    /// The scenarios that are red.
    pub fn red(&self) -> Vec<String> {
        let red = self.0.values().filter(|last| last.red.is_some());
        let mut names: Vec<String> = red.map(|last| last.scenario.clone()).collect();
        names.dedup();
        names
    }

    /// Takes in a run, and says what is new in it. What did not run is as it was.
    pub fn take(&mut self, done: &[TrialDone]) -> RunNews {
        let mut news = RunNews::default();
        for one in done {
            let red = match &one.outcome {
                TrialOutcome::NotRun(_) => {
                    news.counts.not_run += 1;
                    continue;
                }
                TrialOutcome::Judged(Verdict::Fail(report) | Verdict::Inconclusive(report)) => {
                    Some(report.cause.as_ref().map(|cause| cause.title.clone()))
                }
                TrialOutcome::Judged(Verdict::Pass | Verdict::Skip(_)) => None,
            };
            match (&one.outcome, &red) {
                (_, Some(_)) => news.counts.red += 1,
                (TrialOutcome::Judged(Verdict::Skip(_)), None) => news.counts.skipped += 1,
                (_, None) => news.counts.green += 1,
            }
            let last = LastOutcome { scenario: one.name.name.clone(), red: red.clone() };
            let before = self.0.insert(one.name.to_string(), last).and_then(|before| before.red);
            match (before, red) {
                (None, Some(_)) => news.newly_red.push(one.clone()),
                (Some(before), Some(now)) if before != now => news.red_otherwise.push(one.clone()),
                (Some(_), None) if matches!(one.outcome, TrialOutcome::Judged(Verdict::Pass)) => {
                    news.newly_green.push(one.clone());
                }
                (Some(_), _) | (None, None) => {}
            }
        }
        news
    }
}

impl RunNews {
    /// Whether all that ran is green or skipped.
    pub fn is_green(&self) -> bool {
        self.counts.red == 0
    }

    /// The names of what has changed, a line for each kind.
    pub fn lines(&self) -> Vec<String> {
        let kinds = [
            ("newly red", &self.newly_red),
            ("red for another cause", &self.red_otherwise),
            ("newly green", &self.newly_green),
        ];
        let line = |(kind, done): (&str, &Vec<TrialDone>)| {
            let names: Vec<String> = done.iter().map(|done| done.name.to_string()).collect();
            (!names.is_empty()).then(|| format!("{kind}: {}", names.join(", ")))
        };
        kinds.into_iter().filter_map(line).collect()
    }

    /// The counts in one line, and how long it took.
    pub fn sum(&self, times: &RerunTimes) -> String {
        let RunCounts { green, red, skipped, not_run } = self.counts;
        let new = |count: usize| if count == 0 { String::new() } else { format!(" ({count} new)") };
        let some = |count: usize, what: &str| if count == 0 { String::new() } else { format!(", {count} {what}") };
        format!(
            "{green} green{}, {red} red{}{}{}; {}",
            new(self.newly_green.len()),
            new(self.newly_red.len()),
            some(skipped, "skipped"),
            some(not_run, "not run"),
            times.line()
        )
    }
}

impl RerunTimes {
    fn line(&self) -> String {
        let seconds = |name: &str, time: Duration| format!("{name} {:.2}", time.as_secs_f64());
        let steps = [("clang", self.clang), ("load", self.load), ("run", Some(self.run))];
        let steps: Vec<String> = steps.into_iter().filter_map(|(name, time)| Some(seconds(name, time?))).collect();
        format!("{:.2} s to the verdict ({})", self.all.as_secs_f64(), steps.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::trials::TrialName;
    use crate::judge::cause::FailureCause;
    use crate::judge::report::Report;

    fn done(name: &str, verdict: Option<Verdict>) -> TrialDone {
        let name = TrialName { kind: None, name: name.to_owned() };
        let outcome = verdict.map_or(TrialOutcome::NotRun("x"), TrialOutcome::Judged);
        TrialDone { number: 0, name, outcome, took: Duration::ZERO }
    }

    fn fails(cause: &str) -> Option<Verdict> {
        Some(Verdict::Fail(Report::new(Vec::new()).with_cause(Some(FailureCause::of_sentence(cause)))))
    }

    #[test]
    fn only_what_has_changed_is_news() {
        let pass = || Some(Verdict::Pass);
        let rows: [(_, _, &[&str], &str); 8] = [
            (pass(), pass(), &[], "1 green, 0 red"),
            (pass(), fails("x"), &["newly red: a"], "0 green, 1 red (1 new)"),
            (fails("x"), fails("x"), &[], "0 green, 1 red"),
            (fails("x"), fails("y"), &["red for another cause: a"], "0 green, 1 red"),
            (fails("x"), pass(), &["newly green: a"], "1 green (1 new), 0 red"),
            (fails("x"), Some(Verdict::Skip("no".to_owned())), &[], "0 green, 0 red, 1 skipped"),
            (fails("x"), None, &[], "0 green, 0 red, 1 not run"),
            (None, fails("x"), &["newly red: a"], "0 green, 1 red (1 new)"),
        ];
        for (before, now, lines, sum) in rows {
            let mut last = LastRun::default();
            last.take(&[done("a", before.clone())]);
            let news = last.take(&[done("a", now.clone())]);
            assert_eq!(news.lines(), lines, "{before:?} {now:?}");
            let times =
                RerunTimes { all: Duration::from_millis(310), run: Duration::from_millis(20), ..RerunTimes::default() };
            assert_eq!(news.sum(&times), format!("{sum}; 0.31 s to the verdict (run 0.02)"), "{before:?} {now:?}");
        }
    }

    #[test]
    fn the_red_ones_are_remembered_over_runs_of_others() {
        let mut last = LastRun::default();
        last.take(&[done("a", fails("x")), done("b", Some(Verdict::Pass))]);
        last.take(&[done("b", fails("y")), done("a", None)]);
        assert_eq!(last.red(), ["a", "b"]);
        let text = serde_json::to_string(&last).unwrap();
        assert_eq!(serde_json::from_str::<LastRun>(&text).unwrap(), last);
    }
}
