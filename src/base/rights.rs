//! What a binary with file capabilities may do for whoever calls it.
//!
//! With `setcap` any user has the rights of the file: the loader says so (AT_SECURE, getauxval(3)). Then files that the command line
//! names are opened with the caller's own rights, no code of his goes into the kernel, and the calls of programs that he could not
//! trace by himself are not shown. SECURITY.md says what is promised.
#![allow(unsafe_code)]

use caps::{CapSet, Capability};
use nix::unistd::{getegid, geteuid, getgid, getuid};

use crate::base::error::Error;

/// Those by which files and processes of others could be looked at.
const OVER_OTHERS: [Capability; 3] =
    [Capability::CAP_DAC_READ_SEARCH, Capability::CAP_DAC_OVERRIDE, Capability::CAP_SYS_PTRACE];

/// Whether this process has rights that its caller has not.
pub fn are_borrowed() -> bool {
    // SAFETY: only asks.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// Refuses to run as a set-user-ID or set-group-ID binary: it would open and write files with the rights of its owner. Those it
/// cannot put aside as it can capabilities.
pub fn check_owner() -> Result<(), Error> {
    let (bit, chmod) = match (getuid() == geteuid(), getgid() == getegid()) {
        (true, true) => return Ok(()),
        (false, _) => ("set-user-ID", "u-s"),
        (true, false) => ("set-group-ID", "g-s"),
    };
    Err(Error::cannot_trace(
        format!("this binary is {bit}: it would do for whoever calls it what its owner may do"),
        format!(
            "take that away (chmod {chmod}); run it as root (sudo), or give it capabilities (setcap, see README.md)"
        ),
    ))
}

/// Puts borrowed rights over others aside: [`raise`] takes one up where it is needed.
pub fn put_aside() {
    if are_borrowed() {
        for capability in OVER_OTHERS {
            // What a thread does not have it cannot drop.
            let _ = caps::drop(None, CapSet::Effective, capability);
        }
    }
}

/// Takes up a right that was put aside, for this thread and those that it starts; nothing where there is none.
pub fn raise(capability: Capability) {
    if has(capability) {
        let _ = caps::raise(None, CapSet::Effective, capability);
    }
}

/// Gives up all rights but those that the scenario of this name is about.
pub fn keep_for(scenario: &str) {
    let needs = scenario.starts_with("open-by-handle");
    let kept =
        Some(Capability::CAP_DAC_READ_SEARCH).filter(|&capability| needs && has(capability)).into_iter().collect();
    for set in [CapSet::Effective, CapSet::Inheritable, CapSet::Permitted] {
        // What is no subset of what it has is refused, and it gives up no less then.
        let _ = if let CapSet::Permitted = set { caps::set(None, set, &kept) } else { caps::clear(None, set) };
    }
}

/// Whether this thread has a right, or could take it up.
pub fn has(capability: Capability) -> bool {
    caps::has_cap(None, CapSet::Permitted, capability).unwrap_or(false)
}

/// The error of an option that puts code of the caller into the kernel.
pub fn refuse(option: &str) -> Result<(), Error> {
    if !are_borrowed() {
        return Ok(());
    }
    Err(Error::cannot_trace(
        format!("{option} is refused: this binary has file capabilities, which are not for code of whoever calls it"),
        "run it as root (sudo), or without the option; `getcap` shows the capabilities",
    ))
}
