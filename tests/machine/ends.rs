//! `ior-it -- COMMAND` ends, whatever dies or blocks, and sleeps while nothing happens.
#![allow(unsafe_code)]

use std::fs::{File, read_to_string};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, ChildStdout, Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::support;
use ior_it::pidfd::Pidfd;
use libtest_mimic::{Arguments, Failed};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::CloneFlags;
use nix::sys::signal::{Signal, kill, raise};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{ForkResult, Pid, fork, setpgid};

type Tested = Result<(), Failed>;
type Named = (&'static str, fn() -> Tested);

/// Tells this very program to be the command that is traced.
pub const WORK: &str = "IOR_IT_TEST_ENDS";

pub fn main() -> ExitCode {
    let live: [Named; 10] = [
        ("a_killed_zygote_takes_the_command_with_it", killed_zygote),
        ("a_command_that_ignores_all_signals_is_killed", ignores),
        ("who_ends_when_it_is_asked_to_is_not_killed", obeys),
        ("an_output_that_nobody_reads_does_not_keep_it_going", blocked_output),
        ("what_is_lost_with_a_blocked_output_is_told", blocked_file),
        ("a_vfork_parent_does_not_keep_the_witness_going", vfork_parent),
        ("an_orphaned_group_that_is_stopped_gets_its_signals", || orphaned_group(&[])),
        ("under_a_witness_it_gets_them_too", || orphaned_group(&["--witness"])),
        ("closed_descriptors_stay_closed", closed),
        ("nothing_wakes_it_while_nothing_happens", asleep),
    ];
    support::run("ends", &Arguments::from_args(), live.map(|(name, test)| support::live(name, test)))
}

/// What this program does as the command.
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
            // Here the parent waits already.
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

fn traced(options: &[&str], command: &[&str]) -> Command {
    let mut traced = Command::new(env!("CARGO_BIN_EXE_ior-it"));
    traced.args(options).arg("--").args(command).stdin(Stdio::null());
    traced.stdout(Stdio::piped()).stderr(Stdio::piped());
    traced
}

/// This program as the command, at this work.
fn working(options: &[&str], work: &str) -> Result<Command, Failed> {
    let program = std::env::current_exe()?;
    let mut command = traced(options, &[program.to_str().ok_or("its path is no text")?]);
    command.env(WORK, work);
    Ok(command)
}

fn spawned(mut command: Command) -> Result<(Child, BufReader<ChildStdout>), Failed> {
    let mut child = command.spawn()?;
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

fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id() as i32)
}

/// The end of a run, and of all that has its standard output. What never ends is an error and no test that hangs.
fn ended(child: &mut Child, stdout: impl Read + Send + 'static) -> Result<ExitStatus, Failed> {
    let patience = Instant::now() + Duration::from_secs(120);
    let pidfd = Pidfd::open(child.id())?;
    if !pidfd.wait_until(patience) {
        pidfd.kill();
        return Err("it has not ended".into());
    }
    let (say, gone) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut stdout = stdout;
        say.send(stdout.read_to_end(&mut Vec::new())).is_ok()
    });
    gone.recv_timeout(patience - Instant::now()).map_err(|_| "a process has not ended")??;
    Ok(child.wait()?)
}

/// The same, with all that has been said on the standard error output.
fn told(child: &mut Child, stdout: impl Read + Send + 'static) -> Result<(ExitStatus, String), Failed> {
    let mut stderr = child.stderr.take().ok_or("no stderr")?;
    let reader = std::thread::spawn(move || {
        let mut said = String::new();
        stderr.read_to_string(&mut said).map(|_| said)
    });
    let status = ended(child, stdout)?;
    Ok((status, reader.join().map_err(|_| "the reader panicked")??))
}

fn child_of(pid: Pid, name: &str) -> Result<Pid, Failed> {
    let children = read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    let mut pids = children.split_whitespace();
    let is_it = |pid: &&str| read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim() == name);
    Ok(Pid::from_raw(pids.find(is_it).ok_or("it has no such child")?.parse()?))
}

fn killed_zygote() -> Tested {
    let rows: [(&[&str], bool); 5] =
        [(&[], true), (&["--witness"], true), (&["--no-follow"], true), (&[], false), (&["--witness"], false)];
    for (options, the_zygote) in rows {
        // Two of whom the reaper is the parent or will be, and one of another session.
        let script = "setsid sleep 1000 & (sleep 1000 &); echo ready; while :; do sleep 1000; done";
        let (mut child, stdout) = ready(traced(&[options, &["--summary"]].concat(), &["sh", "-c", script]))?;
        let reaper = child_of(pid(&child), "ior-it-reaper")?;
        kill(if the_zygote { child_of(reaper, "ior-it-zygote")? } else { reaper }, Signal::SIGKILL)?;
        let (status, stderr) = told(&mut child, stdout)?;
        require!(status.code() == Some(5), "{options:?}, {the_zygote}: {status}: {stderr}");
        for part in ["error: the process that forks the command is gone", "hint: ", "\n all  "] {
            require!(stderr.contains(part), "{options:?}, {the_zygote}: no {part}: {stderr}");
        }
    }
    Ok(())
}

