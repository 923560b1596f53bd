//! Names of files, and what changes them.
//!
//! No I/O.

use crate::syscalls::Syscall;
use crate::trace::Call;

/// The name of a file: the path by which it was opened, as renames have changed it since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// Absolute and [`normal`].
    pub path: Vec<u8>,
    /// Whether it was unlinked, or another file renamed over it: later renames are of another file.
    pub gone: bool,
}

impl Name {
    pub(super) fn new(path: &[u8]) -> Self {
        Self { path: normal(path), gone: false }
    }

    /// What is named relative to this directory.
    pub(super) fn join(self, relative: &[u8]) -> Self {
        Self { path: normal(&[&self.path, b"/".as_slice(), relative].concat()), ..self }
    }
}

/// What a call that succeeded did to names.
pub(super) enum Change<'n> {
    /// A file, and what lies below a directory, keeps its identity and changes its name.
    Renamed { old: &'n [u8], new: &'n [u8], exchanged: bool },
    /// A name is no more; the file may live on.
    Removed(&'n [u8]),
}

impl<'n> Change<'n> {
    pub(super) fn by(call: &Call, row: &Syscall, named: &'n [Option<Name>; 2]) -> Option<Self> {
        call.success()?;
        let [first, second] = named.each_ref().map(|name| name.as_ref().map(|name| name.path.as_slice()));
        let flags = match row.like {
            "rename" | "renameat" => 0,
            "renameat2" => call.args[4] as u32,
            "unlink" | "unlinkat" | "rmdir" => return first.map(Self::Removed),
            _ => return None,
        };
        Some(Self::Renamed { old: first?, new: second?, exchanged: flags & libc::RENAME_EXCHANGE != 0 })
    }

    pub(super) fn apply(&self, name: &mut Name) {
        if name.gone {
            return;
        }
        match self {
            Self::Removed(path) => name.gone = name.path == *path,
            Self::Renamed { old, new, exchanged } => match (below(old, &name.path), below(new, &name.path)) {
                (Some(rest), _) => name.path = [new, rest].concat(),
                (None, Some(rest)) if *exchanged => name.path = [old, rest].concat(),
                (None, Some(_)) => name.gone = true,
                (None, None) => {}
            },
        }
    }
}

/// What of `path` follows `directory`: nothing if they are equal, else what begins with a slash.
fn below<'a>(directory: &[u8], path: &'a [u8]) -> Option<&'a [u8]> {
    path.strip_prefix(directory).filter(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// An absolute path without what says nothing: `//`, `.`, a slash at the end. `..` is kept, since what it means depends
/// on symbolic links.
fn normal(path: &[u8]) -> Vec<u8> {
    let parts = path.split(|&byte| byte == b'/').filter(|part| !part.is_empty() && *part != b".");
    let normal: Vec<u8> = parts.flat_map(|part| [b"/".as_slice(), part].concat()).collect();
    if normal.is_empty() { b"/".to_vec() } else { normal }
}

/// Relative to the workspace where it lies inside; the workspace itself is `.`.
pub(super) fn inside(workspace: &[u8], path: &[u8]) -> Vec<u8> {
    match below(workspace, path) {
        Some(b"") => b".".to_vec(),
        Some(rest) => rest[1..].to_vec(),
        None => path.to_vec(),
    }
}
