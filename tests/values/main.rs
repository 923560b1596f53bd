//! The tests that need no privileges: what takes values and returns values, and the command where it traces nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::too_many_lines)]

mod archive;
mod escapes;
mod expectations;
mod house;
mod replay;
mod allocations;
mod subjects;
mod conformance;
