use std::sync::Arc;

use super::*;
use crate::table::syscalls::{Sqe, Syscall};
use crate::trace::call::{Identity, Outcome};
use crate::trace::record::tests::{call_bytes, closed_bytes, data_bytes, end_bytes, name_bytes};

fn number_of(name: &str) -> u32 {
    Syscall::by_name(name).unwrap_or_else(|| panic!("no row for {name}")).number
}

fn assembled(records: &[Vec<u8>], counts: Counts) -> Trace {
    assemble(records.iter().map(Vec::as_slice), counts, Some(b"/ws"))
}

/// A sync(2) for each of these places in the order of entering.
fn syncs(orders: &[u64]) -> Vec<Vec<u8>> {
    orders.iter().map(|&order| call_bytes(order, number_of("sync"), 0, b"", 0)).collect()
}

/// The counts of a whole trace of so many calls.
fn whole(calls: u64) -> Counts {
    Counts { seen: calls, emitted: calls, ends: 1, received: calls, ends_received: 1, ..Counts::default() }
}

#[test]
fn calls_are_put_into_the_order_in_which_they_were_entered() {
    let orders = |trace: &Trace| trace.calls.iter().map(|call| call.order).collect::<Vec<_>>();
    let rows: [(&str, &[u64], &[u64]); 4] = [
        ("none", &[], &[]),
        ("in order already", &[0, 1, 2], &[0, 1, 2]),
        ("a call that took long comes after those that began later", &[1, 2, 0], &[0, 1, 2]),
        ("a gap stays a gap", &[9, 0, 4], &[0, 4, 9]),
    ];
    for (sentence, given, expected) in rows {
        assert_eq!(orders(&assembled(&syncs(given), Counts::default())), expected, "{sentence}");
    }
}

#[test]
fn calls_that_are_alike_share_what_they_were() {
    let close = call_bytes(1, number_of("close"), 3, b"", 0);
    let calls = assembled(&[syncs(&[0]), vec![close], syncs(&[2, 3])].concat(), Counts::default()).calls;
    let shares = |one: &Call, other: &Call| Arc::ptr_eq(&one.deed, &other.deed);
    let first = &calls[0];
    assert_eq!([1, 2, 3].map(|at| shares(first, &calls[at])), [false, true, true]);
    let other = calls[3].clone().with(|deed| deed.number = 9);
    assert_eq!((other.number, first.number), (9, number_of("sync")), "who changes a call has it alone");
}

/// IORING_OP_READ as the call with this number, and one of its completions.
fn read_request(order: u64) -> Call {
    let call = assembled(&syncs(&[order]), Counts::default()).calls.remove(0);
    let request = RingRequest { sqe: Sqe([22, 0, 0, 0, 7, 0]), ..RingRequest::default() };
    call.with(|deed| (deed.number, deed.request) = (number_of("IORING_OP_READ"), Some(request)))
}

fn completion(request: u64, order: u64, ret: i64) -> Vec<u8> {
    let call = read_request(order);
    // Any but the last has a number of its own.
    let more = call.request.map(|entry| RingRequest { more: request != order, ..entry });
    let call = call.with(|deed| (deed.outcome, deed.request) = (Outcome::Returned(ret), more));
    record::encode_completion(1, &call, request)
}

#[test]
fn a_request_is_joined_with_its_completions() {
    let submitted = [record::encode(1, &read_request(0)), record::encode(1, &read_request(1))];
    let completed = [completion(1, 1, 11), completion(0, 3, 33), completion(0, 0, 10)];
    let sync = syncs(&[2]);
    let trace = assembled(&[&submitted[..], &completed, &sync].concat(), Counts::default());
    let said: Vec<_> = trace.calls.iter().map(|call| (call.order, call.name(), call.success())).collect();
    let read = || "IORING_OP_READ".to_owned();
    let expected =
        [(0, read(), Some(10)), (1, read(), Some(11)), (2, "sync".to_owned(), Some(0)), (3, read(), Some(33))];
    assert_eq!(said, expected, "each where it was submitted, and a completion more where it came");
    assert_eq!((trace.counts.received, trace.counts.submissions_received), (4, 2));
}

