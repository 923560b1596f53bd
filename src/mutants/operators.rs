//! What can be changed in an instruction, and how that is said.
//!
//! No I/O. A change says nothing of registers: the copies of an inlined function have others, and are changed together.

use super::instruction::{Instruction, InstructionClass};

/// Something else in the place of an instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What is there instead.
    pub becomes: Instruction,
    /// The same in words.
    pub words: String,
}

fn change(becomes: Instruction, words: String) -> Change {
    Change { becomes, words }
}

/// All changes of an instruction. `on_stack` says whether its register leads to the stack, which is no matter of the source.
pub fn changes(at: Instruction, on_stack: bool) -> Vec<Change> {
    match at.class() {
        InstructionClass::Branch if at.is_conditional() => condition(at),
        InstructionClass::Branch if at.is_call() => vec![call(at)],
        InstructionClass::Branch => Vec::new(),
        InstructionClass::Arithmetic => arithmetic(at, on_stack),
        InstructionClass::Constant if at.is_wide() && !at.is_reference() => constants(at, "the constant"),
        InstructionClass::Constant => Vec::new(),
        InstructionClass::Load | InstructionClass::Store | InstructionClass::StoreConstant if on_stack => Vec::new(),
        InstructionClass::Load | InstructionClass::Store | InstructionClass::StoreConstant if at.is_access() => {
            access(at)
        }
        InstructionClass::Store if at.is_atomic() => atomic(at),
        InstructionClass::Load | InstructionClass::Store | InstructionClass::StoreConstant => Vec::new(),
    }
}

/// The relations, by the upper half of their code: how each is written, and what it is turned into.
const RELATIONS: [(u8, &str, &[u8]); 11] = [
    (0x1, "==", &[0x5]),
    (0x5, "!=", &[0x1]),
    (0x2, ">", &[0x3, 0xb]),
    (0x3, ">=", &[0x2, 0xa]),
    (0xa, "<", &[0xb, 0x3]),
    (0xb, "<=", &[0xa, 0x2]),
    (0x6, "> (signed)", &[0x7, 0xd]),
    (0x7, ">= (signed)", &[0x6, 0xc]),
    (0xc, "< (signed)", &[0xd, 0x7]),
    (0xd, "<= (signed)", &[0xc, 0x6]),
    (0x4, "&", &[]),
];

fn relation(code: u8) -> Option<&'static (u8, &'static str, &'static [u8])> {
    RELATIONS.iter().find(|row| row.0 == code >> 4)
}

fn condition(at: Instruction) -> Vec<Change> {
    let Some(&(_, written, others)) = relation(at.code) else { return Vec::new() };
    let operand = if at.has_constant() { at.imm.to_string() } else { "a register".to_owned() };
    let before = format!("the branch at `{written} {operand}`");
    let turned = others.iter().filter_map(|&other| {
        let becomes = Instruction { code: at.code & 15 | other << 4, ..at };
        let (_, written, _) = relation(becomes.code)?;
        Some(change(becomes, format!("{before} becomes one at `{written} {operand}`")))
    });
    let sides = [
        change(Instruction::jump(at.off), format!("{before} is always taken")),
        change(Instruction::NOTHING, format!("{before} is never taken")),
    ];
    let constants = if at.has_constant() { constants(at, &before) } else { Vec::new() };
    turned.chain(sides).chain(constants).collect()
}

/// A constant one larger and one smaller.
fn constants(at: Instruction, what: &str) -> Vec<Change> {
    let by = |imm: i32| {
        let words = match what.ends_with('`') {
            true => format!("{what} has {imm}"),
            false => format!("{what} {} becomes {imm}", at.imm),
        };
        change(Instruction { imm, ..at }, words)
    };
    vec![by(at.imm.wrapping_add(1)), by(at.imm.wrapping_sub(1))]
}

/// How arithmetic is written, by the upper half of its code. What is missing has no constant that could be another.
const ARITHMETIC: [(u8, &str); 11] = [
    (0x0, "+"),
    (0x1, "-"),
    (0x2, "*"),
    (0x3, "/"),
    (0x4, "|"),
    (0x5, "&"),
    (0x6, "<<"),
    (0x7, ">>"),
    (0x9, "%"),
    (0xa, "^"),
    (0xc, ">> (signed)"),
];

fn arithmetic(at: Instruction, on_stack: bool) -> Vec<Change> {
    const MOVE: u8 = 0xb;
    if !at.has_constant() || on_stack {
        return Vec::new();
    }
    if at.code >> 4 == MOVE {
        return constants(at, "the constant");
    }
    let written = ARITHMETIC.iter().find(|row| row.0 == at.code >> 4);
    written.map(|(_, written)| constants(at, &format!("the constant of `{written}`"))).unwrap_or_default()
}

