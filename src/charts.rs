//! Pictures of a trace: where its calls go (flame graph) and when they were made (timeline), as files for other programs and as one
//! page.
//!
//! Calls are added one by one. Memory grows with the number of different paths, and not with the number of calls.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use maud::Markup;

use crate::base::error::{Error, Exit};
use crate::base::escape;
use crate::base::place::Folder;
use crate::trace::call::Call;

mod events; // the timeline as trace events
mod flames; // the flame graph
mod timeline; // the timeline as a picture
mod page; // everything as one page

pub use page::{ChartPage, document, page as chart_page};

use events::EventFile;
use flames::Flames;
use timeline::Timeline;

/// What the width of a flame graph is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Weight {
    /// The number of calls
    #[default]
    Calls,
    /// The bytes that they moved
    Bytes,
    /// The time that they took, in microseconds
    Time,
}

/// Which files are asked for.
#[derive(Clone, Debug, Default)]
pub struct ChartFiles {
    /// The page.
    pub html: Option<PathBuf>,
    /// The flame graph as folded stacks.
    pub flamegraph: Option<PathBuf>,
    /// What its width is.
    pub weight: Weight,
    /// The timeline as trace events.
    pub timeline: Option<PathBuf>,
}

/// The charts of one trace.
pub struct Charts {
    files: ChartFiles,
    /// Where the page and the folded stacks will be: checked before anything is traced.
    places: Vec<PagePlace>,
    flames: Flames,
    timeline: Timeline,
    events: Option<EventFile>,
}

/// A file that will be written, or replaced in one step.
pub struct PagePlace {
    folder: Folder,
    path: PathBuf,
}

impl ChartFiles {
    /// Whether there are any.
    pub fn are_some(&self) -> bool {
        self.html.is_some() || self.flamegraph.is_some() || self.timeline.is_some()
    }
}

impl Charts {
    /// `None` if no file is asked for. An error if one cannot be written.
    pub fn open(files: &ChartFiles) -> Result<Option<Self>, Error> {
        if !files.are_some() {
            return Ok(None);
        }
        files.flamegraph.as_deref().map_or(Ok(()), check_form)?;
        let places = files.html.iter().chain(&files.flamegraph).map(|path| PagePlace::check(path));
        let places = places.collect::<Result<_, _>>()?;
        let events = files.timeline.as_deref().map(EventFile::begin).transpose()?;
        Ok(Some(Self {
            files: files.clone(),
            places,
            flames: Flames::default(),
            timeline: Timeline::default(),
            events,
        }))
    }

    /// Adds a call.
    pub fn add(&mut self, call: &Call) {
        if self.files.html.is_some() || self.files.flamegraph.is_some() {
            self.flames.add(call);
        }
        if self.files.html.is_some() {
            self.timeline.add(call);
        }
        if let Some(events) = &mut self.events {
            events.add(call);
        }
    }

    /// Writes the files. The page is made of the pictures: what its body has of them.
    pub fn finish(self, page: impl FnOnce(&Markup) -> String) -> Result<(), Error> {
        let Self { files, places, flames, timeline, events } = self;
        let mut texts = Vec::new();
        if files.html.is_some() {
            texts.push(page(&page::pictures(&flames, &timeline)));
        }
        if let Some(path) = &files.flamegraph {
            let folded = flames.folded(files.weight);
            texts.push(if is_picture(path) { picture(&folded, files.weight)? } else { folded });
        }
        for (place, text) in places.iter().zip(texts) {
            place.write(&text)?;
        }
        events.map_or(Ok(()), EventFile::finish)
    }
}

impl PagePlace {
    /// Checks that a file can be written there.
    pub fn check(path: &Path) -> Result<Self, Error> {
        let (folder, _) = parts(path);
        let opened = Folder::open(folder).and_then(|folder| folder.check_writable().map(|()| folder));
        let folder = opened.map_err(|error| Error { exit: Exit::Usage, ..cannot_write(path, error) })?;
        Ok(Self { folder, path: path.to_owned() })
    }

    /// Writes it: a reader sees the old file or the whole new one.
    pub fn write(&self, text: &str) -> Result<(), Error> {
        let (_, name) = parts(&self.path);
        self.folder.replace(name, text.as_bytes()).map_err(|error| cannot_write(&self.path, error))
    }
}

/// Whether a flame graph is to be a picture, and not folded stacks.
fn is_picture(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "svg")
}

fn check_form(path: &Path) -> Result<(), Error> {
    if cfg!(feature = "inferno") || !is_picture(path) {
        return Ok(());
    }
    let hint = "another name gets folded stacks, which inferno-flamegraph draws; or build with `--features inferno`";
    Err(Error::usage(format!("{}: this ior-it cannot draw SVG", escape::path(path)), hint))
}

#[cfg(feature = "inferno")]
fn picture(folded: &str, weight: Weight) -> Result<String, Error> {
    use inferno::flamegraph::{Options, from_lines};
    let mut options = Options::default();
    options.title = "Calls by program and path".to_owned();
    options.count_name = match weight {
        Weight::Calls => "calls",
        Weight::Bytes => "bytes",
        Weight::Time => "µs",
    }
    .to_owned();
    let mut svg = Vec::new();
    let drawn = from_lines(&mut options, folded.lines(), &mut svg);
    drawn.map_err(|error| Error::usage(format!("no flame graph: {error}"), "trace something that makes calls"))?;
    Ok(String::from_utf8_lossy(&svg).into_owned())
}

#[cfg(not(feature = "inferno"))]
fn picture(folded: &str, _weight: Weight) -> Result<String, Error> {
    Ok(folded.to_owned())
}

/// The folder and the name of a file.
fn parts(path: &Path) -> (&Path, &OsStr) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    (folder, path.file_name().unwrap_or_default())
}

fn cannot_write(path: &Path, error: io::Error) -> Error {
    Error::new(
        format!("{} could not be written: {error}", escape::path(path)),
        "name a file in a folder that exists and can be written to, with room in it".to_owned(),
        Exit::Inconclusive,
    )
    .because(error)
}

/// The name of a thread, without its padding.
fn comm(call: &Call) -> String {
    let end = call.comm.iter().position(|&byte| byte == 0).unwrap_or(call.comm.len());
    String::from_utf8_lossy(&call.comm[..end]).into_owned()
}
