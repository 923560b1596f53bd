//! The names of the numbers of calls and requests.
//!
//! No I/O.

use std::str::FromStr;

use syscalls::Sysno;

use super::{Abi, Effect, REQUESTS, Syscall, compat, table};

/// The name of a number: the table's, else the kernel's, else `syscall_N`, or `IORING_OP_N` for a request.
pub fn name_of(number: u32) -> String {
    let mut name = String::new();
    // An opcode is a byte. A program may ask for any number, and gets ENOSYS.
    let is_request = (REQUESTS..REQUESTS + 256).contains(&number);
    put_name(&mut name, number, is_request);
    name
}

/// Calls that the crate does not know yet. From 424 on, a call has the same number on all architectures
/// (include/uapi/asm-generic/unistd.h).
const NEWER: [(&str, u32); 2] = [("listns", 470), ("rseq_slice_yield", 471)];

/// Calls whose names the crate has in another form on arm64 (include/uapi/asm-generic/unistd.h).
const OTHERWISE: [(&str, &str); 1] = [("newfstatat", "fstatat")];

/// The number of a name on this architecture.
pub(crate) fn number_of(name: &str) -> Option<u32> {
    let newer = || NEWER.iter().find(|(known, _)| *known == name).map(|&(_, number)| number);
    let otherwise = || OTHERWISE.iter().find(|(known, _)| *known == name).and_then(|(_, other)| other.parse().ok());
    let of_crate = Sysno::from_str(name).ok().or_else(otherwise);
    of_crate.map(|number| number.id() as u32).or_else(newer)
}

/// The kernel's name of a call.
fn kernels_name(number: Sysno) -> &'static str {
    let name = number.name();
    OTHERWISE.iter().find(|(_, other)| *other == name).map_or(name, |(known, _)| known)
}

/// The names of all calls of this architecture.
pub(crate) fn all_names() -> impl Iterator<Item = &'static str> {
    let newer = NEWER.iter().map(|&(name, _)| name).filter(|name| Sysno::from_str(name).is_err());
    Sysno::iter().map(kernels_name).chain(newer)
}

/// The name of a number in one of the kernel's tables, if it has one.
pub(crate) fn known_name(abi: Abi, number: u32) -> Option<&'static str> {
    match abi {
        Abi::Native => {
            let newer = || NEWER.iter().find(|&&(_, known)| known == number).map(|&(name, _)| name);
            Sysno::new(number as usize).map(kernels_name).or_else(newer)
        }
        Abi::Compat => compat::name(number),
    }
}

/// Appends the name to `out`. The number of a request is no call's, unless it is one of a request.
pub fn put_name(out: &mut String, number: u32, is_request: bool) {
    use std::fmt::Write as _;
    /// The bit of x32 calls, which few kernels have (asm/unistd.h).
    const X32: u32 = 1 << 30;
    let row = Syscall::by_number(number).filter(|row| row.is_request() == is_request);
    let kernels = || known_name(Abi::Native, number);
    let _ = match row.map(|row| row.name).or_else(kernels) {
        Some(name) => out.write_str(name),
        None if is_request => write!(out, "IORING_OP_{}", number - REQUESTS),
        None if number < X32 => write!(out, "syscall_{number}"),
        None => write!(out, "syscall_{number:#x}"),
    };
}

/// Appends the name of a 32-bit call to `out`, or `nr=N` if it has none.
pub fn put_compat_name(out: &mut String, number: u32) {
    use std::fmt::Write as _;
    let _ = match compat::name(number) {
        Some(name) => out.write_str(name),
        None => write!(out, "nr={}", number as i32),
    };
}

/// The effect of a call without a row.
pub(crate) fn effect_without_row(number: u32, abi: Abi) -> Effect {
    let name = known_name(abi, number);
    let known = table::WITHOUT_ROW.into_iter().find(|&(known, _)| Some(known) == name);
    known.map_or(Effect::Other, |(_, effect)| effect)
}
