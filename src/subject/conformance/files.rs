//! Writes all renderings into a folder. Only this module of the table does I/O.

use std::path::{Path, PathBuf};

use super::Table;
use super::json::json;
use super::markdown::markdown;
use super::page::page;
use crate::base::error::{Error, Exit};
use crate::base::escape;
use crate::base::place::Folder;

/// The file name of the page.
pub const PAGE: &str = "conformance.html";
/// The file name of the Markdown.
pub const MARKDOWN: &str = "conformance.md";
/// The file name of the JSON.
pub const JSON: &str = "conformance.json";

/// Makes the folder, and checks that it is writable before anything is measured.
pub fn prepare(folder: &Path) -> Result<Folder, Error> {
    let made = Folder::make(folder).and_then(|made| made.check_writable().map(|()| made));
    made.map_err(|error| Error { exit: Exit::Usage, ..cannot_write(folder, error) })
}

/// Writes Markdown, JSON and the page, and returns their paths. A reader sees either the old file or all of the new one.
pub fn write(folder: &Folder, table: &Table) -> Result<[PathBuf; 3], Error> {
    for (name, text) in [(MARKDOWN, markdown(table)), (JSON, json(table)), (PAGE, page(table))] {
        let written = folder.replace(name.as_ref(), text.as_bytes());
        written.map_err(|error| cannot_write(folder.path(), error))?;
    }
    Ok([MARKDOWN, JSON, PAGE].map(|name| folder.path().join(name)))
}

fn cannot_write(folder: &Path, error: std::io::Error) -> Error {
    Error::scenario(
        format!("no conformance table could be written in {}: {error}", escape::path(folder)),
        "let --conformance name a folder that can be written to, with room in it",
    )
    .because(error)
}
