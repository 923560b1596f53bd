//! `calls`: a whole trace. Each row breaks something in it.

use super::calls::{BUF, CWD, EXPECTED, call, how, making, making_pair, observed, of, pair, parse, peeking};
use super::check::{check, differences};
use ior_it::support::child::ending::{Ending, How, Phase};
use ior_it::support::judge::matcher;
use ior_it::support::trace::call::{Outcome, Text};

#[test]
fn the_trace_as_expected_has_no_differences() {
    assert_eq!(differences(&parse(EXPECTED), observed()), Vec::<String>::new());
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
        ("a pair is swapped", |c| c.swap(3, 4), &["swapped 4 is 5, with 5"]),
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
        (
            "a pair of descriptors that is swapped",
            |c| c[10] = peeking(c[10].clone(), pair([8, 7])),
            &["wrong 12: fd: $r = 8 (bound by call 11) | 7: the pair is swapped that is made by call 11"],
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
            &["swapped 3 is 4, with 4", "wrong 4 is 3: fd: $b = 5 (bound by call 3) | 9"],
        ),
    ]);
    let closes = of(concat!(
        r#"{ call = "dup", fd = 0, ret = "$a" }, { call = "dup", fd = 0, ret = "$b" }, { call = "close", fd = "$a", ret = 0 },"#,
        r#"{ call = "sync", ret = 0 }, { call = "close", fd = "$b", ret = 0 }"#
    ));
    let made = || [making(call("dup", &[0], 3), false), making(call("dup", &[0], 4), false)];
    let [close3, close4, sync] = [call("close", &[3], 0), call("close", &[4], 0), call("sync", &[], 0)];
    let swapped = [&made()[..], &[close4.clone(), sync.clone(), close3.clone()]].concat();
    assert_eq!(
        differences(&closes, swapped),
        ["swapped 3 is 5, with 5", "swapped 5 is 3, with 3"],
        "not two wrong ones"
    );
    let twice = [&made()[..], &[close4.clone(), sync, close4]].concat();
    assert_eq!(differences(&closes, twice), ["wrong 3: fd: $a = 3 (bound by call 1) | 4"]);
    let again = of(r#"{ call = "dup", fd = 0, ret = "$a" }, { call = "dup", fd = 0, ret = "$a" }"#);
    let dup = |ret| making(call("dup", &[0], ret), false);
    assert_eq!(differences(&again, vec![dup(3), dup(3)]), Vec::<String>::new(), "the same result twice");
    assert_eq!(differences(&again, vec![dup(3), dup(4)]), ["wrong 2: ret: $a = 3 (bound by call 1) | 4"]);
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
