//! The values of options of sockets (getsockopt(2)), as strace would write them.
//!
//! No I/O.

use super::put_bytes;
use crate::table::blocks::number;
use crate::table::names;
use crate::trace::call::{Bytes, Data};
use crate::trace::show::{put, put_number};

/// Appends the value of an option, whose level and name are the second and the third argument; false if there are no bytes.
pub(super) fn put_value(out: &mut String, args: &[u64; 6], data: &Data) -> bool {
    let Bytes::Read(bytes) = &data.bytes else { return false };
    let (level, option) = (args[1] as i32, args[2] as i32);
    let is_known = names::options_of(level).name(option as u32 as u64).is_some();
    let is_text = level == libc::SOL_SOCKET && matches!(option, libc::SO_BINDTODEVICE | libc::SO_PEERSEC);
    if bytes.is_empty() {
        return false;
    }
    if level == libc::SOL_SOCKET && put_structure(out, option, bytes) {
        return true;
    }
    match int(bytes, 0) {
        Some(value) if is_known && !is_text => {
            out.push('[');
            put_number(out, value);
            out.push(']');
        }
        Some(_) | None => put_bytes(out, data),
    }
    true
}

/// Appends the struct of an option of SOL_SOCKET (socket(7)); false if it has none, or if there are too few bytes.
fn put_structure(out: &mut String, option: i32, bytes: &[u8]) -> bool {
    match (option, int(bytes, 0), int(bytes, 4), int(bytes, 8)) {
        (libc::SO_LINGER, Some(on), Some(seconds), _) => put(out, format_args!("{{l_onoff={on}, l_linger={seconds}}}")),
        (libc::SO_PEERCRED, Some(pid), Some(uid), Some(gid)) => {
            put(out, format_args!("{{pid={pid}, uid={uid}, gid={gid}}}"));
        }
        (libc::SO_RCVTIMEO | libc::SO_SNDTIMEO, ..) => match (long(bytes, 0), long(bytes, 8)) {
            (Some(seconds), Some(rest)) => put(out, format_args!("{{tv_sec={seconds}, tv_usec={rest}}}")),
            _ => return false,
        },
        _ => return false,
    }
    true
}

fn int(bytes: &[u8], at: usize) -> Option<i64> {
    bytes.get(at..at + 4).and_then(|bytes| number(bytes, true))
}

fn long(bytes: &[u8], at: usize) -> Option<i64> {
    bytes.get(at..at + 8).and_then(|bytes| number(bytes, true))
}
