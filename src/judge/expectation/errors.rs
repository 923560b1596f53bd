//! Collects all errors in a `tests.toml` and shows them at once.
//!
//! No I/O.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// The width of messages, in columns.
const WIDTH: usize = 100;
/// The width that remains beside "help: " and the line numbers.
const HINT_WIDTH: usize = 84;

/// All errors in a file.
#[derive(Clone, Debug)]
pub struct Errors {
    file: String,
    text: String,
    /// The text is a part of the file: so many lines are before it.
    lines_before: usize,
    problems: Vec<Problem>,
}

/// One error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its place in the text, in bytes.
    pub span: Range<usize>,
    /// The line where it starts, counted from 1.
    pub line: usize,
    /// The error, as a sentence.
    pub message: String,
    /// The hint: what to do about it.
    pub hint: String,
}

impl Errors {
    /// The errors, in the order of the file: at least one.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// All errors with their lines, as rustc shows errors, and their number at the end.
    pub(crate) fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() }.term_width(WIDTH);
        let mut all: Vec<String> =
            self.problems.iter().map(|problem| renderer.render(&[self.group(problem)])).collect();
        let errors = if self.problems.len() == 1 { "error" } else { "errors" };
        all.push(format!("{} {errors} in {}", self.problems.len(), self.file));
        all.join("\n\n")
    }

    fn group<'a>(&'a self, problem: &'a Problem) -> Group<'a> {
        let snippet = Snippet::source(self.text.as_str())
            .path(self.file.as_str())
            .line_start(self.lines_before + 1)
            .annotation(AnnotationKind::Primary.span(problem.span.clone()));
        Level::ERROR
            .primary_title(problem.message.as_str())
            .element(snippet)
            .element(Level::HELP.message(problem.hint.as_str()))
    }

    /// The error for an empty file.
    pub(crate) fn nothing(file: &str, text: &str) -> Self {
        let mut problems = Problems::new(text);
        problems.push(0..0, "the file says nothing", "docs/ has the format");
        Self { file: file.to_owned(), text: text.to_owned(), lines_before: 0, problems: problems.list }
    }

    /// The error for a file that is not text. `at` is the first byte that is not UTF-8.
    pub(crate) fn not_utf8(file: &str, bytes: &[u8], at: usize) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let mut problems = Problems::new(&text);
        // In the lossy text, U+FFFD has the same position, because everything before it is valid.
        let span = at..at + char::REPLACEMENT_CHARACTER.len_utf8();
        let byte = bytes.get(at).copied().unwrap_or_default();
        problems.push(
            span,
            format!("the byte {byte:#04x} is not UTF-8"),
            "TOML is UTF-8 text; paths in other bytes cannot be written in it".to_owned(),
        );
        let list = problems.list;
        Self { file: file.to_owned(), text, lines_before: 0, problems: list }
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Errors {}

/// Collects problems while a text is read.
pub(crate) struct Problems<'t> {
    /// The text.
    pub text: &'t str,
    /// How many lines are before it.
    lines_before: usize,
    /// The position of each line's end.
    newlines: Vec<usize>,
    list: Vec<Problem>,
}

impl<'t> Problems<'t> {
    /// Begins without problems.
    pub fn new(text: &'t str) -> Self {
        Self::below(0, text)
    }

    /// The same for a part of a file: so many lines are before it.
    pub fn below(lines_before: usize, text: &'t str) -> Self {
        let newlines = text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n').map(|(at, _)| at).collect();
        Self { text, lines_before, newlines, list: Vec::new() }
    }

    /// The line of an offset, counted from 1.
    pub fn line_of(&self, offset: usize) -> usize {
        self.lines_before + self.newlines.partition_point(|&newline| newline < offset) + 1
    }

    /// Adds a problem.
    pub fn push(&mut self, span: Range<usize>, message: impl Into<String>, hint: impl Into<String>) {
        let line = self.line_of(span.start);
        self.list.push(Problem { span, line, message: message.into(), hint: hint.into() });
    }

