//! Why a call is missing, wrong or too many: the record beside what the child itself has noted, and the counts on the way between.
//!
//! No I/O: values in, values out. Nothing here is computed for a scenario that passes.

use crate::child::diary::{Diary, NotedCall};
use crate::judge::cause::place;
use crate::judge::expectation::{Aspect, Body, Expectation, ExpectedCall};
use crate::judge::matcher::{Difference, FieldDifference, Strand, TraceComparison};
use crate::table::syscalls::Syscall;
use crate::trace::call::{Call, Outcome};
use crate::trace::counts::Counts;
use crate::trace::show;
use crate::trace::whole::Trace;

/// The most differences that are explained.
const MOST: usize = 10;

/// A failure, and what the child has noted.
#[derive(Clone, Copy, Debug)]
pub struct Explained<'a> {
    /// What was expected.
    pub expectation: &'a Expectation,
    /// The name of the expectation's file in messages.
    pub file: &'a str,
    /// What was recorded.
    pub trace: &'a Trace,
    /// How they differ.
    pub comparison: &'a TraceComparison<'a>,
    /// What the child has noted of its calls.
    pub diary: &'a Diary,
}

/// One difference: what it is, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainedDifference {
    /// The call, its place in the file, and how it differs.
    pub what: String,
    /// Why. `None` if nothing is known.
    pub why: Option<String>,
}

/// The step at which calls got lost on their way from the process to the trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WayStep {
    /// Its name.
    pub step: &'static str,
    /// What happened there.
    pub told: String,
    /// Whether something got lost there.
    pub is_fault: bool,
}

/// How often a program ran.
pub type Runs<'a> = (&'a str, u64);

