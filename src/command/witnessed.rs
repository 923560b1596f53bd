//! Compares a command's trace with its witness.

use std::borrow::Cow;
use std::ffi::OsString;

use super::sink::{self, Sink};
use crate::judge::agreement;
use crate::judge::report::{self, AgreementFailure};
use crate::judge::verdict::{self, Observed};
use crate::trace::call::Call;
use crate::trace::testimony::Testimony;
use crate::trace::whole::Trace;

/// Compares the two, prints the result, and returns whether they agree. Without a witness they do. A trace with losses is not
/// compared.
pub fn agrees(
    sink: &mut Sink,
    command: &[OsString],
    observed: &Observed,
    testimony: Option<Testimony>,
    lost: bool,
) -> bool {
    let Some(testimony) = testimony else { return true };
    if !testimony.killed.is_empty() {
        let killed = sink::processes(testimony.killed.len() as u64);
        sink.line(&format!("witness: {killed} could not be let go in time, and were killed"));
    }
    if lost {
        sink.line("witness: nothing was compared, since something was lost; --ring-size makes more room");
        return true;
    }
    let (trace, testimony) = without_those_left(&observed.trace, testimony);
    let (trace, unwitnessed) = without_those_hidden(trace, &testimony);
    if unwitnessed > 0 {
        sink.line(&format!(
            "witness: {unwitnessed} calls cannot be witnessed: their threads are hidden from ptrace (clone(2), CLONE_UNTRACED)"
        ));
    }
    let calls = testimony.calls.len();
    let disagreements = agreement::compare(&trace, &testimony, None);
    if disagreements.is_empty() {
        sink.line(&format!("witness: {calls} calls compared, no difference"));
        return true;
    }
    let words: Vec<_> = command.iter().map(|word| word.to_string_lossy()).collect();
    let words = shlex::try_join(words.iter().map(AsRef::as_ref)).unwrap_or_default();
    sink.line(&format!("witness: {calls} calls compared, {} differences\n", disagreements.len()));
    let report = report::disagreement(&AgreementFailure {
        scenario: words.split(' ').next().unwrap_or_default(),
        ending: &observed.ending,
        trace: &trace,
        testimony: &testimony,
        disagreements: &disagreements,
        rerun: &verdict::rerun(&format!("--witness -- {words}"), verdict::EMBEDDED),
    });
    sink.line(&report.to_string());
    false
}

/// Both sides without the processes that the witness has released.
fn without_those_left(trace: &Trace, mut testimony: Testimony) -> (Cow<'_, Trace>, Testimony) {
    if testimony.left.is_empty() {
        return (Cow::Borrowed(trace), testimony);
    }
    let left = std::mem::take(&mut testimony.left);
    let mut trace = trace.clone();
    trace.calls.retain(|call| !left.contains(&call.pid));
    testimony.calls.retain(|seen| !left.contains(&seen.call.pid));
    (Cow::Owned(trace), testimony)
}

/// A trace without the threads that the kernel hides from the witness, and the number of their calls.
fn without_those_hidden<'t>(trace: Cow<'t, Trace>, testimony: &Testimony) -> (Cow<'t, Trace>, usize) {
    let is_hidden = |call: &Call| !testimony.threads.contains(&call.tid);
    let hidden = trace.calls.iter().filter(|call| is_hidden(call) && call.request.is_none()).count();
    if hidden == 0 {
        return (trace, 0);
    }
    let mut trace = trace.into_owned();
    trace.calls.retain(|call| !is_hidden(call));
    (Cow::Owned(trace), hidden)
}
