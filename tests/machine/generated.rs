//! Random programs of file calls, under the tracer and under the witness at once: both must see the same, and nothing be lost.
//!
//! `PROGRAMS=10000 cargo test --test machine generated` makes that many; `SEED=N` makes others. A program that shows a difference is
//! shrunk and printed as a scenario.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::process::ExitCode;
use std::time::Duration;

use crate::support;
use crate::support::programs::{GENERATED, Source, Step, programs, store};
use ior_it::support::base::limit::Limit;
use ior_it::support::judge::agreement;
use ior_it::support::judge::expectation::{Expectation, Expectations};
use ior_it::support::judge::report::{self, AgreementFailure};
use ior_it::support::judge::verdict::{Observed, Verdict, judge};
use ior_it::support::session::{Options, Prepared, Session};
use ior_it::support::trace::testimony::{Leads, Seen, Testimony};
use libtest_mimic::{Failed, Trial};
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};

const PROGRAMS: u32 = 300;
const SEED: u64 = 1;
const LIMIT: Limit = Limit::growing(Duration::from_secs(20));
/// The code that all programs share. The witness checks the rest.
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
    let tally = std::cell::RefCell::new(Tally::default());
    let null = || std::fs::metadata("/dev/null").map(|null| null.mode());
    let before = null()?;
    let result = TestRunner::new(config).run(&programs(), |program| {
        one(session, expectation, &program, &mut tally.borrow_mut()).map_err(TestCaseError::fail)
    });
    match result {
        Ok(()) => {
            let Tally { calls, paths, found } = tally.into_inner();
            require!(null()? == before, "a program has changed /dev/null: it must not reach out of its workspace");
            println!("{cases} programs, {calls} calls, {paths} files opened and directories changed to, {found} found");
            require!(calls > cases as usize * 10, "only {calls} calls: the programs do too little");
            require!(found * 100 > paths * 90, "the witness has found {found} of {paths} by itself");
            Ok(())
        }
        Err(TestError::Fail(reason, program)) => {
            Err(format!("{reason}\n\nsmallest program:\n\n{}", Source(&program)).into())
        }
        Err(error) => Err(error.to_string().into()),
    }
}

/// What was observed of all programs.
#[derive(Default)]
struct Tally {
    calls: usize,
    /// Paths that opened a file or changed a directory.
    paths: usize,
    /// Paths that the witness walked itself to the same file, with the same name.
    found: usize,
}

/// Runs one program, and returns the faults in its record.
fn one(session: &Session, expectation: &Expectation, program: &[Step], tally: &mut Tally) -> Result<(), String> {
    let folder = session.workspaces().root().ok_or("there is no folder for workspaces")?;
    store(folder.path(), program).map_err(|error| error.to_string())?;
    let workspace = session.workspaces().for_scenario(GENERATED.name).map_err(|error| error.to_string())?;
    let witnessed = session.witnessed(GENERATED.name, workspace.path(), LIMIT, expectation.follow);
    let (observed, testimony, _) = witnessed.map_err(|error| error.to_string())?;
    match judge(expectation, "generated", &observed) {
        Verdict::Pass => {}
        Verdict::Fail(report) | Verdict::Inconclusive(report) => return Err(report.to_string()),
        Verdict::Skip(reason) => return Err(reason),
    }
    let Observed { ending, trace } = &observed;
    let testimony = testimony.as_ref().ok_or("there is no witness")?;
    let disagreements = agreement::compare(trace, testimony, Some(workspace.path().as_os_str().as_bytes()));
    if !disagreements.is_empty() {
        let (scenario, rerun, disagreements) = (GENERATED.name, "this program", disagreements.as_slice());
        return Err(report::disagreement(&AgreementFailure {
            scenario,
            ending,
            trace,
            testimony,
            disagreements,
            rerun,
        })
        .to_string());
    }
    tally.add(testimony);
    Ok(())
}

impl Tally {
    fn add(&mut self, testimony: &Testimony) {
        let walked = |seen: &&Seen| seen.call.syscall().is_some_and(|row| WALKED.contains(&row.name));
        let has_path = |seen: &&Seen| seen.call.success().is_some() && !seen.call.opens_unnamed();
        self.calls += testimony.calls.len();
        for seen in testimony.calls.iter().filter(walked).filter(has_path) {
            self.paths += 1;
            self.found += usize::from(matches!(seen.names.leads, Leads::Here(_)));
        }
    }
}

/// The calls whose paths the witness walks.
const WALKED: [&str; 6] = ["open", "openat", "openat2", "creat", "chdir", "chroot"];
