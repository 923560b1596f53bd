//! Whether a file is a kernel, and for which architecture. No I/O.

use std::fmt;

/// An architecture, under the names of Debian and of QEMU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// x86-64.
    Amd64,
    /// 64-bit ARM.
    Arm64,
}

impl Architecture {
    /// That of this program, if kernels for it can be booted.
    pub fn of_this_program() -> Option<Self> {
        match std::env::consts::ARCH {
            "x86_64" => Some(Self::Amd64),
            "aarch64" => Some(Self::Arm64),
            _ => None,
        }
    }

    /// That of another program, by the first bytes of its file (`e_machine` in elf(5)).
    pub fn of_program(head: &[u8]) -> Option<Self> {
        let machine = head.get(18..20)?;
        match u16::from_le_bytes([machine[0], machine[1]]) {
            _ if !head.starts_with(ELF64) => None,
            libc::EM_X86_64 => Some(Self::Amd64),
            libc::EM_AARCH64 => Some(Self::Arm64),
            _ => None,
        }
    }

    /// As Debian calls it.
    pub fn debian(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Amd64 => "x86-64",
            Self::Arm64 => "arm64",
        })
    }
}

/// How an ELF file of 64 bits begins, with the low byte of a number first.
const ELF64: &[u8] = b"\x7fELF\x02\x01";

/// How many bytes of a file [`architecture`] looks at.
pub const HEAD: usize = 4096;

/// The architecture of a kernel, by the first bytes of its file; or what the file is instead.
pub fn architecture(head: &[u8]) -> Result<Architecture, &'static str> {
    let has = |at: usize, bytes: &[u8]| head.get(at..at + bytes.len()) == Some(bytes);
    // Documentation/arch/x86/boot.rst: the boot sector's signature, then the header's.
    if has(0x1fe, &[0x55, 0xaa]) && has(0x202, b"HdrS") {
        return of_bzimage(head);
    }
    // Documentation/arch/arm64/booting.rst: the header of an Image.
    if has(0x38, b"ARM\x64") {
        return Ok(Architecture::Arm64);
    }
    Err(match head {
        [] => "it is empty",
        [0x7f, b'E', b'L', b'F', ..] => {
            "it is an ELF file: boot the bzImage (x86-64) or Image (arm64) of the same build"
        }
        [0x1f, 0x8b, ..] => "it is compressed with gzip: unpack it first",
        [b'!', b'<', b'a', b'r', b'c', b'h', b'>', ..] => "it is a package: `dpkg-deb -x` unpacks it",
        _ => "it has no header of one",
    })
}

/// A kernel for x86: with 64 bits if it may be loaded above 4 GiB, which every such kernel since Linux 3.8 says (XLF_KERNEL_64).
fn of_bzimage(head: &[u8]) -> Result<Architecture, &'static str> {
    let byte = |at: usize| head.get(at).copied().unwrap_or_default();
    let version = u16::from_le_bytes([byte(0x206), byte(0x207)]);
    match version >= 0x20c && byte(0x236) & 1 != 0 {
        true => Ok(Architecture::Amd64),
        false => Err("it is a kernel for x86 with 32 bits"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(parts: &[(usize, &[u8])]) -> Vec<u8> {
        let mut head = vec![0; HEAD];
        for (at, bytes) in parts {
            head[*at..at + bytes.len()].copy_from_slice(bytes);
        }
        head
    }

    #[test]
    fn a_program_is_known_by_its_header() {
        let of = |machine: u8| Architecture::of_program(&head(&[(0, ELF64), (18, &[machine])]));
        assert_eq!([of(62), of(183), of(40)], [Some(Architecture::Amd64), Some(Architecture::Arm64), None]);
        assert_eq!(
            [Architecture::of_program(b"#!/bin/sh"), Architecture::of_program(&head(&[(18, &[62])]))],
            [None; 2]
        );
    }

    #[test]
    fn a_kernel_is_known_by_its_header() {
        let boot: [(usize, &[u8]); 3] = [(0x1fe, &[0x55, 0xaa]), (0x202, b"HdrS"), (0x206, &[0x0f, 0x02])];
        let with = |flag: u8| head(&[boot[0], boot[1], boot[2], (0x236, &[flag])]);
        assert_eq!(architecture(&with(0x7f)), Ok(Architecture::Amd64));
        assert_eq!(architecture(&with(0x7e)), Err("it is a kernel for x86 with 32 bits"));
        assert_eq!(architecture(&head(&[(0x38, b"ARM\x64")])), Ok(Architecture::Arm64));
        let rows: [(&[u8], &str); 6] = [
            (b"", "it is empty"),
            (b"\x7fELF\x02", "it is an ELF file"),
            (b"\x1f\x8b\x08", "it is compressed with gzip"),
            (b"!<arch>\ndebian-binary", "it is a package"),
            (b"#!/bin/sh\n", "it has no header of one"),
            (b"x", "it has no header of one"),
        ];
        for (bytes, says) in rows {
            assert!(architecture(bytes).unwrap_err().starts_with(says), "{bytes:?}");
        }
    }
}
