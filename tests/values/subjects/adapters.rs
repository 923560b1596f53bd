//! What adapters make of what tracers have printed. The recordings in tests/printed are of strace 6.1, perf 6.1, lurk
//! 0.3.14, bpftrace 0.17, libbpf-tools 0.26 and a snapshot of ior (July 2025), on Linux 6.18.

use std::path::Path;

use ior_it::support::subject::adapters::by_name;
use ior_it::support::subject::json::{self, Line};
use ior_it::support::subject::schema::schema;
use snapbox::{Data, assert_data_eq};

use super::schema::is_valid;

fn adapted(adapter: &str, raw: &[u8]) -> Vec<Line> {
    let mut adapter = by_name(adapter).unwrap();
    let mut lines: Vec<Line> = Vec::new();
    for line in raw.strip_suffix(b"\n").unwrap_or(raw).split(|&byte| byte == b'\n') {
        lines.extend(adapter.line(line));
    }
    lines.extend(adapter.end());
    lines
}

pub fn shown(lines: &[Line]) -> String {
    let one = |line: &Line| match line {
        Line::Garbled { raw, why } => format!("garbled, {why}: {}\n", String::from_utf8_lossy(raw)),
        Line::Call(_) | Line::Lost(_) | Line::Note(_) => json::write_line(line) + "\n",
    };
    lines.iter().map(one).collect()
}

#[cfg(target_arch = "x86_64")]
#[test]
fn recorded_outputs_are_lines() {
    let rows = [
        ("strace", "strace", 68),
        ("strace", "strace-exec", 14),
        ("perf", "perf", 55),
        ("perf", "perf-threads", 12),
        ("lurk", "lurk", 59),
        ("opensnoop", "opensnoop", 10),
        ("opensnoop", "opensnoop-extended", 10),
        ("opensnoop.bt", "opensnoop-bt", 11),
        ("ftrace", "ftrace", 61),
        ("bpftrace", "bpftrace", 70),
        ("ior", "ior", 14),
    ];
    let (folder, schema) = (Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"), schema());
    for (adapter, file, calls) in rows {
        let raw = std::fs::read(folder.join("printed").join(file).with_extension("txt")).unwrap();
        let lines = adapted(adapter, &raw);
        let golden = folder.join("golden/subjects").join(file).with_extension("jsonl");
        assert_data_eq!(shown(&lines), Data::read_from(&golden, None).raw());
        assert_eq!(lines.iter().filter(|line| matches!(line, Line::Call(_))).count(), calls, "{file}");
        for line in &lines {
            let Line::Call(said) = line else { continue };
            let text = json::write(said);
            assert!(is_valid(&schema, &schema, &serde_json::from_str(&text).unwrap()), "{text}");
            assert!(!said.raw.is_empty(), "{text}");
        }
    }
}

/// An adapter, its tracer's output, and the lines for it.
type Row<'r> = (&'r str, &'r str, &'r str);

