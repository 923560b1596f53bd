//! Shows a whole trace against its expectation: both in one column, as in a diff.

use std::collections::HashMap;

use super::wrap::{WIDTH, wrapped};
use crate::judge::expectation::Sequence;
use crate::judge::matcher::{Difference, FieldDifference, Strand};
use crate::trace::show;
use crate::trace::whole::Trace;

/// How many rows are shown before and after the first difference.
const BEFORE: usize = 12;
const AFTER: usize = 24;
/// The columns left of a call: the mark and its number.
const INDENT: usize = 10;

/// One row of the diff. A number is the place of an expected call in the strand, or of an observed call in the trace.
enum DiffRow<'d> {
    Same { observed: usize },
    Wrong { expected: usize, observed: usize, fields: &'d [FieldDifference] },
    Missing { expected: usize, elsewhere: Option<usize> },
    Extra { observed: usize, elsewhere: Option<usize> },
    More { count: usize },
}

/// The diff around the first difference, with marks under the fields that differ.
pub(super) fn diff(strand: &Strand, trace: &Trace, differences: &[Difference]) -> Vec<String> {
    let rows = rows(strand, differences);
    let first = rows.iter().position(|row| !matches!(row, DiffRow::Same { .. })).unwrap_or_default();
    let shown = first.saturating_sub(BEFORE)..rows.len().min(first + 1 + AFTER);
    let places = strand.observed.iter().enumerate().map(|(place, &at)| (at, place + 1)).collect();
    let painter = Painter { calls: &strand.expected, trace, places };

    let (expected, observed) = (strand.expected.len(), strand.observed.len());
    let thread = strand.thread.map_or(String::new(), |thread| format!("{thread}: "));
    let mut lines = vec![format!("{thread}{} expected (-), {observed} observed (+):", count(expected)), String::new()];
    if shown.start > 0 {
        lines.push(format!("{:INDENT$}{} before, as expected", "", count(shown.start)));
    }
    for (at, row) in rows.iter().enumerate().take(shown.end).skip(shown.start) {
        lines.extend(painter.row(row, at == first));
    }
    if shown.end < rows.len() {
        lines.push(format!("{:INDENT$}and so on, {} more", "", rows.len() - shown.end));
    }
    lines
}

/// One difference as a sentence.
pub(super) fn sentence(difference: &Difference, strand: &Strand, file: &str, trace: &Trace) -> String {
    let expected = |at: usize| {
        let place = at - strand.first;
        let call = strand.expected.at(place);
        let time = strand.expected.time(place).map_or(String::new(), |(time, of)| format!(", time {time} of {of}"));
        format!("call {}, {} ({file}:{}{time})", place + 1, call.syscall.name, call.line)
    };
    let observed = |at: usize| show::call(&trace.calls[at]);
    match difference {
        Difference::Missing { expected: at } => format!("{} is missing", expected(*at)),
        Difference::Extra { observed: at } => format!("an extra call: {}", observed(*at)),
        Difference::Swapped { expected: at, observed: there } => {
            format!("{} is out of order: {}", expected(*at), observed(*there))
        }
        Difference::Wrong { expected: at, fields, .. } => {
            let fields: Vec<String> = fields.iter().map(field).collect();
            format!("{}: {}", expected(*at), fields.join("; "))
        }
        Difference::MoreExtra { count, .. } => format!("and {count} more extra calls"),
        Difference::Count { .. } | Difference::Unwanted { .. } | Difference::Contradicted { .. } => {
            "BUG: a difference of `present` and `absent` in `calls`".to_owned()
        }
    }
}

/// The difference in one field.
pub(super) fn field(difference: &FieldDifference) -> String {
    let FieldDifference { field, expected, observed } = difference;
    format!("{field}: expected {expected}, observed {observed}")
}

/// Inserts the equal calls between the differences.
fn rows<'d>(strand: &Strand, differences: &'d [Difference]) -> Vec<DiffRow<'d>> {
    let mut odd_expected: HashMap<usize, DiffRow> = HashMap::new();
    let mut odd_observed: HashMap<usize, DiffRow> = HashMap::new();
    for difference in differences {
        match *difference {
            Difference::Missing { expected } => {
                let expected = expected - strand.first;
                odd_expected.insert(expected, DiffRow::Missing { expected, elsewhere: None });
            }
            Difference::Extra { observed } => {
                odd_observed.insert(observed, DiffRow::Extra { observed, elsewhere: None });
            }
            Difference::Swapped { expected, observed } => {
                let expected = expected - strand.first;
                odd_expected.insert(expected, DiffRow::Missing { expected, elsewhere: Some(observed) });
                odd_observed.insert(observed, DiffRow::Extra { observed, elsewhere: Some(expected) });
            }
            Difference::Wrong { expected, observed, ref fields } => {
                let expected = expected - strand.first;
                odd_expected.insert(expected, DiffRow::Wrong { expected, observed, fields });
            }
            Difference::MoreExtra { observed, count } => {
                odd_observed.insert(observed, DiffRow::More { count });
            }
            Difference::Count { .. } | Difference::Unwanted { .. } | Difference::Contradicted { .. } => {}
        }
    }
    merged(strand.expected.len(), &strand.observed, odd_expected, odd_observed)
}

