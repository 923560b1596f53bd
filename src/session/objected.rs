//! The witness of a child, and its word on the trace.

use crate::base::error::Error;
use crate::judge::agreement;
use crate::judge::report::{self, AgreementFailure, Report};
use crate::judge::verdict::Observed;
use crate::trace::testimony::Testimony;
use crate::watch::witness::Witness;

/// A witness for a child, which it stops.
pub(super) fn stopped(pid: u32, follow: bool, data: u32) -> Result<Witness, Error> {
    // For the processes that `ior-it` itself forks. The witness of a command has its caller's rights: the kernel lets it see no
    // more.
    crate::base::rights::raise(caps::Capability::CAP_SYS_PTRACE);
    Witness::stop(pid, follow, data)
}

/// The report on the differences between BPF and the witness. A trace with losses is not compared: its losses are reported.
pub(super) fn objection(
    name: &str,
    rerun: &str,
    observed: &Observed,
    testimony: &Testimony,
    workspace: &[u8],
) -> Option<Report> {
    let Observed { ending, trace } = observed;
    if trace.losses().are_known() {
        return None;
    }
    let disagreements = agreement::compare(trace, testimony, Some(workspace));
    let disagreeing =
        AgreementFailure { scenario: name, ending, trace, testimony, disagreements: &disagreements, rerun };
    (!disagreements.is_empty()).then(|| report::disagreement(&disagreeing))
}
