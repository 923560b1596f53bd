//! Which files a rerun waits for, and the events of their saves.
//!
//! inotify(7) reports a file that was written when its writer closes it, and a file that was moved into its place. Both are whole then.
//! So nothing waits for quiet: what has come meanwhile is taken together.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::Receiver;
use nix::sys::eventfd::{EfdFlags, EventFd};
use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use crate::base::error::Error;
use crate::base::escape;

/// What a saved file changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SavedKind {
    /// The sources of the tracer: it is compiled again.
    Sources,
    /// The object of `--bpf`: it is loaded again.
    Object,
    /// The expectations, or a subject: they are read again.
    Tables,
    /// The sources of `ior-it`: it is built again.
    Program,
}

/// A file that was saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// What it changes.
    pub change: SavedKind,
    /// Its path from the working directory, if it is in there.
    pub path: PathBuf,
    /// When the event came.
    pub at: Instant,
}

/// The files that matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchedFiles {
    files: Vec<(PathBuf, SavedKind)>,
    folders: Vec<(PathBuf, &'static [&'static str], SavedKind)>,
}

/// The sources in bpf/, by the end of their names.
const OF_TRACER: &[&str] = &[".c", ".h", "flags"];
/// The sources in src/.
const OF_PROGRAM: &[&str] = &[".rs"];

impl WatchedFiles {
    /// Adds a file. If it is a link, the file behind it counts as well.
    pub fn add_file(&mut self, path: &Path, change: SavedKind) {
        self.files.push((absolute(path), change));
        if let Some(behind) = path.canonicalize().ok().filter(|_| path.is_symlink()) {
            self.files.push((behind, change));
        }
    }

    /// Adds the sources in a folder.
    pub fn add_sources(&mut self, folder: &Path, change: SavedKind) {
        let ends = if change == SavedKind::Program { OF_PROGRAM } else { OF_TRACER };
        self.folders.push((absolute(folder), ends, change));
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.folders.is_empty()
    }

    /// Whether the tracer's sources are among them.
    pub fn has_sources(&self) -> bool {
        self.folders.iter().any(|(_, _, change)| *change == SavedKind::Sources)
    }

    /// What a saved file changes, if it matters.
    fn kind(&self, path: &Path) -> Option<SavedKind> {
        let file = self.files.iter().find(|(file, _)| file == path);
        let name = path.to_string_lossy();
        let source = || {
            let is_of = |(folder, ends, _): &&(PathBuf, &[&str], SavedKind)| {
                path.starts_with(folder) && ends.iter().any(|end| name.ends_with(end))
            };
            self.folders.iter().find(is_of).map(|(_, _, change)| *change)
        };
        file.map(|(_, change)| *change).or_else(source)
    }

    /// What an event of the file system says.
    fn saved<'e>(&'e self, event: &'e Event, at: Instant) -> impl Iterator<Item = Saved> + 'e {
        let paths = event.paths.iter().filter(|_| is_whole(event.kind));
        let of_path = move |path: &PathBuf| Some(Saved { change: self.kind(path)?, path: shown(path), at });
        // After an overflow of its queue, inotify has forgotten which.
        let all = self.files.iter().map(|(path, change)| (path, *change));
        let all = all.chain(self.folders.iter().map(|(path, _, change)| (path, *change)));
        let lost = all.filter(|_| event.need_rescan());
        paths.filter_map(of_path).chain(lost.map(move |(path, change)| Saved { change, path: shown(path), at }))
    }
}

/// The path from the root, as events have it.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The path from the working directory, if it is in there.
fn shown(path: &Path) -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).to_owned()
}

/// The folder of an absolute path.
fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

/// Whether an event says that a file is whole. A move inside one folder is reported once more, with both names.
fn is_whole(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::Access(AccessKind::Close(AccessMode::Write)) | EventKind::Modify(ModifyKind::Name(RenameMode::To))
    )
}

/// Waits for saves. Dropping it ends the wait.
pub struct SaveEvents {
    _watcher: RecommendedWatcher,
    saved: Receiver<Saved>,
    ready: Arc<EventFd>,
}

