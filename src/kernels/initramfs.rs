//! An initramfs as the kernel unpacks it: a cpio archive in the format newc (Documentation/driver-api/early-userspace/buffer-format.rst).
//!
//! No I/O, and no compression: it goes from memory to memory.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The archive, as far as it is written.
#[derive(Debug, Default)]
pub struct Initramfs {
    bytes: Vec<u8>,
    entries: u32,
    /// What is in it. The kernel makes no folder by itself.
    there: BTreeSet<PathBuf>,
}

impl Initramfs {
    /// Adds a folder, with those above it. Adds nothing if it is there.
    pub fn folder(&mut self, path: &Path) {
        self.parents(path);
        if path.parent().is_some() && self.there.insert(path.to_owned()) {
            self.entry(path, libc::S_IFDIR | 0o755, &[]);
        }
    }

    /// Adds a file that can be executed, with the folders above it. The first file of a path stays.
    pub fn file(&mut self, path: &Path, content: &[u8]) {
        self.parents(path);
        if self.there.insert(path.to_owned()) {
            self.entry(path, libc::S_IFREG | 0o755, content);
        }
    }

    /// Adds a symbolic link.
    pub fn link(&mut self, path: &Path, target: &Path) {
        self.parents(path);
        if self.there.insert(path.to_owned()) {
            self.entry(path, libc::S_IFLNK | 0o777, target.as_os_str().as_bytes());
        }
    }

    /// Whether this path is in it.
    pub fn has(&self, path: &Path) -> bool {
        self.there.contains(path)
    }

    /// The whole archive.
    pub fn finish(mut self) -> Vec<u8> {
        self.entry(Path::new("TRAILER!!!"), 0, &[]);
        self.bytes
    }

    fn parents(&mut self, path: &Path) {
        if let Some(parent) = path.parent() {
            self.folder(parent);
        }
    }

    /// The header has 13 numbers of 8 digits. The name ends with a NUL. Name and content fill up to 4 bytes.
    fn entry(&mut self, path: &Path, mode: u32, content: &[u8]) {
        let name = path.strip_prefix("/").unwrap_or(path).as_os_str().as_bytes();
        self.entries += 1;
        let (size, name_size) = (content.len() as u32, name.len() as u32 + 1);
        let fields = [self.entries, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, name_size, 0];
        self.bytes.extend(b"070701");
        self.bytes.extend(fields.iter().flat_map(|field| format!("{field:08X}").into_bytes()));
        self.bytes.extend(name);
        self.bytes.push(0);
        self.fill();
        self.bytes.extend(content);
        self.fill();
    }

    fn fill(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The entries of an archive, read by the words of the format: mode, name, content.
    fn read(mut bytes: &[u8]) -> Vec<(u32, String, Vec<u8>)> {
        let mut found = Vec::new();
        while !bytes.is_empty() {
            let (header, _) = bytes.split_at(110);
            assert_eq!(&header[..6], b"070701");
            let number = |at: usize| {
                let digits = std::str::from_utf8(&header[6 + 8 * at..14 + 8 * at]).unwrap();
                u32::from_str_radix(digits, 16).unwrap() as usize
            };
            let (mode, size, name_size) = (number(1), number(6), number(11));
            let name = String::from_utf8(bytes[110..110 + name_size - 1].to_vec()).unwrap();
            let at = (110 + name_size).next_multiple_of(4);
            found.push((mode as u32, name, bytes[at..at + size].to_vec()));
            bytes = &bytes[(at + size).next_multiple_of(4)..];
        }
        found
    }

    #[test]
    fn an_archive_has_each_path_once_after_its_folders() {
        let mut archive = Initramfs::default();
        archive.file(Path::new("/usr/bin/sh"), b"five!");
        archive.file(Path::new("/usr/bin/sh"), b"other");
        archive.folder(Path::new("/usr/bin"));
        archive.link(Path::new("/bin"), Path::new("usr/bin"));
        assert!(archive.has(Path::new("/usr")));
        let rows = [
            (0o040_755, "usr", ""),
            (0o040_755, "usr/bin", ""),
            (0o100_755, "usr/bin/sh", "five!"),
            (0o120_777, "bin", "usr/bin"),
            (0, "TRAILER!!!", ""),
        ];
        let rows = rows.map(|(mode, name, content)| (mode, name.to_owned(), content.as_bytes().to_vec()));
        assert_eq!(read(&archive.finish()), rows);
    }
}
