//! `--archive`: writes what was observed of each scenario, reads it back, compares the two, and judges the result.

use std::path::Path;
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};

use crate::archive::{self, Archive};
use crate::base::error::Error;
use crate::base::place::Folder;
use crate::judge::verdict::{Observed, Verdict};

/// The folder of `--archive`.
#[derive(Debug)]
pub struct Archives {
    folder: Folder,
    /// Held for reading by each writer, so that a signal can wait for all of them.
    writing: RwLock<()>,
}

impl Archives {
    /// Makes the folder, and checks that it is writable.
    pub fn in_folder(folder: &Path) -> Result<Self, Error> {
        Ok(Self { folder: archive::prepare(folder)?, writing: RwLock::default() })
    }

    /// Waits until no archive is half written. No thread begins one while the guard lives.
    pub fn hold(&self) -> RwLockWriteGuard<'_, ()> {
        self.writing.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes an archive and checks it. Returns the verdict of the run, or a failure if the archive gives back another
    /// observation or gets another verdict.
    pub fn checked(&self, archive: &Archive, verdict: Verdict, judge: impl Fn(&Observed) -> Verdict) -> Verdict {
        match (self.check(archive, judge), verdict) {
            (Ok(()), verdict) => verdict,
            (Err(error), Verdict::Pass | Verdict::Skip(_)) => Verdict::Fail(error.to_string().into()),
            (Err(error), Verdict::Fail(report) | Verdict::Inconclusive(report)) => {
                Verdict::Fail(report.and(error.to_string().into()))
            }
        }
    }

    fn check(&self, archive: &Archive, judge: impl Fn(&Observed) -> Verdict) -> Result<(), Error> {
        let read = {
            let _writing = self.writing.read().unwrap_or_else(PoisonError::into_inner);
            archive::save_checked(&self.folder, archive)?
        };
        // The verdict of the run may rest on more than an archive holds.
        let (verdict, again) = (judge(&archive.observed), judge(&read.observed));
        if again == verdict {
            return Ok(());
        }
        let what = format!("the verdict was {verdict:?}, and is {again:?}");
        Err(archive::check_failed(&self.folder, archive, &what))
    }
}
