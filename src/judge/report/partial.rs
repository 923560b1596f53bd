//! Shows which entries of `present` and `absent` do not hold.

use super::lines::{LineMark, ReportLine};
use super::whole::field;
use super::wrap::wrapped;
use super::{MOST_LISTED, plain};
use crate::judge::expectation::{Body, ExpectedCall, Present, Times};
use crate::judge::matcher::Difference;
use crate::trace::show;
use crate::trace::whole::Trace;

/// The most observed calls that are shown.
const MOST_CALLS: usize = 30;

/// The entries that do not hold, and the calls that were observed.
pub(super) fn list(
    body: &Body,
    file: &str,
    trace: &Trace,
    compared: &[usize],
    differences: &[Difference],
) -> Vec<ReportLine> {
    let Body::Partial { present, absent } = body else { return Vec::new() };
    let mut lines = vec![ReportLine::empty()];
    let listed = differences.iter().take(MOST_LISTED);
    lines.extend(listed.flat_map(|difference| lines_of(difference, present, absent, file, trace)));
    if differences.len() > MOST_LISTED {
        lines.push(format!("  and {} more differences", differences.len() - MOST_LISTED).into());
    }
    lines.push(ReportLine::empty());
    lines.push(format!("observed, {} in all:", compared.len()).into());
    for &at in compared.iter().take(MOST_CALLS) {
        lines.extend(plain(wrapped(&show::call(&trace.calls[at]), "    ", "        ")));
    }
    if compared.len() > MOST_CALLS {
        lines.push(format!("    and {} more", compared.len() - MOST_CALLS).into());
    }
    lines
}

fn lines_of(
    difference: &Difference,
    present: &[Present],
    absent: &[ExpectedCall],
    file: &str,
    trace: &Trace,
) -> Vec<ReportLine> {
    let observed = |at: usize| show::call(&trace.calls[at]);
    let shown = |call: &ExpectedCall| {
        marked(LineMark::Expected, wrapped(&format!("{file}:{}  {}", call.line, call.source()), "  ", "      "))
    };
    let pointed = |text: &str| marked(LineMark::Pointer, wrapped(text, "    ^ ", "      "));
    match difference {
        Difference::Count { present: at, found, nearest } => {
            let entry = &present[*at];
            let wanted = match entry.times {
                Times::AtLeast(count) => format!("at least {count}"),
                Times::Exactly(count) => format!("exactly {count}"),
            };
            let mut lines = shown(&entry.call);
            lines.extend(pointed(&format!("expected {wanted}, found {found}")));
            if let Some((at, fields)) = nearest {
                let fields: Vec<String> = fields.iter().map(|one| field(one, fields)).collect();
                lines.extend(pointed(&format!("the nearest is {}: {}", observed(*at), fields.join("; "))));
            }
            lines
        }
        Difference::Unwanted { absent: at, observed: first, count } => {
            let mut lines = shown(&absent[*at]);
            lines.extend(pointed(&format!("expected none, found {count}: {}", observed(*first))));
            lines
        }
        Difference::Contradicted { observed: at, field: wrong } => {
            let mut lines = marked(LineMark::Observed, wrapped(&observed(*at), "  ", "      "));
            lines.extend(pointed(&field(wrong, &[])));
            lines
        }
        Difference::Missing { .. }
        | Difference::Extra { .. }
        | Difference::Swapped { .. }
        | Difference::Wrong { .. }
        | Difference::MoreExtra { .. } => {
            vec!["  BUG: a difference of `calls` in `present` and `absent`".to_owned().into()]
        }
    }
}

fn marked(mark: LineMark, lines: Vec<String>) -> Vec<ReportLine> {
    lines.iter().map(|line| ReportLine::marked(mark, line)).collect()
}
