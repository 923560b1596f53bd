//! A subject's lines against a reference: every kind of fault is found and named.

use ior_it::support::subject::claims::{CallOrder, Calls, Claims, Interrupted, Moment, Paths, takes_part};
use ior_it::support::subject::compare::{Compared, Finding, SubjectComparison, compare};
use ior_it::support::subject::judge::KnownFault;
use ior_it::support::subject::{Line, Said, Value, Wrongness};
use ior_it::support::table::syscalls::Syscall;
use ior_it::support::trace::call::{Call, Outcome, Text};

use super::lines::recorded;

/// One thread's calls from the recorded traces, with every kind of call.
fn reference() -> Vec<Call> {
    let is_one =
        |call: &Call| call.request.is_none() && call.syscall().is_some_and(takes_part) && call.exit_tid == call.tid;
    let calls = recorded().into_iter().filter(is_one).take(800).enumerate();
    calls
        .map(|(at, call)| Call { order: at as u64, pid: 7, tid: 7, exit_tid: 7, enter_ns: at as u64 * 10, ..call })
        .collect()
}

fn claims() -> Claims {
    let fields = ["tid", "comm", "args", "path", "path2", "fd_path", "fd_path2", "file", "ret"];
    Claims { fields: fields.map(str::to_owned).to_vec(), path: Paths::Resolved, ..Claims::default() }
}

fn lines(calls: &[Call]) -> Vec<Line> {
    calls.iter().map(|call| Line::Call(Box::new(Said::of(call)))).collect()
}

fn compared(reference: &[Call], lines: &[Line], claims: &Claims) -> SubjectComparison {
    compare(&Compared { reference, lines, claims, workspace: Some(b"/ws"), takes_part: &takes_part })
}

/// A call of the table, as the reference has it.
fn call(name: &str, order: u64) -> Call {
    let row = Syscall::by_name(name).unwrap();
    let like = recorded().into_iter().find(|call| call.syscall().is_some_and(|row| row.name == "close")).unwrap();
    let call = Call { order, pid: 7, tid: 7, exit_tid: 7, enter_ns: order * 10, ..like };
    call.with(|deed| {
        (deed.number, deed.args, deed.fds, deed.made) = (row.number, [0; 6], [None; 2], None);
        deed.outcome = Outcome::Returned(0);
        deed.files = Default::default();
    })
}

fn opened(path: &str, ret: i64, order: u64) -> Call {
    call("openat", order).with(|deed| {
        deed.args = [libc::AT_FDCWD as u64, 0x1000, libc::O_RDONLY as u64, 0o7777, 0, 0];
        deed.texts[0] = Text::Read { bytes: path.into(), cut: false };
        deed.files.path = Some(path.into());
        deed.outcome = Outcome::Returned(ret);
    })
}

fn said(line: &str) -> Line {
    let line = ior_it::support::subject::json::read(line.as_bytes());
    assert!(matches!(line, Line::Call(_)), "{line:?}");
    line
}

fn claiming(fields: &[&str]) -> Claims {
    Claims { fields: fields.iter().map(|&field| field.to_owned()).collect(), ..Claims::default() }
}

/// The findings, in words.
fn found(comparison: &SubjectComparison) -> Vec<String> {
    let one = |finding: &Finding| match finding {
        Finding::Missing { reference } => format!("missing {reference}"),
        Finding::Extra { line } => format!("extra {line}"),
        Finding::Twice { line, reference } => format!("twice {line} {reference}"),
        Finding::OutOfOrder { reference, line } => format!("order {reference} {line}"),
        Finding::Garbled { line } => format!("garbled {line}"),
        Finding::Differs { reference, line, fields } => {
            let fields: Vec<String> = fields.iter().map(ToString::to_string).collect();
            format!("differs {reference} {line}: {}", fields.join("; "))
        }
    };
    comparison.findings.iter().map(one).collect()
}

