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
            (Phase::Act, _) => return Err(canary_error(&format!("it {ending}"))),
        }
        let losses = trace.losses().sentences();
        let seen = trace.calls.iter().any(|call| call.name() == "dup" && call.errno() == Some(libc::EBADF));
        match (seen, losses.as_slice()) {
            (true, []) => Ok(()),
            (false, []) => Err(canary_error("its call was not recorded")),
            (_, [first, ..]) => Err(canary_error(first)),
        }
    }
}

/// The error for a child that did not reach its gate. Only the machine can keep it from there.
pub fn cannot_start(ending: &Ending) -> Error {
    Error::cannot_trace(
        format!("a child could not be started: it {ending}"),
        "a seccomp filter may forbid a call (with docker, --security-opt seccomp=unconfined); see `ulimit -a`",
    )
}

fn canary_error(what: &str) -> Error {
    Error::cannot_trace(
        format!("the canary, a child that calls dup once, was not seen as it should be: {what}"),
        "in a container, share the host's pid namespace (docker run --pid=host); with --bpf FILE, try without",
    )
}
