//! `--stress` and `--until-fail`: runs what is selected again and again, and tells what is flaky.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::trials::progress::{LongRun, Steps};
use crate::base::error::Error;
use crate::judge::cause::FailureCause;
use crate::judge::report::Report;
use crate::judge::verdict::Verdict;

/// When the repetition ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StressLimit {
    /// After this time. Each scenario has run at least once then. Without it, only a failure or a signal ends it.
    pub time: Option<Duration>,
    /// After the first run that does not pass.
    pub until_fail: bool,
}

/// What became of the runs of one scenario.
#[derive(Clone, Debug, Default)]
pub struct StressTally {
    passed: u64,
    failed: u64,
    inconclusive: u64,
    /// Why it cannot run, if it cannot.
    skipped: Option<String>,
    /// The number of the first run that failed, and its report.
    first_failed: Option<(u64, Report)>,
    /// The same for the first that was inconclusive.
    first_inconclusive: Option<(u64, Report)>,
    /// The time of all its runs.
    pub took: Duration,
}

/// The end of a stress: a tally for each scenario, and how long it took.
pub struct Stressed {
    pub tallies: Vec<StressTally>,
    pub runs: u64,
    pub took: Duration,
}

/// Runs `count` scenarios in turn on so many threads, until the limit. `once` runs one of them once.
pub fn stress(
    limit: StressLimit,
    threads: usize,
    count: usize,
    steps: Steps,
    once: impl Fn(usize) -> Result<Verdict, Error> + Sync,
) -> Stressed {
    let tallies: Vec<Mutex<StressTally>> = (0..count).map(|_| Mutex::default()).collect();
    let (next, stop, began) = (AtomicU64::new(0), AtomicBool::new(false), Instant::now());
    let progress = Mutex::new(LongRun::new(steps, limit.time));
    let is_over = |turn: u64| {
        let is_first_round = turn < count as u64;
        let is_late = limit.time.is_some_and(|time| began.elapsed() >= time) && !is_first_round;
        let none_runs = || tallies.iter().all(|tally| lock(tally).skipped.is_some());
        stop.load(Ordering::Relaxed) || is_late || (!is_first_round && none_runs())
    };
    let work = || {
        loop {
            let turn = next.fetch_add(1, Ordering::Relaxed);
            if count == 0 || is_over(turn) {
                return;
            }
            let tally = &tallies[(turn % count as u64) as usize];
            if lock(tally).skipped.is_some() {
                continue;
            }
            let begin = Instant::now();
            let verdict =
                once((turn % count as u64) as usize).unwrap_or_else(|error| Verdict::Fail(error.to_string().into()));
            let mut tally = lock(tally);
            tally.took += begin.elapsed();
            tally.add(verdict);
            if limit.until_fail && tally.has_failed() {
                stop.store(true, Ordering::Relaxed);
            }
            drop(tally);
            lock(&progress).step();
        }
    };
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    lock(&progress).finish();
    let tallies: Vec<StressTally> = tallies.into_iter().map(|tally| tally.into_inner().unwrap_or_default()).collect();
    Stressed { runs: tallies.iter().map(StressTally::runs).sum(), tallies, took: began.elapsed() }
}

