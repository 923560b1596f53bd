//! Where trace and table go, and the line on the progress.

use std::io::{self, BufWriter, Write};
use std::time::{Duration, Instant};

use super::CommandOptions;
use crate::base::error::{Error, Exit};
use crate::base::place;
use crate::base::tell::Stream;
use crate::child::zygote::was_closed;
use crate::trace::counts::Counts;

/// How long nothing must have been printed before the progress is.
const SILENCE: Duration = Duration::from_secs(1);
/// Takes the cursor to the begin of its line and clears it (ECMA-48).
const CLEAR: &str = "\r\x1b[K";

/// The output, buffered until [`Output::tick`].
pub struct Output {
    to: BufWriter<Box<dyn Write>>,
    name: String,
    /// The first error; nothing is written after it.
    failed: Option<io::Error>,
    progress: Option<Progress>,
}

/// The line on the progress, on a terminal.
struct Progress {
    printed: Instant,
    /// The calls that it has last said.
    said: u64,
    /// How many there are.
    calls: u64,
    /// Whether it stands there.
    shown: bool,
}

impl Output {
    /// Opens the file that is wanted, or the standard error output.
    pub fn open(options: &CommandOptions) -> Result<Self, Error> {
        let (name, to): (String, Box<dyn Write>) = match &options.output {
            None if was_closed(libc::STDERR_FILENO) => {
                return Err(Error::usage(
                    "the standard error output, to which the trace goes, is closed",
                    "--output FILE writes elsewhere",
                ));
            }
            None => ("the standard error output".to_owned(), Box::new(Stream::Error)),
            Some(path) => {
                let name = crate::base::escape::path(path);
                let file = place::create(path).map_err(|error| {
                    Error::usage(
                        format!("--output {name}: {error}"),
                        "without --output, it goes to the standard error output",
                    )
                })?;
                (name, Box::new(file))
            }
        };
        let wanted = !options.quiet && Stream::Error.is_terminal();
        let progress = wanted.then(|| Progress { printed: Instant::now(), said: 0, calls: 0, shown: false });
        Ok(Self { to: BufWriter::with_capacity(1 << 16, to), name, failed: None, progress })
    }

    /// Writes a line.
    pub fn line(&mut self, line: &str) {
        if let Some(progress) = &mut self.progress {
            progress.clear();
        }
        if self.failed.is_none() {
            let written = self.to.write_all(line.as_bytes()).and_then(|()| self.to.write_all(b"\n"));
            self.failed = written.err();
        }
    }

    /// Says a sentence on the standard error output, wherever the trace goes.
    pub fn say(&mut self, sentence: &str) {
        self.flush();
        if let Some(progress) = &mut self.progress {
            progress.clear();
        }
        Stream::Error.line(&format!("ior-it: {sentence}"));
    }

    /// Lets what has been written be seen; where that is nothing for a while, the progress.
    pub fn tick(&mut self, counts: &Counts) {
        self.flush();
        if let Some(progress) = &mut self.progress {
            progress.tick(counts);
        }
    }

    /// Whether the progress has something to say that it has not said yet.
    pub fn is_to_say(&self) -> bool {
        self.progress.as_ref().is_some_and(|progress| progress.calls != progress.said)
    }

    /// The end: an error if not everything could be written.
    pub fn finish(&mut self) -> Result<(), Error> {
        self.flush();
        let failed = self.failed.take().map(|error| {
            Error::new(
                format!("{} could not be written to: {error}; the rest of the trace is missing", self.name),
                "`df` says whether there is room; --output FILE writes elsewhere".to_owned(),
                Exit::Inconclusive,
            )
        });
        failed.map_or(Ok(()), Err)
    }

    fn flush(&mut self) {
        if self.failed.is_none() {
            self.failed = self.to.flush().err();
        }
    }
}

impl Progress {
    /// Only if there were calls: who waits for input is not written over.
    fn tick(&mut self, counts: &Counts) {
        self.calls = counts.seen;
        if self.printed.elapsed() < SILENCE || counts.seen == self.said {
            return;
        }
        Stream::Error.raw(&format!(
            "{CLEAR}{} calls, {} lost, {} processes",
            counts.seen,
            counts.refused,
            counts.left()
        ));
        *self = Self { printed: Instant::now(), said: counts.seen, calls: counts.seen, shown: true };
    }

    /// Something else is printed.
    fn clear(&mut self) {
        self.printed = Instant::now();
        if std::mem::take(&mut self.shown) {
            Stream::Error.raw(CLEAR);
        }
    }
}
