//! What differs between kernels: the verdicts, the traces and the sums of the verifier. No I/O.

use std::collections::BTreeMap;
use std::fmt::Write;

use comfy_table::{Table, TableStyle};
use similar::TextDiff;

use crate::base::escape;
use crate::runs::{RecordedScenario, RecordedVerdict, RunRecord};
use crate::table::kind::Kind;
use crate::table::names::errno_name;
use crate::table::syscalls::{Class, Effect, Ret};
use crate::trace::call::{Call, Outcome};
use crate::trace::whole::Trace;

/// What one kernel has shown.
#[derive(Clone, Debug)]
pub struct KernelColumn {
    /// Its release.
    pub release: String,
    /// The record of its run.
    pub record: RunRecord,
    /// The calls of each scenario, as [`lines`] has them.
    pub traces: BTreeMap<String, Vec<String>>,
}

/// The calls of I/O in a trace, one a line: the name, the files, the result. Threads follow one another, sorted,
/// because their order among each other differs from run to run. So do ids, numbers of descriptors and addresses, which are left out.
pub fn lines(trace: &Trace) -> Vec<String> {
    let mut threads: Vec<u32> = Vec::new();
    for call in &trace.calls {
        if !threads.contains(&call.tid) {
            threads.push(call.tid);
        }
    }
    let is_io = |call: &&Call| call.syscall().is_some_and(|row| row.class == Class::Io);
    let of_thread = |&tid: &u32| -> Vec<String> {
        trace.calls.iter().filter(|call| call.tid == tid).filter(is_io).map(line).collect()
    };
    let mut by_thread: Vec<Vec<String>> = threads.iter().map(of_thread).collect();
    // The first thread is the scenario's own.
    by_thread.get_mut(1..).unwrap_or_default().sort();
    let mut lines = by_thread.concat();
    lines.extend(trace.losses().sentences().into_iter().map(|loss| format!("lost: {loss}")));
    lines
}

fn line(call: &Call) -> String {
    let mut line = String::new();
    let name = |file: &[u8]| {
        let name = file.escape_ascii().to_string().replace(&format!("/proc/{}", call.pid), "/proc/self");
        name.replace(&format!("/task/{}", call.tid), "/task/self")
    };
    call.put_name(&mut line);
    let files = [&call.files.path, &call.files.path2].into_iter().flatten();
    files.for_each(|file| line.extend([" ", &name(file)]));
    line.push_str(" = ");
    line.push_str(&result(call));
    call.files.closes.iter().for_each(|file| line.extend([" closes ", &name(file)]));
    line.push_str(if call.refused { " (refused)" } else { "" });
    line
}

fn result(call: &Call) -> String {
    match (call.outcome, call.errno(), call.syscall().map(|row| row.ret_for(&call.args))) {
        (Outcome::Unfinished, ..) => "?".to_owned(),
        (_, Some(errno), _) => errno_name(errno),
        (_, None, Some(Ret::Pointer)) => "an address".to_owned(),
        // How long the name of the workspace is differs as well.
        (_, None, Some(Ret::Bytes)) if call.syscall().is_some_and(|row| row.effect == Effect::TellDirectory) => {
            "bytes".to_owned()
        }
        (_, None, Some(Ret::Fd)) => call.files.made.map_or("a descriptor", Kind::name).to_owned(),
        (Outcome::Returned(value), None, _) => value.to_string(),
    }
}

/// A scenario on all kernels.
#[derive(Debug)]
pub(super) struct Row<'c> {
    pub scenario: &'c str,
    pub cells: Vec<String>,
}

impl Row<'_> {
    /// Whether it is the same on all.
    pub(super) fn is_same(&self) -> bool {
        self.cells.iter().all(|cell| *cell == self.cells[0])
    }
}

/// What differs, for a terminal.
pub fn text(columns: &[KernelColumn]) -> String {
    let rows = rows(columns);
    let mut table = Table::new();
    table.load_style(TableStyle::new());
    table.set_header([String::new()].into_iter().chain(columns.iter().map(|column| column.release.clone())));
    for (title, sums) in sums(columns) {
        table.add_row([title.to_owned()].into_iter().chain(sums));
    }
    for Row { scenario, cells } in &rows {
        table.add_row([escape::line(scenario).into_owned()].into_iter().chain(cells.iter().cloned()));
    }
    for (place, column) in table.column_iter_mut().enumerate() {
        column.set_padding((if place == 0 { 0 } else { 2 }, 0));
    }
    format!("{}\n{}\n", table.trim_fmt(), said(columns))
}

