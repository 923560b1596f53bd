//! The result of one subject in one scenario, as data for reports and for the conformance table.
//!
//! No I/O.

use serde::{Deserialize, Serialize};

use super::compare::{Compared, Finding, SubjectComparison};
use super::facts::Wrongness;
use super::json::Line;
use super::judge::{KnownFault, SubjectVerdict};
use crate::trace::show;

/// One subject in one scenario, or beside one command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// The subject.
    pub subject: String,
    /// Its version, as it prints it.
    pub version: Option<String>,
    /// The scenario, or the command.
    pub scenario: String,
    /// `pass`, `fail`, `silent loss`, `inconclusive`, `blind`, `skip` or `not claimed`.
    pub verdict: String,
    /// The reason for an inconclusive, blind or skip verdict.
    pub why: Option<String>,
    /// How many of the calls the subject claims to report.
    pub claimed: usize,
    /// How many of the claimed calls it reports with every claimed field right.
    pub right: usize,
    /// How many calls it does not claim.
    pub not_claimed: usize,
    /// The findings, in order.
    pub findings: Vec<Found>,
    /// Whether it had to be killed, because it did not end when it was asked to.
    #[serde(skip)]
    pub killed: bool,
    /// The command that reproduces the result.
    pub again: String,
}

/// One fault in a subject's report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// `missing`, `extra`, `twice`, `out of order`, `absent`, `wrong`, `cut` or `garbled`.
    pub kind: String,
    /// The call.
    pub call: String,
    /// The wrong field, if the call itself was reported.
    pub field: Option<String>,
    /// The call as it was made, in strace's notation.
    pub expected: Option<String>,
    /// The fault, in words.
    pub said: String,
    /// What the subject printed.
    pub raw: Option<String>,
    /// The cause, if the fault is known.
    pub known: Option<String>,
}

/// The findings of a comparison, as data. `scenario` selects the known faults of one scenario.
pub fn found(scenario: &str, comparison: &SubjectComparison, compared: &Compared, known: &[KnownFault]) -> Vec<Found> {
    let one = |finding: &Finding| {
        let call = finding.call(compared);
        let known = |about: &str| {
            let entry = known.iter().find(|known| known.explains(scenario, &call, about));
            entry.map(|known| known.why.clone())
        };
        let (reference, line) = places(finding);
        let expected = reference.map(|at| show::call(&compared.reference[at]));
        let raw = line.and_then(|at| raw(&compared.lines[at]));
        let (kind, said) = match finding {
            Finding::Missing { .. } => ("missing", "it does not show this call"),
            Finding::Extra { .. } => ("extra", "the program did not make this call"),
            Finding::Twice { .. } => ("twice", "it shows this call once more"),
            Finding::OutOfOrder { .. } => ("out of order", "it shows this call in another place"),
            Finding::Garbled { line } => ("garbled", why_garbled(&compared.lines[*line])),
            Finding::Differs { fields, .. } => {
                let differing = |field: &super::compare::FieldFinding| Found {
                    kind: kind(field.kind).to_owned(),
                    call: call.clone(),
                    field: Some(field.field.to_owned()),
                    expected: expected.clone(),
                    said: field.to_string(),
                    raw: raw.clone(),
                    known: known(field.field),
                };
                return fields.iter().map(differing).collect();
            }
        };
        let known = known(finding.about()[0]);
        vec![Found {
            kind: kind.to_owned(),
            call: call.clone(),
            field: None,
            expected,
            said: said.to_owned(),
            raw,
            known,
        }]
    };
    comparison.findings.iter().flat_map(one).collect()
}

fn kind(kind: Wrongness) -> &'static str {
    match kind {
        Wrongness::Absent => "absent",
        Wrongness::Wrong => "wrong",
        Wrongness::Cut => "cut",
    }
}

/// The place of a finding's call in the reference, and of its line.
fn places(finding: &Finding) -> (Option<usize>, Option<usize>) {
    match *finding {
        Finding::Missing { reference } => (Some(reference), None),
        Finding::Extra { line } | Finding::Garbled { line } => (None, Some(line)),
        Finding::Twice { reference, line }
        | Finding::OutOfOrder { reference, line }
        | Finding::Differs { reference, line, .. } => (Some(reference), Some(line)),
    }
}

fn raw(line: &Line) -> Option<String> {
    let bytes = match line {
        Line::Call(said) => said.raw.as_slice(),
        Line::Garbled { raw, .. } => raw.as_slice(),
        Line::Lost(_) | Line::Note(_) => return None,
    };
    Some(String::from_utf8_lossy(bytes).into_owned()).filter(|raw| !raw.is_empty())
}

fn why_garbled(line: &Line) -> &str {
    if let Line::Garbled { why, .. } = line { why } else { "" }
}

/// The word for a verdict, and the reason if it is not a pass or a failure.
pub fn word(verdict: &SubjectVerdict) -> (&'static str, Option<&str>) {
    match verdict {
        SubjectVerdict::Pass => ("pass", None),
        SubjectVerdict::Fail => ("fail", None),
        SubjectVerdict::SilentLoss => ("silent loss", None),
        SubjectVerdict::Inconclusive(why) => ("inconclusive", Some(why)),
        SubjectVerdict::Blind(why) => ("blind", Some(why)),
        SubjectVerdict::Skip(why) => ("skip", Some(why)),
        SubjectVerdict::NotClaimed => ("not claimed", None),
    }
}
