//! Pids are given again: to strangers, who are not traced for it, and to processes of the same or another watch, who are.
//!
//! Nothing here waits for the machine to come round to a pid, or touches its counter: clone3(2) with `set_tid` asks for one.
#![allow(unsafe_code)]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::time::Duration;

use crate::support::{self, Named, Tested};
use ior_it::support::child::scenario::{Scenario, act};
use ior_it::support::child::zygote::Zygote;
use ior_it::support::watch::tracer::{self, Tracer};
use libtest_mimic::{Arguments, Failed, Trial};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, getppid, read};

/// Tells this very program to be a [`Servant`], or to make so many processes.
pub const WORK: &str = "IOR_IT_TEST_PIDS";

pub fn main() -> ExitCode {
    // Without threads: forked before the first one.
    let zygote = Zygote::start(1, vec![Scenario::new("waits", || act(|| Ok(())))], None);
    let live: [Named; 6] = [
        ("a_stranger_with_the_pid_of_a_dead_process_is_not_traced", stranger),
        ("a_process_with_the_pid_of_one_of_another_watch_is_traced", another_watch),
        ("the_end_of_a_watch_leaves_the_pid_of_its_process_to_others", end_of_a_watch),
        ("nobody_is_left_to_the_next_watch", next_watch),
        ("thousands_of_strangers_take_the_pids_of_a_command", strangers_of_a_command),
        ("more_processes_than_the_filter_map_holds_are_all_traced", many_processes),
    ];
    let held = move || zygote.map_err(|error| error.to_string().into()).and_then(|zygote| pid_is_held(&zygote));
    let held = Trial::test("the_pid_of_a_child_is_its_own_until_its_end_is_told", held);
    let live = live.into_iter().map(|(name, test)| support::live(name, test)).chain([held]);
    support::run("pids", &Arguments { test_threads: Some(1), ..Arguments::from_args() }, live)
}

/// If no end is reported after a watch or seizure by pid, the process under that pid is the child itself.
fn pid_is_held(zygote: &Zygote) -> Tested {
    let limit = Duration::from_secs(60);
    for round in 0..3000 {
        let mut child = zygote.spawn(0, Path::new("/"))?;
        let at_gate = child.reach_gate(limit)?.is_none();
        require!(at_gate, "the child did not come to its gate");
        let pid = Pid::from_raw(child.pid() as i32);
        kill(pid, Signal::SIGKILL)?;
        loop {
            let gone = kill(pid, None) == Err(Errno::ESRCH);
            let told = child.has_ended()?;
            require!(told || !gone, "round {round}: the pid was free before the end was told");
            if told {
                break;
            }
        }
        child.wait(limit)?;
    }
    Ok(())
}

/// How often a process forks again because another process got its pid.
const ATTEMPTS: usize = 100;
/// How many calls of getppid a child makes.
const CALLS: u64 = 3;

/// What this program does instead of testing.
pub fn works(work: &str) -> ExitCode {
    match work.parse() {
        Ok(count) => drop((0_u32..count).map(|_| dead_child()).collect::<Vec<_>>()),
        Err(_) if work == "storm" => loop {
            dead_child();
        },
        Err(_) => serve(),
    }
    ExitCode::SUCCESS
}

/// Carries out the orders in its standard input, one on each line, and answers each with a line.
fn serve() {
    while let Some(line) = line() {
        let (word, number) = line.split_once(' ').unwrap_or((&line, ""));
        let answer = match (word, number.parse()) {
            ("dead", _) => dead_child(),
            ("heir", Ok(pid)) => heir(pid).map_or(0, |()| pid),
            _ => return,
        };
        println!("{answer}");
    }
}

/// A line of the standard input, without a buffer: a child reads on where its parent has stopped.
fn line() -> Option<String> {
    let (mut line, mut byte) = (String::new(), [0]);
    while read(std::io::stdin(), &mut byte) == Ok(1) {
        if byte == *b"\n" {
            return Some(line);
        }
        line.push(byte[0].into());
    }
    None
}

/// A child that has made some calls, and is gone and reaped.
fn dead_child() -> i32 {
    // SAFETY: the child makes system calls, and ends.
    match unsafe { libc::fork() } {
        0 => end_after_calls(),
        child => reaped(child),
    }
}

fn reaped(child: i32) -> i32 {
    match waitpid(Pid::from_raw(child), None) {
        Ok(WaitStatus::Exited(pid, 0)) => pid.as_raw(),
        _ => 0,
    }
}

fn end_after_calls() -> ! {
    for _ in 0..CALLS {
        getppid();
    }
    // SAFETY: ends the process at once.
    unsafe { libc::_exit(0) }
}

