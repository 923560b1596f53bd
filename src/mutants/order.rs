//! Which scenario is asked first: the one that kills most for its time.
//!
//! No I/O. The order learns from each kill. It changes how long a run takes, and which of several killers is named; it does not
//! change who survives.

use std::collections::HashMap;
use std::time::Duration;

/// What is known of the scenarios, which are numbers here.
#[derive(Clone, Debug, Default)]
pub struct Order {
    times: Vec<Duration>,
    kills: Vec<u32>,
    in_function: HashMap<(String, usize), u32>,
}

/// A kill in the same function says more than one elsewhere.
const NEARER: f64 = 8.0;
/// What a scenario is worth before it has killed any mutant.
const HOPE: f64 = 0.2;

impl Order {
    /// With the time that each scenario takes.
    pub fn new(times: Vec<Duration>) -> Self {
        Self { kills: vec![0; times.len()], times, in_function: HashMap::new() }
    }

    /// The scenarios, the best one first, for a mutant in this function.
    pub fn first_to_last(&self, function: &str) -> Vec<usize> {
        let worth = |&scenario: &usize| {
            let near = self.in_function.get(&(function.to_owned(), scenario)).copied().unwrap_or_default();
            let kills = HOPE + f64::from(self.kills[scenario]) + NEARER * f64::from(near);
            // A child costs about a third of a millisecond.
            -kills / (self.times[scenario].as_secs_f64() + 0.0003)
        };
        let mut keyed: Vec<(f64, usize)> = (0..self.times.len()).map(|scenario| (worth(&scenario), scenario)).collect();
        keyed.sort_by(|one, other| one.0.total_cmp(&other.0));
        keyed.into_iter().map(|(_, scenario)| scenario).collect()
    }

    /// Notes a kill.
    pub fn killed(&mut self, function: &str, scenario: usize) {
        self.kills[scenario] += 1;
        *self.in_function.entry((function.to_owned(), scenario)).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quickest_is_first_until_others_kill() {
        let mut order = Order::new([5, 1, 3].map(Duration::from_millis).to_vec());
        assert_eq!(order.first_to_last("f"), [1, 2, 0]);
        (0..4).for_each(|_| order.killed("f", 0));
        assert_eq!(order.first_to_last("f"), [0, 1, 2]);
        assert_eq!(order.first_to_last("g")[0], 0);
        order.killed("g", 2);
        assert_eq!(order.first_to_last("g"), [2, 0, 1]);
    }
}
