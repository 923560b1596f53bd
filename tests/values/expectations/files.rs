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
fn a_table_that_is_read_when_it_is_asked_for_says_the_same() {
    const TEXT: &str = include_str!("../../../tests.toml");
    let names: Vec<&str> = ior_it::support::child::scenarios::all().map(|scenario| scenario.name).collect();
    let all = Expectations::parse("tests.toml", TEXT, &names).unwrap();
    let unread = Expectations::unread(TEXT, &names).unwrap();
    for name in names {
        let about_io_uring = (unread.is_about_io_uring(name), all.is_about_io_uring(name));
        let ignored = (unread.ignored(name).map(str::to_owned), all.ignored(name).map(str::to_owned));
        assert_eq!((about_io_uring.0, ignored.0), (about_io_uring.1, ignored.1), "{name}");
        assert_eq!(format!("{:?}", unread.get(name).unwrap()), format!("{:?}", all.get(name).unwrap()));
    }
}

#[test]
fn an_unread_table_has_its_errors_in_the_lines_of_the_file() {
    let broken = "# one\n[dup-basic]\nabout = \"x\"\ncalls = []\n[dup-invalid]\nabout = \"x\"\ncalls = [\n  { call = \"dupp\" },\n]\n";
    let names = ["dup-basic", "dup-invalid"];
    let unread = Expectations::unread(broken, &names).unwrap();
    assert_eq!(unread.get("dup-basic").unwrap().line, 2);
    assert!(unread.get("dup-invalid").is_none() && unread.errors("dup-basic").is_none());
    let errors = unread.errors("dup-invalid").unwrap();
    assert_eq!(errors.problems()[0].line, 8);
    let all = Expectations::parse("tests.toml", broken, &names).unwrap_err();
    assert_eq!(errors.to_string(), all.to_string());
}

#[test]
fn a_text_whose_tables_cannot_be_told_apart_is_read_as_a_whole() {
    let is_told_apart = |text, names: &[&str]| Expectations::unread(text, names).is_some();
    assert!(is_told_apart("[a]\n[b]\n", &["a", "b"]));
    assert!(!is_told_apart("[a]\n[a]\n", &["a"]));
    assert!(!is_told_apart("[a]\n", &["a", "b"]));
    assert!(!is_told_apart("[a]\n[b]\n", &["a"]));
    assert!(!is_told_apart("", &["a"]));
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
