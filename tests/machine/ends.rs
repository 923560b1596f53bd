//! A run always ends, whatever dies, blocks or ignores signals. A process without work sleeps.

use std::fs::read_to_string;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use crate::support::{self, Named, Tested};
use libtest_mimic::{Arguments, Failed};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long a test waits for an event that must come. It only bounds a hang.
const LONG: Duration = Duration::from_secs(60);
const BOTH: [&[&str]; 2] = [&[], &["--witness"]];

pub fn main() -> ExitCode {
    let live: [Named; 7] = [
        ("a_dead_zygote_is_a_loss_and_leaves_nobody", dead_zygote),
        ("who_was_stopped_goes_on_to_clean_up", stopped_zygote),
        ("blocked_output_does_not_keep_it", blocked_output),
        ("a_command_that_does_not_listen_is_killed", deaf_command),
        ("a_command_that_listens_has_its_own_exit_code", listening_command),
        ("who_has_nothing_to_do_sleeps", sleeps),
        ("signals_that_are_ignored_stay_ignored", ignored_signals),
    ];
    let live = live.into_iter().map(|(name, test)| support::live(name, test));
    support::run("ends", &Arguments::from_args(), live)
}

/// `ior-it` with a command, in its own process group, which is killed if the test fails.
struct Running(Child);

/// What it has written to a file.
struct Written(tempfile::NamedTempFile);

impl Written {
    fn new() -> Result<Self, Failed> {
        Ok(Self(tempfile::NamedTempFile::new()?))
    }

    fn options<'a>(&'a self, more: &[&'a str]) -> Result<Vec<&'a str>, Failed> {
        Ok([more, &["--output", self.0.path().to_str().ok_or("no path")?]].concat())
    }

    fn says(&self) -> Result<String, Failed> {
        Ok(read_to_string(self.0.path())?)
    }
}

impl Running {
    fn start(options: &[&str], script: &str, stderr: Stdio) -> Result<Self, Failed> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ior-it"));
        command.args(options).args(["--", "sh", "-c", script]).process_group(0);
        Ok(Self(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr).spawn()?))
    }

    /// Waits until the command has reported its start.
    fn begun(mut self) -> Result<Self, Failed> {
        let mut word = [0; 6];
        self.0.stdout.as_mut().ok_or("no stdout")?.read_exact(&mut word)?;
        require!(&word == b"begun\n", "the command says {word:?}");
        Ok(self)
    }

    /// A second signal of the same kind is dropped while the first is pending (signal(7)). So this waits until it is not.
    fn signal(&self, signal: Signal) -> Tested {
        kill(Pid::from_raw(self.0.id() as i32), signal)?;
        let status = || read_to_string(format!("/proc/{}/status", self.0.id())).unwrap_or_default();
        let pending = |status: &str| {
            let set = status.lines().find_map(|line| line.strip_prefix("ShdPnd:"))?.trim();
            Some(u64::from_str_radix(set, 16).ok()? >> (signal as i32 - 1) & 1 == 1)
        };
        while pending(&status()) == Some(true) {
            std::thread::yield_now();
        }
        Ok(())
    }

    /// Its exit code, once it has ended.
    fn ends(&mut self) -> Result<Option<i32>, Failed> {
        let begin = Instant::now();
        while begin.elapsed() < LONG {
            if let Some(status) = self.0.try_wait()? {
                return Ok(status.code());
            }
            std::thread::yield_now();
        }
        Err("it does not end".into())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = nix::sys::signal::killpg(Pid::from_raw(self.0.id() as i32), Signal::SIGKILL);
        let _ = self.0.wait();
    }
}

/// The children of a process. Not every kernel has proc_pid_task_children(5).
fn children(pid: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parent = |pid: &u32| {
        let stat = read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit(") ").next()?.split(' ').nth(1)?.parse::<u32>().ok()
    };
    pids.filter(|one| parent(one) == Some(pid)).collect()
}

/// Whether a process other than a zombie has this word in its command line.
fn is_left(word: &str) -> bool {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut lines = processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.any(|line| String::from_utf8_lossy(&line).contains(word))
}

fn dead_zygote() -> Tested {
    for (round, options) in BOTH.into_iter().enumerate() {
        // No other process sleeps for this long.
        let nap = format!("{}", 4_000_000 + std::process::id() * 2 + round as u32);
        let script = format!("sleep {nap} & echo begun; exec sleep {nap}");
        let written = Written::new()?;
        let mut running = Running::start(&written.options(options)?, &script, Stdio::null())?.begun()?;
        let zygotes = children(running.0.id());
        require!(zygotes.len() == 1, "{zygotes:?} are the children");
        kill(Pid::from_raw(zygotes[0] as i32), Signal::SIGKILL)?;
        let (code, says) = (running.ends()?, written.says()?);
        require!(code == Some(5), "{options:?}: exit {code:?}: {says}");
        require!(says.contains("\nlost: the end of the program"), "{options:?}: {says}");
        require!(!is_left(&nap), "{options:?}: somebody is left");
    }
    Ok(())
}

