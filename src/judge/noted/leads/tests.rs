use super::*;
use crate::trace::call::Identity;
use crate::trace::call::tests::call;

const WANTED: u32 = 8;

fn number(name: &str) -> u32 {
    Syscall::by_name(name).map_or(0, |row| row.number)
}

fn named(name: &str, args: [u64; 6], ret: i64) -> Call {
    call(0, number(name), args, ret)
}

/// The first bytes of a part, all of which are 1.
fn read(arg: u8, part: u16, size: u64, bytes: usize) -> Data {
    Data { arg, part, size, bytes: Bytes::Read(vec![1; bytes]), late: false }
}

fn unread(arg: u8, part: u16, size: u64) -> Data {
    Data { bytes: Bytes::Unreadable(libc::EFAULT), ..read(arg, part, size, 0) }
}

fn sentences(calls: Vec<Call>) -> Vec<String> {
    misled(&Trace { calls, ..Trace::default() }, WANTED).collect()
}

/// Whether such a call may have such data: no more, and no less.
fn is_right(call: &Call, data: &[Data]) -> bool {
    sentences(vec![call.clone().with(|deed| deed.data = data.to_vec())]).is_empty()
}

type Row<'r> = (&'r str, [u64; 6], i64, &'r [Data], bool);

fn check(rows: &[Row<'_>]) {
    for (name, args, ret, data, right) in rows {
        assert_eq!(is_right(&named(name, *args, *ret), data), *right, "{name}{args:?} = {ret}: {data:?}");
    }
}

#[test]
fn what_a_call_is_given_is_there_and_has_its_size() {
    check(&[
        ("write", [3, 0x1000, 5, 0, 0, 0], -9, &[read(1, 0, 5, 5)], true),
        ("write", [3, 0x1000, 5, 0, 0, 0], -9, &[], false),
        ("write", [3, 0x1000, 5, 0, 0, 0], -14, &[unread(1, 0, 5)], true),
        ("write", [3, 0x1000, 5, 0, 0, 0], -9, &[read(1, 0, 5, 4)], false),
        ("write", [3, 0x1000, 5, 0, 0, 0], -9, &[read(1, 0, 6, 6)], false),
        ("write", [3, 0x1000, 9, 0, 0, 0], -9, &[read(1, 0, 9, 8)], true),
        ("write", [3, 0x1000, 9, 0, 0, 0], -9, &[read(1, 0, 9, 9)], false),
        ("write", [3, 0, 5, 0, 0, 0], -14, &[], true),
        ("write", [3, 0, 5, 0, 0, 0], -14, &[unread(1, 0, 5)], false),
        ("write", [3, 0x1000, 5, 0, 0, 0], -9, &[read(1, 0, 5, 5), read(1, 1, 5, 5)], false),
        ("write", [3, 0x1000, 5, 0, 0, 0], -9, &[read(1, 0, 5, 5), read(2, 0, 5, 5)], false),
        ("sched_setaffinity", [0, 4096, 0x1000, 0, 0, 0], -3, &[read(2, 0, 4096, 4096)], true),
        ("sched_setaffinity", [0, 4096, 0x1000, 0, 0, 0], -3, &[read(2, 0, 4096, 4095)], false),
    ]);
}

#[test]
fn what_a_call_fills_in_is_there_if_it_has_succeeded() {
    check(&[
        ("read", [3, 0x1000, 5, 0, 0, 0], 2, &[read(1, 0, 2, 2)], true),
        ("read", [3, 0x1000, 5, 0, 0, 0], 2, &[read(1, 0, 5, 5)], false),
        ("read", [3, 0x1000, 5, 0, 0, 0], 2, &[], false),
        ("read", [3, 0x1000, 5, 0, 0, 0], -9, &[], true),
        ("read", [3, 0x1000, 5, 0, 0, 0], -9, &[read(1, 0, 0, 0)], false),
        ("fcntl", [3, 5, 0x1000, 0, 0, 0], 0, &[read(2, 0, 32, 32), read(2, part::AFTER, 32, 32)], true),
        ("fcntl", [3, 5, 0x1000, 0, 0, 0], 0, &[read(2, 0, 32, 32)], false),
        ("fcntl", [3, 5, 0x1000, 0, 0, 0], -9, &[read(2, 0, 32, 32)], true),
        ("fcntl", [3, 5, 0x1000, 0, 0, 0], -9, &[read(2, 0, 32, 32), read(2, part::AFTER, 32, 32)], false),
        ("fcntl", [3, 1031, 0x1000, 0, 0, 0], 4096, &[], true),
        ("fcntl", [3, 1031, 0x1000, 0, 0, 0], 4096, &[unread(2, 0, 32)], false),
        ("wait4", [1, 0x1000, 1, 0, 0, 0], 0, &[], true),
        ("wait4", [1, 0x1000, 1, 0, 0, 0], 1, &[], false),
    ]);
}

#[test]
fn the_parts_of_a_list_follow_one_another() {
    let array = || read(1, 0, 32, 32);
    check(&[
        ("writev", [3, 0x1000, 2, 0, 0, 0], 4, &[array(), read(1, 1, 2, 2), read(1, 2, 2, 2)], true),
        ("writev", [3, 0x1000, 2, 0, 0, 0], 4, &[array(), read(1, 2, 2, 2)], false),
        ("writev", [3, 0x1000, 2, 0, 0, 0], -14, &[array(), unread(1, 1, 2), read(1, 2, 2, 2)], false),
        ("writev", [3, 0x1000, 2, 0, 0, 0], -14, &[unread(1, 0, 32), read(1, 1, 2, 2)], false),
        ("writev", [3, 0x1000, 2, 0, 0, 0], 4, &[read(1, 0, 33, 32)], false),
        ("execve", [0x1000, 0x2000, 0, 0, 0, 0], -2, &[read(1, 1, 2, 2), read(1, 2, 2, 2)], true),
        ("execve", [0x1000, 0x2000, 0, 0, 0, 0], -2, &[read(1, 0, 2, 2)], false),
        ("sendmsg", [3, 0x1000, 0, 0, 0, 0], 2, &[read(1, part::MESSAGE, 56, 56)], true),
        ("sendmsg", [3, 0x1000, 0, 0, 0, 0], 2, &[read(1, part::MESSAGE, 55, 55)], false),
        ("sendmsg", [3, 0x1000, 0, 0, 0, 0], 2, &[read(1, 0, 56, 56)], false),
        ("recvmsg", [3, 0x1000, 0, 0, 0, 0], -9, &[read(1, part::GIVEN, 56, 56)], true),
        ("recvmsg", [3, 0x1000, 0, 0, 0, 0], -9, &[read(1, part::MESSAGE, 56, 56)], false),
        ("sendmsg", [3, 0x1000, 0, 0, 0, 0], -9, &[read(1, part::GIVEN, 56, 56)], false),
    ]);
}

#[test]
fn a_struct_leads_on_if_it_is_long_enough() {
    let (clone3, get) = (|size| [0x1000, size, 0, 0, 0, 0], |size| [7, 0x1000, size, 0, 0, 0]);
    check(&[
        ("clone3", clone3(88), -22, &[read(0, 0, 88, 88), read(0, part::WITHIN, 4, 4)], true),
        ("clone3", clone3(88), -22, &[read(0, 0, 88, 88)], false),
        ("clone3", clone3(79), -22, &[read(0, 0, 79, 79)], true),
        ("clone3", clone3(79), -22, &[read(0, 0, 79, 79), read(0, part::WITHIN, 4, 4)], false),
        ("bpf", get(12), -2, &[read(1, 0, 12, 12), read(1, 1, 4, 4)], true),
        ("bpf", get(7), -2, &[read(1, 0, 7, 7), read(1, 1, 4, 4)], false),
        ("sched_setattr", [0, 0x1000, 0, 0, 0, 0], -7, &[read(1, 0, 64, 64), read(1, part::AFTER, 64, 64)], true),
        ("sched_setattr", [0, 0x1000, 0, 0, 0, 0], -7, &[read(1, 0, 64, 64)], false),
        ("sched_setattr", [0, 0x1000, 0, 0, 0, 0], -3, &[read(1, 0, 64, 64), read(1, part::AFTER, 64, 64)], false),
    ]);
}

#[test]
fn messages_belong_to_a_socket_of_their_protocol() {
    let file = Some(Identity { device: 8, inode: 77, magic: 0, mode: 0o140_777, flags: 0, cloexec: false });
    let sent = |protocol| {
        named("sendto", [3, 0x1000, 5, 0, 0, 0], 5).with(|deed| {
            (deed.fds[0], deed.data) = (file, vec![read(1, part::NETLINK + protocol, 5, 5)]);
        })
    };
    let socket = named("socket", [16, 3, 4, 0, 0, 0], 3).with(|deed| deed.made = file);
    assert_eq!(sentences(vec![socket.clone(), sent(4)]), Vec::<String>::new());
    assert_eq!(sentences(vec![sent(9)]), Vec::<String>::new(), "nobody has seen the socket");
    assert_eq!(sentences(vec![socket, sent(9)]).len(), 1);
}

#[test]
fn where_no_data_is_wanted_there_is_none() {
    let wrote = named("write", [3, 0x1000, 5, 0, 0, 0], 5).with(|deed| deed.data = vec![read(1, 0, 5, 5)]);
    let trace = Trace { calls: vec![wrote], ..Trace::default() };
    assert_eq!(misled(&trace, WANTED).next(), None);
    let sentence = "write (call 0) has part 0 of argument 1, of 5 bytes, and none leads to it";
    assert_eq!(misled(&trace, 0).collect::<Vec<_>>(), [sentence]);
    let silent = Trace { calls: vec![named("write", [3, 0x1000, 5, 0, 0, 0], 5)], ..Trace::default() };
    assert_eq!(misled(&silent, 0).next(), None);
    assert_eq!(misled(&silent, WANTED).collect::<Vec<_>>(), ["write (call 0) lacks what `buf` leads to"]);
}
