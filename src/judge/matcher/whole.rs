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
                    differences.push(Difference::Wrong { expected: first + e, observed: observed[o], fields });
                }
            }
            Step::Missing(e) => match swaps.observed.get(&e) {
                Some(&o) => {
                    facts::bind_all(expected.at(e), first + e + 1, call(o), bindings);
                    differences.push(Difference::Swapped { expected: first + e, observed: observed[o] });
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

/// Finds missing calls among the extra ones.
struct Swaps {
    observed: HashMap<usize, usize>,
    expected_elsewhere: HashSet<usize>,
}

impl Swaps {
    fn find(steps: impl Iterator<Item = Step> + Clone, equal: impl Fn(usize, usize) -> bool) -> Self {
        let mut extra: Vec<usize> =
            steps.clone().filter_map(|step| if let Step::Extra(o) = step { Some(o) } else { None }).collect();
        let mut swaps = Self { observed: HashMap::new(), expected_elsewhere: HashSet::new() };
        for step in steps {
            let Step::Missing(e) = step else { continue };
            if let Some(place) = extra.iter().position(|&o| equal(e, o)) {
                let o = extra.remove(place);
                swaps.observed.insert(e, o);
                swaps.expected_elsewhere.insert(o);
            }
        }
        swaps
    }
}
