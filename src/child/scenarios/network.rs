//! Sockets of the network, on the machine's own loopback: ip(7), ipv6(7), tcp(7), udp(7), netlink(7), packet(7).
#![allow(unsafe_code)]

use std::mem::zeroed;

use libc::{
    AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, IPPROTO_TCP, MSG_PEEK, NETLINK_ROUTE, SHUT_RDWR, SO_REUSEADDR,
    SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_RAW, SOCK_STREAM, SOL_SOCKET, TCP_NODELAY,
};
use nix::errno::Errno;

use super::steps::{close, part, read, skip_on, write};
use crate::child::scenario::{Broken, Scenario, Setup, act, call, ensure, fails, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("network-tcp", || stream(AF_INET)),
    Scenario::new("network-tcp6", || stream(AF_INET6)),
    Scenario::new("network-udp", network_udp),
    Scenario::new("network-several", network_several),
    Scenario::new("network-netlink", network_netlink),
    Scenario::new("network-packet", network_packet),
];

/// An address of either family: struct sockaddr_in6 has room for both.
struct Place {
    bytes: [u8; 28],
    length: u32,
}

impl Place {
    /// The loopback of this family, with a port that the kernel chooses.
    fn loopback(family: i32) -> Self {
        let mut bytes = [0; 28];
        bytes[..2].copy_from_slice(&(family as u16).to_ne_bytes());
        if family == AF_INET {
            bytes[4..8].copy_from_slice(&[127, 0, 0, 1]);
            return Self { bytes, length: 16 };
        }
        bytes[23] = 1;
        Self { bytes, length: 28 }
    }

    /// Where this socket is.
    fn of(socket: i64) -> Result<Self, Broken> {
        let mut place = Self { bytes: [0; 28], length: 28 };
        returns(call!(getsockname, socket, place.bytes.as_mut_ptr(), &raw mut place.length), 0)?;
        Ok(place)
    }
}

/// A socket of this family and type, at the loopback.
fn bound(family: i32, kind: i32) -> Result<i64, Broken> {
    let skip = skip_on(Errno::EAFNOSUPPORT, "the machine has no sockets of this family");
    let socket = call!(socket, family, kind, 0).map_err(skip)?;
    let place = Place::loopback(family);
    let bound = call!(bind, socket, place.bytes.as_ptr(), place.length);
    bound.map_err(skip_on(Errno::EADDRNOTAVAIL, "the machine has no loopback of this family"))?;
    Ok(socket)
}

/// A connection within the process, which takes options, and is shut down.
fn stream(family: i32) -> Setup {
    act(move || {
        let listening = bound(family, SOCK_STREAM | SOCK_CLOEXEC)?;
        let one = 1_i32;
        returns(call!(setsockopt, listening, SOL_SOCKET, SO_REUSEADDR, &raw const one, 4), 0)?;
        returns(call!(listen, listening, 1), 0)?;
        let place = Place::of(listening)?;
        let client = call!(socket, family, SOCK_STREAM, 0)?;
        returns(call!(connect, client, place.bytes.as_ptr(), place.length), 0)?;
        fails(call!(connect, client, place.bytes.as_ptr(), place.length), Errno::EISCONN)?;
        let server = call!(accept4, listening, 0, 0, SOCK_NONBLOCK)?;
        returns(call!(setsockopt, client, IPPROTO_TCP, TCP_NODELAY, &raw const one, 4), 0)?;
        write(client, b"hello")?;
        read(server, b"hello")?;
        returns(call!(shutdown, client, SHUT_RDWR), 0)?;
        read(server, b"")?;
        [server, client, listening].into_iter().try_for_each(close)
    })
}

/// A packet is looked at, then taken; a longer one loses its end.
fn network_udp() -> Setup {
    act(|| {
        let to = bound(AF_INET, SOCK_DGRAM)?;
        let place = Place::of(to)?;
        let from = call!(socket, AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)?;
        let send = |text: &[u8]| {
            let sent = call!(sendto, from, text.as_ptr(), text.len(), 0, place.bytes.as_ptr(), place.length);
            returns(sent, text.len() as i64)
        };
        send(b"hello")?;
        let mut buffer = [0_u8; 8];
        let mut receive = |flags: i32| call!(recvfrom, to, buffer.as_mut_ptr(), 8, flags, 0, 0);
        returns(receive(MSG_PEEK), 5)?;
        returns(receive(0), 5)?;
        send(b"longer than the buffer")?;
        returns(receive(0), 8)?;
        fails(call!(recvfrom, from, buffer.as_mut_ptr(), 8, 0, 0, 0), Errno::EAGAIN)?;
        close(from)?;
        close(to)
    })
}

/// Two packets at once, in both directions.
fn network_several() -> Setup {
    act(|| {
        let to = bound(AF_INET, SOCK_DGRAM)?;
        let mut place = Place::of(to)?;
        let from = call!(socket, AF_INET, SOCK_DGRAM, 0)?;
        let (mut one, mut two) = (*b"one", *b"second");
        let mut parts = [part(&mut one), part(&mut two)];
        let [first, second] = &mut parts;
        // SAFETY: plain numbers and null pointers, for which all bits zero is a value.
        let mut messages: [libc::mmsghdr; 2] = unsafe { zeroed() };
        for (message, data) in messages.iter_mut().zip([first, second]) {
            message.msg_hdr.msg_name = place.bytes.as_mut_ptr().cast();
            message.msg_hdr.msg_namelen = place.length;
            message.msg_hdr.msg_iov = data;
            message.msg_hdr.msg_iovlen = 1;
        }
        returns(call!(sendmmsg, from, messages.as_mut_ptr(), 2, 0), 2)?;
        messages.iter_mut().for_each(|message| message.msg_hdr.msg_namelen = 0);
        returns(call!(recvmmsg, to, messages.as_mut_ptr(), 2, 0, 0), 2)?;
        ensure(messages.map(|message| message.msg_len) == [3, 6], "the packets have other lengths than were sent")?;
        close(from)?;
        close(to)
    })
}

/// A question to the kernel that it does not know is answered by an error.
fn network_netlink() -> Setup {
    act(|| {
        let socket = call!(socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)?;
        // struct nlmsghdr: its length, the type (RTM_MAX is lower) and flags (NLM_F_REQUEST), a number, the sender.
        let question = [16_u32, 0xffff | 1 << 16, 7, 0];
        returns(call!(sendto, socket, question.as_ptr(), 16, 0, 0, 0), 16)?;
        let mut answer = [0_u32; 16];
        let length = call!(recvfrom, socket, answer.as_mut_ptr(), 64, 0, 0, 0)?;
        ensure(length == 36 && answer[1] & 0xffff == 2, "the answer is no error")?;
        close(socket)
    })
}

/// A socket below the protocols is there for root, and receives nothing here.
fn network_packet() -> Setup {
    act(|| {
        let skip = skip_on(Errno::EPERM, "it takes the rights of root: packet(7)");
        let socket = call!(socket, AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0).map_err(skip)?;
        let mut byte = 0_u8;
        fails(call!(recvfrom, socket, &raw mut byte, 1, 0, 0, 0), Errno::EAGAIN)?;
        close(socket)
    })
}
