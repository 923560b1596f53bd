use super::*;
use crate::table::syscalls::Sqe;
use crate::trace::call::{Outcome, RingRequest};
use crate::trace::record::tests::call_bytes;
use crate::trace::record::{self, Record};

/// A call with these arguments and this result. The workspace is /ws.
fn call(name: &str, args: &[i64], ret: i64) -> Call {
    let number = Syscall::by_name(name).unwrap_or_else(|| panic!("no row for {name}")).number;
    let Ok(Record::Call(mut call, _)) = record::decode(&call_bytes(0, number, 0, b"", ret)) else { panic!("no call") };
    call.args.iter_mut().zip(args).for_each(|(slot, &arg)| *slot = arg as u64);
    if number >= crate::table::syscalls::REQUESTS {
        call.request = Some(RingRequest::default());
    }
    call
}

fn paths(mut call: Call, paths: &[&str]) -> Call {
    for (text, path) in call.texts.iter_mut().zip(paths) {
        *text = Text::Read { bytes: path.as_bytes().to_vec(), cut: false };
    }
    call
}

/// A regular file that is open for reading.
fn file() -> Option<Identity> {
    Some(Identity { device: 1, inode: 7, magic: 0xef53, mode: 0o100_644, flags: 0, cloexec: false })
}

fn on(call: Call) -> Call {
    call.with(|deed| deed.fds = [file(), None])
}

fn made(call: Call) -> Call {
    call.with(|deed| deed.made = file())
}

fn name(path: &str) -> Name {
    Name { path: path.as_bytes().to_vec(), ..Name::default() }
}

/// What is said of a call's files: `path & path2 = result closes …`, with `-` for none.
fn said(mut call: Call, named: &KnownNames<'_>) -> String {
    describe(&mut call, named, Some(b"/ws"));
    let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
    let Files { path, path2, made_path, closes, .. } = &call.files;
    let mut said = path.as_ref().map_or("-".to_owned(), text);
    said.extend(path2.iter().map(|path| format!(" & {}", text(path))));
    said.extend(made_path.iter().map(|path| format!(" = {}", text(path))));
    if !closes.is_empty() {
        said += &format!(" closes {}", closes.iter().map(text).collect::<Vec<_>>().join(", "));
    }
    said
}

#[test]
fn the_working_directory_is_named_where_a_path_begins_there() {
    let rows = [
        ("elsewhere", CWD, name("/home/x"), Some("/home/x")),
        ("below the workspace", CWD, name("/ws/d"), Some("d")),
        ("the workspace itself", CWD, name("/ws"), None),
        ("removed", CWD, Name { deleted: true, ..name("/x") }, None),
        ("another directory", 3, name("/home/x"), None),
    ];
    for (sentence, dirfd, cwd, expected) in rows {
        let mut call = paths(call("openat", &[dirfd], 4), &["f"]);
        describe(&mut call, &KnownNames { cwd: Some(&cwd), ..KnownNames::default() }, Some(b"/ws"));
        assert_eq!(call.files.cwd.as_deref(), expected.map(str::as_bytes), "{sentence}");
        let shown = expected.map_or(String::new(), |cwd| format!("<{cwd}>"));
        let dirfd = if dirfd == CWD { "AT_FDCWD" } else { "3" };
        assert!(crate::trace::show::call(&call).starts_with(&format!("openat({dirfd}{shown}, \"f\", ")), "{sentence}");
    }
}

const CWD: i64 = libc::AT_FDCWD as i64;

#[test]
fn a_descriptor_has_the_name_that_the_kernel_gives_it() {
    let read = || on(call("read", &[3], 5));
    let rows: [(&str, Name, &str); 9] = [
        ("in the workspace", name("/ws/d/x"), "d/x"),
        ("the workspace", name("/ws"), "."),
        ("beside it", name("/wsx"), "/wsx"),
        ("elsewhere", name("/x"), "/x"),
        ("removed", Name { deleted: true, ..name("/ws/x") }, "x (deleted)"),
        ("made by O_TMPFILE", Name { deleted: true, ..name("/ws/#7") }, "-"),
        ("longer than a record", Name { cut: true, ..name("/x") }, "-"),
        ("mounted nowhere", Name { detached: true, ..name("/x") }, "-"),
        ("without a path", Name { alone: true, ..name("[eventfd]") }, "-"),
    ];
    for (sentence, name, expected) in &rows {
        assert_eq!(
            said(read(), &KnownNames { fds: [Some(name), None], ..KnownNames::default() }),
            *expected,
            "{sentence}"
        );
    }
    assert_eq!(said(read(), &KnownNames::default()), "-", "not known");
    let hash = name("/ws/#7");
    assert_eq!(
        said(read(), &KnownNames { fds: [Some(&hash), None], ..KnownNames::default() }),
        "#7",
        "a file may be called so"
    );
    let anonymous = on(call("mmap", &[0, 4096, 3, i64::from(libc::MAP_ANONYMOUS), 3], 0x1000));
    assert_eq!(said(anonymous, &KnownNames { fds: [Some(&hash), None], ..KnownNames::default() }), "-", "of no file");
}

