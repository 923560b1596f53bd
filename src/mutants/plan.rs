//! Which mutants there are.
//!
//! No I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::image::{Function, Image};
use super::instruction::{FRAME, Instruction, InstructionClass, SIZE};
use super::lines::SourceLine;
use super::operators;

/// One mutant: the same change at the same place of the source, in all copies that the compiler has made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutant {
    /// The place in the source.
    pub line: SourceLine,
    /// The change in words.
    pub change: String,
    /// The functions that have a copy, in the order of the object.
    pub functions: Vec<String>,
    /// The places of the copies: functions and numbers of instructions, as `llvm-objdump -d` counts them from the function on.
    pub places: Vec<String>,
    /// What is replaced: places in the file, and the instructions that come there.
    pub replaced: Vec<(usize, Instruction)>,
    /// The change of the source that makes it, if it is one of the source.
    pub edit: Option<SourceEdit>,
}

/// A change of one file of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceEdit {
    /// The file, without its folder.
    pub file: String,
    /// What is replaced, in bytes.
    pub place: Range<usize>,
    /// What comes there.
    pub text: String,
}

/// All mutants of an object, in the order of the source.
pub fn all(image: &Image) -> Vec<Mutant> {
    let mut mutants: BTreeMap<(SourceLine, String), Mutant> = BTreeMap::new();
    for function in image.functions() {
        for (at, line, change) in of_function(image, function) {
            let new = || Mutant {
                line: line.clone(),
                change: change.words.clone(),
                functions: vec![],
                places: vec![],
                replaced: vec![],
                edit: None,
            };
            let mutant = mutants.entry((line.clone(), change.words.clone())).or_insert_with(new);
            mutant.replaced.push((at, change.becomes));
            mutant.places.push(format!("{}+{}", function.name, (at - function.bytes.start) / SIZE));
            if mutant.functions.last() != Some(&function.name) {
                mutant.functions.push(function.name.clone());
            }
        }
    }
    mutants.into_values().collect()
}

/// The changes of a function: places in the file, lines, changes.
fn of_function<'i>(image: &'i Image, function: &Function) -> Vec<(usize, &'i SourceLine, operators::Change)> {
    let instructions = image.instructions(function);
    let stack = on_stack(&instructions);
    let mut found = Vec::new();
    for (number, &(at, instruction)) in instructions.iter().enumerate() {
        // A call may be left out with its relocation. What else a relocation fills in has no value yet.
        let is_fixed = !image.is_relocated(at) || instruction.is_call();
        let line = image.lines().at(&function.section, function.offset + at - function.bytes.start);
        let Some(line) = line.filter(|line| line.line > 0 && is_fixed) else { continue };
        let changes = operators::changes(instruction, stack.contains(&number));
        found.extend(changes.into_iter().map(|change| (at, line, change)));
    }
    found
}

/// The instructions whose register leads to the stack: it is the frame pointer, or was made from it before.
fn on_stack(instructions: &[(usize, Instruction)]) -> BTreeSet<usize> {
    let mut from_frame = BTreeSet::from([FRAME]);
    let mut found = BTreeSet::new();
    for (number, &(_, instruction)) in instructions.iter().enumerate() {
        let Instruction { dst, .. } = instruction;
        let is_changed = match instruction.class() {
            InstructionClass::Arithmetic if instruction.takes_frame() => {
                from_frame.insert(dst);
                false
            }
            InstructionClass::Arithmetic if instruction.is_sum() && from_frame.contains(&dst) => {
                found.insert(number);
                false
            }
            InstructionClass::Load | InstructionClass::Store | InstructionClass::StoreConstant => {
                let is_on_stack = from_frame.contains(&instruction.base());
                found.extend(is_on_stack.then_some(number));
                instruction.class() == InstructionClass::Load
            }
            InstructionClass::Arithmetic | InstructionClass::Constant => true,
            // A call takes the registers 0 to 5.
            InstructionClass::Branch if instruction.is_call() => {
                from_frame.retain(|&register| register > 5);
                false
            }
            InstructionClass::Branch => false,
        };
        if is_changed {
            from_frame.remove(&dst);
        }
    }
    found
}