/// The process above the zygote, or the zygote, at the end of `ior-it` by a signal that it hears and by one that it does not.
fn stopped_zygote() -> Tested {
    let rows = [(Signal::SIGTERM, Some(143)), (Signal::SIGKILL, None)];
    for (round, (signal, code)) in rows.into_iter().chain(rows).enumerate() {
        let nap = format!("{}", 5_000_000 + std::process::id() * 4 + round as u32);
        let mut running = Running::start(&[], &format!("echo begun; exec sleep {nap}"), Stdio::null())?.begun()?;
        // The group is not orphaned, and so the kernel does not wake its stopped members (setpgid(2), _exit(2)).
        let mut companion = Command::new("sleep").arg("600").process_group(running.0.id() as i32).spawn()?;
        let above = *children(running.0.id()).first().ok_or("there is no process above the zygote")?;
        let zygote = *children(above).first().ok_or("there is no zygote")?;
        kill(Pid::from_raw(if round < rows.len() { above } else { zygote } as i32), Signal::SIGSTOP)?;
        kill(Pid::from_raw(running.0.id() as i32), signal)?;
        let ended = running.ends()?;
        require!(ended == code, "{signal}: exit {ended:?} and not {code:?}");
        let begin = Instant::now();
        let is_there = |pid: u32| kill(Pid::from_raw(pid as i32), None).is_ok();
        while is_there(above) || is_there(zygote) || is_left(&nap) {
            require!(begin.elapsed() < LONG, "{signal}: somebody is left: {above}, {zygote} or `sleep {nap}`");
            std::thread::yield_now();
        }
        companion.kill()?;
        companion.wait()?;
    }
    Ok(())
}

/// A pipe without a reader.
fn blocked_output() -> Tested {
    let rows: [(&[Signal], i32); 4] = [
        (&[Signal::SIGTERM], 143),
        (&[Signal::SIGHUP], 129),
        (&[Signal::SIGINT, Signal::SIGINT], 130),
        (&[Signal::SIGQUIT, Signal::SIGINT], 130),
    ];
    for options in BOTH {
        for (signals, code) in rows {
            let (_reader, writer) = std::io::pipe()?;
            let script = "trap '' INT QUIT; echo begun; while :; do : < /dev/null; done";
            let mut running = Running::start(options, script, writer.into())?.begun()?;
            for signal in signals {
                running.signal(*signal)?;
            }
            let ended = running.ends()?;
            require!(ended == Some(code), "{options:?}, {signals:?}: exit {ended:?} and not {code}");
        }
    }
    Ok(())
}

fn deaf_command() -> Tested {
    for options in BOTH {
        for (signals, code) in [(&[Signal::SIGTERM][..], 143), (&[Signal::SIGINT, Signal::SIGINT], 130)] {
            let script = "trap '' INT TERM; echo begun; while :; do sleep 1; done";
            let written = Written::new()?;
            let mut running = Running::start(&written.options(options)?, script, Stdio::null())?.begun()?;
            for signal in signals {
                running.signal(*signal)?;
            }
            let (ended, says) = (running.ends()?, written.says()?);
            require!(ended == Some(code), "{options:?}, {signals:?}: exit {ended:?}: {says}");
            require!(says.contains("\nlost: nothing"), "the table does not come: {says}");
        }
    }
    Ok(())
}

fn listening_command() -> Tested {
    let script = "trap 'exit 7' TERM; echo begun; read x";
    let mut running = Running::start(&[], script, Stdio::null())?.begun()?;
    running.signal(Signal::SIGTERM)?;
    let ended = running.ends()?;
    require!(ended == Some(7), "exit {ended:?}");
    Ok(())
}

/// Under nohup(1), SIGHUP is ignored.
fn ignored_signals() -> Tested {
    let script = "echo begun; read x; exit 7";
    let mut command = Command::new("nohup");
    command.arg(env!("CARGO_BIN_EXE_ior-it")).args(["--summary", "--", "sh", "-c", script]).process_group(0);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut running = Running(child).begun()?;
    running.signal(Signal::SIGHUP)?;
    running.signal(Signal::SIGHUP)?;
    drop(running.0.stdin.take());
    let ended = running.ends()?;
    require!(ended == Some(7), "exit {ended:?}");
    Ok(())
}

/// Without a timer: epoll_wait(2) has no timeout, and only an event wakes it.
fn sleeps() -> Tested {
    let mut running = Running::start(&[], "echo begun; read x; echo woken", Stdio::null())?.begun()?;
    let wait = [libc::SYS_epoll_pwait, EPOLL_WAIT].map(|number| format!("{number} "));
    let sleeps = |text: &str| {
        let timeout =
            text.split(' ').nth(4).and_then(|word| u64::from_str_radix(word.trim_start_matches("0x"), 16).ok());
        wait.iter().any(|call| text.starts_with(call)) && timeout.is_some_and(|timeout| timeout as i32 == -1)
    };
    let (begin, file) = (Instant::now(), format!("/proc/{}/syscall", running.0.id()));
    while !sleeps(&read_to_string(&file)?) {
        require!(begin.elapsed() < LONG, "it does not sleep: {}", read_to_string(&file)?);
        std::thread::yield_now();
    }
    drop(running.0.stdin.take());
    let mut says = String::new();
    running.0.stdout.as_mut().ok_or("no stdout")?.read_to_string(&mut says)?;
    let ended = running.ends()?;
    require!(says == "woken\n" && ended == Some(0), "exit {ended:?}: {says}");
    Ok(())
}

#[cfg(target_arch = "x86_64")]
const EPOLL_WAIT: i64 = libc::SYS_epoll_wait;
#[cfg(not(target_arch = "x86_64"))]
const EPOLL_WAIT: i64 = -1;