/// The same as Markdown, with the traces side by side.
pub fn markdown(columns: &[KernelColumn]) -> String {
    let rows = rows(columns);
    let cell = |text: &str| escape::line(text).replace('|', r"\|");
    let line = |first: &str, cells: &[String]| {
        let cells = cells.iter().map(|text| format!(" {} |", cell(text))).collect::<String>();
        format!("| {} |{cells}\n", cell(first))
    };
    let releases: Vec<String> = columns.iter().map(|column| column.release.clone()).collect();
    let mut out = format!("# The same scenarios on {} kernels\n\n{}\n\n", columns.len(), said(columns));
    out += &line("", &releases);
    out += &format!("|---|{}\n", "---|".repeat(columns.len()));
    sums(columns).iter().for_each(|(title, sums)| out += &line(title, sums));
    rows.iter().for_each(|row| out += &line(row.scenario, &row.cells));
    for row in rows {
        for other in 1..columns.len() {
            if let Some(difference) = difference(&columns[0], &columns[other], row.scenario) {
                let _ =
                    write!(out, "\n## {}\n\n```diff\n{}```\n", cell(row.scenario), difference.replace("```", "` ` `"));
            }
        }
    }
    out
}

/// The traces of a scenario on two kernels; `None` if they are the same, or if it did not run on one of them.
fn differing<'c>(one: &'c KernelColumn, other: &'c KernelColumn, scenario: &str) -> Option<[&'c Vec<String>; 2]> {
    if ![one, other].iter().all(|column| column.record.scenarios.iter().any(|it| it.name == scenario && has_run(it))) {
        return None;
    }
    let [old, new] = [one, other].map(|column| column.traces.get(scenario));
    Some([old?, new?]).filter(|[old, new]| old != new)
}

/// The differences of the two, as diff(1) shows them.
pub(super) fn difference(one: &KernelColumn, other: &KernelColumn, scenario: &str) -> Option<String> {
    let [old, new] = differing(one, other, scenario)?;
    let [old, new] = [old, new].map(|lines| lines.iter().map(|line| format!("{line}\n")).collect::<String>());
    let difference = TextDiff::from_lines(&old, &new);
    Some(difference.unified_diff().context_radius(2).header(&one.release, &other.release).to_string())
}

fn has_run(scenario: &RecordedScenario) -> bool {
    !matches!(scenario.verdict, RecordedVerdict::Skip | RecordedVerdict::NotRun)
}

/// The scenarios that have another verdict, another cause or another trace on one of the kernels.
fn rows(columns: &[KernelColumn]) -> Vec<Row<'_>> {
    every_row(columns).into_iter().filter(|row| !row.is_same()).collect()
}

/// All scenarios.
pub(super) fn every_row(columns: &[KernelColumn]) -> Vec<Row<'_>> {
    let mut names: Vec<&str> = Vec::new();
    for scenario in columns.iter().flat_map(|column| &column.record.scenarios) {
        if !names.contains(&scenario.name.as_str()) {
            names.push(&scenario.name);
        }
    }
    let row = |scenario| Row { scenario, cells: columns.iter().map(|column| verdict(column, scenario)).collect() };
    let mut rows: Vec<Row<'_>> = names.into_iter().map(row).collect();
    for row in &mut rows {
        for other in 1..columns.len() {
            if differing(&columns[0], &columns[other], row.scenario).is_some() {
                row.cells[other].push_str(", another trace");
            }
        }
    }
    rows
}

fn verdict(column: &KernelColumn, scenario: &str) -> String {
    let found = column.record.scenarios.iter().find(|one| one.name == scenario);
    let Some(RecordedScenario { verdict, cause, .. }) = found else { return "not there".to_owned() };
    let cause = cause.as_deref().filter(|_| *verdict != RecordedVerdict::Pass);
    cause.map_or(verdict.word().to_owned(), |cause| format!("{}: {}", verdict.word(), escape::line(cause)))
}

/// The word of a verdict; empty if there is none.
pub(super) fn verdict_of(column: &KernelColumn, scenario: &str) -> &'static str {
    let found = column.record.scenarios.iter().find(|one| one.name == scenario);
    found.map_or("", |one| one.verdict.word())
}

