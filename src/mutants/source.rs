//! Mutants of the source: what a hand could have written wrong. clang compiles each.
//!
//! No I/O. The operators are those of a C program: relations, conditions, arithmetic, constants, members, flags, statements that are
//! left out, and swapped arguments. What the compiler refuses is stillborn.

use std::collections::BTreeMap;
use std::ops::Range;

use super::lines::SourceLine;
use super::plan::{Mutant, SourceEdit};

mod tokens; // the tokens of a C source

use tokens::{Token, TokenKind, pairs, tokens};

/// What follows from the declarations of all files.
#[derive(Debug, Default)]
struct Declared<'s> {
    /// The next member of the same type in the same struct.
    members: BTreeMap<&'s str, &'s str>,
    /// The next value of the same enumeration.
    values: BTreeMap<&'s str, &'s str>,
}

/// All mutants of these files, each a name and its text, in their order. `folder` is what comes before the names in a report.
pub fn all(folder: &str, files: &[(String, String)]) -> Vec<Mutant> {
    let mut declared = Declared::default();
    files.iter().for_each(|(_, text)| declared.add(&tokens(text)));
    files.iter().flat_map(|(name, text)| SourceFile::of(name, text, &declared).mutants(folder)).collect()
}

impl<'s> Declared<'s> {
    fn add(&mut self, tokens: &[Token<'s>]) {
        let pairs = pairs(tokens);
        for (number, token) in tokens.iter().enumerate() {
            // `struct name {`, `enum name {`, or without a name.
            let open = (number + 1..number + 3).find(|&at| tokens.get(at).is_some_and(|token| token.text == "{"));
            let Some(open) = open.filter(|_| matches!(token.text, "struct" | "enum")) else { continue };
            let inside = &tokens[open + 1..pairs[open].max(open + 1)];
            if token.text == "enum" { self.add_values(inside) } else { self.add_members(inside) }
        }
    }

    fn add_values(&mut self, inside: &[Token<'s>]) {
        let names = inside.split(|token| token.text == ",").filter_map(|one| Some(one.first()?.text));
        chain(&mut self.values, &names.collect::<Vec<_>>());
    }

    /// Of members that are declared in the simple form: `type name;`, `type *name;` or `type name[n];`.
    fn add_members(&mut self, inside: &[Token<'s>]) {
        let mut by_type = BTreeMap::<String, Vec<&'s str>>::new();
        for one in inside.split(|token| token.text == ";") {
            let end = one.iter().position(|token| token.text == "[").unwrap_or(one.len());
            let Some((name, of)) = one[..end].split_last().filter(|(name, _)| name.kind == TokenKind::Word) else {
                continue;
            };
            let of: Vec<&str> = of.iter().map(|token| token.text).collect();
            by_type.entry(format!("{} {}", of.join(" "), end < one.len())).or_default().push(name.text);
        }
        by_type.values().for_each(|names| chain(&mut self.members, names));
    }
}

/// Each name leads to the next one, and the last to the first.
fn chain<'s>(known: &mut BTreeMap<&'s str, &'s str>, names: &[&'s str]) {
    if names.len() > 1 {
        let next = names.iter().cycle().skip(1);
        for (name, next) in names.iter().zip(next) {
            known.entry(name).or_insert(next);
        }
    }
}

struct SourceFile<'s> {
    name: &'s str,
    text: &'s str,
    tokens: Vec<Token<'s>>,
    pairs: Vec<usize>,
    declared: &'s Declared<'s>,
}

/// A change in words, and the edit.
type SourceChange = (String, Range<usize>, String);

impl<'s> SourceFile<'s> {
    fn of(name: &'s str, text: &'s str, declared: &'s Declared<'s>) -> Self {
        let tokens = tokens(text);
        let pairs = pairs(&tokens);
        Self { name, text, tokens, pairs, declared }
    }

    fn mutants(&self, folder: &str) -> Vec<Mutant> {
        let mut found = Vec::new();
        for (function, body) in self.functions() {
            let mut changes = Vec::new();
            for at in body {
                self.change_token(at, &mut changes);
                self.change_bracket(at, &mut changes);
                self.leave_out(at, &mut changes);
            }
            found.extend(changes.into_iter().map(|change| self.mutant(folder, function, change)));
        }
        found
    }

