//! The stops of the threads that one witness has seized: each is read, told to the [`Fold`], and let go on.
//!
//! Every function here runs in the thread that has seized them: ptrace(2) serves no other.
#![allow(unsafe_code)]

use std::collections::{HashMap, HashSet};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use caps::{CapSet, Capability};
use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, sigaction};
use nix::unistd::Pid;

use super::leads::{self, Reached, Start};
use super::look::{self, Descriptor};
use super::mounts::Mounts;
use super::{Wish, cannot_seize, hides, loses_rights};
use crate::base::error::Error;
use crate::table::syscalls::Abi;
use crate::table::syscalls::{Effect, Peek, Ret, Role, Syscall};
use crate::trace::call::{Call, Deed, Outcome, Text};
use crate::trace::testimony::{Fold, Seen, Testimony};

/// PTRACE_EVENT_STOP (ptrace(2)): an interrupted, a group-stopped or a new thread.
const EVENT_STOP: i32 = 128;
/// A thread that the kernel has made for itself in this process (`PF_IO_WORKER`, `PF_USER_WORKER`): it makes no calls.
const KERNELS_OWN: u64 = 0x10 | 0x4000;

/// How the kernel calls this architecture where it says by which table a call goes (include/uapi/linux/audit.h).
#[cfg(target_arch = "x86_64")]
const NATIVE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const NATIVE: u32 = 0xc000_00b7;

/// What one witness has seized.
pub struct Tracees {
    follow: bool,
    fold: Fold,
    /// Threads with a seccomp filter.
    filtered: HashSet<u32>,
    /// By the places of the calls whose paths are followed.
    starts: HashMap<u64, Start>,
    mounts: Mounts,
    /// What is to become of them.
    wish: Arc<Wish>,
}

/// What a thread stopped for (ptrace(2), "Stopped states").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// It is no more.
    Gone,
    /// At the entrance or the exit of a call.
    Call,
    /// It is to get this signal.
    Signal(i32),
    /// With its process, by this signal.
    Group,
    /// A PTRACE_EVENT.
    Event(i32),
}

impl Stop {
    fn of(status: i32) -> Self {
        if !libc::WIFSTOPPED(status) {
            return Self::Gone;
        }
        let (signal, event) = (libc::WSTOPSIG(status), status >> 16);
        match (event, signal) {
            (0, CALL) => Self::Call,
            (0, signal) => Self::Signal(signal),
            (EVENT_STOP, libc::SIGSTOP | libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU) => Self::Group,
            (event, _) => Self::Event(event),
        }
    }
}

/// PTRACE_O_TRACESYSGOOD marks the stop of a call so that it is told from a SIGTRAP.
const CALL: i32 = libc::SIGTRAP | 0x80;

