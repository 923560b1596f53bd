//! A program that a child becomes. It is found as a shell finds it, and starts as if `ior-it`'s caller had started it.
//!
//! All memory is allocated before the gate: the child makes no call between the gate and execve(2).
#![allow(unsafe_code)]

use std::ffi::{CString, OsStr, OsString, c_char};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::Signal;

use crate::base::error::{Error, Exit};
use crate::child::lookup::{DEFAULT_PATH, executable, in_path};
use crate::child::start::{ProgramStart, ProgramUser};

/// A program, its arguments, and the caller's rules for signals.
#[derive(Debug)]
pub struct Program {
    path: CString,
    arguments: Vec<CString>,
    /// The whole environment, if it differs from that of this process.
    environment: Option<Vec<CString>>,
    user: Option<ProgramUser>,
    rules: Rules,
}

/// The lists that execve(2) takes. Each ends with a null pointer.
pub(super) struct Pointers {
    arguments: Vec<*const c_char>,
    environment: Option<Vec<*const c_char>>,
}

impl Program {
    /// The program of a command line, looked for in PATH if its name has no slash. The errors are those of a shell: exit
    /// code 127 if there is none, 126 if it cannot be executed.
    pub fn find(command: &[OsString], start: &ProgramStart) -> Result<Self, Error> {
        let name = command.first().map(OsString::as_os_str).unwrap_or_default();
        let path = if name.as_bytes().contains(&b'/') {
            executable(Path::new(name)).map(|()| PathBuf::from(name)).map_err(|errno| refused(name, errno))?
        } else {
            let folders = std::env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
            in_path(name, &folders).map_err(|errno| refused(name, errno))?
        };
        let text = |text: OsString| CString::new(text.into_vec()).map_err(|_| refused(name, Errno::EINVAL));
        let arguments = command.iter().cloned().map(text).collect::<Result<_, _>>()?;
        let environment = (!start.variables.is_empty()).then(|| environment(start));
        let user = start.user.clone();
        Ok(Self { path: text(path.into_os_string())?, arguments, environment, user, rules: Rules::of_this_process() })
    }

    /// The last part of its path.
    pub fn name(&self) -> String {
        let path = Path::new(OsStr::from_bytes(self.path.as_bytes()));
        path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Why execve(2) refused it, as a shell says it.
    pub fn refused(&self, errno: Errno) -> Error {
        refused(OsStr::from_bytes(self.path.as_bytes()), errno)
    }

    /// The arguments and the environment as execve(2) wants them. They point into `self`.
    pub(super) fn pointers(&self) -> Pointers {
        let list = |texts: &[CString]| texts.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect();
        Pointers { arguments: list(&self.arguments), environment: self.environment.as_deref().map(list) }
    }

    /// Prepares the child before the gate: it dies with the zygote, and has the caller's rules for signals.
    pub(super) fn prepare(&self) -> nix::Result<()> {
        prctl::set_pdeathsig(Signal::SIGKILL)?;
        if let Some(user) = &self.user {
            user.assume()?;
        }
        let name: Vec<u8> = self.name().into_bytes().into_iter().take(15).collect();
        prctl::set_name(&CString::new(name).unwrap_or_default())?;
        self.rules.restore();
        Ok(())
    }

    /// Becomes the program. Returns only the errno of a failure.
    pub(super) fn execute(&self, pointers: &Pointers) -> Errno {
        let (path, arguments) = (self.path.as_ptr(), pointers.arguments.as_ptr());
        match &pointers.environment {
            // SAFETY: the path and all texts end with a NUL, and the lists of them with a null pointer; `self` outlives the call.
            Some(environment) => unsafe { libc::execve(path, arguments, environment.as_ptr()) },
            // SAFETY: as above.
            None => unsafe { libc::execv(path, arguments) },
        };
        Errno::last()
    }
}

fn environment(start: &ProgramStart) -> Vec<CString> {
    let text = |(name, value): (OsString, OsString)| CString::new([name.as_bytes(), b"=", value.as_bytes()].concat());
    start.environment(std::env::vars_os()).into_iter().filter_map(|variable| text(variable).ok()).collect()
}

fn refused(name: &OsStr, errno: Errno) -> Error {
    let name = name.to_string_lossy();
    let (what, hint, exit) = match errno {
        Errno::ENOENT if Path::new(name.as_ref()).exists() => (
            "its interpreter was not found",
            "`head -1` of a script, `readelf -l` of a program name it",
            Exit::NotFound,
        ),
        Errno::ENOENT | Errno::ENOTDIR => {
            ("not found", "write the path of a program after --, or the name of one in PATH", Exit::NotFound)
        }
        Errno::EISDIR => ("it is a directory", "a program, and its arguments, stand after --", Exit::NotExecutable),
        Errno::EACCES => ("permission denied", "`chmod +x` makes a file executable", Exit::NotExecutable),
        Errno::ENOEXEC => (
            "it has no format that can be executed",
            "a script begins with a line such as #!/bin/sh; or name the shell: -- sh SCRIPT",
            Exit::NotExecutable,
        ),
        _ => (errno.desc(), "`man 2 execve` says more", Exit::NotExecutable),
    };
    Error::new(format!("{name}: {what}"), hint.to_owned(), exit)
}

/// The signals that the caller blocks or ignores, which a program inherits (execve(2)).
#[derive(Debug)]
struct Rules {
    blocked: libc::sigset_t,
    ignored: Vec<i32>,
}

/// Whether these signals were ignored at the start. Later, Rust's runtime ignores the first, and `ior-it` the second.
static IGNORED: [(i32, AtomicBool); 2] =
    [(libc::SIGPIPE, AtomicBool::new(false)), (libc::SIGXFSZ, AtomicBool::new(false))];
/// Which standard streams were closed at the start. Later, Rust's runtime opens /dev/null in their place.
static CLOSED: [AtomicBool; 3] = [const { AtomicBool::new(false) }; 3];

#[used]
// SAFETY: the dynamic loader runs it before main, with no other thread. It needs nothing that is set up later.
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = note_what_changes;

extern "C" fn note_what_changes() {
    for (signal, ignored) in &IGNORED {
        ignored.store(is_ignored(*signal), Ordering::Relaxed);
    }
    for (fd, closed) in (0..).zip(&CLOSED) {
        // SAFETY: it only reads a flag.
        closed.store(unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0, Ordering::Relaxed);
    }
}

/// Whether a standard stream was closed when this process began.
pub fn was_closed(fd: i32) -> bool {
    CLOSED.get(fd as usize).is_some_and(|closed| closed.load(Ordering::Relaxed))
}

/// Whether a signal is ignored now.
pub fn is_ignored(signal: i32) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: it changes nothing. The struct is written if the signal exists, and stays zero otherwise, which is valid.
    let action = unsafe {
        libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr());
        action.assume_init()
    };
    action.sa_sigaction == libc::SIG_IGN
}

