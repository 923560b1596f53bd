//! One instruction of BPF (RFC 9669), as the 8 bytes that it has in an object.
//!
//! No I/O.

/// The size of an instruction in bytes. A load of a 64-bit constant takes two.
pub const SIZE: usize = 8;

/// The frame pointer, which leads to the stack.
pub const FRAME: u8 = 10;

/// The class of an instruction: the lowest three bits of its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstructionClass {
    /// A 64-bit constant.
    Constant,
    /// A load from memory.
    Load,
    /// A store of a constant.
    StoreConstant,
    /// A store of a register, or an atomic operation.
    Store,
    /// Arithmetic, of 32 or of 64 bits.
    Arithmetic,
    /// A branch, a call or an exit.
    Branch,
}

/// An instruction, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Instruction {
    /// What it does.
    pub code: u8,
    /// The register that it changes, compares or stores through.
    pub dst: u8,
    /// The register that it takes from.
    pub src: u8,
    /// An offset, in bytes or in instructions.
    pub off: i16,
    /// A constant.
    pub imm: i32,
}

/// An access to memory, as opposed to an atomic operation (`BPF_MEM` and `BPF_MEMSX`).
const MODES_OF_MEMORY: [u8; 2] = [0x60, 0x80];
const MODE_ATOMIC: u8 = 0xc0;
/// The code of a call, and of a jump without a condition.
const CALL: u8 = 0x85;
const JUMP: u8 = 0x05;
const FAR_JUMP: u8 = 0x06;
const EXIT: u8 = 0x95;
/// A 64-bit constant.
const WIDE: u8 = 0x18;

impl Instruction {
    /// Does nothing: it jumps to the next instruction.
    pub const NOTHING: Self = Self::jump(0);
    /// Sets the register of a result to 0.
    pub const NO_RESULT: Self = Self { code: 0xb7, dst: 0, src: 0, off: 0, imm: 0 };
    /// Reads beyond the stack: the verifier refuses a program that can get there.
    pub const TRAP: Self = Self { code: 0x79, dst: 0, src: FRAME, off: 0, imm: 0 };

    /// A jump without a condition.
    pub const fn jump(off: i16) -> Self {
        Self { code: JUMP, dst: 0, src: 0, off, imm: 0 }
    }

    /// From the bytes of a little-endian object.
    pub fn decode(bytes: [u8; SIZE]) -> Self {
        let [code, registers, off @ .., _, _, _, _] = bytes;
        let [_, _, _, _, imm @ ..] = bytes;
        Self {
            code,
            dst: registers & 15,
            src: registers >> 4,
            off: i16::from_le_bytes(off),
            imm: i32::from_le_bytes(imm),
        }
    }

    /// The bytes in a little-endian object.
    pub fn encode(self) -> [u8; SIZE] {
        let ([a, b], [c, d, e, f]) = (self.off.to_le_bytes(), self.imm.to_le_bytes());
        [self.code, self.dst | self.src << 4, a, b, c, d, e, f]
    }

    /// Its class.
    pub fn class(self) -> InstructionClass {
        match self.code & 7 {
            0 => InstructionClass::Constant,
            1 => InstructionClass::Load,
            2 => InstructionClass::StoreConstant,
            3 => InstructionClass::Store,
            4 | 7 => InstructionClass::Arithmetic,
            _ => InstructionClass::Branch,
        }
    }

    /// Whether it has the first half of a 64-bit constant. The other half follows.
    pub fn is_wide(self) -> bool {
        self.code == WIDE
    }

    /// Whether it is such a constant that stands for something else: a map, a variable, a function.
    pub fn is_reference(self) -> bool {
        self.is_wide() && self.src != 0
    }

    /// Whether it is a call.
    pub fn is_call(self) -> bool {
        self.code == CALL
    }

    /// Whether it is a call of another function of the object.
    pub fn is_call_of_function(self) -> bool {
        self.is_call() && self.src == 1
    }

    /// Whether it is a branch with a condition.
    pub fn is_conditional(self) -> bool {
        self.class() == InstructionClass::Branch && !matches!(self.code >> 4, 0 | 8 | 9 | 14 | 15)
    }

    /// Whether it ends a function.
    pub fn is_exit(self) -> bool {
        self.code == EXIT
    }

