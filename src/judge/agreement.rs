//! Whether BPF and the witness saw the same: a trace against a testimony, thread by thread and call by call.
//!
//! No I/O: values in, values out. Neither side is taken for the truth: what differs is said of both.

use std::collections::BTreeMap;

use crate::judge::matcher::align::{Step, align};
use crate::trace::testimony::Testimony;
use crate::trace::whole::Trace;

mod sights;
mod tables;
mod fields;
mod names;
mod permitted;

use fields::Fields;
use names::ComparedNames;
use sights::Sights;
use tables::Tables;

/// One way in which the two do not agree. Calls are counted by their place in [`Trace::calls`] and in [`Testimony::calls`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Discrepancy {
    /// BPF alone saw this call.
    OnlyBpf {
        /// Which.
        bpf: usize,
    },
    /// The witness alone saw this call.
    OnlyPtrace {
        /// Which.
        ptrace: usize,
    },
    /// The witness alone saw this call and more after it, too many to be told apart.
    MoreByPtrace {
        /// The first of them.
        ptrace: usize,
        /// How many.
        count: usize,
    },
    /// Both saw the call, and not alike.
    Unlike {
        /// Which call by BPF.
        bpf: usize,
        /// Which one by the witness.
        ptrace: usize,
        /// In what; at least one.
        fields: Vec<Mismatch>,
    },
}

/// A part of a call that both saw, and not alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// What it is, in words.
    pub what: String,
    /// As BPF saw it, or [`Mismatch::source`].
    pub bpf: String,
    /// As the witness saw it.
    pub ptrace: String,
    /// Whose word the first is: that of BPF, but for what BPF does not say.
    pub source: &'static str,
}

impl Mismatch {
    fn new(what: String, bpf: String, ptrace: String) -> Self {
        Self { what, bpf, ptrace, source: "BPF" }
    }
}

/// The calls of one thread, by their places: seen by BPF, seen by the witness.
pub(crate) type OneThread = (Vec<usize>, Vec<usize>);

/// The calls of each thread in the order in which it entered them; across threads ptrace has no order that BPF could be held to.
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

/// All that differs and is not permitted to, by threads. `workspace` is what relative names of files are relative to,
/// if there are any.
pub fn compare(trace: &Trace, testimony: &Testimony, workspace: Option<&[u8]>) -> Vec<Discrepancy> {
    let (sights, tables) = (Sights::new(testimony), Tables::new(testimony));
    let with_names = |mut pair: Discrepancy| {
        if let Discrepancy::Unlike { bpf, ptrace, fields } = &mut pair {
            let (call, seen) = (&trace.calls[*bpf], &testimony.calls[*ptrace]);
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

/// The calls of one thread beside each other; those that are alike are `Unlike` in nothing.
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
