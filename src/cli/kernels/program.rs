//! The `ior-it` that runs in the virtual machines: this very program, or that of `--kernel-program`.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::base::error::Error;
use crate::base::escape;
use crate::cli::flags::Cli;
use crate::kernels::image::{self, Architecture};

/// The `ior-it` that is to be the init of the guests.
pub(super) struct GuestProgram {
    pub file: PathBuf,
    pub architecture: Architecture,
    /// Whether programs of this machine run beside it.
    pub is_of_this_machine: bool,
}

impl GuestProgram {
    /// The one that the command line asks for.
    pub fn of(cli: &Cli) -> Result<Self, Error> {
        let this = Architecture::of_this_program().ok_or_else(|| {
            let hint = "an ior-it for x86-64 or arm64 has one";
            Error::cannot_trace("no virtual machine is known for this architecture", hint)
        })?;
        let Some(file) = &cli.kernels.kernel_program else {
            // Not /proc/self: the dynamic loader is asked for the libraries, and would see itself.
            let file = PathBuf::from(format!("/proc/{}/exe", std::process::id()));
            return Ok(Self { file, architecture: this, is_of_this_machine: true });
        };
        let shown = escape::path(file);
        let hint = "`make arm64` makes ./ior-it.arm64";
        let head = head_of(file);
        let head =
            head.map_err(|error| Error::usage(format!("--kernel-program {shown}: {error}"), hint).because(error))?;
        let architecture = Architecture::of_program(&head)
            .ok_or_else(|| Error::usage(format!("--kernel-program {shown} is no program for x86-64 or arm64"), hint))?;
        let is_of_this_machine = architecture == this;
        if !is_of_this_machine && !cli.command.is_empty() {
            let hint = "without a command, the scenarios are run";
            return Err(Error::usage(format!("a command of this machine does not run on {architecture}"), hint));
        }
        Ok(Self { file: file.clone(), architecture, is_of_this_machine })
    }
}

/// The first bytes of a file.
pub(super) fn head_of(file: &Path) -> std::io::Result<Vec<u8>> {
    // O_NONBLOCK: opening a FIFO would wait for a writer (open(2)).
    let opened = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(file)?;
    let metadata = opened.metadata()?;
    if !metadata.is_file() && !metadata.is_dir() {
        return Err(std::io::Error::other("it is no regular file"));
    }
    let mut head = Vec::new();
    opened.take(image::HEAD as u64).read_to_end(&mut head)?;
    Ok(head)
}
