//! Parses a recording of `ior -parquet FILE`: one row for each call, in the columns of ior's `internal/parquet/schema.go`.
//!
//! An empty text and the descriptor -1 say nothing: ior writes them for what it does not know, too. ior writes a byte that is
//! not UTF-8 as `\xHH`, and such a name may also be written so by the program itself. Then the text is left out.
//!
//! No file of a newer ior was at hand: docs/subjects.md says what the tests read.
//!
//! A gap in `seq` is what ior could not write. `ior.sampling` in the footer says that the rows are a sample.

use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use parquet::basic::Type as Physical;
use parquet::errors::ParquetError;
use parquet::file::metadata::FileMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use serde_json::Value as Json;

use super::arguments::{by_tracepoint, put_file_of, put_raw_ret};
use super::call;
use crate::subject::json::{Line, names_value};
use crate::subject::said::{Said, Value};
use crate::table::names;

/// The columns without which a row says nothing of a call, and their types.
const REQUIRED: [(&str, Physical); 10] = [
    ("seq", Physical::INT64),
    ("time_ns", Physical::INT64),
    ("comm", Physical::BYTE_ARRAY),
    ("pid", Physical::INT32),
    ("tid", Physical::INT32),
    ("syscall", Physical::BYTE_ARRAY),
    ("fd", Physical::INT32),
    ("ret", Physical::INT64),
    ("file", Physical::BYTE_ARRAY),
    ("is_error", Physical::BOOLEAN),
];
/// Columns that came later.
const OPTIONAL: [(&str, Physical); 3] =
    [("old_file", Physical::BYTE_ARRAY), ("epoll_op", Physical::BYTE_ARRAY), ("epoll_target_fd", Physical::INT32)];

/// Reads a whole file, and gives its lines one by one. The crate `parquet` may panic at a damaged file.
pub(super) fn read(file: Vec<u8>, line: &mut dyn FnMut(Line)) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(|| read_rows(file, line))).unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().map(String::as_str);
        let message = message.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!("it is damaged: {}", message.unwrap_or("its reader panicked")))
    })
}

fn read_rows(file: Vec<u8>, line: &mut dyn FnMut(Line)) -> Result<(), String> {
    let reader = SerializedFileReader::new(Bytes::from(file)).map_err(|error| no_recording(&error))?;
    let footer = reader.metadata().file_metadata();
    has_columns(footer)?;
    if let Some(lost) = left_out(footer) {
        line(Line::Lost(lost));
    }
    let (mut before, mut number) = (None, 0i64);
    for row in reader.get_row_iter(None).map_err(|error| no_recording(&error))? {
        let row = row.map_err(|error| format!("its row {number} cannot be read: {error}"))?;
        let recorded = RecordedCall::of(&row);
        line_of(&recorded, before, line);
        (before, number) = (recorded.seq.max(before), number + 1);
    }
    match footer.num_rows() {
        rows if rows == number => Ok(()),
        rows => Err(format!("its footer says {rows} rows, and it has {number}")),
    }
}

fn no_recording(error: &ParquetError) -> String {
    format!("it is no whole Parquet file: {error}")
}

/// The line of a row, and of what is lost before it. `before` is the number of the row before.
fn line_of(row: &RecordedCall, before: Option<u64>, line: &mut dyn FnMut(Line)) {
    let raw = row.raw();
    let said = match (before, row.seq) {
        (Some(before), Some(seq)) if seq <= before => Err("its `seq` is not after that of the row before".to_owned()),
        (Some(before), Some(seq)) if seq > before + 1 => {
            line(Line::Lost(seq - before - 1));
            row.said()
        }
        _ => row.said(),
    };
    line(match said {
        Ok(said) => call(said, raw.as_bytes()),
        Err(why) => Line::garbled(raw.as_bytes(), why),
    });
}

