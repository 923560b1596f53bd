//! `--kernel`: what a kernel that is broken is called, what is refused, and that nothing stays behind.
//!
//! A script in the place of QEMU says on the console what a broken kernel says. The group ends with a kernel that is booted.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitCode, Output, Stdio};

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::support::{self, Named, Tested, says};

mod booted;

pub fn main() -> ExitCode {
    let tests: [Named; 7] = [
        ("a_file_that_is_no_kernel_is_refused", refused),
        ("without_qemu_its_package_is_named", no_qemu),
        ("what_a_broken_kernel_says_is_the_verdict", broken),
        ("an_exit_code_comes_from_the_guest", exit_code),
        ("several_kernels_have_a_line_each", several),
        ("a_signal_ends_the_machines", interrupted),
        ("a_kill_ends_the_machines", killed),
    ];
    let tests = tests.into_iter().map(|(name, test)| Trial::test(name, test));
    let booted =
        Trial::ignorable_test("an_older_kernel_of_debian_passes_the_base_scenarios", || match booted::lacks() {
            None => booted::base().map(|()| Completion::Completed),
            Some(reason) => Ok(Completion::ignored_with(reason)),
        });
    support::run("kernels", &Arguments::from_args(), tests.chain([booted]))
}

/// What begins as a kernel for this architecture does, and one for the other.
fn image(own: bool) -> Vec<u8> {
    let mut head = vec![0; 4096];
    if own == cfg!(target_arch = "x86_64") {
        head[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
        head[0x202..0x208].copy_from_slice(b"HdrS\x0f\x02");
        head[0x236] = 1;
    } else {
        head[0x38..0x3c].copy_from_slice(b"ARM\x64");
    }
    head
}

/// A folder with a script as QEMU, and a file that begins as a kernel does.
fn place(script: &str) -> Result<TempDir, Failed> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("kernel"), image(true))?;
    // The ports of the console and of the frames, as the arguments name them.
    let ports = "for word; do case $word in file,id=console,*) console=${word#*path=} ;; file,id=frames,*) frames=${word#*path=} ;; esac; done\n";
    let script = format!("#!/bin/bash\n{ports}{script}\n");
    std::fs::write(folder.path().join("script"), script)?;
    for name in ["qemu-system-x86_64", "qemu-system-aarch64"] {
        support::install(folder.path().join("script"), &folder.path().join(name), 0o755)?;
    }
    Ok(folder)
}

/// `ior-it` with the script as QEMU.
fn with_script(folder: &TempDir, args: &[&str]) -> Command {
    let mut command = support::ior_it(args);
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    command.current_dir(folder.path()).env("PATH", path);
    command
}

fn is(output: &Output, code: i32, parts: &[&str]) -> Tested {
    let said = says(output);
    require!(output.status.code() == Some(code), "{}: {said}", output.status);
    for part in parts {
        require!(said.contains(part), "no {part:?} in: {said}");
    }
    Ok(())
}

fn refused() -> Tested {
    let folder = place("exit 1")?;
    for (name, bytes) in [("text", b"#!/bin/sh\n".to_vec()), ("empty", Vec::new()), ("other", image(false))] {
        std::fs::write(folder.path().join(name), bytes)?;
    }
    let rows: [(&[&str], &[&str]); 10] = [
        (&["--kernel", "text"], &["error: --kernel text is no kernel: it has no header of one"]),
        (&["--kernel", "empty"], &["error: --kernel empty is no kernel: it is empty"]),
        (&["--kernel", "gone"], &["error: --kernel gone: No such file"]),
        (&["--kernel", "."], &["error: --kernel .: Is a directory"]),
        (&["--kernel", "other"], &["error: --kernel other is for ", ", and the ior-it that is to run there is for "]),
        (&["--kernel", "debian:../x"], &["error: --kernel debian:../x names no kernel of Debian", "debian:sid"]),
        (&["--kernel", "kernel", "kernel", "--format", "json"], &["error: several kernels do not share one document"]),
        (&["--kernel", "kernel", "--tests", "gone.toml"], &["error: ", "gone.toml"]),
        (&["--kernel", "kernel", "--kernel-table", "x.md"], &["--kernel-table compares kernels, and there is one"]),
        (&["--kernel", "kernel", "kernel", "--kernel-table", "."], &["error: --kernel-table . is no file"]),
    ];
    for (args, parts) in rows {
        let output = with_script(&folder, args).output()?;
        is(&output, 2, &[parts, &["\n hint: "]].concat())?;
    }
    for (flag, value) in [("--output", "x"), ("--html", "x.html")] {
        let output = with_script(&folder, &["--kernel", "kernel", flag, value]).output()?;
        is(&output, 2, &["error: the argument '--kernel", "cannot be used with", flag])?;
    }
    let output = with_script(&folder, &["--kernel", "kernel", "--filter", "no-such"]).output()?;
    is(&output, 4, &["no-such"])?;
    let output = with_script(&folder, &["--kernel", "debian:6.1"]).env("XDG_CACHE_HOME", "/proc").output()?;
    is(&output, 2, &["error: no kernel could be kept in /proc/ior-it", "XDG_CACHE_HOME"])?;
    let output = with_script(&folder, &["--kernel", "kernel", "--", "no-such-program"]).output()?;
    is(&output, 127, &["error: no-such-program: "])
}

