//! A BPF object as bytes: where its functions are, and how an instruction is replaced.
//!
//! No I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use object::elf::{SHT_REL, SectionHeader64};
use object::read::elf::{ElfFile64, SectionHeader as _};
use object::{
    Endianness, Object as _, ObjectSection as _, ObjectSymbol as _, RelocationTarget, SectionKind, SymbolKind,
};

use super::instruction::{Instruction, SIZE};
use super::lines::Lines;
use crate::base::error::Error;
use crate::watch::tracer::Linked;

/// A function of the object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// The section that it is in, and the offset there in bytes.
    pub section: String,
    /// See `section`.
    pub offset: usize,
    /// Where its instructions are in the file.
    pub bytes: Range<usize>,
}

/// The relocations of a code section: where they are in the file, and where the size of their table is.
#[derive(Clone, Debug)]
struct Relocations {
    table: Range<usize>,
    size_at: usize,
    /// Where the code that they are of is in the file.
    code: usize,
}

/// An object that can be changed.
#[derive(Clone, Debug)]
pub struct Image {
    bytes: Vec<u8>,
    functions: Vec<Function>,
    relocations: Vec<Relocations>,
    /// The places in the file that a relocation will change.
    relocated: BTreeSet<usize>,
    /// The functions to which relocations lead, by the place that the relocation changes.
    led_to: BTreeMap<usize, usize>,
    lines: Lines,
    /// Where the file has the size of the part of .BTF.ext with the CO-RE relocations.
    core_size_at: Option<usize>,
}

/// An entry of a table of relocations: the place and the symbol.
const RELOCATION: usize = 16;

impl Image {
    /// Takes an object apart. `name` is what the errors call it.
    pub fn parse(name: &str, bytes: Vec<u8>) -> Result<Self, Error> {
        let hint = "`clang -target bpf -g -O2 -c` makes an object; `llvm-readelf -S FILE` shows its sections";
        let unfit = |why: String| Error::usage(format!("{name} cannot be mutated: {why}"), hint);
        let file = ElfFile64::<Endianness>::parse(bytes.as_slice()).map_err(|error| unfit(error.to_string()))?;
        if file.endian() != Endianness::Little {
            return Err(unfit("it is not little-endian".to_owned()));
        }
        let functions = functions(&file);
        if functions.is_empty() {
            return Err(unfit("it has no function".to_owned()));
        }
        let contents = |section: &str| file.section_by_name(section).and_then(|section| section.data().ok());
        let lines = Lines::parse(contents(".BTF").unwrap_or_default(), contents(".BTF.ext").unwrap_or_default());
        if lines.is_empty() {
            return Err(unfit("it has no line information, by which a mutant is named".to_owned()));
        }
        let relocations = relocations(&file);
        let relocated = relocations.iter().flat_map(|one| one.places(&bytes)).collect();
        let core_size_at = core_size_at(&file);
        let led_to = led_to(&file, &bytes);
        drop(file);
        Ok(Self { bytes, functions, relocations, relocated, led_to, lines, core_size_at })
    }

    /// The file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The functions, in the order of the file.
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// The source lines.
    pub fn lines(&self) -> &Lines {
        &self.lines
    }

    /// The instructions of a function, each with its place in the file.
    pub fn instructions(&self, function: &Function) -> Vec<(usize, Instruction)> {
        let range = function.bytes.clone();
        let each = self.bytes.get(range.clone()).unwrap_or_default().chunks_exact(SIZE).zip(range.step_by(SIZE));
        each.filter_map(|(bytes, at)| Some((at, Instruction::decode(*bytes.first_chunk()?)))).collect()
    }

    /// Whether a relocation will change the instruction at this place.
    pub fn is_relocated(&self, at: usize) -> bool {
        self.relocated.contains(&at)
    }

    /// Where the function is that a call at this place calls.
    pub fn callee(&self, at: usize) -> Option<usize> {
        let relative = || {
            let call = Instruction::decode(*self.bytes.get(at..)?.first_chunk()?);
            at.checked_add_signed((call.imm as isize).checked_add(1)?.checked_mul(SIZE as isize)?)
        };
        if self.is_relocated(at) { self.led_to.get(&at).copied() } else { relative() }
    }

    /// Whether a helper is given the function at this place, to call it.
    pub fn is_callback(&self, function: usize) -> bool {
        let is_given = |(&at, &to): (&usize, &usize)| {
            let bytes = self.bytes.get(at..).and_then(|bytes| bytes.first_chunk());
            to == function && !bytes.is_some_and(|bytes| Instruction::decode(*bytes).is_call())
        };
        self.led_to.iter().any(is_given)
    }

