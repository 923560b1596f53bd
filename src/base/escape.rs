//! Escapes text from outside, so that a terminal shows it and does not obey it. No I/O.
//!
//! Foreign names, messages and files may contain anything. Sequences can set a title or the clipboard (ECMA-48, OSC), C1 controls and
//! marks of direction change what is shown, and a line break can fake a line of our output.

use std::borrow::Cow;
use std::path::Path;

/// Text as one line: characters that a terminal would obey become escapes such as `\u{1b}` and `\n`.
pub fn line(text: &str) -> Cow<'_, str> {
    with(text, is_obeyed)
}

/// Our own lines with foreign text in them: line breaks stay.
pub fn lines(text: &str) -> Cow<'_, str> {
    with(text, |one| one != '\n' && is_obeyed(one))
}

/// A path as one line. U+FFFD replaces what is not UTF-8.
pub fn path(path: &Path) -> String {
    line(&path.to_string_lossy()).into_owned()
}

fn with(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for one in text.chars() {
        if is_escaped(one) { escaped.extend(one.escape_default()) } else { escaped.push(one) }
    }
    Cow::Owned(escaped)
}

/// Controls (C0, DEL, C1), and characters that are invisible: marks of direction (UAX #9), characters without width (UTS #39),
/// separators of lines and paragraphs.
pub(crate) fn is_obeyed(one: char) -> bool {
    let unseen = matches!(one,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    one.is_control() || unseen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_shown() {
        let rows = [
            ("plain ü 日本", "plain ü 日本"),
            ("\u{1b}]0;title\u{7}", r"\u{1b}]0;title\u{7}"),
            ("\u{9b}31m", r"\u{9b}31m"),
            ("a\u{202e}b\u{2066}", r"a\u{202e}b\u{2066}"),
            ("tab\tend", r"tab\tend"),
        ];
        for (text, expected) in rows {
            assert_eq!((line(text), lines(text)), (expected.into(), expected.into()));
        }
        assert_eq!((line("a\nb"), lines("a\nb")), (r"a\nb".into(), "a\nb".into()));
        assert_eq!(path(Path::new("a\u{1b}\n")), r"a\u{1b}\n");
    }
}