/// The rows of sums.
pub(super) fn sums(columns: &[KernelColumn]) -> Vec<(&'static str, Vec<String>)> {
    let each = |of: &dyn Fn(&RunRecord) -> String| columns.iter().map(|column| of(&column.record)).collect();
    vec![
        ("instructions that the verifier has looked at", each(&|record| record.object.verified.to_string())),
        ("loading, in ms", each(&|record| format!("{:.1}", record.object.load_us as f64 / 1000.0))),
        ("passed", each(&|record| record.count(RecordedVerdict::Pass).to_string())),
    ]
}

/// How many scenarios differ, in a sentence.
pub(super) fn said(columns: &[KernelColumn]) -> String {
    let rows = rows(columns).len();
    let all = columns.iter().map(|column| column.record.scenarios.len()).max().unwrap_or_default();
    format!("{rows} of {all} scenarios are not the same on all {} kernels.", columns.len())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::runs::tests::run;
    use crate::table::syscalls::Syscall;
    use crate::trace::record::{self, Record, tests::call_bytes};
    use RecordedVerdict::{Fail, Pass, Skip};

    fn column(release: &str, scenarios: &[(&str, RecordedVerdict)], traces: &[(&str, &[&str])]) -> KernelColumn {
        let scenarios: Vec<_> = scenarios.iter().map(|&(name, verdict)| (name, verdict, 1, 1)).collect();
        let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
        KernelColumn {
            release: release.to_owned(),
            record: run(&scenarios),
            traces: traces.iter().map(|&(name, of)| (name.to_owned(), lines(of))).collect(),
        }
    }

    pub fn two() -> [KernelColumn; 2] {
        [
            column(
                "6.1.0",
                &[("same", Pass), ("read", Pass), ("gone", Pass), ("bad", Pass)],
                &[("same", &["read a = 1"]), ("read", &["read a = 1", "close a = 0"])],
            ),
            column(
                "6.12.0",
                &[("same", Pass), ("read", Pass), ("bad", Fail), ("new", Skip)],
                &[("same", &["read a = 1"]), ("read", &["read a = 2", "close a = 0"])],
            ),
        ]
    }

    #[test]
    fn calls_of_threads_follow_one_another_without_what_differs_from_run_to_run() {
        let call = |tid: u32, name: &str, path: &str, ret: i64| {
            let number = Syscall::by_name(name).unwrap().number;
            let Ok(Record::Call(call, _)) = record::decode(&call_bytes(0, number, 0, path.as_bytes(), ret)) else {
                panic!("no call")
            };
            let mut call = Call { tid, pid: 7, ..call };
            call.files.path = Some(path.as_bytes().to_vec());
            call
        };
        let calls = vec![
            call(7, "openat", "/proc/7/comm", 3),
            call(9, "unlink", "b", -2),
            call(8, "mkdir", "a", 0),
            call(7, "getpid", "", 7),
            call(9, "close", "b", 0),
        ];
        let trace = Trace { calls, ..Trace::default() };
        let expected = ["openat /proc/self/comm = a descriptor", "mkdir a = 0", "unlink b = ENOENT", "close b = 0"];
        assert_eq!(lines(&trace)[..4], expected);
    }

    #[test]
    fn a_scenario_that_is_the_same_on_all_has_no_row() {
        let columns = two();
        let rows: Vec<_> = rows(&columns).into_iter().map(|row| (row.scenario, row.cells.join(" & "))).collect();
        let expected = [
            ("read", "pass & pass, another trace"),
            ("gone", "pass & not there"),
            ("bad", "pass & fail: path one byte short"),
            ("new", "not there & skip"),
        ];
        assert_eq!(rows, expected.map(|(name, cells)| (name, cells.to_owned())));
        let text = text(&columns);
        assert!(text.contains("4 of 4 scenarios are not the same on all 2 kernels."), "{text}");
    }

    #[test]
    fn the_page_has_both_traces() {
        let page = markdown(&two());
        let trace =
            "## read\n\n```diff\n--- 6.1.0\n+++ 6.12.0\n@@ -1,2 +1,2 @@\n-read a = 1\n+read a = 2\n close a = 0\n```\n";
        assert!(page.contains("| bad | pass | fail: path one byte short |\n"), "{page}");
        assert!(page.ends_with(trace), "{page}");
    }
}
