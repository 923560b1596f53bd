//! Writes trace and table, and the progress line.

use std::io::{self, BufWriter, Write};
use std::time::{Duration, Instant};

use super::CommandOptions;
use crate::base::error::{Error, Exit};
use crate::base::place;
use crate::base::tell::StandardStream;
use crate::child::zygote::was_closed;
use crate::trace::counts::Counts;

/// How long the output must have been quiet before the progress line appears.
const SILENCE: Duration = Duration::from_secs(1);
/// Moves the cursor to the begin of its line and clears the line (ECMA-48).
const CLEAR: &str = "\r\x1b[K";

/// The output, buffered until [`Output::tick`].
pub struct Output {
    to: BufWriter<Box<dyn Write>>,
    name: String,
    /// The first error. Nothing is written after it.
    failed: Option<io::Error>,
    progress: Option<Progress>,
}

/// The progress line, on a terminal.
struct Progress {
    printed: Instant,
    /// The number of calls that it last showed.
    said: u64,
    /// The number of calls now.
    calls: u64,
    /// Whether it is on the screen.
    shown: bool,
}

impl Output {
    /// Opens the file, or takes the standard error output.
    pub fn open(options: &CommandOptions) -> Result<Self, Error> {
        let (name, to): (String, Box<dyn Write>) = match &options.output {
            None if was_closed(libc::STDERR_FILENO) => {
                return Err(Error::usage(
                    "the standard error output, to which the trace goes, is closed",
                    "--output FILE writes elsewhere",
                ));
            }
            None => ("the standard error output".to_owned(), Box::new(StandardStream::Error)),
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
        let wanted = !options.quiet && StandardStream::Error.is_terminal();
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

    /// Prints a sentence on the standard error output, wherever the trace goes.
    pub fn say(&mut self, sentence: &str) {
        self.flush();
        if let Some(progress) = &mut self.progress {
            progress.clear();
        }
        StandardStream::Error.line(&format!("ior-it: {sentence}"));
    }

    /// Flushes what was written. If there was nothing for a while, shows the progress line.
    pub fn tick(&mut self, counts: &Counts) {
        self.flush();
        if let Some(progress) = &mut self.progress {
            progress.tick(counts);
        }
    }

    /// Whether the progress line would change.
    pub fn is_to_say(&self) -> bool {
        self.progress.as_ref().is_some_and(|progress| progress.calls != progress.said)
    }

    /// Ends the output: an error if not everything was written.
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
    /// Only after new calls: a program that waits for input must not be overwritten.
    fn tick(&mut self, counts: &Counts) {
        self.calls = counts.seen;
        if self.printed.elapsed() < SILENCE || counts.seen == self.said {
            return;
        }
        StandardStream::Error.raw(&format!(
            "{CLEAR}{} calls, {} lost, {} processes",
            counts.seen,
            counts.refused,
            counts.left()
        ));
        *self = Self { printed: Instant::now(), said: counts.seen, calls: counts.seen, shown: true };
    }

    /// Removes the line before other output.
    fn clear(&mut self) {
        self.printed = Instant::now();
        if std::mem::take(&mut self.shown) {
            StandardStream::Error.raw(CLEAR);
        }
    }
}
