//! Pairs the threads of a trace with those of the table: each with the thread whose calls are most similar.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashMap;

use super::align::{Step, align};
use super::{Strand, ThreadLabel, facts};
use crate::judge::expectation::{ExpectedThread, Sequence};
use crate::trace::whole::Trace;

/// How many of a thread's calls decide its similarity. Each thread of the table is compared with each thread of the trace.
const LOOKED_AT: usize = 64;

/// The threads of the table in its order, each with its calls, and then all other threads.
pub(super) fn strands<'e>(threads: &'e [ExpectedThread], trace: &Trace, compared: &[usize]) -> Vec<Strand<'e>> {
    let mut observed = by_thread(trace, compared);
    let pairs = pairs(threads, trace, &observed);
    let mut first = 0;
    let mut strands = Vec::new();
    for (at, thread) in threads.iter().enumerate() {
        let (tid, calls) = pairs.get(&at).map_or((None, Vec::new()), |&there| {
            let (tid, calls) = &mut observed[there];
            (Some(*tid), std::mem::take(calls))
        });
        let named = ThreadLabel { name: Some(&thread.name), tid };
        strands.push(Strand { thread: Some(named), expected: Cow::Borrowed(&thread.calls), first, observed: calls });
        first += thread.calls.len();
    }
    let others = observed.into_iter().filter(|(_, calls)| !calls.is_empty()).map(|(tid, calls)| Strand {
        thread: Some(ThreadLabel { name: None, tid: Some(tid) }),
        expected: Cow::Owned(Sequence::default()),
        first,
        observed: calls,
    });
    strands.extend(others);
    strands
}

/// The calls of each thread. The threads are in the order of their first calls.
fn by_thread(trace: &Trace, compared: &[usize]) -> Vec<(u32, Vec<usize>)> {
    let mut places = HashMap::new();
    let mut threads: Vec<(u32, Vec<usize>)> = Vec::new();
    for &at in compared {
        let tid = trace.calls[at].tid;
        let place = *places.entry(tid).or_insert_with(|| {
            threads.push((tid, Vec::new()));
            threads.len() - 1
        });
        threads[place].1.push(at);
    }
    threads
}

/// The observed thread for each expected one. The most similar are paired first, and of equals the first.
fn pairs(threads: &[ExpectedThread], trace: &Trace, observed: &[(u32, Vec<usize>)]) -> HashMap<usize, usize> {
    let mut all = Vec::new();
    for (at, thread) in threads.iter().enumerate() {
        let likeness = observed.iter().map(|(_, calls)| likeness(&thread.calls, trace, calls));
        all.extend(likeness.enumerate().map(|(there, likeness)| (likeness, at, there)));
    }
    all.sort_by_key(|&(likeness, at, there)| (Reverse(likeness), at, there));
    let mut pairs = HashMap::new();
    let mut taken = vec![false; observed.len()];
    for (_, at, there) in all {
        if !taken[there] && !pairs.contains_key(&at) {
            pairs.insert(at, there);
            taken[there] = true;
        }
    }
    pairs
}

/// Whether all calls are as expected. If not, how many of the first calls are, after alignment.
fn likeness(expected: &Sequence, trace: &Trace, observed: &[usize]) -> (bool, usize) {
    let distance = |e: usize, o: usize| facts::distance(expected.at(e), &trace.calls[observed[o]]);
    let (all, there) = (expected.len(), observed.len());
    if all == there && (0..all).all(|at| distance(at, at) == Some(0)) {
        return (true, all);
    }
    let steps = align(all.min(LOOKED_AT), there.min(LOOKED_AT), distance);
    (false, steps.filter(|&step| matches!(step, Step::Pair(e, o) if distance(e, o) == Some(0))).count())
}
