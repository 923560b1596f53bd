use super::*;
use crate::table::syscalls::Syscall;
use crate::trace::call::tests::call;
use crate::trace::call::{Call, Identity, Outcome, Text};
use crate::trace::testimony::Seen;

const WORKSPACE: &[u8] = b"/ws";

fn number(name: &str) -> u32 {
    Syscall::by_name(name).unwrap_or_else(|| panic!("no row for {name}")).number
}

fn seen(call: Call) -> Seen {
    Seen::new(call)
}

pub(super) fn file(inode: u64) -> Option<Identity> {
    Some(Identity { device: 8 << 20 | 1, inode, magic: 0xef53, mode: 0o100_644, flags: 2, cloexec: false })
}

/// openat of a.txt as 3, read of 3, close of 3, exit_group.
fn calls() -> Vec<Call> {
    let path = |bytes: &[u8]| Text::Read { bytes: bytes.to_vec(), cut: false };
    let mut openat = call(0, number("openat"), [-100_i32 as u64, 0x1000, 2, 0, 0, 0], 3);
    (openat.texts[0], openat.made) = (path(b"a.txt"), file(7));
    let mut read = call(1, number("read"), [3, 0x2000, 5, 0, 0, 0], 5);
    (read.fds[0], read.files.path) = (file(7), Some(b"a.txt".to_vec()));
    let mut close = call(2, number("close"), [3, 0, 0, 0, 0, 0], 0);
    (close.fds[0], close.files.path) = (file(7), Some(b"a.txt".to_vec()));
    let exit = call(3, number("exit_group"), [0; 6], 0).with(|deed| deed.outcome = Outcome::Unfinished);
    vec![openat, read, close, exit]
}

/// The calls that both saw alike.
pub(crate) fn both() -> (Trace, Testimony) {
    let mut witnessed: Vec<Seen> = calls().into_iter().map(seen).collect();
    for at in [1, 2] {
        witnessed[at].names_mut().links[0] = Some(b"/ws/a.txt".to_vec());
    }
    (Trace { calls: calls(), ..Trace::default() }, Testimony { calls: witnessed, ..Testimony::default() })
}

/// What differs, in a word or two each.
pub(super) fn said(trace: &Trace, testimony: &Testimony) -> Vec<String> {
    let say = |discrepancy: Discrepancy| match discrepancy {
        Discrepancy::OnlyBpf { bpf } => format!("bpf alone: {}", trace.calls[bpf].name()),
        Discrepancy::OnlyPtrace { ptrace } => format!("ptrace alone: {}", testimony.calls[ptrace].call.name()),
        Discrepancy::MoreByPtrace { count, .. } => format!("ptrace alone: {count} more"),
        Discrepancy::Unlike { bpf, fields, .. } => {
            let fields: Vec<_> =
                fields.iter().map(|field| format!("{}: {} | {}", field.what, field.bpf, field.ptrace)).collect();
            format!("{}: {}", trace.calls[bpf].name(), fields.join("; "))
        }
    };
    compare(trace, testimony, Some(WORKSPACE)).into_iter().map(say).collect()
}

#[test]
fn what_both_saw_alike_is_no_discrepancy() {
    let (trace, testimony) = both();
    assert_eq!(said(&trace, &testimony), Vec::<String>::new());
}

type Change = fn(&mut Trace);

