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

/// Control messages of SOL_SOCKET (unix(7), include/linux/socket.h, include/uapi/asm-generic/socket.h).
pub static CONTROL_MESSAGE: Names = Names {
    what: "control message",
    mask: u32::MAX as u64,
    values: numbered! {
        SCM_RIGHTS 1, SCM_CREDENTIALS 2, SCM_SECURITY 3, SCM_PIDFD 4, SO_TIMESTAMP_OLD 29, SO_TIMESTAMPNS_OLD 35,
        SO_TIMESTAMPING_OLD 37, SO_RXQ_OVFL 40, SO_WIFI_STATUS 41, SCM_TIMESTAMPING_OPT_STATS 54, SCM_TIMESTAMPING_PKTINFO 58,
        SO_TXTIME 61, SO_TIMESTAMP_NEW 63, SO_TIMESTAMPNS_NEW 64, SO_TIMESTAMPING_NEW 65, SCM_DEVMEM_LINEAR 78, SCM_DEVMEM_DMABUF 79,
        SCM_TS_OPT_ID 81, SCM_INQ 84,
    },
};

/// To whom a packet goes (packet(7)).
pub static PACKET_TYPE: Names = Names {
    what: "type of packet",
    mask: u32::MAX as u64,
    values: numbered! {
        PACKET_HOST 0, PACKET_BROADCAST 1, PACKET_MULTICAST 2, PACKET_OTHERHOST 3, PACKET_OUTGOING 4, PACKET_LOOPBACK 5,
        PACKET_USER 6, PACKET_KERNEL 7,
    },
};

/// Which packets a socket joins (packet(7)).
pub static PACKET_MEMBERSHIP: Names = Names {
    what: "membership of a packet socket",
    mask: u32::MAX as u64,
    values: numbered! { PACKET_MR_MULTICAST 0, PACKET_MR_PROMISC 1, PACKET_MR_ALLMULTI 2, PACKET_MR_UNICAST 3 },
};

/// Machines of vsock(7).
pub static VSOCK_CID: Names = Names {
    what: "machine of a vsock address",
    mask: u32::MAX as u64,
    values: numbered! { VMADDR_CID_HYPERVISOR 0, VMADDR_CID_LOCAL 1, VMADDR_CID_HOST 2, VMADDR_CID_ANY 0xffff_ffff },
};

/// Ports of vsock(7).
pub static VSOCK_PORT: Names =
    Names { what: "port of a vsock address", mask: u32::MAX as u64, values: numbered! { VMADDR_PORT_ANY 0xffff_ffff } };

/// Flags of vsock(7).
pub static VSOCK_FLAGS: Names =
    Names { what: "flag of a vsock address", mask: 0, values: numbered! { VMADDR_FLAG_TO_HOST 1 } };

/// Flags of an address of AF_XDP (include/uapi/linux/if_xdp.h).
pub static XDP_FLAGS: Names = Names {
    what: "flag of an XDP address",
    mask: 0,
    values: numbered! { XDP_SHARED_UMEM 1, XDP_COPY 2, XDP_ZEROCOPY 4, XDP_USE_NEED_WAKEUP 8, XDP_USE_SG 16 },
};
