//! Keys with a special meaning, for one call or a few.

use super::calls::{BUF, CWD, call, how, of, on, peeking};
use super::check::differences;
use ior_it::support::trace::call::{Outcome, Text};

#[test]
fn a_call_that_is_no_io_is_compared_when_it_is_named() {
    let expectation = of(r#"{ call = "kill", pid = 5, sig = 9, ret = 0 }, { call = "exit_group", status = 3 }"#);
    let mut exit = call("exit_group", &[3], 0);
    exit.outcome = Outcome::Unfinished;
    let kill = call("kill", &[5, 9], 0);
    assert_eq!(differences(&expectation, vec![kill.clone(), exit.clone()]), Vec::<String>::new());
    assert_eq!(differences(&expectation, vec![exit.clone()]), ["missing 1"]);
    exit.args[0] = 4;
    assert_eq!(differences(&expectation, vec![kill, exit]), ["wrong 2: status: 3 | 4"]);
}

#[test]
fn an_unreadable_path_is_expected_by_saying_so() {
    let expectation = of(r#"{ call = "openat2", path_is = "unreadable", ret = "EFAULT" }"#);
    let mut bad = call("openat2", &[CWD, 16, 16, 24], -14);
    bad.texts[0] = Text::Unreadable(libc::EFAULT);
    assert_eq!(differences(&expectation, vec![bad.clone()]), Vec::<String>::new());
    let read = peeking(bad.clone(), how([2, 0, 0]));
    assert_eq!(differences(&expectation, vec![read]), ["wrong 1: flags: O_RDONLY | O_RDWR"]);
    bad.files.path = Some(b"x".to_vec());
    assert_eq!(differences(&expectation, vec![bad]), ["wrong 1: path: none | 0x10 (unreadable: EFAULT)"]);
}

#[test]
fn no_path_is_the_directory_descriptors_own_file_where_the_call_takes_it_so() {
    let expectation = |dirfd: &str, path: &str| of(&format!(r#"{{ call = "utimensat", {dirfd}, {path} ret = 0 }}"#));
    let mut bare = call("utimensat", &[3, 0, BUF, 0], 0);
    bare.texts[0] = Text::Unreadable(libc::EFAULT);
    let named = on(bare.clone(), "x");
    assert_eq!(
        differences(&expectation("dirfd = 3", "path = \"x\", path_is = \"null\","), vec![named.clone()]),
        Vec::<String>::new()
    );
    assert_eq!(
        differences(&expectation("dirfd = 3", "path_is = \"null\","), vec![named]),
        [r#"wrong 1: path: none | "x""#]
    );
    let other = expectation("dirfd = 3", "path = \"x\", path_is = \"null\",");
    assert_eq!(differences(&other, vec![bare]), [r#"wrong 1: path: "x" | NULL"#]);
}

#[test]
fn a_user_that_stays_is_minus_one_in_32_bits_and_in_64() {
    let expectation = of(r#"{ call = "fchown", fd = 3, owner = -1, group = 2, ret = 0 }"#);
    let with = |owner: i64, group: i64| differences(&expectation, vec![call("fchown", &[3, owner, group], 0)]);
    let stays = i64::from(u32::MAX);
    assert_eq!(with(-1, 2), Vec::<String>::new());
    assert_eq!(with(stays, 2), Vec::<String>::new());
    assert_eq!(with(-1, stays), ["wrong 1: group: 2 | -1"]);
    assert_eq!(with(stays - 1, 2), ["wrong 1: owner: -1 | 4294967294"], "no other user is negative");
}

#[test]
fn what_only_asks_for_a_size_moves_no_bytes() {
    let expectation = of(r#"{ call = "flistxattr", fd = 3, ret = 9, bytes = 9 }"#);
    let with = |size: i64| differences(&expectation, vec![call("flistxattr", &[3, BUF, size], 9)]);
    assert_eq!(with(16), Vec::<String>::new());
    assert_eq!(with(0), ["wrong 1: bytes: 9 | 0"]);
}
