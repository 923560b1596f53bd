//! The file that a subject writes in place of printing. It is read when the subject has been stopped.
//!
//! I/O: makes a folder for the file, which is gone with the subject, and reads the file. No fence is known before that. So the
//! subject must say itself that it traces.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use regex_lite::Regex;
use tempfile::TempDir;

use super::adapters;
use super::collector::Collector;
use super::reading::Reading;
use super::toml::{AdapterChoice, OutputChoice};
use crate::base::error::Error;

/// The longest file that is read, in bytes.
const LONGEST: u64 = 256 << 20;

/// A file in a folder of its own.
pub(super) struct OutputFile {
    choice: OutputChoice,
    adapter: String,
    folder: TempDir,
}

impl OutputFile {
    /// Makes its folder in `outputs`. The subject makes the file.
    pub(super) fn new(choice: &OutputChoice, adapter: &AdapterChoice, outputs: &Path) -> Result<Self, Error> {
        let failed = |error| {
            let what = format!("the folder for the output of a subject cannot be made: {error}");
            Error::scenario(what, "make room in TMPDIR").because(error)
        };
        let folder = std::fs::create_dir_all(outputs).and_then(|()| tempfile::tempdir_in(outputs)).map_err(failed)?;
        let adapter = match adapter {
            AdapterChoice::BuiltIn(name) => name.clone(),
            AdapterChoice::Command(_) => "json".to_owned(), // an error of its TOML
        };
        Ok(Self { choice: choice.clone(), adapter, folder })
    }

    /// Its path, for a command line.
    pub(super) fn path(&self) -> String {
        self.folder.path().join(&self.choice.file).to_string_lossy().into_owned()
    }

    /// Reads it into a collector. The error is why it, or the rest of it, cannot be read. `is_all`: the subject has said that it
    /// is written, or has ended.
    pub(super) fn read(&self, collector: &Collector, is_all: bool) -> Result<(), String> {
        let name = &self.choice.file;
        let bytes = match self.bytes() {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let when = if is_all { "" } else { " before its limit (`close` in `limits`)" };
                return Err(format!("it has not written its file {name}{when}"));
            }
            Err(error) => return Err(format!("its file {name}: {error}")),
        };
        if bytes.len() as u64 > LONGEST {
            return Err(format!("its file {name} has more than {} MiB", LONGEST >> 20));
        }
        if let Some(read) = adapters::of_files(&self.adapter) {
            let read = read(bytes, &mut |line| collector.push([(line, ROW)]));
            return read.map_err(|why| format!("its file {name}: {why}"));
        }
        let mut reading = Reading::new(&self.adapter, None);
        collector.push(reading.take(&bytes));
        collector.push(reading.end());
        Ok(())
    }

    fn bytes(&self) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(self.folder.path().join(&self.choice.file))?.take(LONGEST + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// How much memory one row takes, in bytes: two paths of up to 255 bytes, and what is kept for findings.
const ROW: usize = 2048;

/// What a subject says in its streams.
#[derive(Clone, Debug)]
pub(super) struct Announcements {
    /// It has lost calls.
    pub lost: Option<Regex>,
    attached: Option<Regex>,
    written: Option<Regex>,
}

impl Announcements {
    /// Those of a subject with this file, or of one that prints.
    pub(super) fn of(lost: Option<Regex>, output: Option<&OutputFile>) -> Self {
        let choice = output.map(|output| &output.choice);
        let attached = choice.map(|choice| choice.attached.clone());
        Self { lost, attached, written: choice.and_then(|choice| choice.written.clone()) }
    }

    /// Tells a collector what a line announces.
    pub(super) fn tell(&self, line: &[u8], collector: &Collector) {
        let Ok(line) = str::from_utf8(line) else { return };
        let says = |pattern: &Option<Regex>| pattern.as_ref().is_some_and(|pattern| pattern.is_match(line));
        if says(&self.attached) {
            collector.attached();
        }
        if says(&self.written) {
            collector.written();
        }
    }
}
