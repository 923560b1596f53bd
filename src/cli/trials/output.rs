//! Where the verdicts go: the standard output or a file, with or without colours and links.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anstyle::{AnsiColor, Style};

use super::super::flags::ColorWhen;
use super::TrialOptions;
use crate::base::error::Error;
use crate::base::place;
use crate::base::tell::{self, StandardStream};
use crate::judge::report::{LineMark, ReportLine};
use crate::judge::verdict::EMBEDDED;

/// The verdicts' way out. A failed write is remembered, and decides the exit code.
pub struct TrialOutput {
    to: Box<dyn Write>,
    colours: bool,
    /// What a place in a report is a link to, if the terminal knows links.
    links: Option<PlaceLink>,
}

/// A file whose lines reports name.
#[derive(Clone, Debug)]
struct PlaceLink {
    /// Its name in reports, with a colon behind it.
    shown: String,
    /// Its address, without a line.
    address: String,
}

impl TrialOutput {
    /// The output that the command line asks for.
    pub fn open(options: &TrialOptions) -> Result<Self, Error> {
        let always = options.libtest.color == Some(ColorWhen::Always);
        let Some(path) = &options.libtest.logfile else {
            let colours = StandardStream::Out.has_colours();
            let links = if StandardStream::Out.has_links() { PlaceLink::of(&options.file) } else { None };
            return Ok(Self { to: Box::new(StandardStream::Out), colours, links });
        };
        let file: File = place::create(path.as_ref()).map_err(|error| {
            Error::usage(format!("--logfile {path}: {error}"), "without --logfile, it goes to the standard output")
        })?;
        Ok(Self { to: Box::new(file), colours: always, links: None })
    }

    /// An output for tests.
    #[cfg(test)]
    pub fn new(to: Box<dyn Write>, colours: bool, link: Option<(&str, &str)>) -> Self {
        let links =
            link.map(|(shown, path)| PlaceLink { shown: format!("{shown}:"), address: address(Path::new(path)) });
        Self { to, colours, links }
    }

    /// Writes this text as it is.
    pub fn put(&mut self, text: &str) {
        self.to.write_all(text.as_bytes()).unwrap_or_else(|error| tell::failed(&error));
    }

    /// A text in this colour.
    pub fn coloured(&self, text: &str, colour: AnsiColor) -> String {
        let style = Style::new().fg_color(Some(colour.into()));
        if self.colours { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    /// Writes a line of a report.
    pub fn report_line(&mut self, line: &ReportLine) {
        let text = self.linked(&line.text);
        let text = match line.mark {
            LineMark::Plain => text,
            LineMark::Expected => self.coloured(&text, AnsiColor::Red),
            LineMark::Observed => self.coloured(&text, AnsiColor::Green),
            LineMark::Pointer => self.coloured(&text, AnsiColor::Yellow),
        };
        self.put(&format!("{text}\n"));
    }

    /// The same text with its places as links (OSC 8).
    pub fn linked(&self, text: &str) -> String {
        let Some(PlaceLink { shown, address }) = &self.links else { return text.to_owned() };
        let mut linked = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(shown.as_str()) {
            let digits = after.find(|one: char| !one.is_ascii_digit()).unwrap_or(after.len());
            let (line, behind) = after.split_at(digits);
            linked += before;
            linked += &match line {
                "" => shown.clone(),
                line => format!("\x1b]8;;{address}#L{line}\x1b\\{shown}{line}\x1b]8;;\x1b\\"),
            };
            rest = behind;
        }
        linked + rest
    }
}

impl PlaceLink {
    /// The file with this name in reports. The embedded expectations are a link to the file that they were made of, if it is here.
    fn of(file: &str) -> Option<Self> {
        let path: PathBuf = Path::new(file).canonicalize().ok()?;
        let is_same =
            || std::fs::read(&path).is_ok_and(|bytes| bytes == super::super::tables::EMBEDDED_TESTS.as_bytes());
        (file != EMBEDDED || is_same()).then(|| Self { shown: format!("{file}:"), address: address(&path) })
    }
}

/// The address of a file on this machine, as terminals expect it: with the host's name, and all but plain characters encoded
/// (RFC 8089, RFC 3986).
fn address(path: &Path) -> String {
    let host = nix::sys::utsname::uname().map(|names| names.nodename().to_owned()).unwrap_or_default();
    let encoded = |byte: &u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => char::from(*byte).to_string(),
        other => format!("%{other:02X}"),
    };
    let path: String = path.as_os_str().as_encoded_bytes().iter().map(encoded).collect();
    let host: String = host.as_encoded_bytes().iter().map(encoded).collect();
    format!("file://{host}{path}")
}
