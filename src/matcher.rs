//! Whether a trace is what its expectation says, and what differs.
//!
//! No I/O: values in, values out; the same for a live trace and for one read from an archive.

use std::collections::HashSet;

use crate::ending::{Ending, How};
use crate::expectation::{Body, Expectation};
use crate::syscalls::Class;
use crate::trace::{Call, Trace};

mod align;
mod facts;
mod partial;
mod whole;

/// One way in which a trace is not what was expected. Expected calls are counted by their place in `calls`, `present` or
/// `absent`, observed ones by their place in [`Trace::calls`]; both from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// An expected call is not there.
    Missing {
        /// Which.
        expected: usize,
    },
    /// A call is there that was not expected.
    Extra {
        /// Which.
        observed: usize,
    },
    /// An expected call is there, but out of order.
    Swapped {
        /// Where it was expected.
        expected: usize,
        /// Where it is.
        observed: usize,
    },
    /// A call is there and not as expected.
    Wrong {
        /// Which.
        expected: usize,
        /// As it is.
        observed: usize,
        /// Where they differ; at least one.
        fields: Vec<FieldDifference>,
    },
    /// More calls that were not expected, too many to list.
    MoreExtra {
        /// The first of them.
        observed: usize,
        /// How many calls.
        count: usize,
    },
    /// An entry of `present` is not there as often as it has to be.
    Count {
        /// Which entry.
        present: usize,
        /// How often it is.
        found: usize,
        /// The call that comes nearest to it without being it, and where it differs.
        nearest: Option<(usize, Vec<FieldDifference>)>,
    },
    /// An entry of `absent` is there.
    Unwanted {
        /// Which entry.
        absent: usize,
        /// The first call that it is.
        observed: usize,
        /// How many there are.
        count: usize,
    },
    /// A call's descriptor is another file than the calls before said (partial traces; else it is a field).
    Contradicted {
        /// Which call.
        observed: usize,
        /// The sentence about it.
        field: FieldDifference,
    },
}

/// One value that is not as expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldDifference {
    /// The key in `tests.toml`.
    pub field: &'static str,
    /// What was expected, as `tests.toml` would have it.
    pub expected: String,
    /// What was observed.
    pub observed: String,
}

/// What differs between a trace and its expectation, in the order of the trace; empty if nothing does.
pub fn compare(expectation: &Expectation, trace: &Trace) -> Vec<Difference> {
    let compared = compared(expectation, trace);
    match &expectation.body {
        Body::Whole(calls) => whole::compare(calls, trace, &compared),
        Body::Partial { present, absent } => partial::compare(present, absent, trace, &compared),
    }
}

/// What is wrong with how the workload ended, a sentence; `None` if it ended as expected.
pub fn ending(expectation: &Expectation, ending: &Ending) -> Option<String> {
    let wanted = &expectation.ends;
    let was = if matches!(ending.how, How::Signal(_)) { "was " } else { "" };
    (ending.word().as_ref() != Some(wanted)).then(|| match wanted.as_str() {
        "finished" => format!("the workload was to finish, and it {was}{ending}"),
        "exited" => format!("the workload was to become another program and exit with 0, and it {was}{ending}"),
        signal => format!("the workload was to be killed by {signal}, and it {was}{ending}"),
    })
}

/// The calls that take part in the comparison, by their place in the trace: those that are I/O, and those that the
/// expectation names.
pub fn compared(expectation: &Expectation, trace: &Trace) -> Vec<usize> {
    let named: HashSet<u32> = expectation.calls().map(|call| call.syscall.number).collect();
    let takes_part =
        |call: &Call| named.contains(&call.number) || call.syscall().is_some_and(|syscall| syscall.class == Class::Io);
    trace.calls.iter().enumerate().filter(|(_, call)| takes_part(call)).map(|(at, _)| at).collect()
}
