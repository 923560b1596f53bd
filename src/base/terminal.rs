//! The mode of the terminal on the standard input: whole lines, or single keys.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::stdio::stdin;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp, tcsetattr};

/// A terminal, its mode, and the same mode in which a key comes at once and is not shown (termios(3): ICANON, ECHO). Ctrl-C stays a
/// signal.
#[derive(Debug)]
pub struct TerminalMode {
    terminal: OwnedFd,
    before: Termios,
    keys: Termios,
}

impl TerminalMode {
    /// `None` if nobody can press a key: the standard input is no terminal, or this process is in its background.
    pub fn of_stdin() -> Option<Self> {
        let before = tcgetattr(stdin()).ok()?;
        if tcgetpgrp(stdin()).ok()? != rustix::process::getpgrp() {
            return None;
        }
        let mut keys = before.clone();
        keys.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
        (keys.special_codes[SpecialCodeIndex::VMIN], keys.special_codes[SpecialCodeIndex::VTIME]) = (1, 0);
        Some(Self { terminal: stdin().try_clone_to_owned().ok()?, before, keys })
    }

    /// Single keys from now on.
    pub fn take_keys(&self) {
        // A terminal that is gone has no mode.
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.keys);
    }

    /// Whole lines again.
    pub fn restore(&self) {
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }

    /// Whole lines again, if the terminal is as [`TerminalMode::take_keys`] has left it. A shell may have it by now, in a mode of its
    /// own.
    pub fn restore_if_left(&self) {
        let words = |mode: &Termios| (mode.input_modes, mode.output_modes, mode.local_modes);
        if tcgetattr(&self.terminal).is_ok_and(|now| words(&now) == words(&self.keys)) {
            self.restore();
        }
    }
}

impl AsFd for TerminalMode {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.terminal.as_fd()
    }
}
