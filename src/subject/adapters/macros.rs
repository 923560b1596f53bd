//! What strace prints as a macro of C: device numbers, commands of quotactl(2) and ioctl(2), levels and options of sockets.
//!
//! No I/O.

use super::arguments::c_number;
use crate::subject::json::names_value;
use crate::table::names;

macro_rules! options {
    ($($name:ident),* $(,)?) => { &[$((stringify!($name), libc::$name as u64)),*] };
}

/// Levels and options of sockets (socket(7)).
const SOCKET: &[(&str, u64)] = options![
    SOL_SOCKET,
    SO_DEBUG,
    SO_REUSEADDR,
    SO_TYPE,
    SO_ERROR,
    SO_DONTROUTE,
    SO_BROADCAST,
    SO_SNDBUF,
    SO_RCVBUF,
    SO_KEEPALIVE,
    SO_OOBINLINE,
    SO_PRIORITY,
    SO_LINGER,
    SO_REUSEPORT,
    SO_PASSCRED,
    SO_PEERCRED,
    SO_RCVLOWAT,
    SO_SNDLOWAT,
    SO_ACCEPTCONN,
    SO_PROTOCOL,
    SO_DOMAIN,
];

/// The value, if the text is one of these.
pub(super) fn value(text: &str) -> Option<u64> {
    if let Some((number, "MFD_HUGE_SHIFT")) = text.split_once("<<") {
        return number.parse().ok().map(|number: u64| number << 26);
    }
    let Some((name, arguments)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) else {
        return SOCKET.iter().find(|(name, _)| *name == text).map(|&(_, value)| value);
    };
    let arguments: Vec<&str> = arguments.split(", ").collect();
    match (name, arguments.as_slice()) {
        // The encoding of old calls, such as ustat(2): 8 bits of minor numbers (include/linux/kdev_t.h).
        ("makedev", [major, minor]) => Some(c_number(major)? << 8 | c_number(minor)?),
        ("QCMD", [command, kind]) => Some(names_value(&names::QUOTA, command)? | quota_kind(kind)?),
        // include/uapi/asm-generic/ioctl.h
        ("_IOC", [direction, kind, number, size]) => {
            let bits = direction.split('|').try_fold(0, |sum, one| Some(sum | ioctl_direction(one)?));
            Some(bits? | c_number(size)? << 16 | c_number(kind)? << 8 | c_number(number)?)
        }
        _ => None,
    }
}

fn quota_kind(text: &str) -> Option<u64> {
    ["USRQUOTA", "GRPQUOTA", "PRJQUOTA"].iter().zip(0..).find(|(name, _)| **name == text).map(|(_, kind)| kind)
}

fn ioctl_direction(text: &str) -> Option<u64> {
    let directions = [("_IOC_NONE", 0), ("_IOC_WRITE", 1 << 30), ("_IOC_READ", 2 << 30)];
    directions.into_iter().find(|(name, _)| *name == text).map(|(_, bits)| bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macros_have_the_values_of_the_headers() {
        let rows = [
            ("makedev(0xfe, 0)", Some(0xfe00)),
            ("QCMD(Q_SYNC, USRQUOTA)", Some(0x8000_0100)),
            ("QCMD(Q_SYNC, GRPQUOTA)", Some(0x8000_0101)),
            ("_IOC(_IOC_NONE, 0, 0, 0)", Some(0)),
            ("_IOC(_IOC_READ|_IOC_WRITE, 0x54, 0x1, 0x4)", Some(0xc004_5401)),
            ("16<<MFD_HUGE_SHIFT", Some(0x4000_0000)),
            ("SOL_SOCKET", Some(1)),
            ("SO_REUSEADDR", Some(2)),
            ("O_RDONLY", None),
            ("0x7ffd", None),
            ("inet_addr(\"127.0.0.1\")", None),
        ];
        for (text, expected) in rows {
            assert_eq!(value(text), expected, "{text}");
        }
    }
}
