//! `threads` and repetitions.

use super::calls::{BUF, CWD, THREADS, by, call, making, of, on, parse, threads, told};
use super::check::{Row, differences};
use ior_it::support::trace::call::Outcome;

#[test]
fn each_thread_is_compared_in_its_own_order() {
    let rows: &[Row] = &[
        ("as expected", |_| (), &[]),
        ("whatever lies between them", |c| c.sort_by_key(|call| call.tid), &[]),
        ("in whatever order the threads come", |c| c.sort_by_key(|call| std::cmp::Reverse(call.tid)), &[]),
        ("a repeated call is missing", |c| drop(c.remove(7)), &["missing 5"]),
        ("or there once more", |c| c.insert(7, c[7].clone()), &["extra 9"]),
        ("a pair of one thread is swapped", |c| c.swap(11, 12), &["swapped 7 is 13, with 8"]),
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
    let expectation = of(r#"{ times = 100_000, of = [{ call = "fsync", fd = 3, path = "a", ret = 0 }] }"#);
    let mut calls = vec![on(call("fsync", &[3], 0), "a"); 100_000];
    assert_eq!(differences(&expectation, calls.clone()), Vec::<String>::new());
    calls[1_000].args[0] = 4;
    calls[70_000].outcome = Outcome::Returned(-5);
    assert_eq!(differences(&expectation, calls.clone()), ["wrong 1001: fd: 3 | 4", "wrong 70001: ret: 0 | EIO"]);
    calls.pop();
    assert_eq!(differences(&expectation, calls)[2..], ["missing 70002"], "one of those that are alike");
}
