//! An archive holds one observed scenario in a file, `<scenario>.ior.zst`.
//!
//! [`encode()`] and [`decode()`] take values and return values. [`save`], [`load`] and [`check`] do the I/O. Reading bounds the
//! memory that it takes and never panics: it refuses whatever is not an archive, and says why. docs/archive.md describes the
//! format.

use std::fs::File;
use std::io::BufReader;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::base::error::Cause;
use crate::base::error::{Error, Exit};
use crate::base::escape;
use crate::base::place::Folder;
use crate::judge::verdict::Observed;
use crate::trace::call::{Call, Deeds};
use crate::trace::whole::Trace;

mod bad; // why an archive is refused
mod difference; // what an archive has changed, if anything
mod header; // the first value of an archive
mod decode; // bytes to values
mod encode; // values to bytes
mod limits; // how much an archive may hold

pub use bad::{BadArchive, Position};
pub use difference::difference;
pub use encode::encode;

/// The name of the format.
pub(crate) const FORMAT: &str = "ior";
/// Its version. A new field needs no new version: a reader ignores the fields that it does not know.
pub(crate) const VERSION: u64 = 1;
/// The suffix of an archive's file name.
pub const SUFFIX: &str = ".ior.zst";

/// One observed scenario, and where it was observed.
#[derive(Clone, Debug, PartialEq)]
pub struct Archive {
    /// Where the observation was made.
    pub origin: Origin,
    /// What was observed.
    pub observed: Observed,
}

/// Where an archive comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The scenario.
    pub scenario: String,
    /// The version of the ior-it that wrote the archive.
    pub ior_it: String,
    /// The release of the kernel (uname(2)).
    pub kernel: String,
    /// The architecture, under Rust's name for it.
    pub architecture: String,
    /// The absolute path of the workspace that the scenario ran in.
    pub workspace: Vec<u8>,
    /// When the run of the scenario began, in nanoseconds since 1970 (UTC).
    pub began_ns: u64,
}

impl Origin {
    /// This ior-it on this machine. Asks the kernel for its release.
    pub fn here(scenario: &str, workspace: &[u8], began: SystemTime) -> Self {
        let kernel = nix::sys::utsname::uname().map(|names| names.release().to_string_lossy().into_owned());
        let since_1970 = began.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self {
            scenario: scenario.to_owned(),
            ior_it: env!("CARGO_PKG_VERSION").to_owned(),
            kernel: kernel.unwrap_or_default(),
            architecture: std::env::consts::ARCH.to_owned(),
            workspace: workspace.to_vec(),
            began_ns: u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX),
        }
    }
}

/// When the first call was entered, and the time from then to the last return.
fn span_ns(calls: &[Call]) -> (u64, u64) {
    let first = calls.iter().map(|call| call.enter_ns).min().unwrap_or_default();
    let last = calls.iter().map(|call| call.enter_ns.saturating_add(call.duration_ns)).max().unwrap_or_default();
    (first, last.saturating_sub(first))
}

impl Archive {
    /// One line about the observation. `--show` prints it above the trace.
    pub fn headline(&self) -> String {
        let Origin { scenario, ior_it, kernel, architecture, workspace, began_ns } = &self.origin;
        let Observed { ending, trace } = &self.observed;
        let began = humantime::format_rfc3339_millis(SystemTime::UNIX_EPOCH + Duration::from_nanos(*began_ns));
        let (_, span_ns) = span_ns(&trace.calls);
        let line = format!(
            "{scenario}: {ending}, {} calls in {:.6} s; {began}, ior-it {ior_it}, Linux {kernel} {architecture}, in {:?}",
            trace.calls.len(),
            Duration::from_nanos(span_ns).as_secs_f64(),
            bstr::BStr::new(workspace),
        );
        escape::line(&line).into_owned()
    }
}

/// Reads an archive from bytes.
pub fn decode(bytes: &[u8]) -> Result<Archive, BadArchive> {
    collect(bytes)
}