impl Tracees {
    /// Seizes all threads of a process and stops them.
    pub fn seize(pid: u32, follow: bool, wish: Arc<Wish>) -> Result<Self, Error> {
        let mut tracees = Self {
            follow,
            fold: Fold::default(),
            filtered: HashSet::default(),
            starts: HashMap::default(),
            mounts: Mounts::default(),
            wish,
        };
        // A thread that is not seized yet may make another.
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
            // It has ended since it was listed.
            Err(Errno::ESRCH) if tid != pid => return Ok(()),
            Err(errno) => return Err(cannot_seize(tid, errno)),
        }
        self.fold.found(tid, pid);
        self.note_filter(tid);
        while let Some((_, status)) = wait(tid as i32) {
            match Stop::of(status) {
                Stop::Gone => {
                    self.fold.gone(tid);
                    break;
                }
                Stop::Event(_) | Stop::Group => break,
                Stop::Signal(signal) => resume(libc::PTRACE_CONT, tid, signal),
                Stop::Call => resume(libc::PTRACE_CONT, tid, 0),
            }
        }
        Ok(())
    }

    /// Lets what was seized go on, and looks on until all of it is gone, or is to be let go.
    pub fn witness(mut self, seized: u32) -> Result<Testimony, Error> {
        for tid in self.fold.threads_of(seized) {
            resume(libc::PTRACE_SYSCALL, tid, 0);
        }
        while let Some((tid, status)) = self.next_stop() {
            self.stopped(tid, Stop::of(status))?;
        }
        self.let_go();
        Ok(self.fold.testimony())
    }

    /// `None` if there is nobody left to stop, or nobody is to.
    fn next_stop(&self) -> Option<(u32, i32)> {
        while !self.wish.leave.load(Ordering::Relaxed) {
            match wait_once(-1) {
                Err(Errno::EINTR) => {}
                stop => return stop.ok(),
            }
        }
        None
    }

    /// Stops each thread once more and detaches from it, as ptrace(2) wants it; one that is born meanwhile begins with a stop. One
    /// that waits for its vfork child does not stop.
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
            let signal = match Stop::of(status) {
                Stop::Gone => {
                    self.fold.gone(tid);
                    continue;
                }
                Stop::Signal(signal) => signal,
                Stop::Call | Stop::Group | Stop::Event(_) => 0,
            };
            let pid = self.fold.pid(tid).unwrap_or_else(|| process_of(tid));
            self.fold.let_go(pid);
            resume(libc::PTRACE_DETACH, tid, signal);
            self.fold.gone(tid);
        }
    }

    /// Kills who is still there, by the pid of the process: nobody but this thread reaps its leader, so that it is nobody else's. A
    /// thread's own number is not: it is free when another of its threads calls execve(2).
    fn kill_if_wished(&mut self) {
        for tid in self.fold.threads().into_iter().filter(|_| self.wish.kill.load(Ordering::Relaxed)) {
            let Some(pid) = self.fold.pid(tid) else { continue };
            let _ = kill(Pid::from_raw(pid as i32), Signal::SIGKILL);
            self.fold.killed(pid);
        }
    }

    fn stopped(&mut self, tid: u32, stop: Stop) -> Result<(), Error> {
        if self.fold.pid(tid).is_none() && !self.admit(tid, stop) {
            return Ok(());
        }
        match stop {
            Stop::Gone => {
                self.fold.gone(tid);
                return Ok(());
            }
            Stop::Call => self.call(tid),
            Stop::Group => {
                resume(libc::PTRACE_LISTEN, tid, 0);
                return Ok(());
            }
            Stop::Event(libc::PTRACE_EVENT_EXEC) => {
                let former = ptrace::getevent(Pid::from_raw(tid as i32)).map_or(tid, |former| former as u32);
                self.fold.exec(former, tid);
                self.note_filter(tid);
                check_rights(tid)?;
            }
            Stop::Event(libc::PTRACE_EVENT_EXIT) => {
                if let Some(seen) = result_register(tid).and_then(|value| self.fold.dies(tid, value)) {
                    read_unread(tid, seen);
                }
            }
            Stop::Signal(signal) => self.signal(tid, signal),
            Stop::Event(_) => {}
        }
        let signal = if let Stop::Signal(signal) = stop { signal } else { 0 };
        resume(libc::PTRACE_SYSCALL, tid, signal);
        Ok(())
    }

    /// A thread that is new here: false if it is none of ours. clone(2) can make a process, too, which is only ours if it is
    /// followed.
    fn admit(&mut self, tid: u32, stop: Stop) -> bool {
        let pid = process_of(tid);
        let ours = self.follow || self.fold.has_process(pid);
        match stop {
            Stop::Gone => {}
            _ if ours => self.note_filter(tid),
            _ => drop(ptrace::detach(Pid::from_raw(tid as i32), None)),
        }
        if ours {
            self.fold.born(tid, pid);
        }
        ours
    }

    /// What a signal that is about to be delivered says of the calls before it.
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
        // It may be killed while it stands here: its end comes next, then.
        let Ok(info) = ptrace::syscall_info(Pid::from_raw(tid as i32)) else { return };
        match info.op {
            libc::PTRACE_SYSCALL_INFO_ENTRY => {
                // SAFETY: `op` says which one it is (PTRACE_GET_SYSCALL_INFO in ptrace(2)).
                let entry = unsafe { info.u.entry };
                let abi = if info.arch == NATIVE { Abi::Native } else { Abi::Compat };
                // Of a 32-bit call the kernel takes 32 bits, and ptrace shows all that is in the registers.
                let args =
                    if abi == Abi::Compat { entry.args.map(|arg| arg & u64::from(u32::MAX)) } else { entry.args };
                let call = blank(entry.nr as u32, abi, args);
                if !self.fold.resumes(tid, &call) {
                    let seen = self.entered(tid, call);
                    let start = seen.call.syscall().and_then(|row| Start::of(row, tid, self.fold.is_alone(tid)));
                    if let (Some(place), Some(start)) = (self.fold.enter(tid, seen), start) {
                        self.starts.insert(place, start);
                    }
                }
            }
            libc::PTRACE_SYSCALL_INFO_EXIT => {
                // SAFETY: as above.
                let exit = unsafe { info.u.exit };
                if let Some(seen) = self.fold.exit(tid, exit.sval, info.instruction_pointer, info.stack_pointer) {
                    let start = self.starts.remove(&seen.call.order);
                    let reached = look_at_exit(&mut self.mounts, tid, seen);
                    if let (Some(start), Some(reached)) = (start, reached) {
                        seen.names_mut().leads = leads::leads(&mut self.mounts, seen, &start, &reached);
                    }
                    if sets_filter(&seen.call) {
                        // With SECCOMP_FILTER_FLAG_TSYNC, which is not looked for, the other threads have it as well.
                        let pid = seen.call.pid;
                        self.filtered.extend(self.fold.threads_of(pid));
                    }
                }
            }
            _ => {}
        }
    }

    /// What there is to see of a call before it is made.
    fn entered(&mut self, tid: u32, call: Call) -> Seen {
        let filtered = self.filtered.contains(&tid);
        let (row, args) = (call.syscall(), call.args);
        let mut seen = Seen { filtered, ..Seen::new(call) };
        let Some(row) = row else { return seen };
        for (place, at) in row.fd_args().chain(row.replaces()).enumerate() {
            if seen.call.is_registered(at) {
                continue;
            }
            let Descriptor { identity, link, .. } = look::descriptor(&mut self.mounts, tid, args[at] as i32);
            (seen.call.fds[place], seen.names_mut().links[place]) = (identity, link);
        }
        if row.effect != Effect::TellDirectory {
            for (place, at) in row.path_args().enumerate() {
                // Until the exit a string that lies on a page that is not there counts as unreadable.
                let text = look::string(tid, args[at]);
                seen.call.texts[place] = text.unwrap_or(Text::Unreadable(libc::EFAULT));
            }
        }
        look_at_bases(tid, row, &mut seen);
        if let Some((at, peek @ (Peek::OpenHow | Peek::HandleIn))) = row.peek {
            seen.call.peek = block(tid, peek, args[at]).flatten();
        }
        seen
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

/// Where the paths of a call begin that are known and do not begin at a descriptor. Those that could not be read before begin
/// where they would have, as long as the call itself has not changed that.
fn look_at_bases(tid: u32, row: &Syscall, seen: &mut Seen) {
    if leads::changes_base(row) && seen.call.success().is_some() {
        return;
    }
    let is_path = |at: usize| matches!(row.args[at].role, Role::Path) && row.effect != Effect::TellDirectory;
    for (place, at) in row.path_args().enumerate().filter(|&(_, at)| is_path(at)) {
        if seen.names.bases[place].is_some() {
            continue;
        }
        let base = match &seen.call.texts[place] {
            Text::Read { bytes, .. } if bytes.starts_with(b"/") => "root",
            Text::Read { bytes, .. } if !bytes.is_empty() && row.dirfd_of(at, &seen.call.args).is_none() => "cwd",
            Text::Read { .. } | Text::Unreadable(_) => continue,
        };
        seen.names_mut().bases[place] = look::link(&format!("/proc/{tid}/{base}"));
    }
}

/// What a call has brought about, and what could not be read before. Returns the file that the kernel has come to, if it has.
fn look_at_exit(mounts: &mut Mounts, tid: u32, seen: &mut Seen) -> Option<Reached> {
    let (row, success) = (seen.call.syscall()?, seen.call.success());
    let reached = success.and_then(|result| look_at_result(mounts, tid, row, result, seen));
    // execve(2): after success the addresses belong to another program, which is told by what path it was executed.
    if row.effect == Effect::Execute && success.is_some() {
        let call = &mut seen.call;
        if let (Text::Unreadable(_), Some(executed)) = (&call.texts[0], look::executed(tid)) {
            let below = format!("/dev/fd/{}", call.args[0] as i32);
            let rest = executed.strip_prefix(below.as_bytes()).filter(|_| row.arg("dirfd").is_some());
            let rest = rest.map(|rest| rest.strip_prefix(b"/").unwrap_or(rest).to_vec());
            call.texts[0] = Text::Read { bytes: rest.unwrap_or(executed), cut: false };
        }
        look_at_bases(tid, row, seen);
        return None;
    }
    if row.effect == Effect::TellDirectory && success.is_some() {
        seen.call.texts[0] = Text::Unreadable(libc::EFAULT);
    }
    read_unread(tid, seen);
    look_at_bases(tid, row, seen);
    look_at_block(mounts, tid, row, seen);
    reached
}

/// The descriptor that a call has made, or the directory that it has changed to.
fn look_at_result(mounts: &mut Mounts, tid: u32, row: &Syscall, result: i64, seen: &mut Seen) -> Option<Reached> {
    let reached = match row.ret_for(&seen.call.args) {
        Ret::Fd => {
            let Descriptor { identity, link, file } = look::descriptor(mounts, tid, result as i32);
            seen.call.made = identity;
            Reached { file, link }
        }
        _ => Reached::by(row, tid)?,
    };
    seen.names_mut().made_link.clone_from(&reached.link);
    Some(reached)
}

/// The block of a call, and the pair that may be in it.
fn look_at_block(mounts: &mut Mounts, tid: u32, row: &Syscall, seen: &mut Seen) {
    let Some((at, peek)) = row.peek else { return };
    let success = seen.call.success().is_some();
    let filled_in = matches!(peek, Peek::Pair | Peek::HandleOut) && success;
    if filled_in || seen.call.peek.is_none() {
        let block = block(tid, peek, seen.call.args[at]);
        seen.untouched[2] = block.is_none();
        seen.call.peek = block.flatten();
    }
    let pair = seen.call.pair().filter(|_| peek == Peek::Pair && success);
    for (place, fd) in pair.into_iter().flatten().enumerate() {
        let Descriptor { identity, link, .. } = look::descriptor(mounts, tid, fd);
        (seen.call.fds[place], seen.names_mut().links[place]) = (identity, link);
    }
}

/// The strings that could not be read before: by now the call has looked at them.
fn read_unread(tid: u32, seen: &mut Seen) {
    let call = &mut seen.call;
    for (place, at) in call.syscall().into_iter().flat_map(|row| row.path_args()).enumerate() {
        if matches!(call.texts[place], Text::Unreadable(_)) {
            let text = look::string(tid, call.args[at]);
            seen.untouched[place] = text.is_none();
            call.texts[place] = text.unwrap_or(Text::Unreadable(libc::EFAULT));
        }
    }
}

fn block(tid: u32, peek: Peek, address: u64) -> Option<Option<Vec<u8>>> {
    match peek {
        Peek::OpenHow => look::block(tid, address, 24),
        Peek::Pair => look::block(tid, address, 8),
        Peek::HandleIn | Peek::HandleOut => look::handle(tid, address),
    }
}

fn blank(number: u32, abi: Abi, args: [u64; 6]) -> Call {
    let nothing = || Text::Read { bytes: Vec::new(), cut: false };
    Call {
        order: 0,
        pid: 0,
        tid: 0,
        exit_tid: 0,
        enter_ns: 0,
        duration_ns: 0,
        deed: Arc::new(Deed {
            number,
            comm: [0; 16],
            args,
            outcome: Outcome::Unfinished,
            texts: [nothing(), nothing()],
            fds: [None, None],
            made: None,
            peek: Some(Vec::new()),
            late: [false; 3],
            abi,
            refused: false,
            request: None,
            files: Default::default(),
        }),
    }
}

/// seccomp(2), prctl(2): from now on a filter may answer the thread's calls, or the strict mode kill it for one.
fn sets_filter(call: &Call) -> bool {
    let effect = call.effect();
    let sets = effect == Effect::ControlFilter && call.args[0] as u32 <= libc::SECCOMP_SET_MODE_FILTER
        || effect == Effect::ControlProcess && call.args[0] as i32 == libc::PR_SET_SECCOMP;
    sets && call.success().is_some()
}

/// Whether the process has a handler for a signal (proc_pid_status(5), SigCgt).
fn is_caught(tid: u32, signal: i32) -> bool {
    look::status(tid, "SigCgt", 16).is_some_and(|caught| caught >> (signal - 1) & 1 == 1)
}

/// Where the result of a call is (syscall(2), "Architecture calling conventions").
fn result_register(tid: u32) -> Option<i64> {
    let registers = ptrace::getregs(Pid::from_raw(tid as i32)).ok()?;
    #[cfg(target_arch = "x86_64")]
    return Some(registers.rax as i64);
    #[cfg(target_arch = "aarch64")]
    return Some(registers.regs[0] as i64);
}

/// proc_pid_stat(5): the ninth field is the kernel's flags of the thread; the name in parentheses is the second.
fn is_kernels_own(tid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{tid}/stat")).unwrap_or_default();
    let flags = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(6)?.parse::<u64>().ok());
    flags.is_some_and(|flags| flags & KERNELS_OWN != 0)
}

