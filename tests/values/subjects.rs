//! Subjects: the lines of a trace, the adapters for each tracer's output, and the TOMLs. No privileges.

mod adapters;
mod compare;
mod data;
mod lines;
mod objects;
#[cfg(feature = "parquet")]
mod recordings;
mod schema;
mod toml;
