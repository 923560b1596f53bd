//! The call at which a tracee has stopped (ptrace(2), PTRACE_GET_SYSCALL_INFO), as strace would write it.
//!
//! No I/O.

use super::{put_list, put_member};
use crate::table::blocks::number;
use crate::table::blocks::structs::SYSCALL_INFO;
use crate::table::names;
use crate::table::syscalls::Syscall;
use crate::trace::show::{put_hex, put_number};

/// PTRACE_SYSCALL_INFO_ENTRY, PTRACE_SYSCALL_INFO_EXIT and PTRACE_SYSCALL_INFO_SECCOMP.
const ENTRY: u8 = 1;
const EXIT: u8 = 2;
const SECCOMP: u8 = 3;
/// Where the part begins that depends on the stop (`struct ptrace_syscall_info`).
const REST: usize = 24;
/// How many arguments a call has.
const ARGUMENTS: usize = 6;

/// Appends the members, as far as the bytes go. What is reserved, and flags, are left out if they are 0.
pub(super) fn put_syscall_info(out: &mut String, bytes: &[u8]) {
    let is_there = |offset: usize, size: usize| offset + size <= bytes.len();
    let members = SYSCALL_INFO.members.iter().filter(|member| is_there(member.offset, member.size));
    let may_be_left_out = ["reserved", "flags"];
    let shown =
        members.filter(|it| !may_be_left_out.contains(&it.name) || it.value(bytes).is_some_and(|value| value != 0));
    for (at, member) in shown.enumerate() {
        out.push_str(if at == 0 { "{" } else { ", " });
        out.push_str(member.name);
        out.push('=');
        put_member(out, member, bytes);
    }
    match (bytes.first().copied(), bytes.get(REST..)) {
        (Some(kind @ (ENTRY | SECCOMP)), Some(rest)) if rest.len() >= 8 => put_call(out, kind, rest),
        (Some(EXIT), Some(rest)) if rest.len() >= 8 => put_exit(out, rest),
        _ => {}
    }
    out.push('}');
}

/// The call that is entered, and what a filter of seccomp(2) has returned for it.
fn put_call(out: &mut String, kind: u8, rest: &[u8]) {
    out.push_str(if kind == ENTRY { ", entry={nr=" } else { ", seccomp={nr=" });
    let words = || rest.chunks_exact(8).filter_map(|word| number(word, false)).map(|word| word as u64);
    let call = words().next().unwrap_or(0);
    match u32::try_from(call).ok().and_then(Syscall::by_number) {
        Some(row) => {
            out.push_str("__NR_");
            out.push_str(row.name);
        }
        None => put_number(out, call),
    }
    if words().nth(1).is_some() {
        out.push_str(", args=");
        put_list(out, words().skip(1).take(ARGUMENTS), put_hex, false);
    }
    if let (SECCOMP, Some(data)) = (kind, rest.get(8 * (1 + ARGUMENTS)..).and_then(|rest| rest.first_chunk::<4>())) {
        out.push_str(", ret_data=");
        put_hex(out, u32::from_ne_bytes(*data).into());
    }
    out.push('}');
}

/// The result of the call that has ended.
fn put_exit(out: &mut String, rest: &[u8]) {
    out.push_str(", exit={rval=");
    let result = number(&rest[..8], true).unwrap_or(0);
    let is_error = rest.get(8).copied();
    match i32::try_from(result.wrapping_neg()) {
        Ok(errno) if is_error == Some(1) => {
            out.push('-');
            names::put_errno(out, errno);
        }
        Ok(_) | Err(_) => put_number(out, result),
    }
    if let Some(is_error) = is_error {
        out.push_str(", is_error=");
        put_number(out, is_error);
    }
    out.push('}');
}
