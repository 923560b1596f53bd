//! Long lines, broken where they may be.

/// The width that reports are made for, in columns.
pub(super) const WIDTH: usize = 100;

/// A text in lines of at most [`WIDTH`] columns, broken at spaces; `first` stands before the first line and `rest` before
/// the others. A word that is longer is cut, so that no terminal breaks the alignment.
pub(super) fn wrapped(text: &str, first: &str, rest: &str) -> Vec<String> {
    let text: Vec<String> = text.split(' ').map(shortened).collect();
    let text = text.join(" ");
    let mut lines = Vec::new();
    let mut indent = first;
    let mut left = text.as_str();
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

/// How many characters of a very long word (a path of PATH_MAX) stay at its beginning and at its end.
const KEPT: (usize, usize) = (120, 60);

/// A word without its middle, if it is very long: `-v` has the whole.
fn shortened(word: &str) -> String {
    let count = word.chars().count();
    match count.checked_sub(KEPT.0 + KEPT.1) {
        Some(left_out @ 60..) => {
            let head: String = word.chars().take(KEPT.0).collect();
            let tail: String = word.chars().skip(count - KEPT.1).collect();
            format!("{head} …{left_out} more… {tail}")
        }
        _ => word.to_owned(),
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
