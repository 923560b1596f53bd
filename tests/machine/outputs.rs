//! Where the output goes does not change the exit code, which tells the truth.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

use crate::support::{self, Named, Tested};
use libtest_mimic::{Arguments, Failed};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const BINARY: &str = env!("CARGO_BIN_EXE_ior-it");

pub fn main() -> ExitCode {
    let live: [Named; 10] = [
        ("a_full_disk_is_told_by_the_exit_code", full),
        ("a_closed_pipe_ends_it_quietly", closed_pipe),
        ("a_file_that_may_not_grow_is_an_error", limited),
        ("a_closed_stream_stays_closed_for_the_command", closed),
        ("an_interrupted_run_is_always_130", an_interrupted_run_is_always_130),
        ("a_full_log_or_a_stream_that_is_no_output_is_told_too", other_places),
        ("a_limit_on_files_is_an_error", a_limit_on_files_is_an_error),
        ("a_command_has_the_callers_rule_for_the_limit", a_command_has_the_callers_rule_for_the_limit),
        ("a_full_disk_does_not_hide_how_the_command_ended", a_full_disk_does_not_hide_how_the_command_ended),
        ("a_slow_reader_that_does_not_wait_loses_nothing", a_slow_reader_that_does_not_wait_loses_nothing),
    ];
    let live = live.into_iter().map(|(name, test)| support::live(name, test));
    support::run("outputs", &Arguments::from_args(), live)
}

