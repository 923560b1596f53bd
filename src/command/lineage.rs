//! The calls of a process come after the fork that made it.
//!
//! No I/O. A fork's record is sent when the fork returns to the parent, and by then the child may have made calls, up to its
//! execve where it was made by vfork(2). What they are about depends on the parent's files, so they are held until then. A
//! fork that is never seen to return (its record was lost, or its result is a number of another pid namespace) holds nothing
//! up for long: a process that nobody is known to have forked is let go as a stranger.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::trace::Call;

/// How long the calls of a process wait for its fork.
const PATIENCE: Duration = Duration::from_millis(500);
/// How many of them wait.
const MOST_HELD: usize = 4096;

/// What goes in.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// A call.
    Call(Box<Call>),
    /// A process is gone, with this status, after so many calls of all processes.
    End {
        /// Which one.
        pid: u32,
        /// The number of calls.
        seen: u64,
        /// As wait4(2) reports it.
        status: i32,
    },
}

/// What comes out.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A call of a process that was forked by a call before, or of a stranger.
    Call(Box<Call>),
    /// A process is gone, with this status.
    End(u32, i32),
    /// From here on there are calls of this process, of which no fork was seen.
    Stranger(u32),
}

/// Which processes are known.
#[derive(Debug, Default)]
pub struct Lineage {
    known: HashSet<u32>,
    held: HashMap<u32, Held>,
}

#[derive(Debug)]
struct Held {
    since: Duration,
    records: Vec<Seen>,
}

impl Lineage {
    /// Only this process is known.
    pub fn of(pid: u32) -> Self {
        Self { known: HashSet::from([pid]), held: HashMap::new() }
    }

    /// Takes a record, and puts what can go on to the end of `out`. `now` is a time since any fixed one.
    pub fn admit(&mut self, record: Seen, now: Duration, out: &mut Vec<Event>) {
        let pid = match &record {
            Seen::Call(call) => call.pid,
            Seen::End { pid, .. } => *pid,
        };
        if self.known.contains(&pid) {
            return self.pass(record, out);
        }
        let held = self.held.entry(pid).or_insert(Held { since: now, records: Vec::new() });
        held.records.push(record);
        if held.records.len() >= MOST_HELD {
            self.release(pid, true, out);
        }
    }

    /// Lets go who has waited long enough.
    pub fn expire(&mut self, now: Duration, out: &mut Vec<Event>) {
        let waited = |held: &Held| now.saturating_sub(held.since) > PATIENCE;
        let mut expired: Vec<u32> = self.held.iter().filter(|(_, held)| waited(held)).map(|(&pid, _)| pid).collect();
        expired.sort_unstable();
        expired.into_iter().for_each(|pid| self.release(pid, true, out));
    }

    /// Lets go all: there is no more to come.
    pub fn release_all(&mut self, out: &mut Vec<Event>) {
        while let Some(&pid) = self.held.keys().min() {
            self.release(pid, true, out);
        }
    }

    fn pass(&mut self, record: Seen, out: &mut Vec<Event>) {
        match record {
            Seen::End { pid, status, .. } => {
                self.known.remove(&pid);
                out.push(Event::End(pid, status));
            }
            Seen::Call(call) => {
                let forked = forked(&call);
                out.push(Event::Call(call));
                if let Some(pid) = forked {
                    self.known.insert(pid);
                    self.release(pid, false, out);
                }
            }
        }
    }

    fn release(&mut self, pid: u32, stranger: bool, out: &mut Vec<Event>) {
        let Some(held) = self.held.remove(&pid) else { return };
        self.known.insert(pid);
        if stranger {
            out.push(Event::Stranger(pid));
        }
        held.records.into_iter().for_each(|record| self.pass(record, out));
    }
}

/// The process that a call has forked.
fn forked(call: &Call) -> Option<u32> {
    let starts_thread = call.name() == "clone" && call.args[0] & libc::CLONE_THREAD as u64 != 0;
    let forks = matches!(call.name().as_str(), "fork" | "vfork" | "clone" | "clone3") && !starts_thread;
    call.success().filter(|&pid| forks && pid > 0).map(|pid| pid as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{self, Record, tests::call_bytes};
    use crate::syscalls::Syscall;

    fn call(pid: u32, name: &str, ret: i64) -> Seen {
        let number = Syscall::by_name(name).unwrap().number;
        match record::decode(&call_bytes(0, number, 0, b"", ret)) {
            Ok(Record::Call(call)) => Seen::Call(Box::new(Call { pid, ..*call })),
            other => panic!("{other:?}"),
        }
    }

    fn end(pid: u32) -> Seen {
        Seen::End { pid, seen: 0, status: 0 }
    }

    /// What came out, a word each.
    fn words(out: &[Event]) -> String {
        let word = |event: &Event| match event {
            Event::Call(call) => format!("{}:{}", call.pid, call.name()),
            Event::End(pid, _) => format!("{pid}:end"),
            Event::Stranger(pid) => format!("{pid}:stranger"),
        };
        out.iter().map(word).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn calls_wait_for_the_fork_that_made_their_process() {
        let rows: [(&str, Vec<Seen>, &str); 6] = [
            ("of the first process at once", vec![call(1, "dup", 3)], "1:dup"),
            ("of one that was forked before", vec![call(1, "fork", 2), call(2, "dup", 3)], "1:fork 2:dup"),
            (
                "after it, in their order, with the end",
                vec![call(2, "dup", 3), call(2, "close", 0), end(2), call(1, "vfork", 2), call(1, "dup", 3)],
                "1:vfork 2:dup 2:close 2:end 1:dup",
            ),
            (
                "also those of a grandchild",
                vec![call(3, "dup", 3), call(2, "clone", 3), call(1, "clone3", 2)],
                "1:clone3 2:clone 3:dup",
            ),
            ("a failed fork made nobody", vec![call(1, "fork", -11), call(2, "dup", 3)], "1:fork"),
            (
                "a number is somebody else after its end",
                vec![call(1, "fork", 2), end(2), call(2, "dup", 3)],
                "1:fork 2:end",
            ),
        ];
        for (sentence, records, expected) in rows {
            let (mut lineage, mut out) = (Lineage::of(1), Vec::new());
            records.into_iter().for_each(|record| lineage.admit(record, Duration::ZERO, &mut out));
            assert_eq!(words(&out), expected, "{sentence}");
        }
    }

    #[test]
    fn who_has_waited_long_enough_goes_on_as_a_stranger() {
        let (mut lineage, mut out) = (Lineage::of(1), Vec::new());
        lineage.admit(call(2, "dup", 3), Duration::ZERO, &mut out);
        lineage.expire(PATIENCE, &mut out);
        assert_eq!(words(&out), "");
        lineage.expire(PATIENCE * 2, &mut out);
        lineage.admit(call(2, "close", 0), PATIENCE * 2, &mut out);
        assert_eq!(words(&out), "2:stranger 2:dup 2:close");
        lineage.admit(call(3, "dup", 3), Duration::ZERO, &mut out);
        lineage.release_all(&mut out);
        assert!(words(&out).ends_with("3:stranger 3:dup"));
    }

    #[test]
    fn no_more_than_so_many_are_held() {
        let (mut lineage, mut out) = (Lineage::of(1), Vec::new());
        (0..MOST_HELD).for_each(|_| lineage.admit(call(2, "dup", 3), Duration::ZERO, &mut out));
        assert_eq!(out.len(), MOST_HELD + 1);
    }
}
