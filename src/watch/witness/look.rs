//! What the witness reads of a stopped thread: memory by process_vm_readv(2), descriptors in /proc.

use std::fs::{self, File};
use std::io::{IoSliceMut, Read};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::FileExt;

use nix::sys::stat::makedev;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::{Pid, SysconfVar, sysconf};
use rustix::fs::Statx;
use rustix::net::{AddressFamily, sockopt};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use super::mounts::{self, Mounts};
use crate::table::layout::PATH_CAP;
use crate::trace::call::{Identity, Text};

/// The most bytes of a `struct file_handle`: its header and MAX_HANDLE_SZ (open_by_handle_at(2)).
const HANDLE_CAP: usize = 8 + 128;

/// A string of at most PATH_MAX bytes without its NUL; `None` if a page of it is not present (proc_pid_pagemap(5)).
///
/// Reading such a page would bring it in, and the call would then take another way through the kernel than without a witness. If the
/// process provides its pages itself (userfaultfd(2)), the read would hang, because the process is stopped.
pub fn string(tid: u32, address: u64) -> Option<Text> {
    let mut bytes = Vec::new();
    while bytes.len() < PATH_CAP {
        let at = address.wrapping_add(bytes.len() as u64);
        let to_page_end = page_size() - at % page_size();
        let part = read(tid, at, (PATH_CAP - bytes.len()).min(to_page_end as usize))?;
        let Some(part) = part else { return Some(Text::Unreadable(libc::EFAULT)) };
        if let Some(end) = part.iter().position(|&byte| byte == 0) {
            bytes.extend(&part[..end]);
            return Some(Text::Read { bytes, cut: false });
        }
        bytes.extend(part);
    }
    Some(Text::Read { bytes, cut: true })
}

/// A block with this many bytes; `Some(None)` if it cannot be read, `None` if a page of it is not present.
pub fn block(tid: u32, address: u64, size: usize) -> Option<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    while bytes.len() < size {
        let at = address.wrapping_add(bytes.len() as u64);
        let to_page_end = page_size() - at % page_size();
        match read(tid, at, (size - bytes.len()).min(to_page_end as usize))? {
            Some(part) => bytes.extend(part),
            None => return Some(None),
        }
    }
    Some(Some(bytes))
}

/// As [`block`]; if not all of it can be read, what comes before the first page that cannot.
pub fn beginning(tid: u32, address: u64, size: usize) -> Option<Option<Vec<u8>>> {
    let whole = block(tid, address, size);
    let to_border = (BORDER - address % BORDER) as usize;
    match whole {
        Some(Some(bytes)) => Some(Some(bytes)),
        Some(None) | None if to_border < size => match block(tid, address, to_border) {
            Some(Some(bytes)) => Some(Some(bytes)),
            Some(None) | None => whole,
        },
        Some(None) | None => whole,
    }
}

/// The smallest page of all machines.
const BORDER: u64 = 4096;

/// The protocol of a netlink socket, by the socket itself; `None` for any other file. The kernel's list of them (/proc/net/netlink) does not
/// have those that have sent nothing yet.
pub fn netlink_protocol(tid: u32, fd: i32) -> Option<u16> {
    let is_socket = link(&link_path(tid, fd))?.starts_with(b"socket:");
    let leader = status(tid, "Tgid", 10).filter(|_| is_socket)?;
    let process = rustix::process::Pid::from_raw(leader as i32)?;
    let process = pidfd_open(process, PidfdFlags::empty()).ok()?;
    let socket = pidfd_getfd(process, fd, PidfdGetfdFlags::empty()).ok()?;
    if sockopt::socket_domain(&socket) != Ok(AddressFamily::NETLINK) {
        return None;
    }
    // 0 (NETLINK_ROUTE) is no `Protocol`.
    let protocol = sockopt::socket_protocol(&socket).ok()?;
    u16::try_from(protocol.map_or(0, |protocol| protocol.as_raw().get())).ok()
}

/// A `struct file_handle`, whose first word says how many bytes follow its header.
pub fn handle(tid: u32, address: u64) -> Option<Option<Vec<u8>>> {
    let Some(word) = block(tid, address, 4)? else { return Some(None) };
    let counted = word.first_chunk().map_or(0, |bytes| u32::from_ne_bytes(*bytes)) as usize;
    block(tid, address, counted.saturating_add(8).min(HANDLE_CAP))
}

