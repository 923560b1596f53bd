//! Writes trace and table, and the progress line.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{SigHandler, Signal, signal};

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
    to: BufWriter<Box<dyn Write + Send>>,
    name: String,
    /// The first error. Nothing is written after it.
    failed: Option<io::Error>,
    progress: Option<Progress>,
    /// The files of the processes, if each has one.
    separate: Option<Separate>,
    /// The command that reads the output, if there is one.
    reader: Option<Child>,
}

/// A file for each process: `FILE.PID`.
struct Separate {
    file: PathBuf,
    open: HashMap<u32, BufWriter<File>>,
    /// Those that were made: a number may be given to another process.
    made: HashMap<u32, PathBuf>,
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
    /// Opens what the options name, or takes the standard error output.
    pub fn open(options: &CommandOptions) -> Result<Self, Error> {
        let mut output = match &options.output {
            None if was_closed(libc::STDERR_FILENO) => {
                return Err(Error::usage(
                    "the standard error output, to which the trace goes, is closed",
                    "--output FILE writes elsewhere",
                ));
            }
            None => Self::over("the standard error output".to_owned(), Box::new(StandardStream::Error)),
            Some(path) => Self::to(path, options.shown.separate)?,
        };
        let wanted = !options.quiet && StandardStream::Error.is_terminal();
        output.progress = wanted.then(|| Progress { printed: Instant::now(), said: 0, calls: 0, shown: false });
        Ok(output)
    }

    /// Opens the file of `--output`, or starts its command. With `separate`, each process has a file beside it.
    pub fn to(path: &Path, separate: bool) -> Result<Self, Error> {
        if let Some(command) = piped(path) {
            let mut child = reading(command)?;
            let input = child.stdin.take().ok_or_else(no_reader)?;
            let name = format!("`{}`", crate::base::escape::path(Path::new(command)));
            return Ok(Self { reader: Some(child), ..Self::over(name, Box::new(input)) });
        }
        let name = crate::base::escape::path(path);
        let file = place::create(path).map_err(|error| {
            Error::usage(
                format!("--output {name}: {error}"),
                "name a file that can be written, or leave --output out: then it goes to a standard stream",
            )
        })?;
        let separate = separate.then(|| Separate::beside(path));
        Ok(Self { separate, ..Self::over(name, Box::new(file)) })
    }

    fn over(name: String, to: Box<dyn Write + Send>) -> Self {
        let to = BufWriter::with_capacity(1 << 16, to);
        Self { to, name, failed: None, progress: None, separate: None, reader: None }
    }

    /// Writes a line of a process: into its own file, if each has one.
    pub fn line_of(&mut self, pid: u32, line: &str) {
        let Some(separate) = &mut self.separate else { return self.line(line) };
        if self.failed.is_none() {
            self.failed = separate.line(pid, line).err();
        }
    }

    /// Nothing more will come of this process.
    pub fn is_gone(&mut self, pid: u32) {
        if let Some(mut file) = self.separate.as_mut().and_then(|separate| separate.open.remove(&pid))
            && self.failed.is_none()
        {
            self.failed = file.flush().err();
        }
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
        if let Some(mut reader) = self.reader.take() {
            // It reads to the end of the pipe, or as far as it likes.
            self.to = BufWriter::new(Box::new(io::sink()));
            match reader.wait().ok().and_then(|status| status.code()) {
                Some(0) => drop(self.failed.take_if(|error| error.kind() == io::ErrorKind::BrokenPipe)),
                // The shell has found no such command (sh(1)).
                Some(126 | 127) if self.failed.is_none() => {
                    self.failed = Some(io::Error::from_raw_os_error(libc::EPIPE))
                }
                _ => {}
            }
        }
        let failed = self.failed.take().map(|error| {
            let hint = match error.kind() {
                io::ErrorKind::BrokenPipe => {
                    "the command ended before it had read all; --output FILE writes into a file"
                }
                _ => "`df` says whether there is room; --output FILE writes elsewhere",
            };
            Error::new(
                format!("{} could not be written to: {error}; the rest of the trace is missing", self.name),
                hint.to_owned(),
                Exit::Inconclusive,
            )
        });
        failed.map_or(Ok(()), Err)
    }

    fn flush(&mut self) {
        if self.failed.is_none() {
            let separate = self.separate.iter_mut().flat_map(|separate| separate.open.values_mut());
            self.failed = separate.map(BufWriter::flush).chain([self.to.flush()]).find_map(Result::err);
        }
    }
}

/// The command of `|COMMAND` or `!COMMAND`, as strace(1) has it.
fn piped(path: &Path) -> Option<&OsStr> {
    let bytes = path.as_os_str().as_bytes();
    bytes.strip_prefix(b"|").or_else(|| bytes.strip_prefix(b"!")).map(OsStr::from_bytes)
}

/// A shell with this command, which reads what is written. It may stop reading: that must not end this process (SIGPIPE, signal(7)).
#[allow(unsafe_code)]
fn reading(command: &OsStr) -> Result<Child, Error> {
    let shell = Command::new("/bin/sh").arg("-c").arg(command).stdin(Stdio::piped()).spawn();
    // SAFETY: no handler is installed.
    let _ = unsafe { signal(Signal::SIGPIPE, SigHandler::SigIgn) };
    shell.map_err(|error| {
        let command = crate::base::escape::path(Path::new(command));
        Error::usage(format!("--output: `{command}` could not be started: {error}"), "is there a /bin/sh?")
            .because(error)
    })
}

fn no_reader() -> Error {
    Error::usage("--output: the command has no standard input", "--output FILE writes into a file")
}

/// The most files of processes that are open at a time.
const MOST_OPEN: usize = 128;

impl Separate {
    fn beside(file: &Path) -> Self {
        Self { file: file.to_owned(), open: HashMap::new(), made: HashMap::new() }
    }

    fn line(&mut self, pid: u32, line: &str) -> io::Result<()> {
        if !self.open.contains_key(&pid) {
            self.open(pid)?;
        }
        let Some(file) = self.open.get_mut(&pid) else { return Ok(()) };
        file.write_all(line.as_bytes())?;
        file.write_all(b"\n")
    }

    /// Makes the file, or goes on with it.
    fn open(&mut self, pid: u32) -> io::Result<()> {
        if self.open.len() >= MOST_OPEN {
            self.open.drain().try_for_each(|(_, mut file)| file.flush())?;
        }
        let file = match self.made.get(&pid) {
            Some(path) => OpenOptions::new().append(true).open(path)?,
            None => {
                let mut name: OsString = self.file.clone().into_os_string();
                name.push(format!(".{pid}"));
                let path = PathBuf::from(name);
                let file = place::create(&path)?;
                self.made.insert(pid, path);
                file
            }
        };
        self.open.insert(pid, BufWriter::new(file));
        Ok(())
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
