//! Shortens texts that are too long for a cell, a line or a page.

use std::borrow::Cow;

/// A version for a heading: only the number, if there is one, and at most 16 characters.
pub fn version(version: &str) -> Cow<'_, str> {
    let is_number = |word: &&str| word.trim_start_matches('v').starts_with(|first: char| first.is_ascii_digit());
    let word = version.split_whitespace().find(is_number).unwrap_or(version);
    let word = word.trim_end_matches([',', ';']);
    match word.char_indices().nth(16) {
        None => Cow::Borrowed(word),
        Some((end, _)) => Cow::Owned(format!("{}…", &word[..end])),
    }
}

/// At most this many characters, and how many were left out.
pub fn text(text: &str, limit: usize) -> Cow<'_, str> {
    match text.char_indices().nth(limit) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}… and {} bytes more", &text[..end], text.len() - end)),
    }
}

/// The first items, and how many were left out.
pub fn list<T>(all: &[T], limit: usize) -> (&[T], usize) {
    let (shown, rest) = all.split_at(limit.min(all.len()));
    (shown, rest.len())
}