fn ior_it(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ior-it"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// The stream that goes to a place that cannot be written.
#[derive(Clone, Copy, Debug)]
enum Full {
    Out,
    Error,
}

fn concat<'s>(one: &[&'s str], other: &[&'s str]) -> Vec<&'s str> {
    [one, other].concat()
}

fn full() -> Tested {
    let recorded = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recorded");
    let folder = tempfile::tempdir()?;
    let wrong = folder.path().join("wrong.toml").display().to_string();
    let tests = include_str!("../../tests.toml").replace("\"dup.txt\", ret = \"$b\"", "\"duq.txt\", ret = \"$b\"");
    std::fs::write(&wrong, tests)?;
    let one = ["--exact", "--filter", "dup-basic"];
    let rows: Vec<(Vec<&str>, Full, i32)> = vec![
        (vec!["--", "true"], Full::Error, 5),
        (vec!["--", "false"], Full::Error, 5),
        (vec!["--summary", "--", "true"], Full::Error, 5),
        (vec!["--output", "/dev/full", "--", "true"], Full::Out, 5),
        (concat(&one, &["--timings"]), Full::Error, 5),
        (concat(&one, &[]), Full::Error, 0),
        (concat(&one, &[]), Full::Out, 5),
        (concat(&one, &["-v"]), Full::Out, 5),
        (concat(&one, &["--tests", &wrong]), Full::Out, 101),
        (vec!["--list"], Full::Out, 5),
        (vec!["--help"], Full::Out, 5),
        (vec!["--version"], Full::Out, 5),
        (vec!["--nosuch"], Full::Error, 2),
        (vec!["--tests", "missing"], Full::Error, 2),
        (vec!["--replay", recorded], Full::Out, 5),
        (vec!["--replay", "missing"], Full::Error, 2),
    ];
    for (args, which, code) in rows {
        let mut command = ior_it(&args);
        let full = Stdio::from(File::options().write(true).open("/dev/full")?);
        match which {
            Full::Out => command.stdout(full),
            Full::Error => command.stderr(full),
        };
        let output = command.output()?;
        require!(output.status.code() == Some(code), "{args:?}, {which:?} full: {} and not {code}", output.status);
    }
    Ok(())
}

fn closed_pipe() -> Tested {
    for args in [vec!["--list"], vec!["--help"], vec!["--exact", "--filter", "dup-basic", "-v"]] {
        let mut child = ior_it(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        drop(child.stdout.take());
        let mut says = String::new();
        child.stderr.take().ok_or("no stderr")?.read_to_string(&mut says)?;
        child.wait()?;
        require!(!says.contains("panicked") && !says.contains("error: "), "{args:?}: {says}");
    }
    Ok(())
}

/// SIGXFSZ would end ior-it. The command has the signal's disposition as it was.
fn limited() -> Tested {
    let folder = tempfile::tempdir()?;
    let output = folder.path().join("trace").display().to_string();
    let limited = |args: &[&str]| {
        let mut command = ior_it(args);
        // SAFETY: a system call.
        #[allow(unsafe_code)]
        unsafe {
            command.pre_exec(|| Ok(setrlimit(Resource::RLIMIT_FSIZE, 512, 512)?));
        }
        command
    };
    let status = limited(&["--output", &output, "--", "ls", "/proc/self"]).status()?;
    require!(status.code() == Some(5), "a trace that is too long: {status}");
    let grow = format!("exec head -c 100000 /dev/zero > {}/zeroes", folder.path().display());
    let status = limited(&["--summary", "--", "sh", "-c", &grow]).status()?;
    require!(status.code() == Some(128 + libc::SIGXFSZ), "a command that writes too much: {status}");
    Ok(())
}

fn closed() -> Tested {
    let script = |redirection: &str, output: &str| {
        let ior_it = env!("CARGO_BIN_EXE_ior-it");
        let script = format!("{ior_it} --output {output} -- readlink /proc/self/fd/1 /proc/self/fd/0 {redirection}");
        Command::new("sh").args(["-c", &script]).stdin(Stdio::null()).stderr(Stdio::null()).status()
    };
    // readlink cannot print its result.
    let status = script(">&-", "/dev/null")?;
    require!(status.code() == Some(1), "the standard output was not closed: {status}");
    let run = format!("{} -- true 2>&-", env!("CARGO_BIN_EXE_ior-it"));
    let status = Command::new("sh").args(["-c", &run]).stdin(Stdio::null()).status()?;
    require!(status.code() == Some(2), "the trace goes nowhere: {status}");
    Ok(())
}

/// The signal kills the children, which makes their scenarios fail. The order of the two must not decide. One round sees the
/// race in one of ten cases.
fn an_interrupted_run_is_always_130() -> Tested {
    for round in 0..60 {
        let signal = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP][round % 3];
        let mut run = Command::new(BINARY);
        run.args(["--repeat", "1000000", "--test-threads", "8"]).args(["--filter", "dup", "--filter", "open"]);
        let mut run = run.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let mut says = BufReader::new(run.stdout.take().ok_or("no standard output")?);
        let mut line = String::new();
        while !line.starts_with("running ") {
            line.clear();
            require!(says.read_line(&mut line)? > 0, "it ended before it was interrupted");
        }
        kill(Pid::from_raw(run.id() as i32), signal)?;
        let mut rest = String::new();
        says.read_to_string(&mut rest)?;
        let output = run.wait_with_output()?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        require!(output.status.code() == Some(130), "round {round}, {signal}: {}: {rest}{stderr}", output.status);
        require!(!rest.contains("FAILED"), "round {round}, {signal}: a killed child is no failure: {rest}");
    }
    Ok(())
}

/// Runs a shell command, in which `$B` is the binary. Checks the exit code, and that the output is no panic.
fn exits(line: &str, code: i32) -> Result<String, Failed> {
    let output = Command::new("sh").args(["-c", line]).env("B", BINARY).stdin(Stdio::null()).output()?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    require!(output.status.code() == Some(code), "{line}: {}, and not {code}: {said}", output.status);
    require!(!said.contains("panicked"), "{line}: {said}");
    Ok(said)
}

fn recorded(scenario: &str) -> String {
    format!("{}/tests/recorded/{scenario}.ior.zst", env!("CARGO_MANIFEST_DIR"))
}

fn other_places() -> Tested {
    let replay = format!("--replay {}", recorded("dup-basic"));
    let rows = [
        (format!("--logfile /dev/full {replay}"), 5),
        (format!("--logfile /no/such/folder/log {replay}"), 2),
        (format!("{replay} > /dev/full 2>&1"), 5),
        // Open only for reading.
        ("--list 1< /dev/null".to_owned(), 5),
        (format!("{replay} 1< /dev/null"), 5),
        ("-- true 2< /dev/null".to_owned(), 5),
        ("--filter dup --format json > /dev/full 2>&1".to_owned(), 5),
        ("--exact dup-basic -v --format json 2> /dev/full".to_owned(), 5),
        ("burst > /dev/full 2>&1".to_owned(), 4),
        ("--output /dev/null -- sh -c 'exit 7' 2> /dev/full".to_owned(), 7),
        ("-- /no/such/program 2> /dev/full".to_owned(), 127),
    ];
    rows.iter().try_for_each(|(line, code)| exits(&format!("exec \"$B\" {line}"), *code).map(drop))
}

fn a_limit_on_files_is_an_error() -> Tested {
    let folder = tempfile::tempdir()?;
    let folder = folder.path().display();
    exits(&format!("ulimit -S -f 1; exec \"$B\" -v --filter dup > {folder}/traces"), 5)?;
    exits(&format!("ulimit -f 1; exec \"$B\" -- ls /usr/bin > /dev/null 2> {folder}/trace"), 5)?;
    // The workloads write larger files. A limit of `ior-it` below the hard limit is not theirs.
    exits("ulimit -S -f 1; exec \"$B\" --filter fallocate --filter truncate", 0)?;
    Ok(())
}

fn a_command_has_the_callers_rule_for_the_limit() -> Tested {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("file");
    let file = file.display();
    let killed = 128 + libc::SIGXFSZ;
    let row = |trap: &str| format!("{trap} ulimit -f 1; exec \"$B\" --summary -- head -c 100000 /dev/zero > {file}");
    exits(&row(""), killed)?;
    exits(&row("trap '' XFSZ;"), 1)?;
    Ok(())
}

fn a_full_disk_does_not_hide_how_the_command_ended() -> Tested {
    let folder = tempfile::tempdir()?;
    let to = folder.path().display();
    let archive = format!("ulimit -f 1; exec \"$B\" --archive {to} --output /dev/null --");
    let rows = [
        (format!("{archive} sh -c 'ls /usr/bin /usr/bin > /dev/null; exit 7'"), 7),
        (format!("{archive} sh -c 'ls /usr/bin > /dev/null; kill -9 $$'"), 137),
    ];
    for (line, code) in rows {
        let said = exits(&line, code)?;
        require!(said.contains("error: no archive could be written"), "{line}: {said}");
    }
    require!(std::fs::read_dir(folder.path())?.count() == 0, "a half archive is left");
    Ok(())
}

/// The other process at a pipe may have set O_NONBLOCK, which belongs to the open file. The output then waits by itself.
fn a_slow_reader_that_does_not_wait_loses_nothing() -> Tested {
    let list = Command::new(BINARY).arg("--list").output()?.stdout;
    let (mut reader, writer) = std::io::pipe()?;
    nix::fcntl::fcntl(&writer, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK))?;
    nix::fcntl::fcntl(&writer, nix::fcntl::FcntlArg::F_SETPIPE_SZ(4096))?;
    // Full before anything is written.
    let filled = std::io::Write::write(&mut &writer, &[b'.'; 4096])?;
    let mut run = Command::new(BINARY).arg("--list").stdout(writer).stderr(Stdio::null()).spawn()?;
    let mut all = Vec::new();
    reader.read_to_end(&mut all)?;
    let status = run.wait()?;
    require!(status.success() && all[filled..] == list, "{status}: {} bytes of {}", all.len() - filled, list.len());
    Ok(())
}
