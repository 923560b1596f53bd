//! Time limits for children. A limit is meant for an idle machine, and grows with the load.
//!
//! A slow child is no failure. On a machine with thirty processes for each CPU, a child gets a thirtieth of the time, and a grace
//! period of the kernel is longer, too. The load is read from /proc only when the time is up.

use std::time::{Duration, Instant};

/// The most that a limit grows: a child that hangs must still end.
const MOST_GROWTH: f64 = 60.0;

/// A time limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    at_rest: Duration,
    grows: bool,
}

impl Limit {
    /// A limit that grows with the load of the machine.
    pub const fn growing(at_rest: Duration) -> Self {
        Self { at_rest, grows: true }
    }

    /// How long it is now.
    pub fn now(self) -> Duration {
        let growth = if self.grows { growth() } else { 1.0 };
        // A limit that has grown is an estimate, so it is in whole seconds.
        if growth > 1.0 { Duration::from_secs(self.at_rest.mul_f64(growth).as_secs() + 1) } else { self.at_rest }
    }

    /// The time that is left since `begin`; `None` if it is over. The load is read only at the end.
    pub fn left(self, begin: Instant) -> Option<Duration> {
        let elapsed = begin.elapsed();
        let left = |limit: Duration| limit.checked_sub(elapsed).filter(|left| !left.is_zero());
        left(self.at_rest).or_else(|| left(self.now()))
    }
}

/// A limit that does not grow.
impl From<Duration> for Limit {
    fn from(limit: Duration) -> Self {
        Self { at_rest: limit, grows: false }
    }
}

/// The factor by which a limit grows now.
fn growth() -> f64 {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").ok().as_deref().and_then(load);
    (load.unwrap_or_default() / cpus as f64).clamp(1.0, MOST_GROWTH)
}

/// The number of processes that want to run or wait for a disk (proc_loadavg(5)): the mean of the last minute, or the number now if
/// that is larger. The mean is too small when the load has just begun, the number now when it has just ended.
fn load(loadavg: &str) -> Option<f64> {
    let mut words = loadavg.split_whitespace();
    let mean: f64 = words.next()?.parse().ok()?;
    let running: f64 = words.nth(2)?.split_once('/')?.0.parse().ok()?;
    Some(mean.max(running))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_load_is_the_larger_of_two_numbers() {
        let rows = [
            ("58.03 40.10 7.00 3/812 12345\n", Some(58.03)),
            ("0.03 0.10 0.00 41/812 12345\n", Some(41.0)),
            ("", None),
            ("0.03 0.10", None),
            ("much 0.10 0.00 1/812 12345\n", None),
        ];
        for (text, expected) in rows {
            assert_eq!(load(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_limit_that_was_meant_as_it_is_does_not_grow() {
        let (begin, second) = (Instant::now(), Duration::from_secs(1));
        let exact = Limit::from(second);
        assert_eq!(exact.now(), second);
        assert!(exact.left(begin).is_some_and(|left| left <= second));
        let before = begin.checked_sub(second).unwrap();
        assert_eq!(exact.left(before), None);
        assert!(Limit::growing(second).now() >= second);
    }
}
