//! The table by call: how many, how many failed, bytes moved, and how long they took.
//!
//! No I/O: takes calls and returns a table as text. Its memory grows with the number of different calls, not with the number of
//! calls.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use clap::ValueEnum;
use comfy_table::{CellAlignment, Table, TableStyle};

use crate::table::syscalls::Abi;
use crate::timings::Samples;
use crate::trace::call::{Call, Outcome};

/// The calls so far, by number. The numbers of 32-bit calls and of requests mean other calls.
#[derive(Debug, Default)]
pub struct Summary {
    rows: BTreeMap<(u32, Abi, bool), Totals>,
    sort: Sort,
}

/// How the rows are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    /// By the sum of the durations
    #[default]
    Time,
    /// By the number of calls
    Calls,
    /// By the number of calls that failed
    Errors,
    /// By the bytes that they moved
    Bytes,
    /// By name
    Name,
}

#[derive(Debug, Default)]
struct Totals {
    name: String,
    calls: u64,
    errors: u64,
    bytes: u64,
    /// The time of the calls that returned.
    durations: Samples,
    total_ns: u128,
}

const HEADINGS: [&str; 7] = ["call", "calls", "errors", "bytes", "p50 µs", "p99 µs", "total ms"];

impl Summary {
    /// A table without calls.
    pub fn new(sort: Sort) -> Self {
        Self { sort, ..Self::default() }
    }

    /// Adds a call.
    pub fn add(&mut self, call: &Call) {
        let row = self.rows.entry((call.number, call.abi, call.request.is_some()));
        let row = row.or_insert_with(|| Totals { name: call.name(), ..Totals::default() });
        row.calls += 1;
        row.errors += u64::from(call.errno().is_some());
        row.bytes += call.bytes().unwrap_or(0);
        if let Outcome::Returned(_) = call.outcome {
            row.durations.add(Duration::from_nanos(call.duration_ns));
            row.total_ns += u128::from(call.duration_ns);
        }
    }

    /// A row for each call, and a row for the sum.
    pub fn table(&self) -> String {
        let mut rows: Vec<&Totals> = self.rows.values().collect();
        rows.sort_by(|row, than| {
            (Reverse(row.weight(self.sort)), &row.name).cmp(&(Reverse(than.weight(self.sort)), &than.name))
        });
        let mut table = Table::new();
        table.load_style(TableStyle::new()).set_header(HEADINGS);
        for row in &rows {
            let percentile = |percent| match row.durations.count() {
                0 => "-".to_owned(),
                _ => microseconds(row.durations.percentile_ns(percent)),
            };
            table.add_row(
                [vec![row.name.clone()], row.counts(), vec![percentile(50.0), percentile(99.0), row.total()]].concat(),
            );
        }
        let sum = self.rows.values().fold(Totals::default(), |sum, row| Totals {
            calls: sum.calls + row.calls,
            errors: sum.errors + row.errors,
            bytes: sum.bytes + row.bytes,
            total_ns: sum.total_ns + row.total_ns,
            ..sum
        });
        table.add_row([vec!["all".to_owned()], sum.counts(), vec![String::new(), String::new(), sum.total()]].concat());
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.trim_fmt()
    }
}

impl Totals {
    /// The larger it is, the higher is the row.
    fn weight(&self, sort: Sort) -> u128 {
        match sort {
            Sort::Time => self.total_ns,
            Sort::Calls => self.calls.into(),
            Sort::Errors => self.errors.into(),
            Sort::Bytes => self.bytes.into(),
            Sort::Name => 0,
        }
    }

    fn counts(&self) -> Vec<String> {
        [self.calls, self.errors, self.bytes].map(|count| count.to_string()).to_vec()
    }

    fn total(&self) -> String {
        format!("{:.3}", self.total_ns as f64 / 1e6)
    }
}

fn microseconds(ns: u64) -> String {
    format!("{:.1}", ns as f64 / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::syscalls::Syscall;
    use crate::trace::record::{self, Record, tests::call_bytes};

    fn call(name: &str, ret: i64, duration_ns: u64) -> Call {
        let number = Syscall::by_name(name).unwrap().number;
        match record::decode(&call_bytes(0, number, 0, b"", ret)) {
            Ok(Record::Call(call, _)) => Call { duration_ns, ..call },
            other => panic!("{other:?}"),
        }
    }

    fn words(table: &str) -> Vec<Vec<&str>> {
        table.lines().map(|line| line.split_whitespace().collect()).collect()
    }

    #[test]
    fn calls_are_counted_and_timed_by_name() {
        let mut summary = Summary::default();
        for us in 1..=100 {
            summary.add(&call("read", 10, us * 1000));
        }
        summary.add(&call("close", -9, 500));
        summary.add(&call("exit_group", 0, 7).with(|deed| deed.outcome = Outcome::Unfinished));
        let table = summary.table();
        let rows = words(&table);
        assert_eq!(rows[1][..4], ["read", "100", "0", "1000"], "{table}");
        assert!(rows[1][4].starts_with("50.") && rows[1][5].starts_with("99."), "{table}");
        assert_eq!(rows[1][6], "5.050", "exact: the sum is not the histogram's");
        assert_eq!(rows[2], ["close", "1", "1", "0", "0.5", "0.5", "0.001"], "an errno is no number of bytes");
        assert_eq!(rows[3], ["exit_group", "1", "0", "0", "-", "-", "0.000"], "it never returned");
        assert_eq!(rows[4], ["all", "102", "1", "1000", "5.051"]);
    }

    #[test]
    fn rows_are_sorted_as_asked_for() {
        let first = |sort| {
            let mut summary = Summary::new(sort);
            summary.add(&call("write", 0, 900));
            (0..3).for_each(|_| summary.add(&call("read", 1, 1)));
            summary.add(&call("dup", -9, 2));
            summary.add(&call("pwrite64", 100, 3));
            words(&summary.table())[1][0].to_owned()
        };
        let rows = [(Sort::Time, "write"), (Sort::Calls, "read"), (Sort::Errors, "dup"), (Sort::Bytes, "pwrite64")];
        for (sort, expected) in rows.into_iter().chain([(Sort::Name, "dup")]) {
            assert_eq!(first(sort), expected, "{sort:?}");
        }
    }
}
