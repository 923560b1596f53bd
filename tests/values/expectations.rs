//! `tests.toml`, the comparison and the reports: tables of rows, without privileges.
//!
//! The expected messages are in `tests/golden`. `SNAPSHOTS=overwrite cargo test` writes them again.

pub mod calls;
mod check;

mod descriptors;
mod files;
mod keys;
mod own;
mod part;
mod reports;
mod shown;
mod sockets;
mod full;
mod structs;
mod threads;
mod whole;

use std::path::{Path, PathBuf};

use snapbox::Data;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn golden_text(name: &str, text: &str) {
    let expected = Data::read_from(&golden().join(name).with_extension("txt"), None);
    snapbox::assert_data_eq!(text.to_owned(), expected.raw());
}
