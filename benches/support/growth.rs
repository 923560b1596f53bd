//! Generated scenarios: many of them, and one with very many calls. Each run is a process of its own, so that its peak memory
//! is its own.
#![allow(unsafe_code)]

use std::process::Command;
use std::time::{Duration, Instant};

use ior_it::support::child::scenario::{Scenario, Setup, act, call, ensure, returns};
use ior_it::support::judge::expectation::Expectations;
use ior_it::support::judge::verdict::Verdict;
use ior_it::support::session::{Options, Prepared};

use super::Failure;
use super::rounds::{markdown, ms};

/// Tells the process which row to run.
const TASK: &str = "IOR_IT_BENCH_TASK";
const COUNTS: [u32; 4] = [10, 100, 1_000, 10_000];
/// The burst: this many pairs of dup and close.
const PAIRS: u32 = 500_000;
const LIMIT: Duration = Duration::from_secs(120);

/// Runs what this process was started for, if it was: the cells of its row.
pub fn task() -> Result<Option<Vec<String>>, Failure> {
    match std::env::var(TASK).as_deref() {
        Ok("burst") => burst().map(Some),
        Ok(count) => growth(count.parse()?).map(Some),
        Err(_) => Ok(None),
    }
}

/// Prints the tables: a process for each row.
pub fn tables() -> Result<(), Failure> {
    let rows = COUNTS.iter().map(|count| in_own_process(&count.to_string())).collect::<Result<Vec<_>, _>>()?;
    let header = ["scenarios", "tests.toml, ms", "start, ms", "all, ms", "each, µs", "peak memory, MiB"];
    println!("\nGenerated scenarios of six calls:\n\n{}", markdown(&header, &rows));
    let rows = (0..3).map(|_| in_own_process("burst")).collect::<Result<Vec<_>, _>>()?;
    let header = ["calls", "verdict", "seen", "refused", "received", "whole, ms", "peak memory, MiB"];
    println!("One process makes {} calls at once:\n\n{}", 2 * PAIRS, markdown(&header, &rows));
    Ok(())
}

fn in_own_process(task: &str) -> Result<Vec<String>, Failure> {
    let output = Command::new(std::env::current_exe()?).env(TASK, task).output()?;
    if !output.status.success() {
        return Err(format!("{task}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim_end().split('\t').map(str::to_owned).collect())
}

/// The high-water mark of this process's memory, in MiB (proc_pid_status(5)).
fn peak_memory_mib() -> Result<f64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}

fn six_calls() -> Setup {
    act(|| {
        let fd = call!(openat, libc::AT_FDCWD, c"a.txt", libc::O_RDWR | libc::O_CREAT, 0o644)?;
        returns(call!(write, fd, b"hello".as_ptr(), 5), 5)?;
        let second = call!(dup, fd)?;
        returns(call!(write, second, b"hello".as_ptr(), 5), 5)?;
        returns(call!(close, second), 0)?;
        returns(call!(close, fd), 0)?;
        Ok(())
    })
}

fn table(name: &str) -> String {
    format!(
        r#"
[{name}]
about = "generated"
calls = [
  {{ call = "openat", path = "a.txt", flags = "O_RDWR|O_CREAT", ret = "$a" }},
  {{ call = "write", fd = "$a", path = "a.txt", ret = 5 }},
  {{ call = "dup", fd = "$a", path = "a.txt", ret = "$b" }},
  {{ call = "write", fd = "$b", path = "a.txt", ret = 5 }},
  {{ call = "close", fd = "$b", path = "a.txt", ret = 0 }},
  {{ call = "close", fd = "$a", path = "a.txt", ret = 0 }},
]
"#
    )
}

fn growth(count: u32) -> Result<Vec<String>, Failure> {
    let names: Vec<&'static str> = (0..count).map(|number| &*format!("generated-{number}").leak()).collect();
    let begin = Instant::now();
    let scenarios = names.iter().map(|name| Scenario::new(name, six_calls));
    let prepared = Prepared::new(scenarios, Options::default())?;
    let forked = begin.elapsed();
    let begin = Instant::now();
    let text: String = names.iter().map(|name| table(name)).collect();
    let expectations = Expectations::parse("tests.toml", &text, &names).map_err(|errors| errors.to_string())?;
    let parsed = begin.elapsed();
    let begin = Instant::now();
    let session = prepared.load()?;
    let started = forked + begin.elapsed();
    let begin = Instant::now();
    for name in names {
        let expectation = expectations.get(name).ok_or("no table")?;
        let run = session.run(name, expectation, "tests.toml", LIMIT)?;
        if run.verdict != Verdict::Pass {
            return Err(format!("{name}: {:?}", run.verdict).into());
        }
    }
    let all = begin.elapsed();
    Ok(vec![
        count.to_string(),
        format!("{:.1}", ms(parsed)),
        format!("{:.1}", ms(started)),
        format!("{:.1}", ms(all)),
        format!("{:.0}", all.as_secs_f64() * 1e6 / f64::from(count)),
        format!("{:.1}", peak_memory_mib()?),
    ])
}

fn pairs() -> Setup {
    act(|| {
        (0..PAIRS).try_for_each(|_| {
            // SAFETY: the descriptor is a new one, and nobody else's.
            let closed = unsafe { libc::syscall(libc::SYS_close, libc::syscall(libc::SYS_dup, 0)) };
            ensure(closed == 0, "dup or close failed")
        })
    })
}

fn burst() -> Result<Vec<String>, Failure> {
    let table = |call: &str| format!("{{ call = \"{call}\", count = {PAIRS} }}");
    let present = [table("dup"), table("close")].join(", ");
    let text = format!("[burst]\nabout = \"a million calls\"\npresent = [{present}]\n");
    let expectations = Expectations::parse("tests.toml", &text, &["burst"]).map_err(|errors| errors.to_string())?;
    let session = Prepared::new([Scenario::new("burst", pairs)], Options::default())?.load()?;
    let begin = Instant::now();
    let run = session.run("burst", expectations.get("burst").ok_or("no table")?, "tests.toml", LIMIT)?;
    let whole = begin.elapsed();
    let counts = run.observed.trace.counts;
    let verdict = match run.verdict {
        Verdict::Pass => "pass",
        Verdict::Fail(_) => "fail",
        Verdict::Skip(_) => "skip",
        Verdict::Inconclusive(_) => "inconclusive",
    };
    let numbers = [counts.seen, counts.refused, counts.received].map(|number| number.to_string());
    let mut row = vec![(2 * PAIRS).to_string(), verdict.to_owned()];
    row.extend(numbers);
    row.extend([format!("{:.0}", ms(whole)), format!("{:.0}", peak_memory_mib()?)]);
    Ok(row)
}
