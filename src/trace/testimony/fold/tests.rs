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
    /// By the instruction before this address, with this stack.
    EnterFrom(u32, u64, u64),
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
            Enter(number) if fold.resumes(1, &seen(number).call, 102, STACK) => {}
            EnterWith(number, argument) if fold.resumes(1, &with(number, argument).call, 102, STACK) => {}
            EnterFrom(number, behind, stack) if fold.resumes(1, &seen(number).call, behind, stack) => {}
            Enter(number) | EnterFrom(number, ..) => drop(fold.enter(1, seen(number))),
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
type StopsRow = (&'static str, &'static [Stop], &'static [(u32, Outcome)]);

const ROWS: &[StopsRow] = &[
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
        "the same call is made from another place",
        &[Enter(READ), Exit(SYS), EnterFrom(READ, 104, STACK), Exit(1)],
        &[(READ, Unfinished), (READ, Returned(1))],
    ),
    (
        "or with another stack",
        &[Enter(READ), Exit(SYS), EnterFrom(READ, 102, STACK - 8), Exit(1)],
        &[(READ, Unfinished), (READ, Returned(1))],
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
        "or that of restart_syscall, though the call is not to be continued by it",
        &[Enter(READ), Exit(SYS), Handler, Enter(SIGRETURN), ExitBefore(0), Enter(RESTART), Exit(-4)],
        &[(READ, Unfinished), (SIGRETURN, Unfinished), (RESTART, EINTR)],
    ),
    (
        "or another argument",
        &[Enter(READ), Exit(SYS), Handler, Enter(SIGRETURN), ExitBefore(0), EnterWith(READ, 4), Exit(0)],
        &[(READ, Unfinished), (SIGRETURN, Unfinished), (READ, Returned(0))],
    ),
    (
        "a handler puts in another result after the call",
        &[Enter(READ), Exit(SYS), Handler, Enter(SIGRETURN), Exit(77), Enter(CLOSE), Exit(0)],
        &[(READ, Unfinished), (SIGRETURN, Unfinished), (CLOSE, Returned(0))],
    ),
    (
        "seccomp traps a call, and in the register of the result is what was there before",
        &[EnterWith(CLOSE, CLOSE as u64), Exit(CLOSE as i64), Trap, EnterWith(CLOSE, CLOSE as u64), Exit(CLOSE as i64)],
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
fn the_last_value_of_a_thread_may_be_that_of_another_that_execs() {
    let execve = libc::SYS_execve as u32;
    for (number, pid, expected) in [(execve, 1, true), (execve, 2, false), (READ, 1, false)] {
        let mut fold = Fold::default();
        for (tid, number, pid) in [(1, CLOSE, 1), (2, number, pid)] {
            fold.found(tid, pid);
            fold.enter(tid, seen(number));
        }
        fold.dies(1, 0);
        fold.gone(1);
        assert_eq!(fold.testimony().calls[0].vanished, expected);
    }
}

#[test]
fn who_is_never_heard_of_again_has_vanished() {
    let mut fold = Fold::default();
    for tid in [1, 2] {
        fold.found(tid, 1);
        fold.enter(tid, seen(READ));
    }
    fold.exit(1, 5, 102, STACK);
    let calls = fold.testimony().calls;
    assert_eq!([calls[0].vanished, calls[1].vanished], [false, true]);
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
        assert!(fold.resumes(1, &seen(READ).call, 102, STACK));
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

#[test]
fn a_process_that_goes_on_unseen_is_left_and_one_that_cannot_is_killed() {
    let mut fold = Fold::default();
    fold.let_go(5);
    fold.killed(6);
    let testimony = fold.testimony();
    assert_eq!(testimony.left.iter().copied().collect::<Vec<_>>(), [5, 6]);
    assert_eq!(testimony.killed.iter().copied().collect::<Vec<_>>(), [6]);
}

#[test]
fn a_thread_is_alone_that_has_its_process_for_itself() {
    let mut fold = Fold::default();
    for (tid, pid) in [(1, 1), (2, 2), (3, 2)] {
        fold.found(tid, pid);
    }
    assert_eq!([1, 2, 3].map(|tid| fold.is_alone(tid)), [true, false, false]);
    let sorted = |mut tids: Vec<u32>| {
        tids.sort_unstable();
        tids
    };
    assert_eq!([1, 2, 4].map(|pid| sorted(fold.threads_of(pid))), [vec![1], vec![2, 3], vec![]]);
    assert_eq!(sorted(fold.threads()), [1, 2, 3]);
}

#[test]
fn only_a_call_that_a_filter_may_have_answered_is_trapped() {
    assert_eq!(folded(&[Enter(READ), Exit(READ.into()), Trap]), [(READ, Returned(READ.into()))], "no filter");
    assert_eq!(folded(&[EnterWith(READ, 0), Exit(7), Trap]), [(READ, Returned(7))], "it has a result");
    assert_eq!(folded(&[EnterWith(READ, 0), Exit(READ.into()), Trap]), [(READ, Unfinished)]);
}
