//! What perf_event_open(2) is to count, as strace would write it.
//!
//! No I/O.

use super::super::{Detail, put, put_hex, put_number};
use super::members::put_member;
use crate::table::blocks::structs::PERF_EVENT;
use crate::table::blocks::{Member, number};
use crate::table::names::{self, Names};

/// The size of what is shown by default: all up to the flags.
const SHOWN: usize = 48;
/// The flags from bit 0 on. The two bits of `precise_ip` are between the two lists.
const FLAGS: [&str; 15] = [
    "disabled",
    "inherit",
    "pinned",
    "exclusive",
    "exclude_user",
    "exclude_kernel",
    "exclude_hv",
    "exclude_idle",
    "mmap",
    "comm",
    "freq",
    "inherit_stat",
    "enable_on_exec",
    "task",
    "watermark",
];
const MORE_FLAGS: [&str; 21] = [
    "mmap_data",
    "sample_id_all",
    "exclude_host",
    "exclude_guest",
    "exclude_callchain_kernel",
    "exclude_callchain_user",
    "mmap2",
    "comm_exec",
    "use_clockid",
    "context_switch",
    "write_backward",
    "namespaces",
    "ksymbol",
    "bpf_event",
    "aux_output",
    "cgroup",
    "text_poke",
    "build_id",
    "inherit_thread",
    "remove_on_exec",
    "sigtrap",
];
const PRECISE_IP: usize = FLAGS.len();
/// The bit that says that the period is a frequency.
const FREQ: u64 = 1 << 10;
/// How exact an address is (perf_event_open(2), `precise_ip`).
const SKIDS: [&str; 4] = ["arbitrary skid", "constant skid", "requested to have 0 skid", "must have 0 skid"];

/// Appends what is to be counted, with the size that the kernel has left of a struct that is too long. False if the kernel refuses such a size, or not enough could be read.
pub(super) fn put_event(out: &mut String, bytes: &[u8], after: Option<&[u8]>, detail: Detail) -> bool {
    let word =
        |at: usize, size: usize| bytes.get(at..at + size).and_then(|bytes| number(bytes, false)).unwrap_or(0) as u64;
    let size = word(4, 4);
    let given = if size == 0 { PERF_EVENT.least } else { size as usize };
    let needed = if detail == Detail::Full { given.min(PERF_EVENT.size) } else { SHOWN };
    if bytes.len() < needed || size != 0 && size < PERF_EVENT.least as u64 {
        return false;
    }
    let [kind, of_size, _, _, sample_type, read_format, _, rest @ ..] = PERF_EVENT.members else { return false };
    let flags = word(40, 8);
    for (name, member) in [("{type=", kind), (", size=", of_size)] {
        out.push_str(name);
        put_member(out, member, bytes);
    }
    if let Some(after) = after.filter(|after| of_size.value(after) != of_size.value(bytes)) {
        out.push_str(" => ");
        put_member(out, of_size, after);
    }
    out.push_str(", config=");
    put_config(out, word(0, 4), word(8, 8));
    out.push_str(if flags & FREQ == 0 { ", sample_period=" } else { ", sample_freq=" });
    put_number(out, word(16, 8));
    for (name, member) in [(", sample_type=", sample_type), (", read_format=", read_format)] {
        out.push_str(name);
        put_member(out, member, bytes);
    }
    put_flags(out, flags, detail);
    if detail == Detail::Full {
        put_rest(out, rest, &bytes[..needed]);
    }
    out.push_str(if detail == Detail::Brief || given > PERF_EVENT.size { ", ...}" } else { "}" });
    true
}

/// The members after the flags, of which those that are not given are left out.
fn put_rest(out: &mut String, members: &[Member], given: &[u8]) {
    let mut whole = [0; PERF_EVENT.size];
    whole.iter_mut().zip(given).for_each(|(to, byte)| *to = *byte);
    let are_given = |member: &&Member| member.offset < given.len().max(PERF_EVENT.least) && member.is_shown(&whole);
    for member in members.iter().filter(are_given) {
        match (member.name, member.value(&whole).unwrap_or(0) as u64) {
            ("__reserved_2", value) => put(out, format_args!(" /* bytes 110..111: {value:#x} */")),
            ("aux_action", value) => put_action(out, value),
            (name, _) => {
                out.push_str(", ");
                out.push_str(name);
                out.push('=');
                put_member(out, member, &whole);
            }
        }
    }
}

/// What an event does to the sampling of another one.
fn put_action(out: &mut String, action: u64) {
    for (at, name) in ["aux_start_paused", "aux_pause", "aux_resume"].iter().enumerate() {
        put(out, format_args!(", {name}={}", action >> at & 1));
    }
    if action >> 3 != 0 {
        put(out, format_args!(", __reserved_3={:#x} /* Bits 931..959 */", action >> 3));
    }
}

/// The event, by its type.
fn put_config(out: &mut String, kind: u64, config: u64) {
    match kind {
        0 => {
            put_shifted(out, config >> 32, 32);
            put_choice(out, &names::PERF_HARDWARE, config & u64::from(u32::MAX));
        }
        1 => put_choice(out, &names::PERF_SOFTWARE, config),
        2 => put_number(out, config),
        3 => {
            put_shifted(out, config >> 32, 32);
            put_shifted(out, config >> 24 & 0xff, 24);
            put_choice(out, &names::PERF_CACHE_RESULT, config >> 16 & 0xff);
            out.push_str("<<16|");
            put_choice(out, &names::PERF_CACHE_OPERATION, config >> 8 & 0xff);
            out.push_str("<<8|");
            put_choice(out, &names::PERF_CACHE, config & 0xff);
        }
        _ => put_hex(out, config),
    }
}

fn put_choice(out: &mut String, names: &Names, value: u64) {
    match names.name(value) {
        Some(name) => out.push_str(name),
        None => put_hex(out, value),
    }
}

/// Bits without a meaning, if there are any.
fn put_shifted(out: &mut String, value: u64, by: u32) {
    if value != 0 {
        put(out, format_args!("{value:#x}<<{by}|"));
    }
}

/// The flags that are set, or all.
fn put_flags(out: &mut String, flags: u64, detail: Detail) {
    let put_set = |out: &mut String, names: &[&str], from: usize| {
        let is_set = |at: usize| flags >> (from + at) & 1 != 0;
        for (at, name) in names.iter().enumerate().filter(|&(at, _)| is_set(at) || detail == Detail::Full) {
            out.push_str(", ");
            out.push_str(name);
            out.push_str(if is_set(at) { "=1" } else { "=0" });
        }
    };
    put_set(out, &FLAGS, 0);
    let skid = flags >> PRECISE_IP & 3;
    put(out, format_args!(", precise_ip={skid} /* {} */", SKIDS[skid as usize]));
    put_set(out, &MORE_FLAGS, PRECISE_IP + 2);
    let known = PRECISE_IP + 2 + MORE_FLAGS.len();
    if flags >> known != 0 {
        put(out, format_args!(", __reserved_1={:#x} /* Bits 63..{known} */", flags >> known));
    }
}
