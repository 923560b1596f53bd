//! Shows BPF and the witness side by side where they differ.

use super::lines::{LineMark, Report, ReportLine};
use super::wrap::{WIDTH, wrapped};
use super::{MOST_LISTED, MOST_READ, entry, finished, plain};
use crate::child::ending::Ending;
use crate::judge::agreement::{self, Discrepancy, Mismatch};
use crate::judge::cause::FailureCause;
use crate::trace::show;
use crate::trace::testimony::{Seen, Testimony};
use crate::trace::whole::Trace;

/// How many equal calls are shown before and after the first difference.
const BEFORE: usize = 6;
const AFTER: usize = 6;
/// The columns left of the two sides.
const INDENT: usize = 4;
const SIDE: usize = (WIDTH - INDENT - GUTTER.len()) / 2;
const GUTTER: &str = " | ";

/// Both observations of a scenario, and how they differ.
#[derive(Clone, Copy, Debug)]
pub struct AgreementFailure<'a> {
    /// The scenario's name.
    pub scenario: &'a str,
    /// How the workload ended.
    pub ending: &'a Ending,
    /// What BPF saw.
    pub trace: &'a Trace,
    /// What the witness saw.
    pub testimony: &'a Testimony,
    /// The differences: at least one.
    pub disagreements: &'a [Discrepancy],
    /// The command that runs it again.
    pub rerun: &'a str,
}

/// The report on a scenario that BPF and the witness saw differently.
pub fn disagreement(it: &AgreementFailure) -> Report {
    let mut lines: Vec<ReportLine> =
        vec![format!("{}: BPF and the witness (ptrace) did not see the same", it.scenario).into()];
    let counts = [it.trace.calls.len(), it.testimony.calls.len()];
    lines.extend(entry("workload", &it.ending.to_string()));
    lines.extend(entry("calls", &format!("{} seen by BPF, {} seen by ptrace", counts[0], counts[1])));
    lines.push(ReportLine::empty());
    lines.extend(side_by_side(it));
    lines.extend(others(it));
    finished(lines, it.rerun).with_cause(it.disagreements.first().map(|first| cause(first, it)))
}

fn cause(first: &Discrepancy, it: &AgreementFailure) -> FailureCause {
    let by_ptrace = |at: usize| it.testimony.calls[at].call.name();
    let (call, what) = match first {
        Discrepancy::OnlyBpf { bpf } => (it.trace.calls[*bpf].name(), "seen by BPF alone".to_owned()),
        Discrepancy::OnlyPtrace { ptrace } | Discrepancy::MoreByPtrace { ptrace, .. } => {
            (by_ptrace(*ptrace), "seen by ptrace alone".to_owned())
        }
        Discrepancy::Unlike { bpf, fields, .. } => {
            let what = fields.first().map_or(String::new(), |field| field.what.to_string());
            (it.trace.calls[*bpf].name(), format!("{what} unlike ptrace's"))
        }
    };
    FailureCause { title: format!("{call}: {what}"), call: Some(call), place: None }
}

/// The thread of the first difference, around that difference.
fn side_by_side(it: &AgreementFailure) -> Vec<ReportLine> {
    let Some(first) = it.disagreements.first() else { return Vec::new() };
    let tid = match *first {
        Discrepancy::OnlyBpf { bpf } | Discrepancy::Unlike { bpf, .. } => it.trace.calls[bpf].tid,
        Discrepancy::OnlyPtrace { ptrace } | Discrepancy::MoreByPtrace { ptrace, .. } => {
            it.testimony.calls[ptrace].call.tid
        }
    };
    let (bpf, ptrace) = agreement::threads(it.trace, it.testimony).remove(&tid).unwrap_or_default();
    let rows = rows(&bpf, &ptrace, it.disagreements);
    let at = rows.iter().position(|row| row.2.is_some()).unwrap_or_default();
    let shown = at.saturating_sub(BEFORE)..rows.len().min(at + 1 + AFTER);
    let mut lines = plain(two_columns(' ', &format!("seen by BPF (thread {tid})"), "seen by ptrace"));
    if shown.start > 0 {
        lines.push(format!("{:INDENT$}{} before, alike", "", shown.start).into());
    }
    for (place, (bpf, ptrace, disagreement)) in rows.iter().enumerate().take(shown.end).skip(shown.start) {
        let mark = if disagreement.is_some() { '!' } else { ' ' };
        let left = bpf.map_or("-".to_owned(), |at| show::call(&it.trace.calls[at]));
        let right =
            ptrace.map_or("-".to_owned(), |at| seen(&it.testimony.calls[at], bpf.map(|at| &it.trace.calls[at])));
        let marked = if mark == '!' { LineMark::Observed } else { LineMark::Plain };
        lines.extend(two_columns(mark, &left, &right).iter().map(|line| ReportLine::marked(marked, line)));
        if let (Some(disagreement), true) = (disagreement, place == at) {
            let sentences = sentences(disagreement, it);
            let pointed = sentences.iter().flat_map(|text| wrapped(&format!("^ {text}"), "      ", "        "));
            lines.extend(pointed.map(|line| ReportLine::marked(LineMark::Pointer, &line)));
        }
    }
    if shown.end < rows.len() {
        lines.push(format!("{:INDENT$}and so on, {} more", "", rows.len() - shown.end).into());
    }
    lines
}

