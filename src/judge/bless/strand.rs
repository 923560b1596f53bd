//! The calls of a table, or of one of its threads, as they were observed.

use std::collections::HashMap;

use toml_edit::{Array, InlineTable, RawString, Value};

use super::names::BoundNumbers;
use super::{BY_HAND, NotBlessed, lines};
use crate::judge::matcher::{Difference, Strand};
use crate::trace::whole::Trace;

/// The array with one entry for each observed call. Entries that are right are taken over as they are.
pub(super) fn rewritten(
    array: &Array,
    strand: &Strand,
    differences: &[Difference],
    trace: &Trace,
    known: &mut BoundNumbers,
) -> Result<Array, NotBlessed> {
    let entries = Entries::of(array);
    entries.repetitions_are_whole(strand, differences)?;
    let pairs = Pairs::of(strand, differences);
    let written = WrittenArray::of(array);
    let mut new =
        WrittenArray { opening: written.opening.clone(), entries: Vec::new(), closing: written.closing.clone() };
    let mut last_repetition = None;
    for &observed in &strand.observed {
        let call = &trace.calls[observed];
        let Some(&expected) = pairs.expected.get(&observed) else {
            let line = lines::new(call, known)
                .ok_or_else(|| NotBlessed::new("a call was observed that no table can have", BY_HAND))?;
            new.entries.push(WrittenEntry::new(line));
            continue;
        };
        known.bind(strand.expected.at(expected), call);
        let (entry, is_repeated) = entries.at(expected)?;
        let mut entry_text = written.entries[entry].clone();
        if is_repeated && last_repetition.replace(entry) == Some(entry) {
            continue;
        }
        if let (Some(keys), Some(line)) = (pairs.keys.get(&observed), entry_text.value.as_inline_table_mut()) {
            lines::corrected(line, keys, strand.expected.at(expected), call, known);
        }
        new.entries.push(entry_text);
    }
    Ok(new.into_array(array))
}

/// An array as it is written: each entry with the comments that belong to it.
struct WrittenArray {
    /// What stands behind the opening bracket on its line.
    opening: String,
    entries: Vec<WrittenEntry>,
    /// What stands before the closing bracket, on lines of its own.
    closing: String,
}

#[derive(Clone)]
struct WrittenEntry {
    /// The lines above it, and its indent.
    before: String,
    value: Value,
    /// What stands behind it on its line.
    behind: String,
}

impl WrittenEntry {
    /// A new one, on a line of its own.
    fn new(line: InlineTable) -> Self {
        Self { before: "\n  ".to_owned(), value: Value::InlineTable(line), behind: String::new() }
    }
}

impl WrittenArray {
    /// toml_edit keeps what stands behind an entry with the next one.
    fn of(array: &Array) -> Self {
        let split = |text: &str| {
            let end = text.find('\n').unwrap_or(if text.contains('#') { text.len() } else { 0 });
            (text[..end].to_owned(), text[end..].to_owned())
        };
        let (mut opening, mut entries) = (String::new(), Vec::<WrittenEntry>::new());
        for value in array {
            let (behind, before) = split(value.decor().prefix().and_then(RawString::as_str).unwrap_or_default());
            match entries.last_mut() {
                Some(last) => last.behind = behind,
                None => opening = behind,
            }
            entries.push(WrittenEntry { before, value: value.clone(), behind: String::new() });
        }
        let (behind, closing) = split(array.trailing().as_str().unwrap_or_default());
        match entries.last_mut() {
            Some(last) => last.behind = behind,
            None => opening = behind,
        }
        Self { opening, entries, closing }
    }

