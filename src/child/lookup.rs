//! Where a program is: as execvp(3) looks for it.

use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::{AccessFlags, access};

/// The folders that are searched without PATH (execvp(3)).
pub const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// Whether a file can be executed; if not, the errno that says why.
pub fn executable(path: &Path) -> nix::Result<()> {
    let metadata =
        std::fs::metadata(path).map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or_default()))?;
    match metadata.mode() & libc::S_IFMT {
        libc::S_IFDIR => Err(Errno::EISDIR),
        _ => access(path, AccessFlags::X_OK),
    }
}

/// The first file of this name in these folders, which are written like PATH, that can be executed. An empty folder is the working
/// directory (execvp(3)).
pub fn in_path(name: &OsStr, folders: &OsStr) -> nix::Result<PathBuf> {
    let mut first_refusal = Errno::ENOENT;
    for folder in std::env::split_paths(folders).filter(|_| !name.is_empty()) {
        let path = if folder.as_os_str().is_empty() { Path::new(".").join(name) } else { folder.join(name) };
        match executable(&path) {
            Ok(()) => return Ok(path),
            Err(Errno::EACCES) => first_refusal = Errno::EACCES,
            Err(_) => {}
        }
    }
    Err(first_refusal)
}
