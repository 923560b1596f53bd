//! Errors: a lowercase sentence, a hint, and the exit code.

use std::fmt;
use std::sync::Arc;

use crate::base::escape;

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
    /// A kernel in a virtual machine did not boot, panicked, oopsed or hung.
    BrokenKernel = 6,
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
    /// Lines below the sentence, if any: other errors, or the kernel's messages.
    pub details: String,
    /// What to do. It names a flag, a file or a command.
    pub hint: String,
    /// The exit code.
    pub exit: Exit,
    /// The error below it, if there is one.
    pub cause: Option<Cause>,
}

/// The error below an error, of the system or of a library: `source` of [`std::error::Error`].
#[derive(Clone, Debug)]
pub struct Cause(Arc<dyn std::error::Error + Send + Sync>);

impl Cause {
    /// Keeps the error.
    pub fn new(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(error.into().into())
    }

    /// The error.
    pub fn error(&self) -> &(dyn std::error::Error + 'static) {
        self.0.as_ref()
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Causes are equal if they say the same.
impl PartialEq for Cause {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for Cause {}

impl Error {
    /// This machine cannot trace.
    pub fn cannot_trace(sentence: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(sentence.into(), hint.into(), Exit::CannotTrace)
    }

    /// Bad usage.
    pub fn usage(sentence: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(sentence.into(), hint.into(), Exit::Usage)
    }

    /// The same with lines below the sentence.
    #[must_use]
    pub fn with_details(self, details: impl Into<String>) -> Self {
        Self { details: details.into(), ..self }
    }

    /// An error with this exit code.
    pub fn new(sentence: String, hint: String, exit: Exit) -> Self {
        Self { sentence, details: String::new(), hint, exit, cause: None }
    }

    /// The same with the error below it.
    #[must_use]
    pub fn because(self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { cause: Some(Cause::new(error)), ..self }
    }

    /// A scenario could not be run: it counts as failed.
    pub fn scenario(sentence: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(sentence.into(), hint.into(), Exit::Failed)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A name in the sentence cannot break it into two lines. Only the details have lines of their own.
        writeln!(f, "error: {}", escape::line(&self.sentence))?;
        if !self.details.is_empty() {
            writeln!(f, "{}", escape::lines(&self.details))?;
        }
        // A long list of words is broken into lines, where an error shows its place. Here it is one.
        write!(f, " hint: {}", escape::line(&self.hint.replace('\n', " ")))
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_ref().map(Cause::error)
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn an_error_keeps_its_cause_and_says_it_once() {
        let cause = std::io::Error::from_raw_os_error(libc::ENOENT);
        let error = Error::usage(format!("--tests x: {cause}"), "without it").because(cause);
        let source = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
        assert_eq!(source.and_then(std::io::Error::raw_os_error), Some(libc::ENOENT));
        assert_eq!(error.to_string().matches("No such file").count(), 1);
        assert!(Error::usage("x", "y").source().is_none());
    }

    #[test]
    fn a_hint_is_one_line() {
        assert_eq!(Error::usage("x", "there are a,\nb").to_string(), "error: x\n hint: there are a, b");
    }
}
