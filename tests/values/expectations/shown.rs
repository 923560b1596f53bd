//! A call as strace would write it.

use super::calls::{BUF, CWD, call, making, observed, on, told, trace};
use super::descriptors::of_descriptors;
use super::golden_text;
use ior_it::support::table::syscalls::Sqe;
use ior_it::support::trace::call::{Outcome, RingRequest, Text};
use ior_it::support::trace::show;

#[test]
fn calls_are_shown_as_strace_writes_them() {
    let mut calls = observed();
    (calls[14].tid, calls[14].exit_tid) = (102, 102);
    golden_text("show-trace", &show::trace(&trace(calls), true));
    let mut handle = making(on(call("open_by_handle_at", &[CWD, BUF, 0], 3), "h.txt"), false);
    handle.files.path = None;
    let mut unknown = call("sync", &[1, 0], 0);
    unknown.number = 100_000;
    let mut odd = told(call("openat", &[CWD, BUF, 0, 0o7777], -2), ["a\"b\n\u{1}", ""]);
    let mut unread = call("openat", &[CWD, 16, 0], -14);
    unread.texts[0] = Text::Unreadable(libc::EFAULT);
    let mut null = unread.clone();
    null.args[1] = 0;
    let mut cut = odd.clone();
    cut.texts[0] = Text::Read { bytes: b"aaa".to_vec(), cut: true };
    let restart = on(call("read", &[0, BUF, 1], -512), "x>\u{7f}y");
    let attribute = told(on(call("fsetxattr", &[3, 16, BUF, 5, 1], 0), "x"), ["user.a", ""]);
    let nowhere = call("getcwd", &[BUF, 1], -34);
    let owner = told(call("fchownat", &[CWD, 16, i64::from(u32::MAX), 2, 0], 0), ["x", ""]);
    let entry = |flags: u64| Some(RingRequest { sqe: Sqe([flags << 8, 0, 0, 0, 7, 0]), ..RingRequest::default() });
    let mut opens =
        making(told(on(call("IORING_OP_OPENAT", &[CWD, 16, 2 | 0o100, 0o644, 0], 3), "x"), ["x", ""]), false);
    opens.request = entry(0);
    opens.files.made_path = Some(b"x".to_vec());
    let mut reads = on(call("IORING_OP_READ", &[3, BUF, 16, 0, 0], 1), "x");
    reads.request = entry(16).map(|request| RingRequest { worker: true, more: true, ..request });
    let mut polls = call("IORING_OP_POLL_ADD", &[3, 1], 0);
    (polls.request, polls.outcome) = (entry(0), Outcome::Unfinished);
    let tmpfile = i64::from(libc::O_TMPFILE | libc::O_RDWR);
    let mut unnamed = told(on(call("openat", &[CWD, 16, tmpfile, 0o600], 3), "d"), ["d", ""]);
    unnamed.files.made_path = None;
    let shown: Vec<String> = of_descriptors().iter().map(show::call).collect();
    assert_eq!(shown[1], "eventfd2(0, 0) = 5[eventfd]");
    assert_eq!(shown[2], "write(5[eventfd], 0x7f00, 8) = 8");
    assert_eq!(shown[5], "recvmsg(5, 0x7f00, MSG_TRUNC) = 7 (bytes not known)");
    let peek = call("recvfrom", &[5, BUF, 4, libc::MSG_PEEK.into()], 4);
    assert_eq!(show::call(&peek), "recvfrom(5, 0x7f00, 4, MSG_PEEK, NULL, NULL) = 4 (0 bytes)");
    let exec = show::trace(&trace(of_descriptors().drain(6..7).collect()), false);
    assert_eq!(exec, "[pid   101 → 100] execve(\"x\", NULL, NULL) = 0\n");
    assert_eq!(show::call(&unnamed), r#"openat(AT_FDCWD, "d", O_RDWR|O_TMPFILE, 0600) = 3"#);
    let rows = [
        (show::call(&attribute), r#"fsetxattr(3<x>, "user.a", 0x7f00, 5, XATTR_CREATE) = 0"#),
        (show::call(&opens), r#"IORING_OP_OPENAT(AT_FDCWD, "x", O_RDWR|O_CREAT, 0644, 0, {user_data=7}) = 3<x>"#),
        (show::call(&reads), "IORING_OP_READ(3<x>, 0x7f00, 16, 0, 0, {user_data=7, IOSQE_ASYNC, worker, more}) = 1"),
        (show::call(&polls), "IORING_OP_POLL_ADD(3, 1, {user_data=7}) = ?"),
        (show::call(&nowhere), "getcwd(0x7f00, 1) = -1 ERANGE"),
        (show::call(&owner), r#"fchownat(AT_FDCWD, "x", -1, 2, 0) = 0"#),
        (show::call(&handle), "open_by_handle_at(AT_FDCWD, 0x7f00, O_RDONLY) = 3"),
        (show::call(&unknown), "syscall_100000(0x1, NULL, NULL, NULL, NULL, NULL) = 0"),
        (show::call(&odd), r#"openat(AT_FDCWD, "a\"b\n\x01", O_RDONLY) = -1 ENOENT"#),
        (show::call(&unread), "openat(AT_FDCWD, 0x10 (unreadable: EFAULT), O_RDONLY) = -1 EFAULT"),
        (show::call(&null), "openat(AT_FDCWD, NULL, O_RDONLY) = -1 EFAULT"),
        (show::call(&cut), r#"openat(AT_FDCWD, "aaa"..., O_RDONLY) = -1 ENOENT"#),
        (show::call(&restart), r"read(0<x>\x7f"),
    ];
    odd.texts[0] = Text::Read { bytes: b"\xff".to_vec(), cut: false };
    assert_eq!(show::call(&odd), r#"openat(AT_FDCWD, "\xff", O_RDONLY) = -1 ENOENT"#);
    for (shown, expected) in rows {
        assert!(shown.starts_with(expected), "{shown}\n{expected}");
    }
}
