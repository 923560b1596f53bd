//! The tables of a text, each read when it is asked for.
//!
//! No I/O.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use toml::de::DeTable;

use super::entries::in_order;
use super::errors::{Errors, Problems};
use super::{EMBEDDED, Expectation, table};

/// A table, which may not have been read yet.
#[derive(Clone, Debug)]
pub(super) struct UnreadTable {
    written: TableText,
    read: OnceLock<Result<Expectation, Errors>>,
}

/// How a table is written: its header and all up to the next one.
#[derive(Clone, Copy, Debug, Default)]
struct TableText {
    text: &'static str,
    /// How many lines are before it.
    lines: usize,
}

impl UnreadTable {
    /// A table that has been read.
    pub fn read(expectation: Expectation) -> Self {
        Self { written: TableText::default(), read: OnceLock::from(Ok(expectation)) }
    }

    /// What it says.
    pub fn get(&self) -> Result<&Expectation, &Errors> {
        self.read.get_or_init(|| self.written.read()).as_ref()
    }

    /// What it says, unless it has not been read yet and has none of these words.
    pub fn get_if_it_has(&self, words: &[&str]) -> Option<&Expectation> {
        let has_one = || words.iter().any(|word| self.written.text.contains(word));
        if self.read.get().is_some() || has_one() { self.get().ok() } else { None }
    }
}

impl TableText {
    fn read(&self) -> Result<Expectation, Errors> {
        let (document, broken) = DeTable::parse_recoverable(self.text);
        let mut problems = Problems::below(self.lines, self.text);
        let first = in_order(document.get_ref()).into_iter().next();
        let expectation = first.and_then(|(key, value)| table::read(key, value, &mut problems));
        problems.syntax(&broken);
        match (problems.finish(EMBEDDED), expectation) {
            (None, Some(expectation)) => Ok(expectation),
            (Some(errors), _) => Err(errors),
            (None, None) => Err(Errors::nothing(EMBEDDED, self.text)),
        }
    }
}

/// All tables of a text, by name, if each has one header, on a line of its own.
pub(super) fn tables(text: &'static str) -> Option<BTreeMap<String, UnreadTable>> {
    let mut tables = BTreeMap::new();
    let mut add = |name: &str, written: TableText| {
        tables.insert(name.to_owned(), UnreadTable { written, read: OnceLock::new() }).is_none()
    };
    let mut begun: Option<(&str, usize, usize)> = None;
    let (mut at, mut lines) = (0, 0);
    for line in text.split_inclusive('\n') {
        if let Some(name) = header(line) {
            if let Some((name, from, lines)) = begun
                && !add(name, TableText { text: &text[from..at], lines })
            {
                return None;
            }
            begun = Some((name, at, lines));
        }
        at += line.len();
        lines += 1;
    }
    let (name, from, lines) = begun?;
    add(name, TableText { text: &text[from..], lines }).then_some(tables)
}

/// The name in `[name]`.
fn header(line: &str) -> Option<&str> {
    line.trim_end().strip_prefix('[')?.strip_suffix(']')
}