fn merged<'d>(
    expected: usize,
    compared: &[usize],
    mut odd_expected: HashMap<usize, DiffRow<'d>>,
    mut odd_observed: HashMap<usize, DiffRow<'d>>,
) -> Vec<DiffRow<'d>> {
    let mut rows = Vec::new();
    let (mut next_expected, mut next_observed) = (0, 0);
    while next_expected < expected || next_observed < compared.len() {
        let extra = compared.get(next_observed).and_then(|at| odd_observed.remove(at));
        let odd = if extra.is_some() { None } else { odd_expected.remove(&next_expected) };
        let (row, left, right) = match (extra, odd, compared.get(next_observed)) {
            (Some(DiffRow::More { count }), _, _) => (DiffRow::More { count }, 0, count),
            (Some(row), _, _) => (row, 0, 1),
            (None, Some(row @ DiffRow::Missing { .. }), _) => (row, 1, 0),
            (None, Some(row), _) => (row, 1, 1),
            (None, None, Some(&observed)) if next_expected < expected => (DiffRow::Same { observed }, 1, 1),
            // These differences do not fit this trace. The remaining calls are shown as they are.
            (None, None, Some(&observed)) => (DiffRow::Extra { observed, elsewhere: None }, 0, 1),
            (None, None, None) => (DiffRow::Missing { expected: next_expected, elsewhere: None }, 1, 0),
        };
        rows.push(row);
        next_expected += left;
        next_observed += right;
    }
    rows
}

struct Painter<'a> {
    calls: &'a Sequence,
    trace: &'a Trace,
    /// The number of an observed call among the compared ones, counted from 1.
    places: HashMap<usize, usize>,
}

impl Painter<'_> {
    fn row(&self, row: &DiffRow, is_first: bool) -> Vec<String> {
        match *row {
            DiffRow::Same { observed } => self.observed(' ', observed),
            DiffRow::Wrong { expected, observed, fields } => {
                let mut lines = self.expected(expected, if is_first { fields } else { &[] });
                lines.extend(self.observed('+', observed));
                lines
            }
            DiffRow::Missing { expected, elsewhere } => {
                let mut lines = self.expected(expected, &[]);
                let why = match elsewhere {
                    None => "missing".to_owned(),
                    Some(there) => format!("out of order: it is observed call {}", self.place(there)),
                };
                lines.extend(is_first.then(|| marked(&why)));
                lines
            }
            DiffRow::Extra { observed, elsewhere } => {
                let mut lines = self.observed('+', observed);
                let why = match elsewhere {
                    None => "extra: nothing is expected here".to_owned(),
                    Some(there) => format!("out of order: it is expected as call {}", there + 1),
                };
                lines.extend(is_first.then(|| marked(&why)));
                lines
            }
            DiffRow::More { count } => vec![format!("  + {:6}and {count} more extra calls", "")],
        }
    }

    fn place(&self, observed: usize) -> usize {
        self.places.get(&observed).copied().unwrap_or_default()
    }

    fn observed(&self, mark: char, at: usize) -> Vec<String> {
        let first = format!("  {mark} {:>4}  ", self.place(at));
        wrapped(&show::call(&self.trace.calls[at]), &first, &" ".repeat(INDENT + 4))
    }

    /// An expected call, with each difference below its key.
    fn expected(&self, at: usize, fields: &[FieldDifference]) -> Vec<String> {
        let call = self.calls.at(at);
        let mut lines = Vec::new();
        let mut line = format!("  - {:>4}  {{ ", at + 1);
        let mut carets: Vec<(usize, usize, String)> = Vec::new();
        for (place, part) in call.parts.iter().enumerate() {
            let comma = if place + 1 == call.parts.len() { " }" } else { "," };
            if columns(&line) + columns(&part.text) + comma.len() > WIDTH && columns(&line) > INDENT + 2 {
                lines.push(std::mem::replace(&mut line, " ".repeat(INDENT + 2)));
                lines.extend(pointed(&mut carets));
            }
            let wrong = fields.iter().filter(|field| field.field == part.key);
            carets.extend(wrong.map(|wrong| (columns(&line), columns(&part.text), field(wrong))));
            line.push_str(&part.text);
            line.push_str(comma);
            line.push(' ');
        }
        let unwritten = fields.iter().filter(|field| call.parts.iter().all(|part| part.key != field.field));
        carets.extend(unwritten.map(|wrong| (columns(&line) - 2, 1, field(wrong))));
        lines.push(line);
        lines.extend(pointed(&mut carets));
        lines
    }
}

/// The lines that point at parts of the line above: the column, the width, and the text.
fn pointed(carets: &mut Vec<(usize, usize, String)>) -> Vec<String> {
    let mut lines = Vec::new();
    for (column, width, text) in carets.drain(..) {
        let pointer = format!("{}{}", " ".repeat(column), "^".repeat(width));
        if columns(&pointer) + 1 + columns(&text) <= WIDTH {
            lines.push(format!("{pointer} {text}"));
        } else {
            lines.push(pointer);
            let indent = WIDTH.saturating_sub(columns(&text)).clamp(INDENT + 2, column.max(INDENT + 2));
            let indent = " ".repeat(indent);
            lines.extend(wrapped(&text, &indent, &indent));
        }
    }
    lines
}

fn marked(why: &str) -> String {
    format!("{:INDENT$}^ {why}", "")
}

fn count(calls: usize) -> String {
    if calls == 1 { "1 call".to_owned() } else { format!("{calls} calls") }
}

fn columns(text: &str) -> usize {
    textwrap::core::display_width(text)
}
