//! `--pause` and `--explain`: one scenario, looked at closely.

use std::fs;
use std::process::ExitCode;

use libtest_mimic::{Failed, Trial};
use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use crate::clean::Before;
use crate::cli::TESTS;
use crate::support::terminal::OnTerminal;
use crate::support::{self, ior_it, says, text};

pub fn main() -> ExitCode {
    support::run_live("gate", || {
        vec![
            Trial::test("a_debugger_stops_a_paused_child_and_its_trace_is_whole", debugged),
            Trial::test("a_shell_knows_the_pid_of_a_paused_child", shell),
            Trial::test("a_child_that_ends_at_its_gate_is_told", killed),
            Trial::test("without_a_terminal_nothing_is_paused", no_terminal),
            Trial::test("sigint_at_a_pause_leaves_nothing", || ended(Signal::SIGINT)),
            Trial::test("sigkill_at_a_pause_leaves_nothing", || ended(Signal::SIGKILL)),
            Trial::test("an_explanation_has_the_way_the_reasons_and_the_programs", explained),
            Trial::test("a_wrong_object_is_told_from_a_wrong_table", reasons),
        ]
    })
}

const WAITS: &str = "Enter goes on, s opens a shell";

/// A paused child, and its pid.
fn paused(before: Option<&Before>) -> Result<(OnTerminal, Pid), Failed> {
    let mut command = ior_it(&["--pause", "dup-basic"]);
    command.env("SHELL", "/bin/sh");
    if let Some(before) = before {
        command.env("TMPDIR", before.temp.path());
    }
    let mut run = OnTerminal::start(command)?;
    let said = run.until(WAITS)?;
    let pid = said.split_once("as process ").and_then(|(_, rest)| rest.split_once('.')).ok_or_else(|| said.clone())?;
    let pid = Pid::from_raw(pid.0.parse()?);
    require!(said.contains(&format!("strace -f -p {pid}\n  gdb -p {pid}\n")), "{said}");
    Ok((run, pid))
}

fn debugged() -> Result<(), Failed> {
    let (mut run, pid) = paused(None)?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm"))?;
    require!(name == "dup-basic\n", "process {pid} is {name}");
    ptrace::seize(pid, ptrace::Options::empty())?;
    ptrace::interrupt(pid)?;
    waitpid(pid, None)?;
    ptrace::detach(pid, None)?;
    run.press("\n")?;
    run.until("test result: ok. 1 passed")?;
    require!(run.end()?.success() && run.is_as_before()?, "it does not end as other runs do");
    Ok(())
}

fn shell() -> Result<(), Failed> {
    let (mut run, pid) = paused(None)?;
    run.press("s")?;
    run.press("echo shell-of-$IOR_IT_PID; exit\n")?;
    run.until(&format!("shell-of-{pid}"))?;
    run.until(&format!("process {pid} still waits"))?;
    run.press("\n")?;
    run.until("test result: ok. 1 passed")?;
    require!(run.end()?.success(), "the shell is a failure");
    Ok(())
}

fn killed() -> Result<(), Failed> {
    let (mut run, pid) = paused(None)?;
    kill(pid, Signal::SIGKILL)?;
    run.until(&format!("process {pid} has ended at its gate"))?;
    run.until("test result: INCONCLUSIVE")?;
    require!(run.end()?.code() == Some(5), "a trace without its end is whole");
    Ok(())
}

fn no_terminal() -> Result<(), Failed> {
    let output = ior_it(&["--pause", "dup-basic"]).output()?;
    let said = text(&output.stderr);
    require!(output.status.code() == Some(2) && output.stdout.is_empty(), "{said}");
    require!(said.contains("--pause waits for a key") && said.contains(" hint: "), "{said}");
    Ok(())
}

fn ended(signal: Signal) -> Result<(), Failed> {
    let before = Before::new()?;
    let (mut run, pid) = paused(Some(&before))?;
    kill(Pid::from_raw(run.child.id() as i32), signal)?;
    let status = run.end()?;
    require!(status.code() == (signal == Signal::SIGINT).then_some(130), "{status}");
    before.check_nothing_left()?;
    require!(kill(pid, None).is_err(), "the child lives");
    require!(run.is_as_before()?, "the terminal stays in another mode");
    Ok(())
}

fn explained() -> Result<(), Failed> {
    let output = ior_it(&["--explain", "dup-basic"]).output()?;
    let said = text(&output.stdout);
    require!(output.status.success() && said.starts_with("dup-basic: ok\n"), "{}", says(&output));
    for step in ["    hook     ior_enter ran ", "    filter   let ", "    ring     had no room for 0, and "] {
        require!(said.contains(step), "{step}: {said}");
    }
    require!(!said.contains("  ! "), "there is a fault: {said}");
    require!(said.contains("each call is recorded as expected"), "{said}");
    let enter = said.lines().find(|line| line.starts_with(" ior_enter ")).ok_or_else(|| said.clone())?;
    let numbers = enter.split_whitespace().skip(1).filter(|word| word.split('+').all(|one| one.parse::<u64>().is_ok()));
    require!(numbers.count() == 7, "the kernel says less: {enter}");
    let unknown = ior_it(&["--explain", "dup-basik"]).output()?;
    require!(says(&unknown).contains("near names are dup-basic"), "{}", says(&unknown));
    Ok(())
}

/// The same scenario, once with a wrong number in its table, and once with a tracer that reads wrong flags.
fn reasons() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let table = folder.path().join("wrong.toml");
    let right = r#"{ call = "write", fd = "$b", path = "dup.txt", count = 5,"#;
    let wrong = TESTS.replacen(right, &right.replace("count = 5", "count = 6"), 1);
    require!(wrong != TESTS, "dup-basic has another line now");
    fs::write(&table, wrong)?;
    let flag = "to->flags = READ(cast, file, f_flags)";
    let source = support::source()?.replacen(flag, &format!("{flag} ^ 04000"), 1);
    let object = support::compile(folder.path(), "wrong", &source)?;
    let rows = [
        ("--tests", table, "the child has noted the same count, and the result 5: the table is wrong"),
        ("--bpf", object, "either BPF has read status wrongly, or the table is wrong"),
    ];
    for (flag, file, why) in rows {
        let file = file.to_str().ok_or("its path is no text")?;
        let output = ior_it(&["--explain", "dup-basic", flag, file]).output()?;
        let said = text(&output.stdout);
        let unwrapped = said.split_whitespace().collect::<Vec<_>>().join(" ");
        require!(output.status.code() == Some(101), "{}", says(&output));
        require!(unwrapped.contains("first cause"), "{said}");
        require!(unwrapped.matches(why).count() >= 2, "it is not told in the report and below: {said}");
    }
    Ok(())
}
