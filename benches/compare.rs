//! The cost of a system call under the tools that record every call. In each round the tools follow each other, with the same
//! loop in the same program.
//!
//! `make compare` prints the table, and writes it into docs/performance.md and as docs/performance.svg; `cargo bench --bench
//! compare` only prints it. Tools that are not installed, or cannot trace on this machine, are named as absent.

mod support;

use support::Failure;
use support::rounds::{markdown, median};
use support::tools::{LOOPS, Tool, work_if_told};
use support::{plot, tools};

const ROUNDS: usize = 7;
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/performance.md");
const PLOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/performance.svg");
const BEGIN: &str = "<!-- make compare: begin -->\n";
const END: &str = "<!-- make compare: end -->";

/// The measurement of a tool: for each loop the nanoseconds of a call, and how many of the calls it reported.
struct Row {
    tool: Tool,
    ns: [Vec<f64>; LOOPS.len()],
    shown: String,
}

fn main() -> Result<(), Failure> {
    if work_if_told()? {
        return Ok(());
    }
    let mut tools = tools::Tools::load()?;
    let (mut rows, mut absent) = (Vec::new(), Vec::new());
    for tool in Tool::ALL {
        match tools.refusal(tool) {
            None => rows.push(Row { tool, ns: Default::default(), shown: String::new() }),
            Some(reason) => absent.push((tool, reason)),
        }
    }
    for _ in 0..ROUNDS {
        for (number, _) in LOOPS.iter().enumerate() {
            for row in &mut rows {
                row.ns[number].push(tools.ns_per_call(row.tool, number)?);
            }
        }
    }
    for row in &mut rows {
        row.shown = tools.shown(row.tool)?;
    }
    let table = table(&rows, &absent);
    println!("\n{table}");
    if std::env::args().any(|argument| argument == "--write") {
        write(&table)?;
        let bars = rows.iter().map(|row| (row.tool.name(), [median(&row.ns[0]), median(&row.ns[1])]));
        plot::bars(PLOT, "ns per system call (logarithmic)", &LOOPS, &bars.collect::<Vec<_>>())?;
        println!("written: {PAGE}, {PLOT}");
    }
    Ok(())
}

fn table(rows: &[Row], absent: &[(Tool, &'static str)]) -> String {
    let of = |tool: Tool, number: usize| {
        rows.iter().find(|row| row.tool == tool).map_or(f64::NAN, |row| median(&row.ns[number]))
    };
    let mut lines: Vec<Vec<String>> = Vec::new();
    for row in rows {
        let mut cells = vec![row.tool.name().to_owned()];
        for number in 0..LOOPS.len() {
            let ns = median(&row.ns[number]);
            let times = |base: f64| format!("{:.*}×", if ns / base < 10.0 { 2 } else { 0 }, ns / base);
            cells.extend([format!("{ns:.0}"), times(of(Tool::Bare, number)), times(of(Tool::Watched, number))]);
        }
        cells.push(row.shown.clone());
        lines.push(cells);
    }
    for (tool, reason) in absent {
        let dashes = vec!["–".to_owned(); 3 * LOOPS.len()];
        lines.push([vec![tool.name().to_owned()], dashes, vec![(*reason).to_owned()]].concat());
    }
    let loops = LOOPS.iter().flat_map(|name| [format!("{name}: ns per call"), "/ bare".into(), "/ ior-it".into()]);
    let header: Vec<String> = ["under".to_owned()].into_iter().chain(loops).chain(["calls shown".into()]).collect();
    markdown(&header.iter().map(String::as_str).collect::<Vec<_>>(), &lines)
}

/// Replaces the text between the marks.
fn write(table: &str) -> Result<(), Failure> {
    let page = std::fs::read_to_string(PAGE)?;
    let (before, rest) = page.split_once(BEGIN).ok_or("docs/performance.md has no mark for the begin of the table")?;
    let (_, after) = rest.split_once(END).ok_or("docs/performance.md has no mark for the end of the table")?;
    Ok(std::fs::write(PAGE, format!("{before}{BEGIN}\n{table}\n{END}{after}"))?)
}
