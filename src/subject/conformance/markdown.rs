//! Renders the table as Markdown (CommonMark, with GitHub's tables).
//!
//! Text from a tracer is in code spans, and so cannot become a link, a mention, an image or HTML.

use super::{Cell, Family, Mark, SubjectColumn, Sum, Table, short};
use crate::base::escape;
use crate::subject::cell::Found;

/// The most findings that are shown for a cell.
const FINDINGS: usize = 5;
/// The most characters that are shown of one text.
const CHARACTERS: usize = 500;

/// The table, and the findings below it.
pub fn markdown(table: &Table) -> String {
    let mut out = "# Conformance\n\n".to_owned();
    let about = &table.about;
    out += &format!(
        "{}: {}, {}.\n\nAgain: {}\n\n",
        table.size(),
        code(&about.machine),
        code(&about.date),
        code(&about.command)
    );
    for (title, are_hard) in [("Families", false), ("Hard cases", true)] {
        let families: Vec<&Family> = table.families(are_hard).collect();
        if !families.is_empty() {
            out += &format!("## {title}\n\n{}\n", rows(table, &families));
        }
    }
    out += &legend();
    for column in 0..table.subjects.len() {
        out += &of_subject(table, column);
    }
    out
}

fn rows(table: &Table, families: &[&Family]) -> String {
    let mut out = "| family |".to_owned();
    for SubjectColumn { name, version } in &table.subjects {
        let version = version.as_deref().map(|version| format!(" {}", code(&short::version(version))));
        out += &format!(" {}{} |", code(name), version.unwrap_or_default());
    }
    out += &format!("\n|---|{}\n", "---|".repeat(table.subjects.len()));
    let columns = 0..table.subjects.len();
    for family in families {
        let sums = columns.clone().map(|column| format!(" {} |", Sum::of(family.cells(column)).short()));
        out += &format!("| {} |{}\n", code(&family.name), sums.collect::<String>());
    }
    let all = columns.map(|column| {
        let cells = families.iter().flat_map(|family| family.cells(column));
        format!(" {} |", Sum::of(cells).short())
    });
    out += &format!("| all of these |{}\n", all.collect::<String>());
    out
}

fn legend() -> String {
    let lines = Mark::ALL.map(|mark| format!("* {} {}: {}.\n", mark.sign(), mark.word(), mark.meaning()));
    format!("A cell shows correct calls / claimed calls.\n\n{}\n", lines.concat())
}

fn of_subject(table: &Table, column: usize) -> String {
    let SubjectColumn { name, version } = &table.subjects[column];
    let version = version.as_deref().map(|version| format!(", {}", code(version))).unwrap_or_default();
    let mut out = format!("## {}{version}\n\nIn sum: {}.\n\n", code(name), table.sum(column).long());
    for (_, cell) in table.cells(column).filter(|(_, cell)| !matches!(Mark::of(cell), Mark::Pass | Mark::NotClaimed)) {
        out += &of_cell(cell);
    }
    out
}

fn of_cell(cell: &Cell) -> String {
    let why = cell.why.as_deref().map(|why| format!(": {}", code(why))).unwrap_or_default();
    let mark = Mark::of(cell);
    let mut out = format!("### {} {}\n\n{}{why}.\n\n", mark.sign(), code(&cell.scenario), Sum::of([cell]).long());
    let (shown, left) = short::list(&cell.findings, FINDINGS);
    for found in shown {
        out += &of_found(found);
    }
    if left > 0 {
        out += &format!("* … and {left} more.\n");
    }
    if !shown.is_empty() {
        out += "\n";
    }
    out + &format!("Again: {}\n\n", code(&cell.again))
}

fn of_found(found: &Found) -> String {
    let Found { kind, call, field, expected, said, raw, known } = found;
    let field = field.as_deref().map(|field| format!(", {}", code(field))).unwrap_or_default();
    let mut out = format!("* {}: {}{field}: {}\n", code(kind), code(call), code(said));
    for (what, text) in [("expected", expected), ("printed", raw), ("known", known)] {
        if let Some(text) = text {
            out += &format!("  * {what}: {}\n", code(text));
        }
    }
    out
}

/// A code span, in which every character is literal (CommonMark 6.1), except that `|` still ends a cell of a table.
fn code(text: &str) -> String {
    let text = escape::line(&short::text(text, CHARACTERS)).replace('|', r"\u{7c}");
    if text.trim().is_empty() {
        return "(empty)".to_owned();
    }
    let longest = text.split(|one| one != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    let is_at_end = text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']);
    let space = if is_at_end { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}