/// The way of the calls, step by step. `runs` is how often each program ran meanwhile, for any process; empty if the kernel does not
/// say.
pub fn way(trace: &Trace, diary: &Diary, runs: &[Runs<'_>]) -> Vec<WayStep> {
    let Counts { seen, emitted, refused, received, undecoded, strays, .. } = trace.counts;
    let step = |step, is_fault, told: String| WayStep { step, told, is_fault };
    let noted = diary.calls.len();
    let noted = if noted == 0 { "none".to_owned() } else { noted.to_string() };
    let calls = trace.calls.len();
    vec![
        hooks(trace.counts.skipped, runs),
        step(
            "filter",
            seen == 0,
            format!(
                "let {seen} calls of the watched processes through, also those by which the child looks at its own files; \
                 the child has noted {noted} of `act`"
            ),
        ),
        step(
            "exit",
            emitted + refused < seen,
            format!(
                "{emitted} were joined with their exit; exits without an enter: {strays}, of which one is the gate's"
            ),
        ),
        step(
            "ring",
            refused > 0 || received < emitted,
            format!("had no room for {refused}, and {received} of {emitted} were read"),
        ),
        step("decoder", undecoded > 0, format!("could not decode {undecoded}; the trace has {calls} calls")),
    ]
}

/// Whether the programs for the enter and the exit of a call ran.
fn hooks(skipped: u64, runs: &[Runs<'_>]) -> WayStep {
    let ran = |name: &str| runs.iter().find(|(program, _)| *program == name).map(|(_, count)| *count);
    let hook = |name: &str| match ran(name) {
        None => format!("of {name} the kernel does not say"),
        Some(0) => format!("{name} did not run: it is not attached, or its tracepoint was not hit"),
        Some(count) => format!("{name} ran {count} times, for all processes of this machine"),
    };
    let is_dead = ["ior_enter", "ior_exit"].iter().any(|name| ran(name) == Some(0));
    let skips = if skipped == 0 { String::new() } else { format!("; the kernel skipped a program {skipped} times") };
    let told = format!("{}; {}{skips}", hook("ior_enter"), hook("ior_exit"));
    WayStep { step: "hook", told, is_fault: is_dead || skipped > 0 }
}

/// Why the first difference is there, in one sentence, if the child's notes say it.
pub fn first_cause(explained: &Explained<'_>) -> Option<String> {
    explained.differences().next().and_then(|(strand, difference)| explained.why(strand, difference))
}

/// The first differences, each with its reason.
pub fn differences(explained: &Explained<'_>) -> Vec<ExplainedDifference> {
    let explain = |(strand, difference)| ExplainedDifference {
        what: explained.what(strand, difference),
        why: explained.why(strand, difference),
    };
    explained.differences().take(MOST).map(explain).collect()
}

impl<'a> Explained<'a> {
    fn differences(&self) -> impl Iterator<Item = (Option<&'a Strand<'a>>, &'a Difference)> {
        let (strands, partial) = match self.comparison {
            TraceComparison::Whole(strands) => (strands.as_slice(), &[][..]),
            TraceComparison::Partial { differences, .. } => (&[][..], differences.as_slice()),
        };
        let whole = strands.iter().flat_map(|(strand, all)| all.iter().map(move |one| (Some(strand), one)));
        whole.chain(partial.iter().map(|one| (None, one)))
    }

    /// The expected call of a difference, if it has one.
    fn expected(&self, strand: Option<&'a Strand<'a>>, difference: &Difference) -> Option<&'a ExpectedCall> {
        match (difference, strand, &self.expectation.body) {
            (
                Difference::Missing { expected }
                | Difference::Swapped { expected, .. }
                | Difference::Wrong { expected, .. },
                Some(strand),
                _,
            ) => Some(strand.expected.at(expected.checked_sub(strand.first)?)),
            (Difference::Count { present, .. }, _, Body::Partial { present: all, .. }) => {
                Some(&all.get(*present)?.call)
            }
            (Difference::Unwanted { absent, .. }, _, Body::Partial { absent: all, .. }) => all.get(*absent),
            _ => None,
        }
    }

    fn what(&self, strand: Option<&'a Strand<'a>>, difference: &Difference) -> String {
        let call = self.expected(strand, difference);
        let expected = call.map_or(String::new(), |call| format!("{} ({})", call.syscall.name, place(self.file, call)));
        let observed = |at: usize| show::call(&self.trace.calls[at]);
        match difference {
            Difference::Missing { .. } => format!("{expected} is missing"),
            Difference::Extra { observed: at } => format!("one more: {}", observed(*at)),
            Difference::MoreExtra { count, .. } => format!("and {count} more"),
            Difference::Swapped { observed: at, .. } => format!("{expected} is out of order: {}", observed(*at)),
            Difference::Wrong { observed: at, fields, .. } => {
                format!("{expected} is wrong: {}: {}", observed(*at), told(fields))
            }
            Difference::Count { found, nearest: None, .. } => {
                format!("{expected} occurs {found} times, and nothing is like it")
            }
            Difference::Count { found, nearest: Some((at, fields)), .. } => {
                format!("{expected} occurs {found} times; the nearest is {}: {}", observed(*at), told(fields))
            }
            Difference::Unwanted { observed: at, count, .. } => {
                format!("{expected} must not occur, and does {count} times: {}", observed(*at))
            }
            Difference::Contradicted { observed: at, field } => {
                format!("{}: {}", observed(*at), told(std::slice::from_ref(field)))
            }
        }
    }

    fn why(&self, strand: Option<&'a Strand<'a>>, difference: &Difference) -> Option<String> {
        // A child that notes nothing, such as one of 32 bit, says nothing.
        if self.diary.calls.is_empty() {
            return None;
        }
        match difference {
            Difference::Missing { .. } | Difference::Count { nearest: None, .. } => {
                self.of_missing(self.expected(strand, difference)?.syscall)
            }
            Difference::Extra { observed } | Difference::Unwanted { observed, .. } => {
                self.of_extra(self.trace.calls.get(*observed)?)
            }
            Difference::Wrong { observed, fields, .. }
            | Difference::Count { nearest: Some((observed, fields)), .. } => {
                self.of_wrong(self.expected(strand, difference)?, self.trace.calls.get(*observed)?, fields)
            }
            Difference::Swapped { .. } => self.of_swapped(),
            Difference::MoreExtra { .. } | Difference::Contradicted { .. } => None,
        }
    }

    fn of_missing(&self, call: &Syscall) -> Option<String> {
        if call.is_request() {
            return None;
        }
        let name = call.name;
        let noted = self.diary.calls.iter().filter(|noted| noted.number == call.number).count();
        let recorded =
            self.trace.calls.iter().filter(|seen| seen.number == call.number && seen.abi.is_native()).count();
        Some(match (noted, recorded) {
            (0, _) => {
                format!("the child has noted no {name}: it has not made it, or another of its processes was to make it")
            }
            (noted, recorded) if recorded < noted => {
                format!(
                    "the child has noted {name} {}, and {recorded} recorded: the tracer has lost one without counting it",
                    times(noted, "is", "are")
                )
            }
            (noted, _) => format!("each {name} that the child has noted is recorded ({noted}): the table expects more"),
        })
    }

    fn of_extra(&self, call: &Call) -> Option<String> {
        if call.request.is_some() {
            return None;
        }
        let name = call.name();
        Some(match self.noted(call) {
            Some(_) => format!("the child has noted this {name} as well: the table lacks it"),
            None => format!(
                "the child has not noted this {name}: another of its processes has made it, or the record is wrong"
            ),
        })
    }

    fn of_wrong(&self, expected: &ExpectedCall, call: &Call, fields: &[FieldDifference]) -> Option<String> {
        if call.request.is_some() {
            return None;
        }
        let name = call.name();
        let Some(noted) = self.noted(call) else {
            let noted = self.diary.calls.iter().filter(|noted| noted.number == call.number);
            let nearest = noted.min_by_key(|noted| noted.before_ns.abs_diff(call.enter_ns))?;
            return Some(format!("the record is wrong: the child has noted {}", otherwise(nearest, call)?));
        };
        let key = fields.first()?.field;
        let aspect = expected.fields.iter().find(|field| field.key == key).map(|field| field.aspect);
        Some(match aspect {
            Some(Aspect::Arg(_)) => {
                format!("the child has noted the same {key}, and the result {}: the table is wrong", noted.result)
            }
            Some(Aspect::Ret) => format!("the child has noted the same result, {}: the table is wrong", noted.result),
            _ => format!(
                "the child has noted the same arguments and the same result for {name}: either BPF has read {key} wrongly, or the \
                 table is wrong"
            ),
        })
    }

    /// Whether the record has the order in which the child has noted its calls.
    fn of_swapped(&self) -> Option<String> {
        let recorded: Vec<&NotedCall> = self.trace.calls.iter().filter_map(|call| self.noted(call)).collect();
        let in_order = recorded.windows(2).all(|pair| pair[0].before_ns <= pair[1].before_ns);
        Some(match in_order {
            true => {
                "the child has noted its calls in the order of the record: the order in the table is wrong".to_owned()
            }
            false => "the child has noted its calls in another order than that of the record".to_owned(),
        })
    }

    /// What the child has noted of a recorded call: the same number, arguments and result.
    fn noted(&self, call: &Call) -> Option<&'a NotedCall> {
        let Outcome::Returned(result) = call.outcome else { return None };
        let count = Syscall::by_number(call.number).map_or(6, |row| row.args.len());
        let is_it = |noted: &&NotedCall| {
            noted.number == call.number && noted.args[..count] == call.args[..count] && noted.result == result
        };
        let same = self.diary.calls.iter().filter(is_it);
        same.min_by_key(|noted| noted.before_ns.abs_diff(call.enter_ns))
    }
}

