//! `--archive`: what was observed of each scenario is written, read back, compared and judged again.

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
    /// Shared by those who write, so that a signal can wait for them.
    writing: RwLock<()>,
}

impl Archives {
    /// Makes the folder, and sees that it can be written to.
    pub fn in_folder(folder: &Path) -> Result<Self, Error> {
        Ok(Self { folder: archive::prepare(folder)?, writing: RwLock::default() })
    }

    /// Waits until no archive is half written; none is begun while the guard lives.
    pub fn hold(&self) -> RwLockWriteGuard<'_, ()> {
        self.writing.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes an archive and checks it: the verdict of the run, or a failure if what was read back is not what was written,
    /// or is not judged alike.
    pub fn checked(&self, archive: &Archive, verdict: Verdict, judge: impl Fn(&Observed) -> Verdict) -> Verdict {
        match (self.check(archive, &verdict, judge), verdict) {
            (Ok(()), verdict) => verdict,
            (Err(error), Verdict::Pass | Verdict::Skip(_)) => Verdict::Fail(error.to_string()),
            (Err(error), Verdict::Fail(report) | Verdict::Inconclusive(report)) => {
                Verdict::Fail(format!("{report}\n{error}"))
            }
        }
    }

    fn check(&self, archive: &Archive, verdict: &Verdict, judge: impl Fn(&Observed) -> Verdict) -> Result<(), Error> {
        let read = {
            let _writing = self.writing.read().unwrap_or_else(PoisonError::into_inner);
            archive::save_checked(&self.folder, archive)?
        };
        let again = judge(&read.observed);
        if again == *verdict {
            return Ok(());
        }
        let what = format!("the verdict was {verdict:?}, and is {again:?}");
        Err(archive::check_failed(&self.folder, archive, &what))
    }
}
