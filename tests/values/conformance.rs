//! The conformance table as text, Markdown, JSON and a page. No tracer can forge any part of it.
//!
//! The expected output is in `tests/golden/conformance`. `SNAPSHOTS=overwrite cargo test` writes it again.

mod sample;

use ior_it::support::base::place::Folder;
use ior_it::support::subject::cell::{Cell, word};
use ior_it::support::subject::conformance::files::{self, JSON, MARKDOWN, PAGE};
use ior_it::support::subject::conformance::json::{json, parse};
use ior_it::support::subject::conformance::markdown::markdown;
use ior_it::support::subject::conformance::page::page;
use ior_it::support::subject::conformance::progress::progress;
use ior_it::support::subject::conformance::text::text;
use ior_it::support::subject::conformance::{Mark, Sum, Table};
use ior_it::support::subject::judge::SubjectVerdict;
use snapbox::{assert_data_eq, file};
use textwrap::core::display_width;

#[test]
fn text_is_as_it_was() {
    assert_data_eq!(text(&sample::table(), 100), file!["../golden/conformance/wide.txt"].raw());
    assert_data_eq!(text(&sample::table(), 40), file!["../golden/conformance/narrow.txt"].raw());
}

#[test]
fn markdown_is_as_it_was() {
    assert_data_eq!(markdown(&sample::table()), file!["../golden/conformance/conformance.md"].raw());
}

#[test]
fn json_is_as_it_was_and_comes_back() {
    let table = sample::table();
    let cells: Vec<Cell> = sample::cells().into_iter().filter(|cell| cell.scenario == "fd-reuse").collect();
    let small = Table::new(cells, sample::family_of, sample::about());
    assert_data_eq!(json(&small), file!["../golden/conformance/conformance.json"].raw());
    for table in [table, small, sample::hostile(), Table::new(Vec::new(), str::to_owned, sample::about())] {
        assert_eq!(parse(&json(&table)).unwrap(), table);
    }
}

