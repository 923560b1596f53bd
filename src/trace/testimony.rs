//! What the witness saw: the stops of each thread, folded into calls.
//!
//! No I/O. [`crate::watch::witness`] says here what stopped where; nothing in this file knows of BPF. A stop at the entrance of a
//! call and one at its exit are one call (ptrace(2), "Syscall-stops"); what comes between them when a call is interrupted is
//! folded by where the thread goes on, which the kernel has decided by then.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::table::syscalls::Abi;
use crate::trace::call::{Call, Deeds, Outcome};

/// All that was seen of a process, and of its descendants if they are followed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Testimony {
    /// In the order in which they were entered.
    pub calls: Vec<Seen>,
    /// All threads that were seen, by their ids.
    pub threads: BTreeSet<u32>,
    /// Processes that the witness let go before their end: what they did after that it has not seen.
    pub left: BTreeSet<u32>,
    /// Those of them that could not be let go in time, and were killed.
    pub killed: BTreeSet<u32>,
}

/// A call as the witness saw it. Its `comm`, times and files are empty: those are no part of a testimony.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The call; `order` is its place in the testimony.
    pub call: Call,
    /// What its files are called. Calls that are alike share it.
    pub names: Arc<Names>,
    /// What the register of the result held when the thread was killed on its way out of the call, before its exit could be
    /// seen.
    pub at_death: Option<i64>,
    /// The thread was killed in it, and could not be looked at any more: whether the call has returned is not known.
    pub vanished: bool,
    /// Which of its paths, and whether its block, lay on a page that was not there when the call returned: the call has not
    /// looked at it.
    pub untouched: [bool; 3],
    /// The thread had a seccomp filter, which may have answered the call.
    pub filtered: bool,
    /// A signal handler has interrupted the call and has not returned: whether the call failed is not known.
    pub unsettled: bool,
    /// Between its enter and its exit another thread was in a call that may change names of files, mounts, or a working directory
    /// or root that is shared.
    pub disturbed: bool,
    /// How many calls all threads had entered when this one ended: those from [`Call::order`] on were entered during it.
    /// [`u64::MAX`] if its end was not seen.
    pub until: u64,
}

/// What the files of a call are called: by the links that the kernel has in /proc, and by where its path leads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Names {
    /// The links in /proc/PID/fd (proc_pid_fd(5)) of its descriptor arguments when it was entered; `None` if not open.
    pub links: [Option<Vec<u8>>; 2],
    /// The directories at which its paths begin, where those are not descriptors: the working directory, or the root of an
    /// absolute one (proc_pid_cwd(5), proc_pid_root(5)).
    pub bases: [Option<Vec<u8>>; 2],
    /// The link of the descriptor that it returned; of the working directory or the root that it has changed.
    pub made_link: Option<Vec<u8>>,
    /// Where its path leads, when it has returned that descriptor, or changed one of those.
    pub leads: Leads,
}

/// Where a path leads by the witness's own walk (path_resolution(7)), beside what the kernel has come to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Leads {
    /// It was not walked, or it could not be found out.
    #[default]
    Unknown,
    /// To something else by now: others may have changed names since.
    Unsettled,
    /// To the file that the kernel has come to, and by this name, which is that of its link.
    Here(Vec<u8>),
    /// To something else, and did so during the whole call.
    Elsewhere {
        /// The name of what it leads to.
        name: Vec<u8>,
        /// Whether it is the same file, by another name.
        is_same: bool,
    },
}

impl Seen {
    /// A call of which nothing is known but this.
    pub fn new(call: Call) -> Self {
        Self {
            call,
            names: Arc::default(),
            at_death: None,
            vanished: false,
            untouched: [false; 3],
            filtered: false,
            unsettled: false,
            disturbed: false,
            until: u64::MAX,
        }
    }

    /// Its names, to be changed.
    pub fn names_mut(&mut self) -> &mut Names {
        Arc::make_mut(&mut self.names)
    }
}

/// Folds stops into a [`Testimony`].
#[derive(Debug, Default)]
pub struct Fold {
    testimony: Testimony,
    threads: HashMap<u32, Thread>,
    deeds: Deeds,
    names: HashSet<Arc<Names>>,
    changes: Changes,
}

