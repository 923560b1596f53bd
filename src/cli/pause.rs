//! `--pause`: a child waits at its gate until a key says that it may go on.

use std::os::fd::AsFd;
use std::process::Command;
use std::sync::Arc;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::flags::Cli;
use super::keys::KeyMode;
use crate::base::error::Error;
use crate::base::tell::StandardStream;
use crate::base::terminal::TerminalMode;
use crate::session::{AtGate, ChildAtGate};

/// The variable with the child's pid, in the shell.
const PID: &str = "IOR_IT_PID";

/// Selects the one scenario that is to be paused or explained, if there is one.
pub fn select_one(cli: &mut Cli) {
    if let Some(scenario) = cli.pause.as_ref().or(cli.explain.as_ref()) {
        cli.filters = vec![scenario.clone()];
        (cli.libtest.exact, cli.libtest.test_threads) = (true, Some(1));
    }
}

/// The terminal whose keys are taken.
pub fn terminal() -> Result<Arc<TerminalMode>, Error> {
    TerminalMode::of_stdin().map(Arc::new).ok_or_else(|| {
        Error::usage(
            "--pause waits for a key, and the standard input is no terminal in whose foreground ior-it is",
            "call it from a terminal (over ssh with `ssh -t`), and not in the background",
        )
    })
}

/// Waits for a key while a child is at its gate.
pub fn at_gate(terminal: Arc<TerminalMode>) -> AtGate {
    AtGate::new(move |child| {
        StandardStream::Error.line(&told(child.scenario, child.pid));
        let keys = KeyMode::begin(Arc::clone(&terminal));
        wait(&keys, child)
    })
}

/// What a person may want to type.
fn told(scenario: &str, pid: u32) -> String {
    format!(
        "\n{scenario} waits at its gate, as process {pid}. `setup` is over, and `act` has not begun. In another terminal, as root:\n  \
         strace -f -p {pid}\n  gdb -p {pid}\n  ls -l /proc/{pid}/fd\n  bpftool prog show | grep ior_\n  bpftool map dump name filter\n\
         Enter goes on, s opens a shell here ({PID} is the pid), Ctrl-C ends. No time limit runs meanwhile."
    )
}

fn wait(keys: &KeyMode, child: &ChildAtGate<'_>) -> Result<(), Error> {
    loop {
        let mut polled = [PollFd::new(keys.as_fd(), PollFlags::POLLIN), PollFd::new(child.ended, PollFlags::POLLIN)];
        match poll(&mut polled, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(Error::usage(format!("poll: {errno}"), "see `ulimit -n`")),
        }
        if polled[1].any() != Some(false) {
            StandardStream::Error.line(&format!("process {} has ended at its gate", child.pid));
            return Ok(());
        }
        if polled[0].any() == Some(false) {
            continue;
        }
        match keys.next() {
            Some(b'\n' | b'\r') | None => return Ok(()),
            Some(b's') => {
                keys.suspended(|| shell(child.pid));
                StandardStream::Error
                    .line(&format!("process {} still waits: Enter goes on, s opens a shell", child.pid));
            }
            Some(_) => {}
        }
    }
}

/// Runs the user's shell until it ends.
fn shell(pid: u32) {
    let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty()).unwrap_or_else(|| "/bin/sh".into());
    if let Err(error) = Command::new(&shell).env(PID, pid.to_string()).status() {
        let shell = crate::base::escape::path(shell.as_ref());
        StandardStream::Error.line(&format!("{shell} could not be run: {error}"));
    }
}
