//! `ior-it -p PID`: processes that run already.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::{file, line_of, pid};
use crate::support::{Tested, ior_it};
use libtest_mimic::Failed;
use nix::sys::signal::{Signal, kill};

/// A shell that executes what it reads, a line at a time, and says `done`. It is killed when this is dropped.
struct Shell {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Shell {
    fn start() -> Result<Self, Failed> {
        let script = "echo ready; while read line; do eval \"$line\"; echo done; done";
        let mut child = Command::new("sh").args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take();
        let mut output = BufReader::new(child.stdout.take().ok_or("no stdout")?);
        require!(line_of(&mut output)? == "ready", "it is not ready");
        Ok(Self { child, input, output })
    }

    fn execute(&mut self, line: &str) -> Tested {
        self.input.as_mut().ok_or("it has ended")?.write_all(format!("{line}\n").as_bytes())?;
        require!(line_of(&mut self.output)? == "done", "it is not done");
        Ok(())
    }

    fn end(&mut self) -> Tested {
        self.input = None;
        self.child.wait()?;
        Ok(())
    }

    fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `ior-it` once it is attached to these processes. Its standard error output is left to be read.
fn attached(options: &[&str], pids: &[u32]) -> Result<(Child, BufReader<std::process::ChildStderr>), Failed> {
    let mut command = ior_it(&[]);
    command.args(pids.iter().flat_map(|pid| ["-p".to_owned(), pid.to_string()]));
    let mut child = command.args(options).stderr(Stdio::piped()).spawn()?;
    let mut stderr = BufReader::new(child.stderr.take().ok_or("no stderr")?);
    let mut line = String::new();
    stderr.read_line(&mut line)?;
    require!(line.starts_with("ior-it: attached to ") && line.contains("Ctrl-C detaches"), "{line}");
    Ok((child, stderr))
}

/// Its exit code, and what it has printed.
fn ended(mut child: Child, mut stderr: BufReader<std::process::ChildStderr>) -> Result<(Option<i32>, String), Failed> {
    let mut trace = String::new();
    stderr.read_to_string(&mut trace)?;
    Ok((child.wait()?.code(), trace))
}

pub fn until_a_signal() -> Tested {
    let (_folder, path) = file("five!")?;
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let mut shell = Shell::start()?;
        shell.execute(&format!("cat {} >/dev/null", path.display()))?;
        let (child, stderr) = attached(&[], &[shell.child.id()])?;
        shell.execute(&format!("cat {} >/dev/null", path.display()))?;
        kill(pid(&child), signal)?;
        let (code, trace) = ended(child, stderr)?;
        require!(code == Some(0), "{code:?}: {trace}");
        let opened = trace.matches(&format!("openat(AT_FDCWD, \"{}\", O_RDONLY) = 3<", path.display())).count();
        require!(opened == 1, "only what came after: {trace}");
        require!(trace.contains("stopped: 1 process not gone, and not watched any more"), "{trace}");
        require!(trace.contains("lost: nothing; ") && trace.contains("2 processes"), "{trace}");
        // It goes on, and nobody looks.
        shell.execute("true")?;
        require!(shell.is_alive(), "it goes on");
    }
    Ok(())
}

pub fn until_they_end() -> Tested {
    let (mut one, mut other) = (Shell::start()?, Shell::start()?);
    let (child, stderr) = attached(&["-e", "exit_group,openat"], &[one.child.id(), other.child.id()])?;
    one.execute("true </dev/null")?;
    one.end()?;
    other.execute("true </dev/zero")?;
    other.end()?;
    let (code, trace) = ended(child, stderr)?;
    require!(code == Some(0) && trace.contains("\nlost: nothing; 4 calls of 2 processes, "), "{code:?}: {trace}");
    require!(trace.matches("+++ exited with 0 +++").count() == 2, "{trace}");
    require!(trace.contains("\"/dev/null\"") && trace.contains("\"/dev/zero\""), "{trace}");
    Ok(())
}

pub fn refused() -> Tested {
    let mut gone = Command::new("true").spawn()?;
    let pid_of_gone = gone.id();
    gone.wait()?;
    let in_thread = std::thread::spawn(nix::unistd::gettid).join().map_err(|_| "the thread panicked")?;
    let (stop, waits) = std::sync::mpsc::channel::<()>();
    let (tell, told) = std::sync::mpsc::channel();
    let living = std::thread::spawn(move || {
        let _ = tell.send(nix::unistd::gettid());
        let _ = waits.recv();
    });
    let other = told.recv()?;
    let rows = [
        (pid_of_gone.to_string(), format!("there is no process {pid_of_gone}")),
        (in_thread.to_string(), format!("there is no process {in_thread}")),
        (other.to_string(), format!("{other} is a thread of process {}", std::process::id())),
        ("0".to_owned(), "0 is not in 1..".to_owned()),
        ("4294967295".to_owned(), "there is no process 4294967295".to_owned()),
    ];
    for (pid, sentence) in rows {
        let output = ior_it(&[]).args(["-p", &pid]).output()?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        require!(output.status.code() == Some(2) && stderr.contains(&sentence), "{pid}: {stderr}");
    }
    drop(stop);
    let _ = living.join();
    Ok(())
}
