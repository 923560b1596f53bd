//! The stops of each thread, folded into calls.
//!
//! No I/O.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::changes::Changes;
use super::restarts::*;
use super::{FileNames, Seen, Testimony};
use crate::table::syscalls::Effect;
use crate::trace::call::{Call, Deeds, Outcome};

/// Folds stops into a [`Testimony`].
#[derive(Debug, Default)]
pub struct Fold {
    testimony: Testimony,
    threads: HashMap<u32, TracedThread>,
    deeds: Deeds,
    names: HashSet<Arc<FileNames>>,
    changes: Changes,
}

#[derive(Debug, Default)]
struct TracedThread {
    pid: u32,
    state: ThreadState,
    /// The index of the call that it has made last.
    last: Option<usize>,
    /// The signal handlers that are running, the innermost last.
    handlers: Vec<Handler>,
    /// The call that it has just left with the result register unchanged. A call leaves so if seccomp(2) has trapped or killed the
    /// thread for it.
    as_before: Option<usize>,
    /// How many changes of names had begun when it entered the call.
    since: u64,
}

#[derive(Clone, Copy, Debug, Default)]
enum ThreadState {
    /// Outside of any call.
    #[default]
    Outside,
    /// In the call of this index.
    Inside(usize),
    /// Outside of a call that it has left with a restart code.
    Interrupted(InterruptedCall),
}

impl ThreadState {
    /// The index of the call that has no result yet.
    fn call(self) -> Option<usize> {
        match self {
            Self::Outside => None,
            Self::Inside(call) | Self::Interrupted(InterruptedCall { call, .. }) => Some(call),
        }
    }
}

impl Fold {
    /// Adds a thread that existed when the witness began.
    pub fn found(&mut self, tid: u32, pid: u32) {
        self.testimony.threads.insert(tid);
        self.threads.insert(tid, TracedThread { pid, ..TracedThread::default() });
    }

    /// Adds a thread, or the first thread of a followed process, that has begun since.
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

    /// Notes that a process continues unseen.
    pub fn let_go(&mut self, pid: u32) {
        self.testimony.left.insert(pid);
    }

    /// Notes that a process is killed, since it cannot be let go.
    pub fn killed(&mut self, pid: u32) {
        self.testimony.left.insert(pid);
        self.testimony.killed.insert(pid);
    }

    /// Whether the thread enters the interrupted call again, by itself or by restart_syscall(2). Then this is no new call. In between
    /// it runs no code of its own (signal(7), "Interruption of system calls and library functions by signal handlers"). But its
    /// handler may have put another number or other arguments into the registers, and an aborted restartable sequence (rseq(2)) goes
    /// on elsewhere. `behind` is the address after the instruction, and `stack` the stack pointer.
    pub fn resumes(&mut self, tid: u32, entered: &Call, behind: u64, stack: u64) -> bool {
        let Some(thread) = self.threads.get_mut(&tid) else { return false };
        let ThreadState::Interrupted(interrupted) = thread.state else { return false };
        let InterruptedCall { call, since, .. } = interrupted;
        let seen = &mut self.testimony.calls[call];
        let before = &seen.call;
        let same_number = entered.number == before.number || interrupted.by_restart && is_restart(entered);
        let same_place = (behind, stack) == (interrupted.behind, interrupted.stack);
        if !same_number || !same_place || (entered.abi, entered.args) != (before.abi, before.args) {
            thread.state = ThreadState::Outside;
            return false;
        }
        thread.state = ThreadState::Inside(call);
        seen.disturbed |= self.changes.begun != since;
        seen.disturbed |= self.changes.enter(tid, &seen.call);
        thread.since = self.changes.begun;
        true
    }

    /// The call that the thread is in.
    pub fn current(&mut self, tid: u32) -> Option<&mut Seen> {
        let place = self.threads.get(&tid)?.state.call()?;
        self.testimony.calls.get_mut(place)
    }

    /// Adds a new call that the thread enters. Returns its index.
    pub fn enter(&mut self, tid: u32, mut seen: Seen) -> Option<u64> {
        let thread = self.threads.get_mut(&tid)?;
        let place = self.testimony.calls.len();
        (seen.call.order, seen.call.pid, seen.call.tid) = (place as u64, thread.pid, tid);
        seen.call.outcome = Outcome::Unfinished;
        seen.disturbed = self.changes.enter(tid, &seen.call);
        thread.since = self.changes.begun;
        thread.state = ThreadState::Inside(place);
        thread.as_before = None;
        let before = thread.last.replace(place);
        if let Some(before) = before {
            // A handler may have interrupted it. If the call continues after that, its own end sets this again.
            let before = &mut self.testimony.calls[before];
            before.until = before.until.min(place as u64);
        }
        self.testimony.calls.push(seen);
        self.share(before);
        Some(place as u64)
    }

    /// Lets a complete call share its deed and names with calls that were alike.
    fn share(&mut self, call: Option<usize>) {
        let Some(place) = call else { return };
        let seen = &mut self.testimony.calls[place];
        self.deeds.share(&mut seen.call);
        match self.names.get(&seen.names) {
            Some(known) => seen.names = Arc::clone(known),
            None => drop(self.names.insert(Arc::clone(&seen.names))),
        }
    }

