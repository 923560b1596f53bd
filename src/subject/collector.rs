//! What a subject has reported so far. The threads that read the subject fill it, and the thread that runs the scenario waits
//! for it.
//!
//! Its memory is bounded, whatever the subject prints.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::json::Line;
use super::seam::{Shown, Waited};
use super::window::Fences;

/// How many bytes of lines are kept. Later bytes are only counted.
const MOST: usize = 256 << 20;
/// How many bytes of the subject's other stream are kept: the last ones.
const LAST_WORDS: usize = 4096;

/// The lines of a subject, and the fences among them.
#[derive(Debug)]
pub struct Collector {
    fences: Fences,
    /// How many streams it reads.
    streams: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<Line>,
    /// The size of these lines as they were printed, in bytes.
    kept: usize,
    not_kept: u64,
    fences: BTreeSet<u64>,
    last_words: Vec<u8>,
    /// Whether it has said that it traces. It reports its calls at its end.
    attached: bool,
    /// Whether it has said that its output file is written.
    written: bool,
    /// How many streams have ended.
    ended: usize,
}

impl Collector {
    /// Begins with this many streams. Each of them reports its end.
    pub fn new(fences: Fences, streams: usize) -> Self {
        Self { fences, streams, state: Mutex::default(), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds lines, each with its printed size in bytes.
    pub fn push(&self, lines: impl IntoIterator<Item = (Line, usize)>) {
        let mut state = self.state();
        for (line, size) in lines {
            let fence = if let Line::Call(said) = &line { self.fences.number(said) } else { None };
            state.fences.extend(fence);
            if state.kept + size > MOST {
                state.not_kept += size as u64;
            } else {
                state.kept += size;
                state.lines.push(line);
            }
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Adds a message about losses. Many such messages become one line.
    pub fn lost(&self, count: u64) {
        let mut state = self.state();
        match state.lines.last_mut() {
            Some(Line::Lost(before)) => *before += count,
            _ => state.lines.push(Line::Lost(count)),
        }
    }

    /// Adds text that is not a line, and keeps its end.
    pub fn words(&self, bytes: &[u8]) {
        let mut state = self.state();
        state.last_words.extend_from_slice(bytes);
        let too_much = state.last_words.len().saturating_sub(LAST_WORDS);
        state.last_words.drain(..too_much);
    }

    /// Marks that the subject traces, and that it reports its calls at its end.
    pub fn attached(&self) {
        self.state().attached = true;
        self.changed.notify_all();
    }

    /// Marks that the subject has reported everything.
    pub fn written(&self) {
        self.state().written = true;
        self.changed.notify_all();
    }

    /// Marks the end of a stream.
    pub fn end(&self) {
        self.state().ended += 1;
        self.changed.notify_all();
    }

    /// Waits until enough fences have been reported.
    pub fn wait_for(&self, enough: &dyn Fn(&BTreeSet<u64>) -> bool, limit: Duration) -> Waited {
        self.until(limit, |state| {
            if enough(&state.fences) {
                return Some(Waited::Shown);
            }
            let is_ended = state.ended == self.streams;
            is_ended.then_some(Waited::Ended).or_else(|| state.attached.then_some(Waited::AtEnd))
        })
        .unwrap_or(Waited::TooLong)
    }

    /// Waits until every stream has ended, or everything is reported. False if the time limit came first.
    pub fn wait_for_end(&self, limit: Duration) -> bool {
        self.until(limit, |state| (state.written || state.ended == self.streams).then_some(())).is_some()
    }

    fn until<T>(&self, limit: Duration, is_so: impl Fn(&State) -> Option<T>) -> Option<T> {
        let end = Instant::now() + limit;
        let mut state = self.state();
        loop {
            if let Some(so) = is_so(&state) {
                return Some(so);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Removes and returns what was reported since the last call.
    pub fn take(&self) -> Shown {
        let mut state = self.state();
        state.kept = 0;
        Shown {
            lines: std::mem::take(&mut state.lines),
            last_words: String::from_utf8_lossy(&state.last_words).trim().to_owned(),
            not_kept: std::mem::take(&mut state.not_kept),
            unread: None,
            status: None,
            killed: false,
        }
    }
}
