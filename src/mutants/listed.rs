//! mutants.toml: the survivors that are known, each with the reason.
//!
//! No I/O.

use serde::Deserialize;

use super::fate::{Fate, JudgedMutant};
use crate::base::error::Error;

/// The survivors at one line of the source. The line is named by its text: its number changes with each edit.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct ListedMutant {
    /// The file.
    pub file: String,
    /// The text of the line, without what is around it.
    pub text: String,
    /// The column, if the same change at another column of the line has another fate.
    pub column: Option<u32>,
    /// The changes that survive.
    pub changes: Vec<String>,
    /// Why none of them can be noticed.
    pub reason: String,
}

/// The whole file.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// The entries.
    #[serde(default)]
    pub survives: Vec<ListedMutant>,
}

impl Listed {
    /// From the text of a file, which messages call `file`.
    pub fn parse(file: &str, text: &str) -> Result<Self, Error> {
        let hint = "docs/mutants.md describes the format";
        let listed: Self = toml::from_str(text).map_err(|error| {
            Error::usage(format!("{file} cannot be used"), hint)
                .with_details(format!("    {}", error.to_string().trim()))
        })?;
        match listed.survives.iter().find(|entry| entry.reason.trim().is_empty() || entry.changes.is_empty()) {
            Some(entry) => {
                let sentence = format!("{file}: the entry for `{}` has no reason, or no changes", entry.text);
                Err(Error::usage(sentence, hint))
            }
            None => Ok(listed),
        }
    }

    /// Why a mutant survives, if it is listed.
    pub fn reason(&self, one: &JudgedMutant) -> Option<&str> {
        let line = &one.mutant.line;
        let is_of = |entry: &&ListedMutant| {
            entry.file == line.file
                && entry.text == line.text
                && entry.column.is_none_or(|column| column == line.column)
                && entry.changes.contains(&one.mutant.change)
        };
        self.survives.iter().find(is_of).map(|entry| entry.reason.as_str())
    }

    /// The survivors that are not listed.
    pub fn unlisted<'j>(&self, judged: &'j [JudgedMutant]) -> Vec<&'j JudgedMutant> {
        judged.iter().filter(|one| one.fate == Fate::Survived && self.reason(one).is_none()).collect()
    }

    /// What is listed, and is killed by the suite.
    pub fn dead<'j>(&self, judged: &'j [JudgedMutant]) -> Vec<&'j JudgedMutant> {
        let is_dead = |one: &&JudgedMutant| matches!(one.fate, Fate::Killed { .. }) && self.reason(one).is_some();
        judged.iter().filter(is_dead).collect()
    }
}