const SIGNALS: [&[Signal]; 4] =
    [&[Signal::SIGTERM], &[Signal::SIGHUP], &[Signal::SIGINT, Signal::SIGINT], &[Signal::SIGQUIT, Signal::SIGINT]];

/// A signal that has not been taken yet swallows another of the same kind.
fn send(pid: Pid, signals: &[Signal]) -> Tested {
    for &signal in signals {
        while is_pending(pid, signal)? {
            std::thread::yield_now();
        }
        kill(pid, signal)?;
    }
    Ok(())
}

fn is_pending(pid: Pid, signal: Signal) -> Result<bool, Failed> {
    let status = read_to_string(format!("/proc/{pid}/status"))?;
    let set = status.lines().find_map(|line| line.strip_prefix("ShdPnd:\t")).ok_or("no ShdPnd")?;
    Ok(u64::from_str_radix(set, 16)? >> (signal as u32 - 1) & 1 == 1)
}

fn ignores() -> Tested {
    for options in [&["--summary"][..], &["--summary", "--witness"]] {
        for signals in SIGNALS {
            let script = "trap '' TERM HUP INT QUIT; sleep 1000 & echo ready; while :; do sleep 1000; done";
            let (mut child, stdout) = ready(traced(options, &["sh", "-c", script]))?;
            send(pid(&child), signals)?;
            let (status, stderr) = told(&mut child, stdout)?;
            require!(status.code() == Some(137), "{options:?} {signals:?}: {status}: {stderr}");
            require!(stderr.contains("\nlost: nothing"), "{options:?} {signals:?}: {stderr}");
        }
    }
    Ok(())
}

fn obeys() -> Tested {
    let script = "trap 'echo bye >&2; exit 7' TERM; echo ready; while :; do :; done";
    for options in [&["--summary"][..], &["--summary", "--witness"]] {
        let (mut child, stdout) = ready(traced(options, &["sh", "-c", script]))?;
        send(pid(&child), &[Signal::SIGTERM])?;
        let (status, stderr) = told(&mut child, stdout)?;
        require!(status.code() == Some(7) && stderr.starts_with("bye\n"), "{options:?}: {status}: {stderr}");
    }
    Ok(())
}

/// Until nothing more goes into a pipe: whoever writes to it is held up.
fn wait_until_full(writer: &impl AsFd) -> Tested {
    let mut polled = [PollFd::new(writer.as_fd(), PollFlags::POLLOUT)];
    while poll(&mut polled, PollTimeout::ZERO)? == 1 {
        std::thread::yield_now();
    }
    Ok(())
}

const BUSY: &str = "echo ready; while :; do echo x >/dev/null; done";

fn blocked_output() -> Tested {
    for options in [&[][..], &["--witness"]] {
        for signals in SIGNALS {
            let (_unread, stderr) = std::io::pipe()?;
            let mut command = traced(options, &["sh", "-c", BUSY]);
            command.stderr(stderr.try_clone()?);
            let (mut child, stdout) = ready(command)?;
            wait_until_full(&stderr)?;
            send(pid(&child), signals)?;
            let status = ended(&mut child, stdout)?;
            require!(status.code() == Some(5), "{options:?} {signals:?}: {status}");
        }
    }
    Ok(())
}

fn blocked_file() -> Tested {
    let folder = tempfile::tempdir()?;
    let fifo = folder.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU)?;
    // Opened for both, so that neither side waits for the other.
    let reader = File::options().read(true).write(true).open(&fifo)?;
    let (mut child, stdout) = ready(traced(&["--output", &fifo.display().to_string()], &["sh", "-c", BUSY]))?;
    wait_until_full(&reader)?;
    send(pid(&child), &[Signal::SIGTERM])?;
    let (status, stderr) = told(&mut child, stdout)?;
    require!(status.code() == Some(5), "{status}: {stderr}");
    for part in ["error: SIGTERM has ended the trace of ", "1 process", "hint: "] {
        require!(stderr.contains(part), "no {part}: {stderr}");
    }
    Ok(())
}

