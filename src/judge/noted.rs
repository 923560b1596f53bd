//! Whether a trace agrees with what the child itself has noted: the times of its calls, the files of their descriptors, and how the
//! processes ended. And whether it agrees with itself.
//!
//! No I/O: values in, values out. The tables cannot say any of this, because it differs in each run.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use crate::child::diary::{Diary, FileSeen, NotedCall};
use crate::child::ending::{Ending, How};
use crate::table::kind::HAVE_OTHER_DEVICES;
use crate::table::syscalls::Syscall;
use crate::trace::call::{Call, Identity, Outcome};
use crate::trace::whole::{ProcessEnd, Trace};

mod leads; // whether data is what arguments lead to

/// How far the clock of BPF may seem to go back, in nanoseconds: it takes no lock against updates (kernel/time/timekeeping.c,
/// ktime_get_mono_fast_ns()).
pub(crate) const SLACK_NS: u64 = 1000;

/// What is known of a child beside its trace.
#[derive(Clone, Debug, Default)]
pub struct OwnWord {
    /// Its pid.
    pub pid: u32,
    /// What it has noted.
    pub diary: Diary,
    /// The ends of processes that the tracer recorded.
    pub ends: Vec<ProcessEnd>,
    /// The clock of `ior-it` before the gate was opened and after the last record was read, in nanoseconds of CLOCK_MONOTONIC. `None`
    /// if the tracer was told to record no times.
    pub span_ns: Option<(u64, u64)>,
    /// How many bytes or elements of data were recorded, if any.
    pub data: u32,
}

/// What makes a call of the diary and one of the trace the same: number, arguments and result.
type NotedKey = (u32, [u64; 6], i64);

/// Everything in which a trace contradicts the child, one sentence each.
pub fn contradictions(trace: &Trace, ending: &Ending, own: &OwnWord) -> Vec<String> {
    let ends = main_end(ending, own).into_iter().chain(other_ends(own)).chain(leads::misled(trace, own.data));
    let Some((begin, end)) = own.span_ns else { return ends.collect() };
    let span = early(begin)..=late(end);
    ends.chain(outside(trace, &span)).chain(timeless(trace)).chain(calls(trace, &own.diary, &span)).collect()
}

/// The first call whose times lie outside the time in which `act` ran.
fn outside(trace: &Trace, span: &RangeInclusive<u64>) -> Option<String> {
    let call = trace.calls.iter().find(|call| !lies_within(call, span))?;
    Some(format!("{} (call {}) {}, and act ran {}", call.name(), call.order, when(call), between(span)))
}

/// The first request that took no time, or calls of which none did. Two programs of BPF read the clock for each, one after the other.
fn timeless(trace: &Trace) -> Option<String> {
    let returned = trace.calls.iter().filter(|call| matches!(call.outcome, Outcome::Returned(_)));
    let (requests, calls): (Vec<&Call>, Vec<&Call>) = returned.partition(|call| call.request.is_some());
    if let Some(call) = requests.into_iter().find(|call| call.duration_ns == 0) {
        return Some(format!(
            "{} (call {}) took no time from its submission to its completion",
            call.name(),
            call.order
        ));
    }
    // A short call may end at the same tick of a slow clock.
    let is_timeless = calls.len() >= SEVERAL && calls.iter().all(|call| call.duration_ns == 0);
    is_timeless.then(|| format!("none of its {} calls took any time", calls.len()))
}

/// So many calls do not all end at the tick at which they began.
const SEVERAL: usize = 3;

/// The end of the child itself: recorded once, and with the status that the process that has reaped it knows.
fn main_end(ending: &Ending, own: &OwnWord) -> Option<String> {
    let wanted = match ending.how {
        How::Exited(status) => (status & 0xff) << 8,
        How::Signal(signal) => signal,
        How::TimedOut(_) => return None,
        How::Finished | How::Failed(_) | How::Skipped(_) | How::PremiseNotMet(_) | How::Panicked(_) => 0,
    };
    let recorded: Vec<_> = own.ends.iter().filter(|end| end.pid == own.pid).map(|end| end.status).collect();
    // Whether there is a core file depends on the machine.
    let is_right = matches!(*recorded, [Some(status)] if without_core(status) == wanted);
    (!is_right).then(|| {
        let recorded: Vec<String> = recorded.into_iter().map(shown_status).collect();
        let recorded = if recorded.is_empty() { "not at all".to_owned() } else { recorded.join(" and ") };
        format!("process {} ended with {}, and its end was recorded: {recorded}", own.pid, shown_status(Some(wanted)))
    })
}

/// The ends of processes that the child waited for, if they were watched as well.
fn other_ends(own: &OwnWord) -> impl Iterator<Item = String> + '_ {
    own.diary.ends.iter().filter_map(|&(pid, status)| {
        let recorded: Vec<_> = own.ends.iter().filter(|end| end.pid == pid).filter_map(|end| end.status).collect();
        let is_wrong = !recorded.is_empty() && !recorded.iter().any(|&one| without_core(one) == without_core(status));
        is_wrong.then(|| {
            let recorded: Vec<String> = recorded.into_iter().map(|status| shown_status(Some(status))).collect();
            let waited = shown_status(Some(status));
            format!("wait returned {waited} for process {pid}, and its end was recorded: {}", recorded.join(" and "))
        })
    })
}

