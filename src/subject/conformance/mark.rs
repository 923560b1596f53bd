//! A verdict as a sign that needs no colour.

use super::Cell;

/// The verdicts, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// The subject claims none of the calls.
    NotClaimed,
    /// The subject could not run.
    Skip,
    /// No difference in what the subject claims.
    Pass,
    /// The subject never reported a fence.
    Blind,
    /// The result is unknown.
    Inconclusive,
    /// Differences.
    Fail,
    /// Calls are missing, and the subject did not report a loss.
    SilentLoss,
}

impl Mark {
    /// All verdicts, in the order of a legend.
    pub const ALL: [Self; 7] =
        [Self::Pass, Self::Fail, Self::SilentLoss, Self::Inconclusive, Self::Blind, Self::Skip, Self::NotClaimed];

    /// The mark of a cell. A verdict without a sign is unknown, and so inconclusive.
    pub fn of(cell: &Cell) -> Self {
        Self::ALL.into_iter().find(|mark| mark.word() == cell.verdict).unwrap_or(Self::Inconclusive)
    }

    /// The word for it, as in [`Cell::verdict`].
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::SilentLoss => "silent loss",
            Self::Inconclusive => "inconclusive",
            Self::Blind => "blind",
            Self::Skip => "skip",
            Self::NotClaimed => "not claimed",
        }
    }

    /// Its meaning, as a sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Pass => "all that it claims is right",
            Self::Fail => "something that it claims is not right, or lines are extra, twice or garbled",
            Self::SilentLoss => "calls are missing, and it did not say so",
            Self::Inconclusive => "it announced a loss, or the end was not seen",
            Self::Blind => "it has shown nothing at all",
            Self::Skip => "it could not be run here",
            Self::NotClaimed => "it claims none of these calls",
        }
    }

    /// The sign, one column wide.
    pub fn sign(self) -> char {
        match self {
            Self::Pass => '✓',
            Self::Fail => '✗',
            Self::SilentLoss => '▼',
            Self::Inconclusive => '?',
            Self::Blind => '○',
            Self::Skip => '–',
            Self::NotClaimed => '·',
        }
    }

    /// Whether the right calls were counted to the end.
    pub fn is_judged(self) -> bool {
        match self {
            Self::Pass | Self::Fail | Self::SilentLoss => true,
            Self::Inconclusive | Self::Blind | Self::Skip | Self::NotClaimed => false,
        }
    }
}
