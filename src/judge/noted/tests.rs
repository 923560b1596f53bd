use super::*;
use crate::child::ending::Phase;
use crate::trace::call::RingRequest;
use crate::trace::call::tests::call;

const PID: u32 = 1;
const SPAN: (u64, u64) = (100_000, 900_000);

const FILE: FileSeen = FileSeen { device: 8 << 20 | 1, inode: 77, format: libc::S_IFREG as u16 };

fn identity(file: FileSeen) -> Identity {
    let FileSeen { device, inode, format } = file;
    Identity { device, inode, magic: 0xef53, mode: format | 0o644, flags: 0, cloexec: false }
}

/// write(3, address, 5), which takes 10 µs, and what the child has noted of it.
fn written(at: u64) -> (Call, NotedCall) {
    let (number, args) = (libc::SYS_write as u32, [3, 0x1000, 5, 0, 0, 0]);
    let mut seen = call(0, number, args, 5).with(|deed| deed.fds[0] = Some(identity(FILE)));
    (seen.enter_ns, seen.duration_ns) = (at, 10_000);
    let fds = [Some(FILE), None];
    (seen, NotedCall { number, args, result: 5, before_ns: at - 100, after_ns: at + 10_100, fds, made: None })
}

/// An end as the tracer recorded it: the process and the status.
type Recorded = (u32, Option<i32>);

fn ended(how: How) -> Ending {
    Ending { phase: Phase::Act, how }
}

fn own(calls: Vec<NotedCall>, recorded: &[Recorded]) -> OwnWord {
    let ends = recorded.iter().map(|&(pid, status)| ProcessEnd { pid, status }).collect();
    OwnWord { pid: PID, diary: Diary { calls, ..Diary::default() }, ends, span_ns: Some(SPAN), data: 0 }
}

/// The sentences about these calls and what was noted of them.
fn about(pairs: Vec<(Call, NotedCall)>) -> Vec<String> {
    let (calls, noted) = pairs.into_iter().unzip();
    contradictions(&Trace { calls, ..Trace::default() }, &ended(How::Finished), &own(noted, &[(PID, Some(0))]))
}

fn changed(change: impl FnOnce(&mut Call, &mut NotedCall)) -> Vec<String> {
    let (mut seen, mut noted) = written(200_000);
    change(&mut seen, &mut noted);
    about(vec![(seen, noted)])
}

#[test]
fn a_trace_that_says_the_same_is_not_contradicted() {
    assert_eq!(changed(|_, _| {}), Vec::<String>::new());
    assert_eq!(about(vec![written(200_000), written(300_000)]), Vec::<String>::new());
    assert_eq!(changed(|seen, _| seen.args[3] = 9), Vec::<String>::new(), "write has three arguments");
    assert_eq!(changed(|_, noted| noted.fds = [None; 2]), Vec::<String>::new(), "the child does not know the file");
    assert_eq!(changed(|_, noted| noted.result = 4), Vec::<String>::new(), "that is for the table to say");
}

#[test]
fn a_time_outside_of_what_the_child_saw_is_wrong() {
    let rows: [(&str, u64, u64, bool); 7] = [
        ("as it was", 200_000, 10_000, false),
        ("BPF's clock a little early", 199_000, 10_000, false),
        ("BPF's clock a little late", 200_000, 11_000, false),
        ("entered too early", 198_800, 10_000, true),
        ("returned too late", 200_000, 11_200, true),
        ("no time at all", 0, 0, true),
        ("an end that is no number", 200_000, u64::MAX, true),
    ];
    for (sentence, enter_ns, duration_ns, is_wrong) in rows {
        let said = changed(|seen, _| (seen.enter_ns, seen.duration_ns) = (enter_ns, duration_ns));
        assert_eq!(said.iter().any(|said| said.contains("and was made between")), is_wrong, "{sentence}: {said:?}");
    }
}