#[test]
fn a_path_is_the_string_behind_where_it_begins() {
    let (cwd, dir, root, top) = (name("/ws/sub"), name("/ws/dir"), name("/jail"), name("/"));
    let gone = Name { deleted: true, ..name("/ws/gone") };
    let openat = |dirfd: i64, path: &str| on(paths(call("openat", &[dirfd], -2), &[path]));
    let base =
        |base| KnownNames { fds: [Some(&dir), None], cwd: Some(base), root: Some(&top), ..KnownNames::default() };
    let lost = Name { detached: true, ..name("/jail") };
    let out = KnownNames { root: Some(&lost), ..KnownNames::default() };
    let jailed = KnownNames { cwd: Some(&cwd), root: Some(&root), ..KnownNames::default() };
    let rows = [
        ("below the working directory", openat(CWD, "x"), base(&cwd), "sub/x"),
        ("as it is written", openat(CWD, ".././/x/"), base(&cwd), "sub/../x"),
        ("below a directory", openat(3, "x"), base(&cwd), "dir/x"),
        ("an absolute one", openat(3, "/x"), base(&cwd), "/x"),
        ("an absolute one of a process with another root", openat(CWD, "/x"), jailed, "/jail/x"),
        ("an absolute one, and the root is not known", openat(CWD, "/x"), KnownNames::default(), "/x"),
        ("an absolute one, and the root is mounted nowhere", openat(CWD, "/x"), out, "-"),
        ("a directory that is not known", openat(CWD, "x"), KnownNames::default(), "-"),
        ("a directory that was removed", openat(CWD, "x"), base(&gone), "-"),
        ("none: the directory itself", openat(3, ""), base(&cwd), "dir"),
    ];
    for (sentence, call, named, expected) in rows {
        assert_eq!(said(call, &named), expected, "{sentence}");
    }
    let unreadable = |ret| {
        let mut call = on(call("utimensat", &[3], ret));
        call.texts[0] = Text::Unreadable(libc::EFAULT);
        call
    };
    assert_eq!(said(unreadable(0), &base(&cwd)), "dir", "no path at all");
    assert_eq!(said(unreadable(-14), &base(&cwd)), "-", "it could not be read");
}

#[test]
fn strings_that_are_no_paths_stay_as_they_are() {
    let cwd = name("/ws/sub");
    let named = KnownNames { cwd: Some(&cwd), ..KnownNames::default() };
    let symlink = paths(call("symlink", &[], 0), &["../target", "link"]);
    assert_eq!(said(symlink, &named), "../target & sub/link");
    let getcwd = |ret, path: &str| said(paths(call("getcwd", &[], ret), &[path]), &named);
    assert_eq!(getcwd(4, "/ws/sub"), "sub");
    assert_eq!(getcwd(20, "(unreachable)/sub"), "-");
    assert_eq!(getcwd(-34, "/x"), "-");
}

#[test]
fn what_a_call_has_made_is_called_as_the_kernel_has_resolved_it() {
    let (cwd, file) = (name("/ws"), name("/ws/target"));
    let named = KnownNames { made: Some(&file), cwd: Some(&cwd), ..KnownNames::default() };
    let openat = made(paths(call("openat", &[CWD], 3), &["link"]));
    assert_eq!(said(openat, &named), "link = target");
    let by_handle = made(call("open_by_handle_at", &[3], 4));
    assert_eq!(said(by_handle, &named), "target = target");
}

#[test]
fn a_duplicate_closes_what_had_its_number() {
    let (old, new) = (name("/ws/x"), name("/ws/y"));
    let dup3 = |args: &[i64], ret| call("dup3", args, ret).with(|deed| deed.fds = [file(), file()]);
    let named = KnownNames { fds: [Some(&old), Some(&new)], ..KnownNames::default() };
    assert_eq!(said(dup3(&[3, 4], 4), &named), "x closes y");
    assert_eq!(said(dup3(&[3, 4], -22), &named), "x");
    assert_eq!(said(on(dup3(&[3, 4], 4)), &named), "x", "the number was free");
    let unnamed = KnownNames { fds: [Some(&old), None], ..KnownNames::default() };
    assert_eq!(said(dup3(&[3, 4], 4), &unnamed), "x closes descriptor 4");
}

