//! The seam: what `ior-it` asks of a tracer under test.
//!
//! A [`Subject`] watches a process that is there already. It shows the calls of that process as [`Line`]s, fences among them, and
//! says what it claims. Nothing waits for a fixed time: a fence that is shown says that the subject traces, or has shown all.

use std::collections::BTreeSet;
use std::time::Duration;

use super::claims::Claims;
use super::json::Line;
use super::judge::Known;
use super::window::{Fences, Kind};
use crate::base::error::Error;

/// A tracer under test.
pub trait Subject: Send + Sync {
    /// What it is and what it claims.
    fn profile(&self) -> &Profile;

    /// Begins to watch the process `pid`, which makes `fences` until one of them is shown.
    fn watch(&self, pid: u32, fences: Fences) -> Result<Box<dyn Watching + '_>, Error>;
}

/// A subject while it watches a process.
pub trait Watching {
    /// Waits until enough fences were shown.
    fn wait_for(&self, enough: &dyn Fn(&BTreeSet<u64>) -> bool, limit: Duration) -> Waited;

    /// Ends the watch, and takes what was shown during it. The subject may take this long to say the rest.
    fn stop(self: Box<Self>, limit: Duration) -> Shown;
}

/// What a subject is and what it claims.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// Its version, as it prints it.
    pub version: Option<String>,
    /// What it claims.
    pub claims: Claims,
    /// Its known faults.
    pub known: Vec<Known>,
    /// The call of a fence that it can show.
    pub fence: Kind,
    /// Whose calls it sees.
    pub scope: Scope,
    /// How long it may take until it shows the first fence.
    pub attach: Duration,
    /// How long it may take until it shows the last fence.
    pub close: Duration,
}

/// Whose calls a subject sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those of one process.
    Pid,
    /// Those of one process and of what it forks.
    Tree,
    /// Those of all processes.
    System,
}

/// What became of waiting for fences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// Enough fences were shown.
    Shown,
    /// The limit was over before.
    TooLong,
    /// The subject ended before.
    Ended,
}

/// What a subject has shown.
#[derive(Debug, Default)]
pub struct Shown {
    /// Its lines, in order.
    pub lines: Vec<Line>,
    /// What it said last on its other stream.
    pub last_words: String,
    /// How many bytes of lines were not kept.
    pub not_kept: u64,
}
