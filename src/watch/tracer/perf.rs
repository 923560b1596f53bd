//! Perf events that run programs at the tracepoints of system calls.
#![allow(unsafe_code)]

use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;

use libbpf_rs::libbpf_sys::{self, perf_event_attr};
use nix::errno::Errno;
use rustix::fs::{Mode, OFlags, openat};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};

use super::refusal::done;

/// PERF_EVENT_IOC_ENABLE: _IO('$', 0) (include/uapi/linux/perf_event.h).
const ENABLE: libc::Ioctl = 0x2400;

/// A perf event of a tracepoint of system calls. The first CPU has it, and its program runs on all.
pub fn event(tracepoint: &str) -> Result<OwnedFd, libbpf_rs::Error> {
    let config = id_of(tracepoint).ok_or_else(|| libbpf_rs::Error::from_raw_os_error(libc::ENOENT))?;
    let asked = perf_event_attr {
        type_: libbpf_sys::PERF_TYPE_TRACEPOINT,
        size: size_of::<perf_event_attr>() as u32,
        config,
        ..perf_event_attr::default()
    };
    let (any_process, first_cpu, no_group) = (-1, 0, -1);
    // SAFETY: the struct has the size that it says.
    let fd = unsafe {
        let flags = libbpf_sys::PERF_FLAG_FD_CLOEXEC;
        libc::syscall(libc::SYS_perf_event_open, &raw const asked, any_process, first_cpu, no_group, flags)
    };
    let fd = Errno::result(fd).map_err(|errno| libbpf_rs::Error::from_raw_os_error(errno as i32))?;
    owned(fd as i32)
}

/// The number of a tracepoint, as tracefs shows it. Where nobody has mounted that, a mount is made that is attached nowhere.
pub fn id_of(tracepoint: &str) -> Option<u64> {
    let path = format!("events/raw_syscalls/{tracepoint}/id");
    let text = std::fs::read_to_string(Path::new("/sys/kernel/tracing").join(&path)).ok().or_else(|| {
        let context = fsopen("tracefs", FsOpenFlags::FSOPEN_CLOEXEC).ok()?;
        fsconfig_create(&context).ok()?;
        let mounted = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty()).ok()?;
        let file = openat(&mounted, path.as_str(), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
        std::io::read_to_string(File::from(file)).ok()
    });
    text.and_then(|text| text.trim().parse().ok())
}

/// Lets it run its program from now on.
pub fn enable(event: &OwnedFd) -> Result<(), libbpf_rs::Error> {
    // SAFETY: no more arguments are read (perf_event_open(2)).
    let enabled = Errno::result(unsafe { libc::ioctl(event.as_raw_fd(), ENABLE, 0) });
    enabled.map(drop).map_err(|errno| libbpf_rs::Error::from_raw_os_error(errno as i32))
}

/// A new descriptor, or the negative errno.
pub fn owned(fd: i32) -> Result<OwnedFd, libbpf_rs::Error> {
    let fd = done(fd).map_err(|errno| libbpf_rs::Error::from_raw_os_error(errno as i32))?;
    // SAFETY: the kernel has just given this descriptor to us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
