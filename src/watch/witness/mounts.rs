//! Mounts: which filesystem a file is on.
//!
//! A filesystem in user space (fuse(4)) is never asked anything. The process that would answer may be a tracee, which is stopped
//! until this very thread resumes it.

use std::collections::HashMap;
use std::fs;
use std::os::fd::BorrowedFd;

use rustix::fs::{AtFlags, Statx, StatxFlags, fstatfs, statfs, statx};
use rustix::io::Result;

use crate::table::kind::HAVE_OTHER_DEVICES;

/// STATX_MNT_ID_UNIQUE (statx(2), since Linux 6.8): an id that is never used again.
const UNIQUE: StatxFlags = StatxFlags::from_bits_retain(0x4000);
/// `s_magic` of a filesystem in user space.
const FUSE: u32 = 0x6573_5546;
/// `s_magic` of filesystems that date each change of a directory, at least to the clock's tick: ext4, xfs, btrfs, tmpfs,
/// overlayfs, f2fs, bcachefs.
const DATE_CHANGES: [u32; 7] = [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x794c_7630, 0xf2f5_2010, 0xca45_1a4e];
const PROC: u32 = 0x9fa0;

/// A mount.
#[derive(Clone, Copy, Debug)]
pub struct Mount {
    /// `s_magic` of its filesystem (statfs(2)).
    pub magic: u32,
    /// The device of its superblock, if stat(2) shows another: major << 20 | minor.
    pub device: Option<u32>,
}

impl Mount {
    /// Whether a process serves the filesystem. Never wait for that.
    pub fn is_process(self) -> bool {
        self.magic == FUSE
    }

    /// Whether a directory's ctime says when a name in it was last changed, removed or made.
    pub fn dates_changes(self) -> bool {
        DATE_CHANGES.contains(&self.magic)
    }

    /// Whether it is proc(5).
    pub fn is_proc(self) -> bool {
        self.magic == PROC
    }
}

/// A file, by an open descriptor of the witness or by a path in /proc.
#[derive(Clone, Copy)]
pub enum FileRef<'f> {
    /// By a descriptor.
    Open(BorrowedFd<'f>),
    /// By a link in /proc.
    At(&'f str),
}

impl FileRef<'_> {
    /// The status that the kernel has cached (AT_STATX_DONT_SYNC).
    pub fn status(self) -> Result<Statx> {
        self.statx(StatxFlags::BASIC_STATS | StatxFlags::MNT_ID | UNIQUE)
    }

    fn statx(self, mask: StatxFlags) -> Result<Statx> {
        let flags = AtFlags::STATX_DONT_SYNC | AtFlags::NO_AUTOMOUNT;
        match self {
            Self::Open(file) => statx(file, "", flags | AtFlags::EMPTY_PATH, mask),
            Self::At(path) => statx(rustix::fs::CWD, path, flags, mask),
        }
    }

    fn magic(self) -> Option<u32> {
        let system = match self {
            Self::Open(file) => fstatfs(file),
            Self::At(path) => statfs(path),
        };
        system.ok().map(|system| system.f_type as u32)
    }
}

/// The known mounts, by their unique ids. On kernels without unique ids nothing is kept, because ids are used again.
#[derive(Debug, Default)]
pub struct Mounts(HashMap<u64, Mount>);

impl Mounts {
    /// The mount of a tracee's file, which has this status.
    pub fn of(&mut self, tid: u32, file: FileRef<'_>, status: &Statx) -> Mount {
        let is_unique = status.stx_mask & UNIQUE.bits() != 0;
        if let Some(known) = self.0.get(&status.stx_mnt_id).filter(|_| is_unique) {
            return *known;
        }
        let mount = look_up(tid, file, status, is_unique);
        if is_unique {
            self.0.insert(status.stx_mnt_id, mount);
        }
        mount
    }

    /// Whether something is mounted on the root of this tracee, which is `file`.
    pub fn is_root_covered(tid: u32, file: FileRef<'_>) -> bool {
        let Ok(status) = file.statx(StatxFlags::MNT_ID) else { return true };
        table(tid).lines().any(|line| is_on_root_of(line, status.stx_mnt_id))
    }
}

fn table(tid: u32) -> String {
    fs::read_to_string(format!("/proc/{tid}/mountinfo")).unwrap_or_default()
}

/// Whether a line of mountinfo has a mount on the root of the process, with this mount below it.
fn is_on_root_of(line: &str, below: u64) -> bool {
    let mut words = line.split(' ').skip(1);
    words.next().and_then(|word| word.parse().ok()) == Some(below) && words.nth(2) == Some("/")
}

/// Finds a mount in mountinfo. A pipe or a socket is on no mount, and has no line.
fn look_up(tid: u32, file: FileRef<'_>, status: &Statx, is_unique: bool) -> Mount {
    let number = match is_unique {
        true => file.statx(StatxFlags::MNT_ID).map(|status| status.stx_mnt_id).ok(),
        false => Some(status.stx_mnt_id),
    };
    let table = table(tid);
    let row = table.lines().filter_map(row).find(|row| Some(row.0) == number);
    let magic = match row {
        Some((_, _, system)) if system.starts_with("fuse") => FUSE,
        _ => file.magic().unwrap_or(0),
    };
    let device = row.map(|(_, device, _)| device).filter(|_| HAVE_OTHER_DEVICES.contains(&magic));
    Mount { magic, device }
}

/// The id, the device and the filesystem in a line of proc_pid_mountinfo(5): `36 35 98:0 /mnt1 /mnt2 rw - ext3 /dev/root rw`.
fn row(line: &str) -> Option<(u64, u32, &str)> {
    let (mount, system) = line.split_once(" - ")?;
    let mut words = mount.split(' ');
    let number = words.next()?.parse().ok()?;
    let (major, minor) = words.nth(1)?.split_once(':')?;
    let device = major.parse::<u32>().ok()? << 20 | minor.parse::<u32>().ok()?;
    Some((number, device, system.split(' ').next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_mountinfo_says_number_device_and_filesystem() {
        let line = "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue";
        assert_eq!(row(line), Some((36, 98 << 20, "ext3")));
        assert_eq!(row("40 35 0:51 / /x rw - fuse.bindfs a rw"), Some((40, 51, "fuse.bindfs")));
        assert_eq!(row("36 35"), None);
    }

    #[test]
    fn a_mount_on_the_root_is_known_by_what_it_lies_on() {
        assert!(is_on_root_of("40 36 0:51 /dir/sub / rw - tmpfs a rw", 36));
        assert!(!is_on_root_of("36 35 0:51 / / rw - tmpfs a rw", 36), "it is the root itself");
        assert!(!is_on_root_of("40 36 0:51 / /x rw - tmpfs a rw", 36));
    }

    #[test]
    fn proc_is_known_and_remembered() {
        let file = FileRef::At("/proc/self/status");
        let status = file.status().unwrap();
        let mut mounts = Mounts::default();
        let pid = std::process::id();
        assert!([mounts.of(pid, file, &status), mounts.of(pid, file, &status)].iter().all(|mount| mount.is_proc()));
        let is_unique = status.stx_mask & UNIQUE.bits() != 0;
        assert_eq!(mounts.0.len(), usize::from(is_unique), "what may be given again is not kept");
    }
}
