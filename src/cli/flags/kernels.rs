//! The flags for other kernels.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::{KERNELS, NOT_WITH_KERNEL, NOT_WITH_KERNEL_TABLE, seconds};

/// These flags, in the order of `--help`.
#[derive(Args, Clone, Debug)]
pub struct KernelFlags {
    /// Do all this on each of these kernels, in a virtual machine (QEMU): the file of a kernel (bzImage, vmlinuz), or the newest of Debian's packages, such as debian:6.1, debian:6.12 or debian:sid
    #[arg(help_heading = KERNELS, long = "kernel", value_name = "IMAGE", group = "with_kernels", num_args = 1..)]
    #[arg(conflicts_with_all = NOT_WITH_KERNEL)]
    pub kernels: Vec<String>,

    /// With --kernel: run N virtual machines at a time [default: one for each two CPUs]
    #[arg(help_heading = KERNELS, long, value_name = "N", requires = "with_kernels", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub machines: Option<u32>,

    /// With --kernel: run this ior-it there and not this very one, such as ./ior-it.arm64 of `make arm64`; the machine and the kernels are of its architecture
    #[arg(help_heading = KERNELS, long, value_name = "FILE", requires = "with_kernels")]
    pub kernel_program: Option<PathBuf>,

    /// With several kernels: write what differs between them into FILE, with the traces side by side: as Markdown, or as a page if FILE ends with .html
    #[arg(help_heading = KERNELS, long, value_name = "FILE", requires = "with_kernels", conflicts_with_all = NOT_WITH_KERNEL_TABLE)]
    pub kernel_table: Option<PathBuf>,

    /// With --kernel: a kernel has hung if nothing comes from it for this long [default: 120]
    #[arg(help_heading = KERNELS, long, value_name = "SECONDS", requires = "with_kernels", value_parser = seconds)]
    pub silence: Option<Duration>,
}