#[cfg(target_arch = "x86_64")]
#[test]
fn what_is_hard_to_parse_is_parsed() {
    let rows: [Row<'_>; 19] = [
        (
            "strace",
            r#"openat(AT_FDCWD, "a) = 5, \"b\"\n\377\x01", O_RDONLY) = -1 ENOENT (No such file or directory)"#,
            r#"{"call":"openat","dirfd":"AT_FDCWD","path":{"hex":"6129203d20352c202262220aff01"},"flags":"O_RDONLY","ret":"ENOENT"}"#,
        ),
        ("strace", "7 read(3</a<b>>, \"\", 5) = 0", r#"{"call":"read","path":"/a","fd":3,"count":5,"ret":0,"tid":7}"#),
        (
            "strace",
            "[pid    12] read(3, 0x7ffd, 5) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)",
            r#"{"call":"read","fd":3,"buf":"0x7ffd","count":5,"ret":"ERESTARTSYS","tid":12}"#,
        ),
        (
            "strace",
            "9 16:50:37.123456 poll([{fd=3, events=POLLIN}], 1, 0) = 0 (Timeout) <0.000012>",
            r#"{"call":"poll","nfds":1,"timeout":0,"ret":0,"tid":9}"#,
        ),
        (
            "strace",
            "9 read(3,  <unfinished ...>\n9 +++ killed by SIGKILL +++",
            r#"{"call":"read","fd":3,"ret":"unfinished","tid":9}"#,
        ),
        ("strace", "9 read(3,  <unfinished ...>", r#"{"call":"read","fd":3,"tid":9}"#),
        ("strace", "9 <... read resumed>\"x\", 8) = 1", r#"{"call":"read","ret":1,"tid":9}"#),
        ("strace", r#"readlink("a", "b"..., 1) = 1"#, r#"{"call":"readlink","path":"a","bufsiz":1,"ret":1}"#),
        ("strace", r#"unlink("aaa"...) = 0"#, r#"{"call":"unlink","path":"aaa","path_is":"cut","ret":0}"#),
        ("strace", "--- SIGALRM {si_signo=SIGALRM} ---", ""),
        (
            "perf",
            "     0.0 ( 0.1 ms): a (b) = c/7/12 read(fd: 3</x, y: 1>, count: 5)   = -1 EIO (Input/output error) = no)",
            "garbled, its result is no number: ",
        ),
        (
            "perf",
            "     0.0 ( 0.1 ms): a (b) = c/7/12 read(fd: 3</x, y: 1>, count: 5)   = -1 EIO (Input/output error)",
            r#"{"call":"read","path":"/x, y: 1","fd":3,"count":5,"ret":"EIO","tid":12,"comm":"a (b) = c/7"}"#,
        ),
        (
            "perf",
            "  0.1 (         ): w/12 read(fd: 3, count: 5)   ...\n  0.2 ( 0.1 ms): w/12  ... [continued]: read())  = 1",
            r#"{"call":"read","fd":3,"count":5,"ret":1,"tid":12,"comm":"w"}"#,
        ),
        (
            "perf",
            "  0.1 ( 0.1 ms): openat(dfd: CWD, filename: \"a.txt\", flags: RDWR|CREAT)  = 3",
            r#"{"call":"openat","dirfd":"AT_FDCWD","path":"a.txt","flags":"O_RDWR|O_CREAT","ret":3}"#,
        ),
        ("perf", "LOST 12 events!", r#"{"lost":12}"#),
        ("ftrace", "CPU:1 [LOST 34 EVENTS]", r#"{"lost":34}"#),
        ("bpftrace", "Lost 56 events", r#"{"lost":56}"#),
        (
            "ior",
            "durationToPrevNs,durationNs,comm,pid.tid,name,ret,notice,file\n1,2,a,b@3@1.2,rename=>0,old:a ->new:b ->new:c%(O_NONE)",
            "{\"note\":\"durationToPrevNs,durationNs,comm,pid.tid,name,ret,notice,file\"}\n{\"call\":\"rename\",\"pid\":1,\"tid\":2,\"comm\":\"a,b@3\",\"ret\":0}",
        ),
        (
            "lurk",
            r#"{"type":"SYSCALL","pid":1,"num":2,"syscall":"open","args":["0x8",0],"error":-14,"duration":0.1}"#,
            r#"{"call":"open","tid":1,"flags":"O_RDONLY","ret":"EFAULT"}"#,
        ),
    ];
    for (adapter, raw, expected) in rows {
        let shown = shown(&adapted(adapter, raw.as_bytes()));
        if expected.starts_with("garbled") {
            assert!(shown.starts_with(expected), "{raw}: {shown}");
        } else {
            assert_eq!(shown.trim_end(), expected, "{raw}");
        }
    }
}

#[test]
fn what_cannot_be_parsed_is_garbled_with_the_reason() {
    let rows = [
        ("strace", "read(3", "its arguments do not end"),
        ("strace", "read(3) 5", "it has no result"),
        ("strace", "read(3) = five", "its result is no number"),
        ("strace", "what is this", "it is no call"),
        ("perf", "what is this", "it is no event"),
        ("perf", "  0.1 ( 0.1 ms): read(3) = 1", "an argument has no name"),
        ("perf", "  0.1 ( 0.1 ms): read(fd: 3)", "it has no result"),
        ("lurk", "read(3) = 5", "it is no JSON object"),
        ("lurk", r#"{"type":"SYSCALL"}"#, "it has no `syscall`, `pid` or `args`"),
        ("lurk", r#"{"type":"#, "it is no JSON: EOF while parsing a value at line 1 column 8"),
        ("bpftrace", "what is this", "it is neither a path nor a call"),
        ("bpftrace", "call 1 2 3\u{1f}", "its fields are not those of subjects/files.bt"),
        ("bpftrace", "path 1 2 a", "it ends in the middle"),
        ("opensnoop", "PID COMM FD ERR PATH\nwhat", "it is no row of the table"),
        ("ftrace", "what is this", "it is no event"),
        ("ftrace", " w-1 [000] ..... 1.2: sched_switch: x", "it is neither the enter nor the exit of a call"),
        ("ior", "durationToPrevNs,durationNs,comm,pid.tid,name,ret,notice,file\nwhat", "it is no row of the table"),
        ("json", "what", "this is no JSON object: expected value at line 1 column 1"),
    ];
    for (adapter, raw, reason) in rows {
        let lines = adapted(adapter, raw.as_bytes());
        let whys: Vec<&str> = lines
            .iter()
            .filter_map(|line| if let Line::Garbled { why, .. } = line { Some(why.as_str()) } else { None })
            .collect();
        assert_eq!(whys, [reason], "{adapter}: {raw}");
    }
}

#[test]
fn no_bytes_make_an_adapter_fall_over() {
    use proptest::prelude::*;
    use proptest::test_runner::{Config, RngSeed, TestRunner};
    // Parts of the output, in any order.
    let parts: [&[u8]; 24] = [
        b"read(",
        b")",
        b" = ",
        b"1",
        b" <unfinished ...>",
        b"<... read resumed>",
        b"[pid 1] ",
        b"\"",
        b"\\",
        b"\\x",
        b"<",
        b">",
        b"\xff",
        b"\x1f",
        b"call ",
        b"path ",
        b"1 2 3 ",
        b"PID COMM FD ERR PATH",
        b"  0.1 ( 0.1 ms): ",
        b"w-1 [000] ..... 1.2: sys_",
        b" -> 0x1",
        b"\n",
        b"{\"type\":\"SYSCALL\",\"args\":[",
        b"%(3,",
    ];
    let config = Config { cases: 3000, rng_seed: RngSeed::Fixed(7), failure_persistence: None, ..Config::default() };
    let chosen = proptest::collection::vec(0..parts.len(), 0..12);
    TestRunner::new(config)
        .run(&chosen, |chosen| {
            let raw: Vec<u8> = chosen.into_iter().flat_map(|at| parts[at].iter().copied()).collect();
            for name in ior_it::support::subject::adapters::NAMES.into_iter().filter(|name| by_name(name).is_some()) {
                let lines = adapted(name, &raw);
                let is_one =
                    |line: &Line| matches!(line, Line::Garbled { .. }) || !json::write_line(line).contains('\n');
                prop_assert!(lines.iter().all(is_one), "{lines:?}");
            }
            Ok(())
        })
        .unwrap();
}