    /// The array again. `old` says whether there is a comma behind the last entry.
    fn into_array(self, old: &Array) -> Array {
        let mut array = Array::new();
        let mut behind = self.opening;
        let is_empty = self.entries.is_empty();
        for WrittenEntry { before, mut value, behind: next } in self.entries {
            value.decor_mut().set_prefix(format!("{behind}{before}"));
            behind = next;
            array.push_formatted(value);
        }
        let closing = if old.is_empty() && !is_empty { "\n" } else { self.closing.as_str() };
        array.set_trailing(format!("{behind}{closing}"));
        array.set_trailing_comma(!is_empty && (old.is_empty() || old.trailing_comma()));
        *array.decor_mut() = old.decor().clone();
        array
    }
}

/// Which entry of the array an expected call is in.
struct Entries {
    /// The place of each entry's first call, the number of its calls, and whether it is a repetition.
    stretches: Vec<(usize, usize, bool)>,
}

impl Entries {
    fn of(array: &Array) -> Self {
        let mut next = 0;
        let stretches = array.iter().map(|value| {
            let table = value.as_inline_table();
            let times = table.and_then(|table| table.get("times")?.as_integer());
            let of = table.and_then(|table| table.get("of")?.as_array()).map_or(1, Array::len);
            let length = times.map_or(1, |times| times.max(0) as usize * of);
            let stretch = (next, length, times.is_some());
            next += length;
            stretch
        });
        Self { stretches: stretches.collect() }
    }

    fn at(&self, place: usize) -> Result<(usize, bool), NotBlessed> {
        let entry = self.stretches.iter().position(|&(first, length, _)| (first..first + length).contains(&place));
        let entry = entry.ok_or_else(|| NotBlessed::new("a call of the table has no entry", BY_HAND))?;
        Ok((entry, self.stretches[entry].2))
    }

    /// A repetition is written once for all of its rounds, so that one call of it cannot be changed.
    fn repetitions_are_whole(&self, strand: &Strand, differences: &[Difference]) -> Result<(), NotBlessed> {
        let expected = differences.iter().filter_map(|difference| match difference {
            Difference::Missing { expected }
            | Difference::Swapped { expected, .. }
            | Difference::Wrong { expected, .. } => Some(expected - strand.first),
            _ => None,
        });
        for place in expected {
            if self.at(place)?.1 {
                let line = strand.expected.at(place).line;
                return Err(NotBlessed::new(format!("a difference is in a repetition, at line {line}"), BY_HAND));
            }
        }
        Ok(())
    }
}

/// The expected call of each observed one, and the keys that are wrong in it.
struct Pairs {
    expected: HashMap<usize, usize>,
    keys: HashMap<usize, Vec<&'static str>>,
}

impl Pairs {
    /// What is no difference is paired in order.
    fn of(strand: &Strand, differences: &[Difference]) -> Self {
        let mut pairs = Self { expected: HashMap::new(), keys: HashMap::new() };
        let mut is_alone = vec![false; strand.expected.len()];
        let mut extra = std::collections::HashSet::new();
        for difference in differences {
            match difference {
                Difference::Missing { expected } => is_alone[expected - strand.first] = true,
                Difference::Extra { observed } => drop(extra.insert(*observed)),
                Difference::MoreExtra { observed, count } => {
                    extra.extend(strand.observed.iter().skip_while(|place| *place != observed).take(*count));
                }
                Difference::Swapped { expected, observed } => {
                    is_alone[expected - strand.first] = true;
                    pairs.expected.insert(*observed, expected - strand.first);
                }
                Difference::Wrong { observed, fields, .. } => {
                    let mut keys: Vec<_> = fields.iter().map(|field| field.field).collect();
                    keys.dedup();
                    pairs.keys.insert(*observed, keys);
                }
                Difference::Count { .. } | Difference::Unwanted { .. } | Difference::Contradicted { .. } => {}
            }
        }
        let swapped: Vec<usize> = pairs.expected.keys().copied().collect();
        let in_order = strand.observed.iter().filter(|&place| !extra.contains(place) && !swapped.contains(place));
        let expected = (0..strand.expected.len()).filter(|&place| !is_alone[place]);
        pairs.expected.extend(in_order.copied().zip(expected));
        pairs
    }
}
