//! Finds what pointers lead to, where two observations of one call differ in it.

use super::{Mismatch, permitted};
use crate::judge::matcher::content::show_found;
use crate::table::blocks::{self, Direction};
use crate::trace::call::{Bytes, Call, ContentState, Data};
use crate::trace::testimony::Seen;

/// All arguments that lead to something else for BPF than for the witness.
pub(super) fn differences(bpf: &Call, seen: &Seen) -> Vec<Mismatch> {
    let ptrace = &seen.call;
    let is_known = !(bpf.data.is_empty() && ptrace.data.is_empty());
    let Some(row) = bpf.syscall().filter(|_| is_known && !permitted::may_hold_otherwise(bpf, seen)) else {
        return Vec::new();
    };
    let of_block = |block: &blocks::Block| {
        let at = row.arg(block.arg)?;
        let [one, other] = [bpf, ptrace].map(|call| parts(call, at));
        let is_filled_in = blocks::of(row).iter().any(|one| one.arg == block.arg && one.way != Direction::In);
        let outcomes = [bpf.outcome, ptrace.outcome];
        let is_permitted = permitted::may_lead_otherwise(one.clone(), other.clone(), is_filled_in, outcomes);
        let is_same = is_permitted || one.clone().count() == other.clone().count() && one.zip(other).all(is_alike);
        let what = format!("what {} leads to", block.arg);
        (!is_same).then(|| Mismatch::new(what, shown(bpf, at), shown(ptrace, at)))
    };
    let of_none = |at: usize| {
        let counts = [bpf, ptrace].map(|call| parts(call, at).count());
        let is_odd = blocks::of_arg(row, at, &bpf.args).is_none() && counts[0] != counts[1];
        is_odd.then(|| {
            let [ours, others] = counts.map(|count| format!("{count} parts"));
            Mismatch::new(format!("what argument {at} leads to, which leads nowhere"), ours, others)
        })
    };
    let blocks = blocks::of_args(row, &bpf.args).filter_map(of_block);
    blocks.chain((0..bpf.args.len()).filter_map(of_none)).collect()
}

fn parts(call: &Call, at: usize) -> impl Iterator<Item = &Data> + Clone {
    call.data.iter().filter(move |data| usize::from(data.arg) == at)
}

fn is_alike((one, other): (&Data, &Data)) -> bool {
    let is_place_alike = one.part == other.part;
    match (&one.bytes, &other.bytes) {
        (Bytes::Read(bytes), Bytes::Read(others)) => is_place_alike && one.size == other.size && bytes == others,
        (Bytes::Unreadable(_), Bytes::Unreadable(_)) => is_place_alike,
        (Bytes::Read(_), Bytes::Unreadable(_)) | (Bytes::Unreadable(_), Bytes::Read(_)) => false,
    }
}

fn shown(call: &Call, at: usize) -> String {
    let Some((content, state)) = call.content(at) else { return "nothing".to_owned() };
    let content = content.map(|content| show_found(&content, None));
    let sizes = || parts(call, at).map(|data| data.size).sum::<u64>();
    match (content, state) {
        (Some(content), ContentState::Whole | ContentState::Late) => content,
        (Some(content), ContentState::Cut) => format!("{content} of {} bytes", sizes()),
        (Some(content), ContentState::Unreadable) => format!("{content} and an unreadable part"),
        (None, state) => state.word().to_owned(),
    }
}

#[cfg(test)]
mod tests;