#[test]
fn a_range_closes_unless_it_fails_or_only_marks() {
    let file = name("/ws/x");
    let named = KnownNames { closed: vec![(3, Some(&file)), (4, None)], ..KnownNames::default() };
    assert_eq!(said(call("close_range", &[3, 9, 0], 0), &named), "- closes x, descriptor 4");
    assert_eq!(said(call("close_range", &[3, 9, 0], -22), &named), "-");
    assert_eq!(said(call("close_range", &[3, 9, libc::CLOSE_RANGE_CLOEXEC.into()], 0), &named), "-");
}

#[test]
fn an_index_into_the_table_of_a_ring_is_no_descriptor() {
    let file = name("/ws/x");
    let named = KnownNames { fds: [Some(&file), None], ..KnownNames::default() };
    let mut read = on(call("IORING_OP_READ", &[3], 5));
    assert_eq!(said(read.clone(), &named), "x");
    read.request =
        Some(RingRequest { sqe: Sqe([22 | u64::from(Sqe::FIXED_FILE) << 8, 0, 0, 0, 0, 0]), ..RingRequest::default() });
    assert_eq!(said(read, &named), "-");
}

#[test]
fn the_kernels_word_says_what_is_behind_a_descriptor() {
    let anonymous = Identity { magic: 0x0904_1934, mode: 0o600, ..file().unwrap() };
    let word = |word: &str| Name { alone: true, ..name(word) };
    let rows = [
        (anonymous, word("[eventfd]"), Kind::Eventfd),
        (anonymous, word("[timerfd]"), Kind::Timerfd),
        (anonymous, word("inotify"), Kind::Inotify),
        (anonymous, word("bpf-map"), Kind::Bpf),
        (anonymous, word("btf"), Kind::Bpf),
        (anonymous, word("[new]"), Kind::Anonymous),
        (file().unwrap(), word("memfd:x"), Kind::Memfd),
        (file().unwrap(), name("/memfd:x"), Kind::File),
        (file().unwrap(), word("[eventfd]"), Kind::File),
        (file().unwrap(), word("bpf-map"), Kind::File),
    ];
    for (identity, name, expected) in rows {
        assert_eq!(kind(&identity, Some(&name)), expected, "{name:?}");
    }
    assert_eq!(kind(&anonymous, None), Kind::Anonymous);
}

#[test]
fn a_call_that_makes_something_else_than_it_was_asked_for_is_a_disagreement() {
    let said = |call: Call, word: Option<&str>| {
        let word = word.map(|word| Name { alone: true, ..name(word) });
        let mut call = call;
        describe(&mut call, &KnownNames { made: word.as_ref(), ..KnownNames::default() }, None);
        let said = call.files.disagreements.iter().map(|said| format!("{}: {} | {}", said.fd, said.call, said.kernel));
        said.collect::<Vec<_>>().join(", ")
    };
    let made = |magic, mode, flags, cloexec| Some(Identity { magic, mode, flags, cloexec, ..file().unwrap() });
    let anonymous = |flags, cloexec| made(0x0904_1934, 0o600, flags, cloexec);
    let eventfd = |made| call("eventfd2", &[0, libc::EFD_CLOEXEC.into()], 3).with(|deed| deed.made = made);
    let rdwr = libc::O_RDWR as u32;
    assert_eq!(said(eventfd(anonymous(rdwr, true)), Some("[eventfd]")), "");
    assert_eq!(said(eventfd(anonymous(rdwr, true)), None), "", "it is one of those that can be it");
    assert_eq!(said(eventfd(anonymous(rdwr, true)), Some("[timerfd]")), "3: kind eventfd | kind timerfd");
    assert_eq!(said(eventfd(anonymous(rdwr, false)), Some("[eventfd]")), "3: cloexec true | cloexec false");
    assert_eq!(said(eventfd(anonymous(0, true)), Some("[eventfd]")), "3: status O_RDWR | status O_RDONLY");
    let failed = eventfd(None).with(|deed| deed.outcome = Outcome::Returned(-24));
    assert_eq!(said(failed, None), "");
    let same = call("dup2", &[3, 3], 3).with(|deed| deed.made = made(0xef53, 0o100_644, 0, true));
    #[cfg(target_arch = "x86_64")]
    assert_eq!(said(same, None), "", "dup2 of a descriptor to itself makes none");
    #[cfg(not(target_arch = "x86_64"))]
    drop(same);
}

