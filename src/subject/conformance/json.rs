//! The table as JSON, and back.
//!
//! `version` is 1. New keys need no new version: a reader ignores the keys that it does not know.
//!
//! ```json
//! {"version":1,
//!  "about":{"machine":"…","date":"…","command":"…"},
//!  "subjects":[{"name":"perf","version":"perf version 6.1"}],
//!  "families":[{"family":"open","hard":false,"subjects":[{"verdict":"fail","right":3,"claimed":4,"passed":0,"judged":1,"findings":1,"known":0}]}],
//!  "cells":[{"family":"open","subject":"perf","scenario":"open-basic","verdict":"fail","findings":[{"kind":"wrong"}]}]}
//! ```
//!
//! The sums in `families` have the order of `subjects`, and are `null` if a subject did not run. `cells` has every field of a
//! [`Cell`].

use serde::{Deserialize, Serialize};

use super::{About, Cell, Family, SubjectColumn, Sum, Table};
use crate::base::error::Error;
use crate::base::escape;

/// The version of the format.
pub const VERSION: u64 = 1;

#[derive(Serialize)]
struct Written<'t> {
    version: u64,
    about: &'t About,
    subjects: &'t [SubjectColumn],
    families: Vec<Sums<'t>>,
    cells: Vec<InFamily<&'t str, &'t Cell>>,
}

#[derive(Serialize)]
struct Sums<'t> {
    family: &'t str,
    hard: bool,
    subjects: Vec<Option<WithVerdict>>,
}

#[derive(Serialize)]
struct WithVerdict {
    verdict: &'static str,
    #[serde(flatten)]
    sum: Sum,
}

#[derive(Serialize, Deserialize)]
struct InFamily<S, C> {
    family: S,
    #[serde(flatten)]
    cell: C,
}

#[derive(Deserialize)]
struct Read {
    about: About,
    subjects: Vec<SubjectColumn>,
    cells: Vec<InFamily<String, Cell>>,
}

#[derive(Deserialize)]
struct Version {
    version: u64,
}

/// The table as JSON without bytes that control a terminal.
pub fn json(table: &Table) -> String {
    let columns = 0..table.subjects.len();
    let cells = table.families.iter().flat_map(|family| {
        let cells = family.scenarios.iter().flat_map(|scenario| scenario.cells.iter().flatten());
        cells.map(|cell| InFamily { family: family.name.as_str(), cell })
    });
    let written = Written {
        version: VERSION,
        about: &table.about,
        subjects: &table.subjects,
        families: table.families.iter().map(|family| sums(family, columns.clone())).collect(),
        cells: cells.collect(),
    };
    // It fails only for keys that are not text, and for types that report errors.
    plain(&serde_json::to_string_pretty(&written).unwrap_or_else(|error| unreachable!("BUG: {error}"))) + "\n"
}

fn sums(family: &Family, columns: std::ops::Range<usize>) -> Sums<'_> {
    let sum = |column| {
        let sum = Sum::of(family.cells(column));
        sum.mark.map(|mark| WithVerdict { verdict: mark.word(), sum })
    };
    Sums { family: &family.name, hard: family.is_hard(), subjects: columns.map(sum).collect() }
}

/// JSON escapes only C0. The other characters that control a terminal occur only in strings, where `\u` may replace them (RFC
/// 8259).
fn plain(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for one in json.chars() {
        if one == '\n' || !escape::is_obeyed(one) {
            out.push(one);
            continue;
        }
        for unit in one.encode_utf16(&mut [0; 2]) {
            out += &format!("\\u{unit:04x}");
        }
    }
    out
}

/// Reads the table that [`json`] wrote. An error names the fault in the text.
pub fn parse(text: &str) -> Result<Table, Error> {
    let refused = |error: serde_json::Error| {
        Error::usage(format!("this is no conformance table: {error}"), "--conformance writes one as conformance.json")
    };
    let Version { version } = serde_json::from_str(text).map_err(refused)?;
    if version != VERSION {
        let sentence = format!("this conformance table has version {version}; this ior-it reads version {VERSION}");
        return Err(Error::usage(sentence, "let the ior-it read it that has written it"));
    }
    let Read { about, subjects, cells } = serde_json::from_str(text).map_err(refused)?;
    let cells = cells.into_iter().map(|InFamily { family, cell }| (family, cell)).collect();
    Ok(Table::of(about, subjects, cells))
}