fn no_qemu() -> Tested {
    let folder = place("exit 1")?;
    let output = with_script(&folder, &["--kernel", "kernel"]).env("PATH", "/nonexistent").output()?;
    is(&output, 3, &["error: qemu-system-", "was not found", "hint: apt-get install", "qemu-system-"])
}

/// An exit frame, with the code 0.
const EXIT: &str = r"printf 'X\1\0\0\0\0' >$frames";
/// Hello from a guest, as src/kernels/frames.rs writes it.
const HELLO: &str = r#"printf 'H\5\0\0\0 6.6 ' >$frames"#;

fn broken() -> Tested {
    let panic = "echo '[    1.0] Kernel panic - not syncing: no root' >$console";
    let oops = r#"printf '[ 2.0] BUG: kernel NULL pointer dereference\n[ 2.1] Oops: 0002\n' >$console"#;
    let rows = [
        (panic.to_owned(), "it panicked: Kernel panic - not syncing: no root"),
        (format!("{HELLO}; {oops}; exec sleep 1000"), "it oopsed: BUG: kernel NULL pointer dereference"),
        (format!("{HELLO}; {oops}; {EXIT}"), "it oopsed: BUG: kernel"),
        (
            format!("{HELLO}; {EXIT}; for line in {{1..9999}}; do echo $line; done >$console; {oops}"),
            "it oopsed: BUG: kernel",
        ),
        (
            format!("{HELLO}; echo 'last words' >$console; exec sleep 1000"),
            "it hung: nothing came from it for 0.5 seconds",
        ),
        ("echo 'could not load kernel' >&2; exit 1".to_owned(), "it did not boot as far as ior-it"),
        (format!("{HELLO}; exit 0"), "it switched itself off before ior-it had ended"),
        ("echo garbage >$frames; exec sleep 1000".to_owned(), "it wrote to the port of ior-it itself"),
    ];
    for (script, says) in rows {
        let folder = place(&script)?;
        let silence = if script.contains("sleep") { "0.5" } else { "60" };
        let output = with_script(&folder, &["--kernel", "kernel", "--silence", silence]).output()?;
        is(&output, 6, &["error: ", says, "\n hint: "])?;
        for (in_script, shown) in [("could not load", "could not load kernel"), ("last words", "last words")] {
            require!(!script.contains(in_script) || support::says(&output).contains(shown), "{script}: {output:?}");
        }
    }
    Ok(())
}

fn exit_code() -> Tested {
    let folder = place(&format!(r#"{HELLO}; printf 'O\5\0\0\0said\nX\1\0\0\0\7' >$frames; exit 0"#))?;
    let output = with_script(&folder, &["--kernel", "kernel"]).output()?;
    is(&output, 7, &["\n 6.6 : exit code 7 ("])?;
    require!(support::text(&output.stdout) == "said\n", "{output:?}");
    // A kernel that cannot switch the machine off.
    let folder = place(&format!(r#"{HELLO}; printf 'X\1\0\0\0\7' >$frames; exec sleep 1000"#))?;
    let output = with_script(&folder, &["--kernel", "kernel", "--silence", "0.5"]).output()?;
    is(&output, 7, &[" 6.6 : exit code 7 ("])?;
    Ok(())
}

fn several() -> Tested {
    let folder = place(&format!(r#"{HELLO}; printf 'O\5\0\0\0said\nX\1\0\0\0\0' >$frames"#))?;
    let output = with_script(&folder, &["--kernel", "kernel", "./kernel", "--machines", "2"]).output()?;
    is(&output, 0, &[])?;
    require!(support::text(&output.stdout) == " 6.6 : said\n 6.6 : said\n", "{output:?}");
    require!(support::text(&output.stderr).matches("exit code 0").count() == 2, "{output:?}");
    Ok(())
}

/// Runs it until a machine runs, and sends this signal. Returns the pid of the machine and how `ior-it` ended.
fn signalled(signal: Signal) -> Result<(i32, Option<i32>, Option<i32>), Failed> {
    let folder = place(&format!(
        r#"{HELLO}; printf 'O\10\0\0\0%8d' $$ >$frames; printf 'O\1\0\0\0\n' >$frames; exec sleep 1000"#
    ))?;
    let mut child =
        with_script(&folder, &["--kernel", "kernel"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut line = String::new();
    let output = child.stdout.take().ok_or("no output")?;
    BufReader::new(output).read_line(&mut line)?;
    let machine = line.trim().parse()?;
    kill(Pid::from_raw(child.id().cast_signed()), signal)?;
    let status = child.wait()?;
    Ok((machine, status.code(), status.signal()))
}

/// Whether a process runs: one that has ended and is not reaped does not.
fn runs(pid: i32) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"));
    stat.is_ok_and(|stat| !stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['Z', 'X'])))
}

fn interrupted() -> Tested {
    let (machine, code, _) = signalled(Signal::SIGINT)?;
    require!(code == Some(130), "{code:?}");
    require!(!runs(machine), "the machine {machine} still runs");
    Ok(())
}

/// The kernel kills the machine with its parent: soon, so that this waits for it, and a test that hangs has failed.
fn killed() -> Tested {
    let (machine, _, signal) = signalled(Signal::SIGKILL)?;
    require!(signal == Some(Signal::SIGKILL as i32), "{signal:?}");
    while runs(machine) {
        std::thread::yield_now();
    }
    Ok(())
}
