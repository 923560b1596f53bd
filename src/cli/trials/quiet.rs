//! A run of which nothing is printed.

use std::time::Duration;

use super::{Printer, TrialDone, TrialName, TrialSums};

/// Prints nothing.
pub struct Quiet;

impl Printer for Quiet {
    fn begin(&mut self, _: usize, _: Option<u64>) {}
    fn announce(&mut self, _: &TrialName) {}
    fn done(&mut self, _: &TrialDone) {}
    fn end(&mut self, _: &[TrialDone], _: &TrialSums, _: Duration) {}
}
