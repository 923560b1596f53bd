//! The gate: each I/O call has a row, and scenarios that show it succeed and fail, or `coverage.toml` says why not.

use ior_it::support::child::scenarios;
use ior_it::support::judge::coverage::{Coverage, text};
use ior_it::support::judge::expectation::Expectations;

const TESTS: &str = include_str!("../../tests.toml");
const EXCUSES: &str = include_str!("../../coverage.toml");

fn coverage(tests: &str, excuses: &str) -> Coverage {
    let names: Vec<&str> = scenarios::all().map(|scenario| scenario.name).collect();
    let expectations = Expectations::parse("tests.toml", tests, &names).unwrap();
    Coverage::of(&expectations, None, excuses).unwrap()
}

#[test]
fn every_io_call_is_shown_to_succeed_and_to_fail_or_it_is_said_why_not() {
    if std::env::consts::ARCH != "x86_64" {
        return; // the excuses are those of the calls of x86-64
    }
    let coverage = coverage(TESTS, EXCUSES);
    assert!(coverage.faults.is_empty(), "{}", coverage.faults.join("\n"));
    let shown = text(&coverage);
    assert!(shown.contains("0 faults") && shown.lines().any(|line| line.starts_with("mount ")), "{shown}");
}

#[test]
fn what_is_not_shown_and_what_is_excused_in_vain_is_a_fault() {
    let faults = |tests: &str, excuses: &str| coverage(tests, excuses).faults;
    let all = faults(TESTS, "");
    assert!(all.contains(&"acct has not a success, and coverage.toml does not say why".to_owned()), "{all:?}");
    let vain = faults(TESTS, &format!("{EXCUSES}\n[openat]\nerror = \"no reason\"\n"));
    assert!(vain.contains(&"openat has an error, and coverage.toml says why not".to_owned()), "{vain:?}");
    let unknown = faults(TESTS, "[opennat]\nerror = \"no reason\"\n");
    assert!(unknown.contains(&"coverage.toml excuses opennat, which is no call here".to_owned()), "{unknown:?}");
    let line = "  { call = \"mq_unlink\", path = \"ior-missing\", ret = \"ENOENT\" },\n";
    assert!(TESTS.contains(line));
    let less =
        TESTS.replace(line, "").replace("{ call = \"mq_unlink\", path_is = \"unreadable\", ret = \"EFAULT\" },\n", "");
    let less = faults(&less, EXCUSES);
    assert!(less.iter().any(|fault| fault.starts_with("mq_unlink has not an error")), "{less:?}");
}

#[test]
fn flags_that_no_table_names_are_listed() {
    let unshown = coverage(TESTS, EXCUSES).unshown;
    assert!(unshown["flag of umount2"].contains(&"MNT_FORCE"));
    assert!(!unshown["flag of umount2"].contains(&"MNT_DETACH"), "mount-pivot-root gives it");
}
