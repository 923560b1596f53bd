//! Makes a cell and a readable report from what a subject has reported.
//!
//! No I/O.

use std::fmt::Write;
use std::ops::RangeInclusive;

use super::cell::{Cell, Found, found, word};
use super::claims::takes_part;
use super::compare::{Compared, compare};
use super::judge::{Circumstances, SubjectVerdict, judge};
use super::seam::{Profile, Shown};
use super::window::{Fences, Window};
use crate::base::escape;
use crate::trace::call::Call;

/// What a subject has reported beside one scenario, or one command.
pub struct Stretch {
    /// Its report.
    pub shown: Shown,
    /// Its fences.
    pub fences: Fences,
    /// The fence before the calls.
    pub open: u64,
    /// The fences after the calls.
    pub closing: RangeInclusive<u64>,
    /// Whether the process ended before it could make the closing fences.
    pub is_at_end: bool,
    /// Why it does not trace, if it has reported no fence.
    pub blind: Option<String>,
}

/// The reference that a subject is judged by.
pub struct Evidence<'a> {
    /// The scenario, or the command.
    pub scenario: &'a str,
    /// The calls of the reference between the fences.
    pub reference: &'a [Call],
    /// The folder that the reference's paths are relative to.
    pub workspace: Option<&'a [u8]>,
    /// The fault of the reference, if it has one.
    pub objection: Option<String>,
    /// The command that reproduces the result.
    pub again: &'a str,
}

/// Judges a subject.
pub fn cell(profile: &Profile, stretch: Stretch, evidence: &Evidence) -> Cell {
    let Stretch { shown, fences, open, closing, is_at_end, blind } = stretch;
    let mut window = Window::of(shown.lines, &fences, open, closing.clone());
    // Lines that `ior-it` did not keep are not the subject's losses, but they cannot be judged.
    if shown.not_kept > 0 {
        window.losses.report(1);
    }
    let killed = shown.killed;
    let (claims, lines) = (&profile.claims, window.inside.as_slice());
    let Evidence { scenario, reference, workspace, .. } = *evidence;
    let compared = Compared { reference, lines, claims, workspace, takes_part: &takes_part };
    let comparison = compare(&compared);
    let objection = evidence.objection.clone();
    let verdict = match blind {
        Some(why) => SubjectVerdict::Blind(why),
        None => judge(&Circumstances { objection, window: &window, open, closing, is_at_end }, &comparison),
    };
    // Of a subject that does not trace, nothing is known of any call.
    let findings = match &verdict {
        SubjectVerdict::Blind(_) => Vec::new(),
        _ => found(scenario, &comparison, &compared, &profile.known),
    };
    let (word, why) = word(&verdict);
    Cell {
        subject: profile.name.clone(),
        version: profile.version.clone(),
        scenario: scenario.to_owned(),
        verdict: word.to_owned(),
        why: why.map(str::to_owned),
        claimed: comparison.claimed,
        right: comparison.right,
        not_claimed: comparison.not_claimed,
        findings,
        killed,
        again: evidence.again.to_owned(),
    }
}

/// The cell of a subject that did not run, with the reason.
pub fn skipped(profile: &Profile, scenario: &str, why: &str, again: &str) -> Cell {
    Cell { version: profile.version.clone(), ..Cell::unknown(&profile.name, scenario, why, again) }
}

/// The most findings that a report shows.
const SHOWN: usize = 20;

impl Cell {
    /// One of which nothing is known, and why.
    pub fn unknown(subject: &str, scenario: &str, why: &str, again: &str) -> Self {
        Self {
            subject: subject.to_owned(),
            version: None,
            scenario: scenario.to_owned(),
            verdict: word(&SubjectVerdict::Skip(String::new())).0.to_owned(),
            why: Some(why.to_owned()),
            claimed: 0,
            right: 0,
            not_claimed: 0,
            findings: Vec::new(),
            killed: false,
            again: again.to_owned(),
        }
    }

    /// Whether any finding has no known cause.
    pub fn has_unknown(&self) -> bool {
        self.findings.iter().any(|found| found.known.is_none())
    }

    /// The report for a reader.
    pub fn report(&self) -> String {
        let Cell { subject, version, scenario, verdict, why, claimed, right, findings, again, .. } = self;
        let version = version.as_deref().map(|version| format!(" ({})", escape::line(version))).unwrap_or_default();
        let mut report = format!("{scenario}: {subject}{version}: {verdict}\n");
        let mut say = |what: &str, said: &str| {
            // Writing into a string cannot fail.
            let _ = writeln!(report, "  {what:<12} {said}");
        };
        if let Some(why) = why {
            say("why", &escape::lines(why).replace("\n", "; "));
        }
        say("right", &format!("{right} of {claimed} calls that it claims"));
        for found in findings.iter().take(SHOWN) {
            found.say(&mut say);
        }
        if findings.len() > SHOWN {
            say("more", &format!("{} findings", findings.len() - SHOWN));
        }
        say("run again", again);
        report
    }
}

impl Found {
    fn say(&self, say: &mut impl FnMut(&str, &str)) {
        let Found { kind, call, expected, said, raw, known, .. } = self;
        let about = if call.is_empty() { String::new() } else { format!("{}: ", escape::line(call)) };
        say(kind, &format!("{about}{}", escape::line(said)));
        if let Some(expected) = expected {
            say("  made", &escape::line(expected));
        }
        if let Some(raw) = raw {
            say("  it printed", &escape::line(raw));
        }
        if let Some(known) = known {
            say("  known", &escape::line(known));
        }
    }
}
