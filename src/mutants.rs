//! Mutants: the object with one thing wrong. What the suite does not notice, it does not prove.
//!
//! [`plan`] says which mutants there are, [`mod@bench`] judges them, and [`report`] says what came out. Only `edited` and `bench` have I/O.

pub mod instruction; // one instruction of BPF
pub mod operators; // what can be changed in it
pub mod lines; // the source lines of instructions
pub mod image; // the object as bytes
pub mod plan; // which mutants there are
pub mod source; // mutants of the source
pub mod flow; // which bits are used, and so which mutants change nothing
pub mod fate; // what became of one
pub mod listed; // mutants.toml: survivors with a reason
pub mod order; // which scenario is asked first
pub mod edited; // the tracer's sources, and the object of a change
pub mod bench; // loads and judges mutants
pub mod report; // what came out, for people and as JSON
