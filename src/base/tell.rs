//! The standard streams. Only this module writes to them, which `clippy.toml` enforces.
//!
//! Nothing here panics. A closed pipe ends the process quietly (SIGPIPE, signal(7)). Other failures, such as a full disk, are
//! remembered, and decide the exit code if all else went well: [`exit_code`].
#![allow(clippy::disallowed_methods)]

use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicI32, Ordering};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::base::error::Exit;
use crate::base::escape;

/// The errno of the first write that failed; 0 if none has.
static FAILED: AtomicI32 = AtomicI32::new(0);

/// A stream whose failures are remembered and not returned, because its caller could do nothing about them.
#[derive(Clone, Copy, Debug)]
pub enum StandardStream {
    /// The standard output.
    Out,
    /// The standard error output.
    Error,
}

impl StandardStream {
    /// Writes this text as it is.
    pub fn raw(mut self, text: &str) {
        self.write_all(text.as_bytes()).unwrap_or_else(|error| failed(&error));
    }

    /// Writes these lines, escaped so that a terminal obeys nothing in them.
    pub fn line(self, text: &str) {
        self.raw(&format!("{}\n", escape::lines(text)));
    }

    /// Whether it is a terminal.
    pub fn is_terminal(self) -> bool {
        self.with_fd(|fd| fd.is_terminal())
    }

    /// Whether to use colours: the stream shows them, and they are wanted (NO_COLOR, CLICOLOR_FORCE, TERM).
    pub fn has_colours(self) -> bool {
        let choice = match self {
            Self::Out => anstream::AutoStream::choice(&io::stdout()),
            Self::Error => anstream::AutoStream::choice(&io::stderr()),
        };
        choice != anstream::ColorChoice::Never
    }

    /// Whether to write links (OSC 8): the stream is a terminal that is known to show them, and colours are wanted.
    pub fn has_links(self) -> bool {
        let stream = match self {
            Self::Out => supports_hyperlinks::Stream::Stdout,
            Self::Error => supports_hyperlinks::Stream::Stderr,
        };
        self.has_colours() && supports_hyperlinks::on(stream)
    }

    fn with_fd<T>(self, act: impl FnOnce(BorrowedFd) -> T) -> T {
        match self {
            Self::Out => act(io::stdout().as_fd()),
            Self::Error => act(io::stderr().as_fd()),
        }
    }
}

/// Writes without a buffer. Unlike the standard library, it reports a stream that is closed (EBADF).
impl Write for StandardStream {
    /// Waits even with O_NONBLOCK, which another process may have set: it belongs to the open file.
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

/// Remembers that a write has failed.
pub fn failed(error: &io::Error) {
    let errno = error.raw_os_error().unwrap_or(libc::EIO);
    let _ = FAILED.compare_exchange(0, errno, Ordering::Relaxed, Ordering::Relaxed);
}

/// The exit code of a process that would exit with `code`. Output that is not whole is no success.
pub fn exit_code(code: u8) -> u8 {
    match (code, FAILED.load(Ordering::Relaxed)) {
        (_, 0) => code,
        (0, errno) => {
            let why = Errno::from_raw(errno).desc();
            StandardStream::Error.line(&format!(
                "error: not all of the output could be written: {why}\n hint: `df` says whether there is room"
            ));
            Exit::Inconclusive as u8
        }
        (code, _) => code,
    }
}

/// The last words of a process that must end now. It does not wait for a reader.
pub fn last_words(text: &str) {
    let stderr = io::stderr();
    let mut ready = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
    // A pipe that can be written to has room for PIPE_BUF bytes (pipe(7)).
    if poll(&mut ready, PollTimeout::ZERO) == Ok(1) {
        StandardStream::Error.line(text);
    }
}