#[test]
fn half_of_a_request_is_a_loss() {
    let submission = record::encode(1, &read_request(0));
    let rows = [
        ("its submission", completion(0, 0, 1), "1 requests were submitted and 0 received"),
        ("its completion", submission, "1 records were emitted and 0 received"),
    ];
    for (sentence, record, expected) in rows {
        let counts = Counts { submitted: 1, ..whole(1) };
        let trace = assembled(&[record, end_bytes(1)], counts);
        let losses = trace.losses().sentences();
        assert!(losses.contains(&expected.to_owned()), "without {sentence}: {losses:?}");
    }
}

#[test]
fn what_was_received_is_counted_and_what_bpf_counted_is_kept() {
    let bad = |length: usize| vec![0; length];
    let records = [syncs(&[0, 1, 2]), vec![end_bytes(3)], (0..7).map(bad).collect()].concat();
    let counted = Counts { seen: 3, emitted: 4, refused: 5, strays: 6, ends: 7, ..Counts::default() };
    let trace = assembled(&records, counted);
    assert_eq!(trace.counts, Counts { received: 3, ends_received: 1, undecoded: 7, ..counted });
    assert_eq!(trace.bad_records.len(), 5, "the first five of seven are described");
    assert_eq!(trace.bad_records[4], "4 bytes are less than a header");
}

/// A close_range of all descriptors, as the call of this number.
fn close_range(order: u64, ret: i64) -> Vec<u8> {
    let Ok(Record::Call(call, _)) = record::decode(&call_bytes(order, number_of("close_range"), 0, b"", ret)) else {
        panic!("no call")
    };
    record::encode(1, &call.with(|deed| deed.args[1] = u32::MAX.into()))
}

#[test]
fn what_close_range_closes_comes_before_it() {
    let records = |ret| {
        let names = [name_bytes(7, &[b"a", b"ws"]), name_bytes(8, &[b"b"])];
        let closed = [closed_bytes(0, 3, 7), closed_bytes(0, 4, 8), closed_bytes(0, 5, 9)];
        [&names[..], &closed, &[close_range(0, ret), close_range(1, ret)]].concat()
    };
    let closes = |ret| assembled(&records(ret), Counts::default()).calls.remove(0).files.closes.clone();
    assert_eq!(closes(0), [b"a".as_slice(), b"/b", b"descriptor 5"], "the last one's name has not come");
    assert!(closes(-22).is_empty(), "it failed");
    let trace = assembled(&records(0), Counts::default());
    assert_eq!((trace.calls[1].files.closes.len(), trace.counts.told_received), (0, 5), "they were those of the first");
    assert_eq!(trace.counts.unnamed, 1, "the name of descriptor 5");
}

#[test]
fn no_more_names_are_kept_than_can_be_used() {
    let mut decoder = Decoder::new(None);
    for id in 0..NAMES as u64 + 10 {
        assert_eq!(decoder.take(&name_bytes(id, &[b"x"])), None);
    }
    assert_eq!(
        (decoder.names.len(), decoder.names.contains_key(&9), decoder.names.contains_key(&10)),
        (NAMES, false, true)
    );
    for (id, unnamed) in [(9, 0), (NAMES as u64 + 10, 1)] {
        decoder.take(&closed_bytes(id, 3, id));
        decoder.take(&close_range(id, 0));
        assert_eq!(decoder.counts().unnamed, unnamed, "a name that was forgotten is none that never came");
    }
}

