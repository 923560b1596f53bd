//! What was observed, as the text of a table.

use ior_it::support::archive;
use ior_it::support::child::ending::How;
use ior_it::support::judge::bless::blessed;
use ior_it::support::judge::expectation::{Body, Expectations};
use ior_it::support::judge::verdict::{Observed, Verdict, judge};

use crate::replay::{TESTS, everyday, names, recorded_here};

fn observed(scenario: &str) -> Observed {
    archive::load(&crate::recorded(scenario)).unwrap_or_else(|error| panic!("{error}")).observed
}

fn bless(text: &str, scenario: &str, observed: &Observed) -> Result<String, String> {
    blessed(text, "tests.toml", &[scenario], scenario, observed).map_err(|no| format!("{}; {}", no.why, no.hint))
}

/// The text of a table.
fn table(scenario: &str) -> &'static str {
    let from = TESTS.find(&format!("[{scenario}]\n")).unwrap();
    let to = TESTS[from + 1..].find("\n[").map_or(TESTS.len(), |to| from + 1 + to + 1);
    &TESTS[from..to]
}

/// The text without the calls, if it has an array of them.
fn emptied(text: &str) -> Option<String> {
    let from = text.find("\ncalls = [\n")? + 1;
    let to = from + text[from..].find("\n]\n")? + 2;
    Some(format!("{}calls = []{}", &text[..from], &text[to..]))
}

#[test]
fn a_table_that_is_right_stays_as_it_is_written() {
    if !recorded_here() {
        return;
    }
    let expectations = Expectations::parse("tests.toml", TESTS, &names()).unwrap();
    let is_whole = |name: &&&str| !matches!(expectations.get(name).unwrap().body, Body::Partial { .. });
    for name in everyday().iter().filter(is_whole) {
        let text = table(name);
        assert!(bless(text, name, &observed(name)).as_deref() == Ok(text), "{name}");
    }
}

/// Every call that a scenario makes can be written, and what is written is right.
#[test]
fn a_table_without_calls_gets_those_that_were_observed() {
    if !recorded_here() {
        return;
    }
    let mut written = 0;
    for name in everyday() {
        let Some(text) = emptied(table(name)) else { continue };
        let observed = observed(name);
        let new = bless(&text, name, &observed).unwrap_or_else(|why| panic!("{name}: {why}"));
        let expectations = Expectations::parse("tests.toml", &new, &[name]).unwrap();
        assert_eq!(judge(expectations.get(name).unwrap(), "tests.toml", &observed), Verdict::Pass, "{name}");
        written += 1;
    }
    assert!(written > 200, "{written}");
}

#[test]
fn only_what_is_wrong_is_changed() {
    if !recorded_here() {
        return;
    }
    let dup = [
        ("a value", r#"fd = "$a", path = "dup.txt", ret = "$b""#, r#"fd = "$a", path = "other.txt", ret = "$b""#),
        ("a result", r#"path = "dup.txt", count = 5, ret = 5"#, r#"path = "dup.txt", count = 5, ret = "EBADF""#),
        (
            "a name",
            r#"{ call = "write", fd = "$b", path = "dup.txt""#,
            r#"{ call = "write", fd = "$a", path = "dup.txt""#,
        ),
        (
            "a call too many",
            r#"  { call = "close", fd = "$b", path = "dup.txt", ret = 0 },"#,
            "  { call = \"close\", fd = \"$b\", path = \"dup.txt\", ret = 0 },\n  { call = \"close\", fd = 9, ret = \"EBADF\" },",
        ),
    ];
    for (what, right, wrong) in dup {
        let table = table("dup-basic");
        assert!(table.contains(right), "{what}");
        let text = table.replacen(right, wrong, 1);
        assert_eq!(bless(&text, "dup-basic", &observed("dup-basic")).as_deref(), Ok(table), "{what}");
    }
}

#[test]
fn comments_order_and_names_are_kept() {
    if !recorded_here() {
        return;
    }
    let lines = [
        r#"  # Why it is opened."#,
        r#"  { call = "openat", path = "dup.txt", flags = "O_RDWR|O_CREAT", mode = 0o644, ret = "$first" },"#,
        r#"  { ret = "$copy", call = "dup", path = "dup.txt", fd = "$first" }, # the copy"#,
        r#"  { call = "close", fd = "$copy", path = "dup.txt", ret = 0 },"#,
        r#"  # The last."#,
        r#"  { call = "close",   fd = "$first", path = "dup.txt", ret = 0 },"#,
    ];
    let with = |lines: &[&str]| format!("[dup-basic]\nabout = \"x\"\ncalls = [\n{}\n]\n", lines.join("\n"));
    let mut expected = lines.to_vec();
    expected.insert(3, r#"  { call = "write", fd = "$copy", path = "dup.txt", count = 5, ret = 5 },"#);
    assert_eq!(bless(&with(&lines), "dup-basic", &observed("dup-basic")), Ok(with(&expected)));
}

#[test]
fn what_proves_nothing_is_not_blessed() {
    if !recorded_here() {
        return;
    }
    let (right, text) = (observed("dup-basic"), table("dup-basic"));
    let mut lost = right.clone();
    lost.trace.counts.refused += 1;
    let why = bless(text, "dup-basic", &lost).unwrap_err();
    assert!(why.starts_with("the trace has losses: "), "{why}");
    let mut failed = right.clone();
    failed.ending.how = How::Failed("dup failed".to_owned());
    let why = bless(text, "dup-basic", &failed).unwrap_err();
    assert!(why.starts_with("the workload did not do its work: "), "{why}");
    let partial = "[dup-basic]\nabout = \"x\"\npresent = [{ call = \"dup\", count = 2 }]\n";
    let why = bless(partial, "dup-basic", &right).unwrap_err();
    assert!(why.starts_with("`present` and `absent`"), "{why}");
    let repeated = table("thread-fd").replacen("count = 3,", "count = 4,", 1);
    let why = bless(&repeated, "thread-fd", &observed("thread-fd")).unwrap_err();
    assert!(why.starts_with("a difference is in a repetition, at line "), "{why}");
}
