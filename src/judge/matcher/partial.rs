//! Compares a part of a trace: the calls that must occur, and those that must not.

use super::facts::{self, Bindings};
use super::{Difference, FieldDifference};
use crate::judge::expectation::{ExpectedCall, Present, Times};
use crate::trace::whole::Trace;

/// The differences in `present`, then in `absent`, then the descriptors that are other files than earlier calls implied.
pub(super) fn compare(
    present: &[Present],
    absent: &[ExpectedCall],
    trace: &Trace,
    compared: &[usize],
) -> Vec<Difference> {
    let counts = present.iter().enumerate().filter_map(|(at, entry)| {
        let found = found(&entry.call, trace, compared).count();
        let enough = match entry.times {
            Times::AtLeast(count) => found >= count,
            Times::Exactly(count) => found == count,
        };
        let too_few = match entry.times {
            Times::AtLeast(count) | Times::Exactly(count) => found < count,
        };
        let nearest = if too_few { nearest(&entry.call, trace, compared) } else { None };
        (!enough).then_some(Difference::Count { present: at, found, nearest })
    });
    let unwanted = absent.iter().enumerate().filter_map(|(at, entry)| {
        let mut found = found(entry, trace, compared);
        let observed = found.next()?;
        Some(Difference::Unwanted { absent: at, observed, count: found.count() + 1 })
    });
    let contradicted = compared.iter().filter_map(|&observed| {
        let field = facts::contradiction(&trace.calls[observed])?;
        Some(Difference::Contradicted { observed, field })
    });
    counts.chain(unwanted).chain(contradicted).collect()
}

/// The calls that match an entry, by their place in the trace.
fn found<'a>(entry: &'a ExpectedCall, trace: &'a Trace, compared: &'a [usize]) -> impl Iterator<Item = usize> + 'a {
    of_name(entry, trace, compared).filter(|&at| facts::satisfies(entry, &trace.calls[at]))
}

fn of_name<'a>(entry: &'a ExpectedCall, trace: &'a Trace, compared: &'a [usize]) -> impl Iterator<Item = usize> + 'a {
    compared.iter().copied().filter(|&at| facts::is_same_call(entry, &trace.calls[at]))
}

/// The call with the entry's name that differs in the fewest fields, but in at least one.
fn nearest(entry: &ExpectedCall, trace: &Trace, compared: &[usize]) -> Option<(usize, Vec<FieldDifference>)> {
    let (_, at) = of_name(entry, trace, compared)
        .filter_map(|at| Some((facts::distance(entry, &trace.calls[at])?, at)))
        .filter(|&(_, at)| !facts::satisfies(entry, &trace.calls[at]))
        .min()?;
    Some((at, facts::field_differences(entry, 0, &trace.calls[at], &mut Bindings::default())))
}
