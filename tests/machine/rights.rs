//! A binary with file capabilities does for its caller only what the caller may do, and traces only the caller's processes.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};

use crate::support::{self, Named, Tested, says};
use libtest_mimic::{Arguments, Failed};
use nix::errno::Errno;

pub fn main() -> ExitCode {
    let live: [Named; 7] = [
        ("with_capabilities_it_traces_for_anybody", traces),
        ("files_are_opened_with_the_callers_rights", files),
        ("no_code_of_the_caller_is_loaded", no_code),
        ("the_callers_own_commands_have_the_callers_rights", commands),
        ("a_program_that_its_caller_may_not_trace_is_not_shown", hidden),
        ("with_the_rights_of_its_owner_it_does_nothing", owned),
        ("whatever_the_umask_archives_are_for_all_to_read", umask),
    ];
    let live = live.into_iter().map(|(name, test)| support::live(name, test));
    support::run("rights", &Arguments::from_args(), live)
}

/// An unprivileged user for the tests.
const ANYBODY: u32 = 65_534;

/// A folder that anybody can write to, with a copy of the binary that has the capabilities of the README.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Result<Self, Failed> {
        let folder = tempfile::tempdir()?;
        fs::set_permissions(folder.path(), Permissions::from_mode(0o1777))?;
        let place = Self(folder);
        let binary = place.path("ior-it");
        support::install(env!("CARGO_BIN_EXE_ior-it"), &binary, 0o755)?;
        set_capabilities(&binary)?;
        Ok(place)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// What the binary does for any user.
    fn run(&self, args: &[&str]) -> Result<Output, Failed> {
        Ok(self.command(args).output()?)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.path("ior-it"));
        command.args(args).env("TMPDIR", self.0.path()).current_dir(self.0.path()).uid(ANYBODY).gid(ANYBODY);
        command.stdin(Stdio::null());
        command
    }
}

/// `setcap cap_bpf,cap_perfmon,cap_dac_read_search+ep`: a struct vfs_cap_data of revision 2 (include/uapi/linux/capability.h).
fn set_capabilities(file: &Path) -> Tested {
    const REVISION_2_EFFECTIVE: u32 = 0x0200_0001;
    let permitted: u64 = 1 << 39 | 1 << 38 | 1 << 2;
    let words = [REVISION_2_EFFECTIVE, permitted as u32, 0, (permitted >> 32) as u32, 0];
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let file = CString::new(file.as_os_str().as_encoded_bytes())?;
    let name = c"security.capability";
    // SAFETY: two strings, and bytes of the length that is given.
    let set = unsafe { libc::setxattr(file.as_ptr(), name.as_ptr(), bytes.as_ptr().cast(), bytes.len(), 0) };
    Errno::result(set).map(drop).map_err(|errno| format!("setcap: {errno}").into())
}

fn traces() -> Tested {
    let place = Place::new()?;
    // Those that look into the /proc of others, too.
    let names = ["dup-basic", "open-by-handle-at", "comm-change", "killed-in-call", "restart-signal", "restart-nested"];
    let filters: Vec<&str> = names.iter().flat_map(|name| ["--filter", name]).chain(["--exact"]).collect();
    let one = place.run(&filters)?;
    require!(one.status.code() == Some(0), "{}: {}", one.status, says(&one));
    // What takes more rights is skipped, and nothing fails.
    let all = place.run(&["-q", "--no-tiers"])?;
    require!(all.status.code() == Some(0), "{}: {}", all.status, says(&all));
    let command = place.run(&["--", "true"])?;
    require!(command.status.code() == Some(0), "{}: {}", command.status, says(&command));
    require!(says(&command).contains("\nlost: nothing"), "{}", says(&command));
    Ok(())
}

fn files() -> Tested {
    let place = Place::new()?;
    // A folder that only root can write to, so that nothing else forbids it.
    fs::create_dir(place.path("of-root"))?;
    let secret = place.path("of-root/secret");
    fs::write(&secret, "a secret = 1\n")?;
    fs::set_permissions(&secret, Permissions::from_mode(0o600))?;
    let rows: [(&[&str], i32); 5] = [
        (&["--tests", "of-root/secret", "--list"], 2),
        (&["--replay", "of-root/secret"], 2),
        (&["--show", "of-root/secret"], 2),
        (&["--output", "of-root/secret", "--", "true"], 2),
        (&["--archive", "of-root", "--", "true"], 2),
    ];
    for (args, code) in rows {
        let output = place.run(args)?;
        let says = says(&output);
        require!(
            output.status.code() == Some(code) && says.contains("ermission denied"),
            "{args:?}: {}: {says}",
            output.status
        );
        require!(!says.contains("a secret"), "{args:?}: {says}");
    }
    require!(fs::read_to_string(&secret)? == "a secret = 1\n", "it was written to");
    Ok(())
}

fn no_code() -> Tested {
    let place = Place::new()?;
    let object = support::compile(place.0.path(), "whole", &support::source()?)?.display().to_string();
    for args in [&["--bpf", &object, "--exact", "--filter", "dup-basic"][..], &["--bpf", &object, "--", "true"]] {
        let output = place.run(args)?;
        let says = says(&output);
        require!(output.status.code() == Some(3) && says.contains("--bpf is refused"), "{}: {says}", output.status);
    }
    Ok(())
}

