//! What each form of output says of each verdict.

use std::io::Write;
use std::sync::{Arc, Mutex};

use snapbox::{IntoData, assert_data_eq, str};

use super::*;
use crate::judge::cause::FailureCause;
use crate::judge::report::{LineMark, ReportLine};

/// What was written.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A report of so many lines. The numbers of lines are those of a real one.
fn report(name: &str, title: &str, call: &str, lines: usize) -> Report {
    let mut all: Vec<ReportLine> = vec![format!("{name}: what it shows").into()];
    all.push(ReportLine::marked(LineMark::Expected, "  -    2  { call = \"dup\" }"));
    all.push(ReportLine::marked(LineMark::Pointer, "          ^ at tests.toml:7"));
    all.extend((all.len() + 2..lines).map(|number| ReportLine::from(format!("line {number}"))));
    all.extend([ReportLine::empty(), format!("  run again    sudo ./ior-it --exact --filter {name}").into()]);
    let place = Some("tests.toml:7".to_owned());
    Report::new(all).with_cause(Some(FailureCause { title: title.to_owned(), call: Some(call.to_owned()), place }))
}

fn fails(name: &'static str, title: &'static str, call: &'static str) -> Trial {
    Trial::new(name, move || Verdict::Fail(report(name, title, call, 5)))
}

/// All verdicts. Two trials fail for one cause.
fn all_verdicts() -> Vec<Trial> {
    let lost = || Report::from("dup2 has lost 3 of 12 calls".to_owned());
    vec![
        Trial::new("dup-basic", || Verdict::Pass),
        fails("open-basic", "path one byte short", "openat"),
        fails("sync-sync", "sync missing", "sync"),
        fails("mkdir", "path one byte short", "mkdirat"),
        Trial::new("dup2", move || Verdict::Inconclusive(lost())),
        Trial::new("uring", || Verdict::Skip("no io_uring".to_owned())),
        Trial::new("left-out", || Verdict::Pass),
    ]
}

fn options(format: OutputFormat, fail_fast: bool) -> TrialOptions {
    let names = ["dup-basic", "open-basic", "sync-sync", "mkdir", "dup2", "uring", "long"];
    TrialOptions {
        libtest: LibtestFlags { format: Some(format), ..LibtestFlags::default() },
        threads: 1,
        selected: names.map(str::to_owned).to_vec(),
        fail_fast,
        all_reports: false,
        tiers: false,
        file: "tests.toml".to_owned(),
        coming: Arc::default(),
    }
}

/// What is printed of these trials, and the exit code.
fn printed(options: &TrialOptions, trials: Vec<Trial>, colours: bool) -> (String, Exit) {
    let written = Written::default();
    let link = colours.then_some(("tests.toml", "/a b/tests.toml"));
    let output = TrialOutput::new(Box::new(written.clone()), colours, link);
    let sums = run_to(options, trials, output).sums;
    let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    (without_times(&text), sums.exit())
}

