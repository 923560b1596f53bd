//! Processes that a command leaves behind, which could keep `ior-it` running or be kept by it: orphaned groups, vfork children.
#![allow(unsafe_code)]

use std::fs::read_to_string;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::support::{self, Named, Tested};
use libtest_mimic::{Arguments, Failed};
use nix::sched::CloneFlags;
use nix::sys::signal::{Signal, kill, raise};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{ForkResult, Pid, fork, setpgid};

/// Makes this program act as the traced command.
pub const WORK: &str = "IOR_IT_TEST_LEFT";
/// How long a test waits for an event that must come. It only bounds a hang.
const LONG: Duration = Duration::from_secs(60);

pub fn main() -> ExitCode {
    let live: [Named; 4] = [
        ("an_orphaned_group_that_is_stopped_gets_its_signals", || orphaned_group(&[])),
        ("under_a_witness_it_gets_them_too", || orphaned_group(&["--witness"])),
        ("a_vfork_parent_does_not_keep_the_witness", vfork_parent),
        ("a_killed_reaper_takes_the_command_with_it", killed_reaper),
    ];
    support::run("left", &Arguments::from_args(), live.map(|(name, test)| support::live(name, test)))
}

/// The work of this program as the command.
pub fn works(work: &str) -> ExitCode {
    match work {
        "vfork" => vfork_and_leave(),
        "orphans" => leave_a_stopped_orphan(),
        _ => return ExitCode::FAILURE,
    }
    ExitCode::SUCCESS
}

/// Leaves behind a process that waits for its vfork child, which only waits.
fn vfork_and_leave() {
    // SAFETY: this program has one thread.
    if let Ok(ForkResult::Child) = unsafe { fork() } {
        let mut stack = [0; 1 << 14];
        let wait = || {
            // By now the parent waits.
            println!("ready\n{}", std::process::id());
            loop {
                nix::unistd::pause();
            }
        };
        let like_vfork = CloneFlags::CLONE_VM | CloneFlags::CLONE_VFORK;
        // SAFETY: the child has a stack of its own, which lives as long as the parent waits.
        let _ = unsafe { nix::sched::clone(Box::new(wait), &mut stack, like_vfork, Some(libc::SIGCHLD)) };
    }
}

/// Ends when a stopped process is gone whose parent was the last of its group to have one elsewhere in the session.
fn leave_a_stopped_orphan() {
    let Ok((mut until_it_is_gone, held)) = std::io::pipe() else { return };
    // SAFETY: this program has one thread.
    if let Ok(ForkResult::Child) = unsafe { fork() } {
        let _ = setpgid(Pid::from_raw(0), Pid::from_raw(0));
        drop(until_it_is_gone);
        // SAFETY: as above.
        match unsafe { fork() } {
            Ok(ForkResult::Child) => drop(raise(Signal::SIGSTOP)),
            Ok(ForkResult::Parent { child }) => drop(waitpid(child, Some(WaitPidFlag::WUNTRACED))),
            Err(_) => {}
        }
        std::process::exit(0);
    }
    drop(held);
    let _ = until_it_is_gone.read(&mut [0]);
}

/// With its streams to be read.
fn spawned(mut command: Command) -> Result<(Child, BufReader<ChildStdout>), Failed> {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let stdout = BufReader::new(child.stdout.take().ok_or("no stdout")?);
    Ok((child, stdout))
}

/// A run that has said "ready".
fn ready(command: Command) -> Result<(Child, BufReader<ChildStdout>), Failed> {
    let (child, mut stdout) = spawned(command)?;
    let mut line = String::new();
    stdout.read_line(&mut line)?;
    require!(line == "ready\n", "it is not ready: {line}");
    Ok((child, stdout))
}

/// Waits for the end of a run. A run that never ends is an error, and not a test that hangs.
fn ended(child: &mut Child) -> Result<ExitStatus, Failed> {
    let begin = Instant::now();
    while begin.elapsed() < LONG {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        std::thread::yield_now();
    }
    child.kill()?;
    Err("it has not ended".into())
}

fn child_of(pid: Pid, name: &str) -> Result<Pid, Failed> {
    let children = read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    let mut pids = children.split_whitespace();
    let is_it = |pid: &&str| read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim() == name);
    Ok(Pid::from_raw(pids.find(is_it).ok_or("it has no such child")?.parse()?))
}

fn vfork_parent() -> Tested {
    let folder = tempfile::tempdir()?;
    let trace = folder.path().join("trace");
    let options = ["--witness", "--summary", "--output", &trace.display().to_string()];
    let (mut child, mut stdout) = ready(support::working(&options, (WORK, "vfork"), &[])?)?;
    let mut left = String::new();
    stdout.read_line(&mut left)?;
    let left = Pid::from_raw(left.trim().parse()?);
    // The command itself is gone, but a process that it has left behind is not.
    let zygote = child_of(child_of(Pid::from_raw(child.id() as i32), "ior-it-reaper")?, "ior-it-zygote")?;
    while !read_to_string(format!("/proc/{zygote}/task/{zygote}/children"))?.is_empty() {
        std::thread::yield_now();
    }
    // The second of those that come when the end is known ends the waiting.
    while child.try_wait()?.is_none() {
        kill(Pid::from_raw(child.id() as i32), Signal::SIGINT)?;
        std::thread::yield_now();
    }
    let status = ended(&mut child)?;
    let trace = read_to_string(trace)?;
    require!(kill(left, Signal::SIGKILL).is_ok(), "who could be let go has been killed: {trace}");
    require!(trace.contains("witness: 1 process could not be let go in time, and were killed"), "{trace}");
    require!(status.code() == Some(0) && trace.contains(" calls compared, no difference"), "{status}: {trace}");
    Ok(())
}

fn orphaned_group(options: &[&str]) -> Tested {
    let (mut child, _stdout) = spawned(support::working(
        &[options, &["--summary", "--output", "/dev/null"]].concat(),
        (WORK, "orphans"),
        &[],
    )?)?;
    let status = ended(&mut child)?;
    require!(status.code() == Some(0), "{status}");
    Ok(())
}

fn killed_reaper() -> Tested {
    for options in [&[][..], &["--witness"]] {
        let script = "setsid sleep 1000 & (sleep 1000 &); echo ready; while :; do sleep 1000; done";
        let options = [options, &["--summary", "--output", "/dev/null"]].concat();
        let (mut child, mut stdout) = ready(support::traced(&options, &["sh", "-c", script]))?;
        kill(child_of(Pid::from_raw(child.id() as i32), "ior-it-reaper")?, Signal::SIGKILL)?;
        let status = ended(&mut child)?;
        require!(status.code() == Some(5), "{options:?}: {status}");
        // The end of the stream: every process has closed the other end.
        stdout.read_to_end(&mut Vec::new())?;
    }
    Ok(())
}
