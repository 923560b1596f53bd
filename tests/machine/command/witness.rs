//! Commands under a witness.
#![allow(unsafe_code)]

use std::fs::read_to_string;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;

use super::{AGREED, in_group, line_of, pid, ran};
use crate::support::{self, Tested, text, traced};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

pub fn witnessed() -> Tested {
    let folder = tempfile::tempdir()?;
    let archives = folder.path().display().to_string();
    let rows: [(&[&str], &str, i32); 6] = [
        (&[], "exit 3", 3),
        (&["--summary"], "exit 101", 101),
        (&["--no-follow"], "/bin/true; exit 5", 5),
        (&["--archive", &archives], "cat /etc/passwd | wc -l", 0),
        (&[], "kill -KILL $$", 137),
        // The stop is the shell's own; what continues it is a child that has seen it stopped.
        (&[], "(until grep -q '^State:.[tT] ' /proc/$$/status; do :; done; kill -CONT $$) & kill -STOP $$; exit 7", 7),
    ];
    for (options, script, code) in rows {
        let (_, stderr) = ran(traced(&[&["--witness"], options].concat(), &["sh", "-c", script]), code)?;
        require!(stderr.contains("\nlost: nothing") && stderr.ends_with(AGREED), "{script}: {stderr}");
        require!(!stderr.contains("error: "), "the code is not that of ior-it: {stderr}");
    }
    let (_, stderr) = ran(traced(&["--witness"], &["/etc"]), 126)?;
    require!(stderr.contains("error: /etc: it is a directory"), "{stderr}");
    Ok(())
}

/// A tracer that reports a wrong result.
pub fn disagreement() -> Tested {
    let folder = tempfile::tempdir()?;
    let source = support::source()?;
    let from = "	call->record.ret = ret;\n	if (asks_for_restart(ret)) {";
    let to = "	call->record.ret = ret == 14 ? 13 : ret;\n	if (asks_for_restart(ret)) {";
    require!(source.matches(from).count() == 1, "the text to replace does not stand in one place of the tracer");
    let object = support::compile(folder.path(), "result", &source.replacen(from, to, 1))?.display().to_string();
    let command = ["sh", "-c", "echo 'fourteen byte' | cat"];
    let (_, alone) = ran(traced(&["--bpf", &object], &command), 0)?;
    require!(alone.contains("lost: nothing"), "{alone}");
    let (_, stderr) = ran(traced(&["--bpf", &object, "--witness", "--summary"], &command), 101)?;
    for part in
        [" calls compared, 3 differences", "^ write, result: 13 by BPF, 14 by ptrace", "ior-it --witness -- sh -c "]
    {
        require!(stderr.contains(part), "no {part}: {stderr}");
    }
    Ok(())
}

pub fn witnessed_loss() -> Tested {
    let options = ["--witness", "--summary", "--ring-size", "4KiB"];
    let (_, stderr) = ran(traced(&options, &["sh", "-c", "find /usr/share > /dev/null"]), 5)?;
    require!(stderr.contains("witness: nothing was compared, since something was lost"), "{stderr}");
    Ok(())
}

pub fn witness_lets_go() -> Tested {
    let left = "echo ready; echo $$; exec sleep 1000 >/dev/null 2>&1";
    let script = format!("(while kill -0 $$ 2>/dev/null; do :; done; exec sh -c '{left}') & exit 6");
    let (mut child, mut stdout) = in_group(&["--witness", "--summary"], &script)?;
    let left = Pid::from_raw(line_of(&mut stdout)?.parse()?);
    while child.try_wait()?.is_none() {
        kill(pid(&child), Signal::SIGINT)?;
        std::thread::yield_now();
    }
    let output = child.wait_with_output()?;
    let stderr = text(&output.stderr);
    let status = read_to_string(format!("/proc/{left}/status"))?;
    require!(kill(left, Signal::SIGKILL).is_ok() && status.contains("TracerPid:\t0\n"), "{status}");
    require!(output.status.code() == Some(6) && stderr.ends_with(AGREED), "{}: {stderr}", output.status);
    Ok(())
}

/// Without CAP_SYS_PTRACE the kernel ignores the bit (execve(2)).
pub fn without_its_rights() -> Tested {
    use caps::{CapSet, Capability};
    let folder = tempfile::tempdir()?;
    let program = folder.path().join("owned");
    support::install("/bin/true", &program, 0o755)?;
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
    std::os::unix::fs::chown(&program, Some(65_534), None)?;
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o4755))?;
    let script = format!("{}; exit 9", program.display());
    let run = |dropped: &'static [Capability], code: i32| {
        let mut command = traced(&["--witness", "--summary"], &["sh", "-c", &script]);
        let drop_all = move || {
            let gone = dropped.iter().try_for_each(|&cap| caps::drop(None, CapSet::Bounding, cap));
            gone.map_err(std::io::Error::other)
        };
        // SAFETY: what runs between fork and exec makes a system call for each capability.
        unsafe { command.pre_exec(drop_all) };
        ran(command, code).map(|(_, stderr)| stderr)
    };
    require!(run(&[], 9)?.ends_with(AGREED), "with all rights, nothing is different");
    let stderr = run(&[Capability::CAP_SYS_PTRACE, Capability::CAP_SETUID], 3)?;
    require!(
        stderr.contains("owned is a set-user-ID or set-group-ID program") && stderr.contains("hint: run"),
        "{stderr}"
    );
    let stderr = run(&[Capability::CAP_SYS_PTRACE], 3)?;
    require!(stderr.contains("may not be looked at") && stderr.contains("hint: run"), "{stderr}");
    Ok(())
}