/// execve(2): a traced program does not get the rights of its set-user-ID or set-group-ID bit, unless its tracer has
/// CAP_SYS_PTRACE. It has them anyway if they are those of its caller; and if the caller may give them away (CAP_SETUID), it
/// gets them, but the witness may not read its memory or /proc any more.
fn check_rights(tid: u32) -> Result<(), Error> {
    use std::os::unix::fs::MetadataExt;
    if caps::has_cap(None, CapSet::Effective, Capability::CAP_SYS_PTRACE).unwrap_or(false) {
        return Ok(());
    }
    let (program, process) = (format!("/proc/{tid}/exe"), format!("/proc/{tid}"));
    let (program, process) = match (std::fs::metadata(program), std::fs::metadata(process)) {
        (Ok(program), Ok(process)) => (program, process),
        (Err(error), _) if error.kind() == std::io::ErrorKind::PermissionDenied => return Err(hides(tid)),
        // It has been killed meanwhile.
        _ => return Ok(()),
    };
    let sets_user = program.mode() & libc::S_ISUID != 0 && program.uid() != process.uid();
    // Without the bit for the group to execute it, the other marks a file for mandatory locking (inode(7)).
    let group = libc::S_ISGID | libc::S_IXGRP;
    let sets_group = program.mode() & group == group && program.gid() != process.gid();
    if sets_user || sets_group { Err(loses_rights(tid)) } else { Ok(()) }
}

