//! Compares a subject's lines with the reference trace, as far as it claims: missing, extra, wrong, cut, out of order.
//!
//! No I/O. The alignment is the one that expectations use ([`crate::judge::matcher`]).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use super::claims::{CallOrder, Claims, Interrupted};
use super::facts::{self, Expected, Wrongness};
use super::json::Line;
use super::said::Said;
use crate::judge::matcher::align::{Step, align};
use crate::table::syscalls::Syscall;
use crate::trace::call::Call;

mod attempts; // calls that are restarted after a signal

/// One fault in the subject's lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A call of the reference has no line.
    Missing {
        /// Its place in the reference.
        reference: usize,
    },
    /// A line reports a call that was not made.
    Extra {
        /// Its place among the lines.
        line: usize,
    },
    /// A second line reports the same call.
    Twice {
        /// The place of the second line.
        line: usize,
        /// The place of the call in the reference.
        reference: usize,
    },
    /// A line reports a call out of order.
    OutOfOrder {
        /// The place of the call in the reference.
        reference: usize,
        /// The place of the line.
        line: usize,
    },
    /// A line reports a call with wrong values.
    Differs {
        /// The place of the call in the reference.
        reference: usize,
        /// The place of the line.
        line: usize,
        /// The wrong values: at least one.
        fields: Vec<FieldFinding>,
    },
    /// A garbled line.
    Garbled {
        /// Its place.
        line: usize,
    },
}

/// One wrong value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldFinding {
    /// The field, as named in claims.
    pub field: &'static str,
    /// How the value is wrong.
    pub kind: Wrongness,
    /// The value in the reference.
    pub expected: String,
    /// The value that the subject reports.
    pub shown: String,
}

/// The result of the comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubjectComparison {
    /// The findings, in the order of the reference, and thread by thread if there are several.
    pub findings: Vec<Finding>,
    /// How many calls of the reference are claimed.
    pub claimed: usize,
    /// How many calls take part but are not claimed.
    pub not_claimed: usize,
    /// How many claimed calls are reported with every claimed field right.
    pub right: usize,
    /// How many lines belong to processes and threads that are not in the reference.
    pub foreign: usize,
    /// For each claimed field, how often it was right, and how often it was compared.
    pub fields: BTreeMap<&'static str, (usize, usize)>,
}

/// The input of the comparison.
pub struct Compared<'a> {
    /// The calls of the reference, in order.
    pub reference: &'a [Call],
    /// The lines of the subject, in order.
    pub lines: &'a [Line],
    /// The claims of the subject.
    pub claims: &'a Claims,
    /// The paths of the reference are relative to this folder.
    pub workspace: Option<&'a [u8]>,
    /// The calls that take part.
    pub takes_part: &'a dyn Fn(&Syscall) -> bool,
}

/// Compares the two.
pub fn compare(compared: &Compared) -> SubjectComparison {
    let mut comparison = SubjectComparison::default();
    let strands = strands(compared, &mut comparison);
    for (line, _) in compared.lines.iter().enumerate().filter(|(_, line)| matches!(line, Line::Garbled { .. })) {
        comparison.findings.push(Finding::Garbled { line });
    }
    for strand in strands {
        strand.compare(compared, &mut comparison);
    }
    comparison
}

/// Calls and lines that are compared with one another, by their places.
#[derive(Default)]
struct ComparedCalls<'a> {
    reference: Vec<(usize, Expected)>,
    lines: Vec<(usize, &'a Said)>,
    /// The threads of the reference in this group.
    threads: HashSet<u32>,
}

/// The process or thread of a call, as far as all lines report it.
#[derive(Clone, Copy)]
enum Whose {
    Thread,
    Process,
    Anybody,
}

fn strands<'a>(compared: &Compared<'a>, comparison: &mut SubjectComparison) -> Vec<ComparedCalls<'a>> {
    let Compared { reference, lines, claims, workspace, takes_part } = *compared;
    let said: Vec<(usize, &Said)> = lines.iter().enumerate().filter_map(|(at, line)| Some((at, call(line)?))).collect();
    let whose = whose(&said);
    let mut strands: BTreeMap<u32, ComparedCalls> = BTreeMap::new();
    let known = ReferenceIds::of(reference);
    for (at, call) in reference.iter().enumerate() {
        let Some(row) = call.syscall().filter(|row| takes_part(row)) else { continue };
        if !claims.shows(row) {
            comparison.not_claimed += 1;
            continue;
        }
        comparison.claimed += 1;
        let strand = strands.entry(whose.of_call(call, claims)).or_default();
        strand.reference.push((at, Expected::of(call, claims, workspace)));
        strand.threads.insert(call.tid);
    }
    for (at, said) in said {
        if !known.has(said) {
            comparison.foreign += 1;
        } else if said.row.is_some_and(|row| takes_part(row) && claims.shows(row)) {
            strands.entry(whose.of_said(said)).or_default().lines.push((at, said));
        }
    }
    strands.into_values().collect()
}

