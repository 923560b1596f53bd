//! A program of a few instructions and no libc, so that every call of it is known.

use std::ffi::CStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::child::scenario::Broken;

/// Where the program's one segment is mapped: below libraries and stacks, and above a program at a fixed address, which a static `ior-it`
/// may be.
pub(super) const BASE: u64 = 1 << 36;
/// The ELF header and one program header (elf(5)).
const HEADERS: u64 = 64 + 56;

/// Writes a program that closes these descriptors one after the other and exits with status 0.
pub fn write_closing(path: &CStr, fds: &[u32]) -> Result<(), Broken> {
    let mut code: Vec<u8> = fds.iter().flat_map(|&fd| system_call(libc::SYS_close, fd)).collect();
    code.extend(system_call(libc::SYS_exit_group, 0));
    let path = path.to_string_lossy().into_owned();
    fs::write(&path, [headers(code.len() as u64), code].concat())?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// The instructions of a system call with one argument.
#[cfg(target_arch = "x86_64")]
fn system_call(number: i64, argument: u32) -> Vec<u8> {
    // mov edi, argument; mov eax, number; syscall
    [&[0xbf][..], &argument.to_le_bytes(), &[0xb8], &(number as u32).to_le_bytes(), &[0x0f, 0x05]].concat()
}

/// The instructions of a system call with one argument.
#[cfg(target_arch = "aarch64")]
fn system_call(number: i64, argument: u32) -> Vec<u8> {
    // movz x0, argument; movz x8, number; svc 0
    let words = [0xd280_0000 | argument << 5, 0xd280_0008 | (number as u32) << 5, 0xd400_0001_u32];
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn headers(code: u64) -> Vec<u8> {
    let machine: u16 = if cfg!(target_arch = "x86_64") { 62 } else { 183 };
    let mut elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    let half = |value: u16, elf: &mut Vec<u8>| elf.extend(value.to_le_bytes());
    half(2, &mut elf); // ET_EXEC
    half(machine, &mut elf);
    elf.extend(1_u32.to_le_bytes());
    for word in [BASE + HEADERS, 64, 0] {
        elf.extend(word.to_le_bytes()); // entry, program headers, no section headers
    }
    elf.extend(0_u32.to_le_bytes());
    for value in [64, 56, 1, 0, 0, 0] {
        half(value, &mut elf);
    }
    elf.extend(1_u32.to_le_bytes()); // PT_LOAD
    elf.extend(7_u32.to_le_bytes()); // readable, writable, executable
    // One byte more in memory than in the file: the kernel clears the rest of the page, which is therefore there from the beginning.
    for word in [0, BASE, BASE, HEADERS + code, HEADERS + code + 1, 0x1000] {
        elf.extend(word.to_le_bytes());
    }
    elf
}
