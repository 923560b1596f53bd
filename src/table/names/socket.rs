//! Sockets: socket(2), send(2), recv(2), shutdown(2).

use super::Names;

/// Address families of socket(2).
pub static FAMILY: Names = Names {
    what: "address family",
    mask: u32::MAX as u64,
    values: values![AF_UNSPEC, AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_ALG, AF_VSOCK],
};

/// Types of socket(2): one of the first, and flags.
pub static SOCKET: Names = Names {
    what: "type of socket",
    // SOCK_TYPE_MASK (include/linux/net.h).
    mask: 0xf,
    values: values![SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_RAW, SOCK_RDM, SOCK_CLOEXEC, SOCK_NONBLOCK,],
};

/// Flags of accept4(2).
pub static ACCEPT: Names = Names { what: "flag of accept4", mask: 0, values: values![SOCK_CLOEXEC, SOCK_NONBLOCK] };

/// Flags of send(2) and recv(2).
pub static MESSAGE: Names = Names {
    what: "flag of send and recv",
    mask: 0,
    values: values![
        MSG_OOB,
        MSG_PEEK,
        MSG_DONTROUTE,
        MSG_CTRUNC,
        MSG_TRUNC,
        MSG_DONTWAIT,
        MSG_EOR,
        MSG_WAITALL,
        MSG_CONFIRM,
        MSG_ERRQUEUE,
        MSG_NOSIGNAL,
        MSG_MORE,
        MSG_WAITFORONE,
        MSG_ZEROCOPY,
        MSG_FASTOPEN,
        MSG_CMSG_CLOEXEC,
    ],
};

/// Directions of shutdown(2).
pub static SHUTDOWN: Names =
    Names { what: "direction of shutdown", mask: u32::MAX as u64, values: values![SHUT_RD, SHUT_WR, SHUT_RDWR] };
