//! An error is a lowercase sentence, a hint, and the exit code that it leads to.

use std::fmt;

/// The exit codes, all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Every selected scenario passed or was skipped with a reason, and at least one ran.
    Success = 0,
    /// Bad usage, or an error in `tests.toml`.
    Usage = 2,
    /// This machine cannot trace.
    CannotTrace = 3,
    /// No scenario ran.
    NothingRan = 4,
    /// Nothing failed, but a scenario was inconclusive.
    Inconclusive = 5,
    /// A scenario failed (as libtest).
    Failed = 101,
    /// The program to trace cannot be executed (as shells say).
    NotExecutable = 126,
    /// The program to trace was not found (as shells say).
    NotFound = 127,
    /// Interrupted by a signal.
    Interrupted = 130,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        std::process::ExitCode::from(exit as u8)
    }
}

/// What went wrong, what to do about it, and how the process is to exit if nothing catches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// A lowercase sentence without a full stop.
    pub sentence: String,
    /// What to do: names a flag, a file or a command.
    pub hint: String,
    /// The exit code.
    pub exit: Exit,
}

impl Error {
    /// This machine cannot trace.
    pub fn cannot_trace(sentence: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), hint: hint.into(), exit: Exit::CannotTrace }
    }

    /// Bad usage.
    pub fn usage(sentence: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), hint: hint.into(), exit: Exit::Usage }
    }

    /// A scenario could not be run: it counts as failed.
    pub fn scenario(sentence: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), hint: hint.into(), exit: Exit::Failed }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}\n hint: {}", self.sentence, self.hint)
    }
}

impl std::error::Error for Error {}
