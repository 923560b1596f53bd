//! A line on the terminal for each cell while the run lasts.

use super::{Cell, Sum};
use crate::base::escape;

/// A line about a finished cell: `[ 12/190] ✗ perf fd-reuse: fail, 3 of 4 calls right, 1 finding (17 findings so far)`.
///
/// `done` and `findings_so_far` include this cell.
pub fn progress(done: usize, all: usize, cell: &Cell, findings_so_far: usize) -> String {
    let sum = Sum::of([cell]);
    let sign = sum.mark.map(super::Mark::sign).unwrap_or_default();
    let why = cell.why.iter().map(|why| format!(": {why}")).collect::<String>();
    let so_far = match findings_so_far {
        0 => String::new(),
        1 => " (1 finding so far)".to_owned(),
        many => format!(" ({many} findings so far)"),
    };
    let width = all.to_string().len();
    let Cell { subject, scenario, .. } = cell;
    let line = format!("[{done:width$}/{all}] {sign} {subject} {scenario}: {}{why}{so_far}", sum.long());
    escape::line(&line).into_owned()
}
