//! Controls: faults do not pass, and one scenario does not affect another.
//!
//! Every session's zygote is forked before the first thread starts, so all sessions are prepared first.

mod ahead;
mod endings;
mod lines;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use crate::support;
use ahead::a_child_that_begins_while_another_acts_runs_next;
use endings::{
    ENDINGS, KERNEL_THREAD, TAKES_A_SECOND, a_limit_grows_with_the_load_of_the_machine,
    a_scenario_inherits_nothing_from_another, a_thread_of_the_kernel_ends_nothing, each_ending_has_its_own_message,
};
use ior_it::support::base::limit::Limit;
use ior_it::support::child::ending::{How, Phase};
use ior_it::support::child::scenarios;
use ior_it::support::judge::expectation::Expectations;
use ior_it::support::judge::verdict::Verdict;
use ior_it::support::session::{Options, Prepared, Session};
use ior_it::support::watch::tracer;
use libtest_mimic::{Failed, Trial};
use lines::each_line_of_tests_toml_matters;

pub const TESTS: &str = include_str!("../../tests.toml");
pub const LIMIT: Duration = Duration::from_millis(200);
pub const LONG: Limit = Limit::growing(Duration::from_secs(20));

pub fn main() -> ExitCode {
    support::run_live("controls", || match sessions() {
        Ok(sessions) => trials(&Arc::new(sessions)),
        Err(error) => vec![Trial::test("sessions", move || Err(error.to_string().into()))],
    })
}

pub struct Sessions {
    whole: Session,
    unwatched: Session,
    unattached: Session,
    endings: Session,
    ahead: Session,
}

pub fn sessions() -> Result<Sessions, ior_it::support::base::error::Error> {
    let base = || scenarios::all().copied();
    let whole = Prepared::new(base(), Options::default())?;
    let unwatched = Prepared::new(base(), Options { watch: false, ..Options::default() })?;
    let detached =
        Options { tracer: tracer::TracerOptions { attach: false, ..Default::default() }, ..Options::default() };
    let unattached = Prepared::new(base(), detached)?;
    let of_no_list = ENDINGS.iter().map(|row| row.0).chain([KERNEL_THREAD, TAKES_A_SECOND]);
    let endings = Prepared::new(of_no_list, Options::default())?;
    let ahead = Prepared::new(base(), Options { ahead: 1, ..Options::default() })?;
    Ok(Sessions {
        whole: whole.load()?,
        unwatched: unwatched.load()?,
        unattached: unattached.load()?,
        endings: endings.load()?,
        ahead: ahead.load()?,
    })
}

fn trials(sessions: &Arc<Sessions>) -> Vec<Trial> {
    type Test = fn(&Sessions) -> Result<(), Failed>;
    let tests: [(&str, Test); 9] = [
        ("an_unwatched_twin_leaves_no_record", an_unwatched_twin_leaves_no_record),
        ("nothing_passes_when_nothing_is_attached", nothing_passes_when_nothing_is_attached),
        ("each_line_of_tests_toml_matters", each_line_of_tests_toml_matters),
        ("each_ending_has_its_own_message", each_ending_has_its_own_message),
        ("a_scenario_inherits_nothing_from_another", a_scenario_inherits_nothing_from_another),
        ("a_watch_takes_no_record_of_another", a_watch_takes_no_record_of_another),
        ("a_thread_of_the_kernel_ends_nothing", a_thread_of_the_kernel_ends_nothing),
        ("a_limit_grows_with_the_load_of_the_machine", a_limit_grows_with_the_load_of_the_machine),
        ("a_child_that_begins_while_another_acts_runs_next", a_child_that_begins_while_another_acts_runs_next),
    ];
    let trial = |(name, test): (&str, Test)| {
        let sessions = Arc::clone(sessions);
        Trial::test(name, move || test(&sessions))
    };
    tests.into_iter().map(trial).collect()
}

fn names() -> Vec<&'static str> {
    scenarios::all().map(|scenario| scenario.name).collect()
}

/// The scenarios that run by default.
fn everyday() -> Result<Vec<&'static str>, String> {
    let expectations = expectations(TESTS)?;
    let runs = |name: &&str| expectations.get(name).is_some_and(|expectation| expectation.ignored.is_none());
    Ok(names().into_iter().filter(runs).collect())
}

pub fn expectations(text: &str) -> Result<Expectations, String> {
    Expectations::parse("tests.toml", text, &names()).map_err(|errors| errors.to_string())
}

fn verdict(session: &Session, name: &str, expectations: &Expectations) -> Result<Verdict, Failed> {
    let expectation = expectations.get(name).ok_or_else(|| format!("{name} has no table"))?;
    Ok(session.run(name, expectation, "tests.toml", LONG)?.verdict)
}

fn an_unwatched_twin_leaves_no_record(sessions: &Sessions) -> Result<(), Failed> {
    for name in everyday()? {
        let workspace = sessions.unwatched.workspaces().for_scenario(name)?;
        let (observed, _) = sessions.unwatched.observe(name, workspace.path(), LONG, false)?;
        let ending = &observed.ending;
        let has_run = matches!(ending.how, How::Finished | How::Exited(0) | How::Skipped(_) | How::Signal(_));
        require!(has_run && ending.phase == Phase::Act, "{name}: it {ending}");
        require!(
            observed.trace.calls.is_empty(),
            "{name}: {} calls of a child that nobody watched",
            observed.trace.calls.len()
        );
    }
    let unclaimed = sessions.unwatched.unclaimed_records();
    require!(unclaimed == 0, "{unclaimed} records came though nothing was watched");
    Ok(())
}

fn nothing_passes_when_nothing_is_attached(sessions: &Sessions) -> Result<(), Failed> {
    let expectations = expectations(TESTS)?;
    for name in everyday()? {
        // A session that follows processes waits for ends, which it does not see here.
        let expectation = expectations.get(name).ok_or_else(|| format!("{name} has no table"))?;
        match sessions.unattached.run(name, expectation, "tests.toml", LIMIT)?.verdict {
            // Skipped for its own reason, which has nothing to do with tracing.
            Verdict::Fail(_) | Verdict::Inconclusive(_) | Verdict::Skip(_) => {}
            Verdict::Pass => return Err(format!("{name} passes").into()),
        }
    }
    require!(sessions.unattached.canary().is_err(), "the canary was seen though nothing is attached");
    Ok(())
}

fn a_watch_takes_no_record_of_another(sessions: &Sessions) -> Result<(), Failed> {
    let expectations = expectations(TESTS)?;
    for name in everyday()? {
        let verdict = verdict(&sessions.whole, name, &expectations)?;
        require!(matches!(verdict, Verdict::Pass | Verdict::Skip(_)), "{name}: {verdict:?}");
    }
    let unclaimed = sessions.whole.unclaimed_records();
    require!(unclaimed == 0, "{unclaimed} records belonged to no watch");
    Ok(())
}
