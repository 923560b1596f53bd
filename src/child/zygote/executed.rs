//! The child of a command: its `setup`, its program, and execve(2).
//!
//! Everything is allocated and looked up before the gate. After it there is only the execve.

use std::ffi::{CString, OsStr, c_char};
use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

use crate::base::escape;
use crate::child::command::{ChildCommand, SHELL};
use crate::child::lookup::{executable, in_path};
use crate::child::scenario::{Broken, Setup, act, call};

/// The most bytes of what a failed `setup` wrote to its standard error that are shown.
const SHOWN: usize = 600;

/// Runs `setup`, finds the program, and returns the execve as `act`. The gate must be closed on exec.
pub fn ready(command: &ChildCommand, gate: &impl std::os::fd::AsFd) -> Setup {
    if let Some(text) = &command.setup {
        set_up(text, command)?;
    }
    let program = found(command)?;
    let arguments = command.line.arguments();
    let variables = command.variables();
    fcntl(gate, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    act(move || {
        let (arguments, variables) = (pointers(&arguments), pointers(&variables));
        call!(execve, program.as_c_str(), arguments.as_ptr(), variables.as_ptr())?;
        Ok(())
    })
}

fn pointers(texts: &[CString]) -> Vec<*const c_char> {
    texts.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
}

/// Runs the shell with this text, in the workspace. What it leaves running goes on.
fn set_up(text: &str, command: &ChildCommand) -> Result<(), Broken> {
    let said = memfd_create(c"setup", MFdFlags::MFD_CLOEXEC)?;
    let mut shell = Command::new(SHELL);
    shell.args(["-c", text]).env_clear().envs(command.environment.iter().filter_map(|variable| halves(variable)));
    shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said.try_clone()?);
    let status = shell.status().map_err(|error| Broken::Step(format!("`setup` cannot run: {SHELL}: {error}")))?;
    if status.success() {
        return Ok(());
    }
    Err(Broken::Step(format!("`setup` ended with {status}{}", words(said))))
}

/// A variable's name and value.
fn halves(variable: &OsStr) -> Option<(&OsStr, &OsStr)> {
    let bytes = variable.as_bytes();
    let at = bytes.iter().position(|byte| *byte == b'=')?;
    Some((OsStr::from_bytes(&bytes[..at]), OsStr::from_bytes(&bytes[at + 1..])))
}

/// The end of what was written to a standard error output, as the end of a sentence.
fn words(said: OwnedFd) -> String {
    let mut file = File::from(said);
    let mut bytes = Vec::new();
    let read = file.rewind().and_then(|()| file.read_to_end(&mut bytes));
    let shown = &bytes[bytes.len().saturating_sub(SHOWN)..];
    match read {
        Ok(1..) => format!(": {}", escape::line(String::from_utf8_lossy(shown).trim())),
        Ok(0) | Err(_) => String::new(),
    }
}

/// The program's path. A name without a slash is looked for in PATH. Another one is a path from the workspace, or else from the
/// folder of the file.
fn found(command: &ChildCommand) -> Result<CString, Broken> {
    let name = command.line.program();
    let path = if name.contains('/') { by_path(name, &command.folder) } else { in_path(name.as_ref(), &command.path) };
    let refused = |errno| Broken::Step(format!("{}: {}", escape::line(name), sentence(errno)));
    let path = path.map_err(refused)?;
    CString::new(path.into_os_string().into_vec()).map_err(|_| refused(Errno::EINVAL))
}

fn by_path(name: &str, folder: &Path) -> nix::Result<PathBuf> {
    match executable(Path::new(name)) {
        Ok(()) => Ok(name.into()),
        Err(Errno::ENOENT) => {
            let beside = folder.join(name.trim_start_matches("./"));
            executable(&beside).map(|()| beside)
        }
        Err(errno) => Err(errno),
    }
}

fn sentence(errno: Errno) -> &'static str {
    match errno {
        Errno::ENOENT => "not found, neither in the workspace, nor beside the file of the tests, nor in PATH",
        Errno::EISDIR => "it is a directory",
        Errno::EACCES => "permission denied: `chmod +x` makes a file executable",
        _ => errno.desc(),
    }
}
