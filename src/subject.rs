//! Any tracer in the slot: what it says of calls, as JSON lines, and whether that is what the reference trace says.
//!
//! No I/O, but for [`process`], [`object`] and [`own`]. A *subject* is a tracer under test. What it prints becomes lines ([`json`]), by an adapter where it prints something
//! else ([`adapters`]). What stands between its fences ([`window`]) is compared with the trace of our own tracer ([`compare`]),
//! under what it claims ([`claims`]).

pub mod claims; // of which calls a subject says what
pub mod keys; // what a line may say of a call
pub mod said; // what is said of one call
mod facts; // what it should say of a call
pub mod json; // a line → what it says, and back
pub mod compare; // a reference trace against the lines of a subject
pub mod schema; // the same as JSON Schema
pub mod splitter; // bytes → lines, in bounded memory
pub mod adapters; // what tracers print → lines
pub mod window; // what stands between the fences
pub mod judge; // the verdict
pub mod cell; // what became of it, as data
pub mod conformance; // what became of many subjects in many scenarios: the table
pub mod seam; // what is asked of a subject
pub mod collector; // what it has shown so far
pub mod reference; // our own trace without the fences
pub mod verdict; // what was shown → a cell, a report
pub mod toml; // how a subject is run, and what it claims
pub mod process; // a subject that is a command, while it runs
pub mod object; // a subject that is a BPF object, while it runs
pub mod own; // our own tracer as a subject
pub mod roster; // which there are, and whether one can run here

pub use facts::Kind;
pub use json::Line;
pub use said::{Said, Value};
pub use seam::{Profile, Scope, Shown, Subject, Waited, Watching};