fn call(line: &Line) -> Option<&Said> {
    if let Line::Call(said) = line { Some(said) } else { None }
}

fn whose(said: &[(usize, &Said)]) -> Whose {
    let all_say = |key| said.iter().all(|(_, said)| said.number(key).is_some());
    match (all_say("tid"), all_say("pid")) {
        (true, _) => Whose::Thread,
        (false, true) => Whose::Process,
        (false, false) => Whose::Anybody,
    }
}

impl Whose {
    fn of_call(self, call: &Call, claims: &Claims) -> u32 {
        match self {
            Whose::Thread => facts::tid(call, claims),
            Whose::Process => call.pid,
            Whose::Anybody => 0,
        }
    }

    fn of_said(self, said: &Said) -> u32 {
        let number = match self {
            Whose::Thread => said.number("tid"),
            Whose::Process => said.number("pid"),
            Whose::Anybody => None,
        };
        number.unwrap_or_default() as u32
    }
}

/// The processes and threads of the reference.
struct ReferenceIds {
    pids: HashSet<i64>,
    tids: HashSet<i64>,
}

impl ReferenceIds {
    fn of(reference: &[Call]) -> Self {
        let tids = reference.iter().flat_map(|call| [call.tid, call.exit_tid]).map(i64::from);
        Self { pids: reference.iter().map(|call| call.pid.into()).collect(), tids: tids.collect() }
    }

    fn has(&self, said: &Said) -> bool {
        let is_in = |key, known: &HashSet<i64>| said.number(key).is_none_or(|number| known.contains(&number));
        is_in("pid", &self.pids) && is_in("tid", &self.tids)
    }
}

impl ComparedCalls<'_> {
    fn compare(mut self, compared: &Compared, comparison: &mut SubjectComparison) {
        let claims = compared.claims;
        if claims.order == CallOrder::Time {
            self.lines.sort_by_key(|(_, said)| said.number("enter_ns"));
        }
        let has_attempts = || self.lines.iter().any(|(_, said)| facts::is_restart(said.ret()));
        if claims.interrupted == Interrupted::Attempts && has_attempts() {
            attempts::fold(&self.reference, &mut self.lines, compared);
        }
        if !self.is_order_judged(claims) {
            self.put_in_order(claims);
        }
        let distance = |e: usize, o: usize| self.reference[e].1.distance(self.lines[o].1, claims);
        let steps: Vec<Step> = align(self.reference.len(), self.lines.len(), distance).collect();
        let mut places = MovedCalls::of(&self, &steps, claims);
        for &step in &steps {
            match step {
                Step::Pair(e, o) => self.pair(e, o, claims, comparison),
                Step::Missing(e) => match places.elsewhere.remove(&e) {
                    Some(o) if self.is_order_judged(claims) => {
                        let (reference, line) = (self.reference[e].0, self.lines[o].0);
                        comparison.findings.push(Finding::OutOfOrder { reference, line });
                    }
                    Some(o) => self.pair(e, o, claims, comparison),
                    None => comparison.findings.push(Finding::Missing { reference: self.reference[e].0 }),
                },
                Step::Extra(o) => self.extra(o, &places, claims, comparison),
                Step::MoreExtra(o, count) => {
                    (o..o + count).for_each(|o| self.extra(o, &places, claims, comparison));
                }
            }
        }
    }

    /// Puts each correct line at the place of its call, so that only the other lines are aligned.
    fn put_in_order(&mut self, claims: &Claims) {
        let mut left = std::mem::take(&mut self.lines);
        let mut ordered = Vec::with_capacity(left.len());
        for (_, expected) in &self.reference {
            let right = left.iter().position(|(_, said)| expected.distance(said, claims) == Some(0));
            ordered.push(right.map(|at| left.remove(at)));
        }
        // The other lines fill the gaps in their own order.
        let mut others = left.into_iter();
        self.lines = ordered.into_iter().filter_map(|line| line.or_else(|| others.next())).collect();
        self.lines.extend(others);
    }

    /// The order of calls in different threads means nothing.
    fn is_order_judged(&self, claims: &Claims) -> bool {
        claims.order != CallOrder::None && self.threads.len() <= 1
    }

    fn pair(&self, e: usize, o: usize, claims: &Claims, comparison: &mut SubjectComparison) {
        let ((reference, expected), (line, said)) = (&self.reference[e], self.lines[o]);
        let judged = expected.judge(said, claims);
        for one in &judged {
            let (right, all) = comparison.fields.entry(one.field).or_default();
            *right += usize::from(one.kind.is_none());
            *all += 1;
        }
        let wrong = judged.into_iter().filter_map(|one| {
            let facts::Judged { field, kind, expected, shown } = one;
            Some(FieldFinding { field, kind: kind?, expected, shown })
        });
        let fields: Vec<FieldFinding> = wrong.collect();
        if fields.is_empty() {
            comparison.right += 1;
        } else {
            comparison.findings.push(Finding::Differs { reference: *reference, line, fields });
        }
    }

    fn extra(&self, o: usize, places: &MovedCalls, claims: &Claims, comparison: &mut SubjectComparison) {
        let (line, said) = self.lines[o];
        let is_attempt = claims.interrupted == Interrupted::Attempts && facts::is_restart(said.ret());
        if places.taken.contains(&o) || is_attempt {
            return;
        }
        let beside = [o.wrapping_sub(1), o + 1].into_iter().filter_map(|beside| places.pairs.get(&beside));
        let twice = beside.filter(|&&e| self.reference[e].1.distance(said, claims) == Some(0)).min();
        comparison.findings.push(match twice {
            Some(&e) => Finding::Twice { line, reference: self.reference[e].0 },
            None => Finding::Extra { line },
        });
    }
}