fn vfork_parent() -> Tested {
    let folder = tempfile::tempdir()?;
    let trace = folder.path().join("trace");
    let options = ["--witness", "--summary", "--output", &trace.display().to_string()];
    let (mut child, mut stdout) = ready(working(&options, "vfork")?)?;
    let mut left = String::new();
    stdout.read_line(&mut left)?;
    let left = Pid::from_raw(left.trim().parse()?);
    // The command itself is gone, what it has left behind is not.
    let zygote = child_of(child_of(pid(&child), "ior-it-reaper")?, "ior-it-zygote")?;
    while !read_to_string(format!("/proc/{zygote}/task/{zygote}/children"))?.is_empty() {
        std::thread::yield_now();
    }
    send(pid(&child), &[Signal::SIGTERM])?;
    let status = ended(&mut child, std::io::empty())?;
    let trace = read_to_string(trace)?;
    require!(kill(left, Signal::SIGKILL).is_ok(), "who could be let go has been killed: {trace}");
    require!(trace.contains("witness: 1 process could not be let go in time, and were killed"), "{trace}");
    require!(status.code() == Some(0) && trace.contains(" calls compared, no difference"), "{status}: {trace}");
    Ok(())
}

fn orphaned_group(options: &[&str]) -> Tested {
    let (mut child, stdout) = spawned(working(&[options, &["--summary"]].concat(), "orphans")?)?;
    let (status, stderr) = told(&mut child, stdout)?;
    require!(status.code() == Some(0), "{status}: {stderr}");
    Ok(())
}

fn closed() -> Tested {
    let program = env!("CARGO_BIN_EXE_ior-it");
    let script = "for fd in 0 1 2; do test -e /proc/self/fd/$fd && echo $fd >&9; done; true";
    for closed in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
        let open = |prefix: &str| {
            let line = format!("exec {prefix} sh -c '{script}' 9>&1 {closed}");
            Command::new("sh").args(["-c", &line]).output()
        };
        let (bare, traced) = (open("")?, open(&format!("{program} --output /dev/null --"))?);
        require!(bare.stdout.len() < 6, "the test is wrong: {bare:?}");
        require!(bare == traced, "{closed}: bare {bare:?}, traced {traced:?}");
    }
    let nowhere = Command::new("sh").args(["-c", &format!("exec {program} -- echo done 2>&-")]).output()?;
    require!(nowhere.status.code() == Some(2) && nowhere.stdout.is_empty(), "a trace that goes nowhere: {nowhere:?}");
    Ok(())
}

/// How often the threads of a process have been given a CPU.
fn switches(pid: Pid) -> Result<u64, Failed> {
    let mut sum = 0;
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let status = read_to_string(thread?.path().join("status"))?;
        for line in status.lines().filter(|line| line.contains("ctxt_switches:")) {
            sum += line.split_whitespace().nth(1).ok_or("no number")?.parse::<u64>()?;
        }
    }
    Ok(sum)
}

/// While other processes run for longer than any period that it ever had.
fn asleep() -> Tested {
    let read = "while read x; do echo $x; done";
    let left = format!("exec 3<&0; ({read}) <&3 & exit 0");
    for (options, script) in [(&[][..], read), (&["--witness"], read), (&[], &left), (&["--witness"], &left)] {
        let folder = tempfile::tempdir()?;
        let trace = folder.path().join("trace");
        let mut command =
            traced(&[options, &["--output", &trace.display().to_string()]].concat(), &["sh", "-c", script]);
        let mut child = command.stdin(Stdio::piped()).spawn()?;
        let mut stdin = child.stdin.take().ok_or("no stdin")?;
        let mut stdout = BufReader::new(child.stdout.take().ok_or("no stdout")?);
        stdin.write_all(b"ready\n")?;
        stdout.read_line(&mut String::new())?;
        // The last call that returns before it waits for the next line.
        while !read_to_string(&trace)?.contains(" write(1[pipe], ") {
            std::thread::yield_now();
        }
        let mut before = switches(pid(&child))?;
        let mut rounds = 0;
        // It has printed, and may not have gone to sleep yet.
        while rounds < 2 {
            let began = Instant::now();
            while began.elapsed() < Duration::from_millis(1500) {
                Command::new("true").status()?;
            }
            let now = switches(pid(&child))?;
            require!(rounds == 0 || now == before, "{options:?} {script}: woken {} times", now - before);
            (before, rounds) = (now, rounds + 1);
        }
        drop(stdin);
        let (status, stderr) = told(&mut child, stdout)?;
        require!(status.success(), "{status}: {stderr}");
    }
    Ok(())
}
