//! The traces of a run, live or replayed, that `-v` prints.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::flags::LibtestFlags;
use crate::base::tell::StandardStream;
use crate::judge::verdict::Observed;
use crate::trace::show;

/// The traces that `-v` prints when all trials are over, by the name of the trial.
#[derive(Debug, Default)]
pub struct KeptTraces(Mutex<BTreeMap<String, String>>);

impl KeptTraces {
    /// Keeps the trace of a trial until the end of the run.
    pub fn keep(&self, name: &str, Observed { trace, ending }: &Observed) {
        let text = format!("{name}: {ending}\n{}", show::trace(trace, true));
        // Between any two statements here, the guarded value is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), text);
    }

    /// Prints the traces, in this order.
    pub fn print(&self, libtest: &LibtestFlags, order: &[String]) {
        let traces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let to = if libtest.is_for_machines() { StandardStream::Error } else { StandardStream::Out };
        order.iter().filter_map(|name| traces.get(name)).for_each(|text| to.line(text));
    }
}
