use super::*;
use crate::judge::agreement::tests::file;
use crate::trace::call::Call;
use crate::trace::call::tests::call;

/// Calls of descriptor 3, each with the name of its link. Which name belongs to the call at `at`, by the other calls?
fn links(names: &[&str], at: usize, change: fn(&mut [Seen])) -> bool {
    let seen = |(order, name): (usize, &&str)| {
        let mut seen = named("read", [3, 0, 0], order);
        seen.call.fds[0] = file(7);
        seen.names_mut().links[0] = Some(name.as_bytes().to_vec());
        seen
    };
    let mut calls: Vec<Seen> = names.iter().enumerate().map(seen).collect();
    change(&mut calls);
    also(calls, at, Asked::Descriptor(0))
}

fn also(calls: Vec<Seen>, at: usize, asked: Asked) -> bool {
    let testimony = Testimony { calls, ..Testimony::default() };
    Sights::new(&testimony).also(&testimony.calls[at], asked, |link| link == b"b")
}

fn named(name: &str, args: [i32; 3], order: usize) -> Seen {
    let number = Syscall::by_name(name).unwrap_or_else(|| panic!("no row for {name}")).number;
    let [a, b, c] = args.map(|arg| arg as u64);
    Seen::new(call(order as u64, number, [a, b, c, 0, 0, 0], 4))
}

#[test]
fn a_file_has_a_name_that_it_has_later_or_in_between() {
    let rows: [(&[&str], usize, bool); 9] = [
        (&["a", "b"], 0, true),
        (&["a", "x", "b"], 0, true),
        (&["a", "a"], 0, false),
        (&["b", "a"], 1, false),
        (&["a", "b", "a"], 2, true),
        (&["b", "a", "a"], 2, false),
        (&["a", "b", "a", "a"], 2, false),
        (&["a", "b", "a", "x"], 2, false),
        (&["a (deleted)", "b"], 0, false),
    ];
    for (names, at, expected) in rows {
        assert_eq!(links(names, at, |_| {}), expected, "{names:?} at {at}");
    }
    assert!(!links(&["a", "b"], 0, |calls| calls[1].call.pid = 2), "of another process");
    assert!(!links(&["a", "b"], 0, |calls| calls[1].call.fds[0] = file(8)), "of another file");
    assert!(!links(&["a", "b"], 0, |calls| calls[1].call.args[0] = 4), "of another descriptor");
    assert!(!links(&["a", "b"], 0, |calls| calls[0].call.fds[0] = None), "the file is not known");
}

#[test]
fn the_working_directory_and_the_root_have_names_of_their_own() {
    let opened = |order, path: &str, base: &str| {
        let mut seen = named("openat", [libc::AT_FDCWD, 0, 0], order);
        seen.call.texts[0] = Text::Read { bytes: path.into(), cut: false };
        seen.names_mut().bases[0] = Some(base.into());
        seen
    };
    let later = |path, other| also(vec![opened(0, path, "a"), opened(1, other, "b")], 0, Asked::Base(0));
    assert!(later("x", "y"));
    assert!(later("/x", "/y"));
    assert!(!later("x", "/y"));
    assert!(!later("/x", "y"));
    let mut unreadable = opened(0, "x", "a");
    unreadable.call.texts[0] = Text::Unreadable(14);
    assert!(!also(vec![unreadable, opened(1, "y", "b")], 0, Asked::Base(0)));
}

#[test]
fn what_a_call_has_opened_may_be_called_otherwise_at_a_later_call() {
    let mut openat = named("openat", [libc::AT_FDCWD, 0, 0], 0);
    openat.call.made = file(7);
    openat.names_mut().made_link = Some(b"a".to_vec());
    let later = |fd| {
        let mut read = named("read", [fd, 0, 0], 1);
        read.call.fds[0] = file(7);
        read.names_mut().links[0] = Some(b"b".to_vec());
        read
    };
    assert!(also(vec![openat.clone(), later(4)], 0, Asked::Made));
    assert!(!also(vec![openat.clone(), later(3)], 0, Asked::Made), "the result is 4");
    openat.call.outcome = crate::trace::call::Outcome::Returned(-2);
    assert!(!also(vec![openat, later(4)], 0, Asked::Made));
}

#[test]
fn the_descriptor_in_question_is_an_argument_one_of_a_pair_or_the_result() {
    let dup3 = named("dup3", [3, 4, 0], 0);
    let asked = [Asked::Descriptor(0), Asked::Descriptor(1), Asked::Base(0), Asked::Made];
    assert_eq!(asked.map(|asked| descriptor(&dup3, asked)), [Some(3), Some(4), None, Some(4)]);
    let mut pipe = named("pipe2", [0, 0, 0], 0);
    pipe.call.peek = Some([5_i32, 6].iter().flat_map(|fd| fd.to_ne_bytes()).collect());
    assert_eq!([0, 1].map(|place| descriptor(&pipe, Asked::Descriptor(place))), [Some(5), Some(6)]);
    let read = named("read", [3, 0, 0], 0);
    assert_eq!([0, 1].map(|place| descriptor(&read, Asked::Descriptor(place))), [Some(3), None]);
}

#[test]
fn a_path_begins_at_its_descriptor_the_root_or_the_working_directory() {
    let begin = |dirfd: i32, text: Text| {
        let mut seen = named("openat", [dirfd, 0, 0], 0);
        seen.call.texts[0] = text;
        let row = seen.call.syscall().unwrap();
        begins(row, &seen, 1).map(|asked| format!("{asked:?}"))
    };
    let read = |path: &str| Text::Read { bytes: path.into(), cut: false };
    assert_eq!(begin(3, read("x")).as_deref(), Some("Descriptor(0)"));
    assert_eq!(begin(3, read("/x")).as_deref(), Some("Base(0)"));
    assert_eq!(begin(libc::AT_FDCWD, read("x")).as_deref(), Some("Base(0)"));
    assert_eq!(begin(3, Text::Read { bytes: b"x".to_vec(), cut: true }), None);
    assert_eq!(begin(3, Text::Unreadable(14)), None);
    let read: Call = named("read", [3, 0, 0], 0).call;
    assert!(begins(read.syscall().unwrap(), &Seen::new(read.clone()), 0).is_none());
}
