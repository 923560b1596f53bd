use super::*;

/// Messages of a protocol as they are shown. So many of the bytes were read.
fn shown(protocol: u64, bytes: &[u8], read: usize) -> String {
    let mut out = String::new();
    put_messages(&mut out, protocol, &bytes[..read], bytes.len() as u64, 0x1000);
    out
}

/// A message of this type, without flags.
fn message(kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = ((HEADER + payload.len()) as u32).to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend([0; 10]);
    bytes.extend(payload);
    bytes
}

/// struct ifinfomsg of the loopback device, and an attribute.
fn link(kind: u16, data: &[u8]) -> Vec<u8> {
    let mut payload = vec![0; 16];
    payload[4] = 1;
    payload.extend(((4 + data.len()) as u16).to_ne_bytes());
    payload.extend(kind.to_ne_bytes());
    payload.extend(data);
    message(18, &payload)
}

#[test]
fn structs_and_attributes_have_their_names() {
    let header = "{nlmsg_len=40, nlmsg_type=RTM_GETLINK, nlmsg_flags=0, nlmsg_seq=0, nlmsg_pid=0}";
    let device =
        "{ifi_family=AF_UNSPEC, ifi_type=ARPHRD_NETROM, ifi_index=if_nametoindex(\"lo\"), ifi_flags=0, ifi_change=0}";
    let bytes = link(4, &1500_u32.to_ne_bytes());
    assert_eq!(
        shown(0, &bytes, bytes.len()),
        format!("[{header}, {device}, [{{nla_len=8, nla_type=IFLA_MTU}}, 1500]]")
    );
    let bytes = link(3, b"eth\0");
    assert_eq!(
        shown(0, &bytes, bytes.len()),
        format!("[{header}, {device}, [{{nla_len=8, nla_type=IFLA_IFNAME}}, \"eth\"]]")
    );
    let bytes = link(0x3ff0, b"abcd");
    let unknown = "[{nla_len=8, nla_type=0x3ff0}, \"\\x61\\x62\\x63\\x64\"]";
    assert_eq!(shown(0, &bytes, bytes.len()), format!("[{header}, {device}, {unknown}]"));
}

#[test]
fn what_was_not_read_is_an_address() {
    let bytes = link(4, &1500_u32.to_ne_bytes());
    assert_eq!(shown(0, &bytes, 0), "0x1000");
    assert!(shown(0, &bytes, 16).ends_with(", 0x1010]"), "{}", shown(0, &bytes, 16));
    assert!(shown(0, &bytes, 20).ends_with(", {ifi_family=AF_UNSPEC, 0x1011}]"), "{}", shown(0, &bytes, 20));
    assert!(shown(0, &bytes, 38).ends_with(", [{nla_len=8, nla_type=IFLA_MTU}, 0x1024]]"), "{}", shown(0, &bytes, 38));
}

#[test]
fn messages_of_all_protocols_have_an_error_and_an_end() {
    let end = message(DONE, &7_i32.to_ne_bytes());
    assert!(shown(16, &end, end.len()).ends_with("}, 7]"), "{}", shown(16, &end, end.len()));
    let mut payload = (-libc::EACCES).to_ne_bytes().to_vec();
    payload.extend(message(1, &[]));
    let error = message(ERROR, &payload);
    let found = shown(9, &error, error.len());
    assert!(found.contains("{error=-EACCES, msg={nlmsg_len=16, nlmsg_type=NLMSG_NOOP"), "{found}");
}

#[test]
fn no_bytes_make_it_fail() {
    let mut bytes = Vec::new();
    for (protocol, kind) in (0..24).flat_map(|protocol| (0..130).map(move |kind| (protocol, kind))) {
        // Bytes that are no message, of a fixed sequence.
        let payload: Vec<u8> = (0..96_u32).map(|at| (at * at + kind * 7 + protocol * 3) as u8 & 0x3f).collect();
        bytes.clear();
        bytes.extend(message(kind as u16, &payload));
        for read in [bytes.len(), 40, 21, 16, 3, 0] {
            assert!(!shown(protocol.into(), &bytes, read).is_empty());
        }
    }
}
