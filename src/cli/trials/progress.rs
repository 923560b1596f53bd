//! The progress of a long run: a bar on a terminal, on the standard error output, and nothing anywhere else.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Printer, TrialDone, TrialName, TrialSums};
use crate::base::tell::StandardStream;

/// A run that is shorter has no bar.
const LONG: Duration = Duration::from_secs(1);

/// Whether steps are shown, and how many there will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Steps {
    /// Nothing is shown.
    Hidden,
    /// So many are to come.
    Known(u64),
    /// As many as there is time for.
    Open,
}

/// The bar of a run.
pub struct LongRun {
    bar: Option<ProgressBar>,
    began: Instant,
    steps: Steps,
    time: Option<Duration>,
    done: u64,
}

/// Whether a bar may be drawn: on a terminal that can move its cursor, and only beside text for people. The bar has no colour, so
/// NO_COLOR changes nothing.
pub fn may_draw(is_for_people: bool) -> bool {
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    is_for_people && !is_dumb && StandardStream::Error.is_terminal()
}

impl LongRun {
    /// Begins one with so many steps, or with this time.
    pub fn new(steps: Steps, time: Option<Duration>) -> Self {
        Self { bar: None, began: Instant::now(), steps, time, done: 0 }
    }

    /// A step is done.
    pub fn step(&mut self) {
        self.done += 1;
        if self.bar.is_none() && self.began.elapsed() >= LONG {
            self.bar = self.drawn();
        }
        let Some(bar) = &self.bar else { return };
        bar.set_message(format!("{} runs", self.done));
        match (self.steps, self.time) {
            (Steps::Open, Some(time)) => bar.set_position(self.began.elapsed().min(time).as_millis() as u64),
            (Steps::Known(_) | Steps::Open | Steps::Hidden, _) => bar.set_position(self.done),
        }
    }

    /// Whether the bar is there.
    pub fn is_drawn(&self) -> bool {
        self.bar.is_some()
    }

    /// Writes something while the bar is out of the way.
    pub fn beside(&mut self, write: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Removes the bar.
    pub fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn drawn(&self) -> Option<ProgressBar> {
        let (template, length) = match (self.steps, self.time) {
            (Steps::Hidden, _) => return None,
            (Steps::Known(count), _) => ("{wide_bar} {pos}/{len}, {elapsed}, {eta} to go", Some(count)),
            (Steps::Open, Some(time)) => ("{wide_bar} {msg}, {elapsed}, {eta} to go", Some(time.as_millis() as u64)),
            (Steps::Open, None) => ("{spinner} {msg}, {elapsed}", None),
        };
        let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
        bar.set_style(ProgressStyle::with_template(template).ok()?);
        Some(bar.with_elapsed(self.began.elapsed()))
    }
}

/// A printer with a bar below what it prints.
pub(super) struct WithProgress {
    inner: Box<dyn Printer>,
    run: LongRun,
    may_draw: bool,
    /// The trial that is announced once it is done, because a bar is below.
    announced: Option<TrialName>,
}

impl WithProgress {
    /// The same printer, with a bar if one may be drawn.
    pub fn new(inner: Box<dyn Printer>, may_draw: bool) -> Self {
        Self { inner, run: LongRun::new(Steps::Hidden, None), may_draw, announced: None }
    }
}

impl Printer for WithProgress {
    fn begin(&mut self, trials: usize, seed: Option<u64>) {
        let steps = if self.may_draw { Steps::Known(trials as u64) } else { Steps::Hidden };
        self.run = LongRun::new(steps, None);
        self.inner.begin(trials, seed);
    }

    /// Begins a line that [`Printer::done`] ends, so that no bar may be drawn in between.
    fn announce(&mut self, name: &TrialName) {
        if self.run.is_drawn() {
            self.announced = Some(name.clone());
        } else {
            self.inner.announce(name);
        }
    }

    fn done(&mut self, done: &TrialDone) {
        let (inner, announced) = (&mut self.inner, self.announced.take());
        self.run.beside(|| {
            announced.iter().for_each(|name| inner.announce(name));
            inner.done(done);
        });
        self.run.step();
    }

    fn end(&mut self, all: &[TrialDone], sums: &TrialSums, took: Duration) {
        self.run.finish();
        self.inner.end(all, sums, took);
    }
}
