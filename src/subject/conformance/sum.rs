//! Adds up cells.

use serde::Serialize;

use super::{Cell, Mark};

/// The sum of one subject's cells. Calls and scenarios count only in cells with a result: pass, fail or silent loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sum {
    /// How many claimed calls it reports with every claimed field right.
    pub right: usize,
    /// How many calls it claims.
    pub claimed: usize,
    /// How many scenarios pass.
    pub passed: usize,
    /// How many scenarios have a result.
    pub judged: usize,
    /// How many findings there are.
    pub findings: usize,
    /// How many of the findings have a known cause.
    pub known: usize,
    /// The worst verdict. `None` without cells.
    #[serde(skip)]
    pub mark: Option<Mark>,
}

impl Sum {
    /// The sum of these cells.
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

    /// `✓ 12/14`: the sign, the right calls, and the claimed calls. Empty without cells.
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