#[test]
fn every_record_is_received_whatever_it_says() {
    let mut decoder = Decoder::new(None);
    let names = (0..7).map(|id| name_bytes(id, &[b"x"]));
    let bad = (0..11).map(|length| vec![0; length]);
    let requests = (5..10).map(|order| record::encode(1, &read_request(order)));
    let data = [data_bytes([1, 0, 3], b"one"), data_bytes([1, 0, 3], b"two")];
    let records = syncs(&[0, 1]).into_iter().chain((0..3).map(end_bytes)).chain(requests).chain(names).chain(bad);
    let records = records.chain(data);
    for (before, bytes) in records.enumerate() {
        assert_eq!(decoder.received(), before as u64);
        decoder.take(&bytes);
    }
    assert_eq!(decoder.received(), 30);
}

#[test]
fn a_process_that_becomes_another_program_is_hidden_and_none_that_ends() {
    let hidden = |seen| {
        let mut bytes = end_bytes(seen);
        bytes[std::mem::offset_of!(crate::table::layout::RecordHeader, state)] = crate::table::layout::HIDDEN;
        bytes
    };
    let mut decoder = Decoder::new(None);
    for (bytes, seen, status, count) in
        [(end_bytes(5), 5, Some(0), 0), (hidden(6), 6, None, 1), (hidden(7), 7, None, 2), (end_bytes(8), 8, Some(0), 2)]
    {
        assert_eq!(decoder.take(&bytes), Some(Decoded::End { pid: 77, seen, status }));
        assert_eq!(decoder.counts().hidden, count);
    }
}

const FILE: Identity = Identity { device: 1, inode: 7, magic: 0xef53, mode: 0o100_644, flags: 0, cloexec: false };

/// A request of this name whose entry has this second byte, the flags.
fn request(name: &str, flags: u8) -> Call {
    let entry = RingRequest { sqe: Sqe([u64::from(flags) << 8, 0, 0, 0, 0, 0]), ..RingRequest::default() };
    read_request(0).with(|deed| (deed.number, deed.request) = (number_of(name), Some(entry)))
}

fn completed(request: &Call, ret: i64, change: impl FnOnce(&mut Completion)) -> (Call, Ids) {
    let mut completion = Completion {
        request: 0,
        order: 4,
        outcome: Outcome::Returned(ret),
        duration_ns: 9,
        worker: false,
        more: false,
        ambiguous: false,
        used: None,
        made: None,
        pair: ([None; 2], None),
    };
    change(&mut completion);
    let ids = Ids { fds: [1, 2], made: 3, cwd: 4, root: 5 };
    joined(request, ids, completion, Ids { fds: [10, 20], made: 30, cwd: 40, root: 50 })
}

#[test]
fn how_a_request_ended_is_what_its_completion_says() {
    let how = |change: fn(&mut Completion)| {
        let (call, ids) = completed(&request("IORING_OP_READ", 0), 5, change);
        assert_eq!((call.order, call.duration_ns, call.success()), (4, 9, Some(5)));
        assert_eq!((ids.fds, ids.made, ids.cwd), ([1, 2], 3, 4), "the names are those of the request");
        call.request.map(|entry| [entry.worker, entry.more, entry.ambiguous])
    };
    assert_eq!(how(|_| {}), Some([false; 3]));
    assert_eq!(how(|completion| completion.worker = true), Some([true, false, false]));
    assert_eq!(how(|completion| completion.more = true), Some([false, true, false]));
    assert_eq!(how(|completion| completion.ambiguous = true), Some([false, false, true]));
}

#[test]
fn the_flag_of_a_descriptor_is_that_of_the_request_unless_it_is_another_file_by_now() {
    let used = |before: Option<Identity>, used: Identity| {
        let request = request("IORING_OP_READ", 0).with(|deed| deed.fds[0] = before);
        let (call, ids) = completed(&request, 5, |completion| completion.used = Some(used));
        assert_eq!(ids.fds, [10, 2]);
        call.fds[0].map(|file| (file.inode, file.cloexec))
    };
    let marked = Identity { cloexec: true, ..FILE };
    assert_eq!(used(Some(marked), FILE), Some((7, true)));
    assert_eq!(used(Some(FILE), FILE), Some((7, false)));
    assert_eq!(used(None, FILE), Some((7, false)));
    assert_eq!(used(Some(marked), Identity { inode: 8, ..FILE }), Some((8, false)), "another file");
    assert_eq!(used(Some(marked), Identity { device: 2, ..FILE }), Some((7, false)), "of another filesystem");
}

