//! Calls in order, some of them repeated. A repetition stays a repetition: a million calls are one line.

use super::ExpectedCall;

/// The calls of a whole trace, or of one of its threads. A *place* is the position of a call in the sequence, counted from 0.
#[derive(Clone, Debug, Default)]
pub struct Sequence {
    stretches: Vec<Repetition>,
}

/// Consecutive calls, and how many times they are made.
#[derive(Clone, Debug)]
pub(super) struct Repetition {
    /// The place of the first call.
    start: usize,
    /// How many times.
    times: usize,
    calls: Vec<ExpectedCall>,
    /// The names that each round of the repetition binds anew.
    names: Vec<String>,
}

impl Sequence {
    /// The number of calls, with all repetitions.
    pub fn len(&self) -> usize {
        self.stretches.last().map_or(0, Repetition::end)
    }

    /// Whether there are no calls.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The calls as written, without repetitions.
    pub fn written(&self) -> impl Iterator<Item = &ExpectedCall> {
        self.stretches.iter().flat_map(|stretch| &stretch.calls)
    }

    /// The call at a place, which must be less than [`Sequence::len`].
    pub fn at(&self, place: usize) -> &ExpectedCall {
        let stretch = self.stretch(place);
        &stretch.calls[(place - stretch.start) % stretch.calls.len()]
    }

    /// The round and the number of rounds, if the call at this place is repeated. The rounds are counted from 1.
    pub fn time(&self, place: usize) -> Option<(usize, usize)> {
        let stretch = self.stretch(place);
        (stretch.times > 1).then(|| ((place - stretch.start) / stretch.calls.len() + 1, stretch.times))
    }

    /// The names that are unbound after this place, because it ends a round of a repetition.
    pub(crate) fn names_until(&self, place: usize) -> &[String] {
        let stretch = self.stretch(place);
        if (place - stretch.start + 1).is_multiple_of(stretch.calls.len()) { &stretch.names } else { &[] }
    }

    /// Adds consecutive calls that are made this many times, at least once. `names` are those that each round binds anew.
    pub(super) fn push(&mut self, times: usize, calls: Vec<ExpectedCall>, names: Vec<String>) {
        if !calls.is_empty() {
            self.stretches.push(Repetition { start: self.len(), times, calls, names });
        }
    }

    fn stretch(&self, place: usize) -> &Repetition {
        &self.stretches[self.stretches.partition_point(|stretch| stretch.end() <= place)]
    }
}

impl Repetition {
    fn end(&self) -> usize {
        self.start + self.times * self.calls.len()
    }
}
