//! The independent witness: ptrace(2) observes a process while BPF observes it.
//!
//! A [`Witness`] is a thread, because ptrace serves only the thread that has seized a tracee. It stops the process at its gate, and
//! lets it go on when the process is watched. Then it blocks in waitpid(2) for stops, until its last tracee has ended. If the thread
//! ends earlier, the kernel kills the tracees (PTRACE_O_EXITKILL). With BPF it shares only the table of system calls, which says
//! which arguments are paths and descriptors.

use std::os::unix::thread::JoinHandleExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
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
mod behind;
mod stop;
mod tracee;

use tracee::Tracees;

/// A witness and its tracees. Dropping it waits until they are gone, or kills them if they were not released.
#[derive(Debug)]
pub struct Witness {
    release: Option<Sender<()>>,
    /// What the thread shall do with its tracees.
    wish: Arc<Wish>,
    thread: Option<JoinHandle<Result<Testimony, Error>>>,
    /// Nothing comes from there. It is disconnected when the thread ends.
    ended: Receiver<()>,
}

/// What a witness shall do with its tracees, other than observe them.
#[derive(Debug, Default)]
struct Wish {
    /// Detach from them.
    leave: AtomicBool,
    /// Kill those that are left.
    kill: AtomicBool,
}

impl Witness {
    /// Seizes a process and stops it, wherever it is. With `follow`, the processes that it forks become tracees, too. `data` is how
    /// many bytes, or elements, are read of what pointers lead to.
    pub fn stop(pid: u32, follow: bool, data: u32) -> Result<Self, Error> {
        let (release, released) = mpsc::channel();
        let (say, stopped) = mpsc::channel();
        let (runs, ended) = mpsc::channel();
        let wish = Arc::<Wish>::default();
        let wished = Arc::clone(&wish);
        let run = move || {
            let _until_the_end = runs;
            let tracees =
                Tracees::seize(pid, follow, data, wished).inspect_err(|error| drop(say.send(Err(error.clone()))))?;
            // The thread that has started this one waits for it.
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
            .because(error)
        })?;
        let witness = Self { release: Some(release), wish, thread: Some(thread), ended };
        stopped.recv().unwrap_or_else(|_| Err(panicked()))?;
        Ok(witness)
    }

    /// Lets the process go on, and observes it.
    pub fn release(&self) {
        // If the thread is gone, `testimony` says why.
        let _ = self.release.as_ref().map(|release| release.send(()));
    }

    /// Detaches from all tracees, so that they go on. It kills those that do not stop in time, as the kernel would at the end of
    /// this process. Returns all that was seen until then, and which processes go on.
    pub fn let_go(self, limit: Duration) -> Result<Testimony, Error> {
        stop::prepare_to_leave()?;
        let begin = Instant::now();
        self.wish.leave.store(true, Ordering::Relaxed);
        // A signal may come just before the thread's waitpid(2) and not end it, so it is sent again: there is no pwaitpid(2).
        while let Some(thread) = self.thread.as_ref().filter(|thread| !thread.is_finished()) {
            self.wish.kill.store(begin.elapsed() > limit, Ordering::Relaxed);
            let _ = pthread_kill(thread.as_pthread_t(), Signal::SIGUSR1);
            let _ = self.ended.recv_timeout(Duration::from_millis(1));
        }
        self.testimony()
    }

    /// Detaches from a process that was seized by mistake: the one that was meant had ended, and another may have its pid.
    pub fn mistaken(self) {
        self.release();
        // Nothing was seen, and the scenario is over.
        let _ = self.let_go(Duration::MAX);
    }

    /// All that was seen. Waits until all tracees are gone.
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

/// Checks that this machine can witness scenarios: some of their processes can only be traced with CAP_SYS_PTRACE.
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

/// The error if a process cannot be seized (ptrace(2), "Ptrace access mode checking").
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

/// The error for a set-user-ID or set-group-ID program: under a witness it would run without its rights.
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

/// The error for a program that the witness may not read: it has other rights than its caller, or only execute permission.
fn hides(tid: u32) -> Error {
    Error::cannot_trace(
        format!("the program that process {tid} has become may not be looked at: it runs with other rights"),
        "run ior-it as root (or with CAP_SYS_PTRACE), or leave out --witness",
    )
}
