//! How many descriptors this process may have open.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// The BPF object's maps and programs, the witness and the scenarios need far fewer.
const ENOUGH: u64 = 1024;

/// Allows itself enough of them, as far as the hard limit goes (getrlimit(2)). Whoever was forked before keeps the limits of the caller.
pub fn allow_enough() {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
    if soft < ENOUGH.min(hard) {
        // What cannot be had is told by whoever lacks it.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, ENOUGH.min(hard), hard);
    }
}