#[derive(Debug, Default)]
struct Thread {
    pid: u32,
    state: State,
    /// The place of the call that it has made last.
    last: Option<usize>,
    /// The handlers that run.
    handlers: Vec<Handler>,
    /// The call that it has just left with what was in the register of the result before, as one leaves that seccomp(2) has
    /// trapped or killed the thread for.
    as_before: Option<usize>,
    /// How many changes had begun when it entered the call.
    since: u64,
}

/// The calls that change what files are called, for whoever looks at it at the same time.
#[derive(Debug, Default)]
struct Changes {
    /// How many have begun.
    begun: u64,
    /// The threads that are in one.
    inside: HashSet<u32>,
}

impl Changes {
    /// A thread enters this call: whether another one is in a change.
    fn enter(&mut self, tid: u32, call: &Call) -> bool {
        let others = !self.inside.is_empty();
        if call.effect().changes_names() {
            self.begun += 1;
            self.inside.insert(tid);
        }
        others
    }
}

/// A handler that runs.
#[derive(Clone, Copy, Debug)]
struct Handler {
    /// The call that it has interrupted.
    interrupted: Option<Interrupted>,
    /// Where the stack was.
    stack: u64,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    /// Outside of any call.
    #[default]
    Outside,
    /// In the call of this place.
    Inside(usize),
    /// Left with a restart code.
    Interrupted(Interrupted),
}

