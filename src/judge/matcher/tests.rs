use super::*;
use crate::judge::expectation::Expectations;
use crate::table::syscalls::Syscall;
use crate::trace::call::tests::call;
use crate::trace::call::{Attribute, Contradiction, Identity, Outcome, Text};

const OPENAT: &str = r#"{ call = "openat", dirfd = "AT_FDCWD", path = "a.txt", flags = "O_RDWR", ret = "$a" }"#;

/// The differences between these calls of a table and of a trace, each in a few words.
fn differences(table: &str, calls: &[Call]) -> Vec<String> {
    let text = format!("[dup-basic]\nabout = \"calls\"\n{table}\n");
    let expectations = Expectations::parse("tests.toml", &text, &["dup-basic"]).unwrap_or_else(|why| panic!("{why:?}"));
    let trace = Trace { calls: calls.to_vec(), ..Trace::default() };
    let expectation = expectations.get("dup-basic").unwrap();
    compare(expectation, &trace).differences().map(said).collect()
}

fn said(difference: &Difference) -> String {
    let fields = |fields: &[FieldDifference]| {
        let field = |field: &FieldDifference| format!("{}: {} | {}", field.field, field.expected, field.observed);
        fields.iter().map(field).collect::<Vec<_>>().join("; ")
    };
    match difference {
        Difference::Wrong { expected, observed, fields: wrong } => {
            format!("{expected} is {observed}: {}", fields(wrong))
        }
        Difference::Count { present, found, nearest } => {
            let nearest = nearest.as_ref().map(|(at, wrong)| format!(", nearest {at}: {}", fields(wrong)));
            format!("entry {present} found {found}{}", nearest.unwrap_or_default())
        }
        other => format!("{other:?}"),
    }
}

fn named(name: &str, args: [i32; 4], ret: i64) -> Call {
    let number = Syscall::by_name(name).unwrap_or_else(|| panic!("no row for {name}")).number;
    let [a, b, c, d] = args.map(|arg| arg as u64);
    call(0, number, [a, b, c, d, 0, 0], ret)
}

const FILE: Option<Identity> =
    Some(Identity { device: 1, inode: 7, magic: 0xef53, mode: 0o100_644, flags: 2, cloexec: false });

/// openat of `path` for reading and writing.
fn opened(path: &str, ret: i64) -> Call {
    named("openat", [libc::AT_FDCWD, 0x1000, libc::O_RDWR, 0], ret).with(|deed| {
        deed.texts[0] = Text::Read { bytes: path.into(), cut: false };
        deed.files.path = Some(path.into());
        deed.made = FILE.filter(|_| ret >= 0);
        deed.files.made_path = deed.made.map(|_| path.into());
    })
}

fn whole(calls: &[&str]) -> String {
    format!("calls = [{}]", calls.join(", "))
}