/// Waits for a stop or the end of this tracee, or of any (-1), of this very thread (`__WNOTHREAD`): other witnesses wait for
/// theirs. `None` if there is none left.
fn wait(tid: i32) -> Option<(u32, i32)> {
    loop {
        match wait_once(tid) {
            Err(Errno::EINTR) => {}
            stop => return stop.ok(),
        }
    }
}

fn wait_once(tid: i32) -> nix::Result<(u32, i32)> {
    let mut status = 0;
    // SAFETY: `status` is an int to be written to.
    let waited = unsafe { libc::waitpid(tid, &raw mut status, libc::__WALL | libc::__WNOTHREAD) };
    Errno::result(waited).map(|tid| (tid as u32, status))
}

/// From here on SIGUSR1 ends a waitpid(2) of this process (EINTR) and does nothing else.
pub fn prepare_to_leave() -> Result<(), Error> {
    extern "C" fn nothing(_: i32) {}
    let action = SigAction::new(SigHandler::Handler(nothing), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler does nothing.
    let set = unsafe { sigaction(Signal::SIGUSR1, &action) };
    set.map(drop).map_err(|errno| Error::scenario(format!("no signal handler: {errno}"), "BUG: SIGUSR1 can be handled"))
}

/// Lets a thread go on, with a signal if that is not 0 (any number: nix knows no real-time signals). One that has been killed
/// meanwhile goes its way by itself.
fn resume(request: libc::c_uint, tid: u32, signal: i32) {
    // SAFETY: the address is not looked at; the signal is a number.
    unsafe { libc::ptrace(request, tid as libc::pid_t, ptr::null_mut::<libc::c_void>(), signal as libc::c_long) };
}
