//! What became of a mutant.
//!
//! No I/O.

use serde::Serialize;

use super::plan::Mutant;

/// What became of a mutant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "fate", rename_all = "snake_case")]
pub enum Fate {
    /// The verifier, or libbpf, refuses it.
    Stillborn,
    /// The kernel runs the same program.
    Equivalent,
    /// The kernel runs the same program, because the change is in code that it never gets to.
    NotRun,
    /// Only bits differ that the program never uses.
    Idle,
    /// The suite noticed it.
    Killed {
        /// The scenario that did not pass.
        by: String,
    },
    /// Only the witness noticed it.
    KilledByWitness {
        /// The scenario in which it did.
        by: String,
    },
    /// Nothing noticed it.
    Survived,
}

/// A mutant and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgedMutant {
    /// The mutant.
    pub mutant: Mutant,
    /// What became of it.
    pub fate: Fate,
}

/// How many mutants had which fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Refused.
    pub stillborn: usize,
    /// The same program.
    pub equivalent: usize,
    /// Never run on this kernel.
    pub not_run: usize,
    /// Other bits, which are never used.
    pub idle: usize,
    /// Noticed by the suite.
    pub killed: usize,
    /// Noticed by the witness only.
    pub killed_by_witness: usize,
    /// Not noticed.
    pub survived: usize,
}

impl Count {
    /// Counts one.
    pub fn add(&mut self, fate: &Fate) {
        let of = match fate {
            Fate::Stillborn => &mut self.stillborn,
            Fate::Equivalent => &mut self.equivalent,
            Fate::NotRun => &mut self.not_run,
            Fate::Idle => &mut self.idle,
            Fate::Killed { .. } => &mut self.killed,
            Fate::KilledByWitness { .. } => &mut self.killed_by_witness,
            Fate::Survived => &mut self.survived,
        };
        *of += 1;
    }

    /// Of these.
    pub fn of<'j>(judged: impl IntoIterator<Item = &'j JudgedMutant>) -> Self {
        let mut count = Self::default();
        judged.into_iter().for_each(|one| count.add(&one.fate));
        count
    }

    /// How many there are.
    pub fn all(&self) -> usize {
        self.stillborn + self.equivalent + self.not_run + self.idle + self.visible()
    }

    /// How many could be seen.
    pub fn visible(&self) -> usize {
        self.killed + self.killed_by_witness + self.survived
    }

    /// The percentage of those that could be seen that the suite, or the witness, noticed. `None` if none could.
    pub fn score(&self) -> Option<f64> {
        let killed = self.killed + self.killed_by_witness;
        (self.visible() > 0).then(|| 100.0 * killed as f64 / self.visible() as f64)
    }
}
