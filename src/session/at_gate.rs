//! What happens while a child waits at its gate, before it is watched.

use std::fmt;
use std::os::fd::BorrowedFd;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::Session;
use super::objected::stopped;
use crate::base::error::Error;
use crate::child::zygote::Child;
use crate::watch::witness::Witness;

/// A child at its gate.
pub struct ChildAtGate<'c> {
    /// The name of its scenario.
    pub scenario: &'c str,
    /// Its process id.
    pub pid: u32,
    /// Readable when the child has ended.
    pub ended: BorrowedFd<'c>,
}

/// Something to do while a child waits at its gate. No time limit runs meanwhile, and nothing of the child is recorded: a debugger
/// may stop its call, which it then makes again.
#[derive(Clone)]
pub struct AtGate(Arc<ActAtGate>);

type ActAtGate = dyn Fn(&ChildAtGate<'_>) -> Result<(), Error> + Send + Sync;

impl AtGate {
    /// Does this.
    pub fn new(act: impl Fn(&ChildAtGate<'_>) -> Result<(), Error> + Send + Sync + 'static) -> Self {
        Self(Arc::new(act))
    }

    /// Does it for this child.
    pub fn act(&self, child: &ChildAtGate<'_>) -> Result<(), Error> {
        (self.0)(child)
    }
}

impl fmt::Debug for AtGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AtGate")
    }
}

impl Session {
    /// What is done from now on while a child waits at its gate.
    pub fn set_at_gate(&self, act: Option<AtGate>) {
        *self.at_gate.lock().unwrap_or_else(PoisonError::into_inner) = act;
    }

    /// Whether something is done.
    pub(super) fn acts_at_gate(&self) -> bool {
        self.at_gate.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Does it for a child that waits there.
    pub(super) fn while_at_gate(&self, scenario: &str, child: &Child<'_>) -> Result<(), Error> {
        let act = self.at_gate.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(act) = act else { return Ok(()) };
        act.act(&ChildAtGate { scenario, pid: child.pid(), ended: child.ended()? })
    }

    /// The witness of a child, if children have one.
    pub(super) fn witness_of(&self, pid: u32, follow: bool, data: u32) -> Result<Option<Witness>, Error> {
        let is_wanted = self.witness.load(Ordering::Relaxed);
        is_wanted.then(|| stopped(pid, follow, data)).transpose()
    }
}
