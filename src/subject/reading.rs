//! Bytes of a subject → its lines, with the help of an adapter.
//!
//! No I/O.

use regex_lite::Regex;

use super::adapters;
use super::json::Line;
use super::splitter::Splitter;

/// The number of losses that a pattern finds in a line.
pub(super) fn lost(pattern: Option<&Regex>, line: &[u8]) -> Option<Line> {
    let line = str::from_utf8(line).ok()?;
    pattern?.captures(line)?.get(1)?.as_str().parse().ok().map(Line::Lost)
}

/// The bytes that have come, as far as they are no whole line, and the adapter.
pub(super) struct Reading {
    splitter: Splitter,
    adapter: Box<dyn adapters::Adapter>,
    lost: Option<Regex>,
}

impl Reading {
    pub(super) fn new(adapter: &str, lost: Option<Regex>) -> Self {
        let adapter = adapters::by_name(adapter).unwrap_or_else(|| Box::new(adapters::JsonLines));
        Self { splitter: Splitter::default(), adapter, lost }
    }

    pub(super) fn take(&mut self, bytes: &[u8]) -> Vec<(Line, usize)> {
        let Self { splitter, adapter, lost, .. } = self;
        let mut lines = Vec::new();
        splitter.push(bytes, |line, whole| lines.extend(lines_of(adapter.as_mut(), lost.as_ref(), line, whole)));
        lines
    }

    pub(super) fn end(&mut self) -> Vec<(Line, usize)> {
        let Self { splitter, adapter, lost, .. } = self;
        let mut lines = Vec::new();
        splitter.end(|line, whole| lines.extend(lines_of(adapter.as_mut(), lost.as_ref(), line, whole)));
        lines.extend(adapter.end().into_iter().map(|line| (line, 0)));
        lines
    }
}

fn lines_of(
    adapter: &mut dyn adapters::Adapter,
    pattern: Option<&Regex>,
    line: &[u8],
    whole: bool,
) -> Vec<(Line, usize)> {
    if !whole {
        return vec![(Line::garbled(line, "it is longer than 1 MiB"), line.len())];
    }
    let lines = match lost(pattern, line) {
        Some(lost) => vec![lost],
        None => adapter.line(line),
    };
    // A line takes more memory as values than as text.
    lines.into_iter().map(|one| (one, 8 * line.len() + 64)).collect()
}
