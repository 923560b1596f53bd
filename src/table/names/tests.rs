use super::*;

#[test]
fn flags_are_shown_and_read_back() {
    let rows: &[(&Names, u64, &str)] = &[
        (&OPEN, 0, "O_RDONLY"),
        (&OPEN, (libc::O_WRONLY | libc::O_CREAT) as u64, "O_WRONLY|O_CREAT"),
        (&OPEN, libc::O_SYNC as u64, "O_RDONLY|O_SYNC"),
        (&OPEN, libc::O_DSYNC as u64, "O_RDONLY|O_DSYNC"),
        (&OPEN, (libc::O_TMPFILE | libc::O_RDWR) as u64, "O_RDWR|O_TMPFILE"),
        (&OPEN, libc::O_DIRECTORY as u64, "O_RDONLY|O_DIRECTORY"),
        (&OPEN, 0x8000_0002, "O_RDWR|0x80000000"),
        (&AT, 0x1000, "AT_EMPTY_PATH"),
        (&ACCESS, 6, "R_OK|W_OK"),
        (&ACCESS, 0, "F_OK"),
        (&FCNTL, 1030, "F_DUPFD_CLOEXEC"),
        (&FCNTL, 77, "0x4d"),
        (&STATX_MASK, 0x7ff, "STATX_BASIC_STATS"),
        (&PROT, 0, "PROT_NONE"),
        (&PROT, 3, "PROT_READ|PROT_WRITE"),
        (&MAP, 0x21, "MAP_SHARED|MAP_ANONYMOUS"),
        (&MAP, 0x2, "MAP_PRIVATE"),
        (&MAP, 0x3, "MAP_SHARED_VALIDATE"),
        (&PIPE, libc::O_CLOEXEC as u64, "O_CLOEXEC"),
        (&RESERVED, 1, "0x1"),
        (&IOCTL, 0x541b, "FIONREAD"),
        (&SOCKET, (libc::SOCK_DGRAM | libc::SOCK_CLOEXEC) as u64, "SOCK_DGRAM|SOCK_CLOEXEC"),
        (&INOTIFY_MASK, 0x18, "IN_CLOSE"),
        (&INOTIFY_MASK, 0x108, "IN_CLOSE_WRITE|IN_CREATE"),
        (&FANOTIFY, 1, "FAN_CLASS_NOTIF|FAN_CLOEXEC"),
        (&FANOTIFY_MASK, 0x4000_0028, "FAN_CLOSE_WRITE|FAN_OPEN|FAN_ONDIR"),
        (&FANOTIFY_MASK, 0x18, "FAN_CLOSE_WRITE|FAN_CLOSE_NOWRITE"),
        (&FUTEX, 0x180, "FUTEX_WAIT_PRIVATE|FUTEX_CLOCK_REALTIME"),
        (&MOUNT_ATTR, 0x71, "MOUNT_ATTR_RDONLY|MOUNT_ATTR__ATIME"),
        (&SOCKET_OPTION, 13, "SO_LINGER"),
        (&URING_REGISTER, 0x8000_0001, "IORING_UNREGISTER_BUFFERS|IORING_REGISTER_USE_REGISTERED_RING"),
    ];
    for (names, value, text) in rows {
        assert_eq!(names.show(*value), *text, "{value:#o}");
        if !text.contains("0x") {
            assert_eq!(names.parse(text), Ok(*value), "{text}");
        }
    }
}

#[test]
fn an_unknown_name_is_returned() {
    assert_eq!(OPEN.parse("O_RDWR|O_CREATE"), Err("O_CREATE"));
    assert_eq!(OPEN.parse(""), Ok(0));
    assert_eq!(AT.show(0), "0", "without a name");
}

#[test]
fn errnos_have_names_both_ways() {
    assert_eq!(errno("ENOENT"), Some(Errno::ENOENT));
    assert_eq!(errno("ENOPE"), None);
    assert_eq!(errno_name(9), "EBADF");
    assert_eq!(errno_name(512), "ERESTARTSYS");
}
