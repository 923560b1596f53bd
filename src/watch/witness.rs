//! The independent witness: a process seen through ptrace(2) at the same time as through BPF.
//!
//! A [`Witness`] is a thread of its own, since ptrace serves only the thread that has seized. It stops the process at its
//! gate, is released when the process is watched, blocks in waitpid(2) for the stops of its tracees, and ends with the last
//! of them. If it ends before, they are killed (PTRACE_O_EXITKILL): nothing outlives it. All that it knows of BPF is
//! the table of system calls, which says which arguments are paths and descriptors.

use std::os::unix::thread::JoinHandleExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use caps::Capability;
use nix::errno::Errno;
use nix::sys::pthread::pthread_kill;
use nix::sys::signal::Signal;

use crate::base::error::Error;
use crate::base::rights;
use crate::trace::testimony::Testimony;

mod mounts;
mod look;
mod walk;
mod leads;
mod view;
mod stop;
mod tracee;

use tracee::Tracees;

/// A process that is witnessed. Dropping it waits until its tracees are gone, or kills them if it was not released.
#[derive(Debug)]
pub struct Witness {
    release: Option<Sender<()>>,
    /// What it is to do with its tracees.
    wish: Arc<Wish>,
    thread: Option<JoinHandle<Result<Testimony, Error>>>,
}

/// What a witness is to do with its tracees, other than look on.
#[derive(Debug, Default)]
struct Wish {
    /// To let them go.
    leave: AtomicBool,
    /// To kill who is still there.
    kill: AtomicBool,
}

impl Witness {
    /// Seizes a process and stops it, wherever it is; with `follow`, whatever it forks is witnessed as well.
    pub fn stop(pid: u32, follow: bool) -> Result<Self, Error> {
        let (release, released) = mpsc::channel();
        let (say, stopped) = mpsc::channel();
        let wish = Arc::<Wish>::default();
        let wished = Arc::clone(&wish);
        let run = move || {
            let tracees =
                Tracees::seize(pid, follow, wished).inspect_err(|error| drop(say.send(Err(error.clone()))))?;
            // Whoever started this thread waits for it.
            let _ = say.send(Ok(()));
            match released.recv() {
                Ok(()) => tracees.witness(pid),
                Err(_) => Ok(Testimony::default()),
            }
        };
        let thread = std::thread::Builder::new().name("witness".to_owned()).spawn(run).map_err(|error| {
            Error::cannot_trace(
                format!("no thread for the witness: {error}"),
                "see `ulimit -u`; --test-threads 1 needs the fewest",
            )
        })?;
        let witness = Self { release: Some(release), wish, thread: Some(thread) };
        stopped.recv().unwrap_or_else(|_| Err(panicked()))?;
        Ok(witness)
    }

    /// Lets the process go on, and looks on.
    pub fn release(&self) {
        // If the thread is gone, `testimony` says why.
        let _ = self.release.as_ref().map(|release| release.send(()));
    }

    /// Lets everything that is witnessed go on without it, and kills who cannot be stopped for that in time: the kernel would do
    /// so at the end of this process. All that was seen until then, and who goes on.
    pub fn let_go(self, limit: Duration) -> Result<Testimony, Error> {
        stop::prepare_to_leave()?;
        let begin = Instant::now();
        self.wish.leave.store(true, Ordering::Relaxed);
        // A signal that comes just before its waitpid(2) does not end that: there is no pwaitpid as there is ppoll(2).
        while let Some(thread) = self.thread.as_ref().filter(|thread| !thread.is_finished()) {
            self.wish.kill.store(begin.elapsed() > limit, Ordering::Relaxed);
            let _ = pthread_kill(thread.as_pthread_t(), Signal::SIGUSR1);
            std::thread::sleep(Duration::from_millis(1));
        }
        self.testimony()
    }

    /// Lets go whoever has been stopped: the process that was meant had ended, and its pid may have been given to somebody else.
    pub fn mistaken(self) {
        self.release();
        // Nothing was seen, and nobody is left to be told.
        let _ = self.let_go(Duration::MAX);
    }

    /// All that was seen. Waits until everything that is witnessed is gone.
    pub fn testimony(mut self) -> Result<Testimony, Error> {
        self.release = None;
        self.thread.take().map_or_else(|| Err(panicked()), |thread| thread.join().unwrap_or_else(|_| Err(panicked())))
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.release = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What a witness of scenarios needs, before the first of them: some are processes that only CAP_SYS_PTRACE may look at.
pub fn check_machine() -> Result<(), Error> {
    if has_capability() {
        return Ok(());
    }
    Err(Error::cannot_trace("a witness of scenarios needs CAP_SYS_PTRACE, which this process lacks", LACKS_CAPABILITY))
}

const LACKS_CAPABILITY: &str =
    "run it as `sudo ./ior-it --witness`, or give cap_sys_ptrace as well (setcap); with docker, --cap-add SYS_PTRACE";

fn has_capability() -> bool {
    rights::has(Capability::CAP_SYS_PTRACE)
}

fn panicked() -> Error {
    Error::scenario("the witness panicked", "BUG: this is a fault in src/watch/witness")
}

/// Why a process could not be seized (ptrace(2), "Ptrace access mode checking").
fn cannot_seize(tid: u32, errno: Errno) -> Error {
    let tracer = look::status(tid, "TracerPid", 10).unwrap_or(0);
    let scope = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    let (why, hint) = match (errno, tracer, scope.trim()) {
        (Errno::EPERM, 1.., _) => (
            format!("it is traced by process {tracer} already"),
            "a process has one tracer: end that one (strace, gdb), or leave out --witness",
        ),
        (Errno::EPERM, _, "3") => (
            "kernel.yama.ptrace_scope is 3, so no process may be traced until the next boot".to_owned(),
            "boot with another value in /etc/sysctl.d, or leave out --witness",
        ),
        (Errno::EPERM, _, _) if !has_capability() => ("this process lacks CAP_SYS_PTRACE".to_owned(), LACKS_CAPABILITY),
        (Errno::EPERM | Errno::ENOSYS, _, _) => (
            format!(
                "ptrace is refused ({errno}) though CAP_SYS_PTRACE is there: by a seccomp filter or a security module"
            ),
            "with docker, add --security-opt seccomp=unconfined; `dmesg` names a security module",
        ),
        (errno, _, _) => (errno.to_string(), "leave out --witness"),
    };
    Error::cannot_trace(format!("the witness could not seize process {tid}: {why}"), hint)
}

/// A program with a set-user-ID or set-group-ID bit, which would run without its rights.
fn loses_rights(tid: u32) -> Error {
    let program = std::fs::read_link(format!("/proc/{tid}/exe")).unwrap_or_default();
    Error::cannot_trace(
        format!(
            "{} is a set-user-ID or set-group-ID program: under a witness it has no such rights",
            crate::base::escape::path(&program)
        ),
        "run ior-it as root (or with CAP_SYS_PTRACE), under which it keeps them, or leave out --witness",
    )
}

/// A program that the witness may not look at: it has other rights than its caller, or may be executed and not read.
fn hides(tid: u32) -> Error {
    Error::cannot_trace(
        format!("the program that process {tid} has become may not be looked at: it runs with other rights"),
        "run ior-it as root (or with CAP_SYS_PTRACE), or leave out --witness",
    )
}