/// The text with the times that differ from run to run replaced.
fn without_times(text: &str) -> String {
    let times = regex_lite::Regex::new(r#"(finished in |time=\\?"|exec_time":)\d+(\.\d+)?(e-\d+)?"#).unwrap();
    times.replace_all(text, "${1}TIME").into_owned()
}

#[test]
fn a_person_reads_one_report_for_each_cause() {
    let (text, exit) = printed(&options(OutputFormat::Pretty, false), all_verdicts(), false);
    assert_eq!(exit, Exit::Failed);
    assert_data_eq!(
        text,
        str![[r#"

running 6 tests
test dup-basic  ... ok
test open-basic ... FAILED
test sync-sync  ... FAILED
test mkdir      ... FAILED
test dup2       ... INCONCLUSIVE
test uring      ... ignored (no io_uring)

failures:

---- path one byte short: 2 scenarios, the first is open-basic ----
open-basic: what it shows
  -    2  { call = "dup" }
          ^ at tests.toml:7

  run again    sudo ./ior-it --exact --filter open-basic

  the same in 1 more scenario (--all-reports shows each report):
    mkdir

---- sync-sync ----
sync-sync: what it shows
  -    2  { call = "dup" }
          ^ at tests.toml:7

  run again    sudo ./ior-it --exact --filter sync-sync


inconclusive:

---- dup2 ----
dup2 has lost 3 of 12 calls


failures:
    path one byte short: 2 scenarios (openat 1, mkdirat 1), the first is open-basic (tests.toml:7)
    sync-sync (tests.toml:7): sync missing

inconclusive:
    dup2: dup2 has lost … of … calls

test result: FAILED. 1 passed; 3 failed; 1 ignored; 1 inconclusive; 0 measured; 1 filtered out; finished in TIMEs


"#]]
        .raw()
    );
}

#[test]
fn one_character_says_each_verdict() {
    let (text, _) = printed(&options(OutputFormat::Terse, false), all_verdicts(), false);
    assert!(text.starts_with("\nrunning 6 tests\n.FFF?i\n"), "{text}");
}

#[test]
fn json_has_each_verdict_as_an_event() {
    let (text, _) = printed(&options(OutputFormat::Json, false), all_verdicts(), false);
    assert_data_eq!(text, str![[r#"
{"type":"suite","event":"started","test_count":6}
{"type":"test","event":"started","name":"dup-basic"}
{"type":"test","event":"ok","name":"dup-basic","exec_time":TIME}
{"type":"test","event":"started","name":"open-basic"}
{"type":"test","event":"failed","name":"open-basic","exec_time":TIME,"cause":"path one byte short","place":"tests.toml:7","stdout":"open-basic: what it shows\n  -    2  { call = \"dup\" }\n          ^ at tests.toml:7\n\n  run again    sudo ./ior-it --exact --filter open-basic\n"}
{"type":"test","event":"started","name":"sync-sync"}
{"type":"test","event":"failed","name":"sync-sync","exec_time":TIME,"cause":"sync missing","place":"tests.toml:7","stdout":"sync-sync: what it shows\n  -    2  { call = \"dup\" }\n          ^ at tests.toml:7\n\n  run again    sudo ./ior-it --exact --filter sync-sync\n"}
{"type":"test","event":"started","name":"mkdir"}
{"type":"test","event":"failed","name":"mkdir","exec_time":TIME,"cause":"path one byte short","place":"tests.toml:7","stdout":"mkdir: what it shows\n  -    2  { call = \"dup\" }\n          ^ at tests.toml:7\n\n  run again    sudo ./ior-it --exact --filter mkdir\n"}
{"type":"test","event":"started","name":"dup2"}
{"type":"test","event":"inconclusive","name":"dup2","exec_time":TIME,"cause":"dup2 has lost … of … calls","stdout":"dup2 has lost 3 of 12 calls\n"}
{"type":"test","event":"started","name":"uring"}
{"type":"test","event":"ignored","name":"uring","exec_time":TIME,"message":"no io_uring"}
{"type":"suite","event":"failed","passed":1,"failed":3,"inconclusive":1,"ignored":1,"not_run":0,"measured":0,"filtered_out":1,"exec_time":TIME}

"#]].raw());
}

#[test]
fn junit_has_what_is_inconclusive_as_an_error() {
    // One failure is like another.
    let trials = all_verdicts().into_iter().filter(|trial| !["mkdir", "sync-sync"].contains(&trial.name.name.as_str()));
    let (text, _) = printed(&options(OutputFormat::Junit, false), trials.collect(), false);
    assert_data_eq!(
        text,
        str![[r#"
<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="ior-it" tests="4" skipped="1" failures="1" errors="1" time="TIME">
    <testsuite name="ior-it" tests="4" skipped="1" errors="1" failures="1" time="TIME">
        <testcase name="dup-basic" classname="dup" time="TIME"/>
        <testcase name="open-basic" classname="open" time="TIME">
            <failure message="path one byte short" type="fail">open-basic: what it shows
  -    2  { call = &quot;dup&quot; }
          ^ at tests.toml:7

  run again    sudo ./ior-it --exact --filter open-basic
</failure>
        </testcase>
        <testcase name="dup2" classname="ior-it" time="TIME">
            <error message="dup2 has lost … of … calls" type="inconclusive">dup2 has lost 3 of 12 calls
</error>
        </testcase>
        <testcase name="uring" classname="ior-it" time="TIME">
            <skipped message="no io_uring"/>
        </testcase>
    </testsuite>
</testsuites>

"#]]
        .raw()
    );
}

#[test]
fn ktap_has_what_is_inconclusive_as_an_error() {
    let (text, _) = printed(&options(OutputFormat::Ktap, false), all_verdicts(), false);
    assert_data_eq!(
        text,
        str![[r#"
KTAP version 1
1..6
ok 1 dup-basic
# open-basic: what it shows
#   -    2  { call = "dup" }
#           ^ at tests.toml:7
#
#   run again    sudo ./ior-it --exact --filter open-basic
not ok 2 open-basic
# sync-sync: what it shows
#   -    2  { call = "dup" }
#           ^ at tests.toml:7
#
#   run again    sudo ./ior-it --exact --filter sync-sync
not ok 3 sync-sync
# mkdir: what it shows
#   -    2  { call = "dup" }
#           ^ at tests.toml:7
#
#   run again    sudo ./ior-it --exact --filter mkdir
not ok 4 mkdir
# dup2 has lost 3 of 12 calls
not ok 5 dup2 # ERROR inconclusive: dup2 has lost … of … calls
ok 6 uring # SKIP no io_uring
# Totals: pass:1 fail:3 xfail:0 xpass:0 skip:1 error:1

"#]]
        .raw()
    );
}

#[test]
fn github_has_an_annotation_for_each_cause() {
    let (text, _) = printed(&options(OutputFormat::Github, false), all_verdicts(), false);
    let annotations: Vec<&str> = text.lines().filter(|line| line.starts_with("::")).collect();
    let begins = [
        "::error file=tests.toml,line=7,title=open-basic and 1 more::path one byte short%0Aopen-basic: what it shows%0A",
        "::error file=tests.toml,line=7,title=sync-sync::sync missing%0Async-sync: what it shows%0A",
        "::warning title=dup2::dup2 has lost … of … calls%0Adup2 has lost 3 of 12 calls",
    ];
    assert_eq!(annotations.len(), begins.len(), "{text}");
    for (annotation, begin) in annotations.iter().zip(begins) {
        assert!(annotation.starts_with(begin), "{annotation}");
    }
    assert!(text.contains("test result: FAILED. "), "{text}");
}

#[test]
fn without_a_failure_an_inconclusive_run_is_no_failed_one() {
    let trials =
        || all_verdicts().into_iter().filter(|trial| ["dup-basic", "dup2"].contains(&trial.name.name.as_str()));
    let rows = [
        (OutputFormat::Pretty, "test result: INCONCLUSIVE. 1 passed; 0 failed; 0 ignored; 1 inconclusive; 0 measured"),
        (
            OutputFormat::Json,
            "{\"type\":\"suite\",\"event\":\"inconclusive\",\"passed\":1,\"failed\":0,\"inconclusive\":1,",
        ),
        (OutputFormat::Junit, "failures=\"0\" errors=\"1\""),
        (OutputFormat::Ktap, "# Totals: pass:1 fail:0 xfail:0 xpass:0 skip:0 error:1"),
    ];
    for (format, expected) in rows {
        let (text, exit) = printed(&options(format, false), trials().collect(), false);
        assert_eq!(exit, Exit::Inconclusive);
        assert!(text.contains(expected), "{format:?}: {text}");
        assert!(!text.contains("FAILED") && !text.contains("\"failed\"}") && !text.contains("<failure"), "{text}");
    }
}

#[test]
fn what_never_ran_is_counted_as_that() {
    let rows = [
        (OutputFormat::Pretty, "1 passed; 1 failed; 0 ignored; 4 not run; 0 measured; 1 filtered out"),
        (OutputFormat::Json, "{\"type\":\"test\",\"event\":\"not_run\",\"name\":\"uring\","),
        (OutputFormat::Json, "\"ignored\":0,\"not_run\":4,"),
        (OutputFormat::Junit, "<skipped message=\"not run: --fail-fast\"/>"),
        (OutputFormat::Ktap, "ok 6 uring # SKIP not run: --fail-fast"),
    ];
    for (format, expected) in rows {
        let (text, exit) = printed(&options(format, true), all_verdicts(), false);
        assert_eq!(exit, Exit::Failed);
        assert!(text.contains(expected), "{format:?}: {text}");
        assert!(!text.contains("sync missing"), "{format:?}: it ran: {text}");
    }
}

#[test]
fn a_long_report_is_cut_and_says_so() {
    let long = || vec![Trial::new("long", || Verdict::Fail(report("long", "dup missing", "dup", 100)))];
    let mut options = options(OutputFormat::Pretty, false);
    let lines = |text: &str| {
        let (_, report) = text.split_once("---- long ----\n").unwrap();
        report.split_once("\n\n\nfailures:").unwrap().0.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let (text, _) = printed(&options, long(), false);
    let cut = lines(&text);
    assert_eq!(cut.len(), 60, "{text}");
    assert_eq!(cut[57], "  … 41 more lines: --all-reports shows them");
    assert_eq!(cut[59], "  run again    sudo ./ior-it --exact --filter long");
    options.all_reports = true;
    assert_eq!(lines(&printed(&options, long(), false).0).len(), 100);
    let (each, _) = printed(&options, all_verdicts(), false);
    assert!(each.contains("---- open-basic ----") && each.contains("---- mkdir ----"), "{each}");
}

#[test]
fn a_terminal_shows_colours_and_links() {
    let one = vec![fails("sync-sync", "sync missing", "sync")];
    let (text, _) = printed(&options(OutputFormat::Pretty, false), one, true);
    let host = nix::sys::utsname::uname().unwrap().nodename().to_string_lossy().into_owned();
    let link = format!("\x1b]8;;file://{host}/a%20b/tests.toml#L7\x1b\\tests.toml:7\x1b]8;;\x1b\\");
    for expected in [
        "test sync-sync ... \x1b[31mFAILED\x1b[0m\n".to_owned(),
        "\x1b[31m  -    2  { call = \"dup\" }\x1b[0m\n".to_owned(),
        format!("\x1b[33m          ^ at {link}\x1b[0m\n"),
        format!("    sync-sync ({link}): sync missing\n"),
        "test result: \x1b[31mFAILED\x1b[0m. ".to_owned(),
    ] {
        assert!(text.contains(&expected), "{expected:?} is not in {text:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_order() {
    let order = |seed| {
        let mut options = options(OutputFormat::Pretty, false);
        options.libtest.shuffle = Some(Some(seed));
        let (text, _) = printed(&options, all_verdicts(), false);
        assert!(text.contains(&format!("running 6 tests (shuffle seed: {seed})\n")), "{text}");
        text.lines()
            .filter(|line| line.starts_with("test ") && line.contains(" ... "))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(order(7), order(7));
    assert!((0..9).any(|seed| order(seed) != order(7)), "no seed gives another order");
}

#[test]
fn a_trial_that_panics_fails() {
    let trials = vec![Trial::new("long", || panic!("oh no")), Trial::new("mkdir", || Verdict::Pass)];
    let mut options = options(OutputFormat::Pretty, false);
    options.threads = 2;
    let (text, exit) = printed(&options, trials, false);
    assert_eq!(exit, Exit::Failed);
    assert!(text.contains("BUG: the trial panicked: oh no") && text.contains("1 passed; 1 failed"), "{text}");
}

#[test]
fn a_red_basic_tier_ends_a_run() {
    let tiers = |red: bool| {
        let basic =
            move || if red { Verdict::Fail(report("mkdir", "mkdir missing", "mkdir", 5)) } else { Verdict::Pass };
        vec![
            Trial::new("dup-basic", || Verdict::Pass),
            Trial::new("mkdir", basic).in_basic_tier(true),
            Trial::new("sync-sync", || Verdict::Pass),
        ]
    };
    let mut options = options(OutputFormat::Pretty, false);
    let green = printed(&options, tiers(true), false).0;
    assert!(green.contains("2 passed; 1 failed; 0 ignored; 0 measured"), "without tiers all run: {green}");
    options.tiers = true;
    let (text, exit) = printed(&options, tiers(true), false);
    assert_eq!(exit, Exit::Failed);
    assert!(text.contains("0 passed; 1 failed; 0 ignored; 2 not run; 0 measured"), "{text}");
    assert!(text.contains("is red: 2 more tests were not run; --no-tiers runs them"), "{text}");
    let (text, exit) = printed(&options, tiers(false), false);
    assert_eq!(exit, Exit::Success);
    assert!(text.contains("3 passed; 0 failed; 0 ignored; 0 measured") && !text.contains("tier"), "{text}");
    assert!(text.find("mkdir") < text.find("dup-basic"), "the basic tier comes first: {text}");
}

#[test]
fn there_is_nothing_to_run_as_a_benchmark() {
    let mut options = options(OutputFormat::Pretty, false);
    options.libtest.bench = true;
    let (text, exit) = printed(&options, all_verdicts(), false);
    assert_eq!(exit, Exit::NothingRan);
    assert!(text.contains("running 0 tests") && text.contains("0 passed; 0 failed; 0 ignored"), "{text}");
}
