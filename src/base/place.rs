//! Makes files and folders safely in folders that other users can write to.
//!
//! In a folder like /tmp, another user may have put a link or a file at a name on the path. So this module goes along a path name by
//! name, from one folder's descriptor to the next (openat(2)). It follows a link only if this user or root owns it, or if no other
//! user can write to its folder. fs.protected_symlinks (proc_sys_fs(5)) does the same, but only in sticky folders and if it is set.
//! The contents of a [`Folder`] are reached from its descriptor.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Permissions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat, readlinkat, renameat};
use nix::sys::stat::{FchmodatFlags, FileStat, Mode, fchmod, fchmodat, fstat, fstatat, mkdirat};
use nix::sys::statfs::{PROC_SUPER_MAGIC, fstatfs};
use nix::unistd::{UnlinkatFlags, fchdir, geteuid, unlinkat};

/// A descriptor that only names a file: opening it does not open the file itself, so a FIFO does not block.
const PLACE: OFlag = OFlag::O_PATH.union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);
/// The most links that are followed (path_resolution(7)).
const LINKS: usize = 40;
/// The mode of a folder that all may read.
const OPEN_FOLDER: u32 = 0o755;
/// The mode of a folder that only its owner can enter.
const PRIVATE_FOLDER: u32 = 0o700;
/// The mode of a file that all may read, because root may have made it.
const OPEN_FILE: Mode = Mode::from_bits_truncate(0o644);
/// How many new names are tried.
const NAMES: usize = 64;

/// Creates or empties a file. In a folder that others can write to, the file may have no second name (a hard link). If that folder is
/// sticky, the file must belong to this user, as with fs.protected_regular.
pub fn create(path: &Path) -> io::Result<File> {
    let (folder, name, found) = Way::along(path, false)?.into_last()?;
    let is_shared = is_shared(&fstat(&folder)?);
    if let Some(found) = found {
        may_be_written(&folder, &found)?;
        // By its descriptor, so that it is the file that was checked. A FIFO waits here for its reader.
        return File::options().write(true).truncate(true).open(by_number(found.as_fd()));
    }
    // Another process may make the file meanwhile, so it is checked afterwards.
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let mode = if is_shared { OPEN_FILE } else { OPEN_FILE | Mode::S_IWGRP | Mode::S_IWOTH };
    let made = openat(&folder, name.as_os_str(), flags, mode)?;
    may_be_written(&folder, &made)?;
    Ok(made.into())
}

fn may_be_written(folder: &OwnedFd, file: &OwnedFd) -> io::Result<()> {
    let (folder, file) = (fstat(folder)?, fstat(file)?);
    if !is_shared(&folder) || is_of_type(&file, libc::S_IFDIR) {
        return Ok(());
    }
    if folder.st_mode & libc::S_ISVTX != 0 && file.st_uid != geteuid().as_raw() {
        return Err(io::Error::other("a file of somebody else is there, in a folder that others can write to"));
    }
    if file.st_nlink > 1 {
        return Err(io::Error::other("a file that has other names is there, in a folder that others can write to"));
    }
    Ok(())
}

/// A folder, held by its descriptor. It stays the same whatever happens to its path.
#[derive(Debug)]
pub struct Folder {
    fd: OwnedFd,
    path: PathBuf,
}