#[test]
fn a_call_that_is_not_as_expected_says_what_differs() {
    let judged = |call: Call| differences(&whole(&[OPENAT]), &[call]);
    assert_eq!(judged(opened("a.txt", 3)), Vec::<String>::new());
    assert_eq!(judged(opened("b.txt", 3)), [r#"0 is 0: path: "a.txt" | "b.txt"; file: "a.txt" | "b.txt""#]);
    let failed = judged(opened("a.txt", -2));
    assert_eq!(failed, ["0 is 0: ret: $a, any result of success | ENOENT"]);
    let cloexec = opened("a.txt", 3).with(|deed| deed.made.as_mut().unwrap().cloexec = true);
    assert_eq!(judged(cloexec), ["0 is 0: cloexec: false | true"]);
    let unfinished = opened("a.txt", 3).with(|deed| (deed.outcome, deed.made) = (Outcome::Unfinished, None));
    assert_eq!(judged(unfinished), ["0 is 0: ret: $a, any result of success | unfinished"]);
}

#[test]
fn flags_that_were_not_read_are_no_difference_where_nothing_is_said_of_them() {
    let openat2 = |flags: &str, ret: &str| {
        let call =
            format!(r#"{{ call = "openat2", dirfd = "AT_FDCWD", path = "a.txt", {flags}size = 24, ret = {ret} }}"#);
        let unread = |ret: i64| {
            let mut call = opened("a.txt", ret);
            let number = Syscall::by_name("openat2").unwrap().number;
            (call.number, call.args, call.peek) = (number, [libc::AT_FDCWD as u64, 0, 0, 24, 0, 0], None);
            call
        };
        let ret = if ret == "\"EFAULT\"" { -14 } else { 3 };
        differences(&whole(&[&call]), &[unread(ret)])
    };
    assert_eq!(openat2("", "\"EFAULT\""), Vec::<String>::new());
    let said = openat2("flags = \"O_RDWR\", ", "\"EFAULT\"");
    assert!(said.len() == 1 && said[0].contains("flags: O_RDWR | unreadable"), "{said:?}");
    let said = openat2("", "\"$a\"");
    assert!(
        said.len() == 1 && said[0].contains("flags: O_RDONLY | unreadable"),
        "a call that succeeds has read them: {said:?}"
    );
}

#[test]
fn a_name_stands_for_the_value_that_it_got_first() {
    let read = |fd| {
        named("read", [fd, 0, 5, 0], 5).with(|deed| {
            deed.fds[0] = FILE;
            deed.files.path = Some(b"a.txt".to_vec());
        })
    };
    let table = whole(&[OPENAT, r#"{ call = "read", fd = "$a", path = "a.txt", count = 5, ret = 5 }"#]);
    assert_eq!(differences(&table, &[opened("a.txt", 3), read(3)]), Vec::<String>::new());
    let said = differences(&table, &[opened("a.txt", 3), read(4)]);
    assert_eq!(said, ["1 is 1: fd: $a = 3 (bound by call 1) | 4"]);
}

#[test]
fn an_entry_of_present_names_the_most_similar_call() {
    let table = |times: &str| format!("present = [{{ call = \"openat\", path = \"a.txt\"{times} }}]\nabsent = []");
    let judged = |times: &str, paths: &[&str]| {
        let calls: Vec<_> = paths.iter().map(|path| opened(path, 3)).collect();
        differences(&table(times), &calls)
    };
    assert_eq!(judged("", &["a.txt"]), Vec::<String>::new());
    assert_eq!(judged("", &["b.txt"]), [r#"entry 0 found 0, nearest 0: path: "a.txt" | "b.txt""#]);
    assert_eq!(judged("", &[]), ["entry 0 found 0"]);
    assert_eq!(judged(", count = 1", &["a.txt", "a.txt"]), ["entry 0 found 2"], "too many have no nearest");
    assert_eq!(judged(", count = 2", &["a.txt"]), ["entry 0 found 1"], "none is similar but itself");
    assert_eq!(judged(", min_count = 2", &["a.txt", "a.txt", "a.txt"]), Vec::<String>::new());
    let [call, kernel] = [false, true].map(Attribute::Cloexec);
    let odd = opened("a.txt", 3).with(|deed| deed.files.disagreements = vec![Contradiction { fd: 3, call, kernel }]);
    let said = differences(&table(", count = 2"), &[odd]);
    assert_eq!(said.len(), 2, "{said:?}");
    assert_eq!(said[0], "entry 0 found 1", "it has all that the entry wants");
}

#[test]
fn calls_that_differ_in_a_name_only_are_swapped_and_those_of_two_names_are_wrong() {
    let other = OPENAT.replace("$a", "$b");
    let call = |name: &str, fd: &str| format!(r#"{{ call = "{name}", fd = "{fd}", path = "a.txt", ret = 0 }}"#);
    let table = |second: &str| whole(&[OPENAT, &other, &call("fsync", "$a"), &call(second, "$b")]);
    let sync = |name: &str, fd| {
        named(name, [fd, 0, 0, 0], 0).with(|deed| {
            deed.fds[0] = FILE;
            deed.files.path = Some(b"a.txt".to_vec());
        })
    };
    let judged = |second: &str, fds: [i32; 2]| {
        let calls = [opened("a.txt", 3), opened("a.txt", 4), sync("fsync", fds[0]), sync(second, fds[1])];
        differences(&table(second), &calls)
    };
    assert_eq!(judged("fdatasync", [3, 4]), Vec::<String>::new());
    assert_eq!(judged("fsync", [3, 4]), Vec::<String>::new());
    assert_eq!(judged("fsync", [4, 3]), ["Swapped { expected: 2, observed: 3, with: Some(3) }"]);
    let wrong = ["2 is 2: fd: $a = 3 (bound by call 1) | 4", "3 is 3: fd: $b = 4 (bound by call 2) | 3"];
    assert_eq!(judged("fdatasync", [4, 3]), wrong);
}
