//! The lines of a trace: reading gives back what was written, and any other line is garbled.

use std::path::Path;

use ior_it::support::archive;
use ior_it::support::subject::json::{self, Line};
use ior_it::support::subject::{Said, Value};
use ior_it::support::table::syscalls::REQUESTS;
use ior_it::support::trace::call::Call;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

use crate::archive::strategy;

/// The calls of all recorded traces.
pub fn recorded() -> Vec<Call> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut archives: Vec<_> = files.filter(|path| path.to_string_lossy().ends_with(archive::SUFFIX)).collect();
    archives.sort();
    archives.iter().flat_map(|path| archive::load(path).unwrap().observed.trace.calls).collect()
}

fn is_read_back(call: &Call) {
    let line = json::of_call(call);
    assert!(!line.contains(|one: char| one.is_control()), "{line}");
    let Line::Call(said) = json::read(line.as_bytes()) else { panic!("{:?}", json::read(line.as_bytes())) };
    assert_eq!(*said, Said::of(call), "{line}");
    assert_eq!(json::write(&said), line);
    assert_eq!(said.raw, line.as_bytes());
}

#[cfg(target_arch = "x86_64")]
#[test]
fn every_recorded_call_is_read_back() {
    let calls = recorded();
    assert!(calls.len() > 1000);
    calls.iter().for_each(is_read_back);
}

proptest! {
    #![proptest_config(Config { cases: 2000, rng_seed: RngSeed::Fixed(12), failure_persistence: None, ..Config::default() })]

    #[test]
    fn any_call_is_read_back(call in strategy::call()) {
        // In a real trace, the number and the request never disagree.
        let request = call.request.filter(|_| call.number >= REQUESTS);
        is_read_back(&call.with(|deed| deed.request = request));
    }

    #[test]
    fn any_bytes_are_a_line_or_garbled(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let is_one = |line: &Line| matches!(line, Line::Garbled { .. } | Line::Lost(_) | Line::Note(_) | Line::Call(_));
        prop_assert!(is_one(&json::read(&bytes)));
    }
}