#[cfg(target_arch = "x86_64")]
#[test]
fn a_trace_is_what_it_says_of_itself() {
    let reference = reference();
    assert!(reference.len() > 500, "{}", reference.len());
    let comparison = compared(&reference, &lines(&reference), &claims());
    assert_eq!(found(&comparison), Vec::<String>::new());
    assert_eq!((comparison.claimed, comparison.right, comparison.foreign), (reference.len(), reference.len(), 0));
    assert!(comparison.fields["path"].0 > 100 && comparison.fields["path"].0 == comparison.fields["path"].1);
}

/// A faulty tracer's change to a line.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Drop,
    Double,
    Swap,
    Rename,
    Cut,
}

fn path_of(line: &Line) -> Option<&[u8]> {
    let Line::Call(said) = line else { return None };
    if let Some(Value::Text(path)) = said.get("path") {
        Some(path).filter(|path| path.len() > 2).map(Vec::as_slice)
    } else {
        None
    }
}

fn with_path(line: &Line, path: Vec<u8>) -> Line {
    let Line::Call(said) = line else { panic!("no call") };
    let mut said = said.clone();
    assert!(said.put("path", Value::Text(path)));
    Line::Call(said)
}

/// Whether the fault can be seen in this line: two equal ones can be swapped, and the first of two equal ones is as good as the
/// second.
fn shows(fault: Fault, reference: &[Call], lines: &[Line], at: usize) -> bool {
    match fault {
        Fault::Drop | Fault::Double => true,
        // Nor may either of them be as good as one beside it.
        Fault::Swap => {
            let is_as_good = |line: usize, call: usize| {
                let lines = lines.get(line).map(std::slice::from_ref).unwrap_or_default();
                let calls = reference.get(call..call + 1).unwrap_or_default();
                !calls.is_empty() && !lines.is_empty() && compared(calls, lines, &claims()).findings.is_empty()
            };
            let is_other = |one: usize, other: usize| !is_as_good(one, other) && !is_as_good(other, one);
            at + 1 < lines.len() && is_other(at, at + 1) && is_other(at, at + 2) && is_other(at + 1, at - 1)
        }
        Fault::Rename | Fault::Cut => path_of(&lines[at]).is_some(),
    }
}

fn with_fault(fault: Fault, lines: &[Line], at: usize) -> Vec<Line> {
    let mut lines = lines.to_vec();
    match fault {
        Fault::Drop => drop(lines.remove(at)),
        Fault::Double => lines.insert(at, lines[at].clone()),
        Fault::Swap => lines.swap(at, at + 1),
        Fault::Rename => lines[at] = with_path(&lines[at], b"/another".to_vec()),
        Fault::Cut => {
            let path = path_of(&lines[at]).unwrap();
            lines[at] = with_path(&lines[at], path[..path.len() - 1].to_vec());
        }
    }
    lines
}