    /// How far it may jump, in instructions from the next one; `None` if it does not.
    pub fn jumps(self) -> Option<i32> {
        match self.code {
            JUMP => Some(self.off.into()),
            FAR_JUMP => Some(self.imm),
            _ => self.is_conditional().then_some(self.off.into()),
        }
    }

    /// Whether its arithmetic has 32 bits. The upper half of the result is 0.
    pub fn is_narrow(self) -> bool {
        self.code & 7 == 4
    }

    /// Whether it is a load that leaves the bits above its width 0.
    pub fn is_zero_extending(self) -> bool {
        self.class() == InstructionClass::Load && self.code & 0xe0 == MODES_OF_MEMORY[0]
    }

    /// Whether its second operand is a constant, and not a register. For arithmetic and branches.
    pub fn has_constant(self) -> bool {
        self.code & 8 == 0
    }

    /// Whether it loads from or stores to memory as a whole.
    pub fn is_access(self) -> bool {
        matches!(self.class(), InstructionClass::Load | InstructionClass::Store | InstructionClass::StoreConstant)
            && MODES_OF_MEMORY.contains(&(self.code & 0xe0))
    }

    /// Whether it is an atomic operation.
    pub fn is_atomic(self) -> bool {
        self.class() == InstructionClass::Store && self.code & 0xe0 == MODE_ATOMIC
    }

    /// Whether it is an atomic operation that compares with register 0 (`BPF_CMPXCHG`), or a store that is not known.
    pub fn compares_result(self) -> bool {
        const COMPARES: i32 = 0xf1;
        self.class() == InstructionClass::Store && (!self.is_atomic() || self.imm == COMPARES)
    }

    /// Whether it is a branch that compares the lower halves of registers.
    pub fn compares_half(self) -> bool {
        self.code & 7 == 6
    }

    /// How many bytes it loads or stores.
    pub fn width(self) -> i16 {
        match self.code & 0x18 {
            0x00 => 4,
            0x08 => 2,
            0x10 => 1,
            _ => 8,
        }
    }

    /// The same with another width.
    pub fn with_width(self, width: i16) -> Self {
        let bits = match width {
            4 => 0x00,
            2 => 0x08,
            1 => 0x10,
            _ => 0x18,
        };
        Self { code: self.code & !0x18 | bits, ..self }
    }

    /// The register through which it accesses memory.
    pub fn base(self) -> u8 {
        if self.class() == InstructionClass::Load { self.src } else { self.dst }
    }

    /// Whether it adds a constant.
    pub fn is_sum(self) -> bool {
        matches!(self.code, 0x07 | 0x04)
    }

    /// Whether it copies the frame pointer.
    pub fn takes_frame(self) -> bool {
        self.code == 0xbf && self.src == FRAME
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_decoded_is_encoded_again() {
        let rows: [[u8; SIZE]; 4] = [
            [0x79, 0xa1, 0xf8, 0xff, 0, 0, 0, 0],
            [0x55, 0x02, 0x07, 0x00, 0xff, 0xff, 0xff, 0xff],
            [0xdb, 0x21, 0x10, 0x00, 0x01, 0x00, 0x00, 0x00],
            [0x18, 0x13, 0, 0, 0x78, 0x56, 0x34, 0x12],
        ];
        for bytes in rows {
            assert_eq!(Instruction::decode(bytes).encode(), bytes);
        }
        let load = Instruction::decode(rows[0]);
        assert_eq!((load.dst, load.src, load.off, load.width(), load.base()), (1, FRAME, -8, 8, FRAME));
        let branch = Instruction::decode(rows[1]);
        assert!(branch.is_conditional() && branch.has_constant() && branch.imm == -1);
        assert!(Instruction::decode(rows[2]).is_atomic() && Instruction::decode(rows[3]).is_reference());
    }

    #[test]
    fn a_width_is_changed_alone() {
        let load = Instruction { code: 0x79, dst: 1, src: 2, off: 8, imm: 0 };
        for width in [1, 2, 4, 8] {
            let changed = load.with_width(width);
            assert_eq!((changed.width(), changed.class(), changed.off), (width, InstructionClass::Load, 8));
        }
    }
}