#[test]
fn a_call_that_the_child_has_not_noted_lies_in_the_time_of_act() {
    for (enter_ns, is_wrong) in [(99_000, false), (98_999, true), (890_000, false), (891_001, true), (0, true)] {
        let (mut seen, _) = written(200_000);
        seen.enter_ns = enter_ns;
        let trace = Trace { calls: vec![seen], ..Trace::default() };
        let said = contradictions(&trace, &ended(How::Finished), &own(Vec::new(), &[(PID, Some(0))]));
        assert_eq!(said.iter().any(|said| said.contains("and act ran between")), is_wrong, "{enter_ns}: {said:?}");
    }
}

#[test]
fn a_request_takes_time() {
    for (is_request, duration_ns, is_wrong) in [(true, 0, true), (true, 1, false), (false, 0, false)] {
        let (mut seen, _) = written(200_000);
        seen.duration_ns = duration_ns;
        let seen = seen.with(|deed| deed.request = is_request.then(RingRequest::default));
        let trace = Trace { calls: vec![seen], ..Trace::default() };
        let said = contradictions(&trace, &ended(How::Finished), &own(Vec::new(), &[(PID, Some(0))]));
        assert_eq!(said.iter().any(|said| said.contains("took no time")), is_wrong, "{duration_ns}: {said:?}");
    }
}

#[test]
fn of_several_calls_one_takes_time() {
    for (durations, is_wrong) in [(&[0, 0][..], false), (&[0, 0, 0], true), (&[0, 0, 1], false)] {
        let taking = |&duration_ns: &u64| Call { duration_ns, ..written(200_000).0 };
        let trace = Trace { calls: durations.iter().map(taking).collect(), ..Trace::default() };
        let said = contradictions(&trace, &ended(How::Finished), &own(Vec::new(), &[(PID, Some(0))]));
        assert_eq!(said.iter().any(|said| said.contains("took any time")), is_wrong, "{durations:?}: {said:?}");
    }
}

#[test]
fn without_times_only_the_ends_are_compared() {
    let (mut seen, noted) = written(200_000);
    (seen.enter_ns, seen.duration_ns) = (0, 0);
    let trace = Trace { calls: vec![seen], ..Trace::default() };
    let own = OwnWord { span_ns: None, ..own(vec![noted], &[(PID, Some(256))]) };
    let said = contradictions(&trace, &ended(How::Finished), &own);
    assert_eq!(said, ["process 1 ended with status 0x0, and its end was recorded: status 0x100"]);
}

#[test]
fn each_file_is_the_one_that_the_child_saw() {
    let other = |change: fn(&mut Identity)| {
        changed(|seen, _| {
            let mut identity = identity(FILE);
            change(&mut identity);
            seen.fds[0] = Some(identity);
        })
    };
    let rows = [
        ("another inode", other(|identity| identity.inode = 0), true),
        ("another device", other(|identity| identity.device += 1), true),
        ("another type", other(|identity| identity.mode = libc::S_IFDIR as u16), true),
        ("other permissions", other(|identity| identity.mode ^= 0o111), false),
        (
            "overlayfs, where stat(2) shows another device",
            other(|identity| (identity.magic, identity.device) = (0x794c_7630, 0)),
            false,
        ),
        ("not open", changed(|seen, _| seen.fds[0] = None), true),
        (
            "not open, as the call says",
            changed(|seen, noted| {
                (seen.fds[0], seen.outcome, noted.result) = (None, Outcome::Returned(-9), -9);
            }),
            false,
        ),
        (
            "an anonymous inode, whose type stat(2) hides",
            changed(|_, noted| {
                noted.fds[0] = Some(FileSeen { format: 0, ..FILE });
            }),
            false,
        ),
    ];
    for (sentence, said, is_wrong) in rows {
        assert_eq!(!said.is_empty(), is_wrong, "{sentence}: {said:?}");
        assert!(said.iter().all(|said| said.starts_with("its descriptor in write (call 0)")), "{sentence}: {said:?}");
    }
}

