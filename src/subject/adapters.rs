//! What tracers print → lines.
//!
//! No I/O. An adapter takes raw lines one after the other and says what they say, and no more: what it cannot parse is garbled,
//! what it knows to be no call (a header, a signal) is nothing or a note. How each tracer is to be called is in `subjects/`.

use super::json::{self, Line};

mod arguments; // a printed argument → a value, by what the table says it is
mod bpftrace;
mod ftrace;
mod ior;
mod lurk;
mod opensnoop;
mod perf;
mod strace;

/// Takes what a tracer prints.
pub trait Adapter: Send {
    /// Takes a raw line, without its end.
    fn line(&mut self, raw: &[u8]) -> Vec<Line>;

    /// The end of what it prints: what was held back, since more of it might have come.
    fn end(&mut self) -> Vec<Line> {
        Vec::new()
    }
}

/// The names of all adapters.
pub const NAMES: [&str; 9] =
    ["json", "strace", "perf", "lurk", "bpftrace", "opensnoop", "opensnoop.bt", "ftrace", "ior"];

/// The adapter of this name.
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

/// For who prints the lines himself.
pub(super) struct JsonLines;

impl Adapter for JsonLines {
    fn line(&mut self, raw: &[u8]) -> Vec<Line> {
        vec![json::read(raw)]
    }
}

/// A call whose raw lines are known.
fn call(mut said: super::Said, raw: &[u8]) -> Line {
    said.raw = raw.to_vec();
    Line::Call(Box::new(said))
}

/// Something to read, as text.
fn note(raw: &[u8]) -> Vec<Line> {
    vec![Line::Note(String::from_utf8_lossy(raw).into_owned())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_an_adapter() {
        assert!(NAMES.iter().all(|name| by_name(name).is_some()));
        assert!(by_name("nope").is_none());
    }
}
