//! Which bits of which registers are used after an instruction: a change of other bits has no effect.
//!
//! No I/O. This is a proof and no measurement, so where it knows nothing it says that all is used: of memory, of the arguments of a
//! call, and of what a branch compares.

use std::collections::BTreeMap;

use super::image::{Function, Image};
use super::instruction::{Instruction, InstructionClass};
use super::plan::Mutant;

const REGISTERS: usize = 11;
const ALL: u64 = u64::MAX;

/// The bits of each register that are used.
type Used = [u64; REGISTERS];

/// The use of registers after each instruction of an object, by its place in the file.
#[derive(Clone, Debug, Default)]
pub struct Flow {
    after: BTreeMap<usize, (Instruction, Used)>,
}

/// Programs of these sections have a result that nobody looks at (kernel/trace/bpf_trace.c, __bpf_trace_run()).
const WITHOUT_RESULT: [&str; 3] = ["tp_btf/", "raw_tp", "raw_tracepoint"];

impl Flow {
    /// Of an object.
    pub fn of(image: &Image) -> Self {
        // At first each function has a result that is used. Then it is known where it is, and so more and more about what is not.
        let mut results = BTreeMap::new();
        loop {
            let result = |function: &Function| {
                if WITHOUT_RESULT.iter().any(|section| function.section.starts_with(section)) {
                    return 0;
                }
                let used = results.get(&function.bytes.start).copied().unwrap_or(ALL);
                if image.is_callback(function.bytes.start) { ALL } else { used }
            };
            let flow = Self::with_results(image, &result);
            let found = flow.results(image);
            if found == results {
                return flow;
            }
            results = found;
        }
    }

    /// Which bits of the result of each function that is called are used somewhere.
    fn results(&self, image: &Image) -> BTreeMap<usize, u64> {
        let mut results = BTreeMap::new();
        for (&at, (instruction, used)) in &self.after {
            if let Some(callee) = image.callee(at).filter(|_| instruction.is_call_of_function()) {
                *results.entry(callee).or_default() |= used[0];
            }
        }
        results
    }

    fn with_results(image: &Image, result: &dyn Fn(&Function) -> u64) -> Self {
        let mut after = BTreeMap::new();
        for function in image.functions() {
            let instructions = image.instructions(function);
            let used = used_after(&instructions, result(function));
            after.extend(instructions.into_iter().zip(used).map(|((at, one), used)| (at, (one, used))));
        }
        Self { after }
    }

    /// Whether a mutant changes nothing but bits that are never used.
    pub fn is_idle(&self, mutant: &Mutant) -> bool {
        mutant.replaced.iter().all(|(at, becomes)| {
            let Some((before, used)) = self.after.get(at) else { return false };
            changed(before, becomes).is_some_and(|bits| bits & used[usize::from(before.dst)] == 0)
        })
    }
}

/// The bits of its register that may differ when an instruction becomes another. `None` if more may differ than one register.
fn changed(before: &Instruction, becomes: &Instruction) -> Option<u64> {
    let same = |one: &Instruction| (one.class(), one.dst, one.src, one.code & 0xe0);
    if same(before) != same(becomes) {
        return None;
    }
    match before.class() {
        InstructionClass::Load if before.is_zero_extending() && before.off == becomes.off => {
            Some(mask(before.width()) ^ mask(becomes.width()))
        }
        InstructionClass::Arithmetic if before.code == becomes.code && before.has_constant() => {
            match before.code >> 4 {
                // |, &, ^ and the assignment change a bit by the same bit of the constant.
                0x4 | 0x5 | 0xa | 0xb => Some(of_constant(before) ^ of_constant(becomes)),
                _ => Some(ALL),
            }
        }
        InstructionClass::Constant | InstructionClass::Load | InstructionClass::Arithmetic => Some(ALL),
        InstructionClass::Store | InstructionClass::StoreConstant | InstructionClass::Branch => None,
    }
}

fn of_constant(one: &Instruction) -> u64 {
    let extended = i64::from(one.imm) as u64;
    if one.is_narrow() { extended & mask(4) } else { extended }
}

fn mask(width: i16) -> u64 {
    if width >= 8 { ALL } else { (1 << (8 * width)) - 1 }
}

/// The bits from the lowest one up to the highest that is used: a carry goes upwards.
fn below(bits: u64) -> u64 {
    ALL.checked_shr(bits.leading_zeros()).unwrap_or_default()
}

