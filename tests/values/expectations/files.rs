//! The file as text: its errors, and the meaning of its tables.

use std::path::PathBuf;
use std::time::Duration;

use super::calls::{SCENARIOS, parse};
use super::golden;
use ior_it::support::judge::expectation::Expectations;
use ior_it::support::table::syscalls::Syscall;
use snapbox::Data;

#[test]
fn every_wrong_file_has_its_message() {
    let mut files: Vec<PathBuf> = std::fs::read_dir(golden())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    assert!(files.len() > 50, "{} files", files.len());
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        if text.contains("\"creat\"") && Syscall::by_name("creat").is_none() {
            continue;
        }
        let errors = Expectations::parse("tests.toml", &text, &SCENARIOS).expect_err(&file.display().to_string());
        for problem in errors.problems() {
            assert!(!problem.hint.is_empty(), "{}: a message without a hint", file.display());
            assert!(problem.line <= text.lines().count() + 1, "{}", file.display());
            let first = problem.message.chars().next().unwrap();
            assert!(!first.is_uppercase(), "{}: {}", file.display(), problem.message);
        }
        for line in errors.to_string().lines() {
            assert!(line.chars().count() <= 100, "{}: more than 100 columns: {line}", file.display());
        }
        let expected = Data::read_from(&file.with_extension("stderr"), None);
        snapbox::assert_data_eq!(format!("{errors}\n"), expected.raw());
    }
}

#[test]
fn the_suites_own_file_has_a_table_for_each_scenario() {
    let names: Vec<&str> = ior_it::support::child::scenarios::all().map(|scenario| scenario.name).collect();
    if let Err(errors) = Expectations::parse("tests.toml", include_str!("../../../tests.toml"), &names) {
        panic!("{errors}");
    }
}

#[test]
fn a_file_that_is_no_text_is_refused_with_its_line() {
    let errors = Expectations::parse_bytes("t.toml", b"[dup-basic]\nabout = \"\xff\"\n", &SCENARIOS).unwrap_err();
    let [problem] = errors.problems() else { panic!("{errors}") };
    assert_eq!((problem.line, problem.message.as_str()), (2, "the byte 0xff is not UTF-8"));
    assert!(errors.to_string().contains("t.toml:2:10"), "{errors}");
}

#[test]
fn what_a_table_says_is_kept_and_what_it_leaves_out_has_its_default() {
    let plain = parse("\n[dup-basic]\nabout = \" x \"\ncalls = []\n");
    assert_eq!((plain.line, plain.about.as_str(), plain.ends.as_str()), (2, "x", "finished"));
    assert_eq!((plain.timeout, plain.follow, plain.lacks), (Duration::from_secs(5), false, None));
    let full = parse("[dup-basic]\nabout = \"x\"\nends = \"SIGKILL\"\ntimeout = 0.5\nfollow = true\ncalls = []\n");
    assert_eq!((full.ends.as_str(), full.timeout, full.follow), ("SIGKILL", Duration::from_millis(500), true));
    assert_eq!((plain.ignored, full.ignored), (None, None));
    let slow = parse("[dup-basic]\nabout = \"x\"\nignored = \" slow \"\ncalls = []\n");
    assert_eq!(slow.ignored.as_deref(), Some("slow"));
}

#[test]
fn a_call_of_another_architecture_makes_its_table_one_that_cannot_run() {
    for row in ["creat", "open", "rename"].into_iter().filter(|name| Syscall::by_name(name).is_none()) {
        let table = format!(
            "[dup-basic]\nabout = \"x\"\ncalls = [{{ call = \"{row}\", path = \"x\", ret = \"$a\" }}, \
             {{ call = \"close\", fd = \"$a\", path = \"x\", ret = 0 }}]"
        );
        assert_eq!(parse(&table).lacks.as_deref(), Some(row));
    }
}