    /// The bytes of the object with other instructions at these places.
    pub fn with(&self, replaced: impl IntoIterator<Item = (usize, Instruction)>) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        for (at, instruction) in replaced {
            put(&mut bytes, at, instruction);
            if self.is_relocated(at) {
                self.relocations.iter().for_each(|table| table.forget(&mut bytes, at));
            }
        }
        bytes
    }

    /// The same object, bound to this kernel: its CO-RE relocations are done. It is loaded without a search through the types of
    /// the kernel, and the instructions that they change can be mutated.
    pub fn bound(&self, loaded: &[Linked]) -> Self {
        let mut bound = self.clone();
        let by_name: BTreeMap<&str, &Function> = self.functions.iter().map(|one| (one.name.as_str(), one)).collect();
        for program in loaded {
            for (begin, name) in &program.functions {
                let Some(function) = by_name.get(name.as_str()) else { continue };
                let linked = program.instructions.get(*begin..).unwrap_or_default();
                for ((at, _), &linked) in self.instructions(function).into_iter().zip(linked) {
                    let linked = Instruction::decode(linked);
                    if !linked.is_call_of_function() && !self.is_relocated(at) {
                        put(&mut bound.bytes, at, linked);
                    }
                }
            }
        }
        if let Some(at) = self.core_size_at {
            bound.bytes[at..at + 4].fill(0);
        }
        bound
    }
}

fn put(bytes: &mut [u8], at: usize, instruction: Instruction) {
    if let Some(place) = bytes.get_mut(at..at + SIZE) {
        place.copy_from_slice(&instruction.encode());
    }
}

fn functions(file: &ElfFile64<'_, Endianness>) -> Vec<Function> {
    let function = |symbol: object::read::elf::ElfSymbol64<'_, '_, Endianness>| {
        let section = file.section_by_index(symbol.section_index()?).ok()?;
        let (begin, size) = section.file_range().filter(|_| section.kind() == SectionKind::Text)?;
        let (offset, length) = (symbol.address(), symbol.size());
        let is_inside = length > 0 && offset.checked_add(length)? <= size;
        let name = symbol.name().ok().filter(|_| is_inside && symbol.kind() == SymbolKind::Text)?;
        Some(Function {
            name: name.to_owned(),
            section: section.name().ok()?.to_owned(),
            offset: offset as usize,
            bytes: (begin + offset) as usize..(begin + offset + length) as usize,
        })
    };
    let mut functions: Vec<Function> = file.symbols().filter_map(function).collect();
    functions.sort_by_key(|function| function.bytes.start);
    functions
}

fn relocations(file: &ElfFile64<'_, Endianness>) -> Vec<Relocations> {
    let (endian, headers) = (file.endian(), file.elf_section_table());
    let first = object::read::elf::FileHeader::e_shoff(file.elf_header(), endian) as usize;
    let is_code = |index: usize| {
        let section = file.section_by_index(object::SectionIndex(index)).ok()?;
        section.file_range().filter(|_| section.kind() == SectionKind::Text).map(|(begin, _)| begin as usize)
    };
    let one = |(index, header): (object::SectionIndex, &SectionHeader64<Endianness>)| {
        let code = is_code(header.sh_info(endian) as usize).filter(|_| header.sh_type(endian) == SHT_REL)?;
        let begin = header.sh_offset(endian) as usize;
        let size_at = first + index.0 * size_of::<SectionHeader64<Endianness>>() + SIZE_IN_HEADER;
        Some(Relocations { table: begin..begin.checked_add(header.sh_size(endian) as usize)?, size_at, code })
    };
    headers.enumerate().filter_map(one).collect()
}

/// The relocations that lead to code: the place that each changes, and where it leads. In a call the constant counts instructions
/// from the symbol on, and one less; in the address of a function it counts bytes.
fn led_to(file: &ElfFile64<'_, Endianness>, bytes: &[u8]) -> BTreeMap<usize, usize> {
    let begin_of = |section: object::SectionIndex| {
        let section = file.section_by_index(section).ok().filter(|section| section.kind() == SectionKind::Text)?;
        section.file_range().map(|(begin, _)| begin as usize)
    };
    let leads = |begin: usize, offset: u64, target: RelocationTarget| {
        let RelocationTarget::Symbol(symbol) = target else { return None };
        let symbol = file.symbol_by_index(symbol).ok()?;
        let at = begin.checked_add(offset as usize)?;
        let one = Instruction::decode(*bytes.get(at..)?.first_chunk()?);
        let further = if one.is_call() { (one.imm as isize + 1) * SIZE as isize } else { one.imm as isize };
        let to = begin_of(symbol.section_index()?)?.checked_add(symbol.address() as usize)?;
        Some((at, to.checked_add_signed(further)?))
    };
    let code = file.sections().filter_map(|section| Some((begin_of(section.index())?, section)));
    code.flat_map(|(begin, section)| {
        let each = section.relocations().filter_map(|(offset, one)| leads(begin, offset, one.target()));
        each.collect::<Vec<_>>()
    })
    .collect()
}

/// The offset of `sh_size` in a section header (elf(5)).
const SIZE_IN_HEADER: usize = 32;
/// The offset of `core_relo_len` in the header of .BTF.ext, and the least length of a header that has it.
const CORE_SIZE: (usize, u32) = (28, 32);

