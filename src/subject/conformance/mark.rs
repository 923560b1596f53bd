//! A verdict as a sign: no colour is needed to tell it.

use super::Cell;

/// The verdicts, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// It claims no call of these.
    NotClaimed,
    /// It could not be run.
    Skip,
    /// No difference in what it claims.
    Pass,
    /// It has never shown a fence.
    Blind,
    /// It cannot be said.
    Inconclusive,
    /// Differences.
    Fail,
    /// Calls are missing, and it did not say so.
    SilentLoss,
}

impl Mark {
    /// All of them, as a legend has them.
    pub const ALL: [Self; 7] =
        [Self::Pass, Self::Fail, Self::SilentLoss, Self::Inconclusive, Self::Blind, Self::Skip, Self::NotClaimed];

    /// The one of a cell. A verdict that has no sign says nothing that is known: inconclusive.
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

    /// What it means, in a sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Pass => "all that it claims is right",
            Self::Fail => "something that it claims is not right",
            Self::SilentLoss => "calls are missing, and it did not say so",
            Self::Inconclusive => "it cannot be said: it announced a loss, or the end was not seen",
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

    /// Whether what is right was counted to the end.
    pub fn is_judged(self) -> bool {
        match self {
            Self::Pass | Self::Fail | Self::SilentLoss => true,
            Self::Inconclusive | Self::Blind | Self::Skip | Self::NotClaimed => false,
        }
    }
}
