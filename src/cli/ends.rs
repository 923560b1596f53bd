//! What ends a run from outside: signals.
//!
//! A handler notes a signal before any thread can see what the signal has done, such as a child that it has killed. A signalfd, as a
//! command has it (`src/command/departure.rs`), would be read too late for that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::base::error::Error;

/// What ends a run.
const ENDING: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

/// On the first such signal, a thread does this. `interrupted` is set in the handler: before anything that the signal brings about.
pub fn on_signals(interrupted: &Arc<AtomicBool>, end: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    let cannot = |error: std::io::Error| {
        Error::cannot_trace(format!("no signal handler: {error}"), "see `ulimit -u` and `ulimit -n`").because(error)
    };
    // Handlers run in the order of registration: the flag is set before the thread can wake.
    for signal in ENDING {
        signal_hook::flag::register(signal, Arc::clone(interrupted)).map_err(cannot)?;
    }
    let mut signals = Signals::new(ENDING).map_err(cannot)?;
    let wait = move || {
        if signals.forever().next().is_some() {
            end();
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(wait).map(drop).map_err(cannot)
}

/// A result that no signal has brought about, by killing the child that it is of. Else it waits for the signal's thread, which
/// ends the process.
pub fn unless_interrupted<T>(interrupted: &AtomicBool, result: T) -> T {
    while interrupted.load(Ordering::SeqCst) {
        std::thread::park();
    }
    result
}
