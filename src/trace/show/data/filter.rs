//! Programs that filter packets and calls (socket(7), seccomp(2)), as strace would write them.
//!
//! No I/O. The names are those of include/uapi/linux/bpf_common.h and include/uapi/linux/filter.h.

use crate::table::blocks::structs::{FILTER, SECCOMP_INSTRUCTION};
use crate::table::blocks::{Struct, number};
use crate::table::names;
use crate::trace::call::{Call, Data};
use crate::trace::show::{put_hex, put_number};

type NamedBits = [(u16, &'static str)];

const CLASSES: &NamedBits = &[
    (LOAD, "BPF_LD"),
    (1, "BPF_LDX"),
    (2, "BPF_ST"),
    (3, "BPF_STX"),
    (4, "BPF_ALU"),
    (5, "BPF_JMP"),
    (RETURN, "BPF_RET"),
    (7, "BPF_MISC"),
];
const LOAD: u16 = 0;
const RETURN: u16 = 6;
const SIZES: &NamedBits = &[(0, "BPF_W"), (8, "BPF_H"), (0x10, "BPF_B")];
const MODES: &NamedBits = &[
    (0, "BPF_IMM"),
    (ABSOLUTE, "BPF_ABS"),
    (0x40, "BPF_IND"),
    (0x60, "BPF_MEM"),
    (0x80, "BPF_LEN"),
    (0xa0, "BPF_MSH"),
];
const ABSOLUTE: u16 = 0x20;
const SOURCES: &NamedBits = &[(0, "BPF_K"), (8, "BPF_X")];
const RESULTS: &NamedBits = &[(0, "BPF_K"), (8, "BPF_X"), (0x10, "BPF_A")];
const SUMS: &NamedBits = &[
    (0, "BPF_ADD"),
    (0x10, "BPF_SUB"),
    (0x20, "BPF_MUL"),
    (0x30, "BPF_DIV"),
    (0x40, "BPF_OR"),
    (0x50, "BPF_AND"),
    (0x60, "BPF_LSH"),
    (0x70, "BPF_RSH"),
    (0x80, "BPF_NEG"),
    (0x90, "BPF_MOD"),
    (0xa0, "BPF_XOR"),
];
const JUMPS: &NamedBits = &[(0, "BPF_JA"), (0x10, "BPF_JEQ"), (0x20, "BPF_JGT"), (0x30, "BPF_JGE"), (0x40, "BPF_JSET")];
const MOVES: &NamedBits = &[(0, "BPF_TAX"), (0x80, "BPF_TXA")];

/// Where what is not of the packet begins: what the kernel knows beside it, its network header, and its link header.
const BESIDE: u32 = -0x1000_i32 as u32;
const NETWORK: u32 = -0x10_0000_i32 as u32;
const LINK: u32 = -0x20_0000_i32 as u32;
/// What the kernel knows, each in 4 bytes.
const KNOWN: [&str; 16] = [
    "SKF_AD_PROTOCOL",
    "SKF_AD_PKTTYPE",
    "SKF_AD_IFINDEX",
    "SKF_AD_NLATTR",
    "SKF_AD_NLATTR_NEST",
    "SKF_AD_MARK",
    "SKF_AD_QUEUE",
    "SKF_AD_HATYPE",
    "SKF_AD_RXHASH",
    "SKF_AD_CPU",
    "SKF_AD_ALU_XOR_X",
    "SKF_AD_VLAN_TAG",
    "SKF_AD_VLAN_TAG_PRESENT",
    "SKF_AD_PAY_OFFSET",
    "SKF_AD_RANDOM",
    "SKF_AD_VLAN_TPID",
];

/// Whether the option that is set is a filter of a socket.
pub(super) fn is_given(call: &Call, value: &Data) -> bool {
    let has_size = value.size == FILTER.size as u64 && value.read().is_some_and(|bytes| bytes.len() == FILTER.size);
    call.args[1] as i32 == libc::SOL_SOCKET && has_size
}

/// `BPF_STMT(BPF_RET|BPF_K, 0)`, `BPF_JUMP(BPF_JMP|BPF_K|BPF_JEQ, 0x11, 0, 0x5)`: one instruction of this kind.
pub(super) fn put_instruction(out: &mut String, of: &Struct, bytes: &[u8]) {
    let word = |at: usize, size: usize| bytes.get(at..at + size).and_then(|word| number(word, false)).unwrap_or(0);
    let (code, jumps, k) = (word(0, 2) as u16, [word(2, 1), word(3, 1)], word(4, 4) as u32);
    let is_jump = jumps != [0, 0];
    out.push_str(if is_jump { "BPF_JUMP(" } else { "BPF_STMT(" });
    put_code(out, code);
    out.push_str(", ");
    match code & 7 {
        RETURN if !is_jump && std::ptr::eq(of, &SECCOMP_INSTRUCTION) => put_action(out, k),
        LOAD if !is_jump && !std::ptr::eq(of, &SECCOMP_INSTRUCTION) && code & 0xe0 == ABSOLUTE => put_place(out, k),
        _ => put_hex(out, k.into()),
    }
    for jump in jumps.iter().filter(|_| is_jump) {
        out.push_str(", ");
        put_hex(out, *jump as u64);
    }
    out.push(')');
}

fn put_code(out: &mut String, code: u16) {
    let mut put = |names: &NamedBits, mask: u16| {
        out.push_str(if mask == 7 { "" } else { "|" });
        match names.iter().find(|(bits, _)| *bits == code & mask) {
            Some((_, name)) => out.push_str(name),
            None => put_hex(out, (code & mask).into()),
        }
        mask
    };
    let known = put(CLASSES, 7)
        | match code & 7 {
            0 | 1 => put(SIZES, 0x18) | put(MODES, 0xe0),
            4 => put(SOURCES, 8) | put(SUMS, 0xf0),
            5 => put(SOURCES, 8) | put(JUMPS, 0xf0),
            RETURN => put(RESULTS, 0x18),
            7 => put(MOVES, 0xf8),
            _ => 0,
        };
    if code & !known != 0 {
        out.push('|');
        put_hex(out, (code & !known).into());
    }
}

/// What a filter of seccomp(2) returns: an action, and 16 bits of data.
fn put_action(out: &mut String, value: u32) {
    let data = value & 0xffff;
    names::SECCOMP_ACTION.put(out, (value & !0xffff).into());
    if data != 0 {
        out.push('|');
        put_hex(out, data.into());
    }
}

/// What an instruction loads of a packet.
fn put_place(out: &mut String, place: u32) {
    let (name, from) = match place {
        BESIDE.. => ("SKF_AD_OFF+", BESIDE),
        NETWORK.. => ("SKF_NET_OFF+", NETWORK),
        LINK.. => ("SKF_LL_OFF+", LINK),
        _ => return put_hex(out, place.into()),
    };
    out.push_str(name);
    let at = place - from;
    match KNOWN.get(at as usize / 4).filter(|_| from == BESIDE && at.is_multiple_of(4)) {
        Some(name) => out.push_str(name),
        None if from == BESIDE => put_hex(out, at.into()),
        None => put_number(out, at),
    }
}