    /// Adds the errors of the TOML parser, which goes on after an error by guessing. Errors on a line that already has one are
    /// dropped. If the parser never found the closing bracket, all later errors are dropped.
    pub fn syntax(&mut self, errors: &[toml::de::Error]) {
        let end = self.text.len()..self.text.len();
        let mut found: Vec<_> = errors.iter().map(|error| (error.span().unwrap_or(end.clone()), error)).collect();
        found.sort_by_key(|(span, _)| span.start);
        let unclosed = found.iter().any(|(_, error)| error.message().starts_with("unclosed"));
        if let Some((span, _)) = found.first().filter(|_| unclosed) {
            let line = self.line_of(span.start);
            self.list.retain(|problem| problem.line < line);
            found.truncate(1);
        }
        found.dedup_by_key(|(span, _)| self.line_of(span.start));
        let broken: Vec<usize> = found.iter().map(|(span, _)| self.line_of(span.start)).collect();
        self.list.retain(|problem| !broken.contains(&problem.line));
        for (span, error) in found {
            let (message, hint) = syntax_message(self.text, error, &span, unclosed);
            self.push(span, message, hint);
        }
    }

    /// The errors in the order of the file, if there are any.
    pub fn finish(mut self, file: &str) -> Option<Errors> {
        self.list.sort_by_key(|problem| problem.span.start);
        let some = !self.list.is_empty();
        let Self { text, lines_before, list, .. } = self;
        some.then(|| Errors { file: file.to_owned(), text: text.to_owned(), lines_before, problems: list })
    }
}

fn syntax_message(text: &str, error: &toml::de::Error, span: &Range<usize>, unclosed: bool) -> (String, String) {
    let what = text.get(span.clone()).unwrap_or_default();
    if error.message() != "duplicate key" {
        let hint = if unclosed {
            "a bracket or a quote before it is not closed; what follows is read once it is"
        } else {
            "the format is that of https://toml.io"
        };
        return (format!("this is not TOML: {}", error.message()), hint.to_owned());
    }
    if text[..span.start].ends_with('[') {
        return (format!("`{what}` has two tables"), "a table is written once: join them or drop one".to_owned());
    }
    (format!("`{what}` is written twice"), "a key is written once".to_owned())
}

/// A hint with the names most similar to a wrong one. `None` if no name is similar.
pub(crate) fn near<'n>(wrong: &str, names: impl IntoIterator<Item = &'n str>) -> Option<String> {
    let far = wrong.chars().count() / 3;
    let mut found: Vec<(usize, &str)> = names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&wrong.to_lowercase(), &name.to_lowercase()), name))
        .filter(|&(distance, _)| distance <= far)
        .collect();
    found.sort_unstable();
    found.dedup();
    let least = found.first().map_or(0, |&(distance, _)| distance);
    found.retain(|&(distance, _)| distance == least);
    let names: Vec<String> = found.iter().take(3).map(|(_, name)| format!("`{name}`")).collect();
    (!names.is_empty()).then(|| format!("did you mean {}?", names.join(" or ")))
}

/// The same hint, or a list of all names if no name is similar.
pub(crate) fn near_or_all(wrong: &str, names: &[&str]) -> String {
    near(wrong, names.iter().copied()).unwrap_or_else(|| listed("there are ", names))
}

/// Breaks a list of names into lines, because the renderer does not.
pub(crate) fn listed(before: &str, names: &[&str]) -> String {
    let mut lines = before.to_owned();
    let mut column = before.len();
    for (at, name) in names.iter().enumerate() {
        let comma = if at + 1 == names.len() { "" } else { "," };
        if column + name.len() > HINT_WIDTH {
            lines.truncate(lines.trim_end().len());
            lines.push('\n');
            column = 0;
        }
        lines += &format!("{name}{comma}{}", if comma.is_empty() { "" } else { " " });
        column += name.len() + 2;
    }
    lines
}

/// The scenarios without a table, in one error that names the first 12: a file made for one scenario lacks all others.
pub(super) fn without_table(scenarios: &[&str], named: &HashSet<&str>, text: &str, problems: &mut Problems) {
    let missing: Vec<&str> = scenarios.iter().copied().filter(|&name| !named.contains(name)).collect();
    let [first, ..] = missing[..] else { return };
    let message = match missing.len() {
        1 => format!("the scenario `{first}` has no table"),
        count => format!("{count} scenarios have no table"),
    };
    let shown: Vec<String> = missing.iter().take(12).map(|name| format!("[{name}]")).collect();
    let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
    let hint = listed("each needs `about` and `calls`: add ", &shown);
    let more = missing.len() - shown.len();
    let end = text.trim_end().len();
    problems.push(end..end, message, if more > 0 { format!("{hint} and {more} more") } else { hint });
}
