//! What has changed between two runs: verdicts, numbers of calls, and times beyond the noise.
//!
//! The two runs themselves say what the noise is. Most scenarios have not changed, so the ratios of their times show how much faster
//! the second run was as a whole, and how much a time varies without a cause.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use super::{RecordedScenario, RecordedVerdict, RunRecord};
use crate::base::escape;
use crate::runs::store::KeptRun;

/// From so many scenarios on, their ratios say what the noise is.
const ENOUGH: usize = 10;
/// A time is beyond the noise from so many standard deviations on, if at all.
const DEVIATIONS: f64 = 5.0;
/// The median absolute deviation of a normal distribution, times this, is its standard deviation.
const MAD_TO_DEVIATION: f64 = 1.4826;
/// A time that is less than so many times another is never beyond the noise.
const LEAST_FACTOR: f64 = 1.5;
/// The same if too few scenarios say what the noise is. Then only a scenario that ran often is compared.
const FACTOR_WITHOUT_NOISE: f64 = 2.0;
/// The fastest of so many runs varies little.
const OFTEN: u64 = 10;
/// Times that differ by less are never beyond the noise, in microseconds: a thread may wait that long for a CPU, more than once.
const LEAST_DIFFERENCE_US: f64 = 10_000.0;
/// The same for a scenario that ran often.
const LEAST_DIFFERENCE_OFTEN_US: f64 = 1_000.0;

/// What has changed from one run to another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunComparison<'r> {
    /// Each scenario whose verdict is another, as it was and as it is.
    pub verdicts: Vec<(&'r RecordedScenario, &'r RecordedScenario)>,
    /// Each scenario with another number of calls.
    pub calls: Vec<(&'r RecordedScenario, &'r RecordedScenario)>,
    /// Each scenario whose time is beyond the noise, and the factor by which it is longer than the run as a whole explains.
    pub times: Vec<(&'r RecordedScenario, &'r RecordedScenario, f64)>,
    /// The scenarios that only the first run has, and those that only the second has.
    pub alone: [Vec<&'r RecordedScenario>; 2],
    /// What is known of the times.
    pub noise: TimeNoise,
}

/// What the times of two runs have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TimeNoise {
    /// How many scenarios passed in both runs.
    pub scenarios: usize,
    /// By which factor the second run took longer: the median.
    pub shift: f64,
    /// From which factor on a time is beyond the noise.
    pub limit: f64,
}

/// Compares two runs. The first is the older one.
pub fn compare<'r>(old: &'r RunRecord, new: &'r RunRecord) -> RunComparison<'r> {
    let by_title = |run: &'r RunRecord| -> BTreeMap<String, &'r RecordedScenario> {
        run.scenarios.iter().map(|scenario| (scenario.title(), scenario)).collect()
    };
    let (olds, news) = (by_title(old), by_title(new));
    let pairs: Vec<_> = olds.iter().filter_map(|(title, old)| Some((*old, *news.get(title)?))).collect();
    let changed = |is_changed: fn(&RecordedScenario, &RecordedScenario) -> bool| {
        pairs.iter().copied().filter(|(old, new)| is_changed(old, new)).collect()
    };
    let only_in = |some: &BTreeMap<String, &'r RecordedScenario>, others: &BTreeMap<String, &'r RecordedScenario>| {
        some.iter().filter(|(title, _)| !others.contains_key(*title)).map(|(_, scenario)| *scenario).collect()
    };
    let timed: Vec<_> = pairs.iter().copied().filter(|(old, new)| is_timed(old) && is_timed(new)).collect();
    let noise = TimeNoise::of(&timed);
    RunComparison {
        verdicts: changed(|old, new| old.verdict != new.verdict),
        calls: changed(|old, new| old.calls.zip(new.calls).is_some_and(|(old, new)| old != new)),
        times: timed.into_iter().filter_map(|(old, new)| Some((old, new, noise.beyond(old, new)?))).collect(),
        alone: [only_in(&olds, &news), only_in(&news, &olds)],
        noise,
    }
}

