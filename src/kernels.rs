//! The same run on other kernels: each is booted in a virtual machine whose init is this very program.
//!
//! `image`, `initramfs`, `frames`, `console`, `release`, `compared` and `page` take values and return values. The other modules do I/O. The machine has
//! no disk and no network: all that it needs is in an initramfs, which is in memory, and all that it says comes through two ports.

use std::io;

use crate::base::error::Error;

pub mod image; // whether a file is a kernel, and for which architecture
pub mod initramfs; // an archive in the format newc
pub mod libraries; // the libraries that a program needs
pub mod order; // what the guest is to do
pub mod pack; // what is in the initramfs
pub mod frames; // what the guest says: frames of bytes
pub mod console; // what the kernel says
pub mod guest; // the program as init
pub mod emulator; // QEMU, and how it is called
pub mod machine; // one machine from its start to its end
pub mod release; // the newest of some packages
pub mod compared; // what differs between kernels
pub mod page; // the same as a page
pub mod debian; // kernels of Debian's packages

fn cannot_make(what: &str, error: io::Error) -> Error {
    Error::cannot_trace(format!("{what}: {error}"), "see `ulimit -n`, `ulimit -u` and `free`").because(error)
}