fn lock<T>(value: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

impl StressTally {
    /// How often it ran.
    pub fn runs(&self) -> u64 {
        self.passed + self.failed + self.inconclusive
    }

    fn has_failed(&self) -> bool {
        self.failed + self.inconclusive > 0
    }

    fn add(&mut self, verdict: Verdict) {
        let number = self.runs() + 1;
        match verdict {
            Verdict::Pass => self.passed += 1,
            Verdict::Skip(reason) => self.skipped = Some(reason),
            Verdict::Fail(report) => {
                self.failed += 1;
                self.first_failed.get_or_insert((number, report));
            }
            Verdict::Inconclusive(report) => {
                self.inconclusive += 1;
                self.first_inconclusive.get_or_insert((number, report));
            }
        }
    }

    /// The verdict on all runs. A scenario that passed and failed is flaky, which is a failure.
    pub fn verdict(self) -> Verdict {
        let (runs, passed) = (self.runs(), self.passed);
        if let Some((number, report)) = self.first_failed {
            return Verdict::Fail(told(report, "failed", self.failed, runs, passed > 0, number));
        }
        if let Some((number, report)) = self.first_inconclusive {
            return Verdict::Inconclusive(told(report, "was inconclusive", self.inconclusive, runs, false, number));
        }
        match self.skipped {
            Some(reason) => Verdict::Skip(reason),
            None if runs == 0 => Verdict::Skip("the repetition ended before it ran".to_owned()),
            None => Verdict::Pass,
        }
    }
}

/// The first report below a line about all runs.
fn told(report: Report, what: &str, count: u64, runs: u64, is_flaky: bool, first: u64) -> Report {
    let (low, high) = wilson(count, runs);
    let percent = |rate: f64| format!("{:.2} %", 100.0 * rate);
    let rate = percent(count as f64 / runs.max(1) as f64);
    let flaky = if is_flaky { "flaky: it" } else { "it" };
    let line = match (count == runs, runs) {
        (true, 1) => format!("it {what} in its only run:"),
        (true, _) => format!("it {what} in all of its {runs} runs; the first:"),
        (false, _) => {
            let (low, high) = (percent(low), percent(high));
            format!(
                "{flaky} {what} in {count} of {runs} runs: {rate}, with 95 % confidence {low} to {high}; run {first}:"
            )
        }
    };
    let cause = report.cause.clone().filter(|_| is_flaky);
    let report = report.below(line);
    match cause {
        Some(cause) => report.with_cause(Some(FailureCause { title: format!("flaky: {}", cause.title), ..cause })),
        None => report,
    }
}

/// The interval in which the true rate lies with 95 % confidence, if `count` of `runs` were hits. It is Wilson's score interval, which
/// holds for few runs and for rates near 0 and 1 too (Wilson, "Probable Inference", 1927).
fn wilson(count: u64, runs: u64) -> (f64, f64) {
    const Z: f64 = 1.959_963_984_540_054;
    if runs == 0 {
        return (0.0, 1.0);
    }
    let (n, p) = (runs as f64, count as f64 / runs as f64);
    let middle = p + Z * Z / (2.0 * n);
    let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    (((middle - half) / scale).max(0.0), ((middle + half) / scale).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet() -> Steps {
        Steps::Hidden
    }

    fn fails() -> Verdict {
        Verdict::Fail("openat missing".to_owned().into())
    }

    #[test]
    fn the_interval_is_wilsons() {
        // The values of R's prop.test(count, runs, correct = FALSE).
        let rows = [
            ((0, 10), (0.0, 0.277_533)),
            ((1, 10), (0.017_876, 0.404_150)),
            ((5, 10), (0.236_593, 0.763_407)),
            ((10, 10), (0.722_467, 1.0)),
            ((3, 1000), (0.001_021, 0.008_783)),
        ];
        for ((count, runs), (low, high)) in rows {
            let (found_low, found_high) = wilson(count, runs);
            assert!((found_low - low).abs() < 1e-5 && (found_high - high).abs() < 1e-5, "{found_low} {found_high}");
        }
        assert_eq!(wilson(0, 0), (0.0, 1.0), "nothing is known");
    }

    #[test]
    fn what_passes_and_fails_is_flaky() {
        let mut tally = StressTally::default();
        (0..6).for_each(|_| tally.add(Verdict::Pass));
        tally.add(fails());
        (0..3).for_each(|_| tally.add(Verdict::Pass));
        let Verdict::Fail(report) = tally.verdict() else { panic!("it is a failure") };
        let line = "flaky: it failed in 1 of 10 runs: 10.00 %, with 95 % confidence 1.79 % to 40.42 %; run 7:";
        assert_eq!(report.lines[0].text, line);
        assert_eq!(report.cause.unwrap().title, "flaky: openat missing");
    }

    #[test]
    fn each_tally_has_its_verdict() {
        let tally = |verdicts: &[Verdict]| {
            let mut tally = StressTally::default();
            verdicts.iter().for_each(|verdict| tally.add(verdict.clone()));
            tally.verdict()
        };
        let lost = || Verdict::Inconclusive("a part was lost".to_owned().into());
        assert_eq!(tally(&[Verdict::Pass, Verdict::Pass]), Verdict::Pass);
        assert_eq!(tally(&[Verdict::Skip("x".to_owned())]), Verdict::Skip("x".to_owned()));
        assert!(matches!(tally(&[]), Verdict::Skip(_)));
        let says = |verdict: Verdict| match verdict {
            Verdict::Fail(report) => format!("fail: {}", report.lines[0].text),
            Verdict::Inconclusive(report) => format!("inconclusive: {}", report.lines[0].text),
            Verdict::Pass | Verdict::Skip(_) => panic!("{verdict:?}"),
        };
        assert_eq!(says(tally(&[fails()])), "fail: it failed in its only run:");
        assert_eq!(says(tally(&[fails(), fails()])), "fail: it failed in all of its 2 runs; the first:");
        assert!(
            says(tally(&[Verdict::Pass, lost()]))
                .starts_with("inconclusive: it was inconclusive in 1 of 2 runs: 50.00 %")
        );
        assert!(says(tally(&[Verdict::Pass, lost(), fails()])).starts_with("fail: flaky: it failed in 1 of 3 runs"));
    }

    #[test]
    fn until_fail_ends_at_the_first_failure_and_a_time_after_one_round_at_least() {
        let runs = AtomicU64::new(0);
        let limit = StressLimit { time: None, until_fail: true };
        let stressed = stress(limit, 1, 3, quiet(), |_| {
            let number = runs.fetch_add(1, Ordering::Relaxed);
            Ok(if number == 100 { fails() } else { Verdict::Pass })
        });
        assert_eq!(stressed.runs, 101);
        let failed: Vec<u64> = stressed.tallies.iter().map(|tally| tally.failed).collect();
        assert_eq!(failed, [0, 1, 0], "run 100, counted from 0, is one of the second scenario");
        let limit = StressLimit { time: Some(Duration::ZERO), until_fail: false };
        let stressed = stress(limit, 4, 3, quiet(), |_| Ok(Verdict::Pass));
        let each: Vec<u64> = stressed.tallies.iter().map(StressTally::runs).collect();
        assert_eq!(each, [1, 1, 1]);
    }

    #[test]
    fn what_cannot_run_is_not_repeated() {
        let runs = AtomicU64::new(0);
        let limit = StressLimit { time: None, until_fail: true };
        let stressed = stress(limit, 2, 2, quiet(), |at| {
            let number = runs.fetch_add(1, Ordering::Relaxed);
            Ok(match at {
                0 => Verdict::Skip("no io_uring".to_owned()),
                _ if number > 50 => fails(),
                _ => Verdict::Pass,
            })
        });
        assert_eq!(stressed.tallies[0].runs(), 0);
        assert_eq!(stressed.tallies[0].clone().verdict(), Verdict::Skip("no io_uring".to_owned()));
        let all = stress(limit, 2, 2, quiet(), |_| Ok(Verdict::Skip("no io_uring".to_owned())));
        assert_eq!(all.runs, 0, "it ends, although no time ends it");
    }
}
