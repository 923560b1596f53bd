//! `--record`, `--runs`, `--compare` and `--rerun-failed`: the records of runs.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use sha2::{Digest, Sha256};

use super::flags::{self, Cli};
use super::trials::{TrialName, TrialOutcome, TrialRun};
use crate::base::error::{Error, Exit};
use crate::base::escape;
use crate::base::tell::StandardStream;
use crate::judge::outcome::hexadecimal;
use crate::judge::report::Report;
use crate::judge::verdict::{Observed, Verdict};
use crate::kernels::order;
use crate::runs::config::UserConfig;
use crate::runs::store::RunStore;
use crate::runs::{FORMAT, Machine, RecordedObject, RecordedScenario, RecordedVerdict, RunRecord, VERSION};
use crate::runs::{compare, listed};
use crate::watch::tracer::{self, Tracer};

/// A record in the making.
#[derive(Debug)]
pub struct Recording {
    store: RunStore,
    began: (SystemTime, Instant),
    object: Mutex<RecordedObject>,
    noted: Mutex<BTreeMap<(Option<String>, String), NotedRuns>>,
}

/// What the runs of one scenario have shown, or those of one subject in it.
#[derive(Clone, Debug, Default)]
struct NotedRuns {
    runs: u64,
    passed: u64,
    fastest: Option<Duration>,
    calls: Option<u64>,
    losses: Vec<String>,
}

/// What a record keeps of a trace.
#[derive(Clone, Debug, Default)]
pub struct SeenTrace {
    calls: u64,
    losses: Vec<String>,
}

impl SeenTrace {
    /// The numbers of what was observed.
    pub fn of(observed: &Observed) -> Self {
        let trace = &observed.trace;
        Self { calls: trace.calls.len() as u64, losses: trace.losses().sentences() }
    }
}

impl Recording {
    /// Begins one, if it is asked for. Nothing runs if it could not be written.
    pub fn begin(cli: &Cli) -> Result<Option<Self>, Error> {
        let is_plain =
            !cli.watch && !cli.conformance && !cli.libtest.list && cli.pause.is_none() && cli.explain.is_none();
        let is_wanted = cli.record || (is_plain && UserConfig::of_user()?.record);
        if !is_wanted {
            return Ok(None);
        }
        let store = RunStore::of_user()?;
        store.check_writable()?;
        let object = object(cli.bpf.as_deref())?;
        let (began, object) = ((SystemTime::now(), Instant::now()), Mutex::new(object));
        Ok(Some(Self { store, began, object, noted: Mutex::default() }))
    }

    /// Notes what the kernel says of the object, which took so long to load.
    pub fn note_object(&self, tracer: &Tracer, took: Duration) -> Result<(), Error> {
        let verified = tracer.facts()?.iter().map(|facts| u64::from(facts.verified)).sum();
        let mut object = self.object.lock().unwrap_or_else(PoisonError::into_inner);
        (object.verified, object.load_us) = (verified, took.as_micros() as u64);
        Ok(())
    }

    /// Notes one run of a scenario.
    pub fn note(&self, subject: Option<&str>, name: &str, seen: Option<SeenTrace>, passed: bool, took: Duration) {
        let key = (subject.map(str::to_owned), name.to_owned());
        let mut all = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        let noted = all.entry(key).or_default();
        noted.runs += 1;
        noted.passed += u64::from(passed);
        noted.fastest = Some(noted.fastest.map_or(took, |fastest| fastest.min(took)));
        if let Some(SeenTrace { calls, losses }) = seen {
            (noted.calls, noted.losses) = (Some(calls), losses);
        }
    }

    /// Writes the record of a run that is over, and says where.
    pub fn finish(&self, run: &TrialRun, threads: usize, exit: Exit) -> Result<(), Error> {
        let noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        let scenario = |name: &TrialName, outcome: &TrialOutcome| {
            let noted = noted.get(&(name.kind.clone(), name.name.clone())).cloned().unwrap_or_default();
            recorded(name, outcome, noted)
        };
        let record = RunRecord {
            format: FORMAT.to_owned(),
            version: VERSION,
            began: humantime::format_rfc3339_millis(self.began.0).to_string(),
            took_us: self.began.1.elapsed().as_micros() as u64,
            ior_it: flags::VERSION.clone(),
            command_line: std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect(),
            directory: std::env::current_dir().map_or(String::new(), |here| here.to_string_lossy().into_owned()),
            machine: machine(),
            object: self.object.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            threads: threads as u64,
            exit: exit as u8,
            scenarios: run.done.iter().map(|done| scenario(&done.name, &done.outcome)).collect(),
        };
        let path = self.store.save(&record, self.began.0)?;
        // One that a virtual machine sends back is of no use to anybody under that name.
        if !path.starts_with(order::SENT_BACK) {
            StandardStream::Error.line(&format!("the record of this run is {}", escape::path(&path)));
        }
        Ok(())
    }
}

