//! Workspaces: a folder for the run, with an empty folder for each scenario.
//!
//! Dropping its guard removes a workspace. The zygote removes the folder of the run, because it outlives everything else
//! ([`crate::child::zygote`]). If the zygote was killed, [`Workspaces`] removes it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::base::error::Error;
use crate::base::place::Folder;

/// The folder of a run.
#[derive(Debug)]
pub struct Workspaces {
    root: Result<Arc<Folder>, Error>,
    keep: bool,
    made: AtomicU64,
}

impl Workspaces {
    /// Makes the folder of the run in `TMPDIR`. If that fails, each scenario that needs a workspace fails with the error.
    pub fn make(keep: bool) -> Self {
        let temp = std::env::temp_dir();
        let root = Folder::open(&temp).and_then(|temp| temp.make_private_new("ior-it."));
        let root = root.map(Arc::new).map_err(|error| cannot_make(&temp, error));
        Self { root, keep, made: AtomicU64::new(0) }
    }

    /// The folder, if it could be made.
    pub fn root(&self) -> Option<&Folder> {
        self.root.as_deref().ok()
    }

    /// Whether it stays after the run.
    pub fn keep(&self) -> bool {
        self.keep
    }

    /// An empty folder for a scenario.
    pub fn for_scenario(&self, name: &str) -> Result<Workspace, Error> {
        let root = Arc::clone(self.root.as_ref().map_err(Error::clone)?);
        let name = format!("{name}.{}", self.made.fetch_add(1, Ordering::Relaxed));
        let path = root.make_private_path(name.as_ref()).map_err(|error| cannot_make(root.path(), error))?;
        Ok(Workspace { path, name, root, keep: self.keep })
    }

    /// Makes this directory the working directory of the process. A workspace is entered from the folder's descriptor.
    pub fn enter(&self, directory: &Path) -> nix::Result<()> {
        self.root().map_or_else(|| nix::unistd::chdir(directory), |root| root.enter(directory))
    }

    /// Removes the folder with all workspaces, unless it stays after the run.
    pub fn remove(&self) -> io::Result<()> {
        self.root().filter(|_| !self.keep).map_or(Ok(()), Folder::remove_all)
    }
}

impl Drop for Workspaces {
    fn drop(&mut self) {
        // The zygote has removed it, unless it was killed.
        let _ = self.remove();
    }
}

fn cannot_make(inside: &Path, error: io::Error) -> Error {
    Error::scenario(
        format!("no workspace could be made in {}: {error}", crate::base::escape::path(inside)),
        "make room there, or let TMPDIR name a folder that can be written to",
    )
    .because(error)
}

/// A scenario's own directory; removed when dropped.
#[derive(Debug)]
pub struct Workspace {
    path: PathBuf,
    name: String,
    root: Arc<Folder>,
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
            // If a descendant is still dying in it, the workspace is removed with the folder of the run.
            let _ = self.root.remove(self.name.as_ref());
        }
    }
}