/// Whether the file has the columns of a recording.
fn has_columns(footer: &FileMetaData) -> Result<(), String> {
    let schema = footer.schema_descr();
    let found = |name: &str| schema.columns().iter().find(|column| column.path().parts() == [name]);
    for (name, physical) in REQUIRED.into_iter().chain(OPTIONAL) {
        match found(name) {
            Some(column) if column.physical_type() == physical => {}
            Some(column) => {
                return Err(format!("its column `{name}` is {}, not {physical}", column.physical_type()));
            }
            None if OPTIONAL.iter().any(|(optional, _)| *optional == name) => {}
            None => return Err(format!("it is no recording of ior: it has no column `{name}`")),
        }
    }
    Ok(())
}

/// How many calls ior says that it only counted. At least one, if it sampled and does not say how many.
fn left_out(footer: &FileMetaData) -> Option<u64> {
    let pairs = footer.key_value_metadata()?;
    let value = |key: &str| pairs.iter().find(|pair| pair.key == key).map(|pair| pair.value.as_deref().unwrap_or(""));
    let totals = value("ior.sampling.totals");
    if totals.is_none() {
        return value("ior.sampling").map(|_| 1);
    }
    let totals = totals.and_then(|totals| serde_json::from_str::<Vec<Json>>(totals).ok());
    let count = |totals: &[Json]| -> Option<u64> {
        let counted = totals.iter().map(|one| one.get("counted_only")?.as_u64()).sum::<Option<u64>>()?;
        let is_more = totals.iter().any(|one| one.get("lower_bound") == Some(&Json::Bool(true)));
        Some(counted.max(is_more.into()))
    };
    match totals.as_deref().map_or(Some(1), |totals| count(totals).or(Some(1))) {
        Some(0) | None => None,
        Some(lost) => Some(lost),
    }
}

/// A row, as far as it says something of a call.
#[derive(Default)]
struct RecordedCall<'r> {
    seq: Option<u64>,
    time_ns: Option<u64>,
    comm: &'r str,
    pid: Option<u64>,
    tid: Option<u64>,
    syscall: &'r str,
    fd: Option<i64>,
    ret: Option<i64>,
    file: &'r str,
    is_error: Option<bool>,
    old_file: &'r str,
    epoll_op: &'r str,
    epoll_target_fd: Option<i64>,
}

impl<'r> RecordedCall<'r> {
    fn of(row: &'r Row) -> Self {
        let mut recorded = Self::default();
        for (name, field) in row.get_column_iter() {
            match name.as_str() {
                "seq" => recorded.seq = unsigned(field),
                "time_ns" => recorded.time_ns = unsigned(field),
                "comm" => recorded.comm = text(field),
                "pid" => recorded.pid = unsigned(field),
                "tid" => recorded.tid = unsigned(field),
                "syscall" => recorded.syscall = text(field),
                "fd" => recorded.fd = signed(field),
                "ret" => recorded.ret = signed(field),
                "file" => recorded.file = text(field),
                "is_error" => recorded.is_error = if let Field::Bool(is) = field { Some(*is) } else { None },
                "old_file" => recorded.old_file = text(field),
                "epoll_op" => recorded.epoll_op = text(field),
                "epoll_target_fd" => recorded.epoll_target_fd = signed(field),
                _ => {}
            }
        }
        recorded
    }

    /// The row for a reader.
    fn raw(&self) -> String {
        let mut raw = format!("syscall={}", self.syscall);
        // Writing into a string cannot fail.
        let mut number = |name: &str, value: Option<i128>| {
            let _ = value.map(|value| write!(raw, " {name}={value}"));
        };
        number("ret", self.ret.map(Into::into));
        number("fd", self.fd.map(Into::into));
        number("pid", self.pid.map(Into::into));
        number("tid", self.tid.map(Into::into));
        number("seq", self.seq.map(Into::into));
        number("time_ns", self.time_ns.map(Into::into));
        for (name, text) in [("comm", self.comm), ("old_file", self.old_file), ("file", self.file)] {
            let _ = write!(raw, " {name}={text:?}");
        }
        if !self.epoll_op.is_empty() {
            let _ = write!(raw, " epoll_op={} epoll_target_fd={:?}", self.epoll_op, self.epoll_target_fd);
        }
        let _ = self.is_error.map(|is_error| write!(raw, " is_error={is_error}"));
        raw
    }

