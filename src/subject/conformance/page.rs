//! Renders the table as one HTML page, which loads nothing.
//!
//! All findings are in the HTML: without scripts, each is in its own `<details>`. The script only hides and opens rows, and
//! makes no HTML. The policy in the head (CSP) forbids loading anything. Text from a tracer is escaped twice: first invisible
//! characters, then HTML.

use maud::{DOCTYPE, Markup, PreEscaped, Render, html};

use super::{Cell, Family, Mark, ScenarioRow, SubjectColumn, Sum, Table, short};
use crate::base::escape;
use crate::subject::cell::Found;

mod place; // the names of elements

use place::ElementName;

const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
/// The most findings that are shown for a cell. The JSON has all of them.
const FINDINGS: usize = 100;
/// The most characters that are shown of one text.
const CHARACTERS: usize = 5000;

/// Escapes text from a tracer.
struct Foreign<'t>(&'t str);

impl Render for Foreign<'_> {
    fn render_to(&self, buffer: &mut String) {
        escape::line(&short::text(self.0, CHARACTERS)).as_ref().render_to(buffer);
    }
}

/// The whole page.
pub fn page(table: &Table) -> String {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { "Conformance" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    (head(table))
                    (filter(table))
                    (grid(table))
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    markup.into_string()
}

fn head(table: &Table) -> Markup {
    let about = &table.about;
    html! {
        h1 { "Conformance" }
        p {
            (table.size()) "; "
            bdi { (Foreign(&about.machine)) } "; " bdi { (Foreign(&about.date)) }
        }
        p { "Again: " code { (Foreign(&about.command)) } }
        p { "A cell shows correct calls / claimed calls. It opens to what is not right." }
        ul.legend {
            @for mark in Mark::ALL {
                li { span.sign data-v=(mark.word()) { (mark.sign()) } " " b { (mark.word()) } ": " (mark.meaning()) }
            }
        }
    }
}

fn filter(table: &Table) -> Markup {
    html! {
        div.filter role="search" aria-label="Filter" {
            label { "Text " input #text type="search" autocomplete="off" spellcheck="false"; }
            label {
                "Subject "
                select #subject {
                    option value="" { "all" }
                    @for (column, subject) in table.subjects.iter().enumerate() {
                        option value=(column) { (Foreign(&titled(subject))) }
                    }
                }
            }
            label { input #only type="checkbox"; " only findings" }
            button #fold type="button" { "Close all" }
            output #count for="text subject only" { }
        }
    }
}

fn titled(SubjectColumn { name, version }: &SubjectColumn) -> String {
    let version = version.iter().map(|version| format!(" {}", short::version(version))).collect::<String>();
    format!("{name}{version}")
}

fn grid(table: &Table) -> Markup {
    let columns = table.subjects.len();
    html! {
        div.scroll role="region" aria-label="The table" tabindex="0" {
            table {
                thead { tr {
                    th scope="col" { "family" }
                    @for (column, subject) in table.subjects.iter().enumerate() { (heading(column, subject)) }
                } }
                tbody.all { tr {
                    th scope="row" { "all" }
                    @for column in 0..columns { td data-s=(column) { (signed(&table.sum(column))) } }
                } }
                @for (at, family) in table.families.iter().enumerate() {
                    @if family.is_hard() && (at == 0 || !table.families[at - 1].is_hard()) {
                        tbody.title { tr { th scope="rowgroup" colspan=(columns + 1) { span { "hard cases" } } } }
                    }
                    (of_family(table, at, family))
                }
            }
        }
    }
}

fn heading(column: usize, subject: &SubjectColumn) -> Markup {
    let version = subject.version.as_deref().unwrap_or_default();
    html! {
        th scope="col" data-s=(column) title=(Foreign(version)) {
            bdi { (Foreign(&subject.name)) }
            @if !version.is_empty() { " " small { (Foreign(&short::version(version))) } }
        }
    }
}

/// The sign and the numbers, and the same in words for a screen reader.
fn signed(sum: &Sum) -> Markup {
    let Some(mark) = sum.mark else {
        return html! { span.heard { (sum.long()) } };
    };
    let short = sum.short();
    html! {
        span.sign data-v=(mark.word()) title=(sum.long()) aria-hidden="true" { (short) }
        span.heard { (sum.long()) }
    }
}

fn of_family(table: &Table, at: usize, family: &Family) -> Markup {
    html! {
        tbody.family {
            tr.family {
                th scope="row" {
                    button.name type="button" aria-expanded="false" { (Foreign(&family.name)) }
                    " " small { (family.scenarios.len()) }
                }
                @for column in 0..table.subjects.len() {
                    td data-s=(column) { button.sum type="button" aria-expanded="false" { (signed(&Sum::of(family.cells(column)))) } }
                }
            }
            @for (row, scenario) in family.scenarios.iter().enumerate() {
                (of_scenario(table, ElementName { family: at, row }, scenario))
            }
        }
    }
}

fn of_scenario(table: &Table, place: ElementName, scenario: &ScenarioRow) -> Markup {
    let cells = || scenario.cells.iter().enumerate().filter_map(|(column, cell)| Some((column, cell.as_ref()?)));
    html! {
        tr.scenario {
            th scope="row" { bdi { (Foreign(&scenario.name)) } }
            @for (column, cell) in scenario.cells.iter().enumerate() {
                td data-s=(column) {
                    @if let Some(cell) = cell {
                        button.cell type="button" aria-expanded="false" aria-controls=(place.panel(column)) {
                            (signed(&Sum::of([cell])))
                        }
                    }
                }
            }
        }
        tr.found { td colspan=(table.subjects.len() + 1) { div.panels {
            @for (column, cell) in cells() { (panel(place, column, cell)) }
        } } }
    }
}

/// The details of a cell.
fn panel(place: ElementName, column: usize, cell: &Cell) -> Markup {
    let sum = Sum::of([cell]);
    let mark = Mark::of(cell);
    let is_finding = sum.findings > 0 || mark == Mark::SilentLoss;
    let (shown, left) = short::list(&cell.findings, FINDINGS);
    html! {
        details id=(place.panel(column)) data-s=(column) data-found[is_finding] {
            summary {
                span.sign data-v=(mark.word()) aria-hidden="true" { (mark.sign()) }
                " " bdi { (Foreign(&cell.subject)) } ", " bdi { (Foreign(&cell.scenario)) } ": " (sum.long())
            }
            @if let Some(why) = &cell.why { p { (Foreign(why)) } }
            @if cell.not_claimed > 0 { p { "Calls that it does not claim: " (cell.not_claimed) "." } }
            @if !shown.is_empty() { ol { @for found in shown { (finding(found)) } } }
            @if left > 0 { p { "… and " (left) " more: the JSON beside this page has them." } }
            p { "Again:" }
            pre { code { (Foreign(&cell.again)) } }
        }
    }
}

fn finding(found: &Found) -> Markup {
    let Found { kind, call, field, expected, said, raw, known } = found;
    html! {
        li {
            b { (Foreign(kind)) } " " code { (Foreign(call)) }
            @if let Some(field) = field { " " code { (Foreign(field)) } }
            dl {
                @if let Some(expected) = expected { dt { "expected" } dd { code { (Foreign(expected)) } } }
                dt { "shown" } dd { bdi { (Foreign(said)) } }
                @if let Some(raw) = raw { dt { "printed" } dd { code { (Foreign(raw)) } } }
                @if let Some(known) = known { dt { "known" } dd { bdi { (Foreign(known)) } } }
            }
        }
    }
}