/// So many of them, the same for the same seed. Numbers do not count: an edit elsewhere moves lines and the members of structs, and
/// leaves the sample as it is.
pub fn sample(mut mutants: Vec<Mutant>, count: usize, seed: u64) -> Vec<Mutant> {
    mutants.sort_by(|one, other| (&one.line, &one.change).cmp(&(&other.line, &other.change)));
    let mut alike: BTreeMap<String, u64> = BTreeMap::new();
    let mut keyed: Vec<(u64, Mutant)> = Vec::new();
    for mutant in mutants {
        let words = mutant.change.replace(|letter: char| letter.is_ascii_digit(), "");
        let SourceLine { file, text, column, .. } = &mutant.line;
        let name = format!("{file}\n{text}\n{column}\n{words}");
        let before = alike.entry(name.clone()).or_default();
        keyed.push((mixed(seed.wrapping_add(*before << 32), &name), mutant));
        *before += 1;
    }
    keyed.sort_by_key(|(key, _)| *key);
    keyed.truncate(count);
    keyed.into_iter().map(|(_, mutant)| mutant).collect()
}

/// A number for a text, by FNV-1a and the finish of SplitMix64.
fn mixed(seed: u64, text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = text.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, step);
    let hash = (hash ^ hash >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ hash >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ hash >> 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::tracer;

    fn of_tracer() -> Vec<Mutant> {
        let (name, bytes) = tracer::object(None).unwrap();
        all(&Image::parse(&name, bytes).unwrap())
    }

    #[test]
    fn each_mutant_has_a_place_and_each_place_one_mutant() {
        let mutants = of_tracer();
        assert!(mutants.len() > 3000, "{} mutants", mutants.len());
        let places: BTreeSet<_> = mutants.iter().map(|one| (&one.line, &one.change)).collect();
        assert_eq!(places.len(), mutants.len());
        assert!(mutants.iter().all(|one| one.line.line > 0 && !one.replaced.is_empty() && !one.functions.is_empty()));
    }

    #[test]
    fn copies_of_an_inlined_function_are_changed_together() {
        let mutants = of_tracer();
        // is_marked() in bpf/state.h is inlined wherever a call begins or ends.
        let marked = mutants.iter().find(|one| one.line.text.contains(">> (tgid % 64) & 1")).unwrap();
        for function in ["ior_enter", "ior_exit"] {
            assert!(marked.functions.iter().any(|one| one == function), "{:?}", marked.functions);
        }
    }

    #[test]
    fn a_sample_is_the_same_for_the_same_seed_wherever_the_lines_are() {
        let mutants = of_tracer();
        let texts = |mutants: Vec<Mutant>, seed| {
            let sample = sample(mutants, 60, seed).into_iter();
            sample.map(|one| (one.line.text, one.change)).collect::<Vec<_>>()
        };
        let moved = mutants.iter().cloned().map(|mut one| {
            one.line.line += 1;
            one
        });
        let first = texts(mutants.clone(), 1);
        assert_eq!(first.len(), 60);
        assert_eq!(first, texts(moved.rev().collect(), 1));
        assert_ne!(first, texts(mutants, 2));
    }

    #[test]
    fn what_was_made_from_the_frame_pointer_leads_to_the_stack() {
        // The fourth loads r1 anew.
        let rows: [([u8; 8], bool); 6] = [
            ([0xbf, 0xa1, 0, 0, 0, 0, 0, 0], false),
            ([0x07, 0x01, 0, 0, 0xf8, 0xff, 0xff, 0xff], true),
            ([0x7b, 0x21, 0, 0, 0, 0, 0, 0], true),
            ([0x79, 0x21, 0, 0, 0, 0, 0, 0], false),
            ([0x7b, 0x21, 0, 0, 0, 0, 0, 0], false),
            ([0x63, 0x2a, 0xfc, 0xff, 0, 0, 0, 0], true),
        ];
        let instructions: Vec<(usize, Instruction)> =
            rows.iter().map(|(bytes, _)| Instruction::decode(*bytes)).enumerate().collect();
        let expected: BTreeSet<usize> = (0..rows.len()).filter(|&at| rows[at].1).collect();
        assert_eq!(on_stack(&instructions), expected);
    }
}
