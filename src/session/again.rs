//! The same children for another tracer: a session that has its own object, and the zygote of one that there is.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::Session;
use crate::child::zygote::Zygote;
use crate::watch::tracer::Tracer;

impl Session {
    /// A session with this tracer. It shares the lanes of the zygote, so each child has one of the two sessions.
    pub fn with_tracer(&self, tracer: Tracer) -> Self {
        Self {
            tracer,
            zygote: Arc::clone(&self.zygote),
            workspaces: Arc::clone(&self.workspaces),
            numbers: Arc::clone(&self.numbers),
            flags: self.flags.clone(),
            watch: true,
            witness: false,
            data: self.data,
            nonce: self.nonce,
            fence: AtomicU64::default(),
        }
    }

    /// The zygote, for a handler of signals that outlives the session's owner.
    pub fn shared_zygote(&self) -> Arc<Zygote> {
        Arc::clone(&self.zygote)
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
        self.witness
    }

    /// Whether children are witnessed by ptrace from now on.
    pub fn set_witness(&mut self, on: bool) {
        self.witness = on;
    }
}
