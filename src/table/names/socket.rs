//! Sockets: socket(2), send(2), recv(2), shutdown(2).

use super::Names;

/// Address families of socket(2).
pub static FAMILY: Names = Names {
    what: "address family",
    mask: u32::MAX as u64,
    values: numbered! {
        AF_UNSPEC 0, AF_UNIX 1, AF_INET 2, AF_AX25 3, AF_IPX 4, AF_APPLETALK 5, AF_NETROM 6, AF_BRIDGE 7, AF_ATMPVC 8, AF_X25 9,
        AF_INET6 10, AF_ROSE 11, AF_DECnet 12, AF_NETBEUI 13, AF_SECURITY 14, AF_KEY 15, AF_NETLINK 16, AF_PACKET 17, AF_ASH 18,
        AF_ECONET 19, AF_ATMSVC 20, AF_RDS 21, AF_SNA 22, AF_IRDA 23, AF_PPPOX 24, AF_WANPIPE 25, AF_LLC 26, AF_IB 27, AF_MPLS 28,
        AF_CAN 29, AF_TIPC 30, AF_BLUETOOTH 31, AF_IUCV 32, AF_RXRPC 33, AF_ISDN 34, AF_PHONET 35, AF_IEEE802154 36, AF_CAIF 37,
        AF_ALG 38, AF_NFC 39, AF_VSOCK 40, AF_KCM 41, AF_QIPCRTR 42, AF_SMC 43, AF_XDP 44, AF_MCTP 45,
    },
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

/// Control messages of SOL_SOCKET (unix(7), socket(7), include/linux/socket.h).
pub static CONTROL_MESSAGE: Names = Names {
    what: "control message",
    mask: u32::MAX as u64,
    values: numbered! {
        SCM_RIGHTS 1, SCM_CREDENTIALS 2, SCM_SECURITY 3, SCM_PIDFD 4, SCM_TIMESTAMP 29, SCM_TIMESTAMPNS 35, SCM_TIMESTAMPING 37,
        SCM_RXQ_OVFL 40, SCM_WIFI_STATUS 41,
    },
};