    /// The thread leaves a call with this value in the result register. It would continue at `ip`, with this stack. Returns the call
    /// that thereby has its result.
    pub fn exit(&mut self, tid: u32, value: i64, ip: u64, stack: u64) -> Option<&mut Seen> {
        let entered = self.testimony.calls.len() as u64;
        let thread = self.threads.get_mut(&tid)?;
        let ThreadState::Inside(place) = std::mem::take(&mut thread.state) else { return None };
        let Seen { call, disturbed, .. } = &mut self.testimony.calls[place];
        *disturbed |= self.changes.begun != thread.since;
        self.changes.inside.remove(&tid);
        if is_return_from_handler(call) {
            return self.handler_returns(tid, value, ip, stack);
        }
        if matches!(-value, ERESTARTSYS | ERESTARTNOINTR | ERESTARTNOHAND | ERESTART_RESTARTBLOCK) {
            let (since, by_restart) = (thread.since, -value == ERESTART_RESTARTBLOCK);
            thread.state =
                ThreadState::Interrupted(InterruptedCall { call: place, behind: ip, stack, by_restart, since });
            return None;
        }
        call.outcome = Outcome::Returned(value);
        let seen = &mut self.testimony.calls[place];
        seen.until = entered;
        thread.as_before = (seen.filtered && value as u32 == rolled_back(&seen.call)).then_some(place);
        Some(seen)
    }

    /// seccomp(2) has trapped the call that the thread has just left. The call has no result.
    pub fn trapped(&mut self, tid: u32) {
        if let Some(place) = self.threads.get_mut(&tid).and_then(|thread| thread.as_before.take()) {
            self.testimony.calls[place].call.outcome = Outcome::Unfinished;
        }
    }

    /// A signal is about to be delivered to a handler. `stack` is the stack pointer before.
    pub fn handler(&mut self, tid: u32, stack: u64) {
        let Some(thread) = self.threads.get_mut(&tid) else { return };
        let interrupted = match std::mem::take(&mut thread.state) {
            ThreadState::Interrupted(interrupted) => Some(interrupted),
            ThreadState::Outside | ThreadState::Inside(_) => None,
        };
        if let Some(InterruptedCall { call, .. }) = interrupted {
            self.testimony.calls[call].unsettled = true;
        }
        thread.handlers.push(Handler { interrupted, stack });
    }

    /// rt_sigreturn(2) ends the last handler that began with this stack. Later handlers were left by siglongjmp(3). If the thread
    /// continues after the instruction of the interrupted call, the call has failed. If it continues at the instruction, the call
    /// is made again. If the handler has changed the result or the address, the outcome of the call is not known.
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
            thread.state = ThreadState::Interrupted(interrupted);
        }
        None
    }

    /// The process has become another program (execve(2)). The thread `former` continues as `tid`, the id of its process, and all
    /// other threads are gone.
    pub fn exec(&mut self, former: u32, tid: u32) {
        let Some(mut thread) = self.threads.remove(&former) else { return };
        for other in self.threads_of(thread.pid) {
            self.gone(other);
        }
        thread.handlers.clear();
        self.threads.insert(tid, thread);
    }

    /// The thread is about to end, with this value in the result register. Returns the call in which it ends.
    ///
    /// The value may be another thread's: a thread whose execve(2) has taken over this number can die before it says so.
    pub fn dies(&mut self, tid: u32, value: i64) -> Option<&mut Seen> {
        let may_be_other = self.is_in_exec_beside(tid);
        let thread = self.threads.get_mut(&tid)?;
        if let Some(place) = thread.as_before.take() {
            let seen = &mut self.testimony.calls[place];
            (seen.call.outcome, seen.at_death) = (Outcome::Unfinished, seen.call.success());
        }
        let seen = &mut self.testimony.calls[thread.state.call()?];
        seen.at_death = Some(value);
        seen.vanished = may_be_other;
        Some(seen)
    }

    /// Whether another thread of the process is in execve(2).
    fn is_in_exec_beside(&self, tid: u32) -> bool {
        let pid = self.pid(tid);
        let is_in_exec = |thread: &TracedThread| {
            thread.state.call().is_some_and(|place| self.testimony.calls[place].call.effect() == Effect::Execute)
        };
        self.threads.iter().any(|(&other, thread)| other != tid && Some(thread.pid) == pid && is_in_exec(thread))
    }

    /// The thread has ended. The call that it was in has no result.
    pub fn gone(&mut self, tid: u32) {
        let entered = self.testimony.calls.len() as u64;
        let Some(thread) = self.threads.remove(&tid) else { return };
        self.changes.inside.remove(&tid);
        // An interrupted call may have been made again unseen.
        if let Some(place) = thread.state.call() {
            let seen = &mut self.testimony.calls[place];
            seen.vanished |= seen.at_death.is_none();
            seen.until = entered;
        }
        self.share(thread.last);
    }

    /// All that was seen. Who is left was killed without a stop: a thread whose execve(2) was about to make it the first one.
    pub fn testimony(mut self) -> Testimony {
        self.threads().into_iter().for_each(|tid| self.gone(tid));
        self.testimony
    }
}

#[cfg(test)]
mod tests;
