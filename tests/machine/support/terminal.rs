//! A program on a terminal of its own: a pseudo-terminal (pty(7)), whose other end the test has.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};

use libtest_mimic::Failed;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::openpty;
use nix::sys::termios::{LocalFlags, tcgetattr};
use std::os::fd::AsFd;

/// How long a program may say nothing, in milliseconds.
const PATIENCE: u16 = 60_000;

/// A program, and the other end of its terminal.
pub struct OnTerminal {
    pub child: Child,
    ours: File,
    /// Keeps the terminal when the program has ended, for a look at its mode.
    theirs: OwnedFd,
    said: String,
}

impl OnTerminal {
    /// Starts a program in the foreground of a new terminal.
    #[allow(unsafe_code)]
    pub fn start(mut command: Command) -> Result<Self, Failed> {
        let pty = openpty(None, None)?;
        let stream = || pty.slave.try_clone();
        command.stdin(stream()?).stdout(stream()?).stderr(stream()?);
        // In CI, a terminal without colours has colours, too.
        command.env("TERM", "dumb").env("NO_COLOR", "1").env_remove("CLICOLOR_FORCE");
        // SAFETY: setsid(2) and ioctl(2) may be called after fork(2).
        unsafe {
            command.pre_exec(|| {
                nix::unistd::setsid()?;
                match libc::ioctl(0, libc::TIOCSCTTY, 0) {
                    0 => Ok(()),
                    _ => Err(std::io::Error::last_os_error()),
                }
            })
        };
        let child = command.spawn()?;
        Ok(Self { child, ours: pty.master.into(), theirs: pty.slave, said: String::new() })
    }

    /// Presses keys.
    pub fn press(&mut self, keys: &str) -> Result<(), Failed> {
        Ok(self.ours.write_all(keys.as_bytes())?)
    }

    /// Waits until the program has said this, and returns all that it has said up to there since the last call.
    pub fn until(&mut self, words: &str) -> Result<String, Failed> {
        loop {
            if let Some(at) = self.said.find(words) {
                let rest = self.said.split_off(at + words.len());
                return Ok(std::mem::replace(&mut self.said, rest));
            }
            let mut ready = [PollFd::new(self.ours.as_fd(), PollFlags::POLLIN)];
            let silent = poll(&mut ready, PollTimeout::from(PATIENCE))? == 0;
            if silent {
                return Err(format!("nothing more was said, and not {words:?}: {}", self.said).into());
            }
            let mut bytes = [0; 4096];
            let length = self.ours.read(&mut bytes)?;
            self.said += &String::from_utf8_lossy(&bytes[..length]).replace('\r', "");
        }
    }

    /// Whether the terminal reads whole lines and shows keys, as it does for a shell.
    pub fn is_as_before(&self) -> Result<bool, Failed> {
        Ok(tcgetattr(&self.theirs)?.local_flags.contains(LocalFlags::ICANON | LocalFlags::ECHO))
    }

    /// Waits for its end.
    pub fn end(&mut self) -> Result<ExitStatus, Failed> {
        Ok(self.child.wait()?)
    }
}

/// No test leaves a program behind.
impl Drop for OnTerminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
