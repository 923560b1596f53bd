//! The timeline as trace events, the format of chrome://tracing and Perfetto: a JSON array with an object for each call.
//!
//! The events are written as they come, into a file without a name, so that a run that is killed leaves none. When it is whole, it is
//! copied beside the one that is asked for, and renamed. Times are microseconds of CLOCK_MONOTONIC.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use serde_json::json;
use tempfile::NamedTempFile;

use super::{cannot_write, comm, parts};
use crate::base::error::{Error, Exit};
use crate::trace::call::{Call, Outcome};
use crate::trace::show;

/// The file, while it is written.
pub struct EventFile {
    path: PathBuf,
    to: BufWriter<File>,
    /// The names of the threads so far.
    threads: HashMap<u32, [u8; 16]>,
    /// The first error. Nothing is written after it.
    failed: Option<io::Error>,
    is_first: bool,
}

impl EventFile {
    /// Begins a file with this path.
    pub fn begin(path: &Path) -> Result<Self, Error> {
        let (folder, _) = parts(path);
        let begun = tempfile::tempfile_in(folder);
        let begun = begun.map_err(|error| Error { exit: Exit::Usage, ..cannot_write(path, error) })?;
        let mut file = Self {
            path: path.to_owned(),
            to: BufWriter::new(begun),
            threads: HashMap::new(),
            failed: None,
            is_first: true,
        };
        file.write("[");
        Ok(file)
    }

    /// Writes the event of a call, after that of its thread if the thread has a new name.
    pub fn add(&mut self, call: &Call) {
        if self.threads.insert(call.tid, call.comm) != Some(call.comm) {
            self.event(&thread(call));
        }
        self.event(&event(call));
    }

    /// Ends the file, and gives it its name.
    pub fn finish(mut self) -> Result<(), Error> {
        self.write("\n]\n");
        let Self { path, to, failed, .. } = self;
        let written = failed.map_or(Ok(()), Err).and_then(|()| to.into_inner().map_err(io::IntoInnerError::into_error));
        written.and_then(|events| named(events, &path)).map_err(|error| cannot_write(&path, error))
    }

    fn event(&mut self, event: &serde_json::Value) {
        let comma = if std::mem::take(&mut self.is_first) { "\n" } else { ",\n" };
        self.write(&format!("{comma}{event}"));
    }

    fn write(&mut self, text: &str) {
        if self.failed.is_none() {
            self.failed = self.to.write_all(text.as_bytes()).err();
        }
    }
}

/// Gives the events the name, in one step.
fn named(mut events: File, path: &Path) -> io::Result<()> {
    let mut file = tempfile::Builder::new().prefix(".ior-it.").tempfile_in(parts(path).0)?;
    events.rewind()?;
    io::copy(&mut events, &mut file)?;
    readable(&file)?;
    file.persist(path).map_err(io::Error::from).map(drop)
}

/// Lets all read the file, as with any other report (tempfile makes it private).
fn readable(file: &NamedTempFile) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))
}

fn thread(call: &Call) -> serde_json::Value {
    json!({ "ph": "M", "name": "thread_name", "pid": call.pid, "tid": call.tid, "args": { "name": comm(call) } })
}

fn event(call: &Call) -> serde_json::Value {
    let us = |ns: u64| ns as f64 / 1e3;
    let args = json!({ "call": show::call(call) });
    let (pid, tid, name, at) = (call.pid, call.tid, call.name(), us(call.enter_ns));
    match call.outcome {
        Outcome::Returned(_) => {
            let (duration, category) = (us(call.duration_ns), if call.errno().is_some() { "error" } else { "call" });
            json!({ "ph": "X", "name": name, "cat": category, "ts": at, "dur": duration, "pid": pid, "tid": tid, "args": args })
        }
        // It has no end.
        Outcome::Unfinished => {
            json!({ "ph": "i", "s": "t", "name": name, "cat": "unfinished", "ts": at, "pid": pid, "tid": tid, "args": args })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::syscalls::Syscall;
    use crate::trace::record::{self, Record, tests::call_bytes};

    fn call(name: &str, ret: i64) -> Call {
        let number = Syscall::by_name(name).unwrap().number;
        let Ok(Record::Call(call, _)) = record::decode(&call_bytes(0, number, 3, b"", ret)) else { panic!("no call") };
        Call { pid: 7, tid: 8, enter_ns: 1_500, duration_ns: 250, ..call }
            .with(|deed| deed.comm = *b"cat\0\0\0\0\0\0\0\0\0\0\0\0\0")
    }

    #[test]
    fn each_call_is_an_event() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.json");
        let mut file = EventFile::begin(&path).unwrap();
        let names = || std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(names(), 0, "a run that is killed would leave a file");
        file.add(&call("close", 0));
        file.add(&call("close", -9));
        file.add(&call("exit_group", 0).with(|deed| deed.outcome = Outcome::Unfinished));
        file.finish().unwrap();
        let events: Vec<serde_json::Value> = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let of = |key: &str| -> Vec<String> { events.iter().map(|event| event[key].to_string()).collect() };
        assert_eq!(of("ph"), ["\"M\"", "\"X\"", "\"X\"", "\"i\""]);
        assert_eq!(of("cat"), ["null", "\"call\"", "\"error\"", "\"unfinished\""]);
        assert_eq!((events[1]["ts"].as_f64(), events[1]["dur"].as_f64()), (Some(1.5), Some(0.25)));
        assert_eq!(events[0]["args"]["name"], "cat");
        assert_eq!(names(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_file_without_calls_is_an_array() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.json");
        EventFile::begin(&path).unwrap().finish().unwrap();
        assert!(serde_json::from_slice::<Vec<u8>>(&std::fs::read(&path).unwrap()).unwrap().is_empty());
        assert!(EventFile::begin(&folder.path().join("no/such")).is_err());
    }
}
