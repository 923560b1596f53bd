//! How a scenario's child ended.
//!
//! No I/O: values and sentences.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::escape;
use crate::table::names;

/// Where the child was when it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// In `setup`, before the gate.
    Setup,
    /// In `act`, after it.
    Act,
}

/// What became of the child.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// `act` returned.
    Finished,
    /// A step failed, a sentence.
    Failed(String),
    /// The machine lacks what the scenario needs, a sentence.
    Skipped(String),
    /// The condition that the scenario is about did not occur, a sentence.
    PremiseNotMet(String),
    /// The scenario's code panicked, with this message.
    Panicked(String),
    /// A signal ended it.
    Signal(i32),
    /// It exited by itself with this status.
    Exited(i32),
    /// It was killed after this time.
    TimedOut(Duration),
}

/// How the child ended, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// The phase in which the child ended.
    pub phase: Phase,
    /// The way in which the child ended.
    pub how: How,
}

impl Ending {
    /// The word for it in `tests.toml`: `finished`, `exited`, or the name of a signal; `None` if no table can ask for it. `exited`
    /// means that the child became a program which exited with status 0.
    pub fn word(&self) -> Option<String> {
        match (self.phase, &self.how) {
            (_, How::Finished) => Some("finished".to_owned()),
            (Phase::Act, How::Exited(0)) => Some("exited".to_owned()),
            (Phase::Act, How::Signal(number)) => Some(names::signal_name(*number)),
            _ => None,
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.phase {
            Phase::Setup => "in setup, before the gate",
            Phase::Act => "in act",
        };
        match &self.how {
            How::Finished => write!(f, "finished"),
            How::Failed(sentence) => write!(f, "failed {place}: {}", escape::line(sentence)),
            How::Skipped(sentence) => write!(f, "skipped {place}: {}", escape::line(sentence)),
            How::PremiseNotMet(sentence) => write!(f, "premise not met {place}: {}", escape::line(sentence)),
            How::Panicked(message) => write!(f, "panicked {place}: {}", escape::line(message)),
            How::Signal(number) => write!(f, "killed by {} {place}", names::signal_name(*number)),
            How::Exited(status) => write!(f, "exited with status {status} {place}"),
            How::TimedOut(limit) => write!(f, "timed out {place} after {} s", limit.as_secs_f64()),
        }
    }
}
