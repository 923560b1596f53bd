//! Shows a whole trace against its expectation: both in one column, as in a diff.

use std::collections::HashMap;

use super::lines::{LineMark, ReportLine};
use super::plain;
use super::wrap::{WIDTH, wrapped};
use crate::judge::cause;
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
    Missing { expected: usize, elsewhere: Option<Elsewhere> },
    Extra { observed: usize, elsewhere: Option<Elsewhere> },
    More { count: usize },
}

/// The other side of a call that is out of order: an observed call for an expected one, and the other way round.
#[derive(Clone, Copy)]
struct Elsewhere {
    at: usize,
    /// The expected call with which it is swapped.
    with: Option<usize>,
}

/// The diff around the first difference, with marks under the fields that differ.
pub(super) fn diff(strand: &Strand, file: &str, trace: &Trace, differences: &[Difference]) -> Vec<ReportLine> {
    let rows = rows(strand, differences);
    let first = rows.iter().position(|row| !matches!(row, DiffRow::Same { .. })).unwrap_or_default();
    let shown = first.saturating_sub(BEFORE)..rows.len().min(first + 1 + AFTER);
    let places = strand.observed.iter().enumerate().map(|(place, &at)| (at, place + 1)).collect();
    let painter = Painter { calls: &strand.expected, trace, places };

    let (expected, observed) = (strand.expected.len(), strand.observed.len());
    let thread = strand.thread.map_or(String::new(), |thread| format!("{thread}: "));
    let sums = format!("{thread}{} expected (-), {observed} observed (+)", count(expected));
    let place = differences.first().and_then(|difference| cause::expected_at(strand, difference));
    let place = place.map_or(String::new(), |call| format!(", first different at {}", cause::place(file, call)));
    let mut lines = plain(wrapped(&format!("{sums}{place}:"), "", "    "));
    lines.push(ReportLine::empty());
    if shown.start > 0 {
        lines.push(format!("{:INDENT$}{} before, as expected", "", count(shown.start)).into());
    }
    for (at, row) in rows.iter().enumerate().take(shown.end).skip(shown.start) {
        lines.extend(painter.row(row, at == first));
    }
    if shown.end < rows.len() {
        lines.push(format!("{:INDENT$}and so on, {} more", "", rows.len() - shown.end).into());
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
        Difference::Swapped { expected: at, observed: there, with: None } => {
            format!("{} is out of order: {}", expected(*at), observed(*there))
        }
        Difference::Swapped { expected: at, with: Some(with), .. } => {
            format!("{} is swapped with {}", expected(*at), expected(*with))
        }
        Difference::Wrong { expected: at, fields, .. } => {
            let fields: Vec<String> = fields.iter().map(|one| field(one, fields)).collect();
            format!("{}: {}", expected(*at), fields.join("; "))
        }
        Difference::MoreExtra { count, .. } => format!("and {count} more extra calls"),
        Difference::Count { .. } | Difference::Unwanted { .. } | Difference::Contradicted { .. } => {
            "BUG: a difference of `present` and `absent` in `calls`".to_owned()
        }
    }
}

/// The difference in one field.
pub(super) fn field(difference: &FieldDifference, all: &[FieldDifference]) -> String {
    let FieldDifference { field, expected, observed } = difference;
    let swapped = difference.swapped_with(all).map_or(String::new(), |other| format!(": swapped with {other}"));
    format!("{field}: expected {expected}, observed {observed}{swapped}")
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
            Difference::Swapped { expected, observed, with } => {
                let (expected, with) = (expected - strand.first, with.map(|with| with - strand.first));
                let elsewhere = |at| Some(Elsewhere { at, with });
                odd_expected.insert(expected, DiffRow::Missing { expected, elsewhere: elsewhere(observed) });
                odd_observed.insert(observed, DiffRow::Extra { observed, elsewhere: elsewhere(expected) });
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
    fn row(&self, row: &DiffRow, is_first: bool) -> Vec<ReportLine> {
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
                    Some(Elsewhere { at, with: Some(with) }) => {
                        format!("swapped with call {}: it is observed call {}", with + 1, self.place(at))
                    }
                    Some(Elsewhere { at, with: None }) => {
                        format!("out of order: it is observed call {}", self.place(at))
                    }
                };
                lines.extend(is_first.then(|| pointer(&why)));
                lines
            }
            DiffRow::Extra { observed, elsewhere } => {
                let mut lines = self.observed('+', observed);
                let why = match elsewhere {
                    None => "extra: nothing is expected here".to_owned(),
                    Some(Elsewhere { at, with: Some(with) }) => {
                        format!("swapped with call {}: it is expected as call {}", with + 1, at + 1)
                    }
                    Some(Elsewhere { at, with: None }) => format!("out of order: it is expected as call {}", at + 1),
                };
                lines.extend(is_first.then(|| pointer(&why)));
                lines
            }
            DiffRow::More { count } => {
                vec![ReportLine::marked(LineMark::Observed, &format!("  + {:6}and {count} more extra calls", ""))]
            }
        }
    }

    fn place(&self, observed: usize) -> usize {
        self.places.get(&observed).copied().unwrap_or_default()
    }

    fn observed(&self, sign: char, at: usize) -> Vec<ReportLine> {
        let first = format!("  {sign} {:>4}  ", self.place(at));
        let mark = if sign == '+' { LineMark::Observed } else { LineMark::Plain };
        let lines = wrapped(&show::call(&self.trace.calls[at]), &first, &" ".repeat(INDENT + 4));
        lines.iter().map(|line| ReportLine::marked(mark, line)).collect()
    }

    /// An expected call, with each difference below its key.
    fn expected(&self, at: usize, fields: &[FieldDifference]) -> Vec<ReportLine> {
        let call = self.calls.at(at);
        let mut lines = Vec::new();
        let mut line = format!("  - {:>4}  {{ ", at + 1);
        let mut carets: Vec<(usize, usize, String)> = Vec::new();
        for (place, part) in call.parts.iter().enumerate() {
            let comma = if place + 1 == call.parts.len() { " }" } else { "," };
            if columns(&line) + columns(&part.text) + comma.len() > WIDTH && columns(&line) > INDENT + 2 {
                let full = std::mem::replace(&mut line, " ".repeat(INDENT + 2));
                lines.push(ReportLine::marked(LineMark::Expected, &full));
                lines.extend(pointed(&mut carets));
            }
            let wrong = fields.iter().filter(|field| field.field == part.key);
            carets.extend(wrong.map(|wrong| (columns(&line), columns(&part.text), field(wrong, fields))));
            line.push_str(&part.text);
            line.push_str(comma);
            line.push(' ');
        }
        let unwritten = fields.iter().filter(|field| call.parts.iter().all(|part| part.key != field.field));
        carets.extend(unwritten.map(|wrong| (columns(&line) - 2, 1, field(wrong, fields))));
        lines.push(ReportLine::marked(LineMark::Expected, &line));
        lines.extend(pointed(&mut carets));
        lines
    }
}

/// The lines that point at parts of the line above: the column, the width, and the text.
fn pointed(carets: &mut Vec<(usize, usize, String)>) -> Vec<ReportLine> {
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
    lines.iter().map(|line| ReportLine::marked(LineMark::Pointer, line)).collect()
}

fn pointer(why: &str) -> ReportLine {
    ReportLine::marked(LineMark::Pointer, &format!("{:INDENT$}^ {why}", ""))
}

fn count(calls: usize) -> String {
    if calls == 1 { "1 call".to_owned() } else { format!("{calls} calls") }
}

fn columns(text: &str) -> usize {
    textwrap::core::display_width(text)
}
