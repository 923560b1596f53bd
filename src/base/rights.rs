//! The rights of a binary with file capabilities, which its caller may not have.
//!
//! After `setcap`, every caller gets the rights of the file, and the loader reports that (AT_SECURE, getauxval(3)). Then ior-it opens
//! the files of the command line with the caller's own rights. It loads none of the caller's code into the kernel, and shows no calls
//! of programs that the caller could not trace. SECURITY.md says what is promised.
#![allow(unsafe_code)]

use caps::{CapSet, Capability};
use nix::unistd::{getegid, geteuid, getgid, getuid};

use crate::base::error::Error;

/// The capabilities that give access to the files and processes of other users.
const OVER_OTHERS: [Capability; 3] =
    [Capability::CAP_DAC_READ_SEARCH, Capability::CAP_DAC_OVERRIDE, Capability::CAP_SYS_PTRACE];

/// Whether this process has rights that its caller has not.
pub fn are_borrowed() -> bool {
    // SAFETY: it only reads a value.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// Refuses to run as a set-user-ID or set-group-ID binary, which would open and write files with its owner's rights. Unlike
/// capabilities, those cannot be put aside.
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

/// Puts borrowed rights over other users aside. [`raise`] takes one up again.
pub fn put_aside() {
    if are_borrowed() {
        for capability in OVER_OTHERS {
            // Dropping a capability that the thread does not have fails, which is no harm.
            let _ = caps::drop(None, CapSet::Effective, capability);
        }
    }
}

/// Takes up a right that was put aside, for this thread and the threads that it starts. Nothing happens if there is none.
pub fn raise(capability: Capability) {
    if has(capability) {
        let _ = caps::raise(None, CapSet::Effective, capability);
    }
}

/// Gives up all rights except those that this scenario is about.
pub fn keep_for(scenario: &str) {
    let needs = scenario.starts_with("open-by-handle");
    let kept =
        Some(Capability::CAP_DAC_READ_SEARCH).filter(|&capability| needs && has(capability)).into_iter().collect();
    for set in [CapSet::Effective, CapSet::Inheritable, CapSet::Permitted] {
        // A set that is no subset of the present one is refused.
        let _ = if let CapSet::Permitted = set { caps::set(None, set, &kept) } else { caps::clear(None, set) };
    }
}

/// Whether this thread has a right or can take it up.
pub fn has(capability: Capability) -> bool {
    caps::has_cap(None, CapSet::Permitted, capability).unwrap_or(false)
}

/// Refuses an option that would load the caller's code into the kernel.
pub fn refuse(option: &str) -> Result<(), Error> {
    if !are_borrowed() {
        return Ok(());
    }
    Err(Error::cannot_trace(
        format!("{option} is refused: this binary has file capabilities, which are not for code of whoever calls it"),
        "run it as root (sudo), or without the option; `getcap` shows the capabilities",
    ))
}
