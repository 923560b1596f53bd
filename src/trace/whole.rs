//! A trace: the calls of one scenario in order, with what was lost.

use crate::base::escape;
use crate::trace::call::Call;
use crate::trace::counts::{Counts, Losses};

/// The calls of one scenario.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// The watch that its records carry; 0 if there is none.
    pub watch: u64,
    /// The calls, in the order in which they were entered.
    pub calls: Vec<Call>,
    /// How many there were at each step, and how many were lost.
    pub counts: Counts,
    /// What could not be decoded, a sentence each (the first few).
    pub bad_records: Vec<String>,
}

/// The end of a process, as the tracer recorded it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessEnd {
    /// The process.
    pub pid: u32,
    /// Its status as wait4(2) reports it; `None` if it lives on, hidden.
    pub status: Option<i32>,
}

impl Trace {
    /// The trace without these calls, as if they had never been made.
    pub fn without(mut self, is_left_out: impl Fn(&Call) -> bool) -> Self {
        let mut left_out = 0;
        self.calls.retain_mut(|call| {
            let stays = !is_left_out(call);
            left_out += u64::from(!stays);
            call.order -= left_out;
            stays
        });
        for count in [&mut self.counts.seen, &mut self.counts.emitted, &mut self.counts.received] {
            *count = count.saturating_sub(left_out);
        }
        self
    }

    /// What was lost, or hidden, as the tracer counts it.
    pub fn losses(&self) -> Losses {
        let gap = self.first_gap().map(|gap| format!("the first missing call is number {gap} of {}", self.counts.seen));
        let bad = self.bad_records.first().map(|why| format!("the first record that is none: {}", escape::line(why)));
        Losses::Counted(self.counts.losses().into_iter().chain(bad).chain(gap).chain(self.counts.hidden()).collect())
    }

    /// The first number that no call has, if the calls are not all there.
    fn first_gap(&self) -> Option<u64> {
        let mut numbers: Vec<u64> = self.calls.iter().map(|call| call.order).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.iter().zip(0..).find(|&(&number, expected)| number != expected).map(|(_, expected)| expected).or_else(
            || {
                let count = numbers.len() as u64;
                (count < self.counts.seen).then_some(count)
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::call::tests::call;

    /// The counts of a whole trace of so many calls.
    fn whole(calls: u64) -> Counts {
        Counts { seen: calls, emitted: calls, ends: 1, received: calls, ends_received: 1, ..Counts::default() }
    }

    /// What is said to be lost of a trace with these counts and calls at these places.
    fn losses(counts: Counts, orders: &[u64]) -> Vec<String> {
        let sync = |&order: &u64| call(order, libc::SYS_sync as u32, [0; 6], 0);
        let calls = orders.iter().map(sync).collect();
        Trace { calls, counts, ..Trace::default() }.losses().sentences()
    }

    #[test]
    fn a_whole_trace_lost_nothing() {
        let rows: [(&str, Counts, &[u64]); 4] = [
            ("three calls", whole(3), &[0, 1, 2]),
            ("in any order", whole(3), &[2, 0, 1]),
            ("no call at all", whole(0), &[]),
            ("the gate's own call is a stray and no loss", Counts { strays: 1, ..whole(1) }, &[0]),
        ];
        for (sentence, counts, orders) in rows {
            assert_eq!(losses(counts, orders), Vec::<String>::new(), "{sentence}");
        }
    }

    #[test]
    #[allow(clippy::too_many_lines)] // a table
    fn each_loss_is_told_with_its_count_and_place() {
        let rows: [(&str, Counts, &[u64], &[&str]); 14] = [
            (
                "no room for the second of three calls",
                Counts { refused: 1, emitted: 2, received: 2, ..whole(3) },
                &[0, 2],
                &["1 of 3 calls found no room in the ring buffer", "the first missing call is number 1 of 3"],
            ),
            (
                "BPF itself lost the first of two",
                Counts { emitted: 1, received: 1, ..whole(2) },
                &[1],
                &["2 calls were seen, but 1 emitted and 0 refused", "the first missing call is number 0 of 2"],
            ),
            (
                "the reader lost the last of two",
                Counts { received: 1, ..whole(2) },
                &[0],
                &["2 records were emitted and 1 received", "the first missing call is number 1 of 2"],
            ),
            (
                "a record came twice",
                Counts { received: 3, ..whole(2) },
                &[0, 1, 1],
                &["2 records were emitted and 3 received"],
            ),
            (
                "a record makes no sense",
                Counts { undecoded: 1, ..whole(2) },
                &[0, 1],
                &["1 records could not be decoded"],
            ),
            (
                "the process never ended",
                Counts { ends: 0, ends_received: 0, ..whole(1) },
                &[0],
                &["the end of the process was not seen"],
            ),
            (
                "a call returned that was not seen to begin",
                Counts { strays: 2, ..whole(1) },
                &[0],
                &["1 calls were seen to return that were not seen to begin"],
            ),
            (
                "no room for a name",
                Counts { untold: 1, ..whole(1) },
                &[0],
                &["1 names and blocks of data found no room in the ring buffer"],
            ),
            (
                "a name did not arrive",
                Counts { told: 2, told_received: 1, ..whole(1) },
                &[0],
                &["2 names and blocks of data were emitted and 1 received"],
            ),
            (
                "a name was neither sent nor counted",
                Counts { unnamed: 2, ..whole(1) },
                &[0],
                &["calls refer 2 times to a name that never arrived"],
            ),
            (
                "too many requests at a time",
                Counts { refused: 1, crowded: 1, emitted: 1, received: 1, ..whole(2) },
                &[0],
                &[
                    "1 requests of io_uring were submitted beside 4096 in flight, which are too many",
                    "the first missing call is number 1 of 2",
                ],
            ),
            (
                "the end did not arrive",
                Counts { ends_received: 0, ..whole(1) },
                &[0],
                &["1 end records were emitted and 0 received"],
            ),
            (
                "what one process did was not to be seen",
                Counts { hidden: 1, ..whole(1) },
                &[0],
                &["the calls of 1 process from where it became a program that its caller may not trace"],
            ),
            (
                "nor what two did",
                Counts { hidden: 2, ..whole(1) },
                &[0],
                &["the calls of 2 processes from where they became programs that their caller may not trace"],
            ),
        ];
        for (sentence, counts, orders, expected) in rows {
            assert_eq!(losses(counts, orders), expected, "{sentence}");
        }
    }

    #[test]
    fn a_trace_without_some_calls_is_as_if_they_had_not_been_made() {
        let calls = |orders: &[u64]| -> Vec<Call> {
            orders.iter().map(|&order| call(order, libc::SYS_sync as u32, [order; 6], 0)).collect()
        };
        let whole = Trace { calls: calls(&[0, 1, 2, 3, 4]), counts: whole(5), ..Trace::default() };
        let left = whole.without(|call| call.args[0] == 1 || call.args[0] == 2);
        let places: Vec<_> = left.calls.iter().map(|call| (call.order, call.args[0])).collect();
        assert_eq!(places, [(0, 0), (1, 3), (2, 4)]);
        assert_eq!((left.counts, left.losses().are_known()), (super::tests::whole(3), false));
    }

    #[test]
    fn a_program_that_did_not_run_is_a_loss_though_nothing_is_missing() {
        let skipped = Counts { skipped: 2, ..whole(1) };
        assert_eq!(losses(skipped, &[0]), ["the kernel skipped a program of the tracer 2 times"]);
    }

    #[test]
    fn nothing_counted_is_not_nothing_lost() {
        assert_eq!(Trace::default().losses().sentences(), ["the end of the process was not seen"]);
    }
}
