//! The calls that change what files are called, for whoever looks at it at the same time.
//!
//! No I/O.

use std::collections::HashSet;

use crate::trace::call::Call;

/// The calls that change what files are called, for whoever looks at it at the same time.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// How many have begun.
    pub(super) begun: u64,
    /// The threads that are in one.
    pub(super) inside: HashSet<u32>,
}

impl Changes {
    /// A thread enters this call: whether another one is in a change.
    pub(super) fn enter(&mut self, tid: u32, call: &Call) -> bool {
        let others = !self.inside.is_empty();
        if call.effect().changes_names() {
            self.begun += 1;
            self.inside.insert(tid);
        }
        others
    }
}
