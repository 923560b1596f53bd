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
    /// The changes that survive. `*` stands for any number, since offsets move with the members of a struct.
    pub changes: Vec<String>,
    /// Why none of them can be noticed.
    pub reason: String,
    /// Whether they are noticed by chance: it depends on addresses or numbers that the kernel has given out.
    #[serde(default)]
    pub by_chance: bool,
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
        self.entry(one).map(|entry| entry.reason.as_str())
    }

    fn entry(&self, one: &JudgedMutant) -> Option<&ListedMutant> {
        let line = &one.mutant.line;
        let is_of = |entry: &&ListedMutant| {
            entry.file == line.file
                && entry.text == line.text
                && entry.column.is_none_or(|column| column == line.column)
                && entry.changes.iter().any(|change| is_like(change, &one.mutant.change))
        };
        self.survives.iter().find(is_of)
    }

    /// The survivors that are not listed.
    pub fn unlisted<'j>(&self, judged: &'j [JudgedMutant]) -> Vec<&'j JudgedMutant> {
        judged.iter().filter(|one| one.fate == Fate::Survived && self.reason(one).is_none()).collect()
    }

    /// What is listed, and is killed by the suite, and not by chance.
    pub fn dead<'j>(&self, judged: &'j [JudgedMutant]) -> Vec<&'j JudgedMutant> {
        let is_dead = |one: &&JudgedMutant| {
            matches!(one.fate, Fate::Killed { .. }) && self.entry(one).is_some_and(|entry| !entry.by_chance)
        };
        judged.iter().filter(is_dead).collect()
    }
}

/// Whether a change is what an entry lists. `*` stands for itself as well: it is an operator of C.
fn is_like(listed: &str, change: &str) -> bool {
    let mut parts = listed.split('*');
    let rest = change.strip_prefix(parts.next().unwrap_or_default());
    let rest = parts.fold(rest, |rest, part| {
        let rest = rest?.strip_prefix(['-', '*']).or(rest)?;
        rest.trim_start_matches(|letter: char| letter.is_ascii_digit()).strip_prefix(part)
    });
    rest == Some("")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutants::lines::SourceLine;
    use crate::mutants::plan::Mutant;

    fn judged(change: &str, fate: Fate) -> JudgedMutant {
        let line = SourceLine { file: "f.c".into(), line: 3, column: 5, text: "a = b;".into() };
        JudgedMutant {
            mutant: Mutant {
                line,
                change: change.into(),
                functions: vec![],
                places: vec![],
                replaced: vec![],
                edit: None,
            },
            fate,
        }
    }

    fn list(more: &str) -> Listed {
        let text = format!("[[survives]]\nfile = 'f.c'\ntext = 'a = b;'\nreason = 'r'\n{more}");
        Listed::parse("list", &text).unwrap()
    }

    #[test]
    fn a_star_is_a_number() {
        let rows = [
            ("the constant 1 becomes 2", "the constant 1 becomes 2", true),
            ("the constant * becomes *", "the constant 17 becomes -2", true),
            ("the store of 8 at offset * is left out", "the store of 8 at offset 240 is left out", true),
            ("the store of 8 at offset * is left out", "the store of 4 at offset 240 is left out", false),
            ("the store of 8 at offset *", "the store of 8 at offset 240 is left out", false),
            ("*", "the constant 1 becomes 2", false),
            ("`/` becomes `*`", "`/` becomes `*`", true),
        ];
        for (listed, change, expected) in rows {
            assert_eq!(is_like(listed, change), expected, "{listed:?} {change:?}");
        }
    }

    #[test]
    fn what_survives_is_to_be_listed_and_what_is_listed_is_to_survive() {
        let killed = || Fate::Killed { by: "dup-basic".into() };
        let judged = [judged("one", Fate::Survived), judged("two", Fate::Survived), judged("three", killed())];
        let list = list("changes = ['one', 'three']");
        assert_eq!(list.unlisted(&judged), [&judged[1]]);
        assert_eq!(list.dead(&judged), [&judged[2]]);
        assert_eq!(list.reason(&judged[0]), Some("r"));
        assert_eq!(self::list("changes = ['one']\ncolumn = 6").reason(&judged[0]), None);
        let by_chance = self::list("changes = ['one', 'three']\nby_chance = true");
        assert_eq!((by_chance.dead(&judged), by_chance.unlisted(&judged)), (vec![], vec![&judged[1]]));
    }

    #[test]
    fn a_list_without_reasons_or_with_other_keys_is_refused() {
        let refused = |text: &str| Listed::parse("list", text).unwrap_err().to_string();
        let entry = "[[survives]]\nfile = 'f'\ntext = 't'\n";
        assert!(refused(&format!("{entry}changes = ['c']\nreason = ' '")).contains("has no reason"));
        assert!(refused(&format!("{entry}changes = []\nreason = 'r'")).contains("no changes"));
        assert!(refused(&format!("{entry}changes = ['c']\nreason = 'r'\nwhy = 'x'")).contains("why"));
        assert_eq!(Listed::parse("list", "").unwrap(), Listed::default());
    }
}