impl Folder {
    /// The folder of this path.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::at(Way::along(path, false)?, path)
    }

    /// The same, but makes missing folders. All may read them, whatever the umask.
    pub fn make(path: &Path) -> io::Result<Self> {
        Self::at(Way::along(path, true)?, path)
    }

    fn at(way: Way, path: &Path) -> io::Result<Self> {
        let (_, _, found) = way.into_last()?;
        let fd = found.ok_or(Errno::ENOENT)?;
        if !is_of_type(&fstat(&fd)?, libc::S_IFDIR) {
            return Err(Errno::ENOTDIR.into());
        }
        Ok(Self { fd, path: path.to_owned() })
    }

    /// Makes a folder in it that only its owner can enter, whatever the umask. The new folder's path is the kernel's: absolute,
    /// without links.
    pub fn make_private(&self, name: &OsStr) -> io::Result<Self> {
        let fd = make_folder(&self.fd, name, PRIVATE_FOLDER)?;
        let path = fs::read_link(by_number(fd.as_fd()))?;
        Ok(Self { fd, path })
    }

    /// The same, and only its path.
    pub fn make_private_path(&self, name: &OsStr) -> io::Result<PathBuf> {
        let mode = Mode::from_bits_truncate(PRIVATE_FOLDER);
        mkdirat(&self.fd, name, mode)?;
        // The umask may take these bits.
        if fstatat(&self.fd, name, AtFlags::AT_SYMLINK_NOFOLLOW)?.st_mode & 0o777 != PRIVATE_FOLDER {
            fchmodat(&self.fd, name, mode, FchmodatFlags::FollowSymlink)?;
        }
        Ok(self.path.join(name))
    }

    /// The same with a new name, which begins with this prefix.
    pub fn make_private_new(&self, prefix: &str) -> io::Result<Self> {
        under_new_name(prefix, "", |name| self.make_private(name)).map(|(_, made)| made)
    }

    /// Its path when it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces a file in one step: a reader sees the old file or the whole new one. All may read it, whatever the umask.
    pub fn replace(&self, name: &OsStr, bytes: &[u8]) -> io::Result<()> {
        let (temporary, mut file) = self.temporary()?;
        let written =
            file.write_all(bytes).and_then(|()| Ok(renameat(&self.fd, temporary.as_os_str(), &self.fd, name)?));
        written.inspect_err(|_| self.remove_file(&temporary))
    }

    /// Checks that files can be made in it.
    pub fn check_writable(&self) -> io::Result<()> {
        self.temporary().map(|(temporary, _)| self.remove_file(&temporary))
    }

    fn temporary(&self) -> io::Result<(OsString, File)> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        under_new_name(".ior-it.", ".tmp", |name| {
            let made = openat(&self.fd, name, flags, Mode::S_IRUSR | Mode::S_IWUSR)?;
            fchmod(&made, OPEN_FILE)?;
            Ok(made.into())
        })
    }

    /// Nothing can be done about what cannot be removed.
    fn remove_file(&self, name: &OsStr) {
        let _ = unlinkat(&self.fd, name, UnlinkatFlags::NoRemoveDir);
    }

    /// Opens a file in it to be read. To open a FIFO does not wait.
    pub fn read(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        Ok(openat(&self.fd, name, flags, Mode::empty())?.into())
    }

    /// Makes this path, which may lie in it, the working directory.
    pub fn enter(&self, path: &Path) -> nix::Result<()> {
        match path.strip_prefix(&self.path) {
            Ok(inside) => fchdir(openat(&self.fd, inside, PLACE | OFlag::O_DIRECTORY, Mode::empty())?),
            Err(_) => nix::unistd::chdir(path),
        }
    }

    /// Removes a folder in it, with all that is there.
    pub fn remove(&self, name: &OsStr) -> io::Result<()> {
        fs::remove_dir_all(by_number(self.fd.as_fd()).join(name))
    }

    /// Removes it, with all that is there.
    pub fn remove_all(&self) -> io::Result<()> {
        for entry in fs::read_dir(by_number(self.fd.as_fd()))? {
            let entry = entry?;
            let is_folder = entry.file_type()?.is_dir();
            match if is_folder { self.remove(&entry.file_name()) } else { fs::remove_file(entry.path()) } {
                // Others remove as well.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                removed => removed?,
            }
        }
        fs::remove_dir(&self.path)
    }
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A walk along a path.
struct Way {
    /// The folder that it has reached.
    at: OwnedFd,
    /// The names that are left, the next one at the end.
    left: Vec<OsString>,
    links: usize,
    /// Whether it makes missing folders.
    makes: bool,
}

impl Way {
    fn along(path: &Path, makes: bool) -> io::Result<Self> {
        let at = open(".", PLACE | OFlag::O_DIRECTORY, Mode::empty())?;
        let mut way = Self { at, left: Vec::new(), links: 0, makes };
        way.add(path)?;
        Ok(way)
    }

    /// Puts a path in front of the names that are left.
    fn add(&mut self, path: &Path) -> nix::Result<()> {
        let path = path.as_os_str().as_bytes();
        if path.starts_with(b"/") {
            self.at = open("/", PLACE | OFlag::O_DIRECTORY, Mode::empty())?;
        }
        if path.ends_with(b"/") {
            // It must be a folder.
            self.left.push(".".into());
        }
        let names = path.rsplit(|&byte| byte == b'/').filter(|name| !name.is_empty());
        self.left.extend(names.map(|name| OsStr::from_bytes(name).to_owned()));
        Ok(())
    }