impl SaveEvents {
    /// Watches the folders of these files from now on.
    pub fn of(files: &WatchedFiles) -> Result<Self, Error> {
        let hint = "`sysctl fs.inotify` says how many files may be watched";
        let cannot = |error: &dyn std::fmt::Display| Error::usage(format!("files cannot be watched: {error}"), hint);
        let ready = EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK);
        let ready = Arc::new(ready.map_err(|errno| cannot(&errno))?);
        let (give, saved) = crossbeam_channel::unbounded();
        let (known, ring) = (files.clone(), Arc::clone(&ready));
        let hear = move |event: notify::Result<Event>| {
            let Ok(event) = event else { return };
            for one in known.saved(&event, Instant::now()) {
                // First the news, then the bell: who is woken finds it.
                let _ = give.send(one).map(|()| ring.write(1));
            }
        };
        let mut watcher = notify::recommended_watcher(hear).map_err(|error| cannot(&error))?;
        let flat = files.files.iter().map(|(path, _)| (parent(path), RecursiveMode::NonRecursive));
        let deep = files.folders.iter().map(|(folder, _, _)| (folder.as_path(), RecursiveMode::Recursive));
        for (folder, mode) in flat.chain(deep) {
            let shown = escape::path(folder);
            watcher.watch(folder, mode).map_err(|error| cannot(&format!("{shown}: {error}")))?;
        }
        Ok(Self { _watcher: watcher, saved, ready })
    }

    /// A descriptor that is readable when something was saved.
    pub fn ready(&self) -> BorrowedFd<'_> {
        self.ready.as_fd()
    }

    /// Whether something was saved since. The bell alone says less: it may ring after its news has been taken.
    pub fn are_some(&self) -> bool {
        !self.saved.is_empty()
    }

    /// What was saved since.
    pub fn take(&self) -> Vec<Saved> {
        let _ = self.ready.read();
        self.saved.try_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> WatchedFiles {
        let mut files = WatchedFiles::default();
        files.add_file(Path::new("tests.toml"), SavedKind::Tables);
        files.add_file(Path::new("/a/mine.bpf.o"), SavedKind::Object);
        files.add_sources(Path::new("bpf"), SavedKind::Sources);
        files.add_sources(Path::new("src"), SavedKind::Program);
        files
    }

    #[test]
    fn a_save_counts_when_the_file_is_whole_and_matters() {
        let close = EventKind::Access(AccessKind::Close(AccessMode::Write));
        let moved = EventKind::Modify(ModifyKind::Name(RenameMode::To));
        let rows = [
            ("./tests.toml", close, Some(SavedKind::Tables)),
            ("tests.toml", moved, Some(SavedKind::Tables)),
            ("./tests.toml~", close, None),
            ("/b/tests.toml", close, None),
            ("/a/mine.bpf.o", moved, Some(SavedKind::Object)),
            ("bpf/record.h", close, Some(SavedKind::Sources)),
            ("bpf/flags", close, Some(SavedKind::Sources)),
            ("bpf/.record.h.swp", close, None),
            ("src/cli/rerun.rs", close, Some(SavedKind::Program)),
            ("src/page.css", close, None),
            ("bpf/record.h", EventKind::Modify(ModifyKind::Any), None),
            ("bpf/record.h", EventKind::Modify(ModifyKind::Name(RenameMode::From)), None),
            ("bpf/record.h", EventKind::Modify(ModifyKind::Name(RenameMode::Both)), None),
        ];
        for (path, kind, change) in rows {
            let event = Event::new(kind).add_path(absolute(Path::new(path)));
            let files = files();
            let found: Vec<SavedKind> = files.saved(&event, Instant::now()).map(|saved| saved.change).collect();
            assert_eq!(found, Vec::from_iter(change), "{path} {kind:?}");
        }
    }

    #[test]
    fn a_bell_without_news_is_no_save() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tests.toml");
        let mut files = WatchedFiles::default();
        files.add_file(&path, SavedKind::Tables);
        let events = SaveEvents::of(&files).unwrap();
        std::fs::write(&path, "").unwrap();
        let mut polled = [nix::poll::PollFd::new(events.ready(), nix::poll::PollFlags::POLLIN)];
        nix::poll::poll(&mut polled, nix::poll::PollTimeout::NONE).unwrap();
        assert!(events.are_some());
        assert_eq!(events.take().len(), 1);
        events.ready.write(1).unwrap();
        assert!(!events.are_some() && events.take().is_empty());
    }

    #[test]
    fn after_an_overflow_everything_may_have_changed() {
        let event = Event::new(EventKind::Other).set_flag(notify::event::Flag::Rescan);
        assert_eq!(files().saved(&event, Instant::now()).count(), 4);
    }
}
