//! The standard output and the standard error output. Nothing else in this crate writes to them, which `clippy.toml` holds.
//!
//! A closed pipe ends the process quietly, by SIGPIPE. Whatever else keeps the output from being written (a full disk, a
//! limit on the size of files) is an [`Error`] and never a panic.
#![allow(unsafe_code, clippy::disallowed_methods)]

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigHandler, Signal, signal};

use crate::error::{Error, Exit};
use crate::escape;

/// One of the two, without a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// The standard output: what was asked for.
    Output,
    /// The standard error output: what else there is to say.
    Error,
}

impl Stream {
    /// What messages call it.
    pub fn name(self) -> &'static str {
        match self {
            Stream::Output => "the standard output",
            Stream::Error => "the standard error output",
        }
    }

    /// Whether it is a terminal.
    pub fn is_terminal(self) -> bool {
        match self {
            Stream::Output => io::stdout().is_terminal(),
            Stream::Error => io::stderr().is_terminal(),
        }
    }

    /// Whether it shows colours, and they are wanted (NO_COLOR, CLICOLOR_FORCE, TERM).
    pub fn has_colours(self) -> bool {
        let choice = match self {
            Stream::Output => anstream::AutoStream::choice(&io::stdout()),
            Stream::Error => anstream::AutoStream::choice(&io::stderr()),
        };
        choice != anstream::ColorChoice::Never
    }

    /// Writes a text of one or more lines, escaped.
    pub fn print(mut self, text: &str) -> Result<(), Error> {
        self.write_all(escape::lines(text).as_bytes()).map_err(|error| cannot_write(self.name(), &error))
    }

    /// Writes a text as it is, with clap's colours: whatever else is in it has been escaped before.
    pub fn print_styled(mut self, text: &str) -> Result<(), Error> {
        self.write_all(text.as_bytes()).map_err(|error| cannot_write(self.name(), &error))
    }

    fn with_fd<T>(self, act: impl FnOnce(BorrowedFd) -> T) -> T {
        match self {
            Stream::Output => act(io::stdout().as_fd()),
            Stream::Error => act(io::stderr().as_fd()),
        }
    }
}

impl Write for Stream {
    /// Waits where the other end does not want to be waited for (O_NONBLOCK belongs to the open file, which others share).
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.with_fd(|fd| nix::unistd::write(fd, bytes)) {
                Err(Errno::EAGAIN) => {
                    self.with_fd(|fd| poll(&mut [PollFd::new(fd, PollFlags::POLLOUT)], PollTimeout::NONE))?;
                }
                written => return Ok(written?),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Not all of the output could be written.
pub fn cannot_write(name: impl Display, error: &io::Error) -> Error {
    Error {
        exit: Exit::Inconclusive,
        ..Error::usage(
            format!("{name} could not be written to: {error}; the rest of it is missing"),
            "`df` says whether there is room, `ulimit -f` how large a file may be; let it go elsewhere",
        )
    }
}

/// The rules for signals that the above needs: SIGPIPE ends the process, which Rust's runtime ignores; SIGXFSZ does not, so
/// that a write beyond `ulimit -f` is an error (EFBIG). Children get the rules of whoever has called `ior-it`.
pub fn prepare() {
    // SAFETY: no handler is installed; there is no other thread yet.
    let _ = unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) };
    // SAFETY: as above.
    let _ = unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) };
}
