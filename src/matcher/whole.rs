//! A whole trace: every call, in order.

use std::collections::{HashMap, HashSet};

use super::Difference;
use super::align::{Step, align};
use super::facts::{self, Bindings};
use crate::expectation::ExpectedCall;
use crate::trace::Trace;

/// What differs, in the order of the trace. `compared` are the places of the calls that take part.
pub(super) fn compare(expected: &[ExpectedCall], trace: &Trace, compared: &[usize]) -> Vec<Difference> {
    let distance = |e: usize, o: usize| {
        let (wanted, call) = (&expected[e], &trace.calls[compared[o]]);
        (wanted.syscall.number == call.number).then(|| facts::distance(wanted, call))
    };
    let steps = align(expected.len(), compared.len(), distance);
    let swaps = Swaps::find(&steps, |e, o| distance(e, o) == Some(0));
    let mut bindings = Bindings::default();
    let mut differences = Vec::new();
    for step in steps {
        match step {
            Step::Pair(e, o) => {
                let observed = compared[o];
                let fields = facts::differences(&expected[e], e + 1, &trace.calls[observed], &mut bindings);
                if !fields.is_empty() {
                    differences.push(Difference::Wrong { expected: e, observed, fields });
                }
            }
            Step::Missing(e) => match swaps.observed.get(&e) {
                Some(&o) => {
                    facts::bind_all(&expected[e], e + 1, &trace.calls[compared[o]], &mut bindings);
                    differences.push(Difference::Swapped { expected: e, observed: compared[o] });
                }
                None => differences.push(Difference::Missing { expected: e }),
            },
            // One that is expected elsewhere is said there.
            Step::Extra(o) if swaps.expected_elsewhere.contains(&o) => {}
            Step::Extra(o) => differences.push(Difference::Extra { observed: compared[o] }),
            Step::MoreExtra(o, count) => differences.push(Difference::MoreExtra { observed: compared[o], count }),
        }
    }
    differences
}

/// Missing calls that are among the extra ones.
struct Swaps {
    observed: HashMap<usize, usize>,
    expected_elsewhere: HashSet<usize>,
}

impl Swaps {
    fn find(steps: &[Step], equal: impl Fn(usize, usize) -> bool) -> Self {
        let mut extra: Vec<usize> =
            steps.iter().filter_map(|step| if let Step::Extra(o) = step { Some(*o) } else { None }).collect();
        let mut swaps = Self { observed: HashMap::new(), expected_elsewhere: HashSet::new() };
        for step in steps {
            let Step::Missing(e) = *step else { continue };
            if let Some(place) = extra.iter().position(|&o| equal(e, o)) {
                let o = extra.remove(place);
                swaps.observed.insert(e, o);
                swaps.expected_elsewhere.insert(o);
            }
        }
        swaps
    }
}
