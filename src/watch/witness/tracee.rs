//! The tracees of one witness. At each stop of a thread, the witness reads what happened, tells the [`Fold`], and resumes the thread.
//!
//! All functions run in the thread that has seized the tracees: ptrace(2) serves no other.
#![allow(unsafe_code)]

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use caps::{CapSet, Capability};
use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::behind;
use super::leads::{self, BeforeCall};
use super::look;
use super::mounts::Mounts;
use super::stop::{PtraceStop, resume, wait, wait_once};
use super::view;
use super::{Wish, cannot_seize, hides, loses_rights};
use crate::base::error::Error;
use crate::table::syscalls::{Abi, Effect};
use crate::trace::call::Call;
use crate::trace::testimony::{Fold, Seen, Testimony};

/// Flags of a thread that the kernel has made for itself in a process (`PF_IO_WORKER`, `PF_USER_WORKER`). It makes no calls.
const KERNELS_OWN: u64 = 0x10 | 0x4000;

/// The kernel's number for the native table of system calls (AUDIT_ARCH_*, include/uapi/linux/audit.h).
#[cfg(target_arch = "x86_64")]
const NATIVE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const NATIVE: u32 = 0xc000_00b7;

/// All that one witness has seized.
pub struct Tracees {
    follow: bool,
    /// How much is read of what pointers lead to.
    data: u32,
    fold: Fold,
    /// Threads with a seccomp filter.
    filtered: HashSet<u32>,
    /// The calls in progress whose paths are followed, by the order of the calls.
    starts: HashMap<u64, BeforeCall>,
    mounts: Mounts,
    /// What the witness shall do with its tracees.
    wish: Arc<Wish>,
}

impl Tracees {
    /// Seizes all threads of a process and stops them.
    pub fn seize(pid: u32, follow: bool, data: u32, wish: Arc<Wish>) -> Result<Self, Error> {
        let mut tracees = Self {
            follow,
            data,
            fold: Fold::default(),
            filtered: HashSet::default(),
            starts: HashMap::default(),
            mounts: Mounts::default(),
            wish,
        };
        // A thread that is not seized yet may make new ones.
        while let Some(tid) = tracees.unseized(pid) {
            tracees.seize_thread(tid, pid)?;
        }
        Ok(tracees)
    }

    fn unseized(&self, pid: u32) -> Option<u32> {
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        let mut tids = tasks.filter_map(|task| task.file_name().to_str()?.parse().ok());
        tids.find(|&tid| self.fold.pid(tid).is_none() && !is_kernels_own(tid))
    }

    fn seize_thread(&mut self, tid: u32, pid: u32) -> Result<(), Error> {
        let mut options = Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_TRACEEXEC
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEEXIT
            | Options::PTRACE_O_EXITKILL;
        if self.follow {
            options |= Options::PTRACE_O_TRACEFORK | Options::PTRACE_O_TRACEVFORK;
        }
        let thread = Pid::from_raw(tid as i32);
        match ptrace::seize(thread, options).and_then(|()| ptrace::interrupt(thread)) {
            Ok(()) => {}
            // It has ended meanwhile.
            Err(Errno::ESRCH) if tid != pid => return Ok(()),
            Err(errno) => return Err(cannot_seize(tid, errno)),
        }
        self.fold.found(tid, pid);
        self.note_filter(tid);
        while let Some((_, status)) = wait(tid as i32) {
            match PtraceStop::of(status) {
                PtraceStop::Gone => {
                    self.fold.gone(tid);
                    break;
                }
                PtraceStop::Event(_) | PtraceStop::Group => break,
                PtraceStop::Signal(signal) => resume(libc::PTRACE_CONT, tid, signal),
                PtraceStop::Call => resume(libc::PTRACE_CONT, tid, 0),
            }
        }
        Ok(())
    }

    /// Resumes the tracees and observes them, until all are gone or the witness shall leave.
    pub fn witness(mut self, seized: u32) -> Result<Testimony, Error> {
        for tid in self.fold.threads_of(seized) {
            resume(libc::PTRACE_SYSCALL, tid, 0);
        }
        while let Some((tid, status)) = self.next_stop() {
            self.stopped(tid, PtraceStop::of(status))?;
        }
        self.let_go();
        Ok(self.fold.testimony())
    }

    /// The next stop; `None` if no tracee is left or the witness shall leave.
    fn next_stop(&self) -> Option<(u32, i32)> {
        while !self.wish.leave.load(Ordering::Relaxed) {
            match wait_once(-1) {
                Err(Errno::EINTR) => {}
                stop => return stop.ok(),
            }
        }
        None
    }

