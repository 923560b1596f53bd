//! The tools that record every system call of a program, and the program that they trace.
#![allow(unsafe_code)]

use std::fs;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use ior_it::support::watch::tracer::{Tracer, TracerOptions};
use libc::{SYS_close, SYS_dup, SYS_openat, syscall};
use tempfile::TempDir;

use super::Failure;

/// The loops by name; both make two calls a turn.
pub const LOOPS: [&str; 2] = ["dup + close", "openat + close"];
const CALLS_PER_TURN: f64 = 2.0;
const WARM_UP: u32 = 200;
const TRIES: usize = 5;
/// Makes this program the traced one: the loop, the number of turns, and the file for the time.
const WORK: &str = "--work";

/// The tool that the loop runs under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// Nothing.
    Bare,
    /// The tracer of ior-it is attached, and watches no process.
    NotWatched,
    /// ior-it watches the loop, and reads its records from the ring at the same time.
    Watched,
    /// bpftrace, printing each call.
    Bpftrace,
    /// perf trace.
    Perf,
    /// strace.
    Strace,
}

impl Tool {
    /// All of them, the cheapest first.
    pub const ALL: [Tool; 6] = [Tool::Bare, Tool::NotWatched, Tool::Watched, Tool::Bpftrace, Tool::Perf, Tool::Strace];

    /// Its name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Tool::Bare => "nothing (bare)",
            Tool::NotWatched => "ior-it, not watched",
            Tool::Watched => "ior-it, watched",
            Tool::Bpftrace => "bpftrace, printing",
            Tool::Perf => "perf trace",
            Tool::Strace => "strace -f",
        }
    }

    fn program(self) -> Option<&'static str> {
        match self {
            Tool::Bare | Tool::NotWatched | Tool::Watched => None,
            Tool::Bpftrace => Some("bpftrace"),
            Tool::Perf => Some("perf"),
            Tool::Strace => Some("strace"),
        }
    }

    fn is_installed(self) -> bool {
        let runs =
            |program| Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
        self.program().is_none_or(runs)
    }

    /// The number of turns: some tenths of a second.
    fn turns(self) -> u32 {
        match self {
            Tool::Bare | Tool::NotWatched | Tool::Watched => 100_000,
            Tool::Bpftrace => 20_000,
            Tool::Perf => 5_000,
            Tool::Strace => 2_000,
        }
    }

    /// The loop under the tool, whose output goes to `output`.
    fn command(self, work: &[String], output: &str) -> Command {
        let (program, before): (&str, &[&str]) = match self {
            Tool::Bare | Tool::NotWatched | Tool::Watched => (&work[0], &[]),
            Tool::Strace => ("strace", &["-f", "-o", output]),
            Tool::Perf => ("perf", &["trace", "-o", output, "--"]),
            Tool::Bpftrace => {
                let mut command = Command::new("bpftrace");
                command.args(["-B", "full", "-o", output, "-e", PRINT_EACH_CALL, "-c", &work.join(" ")]);
                return command;
            }
        };
        let mut command = Command::new(program);
        let skipped = usize::from(program == work[0]);
        command.args(before).args(&work[skipped..]);
        command
    }

    /// The text in its output for a dup.
    fn dup(self) -> String {
        match self {
            Tool::Bpftrace => format!("syscall_{SYS_dup}("),
            Tool::Bare | Tool::NotWatched | Tool::Watched | Tool::Perf | Tool::Strace => "dup(".to_owned(),
        }
    }
}

