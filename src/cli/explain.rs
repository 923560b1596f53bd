//! `--explain`: one scenario, the way of its calls, the reason for each difference, and what the kernel knows of the programs.

use comfy_table::{Table, TableStyle};

use super::plan::Plan;
use crate::base::error::{Error, Exit};
use crate::base::tell::StandardStream;
use crate::judge::explain::{Explained, differences, way};
use crate::judge::matcher;
use crate::judge::verdict::{Tally, Verdict};
use crate::session::{ScenarioRun, Session};
use crate::watch::tracer::{ProgramFacts, RunStats};

/// Runs a scenario once, and explains what comes out. The session has the log of the verifier.
pub fn explain(session: &Session, plan: &Plan, name: &str) -> Result<Exit, Error> {
    let expectation = plan.expectation(name)?;
    let stats = RunStats::enable();
    let before = session.tracer().facts()?;
    let one = session.run(name, expectation, plan.tables.file_of(name), plan.limit(expectation))?;
    let after = session.tracer().facts()?;
    let counted = stats.is_ok();
    drop(stats);
    let programs: Vec<ProgramFacts> = after.into_iter().map(|program| since(program, &before)).collect();
    let line = |text: &str| StandardStream::Out.line(text);
    line(&verdict(name, &one.verdict));
    line("\nthe way of its calls:");
    let runs: Vec<(&str, u64)> = programs.iter().map(|program| (program.name.as_str(), program.runs)).collect();
    let steps = way(&one.observed.trace, &one.noted, if counted { &runs } else { &[] });
    for step in &steps {
        line(&format!("  {} {:<8} {}", if step.is_fault { "!" } else { " " }, step.step, step.told));
    }
    if let Some(first) = steps.iter().find(|step| step.is_fault) {
        line(&format!("  the first fault is at the {}", first.step));
    }
    explain_differences(plan, expectation, &one);
    line("\nthe programs, from the kernel:");
    line(&table(&programs, counted));
    let mut tally = Tally::default();
    tally.add(&one.verdict);
    Ok(tally.exit())
}

/// The verdict with its report.
fn verdict(name: &str, verdict: &Verdict) -> String {
    match verdict {
        Verdict::Pass => format!("{name}: ok"),
        Verdict::Fail(report) => format!("{name}: FAILED\n\n{report}"),
        Verdict::Inconclusive(report) => format!("{name}: INCONCLUSIVE\n\n{report}"),
        Verdict::Skip(reason) => format!("{name}: ignored ({reason})"),
    }
}

fn explain_differences(plan: &Plan, expectation: &crate::judge::expectation::Expectation, one: &ScenarioRun) {
    let trace = &one.observed.trace;
    if matches!(one.verdict, Verdict::Skip(_)) {
        return;
    }
    let comparison = matcher::compare(expectation, trace);
    let explained = Explained {
        expectation,
        file: plan.tables.file_of(&expectation.name),
        trace,
        comparison: &comparison,
        diary: &one.noted,
    };
    let all = differences(&explained);
    if all.is_empty() {
        StandardStream::Out.line("\neach call is recorded as expected");
        return;
    }
    StandardStream::Out.line("\nthe differences:");
    for difference in all {
        let why = difference.why.unwrap_or_else(|| "nothing more is known".to_owned());
        StandardStream::Out.line(&format!("  {}\n      {why}", difference.what));
    }
}

/// What has been added to the counts since.
fn since(program: ProgramFacts, before: &[ProgramFacts]) -> ProgramFacts {
    let then = before.iter().find(|then| then.name == program.name);
    let (runs, time_ns) = then.map_or((0, 0), |then| (then.runs, then.time_ns));
    ProgramFacts { runs: program.runs - runs, time_ns: program.time_ns - time_ns, ..program }
}

fn table(programs: &[ProgramFacts], counted: bool) -> String {
    let mut table = Table::new();
    let header =
        ["program", "instructions verified", "states", "at most", "stack", "verified in µs", "runs", "ns a run"];
    table.load_style(TableStyle::new()).set_header(header);
    let or_unknown = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    for program in programs {
        let states = program.verifier.states;
        let mean = program.time_ns.checked_div(program.runs).filter(|_| counted);
        table.add_row([
            program.name.clone(),
            program.verified.to_string(),
            or_unknown(states.map(|(all, _)| all.to_string())),
            or_unknown(states.map(|(_, most)| most.to_string())),
            or_unknown(program.verifier.stack.clone()),
            or_unknown(program.verifier.took_us.map(|us| us.to_string())),
            or_unknown(counted.then(|| program.runs.to_string())),
            or_unknown(mean.map(|ns| ns.to_string())),
        ]);
    }
    table.trim_fmt()
}
