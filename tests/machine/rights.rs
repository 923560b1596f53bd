//! A binary with file capabilities does for whoever calls it what he could do by himself, and traces what is his.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};

use crate::support;
use libtest_mimic::{Arguments, Failed};
use nix::errno::Errno;

type Tested = Result<(), Failed>;
type Named = (&'static str, fn() -> Tested);

pub fn main() -> ExitCode {
    let live: [Named; 5] = [
        ("with_capabilities_it_traces_for_anybody", traces),
        ("files_are_opened_with_the_callers_rights", files),
        ("no_code_of_the_caller_is_loaded", no_code),
        ("a_program_with_other_rights_is_not_shown", hidden),
        ("a_link_of_somebody_else_is_not_followed", links),
    ];
    let live = live.into_iter().map(|(name, test)| support::live(name, test));
    support::run("rights", &Arguments::from_args(), live)
}

/// Nobody, as far as the tests are concerned.
const ANYBODY: u32 = 65_534;

/// A folder that anybody can write to, with a copy of the binary that has the capabilities of the README.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Result<Self, Failed> {
        let folder = tempfile::tempdir()?;
        fs::set_permissions(folder.path(), Permissions::from_mode(0o1777))?;
        let place = Self(folder);
        let binary = place.path("ior-it");
        fs::copy(env!("CARGO_BIN_EXE_ior-it"), &binary)?;
        fs::set_permissions(&binary, Permissions::from_mode(0o755))?;
        set_capabilities(&binary)?;
        Ok(place)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// What the binary does for anybody.
    fn run(&self, args: &[&str]) -> Result<Output, Failed> {
        let mut command = Command::new(self.path("ior-it"));
        command.args(args).env("TMPDIR", self.0.path()).current_dir(self.0.path()).uid(ANYBODY).gid(ANYBODY);
        Ok(command.stdin(Stdio::null()).output()?)
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

fn says(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

fn traces() -> Tested {
    let place = Place::new()?;
    // Those that look into the /proc of others, too.
    let names = ["dup-basic", "open-by-handle-at", "comm-change", "killed-in-call", "restart-signal", "restart-nested"];
    let filters: Vec<&str> = names.iter().flat_map(|name| ["--filter", name]).chain(["--exact"]).collect();
    let one = place.run(&filters)?;
    require!(one.status.code() == Some(0), "{}: {}", one.status, says(&one));
    let command = place.run(&["--", "true"])?;
    require!(command.status.code() == Some(0), "{}: {}", command.status, says(&command));
    require!(says(&command).contains("\nlost: nothing"), "{}", says(&command));
    Ok(())
}

fn files() -> Tested {
    let place = Place::new()?;
    let secret = place.path("secret");
    fs::write(&secret, "a secret = 1\n")?;
    fs::set_permissions(&secret, Permissions::from_mode(0o600))?;
    let rows: [(&[&str], i32); 4] = [
        (&["--tests", "secret", "--list"], 2),
        (&["--replay", "secret"], 2),
        (&["--show", "secret"], 2),
        (&["--output", "secret", "--", "true"], 2),
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

/// cat with the set-user-ID bit of root reads what the caller could not.
fn hidden() -> Tested {
    let place = Place::new()?;
    fs::write(place.path("secret"), "read")?;
    fs::set_permissions(place.path("secret"), Permissions::from_mode(0o600))?;
    fs::copy("/bin/cat", place.path("cat"))?;
    fs::set_permissions(place.path("cat"), Permissions::from_mode(0o4755))?;
    let output = place.run(&["--", "sh", "-c", "./cat secret; true"])?;
    let says = says(&output);
    require!(output.status.code() == Some(0) && says.starts_with("read"), "{}: {says}", output.status);
    require!(says.contains("\nhidden: 1 process ") && says.contains("+++ hidden"), "{says}");
    require!(!says.contains("\"secret\""), "what another user's program opens is shown: {says}");
    Ok(())
}

/// A link, and a file of somebody else, in a folder that anybody can write to.
fn links() -> Tested {
    let folder = tempfile::tempdir()?;
    fs::set_permissions(folder.path(), Permissions::from_mode(0o1777))?;
    let path = |name: &str| folder.path().join(name);
    fs::write(path("precious"), "precious")?;
    symlink(path("precious"), path("link"))?;
    fs::write(path("theirs"), "theirs")?;
    std::os::unix::fs::chown(path("theirs"), Some(ANYBODY), None)?;
    for name in ["link", "theirs"] {
        for (option, work) in [("--output", ["--", "true"]), ("--logfile", ["--filter", "dup-basic"])] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_ior-it"));
            let output = command.arg(option).arg(path(name)).args(work).stdin(Stdio::null()).output()?;
            require!(output.status.code() == Some(2), "{option} {name}: {}: {}", output.status, says(&output));
        }
    }
    let left = [fs::read_to_string(path("precious"))?, fs::read_to_string(path("theirs"))?];
    require!(left == ["precious", "theirs"], "{left:?}");
    // Whatever the umask, nobody else can look into a workspace.
    let mut command = Command::new(env!("CARGO_BIN_EXE_ior-it"));
    command.args(["--keep", "--exact", "--filter", "dup-basic"]).env("TMPDIR", folder.path());
    // SAFETY: a system call.
    unsafe {
        command.pre_exec(|| {
            libc::umask(0o777);
            Ok(())
        });
    }
    let output = command.output()?;
    require!(output.status.code() == Some(0), "{}: {}", output.status, says(&output));
    let run =
        fs::read_dir(folder.path())?.flatten().find(|entry| entry.file_name().to_string_lossy().starts_with("ior-it."));
    let run = run.ok_or("no folder was kept")?.path();
    for folder in [run.clone(), fs::read_dir(&run)?.flatten().next().ok_or("no workspace")?.path()] {
        let mode = fs::metadata(&folder)?.permissions().mode() & 0o7777;
        require!(mode == 0o700, "{} has mode {mode:o}", folder.display());
    }
    Ok(())
}
