//! QEMU: where it is, and how it is called.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::image::Architecture;
use crate::base::error::Error;
use crate::child::lookup;

/// How the machine's processors work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceleration {
    /// They are those of this machine.
    Kvm,
    /// QEMU translates each instruction.
    Emulated,
}

/// QEMU on this machine.
#[derive(Debug)]
pub struct Emulator {
    program: PathBuf,
    architecture: Architecture,
    /// Whether KVM has not been seen to fail.
    kvm: AtomicBool,
}

/// The descriptors that QEMU inherits.
#[derive(Clone, Copy, Debug)]
pub struct MachineDescriptors {
    /// The initramfs.
    pub initramfs: i32,
    /// What the kernel says.
    pub console: i32,
    /// What the guest says.
    pub frames: i32,
}

impl Emulator {
    /// Looks for QEMU.
    pub fn find(architecture: Architecture) -> Result<Self, Error> {
        let (name, package) = match architecture {
            Architecture::Amd64 => ("qemu-system-x86_64", "qemu-system-x86"),
            Architecture::Arm64 => ("qemu-system-aarch64", "qemu-system-arm"),
        };
        let folders = std::env::var_os("PATH").unwrap_or_else(|| lookup::DEFAULT_PATH.into());
        let program = lookup::in_path(OsStr::new(name), &folders).map_err(|errno| {
            let hint =
                format!("apt-get install --no-install-recommends {package}, or your system's package that has it");
            Error::cannot_trace(format!("{name}, which boots the kernels, was not found: {errno}"), hint).because(errno)
        })?;
        let kvm = File::options().read(true).write(true).open("/dev/kvm").is_ok();
        Ok(Self { program, architecture, kvm: AtomicBool::new(kvm) })
    }

    /// The program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// How the next machine is to work.
    pub fn acceleration(&self) -> Acceleration {
        if self.kvm.load(Ordering::Relaxed) { Acceleration::Kvm } else { Acceleration::Emulated }
    }

    /// KVM is there and does not work. Returns whether this is news.
    pub fn give_up_kvm(&self) -> bool {
        self.kvm.swap(false, Ordering::Relaxed)
    }

    /// The device on which the guest finds the port for the frames.
    pub fn port(architecture: Architecture) -> &'static str {
        match architecture {
            Architecture::Amd64 => "/dev/ttyS1",
            Architecture::Arm64 => "/dev/ttyS0",
        }
    }

    /// The arguments: a machine without a disk, a network, a screen or a keyboard.
    pub fn arguments(
        &self,
        acceleration: Acceleration,
        kernel: &Path,
        descriptors: MachineDescriptors,
        memory_mib: u64,
    ) -> Vec<OsString> {
        let MachineDescriptors { initramfs, console, frames } = descriptors;
        let (machine, terminal) = match self.architecture {
            Architecture::Amd64 => ("pc", "ttyS0"),
            Architecture::Arm64 => ("virt", "ttyAMA0"),
        };
        let (accelerator, processor) = match (acceleration, self.architecture) {
            (Acceleration::Kvm, _) => ("kvm", "host"),
            (Acceleration::Emulated, Architecture::Amd64) => ("tcg,thread=multi", "max"),
            // The signatures of pointers as the standard has them take most of the time.
            (Acceleration::Emulated, Architecture::Arm64) => ("tcg,thread=multi", "max,pauth-impdef=on"),
        };
        let frames_port: [&str; 2] = match self.architecture {
            Architecture::Amd64 => ["-serial", "chardev:frames"],
            Architecture::Arm64 => ["-device", "pci-serial,chardev=frames"],
        };
        let words = [
            "-no-user-config -nodefaults -display none -no-reboot -smp 2".to_owned(),
            format!("-machine {machine} -cpu {processor} -accel {accelerator} -m {memory_mib}M"),
            format!("-chardev file,id=console,path=/proc/self/fd/{console} -serial chardev:console"),
            format!("-chardev file,id=frames,path=/proc/self/fd/{frames} {}", frames_port.join(" ")),
            format!("-initrd /proc/self/fd/{initramfs} -kernel"),
        ];
        let words = words.iter().flat_map(|words| words.split(' ')).map(OsString::from);
        // A reboot ends QEMU: a panic reboots at once, and an oops is a panic.
        let line = format!("console={terminal} quiet panic=-1 oops=panic rdinit={}", super::order::PROGRAM);
        words.chain([kernel.into(), "-append".into(), line.into()]).collect()
    }
}
