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
mod tests {
    use std::sync::Arc;

    use super::*;

    const READ: u32 = libc::SYS_read as u32;
    const CLOSE: u32 = libc::SYS_close as u32;
    const SIGRETURN: u32 = libc::SYS_rt_sigreturn as u32;
    const RESTART: u32 = libc::SYS_restart_syscall as u32;

    /// One stop of thread 1 (another where it says so).
    #[derive(Clone, Copy)]
    enum Stop {
        Enter(u32),
        /// With this value; it goes on behind the instruction.
        Exit(i64),
        /// With any value; it goes on at the instruction.
        ExitBefore(i64),
        /// With this value; it goes on there, with that stack.
        ExitTo(i64, u64, u64),
        EnterWith(u32, u64),
        Handler,
        HandlerAt(u64),
        Trap,
        Gone,
        /// A new thread, which enters a call, execs and goes on as thread 1.
        ExecOfThread2(u32),
    }
    use Outcome::{Returned, Unfinished};
    use Stop::*;

    fn seen(number: u32) -> Seen {
        Seen::new(crate::trace::call::tests::call(0, number, [0; 6], 0))
    }

    /// Where the stack is if nothing else is said.
    const STACK: u64 = 9000;

    fn with(number: u32, argument: u64) -> Seen {
        Seen { filtered: true, ..Seen::new(crate::trace::call::tests::call(0, number, [argument, 0, 0, 0, 0, 0], 0)) }
    }

    fn folded(stops: &[Stop]) -> Vec<(u32, Outcome)> {
        let mut fold = Fold::default();
        fold.found(1, 1);
        for &stop in stops {
            match stop {
                Enter(number) if fold.resumes(1, &seen(number).call) => {}
                EnterWith(number, argument) if fold.resumes(1, &with(number, argument).call) => {}
                Enter(number) => drop(fold.enter(1, seen(number))),
                EnterWith(number, argument) => drop(fold.enter(1, with(number, argument))),
                Exit(value) => drop(fold.exit(1, value, 102, STACK)),
                ExitBefore(value) => drop(fold.exit(1, value, 102 - INSTRUCTION, STACK)),
                ExitTo(value, ip, stack) => drop(fold.exit(1, value, ip, stack)),
                Handler => fold.handler(1, STACK),
                HandlerAt(stack) => fold.handler(1, stack),
                Trap => fold.trapped(1),
                Gone => fold.gone(1),
                ExecOfThread2(number) => {
                    fold.born(2, 1);
                    fold.enter(2, seen(number));
                    fold.exec(2, 1);
                }
            }
        }
        fold.testimony().calls.iter().map(|seen| (seen.call.number, seen.call.outcome)).collect()
    }

    const SYS: i64 = -ERESTARTSYS;
    const EINTR: Outcome = Returned(-libc::EINTR as i64);

