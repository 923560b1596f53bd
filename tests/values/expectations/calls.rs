//! The calls of these tests: how one is made, and the traces that most rows change.

use std::sync::Arc;

use ior_it::judge::expectation::{Expectation, Expectations};
use ior_it::table::syscalls::{Abi, Ret, Syscall};
use ior_it::trace::call::{Call, Deed, Files, Identity, Outcome, Text};
use ior_it::trace::whole::Trace;

pub const SCENARIOS: [&str; 1] = ["dup-basic"];

/// A trace of calls whose every field a row below makes wrong, and its expectation.
pub const EXPECTED: &str = r#"
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

pub fn trace(calls: Vec<Call>) -> Trace {
    Trace { calls, ..Trace::default() }
}

/// Two threads that open and close, each by itself, and one that does it once.
pub const THREADS: &str = r#"
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
