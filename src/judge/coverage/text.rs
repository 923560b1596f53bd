//! The table for a terminal.

use std::collections::BTreeSet;

use comfy_table::{Table, TableStyle};

use super::{Coverage, Covered};

/// The table, what no table of `tests.toml` names, and what is missing.
pub fn text(coverage: &Coverage) -> String {
    let mut table = Table::new();
    table.load_style(TableStyle::new()).set_header(["call", "I/O", "row", "kernel", "succeeds in", "fails in"]);
    for call in &coverage.calls {
        table.add_row(row(call));
    }
    let mut lines: Vec<String> = table.to_string().lines().map(|line| line.trim().to_owned()).collect();
    lines.push("\nno scenario shows".to_owned());
    lines.extend(coverage.unshown.iter().map(|(what, names)| format!("  {what}: {}", names.join(" "))));
    lines.push(format!("\n{}", sum(coverage)));
    lines.extend(coverage.faults.iter().map(|fault| format!("  {fault}")));
    lines.join("\n")
}

fn row(call: &Covered) -> [String; 6] {
    let yes_or_no = |is: bool| if is { "yes" } else { "no" }.to_owned();
    let fails = call.fails.iter().map(|(errno, scenarios)| format!("{errno} {}", some(scenarios)));
    [
        call.name.clone(),
        call.io.map_or_else(|| "?".to_owned(), yes_or_no),
        yes_or_no(call.io.is_some()),
        call.in_kernel.map_or_else(|| "?".to_owned(), yes_or_no),
        some(&call.succeeds),
        fails.collect::<Vec<_>>().join(", "),
    ]
}

/// The first scenario, and how many besides.
fn some(scenarios: &BTreeSet<String>) -> String {
    match (scenarios.first(), scenarios.len()) {
        (None, _) => "-".to_owned(),
        (Some(first), 1) => first.clone(),
        (Some(first), all) => format!("{first} +{}", all - 1),
    }
}

fn sum(coverage: &Coverage) -> String {
    let io = || coverage.calls.iter().filter(|call| call.io == Some(true));
    let both = io().filter(|call| !call.succeeds.is_empty() && !call.fails.is_empty()).count();
    let faults = coverage.faults.len();
    format!("{both} of {} I/O calls are seen to succeed and to fail; {faults} faults", io().count())
}
