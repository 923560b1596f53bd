//! Folds the attempts of an interrupted call into one, for a tracer that reports each attempt.
//!
//! No I/O.

use std::collections::HashSet;

use super::{Compared, Expected, call};
use crate::subject::facts;
use crate::subject::said::Said;

/// A line: its place among all lines, and its content.
type Placed<'a> = (usize, &'a Said);

/// Folds attempts: the call begins with its first attempt, and ends with its last.
pub(super) fn fold(reference: &[(usize, Expected)], lines: &mut Vec<Placed>, compared: &Compared) {
    let mut folded: HashSet<usize> = HashSet::new();
    let mut seen: HashSet<usize> = HashSet::new();
    for at in 0..lines.len() {
        let attempt = lines[at].1;
        if !facts::is_restart(attempt.ret()) || seen.contains(&at) {
            continue;
        }
        let alike: Vec<usize> = (at..lines.len()).filter(|&other| is_made_again(attempt, lines[other].1)).collect();
        let asked = reference.iter().map(|(_, expected)| expected);
        let asked: Vec<&Expected> =
            asked.filter(|expected| expected.is_asked_alike(attempt, compared.claims)).collect();
        folded.extend(fold_alike(&asked, &alike, lines, compared));
        seen.extend(alike);
    }
    let mut places = 0..;
    lines.retain(|_| places.next().is_none_or(|place| !folded.contains(&place)));
}

/// Folds attempts that look alike, and returns the places that are left over. The reference tells how many calls there were,
/// and which of them a signal ended.
fn fold_alike(asked: &[&Expected], alike: &[usize], lines: &mut [Placed], compared: &Compared) -> Vec<usize> {
    let (mut open, mut whole, mut left_over, mut begun) = (Vec::new(), Vec::new(), Vec::new(), 0);
    let mut more = alike.len().saturating_sub(asked.len());
    for &at in alike {
        let is_attempt = facts::is_restart(lines[at].1.ret());
        let is_again = |&first: &usize| !is_attempt && has_handler_returned(compared, lines[first], lines[at]);
        // Handlers nest: the attempt that was interrupted last is restarted first.
        if let (1.., Some(first)) = (more, open.last().copied().filter(is_again)) {
            open.pop();
            more -= 1;
            lines[first] = lines[at];
            left_over.push(at);
            continue;
        }
        let is_ended = asked.get(begun).is_some_and(|expected| expected.is_interrupted());
        begun += 1;
        if !is_attempt {
            whole.push(at);
        } else if !is_ended {
            open.push(at);
        }
    }
    // No handler ran, or the subject does not report its return.
    for first in open.into_iter().take(more) {
        if let Some(next) = whole.iter().position(|&at| at > first) {
            lines[first] = lines[whole[next]];
            left_over.push(whole.remove(next));
        }
    }
    left_over
}

/// Whether a signal handler returned between the two lines, in their thread.
fn has_handler_returned(compared: &Compared, (from, said): Placed, (to, _): Placed) -> bool {
    let is_return = |other: &Said| other.call == "rt_sigreturn" && other.get("tid") == said.get("tid");
    compared.lines.get(from..to).into_iter().flatten().filter_map(call).any(is_return)
}

/// Whether a call is another attempt at an earlier one. The buffers that it fills may differ.
fn is_made_again(attempt: &Said, later: &Said) -> bool {
    let is_argument = |key: &str| attempt.row.is_some_and(|row| row.arg(key).is_some());
    let same = |key: &str| match (attempt.get(key), later.get(key)) {
        (Some(before), Some(after)) => before == after,
        (None, _) | (_, None) => true,
    };
    attempt.call == later.call
        && same("tid")
        && attempt.fields().iter().map(|(key, _)| key.name).filter(|key| is_argument(key)).all(same)
}
