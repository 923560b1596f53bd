//! Whether BPF and the witness saw the same: a trace against a testimony, thread by thread and call by call.
//!
//! No I/O: values in, values out. Neither side counts as the truth: a difference shows what each side saw.

use std::collections::BTreeMap;

use crate::judge::matcher::align::{Step, align};
use crate::trace::testimony::Testimony;
use crate::trace::whole::Trace;

mod sights;
mod tables;
mod fields;
mod data;
mod names;
mod permitted;

use fields::Fields;
use names::ComparedNames;
use sights::Sights;
use tables::Tables;

/// One difference between the two. Calls are counted by their place in [`Trace::calls`] and in [`Testimony::calls`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Discrepancy {
    /// Only BPF saw this call.
    OnlyBpf {
        /// The place of the call in the trace.
        bpf: usize,
    },
    /// Only the witness saw this call.
    OnlyPtrace {
        /// The place of the call in the testimony.
        ptrace: usize,
    },
    /// Only the witness saw this call and several after it: too many to list one by one.
    MoreByPtrace {
        /// The place of the first of them.
        ptrace: usize,
        /// How many calls they are.
        count: usize,
    },
    /// Both saw the call, but differently.
    Unlike {
        /// The place of the call in the trace.
        bpf: usize,
        /// The place of the call in the testimony.
        ptrace: usize,
        /// The parts that differ: at least one.
        fields: Vec<Mismatch>,
    },
}

/// A part of a call that both saw differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The name of the part.
    pub what: String,
    /// The value that BPF saw, or that [`Mismatch::source`] implies.
    pub bpf: String,
    /// The value that the witness saw.
    pub ptrace: String,
    /// Where the first value comes from: BPF, unless BPF does not report this part.
    pub source: &'static str,
}

impl Mismatch {
    fn new(what: String, bpf: String, ptrace: String) -> Self {
        Self { what, bpf, ptrace, source: "BPF" }
    }
}

/// The places of one thread's calls: those that BPF saw, and those that the witness saw.
pub(crate) type OneThread = (Vec<usize>, Vec<usize>);

/// The calls of each thread, in the order in which the thread entered them. ptrace gives no order across threads that BPF's
/// order could be compared with.
pub(crate) fn threads(trace: &Trace, testimony: &Testimony) -> BTreeMap<u32, OneThread> {
    let mut threads: BTreeMap<u32, OneThread> = BTreeMap::new();
    for (place, call) in trace.calls.iter().enumerate().filter(|(_, call)| permitted::stops_its_thread(call)) {
        threads.entry(call.tid).or_default().0.push(place);
    }
    for (place, seen) in testimony.calls.iter().enumerate() {
        threads.entry(seen.call.tid).or_default().1.push(place);
    }
    threads
}

/// All differences that are not permitted, thread by thread. Relative names of files, if there are any, are relative to
/// `workspace`.
pub fn compare(trace: &Trace, testimony: &Testimony, workspace: Option<&[u8]>) -> Vec<Discrepancy> {
    let (sights, tables) = (Sights::new(testimony), Tables::new(testimony));
    let with_names = |mut pair: Discrepancy| {
        if let Discrepancy::Unlike { bpf, ptrace, fields } = &mut pair {
            let (call, seen) = (&trace.calls[*bpf], &testimony.calls[*ptrace]);
            fields.extend(data::differences(call, seen));
            fields.extend(ComparedNames { call, seen, sights: &sights, tables: &tables, workspace }.fields());
            (!fields.is_empty()).then_some(pair)
        } else {
            Some(pair)
        }
    };
    let threads = threads(trace, testimony).into_values();
    let aligned = threads.flat_map(|thread| one_thread(&thread, trace, testimony, &tables));
    let mut discrepancies: Vec<_> = aligned.filter_map(with_names).collect();
    permitted::take_out_calls_never_made(&mut discrepancies, trace, testimony);
    discrepancies
}

/// Pairs the calls of one thread. For two equal calls, `Unlike` has no parts.
fn one_thread(
    (bpf, ptrace): &OneThread,
    trace: &Trace,
    testimony: &Testimony,
    tables: &Tables<'_>,
) -> Vec<Discrepancy> {
    let unlike = |b: usize, p: usize| Fields::of(&trace.calls[bpf[b]], &testimony.calls[ptrace[p]], tables);
    let same_call = |b: usize, p: usize| trace.calls[bpf[b]].number == testimony.calls[ptrace[p]].call.number;
    let distance = |b, p| same_call(b, p).then(|| unlike(b, p).len());
    let discrepancy = |step| match step {
        Step::Missing(b) => Discrepancy::OnlyBpf { bpf: bpf[b] },
        Step::Extra(p) => Discrepancy::OnlyPtrace { ptrace: ptrace[p] },
        Step::MoreExtra(p, count) => Discrepancy::MoreByPtrace { ptrace: ptrace[p], count },
        Step::Pair(b, p) => Discrepancy::Unlike { bpf: bpf[b], ptrace: ptrace[p], fields: unlike(b, p) },
    };
    align(bpf.len(), ptrace.len(), distance).map(discrepancy).collect()
}

fn text(bytes: &[u8]) -> String {
    format!("{:?}", bstr::BStr::new(bytes))
}

#[cfg(test)]
pub(crate) mod tests;
