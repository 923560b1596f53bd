//! Renders the table for a terminal.

use comfy_table::{CellAlignment, ContentArrangement, TableStyle};
use textwrap::core::display_width;

use super::{Cell, Family, Mark, SubjectColumn, Sum, Table, short};
use crate::base::escape;

/// The gap between two columns.
const GAP: usize = 2;

/// The table as text, in lines of at most `width` columns if possible. Subjects that do not fit side by side go into another
/// table below. The findings of each subject follow.
pub fn text(table: &Table, width: usize) -> String {
    let mut parts = vec![head(table, width)];
    parts.extend(chunks(table, width).into_iter().map(|columns| part(table, &columns, width)));
    parts.push(legend(width));
    parts.extend((0..table.subjects.len()).map(|column| of_subject(table, column, width)));
    parts.join("\n\n") + "\n"
}

fn head(table: &Table, width: usize) -> String {
    let about = &table.about;
    let line = format!("{}; {}; {}", table.size(), about.machine, about.date);
    [wrapped(&line, width), wrapped(&about.command, width)].join("\n")
}

fn legend(width: usize) -> String {
    let signs = Mark::ALL.map(|mark| format!("{}\u{a0}{}", mark.sign(), mark.word().replace(' ', "\u{a0}")));
    let line = format!("calls right / calls claimed: {}", signs.join("  "));
    wrapped(&line, width).replace('\u{a0}', " ")
}

/// Text from a tracer in lines of this width.
fn wrapped(text: &str, width: usize) -> String {
    textwrap::fill(&escape::line(text), options(width).subsequent_indent("  "))
}

/// Names of scenarios stay whole.
fn options(width: usize) -> textwrap::Options<'static> {
    textwrap::Options::new(width).word_splitter(textwrap::WordSplitter::NoHyphenation)
}

/// The columns that fit side by side.
fn chunks(table: &Table, width: usize) -> Vec<Vec<usize>> {
    let names = table.families.iter().map(|family| display_width(&escape::line(&family.name)));
    let first = names.chain([display_width(HARD)]).max().unwrap_or_default();
    let (mut chunks, mut used) = (Vec::<Vec<usize>>::new(), 0);
    for column in 0..table.subjects.len() {
        let is = GAP + column_width(table, column);
        match chunks.last_mut() {
            Some(chunk) if used + is <= width => chunk.push(column),
            Some(_) | None => {
                chunks.push(vec![column]);
                used = first;
            }
        }
        used += is;
    }
    chunks
}

fn column_width(table: &Table, column: usize) -> usize {
    let sums = table.families.iter().map(|family| Sum::of(family.cells(column)).short());
    let all = sums.chain([table.sum(column).short()]).map(|sum| display_width(&sum));
    let heading = heading(&table.subjects[column]);
    all.chain(heading.lines().map(display_width)).max().unwrap_or_default()
}

fn heading(SubjectColumn { name, version }: &SubjectColumn) -> String {
    let version = short::version(version.as_deref().unwrap_or_default());
    format!("{}\n{}", escape::line(name), escape::line(&version))
}

const HARD: &str = "hard cases";

/// A table of these columns.
fn part(table: &Table, columns: &[usize], width: usize) -> String {
    let mut shown = comfy_table::Table::new();
    shown.load_style(TableStyle::new()).set_content_arrangement(ContentArrangement::Dynamic);
    shown.set_width(u16::try_from(width).unwrap_or(u16::MAX));
    let headings = columns.iter().map(|&column| heading(&table.subjects[column]));
    shown.set_header([String::new()].into_iter().chain(headings));
    let sums = |name: &str, sum: &dyn Fn(usize) -> Sum| -> Vec<String> {
        let sums = columns.iter().map(|&column| sum(column).short());
        [escape::line(name).into_owned()].into_iter().chain(sums).collect()
    };
    let row = |family: &Family| sums(&family.name, &|column| Sum::of(family.cells(column)));
    shown.add_rows(table.families(false).map(row));
    if table.families(true).next().is_some() {
        shown.add_row([""]).add_row([HARD]);
        shown.add_rows(table.families(true).map(row));
    }
    shown.add_row([""]).add_row(sums("all", &|column| table.sum(column)));
    for (place, column) in shown.column_iter_mut().enumerate() {
        column.set_padding((if place == 0 { 0 } else { 2 }, 0)).set_cell_alignment(CellAlignment::Left);
    }
    shown.trim_fmt()
}

/// The faults of a subject: a line for each verdict, and for each reason for no result.
fn of_subject(table: &Table, column: usize, width: usize) -> String {
    let SubjectColumn { name, version } = &table.subjects[column];
    let version = version.iter().map(|version| format!(" ({version})")).collect::<String>();
    let mut lines = vec![wrapped(&format!("{name}{version}: {}", table.sum(column).long()), width)];
    let mut groups: Vec<(Mark, Option<&str>, Vec<String>)> = Vec::new();
    for (_, cell) in table.cells(column) {
        let (mark, why) = (Mark::of(cell), cell.why.as_deref());
        if matches!(mark, Mark::Pass) {
            continue;
        }
        match groups.iter_mut().find(|group| (group.0, group.1) == (mark, why)) {
            Some(group) => group.2.push(named(cell, mark)),
            None => groups.push((mark, why, vec![named(cell, mark)])),
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.0));
    let options = options(width).initial_indent("  ").subsequent_indent("    ");
    lines.extend(groups.iter().map(|(mark, why, names)| {
        let why = why.iter().map(|why| format!(", {why}")).collect::<String>();
        let line = format!("{} {}{why}: {}", mark.sign(), mark.word(), names.join(", "));
        textwrap::fill(&escape::line(&line), &options)
    }));
    lines.join("\n")
}

fn named(cell: &Cell, mark: Mark) -> String {
    let is_all_known = !cell.findings.is_empty() && cell.findings.iter().all(|found| found.known.is_some());
    let known = if is_all_known { " (known)" } else { "" };
    if mark.is_judged() {
        return format!("{} {}/{}{known}", cell.scenario, cell.right, cell.claimed);
    }
    cell.scenario.clone()
}