/// Reads bytes on one page, as [`block`].
fn read(tid: u32, address: u64, size: usize) -> Option<Option<Vec<u8>>> {
    if !is_present(tid, address) {
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

/// What /proc says about a descriptor.
#[derive(Clone, Debug, Default)]
pub struct Descriptor {
    /// Its file, if it is open.
    pub identity: Option<Identity>,
    /// Its link in /proc/PID/fd.
    pub link: Option<Vec<u8>>,
    /// Device and inode by stat(2). On some filesystems the kernel itself keeps others.
    pub file: Option<FileId>,
}

/// Device and inode of a file, by stat(2).
pub type FileId = (u64, u64);

/// The same from a result of statx(2).
pub fn file_id(status: &Statx) -> FileId {
    (makedev(status.stx_dev_major.into(), status.stx_dev_minor.into()), status.stx_ino)
}

/// The file of a descriptor, and its link in /proc/PID/fd; nothing if it is not open.
pub fn descriptor(mounts: &mut Mounts, tid: u32, fd: i32) -> Descriptor {
    let path = link_path(tid, fd);
    let link = match fs::read_link(&path) {
        Ok(link) if fd >= 0 => Some(link.into_os_string().into_vec()),
        // It is open, but its name is too long for a link.
        Err(error) if error.raw_os_error() == Some(libc::ENAMETOOLONG) => None,
        _ => return Descriptor::default(),
    };
    let status = mounts::FileRef::At(&path).status().ok();
    let identity = status.as_ref().and_then(|status| identity(mounts, tid, fd, &path, status));
    Descriptor { identity, link, file: status.as_ref().map(file_id) }
}

/// Where a link in /proc points to.
pub fn link(path: &str) -> Option<Vec<u8>> {
    fs::read_link(path).ok().map(|link| link.into_os_string().into_vec())
}

/// The path of a descriptor's link in /proc.
pub fn link_path(tid: u32, fd: i32) -> String {
    format!("/proc/{tid}/fd/{fd}")
}

fn identity(mounts: &mut Mounts, tid: u32, fd: i32, path: &str, status: &Statx) -> Option<Identity> {
    let mut info = [0; 512];
    let read = File::open(format!("/proc/{tid}/fdinfo/{fd}")).and_then(|mut file| file.read(&mut info)).ok()?;
    let info = std::str::from_utf8(&info[..read]).ok()?;
    let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let flags = u32::from_str_radix(field("flags:")?, 8).ok()?;
    let mount = mounts.of(tid, mounts::FileRef::At(path), status);
    let device = status.stx_dev_major << 20 | status.stx_dev_minor;
    Some(Identity {
        magic: mount.magic,
        device: mount.device.unwrap_or(device),
        inode: field("ino:").and_then(|inode| inode.parse().ok()).unwrap_or(status.stx_ino),
        mode: status.stx_mode,
        flags: flags & !(libc::O_CLOEXEC as u32),
        cloexec: flags & libc::O_CLOEXEC as u32 != 0,
    })
}

/// The path by which the program of a process was executed (getauxval(3), AT_EXECFN). For a path at a descriptor, the kernel has
/// made "/dev/fd/3/path" (fs/exec.c, alloc_bprm()).
pub fn executed(pid: u32) -> Option<Vec<u8>> {
    const AT_EXECFN: u64 = 31;
    let vector = fs::read(format!("/proc/{pid}/auxv")).ok()?;
    let words: Vec<u64> =
        vector.chunks_exact(8).filter_map(|word| Some(u64::from_ne_bytes(*word.first_chunk()?))).collect();
    let address = words.chunks_exact(2).find(|pair| pair[0] == AT_EXECFN)?[1];
    match string(pid, address)? {
        Text::Read { bytes, .. } => Some(bytes),
        Text::Unreadable(_) => None,
    }
}

/// The number in a line of proc_pid_status(5).
pub fn status(tid: u32, name: &str, radix: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{tid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    u64::from_str_radix(line.trim_start_matches(':').trim(), radix).ok()
}
