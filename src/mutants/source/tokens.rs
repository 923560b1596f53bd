//! The tokens of a C source, and what lies around them.
//!
//! No I/O. Comments and lines of the preprocessor have no tokens.

use std::ops::Range;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A name or a keyword.
    Word,
    /// A number.
    Number,
    /// A string or a character.
    Text,
    /// An operator or a bracket.
    Mark,
}

/// A token and its place in the source, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token<'s> {
    pub kind: TokenKind,
    pub text: &'s str,
    pub place: Range<usize>,
}

/// The operators of more than one character, the longest first.
const MARKS: [&str; 22] = [
    "<<=", ">>=", "...", "->", "++", "--", "&&", "||", "==", "!=", "<=", ">=", "<<", ">>", "+=", "-=", "*=", "/=",
    "%=", "&=", "|=", "^=",
];

/// The tokens of a source.
pub fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < source.len() {
        let rest = &source[at..];
        let (kind, length) = match rest.as_bytes()[0] {
            b'#' => (None, directive(rest)),
            _ if rest.starts_with("/*") => (None, rest.find("*/").map_or(rest.len(), |end| end + 2)),
            _ if rest.starts_with("//") => (None, rest.find('\n').unwrap_or(rest.len())),
            quote @ (b'"' | b'\'') => (Some(TokenKind::Text), quoted(rest, quote)),
            byte if byte.is_ascii_digit() => (Some(TokenKind::Number), word(rest)),
            byte if is_of_word(byte) => (Some(TokenKind::Word), word(rest)),
            byte if byte.is_ascii_whitespace() => (None, 1),
            _ => {
                let mark = MARKS.iter().find(|mark| rest.starts_with(**mark));
                let one = rest.chars().next().map_or(1, char::len_utf8);
                (Some(TokenKind::Mark), mark.map_or(one, |mark| mark.len()))
            }
        };
        if let Some(kind) = kind {
            found.push(Token { kind, text: &rest[..length], place: at..at + length });
        }
        at += length;
    }
    found
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn word(rest: &str) -> usize {
    rest.bytes().position(|byte| !is_of_word(byte)).unwrap_or(rest.len())
}

fn quoted(rest: &str, quote: u8) -> usize {
    let mut is_escaped = false;
    let end = rest.bytes().skip(1).position(|byte| {
        let ends = byte == quote && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    });
    end.map_or(rest.len(), |end| end + 2)
}

/// A line of the preprocessor goes on behind a backslash.
fn directive(rest: &str) -> usize {
    let ends = rest.match_indices('\n').find(|(at, _)| !rest[..*at].ends_with('\\'));
    ends.map_or(rest.len(), |(at, _)| at)
}

/// For each token the one that closes or opens its bracket; its own number for others.
pub fn pairs(tokens: &[Token<'_>]) -> Vec<usize> {
    let mut pairs: Vec<usize> = (0..tokens.len()).collect();
    let mut open = Vec::new();
    for (number, token) in tokens.iter().enumerate() {
        match token.text {
            "(" | "[" | "{" => open.push(number),
            ")" | "]" | "}" => {
                if let Some(other) = open.pop() {
                    (pairs[other], pairs[number]) = (number, other);
                }
            }
            _ => {}
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_directives_have_no_tokens() {
        let source = "#define A(x) \\\n\t(x + 1)\n/* a == b */ a->b <<= 0x1f; // c\nf(\"\\\"x\", 'y');";
        let texts: Vec<&str> = tokens(source).iter().map(|token| token.text).collect();
        assert_eq!(texts, ["a", "->", "b", "<<=", "0x1f", ";", "f", "(", "\"\\\"x\"", ",", "'y'", ")", ";"]);
    }

    #[test]
    fn brackets_have_pairs() {
        let tokens = tokens("f(a[1], (b))");
        assert_eq!(pairs(&tokens), [0, 10, 2, 5, 4, 3, 6, 9, 8, 7, 1]);
    }
}