/// What is used after each instruction, by going backwards until nothing changes any more.
fn used_after(instructions: &[(usize, Instruction)], result: u64) -> Vec<Used> {
    let mut before = vec![[0; REGISTERS]; instructions.len()];
    let mut after = before.clone();
    let mut is_done = false;
    while !is_done {
        is_done = true;
        for at in (0..instructions.len()).rev() {
            let used = next(instructions, at).fold([0; REGISTERS], |used, next| {
                // What leads out of the function is not understood here: all is used.
                let other = before.get(next).copied().unwrap_or([ALL; REGISTERS]);
                std::array::from_fn(|register| used[register] | other[register])
            });
            let needs = used_before(&instructions[at].1, used, result);
            is_done &= before[at] == needs && after[at] == used;
            (before[at], after[at]) = (needs, used);
        }
    }
    after
}

/// The instructions that may run after this one.
fn next(instructions: &[(usize, Instruction)], at: usize) -> impl Iterator<Item = usize> + use<> {
    let one = instructions[at].1;
    let jumped = |off: i32| at.checked_add_signed(1 + off as isize).unwrap_or(usize::MAX);
    let following = at + 1 + usize::from(one.is_wide());
    let (first, second) = match (one.is_exit(), one.jumps()) {
        (true, _) => (None, None),
        (false, Some(off)) if !one.is_conditional() => (Some(jumped(off)), None),
        (false, Some(off)) => (Some(following), Some(jumped(off))),
        (false, None) => (Some(following), None),
    };
    first.into_iter().chain(second)
}

/// What is used before an instruction, if `used` is used after it.
fn used_before(one: &Instruction, mut used: Used, result: u64) -> Used {
    let (dst, src) = (usize::from(one.dst).min(REGISTERS - 1), usize::from(one.src).min(REGISTERS - 1));
    match one.class() {
        InstructionClass::Arithmetic => arithmetic(one, &mut used, dst, src),
        InstructionClass::Constant if one.is_wide() => used[dst] = 0,
        InstructionClass::Constant => used = [ALL; REGISTERS],
        InstructionClass::Load => {
            used[dst] = 0;
            used[src] = ALL;
        }
        InstructionClass::StoreConstant => used[dst] = ALL,
        InstructionClass::Store if one.is_access() => {
            used[src] |= mask(one.width());
            used[dst] = ALL;
        }
        InstructionClass::Store => {
            (used[dst], used[src]) = (ALL, ALL);
            if one.compares_result() {
                used[0] = ALL;
            }
        }
        InstructionClass::Branch if one.is_call() => {
            used[0] = 0;
            used[1..=5].fill(ALL);
        }
        InstructionClass::Branch if one.is_exit() => {
            used = [0; REGISTERS];
            used[0] = result;
        }
        InstructionClass::Branch if one.is_conditional() => {
            let compared = if one.compares_half() { mask(4) } else { ALL };
            used[dst] |= compared;
            if !one.has_constant() {
                used[src] |= compared;
            }
        }
        InstructionClass::Branch if one.jumps().is_some() => {}
        InstructionClass::Branch => used = [ALL; REGISTERS],
    }
    used
}