/// Only a scenario that did all its work has a time that means something.
fn is_timed(scenario: &RecordedScenario) -> bool {
    scenario.verdict == RecordedVerdict::Pass && scenario.took_us > 0
}

fn ratio(old: &RecordedScenario, new: &RecordedScenario) -> f64 {
    (new.took_us as f64 / old.took_us as f64).ln()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.len().saturating_sub(1) / 2, values.len() / 2);
    values.get(low).zip(values.get(high)).map_or(0.0, |(low, high)| (low + high) / 2.0)
}

impl TimeNoise {
    fn of(timed: &[(&RecordedScenario, &RecordedScenario)]) -> Self {
        let scenarios = timed.len();
        if scenarios < ENOUGH {
            return Self { scenarios, shift: 1.0, limit: FACTOR_WITHOUT_NOISE };
        }
        let ratios: Vec<f64> = timed.iter().map(|(old, new)| ratio(old, new)).collect();
        let shift = median(&mut ratios.clone());
        let mut distances: Vec<f64> = ratios.iter().map(|ratio| (ratio - shift).abs()).collect();
        let deviation = MAD_TO_DEVIATION * median(&mut distances);
        Self { scenarios, shift: shift.exp(), limit: (DEVIATIONS * deviation).exp().max(LEAST_FACTOR) }
    }

    /// By which factor a time is longer than the run as a whole explains, if that is beyond the noise.
    fn beyond(&self, old: &RecordedScenario, new: &RecordedScenario) -> Option<f64> {
        let ran_often = old.runs.min(new.runs) >= OFTEN;
        let least = if ran_often { LEAST_DIFFERENCE_OFTEN_US } else { LEAST_DIFFERENCE_US };
        let is_known = ran_often || self.scenarios >= ENOUGH;
        let factor = ratio(old, new).exp() / self.shift;
        let difference = (new.took_us as f64 - old.took_us as f64 * self.shift).abs();
        let is_beyond = is_known && factor.max(1.0 / factor) > self.limit && difference > least;
        is_beyond.then_some(factor)
    }
}

impl RunComparison<'_> {
    /// Whether a scenario is red that was not red before, or that was not there.
    pub fn has_newly_red(&self) -> bool {
        let is_new = |scenario: &&RecordedScenario| scenario.verdict.is_red();
        self.verdicts.iter().any(|(old, new)| new.verdict.is_red() && !old.verdict.is_red())
            || self.alone[1].iter().any(is_new)
    }

    fn is_empty(&self) -> bool {
        self.verdicts.is_empty()
            && self.calls.is_empty()
            && self.times.is_empty()
            && self.alone.iter().all(Vec::is_empty)
    }
}

/// The comparison as a text for people.
pub fn text(old: &KeptRun, new: &KeptRun) -> String {
    let comparison = compare(&old.record, &new.record);
    let mut text = format!("{}\n{}\n", super::listed::line("A", old), super::listed::line("B", new));
    text += &circumstances(&old.record, &new.record);
    let is_red = |scenario: &RecordedScenario| scenario.verdict.is_red();
    let verdicts = |heading: &str, is_one: &dyn Fn(&RecordedScenario, &RecordedScenario) -> bool| {
        let these = comparison.verdicts.iter().filter(|(old, new)| is_one(old, new));
        section(heading, these.map(|(old, new)| verdict(old, new)))
    };
    text += &verdicts("newly red", &|old, new| !is_red(old) && is_red(new));
    text += &verdicts("newly green", &|old, new| is_red(old) && !is_red(new));
    text += &verdicts("another verdict", &|old, new| is_red(old) == is_red(new));
    let times = |is_one: fn(f64) -> bool| {
        let these = comparison.times.iter().filter(move |(_, _, factor)| is_one(*factor));
        these.map(|(old, new, factor)| {
            let (from, to) = (time(old.took_us), time(new.took_us));
            format!("{}: {from} -> {to} ({factor:.2} times)", new.title())
        })
    };
    text += &section("slower beyond the noise", times(|factor| factor > 1.0));
    text += &section("faster beyond the noise", times(|factor| factor < 1.0));
    let count = |calls: Option<u64>| calls.unwrap_or_default();
    let calls = comparison.calls.iter();
    let calls = calls.map(|(old, new)| format!("{}: {} -> {}", new.title(), count(old.calls), count(new.calls)));
    text += &section("another number of calls", calls);
    let [gone, new_ones] = &comparison.alone;
    text += &section("only in A", gone.iter().map(|scenario| scenario.title()));
    let shown = |scenario: &&RecordedScenario| format!("{}: {}", scenario.title(), scenario.verdict.word());
    text += &section("only in B", new_ones.iter().map(shown));
    if comparison.is_empty() {
        text += "\nno verdict, no number of calls, and no time beyond the noise has changed\n";
    }
    text += &noise(&comparison.noise);
    escape::lines(&text).into_owned()
}

