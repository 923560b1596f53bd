//! Workspaces: one folder for the run, an empty folder in it for each scenario.
//!
//! A workspace goes when its guard is dropped. The folder of the run is removed by the zygote, which outlives everything
//! else ([`crate::zygote`]); should the zygote have been killed, [`Workspaces`] does it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::Error;

/// The folder of a run.
#[derive(Debug)]
pub struct Workspaces {
    root: Result<PathBuf, Error>,
    keep: bool,
    made: AtomicU64,
}

impl Workspaces {
    /// Makes the folder of the run below `TMPDIR`. That it could not be made is the error of each scenario that needs it.
    pub fn make(keep: bool) -> Self {
        let temp = std::env::temp_dir();
        let root = tempfile::Builder::new()
            .prefix("ior-it.")
            .tempdir_in(&temp)
            .and_then(|dir| fs::canonicalize(dir.keep()))
            .map_err(|error| cannot_make(&temp, &error));
        Self { root, keep, made: AtomicU64::new(0) }
    }

    /// The folder, if it could be made.
    pub fn root(&self) -> Option<&Path> {
        self.root.as_deref().ok()
    }

    /// Whether it is to stay behind.
    pub fn keep(&self) -> bool {
        self.keep
    }

    /// An empty folder for a scenario.
    pub fn for_scenario(&self, name: &str) -> Result<Workspace, Error> {
        let root = self.root.as_ref().map_err(Error::clone)?;
        let path = root.join(format!("{name}.{}", self.made.fetch_add(1, Ordering::Relaxed)));
        fs::create_dir(&path).map_err(|error| cannot_make(root, &error))?;
        Ok(Workspace { path, keep: self.keep })
    }
}

impl Drop for Workspaces {
    fn drop(&mut self) {
        if let (Ok(root), false) = (&self.root, self.keep) {
            // Gone already, unless the zygote was killed.
            let _ = fs::remove_dir_all(root);
        }
    }
}

fn cannot_make(inside: &Path, error: &io::Error) -> Error {
    Error::scenario(
        format!("no workspace could be made in {}: {error}", crate::escape::path(inside)),
        "make room there, or let TMPDIR name a folder that can be written to",
    )
}

/// A scenario's own directory; removed when dropped.
#[derive(Debug)]
pub struct Workspace {
    path: PathBuf,
    keep: bool,
}

impl Workspace {
    /// Where it is: absolute, without symbolic links.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        if !self.keep {
            // What cannot be removed now (a descendant is still dying in it) goes with the folder of the run.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}
