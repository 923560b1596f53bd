//! `--subject` and `--subjects`: tracers of other projects.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use comfy_table::{Table, TableStyle};

use super::flags::Cli;
use crate::base::error::{Error, Exit};
use crate::base::escape;
use crate::base::tell::StandardStream;
use crate::child::workspace::Workspaces;
use crate::judge::cause::FailureCause;
use crate::judge::report::Report;
use crate::judge::verdict::Verdict;
use crate::subject::cell::Cell;
use crate::subject::claims::{Calls, Claims};
use crate::subject::roster::Candidate;
use crate::subject::toml::BUILT_IN;
use crate::subject::{Profile, Subject};

/// Makes the subject of another project, after the zygote has been forked.
pub type Own = fn() -> Result<Box<dyn Subject>, Error>;

/// The origin of a subject.
enum SubjectSource {
    /// The command line names it, or its file.
    Asked(Box<Candidate>),
    /// Another project's test program makes it ([`super::conformance()`]).
    Own(Own),
}

/// A subject of the run, or the reason why it cannot run here.
pub struct SubjectSlot {
    /// Its name.
    pub name: String,
    /// The command that runs it, without the options that select scenarios.
    pub command: String,
    /// The reason why it cannot run here.
    pub missing: Option<String>,
    /// The subject. `None` until the run has begun.
    pub subject: Option<Box<dyn Subject>>,
    source: SubjectSource,
}

/// The subjects on the command line, checked, and the one of another project.
pub fn asked_for(cli: &Cli, own: Option<Own>) -> Result<Vec<SubjectSlot>, Error> {
    let find = |name: &String| {
        let candidate = Candidate::find(name)?;
        let excludes_ptrace = candidate.definition.excludes.iter().any(|excluded| excluded == "ptrace");
        if cli.witness && excludes_ptrace {
            return Err(Error::usage(
                format!("{} traces by ptrace(2), as the witness does", candidate.definition.name),
                "a process has one tracer: leave --witness out",
            ));
        }
        let missing = candidate.missing();
        if let (true, Some(reason)) = (cli.no_skip, &missing) {
            return Err(Error::cannot_trace(reason.clone(), "without --no-skip, its scenarios are skipped"));
        }
        let name = candidate.definition.name.clone();
        let command = candidate.command();
        Ok(SubjectSlot { name, command, missing, subject: None, source: SubjectSource::Asked(Box::new(candidate)) })
    };
    let own = own.map(|own| {
        let (name, command) = ("own".to_owned(), this_program());
        Ok(SubjectSlot { name, command, missing: None, subject: None, source: SubjectSource::Own(own) })
    });
    let all =
        BUILT_IN.iter().map(|(name, _)| (*name).to_owned()).filter(|_| cli.conformance && cli.subjects.is_empty());
    let names: Vec<String> = cli.subjects.iter().cloned().chain(all).collect();
    names.iter().map(find).chain(own).collect()
}

impl SubjectSlot {
    /// The files that it is made of, if it is not built in.
    pub fn files(&self) -> Vec<PathBuf> {
        match &self.source {
            SubjectSource::Asked(candidate) => candidate.files(),
            SubjectSource::Own(_) => Vec::new(),
        }
    }
}

/// Another project's test program, as a command.
fn this_program() -> String {
    let program = std::env::args().next().unwrap_or_default();
    format!("sudo {}", shlex::try_quote(&program).unwrap_or_default())
}

/// The subject for a command, which takes at most one.
pub fn for_command(cli: &Cli) -> Result<Option<Candidate>, Error> {
    let mut slots = asked_for(cli, None)?.into_iter();
    let (Some(slot), None) = (slots.next(), slots.next()) else {
        let is_none = cli.subjects.is_empty();
        let many = || Error::usage("a command runs beside one subject", "run it once for each --subject");
        return if is_none { Ok(None) } else { Err(many()) };
    };
    match (slot.missing, slot.source) {
        (None, SubjectSource::Asked(candidate)) => Ok(Some(*candidate)),
        (Some(reason), _) => Err(Error::cannot_trace(reason, "`ior-it --subjects` lists what is here")),
        (None, SubjectSource::Own(_)) => Ok(None),
    }
}

/// Prepares the subjects. Their files go into the folder of the run.
pub fn ready(slots: &mut [SubjectSlot], workspaces: &Workspaces) -> Result<(), Error> {
    for slot in slots.iter_mut().filter(|slot| slot.missing.is_none()) {
        let files = workspaces.root().map_or(Path::new("/nonexistent"), |root| root.path()).join("subjects");
        let subject = match &slot.source {
            SubjectSource::Asked(candidate) => candidate.subject(&files)?,
            SubjectSource::Own(own) => own()?,
        };
        slot.name.clone_from(&subject.profile().name);
        slot.subject = Some(subject);
    }
    Ok(())
}

