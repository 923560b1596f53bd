//! The tests that need no privileges: pure functions, and the command where it traces nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::too_many_lines)]

mod archive;
mod documents;
mod escapes;
mod expectations;
mod house;
mod replay;
mod allocations;
#[path = "../costs/mod.rs"]
mod costs;
mod subjects;
mod conformance;
mod coverage;
mod bless;

use std::path::{Path, PathBuf};

/// The archive of a real run of this scenario.
fn recorded(scenario: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded").join(format!("{scenario}.ior.zst"))
}