/// The signals are numbered from 1 to 64 (signal(7)).
const SIGNALS: std::ops::RangeInclusive<i32> = 1..=64;

impl Rules {
    fn of_this_process() -> Self {
        let noted = |signal| IGNORED.iter().find(|(noted, _)| *noted == signal);
        let ignored = SIGNALS.filter(|&signal| match noted(signal) {
            Some((_, ignored)) => ignored.load(Ordering::Relaxed),
            None => is_ignored(signal),
        });
        let ignored = ignored.collect();
        let mut blocked = std::mem::MaybeUninit::<libc::sigset_t>::zeroed();
        // SAFETY: it changes nothing, and writes the set.
        let blocked = unsafe {
            libc::sigprocmask(libc::SIG_BLOCK, std::ptr::null(), blocked.as_mut_ptr());
            blocked.assume_init()
        };
        Self { blocked, ignored }
    }

    /// Some signals cannot be changed: SIGKILL, SIGSTOP, and two that libc keeps for itself.
    fn restore(&self) {
        for signal in SIGNALS {
            let action = if self.ignored.contains(&signal) { libc::SIG_IGN } else { libc::SIG_DFL };
            // SAFETY: no handler is installed.
            unsafe { libc::signal(signal, action) };
        }
        for fd in (0..3).filter(|&fd| was_closed(fd)) {
            // SAFETY: nothing uses the descriptor that Rust's runtime has opened there: the process is about to execute a program.
            unsafe { libc::close(fd) };
        }
        // SAFETY: the set is whole.
        unsafe { libc::sigprocmask(libc::SIG_SETMASK, &self.blocked, std::ptr::null_mut()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(command: &[&str]) -> Result<String, (Exit, String)> {
        let command: Vec<OsString> = command.iter().map(OsString::from).collect();
        let found = Program::find(&command, &ProgramStart::default()).map_err(|error| (error.exit, error.sentence))?;
        Ok(found.path.into_string().unwrap())
    }

    #[test]
    fn a_program_is_found_as_a_shell_finds_it() {
        assert!(found(&["sh", "-c", "true"]).unwrap().ends_with("/sh"));
        assert_eq!(found(&["/bin/sh"]).unwrap(), "/bin/sh", "a path is taken as it is");
        let rows = [
            ("no-such-program", Exit::NotFound, "no-such-program: not found"),
            ("/no/such/program", Exit::NotFound, "/no/such/program: not found"),
            ("/etc/passwd/x", Exit::NotFound, "/etc/passwd/x: not found"),
            ("", Exit::NotFound, ": not found"),
            ("/etc", Exit::NotExecutable, "/etc: it is a directory"),
            ("/etc/passwd", Exit::NotExecutable, "/etc/passwd: permission denied"),
        ];
        for (name, exit, sentence) in rows {
            assert_eq!(found(&[name]), Err((exit, sentence.to_owned())), "{name:?}");
        }
    }
}
