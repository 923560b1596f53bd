//! What keys do besides running again: explain, pause, bless.

use super::Reruns;
use crate::base::error::{Error, Exit};
use crate::base::tell::StandardStream;
use crate::cli::bless::Blessing;
use crate::cli::keys::KeyMode;
use crate::cli::trials::{self, TrialDone};
use crate::cli::{explain, pause};
use crate::watch::witness;

impl Reruns {
    /// The scenario that is explained or paused: the first that is red, or else the first that is selected.
    fn one(&self) -> String {
        self.last.red().into_iter().chain(self.plan.selected.iter().cloned()).next().unwrap_or_default()
    }

    /// Explains one scenario, with another session: this one has no log of the verifier.
    pub(super) fn explain(&mut self) -> Result<(), Error> {
        let mut options = self.options();
        options.tracer.verifier_log = true;
        let session = self.zygote.session(&options)?;
        explain::explain(&session, &self.plan, &self.one()).map(drop)
    }

    /// Runs one scenario, whose child waits at its gate for a key.
    pub(super) fn pause(&mut self) -> Result<(), Error> {
        let (one, run) = (self.one(), self.live_run(None)?);
        let terminal = self.plan.session.terminal.clone().map_or_else(pause::terminal, Ok)?;
        run.set_at_gate(Some(pause::at_gate(terminal)));
        let done = self.run_these(&run, vec![one]);
        run.set_at_gate(None);
        let (options, done) = done;
        self.keys.iter().for_each(KeyMode::resume);
        let news = self.last.take(&done);
        trials::report(&options, &done)?;
        news.lines().iter().for_each(|line| StandardStream::Out.line(line));
        Ok(())
    }

    /// Runs what is red again, with the witness, and writes what was observed if that is wanted. The save of the file leads to the
    /// next run.
    pub(super) fn bless(&mut self) -> Result<(), Error> {
        let red = self.last.red();
        if red.is_empty() || !self.plan.subjects.is_empty() {
            let why = if red.is_empty() { "nothing is red" } else { "a subject is judged, and not tests.toml" };
            StandardStream::Out.line(&format!("there is nothing to bless: {why}"));
            return Ok(());
        }
        witness::check_machine()?;
        let run = self.live_run(Some(Blessing::of(self.cli.tests.as_deref(), false)))?;
        run.set_witness(true);
        let (_, done) = self.run_these(&run, red);
        run.set_witness(self.plan.session.witness);
        if done.iter().any(TrialDone::is_cut) {
            StandardStream::Out.line("nothing is blessed: the run was cut short");
            return Ok(());
        }
        let names: Vec<&'static str> = self.scenarios.iter().map(|scenario| scenario.name).collect();
        let finish = || run.finish(&names, Exit::Failed).map(drop);
        self.keys.as_ref().map_or_else(finish, |keys| keys.suspended(finish))
    }
}
