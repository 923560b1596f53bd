//! Compares a trace with its expectation, and lists the differences.
//!
//! No I/O: values in, values out. It makes no difference whether the trace is live or from an archive.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use crate::child::ending::{Ending, How, Phase};
use crate::judge::expectation::{Body, Expectation, Sequence};
use crate::table::syscalls::Class;
use crate::trace::call::Call;
use crate::trace::whole::Trace;

pub(crate) mod align;
pub(crate) mod content;
pub(crate) mod facts;
mod partial;
mod threads;
mod whole;

/// A trace with its expectation, and the differences.
#[derive(Clone, Debug)]
pub enum TraceComparison<'e> {
    /// Compares every call, in order: of the whole trace, or of each thread.
    Whole(Vec<(Strand<'e>, Vec<Difference>)>),
    /// Compares `present` and `absent`.
    Partial {
        /// The compared calls, by their place in [`Trace::calls`].
        observed: Vec<usize>,
        /// The differences.
        differences: Vec<Difference>,
    },
}

impl TraceComparison<'_> {
    /// The differences, in the order of the trace or thread by thread. Empty if the trace is as expected.
    pub fn differences(&self) -> impl Iterator<Item = &Difference> {
        let (strands, partial) = match self {
            Self::Whole(strands) => (strands.as_slice(), &[][..]),
            Self::Partial { differences, .. } => (&[][..], differences.as_slice()),
        };
        strands.iter().flat_map(|(_, differences)| differences).chain(partial)
    }
}

/// Expected calls with the observed calls to compare: a whole trace, or one thread's part of it.
#[derive(Clone, Debug)]
pub struct Strand<'e> {
    /// The thread, if the table has several.
    pub thread: Option<ThreadLabel<'e>>,
    /// The expected calls.
    pub expected: Cow<'e, Sequence>,
    /// The number of expected calls in earlier strands. A [`Difference`] counts across all strands, [`Strand::expected`] does
    /// not.
    pub first: usize,
    /// The observed calls, by their place in [`Trace::calls`].
    pub observed: Vec<usize>,
}

/// A thread of the table, of the trace, or of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadLabel<'e> {
    /// Its name in the table. `None` if the table has no such thread.
    pub name: Option<&'e str>,
    /// Its number in the trace. `None` if the trace has no such thread.
    pub tid: Option<u32>,
}

impl fmt::Display for ThreadLabel<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            ThreadLabel { name: Some(name), tid: Some(tid) } => write!(f, "thread {name} ({tid})"),
            ThreadLabel { name: Some(name), tid: None } => write!(f, "thread {name}"),
            ThreadLabel { name: None, tid: Some(tid) } => write!(f, "another thread ({tid})"),
            ThreadLabel { name: None, tid: None } => f.write_str("another thread"),
        }
    }
}

/// One difference between a trace and its expectation. Expected calls are counted by their place in `calls`, `present` or
/// `absent`, or across all `threads` in turn. Observed calls are counted by their place in [`Trace::calls`]. Both start at 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// An expected call is missing.
    Missing {
        /// The place of the expected call.
        expected: usize,
    },
    /// The trace has a call that was not expected.
    Extra {
        /// The place of the observed call.
        observed: usize,
    },
    /// An expected call occurs, but out of order.
    Swapped {
        /// The place of the expected call.
        expected: usize,
        /// The place of the observed call.
        observed: usize,
        /// The place of the expected call with which it is swapped, if the two are in each other's place.
        with: Option<usize>,
    },
    /// A call occurs, but not as expected.
    Wrong {
        /// The place of the expected call.
        expected: usize,
        /// The place of the observed call.
        observed: usize,
        /// The fields that differ: at least one.
        fields: Vec<FieldDifference>,
    },
    /// More unexpected calls follow, too many to list.
    MoreExtra {
        /// The place of the first of them.
        observed: usize,
        /// How many they are.
        count: usize,
    },
    /// An entry of `present` does not occur as often as it must.
    Count {
        /// The place of the entry.
        present: usize,
        /// How often it occurs.
        found: usize,
        /// The most similar other call, and the fields that differ.
        nearest: Option<(usize, Vec<FieldDifference>)>,
    },
    /// An entry of `absent` occurs.
    Unwanted {
        /// The place of the entry.
        absent: usize,
        /// The first call that matches it.
        observed: usize,
        /// How many calls match it.
        count: usize,
    },
    /// A descriptor is another file than earlier calls implied. Only for partial traces: in a whole trace this is a field.
    Contradicted {
        /// The place of the call.
        observed: usize,
        /// The difference, as a sentence.
        field: FieldDifference,
    },
}

