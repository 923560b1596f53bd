//! The seam: what `ior-it` requires of a tracer under test.
//!
//! A [`Subject`] watches a process that already exists. It reports the process's calls, fences among them, as [`Line`]s, and
//! declares its claims. Nothing waits for a fixed time: a reported fence shows that the subject traces, or that it has reported
//! everything.

use std::collections::BTreeSet;
use std::time::Duration;

use super::claims::Claims;
use super::json::Line;
use super::judge::KnownFault;
use super::window::{FenceKind, Fences};
use crate::base::error::Error;

/// A tracer under test.
pub trait Subject: Send + Sync {
    /// Its description and its claims.
    fn profile(&self) -> &Profile;

    /// Begins to watch the process `pid`, which makes `fences` until the subject reports one.
    fn watch(&self, pid: u32, fences: Fences) -> Result<Box<dyn Watching + '_>, Error>;
}

/// A subject while it watches a process.
pub trait Watching {
    /// Waits until the subject has reported enough fences.
    fn wait_for(&self, enough: &dyn Fn(&BTreeSet<u64>) -> bool, limit: Duration) -> Waited;

    /// Ends the watch, and takes what the subject reported. The subject may take this long to report the rest.
    fn stop(self: Box<Self>, limit: Duration) -> Shown;
}

/// The description and the claims of a subject.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// Its version, as it prints it.
    pub version: Option<String>,
    /// What it claims.
    pub claims: Claims,
    /// Its known faults.
    pub known: Vec<KnownFault>,
    /// The fence call that it can report.
    pub fence: FenceKind,
    /// The processes whose calls it sees.
    pub scope: Scope,
    /// How long it may take to report the first fence.
    pub attach: Duration,
    /// How long it may take to report the last fence.
    pub close: Duration,
}

/// The processes whose calls a subject sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One process.
    Pid,
    /// One process and its descendants.
    Tree,
    /// All processes.
    System,
}

/// The result of waiting for fences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// The subject reported enough fences.
    Shown,
    /// The time limit came first.
    TooLong,
    /// The subject ended first.
    Ended,
    /// The subject traces, and reports no call before it is stopped.
    AtEnd,
}

/// What a subject has reported.
#[derive(Debug, Default)]
pub struct Shown {
    /// Its lines, in order.
    pub lines: Vec<Line>,
    /// The end of its other stream.
    pub last_words: String,
    /// How many bytes of lines were not kept.
    pub not_kept: u64,
    /// Why its output file cannot be read, if it cannot.
    pub unread: Option<String>,
    /// How its process ended before it was asked to.
    pub status: Option<std::process::ExitStatus>,
    /// It was asked to end and did not, so it was killed when the limit was over.
    pub killed: bool,
}
