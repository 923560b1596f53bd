//! Random programs of file calls under the tracer: nothing may be lost of them.
//!
//! `PROGRAMS=10000 cargo test --test generated` makes that many; `SEED=N` makes others. A program that shows a difference is
//! shrunk and printed as a scenario.

mod support;

use std::process::ExitCode;
use std::time::Duration;

use ior_it::session::{Options, Prepared, Session};
use libtest_mimic::{Failed, Trial};
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};
use support::programs::{GENERATED, Source, Step, programs, store};

const PROGRAMS: u32 = 300;
const SEED: u64 = 1;
const LIMIT: Duration = Duration::from_secs(20);

fn main() -> ExitCode {
    // The zygote is forked before the first thread.
    support::run_live(|| {
        let session = Prepared::new([GENERATED], Options::default()).and_then(Prepared::load);
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
    let mut calls = 0_usize;
    let counted = std::cell::RefCell::new(&mut calls);
    let result = TestRunner::new(config).run(&programs(), |program| {
        let seen = one(session, &program).map_err(TestCaseError::fail)?;
        **counted.borrow_mut() += seen;
        Ok(())
    });
    match result {
        Ok(()) => {
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
fn one(session: &Session, program: &[Step]) -> Result<usize, String> {
    let workspace = session.workspaces().for_scenario(GENERATED.name).map_err(|error| error.to_string())?;
    store(workspace.path(), program).map_err(|error| error.to_string())?;
    let (observed, _) =
        session.observe(GENERATED.name, workspace.path(), LIMIT, true).map_err(|error| error.to_string())?;
    if observed.ending.how != ior_it::ending::How::Finished {
        return Err(format!("the program {}", observed.ending));
    }
    match observed.trace.losses().as_slice() {
        [] => Ok(observed.trace.calls.len()),
        losses => Err(losses.join("; ")),
    }
}