    /// The functions with their bodies, as numbers of tokens. BPF_PROG() has the name as its first argument.
    fn functions(&self) -> Vec<(&'s str, Range<usize>)> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < self.tokens.len() {
            if self.tokens[at].text != "{" {
                at += 1;
                continue;
            }
            let end = self.pairs[at].max(at);
            if let Some(open) = at.checked_sub(1).filter(|&close| self.tokens[close].text == ")") {
                let open = self.pairs[open];
                let name = self.text_of(open.wrapping_sub(1));
                found.push((if name == "BPF_PROG" { self.text_of(open + 1) } else { name }, at + 1..end));
            }
            at = end + 1;
        }
        found
    }

    fn text_of(&self, at: usize) -> &'s str {
        self.tokens.get(at).map_or("", |token| token.text)
    }

    /// Whether a mark has a space on both sides: then it has two operands.
    fn is_between(&self, at: usize) -> bool {
        let Range { start, end } = self.tokens[at].place;
        self.text[..start].ends_with([' ', '\t']) && self.text[end..].starts_with([' ', '\n'])
    }

    fn change_token(&self, at: usize, changes: &mut Vec<SourceChange>) {
        let Token { kind, text, place } = &self.tokens[at];
        let mut becomes =
            |other: &str| changes.push((format!("`{text}` becomes `{other}`"), place.clone(), other.into()));
        match kind {
            TokenKind::Mark if *text == "!" => {
                changes.push(("`!` is left out".to_owned(), place.clone(), String::new()));
            }
            TokenKind::Mark if text.len() > 1 || self.is_between(at) => {
                let row = OPERATORS.iter().find(|(known, _)| known == text);
                row.into_iter().flat_map(|(_, others)| others.iter()).for_each(|other| becomes(other));
            }
            TokenKind::Number => {
                becomes(&format!("({text} + 1)"));
                becomes(&format!("({text} - 1)"));
            }
            TokenKind::Word => {
                let is_member = matches!(self.text_of(at.wrapping_sub(1)), "." | "->");
                let known = if is_member { &self.declared.members } else { &self.declared.values };
                known.get(text).into_iter().for_each(|other| becomes(other));
            }
            TokenKind::Mark | TokenKind::Text => {}
        }
    }

    /// The condition of an `if`, a `while` or a `?`, and the arguments of a call.
    fn change_bracket(&self, at: usize, changes: &mut Vec<SourceChange>) {
        if self.text_of(at) != "(" {
            return;
        }
        let (close, before) = (self.pairs[at], &self.tokens[at.saturating_sub(1)]);
        let inside = self.tokens[at].place.end..self.tokens[close].place.start;
        match before.text {
            "if" | "while" => {
                for (value, word) in [("1", "always"), ("0", "never")] {
                    changes.push((format!("the condition is {word} true"), inside.clone(), value.to_owned()));
                }
            }
            "for" | "switch" | "return" | "sizeof" => {}
            _ if before.kind == TokenKind::Word => self.swap_arguments(at, close, before.text, changes),
            _ => {}
        }
    }

    fn swap_arguments(&self, open: usize, close: usize, name: &str, changes: &mut Vec<SourceChange>) {
        let mut begins = vec![open + 1];
        let mut at = open + 1;
        while at < close {
            match self.text_of(at) {
                "," => begins.push(at + 1),
                "(" | "[" | "{" => at = self.pairs[at].max(at),
                _ => {}
            }
            at += 1;
        }
        let ends = begins.iter().skip(1).map(|begin| begin - 1).chain([close]);
        let places = begins.iter().zip(ends).filter(|(begin, end)| **begin < *end);
        let places: Vec<Range<usize>> =
            places.map(|(&begin, end)| self.tokens[begin].place.start..self.tokens[end - 1].place.end).collect();
        for (number, two) in places.windows(2).enumerate() {
            let [one, other] = [two[0].clone(), two[1].clone()];
            let swapped =
                [&self.text[other.clone()], &self.text[one.end..other.start], &self.text[one.clone()]].concat();
            let words = format!("arguments {} and {} of {name}() are swapped", number + 1, number + 2);
            changes.push((words, one.start..other.end, swapped));
        }
    }

    /// A statement that is no declaration and no block.
    fn leave_out(&self, at: usize, changes: &mut Vec<SourceChange>) {
        /// What begins something that is no statement of its own, or a declaration.
        const OTHERS: [&str; 23] = [
            "return", "if", "else", "for", "while", "do", "switch", "case", "default", "goto", "struct", "enum",
            "union", "const", "static", "bool", "char", "int", "long", "void", "unsigned", "{", "}",
        ];
        let first = self.text_of(at);
        let is_first = matches!(self.text_of(at.wrapping_sub(1)), ";" | "{" | "}" | ":" | "else")
            || self.text_of(at.wrapping_sub(1)) == ")" && self.is_condition(at - 1);
        if !is_first || OTHERS.contains(&first) || first == ";" || is_type(first) {
            return;
        }
        let mut end = at;
        while end < self.tokens.len() && !matches!(self.text_of(end), ";" | "}") {
            end = self.pairs[end].max(end) + 1;
        }
        if self.text_of(end) == ";" {
            let place = self.tokens[at].place.start..self.tokens[end].place.start;
            changes.push(("the statement is left out".to_owned(), place, String::new()));
        }
    }

    /// Whether a `)` ends the condition of an `if` or the like.
    fn is_condition(&self, close: usize) -> bool {
        matches!(self.text_of(self.pairs[close].wrapping_sub(1)), "if" | "while" | "for")
    }

    fn mutant(&self, folder: &str, function: &str, (change, place, text): SourceChange) -> Mutant {
        let before = &self.text[..place.start];
        let begin = before.rfind('\n').map_or(0, |at| at + 1);
        let line = SourceLine {
            file: format!("{folder}/{}", self.name),
            line: before.matches('\n').count() as u32 + 1,
            column: (place.start - begin) as u32 + 1,
            text: self.text[begin..].lines().next().unwrap_or_default().trim().to_owned(),
        };
        let edit = Some(SourceEdit { file: self.name.to_owned(), place, text });
        Mutant { line, change, functions: vec![function.to_owned()], places: vec![], replaced: vec![], edit }
    }
}

