//! What the witness saw: the stops of each thread, folded into calls.
//!
//! No I/O. [`crate::witness`] says here what stopped where; nothing in this file knows of BPF. A stop at the entrance of a
//! call and one at its exit are one call (ptrace(2), "Syscall-stops"); what comes between them when a call is interrupted is
//! folded by where the thread goes on, which the kernel has decided by then.

use std::collections::{BTreeSet, HashMap};

use crate::trace::{Abi, Call, Outcome};

/// All that was seen of a process, and of its descendants if they are followed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Testimony {
    /// In the order in which they were entered.
    pub calls: Vec<Seen>,
    /// All threads that were seen, by their ids.
    pub threads: BTreeSet<u32>,
    /// Processes that the witness let go before their end: what they did after that it has not seen.
    pub left: BTreeSet<u32>,
}

/// A call as the witness saw it. Its `comm`, times and files are empty: those are no part of a testimony.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The call; `order` is its place in the testimony.
    pub call: Call,
    /// The links in /proc/PID/fd (proc_pid_fd(5)) of its descriptor arguments when it was entered; `None` if not open.
    pub links: [Option<Vec<u8>>; 2],
    /// The same of the descriptor that it returned.
    pub made_link: Option<Vec<u8>>,
    /// What the register of the result held when the thread was killed on its way out of the call, before its exit could be
    /// seen.
    pub at_death: Option<i64>,
    /// Which of its paths, and whether its block, lay on a page that was not there when the call returned: the call has not
    /// looked at it.
    pub untouched: [bool; 3],
    /// The thread had a seccomp filter, which may have answered the call.
    pub filtered: bool,
    /// A signal handler has interrupted the call and has not returned: whether the call failed is not known.
    pub unsettled: bool,
}

impl Seen {
    /// A call of which nothing is known but this.
    pub fn new(call: Call) -> Self {
        let (links, made_link, at_death) = ([None, None], None, None);
        Self { call, links, made_link, at_death, untouched: [false; 3], filtered: false, unsettled: false }
    }
}

/// Folds stops into a [`Testimony`].
#[derive(Debug, Default)]
pub struct Fold {
    testimony: Testimony,
    threads: HashMap<u32, Thread>,
}

#[derive(Debug, Default)]
struct Thread {
    pid: u32,
    state: State,
    /// For each handler that runs, the call that it has interrupted.
    handlers: Vec<Option<Interrupted>>,
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

#[derive(Clone, Copy, Debug)]
struct Interrupted {
    call: usize,
    /// The address behind the instruction that made the call.
    behind: u64,
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

    /// All threads.
    pub fn threads(&self) -> Vec<u32> {
        self.threads.keys().copied().collect()
    }

    /// A process goes on unseen.
    pub fn let_go(&mut self, pid: u32) {
        self.testimony.left.insert(pid);
    }

    /// The thread enters a call that was interrupted, by itself or by restart_syscall(2): no new call. Before it has, it runs
    /// no code of its own (signal(7), "Interruption of system calls and library functions by signal handlers").
    pub fn resumes(&mut self, tid: u32) -> bool {
        match self.threads.get_mut(&tid) {
            Some(Thread { state: state @ State::Interrupted(_), .. }) => {
                if let State::Interrupted(Interrupted { call, .. }) = *state {
                    *state = State::Inside(call);
                }
                true
            }
            Some(_) | None => false,
        }
    }

    /// The thread enters a new call.
    pub fn enter(&mut self, tid: u32, mut seen: Seen) {
        let Some(thread) = self.threads.get_mut(&tid) else { return };
        let place = self.testimony.calls.len();
        (seen.call.order, seen.call.pid, seen.call.tid) = (place as u64, thread.pid, tid);
        seen.call.outcome = Outcome::Unfinished;
        thread.state = State::Inside(place);
        self.testimony.calls.push(seen);
    }

    /// The thread leaves a call with this value in the register of the result; `ip` is where it would go on. Returns the call
    /// that has its result by that.
    pub fn exit(&mut self, tid: u32, value: i64, ip: u64) -> Option<&mut Seen> {
        let thread = self.threads.get_mut(&tid)?;
        let State::Inside(place) = std::mem::take(&mut thread.state) else { return None };
        let call = &mut self.testimony.calls[place].call;
        if is_return_from_handler(call) {
            return self.handler_returns(tid, ip);
        }
        if matches!(-value, ERESTARTSYS | ERESTARTNOINTR | ERESTARTNOHAND | ERESTART_RESTARTBLOCK) {
            thread.state = State::Interrupted(Interrupted { call: place, behind: ip });
            return None;
        }
        call.outcome = Outcome::Returned(value);
        Some(&mut self.testimony.calls[place])
    }

