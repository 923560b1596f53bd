//! A finished report: its lines, each with a mark, and its cause.

use std::fmt;

use crate::base::escape;
use crate::judge::cause::FailureCause;

/// What a line of a report is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineMark {
    /// Any other line.
    Plain,
    /// An expected call that differs.
    Expected,
    /// An observed call that differs.
    Observed,
    /// A line that points at the line above.
    Pointer,
}

/// One line of a report. A terminal obeys nothing in it.
#[derive(Clone, PartialEq, Eq)]
pub struct ReportLine {
    /// What it is.
    pub mark: LineMark,
    /// Its text, without a line break.
    pub text: String,
}

impl ReportLine {
    /// A line with this mark.
    pub fn marked(mark: LineMark, text: &str) -> Self {
        // One line, whatever it contains.
        Self { mark, text: escape::line(text.trim_end()).into_owned() }
    }

    /// An empty line.
    pub fn empty() -> Self {
        Self::marked(LineMark::Plain, "")
    }
}

impl From<String> for ReportLine {
    fn from(text: String) -> Self {
        Self::marked(LineMark::Plain, &text)
    }
}

/// Why a scenario did not pass, as a text of lines.
#[derive(Clone, PartialEq, Eq)]
pub struct Report {
    /// Its lines.
    pub lines: Vec<ReportLine>,
    /// What other scenarios may share.
    pub cause: Option<FailureCause>,
}

impl Report {
    /// A report of these lines.
    pub fn new(lines: Vec<ReportLine>) -> Self {
        Self { lines, cause: None }
    }

    /// The same with this cause.
    #[must_use]
    pub fn with_cause(self, cause: Option<FailureCause>) -> Self {
        Self { cause: cause.map(FailureCause::escaped), ..self }
    }

    /// Whether its text contains this one.
    pub fn contains(&self, text: &str) -> bool {
        self.to_string().contains(text)
    }

    /// Both reports, one after the other. The cause is that of the first.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.lines.push(ReportLine::empty());
        self.lines.extend(other.lines);
        self
    }

    /// The same after a line that says where it belongs.
    #[must_use]
    pub fn below(mut self, line: String) -> Self {
        self.lines.insert(0, line.into());
        self
    }
}

/// A text of others, such as an error. Its first line is the cause.
impl From<String> for Report {
    fn from(text: String) -> Self {
        let lines = text.lines().map(|line| ReportLine::marked(LineMark::Plain, line)).collect();
        Self::new(lines).with_cause(Some(FailureCause::of_sentence(&text)))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{}", line.text))
    }
}

/// As its text.
impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string(), f)
    }
}

impl fmt::Debug for ReportLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}
