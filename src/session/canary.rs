//! The canary: one child and one known call, before all scenarios.

use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;

use super::Session;
use crate::base::error::Error;
use crate::base::limit::Limit;
use crate::child::ending::{Ending, How, Phase};
use crate::child::scenario::{Scenario, Setup, act, call, fails};
use crate::judge::verdict::Observed;
use crate::trace::call::Call;
use crate::trace::show;
use crate::trace::whole::Trace;

/// The scenario that runs before all others, to check that tracing works here. It is not in the registry.
pub const CANARY: Scenario = Scenario::new("canary", canary);

fn canary() -> Setup {
    act(|| fails(call!(dup, -1), Errno::EBADF))
}

impl Session {
    /// Checks that tracing works on this machine: one child, one known call. If it does not, there is one error, and not one
    /// for each scenario.
    pub fn canary(&self) -> Result<(), Error> {
        let limit = Limit::growing(Duration::from_secs(5));
        let (Observed { ending, trace }, _) = self.observe(CANARY.name, Path::new("/"), limit, false)?;
        match (ending.phase, &ending.how) {
            (_, How::Finished) => {}
            (Phase::Setup, _) => return Err(cannot_start(&ending)),
            (Phase::Act, _) => return Err(canary_error(&format!("it {ending}"), "see `ulimit -a`")),
        }
        seen(&trace).map_err(|fault| fault.error(!self.flags.contains(" --bpf ")))
    }
}

/// What of the canary's trace is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
enum CanaryFault {
    /// The kernel has run no program for the child.
    Nothing,
    /// Something was lost: the first loss.
    Lost(String),
    /// Its call was recorded with another value: the record, and what of it is wrong.
    Wrong(String),
}

/// Checks that its one call was seen as it was made, and nothing was lost.
fn seen(trace: &Trace) -> Result<(), CanaryFault> {
    let losses = trace.losses().sentences();
    let dups = || trace.calls.iter().filter(|call| call.name() == "dup");
    let is_right = |call: &Call| call.errno() == Some(libc::EBADF);
    match (dups().any(is_right), losses.into_iter().next()) {
        (true, None) => return Ok(()),
        (false, _) if trace.calls.is_empty() && trace.counts.seen == 0 => return Err(CanaryFault::Nothing),
        (_, Some(first)) => return Err(CanaryFault::Lost(first)),
        (false, None) => {}
    }
    Err(CanaryFault::Wrong(match (dups().next(), trace.calls.first()) {
        (Some(call), _) if call.args[0] as i32 != -1 => {
            format!("recorded was {}, and its argument is -1", show::call(call))
        }
        (Some(call), _) => format!("recorded was {}, and its result is EBADF", show::call(call)),
        (None, Some(other)) => format!("recorded was {}, and it makes no such call", show::call(other)),
        (None, None) => return Err(CanaryFault::Nothing),
    }))
}

impl CanaryFault {
    /// The same as an error. Another object than our own is not ours to correct.
    fn error(self, is_embedded: bool) -> Error {
        let ours = "`uname -r` and the line above belong into a bug report";
        let (what, hint) = match (self, is_embedded) {
            (Self::Nothing, true) => (
                "nothing of it was seen".to_owned(),
                "in a container, share the host's pid namespace (docker run --pid=host)",
            ),
            (Self::Nothing, false) => (
                "nothing of it was seen".to_owned(),
                "without --bpf, the embedded object is loaded; in a container, share the host's pid namespace (docker run --pid=host)",
            ),
            (Self::Lost(what) | Self::Wrong(what), true) => (what, ours),
            (Self::Lost(what) | Self::Wrong(what), false) => {
                (what, "the fault is in the object of --bpf if it goes away without --bpf")
            }
        };
        canary_error(&what, hint)
    }
}

/// The error for a child that did not reach its gate. Only the machine can keep it from there.
pub fn cannot_start(ending: &Ending) -> Error {
    Error::cannot_trace(
        format!("a child could not be started: it {ending}"),
        "a seccomp filter may forbid a call (with docker, --security-opt seccomp=unconfined); see `ulimit -a`",
    )
}

fn canary_error(what: &str, hint: &str) -> Error {
    let sentence = format!("the canary, a child that calls dup(-1) once, was not seen as it should be: {what}");
    Error::cannot_trace(sentence, hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::syscalls::Syscall;
    use crate::trace::call::Outcome;
    use crate::trace::counts::Counts;
    use crate::trace::decoder::assemble;
    use crate::trace::record::tests::{call_bytes, end_bytes};

    /// A trace with one call, changed.
    fn trace(name: &str, change: fn(&mut Trace)) -> Trace {
        let call = call_bytes(0, Syscall::by_name(name).unwrap().number, u64::MAX, b"", i64::from(-libc::EBADF));
        let counts = Counts { seen: 1, emitted: 1, ends: 1, ..Counts::default() };
        let mut trace = assemble([call.as_slice(), end_bytes(1).as_slice()].into_iter(), counts, None);
        trace.calls[0].args[0] = u64::MAX;
        change(&mut trace);
        trace
    }

    #[test]
    fn what_was_seen_is_told_with_what_of_it_is_wrong() {
        type Row = (&'static str, fn(&mut Trace), &'static str);
        let rows: [Row; 6] = [
            (
                "dup",
                |trace| trace.calls[0].outcome = Outcome::Returned(0),
                "recorded was dup(-1) = 0, and its result is EBADF",
            ),
            (
                "dup",
                |trace| trace.calls[0].outcome = Outcome::Returned(-1),
                "recorded was dup(-1) = -1 EPERM, and its result is EBADF",
            ),
            ("sync", |_| (), "recorded was sync() = -1 EBADF, and it makes no such call"),
            ("dup", |trace| trace.calls.clear(), "the first missing call is number 0 of 1"),
            ("dup", |trace| trace.counts.received = 0, "1 records were emitted and 0 received"),
            (
                "dup",
                |trace| {
                    trace.calls.clear();
                    trace.counts = Counts::default();
                },
                "nothing of it was seen",
            ),
        ];
        for (name, change, what) in rows {
            let error = seen(&trace(name, change)).unwrap_err().error(true);
            assert!(error.sentence.ends_with(what), "{error}");
            assert_eq!(error.hint.contains("pid namespace"), what == "nothing of it was seen", "{error}");
        }
        assert_eq!(seen(&trace("dup", |_| ())), Ok(()));
    }

    #[test]
    fn an_object_of_the_users_own_is_not_ours_to_report() {
        let wrong = || CanaryFault::Wrong("recorded was dup(-1) = 0".to_owned());
        assert!(wrong().error(true).hint.contains("bug report"));
        assert!(!wrong().error(false).hint.contains("bug report"));
    }
}
