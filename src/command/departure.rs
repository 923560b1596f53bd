//! Signals, and an end for whatever they find.
//!
//! A thread of its own hears them, since the one that traces may be held up: by whoever does not read its output, by a zygote
//! or a tracee that does not answer. It passes them on, and once `ior-it` is to end it gives the other thread some time for
//! it. When that is over it kills what is still traced, says what is lost, and ends the process.

use std::io::{self, PipeReader, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::error::{Error, Exit};
use crate::names;
use crate::tracer::Left;

/// How long the command has to end after the signal; then it is killed.
pub const FOR_THE_COMMAND: Duration = Duration::from_millis(250);
/// How long the thread that traces has to end the process, the command's time included.
const FOR_THE_TRACE: Duration = Duration::from_millis(600);
/// How long it takes at most to kill what is left, and to say so.
const FOR_THE_KILL: Duration = Duration::from_millis(200);
const FOR_THE_WORDS: Duration = Duration::from_millis(100);

/// The signals, from the side of the thread that traces.
pub struct Departure {
    heard: PipeReader,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Who is traced, once the command is.
    left: OnceLock<Left>,
    /// Whether the command has ended by itself: what it has left behind is left alone then.
    command_is_gone: AtomicBool,
    /// Whether work is done that ends by itself.
    works: AtomicBool,
}

impl Departure {
    /// Hears SIGINT, SIGQUIT, SIGTERM and SIGHUP from here on. They are blocked in this thread and those it starts; the zygote
    /// was forked before.
    pub fn prepare() -> io::Result<Self> {
        let mut set = SigSet::empty();
        for signal in [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGHUP] {
            set.add(signal);
        }
        set.thread_block()?;
        let signals = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC)?;
        let (heard, tell) = io::pipe()?;
        // Neither side waits for the other.
        for end in [heard.as_fd(), tell.as_fd()] {
            fcntl(end, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        }
        let shared = Arc::new(Shared::default());
        let listener = Listener { signals, tell, shared: Arc::clone(&shared) };
        thread::Builder::new().name("signals".to_owned()).spawn(move || listener.listen())?;
        Ok(Self { heard, shared })
    }

    /// What can be read when a signal has come.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.heard.as_fd()
    }

    /// The next signal that has come.
    pub fn next(&self) -> Option<i32> {
        let mut signal = [0];
        (&self.heard).read_exact(&mut signal).ok().map(|()| signal[0].into())
    }

    /// From here on there is somebody to be killed at the end.
    pub fn traces(&self, left: Left) -> &Left {
        self.shared.left.get_or_init(|| left)
    }

    /// From here on nobody is killed: what goes on is none of ours.
    pub fn command_is_gone(&self) {
        self.shared.command_is_gone.store(true, Ordering::SeqCst);
    }

    /// Does what takes its time and waits for nobody: it is not cut short.
    pub fn work<T>(&self, work: impl FnOnce() -> T) -> T {
        self.shared.works.store(true, Ordering::SeqCst);
        let done = work();
        self.shared.works.store(false, Ordering::SeqCst);
        done
    }
}

/// Whether the terminal sends it to the command as well, so that the first is the command's alone.
pub fn is_from_terminal(signal: i32) -> bool {
    matches!(signal, libc::SIGINT | libc::SIGQUIT)
}

/// The thread that hears the signals.
struct Listener {
    signals: SignalFd,
    tell: io::PipeWriter,
    shared: Arc<Shared>,
}

impl Listener {
    fn listen(mut self) {
        let mut from_terminal = 0;
        loop {
            let Ok(Some(heard)) = self.signals.read_signal() else { continue };
            let signal = heard.ssi_signo as i32;
            // Full only if thousands were told before, and nobody has read them.
            let _ = self.tell.write(&[signal as u8]);
            from_terminal += u32::from(is_from_terminal(signal));
            if !is_from_terminal(signal) || from_terminal > 1 {
                thread::sleep(FOR_THE_TRACE);
                self.end(signal);
            }
        }
    }

    /// The other thread has not ended the process.
    fn end(&self, signal: i32) -> ! {
        while self.shared.works.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(10));
        }
        let Some(left) = self.shared.left.get() else {
            say(&format!("ior-it: ended by {} before the command was started", names::signal_name(signal)));
            std::process::exit(128 + signal);
        };
        let mut killed = String::new();
        if !self.shared.command_is_gone.load(Ordering::SeqCst) {
            let count = left.count();
            let all = left.kill_all(Instant::now() + FOR_THE_KILL);
            killed = format!(
                "; {count} processes were killed{}",
                if all { "" } else { ", which has not ended all of them" }
            );
        }
        say(&cut_short(signal, left.seen(), &killed).to_string());
        std::process::exit(Exit::Inconclusive as i32);
    }
}

fn cut_short(signal: i32, seen: u64, killed: &str) -> Error {
    Error {
        sentence: format!(
            "{} has ended the trace of {seen} calls while it was held up: what is not printed is lost, and so is the table{killed}",
            names::signal_name(signal)
        ),
        hint: "does anybody read the output? --output FILE writes it to a file".to_owned(),
        exit: Exit::Inconclusive,
    }
}

/// Says it, unless nobody reads that either.
fn say(words: &str) {
    let (said, heard) = mpsc::channel::<()>();
    let words = format!("{words}\n");
    let speaker = thread::Builder::new().spawn(move || {
        let _ = io::stderr().write_all(words.as_bytes());
        drop(said);
    });
    if speaker.is_ok() {
        // Nothing is ever sent: it ends with the words or with the time.
        let _ = heard.recv_timeout(FOR_THE_WORDS);
    }
}
