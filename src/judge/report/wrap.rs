//! Breaks long lines at spaces.

use std::borrow::Cow;

use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};

/// The width of reports, in columns.
pub(super) const WIDTH: usize = 100;

/// A text in lines of at most [`WIDTH`] columns, broken at spaces. `first` begins the first line, and `rest` begins all other
/// lines. A longer word is cut, so that no terminal breaks the alignment.
pub(super) fn wrapped(text: &str, first: &str, rest: &str) -> Vec<String> {
    let text: Vec<String> = text.split(' ').map(shortened).collect();
    let options = Options::new(WIDTH)
        .initial_indent(first)
        .subsequent_indent(rest)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit);
    textwrap::wrap(&text.join(" "), options).into_iter().map(Cow::into_owned).collect()
}

/// How many characters of a very long word (a path of PATH_MAX) remain at its beginning and at its end.
const KEPT: (usize, usize) = (120, 60);

/// A word, without its middle if it is very long. `-v` shows all of it.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_take_two_columns() {
        for line in wrapped(&"文件 ".repeat(60), "  path         ", "    ") {
            assert!(textwrap::core::display_width(&line) <= WIDTH, "{line}");
        }
    }
}