fn section(heading: &str, lines: impl Iterator<Item = String>) -> String {
    let lines: Vec<String> = lines.map(|line| format!("    {}\n", escape::line(&line))).collect();
    if lines.is_empty() { String::new() } else { format!("\n{heading} ({}):\n{}", lines.len(), lines.concat()) }
}

fn verdict(old: &RecordedScenario, new: &RecordedScenario) -> String {
    let cause = new.cause.as_ref().or(old.cause.as_ref()).map_or(String::new(), |cause| format!(" ({cause})"));
    format!("{}: {} -> {}{cause}", new.title(), old.verdict.word(), new.verdict.word())
}

/// What was different around the runs.
fn circumstances(old: &RunRecord, new: &RunRecord) -> String {
    let object = |run: &RunRecord| {
        let name = run.object.file.clone().unwrap_or("embedded".to_owned());
        format!("{name} {}", run.object.sha256.get(..12).unwrap_or_default())
    };
    let rows: [(&str, String, String); 7] = [
        ("machine", old.machine.name.clone(), new.machine.name.clone()),
        ("kernel", old.machine.kernel.clone(), new.machine.kernel.clone()),
        ("architecture", old.machine.architecture.clone(), new.machine.architecture.clone()),
        ("CPUs", old.machine.cpus.to_string(), new.machine.cpus.to_string()),
        ("threads", old.threads.to_string(), new.threads.to_string()),
        ("ior-it", old.ior_it.clone(), new.ior_it.clone()),
        ("object", object(old), object(new)),
    ];
    let mut text = String::new();
    for (what, old, new) in rows.iter().filter(|(_, old, new)| old != new) {
        let _ = writeln!(text, "   another {what}: {} -> {}", escape::line(old), escape::line(new));
    }
    text
}

fn time(us: u64) -> String {
    let duration = Duration::from_micros(us);
    if us < 1_000_000 {
        format!("{:.1} ms", duration.as_secs_f64() * 1e3)
    } else {
        format!("{:.2} s", duration.as_secs_f64())
    }
}