    fn said(&self) -> Result<Said, String> {
        let said = Said::new(by_tracepoint(self.syscall));
        if said.row.is_none() {
            return Err(format!("there is no call `{}`", self.syscall));
        }
        let (Some(pid), Some(tid), Some(ret), Some(time_ns)) = (self.pid, self.tid, self.ret, self.time_ns) else {
            return Err("its `pid`, `tid`, `ret` or `time_ns` is null".to_owned());
        };
        if self.is_error.is_some_and(|is_error| !agree(is_error, ret)) {
            return Err("its `is_error` contradicts its `ret`".to_owned());
        }
        // A clock that goes on in a suspended machine (bpf_ktime_get_boot_ns). Only the order of times is compared.
        let mut said = said.with("pid", pid).with("tid", tid).with("enter_ns", time_ns);
        if let Some(comm) = certain(self.comm) {
            said = said.with("comm", comm);
        }
        self.put_epoll(&mut said)?;
        self.put_files(&mut said);
        put_raw_ret(&mut said, ret);
        Ok(said)
    }

    /// `fd` is the descriptor that a call was given, or the new one of a call that opens a file.
    fn put_files(&self, said: &mut Said) {
        let Some(row) = said.row else { return };
        let takes = row.args.first().is_some_and(|arg| arg.name == "fd");
        if let (true, Some(fd)) = (takes, self.fd.filter(|&fd| fd != -1)) {
            said.put("fd", Value::Number(fd));
        }
        let (file, old_file) = (certain(self.file), certain(self.old_file));
        let of_two = ["rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat"];
        if of_two.contains(&said.call.as_str()) {
            for (key, name) in [("path", old_file), ("path2", file)] {
                name.map(|name| said.put(key, name.into()));
            }
        } else if let Some(file) = file {
            match (row.arg("path"), row.arg("path2")) {
                (Some(_), None) => drop(said.put("path", file.into())),
                (None, None) if takes => put_file_of(said, 0, file.into()),
                // It is unknown which of its two files the column has.
                (_, Some(_)) | (None, None) => {}
            }
        }
    }

    fn put_epoll(&self, said: &mut Said) -> Result<(), String> {
        if self.epoll_op.is_empty() {
            return Ok(());
        }
        let op = names_value(&names::EPOLL_CTL, &format!("EPOLL_CTL_{}", self.epoll_op));
        let (Some(op), Some(fd)) = (op, self.epoll_target_fd) else {
            return Err("its `epoll_op` or its `epoll_target_fd` is unknown".to_owned());
        };
        said.put("op", op.into());
        said.put("fd2", Value::Number(fd));
        Ok(())
    }
}

/// Whether both say the same of a failure. The kernel's restart codes (include/linux/errno.h) are errors for older versions
/// of ior only.
fn agree(is_error: bool, ret: i64) -> bool {
    match ret {
        -514..=-512 | -516 => true,
        -4095..=-1 => is_error,
        0.. => !is_error,
        // An address.
        _ => true,
    }
}

/// A text that is surely what the program wrote: neither empty, nor with a byte in place of which ior has written `\xHH`.
fn certain(text: &str) -> Option<&str> {
    let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_byte = |four: &[u8]| four.starts_with(b"\\x") && four[2..].iter().all(is_hex);
    (!text.is_empty() && !text.as_bytes().windows(4).any(is_byte)).then_some(text)
}

fn text(field: &Field) -> &str {
    if let Field::Str(text) = field { text } else { "" }
}

fn unsigned(field: &Field) -> Option<u64> {
    match field {
        Field::UInt(number) => Some((*number).into()),
        Field::ULong(number) => Some(*number),
        _ => signed(field)?.try_into().ok(),
    }
}

fn signed(field: &Field) -> Option<i64> {
    match field {
        Field::Int(number) => Some((*number).into()),
        Field::Long(number) => Some(*number),
        _ => None,
    }
}
