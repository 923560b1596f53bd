//! Runs a subject beside a child. Fences open and close its window, and nothing waits for a fixed time.

use std::ops::RangeInclusive;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use nix::unistd::{SysconfVar, sysconf};

use super::{Session, Witnessed};
use crate::base::error::Error;
use crate::base::limit::Limit;
use crate::child::fence::Fences;
use crate::child::zygote::{Child, ChildOrder, Enclosed};
use crate::judge::expectation::Expectation;
use crate::judge::verdict::{self, Observed, Verdict, judge_with};
use crate::subject::cell::Cell;
use crate::subject::reference::reference;
use crate::subject::seam::Shown;
use crate::subject::verdict::{Evidence, Stretch, cell, skipped};
use crate::subject::{Line, Scope, Subject, Waited, Watching};

/// The shortest and the longest pause between two waiting fences.
const PAUSES: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(16)];
/// The most fences that a child makes before `act`, and how many numbers it has for all its fences.
const WAITING: u64 = 1 << 12;
/// The numbers of one child.
pub const NUMBERS: u64 = 2 * WAITING;

/// The fences of one child, and the subject that must report them.
pub struct Beside<'s> {
    subject: &'s dyn Subject,
    fences: Fences,
    first: u64,
    cpus: u32,
}

/// A subject that traces, or the fences of one that does not.
pub struct Attached<'s> {
    watching: Box<dyn Watching + 's>,
    /// The reason why it does not trace, if it does not.
    blind: Option<String>,
}

/// One scenario, run beside a subject.
#[derive(Clone, Debug)]
pub struct Beheld {
    /// What became of the subject.
    pub cell: Cell,
    /// What our own tracer saw, without the fences; `None` if the scenario did not run.
    pub observed: Option<Observed>,
    /// Where it ran.
    pub workspace: PathBuf,
}

impl Session {
    /// Runs one scenario with a subject beside our own tracer, whose trace is the reference. `command` puts the subject into the
    /// slot: the report ends with it.
    pub fn run_beside(
        &self,
        subject: &dyn Subject,
        command: &str,
        name: &str,
        expectation: &Expectation,
        file: &str,
        limit: impl Into<Limit>,
    ) -> Result<Beheld, Error> {
        let workspace = self.workspaces.for_scenario(name)?;
        let profile = subject.profile();
        let rerun =
            format!("{command} --exact --filter {name}{}{}", self.flags_of(expectation), verdict::tests_flag(file));
        let skipped = |why: &str| skipped(profile, name, why, &rerun);
        let not_run = |cell: Cell| Beheld { cell, observed: None, workspace: workspace.path().to_owned() };
        let shows_hidden = || Some("another tracer shows what this watch is to hide".to_owned());
        if let Some(reason) = self.lacks(expectation).or_else(|| expectation.hidden.and_then(|_| shows_hidden())) {
            return Ok(not_run(skipped(&reason)));
        }
        let beside = Beside::new(subject, self.nonce, self.fence.fetch_add(NUMBERS, Ordering::Relaxed));
        let watched = self.watched(expectation);
        let seen = self.seen_by_all(name, workspace.path(), limit.into(), watched, Some(&beside), &|| ())?;
        let Witnessed { observed: Observed { ending, trace }, stretch, .. } = seen;
        let Some(stretch) = stretch else {
            return Ok(not_run(skipped(&format!("the scenario {ending}"))));
        };
        let main = trace.calls.first().map_or(0, |call| call.pid);
        let reference = reference(trace, stretch.fences, stretch.open, main);
        let observed = Observed { ending, trace: reference.act };
        let objection = match judge_with(expectation, file, &observed, &rerun) {
            Verdict::Pass => None,
            Verdict::Skip(reason) => return Ok(not_run(skipped(&reason))),
            Verdict::Fail(report) | Verdict::Inconclusive(report) => Some(report.to_string()),
        };
        let mut between = reference.between;
        if profile.scope == Scope::Pid {
            between.retain(|call| call.pid == main);
        }
        let directory = Some(workspace.path().as_os_str().as_bytes());
        let evidence = Evidence { scenario: name, reference: &between, workspace: directory, objection, again: &rerun };
        let cell = cell(profile, stretch, &evidence);
        Ok(Beheld { cell, observed: Some(observed), workspace: workspace.path().to_owned() })
    }
}

impl<'s> Beside<'s> {
    /// For the child whose fences are numbered from `first`.
    pub fn new(subject: &'s dyn Subject, nonce: u64, first: u64) -> Self {
        let online = sysconf(SysconfVar::_NPROCESSORS_ONLN).ok().flatten();
        let cpus = online.and_then(|count| u32::try_from(count).ok()).unwrap_or(1).max(1);
        Self { subject, fences: Fences { kind: subject.profile().fence, nonce }, first, cpus }
    }

    /// The fence before `act`.
    pub fn open(&self) -> u64 {
        self.first + WAITING
    }

    fn closing(&self) -> RangeInclusive<u64> {
        self.open() + 1..=self.open() + u64::from(self.cpus)
    }

