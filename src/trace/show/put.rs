//! Names, numbers and bytes, as strace would write them.
//!
//! No I/O.

use std::fmt::{self, Write as _};

use bstr::BStr;

use crate::table::names::Names;

/// The bytes, escaped as in the debugging output of [`BStr`]. Most strings have no byte that must be escaped.
pub(super) fn put_escaped(out: &mut String, bytes: &[u8]) {
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\'' | b'\\');
    match std::str::from_utf8(bytes) {
        Ok(plain) if bytes.iter().all(is_plain) => out.push_str(plain),
        Ok(_) | Err(_) => {
            let quoted = format!("{:?}", BStr::new(bytes));
            out.push_str(&quoted[1..quoted.len() - 1]);
        }
    }
}

/// The names of a value. 0 without a name has no base.
pub(super) fn put_names(out: &mut String, names: &Names, value: u64) {
    if value == 0 && names.name(0).is_none() { out.push('0') } else { names.put(out, value) }
}

/// The name of a value, or else the number that it is.
pub(super) fn put_named(out: &mut String, names: &Names, value: u64, number: impl itoa::Integer) {
    match names.name(value) {
        Some(name) => out.push_str(name),
        None => put_number(out, number),
    }
}

/// Permissions: three digits at least, and a 0 before them.
pub(super) fn put_mode(out: &mut String, value: u64) {
    if value < 0o100 { put(out, format_args!("{value:03o}")) } else { put(out, format_args!("0{value:o}")) }
}

/// `S_IFREG|0644` (inode(7)).
pub(super) fn put_type_and_mode(out: &mut String, mode: u32) {
    let types = [
        (libc::S_IFREG, "S_IFREG|"),
        (libc::S_IFDIR, "S_IFDIR|"),
        (libc::S_IFLNK, "S_IFLNK|"),
        (libc::S_IFCHR, "S_IFCHR|"),
        (libc::S_IFBLK, "S_IFBLK|"),
        (libc::S_IFIFO, "S_IFIFO|"),
        (libc::S_IFSOCK, "S_IFSOCK|"),
    ];
    match types.iter().find(|(value, _)| mode & libc::S_IFMT == *value) {
        Some((_, name)) => {
            out.push_str(name);
            put_permissions(out, mode & !libc::S_IFMT);
        }
        None => put_permissions(out, mode),
    }
}

/// `S_ISUID|0755`
fn put_permissions(out: &mut String, mode: u32) {
    let known = [(libc::S_ISUID, "S_ISUID|"), (libc::S_ISGID, "S_ISGID|"), (libc::S_ISVTX, "S_ISVTX|")];
    let mut rest = mode;
    for (bit, name) in known.into_iter().filter(|(bit, _)| mode & bit != 0) {
        out.push_str(name);
        rest &= !bit;
    }
    put_mode(out, rest.into());
}

/// The number of a device (makedev(3)).
pub(super) fn put_device(out: &mut String, device: u64) {
    out.push_str("makedev(");
    put_hex(out, libc::major(device).into());
    out.push_str(", ");
    put_hex(out, libc::minor(device).into());
    out.push(')');
}

/// A priority of I/O, by its class (ioprio_set(2), include/uapi/linux/ioprio.h).
pub(super) fn put_priority(out: &mut String, priority: u32) {
    out.push_str("IOPRIO_PRIO_VALUE(");
    match ["NONE", "RT", "BE", "IDLE"].get(priority as usize >> 13) {
        Some(class) => {
            out.push_str("IOPRIO_CLASS_");
            out.push_str(class);
        }
        None => put_hex(out, (priority >> 13).into()),
    }
    out.push_str(", ");
    put_number(out, priority & 0x1fff);
    out.push(')');
}

pub(super) fn put_address(out: &mut String, raw: u64) {
    if raw == 0 { out.push_str("NULL") } else { put_hex(out, raw) }
}

/// A number in base 16. 0 has no base.
pub(super) fn put_hex(out: &mut String, raw: u64) {
    if raw == 0 { out.push('0') } else { put(out, format_args!("{raw:#x}")) }
}

pub(super) fn put_number(out: &mut String, number: impl itoa::Integer) {
    out.push_str(itoa::Buffer::new().format(number));
}

/// Appends to a string, which cannot fail.
pub(super) fn put(out: &mut String, what: fmt::Arguments<'_>) {
    let _ = out.write_fmt(what);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_letters_are_shown_as_the_others_are() {
        let of_one = (0..=u8::MAX).map(|byte| vec![byte]);
        let of_several =
            ["", "plain.txt", "a\"b'c\\d", "\u{e9}\u{2028}\u{7f}", "\0"].map(|text| text.as_bytes().to_vec());
        for bytes in of_one.chain(of_several).chain([b"half \xc3 of a letter".to_vec()]) {
            let mut shown = "\"".to_owned();
            put_escaped(&mut shown, &bytes);
            assert_eq!(shown + "\"", format!("{:?}", BStr::new(&bytes)));
        }
    }
}