#[test]
fn json_of_another_kind_is_refused_with_the_reason() {
    let of_table = json(&sample::table());
    let rows = [
        ("".to_owned(), "this is no conformance table: EOF"),
        ("{}".to_owned(), "missing field `version`"),
        (of_table.replacen("\"version\": 1", "\"version\": 2", 1), "has version 2; this ior-it reads version 1"),
        (of_table.replacen("\"cells\"", "\"sells\"", 1), "missing field `cells`"),
    ];
    for (text, expected) in rows {
        let error = parse(&text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    // An unknown key is not an error.
    assert!(parse(&of_table.replacen("\"about\"", "\"later\": 1, \"about\"", 1)).is_ok());
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for width in [30, 40, 60, 80, 120] {
        let text = text(&sample::table(), width);
        let wide: Vec<&str> = text.lines().filter(|line| display_width(line) > width).collect();
        assert!(wide.is_empty(), "{width}: {wide:#?}");
    }
}

#[test]
fn each_verdict_has_a_sign_of_its_own() {
    let why = String::new;
    let verdicts = [
        SubjectVerdict::Pass,
        SubjectVerdict::Fail,
        SubjectVerdict::SilentLoss,
        SubjectVerdict::Inconclusive(why()),
        SubjectVerdict::Blind(why()),
        SubjectVerdict::Skip(why()),
        SubjectVerdict::NotClaimed,
    ];
    let marks = verdicts.map(|verdict| Mark::of(&sample::cell(("x", None), "y", word(&verdict).0, 0, 0)));
    assert_eq!(marks, Mark::ALL);
    let signs: std::collections::BTreeSet<char> = marks.map(Mark::sign).into();
    assert_eq!(signs.len(), marks.len());
}

#[test]
fn of_cells_in_the_same_place_the_worst_stays() {
    let cell = |verdict, right| sample::cell(("perf", Some("1")), "open-basic", verdict, right, 9);
    let cells = ["pass", "fail", "pass"].into_iter().zip([9, 8, 7]).map(|(verdict, right)| cell(verdict, right));
    let table = Table::new(cells.collect(), sample::family_of, sample::about());
    assert_eq!(table.families[0].scenarios[0].cells, [Some(cell("fail", 8))]);
}

#[test]
fn only_what_can_be_said_is_counted() {
    let cell = |verdict, right, claimed| sample::cell(("perf", None), "x", verdict, right, claimed);
    let cells = [cell("pass", 4, 4), cell("fail", 1, 3), cell("inconclusive", 1, 100), cell("skip", 0, 0)];
    let sum = Sum::of(&cells);
    assert_eq!((sum.right, sum.claimed, sum.passed, sum.judged, sum.mark), (5, 7, 1, 2, Some(Mark::Fail)));
    assert_eq!((sum.short().as_str(), Sum::of(&cells[2..]).short().as_str()), ("✗ 5/7", "?"));
}

#[test]
fn a_version_is_a_column_and_a_subject_without_one_joins_its_name() {
    let cell = |version, scenario| sample::cell(("perf", version), scenario, "pass", 1, 1);
    let cells =
        vec![cell(None, "a"), cell(Some("2"), "b"), cell(Some("1"), "b"), sample::cell(("x", None), "a", "skip", 0, 0)];
    let table = Table::new(cells, sample::family_of, sample::about());
    let columns: Vec<_> =
        table.subjects.iter().map(|subject| (subject.name.as_str(), subject.version.as_deref())).collect();
    assert_eq!(columns, [("perf", Some("2")), ("perf", Some("1")), ("x", None)]);
    assert_eq!(table.cells(0).count(), 2);
}

#[test]
fn progress_is_one_line() {
    let cells = sample::cells();
    let line = |at: usize, so_far| progress(at + 1, 190, &cells[at], so_far);
    let rows = [
        (line(0, 0), "[  1/190] ✓ strace fd-reuse: pass, 4 of 4 calls right"),
        (line(1, 1), "[  2/190] ✗ perf fd-reuse: fail, 3 of 4 calls right, 1 finding, known (1 finding so far)"),
        (line(3, 17), "[  4/190] ? lurk fd-reuse: inconclusive: it says that it has lost 7 (17 findings so far)"),
    ];
    for (line, expected) in rows {
        assert_eq!(line, expected);
    }
    let (_, cell) = sample::hostile().cells(0).map(|(family, cell)| (family.clone(), cell.clone())).next().unwrap();
    assert_is_plain(&progress(1, 2, &cell, 3), "progress");
    assert_eq!(progress(1, 2, &cell, 3).lines().count(), 1);
}

/// A terminal shows it unchanged, and no line in it is forged.
fn assert_is_plain(text: &str, what: &str) {
    let unseen = |one: char| matches!(one, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
    let obeyed = text.chars().find(|&one| one != '\n' && (one.is_control() || unseen(one)));
    assert_eq!(obeyed, None, "{what}");
    assert!(!text.lines().any(|line| line.trim_start().starts_with("FORGED")), "{what}:\n{text}");
}

#[test]
fn nothing_that_a_tracer_says_is_obeyed() {
    let table = sample::hostile();
    let (text, markdown, json, page) = (text(&table, 10_000), markdown(&table), json(&table), page(&table));
    for (what, shown) in [("text", &text), ("markdown", &markdown), ("json", &json), ("page", &page)] {
        assert_is_plain(shown, what);
    }
    // Each field is shown, and as text: the fields are numbered.
    for at in 1..=16 {
        assert!(page.contains(&format!("{at}\\u{{1b}}[31m")), "the page has no field {at}");
    }
    let own = self::page(&Table::new(Vec::new(), str::to_owned, sample::about()));
    for tag in ["<script", "</script", "<style", "</style", "<title", "</title", "<img", "<a "] {
        assert_eq!(page.matches(tag).count(), own.matches(tag).count(), "{tag}");
    }
    assert!(!page.contains("onerror=\"") && page.contains("onerror=&quot;"));
}

/// The parts of this Markdown outside of code spans. A span ends with as many backticks as it began with.
fn outside_of_code(line: &str) -> String {
    let (mut rest, mut outside) = (line, String::new());
    while let Some(start) = rest.find('`') {
        outside += &rest[..start];
        let fence: String = rest[start..].chars().take_while(|&one| one == '`').collect();
        rest = &rest[start + fence.len()..];
        let mut at = 0;
        loop {
            let next = at + rest[at..].find('`').unwrap_or_else(|| panic!("a span has no end: {line}"));
            let run = rest[next..].chars().take_while(|&one| one == '`').count();
            at = next + run;
            if run == fence.len() {
                break;
            }
        }
        rest = &rest[at..];
    }
    outside + rest
}

#[test]
fn markdown_has_what_tracers_say_in_code_alone() {
    let markdown = markdown(&sample::hostile());
    for line in markdown.lines() {
        let outside = outside_of_code(line);
        assert!(!outside.contains(['<', '[', '@', '\\', '&']), "{outside}");
    }
    let cells = |line: &str| line.matches('|').count();
    let rows: Vec<usize> = markdown.lines().filter(|line| line.starts_with('|')).map(cells).collect();
    assert!(rows.len() >= 4 && rows.iter().all(|&cells| cells == 3), "{rows:?}");
}

#[test]
fn what_is_much_is_cut_in_what_people_read_and_whole_in_json() {
    let table = sample::table();
    assert!(page(&table).contains("… and 103 more: the JSON beside this page has them."));
    assert!(markdown(&table).contains("… and 198 more."));
    let burst = parse(&json(&table)).unwrap().cells(2).map(|(_, cell)| cell.findings.len()).max();
    assert_eq!(burst, Some(203));
}

#[test]
fn the_page_names_nothing_to_load() {
    let page = page(&sample::table());
    for word in
        ["src=", "href=", "url(", "@import", "http:", "https:", "<link", "import(", "fetch(", "innerHTML", "eval("]
    {
        assert!(!page.contains(word), "{word}");
    }
    assert!(page.contains("content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"));
}

#[test]
fn all_files_are_written_and_replaced() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("a/b");
    let folder: Folder = files::prepare(&path).unwrap();
    std::fs::write(path.join(PAGE), "old").unwrap();
    let table = sample::table();
    let written = files::write(&folder, &table).unwrap();
    assert_eq!(written, [MARKDOWN, JSON, PAGE].map(|name| path.join(name)));
    assert_eq!(std::fs::read_to_string(path.join(PAGE)).unwrap(), page(&table));
    assert_eq!(parse(&std::fs::read_to_string(path.join(JSON)).unwrap()).unwrap(), table);
    assert_eq!(std::fs::read_to_string(path.join(MARKDOWN)).unwrap(), markdown(&table));
    assert_eq!(std::fs::read_dir(&path).unwrap().count(), 3, "nothing else is left");
    let file = temp.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(files::prepare(&file).unwrap_err().to_string().contains("no conformance table could be written"));
}
