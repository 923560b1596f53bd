//! Where the output cannot be written, and where a run is interrupted: the exit code tells the truth, and nothing panics.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use crate::support;
use libtest_mimic::{Arguments, Failed, Trial};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const BINARY: &str = env!("CARGO_BIN_EXE_ior-it");

type Tested = Result<(), Failed>;

pub fn main() -> ExitCode {
    let anyone = [("a_full_disk_is_no_success", a_full_disk_is_no_success as fn() -> Tested)];
    let live = [
        ("a_full_disk_changes_no_worse_verdict", a_full_disk_changes_no_worse_verdict as fn() -> Tested),
        ("a_limit_on_files_is_an_error", a_limit_on_files_is_an_error),
        ("a_command_has_the_callers_rule_for_the_limit", a_command_has_the_callers_rule_for_the_limit),
        ("a_full_disk_does_not_hide_how_the_command_ended", a_full_disk_does_not_hide_how_the_command_ended),
        ("an_interrupted_run_is_always_130", an_interrupted_run_is_always_130),
        ("a_slow_reader_that_does_not_wait_loses_nothing", a_slow_reader_that_does_not_wait_loses_nothing),
    ];
    let anyone = anyone.into_iter().map(|(name, test)| Trial::test(name, test));
    let live = live.into_iter().map(|(name, test)| support::live(name, test));
    support::run("outputs", &Arguments::from_args(), anyone.chain(live))
}

/// Which of the two goes to a full disk.
const OUT: &str = "> /dev/full";
const ERR: &str = "2> /dev/full";
const BOTH: &str = "> /dev/full 2>&1";

/// Runs a line of a shell, in which `$B` is the binary, and checks the exit code; what was said must be no panic.
fn exits(line: &str, code: i32) -> Result<String, Failed> {
    let output = Command::new("sh").args(["-c", line]).env("B", BINARY).stdin(Stdio::null()).output()?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    require!(output.status.code() == Some(code), "{line}: {}, and not {code}: {said}", output.status);
    require!(!said.contains("panicked"), "{line}: {said}");
    Ok(said)
}

fn all_exit(rows: &[(&str, &str, i32)]) -> Tested {
    rows.iter().try_for_each(|(arguments, to, code)| exits(&format!("exec \"$B\" {arguments} {to}"), *code).map(drop))
}

fn recorded(scenario: &str) -> String {
    format!("{}/tests/recorded/{scenario}.ior.zst", env!("CARGO_MANIFEST_DIR"))
}

fn a_full_disk_is_no_success() -> Tested {
    let archive = recorded("dup-basic");
    let (replay, show) = (format!("--replay {archive}"), format!("--show {archive}"));
    let verbose = format!("-v {replay}");
    let to_full = format!("--logfile /dev/full {replay}");
    let to_nowhere = format!("--logfile /no/such/folder/log {replay}");
    all_exit(&[
        ("--help", OUT, 5),
        ("--version", OUT, 5),
        ("--list", OUT, 5),
        ("--list", BOTH, 5),
        ("--nosuch", ERR, 2),
        ("--", ERR, 2),
        ("--exact nosuch", ERR, 4),
        (&replay, OUT, 5),
        (&replay, BOTH, 5),
        (&replay, ERR, 0),
        (&verbose, OUT, 5),
        (&show, OUT, 5),
        (&show, BOTH, 5),
        (&to_full, "", 5),
        (&to_nowhere, "", 2),
        ("--list", "> /dev/null < /dev/null 1< /dev/null", 5),
    ])
}

fn a_full_disk_changes_no_worse_verdict() -> Tested {
    all_exit(&[
        ("--filter dup", OUT, 5),
        ("--filter dup --test-threads 1", OUT, 5),
        ("--filter dup --format json", BOTH, 5),
        ("--filter dup --timings", ERR, 5),
        ("--filter dup", ERR, 0),
        ("--exact dup-basic -v --format json", ERR, 5),
        ("--exact burst --timeout 0.05 --ring-size 1MiB", OUT, 101),
        ("burst", BOTH, 4),
        ("-- true", ERR, 5),
        ("--summary -- sh -c 'exit 7'", ERR, 5),
        ("--output /dev/full -- true", "", 5),
        ("--output /dev/null -- sh -c 'exit 7'", ERR, 7),
        ("-- /no/such/program", ERR, 127),
    ])
}

fn a_limit_on_files_is_an_error() -> Tested {
    let folder = tempfile::tempdir()?;
    let folder = folder.path().display();
    exits(&format!("ulimit -S -f 1; exec \"$B\" -v --filter dup > {folder}/traces"), 5)?;
    exits(&format!("ulimit -f 1; exec \"$B\" -- ls /usr/bin > /dev/null 2> {folder}/trace"), 5)?;
    // The workloads write larger files: what limits `ior-it` below the hard limit is not theirs.
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
        (format!("{archive} sh -c 'ls /usr/bin /usr/bin > /dev/null; exit 7'"), "the command exited with 7"),
        (format!("{archive} sh -c 'ls /usr/bin > /dev/null; kill -9 $$'"), "the command was killed by SIGKILL"),
        ("exec \"$B\" --output /dev/full -- sh -c 'exit 7'".to_owned(), "the command exited with 7"),
    ];
    for (line, says) in rows {
        let said = exits(&line, 5)?;
        require!(said.contains(says), "{line}: {said}");
    }
    require!(std::fs::read_dir(folder.path())?.count() == 0, "a half archive is left");
    Ok(())
}

/// The signal kills the children, and that makes their scenarios fail: whoever comes first must not decide. One round sees
/// the race in one of ten cases.
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

/// The other end of a pipe may have made the writing not wait (O_NONBLOCK is the open file's): the output waits by itself.
fn a_slow_reader_that_does_not_wait_loses_nothing() -> Tested {
    let list = Command::new(BINARY).arg("--list").output()?.stdout;
    let (mut reader, writer) = std::io::pipe()?;
    nix::fcntl::fcntl(&writer, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK))?;
    nix::fcntl::fcntl(&writer, nix::fcntl::FcntlArg::F_SETPIPE_SZ(4096))?;
    // Full before anything is written.
    let filled = std::io::Write::write(&mut &writer, &[b'.'; 4096])?;
    let mut run =
        Command::new(BINARY).arg("--list").stdout(writer).stderr(File::open(Path::new("/dev/null"))?).spawn()?;
    let mut all = Vec::new();
    reader.read_to_end(&mut all)?;
    let status = run.wait()?;
    require!(status.success() && all[filled..] == list, "{status}: {} bytes of {}", all.len() - filled, list.len());
    Ok(())
}