/// How what the child has noted is another than the record.
fn otherwise(noted: &NotedCall, call: &Call) -> Option<String> {
    let row = Syscall::by_number(call.number)?;
    let result = match call.outcome {
        Outcome::Returned(result) if result != noted.result => Some(format!("the result {}", noted.result)),
        _ => None,
    };
    let arg = row.args.iter().enumerate().find(|(at, _)| noted.args[*at] != call.args[*at]);
    let arg =
        arg.map(|(at, arg)| format!("{} as {:#x}, and {:#x} is recorded", arg.name, noted.args[at], call.args[at]));
    result.or(arg)
}

fn times(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("once and {one}") } else { format!("{count} times and {many}") }
}

fn told(fields: &[FieldDifference]) -> String {
    let field =
        |field: &FieldDifference| format!("{}: expected {}, observed {}", field.field, field.expected, field.observed);
    fields.iter().map(field).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::expectation::Expectations;
    use crate::judge::matcher;
    use crate::trace::decoder::assemble;
    use crate::trace::record::tests::{call_bytes, end_bytes};

    const TESTS: &str = "[sync-once]\nabout = \"calls sync\"\ncalls = [{ call = \"sync\", ret = 0 }]\n";

    /// The trace of calls with these results.
    fn trace(name: &str, results: &[i64]) -> Trace {
        let number = Syscall::by_name(name).unwrap().number;
        let calls = results.iter().enumerate();
        let mut records: Vec<_> = calls.map(|(at, result)| call_bytes(at as u64, number, 0, b"", *result)).collect();
        records.push(end_bytes(results.len() as u64));
        let seen = results.len() as u64;
        let counts = Counts { seen, emitted: seen, ends: 1, ..Counts::default() };
        assemble(records.iter().map(Vec::as_slice), counts, None)
    }

    fn diary(name: &str, results: &[i64]) -> Diary {
        let number = Syscall::by_name(name).unwrap().number;
        let noted = |&result: &i64| NotedCall { number, result, ..NotedCall::default() };
        Diary { calls: results.iter().map(noted).collect(), ..Diary::default() }
    }

    #[test]
    fn the_notes_of_the_child_say_whose_fault_a_difference_is() {
        let expectations = Expectations::parse("tests.toml", TESTS, &["sync-once"]).unwrap();
        let expectation = expectations.get("sync-once").unwrap();
        let rows = [
            ("lost", trace("sync", &[]), diary("sync", &[0]), "the tracer has lost one without counting it"),
            ("not made", trace("sync", &[]), diary("getpid", &[7]), "the child has noted no sync"),
            ("one more", trace("sync", &[0, 0]), diary("sync", &[0, 0]), "the table lacks it"),
            ("one that was not made", trace("sync", &[0, 5]), diary("sync", &[0]), "the child has not noted this sync"),
            ("a wrong table", trace("sync", &[-5]), diary("sync", &[-5]), "the same result, -5: the table is wrong"),
            (
                "a wrong record",
                trace("sync", &[-5]),
                diary("sync", &[0]),
                "the record is wrong: the child has noted the result 0",
            ),
        ];
        for (sentence, trace, diary, why) in rows {
            let comparison = matcher::compare(expectation, &trace);
            let explained =
                Explained { expectation, file: "tests.toml", trace: &trace, comparison: &comparison, diary: &diary };
            let cause = first_cause(&explained).unwrap_or_default();
            assert!(cause.contains(why), "{sentence}: {cause}");
            assert_eq!(differences(&explained)[0].why.as_ref(), Some(&cause), "{sentence}");
            let nothing = Diary::default();
            assert_eq!(first_cause(&Explained { diary: &nothing, ..explained }), None, "{sentence}: nothing is noted");
        }
    }

    #[test]
    fn the_first_step_at_which_calls_get_lost_is_the_fault() {
        let fault = |change: fn(&mut Counts), runs: &[Runs<'_>]| {
            let mut trace = trace("sync", &[0]);
            change(&mut trace.counts);
            let way = way(&trace, &diary("sync", &[0]), runs);
            way.into_iter().find(|step| step.is_fault).map(|step| step.step)
        };
        let run: &[Runs<'_>] = &[("ior_enter", 9), ("ior_exit", 9)];
        assert_eq!(fault(|_| (), run), None);
        assert_eq!(fault(|_| (), &[]), None, "a kernel that does not count is no fault");
        assert_eq!(fault(|_| (), &[("ior_enter", 0), ("ior_exit", 9)]), Some("hook"));
        assert_eq!(fault(|counts| counts.skipped = 1, run), Some("hook"));
        assert_eq!(fault(|counts| *counts = Counts::default(), run), Some("filter"));
        assert_eq!(fault(|counts| counts.seen = 2, run), Some("exit"));
        assert_eq!(fault(|counts| (counts.seen, counts.refused) = (2, 1), run), Some("ring"));
        assert_eq!(fault(|counts| counts.undecoded = 1, run), Some("decoder"));
    }
}
