//! `tests.toml`, the comparison and the reports: tables of rows, all of them without privileges.
//!
//! The messages are in `tests/golden`; `SNAPSHOTS=overwrite cargo test` writes them anew.
// The helpers of tests unwrap as tests do, and a table of rows is as long as its rows.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ior_it::child::ending::{Ending, How, Phase};
use ior_it::judge::expectation::{Expectation, Expectations};
use ior_it::judge::matcher::{self, Difference, FieldDifference};
use ior_it::judge::report::{self, Failure};
use ior_it::table::kind::Kind;
use ior_it::table::syscalls::Abi;
use ior_it::table::syscalls::{Ret, Sqe, Syscall};
use ior_it::trace::call::{Attribute, Call, Contradiction, Deed, Files, Identity, Outcome, RingRequest, Text};
use ior_it::trace::show;
use ior_it::trace::whole::Trace;
use snapbox::Data;

const SCENARIOS: [&str; 1] = ["dup-basic"];

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

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
    let names: Vec<&str> = ior_it::child::scenarios::all().map(|scenario| scenario.name).collect();
    if let Err(errors) = Expectations::parse("tests.toml", include_str!("../../tests.toml"), &names) {
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

/// A trace of calls whose every field a row below makes wrong, and its expectation.
const EXPECTED: &str = r#"
[dup-basic]
about = "every field there is"
calls = [
  { call = "openat", path = "d", flags = "O_RDONLY|O_DIRECTORY", ret = "$d" },
  { call = "openat", dirfd = "$d", path = "d/a.txt", flags = "O_RDWR|O_CREAT", mode = 0o644, ret = "$a" },
  { call = "dup", fd = "$a", path = "d/a.txt", ret = "$b" },
  { call = "write", fd = "$b", path = "d/a.txt", count = 5, ret = 5, bytes = 5 },
  { call = "lseek", fd = "$a", path = "d/a.txt", offset = -1, whence = "SEEK_END", ret = 4 },
  { call = "fcntl", fd = "$a", path = "d/a.txt", cmd = "F_GETFL", ret = "O_RDWR|O_APPEND" },
  { call = "fcntl", fd = "$a", path = "d/a.txt", cmd = "F_SETFL", arg = "O_APPEND", ret = 0 },
  { call = "fcntl", fd = "$a", path = "d/a.txt", cmd = "F_DUPFD_CLOEXEC", arg = 10, ret = 10, cloexec = true },
  { call = "openat2", path = "h.txt", flags = "O_RDWR", mode = 0o600, resolve = "RESOLVE_BENEATH", ret = "$h" },
  { call = "linkat", dirfd = "$d", path = "d/a.txt", path2 = "b.txt", flags = "AT_SYMLINK_FOLLOW", ret = 0 },
  { call = "pipe2", flags = "O_CLOEXEC", makes = ["$r", "$w"], ret = 0, cloexec = true },
  { call = "splice", fd = "$r", fd2 = "$a", path2 = "d/a.txt", len = 7, ret = "EAGAIN" },
  { call = "close_range", first = 4, last = 5, ret = 0, closes = ["d/a.txt", "d/a.txt"] },
  { call = "fsync", fd = 10, path = "d/a.txt", comm = "worker", pid = "$p", tid = "$t", ret = 0 },
  { call = "read", fd = 10, path = "d/a.txt", count = 9, pid = "$p", tid = "$t", ret = "unfinished" },
]
"#;

fn call(name: &str, args: &[i64], ret: i64) -> Call {
    let mut raw = [0; 6];
    args.iter().enumerate().for_each(|(at, &arg)| raw[at] = arg as u64);
    let mut comm = [0; 16];
    comm[..6].copy_from_slice(b"worker");
    Call {
        order: 0,
        pid: 100,
        tid: 101,
        exit_tid: 101,
        enter_ns: 0,
        duration_ns: 1500,
        deed: Arc::new(Deed {
            number: Syscall::by_name(name).unwrap().number,
            comm,
            args: raw,
            outcome: Outcome::Returned(ret),
            texts: [read(""), read("")],
            fds: [None, None],
            made: None,
            peek: None,
            late: [false; 3],
            abi: Abi::Native,
            refused: false,
            request: None,
            files: Files::default(),
        }),
    }
}

fn read(text: &str) -> Text {
    Text::Read { bytes: text.into(), cut: false }
}

fn on(mut call: Call, path: &str) -> Call {
    let makes_it = |row: &Syscall| row.returns_its_file() && matches!(row.ret_for(&call.args), Ret::Fd);
    let makes_it = call.syscall().is_some_and(makes_it) && call.success().is_some();
    call.files.made_path = makes_it.then(|| path.into());
    call.files.path = Some(path.into());
    call
}

fn onto(mut call: Call, path2: &str) -> Call {
    call.files.path2 = Some(path2.into());
    call
}

fn told(mut call: Call, texts: [&str; 2]) -> Call {
    call.texts = texts.map(read);
    call
}

fn making(mut call: Call, cloexec: bool) -> Call {
    call.made = Some(Identity { device: 1, inode: 2, magic: 0xef53, mode: 0o100_644, flags: 2, cloexec });
    call
}

fn peeking(mut call: Call, bytes: impl IntoIterator<Item = u8>) -> Call {
    call.peek = Some(bytes.into_iter().collect());
    call
}

fn by(tid: u32, call: Call) -> Call {
    Call { tid, exit_tid: tid, ..call }
}

fn how(words: [u64; 3]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

fn pair(words: [i32; 2]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

fn making_pair(call: Call, made: [i32; 2], cloexec: [bool; 2]) -> Call {
    let fds = cloexec
        .map(|cloexec| Some(Identity { device: 1, inode: 3, magic: 0x5049_5045, mode: 0o10_600, flags: 0, cloexec }));
    peeking(call, pair(made)).with(|deed| deed.fds = fds)
}

const CWD: i64 = libc::AT_FDCWD as i64;
const BUF: i64 = 0x7f00;

fn observed() -> Vec<Call> {
    let (rdwr, creat) = (i64::from(libc::O_RDWR), i64::from(libc::O_CREAT));
    let directory = i64::from(libc::O_DIRECTORY);
    let [getfl, setfl, dupfd] = [libc::F_GETFL, libc::F_SETFL, libc::F_DUPFD_CLOEXEC].map(i64::from);
    let a = "d/a.txt";
    let mut closing = call("close_range", &[4, 5], 0);
    closing.files.closes = vec![a.into(), a.into()];
    let mut unfinished = on(call("read", &[10, BUF, 9], 0), a);
    unfinished.outcome = Outcome::Unfinished;
    vec![
        making(on(told(call("openat", &[CWD, BUF, directory], 3), ["d", ""]), "d"), false),
        making(on(told(call("openat", &[3, BUF, rdwr | creat, 0o644], 4), ["a.txt", ""]), a), false),
        making(on(call("dup", &[4], 5), a), false),
        on(call("write", &[5, BUF, 5], 5), a),
        on(call("lseek", &[4, -1, 2], 4), a),
        on(call("fcntl", &[4, getfl], rdwr | i64::from(libc::O_APPEND)), a),
        on(call("fcntl", &[4, setfl, i64::from(libc::O_APPEND)], 0), a),
        making(on(call("fcntl", &[4, dupfd, 10], 10), a), true),
        peeking(
            making(on(told(call("openat2", &[CWD, BUF, BUF, 24], 6), ["h.txt", ""]), "h.txt"), false),
            how([rdwr as u64, 0o600, 8]),
        ),
        onto(on(told(call("linkat", &[3, BUF, CWD, BUF, 0x400], 0), ["a.txt", "b.txt"]), a), "b.txt"),
        making_pair(call("pipe2", &[BUF, i64::from(libc::O_CLOEXEC)], 0), [7, 8], [true, true]),
        onto(call("splice", &[7, 0, 4, 0, 7, 0], -i64::from(libc::EAGAIN)), a),
        closing,
        on(call("fsync", &[10], 0), a),
        unfinished,
    ]
}

fn parse(text: &str) -> Expectation {
    let parsed = Expectations::parse("tests.toml", text, &SCENARIOS);
    parsed.unwrap_or_else(|errors| panic!("{errors}")).get("dup-basic").unwrap().clone()
}

fn trace(calls: Vec<Call>) -> Trace {
    Trace { calls, ..Trace::default() }
}

/// A difference in one line; calls are counted from 1 here.
fn short(difference: &Difference) -> String {
    let fields = |fields: &[FieldDifference]| {
        let one = |f: &FieldDifference| format!("{}: {} | {}", f.field, f.expected, f.observed);
        fields.iter().map(one).collect::<Vec<_>>().join("; ")
    };
    match difference {
        Difference::Missing { expected } => format!("missing {}", expected + 1),
        Difference::Extra { observed } => format!("extra {}", observed + 1),
        Difference::Swapped { expected, observed } => format!("swapped {} is {}", expected + 1, observed + 1),
        Difference::Wrong { expected, observed, fields: wrong } if expected == observed => {
            format!("wrong {}: {}", expected + 1, fields(wrong))
        }
        Difference::Wrong { expected, observed, fields: wrong } => {
            format!("wrong {} is {}: {}", expected + 1, observed + 1, fields(wrong))
        }
        Difference::MoreExtra { observed, count } => format!("{count} more from {}", observed + 1),
        Difference::Count { present, found, nearest } => {
            let nearest = nearest.iter().map(|(at, wrong)| format!(", nearest {}: {}", at + 1, fields(wrong)));
            format!("present {} found {found}{}", present + 1, nearest.collect::<String>())
        }
        Difference::Unwanted { absent, observed, count } => {
            format!("absent {} found {count}, first {}", absent + 1, observed + 1)
        }
        Difference::Contradicted { observed, field } => {
            format!("contradicted {}: {}", observed + 1, fields(std::slice::from_ref(field)))
        }
    }
}

fn differences(expectation: &Expectation, calls: Vec<Call>) -> Vec<String> {
    matcher::compare(expectation, &trace(calls)).differences().map(short).collect()
}

type Change = fn(&mut Vec<Call>);

/// What is done to the observed calls, in a sentence and in code, and what has to be found then.
type Row = (&'static str, Change, &'static [&'static str]);

#[test]
fn the_trace_as_expected_has_no_differences() {
    assert_eq!(differences(&parse(EXPECTED), observed()), Vec::<String>::new());
}

fn check(rows: &[Row]) {
    let expectation = parse(EXPECTED);
    for (sentence, change, expected) in rows {
        let mut calls = observed();
        change(&mut calls);
        assert_eq!(differences(&expectation, calls), *expected, "{sentence}");
    }
}

#[test]
fn calls_that_are_not_there_or_too_many_are_found() {
    check(&[
        ("the first is missing", |c| drop(c.remove(0)), &["missing 1"]),
        ("one in the middle is missing", |c| drop(c.remove(3)), &["missing 4"]),
        ("the last is missing", |c| drop(c.pop()), &["missing 15"]),
        ("an extra one in front", |c| c.insert(0, call("sync", &[], 0)), &["extra 1"]),
        ("an extra one in the middle", |c| c.insert(5, call("sync", &[], 0)), &["extra 6"]),
        ("an extra one at the end", |c| c.push(call("sync", &[], 0)), &["extra 16"]),
        ("one twice", |c| c.insert(4, c[3].clone()), &["extra 5"]),
        ("a pair is swapped", |c| c.swap(3, 4), &["swapped 4 is 5"]),
        (
            "one is far from its place",
            |c| {
                let one = c.remove(2);
                c.insert(6, one)
            },
            &["swapped 3 is 7"],
        ),
        ("one is instead of another", |c| c[4] = call("sync", &[], 0), &["missing 5", "extra 5"]),
        (
            "all are missing but one",
            |c| c.truncate(1),
            &[
                "missing 2",
                "missing 3",
                "missing 4",
                "missing 5",
                "missing 6",
                "missing 7",
                "missing 8",
                "missing 9",
                "missing 10",
                "missing 11",
                "missing 12",
                "missing 13",
                "missing 14",
                "missing 15",
            ],
        ),
        (
            "calls that are no I/O are not looked at",
            |c| {
                c.insert(2, call("munmap", &[BUF, 4096], 0));
                let mut unknown = call("sync", &[], 0);
                unknown.number = 100_000;
                c.insert(7, unknown);
            },
            &[],
        ),
    ]);
}

#[test]
fn a_wrong_value_of_each_field_is_found() {
    check(&[
        ("path", |c| c[3].files.path = Some(b"other".to_vec()), &[r#"wrong 4: path: "d/a.txt" | "other""#]),
        ("path not known", |c| c[3].files.path = None, &[r#"wrong 4: path: "d/a.txt" | none"#]),
        ("path known where none is", |c| c[11].files.path = Some(b"x".to_vec()), &[r#"wrong 12: path: none | "x""#]),
        (
            "path of a call without a key for it",
            |c| c[12].files.path = Some(b"x".to_vec()),
            &[r#"wrong 13: path: none | "x""#],
        ),
        ("path2", |c| c[9].files.path2 = Some(b"c.txt".to_vec()), &[r#"wrong 10: path2: "b.txt" | "c.txt""#]),
        ("path2 known where none is", |c| c[0].files.path2 = Some(b"x".to_vec()), &[r#"wrong 1: path2: none | "x""#]),
        (
            "path that is not UTF-8",
            |c| c[3].files.path = Some(b"d/\xff\n".to_vec()),
            &[r#"wrong 4: path: "d/a.txt" | "d/\xff\n""#],
        ),
        ("fd", |c| c[3].args[0] = 4, &["wrong 4: fd: $b = 5 (bound by call 3) | 4"]),
        ("fd2", |c| c[11].args[2] = 9, &["wrong 12: fd2: $a = 4 (bound by call 2) | 9"]),
        ("dirfd", |c| c[1].args[0] = CWD as u64, &["wrong 2: dirfd: $d = 3 (bound by call 1) | AT_FDCWD"]),
        ("dirfd left out", |c| c[0].args[0] = 9, &["wrong 1: dirfd: AT_FDCWD | 9"]),
        ("dirfd2 left out", |c| c[9].args[2] = 3, &["wrong 10: dirfd2: AT_FDCWD | 3"]),
        ("AT_FDCWD in 32 bits", |c| c[0].args[0] = u64::from(CWD as u32), &[]),
        ("flags", |c| c[1].args[2] = 0, &["wrong 2: flags: O_RDWR|O_CREAT | O_RDONLY"]),
        ("flags without a name", |c| c[10].args[1] |= 1 << 31, &["wrong 11: flags: O_CLOEXEC | O_CLOEXEC|0x80000000"]),
        (
            "flags left out",
            |c| c[12].args[2] = libc::CLOSE_RANGE_UNSHARE.into(),
            &["wrong 13: flags: 0 | CLOSE_RANGE_UNSHARE"],
        ),
        ("mode", |c| c[1].args[3] = 0o600, &["wrong 2: mode: 0o644 | 0o600"]),
        ("count", |c| c[3].args[2] = 6, &["wrong 4: count: 5 | 6"]),
        ("offset", |c| c[4].args[1] = 1, &["wrong 5: offset: -1 | 1"]),
        ("whence", |c| c[4].args[2] = 0, &["wrong 5: whence: SEEK_END | SEEK_SET"]),
        ("cmd", |c| c[5].args[1] = libc::F_GETFD as u64, &["wrong 6: cmd: F_GETFL | F_GETFD"]),
        ("arg as flags", |c| c[6].args[2] = 0, &["wrong 7: arg: O_RDONLY|O_APPEND | O_RDONLY"]),
        ("arg as number", |c| c[7].args[2] = 11, &["wrong 8: arg: 10 | 11"]),
        ("flags of open_how", |c| c[8].peek = Some(how([0, 0o600, 8])), &["wrong 9: flags: O_RDWR | O_RDONLY"]),
        ("mode of open_how", |c| c[8].peek = Some(how([2, 0o644, 8])), &["wrong 9: mode: 0o600 | 0o644"]),
        ("resolve of open_how", |c| c[8].peek = Some(how([2, 0o600, 0])), &["wrong 9: resolve: RESOLVE_BENEATH | 0"]),
        (
            "open_how not read",
            |c| c[8].peek = None,
            &["wrong 9: flags: O_RDWR | unreadable; mode: 0o600 | unreadable; resolve: RESOLVE_BENEATH | unreadable"],
        ),
        ("ret as number", |c| c[4].outcome = Outcome::Returned(5), &["wrong 5: ret: 4 | 5"]),
        ("ret as flags", |c| c[5].outcome = Outcome::Returned(2), &["wrong 6: ret: O_RDWR|O_APPEND | O_RDWR"]),
        ("errno instead of a number", |c| c[4].outcome = Outcome::Returned(-29), &["wrong 5: ret: 4 | ESPIPE"]),
        ("another errno", |c| c[11].outcome = Outcome::Returned(-9), &["wrong 12: ret: EAGAIN | EBADF"]),
        ("success instead of an errno", |c| c[11].outcome = Outcome::Returned(7), &["wrong 12: ret: EAGAIN | 7"]),
        ("bytes and ret", |c| c[3].outcome = Outcome::Returned(3), &["wrong 4: ret: 5 | 3; bytes: 5 | 3"]),
        ("bytes of a failure", |c| c[3].outcome = Outcome::Returned(-9), &["wrong 4: ret: 5 | EBADF; bytes: 5 | 0"]),
        ("cloexec set", |c| c[1] = making(c[1].clone(), true), &["wrong 2: cloexec: false | true"]),
        ("cloexec not set", |c| c[7] = making(c[7].clone(), false), &["wrong 8: cloexec: true | false"]),
        ("cloexec not known", |c| c[2].made = None, &["wrong 3: cloexec: false | unknown"]),
        (
            "cloexec of a pair",
            |c| c[10] = making_pair(c[10].clone(), [7, 8], [false, false]),
            &["wrong 11: cloexec: true | false"],
        ),
        (
            "cloexec of one of a pair",
            |c| c[10] = making_pair(c[10].clone(), [7, 8], [true, false]),
            &["wrong 11: cloexec: true | not the same of both"],
        ),
        ("cloexec of one of a pair not known", |c| c[10].fds[1] = None, &["wrong 11: cloexec: true | unknown"]),
        (
            "closes less",
            |c| drop(c[12].files.closes.pop()),
            &[r#"wrong 13: closes: ["d/a.txt", "d/a.txt"] | ["d/a.txt"]"#],
        ),
        ("closes unexpectedly", |c| c[2].files.closes.push(b"x".to_vec()), &[r#"wrong 3: closes: [] | ["x"]"#]),
        ("comm", |c| c[13].comm[0] = b'W', &[r#"wrong 14: comm: "worker" | "Worker""#]),
        ("pid bound before", |c| c[14].pid = 7, &["wrong 15: pid: $p = 100 (bound by call 14) | 7"]),
        (
            "tid bound before",
            |c| (c[14].tid, c[14].exit_tid) = (7, 7),
            &["wrong 15: tid: $t = 101 (bound by call 14) | 7"],
        ),
        ("makes", |c| c[10].peek = Some(pair([9, 8])), &["wrong 12: fd: $r = 9 (bound by call 11) | 7"]),
        (
            "makes not read",
            |c| c[10].peek = None,
            &["wrong 11: makes: $r, any result of success | unreadable; makes: $w, any result of success | unreadable"],
        ),
        ("number of close_range", |c| c[12].args[1] = u64::from(u32::MAX), &["wrong 13: last: 5 | -1"]),
        (
            "two calls wrong",
            |c| {
                c[4].args[1] = 1;
                c[6].args[2] = 0
            },
            &["wrong 5: offset: -1 | 1", "wrong 7: arg: O_RDONLY|O_APPEND | O_RDONLY"],
        ),
    ]);
}

#[test]
fn what_cannot_be_known_is_equal_to_nothing() {
    check(&[
        (
            "a text that could not be read",
            |c| {
                c[0].texts[0] = Text::Unreadable(libc::EFAULT);
            },
            &[r#"wrong 1: path: "d" | 0x7f00 (unreadable: EFAULT); path_is: "whole" | "unreadable""#],
        ),
        (
            "a null instead of a path",
            |c| {
                c[0].texts[0] = Text::Unreadable(libc::EFAULT);
                c[0].args[1] = 0;
                c[0].files.path = None;
            },
            &[r#"wrong 1: path: "d" | NULL; path_is: "whole" | "null""#],
        ),
        (
            "the second text could not be read",
            |c| {
                c[9].texts[1] = Text::Unreadable(libc::EFAULT);
            },
            &[r#"wrong 10: path2: "b.txt" | 0x7f00 (unreadable: EFAULT); path2_is: "whole" | "unreadable""#],
        ),
        (
            "a text that was cut",
            |c| {
                c[0].texts[0] = Text::Read { bytes: b"d".to_vec(), cut: true };
            },
            &[r#"wrong 1: path: "d" | "d"...; path_is: "whole" | "cut""#],
        ),
        ("another file", |c| c[1].files.made_path = Some(b"b".to_vec()), &[r#"wrong 2: file: "d/a.txt" | "b""#]),
        ("a file without a name", |c| c[2].files.made_path = None, &[r#"wrong 3: file: "d/a.txt" | none"#]),
        ("a call that was never made", |c| c[3].refused = true, &["wrong 4: refused: false | true"]),
        ("a path that was read late", |c| c[0].late[0] = true, &[r#"wrong 1: path_is: "whole" | "late""#]),
        ("a call that did not return", |c| c[4].outcome = Outcome::Unfinished, &["wrong 5: ret: 4 | unfinished"]),
        (
            "an unfinished call where a name is bound",
            |c| c[8].outcome = Outcome::Unfinished,
            &["wrong 9: ret: $h, any result of success | unfinished"],
        ),
        (
            "one that returned where none was to",
            |c| c[14].outcome = Outcome::Returned(0),
            &["wrong 15: ret: unfinished | 0"],
        ),
        (
            "one that failed where none was to return",
            |c| c[14].outcome = Outcome::Returned(-4),
            &["wrong 15: ret: unfinished | EINTR"],
        ),
    ]);
}

#[test]
fn bindings_are_made_by_success_and_hold_afterwards() {
    check(&[
        (
            "a failure binds nothing, and what follows is not blamed for it",
            |c| c[2].outcome = Outcome::Returned(-24),
            &["wrong 3: ret: $b, any result of success | EMFILE"],
        ),
        (
            "a missing call binds nothing, and its name holds from the next use on",
            |c| drop(c.remove(2)),
            &["missing 3"],
        ),
        (
            "another number throughout is equal",
            |c| {
                c[2].outcome = Outcome::Returned(50);
                c[3].args[0] = 50
            },
            &[],
        ),
        ("one number for two names is equal", |c| c[8].outcome = Outcome::Returned(5), &[]),
        (
            "a name that changes",
            |c| c[2].outcome = Outcome::Returned(50),
            &["wrong 4: fd: $b = 50 (bound by call 3) | 5"],
        ),
        (
            "a name that is bound out of order",
            |c| {
                c.swap(2, 3);
                c[2].args[0] = 9;
            },
            &["swapped 3 is 4", "wrong 4 is 3: fd: $b = 5 (bound by call 3) | 9"],
        ),
    ]);
    let again = parse(
        "[dup-basic]\nabout = \"x\"\ncalls = [\n{ call = \"dup\", fd = 0, ret = \"$a\" },\n{ call = \"dup\", fd = 0, ret = \"$a\" },\n]",
    );
    let dup = |ret| making(call("dup", &[0], ret), false);
    assert_eq!(differences(&again, vec![dup(3), dup(3)]), Vec::<String>::new(), "the same result twice");
    assert_eq!(differences(&again, vec![dup(3), dup(4)]), ["wrong 2: ret: $a = 3 (bound by call 1) | 4"]);
}

#[test]
fn a_call_that_is_no_io_is_compared_when_it_is_named() {
    let expectation = parse(
        "[dup-basic]\nabout = \"x\"\ncalls = [\n{ call = \"kill\", pid = 5, sig = 9, ret = 0 },\n{ call = \"exit_group\", status = 3 },\n]",
    );
    let mut exit = call("exit_group", &[3], 0);
    exit.outcome = Outcome::Unfinished;
    let kill = call("kill", &[5, 9], 0);
    assert_eq!(differences(&expectation, vec![kill.clone(), exit.clone()]), Vec::<String>::new());
    assert_eq!(differences(&expectation, vec![exit.clone()]), ["missing 1"]);
    exit.args[0] = 4;
    assert_eq!(differences(&expectation, vec![kill, exit]), ["wrong 2: status: 3 | 4"]);
}

#[test]
fn an_unreadable_path_is_expected_by_saying_so() {
    let expectation = parse(
        "[dup-basic]\nabout = \"x\"\ncalls = [{ call = \"openat2\", path_is = \"unreadable\", ret = \"EFAULT\" }]",
    );
    let mut bad = call("openat2", &[CWD, 16, 16, 24], -14);
    bad.texts[0] = Text::Unreadable(libc::EFAULT);
    assert_eq!(differences(&expectation, vec![bad.clone()]), Vec::<String>::new());
    let read = peeking(bad.clone(), how([2, 0, 0]));
    assert_eq!(differences(&expectation, vec![read]), ["wrong 1: flags: O_RDONLY | O_RDWR"]);
    bad.files.path = Some(b"x".to_vec());
    assert_eq!(differences(&expectation, vec![bad]), ["wrong 1: path: none | 0x10 (unreadable: EFAULT)"]);
}

#[test]
fn no_path_is_the_directory_descriptors_own_file_where_the_call_takes_it_so() {
    let expectation = |dirfd: &str, path: &str| {
        parse(&format!("[dup-basic]\nabout = \"x\"\ncalls = [{{ call = \"utimensat\", {dirfd}, {path} ret = 0 }}]"))
    };
    let mut bare = call("utimensat", &[3, 0, BUF, 0], 0);
    bare.texts[0] = Text::Unreadable(libc::EFAULT);
    let named = on(bare.clone(), "x");
    assert_eq!(
        differences(&expectation("dirfd = 3", "path = \"x\", path_is = \"null\","), vec![named.clone()]),
        Vec::<String>::new()
    );
    assert_eq!(
        differences(&expectation("dirfd = 3", "path_is = \"null\","), vec![named]),
        [r#"wrong 1: path: none | "x""#]
    );
    let other = expectation("dirfd = 3", "path = \"x\", path_is = \"null\",");
    assert_eq!(differences(&other, vec![bare]), [r#"wrong 1: path: "x" | NULL"#]);
}

#[test]
fn a_user_that_stays_is_minus_one_in_32_bits_and_in_64() {
    let table = "[dup-basic]\nabout = \"x\"\ncalls = [{ call = \"fchown\", fd = 3, owner = -1, group = 2, ret = 0 }]";
    let expectation = parse(table);
    let with = |owner: i64, group: i64| differences(&expectation, vec![call("fchown", &[3, owner, group], 0)]);
    let stays = i64::from(u32::MAX);
    assert_eq!(with(-1, 2), Vec::<String>::new());
    assert_eq!(with(stays, 2), Vec::<String>::new());
    assert_eq!(with(-1, stays), ["wrong 1: group: 2 | -1"]);
    assert_eq!(with(stays - 1, 2), ["wrong 1: owner: -1 | 4294967294"], "no other user is negative");
}

#[test]
fn what_only_asks_for_a_size_moves_no_bytes() {
    let table = "[dup-basic]\nabout = \"x\"\ncalls = [{ call = \"flistxattr\", fd = 3, ret = 9, bytes = 9 }]";
    let with = |size: i64| differences(&parse(table), vec![call("flistxattr", &[3, BUF, size], 9)]);
    assert_eq!(with(16), Vec::<String>::new());
    assert_eq!(with(0), ["wrong 1: bytes: 9 | 0"]);
}

/// What is said of the descriptors of calls that make some, and of those that are given some.
const DESCRIPTORS: &str = r#"
[dup-basic]
about = "every field of a descriptor"
calls = [
  { call = "pipe2", ret = 0, makes = ["$r", "$w"], kind = "pipe", status = ["O_RDONLY", "O_WRONLY|O_NONBLOCK"] },
  { call = "eventfd2", ret = "$e", kind = "eventfd", status = "O_RDWR", cloexec = true },
  { call = "write", fd = "$e", ret = 8, bytes = 8, kind = "eventfd", status = "O_RDWR|O_NONBLOCK", cloexec = false },
  { call = "tee", fd = "$r", fd2 = "$w", ret = 1, kind = "pipe", kind2 = "pipe", status2 = "O_WRONLY", cloexec2 = true },
  { call = "poll", ret = 1, bytes = "none" },
  { call = "recvmsg", fd = "$e", flags = "MSG_TRUNC", ret = 7, bytes = "none" },
  { call = "execve", path = "x", ret = 0, tid = "$t", exit_tid = "$p" },
  { call = "fsync", fd = "$r", ret = "EBADF" },
]
"#;

fn of_descriptors() -> Vec<Call> {
    let identity = |flags: i32, cloexec| {
        Some(Identity { device: 1, inode: 4, magic: 0, mode: 0, flags: (flags | O_LARGEFILE) as u32, cloexec })
    };
    let (pipe, event) = (Some(Kind::Pipe), Some(Kind::Eventfd));
    let mut calls = vec![
        peeking(call("pipe2", &[BUF, 0], 0), pair([3, 4])),
        call("eventfd2", &[0, 0], 5),
        call("write", &[5, BUF, 8], 8),
        call("tee", &[3, 4], 1),
        call("poll", &[BUF, 1, 0], 1),
        call("recvmsg", &[5, BUF, libc::MSG_TRUNC.into()], 7),
        on(told(call("execve", &[BUF], 0), ["x", ""]), "x"),
        call("fsync", &[3], -9),
    ];
    calls[0].fds = [identity(libc::O_RDONLY, false), identity(libc::O_WRONLY | libc::O_NONBLOCK, false)];
    calls[1].made = identity(libc::O_RDWR, true);
    calls[2].fds[0] = identity(libc::O_RDWR | libc::O_NONBLOCK, false);
    calls[3].fds = [identity(0, false), identity(libc::O_WRONLY, true)];
    (calls[0].files.kinds, calls[3].files.kinds) = ([pipe; 2], [pipe; 2]);
    (calls[1].files.made, calls[2].files.kinds[0]) = (event, event);
    calls[6].exit_tid = 100;
    calls
}

/// The kernel sets it with each open; libc has it as 0.
const O_LARGEFILE: i32 = 0o100_000;

#[test]
fn a_wrong_value_of_a_descriptor_is_found() {
    let expectation = parse(DESCRIPTORS);
    let disagreement = |call, kernel| Contradiction { fd: 5, call, kernel };
    let rows: &[Row] = &[
        ("all holds", |_| (), &[]),
        ("kind of a pair", |c| c[0].files.kinds = [Some(Kind::Socket); 2], &["wrong 1: kind: \"pipe\" | \"socket\""]),
        (
            "kind of one of a pair",
            |c| c[0].files.kinds[1] = Some(Kind::Fifo),
            &["wrong 1: kind: \"pipe\" | not the same of both"],
        ),
        (
            "kind of what was made",
            |c| c[1].files.made = Some(Kind::Anonymous),
            &["wrong 2: kind: \"eventfd\" | \"anonymous\""],
        ),
        ("kind not known", |c| c[1].files.made = None, &["wrong 2: kind: \"eventfd\" | unknown"]),
        (
            "kind of what was given",
            |c| c[2].files.kinds[0] = Some(Kind::File),
            &["wrong 3: kind: \"eventfd\" | \"file\""],
        ),
        ("kind of the second", |c| c[3].files.kinds[1] = Some(Kind::File), &["wrong 4: kind2: \"pipe\" | \"file\""]),
        (
            "status of the second of a pair",
            |c| set(&mut c[0].fds[1]).flags = 1,
            &["wrong 1: status: O_WRONLY|O_NONBLOCK | O_WRONLY"],
        ),
        ("status of what was made", |c| set(&mut c[1].made).flags = 1, &["wrong 2: status: O_RDWR | O_WRONLY"]),
        (
            "status of what was given",
            |c| set(&mut c[2].fds[0]).flags = 2,
            &["wrong 3: status: O_RDWR|O_NONBLOCK | O_RDWR"],
        ),
        ("status of the second", |c| set(&mut c[3].fds[1]).flags = 2, &["wrong 4: status2: O_WRONLY | O_RDWR"]),
        (
            "close-on-exec of what was given",
            |c| set(&mut c[2].fds[0]).cloexec = true,
            &["wrong 3: cloexec: false | true"],
        ),
        (
            "close-on-exec of the second",
            |c| set(&mut c[3].fds[1]).cloexec = false,
            &["wrong 4: cloexec2: true | false"],
        ),
        (
            "a descriptor that is not open",
            |c| c[3].fds[1] = None,
            &["wrong 4: status2: O_WRONLY | not open; cloexec2: true | not open"],
        ),
        (
            "the thread goes on as itself",
            |c| c[6].exit_tid = 101,
            &["wrong 7: exit_tid: $p, any result of success | none"],
        ),
        ("a thread changes without execve", |c| c[4].exit_tid = 7, &["wrong 5: exit_tid: none | 7"]),
        ("an archive that does not have it", |c| c[4].exit_tid = 0, &[]),
    ];
    for (sentence, change, expected) in rows {
        let mut calls = of_descriptors();
        change(&mut calls);
        assert_eq!(differences(&expectation, calls), *expected, "{sentence}");
    }
    let mut calls = of_descriptors();
    calls[2].files.disagreements = vec![
        disagreement(Attribute::Kind(Kind::Pipe), Attribute::Kind(Kind::Fifo)),
        disagreement(Attribute::Status(0), Attribute::Status(2)),
        disagreement(Attribute::Cloexec(true), Attribute::Cloexec(false)),
    ];
    let [all] = &differences(&expectation, calls)[..] else { panic!("there is one difference") };
    assert_eq!(
        all,
        "wrong 3: descriptors: 5 kind pipe, 5 status O_RDONLY, 5 cloexec true (by the call) | \
         5 kind fifo, 5 status O_RDWR, 5 cloexec false (by the kernel)"
    );
}

fn set(identity: &mut Option<Identity>) -> &mut Identity {
    identity.as_mut().unwrap()
}

const PART: &str = r#"
[dup-basic]
about = "a part of a trace"
present = [
  { call = "write", path_contains = "a.t" },
  { call = "fcntl", path = "d/a.txt", min_count = 3 },
  { call = "read", comm = "worker", count = 1 },
]
absent = [
  { call = "openat", path_contains = "secret" },
  { call = "dup", ret = "EMFILE" },
]
"#;

#[test]
fn a_part_of_a_trace_is_counted() {
    let expectation = parse(PART);
    let rows: &[Row] = &[
        ("all holds", |_| (), &[]),
        (
            "the order does not matter, nor do other calls",
            |c| {
                c.reverse();
                c.push(call("sync", &[], 0))
            },
            &[],
        ),
        ("one more than at least", |c| c.push(c[5].clone()), &[]),
        (
            "no such path",
            |c| c[3].files.path = Some(b"b.txt".to_vec()),
            &[r#"present 1 found 0, nearest 4: path_contains: a path with "a.t" in it | "b.txt""#],
        ),
        ("no such call", |c| drop(c.remove(3)), &["present 1 found 0"]),
        ("one too few", |c| drop(c.remove(5)), &["present 2 found 2"]),
        ("one too many", |c| c.push(c[14].clone()), &["present 3 found 2"]),
        ("another thread", |c| c[14].comm[0] = b'W', &[r#"present 3 found 0, nearest 15: comm: "worker" | "Worker""#]),
        ("a path that must not be", |c| c[0].files.path = Some(b"my/secret".to_vec()), &["absent 1 found 1, first 1"]),
        ("a failure that must not be", |c| c[2].outcome = Outcome::Returned(-24), &["absent 2 found 1, first 3"]),
        (
            "the kernel says that a descriptor is something else",
            |c| {
                let (call, kernel) = (Attribute::Cloexec(true), Attribute::Cloexec(false));
                c[3].files.disagreements = vec![Contradiction { fd: 5, call, kernel }];
            },
            &["contradicted 4: descriptors: 5 cloexec true (by the call) | 5 cloexec false (by the kernel)"],
        ),
    ];
    for (sentence, change, expected) in rows {
        let mut calls = observed();
        change(&mut calls);
        assert_eq!(differences(&expectation, calls), *expected, "{sentence}");
    }
}

#[test]
fn a_million_extra_calls_are_bounded() {
    let expectation = parse(EXPECTED);
    let mut calls = observed();
    let last = calls.split_off(10);
    calls.extend(std::iter::repeat_n(call("sync", &[], 0), 1_000_000));
    calls.extend(last);
    let found = differences(&expectation, calls);
    assert_eq!((found[0].as_str(), found[255].as_str()), ("extra 11", "extra 266"));
    assert_eq!(found[256..], ["999744 more from 267"]);

    // A wrong call at both ends leaves nothing to pair before the window.
    let mut calls = observed();
    calls[0].args[2] = 0;
    calls[14].args[2] = 0;
    let last = calls.split_off(10);
    calls.extend(std::iter::repeat_n(call("sync", &[], 0), 1_000_000));
    calls.extend(last);
    let found = differences(&expectation, calls);
    assert!(found.len() < 20_000, "{}", found.len());
    assert!(found.iter().any(|line| line.contains("more from")), "{:?}", &found[found.len() - 3..]);
}

#[test]
fn the_end_of_the_workload_is_compared() {
    let ends = |word: &str| parse(&format!("[dup-basic]\nabout = \"x\"\nends = \"{word}\"\ncalls = []"));
    let act = |how| Ending { phase: Phase::Act, how };
    let rows = [
        ("finished", How::Finished, None),
        ("SIGSEGV", How::Signal(11), None),
        ("finished", How::Signal(11), Some("the workload was to finish, and it was killed by SIGSEGV in act")),
        ("SIGSEGV", How::Finished, Some("the workload was to be killed by SIGSEGV, and it finished")),
        (
            "SIGSEGV",
            How::Signal(6),
            Some("the workload was to be killed by SIGSEGV, and it was killed by SIGABRT in act"),
        ),
        ("finished", How::Exited(3), Some("the workload was to finish, and it exited with status 3 in act")),
        (
            "finished",
            How::Failed("dup failed with EBADF".to_owned()),
            Some("the workload was to finish, and it failed in act: dup failed with EBADF"),
        ),
    ];
    for (word, how, expected) in rows {
        assert_eq!(matcher::ending(&ends(word), &act(how)).as_deref(), expected);
    }
}

/// Two threads that open and close, each by itself, and one that does it once.
const THREADS: &str = r#"
[dup-basic]
about = "threads, each in its own order"
threads.leader = [
  { call = "openat", path = "l", flags = "O_RDWR", ret = "$l" },
  { call = "close", fd = "$l", path = "l", ret = 0 },
]
threads.first = [
  { times = 3, of = [
    { call = "openat", path = "a", flags = "O_RDWR", tid = "$one", ret = "$a" },
    { call = "close", fd = "$a", path = "a", tid = "$one", ret = 0 },
  ] },
]
threads.second = [
  { call = "fsync", fd = "$l", path = "l", ret = 0 },
  { times = 3, of = [
    { call = "openat", path = "b", flags = "O_RDWR", ret = "$a" },
    { call = "close", fd = "$a", path = "b", ret = 0 },
  ] },
]
"#;

/// The leader (100) opens 3, its threads (101 and 102) take turns.
fn threads() -> Vec<Call> {
    let rdwr = i64::from(libc::O_RDWR);
    let open = |path: &str, fd| making(on(told(call("openat", &[CWD, BUF, rdwr], fd), [path, ""]), path), false);
    let close = |path: &str, fd| on(call("close", &[fd], 0), path);
    let mut calls = vec![by(100, open("l", 3)), by(102, on(call("fsync", &[3], 0), "l"))];
    for round in 0..3 {
        calls.push(by(102, open("b", 4 + round)));
        calls.push(by(101, open("a", 7 - round)));
        calls.push(by(101, close("a", 7 - round)));
        calls.push(by(102, close("b", 4 + round)));
    }
    calls.push(by(100, close("l", 3)));
    calls
}

#[test]
fn each_thread_is_compared_in_its_own_order() {
    let rows: &[Row] = &[
        ("as expected", |_| (), &[]),
        ("whatever lies between them", |c| c.sort_by_key(|call| call.tid), &[]),
        ("in whatever order the threads come", |c| c.sort_by_key(|call| std::cmp::Reverse(call.tid)), &[]),
        ("a repeated call is missing", |c| drop(c.remove(7)), &["missing 5"]),
        ("or there once more", |c| c.insert(7, c[7].clone()), &["extra 9"]),
        ("a pair of one thread is swapped", |c| c.swap(11, 12), &["swapped 7 is 13"]),
        ("a call of another thread", |c| (c[7].tid, c[7].exit_tid) = (102, 102), &["missing 5", "extra 8"]),
        (
            "a name is new each time, and holds within it",
            |c| c[8].args[0] = 9,
            &["wrong 6 is 9: fd: $a = 6 (bound by call 5) | 9"],
        ),
        (
            "one that was bound before holds throughout",
            |c| c[1].args[0] = 9,
            &["wrong 9 is 2: fd: $l = 3 (bound by call 1) | 9"],
        ),
        ("a thread that nobody expects", |c| c.push(by(103, call("sync", &[], 0))), &["extra 16"]),
        (
            "a thread is not there",
            |c| c.retain(|call| call.tid != 101),
            &["missing 3", "missing 4", "missing 5", "missing 6", "missing 7", "missing 8"],
        ),
        (
            "its calls are another's",
            |c| c.iter_mut().filter(|call| call.tid == 100).for_each(|call| (call.tid, call.exit_tid) = (102, 102)),
            &["missing 1", "missing 2", "extra 1", "extra 15"],
        ),
    ];
    for (sentence, change, expected) in rows {
        let mut calls = threads();
        change(&mut calls);
        let mut found = differences(&parse(THREADS), calls);
        found.sort_by_key(|difference| !difference.starts_with("missing"));
        assert_eq!(found, *expected, "{sentence}");
    }
}

#[test]
fn a_name_of_a_repetition_is_not_known_behind_it() {
    let repeats = r#"
[dup-basic]
about = "x"
calls = [
  { times = 2, of = [
    { call = "openat", path = "a", flags = "O_RDWR", ret = "$a" },
    { call = "close", fd = "$a", path = "a", ret = 0 },
  ] },
  { call = "openat", path = "k", flags = "O_RDWR", ret = "$k" },
  { call = "openat", path = "b", flags = "O_RDWR", ret = "$a" },
]
"#;
    let rdwr = i64::from(libc::O_RDWR);
    let open = |path: &str, fd| making(on(told(call("openat", &[CWD, BUF, rdwr], fd), [path, ""]), path), false);
    let close = || on(call("close", &[3], 0), "a");
    let calls = vec![open("a", 3), close(), open("a", 3), close(), open("k", 3), open("b", 4)];
    assert_eq!(differences(&parse(repeats), calls), Vec::<String>::new());
}

#[test]
fn very_many_repeated_calls_are_compared_one_by_one() {
    let table = "[dup-basic]\nabout = \"x\"\ncalls = [{ times = 100_000, of = [{ call = \"fsync\", fd = 3, path = \"a\", ret = 0 }] }]";
    let expectation = parse(table);
    let mut calls = vec![on(call("fsync", &[3], 0), "a"); 100_000];
    assert_eq!(differences(&expectation, calls.clone()), Vec::<String>::new());
    calls[1_000].args[0] = 4;
    calls[70_000].outcome = Outcome::Returned(-5);
    assert_eq!(differences(&expectation, calls.clone()), ["wrong 1001: fd: 3 | 4", "wrong 70001: ret: 0 | EIO"]);
    calls.pop();
    assert_eq!(differences(&expectation, calls)[2..], ["missing 70002"], "one of those that are alike");
}

fn report(expectation: &Expectation, calls: Vec<Call>, how: How, losses: &[&str]) -> String {
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

fn golden_report(name: &str, text: &str) {
    for line in text.lines() {
        assert!(line.chars().count() <= 100, "{name}: more than 100 columns: {line}");
        assert_eq!(line, line.trim_end(), "{name}");
    }
    golden_text(name, text);
}

fn golden_text(name: &str, text: &str) {
    let expected = Data::read_from(&golden().join(name).with_extension("txt"), None);
    snapbox::assert_data_eq!(text.to_owned(), expected.raw());
}

#[test]
fn calls_are_shown_as_strace_writes_them() {
    let mut calls = observed();
    (calls[14].tid, calls[14].exit_tid) = (102, 102);
    golden_text("show-trace", &show::trace(&trace(calls), true));
    let mut handle = making(on(call("open_by_handle_at", &[CWD, BUF, 0], 3), "h.txt"), false);
    handle.files.path = None;
    let mut unknown = call("sync", &[1, 0], 0);
    unknown.number = 100_000;
    let mut odd = told(call("openat", &[CWD, BUF, 0, 0o7777], -2), ["a\"b\n\u{1}", ""]);
    let mut unread = call("openat", &[CWD, 16, 0], -14);
    unread.texts[0] = Text::Unreadable(libc::EFAULT);
    let mut null = unread.clone();
    null.args[1] = 0;
    let mut cut = odd.clone();
    cut.texts[0] = Text::Read { bytes: b"aaa".to_vec(), cut: true };
    let restart = on(call("read", &[0, BUF, 1], -512), "x>\u{7f}y");
    let attribute = told(on(call("fsetxattr", &[3, 16, BUF, 5, 1], 0), "x"), ["user.a", ""]);
    let nowhere = call("getcwd", &[BUF, 1], -34);
    let owner = told(call("fchownat", &[CWD, 16, i64::from(u32::MAX), 2, 0], 0), ["x", ""]);
    let entry = |flags: u64| Some(RingRequest { sqe: Sqe([flags << 8, 0, 0, 0, 7, 0]), ..RingRequest::default() });
    let mut opens =
        making(told(on(call("IORING_OP_OPENAT", &[CWD, 16, 2 | 0o100, 0o644, 0], 3), "x"), ["x", ""]), false);
    opens.request = entry(0);
    opens.files.made_path = Some(b"x".to_vec());
    let mut reads = on(call("IORING_OP_READ", &[3, BUF, 16, 0, 0], 1), "x");
    reads.request = entry(16).map(|request| RingRequest { worker: true, more: true, ..request });
    let mut polls = call("IORING_OP_POLL_ADD", &[3, 1], 0);
    (polls.request, polls.outcome) = (entry(0), Outcome::Unfinished);
    let tmpfile = i64::from(libc::O_TMPFILE | libc::O_RDWR);
    let mut unnamed = told(on(call("openat", &[CWD, 16, tmpfile, 0o600], 3), "d"), ["d", ""]);
    unnamed.files.made_path = None;
    let shown: Vec<String> = of_descriptors().iter().map(show::call).collect();
    assert_eq!(shown[1], "eventfd2(0, 0) = 5[eventfd]");
    assert_eq!(shown[2], "write(5[eventfd], 0x7f00, 8) = 8");
    assert_eq!(shown[5], "recvmsg(5, 0x7f00, MSG_TRUNC) = 7 (bytes not known)");
    let peek = call("recvfrom", &[5, BUF, 4, libc::MSG_PEEK.into()], 4);
    assert_eq!(show::call(&peek), "recvfrom(5, 0x7f00, 4, MSG_PEEK, NULL, NULL) = 4 (0 bytes)");
    let exec = show::trace(&trace(of_descriptors().drain(6..7).collect()), false);
    assert_eq!(exec, "[pid   101 → 100] execve(\"x\", NULL, NULL) = 0\n");
    assert_eq!(show::call(&unnamed), r#"openat(AT_FDCWD, "d", O_RDWR|O_TMPFILE, 0600) = 3"#);
    let rows = [
        (show::call(&attribute), r#"fsetxattr(3<x>, "user.a", 0x7f00, 5, XATTR_CREATE) = 0"#),
        (show::call(&opens), r#"IORING_OP_OPENAT(AT_FDCWD, "x", O_RDWR|O_CREAT, 0644, 0, {user_data=7}) = 3<x>"#),
        (show::call(&reads), "IORING_OP_READ(3<x>, 0x7f00, 16, 0, 0, {user_data=7, IOSQE_ASYNC, worker, more}) = 1"),
        (show::call(&polls), "IORING_OP_POLL_ADD(3, 1, {user_data=7}) = ?"),
        (show::call(&nowhere), "getcwd(0x7f00, 1) = -1 ERANGE"),
        (show::call(&owner), r#"fchownat(AT_FDCWD, "x", -1, 2, 0) = 0"#),
        (show::call(&handle), "open_by_handle_at(AT_FDCWD, 0x7f00, O_RDONLY) = 3"),
        (show::call(&unknown), "syscall_100000(0x1, NULL, NULL, NULL, NULL, NULL) = 0"),
        (show::call(&odd), r#"openat(AT_FDCWD, "a\"b\n\x01", O_RDONLY) = -1 ENOENT"#),
        (show::call(&unread), "openat(AT_FDCWD, 0x10 (unreadable: EFAULT), O_RDONLY) = -1 EFAULT"),
        (show::call(&null), "openat(AT_FDCWD, NULL, O_RDONLY) = -1 EFAULT"),
        (show::call(&cut), r#"openat(AT_FDCWD, "aaa"..., O_RDONLY) = -1 ENOENT"#),
        (show::call(&restart), r"read(0<x>\x7f"),
    ];
    odd.texts[0] = Text::Read { bytes: b"\xff".to_vec(), cut: false };
    assert_eq!(show::call(&odd), r#"openat(AT_FDCWD, "\xff", O_RDONLY) = -1 ENOENT"#);
    for (shown, expected) in rows {
        assert!(shown.starts_with(expected), "{shown}\n{expected}");
    }
}