    /// A signal is about to be delivered to a handler.
    pub fn handler(&mut self, tid: u32) {
        let Some(thread) = self.threads.get_mut(&tid) else { return };
        let interrupted = match std::mem::take(&mut thread.state) {
            State::Interrupted(interrupted) => Some(interrupted),
            State::Outside | State::Inside(_) => None,
        };
        if let Some(Interrupted { call, .. }) = interrupted {
            self.testimony.calls[call].unsettled = true;
        }
        thread.handlers.push(interrupted);
    }

    /// rt_sigreturn has put back what the handler interrupted: behind the instruction of the call, which has failed then, or
    /// at the instruction, to make it again.
    fn handler_returns(&mut self, tid: u32, ip: u64) -> Option<&mut Seen> {
        let thread = self.threads.get_mut(&tid)?;
        let interrupted = thread.handlers.pop()??;
        let seen = &mut self.testimony.calls[interrupted.call];
        seen.unsettled = false;
        if ip != interrupted.behind {
            thread.state = State::Interrupted(interrupted);
            return None;
        }
        seen.call.outcome = Outcome::Returned(-i64::from(libc::EINTR));
        Some(seen)
    }

    /// The process has become another program: the thread that was `former` goes on as `tid`, its process's id, and no other
    /// thread of it is left (execve(2)).
    pub fn exec(&mut self, former: u32, tid: u32) {
        let Some(mut thread) = self.threads.remove(&former) else { return };
        let pid = thread.pid;
        self.threads.retain(|_, other| other.pid != pid);
        thread.handlers.clear();
        self.threads.insert(tid, thread);
    }

    /// The thread is about to end, with this value in the register of the result. Returns the call that it ends in.
    pub fn dies(&mut self, tid: u32, value: i64) -> Option<&mut Seen> {
        let Some(Thread { state: State::Inside(place), .. }) = self.threads.get(&tid) else { return None };
        let seen = &mut self.testimony.calls[*place];
        seen.at_death = Some(value);
        Some(seen)
    }

    /// The thread is no more; the call that it was in stays without a result.
    pub fn gone(&mut self, tid: u32) {
        self.threads.remove(&tid);
    }

    /// All that was seen.
    pub fn testimony(self) -> Testimony {
        self.testimony
    }
}

/// rt_sigreturn(2), and sigreturn of 32-bit programs: on both architectures they are 173 and 119 there.
fn is_return_from_handler(call: &Call) -> bool {
    match call.abi {
        Abi::Native => i64::from(call.number) == libc::SYS_rt_sigreturn,
        Abi::Compat => matches!(call.number, 119 | 173),
    }
}

#[cfg(test)]
mod tests {
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
        Handler,
        Gone,
        /// A new thread, which enters a call, execs and goes on as thread 1.
        ExecOfThread2(u32),
    }
    use Outcome::{Returned, Unfinished};
    use Stop::*;

    fn seen(number: u32) -> Seen {
        Seen::new(crate::agreement::tests::call(0, number, [0; 6], 0))
    }

    fn folded(stops: &[Stop]) -> Vec<(u32, Outcome)> {
        let mut fold = Fold::default();
        fold.found(1, 1);
        for &stop in stops {
            match stop {
                Enter(_) if fold.resumes(1) => {}
                Enter(number) => fold.enter(1, seen(number)),
                Exit(value) => drop(fold.exit(1, value, 102)),
                ExitBefore(value) => drop(fold.exit(1, value, 100)),
                Handler => fold.handler(1),
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
    fn a_call_is_unsettled_until_its_handler_returns() {
        let mut fold = Fold::default();
        fold.found(1, 1);
        fold.enter(1, seen(READ));
        fold.exit(1, -ERESTARTSYS, 102);
        fold.handler(1);
        assert!(fold.testimony.calls[0].unsettled);
        fold.enter(1, seen(SIGRETURN));
        fold.exit(1, -4, 102);
        assert!(!fold.testimony.calls[0].unsettled);
    }
}