/// Commands of a file of one's own, with the name of the scenario that keeps a right.
fn commands() -> Tested {
    let place = Place::new()?;
    fs::write(place.path("secret"), "a secret")?;
    fs::set_permissions(place.path("secret"), Permissions::from_mode(0o600))?;
    let both = |text: &str| format!("setup = '{text}'\nscript = '{text}'\n");
    let without = both("grep -q \"^CapPrm:.0000000000000000$\" /proc/self/status");
    let reads = both("! cat \"$TESTS_DIR/secret\"");
    let tables = [("open-by-handle-own", without), ("open-by-handle-reads", reads)];
    let tables = tables.map(|(name, keys)| format!("[{name}]\nabout = \"x\"\n{keys}\n"));
    fs::write(place.path("own.toml"), tables.concat())?;
    let names = ["--filter", "open-by-handle-own", "--filter", "open-by-handle-reads", "--exact"];
    let output = place.run(&[&["--tests", "own.toml"], &names[..]].concat())?;
    let says = says(&output);
    require!(output.status.code() == Some(0) && says.contains("2 passed"), "{}: {says}", output.status);
    Ok(())
}

/// cat opens a file that no other call names, with other rights than its caller, or in a program that the caller may not read.
fn hidden() -> Tested {
    let place = Place::new()?;
    fs::write(place.path("named"), "read")?;
    let interpreter = place.path("cat");
    fs::write(place.path("text"), format!("#!{} named\n", interpreter.display()))?;
    support::install(place.path("text"), &place.path("script"), 0o755)?;
    let rows = [
        ("anybody's own", "./cat named", 0o755, false),
        ("set-user-ID", "./cat named", 0o4755, true),
        ("set-group-ID", "./cat named", 0o2755, true),
        ("not readable", "./cat named", 0o711, true),
        ("not readable, for a script", "./script 2>&1", 0o711, true),
    ];
    for (sentence, line, mode, is_hidden) in rows {
        support::install("/bin/cat", &interpreter, mode)?;
        // In a process of its own, and then in one that is not hidden.
        let line = format!("{}; true", line.replace("named", "\"$FILE\""));
        let output = place.command(&["--archive", ".", "--", "sh", "-c", &line]).env("FILE", "named").output()?;
        let says = says(&output);
        require!(output.status.code() == Some(0) && says.starts_with("read"), "{sentence}: {}: {says}", output.status);
        let hidden = "the calls of 1 process from where it became a program that its caller may not trace";
        let told = [format!("\nhidden: {hidden}\nlost: only what is hidden; "), "+++ hidden: ".to_owned()];
        require!(told.iter().all(|told| says.contains(told)) == is_hidden, "{sentence}: {says}");
        require!(says.contains("\nlost: nothing") != is_hidden, "{sentence}: {says}");
        let show = String::from_utf8(place.run(&["--show", "sh.ior.zst"])?.stdout)?;
        require!(show.contains(&format!("\n# lost: {hidden}\n")) == is_hidden, "{sentence}: {show}");
        for trace in [says, show] {
            let opened = |line: &str| line.contains("openat(AT_FDCWD") && line.contains(", \"named\", ");
            require!(trace.lines().any(opened) != is_hidden, "{sentence}: the file that it opens: {trace}");
            require!(trace.contains("\"read\", ") != is_hidden, "{sentence}: what it reads: {trace}");
        }
    }
    Ok(())
}

/// With the bit, and the capabilities as well.
fn owned() -> Tested {
    let place = Place::new()?;
    fs::write(place.path("tests.toml"), "a secret = 1\n")?;
    fs::set_permissions(place.path("tests.toml"), Permissions::from_mode(0o600))?;
    for (mode, bit) in [(0o4755, "set-user-ID"), (0o2755, "set-group-ID"), (0o6755, "set-user-ID")] {
        fs::set_permissions(place.path("ior-it"), Permissions::from_mode(mode))?;
        for args in [&["--tests", "tests.toml", "--list"][..], &["--exact", "dup-basic"], &["--", "true"]] {
            let output = place.run(args)?;
            let says = says(&output);
            let is_refused = says.starts_with(&format!("error: this binary is {bit}"));
            require!(output.status.code() == Some(3) && is_refused, "{args:?}: {}: {says}", output.status);
        }
    }
    Ok(())
}

/// Root can enter a folder without permissions, but its owner cannot.
fn umask() -> Tested {
    let place = Place::new()?;
    let mut command = place.command(&["--archive", "new/archives", "--exact", "dup-basic"]);
    // SAFETY: a system call.
    unsafe {
        command.pre_exec(|| {
            libc::umask(0o777);
            Ok(())
        });
    }
    let output = command.output()?;
    require!(output.status.code() == Some(0), "{}: {}", output.status, says(&output));
    for (name, mode) in [("new", 0o755), ("new/archives", 0o755), ("new/archives/dup-basic.ior.zst", 0o644)] {
        let found = fs::metadata(place.path(name))?.permissions().mode() & 0o7777;
        require!(found == mode, "{name} has mode {found:o}");
    }
    Ok(())
}
