//! A million calls, as fast as possible: through the default ring, and through a ring of one page.
//!
//! `burst` is ignored unless it is requested, which this test does. `tiny-ring` is not a scenario. A scenario runs with the
//! ring of its session, and a table that expects an inconclusive verdict would let a loss pass.
//!
//! Every session's zygote is forked before the first thread starts, so both sessions are prepared first.

use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Duration;

use crate::support;
use ior_it::support::base::error::Error;
use ior_it::support::base::limit::Limit;
use ior_it::support::child::ending::How;
use ior_it::support::child::scenarios;
use ior_it::support::judge::expectation::{Expectation, Expectations};
use ior_it::support::judge::verdict::Verdict;
use ior_it::support::session::{Options, Prepared, ScenarioRun, Session};
use ior_it::support::trace::counts::Counts;
use ior_it::support::trace::whole::Trace;
use ior_it::support::watch::tracer;
use libtest_mimic::{Failed, Trial};

const TESTS: &str = include_str!("../../tests.toml");
const LIMIT: Limit = Limit::growing(Duration::from_secs(60));
/// The workload's calls: an open, the same calls a million times, a close, and the exit of the process.
const CALLS: u64 = 1_000_003;
const PAGE: u32 = 4096;
/// How much a million calls may add to the memory of the process, in KiB: about 62 MB. A million calls that share no deed take 500 MiB, their
/// records 160 MiB.
const MOST_MEMORY: u64 = 64 << 10;

struct Sessions {
    whole: Session,
    tiny: Session,
    expectation: Expectation,
}

pub fn main() -> ExitCode {
    support::run_live("burst", || match sessions() {
        Ok(sessions) => trials(&Arc::new(sessions)),
        Err(error) => vec![Trial::test("sessions", move || Err(error.to_string().into()))],
    })
}

fn sessions() -> Result<Sessions, Error> {
    let names: Vec<&str> = scenarios::all().map(|scenario| scenario.name).collect();
    let expectations = Expectations::parse("tests.toml", TESTS, &names);
    let expectation = expectations.ok().and_then(|all| all.get("burst").cloned());
    let expectation = expectation.ok_or_else(|| Error::usage("burst has no table", "see tests.toml"))?;
    let prepared = |ring_size| {
        let tracer = tracer::TracerOptions { ring_size, ..Default::default() };
        Prepared::new(scenarios::all().copied(), Options { tracer, ..Options::default() })
    };
    let (whole, tiny) = (prepared(tracer::RING_SIZE)?, prepared(PAGE)?);
    Ok(Sessions { whole: whole.load()?, tiny: tiny.load()?, expectation })
}

fn trials(sessions: &Arc<Sessions>) -> Vec<Trial> {
    type Test = fn(&Sessions) -> Result<(), Failed>;
    let tests: [(&str, Test); 3] = [
        ("burst", burst),
        ("tiny_ring", tiny_ring),
        ("tiny_ring_exits_as_inconclusive", tiny_ring_exits_as_inconclusive),
    ];
    let trial = |(name, test): (&str, Test)| {
        let sessions = Arc::clone(sessions);
        Trial::test(name, move || test(&sessions))
    };
    tests.into_iter().map(trial).collect()
}

fn run(session: &Session, expectation: &Expectation) -> Result<ScenarioRun, Failed> {
    let run = session.run("burst", expectation, "tests.toml", LIMIT)?;
    require!(run.observed.ending.how == How::Finished, "it {}", run.observed.ending);
    Ok(run)
}

/// Checks that every call was seen, and that each was emitted or refused.
fn accounted_for(trace: &Trace) -> Result<(), Failed> {
    let Counts { seen, emitted, refused, received, undecoded, skipped, ends, ends_received, .. } = trace.counts;
    require!(seen == CALLS, "{seen} calls were seen of {CALLS}");
    require!(seen == emitted + refused, "{seen} calls were seen, {emitted} emitted and {refused} refused");
    require!(
        emitted == received && ends == ends_received,
        "{emitted} and {ends} emitted, {received} and {ends_received}"
    );
    require!(undecoded + skipped == 0, "{undecoded} not decoded, {skipped} skipped");
    require!(trace.calls.len() as u64 == received, "{} calls of {received} records", trace.calls.len());
    Ok(())
}

/// Checks that the loss is reported, with its count.
fn tells_loss(run: &ScenarioRun) -> Result<(), Failed> {
    let refused = run.observed.trace.counts.refused;
    let sentence = format!("{refused} of {CALLS} calls found no room in the ring buffer");
    match &run.verdict {
        Verdict::Inconclusive(report) if refused > 0 && report.contains(&sentence) => Ok(()),
        verdict => Err(format!("{refused} calls found no room: {verdict:?}").into()),
    }
}

fn burst(sessions: &Sessions) -> Result<(), Failed> {
    let before = most_memory()?;
    let run = run(&sessions.whole, &sessions.expectation)?;
    accounted_for(&run.observed.trace)?;
    if run.verdict != Verdict::Pass {
        tells_loss(&run)?;
    }
    let added = most_memory()? - before;
    require!(added <= MOST_MEMORY, "{added} KiB of memory on top of {before}, and {MOST_MEMORY} at most");
    Ok(())
}

/// The peak memory of this process, in KiB (proc_pid_status(5)).
fn most_memory() -> Result<u64, Failed> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    Ok(most.ok_or("no VmHWM in /proc/self/status")?.trim().parse()?)
}

/// No reader can drain one page in time: it holds two dozen records, and the reader is woken after 64.
fn tiny_ring(sessions: &Sessions) -> Result<(), Failed> {
    let run = run(&sessions.tiny, &sessions.expectation)?;
    accounted_for(&run.observed.trace)?;
    let received = run.observed.trace.counts.received;
    require!((1..64).contains(&received), "{received} records came through a page");
    tells_loss(&run)
}

fn tiny_ring_exits_as_inconclusive(_: &Sessions) -> Result<(), Failed> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ior-it"));
    let output = command.args(["--ring-size", "4KiB", "--exact", "--filter", "burst"]).output()?;
    let says = String::from_utf8_lossy(&output.stdout);
    require!(output.status.code() == Some(5), "{}: {says}", output.status);
    require!(says.contains(&format!("of {CALLS} calls found no room in the ring buffer")), "{says}");
    Ok(())
}