fn arithmetic(one: &Instruction, used: &mut Used, dst: usize, src: usize) {
    let wanted = if one.is_narrow() { used[dst] & mask(4) } else { used[dst] };
    let (constant, by) = (of_constant(one), one.imm as u32 & if one.is_narrow() { 31 } else { 63 });
    let (of_dst, of_src) = match (one.code >> 4, one.has_constant()) {
        (0xb, _) if one.off != 0 => (0, if wanted == 0 { 0 } else { ALL }),
        (0xb, _) => (0, wanted),
        (0x4, true) => (wanted & !constant, 0),
        (0x5, true) => (wanted & constant, 0),
        (0xa, true) | (0x4 | 0x5 | 0xa, false) => (wanted, wanted),
        (0x6, true) => (wanted >> by, 0),
        (0x7, true) => ((wanted << by) & if one.is_narrow() { mask(4) } else { ALL }, 0),
        (0x0..=0x2, _) => (below(wanted), below(wanted)),
        _ if wanted == 0 => (0, 0),
        _ => (ALL, ALL),
    };
    used[dst] = of_dst;
    if !one.has_constant() {
        used[src] |= of_src;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(instructions: &[[u8; 8]], result: u64) -> Vec<Used> {
        let each = instructions.iter().map(|&bytes| Instruction::decode(bytes));
        used_after(&each.enumerate().collect::<Vec<_>>(), result)
    }

    const EXIT: [u8; 8] = [0x95, 0, 0, 0, 0, 0, 0, 0];

    #[test]
    fn a_mask_says_which_bits_are_used() {
        // r0 = *(u16 *)(r1 + 6); r0 &= 8; exit
        let used = flow(&[[0x69, 0x10, 6, 0, 0, 0, 0, 0], [0x57, 0, 0, 0, 8, 0, 0, 0], EXIT], ALL);
        assert_eq!((used[0][0], used[1][0]), (8, ALL));
        // The same, and the result is not looked at.
        let used = flow(&[[0x69, 0x10, 6, 0, 0, 0, 0, 0], [0x57, 0, 0, 0, 8, 0, 0, 0], EXIT], 0);
        assert_eq!((used[0][0], used[1][0]), (0, 0));
    }

    #[test]
    fn what_is_stored_is_used_as_far_as_it_is_wide() {
        // r2 = 1; *(u8 *)(r1 + 0) = r2; exit
        let used = flow(&[[0xb7, 2, 0, 0, 1, 0, 0, 0], [0x73, 0x21, 0, 0, 0, 0, 0, 0], EXIT], 0);
        assert_eq!((used[0][2], used[0][1]), (0xff, ALL));
    }

    #[test]
    fn both_ways_of_a_branch_count_and_loops_end() {
        // r3 = 1; if r1 == 0 goto +1; r0 = r3; exit: the result is r3 on one of two ways.
        let program = [[0xb7, 3, 0, 0, 1, 0, 0, 0], [0x15, 1, 1, 0, 0, 0, 0, 0], [0xbf, 0x30, 0, 0, 0, 0, 0, 0], EXIT];
        assert_eq!(flow(&program, 1)[0][3], 1);
        // r2 += 1; if r2 != 5 goto -2; exit
        let program = [[0x07, 2, 0, 0, 1, 0, 0, 0], [0x55, 2, 0xfe, 0xff, 5, 0, 0, 0], EXIT];
        assert_eq!(flow(&program, 0)[0][2], ALL);
    }

    #[test]
    fn shifts_and_sums_move_what_is_used() {
        // r0 >>= 4; exit, of which a byte is used; r0 += r1; exit, of which bit 3 is used.
        assert_eq!(used_before(&Instruction::decode([0x77, 0, 0, 0, 4, 0, 0, 0]), used_bits(0xff), 0)[0], 0xff0);
        assert_eq!(used_before(&Instruction::decode([0x67, 0, 0, 0, 4, 0, 0, 0]), used_bits(0xff), 0)[0], 0xf);
        let sum = used_before(&Instruction::decode([0x0f, 0x10, 0, 0, 0, 0, 0, 0]), used_bits(8), 0);
        assert_eq!((sum[0], sum[1]), (0xf, 0xf));
        // 32 bits: the upper half of r1 is not used.
        assert_eq!(used_before(&Instruction::decode([0xbc, 0x10, 0, 0, 0, 0, 0, 0]), used_bits(ALL), 0)[1], mask(4));
    }

    #[test]
    fn a_comparison_and_an_atomic_operation_use_what_they_look_at() {
        let before = |bytes| used_before(&Instruction::decode(bytes), [0; REGISTERS], 0);
        // if w1 == 5; if r1 == r2.
        assert_eq!(before([0x16, 1, 1, 0, 5, 0, 0, 0])[1], mask(4));
        assert_eq!(before([0x1d, 0x21, 1, 0, 0, 0, 0, 0])[1..3], [ALL, ALL]);
        // lock *(u64 *)(r2 + 0) += r1; the same as an exchange that compares with r0.
        assert_eq!(before([0xdb, 0x12, 0, 0, 1, 0, 0, 0])[..3], [0, ALL, ALL]);
        assert_eq!(before([0xdb, 0x12, 0, 0, 0xf1, 0, 0, 0])[..3], [ALL, ALL, ALL]);
    }

    fn used_bits(bits: u64) -> Used {
        let mut used = [0; REGISTERS];
        used[0] = bits;
        used
    }

    #[test]
    fn a_call_or_a_store_that_is_left_out_is_never_idle() {
        let call = Instruction::decode([0x85, 0, 0, 0, 2, 0, 0, 0]);
        assert_eq!(changed(&call, &Instruction::NO_RESULT), None);
        let store = Instruction::decode([0x73, 0x21, 0, 0, 0, 0, 0, 0]);
        assert_eq!(changed(&store, &Instruction::NOTHING), None);
        assert_eq!(changed(&store, &store.with_width(2)), None);
        let load = Instruction::decode([0x69, 0x10, 6, 0, 0, 0, 0, 0]);
        assert_eq!(changed(&load, &load.with_width(1)), Some(0xff00));
    }
}
