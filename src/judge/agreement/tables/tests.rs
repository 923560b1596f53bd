use super::*;
use crate::trace::call::tests::call;

fn named(name: &str, args: [i32; 4], ret: i64) -> Call {
    let number = Syscall::by_name(name).unwrap_or_else(|| panic!("no row for {name}")).number;
    let [a, b, c, d] = args.map(|arg| arg as u64);
    call(0, number, [a, b, c, d, 0, 0], ret)
}

#[test]
fn a_call_changes_the_descriptors_that_it_closes_makes_replaces_or_marks() {
    let pair = |bytes: &[i32]| Some(bytes.iter().flat_map(|fd| fd.to_ne_bytes()).collect::<Vec<u8>>());
    let pipe = |peek| named("pipe2", [0; 4], 0).with(|deed| deed.peek = peek);
    let mut unknown = named("close", [9, 0, 0, 0], 0);
    unknown.number = u32::MAX;
    let rows = [
        (named("close", [3, 0, 0, 0], 0), true),
        (named("close", [4, 0, 0, 0], 0), false),
        (named("fcntl", [3, libc::F_SETFD, 1, 0], 0), true),
        (named("fcntl", [4, libc::F_SETFD, 1, 0], 0), false),
        (named("close_range", [2, 3, 0, 0], 0), true),
        (named("close_range", [3, 9, 0, 0], 0), true),
        (named("close_range", [4, 9, 0, 0], 0), false),
        (named("close_range", [0, 2, 0, 0], 0), false),
        (named("recvmsg", [9, 0, 0, 0], 0), true),
        (named("io_uring_enter", [9, 0, 0, 0], 0), true),
        (named("openat", [9, 0, 0, 0], 3), true),
        (named("openat", [3, 0, 0, 0], 4), false),
        (named("dup3", [9, 3, 0, 0], -9), true),
        (named("dup3", [3, 4, 0, 0], -9), false),
        (pipe(pair(&[3, 4])), true),
        (pipe(pair(&[4, 3])), true),
        (pipe(pair(&[4, 5])), false),
        (pipe(None), true),
        (named("lseek", [3, 0, 0, 0], 3), false),
        (unknown, true),
    ];
    for (call, expected) in rows {
        assert_eq!(changes(&call, 3), expected, "{} {:?}", call.name(), call.args);
        if expected {
            assert!(call.syscall().is_none_or(|row| changes_some(&call, row)), "{}", call.name());
        }
    }
    let lseek = named("lseek", [3, 0, 0, 0], 3);
    assert!(!changes_some(&lseek, lseek.syscall().unwrap()));
}

/// Whether others change descriptor 3 in the last of these calls: each with its thread and process, and when it ended.
fn changed(calls: &[(Call, u32, u32, u64)]) -> bool {
    let seen = |(order, (call, tid, pid, until)): (usize, &(Call, u32, u32, u64))| Seen {
        until: *until,
        ..Seen::new(Call { order: order as u64, tid: *tid, pid: *pid, ..call.clone() })
    };
    let testimony = Testimony { calls: calls.iter().enumerate().map(seen).collect(), ..Testimony::default() };
    Tables::new(&testimony).others_change(testimony.calls.last().unwrap(), 3)
}

fn close() -> Call {
    named("close", [3, 0, 0, 0], 0)
}

fn read() -> Call {
    named("read", [3, 0, 0, 0], 0)
}

#[test]
fn only_calls_of_other_threads_at_the_same_time_change_a_descriptor_meanwhile() {
    assert!(changed(&[(close(), 2, 1, 2), (read(), 1, 1, 2)]));
    assert!(!changed(&[(close(), 2, 1, 1), (read(), 1, 1, 2)]), "it had ended before");
    assert!(!changed(&[(close(), 1, 1, 2), (read(), 1, 1, 2)]), "of the same thread");
    let long_ago = |until| [(close(), 2, 1, until), (named("close", [9, 0, 0, 0], 0), 2, 1, 2), (read(), 1, 1, 3)];
    assert!(changed(&long_ago(3)), "a call that began long ago, behind one that has ended");
    assert!(!changed(&long_ago(1)));
    let behind = |until| {
        let calls = [(read(), 1, 1, until), (close(), 2, 1, 2)];
        let seen = |(order, (call, tid, pid, until)): (usize, &(Call, u32, u32, u64))| Seen {
            until: *until,
            ..Seen::new(Call { order: order as u64, tid: *tid, pid: *pid, ..call.clone() })
        };
        let testimony = Testimony { calls: calls.iter().enumerate().map(seen).collect(), ..Testimony::default() };
        Tables::new(&testimony).others_change(&testimony.calls[0], 3)
    };
    assert_eq!([behind(2), behind(1)], [true, false], "one that begins before or after the end of the other");
}

#[test]
fn another_process_changes_a_descriptor_only_if_they_share_a_table() {
    let shares = |name: &str, flags: i32| {
        changed(&[(named(name, [flags, 0, 0, 0], 2), 1, 1, 1), (close(), 2, 2, 3), (read(), 1, 1, 3)])
    };
    let (files, thread) = (libc::CLONE_FILES, libc::CLONE_THREAD);
    assert!(shares("clone", files));
    assert!(!shares("clone", files | thread), "a thread");
    assert!(!shares("clone", 0));
    assert!(!shares("clone", thread));
    assert!(!shares("lseek", files), "it makes no process");
}
