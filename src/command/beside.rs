//! Runs a subject beside a command, and compares its report with our own trace.

use std::ffi::OsString;

use super::sink::Sink;
use crate::base::error::Error;
use crate::base::escape;
use crate::child::zygote::Child;
use crate::session::beside::{Attached, Beside};
use crate::subject::reference::reference;
use crate::subject::roster::Candidate;
use crate::subject::verdict::{Evidence, cell};
use crate::subject::{Scope, Subject};
use crate::trace::whole::Trace;

/// The result of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreed {
    /// No difference, or there is no subject.
    Yes,
    /// Differences without a known cause.
    No,
    /// Nothing is proved.
    Unknown,
}

/// A subject that watches the program.
pub struct BesideProgram<'s> {
    subject: &'s dyn Subject,
    /// The command that puts it into the slot.
    again: String,
    beside: &'s Beside<'s>,
    attached: Attached<'s>,
    pid: u32,
}

impl<'s> BesideProgram<'s> {
    /// Attaches the subject to a child before its gate. `None` if the child has already ended.
    pub fn attach(
        (candidate, subject): (&Candidate, &'s dyn Subject),
        beside: &'s Beside<'s>,
        child: &Child<'_>,
    ) -> Result<Option<Self>, Error> {
        let (pid, again) = (child.pid(), candidate.command());
        Ok(beside.attach(child)?.map(|attached| Self { subject, again, beside, attached, pid }))
    }

    /// Takes the subject's report, compares it, and prints the result. `lost` says whether our own trace has losses.
    pub fn agrees(self, sink: &mut Sink, command: &[OsString], trace: Trace, lost: bool) -> Agreed {
        let Self { subject, again, beside, attached, pid } = self;
        let is_at_end = beside.end(&attached);
        let stretch = beside.stretch(attached, is_at_end);
        let mut between = reference(trace, stretch.fences, stretch.open, pid).between;
        if subject.profile().scope == Scope::Pid {
            between.retain(|call| call.pid == pid);
        }
        let words: Vec<_> = command.iter().map(|word| word.to_string_lossy()).collect();
        let words = shlex::try_join(words.iter().map(AsRef::as_ref)).unwrap_or_default();
        let again = format!("{again} -- {words}");
        let objection = lost.then(|| "something was lost".to_owned());
        let scenario = words.split(' ').next().unwrap_or_default();
        let evidence = Evidence { scenario, reference: &between, workspace: None, objection, again: &again };
        let cell = cell(subject.profile(), stretch, &evidence);
        sink.line(&escape::lines(&cell.report()));
        match cell.verdict.as_str() {
            "pass" | "not claimed" => Agreed::Yes,
            "inconclusive" => Agreed::Unknown,
            "fail" | "silent loss" if !cell.findings.is_empty() && !cell.has_unknown() => Agreed::Yes,
            _ => Agreed::No,
        }
    }
}
