//! What is in the initramfs: the program itself, a shell, what the order names, and the libraries of all that.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{MemfdFlags, memfd_create};

use super::initramfs::Initramfs;
use super::libraries;
use super::order::{self, GuestOrder};
use crate::base::error::Error;
use crate::base::escape;

/// The folders that the guest mounts something on.
const FOLDERS: [&str; 5] = ["/dev", "/proc", "/sys", order::TEMPORARY, order::SENT_BACK];
/// Where many systems have a link to a folder below `/usr`.
const LINKS: [&str; 5] = ["/bin", "/sbin", "/lib", "/lib32", "/lib64"];
/// The shell of commands in tables (docs/tests-toml.md), if this machine has one.
const SHELL: &str = "/bin/sh";

/// What the initramfs is made of.
#[derive(Debug)]
pub struct Packing<'p> {
    /// What the guest is to do.
    pub order: &'p GuestOrder,
    /// The program that is its init.
    pub program: &'p Path,
    /// Whether this machine's shell comes along.
    pub has_shell: bool,
    /// Further programs, with absolute paths. Their libraries come along.
    pub programs: Vec<PathBuf>,
    /// Further files, with absolute paths.
    pub files: Vec<PathBuf>,
}

/// An initramfs in memory, and its size in bytes. It goes with the process, whatever ends that.
#[derive(Debug)]
pub struct PackedInitramfs {
    /// The memory.
    pub file: File,
    /// Its size.
    pub size: u64,
}

impl Packing<'_> {
    /// Makes the initramfs.
    pub fn pack(&self) -> Result<PackedInitramfs, Error> {
        let bytes = self.archive()?;
        let written = memfd_create("ior-it", MemfdFlags::CLOEXEC).map_err(io::Error::from).and_then(|memory| {
            let mut file = File::from(memory);
            file.write_all(&bytes).map(|()| file)
        });
        let file = written.map_err(|error| super::cannot_make("the initramfs could not be made", error))?;
        Ok(PackedInitramfs { file, size: bytes.len() as u64 })
    }

    fn archive(&self) -> Result<Vec<u8>, Error> {
        let mut archive = Initramfs::default();
        for folder in FOLDERS {
            archive.folder(Path::new(folder));
        }
        for (link, target) in LINKS.iter().filter_map(|link| Some((link, std::fs::read_link(link).ok()?))) {
            archive.link(Path::new(link), &target);
        }
        archive.folder(Path::new(&self.order.directory));
        let order =
            serde_json::to_vec(self.order).map_err(|error| Error::usage(error.to_string(), "use other words"))?;
        archive.file(Path::new(order::FILE), &order);
        archive.file(Path::new(order::PROGRAM), &read(self.program)?);
        let shell = Some(PathBuf::from(SHELL)).filter(|shell| self.has_shell && shell.exists());
        let programs = self.programs.iter().chain(&shell);
        let mut files: Vec<PathBuf> = libraries::needed_by(self.program)?;
        for program in programs {
            files.extend(libraries::needed_by(program)?);
            files.push(program.clone());
        }
        for file in files.iter().chain(&self.files) {
            add(&mut archive, file)?;
        }
        Ok(archive.finish())
    }
}

/// Adds a file under its path, in the folder to which the links of that path lead.
fn add(archive: &mut Initramfs, path: &Path) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let folder = folder.canonicalize().map_err(|error| cannot_read(path, error))?;
    let place = folder.join(path.file_name().unwrap_or(OsStr::new("")));
    if archive.has(&place) {
        return Ok(());
    }
    archive.file(&place, &read(path)?);
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|error| cannot_read(path, error))
}

fn cannot_read(path: &Path, error: io::Error) -> Error {
    let shown = escape::path(path);
    Error::usage(format!("{shown} cannot be put into the virtual machine: {error}"), "`ls -l` says what it is")
        .because(error)
}
