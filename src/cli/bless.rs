//! `--bless`: what was observed becomes the table, after the difference was shown.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io::{self, BufRead, IsTerminal};
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use similar::TextDiff;

use crate::base::error::{Error, Exit};
use crate::base::escape;
use crate::base::place::Folder;
use crate::base::tell::StandardStream;
use crate::judge::bless::{NotBlessed, blessed};
use crate::judge::report::Report;
use crate::judge::verdict::{EMBEDDED, Observed};

/// The file that is to be blessed, and what was observed of the scenarios that failed.
pub struct Blessing {
    path: PathBuf,
    without_asking: bool,
    observed: Mutex<BTreeMap<&'static str, Result<Observed, NotBlessed>>>,
}

impl Blessing {
    /// Begins one of this file, or of tests.toml in the working directory.
    pub fn of(tests: Option<&Path>, without_asking: bool) -> Self {
        let path = tests.unwrap_or(Path::new(EMBEDDED)).to_owned();
        Self { path, without_asking, observed: Mutex::default() }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps what was observed of a scenario that failed. What the witness or the child contradicts is no truth.
    pub fn keep(&self, scenario: &'static str, observed: &Observed, objection: Option<&Report>) {
        let observed = match objection {
            None => Ok(observed.clone()),
            Some(_) => Err(NotBlessed {
                why: "the witness, or the child itself, saw something else than the tracer".to_owned(),
                hint: "the report says what: one of them is wrong".to_owned(),
            }),
        };
        self.lock().insert(scenario, observed);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, Result<Observed, NotBlessed>>> {
        self.observed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows what changes, asks, and writes. `exit` is the exit code of the run.
    pub fn finish(&self, names: &[&str], exit: Exit) -> Result<Exit, Error> {
        let shown = escape::path(&self.path);
        let (old, about) = self.read()?;
        let mut new = old.clone();
        let (mut done, mut refused) = (0, 0);
        for (scenario, observed) in std::mem::take(&mut *self.lock()) {
            match observed.and_then(|observed| blessed(&new, &shown, names, scenario, &observed)) {
                Ok(text) => (new, done) = (text, done + 1),
                Err(NotBlessed { why, hint }) => {
                    refused += 1;
                    StandardStream::Error.line(&format!("{scenario} is not blessed: {why}\n hint: {hint}"));
                }
            }
        }
        if new == old {
            if refused == 0 {
                StandardStream::Error.line(&format!("nothing to bless: {shown} says what was observed"));
            }
            return Ok(exit);
        }
        show(&shown, &old, &new);
        if !self.may_write(&shown, done)? {
            StandardStream::Error.line("nothing is written");
            return Ok(exit);
        }
        self.write(&new, &about)?;
        let tables = if done == 1 { "1 table is".to_owned() } else { format!("{done} tables are") };
        StandardStream::Error.line(&format!("{tables} written to {shown}"));
        Ok(if refused == 0 && exit == Exit::Failed { Exit::Success } else { exit })
    }

    fn read(&self) -> Result<(String, Metadata), Error> {
        let read = fs::read_to_string(&self.path).and_then(|text| Ok((text, fs::metadata(&self.path)?)));
        read.map_err(|error| self.error("read", error))
    }

    fn may_write(&self, shown: &str, tables: usize) -> Result<bool, Error> {
        if self.without_asking {
            return Ok(true);
        }
        if !io::stdin().is_terminal() || !StandardStream::Error.is_terminal() {
            let why = format!("{shown} is as it was: nobody can be asked whether to write it");
            return Err(Error::usage(why, "--yes writes it without asking"));
        }
        let these = if tables == 1 { "this table" } else { "these tables" };
        StandardStream::Error.raw(&format!("write {these} to {shown}? [y/N] "));
        let mut answer = String::new();
        let read = io::stdin().lock().read_line(&mut answer);
        Ok(read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes"))
    }

    /// In one step. The file keeps its owner and its mode, since root may have been asked to write it.
    fn write(&self, text: &str, about: &Metadata) -> Result<(), Error> {
        let path = fs::canonicalize(&self.path).map_err(|error| self.error("write", error))?;
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
        let written = Folder::open(folder).and_then(|folder| folder.replace(name, text.as_bytes()));
        let written = written.and_then(|()| fs::set_permissions(&path, about.permissions()));
        written
            .and_then(|()| chown(&path, Some(about.uid()), Some(about.gid())))
            .map_err(|error| self.error("write", error))
    }

    fn error(&self, verb: &str, error: io::Error) -> Error {
        let shown = escape::path(&self.path);
        let hint = "--bless writes tests.toml in the working directory, or --tests FILE";
        Error::usage(format!("cannot {verb} {shown}: {error}"), hint).because(error)
    }
}

/// The difference, as diff -u shows it.
fn show(file: &str, old: &str, new: &str) {
    let difference = TextDiff::from_lines(old, new);
    StandardStream::Out.line(difference.unified_diff().context_radius(3).header(file, file).to_string().trim_end());
}
