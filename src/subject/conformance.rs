//! The conformance table: a row for each family of scenarios, a column for each subject, and the findings for each cell.
//!
//! No I/O, except in [`files`]. A [`Table`] consists of [`Cell`]s, and is rendered as text, Markdown, JSON and a page. The
//! renderings escape the text that comes from a tracer.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::cell::Cell;

mod mark; // a verdict as a sign
mod sum; // the sum of many cells
pub mod progress; // a line for each cell while the run lasts
mod short; // shortens long texts
pub mod text; // for a terminal
pub mod markdown; // for a repository
pub mod json; // for programs, and back
pub mod page; // for a browser
pub mod files; // all of them in a folder

pub use mark::Mark;
pub use sum::Sum;

/// The families of the cases in which tracers tend to fail. Their rows come last.
const HARD: [&str; 13] = [
    "asked",
    "burst",
    "bytes",
    "descriptor",
    "ends",
    "exec",
    "fd",
    "name",
    "path",
    "restart",
    "seccomp",
    "shared",
    "thread",
];

/// Where and when it was measured, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The kernel and the architecture.
    pub machine: String,
    /// The day, or the second.
    pub date: String,
    /// The command that makes the table.
    pub command: String,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SubjectColumn {
    /// Its name.
    pub name: String,
    /// Its version, as it prints it.
    pub version: Option<String>,
}

/// A family, and its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// Its name.
    pub name: String,
    /// Its rows, in the order in which they came.
    pub scenarios: Vec<ScenarioRow>,
}

/// A scenario, or a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioRow {
    /// Its name.
    pub name: String,
    /// One cell for each column. `None` if the subject did not run.
    pub cells: Vec<Option<Cell>>,
}

/// The whole table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// When and where it was measured.
    pub about: About,
    /// The columns, in the order in which they came.
    pub subjects: Vec<SubjectColumn>,
    /// The families: first the ordinary ones, then the hard ones, each in the order in which they came.
    pub families: Vec<Family>,
}

impl Table {
    /// The table of these cells. `family_of` takes the name of a scenario. Of several cells in one place, the worst remains.
    pub fn new(cells: Vec<Cell>, family_of: impl Fn(&str) -> String, about: About) -> Self {
        let with_families = cells.into_iter().map(|cell| (family_of(&cell.scenario), cell)).collect();
        Self::of(about, Vec::new(), with_families)
    }

    /// The same, with known families and first columns.
    fn of(about: About, subjects: Vec<SubjectColumn>, cells: Vec<(String, Cell)>) -> Self {
        let subjects = columns(subjects, &cells);
        let mut table = Self { about, subjects, families: Vec::new() };
        let mut places = RowPlaces::default();
        for (family, cell) in cells {
            table.add(family, cell, &mut places);
        }
        // A stable sort keeps the order in which they came.
        table.families.sort_by_key(Family::is_hard);
        table
    }

    fn add(&mut self, family: String, cell: Cell, places: &mut RowPlaces) {
        let Some(column) = column_of(&self.subjects, &cell) else { return };
        let row = *places.families.entry(family.clone()).or_insert_with(|| {
            self.families.push(Family { name: family, scenarios: Vec::new() });
            self.families.len() - 1
        });
        let scenarios = &mut self.families[row].scenarios;
        let place = *places.scenarios.entry((row, cell.scenario.clone())).or_insert_with(|| {
            let cells = vec![None; self.subjects.len()];
            scenarios.push(ScenarioRow { name: cell.scenario.clone(), cells });
            scenarios.len() - 1
        });
        let there = &mut scenarios[place].cells[column];
        if there.as_ref().is_none_or(|there| Mark::of(there) < Mark::of(&cell)) {
            *there = Some(cell);
        }
    }

    /// The sum of one column.
    pub fn sum(&self, column: usize) -> Sum {
        Sum::of(self.families.iter().flat_map(|family| family.cells(column)))
    }

    /// All cells of one column, each with its family.
    pub fn cells(&self, column: usize) -> impl Iterator<Item = (&Family, &Cell)> {
        self.families.iter().flat_map(move |family| family.cells(column).map(move |cell| (family, cell)))
    }

    /// The families that are hard, or the other ones.
    pub fn families(&self, are_hard: bool) -> impl Iterator<Item = &Family> {
        self.families.iter().filter(move |family| family.is_hard() == are_hard)
    }

    /// Its size in words: `5 tracers, 6 scenarios`.
    pub fn size(&self) -> String {
        let scenarios: usize = self.families.iter().map(|family| family.scenarios.len()).sum();
        let counted = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        format!("{}, {}", counted(self.subjects.len(), "tracer"), counted(scenarios, "scenario"))
    }
}

impl Family {
    /// Whether the family has cases in which tracers tend to fail.
    pub fn is_hard(&self) -> bool {
        HARD.contains(&self.name.as_str())
    }

    /// Its cells of one column.
    pub fn cells(&self, column: usize) -> impl Iterator<Item = &Cell> {
        self.scenarios.iter().filter_map(move |scenario| scenario.cells.get(column)?.as_ref())
    }
}

/// Finds the place of a row.
#[derive(Default)]
struct RowPlaces {
    families: HashMap<String, usize>,
    /// The rows of each family, by the family's place.
    scenarios: HashMap<(usize, String), usize>,
}

/// A column for each name and version. A subject that could not run may have no version. It has its own column only if no other
/// column has its name.
fn columns(mut subjects: Vec<SubjectColumn>, cells: &[(String, Cell)]) -> Vec<SubjectColumn> {
    let subject = |cell: &Cell| SubjectColumn { name: cell.subject.clone(), version: cell.version.clone() };
    for (_, cell) in cells.iter().filter(|(_, cell)| cell.version.is_some()) {
        if !subjects.iter().any(|there| is_of(there, cell)) {
            subjects.push(subject(cell));
        }
    }
    for (_, cell) in cells {
        if column_of(&subjects, cell).is_none() {
            subjects.push(subject(cell));
        }
    }
    subjects
}

fn column_of(subjects: &[SubjectColumn], cell: &Cell) -> Option<usize> {
    let exactly = subjects.iter().position(|subject| is_of(subject, cell));
    let by_name = || subjects.iter().position(|subject| subject.name == cell.subject);
    exactly.or_else(|| if cell.version.is_none() { by_name() } else { None })
}

fn is_of(subject: &SubjectColumn, cell: &Cell) -> bool {
    subject.name == cell.subject && subject.version == cell.version
}
