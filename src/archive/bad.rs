//! Why an archive is refused: a sentence and a hint for each reason.

use std::fmt;
use std::path::Path;

use crate::base::error::Error;

use super::VERSION;

/// Why bytes are no archive that can be read here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadArchive {
    /// The file cannot be read: why.
    Unreadable(String),
    /// There are no bytes.
    Empty,
    /// They are no zstd frame.
    NotZstd,
    /// The frame has no checksum, or does not say how much it unpacks to: nobody would notice damage.
    Unprotected,
    /// The frame ends too early.
    Truncated,
    /// The frame is damaged: what zstd says.
    Damaged(String),
    /// It holds more than an archive may: what is too large, and the most that it may be in bytes.
    TooLarge(&'static str, u64),
    /// The frame holds something else.
    NotIor,
    /// It is of another version of the format.
    Version(u64),
    /// It was recorded on another architecture.
    Architecture(String),
    /// A value makes no sense: where, and why.
    Contents(Position, String),
    /// There are bytes after the last call.
    MoreThan(u64),
    /// There are bytes after the frame.
    Trailing,
}

/// Where in an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// In its header.
    Header,
    /// Where the number of calls stands.
    Count,
    /// In a call, of so many, from 1.
    Call(u64, u64),
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Position::Header => write!(f, "its header"),
            Position::Count => write!(f, "its number of calls"),
            Position::Call(at, all) => write!(f, "its call {at} of {all}"),
        }
    }
}

impl fmt::Display for BadArchive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadArchive::Unreadable(why) => write!(f, "{why}"),
            BadArchive::Empty => write!(f, "it is empty"),
            BadArchive::NotZstd => write!(f, "it is no archive: no zstd frame begins there"),
            BadArchive::Unprotected => write!(f, "its zstd frame lacks the checksum or the size of what is in it"),
            BadArchive::Truncated => write!(f, "it is cut off: its zstd frame does not end"),
            BadArchive::Damaged(why) => write!(f, "it is damaged: {}", why.to_lowercase()),
            BadArchive::TooLarge(what, most) => write!(f, "{what} is more than the {most} bytes that it may be"),
            BadArchive::NotIor => write!(f, "it is no archive: a zstd frame of something else"),
            BadArchive::Version(version) if *version > VERSION => {
                write!(f, "its format is version {version}, newer than the {VERSION} that this ior-it reads")
            }
            BadArchive::Version(version) => write!(f, "its format is version {version}, which never was"),
            BadArchive::Architecture(name) => {
                write!(
                    f,
                    "it was recorded on {}, and this is {}",
                    crate::base::escape::line(name),
                    std::env::consts::ARCH
                )
            }
            BadArchive::Contents(place, why) => write!(f, "{place} cannot be read: {}", crate::base::escape::line(why)),
            BadArchive::MoreThan(calls) => write!(f, "there is more in it than the {calls} calls that it promises"),
            BadArchive::Trailing => write!(f, "there is more in the file after the end of the archive"),
        }
    }
}

impl std::error::Error for BadArchive {}

impl BadArchive {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            BadArchive::Unreadable(_) => "--replay takes archives and folders of them, --show one archive",
            BadArchive::Empty | BadArchive::NotZstd | BadArchive::NotIor => {
                "`ior-it --archive DIR` writes archives: DIR/SCENARIO.ior.zst"
            }
            BadArchive::Version(version) if *version > VERSION => "take the ior-it that wrote it, or a newer one",
            BadArchive::Architecture(_) => {
                "replay it there: the numbers of calls and flags mean other things on another architecture"
            }
            BadArchive::TooLarge(..) => "docs/archive.md has the limits; a shorter scenario stays below them",
            BadArchive::Unprotected
            | BadArchive::Truncated
            | BadArchive::Damaged(_)
            | BadArchive::Version(_)
            | BadArchive::Contents(..)
            | BadArchive::MoreThan(_)
            | BadArchive::Trailing => "copy it again, or record it again with `ior-it --archive DIR`",
        }
    }

    /// The error for whoever named the file.
    pub fn in_file(&self, path: &Path) -> Error {
        let path = crate::base::escape::path(path);
        Error::usage(format!("{path}: {self}"), self.hint())
    }
}
