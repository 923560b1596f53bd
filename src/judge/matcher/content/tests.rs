use super::*;
use crate::judge::expectation::content::ShownAs;
use crate::table::syscalls::Syscall;
use crate::trace::call::tests::call;

fn wanted_number(number: i64) -> WantedContent {
    WantedContent::Number(number, ShownAs(Role::Signed))
}

fn wanted_bytes(bytes: &str) -> WantedContent {
    WantedContent::Bytes(bytes.into())
}

fn bytes(bytes: &str) -> Content {
    Content::Bytes(bytes.into())
}

/// Only `$a` has a value, 7.
fn bound(name: &str) -> Option<i64> {
    (name == "$a").then_some(7)
}

#[test]
fn content_meets_what_is_wanted_of_it_and_may_have_more_members() {
    let name = |name: &str| WantedContent::Name(name.to_owned());
    let list = |items: &[i64]| Content::List(items.iter().copied().map(Content::Number).collect());
    let wanted_list = |items: &[i64]| WantedContent::List(items.iter().copied().map(wanted_number).collect());
    let object = || Content::Object(vec![("x", Content::Number(1)), ("y", bytes("b"))]);
    let rows = [
        (wanted_bytes("a"), bytes("a"), true),
        (wanted_bytes("a"), bytes("b"), false),
        (wanted_bytes("1"), Content::Number(1), false),
        (wanted_number(1), Content::Number(1), true),
        (wanted_number(1), Content::Number(2), false),
        (name("$a"), Content::Number(7), true),
        (name("$a"), Content::Number(8), false),
        (name("$new"), Content::Number(8), true),
        (name("$new"), bytes("a"), false),
        (wanted_list(&[1, 2]), list(&[1, 2]), true),
        (wanted_list(&[1, 2]), list(&[1, 3]), false),
        (wanted_list(&[1, 2]), list(&[1]), false),
        (wanted_list(&[1]), list(&[1, 2]), false),
        (wanted_list(&[]), list(&[]), true),
        (WantedContent::Object(vec![("y", wanted_bytes("b"))]), object(), true),
        (WantedContent::Object(vec![("y", wanted_bytes("c"))]), object(), false),
        (WantedContent::Object(vec![("z", wanted_bytes("b"))]), object(), false),
        (WantedContent::Object(vec![("x", wanted_number(1)), ("y", wanted_bytes("c"))]), object(), false),
        (WantedContent::Object(Vec::new()), list(&[]), false),
    ];
    for (wanted, found, expected) in rows {
        assert_eq!(meets(&wanted, &found, &bound), expected, "{wanted:?} {found:?}");
    }
}

#[test]
fn what_is_wanted_is_shown_as_a_table_would_write_it() {
    let object = WantedContent::Object(vec![
        ("path", wanted_bytes("a\n")),
        ("mode", WantedContent::Number(0o644, ShownAs(Role::Mode))),
        ("fds", WantedContent::List(vec![WantedContent::Name("$a".to_owned()), WantedContent::Name("$b".to_owned())])),
    ]);
    assert_eq!(show_wanted(&object, &bound), r#"{ path = "a\n", mode = 0o644, fds = [$a = 7, $b] }"#);
}

#[test]
fn of_what_was_found_the_wanted_members_are_shown() {
    let found = || {
        Content::Object(vec![
            ("mode", Content::Number(0o600)),
            ("name", bytes("x")),
            ("list", Content::List(vec![Content::Number(8), Content::Number(9)])),
        ])
    };
    assert_eq!(show_found(&found(), None), r#"{ mode = 384, name = "x", list = [8, 9] }"#);
    let octal = |number| WantedContent::Number(number, ShownAs(Role::Mode));
    let wanted = WantedContent::Object(vec![
        ("mode", octal(0o644)),
        ("list", WantedContent::List(vec![octal(1)])),
        ("other", wanted_number(1)),
    ]);
    assert_eq!(show_found(&found(), Some(&wanted)), "{ mode = 0o600, list = [0o10, 9], other = none }");
    assert_eq!(show_beside(&found(), &Wanted::Content(wanted)), "{ mode = 0o600, list = [0o10, 9], other = none }");
    assert_eq!(show_beside(&found(), &Wanted::Nothing), show_found(&found(), None));
}

#[test]
fn a_number_is_shown_by_its_role() {
    let at_fdcwd = i64::from(libc::AT_FDCWD);
    let rows = [
        (at_fdcwd, Role::DirFd, "AT_FDCWD"),
        (3, Role::DirFd, "3"),
        (at_fdcwd, Role::Fd, "-100"),
        (-1, Role::Int, "-1"),
        (-1, Role::Unsigned, "18446744073709551615"),
        (0o644, Role::Mode, "0o644"),
        (4096, Role::Pointer, "0x1000"),
    ];
    for (value, role, shown) in rows {
        assert_eq!(show_number(value, role), shown);
    }
}

#[test]
fn how_a_handle_was_read_is_known_from_its_block() {
    let number = Syscall::by_name("open_by_handle_at").unwrap().number;
    let read = |peek: Option<Vec<u8>>, late: bool| {
        let call = call(0, number, [3, 0x1000, 0, 0, 0, 0], 4);
        call.with(|deed| (deed.peek, deed.late[2]) = (peek, late))
    };
    let states = |call: Call| [0, 1].map(|at| state(&call, at));
    let whole = || Some(vec![0; 8]);
    assert_eq!(states(read(whole(), false)), [b"none".as_slice(), b"whole"]);
    assert_eq!(states(read(Some(vec![1; 8]), false)), [b"none".as_slice(), b"cut"]);
    assert_eq!(states(read(whole(), true)), [b"none".as_slice(), b"late"]);
    assert_eq!(states(read(None, false)), [b"none".as_slice(), b"unreadable"]);
    assert!(of(&read(whole(), false), 1).is_err_and(|why| why == "not read"));
}
