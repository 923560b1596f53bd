//! Receives the signals that end the wait, even if the other threads are blocked.
//!
//! The thread that reads and prints records may be blocked, by output that nobody reads or by a process that does not respond.
//! So a separate thread receives the signals and passes each on. The first SIGTERM or SIGHUP, or the second SIGINT or SIGQUIT,
//! must lead to the end. After a first delay this thread kills the watched processes, and after a second delay it ends this
//! process. Processes that ran before are never killed, and every signal ends their watch.
#![allow(unsafe_code)]

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::Pid;

use crate::base::tell;
use crate::child::zygote::{Zygote, is_ignored};
use crate::table::names;
use crate::watch::tracer::Killer;

/// The signals that go to the command, or that end the wait for it.
const SIGNALS: [Signal; 4] = [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGHUP];
/// How long the end may take by itself, and then after the watched processes were killed: one second at most in total.
const PATIENCE: Duration = Duration::from_millis(400);

/// Blocks the signals in this thread and in those that it starts, so that only a signalfd receives them.
pub fn hold() -> nix::Result<()> {
    heard().thread_block()
}

/// Leaves out ignored signals. A blocked signal arrives even if it was ignored, but `nohup` ignores it on purpose.
fn heard() -> SigSet {
    SIGNALS.into_iter().filter(|&signal| !is_ignored(signal as i32)).collect()
}

/// The thread that receives signals. Dropping it ends the thread.
pub struct Departure {
    mailbox: Arc<Mailbox>,
    thread: Option<JoinHandle<()>>,
}

struct Mailbox {
    /// Signals have come.
    wake: EventFd,
    /// The command is over.
    done: EventFd,
    signals: Mutex<Vec<i32>>,
    /// The signal for which the watched processes were killed, or 0.
    killed: AtomicI32,
}

impl Departure {
    /// Receives signals from now on. `kills` are the processes of a command, and who reaps it.
    pub fn start(kills: Option<(Killer, &Zygote)>) -> nix::Result<Self> {
        let kills = kills.map(|(killer, zygote)| (killer, zygote.pid()));
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let heard = SignalFd::with_flags(&heard(), SfdFlags::SFD_CLOEXEC)?;
        let (wake, done) = (EventFd::from_flags(flags)?, EventFd::from_flags(flags)?);
        let mailbox = Arc::new(Mailbox { wake, done, signals: Mutex::default(), killed: AtomicI32::new(0) });
        let of_thread = Arc::clone(&mailbox);
        let thread = std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || of_thread.hear(&heard, kills))
            .map_err(|_| nix::errno::Errno::EAGAIN)?;
        Ok(Self { mailbox, thread: Some(thread) })
    }

    /// Readable when signals have come.
    pub fn wake(&self) -> BorrowedFd<'_> {
        self.mailbox.wake.as_fd()
    }

    /// The signals since the last call.
    pub fn signals(&self) -> Vec<i32> {
        let _ = self.mailbox.wake.read();
        std::mem::take(&mut *self.mailbox.signals.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The signal for which the watched processes were killed.
    pub fn killed(&self) -> Option<i32> {
        Some(self.mailbox.killed.load(Ordering::SeqCst)).filter(|&signal| signal != 0)
    }
}

impl Drop for Departure {
    fn drop(&mut self) {
        let _ = self.mailbox.done.write(1);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Mailbox {
    /// Runs until the command is over.
    fn hear(&self, heard: &SignalFd, kills: Option<(Killer, Pid)>) {
        // The first signal of a terminal is the command's.
        let mut from_terminal = i32::from(kills.is_none());
        while let Some(signal) = self.next(heard, PollTimeout::NONE) {
            self.pass_on(signal);
            from_terminal += i32::from(matches!(signal, libc::SIGINT | libc::SIGQUIT));
            if from_terminal > 1 || matches!(signal, libc::SIGTERM | libc::SIGHUP) {
                return self.depart(signal, heard, kills);
            }
        }
    }

    /// Brings the end about, within twice the patience.
    fn depart(&self, signal: i32, heard: &SignalFd, kills: Option<(Killer, Pid)>) {
        if self.is_done_within(heard, PATIENCE) {
            return;
        }
        if let Some((killer, reaper)) = kills {
            self.killed.store(signal, Ordering::SeqCst);
            killer.kill_all();
            // A stopped process reports no end. The zygote is this process's child, and is reaped after this thread has ended.
            let _ = kill(reaper, Signal::SIGCONT);
        }
        self.pass_on(signal);
        if self.is_done_within(heard, PATIENCE) {
            return;
        }
        let name = names::signal_name(signal);
        tell::last_words(&format!("ior-it: ended by {name}: the output is not read, and what was not printed is lost"));
        // SAFETY: ends the process at once, whatever its other threads hold. The zygote cleans up.
        unsafe { libc::_exit(128 + signal) }
    }

    fn is_done_within(&self, heard: &SignalFd, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let timeout = PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::ZERO);
            match self.next_or_timeout(heard, timeout) {
                Next::Done => return true,
                Next::Signal(signal) => self.pass_on(signal),
                Next::Nothing => {}
            }
        }
    }

    fn next(&self, heard: &SignalFd, timeout: PollTimeout) -> Option<i32> {
        loop {
            match self.next_or_timeout(heard, timeout) {
                Next::Done => return None,
                Next::Signal(signal) => return Some(signal),
                Next::Nothing => {}
            }
        }
    }

    fn next_or_timeout(&self, heard: &SignalFd, timeout: PollTimeout) -> Next {
        let mut ready = [self.done.as_fd(), heard.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        let _ = poll(&mut ready, timeout);
        let [done, signal] = ready.map(|fd| fd.any().unwrap_or(false));
        match (done, signal) {
            (true, _) => Next::Done,
            (false, true) => match heard.read_signal() {
                Ok(Some(signal)) => Next::Signal(signal.ssi_signo as i32),
                Ok(None) | Err(_) => Next::Nothing,
            },
            (false, false) => Next::Nothing,
        }
    }

    fn pass_on(&self, signal: i32) {
        self.signals.lock().unwrap_or_else(PoisonError::into_inner).push(signal);
        let _ = self.wake.write(1);
    }
}

/// The reason why the thread woke.
enum Next {
    Done,
    Signal(i32),
    Nothing,
}