    /// Goes to the end: the folder, the last name in it, and the file with that name, which is no link.
    fn into_last(mut self) -> io::Result<(OwnedFd, OsString, Option<OwnedFd>)> {
        while let Some(name) = self.left.pop() {
            let found = match self.look(&name) {
                Err(Errno::ENOENT) if self.makes => match make_folder(&self.at, &name, OPEN_FOLDER) {
                    // Another process was quicker.
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => self.look(&name)?,
                    made => made?,
                },
                Err(Errno::ENOENT) if self.left.is_empty() => return Ok((self.at, name, None)),
                found => found?,
            };
            if is_of_type(&fstat(&found)?, libc::S_IFLNK) {
                self.follow(&found)?;
            } else if self.left.is_empty() {
                return Ok((self.at, name, Some(found)));
            } else {
                self.at = found;
            }
        }
        Err(Errno::ENOENT.into())
    }

    /// The file with this name. Links in proc(5) are followed: no user can put one there, and some lead where no path does.
    fn look(&self, name: &OsStr) -> nix::Result<OwnedFd> {
        let look = |flags| openat(&self.at, name, flags, Mode::empty());
        match look(PLACE | OFlag::O_DIRECTORY) {
            Err(Errno::ENOTDIR) if fstatfs(&self.at)?.filesystem_type() == PROC_SUPER_MAGIC => {
                look(PLACE.difference(OFlag::O_NOFOLLOW))
            }
            // O_DIRECTORY comes first, because only that triggers an automount (autofs(5)).
            Err(Errno::ENOTDIR) => look(PLACE),
            found => found,
        }
    }

    fn follow(&mut self, link: &OwnedFd) -> io::Result<()> {
        self.links += 1;
        if self.links > LINKS {
            return Err(Errno::ELOOP.into());
        }
        let found = fstat(link)?;
        // If the link has another name, another user may have moved it here.
        if is_shared(&fstat(&self.at)?) && !(is_trusted(found.st_uid) && found.st_nlink <= 1) {
            return Err(io::Error::other(
                "a symbolic link of somebody else is on the way, in a folder that others can write to",
            ));
        }
        Ok(self.add(Path::new(&readlinkat(link, "")?))?)
    }
}

fn make_folder(at: &OwnedFd, name: &OsStr, mode: u32) -> io::Result<OwnedFd> {
    mkdirat(at, name, Mode::from_bits_truncate(mode))?;
    let made = openat(at, name, PLACE | OFlag::O_DIRECTORY, Mode::empty())?;
    let found = fstat(&made)?.st_mode;
    if found & 0o777 != mode {
        fs::set_permissions(by_number(made.as_fd()), Permissions::from_mode(found & 0o7000 | mode))?;
    }
    Ok(made)
}

/// Makes something with a name that nobody could predict.
fn under_new_name<T>(prefix: &str, suffix: &str, make: impl Fn(&OsStr) -> io::Result<T>) -> io::Result<(OsString, T)> {
    for _ in 0..NAMES {
        // Each state has random keys of its own.
        let name = OsString::from(format!("{prefix}{:x}{suffix}", RandomState::new().hash_one(prefix)));
        match make(&name) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => return made.map(|made| (name, made)),
        }
    }
    Err(Errno::EEXIST.into())
}

/// The path in /proc that leads to a descriptor's file, wherever that is now (proc_pid_fd(5)).
fn by_number(fd: BorrowedFd) -> PathBuf {
    format!("/proc/self/fd/{}", fd.as_raw_fd()).into()
}

/// Whether another user can put files into a folder.
fn is_shared(folder: &FileStat) -> bool {
    !is_trusted(folder.st_uid) || folder.st_mode & (libc::S_IWGRP | libc::S_IWOTH) != 0
}

fn is_trusted(user: u32) -> bool {
    user == 0 || user == geteuid().as_raw()
}

fn is_of_type(file: &FileStat, kind: libc::mode_t) -> bool {
    file.st_mode & libc::S_IFMT == kind
}
