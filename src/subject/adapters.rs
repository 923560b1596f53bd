//! Translates the output of each tracer to lines.
//!
//! No I/O. An adapter takes raw lines one after the other, or a whole file that has no lines. It adds nothing to what they
//! report. A line that it cannot parse is garbled. A line that is no call (a header, a signal) is dropped or becomes a note.
//! `subjects/` has the command line of each tracer.

use super::json::{self, Line};

mod arguments; // a printed argument → a value, by its type in the table
mod bpftrace;
mod ftrace;
mod ior;
#[cfg(feature = "parquet")]
mod ior_parquet;
mod lurk;
mod macros; // what strace prints as a macro of C
mod opensnoop;
mod perf;
mod strace;

/// Parses the output of a tracer.
pub trait Adapter: Send {
    /// Takes a raw line, without its end.
    fn line(&mut self, raw: &[u8]) -> Vec<Line>;

    /// Ends the output: gives what was held back because more of it might have come.
    fn end(&mut self) -> Vec<Line> {
        Vec::new()
    }
}

/// The names of all adapters.
pub const NAMES: [&str; 10] =
    ["json", "strace", "perf", "lurk", "bpftrace", "opensnoop", "opensnoop.bt", "ftrace", "ior", "ior.parquet"];

/// Parses a whole file, and gives its lines one by one. The error is why the rest of it cannot be read.
pub type FileAdapter = fn(Vec<u8>, &mut dyn FnMut(Line)) -> Result<(), String>;

/// The adapter of this name, if it parses files that have no lines.
pub fn of_files(name: &str) -> Option<FileAdapter> {
    (name == "ior.parquet").then_some(ior_parquet::read)
}

/// In place of the adapter.
#[cfg(not(feature = "parquet"))]
mod ior_parquet {
    use super::Line;

    pub(super) fn read(_: Vec<u8>, _: &mut dyn FnMut(Line)) -> Result<(), String> {
        Err("this ior-it is built without the feature `parquet`".to_owned())
    }
}

/// The adapter of this name, if it parses lines.
pub fn by_name(name: &str) -> Option<Box<dyn Adapter>> {
    Some(match name {
        "json" => Box::new(JsonLines),
        "strace" => Box::new(strace::Strace::default()),
        "perf" => Box::new(perf::Perf::default()),
        "lurk" => Box::new(lurk::Lurk),
        "bpftrace" => Box::new(bpftrace::Bpftrace::default()),
        "opensnoop" | "opensnoop.bt" => Box::new(opensnoop::Opensnoop::default()),
        "ftrace" => Box::new(ftrace::Ftrace::default()),
        "ior" => Box::new(ior::Ior::default()),
        _ => return None,
    })
}

/// The adapter for a subject that prints the lines itself.
pub(super) struct JsonLines;

impl Adapter for JsonLines {
    fn line(&mut self, raw: &[u8]) -> Vec<Line> {
        vec![json::read(raw)]
    }
}

/// A call with its raw lines.
fn call(mut said: super::Said, raw: &[u8]) -> Line {
    said.raw = raw.to_vec();
    Line::Call(Box::new(said))
}

/// A note: text for a reader.
fn note(raw: &[u8]) -> Vec<Line> {
    vec![Line::Note(String::from_utf8_lossy(raw).into_owned())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_an_adapter() {
        assert!(NAMES.iter().all(|name| by_name(name).is_some() != of_files(name).is_some()));
        assert!(by_name("nope").is_none());
    }
}