/// WCOREFLAG is the eighth bit (wait(2), WCOREDUMP).
fn without_core(status: i32) -> i32 {
    status & !0x80
}

fn shown_status(status: Option<i32>) -> String {
    status.map_or("hidden".to_owned(), |status| format!("status {status:#x}"))
}

/// What is wrong with the calls that the child has noted while `act` ran. Other times are those of another clock: the child was in a
/// time namespace of its own (time_namespaces(7)).
fn calls(trace: &Trace, diary: &Diary, span: &RangeInclusive<u64>) -> Vec<String> {
    let mut seen: HashMap<NotedKey, Vec<&Call>> = HashMap::new();
    for call in trace.calls.iter().filter(|call| call.request.is_none() && call.abi.is_native()) {
        if let Outcome::Returned(result) = call.outcome {
            seen.entry((call.number, arguments(call.number, call.args), result)).or_default().push(call);
        }
    }
    let mut noted: HashMap<NotedKey, Vec<&NotedCall>> = HashMap::new();
    let has_our_clock = |call: &&NotedCall| span.contains(&call.before_ns) && span.contains(&call.after_ns);
    for call in diary.calls.iter().filter(has_our_clock) {
        noted.entry((call.number, arguments(call.number, call.args), call.result)).or_default().push(call);
    }
    let mut wrong: Vec<(u64, String)> = Vec::new();
    for (key, noted) in noted {
        // There are fewer where a handler changes the arguments of an interrupted call, or a process is not watched. Which calls there
        // are is for the tables to say.
        if let Some(seen) = seen.get(&key).filter(|seen| seen.len() >= noted.len()) {
            wrong.extend(noted.into_iter().filter_map(|noted| Some((noted.before_ns, contradiction(noted, seen)?))));
        }
    }
    wrong.sort();
    wrong.into_iter().map(|(_, sentence)| sentence).collect()
}

/// The arguments that the call has: the registers of the others hold anything.
fn arguments(number: u32, mut args: [u64; 6]) -> [u64; 6] {
    let count = Syscall::by_number(number).map_or(args.len(), |row| row.args.len());
    args[count..].fill(0);
    args
}

/// Why none of these calls is the one that the child has noted. `None` if one is.
fn contradiction(noted: &NotedCall, seen: &[&Call]) -> Option<String> {
    let span = early(noted.before_ns)..=late(noted.after_ns);
    let mut at_its_time = seen.iter().filter(|call| lies_within(call, &span)).peekable();
    if at_its_time.peek().is_none() {
        let nearest = seen.iter().min_by_key(|call| call.enter_ns.abs_diff(noted.before_ns))?;
        let name = nearest.name();
        return Some(format!("{name} (call {}) {}, and was made {}", nearest.order, when(nearest), between(&span)));
    }
    let differences: Vec<_> = at_its_time.map(|call| wrong_files(noted, call)).collect();
    if differences.iter().any(Option::is_none) { None } else { differences.into_iter().flatten().next() }
}

/// Which files of a call are others than the child has seen.
fn wrong_files(noted: &NotedCall, call: &Call) -> Option<String> {
    let row = call.syscall()?;
    let is_bad = call.errno() == Some(libc::EBADF);
    let used = |place: usize| {
        let at = if row.makes_pair() { Some(place) } else { row.fd_args().chain(row.replaces()).nth(place) };
        let is_known = !is_bad && at.is_some_and(|at| row.makes_pair() || !call.is_registered(at));
        (call.fds[place], noted.fds[place].filter(|_| is_known))
    };
    let places = [
        ("its descriptor", used(0)),
        ("its second descriptor", used(1)),
        ("its new descriptor", (call.made, noted.made)),
    ];
    places.into_iter().find_map(|(what, (recorded, seen))| {
        let seen = seen.filter(|seen| !is_same_file(recorded, *seen))?;
        let FileSeen { device, inode, format } = seen;
        let recorded = recorded.map_or("not open".to_owned(), |Identity { device, inode, mode, .. }| {
            format!("device {device:#x}, inode {inode}, mode {mode:#o}")
        });
        let seen = format!("device {device:#x}, inode {inode}, type {format:#o}");
        Some(format!("{what} in {} (call {}) is {recorded}, and fstat has shown {seen}", call.name(), call.order))
    })
}

fn is_same_file(recorded: Option<Identity>, seen: FileSeen) -> bool {
    let Some(Identity { device, inode, magic, mode, .. }) = recorded else { return false };
    // An anonymous inode has a type that stat(2) hides.
    let is_type = seen.format == 0 || mode & libc::S_IFMT as u16 == seen.format;
    is_type && (HAVE_OTHER_DEVICES.contains(&magic) || (device, inode) == (seen.device, seen.inode))
}

fn early(ns: u64) -> u64 {
    ns.saturating_sub(SLACK_NS)
}

fn late(ns: u64) -> u64 {
    ns.saturating_add(SLACK_NS)
}

fn lies_within(call: &Call, span: &RangeInclusive<u64>) -> bool {
    span.contains(&call.enter_ns) && span.contains(&call.exit_ns())
}

fn when(call: &Call) -> String {
    format!("has the times {} to {} ns", call.enter_ns, call.exit_ns())
}

fn between(span: &RangeInclusive<u64>) -> String {
    format!("between {} and {} ns", span.start(), span.end())
}

#[cfg(test)]
mod tests;