#[test]
fn what_a_call_closes_besides_its_own_is_called_as_far_as_it_is_known() {
    let closed = |name: Name| {
        let named = KnownNames { closed: vec![(3, Some(&name))], ..KnownNames::default() };
        said(call("close_range", &[3, 9, 0], 0), &named)
    };
    assert_eq!(closed(name("/ws/x")), "- closes x");
    assert_eq!(closed(Name { deleted: true, ..name("/ws/x") }), "- closes x (deleted)");
    for name in [
        Name { alone: true, ..name("[eventfd]") },
        Name { cut: true, ..name("/x") },
        Name { detached: true, ..name("/x") },
    ] {
        assert_eq!(closed(name), "- closes descriptor 3");
    }
}

#[test]
fn below_a_directory_that_is_not_whole_no_path_is_known() {
    let below = |base: Name| {
        said(paths(call("openat", &[CWD], -2), &["x"]), &KnownNames { cwd: Some(&base), ..KnownNames::default() })
    };
    assert_eq!(below(name("/d")), "/d/x");
    let parts: [fn(&mut Name); 4] =
        [|name| name.alone = true, |name| name.cut = true, |name| name.detached = true, |name| name.deleted = true];
    for part in parts {
        let mut base = name("/d");
        part(&mut base);
        assert_eq!(below(base), "-");
    }
}

#[test]
fn a_path_that_was_cut_or_not_read_is_no_name() {
    let text = |name: &str, args: &[i64], text: Text| {
        let cwd = Name { path: b"/ws/sub".to_vec(), ..Name::default() };
        let call = on(call(name, args, 0)).with(|deed| deed.texts[0] = text);
        said(call, &KnownNames { fds: [Some(&cwd), None], cwd: Some(&cwd), ..KnownNames::default() })
    };
    let read = |cut| Text::Read { bytes: b"x".to_vec(), cut };
    assert_eq!(text("openat", &[CWD], read(false)), "sub/x");
    assert_eq!(text("openat", &[CWD], read(true)), "-");
    assert_eq!(text("utimensat", &[3, 0], Text::Unreadable(14)), "sub", "no path at all");
    assert_eq!(text("utimensat", &[3, 0x1000], Text::Unreadable(14)), "-");
}

#[test]
fn a_mapping_is_of_its_file_unless_it_is_anonymous() {
    let file = name("/ws/x");
    let mapped = |flags: i32| {
        let call = on(call("mmap", &[0, 4096, 3, flags.into(), 3], 0x1000));
        said(call, &KnownNames { fds: [Some(&file), None], ..KnownNames::default() })
    };
    assert_eq!(mapped(libc::MAP_PRIVATE), "x");
    assert_eq!(mapped(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS), "-");
}

#[test]
fn both_ends_of_a_pair_must_be_what_was_asked_for() {
    let pipe = |change: fn(&mut [Option<Identity>; 2])| {
        let end = |flags| Some(Identity { mode: 0o010_600, flags, magic: 0x5049_5045, ..file().unwrap() });
        let mut fds = [end(libc::O_RDONLY as u32), end(libc::O_WRONLY as u32)];
        change(&mut fds);
        let peek = [3_i32, 4].iter().flat_map(|fd| fd.to_ne_bytes()).collect();
        let mut call = call("pipe2", &[0, 0], 0).with(|deed| (deed.fds, deed.peek) = (fds, Some(peek)));
        describe(&mut call, &KnownNames::default(), None);
        let said = call.files.disagreements.iter().map(|said| format!("{}: {} | {}", said.fd, said.call, said.kernel));
        (said.collect::<Vec<_>>().join(", "), call.files.kinds)
    };
    let both = [Some(Kind::Pipe); 2];
    assert_eq!(pipe(|_| {}), (String::new(), both));
    assert_eq!(
        pipe(|fds| fds.swap(0, 1)),
        ("3: status O_RDONLY | status O_WRONLY, 4: status O_WRONLY | status O_RDONLY".to_owned(), both)
    );
    assert_eq!(pipe(|fds| fds[1] = None), (String::new(), [Some(Kind::Pipe), None]));
}

#[test]
fn a_descriptor_that_was_given_is_none_that_was_made() {
    let wrong = Some(Identity { cloexec: true, ..file().unwrap() });
    let said = |name: &str, args: &[i64], ret| {
        let mut call = call(name, args, ret).with(|deed| deed.made = wrong);
        describe(&mut call, &KnownNames::default(), None);
        call.files.disagreements.len()
    };
    assert_eq!(said("dup3", &[3, 4, 0], 4), 1, "it is not to be closed");
    assert_eq!(said("dup", &[3], 4), 1);
    assert_eq!(said("signalfd4", &[3, 0, 8, 0], 3), 0, "it has another mask now");
    assert_ne!(said("signalfd4", &[-1, 0, 8, 0], 3), 0);
    assert_eq!(said("dup", &[3], 3), 1, "the same number is that of a new descriptor");
    assert_eq!(said("read", &[3], 5), 0);
}
