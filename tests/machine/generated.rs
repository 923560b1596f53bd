//! Random programs of file calls, under the tracer and under the witness at once: both must see the same, and nothing be lost.
//!
//! `PROGRAMS=10000 cargo test --test machine generated` makes that many; `SEED=N` makes others. A program that shows a difference is
//! shrunk and printed as a scenario.

use std::os::unix::fs::MetadataExt;
use std::process::ExitCode;
use std::time::Duration;

use crate::support;
use crate::support::programs::{GENERATED, Source, Step, programs, store};
use ior_it::expectation::{Expectation, Expectations};
use ior_it::limit::Limit;
use ior_it::session::{Options, Prepared, Session};
use ior_it::verdict::Verdict;
use libtest_mimic::{Failed, Trial};
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};

const PROGRAMS: u32 = 300;
const SEED: u64 = 1;
const LIMIT: Limit = Limit::growing(Duration::from_secs(20));
/// What all programs have in common. The rest is the witness's business.
const TABLE: &str = r#"
[generated]
about = "a random program"
follow = true
present = [{ call = "exit_group", status = 0 }]
"#;

pub fn main() -> ExitCode {
    // The zygote is forked before the first thread.
    support::run_live("generated", || {
        let options = Options { witness: true, ..Options::default() };
        let session = Prepared::new([GENERATED], options).and_then(Prepared::load);
        let found_none = move || session.map_err(|error| error.to_string().into()).and_then(|session| all(&session));
        vec![Trial::test("random_programs_are_seen_alike_by_tracer_and_witness", found_none)]
    })
}

fn number(variable: &str, default: u64) -> Result<u64, Failed> {
    match std::env::var(variable) {
        Ok(text) => text.parse().map_err(|_| format!("{variable}={text} is no number").into()),
        Err(_) => Ok(default),
    }
}

fn all(session: &Session) -> Result<(), Failed> {
    let cases = number("PROGRAMS", PROGRAMS.into())? as u32;
    let seed = number("SEED", SEED)?;
    let config = Config {
        cases,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        max_shrink_iters: 5_000,
        ..Config::default()
    };
    let expectations =
        Expectations::parse("generated", TABLE, &[GENERATED.name]).map_err(|errors| errors.to_string())?;
    let expectation = expectations.get(GENERATED.name).ok_or("no table")?;
    let calls = std::cell::Cell::new(0_usize);
    let null = || std::fs::metadata("/dev/null").map(|null| null.mode());
    let before = null()?;
    let result = TestRunner::new(config).run(&programs(), |program| {
        let seen = one(session, expectation, &program).map_err(TestCaseError::fail)?;
        calls.set(calls.get() + seen);
        Ok(())
    });
    match result {
        Ok(()) => {
            let calls = calls.get();
            require!(null()? == before, "a program has changed /dev/null: it must not reach out of its workspace");
            println!("{cases} programs, {calls} calls");
            require!(calls > cases as usize * 10, "only {calls} calls: the programs do too little");
            Ok(())
        }
        Err(TestError::Fail(reason, program)) => {
            Err(format!("{reason}\n\nsmallest program:\n\n{}", Source(&program)).into())
        }
        Err(error) => Err(error.to_string().into()),
    }
}

/// Runs one program: how many calls it made, or what is wrong with the record of them.
fn one(session: &Session, expectation: &Expectation, program: &[Step]) -> Result<usize, String> {
    let folder = session.workspaces().root().ok_or("there is no folder for workspaces")?;
    store(folder.path(), program).map_err(|error| error.to_string())?;
    let run = session.run(GENERATED.name, expectation, "generated", LIMIT).map_err(|error| error.to_string())?;
    match (run.objection, run.verdict) {
        (Some(report), _) => Err(report),
        (None, Verdict::Pass) => Ok(run.observed.trace.calls.len()),
        (None, Verdict::Fail(report) | Verdict::Inconclusive(report) | Verdict::Skip(report)) => Err(report),
    }
}
