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
        let elapsed = self.began.elapsed();
        if self.bar.is_none() && elapsed >= LONG {
            self.bar = self.drawn(elapsed);
        }
        if let Some(bar) = &self.bar {
            bar.set_message(words(self.steps, self.time, self.done, elapsed));
            bar.set_position(self.position(elapsed));
        }
    }

    /// How far the bar is: in steps, or in milliseconds if only a time ends the run.
    fn position(&self, elapsed: Duration) -> u64 {
        match (self.steps, self.time) {
            (Steps::Open, Some(time)) => elapsed.min(time).as_millis() as u64,
            (Steps::Known(_) | Steps::Open | Steps::Hidden, _) => self.done,
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

    fn drawn(&self, elapsed: Duration) -> Option<ProgressBar> {
        let (template, length) = match (self.steps, self.time) {
            (Steps::Hidden, _) => return None,
            (Steps::Known(count), _) => ("{wide_bar} {msg}", Some(count)),
            (Steps::Open, Some(time)) => ("{wide_bar} {msg}", Some(time.as_millis() as u64)),
            (Steps::Open, None) => ("{spinner} {msg}", None),
        };
        let style = ProgressStyle::with_template(template).ok()?;
        let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::hidden()).with_style(style);
        bar.set_position(self.position(elapsed));
        bar.set_message(words(self.steps, self.time, self.done, elapsed));
        bar.set_draw_target(ProgressDrawTarget::stderr());
        Some(bar)
    }
}

/// What stands beside the bar: how much is done, and how long it takes if it goes on like that.
fn words(steps: Steps, time: Option<Duration>, done: u64, elapsed: Duration) -> String {
    let seconds = |time: Duration| format!("{:.0} s", time.as_secs_f64());
    match (steps, time) {
        (Steps::Known(count), _) => {
            let left = elapsed.mul_f64(count.saturating_sub(done) as f64 / done.max(1) as f64);
            format!("{done}/{count}, {}, {} to go", seconds(elapsed), seconds(left))
        }
        (Steps::Open, Some(time)) => {
            format!("{done} runs, {}, {} to go", seconds(elapsed), seconds(time.saturating_sub(elapsed)))
        }
        (Steps::Open | Steps::Hidden, _) => format!("{done} runs, {}", seconds(elapsed)),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_say_what_is_done_and_what_is_left() {
        let said = |steps, time: Option<u64>, done, elapsed| {
            words(steps, time.map(Duration::from_secs), done, Duration::from_secs(elapsed))
        };
        assert_eq!(said(Steps::Known(400), None, 100, 2), "100/400, 2 s, 6 s to go");
        assert_eq!(said(Steps::Known(400), None, 400, 8), "400/400, 8 s, 0 s to go");
        assert_eq!(said(Steps::Known(400), None, 0, 2), "0/400, 2 s, 800 s to go");
        assert_eq!(said(Steps::Open, Some(60), 7, 45), "7 runs, 45 s, 15 s to go");
        assert_eq!(said(Steps::Open, Some(60), 7, 61), "7 runs, 61 s, 0 s to go");
        assert_eq!(said(Steps::Open, None, 7, 45), "7 runs, 45 s");
    }

    #[test]
    fn a_short_run_and_a_hidden_one_have_no_bar() {
        // It has not begun: then no time has passed, however slow the machine is.
        let mut short = LongRun { began: Instant::now() + 60 * LONG, ..LongRun::new(Steps::Known(2), None) };
        short.step();
        assert!(!short.is_drawn());
        let mut hidden = LongRun { began: Instant::now() - 2 * LONG, ..LongRun::new(Steps::Hidden, None) };
        hidden.step();
        assert!(!hidden.is_drawn());
        let mut long = LongRun { began: Instant::now() - 2 * LONG, ..LongRun::new(Steps::Known(2), None) };
        long.step();
        assert!(long.is_drawn());
        long.finish();
        assert!(!long.is_drawn());
    }
}
