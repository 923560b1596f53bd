//! Compares a whole trace: every call, in order.

use std::collections::{HashMap, HashSet};

use super::align::{Step, align};
use super::facts::{self, Bindings};
use super::{Difference, Strand};
use crate::trace::whole::Trace;

/// The differences, in the order of the trace. `bindings` come from earlier strands, and gain those of this one.
pub(super) fn compare<'e>(strand: &'e Strand<'_>, trace: &Trace, bindings: &mut Bindings<'e>) -> Vec<Difference> {
    let Strand { expected, first, observed, .. } = strand;
    let call = |o: usize| &trace.calls[observed[o]];
    let distance = |e: usize, o: usize| facts::distance(expected.at(e), call(o));
    let steps = align(expected.len(), observed.len(), distance);
    let swaps = Swaps::find(steps.clone(), |e, o| distance(e, o) == Some(0));
    let mut differences = Vec::new();
    for step in steps {
        match step {
            Step::Pair(e, o) => {
                let fields = facts::differences(expected.at(e), first + e + 1, call(o), bindings);
                if !fields.is_empty() {
                    let wrong = Difference::Wrong { expected: first + e, observed: observed[o], fields };
                    let meets =
                        |e: usize, o: usize| facts::meets_all(expected.at(e - first), &trace.calls[o], bindings);
                    add_wrong(&mut differences, wrong, meets);
                }
            }
            Step::Missing(e) => match swaps.observed.get(&e) {
                Some(&(o, with)) => {
                    facts::bind_all(expected.at(e), first + e + 1, call(o), bindings);
                    let with = with.map(|with| first + with);
                    differences.push(Difference::Swapped { expected: first + e, observed: observed[o], with });
                }
                None => differences.push(Difference::Missing { expected: first + e }),
            },
            // A call that is expected elsewhere is reported there.
            Step::Extra(o) if swaps.expected_elsewhere.contains(&o) => {}
            Step::Extra(o) => differences.push(Difference::Extra { observed: observed[o] }),
            Step::MoreExtra(o, count) => differences.push(Difference::MoreExtra { observed: observed[o], count }),
        }
        if let Step::Pair(e, _) | Step::Missing(e) = step {
            bindings.forget(expected.names_until(e));
        }
    }
    differences
}

/// Adds a wrong call. If the previous difference is a wrong call too, and each is as the other one must be, the two are swapped:
/// calls of one name that differ only in what is bound to a name.
fn add_wrong(differences: &mut Vec<Difference>, wrong: Difference, meets: impl Fn(usize, usize) -> bool) {
    if let Some(Difference::Wrong { expected: before, observed: there, .. }) = differences.last()
        && let Difference::Wrong { expected, observed, .. } = wrong
        && let (before, there) = (*before, *there)
        && meets(before, observed)
        && meets(expected, there)
    {
        differences.pop();
        differences.push(Difference::Swapped { expected: before, observed, with: Some(expected) });
        if expected != before + 1 {
            differences.push(Difference::Swapped { expected, observed: there, with: Some(before) });
        }
        return;
    }
    differences.push(wrong);
}

/// Finds missing calls among the extra ones.
struct Swaps {
    /// The observed call for each missing one, and the missing call's neighbour if the two are swapped.
    observed: HashMap<usize, (usize, Option<usize>)>,
    expected_elsewhere: HashSet<usize>,
}

impl Swaps {
    fn find(steps: impl Iterator<Item = Step> + Clone, equal: impl Fn(usize, usize) -> bool) -> Self {
        let mut extra: Vec<usize> =
            steps.clone().filter_map(|step| if let Step::Extra(o) = step { Some(o) } else { None }).collect();
        let mut swaps = Self { observed: HashMap::new(), expected_elsewhere: HashSet::new() };
        for step in steps.clone() {
            let Step::Missing(e) = step else { continue };
            if let Some(place) = extra.iter().position(|&o| equal(e, o)) {
                let o = extra.remove(place);
                swaps.observed.insert(e, (o, None));
                swaps.expected_elsewhere.insert(o);
            }
        }
        if !swaps.observed.is_empty() {
            swaps.find_neighbours(steps);
        }
        swaps
    }

    /// Notes which calls are swapped with their neighbour: only one call is between where it is expected and where it is.
    fn find_neighbours(&mut self, steps: impl Iterator<Item = Step>) {
        let (mut before, mut last) = (None, None);
        for step in steps {
            let around = match (before, last, step) {
                (Some(Step::Missing(e)), Some(Step::Pair(with, _)), Step::Extra(o))
                | (Some(Step::Extra(o)), Some(Step::Pair(with, _)), Step::Missing(e)) => Some((e, o, with)),
                _ => None,
            };
            if let Some((e, o, neighbour)) = around
                && let Some((found, with)) = self.observed.get_mut(&e)
                && *found == o
            {
                *with = Some(neighbour);
            }
            (before, last) = (last, Some(step));
        }
    }
}
