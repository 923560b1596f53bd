//! Parses the output of subjects/files.bt: `path`, `path2` and `call` lines, which are joined by thread and time.

use std::collections::HashMap;

use bstr::ByteSlice;

use super::arguments::{put_bits, put_no_text, put_raw_ret};
use super::{Adapter, call, note};
use crate::subject::json::Line;
use crate::subject::said::{Said, Value};
use crate::subject::splitter::LONGEST;
use crate::table::syscalls::name_of;

/// The end of a string, which may contain any other byte.
const END: u8 = 0x1f;

/// The strings of a call whose own line has not come yet.
#[derive(Default)]
struct Strings {
    texts: [Option<Vec<u8>>; 2],
    raw: Vec<u8>,
}

#[derive(Default)]
pub(super) struct Bpftrace {
    /// The strings of each thread, with the time at which it entered the call.
    strings: HashMap<(u32, u64), Strings>,
    /// An unfinished line: a string may contain a newline.
    begun: Vec<u8>,
}

impl Adapter for Bpftrace {
    fn line(&mut self, raw: &[u8]) -> Vec<Line> {
        if self.begun.is_empty() && !is_ours(raw) {
            // "Lost N events"
            let lost = str::from_utf8(raw)
                .ok()
                .and_then(|raw| raw.strip_prefix("Lost ")?.strip_suffix(" events")?.parse().ok());
            return match lost {
                Some(lost) => vec![Line::Lost(lost)],
                None if raw.is_empty() => Vec::new(),
                None if raw.starts_with(b"Attaching ") => note(raw),
                None => vec![Line::garbled(raw, "it is neither a path nor a call")],
            };
        }
        if !self.begun.is_empty() {
            self.begun.push(b'\n');
        }
        self.begun.extend_from_slice(raw);
        if self.begun.len() > LONGEST {
            return vec![Line::garbled(&std::mem::take(&mut self.begun), "it has no end")];
        }
        if self.begun.last() != Some(&END) {
            return Vec::new();
        }
        let whole = std::mem::take(&mut self.begun);
        self.whole(&whole)
            .unwrap_or_else(|| vec![Line::garbled(&whole, "its fields are not those of subjects/files.bt")])
    }

    fn end(&mut self) -> Vec<Line> {
        let begun = std::mem::take(&mut self.begun);
        if begun.is_empty() { Vec::new() } else { vec![Line::garbled(&begun, "it ends in the middle")] }
    }
}

fn is_ours(raw: &[u8]) -> bool {
    [b"path ".as_slice(), b"path2 ", b"call "].iter().any(|word| raw.starts_with(word))
}

impl Bpftrace {
    fn whole(&mut self, raw: &[u8]) -> Option<Vec<Line>> {
        let body = &raw[..raw.len() - 1];
        let (kind, rest) = body.split_once_str(b" ")?;
        let (tid, rest) = number(rest)?;
        let (enter, rest) = number(rest)?;
        if kind != b"call" {
            let strings = self.strings.entry((tid as u32, enter)).or_default();
            strings.texts[usize::from(kind == b"path2")] = Some(rest.to_vec());
            strings.raw.extend_from_slice(raw);
            strings.raw.push(b'\n');
            return Some(Vec::new());
        }
        let strings = self.strings.remove(&(tid as u32, enter)).unwrap_or_default();
        let (exit, rest) = number(rest)?;
        let (nr, rest) = number(rest)?;
        let (ret, mut rest) = number(rest)?;
        let mut args = [0; 6];
        for arg in &mut args {
            (*arg, rest) = number(rest)?;
        }
        let mut said = Said::new(&name_of(nr as u32)).with("tid", tid).with("comm", rest);
        said.put("enter_ns", enter.into());
        said.put("exit_ns", exit.into());
        put_arguments(&mut said, &args, strings.texts);
        put_raw_ret(&mut said, ret as i64);
        Some(vec![call(said, &[strings.raw.as_slice(), raw].concat())])
    }
}

fn put_arguments(said: &mut Said, args: &[u64; 6], texts: [Option<Vec<u8>>; 2]) {
    let Some(row) = said.row else { return };
    (0..row.args.len()).for_each(|at| put_bits(said, at, args[at]));
    for (key, text) in ["path", "path2"].into_iter().zip(texts) {
        let (Some(at), Some(text)) = (row.arg(key), text) else { continue };
        match args[at] {
            0 => put_no_text(said, key, "null"),
            _ => drop(said.put(key, Value::Text(text))),
        }
    }
}

/// A number and the text after its space. Negative numbers are taken by their bits.
fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let (digits, rest) = text.split_once_str(b" ")?;
    let digits = str::from_utf8(digits).ok()?;
    let number = digits.parse::<u64>().ok().or_else(|| digits.parse::<i64>().ok().map(|number| number as u64))?;
    Some((number, rest))
}
