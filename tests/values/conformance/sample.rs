//! A table from a plausible run, and one in which every text is hostile.

use ior_it::support::subject::cell::{Cell, Found};
use ior_it::support::subject::conformance::{About, Table};

/// ESC, a title and the clipboard (OSC), C1, NUL, bidi, what is not seen, a forged line, and what HTML, Markdown and tables obey.
pub const HOSTILE: &str = "\x1b[31m\x1b]0;x\x07\x1b]52;c;eA==\x1b\\\u{9b}31m\0\u{202e}\u{2066}\u{200b}\u{7f}\r\t\u{2028}\u{fffd}\
    \nFORGED line\n</script></style></title></code></pre></details><script>document.title='owned'</script>\
    <img src=x onerror=\"document.title='owned'\"><a href='javascript:1'>\"'`` ` ``` & &lt; ]]> --> <!-- |a\\|b| **b** @all #1 ![x](http://x.invalid/) \\";

/// A cell without findings.
pub fn cell(subject: (&str, Option<&str>), scenario: &str, verdict: &str, right: usize, claimed: usize) -> Cell {
    Cell {
        subject: subject.0.to_owned(),
        version: subject.1.map(str::to_owned),
        scenario: scenario.to_owned(),
        verdict: verdict.to_owned(),
        why: None,
        claimed,
        right,
        not_claimed: 0,
        findings: Vec::new(),
        killed: false,
        again: format!("ior-it --subject {} --exact --filter {scenario}", subject.0),
    }
}

fn found(kind: &str, call: &str, field: Option<&str>, said: &str) -> Found {
    Found {
        kind: kind.to_owned(),
        call: call.to_owned(),
        field: field.map(str::to_owned),
        expected: Some(format!("{call}(3</a.txt>) = 0")),
        said: said.to_owned(),
        raw: None,
        known: None,
    }
}

pub fn family_of(scenario: &str) -> String {
    scenario.split('-').next().unwrap_or(scenario).to_owned()
}

pub fn about() -> About {
    About {
        machine: "Linux 6.18.5 x86_64".to_owned(),
        date: "2026-01-02".to_owned(),
        command: "ior-it --conformance out --subject strace --subject perf".to_owned(),
    }
}

/// Every verdict, several kinds of findings, a hard case, and a subject that sometimes has no version.
pub fn cells() -> Vec<Cell> {
    let strace = ("strace", Some("strace -- version 6.1"));
    let perf = ("perf", Some("perf version 6.1.158"));
    let (ior, lurk, bpftrace) = (("ior", Some("v0.9-dev")), ("lurk", Some("lurk 0.3.9")), ("bpftrace", None));
    let reuse = Found {
        raw: Some("0.1 ( 0.0 ms): close(fd: 3<old.txt>) = 0".to_owned()),
        known: Some("asks /proc later".to_owned()),
        ..found("wrong", "close", Some("fd_path"), "fd_path is \"old.txt\" and not \"a.txt\"")
    };
    let missing = |_| Found { raw: None, ..found("missing", "dup", None, "it does not show this call") };
    let skipped = |scenario: &str| Cell {
        why: Some("no kprobes on this kernel".to_owned()),
        ..cell(bpftrace, scenario, "skip", 0, 0)
    };
    let mut cells = Vec::new();
    for scenario in ["fd-reuse", "fd-renamed", "open-basic", "open-enoent", "dup-basic", "burst"] {
        cells.push(cell(strace, scenario, "pass", 4, 4));
        cells.push(match scenario {
            "fd-reuse" => Cell { findings: vec![reuse.clone()], ..cell(perf, scenario, "fail", 3, 4) },
            _ => Cell { not_claimed: 2, ..cell(perf, scenario, "pass", 2, 2) },
        });
        cells.push(match scenario {
            "burst" => {
                Cell { findings: (0..203).map(missing).collect(), ..cell(ior, scenario, "silent loss", 797, 1000) }
            }
            "dup-basic" => cell(ior, scenario, "not claimed", 0, 0),
            "open-enoent" => {
                Cell { why: Some("it has shown no fence".to_owned()), ..cell(ior, scenario, "blind", 0, 0) }
            }
            _ => Cell {
                findings: vec![found("absent", "openat", Some("path"), "path is not there")],
                ..cell(ior, scenario, "fail", 1, 2)
            },
        });
        if scenario != "dup-basic" {
            let why = Some("it says that it has lost 7".to_owned());
            cells.push(Cell { why, ..cell(lurk, scenario, "inconclusive", 1, 4) });
        }
        cells.push(skipped(scenario));
    }
    cells
}

pub fn table() -> Table {
    Table::new(cells(), family_of, about())
}

/// Every text is hostile, except the known verdicts.
pub fn hostile() -> Table {
    let text = |at: usize| format!("{at}{HOSTILE}");
    let one = |verdict: &str| Cell {
        subject: text(1),
        version: Some(text(2)),
        scenario: text(3) + verdict,
        verdict: verdict.to_owned(),
        why: Some(text(4)),
        claimed: 2,
        right: 1,
        not_claimed: 1,
        findings: vec![Found {
            kind: text(5),
            call: text(6),
            field: Some(text(7)),
            expected: Some(text(8)),
            said: text(9),
            raw: Some(text(10)),
            known: Some(text(11)),
        }],
        killed: false,
        again: text(12),
    };
    let about = About { machine: text(13), date: text(14), command: text(15) };
    Table::new(["fail", "pass", "skip", HOSTILE].map(one).into(), |_| text(16), about)
}
