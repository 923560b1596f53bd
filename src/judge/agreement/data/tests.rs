use crate::judge::agreement::tests::{both, said};
use crate::table::syscalls::Syscall;
use crate::trace::call::{Bytes, Call, Data, Outcome};
use crate::trace::testimony::{Seen, Testimony};
use crate::trace::whole::Trace;

const NONE: [&str; 0] = [];

/// What the buffer of read(2) leads to.
fn read(bytes: &[u8]) -> Data {
    Data { arg: 1, part: 0, size: 5, bytes: Bytes::Read(bytes.to_vec()), late: false }
}

fn unreadable(errno: i32) -> Data {
    Data { bytes: Bytes::Unreadable(errno), ..read(b"") }
}

/// The differences in the read, if BPF has this for its buffer, and the witness that.
fn judged(bpf: &[Data], ptrace: &[Data], change: fn(&mut Call, &mut Seen)) -> Vec<String> {
    of_both(bpf, ptrace, |trace, testimony| change(&mut trace.calls[1], &mut testimony.calls[1]))
}

fn of_both(bpf: &[Data], ptrace: &[Data], change: impl Fn(&mut Trace, &mut Testimony)) -> Vec<String> {
    let (mut trace, mut testimony) = both();
    trace.calls[1].data = bpf.to_vec();
    testimony.calls[1].call.data = ptrace.to_vec();
    change(&mut trace, &mut testimony);
    said(&trace, &testimony)
}

fn unlike(bpf: &[Data], ptrace: &[Data]) -> Vec<String> {
    judged(bpf, ptrace, |_, _| {})
}

#[test]
fn what_a_pointer_leads_to_must_be_the_same() {
    let hello = [read(b"hello")];
    assert_eq!(unlike(&hello, &hello), NONE);
    let said = |bpf: &str, ptrace: &str| [format!("read: what buf leads to: {bpf} | {ptrace}")];
    assert_eq!(unlike(&hello, &[read(b"hellp")]), said("\"hello\"", "\"hellp\""));
    assert_eq!(unlike(&hello, &[read(b"hell")]), said("\"hello\"", "\"hell\" of 5 bytes"));
    assert_eq!(unlike(&hello, &[Data { size: 9, ..read(b"hello") }]), said("\"hello\"", "\"hello\" of 9 bytes"));
    assert_eq!(unlike(&hello, &[]), said("\"hello\"", "nothing"));
    assert_eq!(unlike(&[], &hello), said("nothing", "\"hello\""));
    assert_eq!(unlike(&hello, &[unreadable(14)]), said("\"hello\"", "unreadable"));
    assert_eq!(unlike(&[unreadable(14)], &hello), said("unreadable", "\"hello\""));
    assert_eq!(unlike(&[unreadable(14)], &[unreadable(5)]), NONE, "each side has an error of its own");
}

#[test]
fn each_part_must_be_in_its_place() {
    let vector = |parts: &[(u16, &[u8])]| -> Vec<Data> {
        parts.iter().map(|&(part, bytes)| Data { part, size: bytes.len() as u64, ..read(bytes) }).collect()
    };
    let judged = |bpf: &[(u16, &[u8])], ptrace: &[(u16, &[u8])]| {
        let name = Syscall::by_name("readv").unwrap().number;
        of_both(&vector(bpf), &vector(ptrace), |trace, testimony| {
            for call in [&mut trace.calls[1], &mut testimony.calls[1].call] {
                (call.number, call.args[2]) = (name, 2);
            }
        })
    };
    let one: &[(u16, &[u8])] = &[(0, b"sixteen bytes ..sixteen bytes .."), (1, b"a"), (2, b"b")];
    assert_eq!(judged(one, one), NONE);
    let said = |bpf: &str, ptrace: &str| [format!("readv: what iov leads to: {bpf} | {ptrace}")];
    assert_eq!(judged(one, &one[..2]), said("[\"a\", \"b\"]", "[\"a\"]"));
    assert_eq!(judged(one, &[one[0], (1, b"a"), (3, b"b")]), said("[\"a\", \"b\"]", "[\"a\"]"));
    assert_eq!(judged(one, &[one[0], (1, b"a"), (2, b"c")]), said("[\"a\", \"b\"]", "[\"a\", \"c\"]"));
}

#[test]
fn a_part_that_is_missing_is_no_less_missing_if_another_cannot_be_read() {
    let part = |part, errno| Data { part, ..unreadable(errno) };
    let differs = ["read: what buf leads to: unreadable | unreadable"];
    assert_eq!(unlike(&[part(0, 14)], &[part(1, 14)]), differs);
}

#[test]
fn an_argument_that_leads_nowhere_has_nothing_that_it_leads_to() {
    let of_fd = Data { arg: 0, ..read(b"x") };
    let said = ["read: what argument 0 leads to, which leads nowhere: 1 parts | 0 parts"];
    assert_eq!(unlike(std::slice::from_ref(&of_fd), &[]), said);
    assert_eq!(unlike(std::slice::from_ref(&of_fd), std::slice::from_ref(&of_fd)), NONE);
}

#[test]
fn what_may_have_been_written_between_the_two_looks_may_differ() {
    let (one, other) = ([read(b"hello")], [read(b"hellp")]);
    assert_eq!(judged(&one, &other, |_, seen| seen.shares_memory = true), NONE);
    assert_eq!(judged(&one, &other, |bpf, seen| (bpf.refused, seen.call.refused) = (true, true)), NONE);
    let late = Data { late: true, ..read(b"hello") };
    assert_eq!(unlike(std::slice::from_ref(&late), &other), NONE, "BPF has read it late");
    assert_eq!(unlike(&other, std::slice::from_ref(&late)).len(), 1, "only the witness has");
    let untouched = Data { late: true, ..unreadable(14) };
    assert_eq!(unlike(&one, std::slice::from_ref(&untouched)), NONE, "it was not in memory");
    assert_eq!(unlike(&one, &[unreadable(14)]).len(), 1);
}

#[test]
fn what_a_killed_thread_would_have_got_need_not_be_there() {
    let killed = |data: &[Data]| {
        judged(data, &[], |bpf, seen| {
            bpf.outcome = Outcome::Unfinished;
            seen.call.outcome = Outcome::Unfinished;
        })
    };
    assert_eq!(killed(&[read(b"hello")]), NONE);
    let written = |outcome: Outcome| {
        of_both(&[read(b"hello")], &[], |trace, testimony| {
            for call in [&mut trace.calls[1], &mut testimony.calls[1].call] {
                (call.number, call.outcome) = (Syscall::by_name("write").unwrap().number, outcome);
            }
        })
    };
    let differs = ["write: what buf leads to: \"hello\" | nothing"];
    assert_eq!(written(Outcome::Unfinished), differs, "what it has given is there from the beginning");
}