fn said(line: &str) -> Said {
    match json::read(line.as_bytes()) {
        Line::Call(said) => *said,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn a_line_says_what_it_says_and_no_more() {
    let line = r#"{"call":"openat","pid":1,"tid":1,"comm":"x","path":"a.txt","flags":"O_RDWR|O_CREAT","ret":3,"enter_ns":1,"exit_ns":2}"#;
    let said = said(line);
    assert_eq!(said.get("path"), Some(&"a.txt".into()));
    assert_eq!(said.number("flags"), Some((libc::O_RDWR | libc::O_CREAT).into()));
    assert_eq!((said.get("mode"), said.get("dirfd"), said.number("enter_ns")), (None, None, Some(1)));
}

#[test]
fn values_may_be_written_in_more_than_one_way() {
    let rows: [(&str, &str, Value); 16] = [
        (r#"{"call":"openat","path":null}"#, "path", Value::Nothing),
        (r#"{"call":"openat","path":{"hex":"61fF"}}"#, "path", Value::Text(b"a\xff".to_vec())),
        (r#"{"call":"openat","ret":"ENOENT"}"#, "ret", Value::Errno(2)),
        (r#"{"call":"openat","ret":-2}"#, "ret", Value::Errno(2)),
        (r#"{"call":"read","ret":"unfinished"}"#, "ret", Value::Unfinished),
        (r#"{"call":"read","ret":"ERESTARTSYS"}"#, "ret", Value::Errno(512)),
        (r#"{"call":"read","ret":"EWOULDBLOCK"}"#, "ret", Value::Errno(libc::EAGAIN)),
        (r#"{"call":"mmap","ret":140134126968832}"#, "ret", Value::Number(140_134_126_968_832)),
        (r#"{"call":"openat","mode":"0644"}"#, "mode", Value::Number(0o644)),
        (r#"{"call":"openat","mode":420}"#, "mode", Value::Number(0o644)),
        (r#"{"call":"openat","flags":66}"#, "flags", Value::Number(66)),
        (r#"{"call":"openat","flags":"O_RDWR|0x80000000"}"#, "flags", Value::Number(0x8000_0002)),
        (r#"{"call":"openat","dirfd":"AT_FDCWD"}"#, "dirfd", Value::Number(-100)),
        (r#"{"call":"read","buf":"0x7ffd"}"#, "buf", Value::Number(0x7ffd)),
        (r#"{"call":"pipe","makes":[3,4]}"#, "makes", Value::List(vec![Value::Number(3), Value::Number(4)])),
        (r#"{"call":"kill","pid":5,"pid2":6}"#, "pid2", Value::Number(6)),
    ];
    for (line, key, value) in rows {
        assert_eq!(said(line).get(key), Some(&value), "{line}");
    }
    // The command comes after the arguments that depend on it.
    let said = said(r#"{"call":"fcntl","arg":"O_NONBLOCK","cmd":"F_SETFL"}"#);
    assert_eq!(said.number("arg"), Some(libc::O_NONBLOCK.into()));
}

#[test]
fn what_is_no_call_is_lost_or_a_note() {
    assert_eq!(json::read(br#"{"lost":12}"#), Line::Lost(12));
    assert_eq!(json::read(br#"{"note":"hello"}"#), Line::Note("hello".to_owned()));
    for line in [Line::Lost(3), Line::Note("a\u{1b}\u{202e}b".to_owned())] {
        let written = json::write_line(&line);
        assert!(written.is_ascii() && !written.contains('\u{1b}'), "{written}");
        assert_eq!(json::read(written.as_bytes()), line);
    }
}

#[test]
fn anything_else_is_garbled_with_the_reason() {
    let rows: [(&[u8], &str); 21] = [
        (b"", "this is no JSON object: EOF while parsing a value at line 1 column 0"),
        (b"read(3) = 5", "this is no JSON object: expected value at line 1 column 1"),
        (b"[1]", "this is no JSON object: invalid type: sequence, expected an object at line 1 column 0"),
        (b"{\"call\":\"\xff\"}", "the byte at 9 is no UTF-8"),
        (br#"{"call":"read","fd":3,"fd":4}"#, "this is no JSON object: `fd` is said twice at line 1 column 29"),
        (br#"{"call":"read"} {}"#, "this is no JSON object: trailing characters at line 1 column 17"),
        (br#"{"fd":3}"#, "there is neither `call` nor `lost` nor `note`"),
        (br#"{"call":3}"#, "`call` is no string"),
        (br#"{"call":"raed"}"#, "there is no call `raed`: did you mean `read`?"),
        (br#"{"call":"openat","pth":"a"}"#, "`openat` has no key `pth`: did you mean `path`?"),
        (br#"{"call":"close","buf":"0x1"}"#, "`close` has no key `buf`"),
        (br#"{"call":"openat","path":3}"#, r#"`path` is 3, not a string, or {"hex":"…"} where it is no UTF-8"#),
        (
            br#"{"call":"openat","path":{"hex":"abc"}}"#,
            r#"`path` is {"hex":"abc"}, not a string, or {"hex":"…"} where it is no UTF-8"#,
        ),
        (br#"{"call":"openat","flags":"O_CREATE"}"#, r#"`flags` is "O_CREATE", not a flag of open by its name"#),
        (
            br#"{"call":"openat","mode":"rw-r--r--"}"#,
            r#"`mode` is "rw-r--r--", not an octal number in quotes, as in "0644""#,
        ),
        (
            br#"{"call":"read","ret":"ENOPE"}"#,
            r#"`ret` is "ENOPE", not a number, an errno as in "ENOENT", or "unfinished""#,
        ),
        (br#"{"call":"read","fd":4294967299}"#, "`fd` is 4294967299, not a number from -2147483648 to 2147483647"),
        (br#"{"call":"read","count":-1}"#, "`count` is -1, not a number from 0 to 18446744073709551615"),
        (br#"{"call":"pipe","makes":[3]}"#, "`makes` is [3], not an array of two"),
        (br#"{"lost":-1}"#, "`lost` is no number from 0 on"),
        (br#"{"note":3}"#, "`note` is no string"),
    ];
    for (line, reason) in rows {
        match json::read(line) {
            Line::Garbled { why, raw } => assert_eq!((why.as_str(), raw.as_slice()), (reason, line)),
            other => panic!("{}: {other:?}", String::from_utf8_lossy(line)),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn show_prints_the_lines_of_an_archive() {
    let show = |format: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_ior-it"));
        command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded"));
        command.args(["--show", "dup-basic.ior.zst"]).args(format).output().unwrap()
    };
    let shown = show(&["--format", "json"]);
    let lines: Vec<Line> = shown.stdout.trim_ascii_end().split(|&byte| byte == b'\n').map(json::read).collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded/dup-basic.ior.zst");
    let calls = archive::load(&path).unwrap().observed.trace.calls;
    assert_eq!(lines, calls.iter().map(|call| Line::Call(Box::new(Said::of(call)))).collect::<Vec<_>>());
    let refused = show(&["--format", "terse"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(refused.stderr.starts_with(b"error: a trace has no such --format\n hint: --format json prints JSON lines"));
}
