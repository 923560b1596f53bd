//! `ior-it` proves that a BPF tracer of I/O system calls records exactly what a known program did.
//!
//! The modules are in order: none uses a module below it. `trace` and `judge` take values and return values: no
//! I/O, no privileges. `session` is where one function runs one scenario from fork to verdict: read that one first.
//!
//! ```no_run
//! use ior_it::{Expectations, Limit, Options, Prepared, Verdict, scenarios};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // As root, and before the process has a second thread: this forks the zygote.
//! let session = Prepared::new(scenarios().copied(), Options::default())?.load()?;
//!
//! let text = std::fs::read_to_string("tests.toml")?;
//! let names: Vec<&str> = scenarios().map(|scenario| scenario.name).collect();
//! let expectations = Expectations::parse("tests.toml", &text, &names)?;
//! let expectation = expectations.get("dup-basic").ok_or("dup-basic has no table")?;
//!
//! let limit = Limit::growing(std::time::Duration::from_secs(5));
//! let run = session.run("dup-basic", expectation, "tests.toml", limit)?;
//! assert_eq!(run.verdict, Verdict::Pass);
//! # Ok(())
//! # }
//! ```

#![warn(missing_docs)]
// Everything goes through `tell`.
#![deny(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods)]

/// What every module may use.
mod base {
    pub mod escape; // text of others, as a terminal may have it
    pub mod error; // a sentence, a hint, an exit code
    pub mod rights; // what a binary with file capabilities may do
    pub mod descriptors; // how many this process may have open
    pub mod place; // files and folders where others can write too
    pub mod tell; // the standard streams
    pub mod terminal; // single keys, and the mode before
    pub mod limit; // how long a child may take
}

/// What calls mean.
mod table {
    pub mod names; // flags, choices, errnos, signals by name, both ways
    pub mod kind; // what is behind a descriptor: a file, a pipe, an eventfd …
    pub mod layout; // records and maps as they lie in memory
    pub mod syscalls; // the table: what each call's arguments and result mean
    pub mod blocks; // what their pointers lead to
    pub mod netlink; // what messages of netlink hold
    pub mod selection; // which calls are asked for
}

/// What was seen of calls.
mod trace {
    pub mod call; // what a call is
    pub mod counts; // what was lost on the way
    pub mod whole; // the calls of one scenario, and what was lost of them
    pub mod record; // bytes of the ring → a call
    pub mod files; // what a call's record and the kernel's names say of its files
    pub mod decoder; // the records of a watch → its calls
    pub mod testimony; // what the witness saw: stops → calls
    pub mod show; // a call as strace would write it
}

/// Who makes the calls.
mod child {
    pub mod ending; // how a child ended
    pub mod diary; // what a child itself notes of its calls
    pub mod lookup; // where a program is
    pub mod start; // other variables and another user for a program
    pub mod command; // the command of a scenario without Rust
    pub mod scenario; // what a scenario is written with
    pub mod scenarios; // the registry, a family a file
    pub mod fence; // calls that say that a tracer traces
    pub mod workspace; // a scenario's own empty directory
    pub mod zygote; // the process that forks every child, and the gate
}

/// Who watches.
mod watch {
    pub mod tracer; // the BPF object, the watches and the ring
    pub mod witness; // the same process seen by ptrace, at the same time
}

/// Whether it is right.
mod judge {
    pub mod expectation; // tests.toml → what each trace must be
    pub mod outcome; // what a command has written, against what it must write
    pub mod matcher; // a trace against its expectation
    pub mod agreement; // a trace against a testimony
    pub mod noted; // a trace against the child's own diary
    pub mod cause; // what failures have in common
    pub mod explain; // why a call is missing or wrong
    pub mod report; // a failure as a finished bug report
    pub mod verdict; // pass, fail, skip, inconclusive
    pub mod bless; // what was observed, into tests.toml
    pub mod coverage; // which calls the tables show succeed and fail
}

mod timings; // how long the phases took, in percentiles
mod archive; // a trace as a file, and back
mod runs; // the records of past runs
mod subject; // any tracer: what it says of calls, against the trace
mod session; // one scenario from fork to verdict
mod charts; // pictures of a trace
mod mutants; // the object with one thing wrong, against the suite
mod command; // any program, from its execve to the end of its last process
mod kernels; // the same run on other kernels, in virtual machines
mod cli; // the command line, and the whole run

#[doc(hidden)]
pub mod support; // what this project's own tests and benches use

pub use base::error::Error;
pub use cli::{conformance, main};

// One scenario from fork to verdict.
pub use base::limit::Limit;
pub use child::scenario::Scenario;
pub use child::scenarios::all as scenarios;
pub use judge::cause::FailureCause;
pub use judge::expectation::{Expectation, Expectations};
pub use judge::report::{LineMark, Report, ReportLine};
pub use judge::verdict::Verdict;
pub use session::{Options, Prepared, ScenarioRun, Session};
pub use watch::tracer::TracerOptions;

// A tracer of another project in the slot.
pub use child::fence::{FenceKind, Fences};
pub use subject::claims::{CallOrder, Calls, Claims, Interrupted, Moment, Paths};
pub use subject::collector::Collector;
pub use subject::judge::KnownFault;
pub use subject::{Line, Profile, Said, Scope, Shown, Subject, Value, Waited, Watching};