fn recorded(name: &TrialName, outcome: &TrialOutcome, noted: NotedRuns) -> RecordedScenario {
    let title = |report: &Report| report.cause.as_ref().map(|cause| cause.title.clone());
    let (verdict, cause) = match outcome {
        TrialOutcome::Judged(Verdict::Pass) => (RecordedVerdict::Pass, None),
        TrialOutcome::Judged(Verdict::Fail(report)) => (RecordedVerdict::Fail, title(report)),
        TrialOutcome::Judged(Verdict::Inconclusive(report)) => (RecordedVerdict::Inconclusive, title(report)),
        TrialOutcome::Judged(Verdict::Skip(reason)) => (RecordedVerdict::Skip, Some(reason.clone())),
        TrialOutcome::NotRun(why) => (RecordedVerdict::NotRun, Some((*why).to_owned())),
    };
    let NotedRuns { runs, passed, fastest, calls, losses } = noted;
    RecordedScenario {
        name: name.name.clone(),
        subject: name.kind.clone(),
        verdict,
        cause,
        runs,
        passed,
        took_us: fastest.unwrap_or_default().as_micros() as u64,
        calls,
        losses,
    }
}

fn object(file: Option<&Path>) -> Result<RecordedObject, Error> {
    let (_, bytes) = tracer::object(file)?;
    let (file, sha256) = (file.map(escape::path), hexadecimal(&Sha256::digest(&bytes)));
    Ok(RecordedObject { file, sha256, ..RecordedObject::default() })
}

fn machine() -> Machine {
    let names = nix::sys::utsname::uname().ok();
    let text = |of: fn(&nix::sys::utsname::UtsName) -> &std::ffi::OsStr| {
        names.as_ref().map_or(String::new(), |names| of(names).to_string_lossy().into_owned())
    };
    Machine {
        name: text(|names| names.nodename()),
        kernel: text(|names| names.release()),
        architecture: std::env::consts::ARCH.to_owned(),
        cpus: std::thread::available_parallelism().map_or(1, |cpus| cpus.get() as u64),
    }
}

/// `--runs`: lists them.
pub fn list() -> Result<Exit, Error> {
    let runs = RunStore::of_user()?.all()?;
    if runs.is_empty() {
        StandardStream::Error.line("there is no record of a run: `sudo ./ior-it --record` leaves one");
        return Ok(Exit::Success);
    }
    StandardStream::Out.line(&listed::text(&runs));
    Ok(Exit::Success)
}

/// `--compare A [B]`: shows what has changed from A to B, or to the last run. Exit 101 if a scenario is newly red.
pub fn compare(words: &[String]) -> Result<Exit, Error> {
    let store = RunStore::of_user()?;
    let old = store.find(words.first().map_or("2", String::as_str))?;
    let new = words.get(1).map_or_else(|| store.last(), |word| store.find(word))?;
    StandardStream::Out.line(compare::text(&old, &new).trim_end());
    let is_worse = compare::compare(&old.record, &new.record).has_newly_red();
    Ok(if is_worse { Exit::Failed } else { Exit::Success })
}

/// `--rerun-failed`: those of the selected scenarios that were red in the last record.
pub fn red_in_last(selected: Vec<String>, names: &[&str]) -> Result<Vec<String>, Error> {
    let last = RunStore::of_user()?.last()?;
    let red = last.record.red();
    if red.is_empty() {
        let hint = "without --rerun-failed, all that is selected runs";
        return Err(Error::new(
            format!("nothing was red in the last run, {}", last.id),
            hint.to_owned(),
            Exit::NothingRan,
        ));
    }
    let unknown: Vec<&str> = red.iter().copied().filter(|name| !names.contains(name)).collect();
    if !unknown.is_empty() {
        let command = shlex::try_join(last.record.command_line.iter().map(String::as_str)).unwrap_or_default();
        let sentence = format!("the last run had scenarios that are not here: {}", unknown.join(", "));
        let hint = format!("name the same file by --tests: it was {command}");
        return Err(Error::usage(escape::line(&sentence), escape::line(&hint)));
    }
    let kept: Vec<String> = selected.into_iter().filter(|name| red.contains(&name.as_str())).collect();
    if kept.is_empty() {
        let sentence = format!("what was red in the last run is not selected: {}", red.join(", "));
        return Err(Error::new(sentence, "leave out the filters".to_owned(), Exit::NothingRan));
    }
    Ok(kept)
}