/// One change to BPF's trace, and the differences that follow.
const PARTS: &[(&str, Change, &str)] = &[
    ("the result", |trace| trace.calls[1].outcome = Outcome::Returned(6), "read: result: 6 | 5"),
    ("no result", |trace| trace.calls[1].outcome = Outcome::Unfinished, "read: result: none | 5"),
    ("an argument", |trace| trace.calls[1].args[2] = 6, "read: argument 3 (count): 0x6 | 0x5"),
    ("one that the call does not have", |trace| trace.calls[2].args[5] = 1, "close: argument 6: 0x1 | 0x0"),
    (
        "a path that was cut",
        |trace| trace.calls[0].texts[0] = Text::Read { bytes: b"a.t".to_vec(), cut: false },
        "openat: path: \"a.t\" | \"a.txt\"",
    ),
    (
        "a path that was not read",
        |trace| trace.calls[0].texts[0] = Text::Unreadable(libc::EFAULT),
        "openat: path: 0x1000 (unreadable: EFAULT) | \"a.txt\"",
    ),
    (
        "another file",
        |trace| trace.calls[1].fds[0] = file(8),
        "read: file behind fd: inode 8 of 8:1 (0xef53), mode 100644, flags 2 | inode 7 of 8:1 (0xef53), mode 100644, flags 2",
    ),
    (
        "no file",
        |trace| trace.calls[1].fds[0] = None,
        "read: file behind fd: not open | inode 7 of 8:1 (0xef53), mode 100644, flags 2",
    ),
    (
        "another file made",
        |trace| trace.calls[0].made = file(8),
        "openat: file behind the result: inode 8 of 8:1 (0xef53), mode 100644, flags 2 | inode 7 of 8:1 (0xef53), mode 100644, flags 2",
    ),
    (
        "another name",
        |trace| trace.calls[1].files.path = Some(b"b.txt".to_vec()),
        "read: name of argument 1: \"b.txt\" | \"/ws/a.txt\"",
    ),
    ("another process", |trace| trace.calls[2].pid = 2, "close: process: 2 | 1"),
    ("a call that is missing", |trace| drop(trace.calls.remove(1)), "ptrace alone: read"),
    ("one that came twice", |trace| trace.calls.insert(1, trace.calls[1].clone()), "bpf alone: read"),
    (
        "another thread",
        |trace| trace.calls.iter_mut().for_each(|call| call.tid = 2),
        "ptrace alone: openat, ptrace alone: read, ptrace alone: close, ptrace alone: exit_group, \
         bpf alone: openat, bpf alone: read, bpf alone: close, bpf alone: exit_group",
    ),
];

#[test]
fn each_part_of_a_call_is_compared() {
    for (sentence, change, expected) in PARTS {
        let (mut trace, testimony) = both();
        change(&mut trace);
        assert_eq!(said(&trace, &testimony).join(", "), *expected, "{sentence}");
    }
}

/// The differences if BPF has another file, by another name, for the descriptor of `read`. The witness saw thread 2 of process
/// `pid` make this call. The call began before `read`, and ended during it, or before it (`false`).
fn beside(other: &str, args: [u64; 6], pid: u32, during: bool) -> Vec<String> {
    let (mut trace, mut testimony) = both();
    trace.calls[1].fds[0] = file(8);
    trace.calls[1].files.path = Some(b"b.txt".to_vec());
    let other = Call { tid: 2, pid, ..call(0, number(other), args, 0) };
    trace.calls.push(other.clone());
    testimony.calls.insert(0, seen(other));
    for (place, seen) in testimony.calls.iter_mut().enumerate() {
        (seen.call.order, seen.until) = (place as u64, place as u64 + 1);
    }
    testimony.calls[0].until = if during { 3 } else { 1 };
    said(&trace, &testimony)
}

#[test]
fn a_descriptor_that_another_thread_changes_meanwhile_is_no_difference() {
    assert_eq!(beside("close", [3, 0, 0, 0, 0, 0], 1, true), Vec::<String>::new());
    assert_eq!(beside("dup3", [4, 3, 0, 0, 0, 0], 1, true), Vec::<String>::new());
    assert_eq!(beside("close_range", [2, 9, 0, 0, 0, 0], 1, true), Vec::<String>::new());
    let unlike = |args, pid, during| beside("close", args, pid, during).len() == 1;
    assert!(unlike([4, 0, 0, 0, 0, 0], 1, true), "another descriptor");
    assert!(unlike([3, 0, 0, 0, 0, 0], 1, false), "it had ended before");
    assert!(unlike([3, 0, 0, 0, 0, 0], 5, true), "another process");
    assert_eq!(beside("lseek", [3, 0, 0, 0, 0, 0], 1, true).len(), 1, "it changes no descriptor");
}

