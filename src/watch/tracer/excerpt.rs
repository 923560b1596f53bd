//! The excerpt of the kernel's type information as a file that libbpf can read.
#![allow(unsafe_code)]

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use memmap2::MmapOptions;
use nix::sys::memfd::{MFdFlags, memfd_create};

use super::btf::{self, Excerpt};

const KERNEL: &str = "/sys/kernel/btf/vmlinux";

/// The excerpt, in a file that lives in memory.
pub struct ExcerptFile {
    file: File,
    /// The type id of each tracepoint.
    pub tracepoints: Vec<(&'static str, u32)>,
    /// How many arguments the tracepoint io_uring_complete has.
    pub complete_takes: Option<u16>,
}

impl ExcerptFile {
    /// `None` if anything fails: then libbpf searches the kernel's own types.
    pub fn make() -> Option<Self> {
        let Excerpt { bytes, tracepoints, complete_takes } = of_kernel()?;
        let mut file = File::from(memfd_create(c"ior-it.btf", MFdFlags::MFD_CLOEXEC).ok()?);
        file.write_all(&bytes).ok()?;
        let given = Self { file, tracepoints, complete_takes };
        given.path().exists().then_some(given)
    }

    /// The path of the file, as long as this value lives (proc_pid_fd(5)).
    pub fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.file.as_raw_fd()).into()
    }
}

/// Since Linux 6.16 the file can be mapped, which saves a copy of its five megabytes. The kernel refuses a shared mapping
/// (kernel/bpf/sysfs_btf.c).
fn of_kernel() -> Option<Excerpt> {
    // SAFETY: the file does not change while the kernel runs.
    match unsafe { MmapOptions::new().map_copy_read_only(&File::open(KERNEL).ok()?) } {
        Ok(mapped) => btf::excerpt(&mapped, &btf::NAMES),
        Err(_) => btf::excerpt(&fs::read(KERNEL).ok()?, &btf::NAMES),
    }
}
