//! The standard streams: nothing else in this crate writes to them.
//!
//! Nothing here panics. A closed pipe ends the process quietly (SIGPIPE, signal(7)). What cannot be written for another reason, such
//! as a full disk, is remembered, and decides the exit code where all else went well: [`exit_code`].

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread::JoinHandle;

use libtest_mimic::{Arguments, ColorSetting, Conclusion, Trial};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::pipe2;

use crate::error::Exit;
use crate::escape;

/// The errno of the first write that failed; 0 if none has.
static FAILED: AtomicI32 = AtomicI32::new(0);

/// A stream that remembers what could not be written to it, and returns no error: nothing can be done about it on the spot.
#[derive(Clone, Copy, Debug)]
pub enum Stream {
    /// The standard output.
    Out,
    /// The standard error output.
    Error,
}

impl Stream {
    /// Writes this text as it is.
    pub fn raw(self, text: &str) {
        let written = match self {
            Self::Out => io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()),
            Self::Error => io::stderr().write_all(text.as_bytes()),
        };
        written.unwrap_or_else(|error| failed(&error));
    }

    /// Writes these lines, in which a terminal finds nothing to obey.
    pub fn line(self, text: &str) {
        self.raw(&format!("{}\n", escape::lines(text)));
    }
}

/// Remembers that something could not be written.
pub fn failed(error: &io::Error) {
    let errno = error.raw_os_error().unwrap_or(libc::EIO);
    let _ = FAILED.compare_exchange(0, errno, Ordering::Relaxed, Ordering::Relaxed);
}

/// The exit code of a process that would end with this one: success is none if its output is not whole.
pub fn exit_code(code: u8) -> u8 {
    match (code, FAILED.load(Ordering::Relaxed)) {
        (_, 0) => code,
        (0, errno) => {
            let why = Errno::from_raw(errno).desc();
            Stream::Error.line(&format!(
                "error: not all of the output could be written: {why}\n hint: `df` says whether there is room"
            ));
            Exit::Inconclusive as u8
        }
        (code, _) => code,
    }
}

/// The last words of a process that must end now: nobody is waited for who does not read.
pub fn last_words(text: &str) {
    let stderr = io::stderr();
    let mut ready = [PollFd::new(std::os::fd::AsFd::as_fd(&stderr), PollFlags::POLLOUT)];
    // A pipe that can be written to has room for PIPE_BUF bytes (pipe(7)).
    if poll(&mut ready, PollTimeout::ZERO) == Ok(1) {
        Stream::Error.line(text);
    }
}

/// Runs trials as libtest does. It prints by itself, and panics where it cannot: so it prints into a pipe, and what comes out of
/// that is written here. On a terminal nothing is ever full.
pub fn run_trials(arguments: &Arguments, trials: Vec<Trial>) -> Conclusion {
    let relay = (arguments.logfile.is_none() && !io::stdout().is_terminal()).then(Relay::start).flatten();
    let Some(relay) = relay else { return libtest_mimic::run(arguments, trials) };
    let color = arguments.color.or(Some(ColorSetting::Never));
    let conclusion = libtest_mimic::run(&Arguments { logfile: Some(relay.path()), color, ..arguments.clone() }, trials);
    relay.finish();
    conclusion
}

/// A pipe to the standard output.
struct Relay {
    end: OwnedFd,
    thread: JoinHandle<()>,
}

impl Relay {
    /// `None` where there is none to be had: no descriptors, no thread, no proc(5).
    fn start() -> Option<Self> {
        let (from, end) = pipe2(OFlag::O_CLOEXEC).ok()?;
        let copy = move || {
            let (mut from, mut room) = (File::from(from), vec![0; 1 << 16]);
            while let Ok(read @ 1..) = io::Read::read(&mut from, &mut room) {
                let written = io::stdout().write_all(&room[..read]).and_then(|()| io::stdout().flush());
                written.unwrap_or_else(|error| failed(&error));
            }
        };
        let relay = Self { end, thread: std::thread::Builder::new().name("output".to_owned()).spawn(copy).ok()? };
        if std::path::Path::new(&relay.path()).exists() { Some(relay) } else { relay.finish() }
    }

    /// Whoever opens it gets an end of his own (proc_pid_fd(5)).
    fn path(&self) -> String {
        format!("/proc/self/fd/{}", self.end.as_raw_fd())
    }

    /// Waits until all has been written.
    fn finish(self) -> Option<Self> {
        drop(self.end);
        let _ = self.thread.join();
        None
    }
}
