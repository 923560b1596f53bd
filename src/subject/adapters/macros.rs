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

/// Protocols and their options (ip(7), ipv6(7), tcp(7), udp(7), netlink(7)).
const PROTOCOL: &[(&str, u64)] = options![
    IPPROTO_IP,
    IPPROTO_ICMP,
    IPPROTO_TCP,
    IPPROTO_UDP,
    IPPROTO_IPV6,
    IPPROTO_RAW,
    SOL_IP,
    SOL_TCP,
    SOL_UDP,
    SOL_IPV6,
    SOL_NETLINK,
    SOL_PACKET,
    TCP_NODELAY,
    TCP_MAXSEG,
    TCP_CORK,
    TCP_KEEPIDLE,
    TCP_KEEPINTVL,
    TCP_KEEPCNT,
    IP_TOS,
    IP_TTL,
    IPV6_V6ONLY,
    NETLINK_ROUTE,
    NETLINK_SOCK_DIAG,
    NETLINK_AUDIT,
    NETLINK_NETFILTER,
    NETLINK_KOBJECT_UEVENT,
    NETLINK_GENERIC,
];

/// What F_SETLEASE and F_NOTIFY take (fcntl(2)). libc has no `DN_*`: include/uapi/linux/fcntl.h.
const FCNTL: &[(&str, u64)] = &[
    ("F_RDLCK", libc::F_RDLCK as u64),
    ("F_WRLCK", libc::F_WRLCK as u64),
    ("F_UNLCK", libc::F_UNLCK as u64),
    ("DN_ACCESS", 1),
    ("DN_MODIFY", 2),
    ("DN_CREATE", 4),
    ("DN_DELETE", 8),
    ("DN_RENAME", 0x10),
    ("DN_ATTRIB", 0x20),
    ("DN_MULTISHOT", 0x8000_0000),
];

/// The value, if the text is one of these.
pub(super) fn value(text: &str) -> Option<u64> {
    if let Some((number, "MFD_HUGE_SHIFT")) = text.split_once("<<") {
        return number.parse().ok().map(|number: u64| number << 26);
    }
    let Some((name, arguments)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) else {
        return text.split('|').try_fold(0, |sum, one| Some(sum | named(one)?));
    };
    let arguments: Vec<&str> = arguments.split(", ").collect();
    match (name, arguments.as_slice()) {
        // The encoding of old calls, such as ustat(2): 8 bits of minor numbers (include/linux/kdev_t.h).
        ("makedev", [major, minor]) => Some(c_number(major)? << 8 | c_number(minor)?),
        // A protocol of packet(7), with its name as a comment.
        ("htons", [number]) => Some((c_number(number.split(' ').next()?)? as u16).swap_bytes().into()),
        ("QCMD", [command, kind]) => Some(names_value(&names::QUOTA, command)? | quota_kind(kind)?),
        // include/uapi/asm-generic/ioctl.h
        ("_IOC", [direction, kind, number, size]) => {
            let bits = direction.split('|').try_fold(0, |sum, one| Some(sum | ioctl_direction(one)?));
            Some(bits? | c_number(size)? << 16 | c_number(kind)? << 8 | c_number(number)?)
        }
        _ => None,
    }
}

fn named(text: &str) -> Option<u64> {
    let mut all = SOCKET.iter().chain(PROTOCOL).chain(FCNTL);
    all.find(|(name, _)| *name == text).map(|&(_, value)| value)
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
            ("htons(0 /* ETH_P_??? */)", Some(0)),
            ("htons(0x3 /* ETH_P_ALL */)", Some(0x300)),
            ("IPPROTO_IP", Some(0)),
            ("TCP_NODELAY", Some(1)),
            ("F_UNLCK", Some(2)),
            ("DN_CREATE|DN_MULTISHOT", Some(0x8000_0004)),
            ("DN_CREATE|nonsense", None),
            ("O_RDONLY", None),
            ("0x7ffd", None),
            ("inet_addr(\"127.0.0.1\")", None),
        ];
        for (text, expected) in rows {
            assert_eq!(value(text), expected, "{text}");
        }
    }
}
