//! The reference: our own trace of a process that made fences, without the fences.
//!
//! No I/O.

use super::said::{Said, Value};
use super::window::Fences;
use crate::trace::call::{Call, Text};
use crate::trace::whole::Trace;

/// A trace with fences, split.
#[derive(Clone, Debug, Default)]
pub struct Reference {
    /// The trace without the fences, as tests.toml describes it.
    pub act: Trace,
    /// The calls between the opening fence and the first closing one, which a subject must report.
    pub between: Vec<Call>,
}

/// Splits a trace. `main` is the thread that made the fences. `open` is the number of the fence before `act`, and the next one
/// closes.
pub fn reference(mut trace: Trace, fences: Fences, open: u64, main: u32) -> Reference {
    let number = |call: &Call| if call.tid == main { number(fences, call) } else { None };
    let opening = trace.calls.iter().find(|call| number(call) == Some(open)).map(|call| call.order);
    let closing = trace.calls.iter().find(|call| number(call) > Some(open)).map(|call| call.order);
    let begins = opening.map_or(0, |order| order + 1);
    let ends = closing.unwrap_or(u64::MAX);
    let between = trace.calls.iter().filter(|call| (begins..ends).contains(&call.order)).cloned().collect();
    let is_own = |call: &Call| call.tid == main && call.order >= ends && call.name() != "exit_group";
    without(&mut trace, |call| call.order < begins || is_own(call));
    Reference { act: trace, between }
}

/// The number of a fence, if the call is one. It compares the string that the call was given: after chroot(2) the path leads
/// elsewhere.
pub fn number(fences: Fences, call: &Call) -> Option<u64> {
    let row = call.syscall()?;
    let said = Said::new(row.name);
    let said = match row.arg("path").and_then(|at| call.text(at)) {
        Some(Text::Read { bytes, .. }) => said.with("path", bytes.as_slice()),
        Some(Text::Unreadable(_)) | None => said.with("fd", Value::Number((call.args[0] as i32).into())),
    };
    fences.number(&said)
}

/// Removes calls from a trace, as if they had not been made.
fn without(trace: &mut Trace, is_out: impl Fn(&Call) -> bool) {
    let before = trace.calls.len();
    trace.calls.retain(|call| !is_out(call));
    let removed = (before - trace.calls.len()) as u64;
    let mut orders: Vec<u64> = trace.calls.iter().map(|call| call.order).collect();
    orders.sort_unstable();
    orders.dedup();
    for call in &mut trace.calls {
        call.order = orders.partition_point(|&order| order < call.order) as u64;
    }
    for count in [&mut trace.counts.seen, &mut trace.counts.emitted, &mut trace.counts.received] {
        *count = count.saturating_sub(removed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::child::fence::FenceKind;
    use crate::trace::call::tests::call;
    use crate::trace::counts::Counts;

    const FENCES: Fences = Fences { kind: FenceKind::Close, nonce: 1 };

    fn close(order: u64, tid: u32, fd: i64) -> Call {
        Call { tid, ..call(order, libc::SYS_close as u32, [fd as u64, 0, 0, 0, 0, 0], -9) }
    }

    fn whole(calls: Vec<Call>) -> Trace {
        let count = calls.len() as u64;
        let counts =
            Counts { seen: count, emitted: count, received: count, ends: 1, ends_received: 1, ..Counts::default() };
        Trace { calls, counts, ..Trace::default() }
    }

    fn fds(calls: &[Call]) -> Vec<(u64, i32)> {
        calls.iter().map(|call| (call.order, call.args[0] as i32)).collect()
    }

    #[test]
    fn what_stands_between_the_fences_is_the_reference_and_nothing_is_lost_by_that() {
        let fence = |order, number| close(order, 1, Fences::fd(number));
        let exit = call(8, libc::SYS_exit_group as u32, [0; 6], 0);
        let calls = vec![
            close(0, 1, 90),
            fence(1, 5),
            close(2, 1, 3),
            close(3, 2, 4),
            fence(4, 6),
            close(5, 2, 7),
            close(6, 1, 91),
            fence(7, 7),
            exit,
        ];
        let Reference { act, between } = reference(whole(calls), FENCES, 5, 1);
        assert_eq!(fds(&between), [(2, 3), (3, 4)]);
        assert_eq!(
            fds(&act.calls),
            [(0, 3), (1, 4), (2, 7), (3, 0)],
            "another thread goes on, and exit_group is the last"
        );
        assert!(!act.losses().are_known());
    }

    #[test]
    fn a_process_that_makes_no_closing_fence_is_taken_to_its_end() {
        let calls = vec![close(0, 1, Fences::fd(5)), close(1, 1, 3), call(2, libc::SYS_exit_group as u32, [9; 6], 0)];
        let Reference { act, between } = reference(whole(calls), FENCES, 5, 1);
        assert_eq!((fds(&act.calls), between.len()), (vec![(0, 3), (1, 9)], 2));
    }
}
