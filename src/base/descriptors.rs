//! How many descriptors this process may have open.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Enough for the BPF object's maps and programs, the witness and the scenarios, which need far fewer.
const ENOUGH: u64 = 1024;

/// Raises this process's limit to what is enough, or to the hard limit (getrlimit(2)). Processes that were forked before keep the
/// caller's limits.
pub fn allow_enough() {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
    if soft < ENOUGH.min(hard) {
        // If that fails, the step that lacks a descriptor reports it.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, ENOUGH.min(hard), hard);
    }
}
