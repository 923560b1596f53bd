//! What is done for other scenarios while one acts: the next child is forked and goes to its gate, and the last workspace is removed.

use std::sync::{Mutex, PoisonError};

use super::Session;
use crate::base::error::Error;
use crate::child::workspace::Workspace;
use crate::child::zygote::SpawnOptions;
use crate::judge::expectation::Expectation;

/// The workspaces of scenarios that do not run: not yet, or no longer.
#[derive(Debug, Default)]
pub(super) struct ParkedWorkspaces {
    /// Those with a child, each with the name of its scenario.
    begun: Mutex<Vec<(String, Workspace)>>,
    /// Those that are to be removed.
    over: Mutex<Vec<Workspace>>,
}

impl Session {
    /// Has the child of a scenario forked that runs soon. It goes to its gate. This fails silently: the run itself meets the same error.
    pub fn begin(&self, name: &str, expectation: &Expectation) {
        // The pipes of a command are made when it runs.
        if expectation.command.is_some() || self.zygote.most_ahead() == 0 || self.acts_at_gate() {
            return;
        }
        let mut begun = self.parked.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let is_begun = begun.iter().any(|(begun, _)| begun == name);
        if is_begun || begun.len() >= self.zygote.most_ahead() || self.lacks(expectation).is_some() {
            return;
        }
        let (Ok(number), Ok(workspace)) = (self.number(name), self.workspaces.for_scenario(name)) else { return };
        if self.zygote.begin(number, workspace.path()) {
            begun.push((name.to_owned(), workspace));
        }
    }

    /// The workspace for a scenario: that of the child that has begun, or else a new one.
    pub(super) fn workspace_for(&self, name: &str) -> Result<Workspace, Error> {
        let mut begun = self.parked.begun.lock().unwrap_or_else(PoisonError::into_inner);
        match begun.iter().position(|(begun, _)| begun == name) {
            Some(at) => Ok(begun.swap_remove(at).1),
            None => self.workspaces.for_scenario(name),
        }
    }

    /// A workspace is no longer needed. It is removed while the next child acts, if there is one that has begun.
    pub(super) fn leave(&self, workspace: Workspace) {
        let begun = self.parked.begun.lock().unwrap_or_else(PoisonError::into_inner);
        if !begun.is_empty() {
            self.parked.over.lock().unwrap_or_else(PoisonError::into_inner).push(workspace);
        }
    }

    /// Does what is to be done while a child acts.
    pub(super) fn do_ahead(&self, act: &dyn Fn()) {
        act();
        self.tidy();
    }

    /// Removes the workspaces that are no longer needed.
    fn tidy(&self) {
        let over = std::mem::take(&mut *self.parked.over.lock().unwrap_or_else(PoisonError::into_inner));
        drop(over);
    }

    /// Ends the children that have begun and will not run.
    pub fn end_begun(&self) {
        let begun = std::mem::take(&mut *self.parked.begun.lock().unwrap_or_else(PoisonError::into_inner));
        for (name, workspace) in begun {
            let options = SpawnOptions { keeps_diary: true, ..SpawnOptions::default() };
            let child = self.number(&name).and_then(|number| self.zygote.spawn_with(number, workspace.path(), options));
            drop(child);
        }
        self.tidy();
    }
}