    /// Stops each thread once more and detaches from it then, as ptrace(2) requires. A thread that is born meanwhile begins with a
    /// stop. A thread that waits for its vfork child does not stop.
    fn let_go(&mut self) {
        for tid in self.fold.threads() {
            let _ = ptrace::interrupt(Pid::from_raw(tid as i32));
        }
        loop {
            let (tid, status) = match wait_once(-1) {
                Ok(stop) => stop,
                Err(Errno::EINTR) => {
                    self.kill_if_wished();
                    continue;
                }
                Err(_) => return,
            };
            let signal = match PtraceStop::of(status) {
                PtraceStop::Gone => {
                    self.fold.gone(tid);
                    continue;
                }
                PtraceStop::Signal(signal) => signal,
                PtraceStop::Call | PtraceStop::Group | PtraceStop::Event(_) => 0,
            };
            let pid = self.fold.pid(tid).unwrap_or_else(|| process_of(tid));
            self.fold.let_go(pid);
            resume(libc::PTRACE_DETACH, tid, signal);
            self.fold.gone(tid);
        }
    }

    /// Kills the processes that are left. It uses the pid of the process and not a tid. No process can get that pid, because only
    /// this thread reaps the leader. A tid becomes free when another thread of the process calls execve(2).
    fn kill_if_wished(&mut self) {
        for tid in self.fold.threads().into_iter().filter(|_| self.wish.kill.load(Ordering::Relaxed)) {
            let Some(pid) = self.fold.pid(tid) else { continue };
            let _ = kill(Pid::from_raw(pid as i32), Signal::SIGKILL);
            self.fold.killed(pid);
        }
    }

    fn stopped(&mut self, tid: u32, stop: PtraceStop) -> Result<(), Error> {
        if self.fold.pid(tid).is_none() && !self.admit(tid, stop) {
            return Ok(());
        }
        match stop {
            PtraceStop::Gone => {
                self.fold.gone(tid);
                return Ok(());
            }
            PtraceStop::Call => self.call(tid),
            PtraceStop::Group => {
                resume(libc::PTRACE_LISTEN, tid, 0);
                return Ok(());
            }
            PtraceStop::Event(libc::PTRACE_EVENT_EXEC) => {
                let former = ptrace::getevent(Pid::from_raw(tid as i32)).map_or(tid, |former| former as u32);
                self.fold.exec(former, tid);
                self.note_filter(tid);
                check_rights(tid)?;
            }
            PtraceStop::Event(libc::PTRACE_EVENT_EXIT) => {
                if let Some(seen) = result_register(tid).and_then(|value| self.fold.dies(tid, value)) {
                    view::read_unread(tid, seen);
                }
            }
            PtraceStop::Signal(signal) => self.signal(tid, signal),
            PtraceStop::Event(_) => {}
        }
        let signal = if let PtraceStop::Signal(signal) = stop { signal } else { 0 };
        resume(libc::PTRACE_SYSCALL, tid, signal);
        Ok(())
    }

    /// Admits a new thread; false if it is not to be witnessed. clone(2) can also make a process, which is witnessed only with
    /// `follow`.
    fn admit(&mut self, tid: u32, stop: PtraceStop) -> bool {
        let pid = process_of(tid);
        let ours = self.follow || self.fold.has_process(pid);
        match stop {
            PtraceStop::Gone => {}
            _ if ours => self.note_filter(tid),
            _ => drop(ptrace::detach(Pid::from_raw(tid as i32), None)),
        }
        if ours {
            self.fold.born(tid, pid);
        }
        ours
    }

    /// Notes what a signal means for the calls before it.
    fn signal(&mut self, tid: u32, signal: i32) {
        let thread = Pid::from_raw(tid as i32);
        // SYS_SECCOMP (sigaction(2)).
        if signal == libc::SIGSYS && ptrace::getsiginfo(thread).is_ok_and(|info| info.si_code == 1) {
            self.fold.trapped(tid);
        }
        if is_caught(tid, signal) {
            let stack = ptrace::syscall_info(thread).map_or(0, |info| info.stack_pointer);
            self.fold.handler(tid, stack);
        }
    }

    fn call(&mut self, tid: u32) {
        // The thread may be killed in its stop. Then its end comes next.
        let Ok(info) = ptrace::syscall_info(Pid::from_raw(tid as i32)) else { return };
        match info.op {
            libc::PTRACE_SYSCALL_INFO_ENTRY => {
                // SAFETY: `op` says which member is set (PTRACE_GET_SYSCALL_INFO in ptrace(2)).
                let entry = unsafe { info.u.entry };
                let abi = if info.arch == NATIVE { Abi::Native } else { Abi::Compat };
                // The kernel takes 32 bits for a 32-bit call, but ptrace shows the whole registers.
                let args =
                    if abi == Abi::Compat { entry.args.map(|arg| arg & u64::from(u32::MAX)) } else { entry.args };
                self.enters(tid, view::blank(entry.nr as u32, abi, args), &info);
            }
            libc::PTRACE_SYSCALL_INFO_EXIT => {
                // SAFETY: as above.
                let exit = unsafe { info.u.exit };
                let is_shared = !self.fold.is_alone(tid);
                if let Some(seen) = self.fold.exit(tid, exit.sval, info.instruction_pointer, info.stack_pointer) {
                    behind::read_filled(tid, seen, self.data);
                    seen.shares_memory |= is_shared;
                    let start = self.starts.remove(&seen.call.order);
                    let reached = view::look_at_exit(&mut self.mounts, tid, seen);
                    if let (Some(start), Some(reached)) = (start, reached) {
                        seen.names_mut().leads = leads::leads(&mut self.mounts, seen, &start, &reached);
                    }
                    if sets_filter(&seen.call) {
                        // With SECCOMP_FILTER_FLAG_TSYNC the other threads get the filter, too. To be simple, count all.
                        let pid = seen.call.pid;
                        self.filtered.extend(self.fold.threads_of(pid));
                    }
                }
            }
            _ => {}
        }
    }