#[test]
fn a_made_descriptor_and_a_replaced_one_are_compared() {
    let (number, args) = (libc::SYS_dup3 as u32, [3, 4, 0, 0, 0, 0]);
    let seen = |fds: [u64; 3]| {
        let [first, second, made] = fds.map(|inode| Some(identity(FileSeen { inode, ..FILE })));
        let mut seen = call(0, number, args, 4).with(|deed| (deed.fds, deed.made) = ([first, second], made));
        seen.enter_ns = 200_000;
        seen
    };
    let file = |inode| Some(FileSeen { inode, ..FILE });
    let span = (199_900, 200_100);
    let noted = NotedCall {
        number,
        args,
        result: 4,
        before_ns: span.0,
        after_ns: span.1,
        fds: [file(1), file(2)],
        made: file(1),
    };
    for (fds, what) in
        [([1, 2, 1], ""), ([9, 2, 1], "its descriptor"), ([1, 9, 1], "its second"), ([1, 2, 9], "its new")]
    {
        let said = about(vec![(seen(fds), noted.clone())]);
        assert_eq!(said.len(), usize::from(!what.is_empty()), "{said:?}");
        assert!(said.iter().all(|said| said.starts_with(what)), "{said:?}");
    }
}

#[test]
fn equal_calls_are_told_apart_by_their_times() {
    let (one, other) = (written(200_000), written(300_000));
    // The second has the file of the first.
    let mut moved = other.clone();
    moved.1.fds[0] = Some(FileSeen { inode: 78, ..FILE });
    assert_eq!(about(vec![one.clone(), moved]).len(), 1);
    // A handler has changed one of two calls: which one, nobody can say.
    let trace = Trace { calls: vec![one.0], ..Trace::default() };
    let said = contradictions(&trace, &ended(How::Finished), &own(vec![one.1, other.1], &[(PID, Some(0))]));
    assert_eq!(said, Vec::<String>::new());
}

#[test]
fn the_clock_of_another_time_namespace_is_not_compared() {
    let (seen, mut noted) = written(200_000);
    (noted.before_ns, noted.after_ns) = (noted.before_ns + 1_000_000, noted.after_ns + 1_000_000);
    assert_eq!(about(vec![(seen, noted)]), Vec::<String>::new());
}

#[test]
fn the_end_of_the_child_is_recorded_once_with_its_status() {
    let rows: [(&str, How, &[Recorded], bool); 9] = [
        ("it finished", How::Finished, &[(PID, Some(0))], false),
        ("it exited with 3", How::Exited(3), &[(PID, Some(3 << 8))], false),
        ("a signal ended it", How::Signal(9), &[(PID, Some(9))], false),
        ("with a core file", How::Signal(11), &[(PID, Some(11 | 0x80))], false),
        ("time was up: then nobody knows", How::TimedOut(std::time::Duration::ZERO), &[], false),
        ("another status", How::Exited(3), &[(PID, Some(0))], true),
        ("no end", How::Finished, &[(PID + 1, Some(0))], true),
        ("two ends", How::Finished, &[(PID, Some(0)), (PID, Some(0))], true),
        ("it lives on, hidden", How::Finished, &[(PID, None)], true),
    ];
    for (sentence, how, recorded, is_wrong) in rows {
        let said = contradictions(&Trace::default(), &ended(how), &own(Vec::new(), recorded));
        assert_eq!(!said.is_empty(), is_wrong, "{sentence}: {said:?}");
    }
}

#[test]
fn the_ends_that_the_child_waited_for_are_recorded_with_their_status() {
    let said = |recorded: &[Recorded]| {
        let mut own = own(Vec::new(), recorded);
        own.diary.ends = vec![(7, 0x500)];
        contradictions(&Trace::default(), &ended(How::Finished), &own)
    };
    let main = (PID, Some(0));
    assert_eq!(said(&[main]), Vec::<String>::new(), "it was not watched");
    assert_eq!(said(&[main, (7, Some(0x500))]), Vec::<String>::new());
    assert_eq!(said(&[main, (7, Some(0)), (7, Some(0x500))]), Vec::<String>::new(), "its number was given again");
    assert_eq!(
        said(&[main, (7, Some(0x600))]),
        ["wait returned status 0x500 for process 7, and its end was recorded: status 0x600"]
    );
}
