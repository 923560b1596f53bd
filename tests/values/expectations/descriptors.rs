//! The keys for descriptors: kind, status, close-on-exec.

use super::calls::{BUF, call, on, pair, parse, peeking, told};
use super::check::{Row, differences};
use ior_it::support::table::kind::Kind;
use ior_it::support::trace::call::{Attribute, Call, Contradiction, Identity};

/// Values for descriptors that calls make, and for descriptors that calls are given.
const DESCRIPTORS: &str = include_str!("descriptors.toml");

pub fn of_descriptors() -> Vec<Call> {
    let identity = |flags: i32, cloexec| {
        Some(Identity { device: 1, inode: 4, magic: 0, mode: 0, flags: (flags | O_LARGEFILE) as u32, cloexec })
    };
    let (pipe, event) = (Some(Kind::Pipe), Some(Kind::Eventfd));
    let mut calls = vec![
        peeking(call("pipe2", &[BUF, 0], 0), pair([3, 4])),
        call("eventfd2", &[0, 0], 5),
        call("write", &[5, BUF, 8], 8),
        call("tee", &[3, 4], 1),
        call("poll", &[BUF, 1, 0], 1),
        call("recvmsg", &[5, BUF, libc::MSG_TRUNC.into()], 7),
        on(told(call("execve", &[BUF], 0), ["x", ""]), "x"),
        call("fsync", &[3], -9),
    ];
    calls[0].fds = [identity(libc::O_RDONLY, false), identity(libc::O_WRONLY | libc::O_NONBLOCK, false)];
    calls[1].made = identity(libc::O_RDWR, true);
    calls[2].fds[0] = identity(libc::O_RDWR | libc::O_NONBLOCK, false);
    calls[3].fds = [identity(0, false), identity(libc::O_WRONLY, true)];
    (calls[0].files.kinds, calls[3].files.kinds) = ([pipe; 2], [pipe; 2]);
    (calls[1].files.made, calls[2].files.kinds[0]) = (event, event);
    calls[6].exit_tid = 100;
    calls
}

/// The kernel sets it in each open. In libc it is 0.
const O_LARGEFILE: i32 = 0o100_000;

#[test]
fn a_wrong_value_of_a_descriptor_is_found() {
    let expectation = parse(DESCRIPTORS);
    let disagreement = |call, kernel| Contradiction { fd: 5, call, kernel };
    let rows: &[Row] = &[
        ("all holds", |_| (), &[]),
        ("kind of a pair", |c| c[0].files.kinds = [Some(Kind::Socket); 2], &["wrong 1: kind: \"pipe\" | \"socket\""]),
        (
            "kind of one of a pair",
            |c| c[0].files.kinds[1] = Some(Kind::Fifo),
            &["wrong 1: kind: \"pipe\" | not the same of both"],
        ),
        (
            "kind of what was made",
            |c| c[1].files.made = Some(Kind::Anonymous),
            &["wrong 2: kind: \"eventfd\" | \"anonymous\""],
        ),
        ("kind not known", |c| c[1].files.made = None, &["wrong 2: kind: \"eventfd\" | unknown"]),
        (
            "kind of what was given",
            |c| c[2].files.kinds[0] = Some(Kind::File),
            &["wrong 3: kind: \"eventfd\" | \"file\""],
        ),
        ("kind of the second", |c| c[3].files.kinds[1] = Some(Kind::File), &["wrong 4: kind2: \"pipe\" | \"file\""]),
        (
            "status of the second of a pair",
            |c| set(&mut c[0].fds[1]).flags = 1,
            &["wrong 1: status: O_WRONLY|O_NONBLOCK | O_WRONLY"],
        ),
        ("status of what was made", |c| set(&mut c[1].made).flags = 1, &["wrong 2: status: O_RDWR | O_WRONLY"]),
        (
            "status of what was given",
            |c| set(&mut c[2].fds[0]).flags = 2,
            &["wrong 3: status: O_RDWR|O_NONBLOCK | O_RDWR"],
        ),
        ("status of the second", |c| set(&mut c[3].fds[1]).flags = 2, &["wrong 4: status2: O_WRONLY | O_RDWR"]),
        (
            "close-on-exec of what was given",
            |c| set(&mut c[2].fds[0]).cloexec = true,
            &["wrong 3: cloexec: false | true"],
        ),
        (
            "close-on-exec of the second",
            |c| set(&mut c[3].fds[1]).cloexec = false,
            &["wrong 4: cloexec2: true | false"],
        ),
        (
            "a descriptor that is not open",
            |c| c[3].fds[1] = None,
            &["wrong 4: status2: O_WRONLY | not open; cloexec2: true | not open"],
        ),
        (
            "the thread goes on as itself",
            |c| c[6].exit_tid = 101,
            &["wrong 7: exit_tid: $p, any result of success | none"],
        ),
        ("a thread changes without execve", |c| c[4].exit_tid = 7, &["wrong 5: exit_tid: none | 7"]),
        ("an archive that does not have it", |c| c[4].exit_tid = 0, &[]),
    ];
    for (sentence, change, expected) in rows {
        let mut calls = of_descriptors();
        change(&mut calls);
        assert_eq!(differences(&expectation, calls), *expected, "{sentence}");
    }
    let mut calls = of_descriptors();
    calls[2].files.disagreements = vec![
        disagreement(Attribute::Kind(Kind::Pipe), Attribute::Kind(Kind::Fifo)),
        disagreement(Attribute::Status(0), Attribute::Status(2)),
        disagreement(Attribute::Cloexec(true), Attribute::Cloexec(false)),
    ];
    let [all] = &differences(&expectation, calls)[..] else { panic!("there is one difference") };
    assert_eq!(
        all,
        "wrong 3: descriptors: 5 kind pipe, 5 status O_RDONLY, 5 cloexec true (by the call) | \
         5 kind fifo, 5 status O_RDWR, 5 cloexec false (by the kernel)"
    );
}

pub fn set(identity: &mut Option<Identity>) -> &mut Identity {
    identity.as_mut().unwrap()
}