/// One value that differs from the expected one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldDifference {
    /// The key in `tests.toml`.
    pub field: &'static str,
    /// The expected value, as `tests.toml` would write it.
    pub expected: String,
    /// The observed value.
    pub observed: String,
}

impl FieldDifference {
    /// The other field that has this one's value, and whose value this one has: the two are swapped.
    pub fn swapped_with(&self, all: &[Self]) -> Option<&'static str> {
        let is_swapped = |other: &&Self| {
            self.field != other.field && self.value() == other.observed && other.value() == self.observed
        };
        all.iter().find(is_swapped).map(|other| other.field)
    }

    /// The expected value without the name that is bound to it, as in `$a = 3 (bound by call 1)`.
    fn value(&self) -> &str {
        let value = self.expected.strip_prefix('$').and_then(|bound| bound.split_once(" = "));
        value.and_then(|(_, value)| value.split_once(" (bound")).map_or(&self.expected, |(value, _)| value)
    }
}

/// Compares a trace with its expectation.
pub fn compare<'e>(expectation: &'e Expectation, trace: &Trace) -> TraceComparison<'e> {
    let observed = compared(expectation, trace);
    match &expectation.body {
        Body::Whole(calls) => {
            by_strand(vec![Strand { thread: None, expected: Cow::Borrowed(calls), first: 0, observed }], trace)
        }
        Body::Threads(threads) => by_strand(threads::strands(threads, trace, &observed), trace),
        Body::Partial { present, absent } => {
            let differences = partial::compare(present, absent, trace, &observed);
            TraceComparison::Partial { observed, differences }
        }
    }
}

/// Pairs the whole trace with `calls`. If the table has threads, pairs each thread's calls with those of the most similar
/// thread in the table. Threads that are not in the table come last, with no expected calls.
fn by_strand<'e>(strands: Vec<Strand<'e>>, trace: &Trace) -> TraceComparison<'e> {
    let mut bindings = facts::Bindings::default();
    let differences: Vec<_> = strands.iter().map(|strand| whole::compare(strand, trace, &mut bindings)).collect();
    TraceComparison::Whole(strands.into_iter().zip(differences).collect())
}

/// A sentence about a workload that did not end as expected. `None` if it did.
pub fn ending(expectation: &Expectation, ending: &Ending) -> Option<String> {
    let wanted = &expectation.ends;
    let was = if matches!(ending.how, How::Signal(_)) { "was " } else { "" };
    let status = expectation.command.as_ref().map(|command| command.exit);
    let is_as_wanted = match (wanted.as_str(), status, ending.phase, &ending.how) {
        ("exited", Some(status), Phase::Act, How::Exited(exited)) => *exited == status,
        _ => ending.word().as_ref() == Some(wanted),
    };
    (!is_as_wanted).then(|| match (wanted.as_str(), status) {
        ("finished", _) => format!("the workload was to finish, and it {was}{ending}"),
        ("exited", Some(status)) => format!("the command was to exit with {status}, and it {was}{ending}"),
        ("exited", None) => {
            format!("the workload was to become another program and exit with 0, and it {was}{ending}")
        }
        (signal, _) => format!("the workload was to be killed by {signal}, and it {was}{ending}"),
    })
}

/// The calls to compare, by their place in the trace: all I/O calls, and all calls that the expectation names.
fn compared(expectation: &Expectation, trace: &Trace) -> Vec<usize> {
    let named: HashSet<u32> = expectation.calls().map(|call| call.syscall.number).collect();
    let takes_part =
        |call: &Call| call.syscall().is_some_and(|row| row.class == Class::Io || named.contains(&row.number));
    trace.calls.iter().enumerate().filter(|(_, call)| takes_part(call)).map(|(at, _)| at).collect()
}

#[cfg(test)]
mod tests;
