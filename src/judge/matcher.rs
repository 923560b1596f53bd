//! Whether a trace is what its expectation says, and what differs.
//!
//! No I/O: values in, values out; the same for a live trace and for one read from an archive.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use crate::child::ending::{Ending, How};
use crate::judge::expectation::{Body, Expectation, Sequence};
use crate::table::syscalls::Class;
use crate::trace::call::Call;
use crate::trace::whole::Trace;

pub(crate) mod align;
pub(crate) mod facts;
mod partial;
mod threads;
mod whole;

/// A trace beside its expectation, and what differs.
#[derive(Clone, Debug)]
pub enum Comparison<'e> {
    /// Every call, in order: of the whole trace, or of each thread.
    Whole(Vec<(Strand<'e>, Vec<Difference>)>),
    /// `present` and `absent`.
    Partial {
        /// The calls that are compared, by their place in [`Trace::calls`].
        observed: Vec<usize>,
        /// What differs.
        differences: Vec<Difference>,
    },
}

impl Comparison<'_> {
    /// What differs, in the order of the trace, or thread by thread; nothing if the trace is as expected.
    pub fn differences(&self) -> impl Iterator<Item = &Difference> {
        let (strands, partial) = match self {
            Self::Whole(strands) => (strands.as_slice(), &[][..]),
            Self::Partial { differences, .. } => (&[][..], differences.as_slice()),
        };
        strands.iter().flat_map(|(_, differences)| differences).chain(partial)
    }
}

/// Expected calls, and the observed ones that they are compared with: a whole trace, or one thread's part of it.
#[derive(Clone, Debug)]
pub struct Strand<'e> {
    /// The thread, where the table has several.
    pub thread: Option<ThreadLabel<'e>>,
    /// What is expected.
    pub expected: Cow<'e, Sequence>,
    /// By how much a [`Difference`] counts the expected calls further than [`Strand::expected`] does.
    pub first: usize,
    /// What is compared with it, by the place in [`Trace::calls`].
    pub observed: Vec<usize>,
}

/// A thread of the table, of the trace, or of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadLabel<'e> {
    /// Its name in the table; `None` if the table has none like it.
    pub name: Option<&'e str>,
    /// Its number in the trace; `None` if there is none like it.
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

/// One way in which a trace is not what was expected. Expected calls are counted by their place in `calls`, `present` or
/// `absent`, or in all `threads` one after the other; observed ones by their place in [`Trace::calls`]; both from 0.
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

/// Compares a trace with its expectation.
pub fn compare<'e>(expectation: &'e Expectation, trace: &Trace) -> Comparison<'e> {
    let observed = compared(expectation, trace);
    match &expectation.body {
        Body::Whole(calls) => {
            by_strand(vec![Strand { thread: None, expected: Cow::Borrowed(calls), first: 0, observed }], trace)
        }
        Body::Threads(threads) => by_strand(threads::strands(threads, trace, &observed), trace),
        Body::Partial { present, absent } => {
            let differences = partial::compare(present, absent, trace, &observed);
            Comparison::Partial { observed, differences }
        }
    }
}

/// The whole trace beside `calls`, or each thread's calls beside those of the thread of the table that they are most like. Threads
/// that the table has not come last, and have nothing expected of them.
fn by_strand<'e>(strands: Vec<Strand<'e>>, trace: &Trace) -> Comparison<'e> {
    let mut bindings = facts::Bindings::default();
    let differences: Vec<_> = strands.iter().map(|strand| whole::compare(strand, trace, &mut bindings)).collect();
    Comparison::Whole(strands.into_iter().zip(differences).collect())
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
fn compared(expectation: &Expectation, trace: &Trace) -> Vec<usize> {
    let named: HashSet<u32> = expectation.calls().map(|call| call.syscall.number).collect();
    let takes_part =
        |call: &Call| call.syscall().is_some_and(|row| row.class == Class::Io || named.contains(&row.number));
    trace.calls.iter().enumerate().filter(|(_, call)| takes_part(call)).map(|(at, _)| at).collect()
}
