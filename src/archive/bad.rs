//! Each reason to refuse an archive, with its sentence and its hint.

use std::fmt;
use std::path::Path;

use crate::base::error::{Cause, Error};

use super::VERSION;

/// Why these bytes are not an archive that can be read here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadArchive {
    /// The file cannot be read, for this reason.
    Unreadable(Cause),
    /// There are no bytes.
    Empty,
    /// The bytes are not a zstd frame.
    NotZstd,
    /// The frame lacks its checksum or its unpacked size, so damage would go unnoticed.
    Unprotected,
    /// The frame ends too early.
    Truncated,
    /// The frame is damaged. The text is zstd's.
    Damaged(Cause),
    /// Something is larger than an archive allows. The number is the limit in bytes.
    TooLarge(&'static str, u64),
    /// The frame holds something other than an archive.
    NotIor,
    /// The archive has this other version of the format.
    Version(u64),
    /// The archive was recorded on this other architecture.
    Architecture(String),
    /// The value at this position makes no sense, for this reason.
    Contents(Position, String),
    /// Bytes follow the last of these many calls.
    MoreThan(u64),
    /// Bytes follow the frame.
    Trailing,
}

/// A position in an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// The header.
    Header,
    /// The number of calls.
    Count,
    /// This call, counted from 1, of this many.
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
            BadArchive::NotZstd => write!(f, "it is not an archive: it does not begin with a zstd frame"),
            BadArchive::Unprotected => write!(f, "its zstd frame lacks the checksum or the unpacked size"),
            BadArchive::Truncated => write!(f, "it is cut off: its zstd frame is incomplete"),
            BadArchive::Damaged(why) => write!(f, "it is damaged: {}", why.to_string().to_lowercase()),
            BadArchive::TooLarge(what, most) => write!(f, "{what} is larger than the limit of {most} bytes"),
            BadArchive::NotIor => write!(f, "it is not an archive: its zstd frame holds something else"),
            BadArchive::Version(version) if *version > VERSION => {
                write!(f, "it has format version {version}, and this ior-it reads version {VERSION}")
            }
            BadArchive::Version(version) => write!(f, "it has format version {version}, which does not exist"),
            BadArchive::Architecture(name) => {
                write!(
                    f,
                    "it was recorded on {}, and this machine is {}",
                    crate::base::escape::line(name),
                    std::env::consts::ARCH
                )
            }
            BadArchive::Contents(place, why) => write!(f, "{place} cannot be read: {}", crate::base::escape::line(why)),
            BadArchive::MoreThan(calls) => write!(f, "more data follows the {calls} calls that it announces"),
            BadArchive::Trailing => write!(f, "more data follows the end of the archive"),
        }
    }
}

impl std::error::Error for BadArchive {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            BadArchive::Unreadable(cause) | BadArchive::Damaged(cause) => Some(cause.error()),
            BadArchive::Empty
            | BadArchive::NotZstd
            | BadArchive::Unprotected
            | BadArchive::Truncated
            | BadArchive::TooLarge(..)
            | BadArchive::NotIor
            | BadArchive::Version(_)
            | BadArchive::Architecture(_)
            | BadArchive::Contents(..)
            | BadArchive::MoreThan(_)
            | BadArchive::Trailing => None,
        }
    }
}

impl BadArchive {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            BadArchive::Unreadable(_) => "--replay takes archives and folders of them, --show one archive",
            BadArchive::Empty | BadArchive::NotZstd | BadArchive::NotIor => {
                "`ior-it --archive DIR` writes archives: DIR/SCENARIO.ior.zst"
            }
            BadArchive::Version(version) if *version > VERSION => "use the ior-it that wrote it, or a newer one",
            BadArchive::Architecture(_) => {
                "replay it there: system call numbers and flags differ between architectures"
            }
            BadArchive::TooLarge(..) => "docs/archive.md lists the limits; a shorter scenario stays below them",
            BadArchive::Unprotected
            | BadArchive::Truncated
            | BadArchive::Damaged(_)
            | BadArchive::Version(_)
            | BadArchive::Contents(..)
            | BadArchive::MoreThan(_)
            | BadArchive::Trailing => "copy it again, or record it again with `ior-it --archive DIR`",
        }
    }

    /// The error, with the name of the file.
    pub fn in_file(&self, path: &Path) -> Error {
        let path = crate::base::escape::path(path);
        Error::usage(format!("{path}: {self}"), self.hint())
    }
}
