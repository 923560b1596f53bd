//! The excerpt of the kernel's type information as a file that libbpf can read.
#![allow(unsafe_code)]

use std::fs::{self, File};
use std::io::{Read, Write};
use std::num::NonZeroUsize;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

use super::btf::{self, Excerpt};

const KERNEL: &str = "/sys/kernel/btf/vmlinux";

/// The excerpt, in memory.
pub struct ExcerptFile {
    file: File,
    /// How many arguments the tracepoint io_uring_complete has.
    pub complete_takes: Option<u16>,
}

impl ExcerptFile {
    /// Nothing where anything is not as it should be: then libbpf looks through the kernel's own.
    pub fn make() -> Option<Self> {
        let Excerpt { bytes, complete_takes } = of_kernel()?;
        let mut file = File::from(memfd_create(c"ior-it.btf", MFdFlags::MFD_CLOEXEC).ok()?);
        file.write_all(&bytes).ok()?;
        let given = Self { file, complete_takes };
        given.path().exists().then_some(given)
    }

    /// Where it is while this lives (proc_pid_fd(5)).
    pub fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.file.as_raw_fd()).into()
    }
}

/// Since Linux 6.16 the file can be mapped, which saves to copy its five megabytes.
fn of_kernel() -> Option<Excerpt> {
    let mut file = File::open(KERNEL).ok()?;
    let size = NonZeroUsize::new(fs::metadata(KERNEL).ok()?.len() as usize)?;
    // SAFETY: a new mapping of a file that does not change.
    match unsafe { mmap(None, size, ProtFlags::PROT_READ, MapFlags::MAP_PRIVATE, &file, 0) } {
        Ok(memory) => {
            // SAFETY: mapped with this size, and not unmapped before the last use.
            let excerpt =
                btf::excerpt(unsafe { std::slice::from_raw_parts(memory.cast().as_ptr(), size.get()) }, &btf::NAMES);
            // SAFETY: mapped above, and nothing refers to it.
            let _ = unsafe { munmap(memory, size.get()) };
            excerpt
        }
        Err(_) => {
            let mut bytes = Vec::with_capacity(size.get());
            file.read_to_end(&mut bytes).ok()?;
            btf::excerpt(&bytes, &btf::NAMES)
        }
    }
}
