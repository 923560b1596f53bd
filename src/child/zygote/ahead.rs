//! Children that are forked before they are asked for, while others run.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::wire::ToZygote;
use super::{Lane, Zygote, passed};

/// The lanes of the children that nobody has asked for yet.
#[derive(Debug, Default)]
pub(super) struct LanesAhead {
    /// How many there may be.
    pub most: usize,
    begun: Mutex<Vec<BegunLane>>,
}

/// A lane whose child is forked, or is about to be.
#[derive(Debug)]
struct BegunLane {
    scenario: usize,
    workspace: PathBuf,
    lane: Lane,
}

impl LanesAhead {
    pub fn new(most: usize) -> Self {
        Self { most, begun: Mutex::default() }
    }
}

impl Zygote {
    /// How many children may begin before they are asked for.
    pub fn most_ahead(&self) -> usize {
        self.ahead.most
    }

    /// Has a child forked for the scenario with this number, which keeps a diary. It goes to its gate. [`Zygote::spawn_with`] with
    /// the same workspace takes it over. False if too many wait already, or none could be asked for.
    pub fn begin(&self, scenario: usize, workspace: &Path) -> bool {
        let mut begun = self.ahead.begun.lock().unwrap_or_else(PoisonError::into_inner);
        if begun.len() >= self.ahead.most || !self.prepared.get().is_some_and(Result::is_ok) {
            return false;
        }
        let Ok(lane) = self.free.1.try_recv() else { return false };
        self.make_ready(&lane, None, true);
        if passed::send(&lane.socket, &ToZygote::spawn(scenario, workspace).encode(), &[]).is_err() {
            // The zygote is gone, as the next who asks for a child hears.
            let _ = self.free.0.send(lane);
            return false;
        }
        begun.push(BegunLane { scenario, workspace: workspace.to_owned(), lane });
        true
    }

    /// The lane of the child that has begun in this workspace, if one has.
    pub(super) fn take_begun(&self, scenario: usize, workspace: &Path) -> Option<Lane> {
        let mut begun = self.ahead.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let at = begun.iter().position(|one| one.scenario == scenario && one.workspace == workspace)?;
        Some(begun.swap_remove(at).lane)
    }
}
