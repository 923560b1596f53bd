//! `--bpf FILE` with four hundred damaged objects. Each is refused with a reason, or it traces. None ends `ior-it` in another
//! way.
//!
//! The damage follows from a seed, so that a faulty object is the same each time: its number is in the name of the failing
//! test. Only the first half of an instruction is damaged. The second half has the number of a kernel function, and a damaged
//! tracer runs at every call of the machine.

use std::ops::Range;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;

use crate::support;
use libtest_mimic::{Arguments, Failed, Trial};

const OBJECTS: u64 = 400;
/// The number of objects in one trial.
const PORTION: u64 = 50;

pub fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let checked = ior_it::support::watch::tracer::check_machine();
    if checked.is_err() || arguments.list {
        return support::run("damaged", &arguments, [support::live("damaged", || Ok(()))]);
    }
    let trials = match Object::whole() {
        Ok(object) => trials(&Arc::new(object)),
        Err(error) => vec![Trial::test("objects", move || Err(error))],
    };
    support::run("damaged", &arguments, trials)
}

fn trials(object: &Arc<Object>) -> Vec<Trial> {
    let portion = |first: u64| {
        let object = Arc::clone(object);
        let seeds = first..first + PORTION;
        Trial::test(format!("objects_{first}_to_{}", seeds.end - 1), move || each_ends_well(&object, seeds))
    };
    (0..OBJECTS / PORTION).map(|number| portion(number * PORTION)).collect()
}

/// The intact tracer, and the places that are worth damaging.
struct Object {
    bytes: Vec<u8>,
    parts: Vec<Part>,
}

/// A range of its bytes that belongs together.
struct Part {
    place: Range<usize>,
    is_code: bool,
}

/// splitmix64.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, those: &[T]) -> T {
        those[self.below(those.len())]
    }
}

impl Object {
    fn whole() -> Result<Self, Failed> {
        let folder = tempfile::tempdir()?;
        let source = support::source()?;
        let bytes = std::fs::read(support::compile(folder.path(), "whole", &source)?)?;
        let parts = parts(&bytes);
        require!(parts.len() > 20, "the object has {} parts", parts.len());
        Ok(Self { bytes, parts })
    }

    /// Changes one to sixteen bytes or words in its parts, or cuts its end off.
    fn damaged(&self, seed: u64) -> Vec<u8> {
        let mut dice = Dice(seed);
        let mut bytes = self.bytes.clone();
        if dice.below(20) == 0 {
            bytes.truncate(dice.below(self.bytes.len()));
        }
        for _ in 0..dice.one_of(&[1, 1, 2, 4, 16]) {
            let part = &self.parts[dice.below(self.parts.len())];
            let at = part.place.start + dice.below(part.place.len());
            if part.is_code {
                change_byte(&mut bytes, at - (at - part.place.start) % 8 / 4 * 4, &mut dice);
            } else if dice.below(2) == 0 {
                change_byte(&mut bytes, at, &mut dice);
            } else {
                change_word(&mut bytes, at - (at - part.place.start) % 4, &mut dice);
            }
        }
        bytes
    }
}

fn change_byte(bytes: &mut [u8], at: usize, dice: &mut Dice) {
    let Some(byte) = bytes.get_mut(at) else { return };
    *byte = match dice.below(4) {
        0 => dice.one_of(&[0, 0x80, 0xff]),
        1 => *byte ^ (1 << dice.below(8)),
        _ => dice.next() as u8,
    };
}

fn change_word(bytes: &mut [u8], at: usize, dice: &mut Dice) {
    let near = dice.below(1 << 16) as u32;
    let word = dice.one_of(&[0, 1, 2, u32::MAX, i32::MAX as u32, 1 << 31, near, near % 64]);
    if let Some(place) = bytes.get_mut(at..at + 4) {
        place.copy_from_slice(&word.to_ne_bytes());
    }
}

/// The header, the table of sections, the sections that a loader reads, and of the types also their header, table and names
/// alone (elf(5); Documentation/bpf/btf.rst).
fn parts(bytes: &[u8]) -> Vec<Part> {
    let number = |at: usize, size: usize| {
        let bytes = bytes.get(at..at + size).unwrap_or_default();
        bytes.iter().rev().fold(0_usize, |number, &byte| number << 8 | usize::from(byte))
    };
    let data = |place| Part { place, is_code: false };
    let (table, count, names) = (number(40, 8), number(60, 2), number(62, 2));
    let section = |index: usize| table + 64 * index;
    let names = number(section(names) + 24, 8);
    let mut parts = vec![data(0..64), data(table..section(count))];
    for at in (1..count).map(section) {
        let (kind, flags, start, size) = (number(at + 4, 4), number(at + 8, 8), number(at + 24, 8), number(at + 32, 8));
        let name = &bytes[names + number(at, 4)..];
        const NOBITS: usize = 8;
        const EXECUTABLE: usize = 4;
        if kind == NOBITS || size == 0 || name.starts_with(b".debug") || name.starts_with(b".rel.debug") {
            continue;
        }
        if name.starts_with(b".BTF\0") {
            let body = start + number(start + 4, 4);
            let part =
                |at: usize| body + number(start + at, 4)..body + number(start + at, 4) + number(start + at + 4, 4);
            parts.extend([data(start..body), data(part(8)), data(part(16)), data(part(16))]);
        }
        parts.push(Part { place: start..start + size, is_code: flags & EXECUTABLE != 0 });
    }
    parts
}

fn each_ends_well(object: &Object, seeds: Range<u64>) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    for seed in seeds {
        let path = folder.path().join(format!("{seed}.o"));
        std::fs::write(&path, object.damaged(seed))?;
        let work: &[&str] = if seed % 2 == 0 { &["--exact", "--filter", "dup-basic", "-q"] } else { &["--", "true"] };
        ends_well(seed, &path, work)?;
    }
    Ok(())
}

/// Checks that it was refused or has run, that every message is a sentence, and that no process hangs.
fn ends_well(seed: u64, object: &Path, work: &[&str]) -> Result<(), Failed> {
    let mut command = Command::new("timeout");
    command.args(["--signal=KILL", "60", env!("CARGO_BIN_EXE_ior-it"), "--bpf"]).arg(object).args(work);
    let output = command.output()?;
    let says = String::from_utf8(output.stderr).map_err(|error| format!("object {seed}: {error}"))?;
    let ended = match output.status.code() {
        Some(0 | 5 | 101) => true,
        Some(3) => says.starts_with("error: ") && says.contains("\n hint: "),
        _ => false,
    };
    require!(ended && !says.contains("panicked"), "object {seed}, {}: {says}", output.status);
    let is_text = |c: char| !c.is_control() || c == '\n' || c == '\t';
    require!(says.chars().all(is_text), "object {seed}: {says:?}");
    Ok(())
}
