//! Judges another tracer: compares the calls that it reports, as JSON lines, with the reference trace.
//!
//! No I/O, except in [`process`], [`output`], [`object`], [`own`] and [`roster`]. A *subject* is a tracer under test. Its output becomes lines
//! ([`json`]), with the help of an adapter if it prints another format ([`adapters`]). The lines between its fences
//! ([`window`]) are compared with our own trace ([`compare`]). A subject is judged only by what it claims ([`claims`]).

pub mod claims; // which calls and fields a subject claims to report
pub mod keys; // the keys of a line
pub mod said; // one call as a line reports it
mod facts; // what a line should report for a call
pub mod json; // a line → a call, and back
pub mod compare; // a reference trace against a subject's lines
pub mod schema; // the format of lines as JSON Schema
pub mod splitter; // bytes → lines, in bounded memory
pub mod adapters; // the output of each tracer → lines
pub mod window; // the lines between the fences
pub mod judge; // the verdict
pub mod cell; // the result of one subject in one scenario, as data
pub mod conformance; // the results of many subjects in many scenarios, as a table
pub mod seam; // the trait that a subject implements
pub mod collector; // what a subject has reported so far
pub mod reference; // our own trace, without the fences
pub mod verdict; // a subject's report → a cell and a text
pub mod toml; // how to run a subject, and its claims
mod reading; // bytes → lines
mod output; // the file that a subject writes
pub mod process; // a subject that is a command
pub mod object; // a subject that is a BPF object
pub mod own; // our own tracer as a subject
pub mod roster; // the known subjects, and whether one can run here

pub use facts::Wrongness;
pub use json::Line;
pub use said::{Said, Value};
pub use seam::{Profile, Scope, Shown, Subject, Waited, Watching};
