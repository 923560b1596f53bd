//! Files that are written where others can write too.
//!
//! In a folder like /tmp somebody else may have put a link, or a file of his own, under the name that is about to be written.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// A new or emptied file. In a sticky folder that others can write to, no link is followed, and a file that is there must be of
/// this user (as with fs.protected_regular, which need not be set).
pub fn create(path: &Path) -> io::Result<File> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !fs::metadata(folder).is_ok_and(|folder| is_shared(folder.mode())) {
        return File::create(path);
    }
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o644).custom_flags(flags).open(path);
    let file = file.map_err(|error| match error.raw_os_error() {
        Some(libc::ELOOP) => io::Error::other("a symbolic link is there, in a folder that others can write to"),
        _ => error,
    })?;
    let found = file.metadata()?;
    if found.uid() != nix::unistd::geteuid().as_raw() {
        return Err(io::Error::other("a file of somebody else is there, in a folder that others can write to"));
    }
    if found.is_file() {
        file.set_len(0)?;
    }
    Ok(file)
}

/// Makes a folder that only its owner can enter, whatever the umask.
pub fn private_folder(path: &Path) -> io::Result<()> {
    fs::create_dir(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))
}

/// Others can write there, and not remove what they have not made (the sticky bit, inode(7)).
fn is_shared(mode: u32) -> bool {
    mode & libc::S_ISVTX != 0 && mode & (libc::S_IWGRP | libc::S_IWOTH) != 0
}