#[test]
fn order_is_compared_within_a_thread_only() {
    let (mut trace, testimony) = both();
    trace.calls.swap(1, 2);
    assert_eq!(said(&trace, &testimony), ["bpf alone: close", "ptrace alone: close"]);

    let (mut trace, mut testimony) = both();
    let other = |call: Call| Call { tid: 2, ..call };
    trace.calls.insert(0, other(calls().remove(2)));
    testimony.calls.push(seen(other(calls().remove(2))));
    assert_eq!(said(&trace, &testimony), Vec::<String>::new());
}

#[test]
fn a_removed_file_is_called_so_by_both() {
    let judged = |name: &[u8], link: &[u8]| {
        let (mut trace, mut testimony) = both();
        trace.calls[1].files.path = Some(name.to_vec());
        testimony.calls[1].names_mut().links[0] = Some(link.to_vec());
        said(&trace, &testimony)
    };
    assert_eq!(judged(b"a.txt (deleted)", b"/ws/a.txt (deleted)"), Vec::<String>::new());
    let expected = ["read: name of argument 1: \"a.txt\" | \"/ws/a.txt (deleted)\""];
    assert_eq!(judged(b"a.txt", b"/ws/a.txt (deleted)"), expected);
}

#[test]
fn the_name_of_what_was_opened_is_that_of_the_link() {
    let judged = |name: &[u8]| {
        let (mut trace, mut testimony) = both();
        trace.calls[0].files.made_path = Some(name.to_vec());
        testimony.calls[0].names_mut().made_link = Some(b"/ws/a.txt".to_vec());
        said(&trace, &testimony)
    };
    assert_eq!(judged(b"a.txt"), Vec::<String>::new());
    assert_eq!(judged(b"d/../a.txt"), ["openat: name of the result: \"d/../a.txt\" | \"/ws/a.txt\""]);
}

#[test]
fn a_call_that_its_thread_was_killed_before_is_permitted() {
    let judged = |at: usize, refused: bool, ret: i64| {
        let (mut trace, testimony) = both();
        let ppoll = call(4, number("ppoll"), [0; 6], ret);
        trace.calls.insert(at, ppoll.with(|deed| deed.refused = refused));
        said(&trace, &testimony)
    };
    let (only, enosys) = (["bpf alone: ppoll"], -i64::from(libc::ENOSYS));
    assert_eq!(judged(4, true, enosys), Vec::<String>::new());
    assert_eq!(judged(1, true, enosys), only, "the thread lived on");
    assert_eq!(judged(4, false, enosys), only, "it was made");
    assert_eq!(judged(4, true, -1), only, "somebody has answered it");
}

#[test]
fn a_call_that_its_thread_was_killed_before_for_an_exec_is_permitted() {
    let judged = |ret: i64, exit_tid: u32| {
        let (mut trace, mut testimony) = both();
        let execve = Call { tid: 2, exit_tid, ..call(1, number("execve"), [0; 6], ret) };
        let killed = call(2, number("ppoll"), [0; 6], -i64::from(libc::ENOSYS));
        testimony.calls.insert(1, seen(execve.clone()));
        trace.calls.splice(1..1, [execve, killed.with(|deed| deed.refused = true)]);
        said(&trace, &testimony)
    };
    assert_eq!(judged(0, 1), Vec::<String>::new(), "what thread 1 does after that is done by the other");
    assert_eq!(judged(0, 2), ["bpf alone: ppoll"], "it is another thread's number");
    assert_eq!(judged(-2, 1), ["bpf alone: ppoll"], "it has failed");
}

#[test]
fn the_first_call_that_its_thread_was_killed_before_is_permitted() {
    let judged = |tid: u32, change: fn(&mut Seen)| {
        let (trace, mut testimony) = both();
        let read = Call { tid, ..call(4, number("read"), [3, 0, 0, 0, 0, 0], 0) };
        let mut first = seen(read.with(|deed| deed.outcome = Outcome::Unfinished));
        change(&mut first);
        testimony.calls.push(first);
        said(&trace, &testimony)
    };
    let only = ["ptrace alone: read"];
    assert_eq!(judged(2, |seen| seen.vanished = true), Vec::<String>::new());
    assert_eq!(judged(2, |seen| seen.at_death = Some(-i64::from(libc::ENOSYS))), Vec::<String>::new());
    assert_eq!(judged(2, |seen| seen.at_death = Some(1)), only, "it was made");
    assert_eq!(judged(1, |seen| seen.vanished = true), only, "BPF knows the thread, and would see the exit");
}

