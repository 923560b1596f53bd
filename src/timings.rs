//! How long the phases of the scenarios took, as percentiles over a run and never as an average.
//!
//! No I/O: takes durations and returns a table as text.

use std::collections::BTreeMap;
use std::time::Duration;

use comfy_table::{CellAlignment, Table, TableStyle};
use hdrhistogram::Histogram;

/// How long each phase of a scenario took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phases {
    /// The zygote forks the child.
    pub fork: Duration,
    /// The child runs its setup and comes to the gate.
    pub setup: Duration,
    /// The watch begins.
    pub gate: Duration,
    /// From the opening of the gate until the child has been reaped.
    pub act: Duration,
    /// The ring is drained.
    pub drain: Duration,
    /// The records are decoded and the trace is judged.
    pub matching: Duration,
}

impl Phases {
    /// Each phase with its name, in order.
    pub fn named(&self) -> [(&'static str, Duration); 6] {
        let Phases { fork, setup, gate, act, drain, matching } = *self;
        [("fork", fork), ("setup", setup), ("gate", gate), ("act", act), ("drain", drain), ("match", matching)]
    }

    /// The time from the request to fork until the verdict.
    pub fn total(&self) -> Duration {
        self.named().iter().map(|&(_, duration)| duration).sum()
    }

    /// The time from the opening of the gate until the verdict.
    pub fn gate_to_verdict(&self) -> Duration {
        self.act + self.drain + self.matching
    }
}

/// The percentiles in the table, with their headings. The last is the maximum.
const SHOWN: [(&str, f64); 4] = [("p50", 50.0), ("p95", 95.0), ("p99", 99.0), ("max", 100.0)];

/// The samples of a run.
#[derive(Debug, Default)]
pub(crate) struct Timings {
    phases: BTreeMap<(usize, &'static str), Samples>,
    scenarios: BTreeMap<String, Samples>,
}

/// A histogram of nanoseconds with three significant digits.
#[derive(Debug)]
pub(crate) struct Samples(Histogram<u64>);

impl Default for Samples {
    fn default() -> Self {
        // hdrhistogram refuses only more than five digits.
        Self(Histogram::new(3).unwrap_or_else(|_| unreachable!("BUG: three significant digits are allowed")))
    }
}

impl Samples {
    pub(crate) fn add(&mut self, duration: Duration) {
        // The histogram grows as needed, so no duration is out of range.
        let _ = self.0.record(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }

    /// The number of nanoseconds that this percentage of the samples do not exceed; 0 without samples.
    pub(crate) fn percentile_ns(&self, percent: f64) -> u64 {
        self.0.value_at_percentile(percent)
    }

    /// The number of samples.
    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }
}

impl Timings {
    /// Adds one run of a scenario.
    pub fn add(&mut self, scenario: &str, phases: &Phases) {
        for (place, (name, duration)) in phases.named().into_iter().enumerate() {
            self.phases.entry((place, name)).or_default().add(duration);
        }
        self.scenarios.entry(scenario.to_owned()).or_default().add(phases.total());
    }

    /// A table in microseconds, with a row for each phase and then one for each scenario.
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(TableStyle::new()).set_header(heading());
        for ((_, phase), samples) in &self.phases {
            table.add_row(row(phase, samples));
        }
        table.add_row([""]);
        for (scenario, samples) in &self.scenarios {
            table.add_row(row(scenario, samples));
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.trim_fmt()
    }
}

fn heading() -> Vec<String> {
    ["µs", "runs"].into_iter().chain(SHOWN.iter().map(|&(name, _)| name)).map(str::to_owned).collect()
}

fn row(name: &str, Samples(samples): &Samples) -> Vec<String> {
    let percentiles = SHOWN.iter().map(|&(_, percentile)| match percentile {
        100.0 => samples.max(),
        percentile => samples.value_at_percentile(percentile),
    });
    let microseconds = percentiles.map(|ns| format!("{:.1}", ns as f64 / 1000.0));
    [name.to_owned(), samples.len().to_string()].into_iter().chain(microseconds).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_samples() {
        let mut timings = Timings::default();
        for us in 1..=100 {
            let act = Duration::from_micros(us);
            timings.add("dup-basic", &Phases { act, fork: Duration::from_micros(10), ..Phases::default() });
        }
        let table = timings.table();
        let row = |name: &str| -> Vec<String> {
            let line = table.lines().find(|line| line.trim_start().starts_with(name)).unwrap_or_default();
            line.split_whitespace().map(str::to_owned).collect()
        };
        let near = |text: &str, expected: f64| (text.parse::<f64>().unwrap() - expected).abs() < expected / 100.0;
        let act = row("act");
        assert_eq!(act[1], "100");
        assert!(near(&act[2], 50.0) && near(&act[3], 95.0) && near(&act[4], 99.0) && near(&act[5], 100.0), "{table}");
        assert!(near(&row("fork")[5], 10.0), "{table}");
        assert!(near(&row("dup-basic")[5], 110.0), "{table}");
    }
}
