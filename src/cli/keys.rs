//! Single keys of a terminal, each without Enter.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, PoisonError};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::base::terminal::TerminalMode;

/// The terminal, while a [`KeyMode`] lives.
static TERMINAL: Mutex<Option<Arc<TerminalMode>>> = Mutex::new(None);

/// Holds the terminal in the mode in which keys come at once. Dropping it restores the mode before.
#[derive(Debug)]
pub struct KeyMode(Arc<TerminalMode>);

impl KeyMode {
    /// Takes single keys from now on.
    pub fn begin(terminal: Arc<TerminalMode>) -> Self {
        let keys = Self(terminal);
        keys.resume();
        keys
    }

    /// Takes single keys again, after another one has been dropped.
    pub fn resume(&self) {
        *TERMINAL.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&self.0));
        self.0.take_keys();
    }

    /// Does this in the mode before: it reads whole lines, or is another program.
    pub fn suspended<T>(&self, act: impl FnOnce() -> T) -> T {
        self.0.restore();
        let done = act();
        self.0.take_keys();
        done
    }

    /// Whether a key was pressed.
    pub fn is_pressed(&self) -> bool {
        let mut polled = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        matches!(poll(&mut polled, PollTimeout::ZERO), Ok(1..))
    }

    /// The next key; waits for it. `None` if the terminal is gone.
    pub fn next(&self) -> Option<u8> {
        let mut key = [0];
        loop {
            match nix::unistd::read(&*self.0, &mut key) {
                Ok(1..) => return Some(key[0]),
                Err(Errno::EINTR) => {}
                Ok(0) | Err(_) => return None,
            }
        }
    }
}

impl AsFd for KeyMode {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Drop for KeyMode {
    fn drop(&mut self) {
        restore();
        *TERMINAL.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Restores the mode of the terminal, before the process ends from another thread.
pub fn restore() {
    if let Some(terminal) = &*TERMINAL.lock().unwrap_or_else(PoisonError::into_inner) {
        terminal.restore();
    }
}
