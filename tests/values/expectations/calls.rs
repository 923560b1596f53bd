//! The calls of these tests: how to make one, and the traces that most rows change.

use std::sync::Arc;

use ior_it::support::judge::expectation::{Expectation, Expectations};
use ior_it::support::table::syscalls::{Abi, Ret, Syscall};
use ior_it::support::trace::call::{Call, Deed, Files, Identity, Outcome, Text};
use ior_it::support::trace::whole::Trace;

pub const SCENARIOS: [&str; 1] = ["dup-basic"];

/// A trace of calls, and its expectation. For every field of the calls, a row below makes it wrong.
pub const EXPECTED: &str = include_str!("whole.toml");

pub fn call(name: &str, args: &[i64], ret: i64) -> Call {
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
            data: Vec::new(),
            request: None,
            files: Files::default(),
        }),
    }
}

pub fn read(text: &str) -> Text {
    Text::Read { bytes: text.into(), cut: false }
}

pub fn on(mut call: Call, path: &str) -> Call {
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

pub fn told(mut call: Call, texts: [&str; 2]) -> Call {
    call.texts = texts.map(read);
    call
}

pub fn making(mut call: Call, cloexec: bool) -> Call {
    call.made = Some(Identity { device: 1, inode: 2, magic: 0xef53, mode: 0o100_644, flags: 2, cloexec });
    call
}

pub fn peeking(mut call: Call, bytes: impl IntoIterator<Item = u8>) -> Call {
    call.peek = Some(bytes.into_iter().collect());
    call
}

pub fn by(tid: u32, call: Call) -> Call {
    Call { tid, exit_tid: tid, ..call }
}

pub fn how(words: [u64; 3]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

pub fn pair(words: [i32; 2]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

pub fn making_pair(call: Call, made: [i32; 2], cloexec: [bool; 2]) -> Call {
    let fds = cloexec
        .map(|cloexec| Some(Identity { device: 1, inode: 3, magic: 0x5049_5045, mode: 0o10_600, flags: 0, cloexec }));
    peeking(call, pair(made)).with(|deed| deed.fds = fds)
}

pub const CWD: i64 = libc::AT_FDCWD as i64;
pub const BUF: i64 = 0x7f00;

pub fn observed() -> Vec<Call> {
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

pub fn parse(text: &str) -> Expectation {
    let parsed = Expectations::parse("tests.toml", text, &SCENARIOS);
    parsed.unwrap_or_else(|errors| panic!("{errors}")).get("dup-basic").unwrap().clone()
}

/// A table with only these calls.
pub fn of(calls: &str) -> Expectation {
    parse(&format!("[dup-basic]\nabout = \"x\"\ncalls = [{calls}]"))
}

pub fn trace(calls: Vec<Call>) -> Trace {
    Trace { calls, ..Trace::default() }
}

/// Two threads that open and close, each by itself, and one that does it once.
pub const THREADS: &str = include_str!("threads.toml");

/// The leader (100) opens 3, its threads (101 and 102) take turns.
pub fn threads() -> Vec<Call> {
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