/// As little as shows a call: its number, first argument, result and duration.
const PRINT_EACH_CALL: &str = "\
tracepoint:raw_syscalls:sys_enter /pid == cpid/ { @begin[tid] = nsecs; @first[tid] = args->args[0]; }
tracepoint:raw_syscalls:sys_exit /pid == cpid && @begin[tid]/ {
    printf(\"%d %s syscall_%d(%d) = %d <%d>\\n\", tid, comm, args->id, @first[tid], args->ret, nsecs - @begin[tid]);
    delete(@begin[tid]); delete(@first[tid]);
}
END { clear(@begin); clear(@first); }";

/// The tracer, and a folder for what is said and printed.
pub struct Tools {
    tracer: Tracer,
    folder: TempDir,
}

impl Tools {
    /// Loads the tracer.
    pub fn load() -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("file"), "")?;
        Ok(Self { tracer: Tracer::load(&TracerOptions { attach: false, ..TracerOptions::default() })?, folder })
    }

    /// Why this tool cannot be measured here, if it cannot: an installed one is tried once, and its own words are passed on.
    pub fn refusal(&mut self, tool: Tool) -> Option<&'static str> {
        if !tool.is_installed() {
            return Some("not installed here");
        }
        tool.program()?;
        let error = self.ns_per_call(tool, 0).err()?;
        eprintln!("{error}\nhint: bpftrace and perf need tracefs: `mount -t tracefs tracefs /sys/kernel/tracing`");
        Some("cannot trace here")
    }

    /// Runs the loop with this number under the tool: nanoseconds of a call by the loop's own clock.
    pub fn ns_per_call(&mut self, tool: Tool, number: usize) -> Result<f64, Failure> {
        self.whole(tool, number, "/dev/null").map(|(ns, _)| ns)
    }

    /// The same, and how many dups ior-it recorded. A run in which the reader of the ring got no processor in time would look
    /// too cheap, and is done again.
    fn whole(&mut self, tool: Tool, number: usize, output: &str) -> Result<(f64, usize), Failure> {
        for _ in 0..TRIES {
            let (ns, dups, refused) = self.run(tool, number, output)?;
            if refused == 0 {
                return Ok((ns, dups));
            }
            eprintln!("the ring was full {refused} times: this machine is too busy to measure on; again");
        }
        Err("the ring was full again and again: this machine is too busy to measure on".into())
    }

    /// How many of the calls it showed: a run of its own, since what is shown is written down here.
    pub fn shown(&mut self, tool: Tool) -> Result<String, Failure> {
        let turns = (tool.turns() + WARM_UP) as usize;
        let output = self.folder.path().join("output");
        let (_, watched) = self.whole(tool, 0, &output.to_string_lossy())?;
        let count = match tool {
            Tool::Bare | Tool::NotWatched => return Ok("–".to_owned()),
            Tool::Watched => watched,
            Tool::Bpftrace | Tool::Perf | Tool::Strace => {
                let text = fs::read(&output)?;
                String::from_utf8_lossy(&text).lines().filter(|line| line.contains(&tool.dup())).count()
            }
        };
        Ok(if count == turns { "all".to_owned() } else { format!("{count} of {turns}") })
    }

    /// The nanoseconds of a call, and, if ior-it watched, how many dups it recorded and for how many calls it had no room.
    fn run(&mut self, tool: Tool, number: usize, output: &str) -> Result<(f64, usize, u64), Failure> {
        match tool {
            Tool::NotWatched | Tool::Watched => self.tracer.attach()?,
            Tool::Bare | Tool::Bpftrace | Tool::Perf | Tool::Strace => self.tracer.detach(),
        }
        let report = self.folder.path().join("report");
        let work = self.work(tool, number, &report)?;
        let mut command = tool.command(&work, output);
        command.current_dir(self.folder.path()).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let watching = if tool == Tool::Watched { Some(self.tracer.watch(0, child.id(), false)?) } else { None };
        // The loop waits for a byte, so that it does not begin before it is watched.
        child.stdin.take().ok_or("no pipe")?.write_all(b"!")?;
        let ended = child.wait_with_output()?;
        if !ended.status.success() {
            return Err(format!("{} failed: {}", tool.name(), String::from_utf8_lossy(&ended.stderr).trim()).into());
        }
        let (mut dups, mut refused) = (0, 0);
        if let Some(watching) = watching {
            let records = watching.collect();
            refused = records.counts.refused;
            let mut assembly = ior_it::support::trace::decoder::Assembly::new(Some(b"/"));
            records.for_each(|bytes| assembly.add(bytes));
            let trace = assembly.finished(records.counts);
            dups = trace.calls.iter().filter(|call| i64::from(call.number) == SYS_dup).count();
        }
        let ns: f64 = fs::read_to_string(&report)?.parse()?;
        fs::remove_file(report)?;
        Ok((ns / (f64::from(tool.turns()) * CALLS_PER_TURN), dups, refused))
    }

    fn work(&self, tool: Tool, number: usize, report: &std::path::Path) -> Result<Vec<String>, Failure> {
        let own: PathBuf = std::env::current_exe()?;
        let words = [own.display().to_string(), WORK.to_owned(), number.to_string(), tool.turns().to_string()];
        Ok(words.into_iter().chain([report.display().to_string()]).collect())
    }
}

/// If this process was started to be traced: runs the loop and writes down the nanoseconds.
pub fn work_if_told() -> Result<bool, Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [flag, number, turns, report] = arguments.as_slice() else { return Ok(false) };
    if flag != WORK {
        return Ok(false);
    }
    let number: usize = number.parse()?;
    let _ = std::io::stdin().read(&mut [0])?;
    repeat(number, WARM_UP);
    let begin = Instant::now();
    repeat(number, turns.parse()?);
    let elapsed = begin.elapsed();
    fs::write(report, elapsed.as_nanos().to_string())?;
    Ok(true)
}

fn repeat(number: usize, turns: u32) {
    for _ in 0..turns {
        // SAFETY: the descriptor that is closed is the one that was just made; the path is a literal.
        unsafe {
            let fd = match number {
                0 => syscall(SYS_dup, 0),
                _ => syscall(SYS_openat, libc::AT_FDCWD, c"file".as_ptr(), libc::O_RDONLY, 0),
            };
            syscall(SYS_close, fd);
        }
    }
}