fn access(at: Instruction) -> Vec<Change> {
    let width = at.width();
    let what = if at.class() == InstructionClass::Load { "load" } else { "store" };
    let before = format!("the {what} of {width} at offset {}", at.off);
    let moved = |off: i16| change(Instruction { off, ..at }, format!("{before} is at offset {off}"));
    let other = if width == 1 { 2 } else { width / 2 };
    let mut changes = vec![
        moved(at.off.wrapping_add(width)),
        moved(at.off.wrapping_sub(width)),
        change(at.with_width(other), format!("{before} is of {other}")),
    ];
    if at.class() == InstructionClass::StoreConstant {
        changes.extend(constants(at, "the stored constant"));
    }
    if at.class() != InstructionClass::Load {
        changes.push(change(Instruction::NOTHING, format!("{before} is left out")));
    }
    changes
}

/// An atomic operation. Where its result is used, that is 0.
fn atomic(at: Instruction) -> Vec<Change> {
    const FETCH: i32 = 1;
    let instead = match at.imm & FETCH {
        0 => Instruction::NOTHING,
        _ => Instruction { dst: at.src, ..Instruction::NO_RESULT },
    };
    let before = format!("the atomic operation at offset {}", at.off);
    let off = at.off.wrapping_add(at.width());
    let moved = change(Instruction { off, ..at }, format!("{before} is at offset {off}"));
    vec![moved, change(instead, format!("{before} is left out"))]
}

fn call(at: Instruction) -> Change {
    let words = match at.src {
        0 => format!("the call of helper {} is left out", at.imm),
        1 => "the call of a function is left out".to_owned(),
        _ => "the call of a kernel function is left out".to_owned(),
    };
    change(Instruction::NO_RESULT, words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(bytes: [u8; 8], on_stack: bool) -> Vec<String> {
        changes(Instruction::decode(bytes), on_stack).into_iter().map(|change| change.words).collect()
    }

    /// An instruction, its bytes, and its changes.
    const ROWS: [(&str, [u8; 8], &[&str]); 8] = [
        (
            "if r1 == 4 goto +2",
            [0x15, 1, 2, 0, 4, 0, 0, 0],
            &[
                "the branch at `== 4` becomes one at `!= 4`",
                "the branch at `== 4` is always taken",
                "the branch at `== 4` is never taken",
                "the branch at `== 4` has 5",
                "the branch at `== 4` has 3",
            ],
        ),
        (
            "if r1 > r2 goto +2",
            [0x2d, 0x21, 2, 0, 0, 0, 0, 0],
            &[
                "the branch at `> a register` becomes one at `>= a register`",
                "the branch at `> a register` becomes one at `<= a register`",
                "the branch at `> a register` is always taken",
                "the branch at `> a register` is never taken",
            ],
        ),
        ("r1 = 7", [0xb7, 1, 0, 0, 7, 0, 0, 0], &["the constant 7 becomes 8", "the constant 7 becomes 6"]),
        (
            "r1 = *(u32 *)(r2 + 8)",
            [0x61, 0x21, 8, 0, 0, 0, 0, 0],
            &[
                "the load of 4 at offset 8 is at offset 12",
                "the load of 4 at offset 8 is at offset 4",
                "the load of 4 at offset 8 is of 2",
            ],
        ),
        (
            "*(u8 *)(r1 + 0) = 1",
            [0x72, 1, 0, 0, 1, 0, 0, 0],
            &[
                "the store of 1 at offset 0 is at offset 1",
                "the store of 1 at offset 0 is at offset -1",
                "the store of 1 at offset 0 is of 2",
                "the stored constant 1 becomes 2",
                "the stored constant 1 becomes 0",
                "the store of 1 at offset 0 is left out",
            ],
        ),
        ("call 2", [0x85, 0, 0, 0, 2, 0, 0, 0], &["the call of helper 2 is left out"]),
        ("exit", [0x95, 0, 0, 0, 0, 0, 0, 0], &[]),
        ("goto +3", [0x05, 0, 3, 0, 0, 0, 0, 0], &[]),
    ];

    #[test]
    fn each_instruction_has_its_changes() {
        for (name, bytes, expected) in ROWS {
            assert_eq!(words(bytes, false), expected, "{name}");
        }
    }

    #[test]
    fn the_stack_is_no_matter_of_the_source() {
        for bytes in [[0x7b, 0x1a, 0xf8, 0xff, 0, 0, 0, 0], [0x07, 2, 0, 0, 0xf8, 0xff, 0xff, 0xff]] {
            assert!(!words(bytes, false).is_empty() && words(bytes, true).is_empty(), "{bytes:?}");
        }
    }

    #[test]
    fn an_atomic_operation_that_is_left_out_has_no_result() {
        let fetches = Instruction::decode([0xdb, 0x21, 16, 0, 1, 0, 0, 0]);
        let left_out = changes(fetches, false).pop().unwrap().becomes;
        assert_eq!((left_out.code, left_out.dst, left_out.imm), (0xb7, 2, 0));
        let silent = Instruction { imm: 0, ..fetches };
        assert_eq!(changes(silent, false).pop().unwrap().becomes, Instruction::NOTHING);
    }
}
