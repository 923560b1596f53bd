use std::sync::Arc;

use super::*;
use crate::table::syscalls::{Sqe, Syscall};
use crate::trace::call::Outcome;
use crate::trace::record::tests::{call_bytes, closed_bytes, end_bytes, name_bytes};

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
