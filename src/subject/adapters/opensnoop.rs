//! Parses the tables of opensnoop (libbpf-tools) and opensnoop.bt (bpftrace): a row for each open that has returned.
//!
//! A row does not name the call that opened the file. Here it is `openat`, and the claims list the calls that look alike. The
//! path is the last column and is not escaped, so a line that is not a row continues the path of the line before.

use bstr::ByteSlice;

use super::arguments::put_raw_ret;
use super::{Adapter, call, note};
use crate::subject::json::Line;
use crate::subject::said::{Said, Value};
use crate::subject::splitter::LONGEST;

#[derive(Default)]
pub(super) struct Opensnoop {
    columns: Vec<Column>,
    /// The last row. Its path may continue.
    row: Option<(Said, Vec<u8>)>,
    /// The empty lines after it: newlines in the path, or what bpftrace prints for its maps when it ends.
    empty: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Time,
    Uid,
    Pid,
    Comm,
    Fd,
    Err,
    Flags,
    Path,
}

impl Column {
    fn by_name(name: &str) -> Option<Self> {
        Some(match name {
            "TIME" => Self::Time,
            "UID" => Self::Uid,
            "PID" => Self::Pid,
            "COMM" => Self::Comm,
            "FD" => Self::Fd,
            "ERR" => Self::Err,
            "FLAGS" => Self::Flags,
            "PATH" => Self::Path,
            _ => return None,
        })
    }
}

impl Adapter for Opensnoop {
    fn line(&mut self, raw: &[u8]) -> Vec<Line> {
        if let Some(columns) = header(raw) {
            self.columns = columns;
            return self.flush();
        }
        if self.columns.is_empty() {
            return note(raw);
        }
        if let Some(said) = self.row(raw) {
            let lines = self.flush();
            self.row = Some((said, raw.to_vec()));
            return lines;
        }
        match (&mut self.row, raw.is_empty()) {
            (Some(_), true) => self.empty += 1,
            (Some((_, before)), false) if before.len() + self.empty > LONGEST => {
                self.empty = 0;
                return vec![Line::garbled(raw, "its path has no end")];
            }
            (Some((said, before)), false) => {
                let more = [&b"\n".repeat(self.empty + 1), raw].concat();
                self.empty = 0;
                before.extend_from_slice(&more);
                if let Some(Value::Text(path)) = said.get("path").cloned() {
                    said.put("path", Value::Text([path, more].concat()));
                }
            }
            (None, true) => {}
            (None, false) => return vec![Line::garbled(raw, "it is no row of the table")],
        }
        Vec::new()
    }

    fn end(&mut self) -> Vec<Line> {
        // The empty lines at the end are bpftrace's own.
        self.empty = 0;
        self.flush()
    }
}

fn header(raw: &[u8]) -> Option<Vec<Column>> {
    let columns: Option<Vec<Column>> = raw.to_str().ok()?.split_ascii_whitespace().map(Column::by_name).collect();
    columns.filter(|columns| columns.contains(&Column::Pid) && columns.last() == Some(&Column::Path))
}

impl Opensnoop {
    fn flush(&mut self) -> Vec<Line> {
        let Some((mut said, raw)) = self.row.take() else { return Vec::new() };
        let ends = b"\n".repeat(std::mem::take(&mut self.empty));
        if let (Some(Value::Text(path)), false) = (said.get("path").cloned(), ends.is_empty()) {
            said.put("path", Value::Text([path, ends].concat()));
        }
        vec![call(said, &raw)]
    }

    fn row(&self, raw: &[u8]) -> Option<Said> {
        let mut said = Said::new("openat");
        let (mut rest, mut fd, mut err) = (raw, None, None);
        for column in &self.columns {
            match column {
                // 16 columns, of which the kernel fills 15 at most.
                Column::Comm => {
                    let (comm, after) = rest.split_at_checked(16)?;
                    said = said.with("comm", comm.trim_end_with(|one| one == ' '));
                    rest = after;
                }
                Column::Path => {
                    said = said.with("path", rest.strip_prefix(b" ").unwrap_or(rest));
                }
                Column::Time | Column::Uid | Column::Pid | Column::Fd | Column::Err | Column::Flags => {
                    let (word, after) = word(rest);
                    said = match column {
                        Column::Pid => said.with("pid", word.parse::<u64>().ok()?),
                        Column::Flags => said.with("flags", octal(word)?),
                        Column::Time | Column::Uid | Column::Fd | Column::Err | Column::Comm | Column::Path => said,
                    };
                    let number = || word.parse::<i64>().ok();
                    rest = match column {
                        // At least six columns, and a space.
                        Column::Pid => rest.get(word.len().max(6) + 1..)?,
                        Column::Uid => number().map(|_| after.trim_start_with(|one| one == ' '))?,
                        Column::Time => after.trim_start_with(|one| one == ' '),
                        Column::Fd | Column::Err | Column::Flags | Column::Comm | Column::Path => after,
                    };
                    match column {
                        Column::Fd => fd = Some(number()?),
                        Column::Err => err = Some(number()?),
                        Column::Time | Column::Uid | Column::Pid | Column::Flags | Column::Comm | Column::Path => {}
                    }
                }
            }
        }
        put_raw_ret(&mut said, result(fd?, err?)?);
        Some(said)
    }
}

/// Flags as eight octal digits.
fn octal(word: &str) -> Option<u64> {
    u64::from_str_radix(word, 8).ok().filter(|_| word.len() >= 8)
}

/// What the call returned: a descriptor or an errno.
fn result(fd: i64, err: i64) -> Option<i64> {
    match (fd, err) {
        (fd, 0) => Some(fd),
        (-1, err) => Some(-err),
        _ => None,
    }
}

/// A word after spaces, and the text that follows it.
fn word(text: &[u8]) -> (&str, &[u8]) {
    let begin = text.trim_start_with(|one| one == ' ');
    let (word, rest) = begin.split_at(begin.find_byte(b' ').unwrap_or(begin.len()));
    (word.to_str().unwrap_or_default(), rest)
}
