//! A failure as a bug report.

use super::calls::{EXPECTED, THREADS, by, call, making, observed, parse, read, threads, trace};
use super::check::Change;
use super::golden_text;
use super::part::PART;
use ior_it::support::child::ending::{Ending, How, Phase};
use ior_it::support::judge::expectation::Expectation;
use ior_it::support::judge::matcher;
use ior_it::support::judge::report::{self, Failure, Report};
use ior_it::support::trace::call::{Call, Outcome};

fn report(expectation: &Expectation, calls: Vec<Call>, how: How, losses: &[&str]) -> Report {
    let trace = trace(calls);
    let comparison = matcher::compare(expectation, &trace);
    let losses: Vec<String> = losses.iter().map(|&loss| loss.to_owned()).collect();
    report::failure(&Failure {
        scenario: "dup-basic",
        expectation,
        file: "tests.toml",
        trace: &trace,
        comparison: &comparison,
        ending: &Ending { phase: Phase::Act, how },
        losses: &losses,
        rerun: "sudo ./ior-it --exact --filter dup-basic",
    })
}

#[test]
fn a_failure_reads_as_a_bug_report() {
    let reports: &[(&str, Change)] = &[
        ("report-wrong-field", |c| c[3].args[0] = 4),
        ("report-several", |c| {
            c[1].args[2] = 0;
            c[4].args[1] = 1;
            c[7] = making(c[7].clone(), false);
            drop(c.remove(12));
            c.push(call("sync", &[], 0));
        }),
        ("report-missing", |c| drop(c.remove(3))),
        ("report-extra", |c| c.insert(3, call("sync", &[], 0))),
        ("report-swapped", |c| c.swap(3, 4)),
        ("report-left-out-key", |c| c[1] = making(c[1].clone(), true)),
        ("report-wide", |c| {
            c[9].files.path2 = Some("a-directory/that-is-rather-long/and-a-file-in-it".into());
            c[9].texts[1] = read("a-directory/that-is-rather-long/and-a-file-in-it");
        }),
        ("report-endless", |c| c.extend(std::iter::repeat_n(call("sync", &[], 0), 5000))),
        ("report-late", |c| {
            let more = std::iter::repeat_n(c[3].clone(), 40);
            c.splice(3..3, more);
        }),
    ];
    for (name, change) in reports {
        let mut calls = observed();
        change(&mut calls);
        golden_report(name, &report(&parse(EXPECTED), calls, How::Finished, &[]));
    }
    let of_threads: &[(&str, Change)] = &[
        ("report-thread", |c| c[8].args[0] = 9),
        ("report-threads", |c| {
            c[7].files.path = None;
            c[12].outcome = Outcome::Returned(-5);
            c.remove(9);
            c.push(by(103, call("sync", &[], 0)));
        }),
    ];
    for (name, change) in of_threads {
        let mut calls = threads();
        change(&mut calls);
        golden_report(name, &report(&parse(THREADS), calls, How::Finished, &[]));
    }
    let mut calls = observed();
    calls.remove(3);
    calls[0].files.path = Some(b"my/secret".to_vec());
    golden_report("report-part", &report(&parse(PART), calls, How::Finished, &[]));
    let killed = report(
        &parse(EXPECTED),
        observed()[..4].to_vec(),
        How::Signal(11),
        &["2 of 6 calls found no room in the ring buffer"],
    );
    golden_report("report-killed", &killed);
    golden_report("report-ending", &report(&parse(EXPECTED), observed(), How::Signal(11), &[]));
}

#[test]
fn what_was_not_traced_has_a_report_too() {
    let ending = Ending { phase: Phase::Setup, how: How::Failed("openat failed with EACCES".to_owned()) };
    let rerun = "sudo ./ior-it --exact --filter dup-basic";
    golden_report("report-before-gate", &report::before_gate(&parse(EXPECTED), "tests.toml", &ending, rerun));
    let losses = ["3 of 12 calls found no room in the ring buffer", "the first missing call is number 4 of 12"];
    let losses = losses.map(str::to_owned);
    let ending = Ending { phase: Phase::Act, how: How::Finished };
    golden_report("report-inconclusive", &report::inconclusive("dup-basic", &losses, &ending, rerun));
}

fn golden_report(name: &str, report: &Report) {
    let text = &report.to_string();
    for line in text.lines() {
        assert!(line.chars().count() <= 100, "{name}: more than 100 columns: {line}");
        assert_eq!(line, line.trim_end(), "{name}");
    }
    golden_text(name, text);
}