/// Joins calls that are missing in one place and extra in another.
struct MovedCalls {
    /// The line of a missing call.
    elsewhere: HashMap<usize, usize>,
    /// Those lines.
    taken: HashSet<usize>,
    /// The call of each line that has one.
    pairs: HashMap<usize, usize>,
}

impl MovedCalls {
    fn of(strand: &ComparedCalls, steps: &[Step], claims: &Claims) -> Self {
        let extra = |step: &Step| match *step {
            Step::Extra(o) => o..o + 1,
            Step::MoreExtra(o, count) => o..o + count,
            Step::Pair(..) | Step::Missing(_) => 0..0,
        };
        let mut extra: Vec<usize> = steps.iter().flat_map(extra).collect();
        let pairs = steps.iter().filter_map(|step| if let Step::Pair(e, o) = *step { Some((o, e)) } else { None });
        let mut places = Self { elsewhere: HashMap::new(), taken: HashSet::new(), pairs: pairs.collect() };
        for step in steps {
            let Step::Missing(e) = *step else { continue };
            let is_it = |&o: &usize| strand.reference[e].1.distance(strand.lines[o].1, claims) == Some(0);
            if let Some(at) = extra.iter().position(is_it) {
                let o = extra.remove(at);
                places.elsewhere.insert(e, o);
                places.taken.insert(o);
            }
        }
        places
    }
}

impl Finding {
    /// The subject of a finding: the fields that differ, or else a word for the finding.
    pub fn about(&self) -> Vec<&'static str> {
        match self {
            Finding::Missing { .. } => vec!["missing"],
            Finding::Extra { .. } => vec!["extra"],
            Finding::Twice { .. } => vec!["twice"],
            Finding::OutOfOrder { .. } => vec!["order"],
            Finding::Garbled { .. } => vec!["garbled"],
            Finding::Differs { fields, .. } => fields.iter().map(|field| field.field).collect(),
        }
    }

    /// The name of the call, from the reference if possible, or else from the line.
    pub fn call(&self, compared: &Compared) -> String {
        match *self {
            Finding::Missing { reference }
            | Finding::Twice { reference, .. }
            | Finding::OutOfOrder { reference, .. }
            | Finding::Differs { reference, .. } => compared.reference[reference].name(),
            Finding::Extra { line } | Finding::Garbled { line } => {
                call(&compared.lines[line]).map_or(String::new(), |said| said.call.clone())
            }
        }
    }
}

impl fmt::Display for FieldFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, kind, expected, shown } = self;
        match kind {
            Wrongness::Absent => write!(f, "{field}: {expected}, and it says nothing of it"),
            Wrongness::Wrong => write!(f, "{field}: {expected}, and it says {shown}"),
            Wrongness::Cut => write!(f, "{field}: {expected}, and it says {shown}, which is cut"),
        }
    }
}

/// Whether any call has no line.
pub fn misses_calls(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| matches!(finding, Finding::Missing { .. }))
}
