//! The calls in progress that change names of files. They disturb other calls at the same time.
//!
//! No I/O.

use std::collections::HashSet;

use crate::trace::call::Call;

/// The calls in progress that change names of files.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// How many such calls have begun.
    pub(super) begun: u64,
    /// The threads that are in such a call.
    pub(super) inside: HashSet<u32>,
}

impl Changes {
    /// Notes that a thread enters this call. Returns whether another thread is changing names.
    pub(super) fn enter(&mut self, tid: u32, call: &Call) -> bool {
        let others = !self.inside.is_empty();
        if call.effect().changes_names() {
            self.begun += 1;
            self.inside.insert(tid);
        }
        others
    }
}