fn noise(noise: &TimeNoise) -> String {
    let TimeNoise { scenarios, shift, limit } = *noise;
    if scenarios < ENOUGH {
        let passed = if scenarios == 1 { "1 scenario" } else { &format!("{scenarios} scenarios") };
        return format!(
            "\n{passed} passed in both runs, too few to measure the noise: times are only compared of scenarios that \
             ran {OFTEN} times or more, and {limit:.1} times is beyond it\n"
        );
    }
    format!(
        "\n{scenarios} scenarios passed in both runs; B took {shift:.2} times as long as A, and more than {limit:.2} times \
         that is beyond the noise\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::RecordedVerdict::{Fail, Inconclusive, Pass, Skip};
    use crate::runs::tests::run;

    const NAMES: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

    /// Twelve scenarios that pass, each with this time.
    fn timed(time: impl Fn(usize) -> u64) -> RunRecord {
        let scenarios: Vec<_> = NAMES.iter().enumerate().map(|(at, &name)| (name, Pass, time(at), 5)).collect();
        run(&scenarios)
    }

    #[test]
    fn a_time_is_beyond_the_noise_if_the_others_do_not_explain_it() {
        let old = timed(|at| 100_000 + 1_000 * at as u64);
        let names = |old: &RunRecord, new: &RunRecord| -> Vec<String> {
            compare(old, new).times.iter().map(|(_, new, _)| new.name.clone()).collect()
        };
        assert!(names(&old, &timed(|at| 100_500 + 990 * at as u64)).is_empty());
        assert!(names(&old, &timed(|_| 300_000)).is_empty(), "all are slower: the machine is");
        assert_eq!(names(&old, &timed(|at| if at == 3 { 200_000 } else { 100_000 })), ["d"]);
        assert_eq!(names(&old, &timed(|at| if at == 3 { 200_000 } else { 400_000 })), ["d"], "it got faster");
        // Where times differ by a factor of three without a cause, a factor of three is noise.
        let noisy = timed(|at| 100_000 * (1 + 2 * (at as u64 % 2)));
        assert!(names(&old, &noisy).is_empty());
        // A few milliseconds are no difference.
        assert!(names(&timed(|_| 5_000), &timed(|at| if at == 3 { 12_000 } else { 5_000 })).is_empty());
    }

    #[test]
    fn with_few_scenarios_only_those_that_ran_often_have_a_time() {
        let one = |took, runs| {
            let mut run = run(&[("a", Pass, took, 1)]);
            run.scenarios[0].runs = runs;
            run
        };
        let changed = |old: (u64, u64), new: (u64, u64)| compare(&one(old.0, old.1), &one(new.0, new.1)).times.len();
        assert_eq!(changed((10_000, 1), (90_000, 1)), 0);
        assert_eq!(changed((10_000, 10), (90_000, 9)), 0);
        assert_eq!(changed((10_000, 10), (19_000, 10)), 0);
        assert_eq!(changed((10_000, 10), (21_000, 10)), 1);
        assert_eq!(changed((500, 10), (1_400, 10)), 0, "less than a millisecond");
        let (old, new) = (one(1, 1), one(1, 1));
        assert_eq!(compare(&old, &new).noise, TimeNoise { scenarios: 1, shift: 1.0, limit: 2.0 });
    }

    #[test]
    fn verdicts_and_calls_that_changed_are_told() {
        let old =
            run(&[("a", Pass, 9, 5), ("b", Fail, 9, 5), ("c", Skip, 0, 0), ("d", Pass, 9, 5), ("gone", Pass, 9, 5)]);
        let new =
            run(&[("a", Fail, 9, 4), ("b", Pass, 9, 5), ("c", Pass, 9, 0), ("d", Pass, 9, 5), ("new", Pass, 9, 5)]);
        let comparison = compare(&old, &new);
        assert!(comparison.has_newly_red());
        let kept = |id: &str, record: &RunRecord| KeptRun { id: id.to_owned(), record: record.clone() };
        let mut new = new.clone();
        new.machine.kernel = "6.13.0".to_owned();
        let says = text(&kept("one", &old), &kept("two", &new));
        let expected = "   another kernel: 6.12.0 -> 6.13.0

newly red (1):
    a: pass -> fail (path one byte short)

newly green (1):
    b: fail -> pass (path one byte short)

another verdict (1):
    c: skip -> pass

another number of calls (1):
    a: 5 -> 4

only in A (1):
    gone

only in B (1):
    new: pass

1 scenario passed in both runs, too few to measure the noise: times are only compared of scenarios that ran 10 times or more, and 2.0 times is beyond it
";
        assert!(says.ends_with(expected), "{says}");
        let same = text(&kept("one", &old), &kept("one", &old));
        assert!(same.contains("no verdict, no number of calls, and no time beyond the noise has changed"), "{same}");
        assert!(!compare(&old, &old).has_newly_red(), "what was red before is not newly red");
    }

    #[test]
    fn a_new_scenario_that_is_red_is_newly_red() {
        let old = run(&[("a", Pass, 9, 5)]);
        for (verdict, is_red) in [(Pass, false), (Skip, false), (Fail, true), (Inconclusive, true)] {
            let new = run(&[("a", Pass, 9, 5), ("b", verdict, 9, 5)]);
            assert_eq!(compare(&old, &new).has_newly_red(), is_red);
        }
    }
}