fn collect(source: impl std::io::BufRead) -> Result<Archive, BadArchive> {
    let (mut calls, mut deeds) = (Vec::new(), Deeds::default());
    let header = decode::read(source, |mut call| {
        deeds.share(&mut call);
        calls.push(call);
    })?;
    let (origin, ending, trace) = header.into_parts();
    Ok(Archive { origin, observed: Observed { ending, trace: Trace { calls, ..trace } } })
}

/// Writes an archive into a folder. A reader sees either the old archive or all of the new one.
pub fn save(folder: &Folder, archive: &Archive) -> Result<(), Error> {
    let bytes = encode(archive).map_err(|bad| bad.in_file(&saved_as(folder, archive)))?;
    folder.replace(name_of(archive).as_ref(), &bytes).map_err(|error| cannot_write(folder.path(), error))
}

/// Reads back what [`save`] wrote.
fn saved(folder: &Folder, archive: &Archive) -> Result<Archive, Error> {
    let file = folder.read(name_of(archive).as_ref()).map_err(unreadable);
    file.and_then(source).and_then(collect).map_err(|bad| bad.in_file(&saved_as(folder, archive)))
}

/// Writes an archive, reads it back and compares the two. Returns what it read.
pub(crate) fn save_checked(folder: &Folder, archive: &Archive) -> Result<Archive, Error> {
    save(folder, archive)?;
    let read = saved(folder, archive)?;
    difference(archive, &read).map_or(Ok(read), |difference| Err(check_failed(folder, archive, &difference)))
}

/// The error for an archive that differs from what was written, or that gets another verdict: a fault of our own.
pub(crate) fn check_failed(folder: &Folder, archive: &Archive, what: &str) -> Error {
    Error::scenario(
        format!("archive check: {}: {what}", escape::path(&saved_as(folder, archive))),
        "this is a fault in src/archive or src/trace/call.rs; without --archive nothing is written",
    )
}

/// The path of the file that [`save`] writes.
fn saved_as(folder: &Folder, archive: &Archive) -> PathBuf {
    folder.path().join(name_of(archive))
}

fn name_of(archive: &Archive) -> String {
    format!("{}{SUFFIX}", archive.origin.scenario)
}

/// Makes a folder for archives, and checks that it is writable.
pub fn prepare(folder: &Path) -> Result<Folder, Error> {
    let made = Folder::make(folder).and_then(|made| made.check_writable().map(|()| made));
    made.map_err(|error| Error { exit: Exit::Usage, ..cannot_write(folder, error) })
}

fn cannot_write(folder: &Path, error: std::io::Error) -> Error {
    Error::scenario(
        format!("no archive could be written in {}: {error}", escape::path(folder)),
        "let --archive name a folder that can be written to, with room in it",
    )
    .because(error)
}

/// Reads the archive in a file.
pub fn load(path: &Path) -> Result<Archive, Error> {
    open(path).and_then(collect).map_err(|bad| bad.in_file(path))
}

/// Reads the archive in a file without keeping its calls, to check it. Returns where it comes from.
pub fn check(path: &Path) -> Result<Origin, Error> {
    let header = open(path).and_then(|source| decode::read(source, drop)).map_err(|bad| bad.in_file(path))?;
    Ok(header.into_parts().0)
}

/// Opens a file without blocking, even if it is a FIFO.
fn open(path: &Path) -> Result<BufReader<File>, BadArchive> {
    let opened = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path);
    opened.map_err(unreadable).and_then(source)
}

fn source(file: File) -> Result<BufReader<File>, BadArchive> {
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(BadArchive::Unreadable(Cause::new("it is no regular file")));
    }
    Ok(BufReader::with_capacity(limits::BUFFER, file))
}

fn unreadable(error: std::io::Error) -> BadArchive {
    BadArchive::Unreadable(Cause::new(error))
}