/// The verdict for a cell, in the form of the other trials.
pub fn verdict(cell: &Cell) -> Verdict {
    match cell.verdict.as_str() {
        "pass" => Verdict::Pass,
        "fail" | "silent loss" if !cell.findings.is_empty() && !cell.has_unknown() => Verdict::Pass,
        "inconclusive" => Verdict::Inconclusive(report(cell)),
        "skip" => Verdict::Skip(cell.why.clone().unwrap_or_default()),
        "not claimed" => Verdict::Skip(format!("{} claims no I/O call of this scenario", cell.subject)),
        _ => Verdict::Fail(report(cell)),
    }
}

/// The report on a cell. What the first unknown finding is about is the cause.
fn report(cell: &Cell) -> Report {
    let finding = cell.findings.iter().find(|found| found.known.is_none());
    let cause = match (finding, &cell.why) {
        (Some(found), _) => {
            let title = match &found.field {
                Some(field) => format!("{}: {field} {}", found.call, found.kind),
                None => format!("{} {}", found.call, found.kind),
            };
            Some(FailureCause { title, call: Some(found.call.clone()), place: None })
        }
        (None, Some(why)) => Some(FailureCause::of_sentence(why)),
        (None, None) => None,
    };
    Report::from(cell.report()).with_cause(cause)
}

/// The known faults that subjects have shown, and the scenarios in which they were judged.
#[derive(Default)]
pub struct Tested(Mutex<TestedSubjects>);

#[derive(Default)]
struct TestedSubjects {
    known: HashMap<(String, String), HashSet<String>>,
    /// In how many scenarios each had to be killed.
    killed: HashMap<String, usize>,
}

impl Tested {
    /// Adds one subject in one scenario.
    pub fn add(&self, cell: &Cell) {
        let mut tested = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if cell.killed {
            *tested.killed.entry(cell.subject.clone()).or_default() += 1;
        }
        if matches!(cell.verdict.as_str(), "pass" | "fail" | "silent loss") {
            let known = cell.findings.iter().filter_map(|found| found.known.clone());
            tested.known.entry((cell.subject.clone(), cell.scenario.clone())).or_default().extend(known);
        }
    }

    /// Prints the known faults that did not occur: their entries are no longer true for this version. And which subjects do not
    /// end when they are asked to: each scenario waits for them as long as it may.
    pub fn print_unseen(&self, slots: &[SubjectSlot]) {
        let tested = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for subject in slots.iter().filter_map(|slot| slot.subject.as_deref()) {
            let profile = subject.profile();
            if let Some(times) = tested.killed.get(&profile.name) {
                StandardStream::Error.line(&slow_end(profile, *times));
            }
            for known in &profile.known {
                let Some(scenario) = &known.scenario else { continue };
                let seen = tested.known.get(&(profile.name.clone(), scenario.clone()));
                if seen.is_some_and(|seen| !seen.contains(&known.why)) {
                    let name = escape::line(&profile.name);
                    StandardStream::Error
                        .line(&format!("{name}: a known fault was not seen in {scenario}: {}", known.why));
                }
            }
        }
    }
}

fn slow_end(profile: &Profile, times: usize) -> String {
    let (name, limit) = (escape::line(&profile.name), profile.close.as_secs());
    let scenarios = if times == 1 { "1 scenario".to_owned() } else { format!("{times} scenarios") };
    format!(
        "{name}: in {scenarios} it did not end when it was asked to, and was killed after {limit} s\n \
         hint: `stop` names the signal that ends it; a script around a tracer must pass the signal on"
    )
}

/// Prints the built-in subjects.
pub fn list() -> Result<Exit, Error> {
    let mut table = Table::new();
    table.load_style(TableStyle::new()).set_header(["subject", "here", "version", "what it claims"]);
    for (name, _) in BUILT_IN {
        let candidate = Candidate::find(name)?;
        let missing = candidate.missing();
        let version = if missing.is_none() { candidate.version() } else { None };
        let here = missing.unwrap_or_else(|| "yes".to_owned());
        let version = version.map(|version| escape::line(&version).into_owned()).unwrap_or_default();
        table.add_row([name.to_owned(), here, version, claimed(&candidate.definition.claims)]);
    }
    StandardStream::Out.line(&table.trim_fmt());
    Ok(Exit::Success)
}

fn claimed(claims: &Claims) -> String {
    let calls = match &claims.calls {
        Calls::All => "all calls".to_owned(),
        Calls::These(names) => names.join(", "),
    };
    format!("{calls}: {}", claims.fields.join(", "))
}
