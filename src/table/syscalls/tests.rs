use std::collections::HashSet;

use zerocopy::IntoBytes;

use super::*;

#[test]
fn every_call_of_this_architecture_has_a_row() {
    let without: Vec<_> = all_names().filter(|name| Syscall::by_name(name).is_none()).collect();
    assert_eq!(without, Vec::<&str>::new());
}

#[cfg(target_arch = "x86_64")]
#[test]
fn every_row_is_a_system_call() {
    let unknown: Vec<_> =
        table::rows().iter().map(|row| row.name).filter(|name| Syscall::by_name(name).is_none()).collect();
    assert_eq!(unknown, Vec::<&str>::new(), "x86_64 has them all");
}

#[test]
fn a_name_that_is_no_calls_is_an_error() {
    assert_eq!(check(), Ok(()));
    assert_eq!(check_names(["read", "umount", "creat"].into_iter()), Ok(()), "some are of other architectures");
    let error = check_names(["read", "raed"].into_iter()).unwrap_err();
    assert!(error.sentence.contains("`raed`") && error.hint.contains("table.rs"), "{error}");
}

#[test]
fn a_call_without_a_row_may_have_an_effect() {
    assert_eq!(effect_without_row(9999, Abi::Native), Effect::Other);
    let umount = effect_without_row(22, Abi::Compat);
    assert!(umount == Effect::ChangeNames || cfg!(not(target_arch = "x86_64")), "22 is umount on x86 alone");
    let rows = table::rows();
    let twice =
        table::WITHOUT_ROW.map(|(name, _)| name).into_iter().find(|name| rows.iter().any(|row| row.name == *name));
    assert_eq!(twice, None, "a call with a row has its effect there");
}

#[test]
fn names_and_numbers_are_unique_and_lead_back_to_their_row() {
    let names: HashSet<_> = table::rows().iter().map(|row| row.name).collect();
    assert_eq!(names.len(), table::rows().len());
    let requests: HashSet<_> = requests::rows().iter().map(|row| row.name).collect();
    assert_eq!(requests.len(), requests::rows().len());
    for row in Syscall::all() {
        assert_eq!(Syscall::by_number(row.number).map(|found| found.name), Some(row.name));
        assert_eq!(Syscall::by_name(row.name).map(|found| found.number), Some(row.number));
        assert_eq!(name_of(row.number), row.name);
    }
}

