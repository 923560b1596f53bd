//! The values of options of sockets (getsockopt(2)), as strace would write them.
//!
//! No I/O.

use super::put_bytes;
use crate::table::blocks::number;
use crate::table::names;
use crate::trace::call::{Bytes, Data};
use crate::trace::show::put_number;

/// Appends the value of an option, whose level and name are the second and the third argument; false if there are no bytes.
pub(super) fn put_value(out: &mut String, args: &[u64; 6], data: &Data) -> bool {
    let Bytes::Read(bytes) = &data.bytes else { return false };
    let (level, option) = (args[1] as i32, args[2] as i32);
    let int = |at: usize| bytes.get(at..at + 4).and_then(|bytes| number(bytes, true));
    let long = |at: usize| bytes.get(at..at + 8).and_then(|bytes| number(bytes, true));
    let is_known = names::options_of(level).name(option as u32 as u64).is_some();
    let structure = match (level, option) {
        (libc::SOL_SOCKET, libc::SO_LINGER) => {
            int(4).zip(int(0)).map(|(seconds, on)| format!("{{l_onoff={on}, l_linger={seconds}}}"))
        }
        (libc::SOL_SOCKET, libc::SO_PEERCRED) => {
            let ids = int(4).zip(int(8)).zip(int(0));
            ids.map(|((uid, gid), pid)| format!("{{pid={pid}, uid={uid}, gid={gid}}}"))
        }
        (libc::SOL_SOCKET, libc::SO_RCVTIMEO | libc::SO_SNDTIMEO) => {
            long(0).zip(long(8)).map(|(seconds, rest)| format!("{{tv_sec={seconds}, tv_usec={rest}}}"))
        }
        _ => None,
    };
    let is_text = level == libc::SOL_SOCKET && matches!(option, libc::SO_BINDTODEVICE | libc::SO_PEERSEC);
    match (structure, int(0)) {
        _ if bytes.is_empty() => return false,
        (Some(shown), _) => out.push_str(&shown),
        (None, Some(value)) if is_known && !is_text => {
            out.push('[');
            put_number(out, value);
            out.push(']');
        }
        (None, _) => put_bytes(out, data),
    }
    true
}
