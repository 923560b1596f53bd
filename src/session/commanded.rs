//! A command of one's own beside its trace: its streams, and the files that it leaves.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fstat, open, openat2};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use super::{Session, Watched};
use crate::base::error::Error;
use crate::child::ending::Phase;
use crate::child::zygote::{Child, Enclosed, KeptStream, SpawnOptions, Streams};
use crate::judge::expectation::{Expectation, WantedCommand};
use crate::judge::matcher;
use crate::judge::outcome::{self, CommandOutcome, LeftFile, OutcomeDifference, hexadecimal};
use crate::judge::report::{self, Report};
use crate::judge::verdict::Observed;

/// The most bytes of a file that are kept, as of a stream.
const MOST: usize = 64 << 20;

impl Session {
    /// Forks the child of a scenario, with pipes for its streams if they are kept.
    pub(super) fn spawned(
        &self,
        name: &str,
        directory: &Path,
        watched: Watched,
        enclosed: Option<&Enclosed>,
    ) -> Result<(Child<'_>, Option<Streams>), Error> {
        let number = self.number(name)?;
        let options = SpawnOptions { enclosed, keeps_diary: watched.diary, streams: &[] };
        if !watched.streams {
            return Ok((self.zygote.spawn_with(number, directory, options)?, None));
        }
        let (streams, ends) = streams()?;
        let child = self.zygote.spawn_with(number, directory, SpawnOptions { streams: &ends, ..options })?;
        Ok((child, Some(streams)))
    }
}

/// The pipes of a command.
fn streams() -> Result<(Streams, [OwnedFd; 2]), Error> {
    Streams::begin().map_err(|error| {
        Error::scenario(
            format!("the streams of a command could not be made: {error}"),
            "`ulimit -n` says how many descriptors are allowed; --test-threads 1 needs the fewest",
        )
        .because(error)
    })
}

/// The report on what a command has written and left otherwise than its table says. A command that never began has none.
pub(super) fn outcome_report(
    expectation: &Expectation,
    file: &str,
    observed: &Observed,
    streams: [KeptStream; 2],
    workspace: &Path,
    rerun: &str,
) -> Option<Report> {
    let command = expectation.command.as_ref().filter(|_| observed.ending.phase == Phase::Act)?;
    let outcome = CommandOutcome { streams, files: left(command, workspace) };
    let mut differences = outcome::differences(command, &outcome);
    let is_at_fault = !differences.is_empty() || matcher::ending(expectation, &observed.ending).is_some();
    let has_said = differences.iter().any(|difference| difference.key == "stderr");
    if let Some(sentence) = outcome::last_words(&outcome).filter(|_| is_at_fault && !has_said) {
        differences.push(OutcomeDifference { key: "it said", sentence });
    }
    (!differences.is_empty()).then(|| report::outcome(expectation, file, &observed.ending, &differences, rerun))
}

/// What is in the places of the files that the table names.
fn left(command: &WantedCommand, workspace: &Path) -> Vec<LeftFile> {
    let folder = open(workspace, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    let one = |path: &String| match &folder {
        Ok(folder) => left_file(folder, path),
        Err(errno) => LeftFile::Unreadable(errno.to_string()),
    };
    command.files.iter().map(|(path, _)| one(path)).collect()
}

/// Links are not followed, and no path leaves the workspace: the command may have made any. To open a FIFO does not wait.
fn left_file(folder: impl AsFd, path: &str) -> LeftFile {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS;
    let named = openat2(&folder, path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty(), resolve);
    let kind = match named.and_then(|named| fstat(&named)) {
        Ok(status) => FileType::from_raw_mode(status.st_mode),
        Err(Errno::NOENT | Errno::NOTDIR) => return LeftFile::Nothing,
        Err(Errno::LOOP) => return LeftFile::Other("behind a symbolic link".to_owned()),
        Err(errno) => return LeftFile::Unreadable(errno.to_string()),
    };
    if kind != FileType::RegularFile {
        return LeftFile::Other(word(kind).to_owned());
    }
    let opened = openat2(&folder, path, flags | OFlags::NOFOLLOW, Mode::empty(), resolve);
    let read = opened.map_err(std::io::Error::from).and_then(|file| contents(File::from(file)));
    read.unwrap_or_else(|error| match error.kind() {
        ErrorKind::NotFound => LeftFile::Nothing,
        _ => LeftFile::Unreadable(error.to_string()),
    })
}

/// What a file is, with its article.
fn word(kind: FileType) -> &'static str {
    match kind {
        FileType::RegularFile => "a regular file",
        FileType::Directory => "a directory",
        FileType::Symlink => "a symbolic link",
        FileType::Fifo => "a FIFO",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        FileType::Unknown => "of a kind that is unknown",
    }
}

/// The first bytes of a file, and the digest of all.
fn contents(mut file: File) -> std::io::Result<LeftFile> {
    let (mut digest, mut content) = (Sha256::new(), KeptStream::default());
    let mut bytes = vec![0; 1 << 16];
    loop {
        let length = match file.read(&mut bytes) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        digest.update(&bytes[..length]);
        let room = MOST - content.bytes.len();
        content.is_cut |= length > room;
        content.bytes.extend_from_slice(&bytes[..length.min(room)]);
    }
    Ok(LeftFile::Regular { content, sha256: hexadecimal(&digest.finalize()) })
}
