//! The entries of a table, as written in the file.

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::errors::Problems;

/// One key and its value.
pub(crate) type Entry<'a, 't> = (&'a Spanned<DeString<'t>>, &'a Spanned<DeValue<'t>>);

/// The entries of a table in the order of the file.
pub(crate) fn in_order<'a, 't>(table: &'a DeTable<'t>) -> Vec<Entry<'a, 't>> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// The entry of a key.
pub(crate) fn find<'a, 't>(entries: &[Entry<'a, 't>], key: &str) -> Option<Entry<'a, 't>> {
    entries.iter().copied().find(|(name, _)| name.get_ref() == key)
}

/// The elements of an array of calls.
pub(crate) fn items<'a, 't>(entry: Option<Entry<'a, 't>>, problems: &mut Problems) -> Vec<&'a Spanned<DeValue<'t>>> {
    let Some((key, value)) = entry else { return Vec::new() };
    if let DeValue::Array(items) = value.get_ref() {
        return items.iter().collect();
    }
    let message = format!("`{}` is {}, not an array", key.get_ref(), kind(value.get_ref()));
    problems.push(value.span(), message, format!("write {} = [ {{ call = \"...\", ... }}, ... ]", key.get_ref()));
    Vec::new()
}

/// The type of a value, with its article.
pub(crate) fn kind(value: &DeValue) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
