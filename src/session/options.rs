//! How to set up a session.

use std::sync::Arc;

use crate::base::terminal::TerminalMode;
use crate::watch::tracer::{self, TracerOptions};

/// How to set up a session.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many scenarios may run at a time.
    pub lanes: usize,
    /// How many children may begin before their scenarios run, beside those.
    pub ahead: usize,
    /// The tracer. `attach` is false only in tests that show that nothing passes then.
    pub tracer: TracerOptions,
    /// Whether to keep the workspaces.
    pub keep: bool,
    /// Whether to watch children. False only in tests that show that an unwatched child leaves no record.
    pub watch: bool,
    /// Whether data is recorded of each scenario, and not only where its table is about data.
    pub always_data: bool,
    /// Whether ptrace witnesses children as well.
    pub witness: bool,
    /// The terminal, if the run takes single keys of it.
    pub terminal: Option<Arc<TerminalMode>>,
    /// The flags that start commands of scenarios as here, such as ` -u nobody`.
    pub start_flags: String,
}

impl Default for Options {
    fn default() -> Self {
        // Any table may say what pointers lead to.
        let tracer = TracerOptions { data: tracer::MOST_DATA, ..TracerOptions::default() };
        let (ahead, always_data, terminal, start_flags) = (0, false, None, String::new());
        Self { lanes: 1, ahead, tracer, keep: false, watch: true, always_data, witness: false, terminal, start_flags }
    }
}

impl Options {
    /// The same without programs that are not needed.
    #[must_use]
    pub fn needing(mut self, needs: Needs) -> Self {
        (self.tracer.requests, self.tracer.data) = (needs.requests, needs.data);
        self
    }
}

/// What the tables of a run need of the tracer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Whether it follows requests of io_uring.
    pub requests: bool,
    /// How many bytes of data it records.
    pub data: u32,
}
