//! How much is right of many cells.

use serde::Serialize;

use super::{Cell, Mark};

/// Cells of one subject, added up. Calls and scenarios are those of the cells in which something can be said: pass, fail and silent loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sum {
    /// Calls that it shows, with all that it claims of them right.
    pub right: usize,
    /// Calls that it claims.
    pub claimed: usize,
    /// Scenarios that pass.
    pub passed: usize,
    /// Scenarios in which something can be said.
    pub judged: usize,
    /// What is not right.
    pub findings: usize,
    /// Of these, those for which a reason is known.
    pub known: usize,
    /// The worst verdict; `None` if there is no cell.
    #[serde(skip)]
    pub mark: Option<Mark>,
}

impl Sum {
    /// Of these cells.
    pub fn of<'c>(cells: impl IntoIterator<Item = &'c Cell>) -> Self {
        cells.into_iter().fold(Self::default(), |mut sum, cell| {
            let mark = Mark::of(cell);
            sum.mark = sum.mark.max(Some(mark));
            sum.findings += cell.findings.len();
            sum.known += cell.findings.iter().filter(|found| found.known.is_some()).count();
            if mark.is_judged() {
                sum.right += cell.right;
                sum.claimed += cell.claimed;
                sum.passed += usize::from(mark == Mark::Pass);
                sum.judged += 1;
            }
            sum
        })
    }

    /// `✓ 12/14`: the sign, and the calls that are right of those that are claimed. Empty if there is no cell.
    pub fn short(&self) -> String {
        let Some(mark) = self.mark else { return String::new() };
        if self.judged == 0 {
            mark.sign().to_string()
        } else {
            format!("{} {}/{}", mark.sign(), self.right, self.claimed)
        }
    }

    /// The same in words.
    pub fn long(&self) -> String {
        let Some(mark) = self.mark else { return "did not run".to_owned() };
        let mut said = mark.word().to_owned();
        if self.judged > 0 {
            said += &format!(", {} of {} calls right", self.right, self.claimed);
        }
        if self.judged > 1 {
            said += &format!(", {} of {} scenarios pass", self.passed, self.judged);
        }
        match (self.findings, self.known) {
            (0, _) => {}
            (1, known) => said += if known == 0 { ", 1 finding" } else { ", 1 finding, known" },
            (findings, 0) => said += &format!(", {findings} findings"),
            (findings, known) => said += &format!(", {findings} findings, {known} known"),
        }
        said
    }
}
