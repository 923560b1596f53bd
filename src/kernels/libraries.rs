//! The files that a program needs to run: its dynamic loader and its libraries, or the interpreter of a script.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use object::Endianness;
use object::elf::{FileHeader64, PT_INTERP};
use object::read::elf::{FileHeader, ProgramHeader};

use crate::base::error::Error;
use crate::base::escape;

/// How many interpreters a script may have above each other (fs/exec.c, exec_binprm()).
const MOST_INTERPRETERS: usize = 5;

/// The files that a program needs beside itself, by the paths under which they are looked for.
pub fn needed_by(program: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut needed = Vec::new();
    let mut program = program.to_owned();
    for _ in 0..MOST_INTERPRETERS {
        let bytes = std::fs::read(&program).map_err(|error| cannot_read(&program, error))?;
        match interpreter(&bytes) {
            Interpreter::None => return Ok(needed),
            Interpreter::Loader(loader) => {
                needed.extend(loaded(&loader, &program)?);
                needed.push(loader);
                return Ok(needed);
            }
            Interpreter::Script(next) => {
                needed.push(next.clone());
                program = next;
            }
        }
    }
    Ok(needed)
}

/// What the kernel starts in place of a program.
#[derive(Debug, PartialEq, Eq)]
enum Interpreter {
    None,
    /// The dynamic loader (PT_INTERP, elf(5)).
    Loader(PathBuf),
    /// That of the first line (execve(2)).
    Script(PathBuf),
}

fn interpreter(bytes: &[u8]) -> Interpreter {
    let path = |bytes: &[u8]| PathBuf::from(std::ffi::OsStr::from_bytes(bytes));
    if let Some(line) = bytes.strip_prefix(b"#!") {
        let line = line.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let mut words = line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
        return words.next().map_or(Interpreter::None, |word| Interpreter::Script(path(word)));
    }
    let loader = || {
        let header = FileHeader64::<Endianness>::parse(bytes).ok()?;
        let endian = header.endian().ok()?;
        let headers = header.program_headers(endian, bytes).ok()?;
        let found = headers.iter().find(|one| one.p_type(endian) == PT_INTERP)?;
        Some(path(found.data(endian, bytes).ok()?.split(|&byte| byte == 0).next()?))
    };
    loader().map_or(Interpreter::None, Interpreter::Loader)
}

/// The libraries, as the loader itself finds them (ld.so(8), --list).
fn loaded(loader: &Path, program: &Path) -> Result<Vec<PathBuf>, Error> {
    let output = Command::new(loader).arg("--list").arg(program).output();
    let output = output.map_err(|error| match error.raw_os_error() {
        Some(libc::ENOEXEC | libc::ENOENT) => Error::usage(
            format!("{} needs libraries, and its loader does not run on this machine", escape::path(program)),
            "link it statically: `make static`, `make arm64`",
        ),
        _ => cannot_read(loader, error),
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Error::usage(
            format!("the libraries of {} were not found: {}", escape::path(program), said.trim()),
            "`ldd` on the program says which are missing",
        ));
    }
    Ok(listed(&String::from_utf8_lossy(&output.stdout)))
}

/// The paths in a loader's list: `name => /path (address)` or `/path (address)`.
fn listed(text: &str) -> Vec<PathBuf> {
    let path = |line: &str| {
        let place = line.rsplit_once(" => ").map_or(line, |(_, place)| place).trim();
        let (path, _) = place.rsplit_once(" (")?;
        path.starts_with('/').then(|| PathBuf::from(path))
    };
    text.lines().filter_map(path).collect()
}

fn cannot_read(path: &Path, error: io::Error) -> Error {
    let shown = escape::path(path);
    Error::usage(format!("{shown} cannot be put into the virtual machine: {error}"), "`ls -l` says what it is")
        .because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loader_lists_the_libraries() {
        let text =
            "\tlinux-vdso.so.1 (0x00007f23)\n\tlibz.so.1 => /lib/x/libz.so.1 (0x00007f24)\n\t/lib64/ld.so (0x1)\n";
        assert_eq!(listed(text), [PathBuf::from("/lib/x/libz.so.1"), PathBuf::from("/lib64/ld.so")]);
        assert_eq!(listed("\tstatically linked\n"), Vec::<PathBuf>::new());
    }

    #[test]
    fn a_script_needs_its_interpreter_and_a_program_its_loader() {
        assert_eq!(interpreter(b"#! /bin/sh -e\nexit"), Interpreter::Script("/bin/sh".into()));
        assert_eq!(interpreter(b"#!\n"), Interpreter::None);
        assert_eq!(interpreter(b"\x7fELF"), Interpreter::None);
        let this = std::env::current_exe().unwrap();
        let needed = needed_by(&this).unwrap();
        assert!(needed.iter().any(|path| path.to_string_lossy().contains("libc.")), "{needed:?}");
        assert!(needed.iter().all(|path| path.exists()), "{needed:?}");
    }
}