fn is_named(fault: Fault, finding: &Finding) -> bool {
    match (fault, finding) {
        (Fault::Drop, Finding::Missing { .. })
        | (Fault::Double, Finding::Twice { .. })
        | (Fault::Swap, Finding::OutOfOrder { .. }) => true,
        (Fault::Rename, Finding::Differs { fields, .. }) => fields.iter().all(|field| field.kind == Wrongness::Wrong),
        (Fault::Cut, Finding::Differs { fields, .. }) => fields.iter().all(|field| field.kind == Wrongness::Cut),
        _ => false,
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn injected_faults_are_found_and_named() {
    let reference = reference();
    let right = lines(&reference);
    let faults = [Fault::Drop, Fault::Double, Fault::Swap, Fault::Rename, Fault::Cut];
    // 40 runs of each, whose faults lie elsewhere each time.
    for (fault, seed) in faults.into_iter().flat_map(|fault| (0..40).map(move |seed| (fault, seed))) {
        let places: Vec<usize> = (1..right.len() / 50)
            .map(|nth| nth * 50 + seed)
            .filter_map(|from| (from..from + 9).find(|&at| at < right.len() && shows(fault, &reference, &right, at)))
            .collect();
        assert!(!places.is_empty());
        // From the end, so that places stay what they are.
        let faulty = places.iter().rev().fold(right.clone(), |lines, &at| with_fault(fault, &lines, at));
        let comparison = compared(&reference, &faulty, &claims());
        let odd: Vec<&Finding> = comparison.findings.iter().filter(|finding| !is_named(fault, finding)).collect();
        assert!(odd.is_empty(), "{fault:?} {seed}: {odd:?}");
        assert_eq!(comparison.findings.len(), places.len(), "{fault:?} {seed}");
    }
}

#[test]
fn each_way_of_being_wrong_has_its_name() {
    let reference =
        [opened("/ws/first.txt", 3, 0).with(|deed| deed.files.path = Some(b"first.txt".into())), opened("b", -2, 1)];
    let fields = claiming(&["path", "ret", "comm"]);
    let fields = Claims { path: Paths::Given, ..fields };
    let comm = String::from_utf8(reference[0].comm().to_vec()).unwrap();
    let first = said(&format!(r#"{{"call":"openat","path":"/ws/first.txt","ret":3,"comm":"{comm}"}}"#));
    let second = said(&format!(r#"{{"call":"openat","path":"b","ret":"ENOENT","comm":"{comm}"}}"#));
    let with = |line: &str| said(&line.replace("COMM", &format!("\"comm\":\"{comm}\"")));
    let rows: [(&str, Vec<Line>, &[&str]); 9] = [
        ("all is right", vec![first.clone(), second.clone()], &[]),
        ("a call too few", vec![second.clone()], &["missing 0"]),
        ("a call too many", vec![first.clone(), second.clone(), with(r#"{"call":"dup","fd":3}"#)], &["extra 2"]),
        ("one of them twice", vec![first.clone(), first.clone(), second.clone()], &["twice 1 0"]),
        ("the other order", vec![second.clone(), first.clone()], &["order 0 1"]),
        ("a line that is none", vec![first.clone(), Line::garbled(b"x", "y"), second.clone()], &["garbled 1"]),
        (
            "the result is another",
            vec![first.clone(), with(r#"{"call":"openat","path":"b","ret":5,COMM}"#)],
            &["differs 1 1: ret: ENOENT, and it says 5"],
        ),
        (
            "the path is cut",
            vec![with(r#"{"call":"openat","path":"/ws/fir","ret":3,COMM}"#), second.clone()],
            &[r#"differs 0 0: path: "/ws/first.txt", and it says "/ws/fir", which is cut"#],
        ),
        (
            "it says nothing of the path",
            vec![with(r#"{"call":"openat","ret":3,COMM}"#), second.clone()],
            &[r#"differs 0 0: path: "/ws/first.txt", and it says nothing of it"#],
        ),
    ];
    for (sentence, lines, expected) in rows {
        assert_eq!(found(&compared(&reference, &lines, &fields)), expected, "{sentence}");
    }
}

#[test]
fn what_is_not_claimed_is_not_judged() {
    let reference = [opened("a", 3, 0), call("close", 1), call("dup", 2)];
    let only = Claims { calls: Calls::These(vec!["openat".to_owned()]), ..claiming(&["ret"]) };
    let lines = [said(r#"{"call":"openat","path":"wrong","ret":3}"#), said(r#"{"call":"close","fd":9}"#)];
    let comparison = compared(&reference, &lines, &only);
    assert_eq!((found(&comparison).len(), comparison.claimed, comparison.not_claimed, comparison.right), (0, 1, 2, 1));
}

#[test]
fn a_path_is_resolved_or_given_as_is_claimed() {
    let reference = [opened("x/../a", 3, 0).with(|deed| deed.files.path = Some(b"x/../a".into()))];
    let reads = [call("read", 0).with(|deed| (deed.args[0], deed.files.path) = (3, Some(b"a".into())))];
    let line = |path: &str| [said(&format!(r#"{{"call":"openat","path":"{path}"}}"#))];
    let resolved = Claims { path: Paths::Resolved, ..claiming(&["path"]) };
    for (claims, path, is_right) in [
        (&claiming(&["path"]), "x/../a", true),
        (&claiming(&["path"]), "/ws/x/../a", false),
        (&resolved, "/ws/x/../a", true),
        (&resolved, "x/../a", true),
        (&resolved, "/wsx/a", false),
    ] {
        assert_eq!(compared(&reference, &line(path), claims).findings.is_empty(), is_right, "{path}");
    }
    // The file of a descriptor has its own field.
    let line = [said(r#"{"call":"read","fd":3,"path":"/ws/wrong"}"#)];
    assert_eq!(found(&compared(&reads, &line, &claiming(&["path"]))), Vec::<String>::new());
    assert_eq!(
        found(&compared(&reads, &line, &claiming(&["fd_path"]))),
        [r#"differs 0 0: fd_path: "a", and it says "/ws/wrong""#]
    );
}

#[test]
fn a_cut_that_is_marked_is_no_fault() {
    let reference = [opened("long.txt", 3, 0)];
    for (line, count) in [
        (r#"{"call":"openat","path":"long","path_is":"cut"}"#, 0),
        (r#"{"call":"openat","path":"long"}"#, 1),
        (r#"{"call":"openat","path":"song","path_is":"cut"}"#, 1),
        (r#"{"call":"openat","path":""}"#, 1),
    ] {
        assert_eq!(compared(&reference, &[said(line)], &claiming(&["path"])).findings.len(), count, "{line}");
    }
}

#[test]
fn attempts_are_folded_where_they_are_claimed() {
    let read =
        |ret: i64, order| call("read", order).with(|deed| (deed.args[0], deed.outcome) = (3, Outcome::Returned(ret)));
    let line = |ret: &str| said(&format!(r#"{{"call":"read","fd":3,"ret":{ret}}}"#));
    let attempts = Claims { interrupted: Interrupted::Attempts, ..claiming(&["ret"]) };
    let rows: [(&str, Vec<Call>, Vec<Line>, usize); 5] = [
        ("it is made again", vec![read(5, 0)], vec![line("\"ERESTARTSYS\""), line("5")], 0),
        ("twice", vec![read(5, 0)], vec![line("\"ERESTARTSYS\""), line("\"ERESTARTNOINTR\""), line("5")], 0),
        ("it fails", vec![read(-4, 0)], vec![line("\"ERESTARTSYS\"")], 0),
        (
            "it fails, and the program makes it again",
            vec![read(-4, 0), read(5, 1)],
            vec![line("\"ERESTARTSYS\""), line("5")],
            0,
        ),
        ("restart_syscall has the result", vec![read(5, 0)], vec![line("\"ERESTART_RESTARTBLOCK\"")], 0),
    ];
    for (sentence, reference, lines, count) in rows {
        let comparison = compared(&reference, &lines, &attempts);
        assert_eq!(comparison.findings.len(), count, "{sentence}: {:?}", found(&comparison));
        assert!(!compared(&reference, &lines, &claiming(&["ret"])).findings.is_empty(), "{sentence}");
    }
    let silent = compared(&[read(5, 0)], &[line("\"ERESTARTSYS\"")], &attempts);
    assert_eq!(found(&silent), ["differs 0 0: ret: 5, and it says ERESTARTSYS"]);
}

#[test]
fn each_thread_has_its_own_order() {
    let of = |tid: u32, call: Call| Call { tid, exit_tid: tid, ..call };
    let reference = [of(7, opened("a", 3, 0)), of(8, opened("b", 4, 1)), of(7, opened("c", 5, 2))];
    let line = |tid: u32, path: &str| said(&format!(r#"{{"call":"openat","tid":{tid},"path":"{path}"}}"#));
    let claims = claiming(&["tid", "path"]);
    let apart = [line(8, "b"), line(7, "a"), line(7, "c")];
    assert_eq!(found(&compared(&reference, &apart, &claims)), Vec::<String>::new());
    let swapped = [line(8, "b"), line(7, "c"), line(7, "a")];
    assert_eq!(found(&compared(&reference, &swapped, &claims)), ["order 0 2"]);
    let none = Claims { order: CallOrder::None, ..claims.clone() };
    assert_eq!(found(&compared(&reference, &swapped, &none)), Vec::<String>::new());
    // Without threads the order of several means nothing, of one it does.
    let line = |path: &str| said(&format!(r#"{{"call":"openat","pid":7,"path":"{path}"}}"#));
    assert_eq!(
        found(&compared(&reference, &[line("b"), line("c"), line("a")], &claiming(&["path"]))),
        Vec::<String>::new()
    );
    assert_eq!(
        found(&compared(&[reference[0].clone(), reference[2].clone()], &[line("c"), line("a")], &claiming(&["path"]))),
        ["order 0 1"]
    );
    // Lines of other processes are ignored.
    let foreign = said(r#"{"call":"openat","pid":99,"path":"z"}"#);
    let comparison = compared(&reference[..1], &[line("a"), foreign], &claiming(&["path"]));
    assert_eq!((comparison.findings.len(), comparison.foreign), (0, 1));
}

#[test]
fn time_puts_lines_in_order_where_that_is_claimed() {
    let reference = [opened("a", 3, 0), opened("b", 4, 1)];
    let line = |path: &str, ns: u64| said(&format!(r#"{{"call":"openat","path":"{path}","enter_ns":{ns}}}"#));
    let lines = [line("b", 20), line("a", 10)];
    let time = Claims { order: CallOrder::Time, ..claiming(&["path"]) };
    assert_eq!(found(&compared(&reference, &lines, &time)), Vec::<String>::new());
    assert_eq!(found(&compared(&reference, &lines, &claiming(&["path"]))), ["order 0 1"]);
}

#[test]
fn an_execve_may_be_shown_under_either_id() {
    let exec = call("execve", 0).with(|deed| deed.outcome = Outcome::Returned(0));
    let reference = [Call { tid: 8, exit_tid: 7, ..exec }];
    let lines = |tid: u32| [said(&format!(r#"{{"call":"execve","tid":{tid}}}"#))];
    let all: &dyn Fn(&Syscall) -> bool = &|_| true;
    let count = |tid, exec_tid| {
        let claims = Claims { exec_tid, ..claiming(&["tid"]) };
        let compared =
            Compared { reference: &reference, lines: &lines(tid), claims: &claims, workspace: None, takes_part: all };
        compare(&compared).findings.len()
    };
    assert_eq!([count(8, Moment::Enter), count(7, Moment::Exit)], [0, 0]);
    assert!(count(7, Moment::Enter) > 0 && count(8, Moment::Exit) > 0);
}

#[test]
fn calls_that_are_alike_stand_for_one_another() {
    let reference = [opened("a", 3, 0)];
    let lines = [said(r#"{"call":"open","path":"a"}"#)];
    let alike = Claims { alike: vec![vec!["open".to_owned(), "openat".to_owned()]], ..claiming(&["path"]) };
    assert_eq!(found(&compared(&reference, &lines, &alike)), Vec::<String>::new());
    assert_eq!(found(&compared(&reference, &lines, &claiming(&["path"]))), ["missing 0", "extra 0"]);
}

#[test]
fn a_mode_that_the_call_does_not_look_at_is_not_compared() {
    let lines = [said(r#"{"call":"openat","dirfd":"AT_FDCWD","flags":"O_RDONLY","mode":"0"}"#)];
    assert_eq!(found(&compared(&[opened("a", 3, 0)], &lines, &claiming(&["args"]))), Vec::<String>::new());
}

#[test]
fn what_is_known_explains_what_it_names_and_no_more() {
    let known = |scenario: Option<&str>, call: Option<&str>, field: Option<&str>| {
        let text = |text: Option<&str>| text.map(str::to_owned);
        KnownFault { scenario: text(scenario), call: text(call), field: text(field), why: String::new() }
    };
    let rows = [
        (known(None, None, None), true),
        (known(Some("open-basic"), Some("openat"), None), true),
        (known(None, None, Some("path")), true),
        (known(Some("another"), None, None), false),
        (known(None, Some("open"), None), false),
        (known(None, None, Some("ret")), false),
    ];
    for (known, explains) in rows {
        assert_eq!(known.explains("open-basic", "openat", "path"), explains, "{known:?}");
    }
}
