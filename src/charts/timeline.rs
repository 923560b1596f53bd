//! The timeline as a picture: a row for each thread, and a box for each call.
//!
//! No I/O.

use maud::{Markup, html};

use super::comm;
use crate::base::escape;
use crate::trace::call::{Call, Outcome};
use crate::trace::show;

/// The most calls and threads in the picture. It says how many there are.
const MOST_CALLS: usize = 5_000;
const MOST_THREADS: usize = 100;
/// The most characters of a call.
const CHARACTERS: usize = 200;

/// The width of the picture, that of the names of the threads in it, and the height of a row.
const WIDTH: f64 = 1200.0;
const NAMES: f64 = 170.0;
const ROW: usize = 20;

/// The calls, by thread and time.
#[derive(Debug, Default)]
pub struct Timeline {
    calls: Vec<TimedCall>,
    threads: Vec<(u32, String)>,
    /// How many calls were added.
    all: u64,
}

#[derive(Debug)]
struct TimedCall {
    thread: usize,
    enter_ns: u64,
    /// When it returned.
    end_ns: u64,
    class: &'static str,
    shown: String,
}

impl Timeline {
    /// Adds a call.
    pub fn add(&mut self, call: &Call) {
        self.all += 1;
        if self.calls.len() >= MOST_CALLS {
            return;
        }
        let known = self.threads.iter().position(|(tid, _)| *tid == call.tid);
        if known.is_none() && self.threads.len() >= MOST_THREADS {
            return;
        }
        let thread = known.unwrap_or(self.threads.len());
        if known.is_none() {
            self.threads.push((call.tid, String::new()));
        }
        // The last name: a thread may execute another program.
        self.threads[thread].1 = escape::line(&comm(call)).into_owned();
        let class = match (call.outcome, call.errno()) {
            (Outcome::Unfinished, _) => "unfinished",
            (Outcome::Returned(_), Some(_)) => "error",
            (Outcome::Returned(_), None) => "call",
        };
        let shown: String = escape::line(&show::call(call)).chars().take(CHARACTERS).collect();
        let (enter_ns, end_ns) = (call.enter_ns, call.enter_ns.saturating_add(call.duration_ns));
        self.calls.push(TimedCall { thread, enter_ns, end_ns, class, shown });
    }

    /// How many calls the picture shows, and of how many.
    pub fn counts(&self) -> (usize, u64) {
        (self.calls.len(), self.all)
    }

    /// From the first call's enter to the last one's end, in nanoseconds.
    pub fn duration_ns(&self) -> u64 {
        self.last().saturating_sub(self.first())
    }

    fn first(&self) -> u64 {
        self.calls.iter().map(|call| call.enter_ns).min().unwrap_or(0)
    }

    fn last(&self) -> u64 {
        self.calls.iter().map(|call| call.end_ns).max().unwrap_or(0)
    }

    /// The picture.
    pub fn picture(&self) -> Markup {
        let (first, length) = (self.first(), self.duration_ns().max(1) as f64);
        let height = self.threads.len() * ROW;
        let x = |ns: u64| NAMES + (WIDTH - NAMES) * (ns - first) as f64 / length;
        html! {
            svg.timeline viewBox=(format!("0 0 {WIDTH} {height}")) width=(WIDTH) height=(height) role="img" aria-label="Timeline" {
                @for (row, (tid, name)) in self.threads.iter().enumerate() {
                    text x="0" y=(row * ROW + 14) { (tid) " " (name) }
                    line x1=(NAMES) x2=(WIDTH) y1=(row * ROW + ROW - 1) y2=(row * ROW + ROW - 1) { }
                }
                @for call in &self.calls {
                    // The narrowest box can still be seen.
                    rect.(call.class) x=(format!("{:.2}", x(call.enter_ns))) y=(call.thread * ROW + 3)
                        width=(format!("{:.2}", (x(call.end_ns) - x(call.enter_ns)).max(0.6))) height=(ROW - 6) {
                        title { (call.shown) ": " (format!("{:.1} µs", (call.end_ns - call.enter_ns) as f64 / 1e3)) }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::syscalls::Syscall;
    use crate::trace::record::{self, Record, tests::call_bytes};

    fn call(tid: u32, enter_ns: u64, ret: i64) -> Call {
        let number = Syscall::by_name("close").unwrap().number;
        let Ok(Record::Call(call, _)) = record::decode(&call_bytes(0, number, 3, b"", ret)) else { panic!("no call") };
        Call { tid, enter_ns, duration_ns: 100, ..call }
    }

    #[test]
    fn each_thread_has_a_row_and_each_call_a_box() {
        let mut timeline = Timeline::default();
        for (tid, at, ret) in [(1, 1_000, 0), (2, 1_050, -9), (1, 1_900, 0)] {
            timeline.add(&call(tid, at, ret));
        }
        assert_eq!((timeline.counts(), timeline.duration_ns()), ((3, 3), 1_000));
        let picture = timeline.picture().into_string();
        assert_eq!((picture.matches("<rect").count(), picture.matches("<line").count()), (3, 2), "{picture}");
        assert!(
            picture.contains("class=\"error\" x=\"221.50\"") && picture.contains("close(3) = 0: 0.1 µs"),
            "{picture}"
        );
    }

    #[test]
    fn memory_is_bounded() {
        let mut timeline = Timeline::default();
        (0..MOST_CALLS as u64 + 5).for_each(|at| timeline.add(&call(1, at, 0)));
        assert_eq!(timeline.counts(), (MOST_CALLS, MOST_CALLS as u64 + 5));
        let mut timeline = Timeline::default();
        (0..MOST_THREADS as u32 + 5).for_each(|tid| timeline.add(&call(tid, 1, 0)));
        assert_eq!(timeline.threads.len(), MOST_THREADS);
        assert!(Timeline::default().picture().into_string().contains("<svg"), "none is no error");
    }
}
