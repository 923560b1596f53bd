//! Where the output goes, and what becomes of it there, decides no more than it must: exit codes tell the truth.

use std::fs::File;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

use crate::support;
use libtest_mimic::{Arguments, Failed};
use nix::sys::resource::{Resource, setrlimit};

type Tested = Result<(), Failed>;
type Named = (&'static str, fn() -> Tested);

pub fn main() -> ExitCode {
    let live: [Named; 5] = [
        ("a_full_disk_is_told_by_the_exit_code", full),
        ("a_closed_pipe_ends_it_quietly", closed_pipe),
        ("a_file_that_may_not_grow_is_an_error", limited),
        ("a_closed_stream_stays_closed_for_the_command", closed),
        ("what_is_interrupted_exits_with_130", interrupted),
    ];
    let live = live.into_iter().map(|(name, test)| support::live(name, test));
    support::run("outputs", &Arguments::from_args(), live)
}

fn ior_it(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ior-it"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Which stream goes where nothing can be written.
#[derive(Clone, Copy, Debug)]
enum Full {
    Out,
    Error,
}

fn full() -> Tested {
    let recorded = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recorded");
    let one = ["--exact", "--filter", "dup-basic"];
    let with = |more: &[&'static str]| [one.as_slice(), more].concat();
    let rows: Vec<(Vec<&str>, Full, i32)> = vec![
        (vec!["--", "true"], Full::Error, 5),
        (vec!["--", "false"], Full::Error, 5),
        (vec!["--summary", "--", "true"], Full::Error, 5),
        (vec!["--output", "/dev/full", "--", "true"], Full::Out, 5),
        (with(&["--timings"]), Full::Error, 5),
        (with(&[]), Full::Error, 0),
        (with(&[]), Full::Out, 5),
        (with(&["-v"]), Full::Out, 5),
        (with(&["--timeout", "0.000001"]), Full::Out, 101),
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

/// SIGXFSZ would end it; the command has the signal as it was.
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
    // readlink cannot print what it has read.
    let status = script(">&-", "/dev/null")?;
    require!(status.code() == Some(1), "the standard output was not closed: {status}");
    let run = format!("{} -- true 2>&-", env!("CARGO_BIN_EXE_ior-it"));
    let status = Command::new("sh").args(["-c", &run]).stdin(Stdio::null()).status()?;
    require!(status.code() == Some(2), "the trace goes nowhere: {status}");
    Ok(())
}

/// Whatever fails because of the interruption, it is the interruption that is told.
fn interrupted() -> Tested {
    for _ in 0..20 {
        let mut child = ior_it(&["--repeat", "1000000"]).stdout(Stdio::piped()).spawn()?;
        let mut first = [0];
        // It has begun.
        child.stdout.as_mut().ok_or("no stdout")?.read_exact(&mut first)?;
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id() as i32), nix::sys::signal::Signal::SIGINT)?;
        let output = child.wait_with_output()?;
        require!(output.status.code() == Some(130), "{}", output.status);
    }
    Ok(())
}