/// A call from BPF, the one from the witness, and the difference.
type SideBySide<'d> = (Option<usize>, Option<usize>, Option<&'d Discrepancy>);

/// The calls of one thread. Both views of one call are paired.
fn rows<'d>(bpf: &[usize], ptrace: &[usize], disagreements: &'d [Discrepancy]) -> Vec<SideBySide<'d>> {
    let mut rows = Vec::new();
    let (mut left, mut right) = (bpf.iter().copied().peekable(), ptrace.iter().copied().peekable());
    loop {
        let (b, p) = (left.peek().copied(), right.peek().copied());
        let found = disagreements.iter().find(|disagreement| match disagreement {
            Discrepancy::OnlyBpf { bpf } => Some(*bpf) == b,
            Discrepancy::OnlyPtrace { ptrace } | Discrepancy::MoreByPtrace { ptrace, .. } => Some(*ptrace) == p,
            Discrepancy::Unlike { bpf, ptrace, .. } => (Some(*bpf), Some(*ptrace)) == (b, p),
        });
        let (b, p) = match (found, b, p) {
            (_, None, None) => return rows,
            (Some(Discrepancy::OnlyBpf { .. }), _, _) => (left.next(), None),
            (Some(Discrepancy::OnlyPtrace { .. } | Discrepancy::MoreByPtrace { .. }), _, _) => (None, right.next()),
            (Some(Discrepancy::Unlike { .. }) | None, _, _) => (left.next(), right.next()),
        };
        rows.push((b, p, found));
    }
}

/// A call as the witness saw it. The names of files come from BPF alone, and so both sides show BPF's names.
fn seen(seen: &Seen, bpf: Option<&crate::trace::call::Call>) -> String {
    let mut call = seen.call.clone();
    if let Some(bpf) = bpf {
        call.files = bpf.files.clone();
    }
    show::call(&call)
}

/// Two texts side by side, each wrapped in its own column.
fn two_columns(mark: char, left: &str, right: &str) -> Vec<String> {
    let (left, right) = (folded(left), folded(right));
    let line = |at: usize| {
        let side = |texts: &[String]| texts.get(at).cloned().unwrap_or_default();
        let mark = if at == 0 { mark } else { ' ' };
        format!("  {mark} {:SIDE$}{GUTTER}{}", side(&left), side(&right))
    };
    (0..left.len().max(right.len())).map(line).collect()
}

/// A text in lines as wide as one side.
fn folded(text: &str) -> Vec<String> {
    wrapped(text, &" ".repeat(WIDTH - SIDE), &" ".repeat(WIDTH - SIDE + 2))
        .into_iter()
        .map(|line| line[WIDTH - SIDE..].to_owned())
        .collect()
}

