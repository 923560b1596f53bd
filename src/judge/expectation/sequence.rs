//! Calls in order, of which some are repeated. A repetition is kept as what it is: a million calls are one line.

use super::ExpectedCall;

/// The calls of a whole trace, or of one thread of it. A *place* is where a call stands among them all, from 0.
#[derive(Clone, Debug, Default)]
pub struct Sequence {
    stretches: Vec<Stretch>,
}

/// Calls that follow each other, so many times over.
#[derive(Clone, Debug)]
pub(super) struct Stretch {
    /// The place of the first.
    start: usize,
    /// How many times.
    times: usize,
    calls: Vec<ExpectedCall>,
    /// The names that a repetition binds: they are new each time.
    names: Vec<String>,
}

impl Sequence {
    /// How many calls there are, each as often as it is repeated.
    pub fn len(&self) -> usize {
        self.stretches.last().map_or(0, Stretch::end)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The calls as they are written, each once.
    pub fn written(&self) -> impl Iterator<Item = &ExpectedCall> {
        self.stretches.iter().flat_map(|stretch| &stretch.calls)
    }

    /// The call at a place, which must be less than [`Sequence::len`].
    pub fn at(&self, place: usize) -> &ExpectedCall {
        let stretch = self.stretch(place);
        &stretch.calls[(place - stretch.start) % stretch.calls.len()]
    }

    /// Which time it is of how many, from 1, where the call at this place is repeated.
    pub fn time(&self, place: usize) -> Option<(usize, usize)> {
        let stretch = self.stretch(place);
        (stretch.times > 1).then(|| ((place - stretch.start) / stretch.calls.len() + 1, stretch.times))
    }

    /// The names that stand for nothing any more behind this place: it is the last of a repetition's round.
    pub(crate) fn names_until(&self, place: usize) -> &[String] {
        let stretch = self.stretch(place);
        if (place - stretch.start + 1).is_multiple_of(stretch.calls.len()) { &stretch.names } else { &[] }
    }

    /// Adds calls that follow each other so many times, at least once. `names` are those that they bind anew each time.
    pub(super) fn push(&mut self, times: usize, calls: Vec<ExpectedCall>, names: Vec<String>) {
        if !calls.is_empty() {
            self.stretches.push(Stretch { start: self.len(), times, calls, names });
        }
    }

    fn stretch(&self, place: usize) -> &Stretch {
        &self.stretches[self.stretches.partition_point(|stretch| stretch.end() <= place)]
    }
}

impl Stretch {
    fn end(&self) -> usize {
        self.start + self.times * self.calls.len()
    }
}