/// The types of the kernel for numbers of a size, such as `__u64`.
fn is_type(word: &str) -> bool {
    word.starts_with("__u") || word.starts_with("__s") && !word.starts_with("__sync")
}

/// What each operator with two operands becomes.
const OPERATORS: [(&str, &[&str]); 20] = [
    ("==", &["!="]),
    ("!=", &["=="]),
    ("<", &["<=", ">="]),
    ("<=", &["<", ">"]),
    (">", &[">=", "<="]),
    (">=", &[">", "<"]),
    ("&&", &["||"]),
    ("||", &["&&"]),
    ("+", &["-"]),
    ("-", &["+"]),
    ("*", &["/"]),
    ("/", &["*"]),
    ("%", &["/"]),
    ("<<", &[">>"]),
    (">>", &["<<"]),
    ("&", &["|"]),
    ("|", &["&"]),
    ("^", &["|"]),
    ("+=", &["-="]),
    ("|=", &["&="]),
];

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "enum which { ONE = 1, TWO, THREE };\n\
        struct pair {\n\t__u32 a;\n\t__u32 b;\n\tlong c;\n};\n\
        SEC(\"x\")\nint BPF_PROG(prog, struct pair *pair, long n)\n{\n\
        \t__u32 left = pair->a + 1;\n\n\
        \tif (!n || left > TWO)\n\t\treturn 0;\n\
        \tput(&left, n, THREE);\n\tpair->c = n;\n\treturn n;\n}\n";

    fn changes() -> Vec<(u32, String)> {
        let mutants = all("bpf", &[("a.h".to_owned(), SOURCE.to_owned())]);
        assert!(mutants.iter().all(|one| one.functions == ["prog"] && one.line.file == "bpf/a.h"));
        mutants.into_iter().map(|one| (one.line.line, one.change)).collect()
    }

    #[test]
    fn each_operator_is_there() {
        let expected = [
            (10, "`a` becomes `b`"),
            (10, "`+` becomes `-`"),
            (10, "`1` becomes `(1 + 1)`"),
            (10, "`1` becomes `(1 - 1)`"),
            (12, "the condition is always true"),
            (12, "the condition is never true"),
            (12, "`!` is left out"),
            (12, "`||` becomes `&&`"),
            (12, "`>` becomes `>=`"),
            (12, "`>` becomes `<=`"),
            (12, "`TWO` becomes `THREE`"),
            (13, "`0` becomes `(0 + 1)`"),
            (13, "`0` becomes `(0 - 1)`"),
            (14, "the statement is left out"),
            (14, "arguments 1 and 2 of put() are swapped"),
            (14, "arguments 2 and 3 of put() are swapped"),
            (14, "`THREE` becomes `ONE`"),
            (15, "the statement is left out"),
        ];
        assert_eq!(changes(), expected.map(|(line, change)| (line, change.to_owned())));
    }

    #[test]
    fn an_edit_is_made_at_its_place() {
        let mutants = all("bpf", &[("a.h".to_owned(), SOURCE.to_owned())]);
        let edited = |change: &str| {
            let edit = mutants.iter().find(|one| one.change == change).and_then(|one| one.edit.clone()).unwrap();
            let mut text = SOURCE.to_owned();
            text.replace_range(edit.place, &edit.text);
            text
        };
        assert!(edited("arguments 2 and 3 of put() are swapped").contains("put(&left, THREE, n);"));
        assert!(edited("the condition is never true").contains("if (0)\n"));
        assert!(edited("the statement is left out").contains("\t;\n\tpair->c"));
    }
}