    /// The fences in the form that the child needs.
    pub fn enclosed(&self) -> Enclosed {
        Enclosed { fences: self.fences, open: self.open(), cpus: self.cpus }
    }

    /// Starts the subject on a child before its gate. The child makes fences until the subject reports one, and then goes to
    /// its gate. `None` if the child has already ended.
    pub fn attach(&self, child: &Child<'_>) -> Result<Option<Attached<'s>>, Error> {
        let limit = self.subject.profile().attach;
        let watching = self.subject.watch(child.pid(), self.fences)?;
        let (end, mut pause) = (Instant::now() + limit, PAUSES[0]);
        let mut waited = Waited::TooLong;
        for number in self.first..self.open() {
            if !child.order(ChildOrder::Fence(number), limit)? {
                return Ok(None);
            }
            waited = watching.wait_for(&|shown| shown.range(self.first..).next().is_some(), pause);
            if waited != Waited::TooLong || Instant::now() > end {
                break;
            }
            pause = (2 * pause).min(PAUSES[1]);
        }
        let why = match waited {
            Waited::Shown | Waited::AtEnd => None,
            Waited::TooLong => Some(format!("it has shown no fence in {} s", limit.as_secs())),
            Waited::Ended => Some("it ended before it showed a fence".to_owned()),
        };
        let goes_on = child.order(ChildOrder::GoOn, limit)?;
        Ok(goes_on.then_some(Attached { watching, blind: why }))
    }

    /// Waits until the child has made its closing fences and the subject has reported them, and then lets the child end. True
    /// if the child ended before it could make them.
    pub fn close(&self, attached: &Attached<'_>, child: &Child<'_>, limit: Limit) -> Result<bool, Error> {
        if !child.has_acted(limit.now())? {
            let is_at_end = child.has_ended()?;
            if is_at_end && self.subject.profile().scope == Scope::System {
                self.close_for(attached);
                return Ok(false);
            }
            return Ok(is_at_end);
        }
        let patience = self.subject.profile().close;
        self.until_shown(attached, |number| child.order(ChildOrder::Fence(number), patience).is_ok_and(|made| made));
        child.order(ChildOrder::GoOn, patience)?;
        Ok(false)
    }

    /// Closes the window of a program that has ended. True if only the end of the subject's output closes it.
    pub fn end(&self, attached: &Attached<'_>) -> bool {
        let is_system = self.subject.profile().scope == Scope::System;
        if is_system {
            self.close_for(attached);
        }
        !is_system
    }

    /// Makes the closing fences for a child that is gone. A subject that sees all processes sees them.
    fn close_for(&self, attached: &Attached<'_>) {
        let (fences, first, cpus) = (self.fences, *self.closing().start(), self.cpus);
        // In a separate thread, because each fence moves the thread to another CPU.
        let made = std::thread::spawn(move || fences.make_on_each_cpu(first, cpus)).join();
        if made.is_ok() {
            self.until_shown(attached, |number| {
                fences.make(number);
                true
            });
        }
    }

    /// More fences push out what a buffer still holds.
    fn until_shown(&self, attached: &Attached<'_>, make: impl Fn(u64) -> bool) {
        if attached.blind.is_some() {
            return;
        }
        let end = Instant::now() + self.subject.profile().close;
        for number in self.closing().end() + 1..self.first + NUMBERS {
            let all = |shown: &std::collections::BTreeSet<u64>| self.closing().all(|number| shown.contains(&number));
            let waited = attached.watching.wait_for(&all, PAUSES[1]);
            if waited != Waited::TooLong || Instant::now() > end || !make(number) {
                return;
            }
        }
    }

    /// Ends the watch.
    pub fn stretch(&self, attached: Attached<'_>, is_at_end: bool) -> Stretch {
        let Attached { watching, blind } = attached;
        let shown = watching.stop(self.subject.profile().close);
        let blind = blind.or_else(|| shown.unread.clone()).map(|why| because_of(&why, &shown));
        Stretch { shown, fences: self.fences, open: self.open(), closing: self.closing(), is_at_end, blind }
    }
}

/// Why a subject is blind, with what it has printed: its other stream, and the first line that is none or no fence.
fn because_of(why: &str, shown: &Shown) -> String {
    let first = shown.lines.iter().find_map(|line| match line {
        Line::Garbled { raw, why } => Some(format!("its line `{}`: {why}", String::from_utf8_lossy(raw))),
        Line::Call(_) | Line::Lost(_) | Line::Note(_) => None,
    });
    let calls = shown.lines.iter().filter(|line| matches!(line, Line::Call(_))).count();
    let printed = match (first, calls) {
        (Some(first), _) => first,
        (None, 0) => "it printed no call".to_owned(),
        (None, calls) => format!("it printed {calls} calls, and none is the fence"),
    };
    let status = shown.status.map(|status| status.to_string());
    let words = Some(shown.last_words.clone()).filter(|words| !words.is_empty());
    [Some(why.to_owned()), status, words, Some(printed)].into_iter().flatten().collect::<Vec<_>>().join("; ")
}
