//! Addresses, options and control messages of sockets, as strace writes them.

use super::calls::{BUF, call};
use ior_it::support::trace::call::{Bytes, Data};
use ior_it::support::trace::show;

const SOCKET: i64 = libc::SOL_SOCKET as i64;
const IP: i64 = libc::SOL_IP as i64;
const IPV6: i64 = libc::SOL_IPV6 as i64;

fn part(arg: u8, part: u16, bytes: &[u8]) -> Data {
    Data { arg, part, size: bytes.len() as u64, bytes: Bytes::Read(bytes.to_vec()), late: false }
}

/// What connect shows of an address of these bytes, of which so many are given.
fn address(bytes: &[u8], size: u64) -> String {
    let connect = call("connect", &[3, BUF, size as i64], 0);
    let connect = connect.with(|deed| deed.data = vec![Data { size, ..part(1, 0, bytes) }]);
    let line = show::call(&connect);
    line.strip_prefix("connect(3, ").and_then(|rest| rest.strip_suffix(&format!(", {size}) = 0"))).unwrap().to_owned()
}

#[test]
fn addresses_are_shown_by_their_families() {
    let of = |family: i32, rest: &[u8]| [&(family as u16).to_ne_bytes(), rest].concat();
    let long = [b'p'; 126];
    let in6 = |head: [u8; 6], first: [u8; 2], scope: u32| {
        of(libc::AF_INET6, &[&head, &first[..], &[0; 14], &scope.to_ne_bytes()].concat())
    };
    let packet = |length: u8| {
        of(libc::AF_PACKET, &[&[0, 3, 1, 0, 0, 0, 1, 0, 0, length][..], &[0x41, 0, 1, 2, 3, 4, 5, 6]].concat())
    };
    let algorithm = [b"hash\0\0\0\0\0\0\0\0\0\0".as_slice(), &[0; 8], b"sha256\0"].concat();
    let vsock = [0, 0, 0, 4, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0];
    let rows = [
        (of(libc::AF_UNIX, b""), "{sa_family=AF_UNIX}"),
        (of(libc::AF_UNIX, b"\0a\0b"), r#"{sa_family=AF_UNIX, sun_path=@"a\0b"}"#),
        (of(libc::AF_INET, &[0, 80, 127, 0, 0, 1]), r#"{sa_family=AF_INET, sa_data="\0P\x7f\0\0\x01"}"#),
        (
            in6([0, 80, 0, 0, 0, 0], [0xff, 2], 0),
            r#"{sa_family=AF_INET6, sin6_port=htons(80), inet_pton(AF_INET6, "ff02::", &sin6_addr)}"#,
        ),
        (
            in6([0, 80, 0, 0, 1, 2], [0xfe, 0x80], 1),
            r#"{sa_family=AF_INET6, sin6_port=htons(80), sin6_flowinfo=htonl(258), inet_pton(AF_INET6, "fe80::", &sin6_addr), sin6_scope_id=if_nametoindex("lo")}"#,
        ),
        (
            in6([0; 6], [0x20, 1], 1),
            r#"{sa_family=AF_INET6, sin6_port=htons(0), inet_pton(AF_INET6, "2001::", &sin6_addr), sin6_scope_id=1}"#,
        ),
        (
            of(libc::AF_NETLINK, &[1, 0, 7, 0, 0, 0, 5, 0, 0, 0]),
            "{sa_family=AF_NETLINK, nl_pad=0x1, nl_pid=7, nl_groups=0x000005}",
        ),
        (
            packet(2),
            r#"{sa_family=AF_PACKET, sll_protocol=htons(ETH_P_ALL), sll_ifindex=if_nametoindex("lo"), sll_hatype=ARPHRD_ETHER, sll_pkttype=PACKET_HOST, sll_halen=2, sll_addr=[0x41, 00]}"#,
        ),
        (
            of(libc::AF_ALG, &algorithm),
            r#"{sa_family=AF_ALG, salg_type="hash", salg_feat=0, salg_mask=0, salg_name="sha256"}"#,
        ),
        (
            of(libc::AF_VSOCK, &vsock),
            "{sa_family=AF_VSOCK, svm_cid=VMADDR_CID_HOST, svm_port=0x400, svm_flags=VMADDR_FLAG_TO_HOST}",
        ),
        (
            of(libc::AF_XDP, &[1, 0, 9, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0]),
            "{sa_family=AF_XDP, sxdp_flags=XDP_SHARED_UMEM, sxdp_ifindex=9, sxdp_queue_id=2, sxdp_shared_umem_fd=5}",
        ),
    ];
    for (bytes, expected) in rows {
        assert_eq!(address(&bytes, bytes.len() as u64), expected);
    }
    assert!(address(&packet(9), 20).ends_with("0x4, 0x5, 0x6, ...]}"));
    let path = "p".repeat(108);
    assert_eq!(address(&of(libc::AF_UNIX, &long), 200), format!("{{sa_family=AF_UNIX, sun_path=\"{path}\"}}"));
    assert_eq!(address(&[1], 1), "0x7f00");
    let negative = call("connect", &[3, BUF, -1], -22).with(|deed| {
        deed.data = vec![Data { size: u32::MAX.into(), ..part(1, 0, &[1, 0, 2, 3]) }];
    });
    assert_eq!(show::call(&negative), "connect(3, 0x7f00, 4294967295) = -1 EINVAL");
}

/// What is shown of the value of an option of which these bytes could be read.
fn value(name: &str, (level, option): (i64, i32), bytes: &[u8], size: u64) -> String {
    let length = if name == "setsockopt" { size as i64 } else { BUF };
    let one = call(name, &[3, level, option.into(), BUF, length], 0);
    let one = one.with(|deed| deed.data = vec![Data { size, ..part(3, 0, bytes) }]);
    let line = show::call(&one);
    let value = line.splitn(4, ", ").nth(3).and_then(|rest| rest.rsplit_once(", "));
    value.unwrap().0.to_owned()
}

#[test]
fn options_that_are_set_are_shown_by_their_forms() {
    let group = [&[1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 80, 224, 0, 0, 3][..], &[0; 120]].concat();
    let group6 = [&[0xff, 1][..], &[0; 13], &[0xc, 2, 0, 0, 0]].concat();
    let program = [10, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x10, 0, 0, 0, 0, 0, 0];
    let packets = [1, 0, 0, 0, 1, 0, 2, 0, 0xff, 1, 0, 0, 0, 0, 0, 0];
    let [packet, netlink, tipc, raw] =
        [libc::SOL_PACKET, libc::SOL_NETLINK, libc::SOL_TIPC, libc::SOL_RAW].map(i64::from);
    let rows: &[((i64, i32), &[u8], &str)] = &[
        ((SOCKET, libc::SO_KEEPALIVE), &[1, 0, 0, 0, 9], "[1]"),
        ((SOCKET, libc::SO_KEEPALIVE), &[1, 0, 0], "0x7f00"),
        ((SOCKET, libc::SO_TYPE), &[1, 0, 0, 0], "[1]"),
        ((SOCKET, libc::SO_TYPE), b"", r#""""#),
        ((SOCKET, libc::SO_BINDTODEVICE), b"eth0", r#""eth0""#),
        ((SOCKET, libc::SO_LINGER), &[1, 0, 0, 0, 5, 0, 0, 0, 7], "{l_onoff=1, l_linger=5}"),
        ((SOCKET, libc::SO_LINGER), &[1, 0, 0, 0], "0x7f00"),
        ((SOCKET, libc::SO_RCVTIMEO), &[0; 4], "[0]"),
        ((SOCKET, libc::SO_RCVTIMEO), &[0; 16], "{tv_sec=0, tv_usec=0}"),
        ((SOCKET, libc::SO_ATTACH_FILTER), &program, "{len=10, filter=0x1080}"),
        ((SOCKET, libc::SO_ATTACH_FILTER), &program[..12], "0x7f00"),
        ((SOCKET, 74), &[1, 0, 0, 0], "[SOCK_TXREHASH_ENABLED]"),
        (
            (IP, libc::IP_ADD_MEMBERSHIP),
            &[224, 0, 0, 3, 127, 0, 0, 1],
            r#"{imr_multiaddr=inet_addr("224.0.0.3"), imr_interface=inet_addr("127.0.0.1")}"#,
        ),
        (
            (IP, libc::IP_DROP_MEMBERSHIP),
            &[224, 0, 0, 3, 127, 0, 0, 1, 7, 0, 0, 0],
            r#"{imr_multiaddr=inet_addr("224.0.0.3"), imr_address=inet_addr("127.0.0.1"), imr_ifindex=7}"#,
        ),
        (
            (IP, 42),
            &group,
            r#"{gr_interface=if_nametoindex("lo"), gr_group={sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("224.0.0.3")}}"#,
        ),
        ((IPV6, 45), &group[..135], "0x7f00"),
        (
            (IPV6, libc::IPV6_ADD_MEMBERSHIP),
            &group6,
            r#"{inet_pton(AF_INET6, "ff01::c", &ipv6mr_multiaddr), ipv6mr_interface=2}"#,
        ),
        ((IP, 51), &[0x34, 0x12, 0x35, 0x12], "[0x12351234 /* 4660..4661 */]"),
        ((IP, 51), &[0, 0, 1, 0], "[0x10000 /* ..1 */]"),
        ((IP, 51), &[2, 0, 1, 0], "[0x10002]"),
        ((IP, 51), b"abc", r#""\x61\x62\x63""#),
        ((packet, 5), &[0xff; 16], {
            "{tp_block_size=4294967295, tp_block_nr=4294967295, tp_frame_size=4294967295, tp_frame_nr=4294967295}"
        }),
        (
            (packet, 1),
            &packets,
            r#"{mr_ifindex=if_nametoindex("lo"), mr_type=PACKET_MR_PROMISC, mr_alen=2, mr_address=ff:01}"#,
        ),
        ((packet, 1), &[0; 17], "0x7f00"),
        ((netlink, 1), &[7, 0, 0], "0x7f00"),
        ((netlink, 1), &[7, 0, 0, 0, 0], "[7]"),
        ((tipc, 127), &[2, 0, 0, 0], "[TIPC_HIGH_IMPORTANCE]"),
        (
            (tipc, 135),
            &[42, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0],
            "{type=42, instance=2, scope=TIPC_NODE_SCOPE, flags=TIPC_GROUP_LOOPBACK|TIPC_GROUP_MEMBER_EVTS}",
        ),
        ((raw, 1), &[9, 0, 0, 0], "[ICMP_ECHOREPLY ICMP_DEST_UNREACH]"),
        ((raw, 1), &[0xf6], "~[ICMP_ECHOREPLY ICMP_DEST_UNREACH]"),
    ];
    for (option, bytes, expected) in rows {
        assert_eq!(value("setsockopt", *option, bytes, bytes.len() as u64), *expected, "{option:?}");
    }
    assert_eq!(value("setsockopt", (SOCKET, libc::SO_LINGER), &[1, 0, 0, 0], 8), "0x7f00", "not all could be read");
    assert_eq!(value("setsockopt", (4321, 9), &[1, 0, 0, 0], 5), r#""\x01\0\0\0"..."#);
}

#[test]
fn options_that_are_got_are_shown_as_far_as_they_go() {
    let [packet, netlink] = [libc::SOL_PACKET, libc::SOL_NETLINK].map(i64::from);
    let rows: &[((i64, i32), &[u8], &str)] = &[
        ((SOCKET, libc::SO_KEEPALIVE), b"", "0x7f00"),
        ((SOCKET, libc::SO_KEEPALIVE), b"a\0", r#""\x61\x00""#),
        ((SOCKET, libc::SO_LINGER), &[1, 0, 0], r#"{l_onoff="\x01\x00\x00"}"#),
        ((SOCKET, libc::SO_LINGER), &[1, 0, 0, 0], "{l_onoff=1}"),
        (
            (SOCKET, libc::SO_PEERCRED),
            &[7, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 1, 0],
            r#"{pid=7, uid=-1, gid="\x01\x00"}"#,
        ),
        ((SOCKET, libc::SO_ERROR), &[111, 0, 0, 0], "[ECONNREFUSED]"),
        ((SOCKET, libc::SO_ERROR), &[0; 4], "[0]"),
        ((SOCKET, libc::SO_ATTACH_FILTER), &[1; 8], "0x7f00"),
        ((IP, 52), &[6, 0, 0, 0], "[IPPROTO_TCP]"),
        ((packet, 6), &[1, 0, 0, 0, 2, 0, 0, 0], "{tp_packets=1, tp_drops=2}"),
        ((netlink, 9), &[1, 0, 0, 0, 2, 0, 0, 0], "[1, 2]"),
    ];
    for (option, bytes, expected) in rows {
        assert_eq!(value("getsockopt", *option, bytes, bytes.len() as u64), *expected, "{option:?}");
    }
}

/// A control message with its header.
fn control(level: i32, kind: i32, data: &[u8]) -> Vec<u8> {
    let length = 16 + data.len() as u64;
    let mut bytes = [&length.to_ne_bytes()[..], &level.to_ne_bytes(), &kind.to_ne_bytes(), data].concat();
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

/// What is shown of control messages, of which there are so many bytes.
fn controls(bytes: &[u8], size: u64) -> String {
    let mut header = [0_u64; 7];
    (header[4], header[5]) = (0x1000, size);
    let header: Vec<u8> = header.iter().flat_map(|word| word.to_ne_bytes()).collect();
    let one = call("sendmsg", &[3, BUF, 0], 0);
    let data = vec![part(1, 64, &header), Data { size, ..part(1, 66, bytes) }];
    let line = show::call(&one.with(|deed| deed.data = data));
    let begin = line.find("msg_control=").unwrap() + "msg_control=".len();
    line[begin..line.find(", msg_controllen").unwrap()].to_owned()
}

#[test]
fn control_messages_are_shown_by_their_types() {
    let (socket, ip) = (libc::SOL_SOCKET, libc::SOL_IP);
    let time = [1_u64.to_ne_bytes(), 2_u64.to_ne_bytes()].concat();
    let lo = "if_nametoindex(\"lo\")";
    let internet = [2, 0, 0, 80, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    let error = [&[111, 0, 0, 0, 2, 3, 1, 0, 7, 0, 0, 0, 8, 0, 0, 0][..], &internet].concat();
    let rows: &[(i32, i32, &[u8], &str)] = &[
        (socket, libc::SCM_RIGHTS, &[5, 0, 0, 0], "SCM_RIGHTS, cmsg_data=[5]"),
        (socket, libc::SCM_RIGHTS, b"a", r#"SCM_RIGHTS, cmsg_data="\x61""#),
        (socket, 3, b"label", r#"SCM_SECURITY, cmsg_data="label""#),
        (socket, 4, &[9, 0, 0, 0], "SCM_PIDFD, cmsg_data=9"),
        (socket, 29, &time, "SO_TIMESTAMP_OLD, cmsg_data={tv_sec=1, tv_usec=2}"),
        (socket, 64, &time, "SO_TIMESTAMPNS_NEW, cmsg_data={tv_sec=1, tv_nsec=2}"),
        (ip, libc::IP_TTL, &[64, 0, 0, 0], "IP_TTL, cmsg_data=[64]"),
        (ip, libc::IP_RECVOPTS, &[1, 0], "IP_RECVOPTS, cmsg_data=[0x1, 0]"),
        (ip, 52, &[17, 0, 0, 0], "IP_PROTOCOL, cmsg_data=[IPPROTO_UDP]"),
    ];
    for (level, kind, data, expected) in rows {
        let bytes = control(*level, *kind, data);
        let shown = controls(&bytes, bytes.len() as u64);
        assert!(shown.ends_with(&format!("cmsg_type={expected}}}]")), "{shown}");
    }
    let packet = control(ip, libc::IP_PKTINFO, &[1, 0, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    let expected =
        format!("{{ipi_ifindex={lo}, ipi_spec_dst=inet_addr(\"10.0.0.1\"), ipi_addr=inet_addr(\"10.0.0.2\")}}}}]");
    assert!(controls(&packet, 32).ends_with(&expected));
    let expected = "cmsg_data={ee_errno=111, ee_origin=2, ee_type=3, ee_code=1, ee_info=7, ee_data=8, \
                    offender={sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr(\"127.0.0.1\")}}}]";
    assert!(controls(&control(ip, libc::IP_RECVERR, &error), 48).ends_with(expected));
}

#[test]
fn what_is_left_of_control_messages_is_shown_by_its_address() {
    let empty = "{cmsg_len=16, cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS}";
    let one = control(libc::SOL_SOCKET, libc::SCM_RIGHTS, b"");
    let mut short = one.clone();
    short[0] = 3;
    assert_eq!(controls(&one, 16), format!("[{empty}]"));
    assert_eq!(controls(&[&one[..], &[0; 5]].concat(), 21), format!("[{empty}, ... /* 0x1010 */]"));
    assert_eq!(controls(&one, 17), format!("[{empty}, ...]"), "not all was read");
    let expected = "[{cmsg_len=3, cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS}, ... /* 0x1010 */]";
    assert_eq!(controls(&[&short[..], &one].concat(), 32), expected);
}

#[test]
fn messages_have_a_length_only_once_the_call_has_set_it() {
    let header = [0; 64];
    let bad = Data { bytes: Bytes::Unreadable(libc::EFAULT), ..part(1, 96, b"") };
    let given = call("sendmmsg", &[3, BUF, 2, 0], -14).with(|deed| deed.data = vec![part(1, 64, &header), bad]);
    let message = "{msg_hdr={msg_name=NULL, msg_namelen=0, msg_iov=NULL, msg_iovlen=0, msg_controllen=0, msg_flags=0}";
    assert_eq!(show::call(&given), format!("sendmmsg(3, [{message}}}, ... /* 0x7f40 */], 2, 0) = -1 EFAULT"));
    let mut filled = header;
    filled[56] = 3;
    let left = [part(1, 64, &filled), part(4, 0, &[1; 16]), part(4, 32, &[0; 16])];
    let got = call("recvmmsg", &[3, BUF, 1, 0, 32], 1).with(|deed| deed.data = left.to_vec());
    let rest = "{tv_sec=72340172838076673, tv_nsec=72340172838076673}) = 1 (left {tv_sec=0, tv_nsec=0})";
    assert_eq!(show::call(&got), format!("recvmmsg(3, [{message}, msg_len=3}}], 1, 0, {rest}"));
}

#[test]
fn an_address_has_no_more_bytes_than_there_was_room() {
    let header = |size: u8| [&[0_u8; 8][..], &[size], &[0; 47]].concat();
    let name = Data { size: 8, ..part(1, 65, b"\x01\0abcdef") };
    let got = |room: u8| {
        let data = vec![part(1, 33, &header(room)), part(1, 64, &header(8)), name.clone()];
        show::call(&call("recvmsg", &[3, BUF, 0], 0).with(|deed| deed.data = data))
    };
    let rest = ", msg_iov=NULL, msg_iovlen=0, msg_controllen=0, msg_flags=0}, 0) = 0";
    let rows = [
        (8, r#"{sa_family=AF_UNIX, sun_path="abcdef"}, msg_namelen=8"#),
        (16, r#"{sa_family=AF_UNIX, sun_path="abcdef"}, msg_namelen=16 => 8"#),
        (4, r#"{sa_family=AF_UNIX, sun_path="ab"}, msg_namelen=4 => 8"#),
        (1, "NULL, msg_namelen=1 => 8"),
    ];
    for (room, expected) in rows {
        assert_eq!(got(room), format!("recvmsg(3, {{msg_name={expected}{rest}"));
    }
    let failed = |name: &str| {
        let failed = call(name, &[3, BUF, 1], -11);
        show::call(&failed.with(|deed| deed.data = vec![part(1, 33, &header(16))]))
    };
    assert!(failed("recvmsg").starts_with("recvmsg(3, {msg_namelen=16}, "));
    assert!(failed("recvmmsg").starts_with("recvmmsg(3, 0x7f00, "));
}