    /// A sentence, the stops, and the calls that they are.
    type Row = (&'static str, &'static [Stop], &'static [(u32, Outcome)]);

    const ROWS: &[Row] = &[
        ("a call", &[Enter(READ), Exit(5)], &[(READ, Returned(5))]),
        ("a call that fails", &[Enter(READ), Exit(-9)], &[(READ, Returned(-9))]),
        ("the gate's own exit", &[Exit(4096), Enter(READ), Exit(1)], &[(READ, Returned(1))]),
        ("killed inside", &[Enter(READ), Gone], &[(READ, Unfinished)]),
        ("killed while interrupted", &[Enter(READ), Exit(SYS), Gone], &[(READ, Unfinished)]),
        (
            "stop and continue, or a signal that is ignored",
            &[Enter(READ), Exit(SYS), Enter(READ), Exit(1)],
            &[(READ, Returned(1))],
        ),
        (
            "restart_syscall goes on with it",
            &[Enter(READ), Exit(-ERESTART_RESTARTBLOCK), Enter(RESTART), Exit(0)],
            &[(READ, Returned(0))],
        ),
        (
            "a handler makes it fail, and the program makes it again",
            &[Enter(READ), Exit(SYS), Handler, Enter(SIGRETURN), Exit(-4), Enter(READ), Exit(1)],
            &[(READ, EINTR), (SIGRETURN, Unfinished), (READ, Returned(1))],
        ),
        (
            "a handler makes a call of its own, and the kernel makes the interrupted one again",
            &[
                Enter(READ),
                Exit(SYS),
                Handler,
                Enter(CLOSE),
                Exit(-9),
                Enter(SIGRETURN),
                ExitBefore(0),
                Enter(READ),
                Exit(1),
            ],
            &[(READ, Returned(1)), (CLOSE, Returned(-9)), (SIGRETURN, Unfinished)],
        ),
        (
            "two handlers at once: the second runs first, and has interrupted no call",
            &[Enter(READ), Exit(SYS), Handler, Handler, Enter(SIGRETURN), Exit(0), Enter(SIGRETURN), Exit(-4)],
            &[(READ, EINTR), (SIGRETURN, Unfinished), (SIGRETURN, Unfinished)],
        ),
        (
            "a handler of a signal that interrupts no call",
            &[Handler, Enter(SIGRETURN), Exit(0), Enter(READ), Exit(1)],
            &[(SIGRETURN, Unfinished), (READ, Returned(1))],
        ),
        (
            "a handler in a handler is left by siglongjmp, and the first one returns",
            &[
                EnterWith(READ, 1),
                Exit(SYS),
                HandlerAt(900),
                EnterWith(READ, 2),
                Exit(SYS),
                HandlerAt(800),
                Enter(SIGRETURN),
                ExitTo(0, 100, 900),
                EnterWith(READ, 1),
                Exit(1),
            ],
            &[(READ, Returned(1)), (READ, Unfinished), (SIGRETURN, Unfinished)],
        ),
        (
            "a handler puts another number where the call is to be made again",
            &[Enter(READ), Exit(SYS), Handler, Enter(SIGRETURN), ExitBefore(0), Enter(CLOSE), Exit(0)],
            &[(READ, Unfinished), (SIGRETURN, Unfinished), (CLOSE, Returned(0))],
        ),
        (
            "or another argument",
            &[Enter(READ), Exit(SYS), Handler, Enter(SIGRETURN), ExitBefore(0), EnterWith(READ, 4), Exit(0)],
            &[(READ, Unfinished), (SIGRETURN, Unfinished), (READ, Returned(0))],
        ),
        (
            "a handler puts another result behind the call",
            &[Enter(READ), Exit(SYS), Handler, Enter(SIGRETURN), Exit(77), Enter(CLOSE), Exit(0)],
            &[(READ, Unfinished), (SIGRETURN, Unfinished), (CLOSE, Returned(0))],
        ),
        (
            "seccomp traps a call, and in the register of the result is what was there before",
            &[
                EnterWith(CLOSE, CLOSE as u64),
                Exit(CLOSE as i64),
                Trap,
                EnterWith(CLOSE, CLOSE as u64),
                Exit(CLOSE as i64),
            ],
            &[(CLOSE, Unfinished), (CLOSE, Returned(CLOSE as i64))],
        ),
        (
            "a thread execs and goes on as the first",
            &[Enter(READ), ExecOfThread2(CLOSE), Exit(0), Enter(READ), Exit(1)],
            &[(READ, Unfinished), (CLOSE, Returned(0)), (READ, Returned(1))],
        ),
    ];

    #[test]
    fn stops_become_calls() {
        for (sentence, stops, calls) in ROWS {
            assert_eq!(folded(stops), *calls, "{sentence}");
        }
    }

    #[test]
    fn calls_that_are_alike_share_what_they_were() {
        let mut fold = Fold::default();
        for tid in [1, 2] {
            fold.found(tid, 1);
        }
        for (tid, number) in [(1, READ), (1, CLOSE), (2, READ), (2, CLOSE)] {
            fold.enter(tid, seen(number));
            fold.exit(tid, 5, 102, STACK);
        }
        fold.gone(2);
        fold.gone(1);
        let calls = fold.testimony().calls;
        let shared = |one: usize, other: usize| Arc::ptr_eq(&calls[one].call.deed, &calls[other].call.deed);
        assert_eq!([shared(0, 2), shared(1, 3), shared(0, 1)], [true, true, false], "READ, CLOSE; and one the other");
    }

    #[test]
    fn who_is_gone_from_a_call_without_a_stop_has_vanished() {
        let vanished = |stops: fn(&mut Fold)| {
            let mut fold = Fold::default();
            fold.found(1, 1);
            fold.enter(1, seen(READ));
            stops(&mut fold);
            fold.gone(1);
            fold.testimony().calls[0].vanished
        };
        assert!(vanished(|_| {}));
        assert!(vanished(|fold| assert!(fold.exit(1, SYS, 102, STACK).is_none())), "it may have been made again");
        assert!(!vanished(|fold| assert!(fold.dies(1, 5).is_some())), "its end was looked at");
        assert!(!vanished(|fold| assert!(fold.exit(1, 5, 102, STACK).is_some())), "the call has returned");
    }

    const RENAME: u32 = libc::SYS_renameat2 as u32;

    /// Whether the reading of thread 1 was disturbed by what thread 2 did around these moments of it: before it, in it, after it.
    fn disturbed(number: u32, enters: usize, exits: usize) -> bool {
        let mut fold = Fold::default();
        for tid in [1, 2] {
            fold.found(tid, 1);
        }
        let other = |fold: &mut Fold, moment: usize| {
            if moment == enters {
                fold.enter(2, seen(number));
            }
            if moment == exits {
                fold.exit(2, 0, 102, STACK);
            }
        };
        other(&mut fold, 0);
        let place = fold.enter(1, seen(READ));
        other(&mut fold, 1);
        let disturbed = fold.exit(1, 0, 102, STACK).map(|seen| seen.disturbed);
        other(&mut fold, 2);
        assert!(place.is_some());
        disturbed.unwrap()
    }

    #[test]
    fn who_is_gone_since_another_thread_execs_has_vanished() {
        let mut fold = Fold::default();
        for tid in [1, 2] {
            fold.found(tid, 1);
            fold.enter(tid, seen(READ));
        }
        fold.exec(2, 1);
        fold.exit(1, 0, 102, STACK);
        let calls = fold.testimony().calls;
        assert_eq!([calls[0].vanished, calls[1].vanished], [true, false]);
        assert_eq!(calls[1].call.outcome, Returned(0));
    }

    #[test]
    fn a_call_is_disturbed_by_whoever_changes_names_meanwhile() {
        let rows = [(0, 0, false), (0, 1, true), (0, 2, true), (1, 1, true), (1, 2, true), (2, 2, false)];
        for (enters, exits, expected) in rows {
            for number in [RENAME, libc::SYS_mount as u32] {
                assert_eq!(disturbed(number, enters, exits), expected, "entered at {enters}, left at {exits}");
            }
            assert!(!disturbed(CLOSE, enters, exits), "close changes no name");
        }
    }

    #[test]
    fn nobody_disturbs_himself_and_who_is_gone_disturbs_nobody() {
        let mut fold = Fold::default();
        for tid in [1, 2] {
            fold.found(tid, tid);
        }
        fold.enter(1, seen(RENAME));
        assert!(!fold.exit(1, 0, 102, STACK).unwrap().disturbed);
        fold.enter(2, seen(RENAME));
        fold.gone(2);
        fold.enter(1, seen(READ));
        assert!(!fold.exit(1, 0, 102, STACK).unwrap().disturbed);
    }

    #[test]
    fn what_happens_while_a_call_is_interrupted_disturbs_it() {
        let judged = |meanwhile: u32| {
            let mut fold = Fold::default();
            for tid in [1, 2] {
                fold.found(tid, tid);
            }
            fold.enter(1, seen(READ));
            fold.exit(1, SYS, 102, STACK);
            fold.handler(1, STACK);
            fold.enter(2, seen(meanwhile));
            fold.exit(2, 0, 102, STACK);
            fold.enter(1, seen(SIGRETURN));
            fold.exit(1, 0, 102 - INSTRUCTION, STACK);
            assert!(fold.resumes(1, &seen(READ).call));
            fold.exit(1, 0, 102, STACK).unwrap().disturbed
        };
        assert!(judged(RENAME));
        assert!(!judged(CLOSE));
    }

    #[test]
    fn calls_whose_files_are_called_alike_share_the_names() {
        let mut fold = Fold::default();
        fold.found(1, 1);
        for name in ["a", "a", "b"] {
            let mut read = seen(READ);
            read.names_mut().links[0] = Some(name.into());
            fold.enter(1, read);
            fold.exit(1, 5, 102, STACK);
        }
        fold.gone(1);
        let calls = fold.testimony().calls;
        let shared = |one: usize, other: usize| Arc::ptr_eq(&calls[one].names, &calls[other].names);
        assert_eq!([shared(0, 1), shared(1, 2)], [true, false]);
    }

    #[test]
    fn a_call_is_unsettled_until_its_handler_returns() {
        let mut fold = Fold::default();
        fold.found(1, 1);
        fold.enter(1, seen(READ));
        fold.exit(1, -ERESTARTSYS, 102, STACK);
        fold.handler(1, STACK);
        assert!(fold.testimony.calls[0].unsettled);
        fold.enter(1, seen(SIGRETURN));
        fold.exit(1, -4, 102, STACK);
        assert!(!fold.testimony.calls[0].unsettled);
    }
}