/// A child with this pid, which is gone at the next line: until then it has made no call of getppid.
fn heir(pid: i32) -> nix::Result<()> {
    match fork_with(pid)? {
        0 => {
            println!("{pid}");
            line();
            dead_child();
            end_after_calls()
        }
        child => reaped(child),
    };
    Ok(())
}

/// fork(2) with the child's pid, or EEXIST if another process has it.
fn fork_with(pid: i32) -> nix::Result<i32> {
    // SAFETY: plain numbers, for which all bits zero is a value.
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.exit_signal = libc::SIGCHLD as u64;
    args.set_tid = (&raw const pid) as u64;
    args.set_tid_size = 1;
    // SAFETY: as fork(2): no stack and no flags. What the child does is the caller's to answer for.
    let result = unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size_of_val(&args)) };
    Errno::result(result).map(|pid| pid as i32)
}

/// This program as a process that can be watched, and does what it is told.
struct Servant {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Servant {
    fn start() -> Result<Self, Failed> {
        Self::of(Command::new(std::env::current_exe()?))
    }

    fn of(mut command: Command) -> Result<Self, Failed> {
        let mut child = command.env(WORK, "serve").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdin = child.stdin.take().ok_or("no stdin")?;
        let stdout = BufReader::new(child.stdout.take().ok_or("no stdout")?);
        let mut servant = Self { child, stdin, stdout };
        // It has begun to serve.
        servant.dead_child()?;
        Ok(servant)
    }

    fn id(&self) -> u32 {
        self.child.id()
    }

    fn tell(&mut self, line: &str) -> Tested {
        Ok(writeln!(self.stdin, "{line}")?)
    }

    /// The pid in its next line.
    fn answer(&mut self) -> Result<i32, Failed> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        Ok(line.trim().parse().map_err(|_| format!("the servant says {line:?}"))?)
    }

    /// The pid of a child of it that is gone.
    fn dead_child(&mut self) -> Result<i32, Failed> {
        self.tell("dead")?;
        self.answer()
    }

    /// Waits until it is inside read(2), whose enter has been counted (proc_pid_syscall(5)).
    fn waits(&self) -> Tested {
        let (file, reads) = (format!("/proc/{}/syscall", self.id()), format!("{} ", libc::SYS_read));
        while !std::fs::read_to_string(&file)?.starts_with(&reads) {
            std::thread::yield_now();
        }
        Ok(())
    }

    /// Whether it has a child now that has this pid.
    fn has_heir(&mut self, pid: i32) -> Result<bool, Failed> {
        self.tell(&format!("heir {pid}"))?;
        Ok(self.answer()? == pid)
    }

    /// Lets that child end. Until then it is blocked.
    fn let_heir_end(&mut self) -> Tested {
        self.tell("")?;
        self.answer().map(drop)
    }
}