impl State {
    /// The call that has no result yet.
    fn call(self) -> Option<usize> {
        match self {
            Self::Outside => None,
            Self::Inside(call) | Self::Interrupted(Interrupted { call, .. }) => Some(call),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Interrupted {
    call: usize,
    /// The address behind the instruction that made the call.
    behind: u64,
    /// As [`Thread::since`].
    since: u64,
}

/// The kernel's own codes for "to be made again", which no program sees (include/linux/errno.h).
const ERESTARTSYS: i64 = 512;
const ERESTARTNOINTR: i64 = 513;
const ERESTARTNOHAND: i64 = 514;
const ERESTART_RESTARTBLOCK: i64 = 516;

impl Fold {
    /// A thread that was there when the witness came.
    pub fn found(&mut self, tid: u32, pid: u32) {
        self.testimony.threads.insert(tid);
        self.threads.insert(tid, Thread { pid, ..Thread::default() });
    }

    /// A thread, or the first one of a followed process, that was born since.
    pub fn born(&mut self, tid: u32, pid: u32) {
        self.found(tid, pid);
    }

    /// The process of a thread, if it is known.
    pub fn pid(&self, tid: u32) -> Option<u32> {
        self.threads.get(&tid).map(|thread| thread.pid)
    }

    /// Whether a process has threads here.
    pub fn has_process(&self, pid: u32) -> bool {
        self.threads.values().any(|thread| thread.pid == pid)
    }

    /// The threads of a process.
    pub fn threads_of(&self, pid: u32) -> Vec<u32> {
        self.threads.iter().filter(|(_, thread)| thread.pid == pid).map(|(&tid, _)| tid).collect()
    }

    /// Whether a thread is the only one of its process.
    pub fn is_alone(&self, tid: u32) -> bool {
        let pid = self.pid(tid);
        self.threads.iter().all(|(&other, thread)| other == tid || Some(thread.pid) != pid)
    }

    /// All threads.
    pub fn threads(&self) -> Vec<u32> {
        self.threads.keys().copied().collect()
    }

    /// A process goes on unseen.
    pub fn let_go(&mut self, pid: u32) {
        self.testimony.left.insert(pid);
    }

    /// A process is killed, since it cannot be let go.
    pub fn killed(&mut self, pid: u32) {
        self.testimony.left.insert(pid);
        self.testimony.killed.insert(pid);
    }

    /// Whether the thread enters the call again that was interrupted, by itself or by restart_syscall(2): no new call. Before it
    /// has, it runs no code of its own (signal(7), "Interruption of system calls and library functions by signal handlers"). But
    /// its handler may have put another number or other arguments into the registers.
    pub fn resumes(&mut self, tid: u32, entered: &Call) -> bool {
        let Some(thread) = self.threads.get_mut(&tid) else { return false };
        let State::Interrupted(Interrupted { call, since, .. }) = thread.state else { return false };
        let seen = &mut self.testimony.calls[call];
        let before = &seen.call;
        let same_number = entered.number == before.number || is_restart(entered);
        if !same_number || (entered.abi, entered.args) != (before.abi, before.args) {
            thread.state = State::Outside;
            return false;
        }
        thread.state = State::Inside(call);
        seen.disturbed |= self.changes.begun != since;
        seen.disturbed |= self.changes.enter(tid, &seen.call);
        thread.since = self.changes.begun;
        true
    }

    /// The thread enters a new call. Returns its place.
    pub fn enter(&mut self, tid: u32, mut seen: Seen) -> Option<u64> {
        let thread = self.threads.get_mut(&tid)?;
        let place = self.testimony.calls.len();
        (seen.call.order, seen.call.pid, seen.call.tid) = (place as u64, thread.pid, tid);
        seen.call.outcome = Outcome::Unfinished;
        seen.disturbed = self.changes.enter(tid, &seen.call);
        thread.since = self.changes.begun;
        thread.state = State::Inside(place);
        thread.as_before = None;
        let before = thread.last.replace(place);
        if let Some(before) = before {
            // A handler may have interrupted it. If it goes on after that, its own end will say so.
            let before = &mut self.testimony.calls[before];
            before.until = before.until.min(place as u64);
        }
        self.testimony.calls.push(seen);
        self.share(before);
        Some(place as u64)
    }

    /// By now it is known what this call was: it shares that with those that were alike.
    fn share(&mut self, call: Option<usize>) {
        let Some(place) = call else { return };
        let seen = &mut self.testimony.calls[place];
        self.deeds.share(&mut seen.call);
        match self.names.get(&seen.names) {
            Some(known) => seen.names = Arc::clone(known),
            None => drop(self.names.insert(Arc::clone(&seen.names))),
        }
    }

    /// The thread leaves a call with this value in the register of the result; `ip` is where it would go on, with this stack.
    /// Returns the call that has its result by that.
    pub fn exit(&mut self, tid: u32, value: i64, ip: u64, stack: u64) -> Option<&mut Seen> {
        let entered = self.testimony.calls.len() as u64;
        let thread = self.threads.get_mut(&tid)?;
        let State::Inside(place) = std::mem::take(&mut thread.state) else { return None };
        let Seen { call, disturbed, .. } = &mut self.testimony.calls[place];
        *disturbed |= self.changes.begun != thread.since;
        self.changes.inside.remove(&tid);
        if is_return_from_handler(call) {
            return self.handler_returns(tid, value, ip, stack);
        }
        if matches!(-value, ERESTARTSYS | ERESTARTNOINTR | ERESTARTNOHAND | ERESTART_RESTARTBLOCK) {
            thread.state = State::Interrupted(Interrupted { call: place, behind: ip, since: thread.since });
            return None;
        }
        call.outcome = Outcome::Returned(value);
        let seen = &mut self.testimony.calls[place];
        seen.until = entered;
        thread.as_before = (seen.filtered && value as u32 == rolled_back(&seen.call)).then_some(place);
        Some(seen)
    }

    /// seccomp(2) has trapped the call that the thread has just left: it has no result.
    pub fn trapped(&mut self, tid: u32) {
        if let Some(place) = self.threads.get_mut(&tid).and_then(|thread| thread.as_before.take()) {
            self.testimony.calls[place].call.outcome = Outcome::Unfinished;
        }
    }

    /// A signal is about to be delivered to a handler, where the stack is here.
    pub fn handler(&mut self, tid: u32, stack: u64) {
        let Some(thread) = self.threads.get_mut(&tid) else { return };
        let interrupted = match std::mem::take(&mut thread.state) {
            State::Interrupted(interrupted) => Some(interrupted),
            State::Outside | State::Inside(_) => None,
        };
        if let Some(Interrupted { call, .. }) = interrupted {
            self.testimony.calls[call].unsettled = true;
        }
        thread.handlers.push(Handler { interrupted, stack });
    }

    /// rt_sigreturn has put back what a handler interrupted: behind the instruction of the call, which has failed then, or at the
    /// instruction, to make it again. It is the last handler that had the stack where it is now; those after it have been left by
    /// siglongjmp(3). If it has put another result there, or goes on elsewhere, what the call has come to is not known.
    fn handler_returns(&mut self, tid: u32, value: i64, ip: u64, stack: u64) -> Option<&mut Seen> {
        let entered = self.testimony.calls.len() as u64;
        let thread = self.threads.get_mut(&tid)?;
        let last = thread.handlers.iter().rposition(|handler| handler.stack == stack);
        let returning = thread.handlers.drain(last.unwrap_or(thread.handlers.len().checked_sub(1)?)..).next()?;
        let interrupted = returning.interrupted?;
        let seen = &mut self.testimony.calls[interrupted.call];
        if ip == interrupted.behind {
            let failed = -i64::from(libc::EINTR);
            if value != failed {
                return None;
            }
            seen.unsettled = false;
            seen.call.outcome = Outcome::Returned(failed);
            seen.until = entered;
            return Some(seen);
        }
        if ip.wrapping_add(INSTRUCTION) == interrupted.behind {
            seen.unsettled = false;
            thread.state = State::Interrupted(interrupted);
        }
        None
    }

    /// The process has become another program: the thread that was `former` goes on as `tid`, its process's id, and no other
    /// thread of it is left (execve(2)).
    pub fn exec(&mut self, former: u32, tid: u32) {
        let Some(mut thread) = self.threads.remove(&former) else { return };
        for other in self.threads_of(thread.pid) {
            self.gone(other);
        }
        thread.handlers.clear();
        self.threads.insert(tid, thread);
    }

    /// The thread is about to end, with this value in the register of the result. Returns the call that it ends in.
    pub fn dies(&mut self, tid: u32, value: i64) -> Option<&mut Seen> {
        let thread = self.threads.get_mut(&tid)?;
        if let Some(place) = thread.as_before.take() {
            let seen = &mut self.testimony.calls[place];
            (seen.call.outcome, seen.at_death) = (Outcome::Unfinished, seen.call.success());
        }
        let seen = &mut self.testimony.calls[thread.state.call()?];
        seen.at_death = Some(value);
        Some(seen)
    }

    /// The thread is no more; the call that it was in stays without a result.
    pub fn gone(&mut self, tid: u32) {
        let entered = self.testimony.calls.len() as u64;
        let Some(thread) = self.threads.remove(&tid) else { return };
        self.changes.inside.remove(&tid);
        // One that was interrupted may have been made again.
        if let Some(place) = thread.state.call() {
            let seen = &mut self.testimony.calls[place];
            seen.vanished = seen.at_death.is_none();
            seen.until = entered;
        }
        self.share(thread.last);
    }

    /// All that was seen.
    pub fn testimony(self) -> Testimony {
        self.testimony
    }
}

/// The bytes of the instruction that makes a call: it is stepped back by so many to make it again.
#[cfg(target_arch = "x86_64")]
const INSTRUCTION: u64 = 2;
#[cfg(target_arch = "aarch64")]
const INSTRUCTION: u64 = 4;

/// What was in the register of the result before a call: its number on x86-64, its first argument on aarch64
/// (syscall_rollback() in arch/<arch>/include/asm/syscall.h).
fn rolled_back(call: &Call) -> u32 {
    if cfg!(target_arch = "aarch64") { call.args[0] as u32 } else { call.number }
}

/// restart_syscall(2), whose number in the 32-bit tables is 0.
fn is_restart(call: &Call) -> bool {
    match call.abi {
        Abi::Native => i64::from(call.number & !X32) == libc::SYS_restart_syscall,
        Abi::Compat => call.number == 0,
    }
}

/// In the numbers of x32 (syscalls(2)); the numbers of no other calls have it.
const X32: u32 = 0x4000_0000;

/// rt_sigreturn(2), and sigreturn of 32-bit programs: on both architectures they are 173 and 119 there.
fn is_return_from_handler(call: &Call) -> bool {
    match call.abi {
        Abi::Native => i64::from(call.number) == libc::SYS_rt_sigreturn,
        Abi::Compat => matches!(call.number, 119 | 173),
    }
}

#[cfg(test)]
mod tests;