#[test]
fn a_row_asks_for_no_more_than_a_record_holds() {
    for row in Syscall::all() {
        let Syscall { name, args, peek, number, .. } = row;
        assert!(args.len() <= 6, "{name}: a system call has six arguments");
        assert!(row.path_args().count() <= 2, "{name}: a record holds two paths");
        assert!(row.fd_args().count() <= 2, "{name}: a record holds two identities");
        assert!(!row.makes_pair() || row.fd_args().count() == 0, "{name}: they are those of the pair");
        assert!((*number as usize) < SYSCALLS || row.is_request(), "{name}: the map `roles` ends at IOR_SYSCALLS");
        assert_eq!(row.places.len(), if row.is_request() { args.len() } else { 0 }, "{name}");
        if let Some((at, _)) = peek {
            assert!(matches!(args[*at].role, Role::Pointer), "{name}: a block is behind a pointer");
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn a_32_bit_call_has_the_row_of_its_name_where_its_arguments_are_the_same() {
    let rows = [
        (3, "read", Some("read")),
        (5, "open", Some("open")),
        (6, "close", Some("close")),
        (183, "getcwd", Some("getcwd")),
        (221, "fcntl64", Some("fcntl")),
        (295, "openat", Some("openat")),
        (180, "pread64", None),
        (90, "mmap", None),
        (9999, "nr=9999", None),
        (u32::MAX, "nr=-1", None),
    ];
    for (number, name, row) in rows {
        let found = Syscall::by_compat_number(number).map(|row| row.name);
        let mut shown = String::new();
        put_compat_name(&mut shown, number);
        assert_eq!((shown.as_str(), found), (name, row), "{number}");
    }
}

#[test]
fn the_first_of_a_kind_has_the_plain_name_and_the_second_a_2() {
    let named = |row: &Syscall, wanted: fn(Role) -> bool| {
        row.args_where(wanted).map(|at| row.args[at].name).collect::<Vec<_>>()
    };
    for row in Syscall::all() {
        let path = named(row, |role| matches!(role, Role::Path | Role::Text));
        // A descriptor stands for the path where the only string is an attribute's name (fsetxattr(2)).
        let first = usize::from(row.descriptor_for("path").is_some() && !path.is_empty());
        assert_eq!(path, ["path", "path2"][first..][..path.len()], "{}", row.name);
        let fd = named(row, |role| matches!(role, Role::Fd));
        assert_eq!(fd, ["fd", "fd2"][..fd.len()], "{}", row.name);
        let dirfd = named(row, |role| matches!(role, Role::DirFd));
        assert_eq!(dirfd, ["dirfd", "dirfd2"][..dirfd.len()], "{}", row.name);
        let unique: HashSet<_> = row.args.iter().map(|arg| arg.name).collect();
        assert_eq!(unique.len(), row.args.len(), "{}: keys of tests.toml are unique", row.name);
    }
}

#[test]
fn a_directory_descriptor_stands_right_before_its_path() {
    for row in Syscall::all().iter().filter(|row| row.name != "open_by_handle_at") {
        for at in row.args_where(|role| matches!(role, Role::DirFd)) {
            assert!(matches!(row.args[at + 1].role, Role::Path), "{}: src/trace/files.rs looks there", row.name);
        }
    }
}

#[test]
fn bpf_is_told_the_roles_with_arguments_counted_from_1() {
    let roles = |fd, path, peek, peek_size, flags| Roles { fd, path, peek, flags, peek_size, ..Roles::default() };
    let at_exit = Roles::PEEK_AT_EXIT;
    let pair = at_exit | Roles::MAKES_PAIR;
    let rows = [
        ("sync", "it has no arguments", roles([0, 0], [0, 0], 0, 0, 0)),
        ("read", "a descriptor", roles([1, 0], [0, 0], 0, 0, 0)),
        (
            "dup3",
            "what has the new number is closed",
            Roles { replaces: 2, ..roles([1, 0], [0, 0], 0, 0, Roles::RETURNS_FD) },
        ),
        ("close_range", "all of them", roles([0, 0], [0, 0], 0, 0, Roles::CLOSES_RANGE)),
        ("fcntl", "F_DUPFD returns one", roles([1, 0], [0, 0], 0, 0, Roles::RETURNS_FD)),
        ("sendfile", "two descriptors", roles([1, 2], [0, 0], 0, 0, 0)),
        ("copy_file_range", "two that are apart", roles([1, 3], [0, 0], 0, 0, 0)),
        ("mmap", "the fifth", roles([5, 0], [0, 0], 0, 0, 0)),
        ("openat", "a path below a directory", roles([1, 0], [2, 0], 0, 0, Roles::RETURNS_FD)),
        ("renameat2", "two of each", roles([1, 3], [2, 4], 0, 0, 0)),
        ("symlinkat", "a text is read like a path", roles([2, 0], [1, 3], 0, 0, 0)),
        ("openat2", "struct open_how", roles([1, 0], [2, 0], 3, 24, Roles::RETURNS_FD)),
        ("pipe2", "two ints that the kernel fills in", roles([0, 0], [0, 0], 1, 8, pair)),
        ("socketpair", "the fourth", roles([0, 0], [0, 0], 4, 8, pair)),
        ("accept4", "one that listens, and a new one", roles([1, 0], [0, 0], 0, 0, Roles::RETURNS_FD)),
        ("epoll_ctl", "the second is the third argument", roles([1, 3], [0, 0], 0, 0, 0)),
        ("inotify_add_watch", "a path that is not below the descriptor", roles([1, 0], [2, 0], 0, 0, 0)),
        ("fanotify_mark", "a directory besides", roles([1, 4], [5, 0], 0, 0, 0)),
        ("memfd_create", "a text, and a descriptor", roles([0, 0], [1, 0], 0, 0, Roles::RETURNS_FD)),
        ("pidfd_getfd", "a number of another process", roles([1, 0], [0, 0], 0, 0, Roles::RETURNS_FD)),
        ("name_to_handle_at", "its size is in it", roles([1, 0], [2, 0], 3, 0, Roles::PEEK_COUNTED | at_exit)),
        ("open_by_handle_at", "given", roles([1, 0], [0, 0], 2, 0, Roles::PEEK_COUNTED | Roles::RETURNS_FD)),
        ("getcwd", "the kernel fills it in", roles([0, 0], [1, 0], 0, 0, Roles::PATH_AT_EXIT)),
        ("execve", "the path is gone at the exit", roles([0, 0], [1, 0], 0, 0, Roles::REPLACES_MEMORY)),
    ];
    for (name, sentence, expected) in rows {
        let roles = Syscall::by_name(name).unwrap_or_else(|| panic!("no row for {name}")).roles();
        assert_eq!(roles.as_bytes(), expected.as_bytes(), "{name}, {sentence}: {roles:?}");
    }
}

#[test]
fn what_fcntl_means_depends_on_its_command() {
    let fcntl = Syscall::by_name("fcntl").unwrap();
    let rows = [
        ("a descriptor", libc::F_DUPFD, "Fd", "Int"),
        ("one that closes on exec", libc::F_DUPFD_CLOEXEC, "Fd", "Int"),
        ("open flags as the result", libc::F_GETFL, "Flags OPEN", "Signed"),
        ("open flags as the argument", libc::F_SETFL, "Number", "Flags OPEN"),
        ("descriptor flags as the result", libc::F_GETFD, "Flags FD", "Signed"),
        ("descriptor flags as the argument", libc::F_SETFD, "Number", "Flags FD"),
        ("seals as the result", libc::F_GET_SEALS, "Flags SEALS", "Signed"),
        ("seals as the argument", libc::F_ADD_SEALS, "Number", "Flags SEALS"),
        ("a process, or a negative group", libc::F_SETOWN, "Number", "Int"),
        ("a struct flock", libc::F_SETLK, "Number", "Pointer"),
        ("of an open file description too", libc::F_OFD_SETLK, "Number", "Pointer"),
        ("a number", libc::F_SETPIPE_SZ, "Number", "Signed"),
    ];
    let set = |names: &Names| match names.what {
        "flag of open" => "Flags OPEN",
        "descriptor flag" => "Flags FD",
        "seal" => "Flags SEALS",
        what => panic!("{what}"),
    };
    for (sentence, command, ret, third) in rows {
        let args = [3, command as u64, 0, 0, 0, 0];
        let said = match fcntl.ret_for(&args) {
            Ret::Fd => "Fd",
            Ret::Flags(names) => set(names),
            Ret::Number => "Number",
            other => panic!("{sentence}: {other:?}"),
        };
        let role = match fcntl.role_for(2, &args) {
            Role::Signed => "Signed",
            Role::Int => "Int",
            Role::Pointer => "Pointer",
            Role::Flags(names) => set(names),
            other => panic!("{sentence}: {other:?}"),
        };
        assert_eq!((said, role), (ret, third), "{sentence}");
    }
}

#[test]
fn a_size_of_0_asks_how_many_bytes_there_are_and_moves_none() {
    let ret = |name, args| Syscall::by_name(name).unwrap_or_else(|| panic!("no row for {name}")).ret_for(&args);
    assert!(matches!(ret("getxattr", [0, 0, 0, 16, 0, 0]), Ret::Bytes));
    assert!(matches!(ret("getxattr", [0, 0, 0, 0, 16, 0]), Ret::Number));
    assert!(matches!(ret("flistxattr", [0, 0, 0, 16, 0, 0]), Ret::Number));
    assert!(matches!(ret("read", [0; 6]), Ret::Bytes), "its `count` is no `size`");
}

#[test]
fn the_command_means_nothing_to_another_call() {
    let args = [3, libc::F_SETFL as u64, 0, 0, 0, 0];
    let lseek = Syscall::by_name("lseek").unwrap();
    assert!(matches!(lseek.ret_for(&args), Ret::Number));
    assert!(matches!(lseek.role_for(2, &args), Role::Choice(_)));
}

#[test]
fn a_call_without_a_row_still_has_a_name() {
    assert_eq!(name_of(9999), "syscall_9999");
    assert!(Syscall::by_name("umount").is_none() && !Syscall::is_known("umount"), "of 32-bit programs");
    assert!(Syscall::is_known("creat"), "on aarch64 too, which has no such call");
}

#[test]
fn bytes_are_what_the_man_page_counts_in_bytes() {
    let (peek, trunc) = (libc::MSG_PEEK as u64, libc::MSG_TRUNC as u64);
    let rows = [
        ("written", "write", [3, 0, 9, 0, 0, 0], 5, Some(5)),
        ("placed in the buffer", "readlink", [0, 0, 64, 0, 0, 0], 11, Some(11)),
        ("of a directory", "getdents64", [3, 0, 4096, 0, 0, 0], 72, Some(72)),
        ("random ones", "getrandom", [0, 16, 0, 0, 0, 0], 16, Some(16)),
        ("duplicated", "tee", [3, 4, 9, 0, 0, 0], 9, Some(9)),
        ("a failure moves none", "read", [3, 0, 9, 0, 0, 0], 0, Some(0)),
        ("a value", "getxattr", [0, 0, 0, 64, 0, 0], 9, Some(9)),
        ("its size", "getxattr", [0, 0, 0, 0, 0, 0], 9, Some(0)),
        ("received", "recvfrom", [3, 0, 4, 0, 0, 0], 4, Some(4)),
        ("peeked at", "recvfrom", [3, 0, 4, peek, 0, 0], 4, Some(0)),
        ("stored of a longer packet", "recvfrom", [3, 0, 4, trunc, 0, 0], 12, Some(4)),
        ("a packet that fits", "recvfrom", [3, 0, 16, trunc, 0, 0], 12, Some(12)),
        ("peeked at and cut", "recvfrom", [3, 0, 4, peek | trunc, 0, 0], 12, Some(0)),
        ("a message", "recvmsg", [3, 0, 0, 0, 0, 0], 4, Some(4)),
        ("a cut one, whose buffers are not known", "recvmsg", [3, 0, trunc, 0, 0, 0], 12, None),
        ("one that failed", "recvmsg", [3, 0, trunc, 0, 0, 0], 0, Some(0)),
        ("received by a request", "IORING_OP_RECV", [3, 0, 4, 0, 0, 0], 4, Some(4)),
        ("peeked at by a request", "IORING_OP_RECV", [3, 0, 4, peek, 0, 0], 4, Some(0)),
        ("stored by a request", "IORING_OP_RECV", [3, 0, 4, trunc, 0, 0], 12, Some(4)),
        ("stored in a buffer whose size is not known", "IORING_OP_RECV", [3, 0, 0, trunc, 0, 0], 12, None),
        ("a message for a request", "IORING_OP_RECVMSG", [3, 0, 0, 0, 0, 0], 4, Some(4)),
        ("one that a request peeks at", "IORING_OP_RECVMSG", [3, 0, peek, 0, 0, 0], 4, Some(0)),
        ("one that is cut for a request", "IORING_OP_RECVMSG", [3, 0, trunc, 0, 0, 0], 12, None),
        ("MSG_PEEK means nothing to a send", "sendto", [3, 0, 4, peek, 0, 0], 4, Some(4)),
        ("messages", "sendmmsg", [3, 0, 2, 0, 0, 0], 2, None),
        ("messages received", "recvmmsg", [3, 0, 2, 0, 0, 0], 2, None),
        ("requests", "io_submit", [3, 2, 0, 0, 0, 0], 2, None),
        ("completions", "io_uring_enter", [3, 1, 1, 0, 0, 0], 1, None),
        ("descriptors that are ready", "epoll_wait", [3, 0, 4, 0, 0, 0], 1, None),
        ("an offset", "lseek", [3, 5, 0, 0, 0, 0], 5, None),
        ("a descriptor", "dup", [3, 0, 0, 0, 0, 0], 4, None),
    ];
    for (sentence, name, args, result, bytes) in rows {
        let Some(row) = Syscall::by_name(name) else { continue };
        assert_eq!(row.bytes(&args, result), bytes, "{name}, {sentence}");
    }
}
