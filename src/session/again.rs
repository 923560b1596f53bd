//! The same children for another tracer: a session that has its own object, and the zygote of one that there is.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::ahead::ParkedWorkspaces;
use super::{Options, Session, flags, nonce};
use crate::base::error::Error;
use crate::child::workspace::Workspaces;
use crate::child::zygote::Zygote;
use crate::judge::expectation::Expectation;
use crate::watch::tracer::{self, Tracer, TracerOptions};
use crate::watch::witness;

/// The zygote and the folder of a run, which outlive a session: the next one may have another object.
pub struct KeptZygote {
    pub(super) zygote: Arc<Zygote>,
    pub(super) workspaces: Arc<Workspaces>,
    /// The zygote's number for each scenario.
    pub(super) numbers: Arc<HashMap<&'static str, usize>>,
}

impl KeptZygote {
    /// A session with these options, which loads and attaches the BPF object. There are as many lanes as the zygote has.
    pub fn session(&self, options: &Options) -> Result<Session, Error> {
        tracer::check_machine()?;
        if options.witness {
            witness::check_machine()?;
        }
        Ok(Session {
            tracer: Tracer::load(&options.tracer)?,
            zygote: Arc::clone(&self.zygote),
            workspaces: Arc::clone(&self.workspaces),
            numbers: Arc::clone(&self.numbers),
            options: options.tracer.clone(),
            flags: flags(&options.tracer),
            start_flags: options.start_flags.clone(),
            watch: options.watch,
            witness: AtomicBool::new(options.witness),
            data: options.tracer.data,
            always_data: options.always_data,
            nonce: nonce(),
            fence: AtomicU64::default(),
            at_gate: Mutex::default(),
            parked: ParkedWorkspaces::default(),
        })
    }

    /// The zygote, for a handler of signals.
    pub fn zygote(&self) -> Arc<Zygote> {
        Arc::clone(&self.zygote)
    }

    /// The folder of the workspaces.
    pub fn workspaces(&self) -> &Workspaces {
        &self.workspaces
    }
}

impl Session {
    /// A session with this tracer. It shares the lanes of the zygote, so each child has one of the two sessions.
    pub fn with_tracer(&self, tracer: Tracer) -> Self {
        Self {
            tracer,
            zygote: Arc::clone(&self.zygote),
            workspaces: Arc::clone(&self.workspaces),
            numbers: Arc::clone(&self.numbers),
            options: self.options.clone(),
            flags: self.flags.clone(),
            start_flags: self.start_flags.clone(),
            watch: true,
            witness: AtomicBool::new(false),
            data: self.data,
            always_data: self.always_data,
            nonce: self.nonce,
            fence: AtomicU64::default(),
            at_gate: Mutex::default(),
            parked: ParkedWorkspaces::default(),
        }
    }

    /// The flags that run a scenario again as it runs here.
    pub(super) fn flags_of(&self, expectation: &Expectation) -> String {
        let start = expectation.command.as_ref().map_or("", |_| self.start_flags.as_str());
        format!("{}{start}", self.flags)
    }

    /// The zygote, for a handler of signals that outlives the session's owner.
    pub fn shared_zygote(&self) -> Arc<Zygote> {
        Arc::clone(&self.zygote)
    }

    /// Whether these options make the same tracer.
    pub fn is_of(&self, options: &TracerOptions) -> bool {
        self.options == *options
    }

    /// The tracer.
    pub fn tracer(&self) -> &Tracer {
        &self.tracer
    }

    /// Whether requests of io_uring are recorded.
    pub fn follows_requests(&self) -> bool {
        self.tracer.follows_requests()
    }

    /// Whether children are witnessed by ptrace.
    pub fn is_witnessed(&self) -> bool {
        self.witness.load(Ordering::Relaxed)
    }

    /// Whether children are witnessed by ptrace from now on.
    pub fn set_witness(&self, on: bool) {
        self.witness.store(on, Ordering::Relaxed);
    }
}