impl Drop for Servant {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A child of this process with this pid that does what a watched process would be counted for, and is gone; false if somebody
/// else has the pid.
fn stranger_with(pid: i32) -> Result<bool, Failed> {
    match fork_with(pid) {
        Ok(0) => {
            // SAFETY: a signal that is handled, so that a program of the tracer sees it: getppid is no more than that.
            unsafe {
                libc::signal(libc::SIGUSR1, handler as *const () as libc::sighandler_t);
                libc::raise(libc::SIGUSR1);
            }
            dead_child();
            end_after_calls()
        }
        Ok(child) => Ok(reaped(child) == pid),
        Err(Errno::EEXIST) => Ok(false),
        Err(errno) => Err(format!("clone3 with set_tid: {errno}").into()),
    }
}

extern "C" fn handler(_: i32) {}

fn tracer() -> Result<Tracer, Failed> {
    Ok(Tracer::load(&tracer::TracerOptions::default())?)
}

fn stranger() -> Tested {
    let tracer = tracer()?;
    let mut servant = Servant::start()?;
    let watching = tracer.watch(0, servant.id(), true)?;
    for _ in 0..ATTEMPTS {
        let dead = servant.dead_child()?;
        servant.waits()?;
        let before = watching.counts();
        if stranger_with(dead)? {
            let after = watching.counts();
            require!(before == after, "a stranger was counted: {before:?}, and then {after:?}");
            require!(before.followed > 0 && before.ends == before.followed, "nobody was watched: {before:?}");
            return Ok(());
        }
    }
    Err("somebody else always had the pid".into())
}

/// The pid of a dead process of one watch, then of a living one of another.
fn another_watch() -> Tested {
    let tracer = tracer()?;
    let (mut first, mut second) = (Servant::start()?, Servant::start()?);
    let of_first = tracer.watch(0, first.id(), true)?;
    let of_second = tracer.watch(1, second.id(), true)?;
    for _ in 0..ATTEMPTS {
        let dead = first.dead_child()?;
        let before = of_first.counts();
        if !second.has_heir(dead)? {
            continue;
        }
        let begun = of_second.counts();
        drop(of_first);
        second.let_heir_end()?;
        let ended = of_second.counts();
        // The heir and its child: their calls of getppid, and their ends.
        require!(ended.seen >= begun.seen + 2 * CALLS, "the heir was not watched: {begun:?}, and then {ended:?}");
        require!(ended.ends == begun.ends + 2, "ends are missing: {begun:?}, and then {ended:?}");
        require!(ended.followed == begun.followed + 1, "a fork is missing: {begun:?}, and then {ended:?}");
        require!(before.ends > 0, "nobody of the first watch is gone: {before:?}");
        return Ok(());
    }
    Err("somebody else always had the pid".into())
}

/// The same with the process that was to be watched in the first place, whose pid the guard of its watch knows.
fn end_of_a_watch() -> Tested {
    let tracer = tracer()?;
    let mut servant = Servant::start()?;
    let of_servant = tracer.watch(1, servant.id(), true)?;
    for _ in 0..ATTEMPTS {
        let mut first = Servant::start()?;
        let of_first = tracer.watch(0, first.id(), false)?;
        let pid = first.id() as i32;
        first.tell("end")?;
        first.child.wait()?;
        if !servant.has_heir(pid)? {
            continue;
        }
        let begun = of_servant.counts();
        drop(of_first);
        servant.let_heir_end()?;
        let ended = of_servant.counts();
        require!(ended.ends == begun.ends + 2, "the heir was not watched to its end: {begun:?}, and then {ended:?}");
        return Ok(());
    }
    Err("somebody else always had the pid".into())
}

/// Whoever is forked while a watch ends is not counted to the one that has its slot next.
fn next_watch() -> Tested {
    let tracer = tracer()?;
    let quiet = Servant::start()?;
    for round in 0..200 {
        let mut storm = Command::new(std::env::current_exe()?).env(WORK, "storm").spawn()?;
        let watching = tracer.watch(0, storm.id(), true)?;
        while watching.counts().followed == 0 {
            std::thread::yield_now();
        }
        drop(watching);
        let watching = tracer.watch(0, quiet.id(), true)?;
        storm.kill()?;
        storm.wait()?;
        let counts = watching.counts();
        let counted = counts.seen + counts.ends + counts.strays;
        require!(counted == 0, "round {round}: the next watch has counted somebody else: {counts:?}");
    }
    Ok(())
}

/// A command's processes die, and each time a stranger gets the pid, before the command goes on.
fn strangers_of_a_command() -> Tested {
    const ROUNDS: usize = 2000;
    let mut command = Command::new(env!("CARGO_BIN_EXE_ior-it"));
    command.args(["--witness", "--summary", "--"]).arg(std::env::current_exe()?).stderr(Stdio::piped());
    let mut servant = Servant::of(command)?;
    let (mut strangers, mut heirs) = (0, 0);
    for _ in 0..ROUNDS {
        let dead = servant.dead_child()?;
        strangers += usize::from(stranger_with(dead)?);
        if servant.has_heir(dead)? {
            servant.let_heir_end()?;
            heirs += 1;
        }
    }
    servant.tell("end")?;
    let mut says = String::new();
    std::io::Read::read_to_string(&mut servant.child.stderr.take().ok_or("no stderr")?, &mut says)?;
    let status = servant.child.wait()?;
    require!(status.code() == Some(0), "{status}: {says}");
    require!(strangers > ROUNDS / 2 && heirs > ROUNDS / 2, "{strangers} strangers and {heirs} heirs had the pid");
    let processes = 2 + ROUNDS + 2 * heirs;
    require!(says.contains(&format!(" of {processes} processes\n")), "not {processes} processes: {says}");
    require!(says.contains("\nlost: nothing; ") && says.ends_with("compared, no difference\n"), "{says}");
    let calls = count_of("getppid", &says);
    let expected = CALLS * (processes - 1) as u64;
    require!(calls == Some(expected), "{calls:?} calls of getppid, not {expected}: {says}");
    Ok(())
}

/// How many calls of this name the table has.
fn count_of(call: &str, says: &str) -> Option<u64> {
    let row = says.lines().find_map(|line| line.strip_prefix(&format!(" {call} ")))?;
    row.split_whitespace().next()?.parse().ok()
}

/// The map holds 16384 processes, and those that are gone are in it for a while.
fn many_processes() -> Tested {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ior-it"));
    command.args(["--summary", "--"]).arg(std::env::current_exe()?).env(WORK, "17000");
    let output = command.output()?;
    let says = String::from_utf8_lossy(&output.stderr);
    require!(output.status.code() == Some(0), "{}: {says}", output.status);
    require!(says.contains("\nlost: nothing; ") && says.contains(" of 17001 processes\n"), "{says}");
    require!(count_of("getppid", &says) == Some(17_000 * CALLS), "{says}");
    Ok(())
}