#[test]
fn the_file_that_a_request_used_is_that_of_its_own_descriptor() {
    let used = |name: &str, flags| {
        let (call, ids) = completed(&request(name, flags), 5, |completion| completion.used = Some(FILE));
        (call.fds.map(|file| file.is_some()), ids.fds)
    };
    assert_eq!(used("IORING_OP_READ", 0), ([true, false], [10, 2]));
    assert_eq!(used("IORING_OP_SPLICE", 0), ([false, true], [1, 10]), "a splice writes to it");
    assert_eq!(used("IORING_OP_READ", Sqe::FIXED_FILE), ([false, false], [1, 2]), "an index is no descriptor");
}

#[test]
fn only_a_result_that_is_a_descriptor_has_a_file() {
    let made = |name: &str, ret| {
        let (call, ids) = completed(&request(name, 0), ret, |completion| completion.made = Some(FILE));
        (call.made.is_some(), ids.made)
    };
    assert_eq!(made("IORING_OP_OPENAT", 3), (true, 30));
    assert_eq!(made("IORING_OP_OPENAT", -2), (false, 3));
    assert_eq!(made("IORING_OP_READ", 3), (false, 3));
}

#[test]
fn a_pair_is_that_of_a_request_that_made_one() {
    let both = ([Some(FILE), Some(FILE)], Some(vec![3, 0, 0, 0, 4, 0, 0, 0]));
    let made = |name: &str, ret| {
        let (call, ids) = completed(&request(name, 0), ret, |completion| completion.pair = both.clone());
        (call.fds.map(|file| file.is_some()), call.pair(), ids.fds)
    };
    assert_eq!(made("IORING_OP_PIPE", 0), ([true, true], Some([3, 4]), [10, 20]));
    assert_eq!(made("IORING_OP_PIPE", -24), ([false, false], None, [10, 20]));
    assert_eq!(made("IORING_OP_READ", 0), ([false, false], None, [1, 2]));
    let indices = request("IORING_OP_PIPE", 0).with(|deed| deed.args[2] = 1);
    let (call, _) = completed(&indices, 0, |completion| completion.pair = both.clone());
    assert_eq!((call.fds, call.pair()), ([None; 2], None), "they are in the ring's own table");
}

#[test]
fn data_without_its_call_is_bad_unless_calls_were_refused() {
    let records = [data_bytes([1, 0, 3], b"one")];
    let bad = |refused| assembled(&records, Counts { refused, ..Counts::default() }).bad_records;
    assert_eq!(bad(0), ["call 9 has data or closes files, and has no record"]);
    assert_eq!(bad(1), Vec::<String>::new());
}

#[test]
fn what_was_read_is_not_read_again_late() {
    let late = |mut bytes: Vec<u8>| {
        bytes[std::mem::offset_of!(crate::table::layout::RecordHeader, late)] = crate::table::layout::LATE_DATA;
        bytes
    };
    let call = || call_bytes(9, number_of("write"), 3, b"", 0);
    let bad = |first: Vec<u8>| {
        let records = [first, late(data_bytes([1, 0, 3], b"one")), call()];
        assembled(&records, Counts::default()).bad_records
    };
    assert_eq!(bad(data_bytes([1, 0, 3], b"one")), ["argument 1 of call 9 was read, and was read again late"]);
    assert_eq!(bad(data_bytes([1, 0, 3], b"on")), Vec::<String>::new(), "it was not whole");
    assert_eq!(bad(late(data_bytes([1, 0, 3], b"one"))), Vec::<String>::new());
    assert_eq!(bad(data_bytes([2, 0, 3], b"one")), Vec::<String>::new(), "that is another argument");
}