    /// A thread enters a new call, or the interrupted one again. Its handler may have changed the memory meanwhile.
    fn enters(&mut self, tid: u32, call: Call, info: &libc::ptrace_syscall_info) {
        let alone = self.fold.is_alone(tid);
        if self.fold.resumes(tid, &call, info.instruction_pointer, info.stack_pointer) {
            if let Some(seen) = self.fold.current(tid) {
                behind::read_given(tid, seen, self.data);
                seen.shares_memory |= !alone;
            }
            return;
        }
        let filtered = self.filtered.contains(&tid);
        let mut seen = Seen { filtered, shares_memory: !alone, ..view::entered(&mut self.mounts, tid, call) };
        behind::read_given(tid, &mut seen, self.data);
        let start = seen.call.syscall().and_then(|row| BeforeCall::of(row, tid, alone));
        if let (Some(place), Some(start)) = (self.fold.enter(tid, seen), start) {
            self.starts.insert(place, start);
        }
    }

    fn note_filter(&mut self, tid: u32) {
        // SECCOMP_MODE_STRICT is 1, SECCOMP_MODE_FILTER 2.
        if look::status(tid, "Seccomp", 10).is_some_and(|mode| mode > 0) {
            self.filtered.insert(tid);
        }
    }
}

/// The process of a thread.
fn process_of(tid: u32) -> u32 {
    look::status(tid, "Tgid", 10).map_or(tid, |pid| pid as u32)
}

/// Whether a call has set a seccomp filter or the strict mode: from now on seccomp(2) may answer the thread's calls or kill it.
fn sets_filter(call: &Call) -> bool {
    // The numbers of 32-bit calls are others: these go by name.
    let effect = call.effect();
    let sets = effect == Effect::ControlFilter && call.args[0] as u32 <= libc::SECCOMP_SET_MODE_FILTER
        || effect == Effect::ControlProcess && call.args[0] as i32 == libc::PR_SET_SECCOMP;
    sets && call.success().is_some()
}

/// Whether the process has a handler for a signal (proc_pid_status(5), SigCgt).
fn is_caught(tid: u32, signal: i32) -> bool {
    look::status(tid, "SigCgt", 16).is_some_and(|caught| caught >> (signal - 1) & 1 == 1)
}

/// The register that holds the result of a call (syscall(2), "Architecture calling conventions").
fn result_register(tid: u32) -> Option<i64> {
    let registers = ptrace::getregs(Pid::from_raw(tid as i32)).ok()?;
    #[cfg(target_arch = "x86_64")]
    return Some(registers.rax as i64);
    #[cfg(target_arch = "aarch64")]
    return Some(registers.regs[0] as i64);
}

/// Whether the kernel has made this thread for itself. The ninth field of proc_pid_stat(5) has the flags; the second is the name
/// in parentheses.
fn is_kernels_own(tid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{tid}/stat")).unwrap_or_default();
    let flags = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(6)?.parse::<u64>().ok());
    flags.is_some_and(|flags| flags & KERNELS_OWN != 0)
}

/// Checks that a program has the same rights as without a witness. Unless its tracer has CAP_SYS_PTRACE, a traced program does not
/// get the rights of its set-user-ID or set-group-ID bit (execve(2)). That is no loss if the caller has the same rights. A caller
/// with CAP_SETUID can pass them on, but then the witness may not read the program's memory or /proc.
fn check_rights(tid: u32) -> Result<(), Error> {
    use std::os::unix::fs::MetadataExt;
    if caps::has_cap(None, CapSet::Effective, Capability::CAP_SYS_PTRACE).unwrap_or(false) {
        return Ok(());
    }
    let (program, process) = (format!("/proc/{tid}/exe"), format!("/proc/{tid}"));
    let (program, process) = match (std::fs::metadata(program), std::fs::metadata(process)) {
        (Ok(program), Ok(process)) => (program, process),
        (Err(error), _) if error.kind() == std::io::ErrorKind::PermissionDenied => return Err(hides(tid)),
        // The process was killed meanwhile.
        _ => return Ok(()),
    };
    let sets_user = program.mode() & libc::S_ISUID != 0 && program.uid() != process.uid();
    // Without S_IXGRP, S_ISGID means mandatory locking (inode(7)).
    let group = libc::S_ISGID | libc::S_IXGRP;
    let sets_group = program.mode() & group == group && program.gid() != process.gid();
    if sets_user || sets_group { Err(loses_rights(tid)) } else { Ok(()) }
}
