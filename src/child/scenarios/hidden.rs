//! Programs that their caller may not trace: the watch ends where a process becomes one ([SECURITY.md](../../../SECURITY.md)).

use std::ffi::CStr;
use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::ptr;

use nix::errno::Errno;
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{Uid, setresuid};

use super::exec::in_fork;
use super::program::write_closing;
use crate::child::scenario::{Broken, Scenario, Setup, act, call, fails};

pub const ALL: &[Scenario] = &[
    Scenario::new("hidden-unreadable", hidden_unreadable),
    Scenario::new("hidden-secure", hidden_secure),
    Scenario::new("hidden-forked", hidden_forked),
    Scenario::new("hidden-not", hidden_not),
];

/// A user without rights.
const NOBODY: u32 = 65_534;

/// A program that makes two calls.
fn program(path: &CStr, mode: u32) -> Result<(), Broken> {
    write_closing(path, &[99])?;
    let path = path.to_string_lossy();
    Ok(set_permissions(&*path, Permissions::from_mode(mode))?)
}

/// Becomes the user without rights.
fn become_nobody() -> Result<(), Broken> {
    set_permissions(".", Permissions::from_mode(0o755))?;
    let nobody = Uid::from_raw(NOBODY);
    // Whoever is that user already owns the programs.
    let became = if Uid::effective() == nobody { Err(Errno::EPERM) } else { setresuid(nobody, nobody, nobody) };
    became.map_err(|_| Broken::Skip("it takes the rights of root: setresuid(2)".to_owned()))
}

fn execute(path: &CStr) -> Result<(), Broken> {
    let arguments = [path.as_ptr(), ptr::null()];
    call!(execve, path, arguments.as_ptr(), arguments[1..].as_ptr())?;
    Err(Broken::Step("execve returned".to_owned()))
}

/// A program that may be executed and not read.
fn hidden_unreadable() -> Setup {
    program(c"unreadable", 0o711)?;
    become_nobody()?;
    act(|| {
        fails(call!(close, -1), Errno::EBADF)?;
        execute(c"unreadable")
    })
}

/// A set-user-ID program.
fn set_user_id(path: &CStr) -> Result<(), Broken> {
    if statvfs(".")?.flags().contains(FsFlags::ST_NOSUID) {
        return Err(Broken::Skip("the file system of the workspace has no set-user-ID programs (nosuid)".to_owned()));
    }
    program(path, 0o4755)
}

fn hidden_secure() -> Setup {
    set_user_id(c"secure")?;
    become_nobody()?;
    act(|| {
        fails(call!(close, -1), Errno::EBADF)?;
        execute(c"secure")
    })
}

/// The processes of one watch become programs: the second may be traced, and the parent lives on.
fn hidden_forked() -> Setup {
    program(c"unreadable", 0o711)?;
    program(c"readable", 0o755)?;
    set_user_id(c"secure")?;
    become_nobody()?;
    act(|| {
        for path in [c"unreadable", c"readable", c"secure"] {
            in_fork(|| execute(path))?;
        }
        fails(call!(close, -1), Errno::EBADF)
    })
}

/// A watch that hides nothing goes on in such a program.
fn hidden_not() -> Setup {
    program(c"unreadable", 0o711)?;
    become_nobody()?;
    act(|| in_fork(|| execute(c"unreadable")))
}
