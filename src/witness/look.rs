//! What the witness reads of a thread that stands still: its memory by process_vm_readv(2), its descriptors in /proc.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::IoSliceMut;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{FileExt, MetadataExt};

use nix::sys::stat::{major, minor};
use nix::sys::statfs::statfs;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::{Pid, SysconfVar, sysconf};

use crate::record::PATH_CAP;
use crate::trace::{Identity, Text};

/// How many bytes of a `struct file_handle` there are at most: its header and MAX_HANDLE_SZ (open_by_handle_at(2)).
const HANDLE_CAP: usize = 8 + 128;

/// Whether pages that are not present may be read. To read one brings it in: a call that finds its path there has another
/// way through the kernel than without a witness, so before the call none is touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// Only what proc_pid_pagemap(5) says is present.
    Present,
    /// Whatever the process could read by itself.
    All,
}

/// A string of at most PATH_MAX bytes without its NUL; `None` if a page of it must not be touched now.
pub fn string(tid: u32, address: u64, touch: Touch) -> Option<Text> {
    let mut bytes = Vec::new();
    while bytes.len() < PATH_CAP {
        let at = address.wrapping_add(bytes.len() as u64);
        let to_page_end = page_size() - at % page_size();
        let part = read(tid, at, (PATH_CAP - bytes.len()).min(to_page_end as usize), touch)?;
        let Some(part) = part else { return Some(Text::Unreadable(libc::EFAULT)) };
        if let Some(end) = part.iter().position(|&byte| byte == 0) {
            bytes.extend(&part[..end]);
            return Some(Text::Read { bytes, cut: false });
        }
        bytes.extend(part);
    }
    Some(Text::Read { bytes, cut: true })
}

/// A block of this many bytes; `Some(None)` if it cannot be read, `None` if a page of it must not be touched now.
pub fn block(tid: u32, address: u64, size: usize, touch: Touch) -> Option<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    while bytes.len() < size {
        let at = address.wrapping_add(bytes.len() as u64);
        let to_page_end = page_size() - at % page_size();
        match read(tid, at, (size - bytes.len()).min(to_page_end as usize), touch)? {
            Some(part) => bytes.extend(part),
            None => return Some(None),
        }
    }
    Some(Some(bytes))
}

/// A `struct file_handle`, whose first word says how many bytes follow its header.
pub fn handle(tid: u32, address: u64, touch: Touch) -> Option<Option<Vec<u8>>> {
    let Some(word) = block(tid, address, 4, touch)? else { return Some(None) };
    let counted = word.first_chunk().map_or(0, |bytes| u32::from_ne_bytes(*bytes)) as usize;
    block(tid, address, counted.saturating_add(8).min(HANDLE_CAP), touch)
}

/// Bytes that lie on one page, as [`block`].
fn read(tid: u32, address: u64, size: usize, touch: Touch) -> Option<Option<Vec<u8>>> {
    if touch == Touch::Present && !is_present(tid, address) {
        return None;
    }
    let mut bytes = vec![0; size];
    let remote = [RemoteIoVec { base: address as usize, len: size }];
    let read = process_vm_readv(Pid::from_raw(tid as i32), &mut [IoSliceMut::new(&mut bytes)], &remote);
    Some((read == Ok(size)).then_some(bytes))
}

/// proc_pid_pagemap(5): bit 63 of a page's entry says that it is present. Addresses of the kernel have no entry.
fn is_present(tid: u32, address: u64) -> bool {
    let mut entry = [0; 8];
    let read = File::open(format!("/proc/{tid}/pagemap"))
        .and_then(|pagemap| pagemap.read_exact_at(&mut entry, address / page_size() * 8));
    read.is_ok() && u64::from_ne_bytes(entry) >> 63 == 1
}

fn page_size() -> u64 {
    static SIZE: std::sync::LazyLock<u64> =
        std::sync::LazyLock::new(|| sysconf(SysconfVar::PAGE_SIZE).ok().flatten().map_or(4096, |size| size as u64));
    *SIZE
}

/// The file systems of mounts, by their number in fdinfo (proc_pid_fdinfo(5)); `None` for those that are mounted nowhere.
#[derive(Debug, Default)]
pub struct Mounts(HashMap<u32, Option<u32>>);

/// The file behind a descriptor, and its link in /proc/PID/fd; nothing if it is not open.
pub fn descriptor(tid: u32, fd: i32, mounts: &mut Mounts) -> (Option<Identity>, Option<Vec<u8>>) {
    if fd < 0 {
        return (None, None);
    }
    let path = format!("/proc/{tid}/fd/{fd}");
    let link = fs::read_link(&path).ok().map(|link| link.into_os_string().into_vec());
    (link.as_ref().and_then(|_| identity(tid, fd, &path, mounts)), link)
}

fn identity(tid: u32, fd: i32, path: &str, mounts: &mut Mounts) -> Option<Identity> {
    let stat = fs::metadata(path).ok()?;
    let info = fs::read_to_string(format!("/proc/{tid}/fdinfo/{fd}")).ok()?;
    let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let flags = u32::from_str_radix(field("flags:")?, 8).ok()?;
    let mount = field("mnt_id:").and_then(|number| number.parse().ok());
    // overlayfs and btrfs answer stat(2) with another device than that of their superblock, which mountinfo has.
    let device = mount.and_then(|mount| mounts.device(tid, mount));
    Some(Identity {
        magic: statfs(path).map_or(0, |system| system.filesystem_type().0 as u32),
        device: device.unwrap_or((major(stat.dev()) << 20 | minor(stat.dev())) as u32),
        inode: field("ino:").and_then(|inode| inode.parse().ok()).unwrap_or(stat.ino()),
        mode: stat.mode() as u16,
        flags: flags & !(libc::O_CLOEXEC as u32),
        cloexec: flags & libc::O_CLOEXEC as u32 != 0,
    })
}

impl Mounts {
    fn device(&mut self, tid: u32, mount: u32) -> Option<u32> {
        if !self.0.contains_key(&mount) {
            let table = fs::read_to_string(format!("/proc/{tid}/mountinfo")).unwrap_or_default();
            self.0.extend(table.lines().filter_map(mounted).map(|(number, device)| (number, Some(device))));
        }
        *self.0.entry(mount).or_insert(None)
    }
}

/// The number and the device of a line of proc_pid_mountinfo(5): `36 35 98:0 /mnt1 …`.
fn mounted(line: &str) -> Option<(u32, u32)> {
    let mut words = line.split(' ');
    let number = words.next()?.parse().ok()?;
    let (major, minor) = words.nth(1)?.split_once(':')?;
    Some((number, major.parse::<u32>().ok()? << 20 | minor.parse::<u32>().ok()?))
}

/// A number that a line of proc_pid_status(5) has behind its name.
pub fn status(tid: u32, name: &str, radix: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{tid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    u64::from_str_radix(line.trim_start_matches(':').trim(), radix).ok()
}