#[test]
fn a_call_that_its_thread_was_killed_before_has_no_result() {
    let judged = |refused: bool, witnessed: Outcome| {
        let (mut trace, mut testimony) = both();
        trace.calls[3].outcome = Outcome::Returned(-i64::from(libc::ENOSYS));
        trace.calls[3].refused = refused;
        testimony.calls[3].call.outcome = witnessed;
        said(&trace, &testimony)
    };
    assert_eq!(judged(true, Outcome::Unfinished), Vec::<String>::new());
    assert_eq!(judged(false, Outcome::Unfinished), ["exit_group: result: -38 | none"]);
    assert_eq!(judged(true, Outcome::Returned(0)), ["exit_group: result: -38 | 0"]);
}

#[test]
fn what_the_call_itself_has_not_looked_at_need_not_be_read() {
    let judged = |bpf: Text, untouched: bool| {
        let (mut trace, mut testimony) = both();
        trace.calls[0].texts[0] = bpf;
        testimony.calls[0].untouched[0] = untouched;
        said(&trace, &testimony)
    };
    let unreadable = || Text::Unreadable(libc::EFAULT);
    assert_eq!(judged(unreadable(), true), Vec::<String>::new());
    assert_eq!(judged(unreadable(), false), ["openat: path: 0x1000 (unreadable: EFAULT) | \"a.txt\""]);
}

#[test]
fn a_file_that_is_open_and_cannot_be_asked_need_not_be_known() {
    let judged = |link: Option<&[u8]>| {
        let (trace, mut testimony) = both();
        testimony.calls[1].call.fds[0] = None;
        testimony.calls[1].names_mut().links[0] = link.map(<[u8]>::to_vec);
        said(&trace, &testimony)
    };
    assert_eq!(judged(Some(b"/ws/a.txt")), Vec::<String>::new());
    let expected = ["read: file behind fd: inode 7 of 8:1 (0xef53), mode 100644, flags 2 | not open"];
    assert_eq!(judged(None), expected);
}

#[test]
fn what_was_read_late_may_have_changed() {
    let judged = |late| {
        let (mut trace, testimony) = both();
        trace.calls[0].texts[0] = Text::Read { bytes: b"b".to_vec(), cut: false };
        trace.calls[0].late[0] = late;
        said(&trace, &testimony)
    };
    assert_eq!(judged(true), Vec::<String>::new());
    assert_eq!(judged(false), ["openat: path: \"b\" | \"a.txt\""]);
}

#[test]
fn a_result_that_only_the_dying_thread_had_is_as_good() {
    let judged = |at_death| {
        let (trace, mut testimony) = both();
        testimony.calls[1].call.outcome = Outcome::Unfinished;
        testimony.calls[1].at_death = at_death;
        said(&trace, &testimony)
    };
    assert_eq!(judged(Some(5)), Vec::<String>::new());
    assert_eq!(judged(Some(6)), ["read: result: 5 | none"]);
    assert_eq!(judged(None), ["read: result: 5 | none"]);
}

#[test]
fn of_a_thread_that_vanished_the_result_is_not_known() {
    let judged = |vanished| {
        let (trace, mut testimony) = both();
        testimony.calls[1].call.outcome = Outcome::Unfinished;
        testimony.calls[1].vanished = vanished;
        said(&trace, &testimony)
    };
    assert_eq!(judged(true), Vec::<String>::new());
    assert_eq!(judged(false), ["read: result: 5 | none"]);
}

#[test]
fn what_a_handler_that_never_returned_leaves_open_is_permitted() {
    let judged = |bpf: Outcome| {
        let (mut trace, mut testimony) = both();
        trace.calls[1].outcome = bpf;
        testimony.calls[1].call.outcome = Outcome::Unfinished;
        testimony.calls[1].unsettled = true;
        said(&trace, &testimony)
    };
    assert_eq!(judged(Outcome::Returned(-4)), Vec::<String>::new());
    assert_eq!(judged(Outcome::Unfinished), Vec::<String>::new());
    assert_eq!(judged(Outcome::Returned(5)), ["read: result: 5 | none"]);
}
