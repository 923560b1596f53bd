use super::*;
use crate::judge::agreement::tests::{both, file, said};
use crate::table::syscalls::Syscall;

const NONE: [&str; 0] = [];

#[test]
fn the_type_that_stat_hides_need_not_be_the_same() {
    let judged = |bpf: u16, ptrace: u16| {
        let (mut trace, mut testimony) = both();
        let of_mode = |mode| file(7).map(|file| Identity { mode, ..file });
        (trace.calls[1].fds[0], testimony.calls[1].call.fds[0]) = (of_mode(bpf), of_mode(ptrace));
        said(&trace, &testimony).len()
    };
    assert_eq!(judged(0o100_600, 0o100_600), 0);
    assert_eq!(judged(0o100_600, 0o600), 0, "an anonymous inode");
    assert_eq!(judged(0o100_600, 0o644), 1, "its permissions must be the same");
    assert_eq!(judged(0o100_600, 0o040_600), 1);
    assert_eq!(judged(0o600, 0o100_600), 1, "the kernel hides no type from BPF");
}

#[test]
fn close_on_exec_is_that_of_the_descriptor() {
    let judged = |flags: i32, cloexec: [bool; 2]| {
        let (mut trace, mut testimony) = both();
        let [bpf, ptrace] = cloexec.map(|cloexec| file(7).map(|file| Identity { cloexec, ..file }));
        trace.calls[1].fds[0] = bpf.map(|file| Identity { flags: file.flags | flags as u32, ..file });
        testimony.calls[1].call.fds[0] = ptrace;
        said(&trace, &testimony).len()
    };
    assert_eq!(judged(libc::O_CLOEXEC, [true, true]), 0);
    assert_eq!(judged(libc::O_CLOEXEC, [true, false]), 1);
    assert_eq!(judged(libc::O_APPEND, [false, false]), 1);
}

#[test]
fn a_block_that_one_side_could_not_read_in_time_may_differ() {
    let judged = |late: [bool; 3], untouched: [bool; 3]| {
        let (mut trace, mut testimony) = both();
        let number = Syscall::by_name("pipe2").unwrap().number;
        for call in [&mut trace.calls[1], &mut testimony.calls[1].call] {
            (call.number, call.fds[0], call.peek) = (number, None, Some(vec![3; 8]));
            call.files.path = None;
        }
        testimony.calls[1].call.peek = Some(vec![4; 8]);
        testimony.calls[1].names_mut().links[0] = None;
        (trace.calls[1].late, testimony.calls[1].untouched) = (late, untouched);
        said(&trace, &testimony)
    };
    let (no, yes) = ([false; 3], [false, false, true]);
    let differs = ["pipe2: pipefd: Some([03, 03, 03, 03, 03, 03, 03, 03]) | Some([04, 04, 04, 04, 04, 04, 04, 04])"];
    assert_eq!(judged(no, no), differs);
    assert_eq!(judged(yes, no), NONE);
    assert_eq!(judged(no, yes), NONE);
    assert_eq!(judged([true, true, false], [true, true, false]), differs, "that is said of its paths");
}

#[test]
fn a_call_that_was_never_made_is_the_last_of_its_thread() {
    let judged = |change: fn(&mut Seen), more: bool| {
        let (trace, mut testimony) = both();
        let mut first = testimony.calls[1].clone();
        (first.call.tid, first.call.outcome, first.vanished) = (2, Outcome::Unfinished, true);
        change(&mut first);
        testimony.calls.push(first.clone());
        testimony.calls.extend(more.then_some(first));
        said(&trace, &testimony)
    };
    assert_eq!(judged(|_| {}, false), NONE);
    assert_eq!(judged(|seen| seen.call.outcome = Outcome::Returned(5), false), ["ptrace alone: read"]);
    assert_eq!(judged(|seen| seen.vanished = false, false), ["ptrace alone: read"]);
    assert_eq!(judged(|_| {}, true), ["ptrace alone: read"; 2], "its thread went on");
}

#[test]
fn a_thread_killed_at_the_entrance_keeps_its_first_argument_as_its_result() {
    let judged = |ret: i64| {
        let (mut trace, _) = both();
        let mut call = trace.calls[1].clone();
        (call.tid, call.refused, call.outcome) = (2, true, Outcome::Returned(ret));
        trace.calls.push(call);
        said(&trace, &both().1)
    };
    assert_eq!(judged(3), NONE, "read(3, …) on aarch64");
    assert_eq!(judged(-38), NONE, "-ENOSYS on x86-64");
    assert_eq!(judged(4), ["bpf alone: read"]);
}