/// Every difference but the first, one on each line.
fn others(it: &AgreementFailure) -> Vec<ReportLine> {
    let rest = &it.disagreements[1..];
    if rest.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![ReportLine::empty(), "the other differences:".to_owned().into()];
    let sentences: Vec<String> =
        rest.iter().take(MOST_READ).flat_map(|disagreement| sentences(disagreement, it)).take(MOST_LISTED).collect();
    lines.extend(sentences.iter().flat_map(|sentence| plain(wrapped(sentence, "  ", "      "))));
    if rest.len() > sentences.len() {
        lines.push(format!("  and {} more", rest.len() - sentences.len()).into());
    }
    lines
}

fn sentences(disagreement: &Discrepancy, it: &AgreementFailure) -> Vec<String> {
    let by_ptrace = |at: usize| show::call(&it.testimony.calls[at].call);
    match disagreement {
        Discrepancy::OnlyBpf { bpf } => vec![format!("seen by BPF alone: {}", show::call(&it.trace.calls[*bpf]))],
        Discrepancy::OnlyPtrace { ptrace } => vec![format!("seen by ptrace alone: {}", by_ptrace(*ptrace))],
        Discrepancy::MoreByPtrace { ptrace, count } => {
            vec![format!("seen by ptrace alone: {count} calls from {} on", by_ptrace(*ptrace))]
        }
        Discrepancy::Unlike { bpf, fields, .. } => {
            let name = it.trace.calls[*bpf].name();
            let say = |Mismatch { what, bpf, ptrace, source }: &Mismatch| {
                format!("{name}, {what}: {bpf} by {source}, {ptrace} by ptrace")
            };
            fields.iter().map(say).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use snapbox::{assert_data_eq, str};

    use super::*;
    use crate::child::ending::{How, Phase};
    use crate::judge::agreement::tests::both;
    use crate::trace::call::Outcome;

    fn report(change: fn(&mut Trace)) -> Report {
        let (mut trace, testimony) = both();
        change(&mut trace);
        let disagreements = agreement::compare(&trace, &testimony, Some(b"/ws"));
        disagreement(&AgreementFailure {
            scenario: "open-basic",
            ending: &Ending { phase: Phase::Act, how: How::Finished },
            trace: &trace,
            testimony: &testimony,
            disagreements: &disagreements,
            rerun: "sudo ./ior-it --witness --exact --filter open-basic",
        })
    }

    #[test]
    fn both_sides_stand_beside_each_other() {
        let said = report(|trace| {
            trace.calls[1].outcome = Outcome::Returned(6);
            trace.calls[2].args[0] = 4;
        });
        assert_data_eq!(
            said.to_string(),
            str![[r#"
open-basic: BPF and the witness (ptrace) did not see the same
  workload     finished
  calls        4 seen by BPF, 4 seen by ptrace

    seen by BPF (thread 1)                         | seen by ptrace
    openat(AT_FDCWD, "a.txt", O_RDWR) = 3          | openat(AT_FDCWD, "a.txt", O_RDWR) = 3
  ! read(3<a.txt>, 0x2000, 5) = 6                  | read(3<a.txt>, 0x2000, 5) = 5
      ^ read, result: 6 by BPF, 5 by ptrace
  ! close(4<a.txt>) = 0                            | close(3<a.txt>) = 0
    exit_group(0) = ?                              | exit_group(0) = ?

the other differences:
  close, argument 1 (fd): 0x4 by BPF, 0x3 by ptrace

  run again    sudo ./ior-it --witness --exact --filter open-basic

"#]]
        );
    }

    #[test]
    fn what_one_side_lacks_is_a_dash() {
        let said = report(|trace| drop(trace.calls.remove(1)));
        assert_data_eq!(
            said.to_string(),
            str![[r#"
open-basic: BPF and the witness (ptrace) did not see the same
  workload     finished
  calls        3 seen by BPF, 4 seen by ptrace

    seen by BPF (thread 1)                         | seen by ptrace
    openat(AT_FDCWD, "a.txt", O_RDWR) = 3          | openat(AT_FDCWD, "a.txt", O_RDWR) = 3
  ! -                                              | read(3<a.txt>, 0x2000, 5) = 5
      ^ seen by ptrace alone: read(3<a.txt>, 0x2000, 5) = 5
    close(3<a.txt>) = 0                            | close(3<a.txt>) = 0
    exit_group(0) = ?                              | exit_group(0) = ?

  run again    sudo ./ior-it --witness --exact --filter open-basic

"#]]
        );
    }
}