fn core_size_at(file: &ElfFile64<'_, Endianness>) -> Option<usize> {
    let section = file.section_by_name(".BTF.ext")?;
    let header = section.data().ok()?.get(4..8)?;
    let length = u32::from_le_bytes(*header.first_chunk()?);
    let (begin, size) = section.file_range()?;
    (length >= CORE_SIZE.1 && size >= u64::from(CORE_SIZE.1)).then_some(begin as usize + CORE_SIZE.0)
}

impl Relocations {
    fn entries<'b>(&self, bytes: &'b [u8]) -> impl Iterator<Item = (usize, &'b [u8])> {
        let table = bytes.get(self.table.clone()).unwrap_or_default();
        self.table.clone().step_by(RELOCATION).zip(table.chunks_exact(RELOCATION))
    }

    /// The places in the file that it changes.
    fn places(&self, bytes: &[u8]) -> Vec<usize> {
        let place = |(_, entry): (usize, &[u8])| Some(self.code + u64::from_le_bytes(*entry.first_chunk()?) as usize);
        self.entries(bytes).filter_map(place).collect()
    }

    /// Takes the relocation of this place out of the table: the last one moves to its place.
    fn forget(&self, bytes: &mut [u8], at: usize) {
        let Some(found) = self.places(bytes).iter().position(|&place| place == at) else { return };
        let size = bytes.get(self.size_at..).and_then(|size| size.first_chunk()).map(|size| u64::from_le_bytes(*size));
        let Some(left) = size.map(|size| size as usize).and_then(|size| size.checked_sub(RELOCATION)) else { return };
        let (gap, last) = (self.table.start + found * RELOCATION, self.table.start + left);
        if last + RELOCATION <= bytes.len() && gap <= last {
            bytes.copy_within(last..last + RELOCATION, gap);
            bytes[self.size_at..self.size_at + 8].copy_from_slice(&(left as u64).to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::tracer;

    fn embedded() -> Image {
        let (name, bytes) = tracer::object(None).unwrap();
        Image::parse(&name, bytes).unwrap()
    }

    #[test]
    fn the_functions_of_the_tracer_are_found() {
        let image = embedded();
        for name in ["ior_enter", "ior_submit", "tell_name", "is_from_there"] {
            let function = image.functions().iter().find(|function| function.name == name);
            let function = function.unwrap_or_else(|| panic!("{name} was not found"));
            let (_, last) = *image.instructions(function).last().unwrap();
            assert!(matches!(last.code, 0x95 | 0x05), "{name} ends with {last:?}");
            assert!(image.lines().at(&function.section, function.offset).is_some(), "{name} has no line");
        }
    }

    #[test]
    fn each_call_leads_to_a_function() {
        let image = embedded();
        let begins: BTreeSet<usize> = image.functions.iter().map(|function| function.bytes.start).collect();
        let named = |at: usize| image.functions.iter().find(|one| one.bytes.start == at).map(|one| one.name.as_str());
        let mut called = BTreeSet::new();
        for function in &image.functions {
            for (at, _) in image.instructions(function).into_iter().filter(|(_, one)| one.is_call_of_function()) {
                // What leads to no symbol of the object is a function of the kernel.
                let Some(callee) = image.callee(at) else { continue };
                assert!(begins.contains(&callee), "a call in {} leads into nothing", function.name);
                called.extend(named(callee));
            }
        }
        assert!(["finish", "identify", "tell_name"].iter().all(|name| called.contains(name)), "{called:?}");
        let callbacks = image.functions.iter().filter(|one| image.is_callback(one.bytes.start));
        let callbacks: BTreeSet<&str> = callbacks.map(|one| one.name.as_str()).collect();
        assert!(callbacks.contains("spell_one") && callbacks.contains("end_request"), "{callbacks:?}");
        assert!(!callbacks.contains("finish"));
    }

    #[test]
    fn a_call_that_is_left_out_takes_its_relocation_along() {
        let image = embedded();
        let calls = image.functions().iter().flat_map(|function| image.instructions(function));
        let calls: Vec<usize> =
            calls.filter(|&(at, one)| one.is_call_of_function() && image.is_relocated(at)).map(|(at, _)| at).collect();
        assert!(!calls.is_empty());
        for &at in &calls {
            let without = image.with([(at, Instruction::NO_RESULT)]);
            let without = Image::parse("without", without).unwrap();
            let mut expected = image.relocated.clone();
            expected.remove(&at);
            assert!(without.relocated == expected, "the relocations without the call at {at} are others");
        }
    }

    #[test]
    fn what_is_no_object_is_refused_with_a_reason() {
        let whole = embedded().bytes;
        for length in (0..whole.len()).step_by(4099) {
            if let Err(error) = Image::parse("half", whole[..length].to_vec()) {
                assert!(error.sentence.starts_with("half cannot be mutated: "), "{error}");
            }
        }
        let error = Image::parse("text", b"no object".repeat(40)).unwrap_err();
        assert!(error.sentence.starts_with("text cannot be mutated"), "{error}");
    }
}
