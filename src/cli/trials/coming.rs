//! The trials that are about to run, in their order.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// The names of the trials that have not begun.
#[derive(Debug, Default)]
pub struct ComingTrials(Mutex<VecDeque<String>>);

impl ComingTrials {
    /// These trials come, in this order, and no others.
    pub fn fill<'n>(&self, names: impl Iterator<Item = &'n str>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = names.map(str::to_owned).collect();
    }

    /// A trial begins.
    pub fn begin(&self, name: &str) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = names.iter().position(|coming| coming == name) {
            names.remove(at);
        }
    }

    /// Does something for the next trial, which begins only after that.
    pub fn for_next(&self, act: impl FnOnce(&str)) {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(next) = names.front() {
            act(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(coming: &ComingTrials) -> Option<String> {
        let mut next = None;
        coming.for_next(|name| next = Some(name.to_owned()));
        next
    }

    #[test]
    fn the_next_trial_is_the_first_that_has_not_begun() {
        let coming = ComingTrials::default();
        assert_eq!(next(&coming), None);
        coming.fill(["a", "b", "c"].into_iter());
        coming.begin("b");
        assert_eq!(next(&coming).as_deref(), Some("a"));
        coming.begin("a");
        coming.begin("a");
        assert_eq!(next(&coming).as_deref(), Some("c"));
        coming.begin("c");
        assert_eq!(next(&coming), None);
    }
}
