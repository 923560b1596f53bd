//! What happens while a child waits at its gate, before it is watched.

use std::sync::atomic::Ordering;

use super::Session;
use crate::base::error::Error;
use crate::watch::witness::Witness;

impl Session {
    /// The witness of a child, if children have one.
    pub(super) fn witness_of(&self, pid: u32, follow: bool, data: bool) -> Result<Option<Witness>, Error> {
        let is_wanted = self.witness.load(Ordering::Relaxed);
        is_wanted.then(|| stopped(pid, follow, if data { self.data } else { 0 })).transpose()
    }
}

/// A witness for a child, which it stops.
fn stopped(pid: u32, follow: bool, data: u32) -> Result<Witness, Error> {
    // For the processes that `ior-it` itself forks. The witness of a command has its caller's rights: the kernel lets it see no
    // more.
    crate::base::rights::raise(caps::Capability::CAP_SYS_PTRACE);
    Witness::stop(pid, follow, data)
}
