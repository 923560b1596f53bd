//! Which processes are followed and awaited, which records are lost, and how the run ends.

use std::io::{BufReader, Read, Write};
use std::process::Stdio;

use super::{file, in_group, line_of, pid, ran, whole, working};
use crate::support::{Tested, text, traced};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

pub fn no_follow() -> Tested {
    let script = "sleep 1000 >/dev/null 2>&1 & echo $!";
    let (output, trace) = ran(traced(&["--no-follow"], &["sh", "-c", script]), 0)?;
    let left = Pid::from_raw(text(&output.stdout).trim().parse()?);
    require!(kill(left, Signal::SIGKILL).is_ok(), "what the command has left behind is left alone");
    require!(trace.contains("of 1 process\n"), "{trace}");
    require!(!trace.contains(&format!("[pid {left:>5}]")), "{trace}");
    Ok(())
}

pub fn daemon() -> Tested {
    let (folder, path) = file("five!")?;
    // Reads until the FIFO has no writer: then the command is about to exit. $$ is its pid here too.
    let waits = format!("read x <fifo; while kill -0 $$ 2>/dev/null; do :; done; exec cat {}", path.display());
    let script = format!("cd {}; mkfifo fifo; ({waits}) & exec 3>fifo; exit 7", folder.path().display());
    let trace = whole(traced(&[], &["sh", "-c", &script]), 7)?;
    let gone = trace.find("+++ exited with 7 +++").ok_or("the end of the command is not there")?;
    require!(trace[gone..].contains(&format!("read(3<{}>", path.display())), "{trace}");
    Ok(())
}

pub fn threads() -> Tested {
    let trace = whole(working(&[], "threads", &[])?, 0)?;
    let threads: std::collections::BTreeSet<&str> =
        trace.lines().filter_map(|line| line.strip_prefix("[pid ")?.split(']').next()).collect();
    require!(threads.len() == 201, "{} threads", threads.len());
    require!(trace.contains("of 1 process\n"), "{}", trace.lines().last().unwrap_or_default());
    require!(trace.matches(" getppid()").count() == 20_000, "{}", trace.matches(" getppid()").count());
    Ok(())
}

pub fn many_calls() -> Tested {
    let trace = whole(working(&["--summary"], "many", &[])?, 0)?;
    require!(trace.contains("\n getppid "), "{trace}");
    let row = trace.lines().find(|line| line.starts_with(" getppid ")).unwrap_or_default();
    require!(row.split_whitespace().nth(1) == Some("200000"), "{row}");
    Ok(())
}

/// No thread reads the ring while 400,000 records come. Each has at least 136 bytes, and so the ring of 32 MiB is too small.
pub fn losses() -> Tested {
    let mut command = working(&["--summary"], "burst", &[])?;
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut stdin = child.stdin.take().ok_or("no stdin")?;
    let mut stdout = BufReader::new(child.stdout.take().ok_or("no stdout")?);
    require!(line_of(&mut stdout)? == "ready", "it is not ready");
    kill(pid(&child), Signal::SIGSTOP)?;
    stdin.write_all(b"go")?;
    require!(line_of(&mut stdout)? == "done", "it is not done");
    kill(pid(&child), Signal::SIGCONT)?;
    drop(stdin);
    let output = child.wait_with_output()?;
    let stderr = text(&output.stderr);
    require!(output.status.code() == Some(5), "{}: {stderr}", output.status);
    require!(stderr.contains("calls found no room in the ring buffer"), "{stderr}");
    Ok(())
}

pub fn interrupt() -> Tested {
    type Send = fn(Pid) -> nix::Result<()>;
    // A terminal sends to the group. Other senders send only to ior-it.
    let rows: [(&str, Send, i32); 4] = [
        ("trap 'exit 9' INT; echo ready; while :; do :; done", |pid| killpg(pid, Signal::SIGINT), 9),
        ("echo ready; while :; do :; done", |pid| killpg(pid, Signal::SIGINT), 130),
        ("echo ready; while :; do :; done", |pid| kill(pid, Signal::SIGTERM), 143),
        ("trap 'exit 8' HUP; echo ready; while :; do :; done", |pid| kill(pid, Signal::SIGHUP), 8),
    ];
    for (script, send, code) in rows {
        let (child, _stdout) = in_group(&["--summary"], script)?;
        send(pid(&child))?;
        let output = child.wait_with_output()?;
        let stderr = text(&output.stderr);
        require!(output.status.code() == Some(code), "{script}: {}, not {code}: {stderr}", output.status);
        require!(stderr.contains("lost: nothing"), "the table still comes: {stderr}");
    }
    Ok(())
}

pub fn interrupt_left() -> Tested {
    // A shell makes jobs that it starts with & ignore SIGINT. Only the summary is printed, because this test does not read the
    // other stream.
    let left = "echo ready; echo $$; exec sleep 1000 >/dev/null 2>&1";
    let script = format!("(while kill -0 $$ 2>/dev/null; do :; done; exec sh -c '{left}') & exit 6");
    let (mut child, mut stdout) = in_group(&["--summary"], &script)?;
    let left = Pid::from_raw(line_of(&mut stdout)?.parse()?);
    while child.try_wait()?.is_none() {
        kill(pid(&child), Signal::SIGINT)?;
        std::thread::yield_now();
    }
    let output = child.wait_with_output()?;
    let stderr = text(&output.stderr);
    require!(output.status.code() == Some(6), "{}: {stderr}", output.status);
    require!(stderr.contains("\nstopped: 1 process not gone"), "{stderr}");
    require!(stderr.contains("\nlost: nothing"), "{stderr}");
    require!(kill(left, Signal::SIGKILL).is_ok(), "what is left is left alone");
    Ok(())
}

pub fn killed() -> Tested {
    let script = "setsid sleep 1000 & echo ready; exec sleep 1000";
    let (mut child, mut stdout) = in_group(&[], script)?;
    child.kill()?;
    child.wait()?;
    // The end of the stream: the zygote, the command and its children have all closed the other end.
    stdout.read_to_string(&mut String::new())?;
    Ok(())
}
