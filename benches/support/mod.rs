//! What the benches share.
#![allow(dead_code)]

pub mod floor; // empty programs on the hooks of the tracer
pub mod growth; // generated scenarios
pub mod operations; // what the worker does, by name
pub mod plot; // bars as an SVG
pub mod rounds; // medians, ratios, tables
pub mod tools; // other tools that record calls
pub mod worker; // a child that does it on demand and says how long it took

/// What went wrong, for `main`.
pub type Failure = Box<dyn std::error::Error>;
