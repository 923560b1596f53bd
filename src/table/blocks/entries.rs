//! The entries of a directory, as getdents64(2) and getdents(2) fill them in.
//!
//! No I/O.

use super::number;

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectoryEntry<'b> {
    /// The number of its inode.
    pub inode: u64,
    /// Where the next one begins, in the directory's own terms.
    pub offset: i64,
    /// Its size in bytes.
    pub length: u16,
    /// The type of its file (`DT_REG`).
    pub kind: u8,
    /// Its name, without the NUL.
    pub name: &'b [u8],
}

/// Where an entry has what: `struct linux_dirent64`, and `struct linux_dirent`, which has the type in its last byte (getdents(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirectoryLayout {
    /// Of getdents64(2).
    Wide,
    /// Of getdents(2).
    Old,
}

/// The entries of these bytes. The last one is `None` if the bytes end within it.
pub fn entries(layout: DirectoryLayout, bytes: &[u8]) -> impl Iterator<Item = Option<DirectoryEntry<'_>>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let entry = first(layout, rest);
        rest = entry.map_or(&[], |entry| &rest[usize::from(entry.length)..]);
        Some(entry)
    })
}

fn first(layout: DirectoryLayout, bytes: &[u8]) -> Option<DirectoryEntry<'_>> {
    let word = |at: usize, size: usize| bytes.get(at..at + size).and_then(|bytes| number(bytes, false));
    let length = word(16, 2)? as u16;
    let entry = bytes.get(..length.into()).filter(|entry| !entry.is_empty())?;
    let (name, kind) = match layout {
        DirectoryLayout::Wide => (entry.get(19..)?, *entry.get(18)?),
        DirectoryLayout::Old => (entry.get(18..)?, *entry.last()?),
    };
    let name = name.split(|&byte| byte == 0).next()?;
    Some(DirectoryEntry { inode: word(0, 8)? as u64, offset: word(8, 8)?, length, kind, name })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(layout: DirectoryLayout, name: &[u8], kind: u8) -> Vec<u8> {
        let head = if layout == DirectoryLayout::Wide { 19 } else { 18 };
        let length = (head + name.len() + 2).next_multiple_of(8);
        let mut bytes = [7u64.to_ne_bytes(), 9i64.to_ne_bytes()].concat();
        bytes.extend((length as u16).to_ne_bytes());
        bytes.extend((head == 19).then_some(kind));
        bytes.extend(name);
        bytes.resize(length, 0);
        bytes[length - 1] |= if head == 19 { 0 } else { kind };
        bytes
    }

    #[test]
    fn entries_are_taken_apart_and_one_that_is_cut_is_none() {
        for layout in [DirectoryLayout::Wide, DirectoryLayout::Old] {
            let bytes = [entry(layout, b"a", libc::DT_REG), entry(layout, b"of more bytes", libc::DT_DIR)].concat();
            let found: Vec<_> =
                entries(layout, &bytes).map(|entry| entry.map(|entry| (entry.name, entry.kind))).collect();
            assert_eq!(found, [Some((b"a".as_slice(), 8)), Some((b"of more bytes", 4))], "{layout:?}");
            let cut: Vec<_> = entries(layout, &bytes[..bytes.len() - 1]).collect();
            assert_eq!((cut.len(), cut[1]), (2, None), "{layout:?}");
            let DirectoryEntry { inode, offset, .. } = cut[0].expect("an entry");
            assert_eq!((inode, offset), (7, 9));
        }
        assert_eq!(entries(DirectoryLayout::Wide, &[0; 24]).next(), Some(None), "a length of 0 would never end");
    }
}
