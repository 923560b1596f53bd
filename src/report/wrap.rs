//! Long lines, broken where they may be.

/// The width that reports are made for, in columns.
pub(super) const WIDTH: usize = 100;

/// A text in lines of at most [`WIDTH`] columns, broken at spaces; `first` stands before the first line and `rest` before
/// the others. A word that is longer is cut, so that no terminal breaks the alignment.
pub(super) fn wrapped(text: &str, first: &str, rest: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut indent = first;
    let mut left = text;
    loop {
        let room = WIDTH.saturating_sub(indent.chars().count()).max(20);
        let cut = cut(left, room);
        lines.push(format!("{indent}{}", &left[..cut]));
        left = left[cut..].trim_start_matches(' ');
        if left.is_empty() {
            return lines;
        }
        indent = rest;
    }
}

/// Where to break a text so that at most `room` columns come before.
fn cut(text: &str, room: usize) -> usize {
    let Some((end, _)) = text.char_indices().nth(room) else { return text.len() };
    match text[..end].rfind(' ') {
        // A break in the first half would waste the line.
        Some(space) if space > end / 2 => space,
        Some(_) | None => end,
    }
}
