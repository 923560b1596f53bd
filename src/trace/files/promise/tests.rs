use libc::{O_APPEND, O_CREAT, O_DIRECTORY, O_RDWR, O_TRUNC};

use super::*;
use crate::trace::call::tests::call;

/// The status flags and close-on-exec that a call with these arguments promises.
fn promised(name: &str, args: [i32; 5]) -> (Option<i32>, Option<bool>) {
    of_end(name, args, 0)
}

fn of_end(name: &str, args: [i32; 5], end: usize) -> (Option<i32>, Option<bool>) {
    let row = Syscall::by_name(name).unwrap_or_else(|| panic!("no row for {name}"));
    let [a, b, c, d, e] = args.map(|arg| arg as u64);
    let Promise { status, cloexec, .. } = Promise::of(&call(0, row.number, [a, b, c, d, e, 0], 3), row, end);
    (status.map(|status| status as i32), cloexec)
}

#[test]
fn each_call_has_flags_of_its_own_for_what_it_makes() {
    let (perf_cloexec, fan_cloexec, fan_nonblock) = (8, libc::FAN_CLOEXEC as i32, libc::FAN_NONBLOCK as i32);
    let rows: [(&str, [i32; 5], i32, bool); 24] = [
        ("eventfd2", [0, 0, 0, 0, 0], O_RDWR, false),
        ("eventfd2", [0, libc::EFD_NONBLOCK, 0, 0, 0], O_RDWR | O_NONBLOCK, false),
        ("eventfd2", [0, libc::EFD_CLOEXEC | libc::EFD_SEMAPHORE, 0, 0, 0], O_RDWR, true),
        ("socket", [libc::AF_UNIX, libc::SOCK_STREAM | libc::SOCK_NONBLOCK, 0, 0, 0], O_RDWR | O_NONBLOCK, false),
        ("socket", [libc::AF_UNIX, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0, 0, 0], O_RDWR, true),
        ("inotify_init1", [libc::IN_NONBLOCK, 0, 0, 0, 0], O_NONBLOCK, false),
        ("memfd_create", [0, libc::MFD_CLOEXEC as i32, 0, 0, 0], O_RDWR, true),
        ("memfd_create", [0, libc::MFD_ALLOW_SEALING as i32, 0, 0, 0], O_RDWR, false),
        ("memfd_create", [0, O_NONBLOCK, 0, 0, 0], O_RDWR, false),
        ("fanotify_init", [fan_cloexec, 0, 0, 0, 0], O_RDWR, true),
        ("fanotify_init", [fan_nonblock, 0, 0, 0, 0], O_RDWR | O_NONBLOCK, false),
        ("fanotify_init", [fan_cloexec | fan_nonblock, 0, 0, 0, 0], O_RDWR | O_NONBLOCK, true),
        ("fanotify_init", [0, 0, 0, 0, 0], O_RDWR, false),
        ("fanotify_init", [O_NONBLOCK, O_NONBLOCK, 0, 0, 0], O_RDWR, false),
        ("fsopen", [0, 1, 0, 0, 0], O_RDWR, true),
        ("fsopen", [0, 0, 0, 0, 0], O_RDWR, false),
        ("fspick", [0, 0, 1, 0, 0], O_RDWR, true),
        ("fspick", [0, 0, 2, 0, 0], O_RDWR, false),
        ("perf_event_open", [0, 0, 0, -1, perf_cloexec], O_RDWR, true),
        ("perf_event_open", [0, 0, 0, -1, 7], O_RDWR, false),
        ("pidfd_open", [1, 0, 0, 0, 0], O_RDWR, true),
        ("pidfd_open", [1, O_NONBLOCK, 0, 0, 0], O_RDWR | O_NONBLOCK, true),
        ("io_uring_setup", [1, 0, 0, 0, 0], O_RDWR, true),
        ("landlock_create_ruleset", [0, 8, 0, 0, 0], O_RDWR, true),
    ];
    for (name, args, status, cloexec) in rows {
        assert_eq!(promised(name, args), (Some(status), Some(cloexec)), "{name} {args:x?}");
    }
}

#[test]
fn the_ends_of_a_pipe_differ() {
    let ends = |flags| [0, 1].map(|end| of_end("pipe2", [0, flags, 0, 0, 0], end));
    let [none, set] = [Some(false), Some(true)];
    assert_eq!(ends(0), [(Some(O_RDONLY), none), (Some(O_WRONLY), none)]);
    let nonblock = [(Some(O_NONBLOCK), set), (Some(O_WRONLY | O_NONBLOCK), set)];
    assert_eq!(ends(O_NONBLOCK | O_CLOEXEC), nonblock);
    assert_eq!(ends(O_DIRECT), [(Some(0), none), (Some(O_WRONLY | O_DIRECT), none)], "packets are written");
}

#[test]
fn what_is_opened_has_the_flags_that_f_getfl_returns() {
    let opened = |flags| promised("openat", [libc::AT_FDCWD, 0, flags, 0, 0]);
    let rows = [
        (O_RDWR | O_CREAT | O_TRUNC | O_APPEND, O_RDWR | O_APPEND, false),
        (O_WRONLY | O_CLOEXEC, O_WRONLY, true),
        (O_PATH | O_CLOEXEC | O_NONBLOCK | O_DIRECTORY, O_PATH, true),
        (O_SYNC, O_SYNC, false),
        (O_DSYNC, O_DSYNC, false),
        (O_SYNC & !O_DSYNC, O_SYNC, false),
    ];
    for (flags, status, cloexec) in rows {
        assert_eq!(opened(flags), (Some(status), Some(cloexec)), "{flags:o}");
    }
    assert_eq!(promised("openat2", [libc::AT_FDCWD, 0, 0, 24, 0]), (None, None), "its flags could not be read");
}

#[test]
fn a_duplicate_keeps_the_flags_of_its_open_file() {
    let rows = [
        ("dup", [3, 0, 0, 0, 0], Some(false)),
        ("dup3", [3, 4, 0, 0, 0], Some(false)),
        ("dup3", [3, 4, O_CLOEXEC, 0, 0], Some(true)),
        ("fcntl", [3, libc::F_DUPFD, 0, 0, 0], Some(false)),
        ("fcntl", [3, libc::F_DUPFD_CLOEXEC, 0, 0, 0], Some(true)),
        ("pidfd_getfd", [3, 4, 0, 0, 0], Some(true)),
        ("fsmount", [3, 1, 0, 0, 0], None),
    ];
    for (name, args, cloexec) in rows {
        assert_eq!(promised(name, args), (None, cloexec), "{name} {args:x?}");
    }
}
