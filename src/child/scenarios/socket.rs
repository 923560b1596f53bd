//! socketpair(2), accept(2), sendmsg(2), recvmsg(2).
#![allow(unsafe_code)]

use std::mem::{offset_of, zeroed};

use libc::{
    AF_UNIX, MSG_CMSG_CLOEXEC, MSG_NOSIGNAL, SCM_RIGHTS, SHUT_WR, SOCK_CLOEXEC, SOCK_STREAM, SOL_SOCKET, iovec,
};

use super::steps::{close, create, part, read, write};
use crate::child::scenario::{Failed, Scenario, Setup, act, call, ensure, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("socketpair-basic", socketpair_basic),
    Scenario::new("socket-accept4", socket_accept4),
    Scenario::new("socket-sendmsg-fd", socket_sendmsg_fd),
];

/// Both directions, until one of them is shut down.
fn socketpair_basic() -> Setup {
    act(|| {
        let [one, other] = socketpair()?;
        returns(call!(sendto, one, b"hello".as_ptr(), 5, MSG_NOSIGNAL, 0, 0), 5)?;
        read(other, b"hello")?;
        write(other, b"and back")?;
        let mut buffer = [0_u8; 16];
        returns(call!(recvfrom, one, buffer.as_mut_ptr(), buffer.len(), 0, 0, 0), 8)?;
        ensure(buffer.starts_with(b"and back"), "other bytes came back than were sent")?;
        returns(call!(shutdown, one, SHUT_WR), 0)?;
        read(other, b"")?;
        close(other)?;
        close(one)
    })
}

fn socketpair() -> Result<[i64; 2], Failed> {
    let mut ends = [0_i32; 2];
    call!(socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.as_mut_ptr())?;
    Ok(ends.map(i64::from))
}

/// A connection within the process. accept returns a new descriptor for it.
fn socket_accept4() -> Setup {
    act(|| {
        let (address, length) = address(b"listen.sock");
        let listening = call!(socket, AF_UNIX, SOCK_STREAM, 0)?;
        returns(call!(bind, listening, &raw const address, length), 0)?;
        returns(call!(listen, listening, 1), 0)?;
        let client = call!(socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)?;
        returns(call!(connect, client, &raw const address, length), 0)?;
        let server = call!(accept4, listening, 0, 0, SOCK_CLOEXEC)?;
        write(client, b"hello")?;
        read(server, b"hello")?;
        [server, client, listening].into_iter().try_for_each(close)
    })
}

/// A path as a socket's address, and its length with the NUL (unix(7)).
pub(super) fn address(path: &[u8]) -> (libc::sockaddr_un, usize) {
    // SAFETY: plain numbers, for which all bits zero is a value.
    let mut address: libc::sockaddr_un = unsafe { zeroed() };
    address.sun_family = AF_UNIX as libc::sa_family_t;
    address.sun_path.iter_mut().zip(path).for_each(|(to, &byte)| *to = byte as libc::c_char);
    (address, offset_of!(libc::sockaddr_un, sun_path) + path.len() + 1)
}

/// The process sends itself a descriptor over a socket. It arrives under a number that another file had.
fn socket_sendmsg_fd() -> Setup {
    act(|| {
        let [one, other] = socketpair()?;
        let passed = create(c"passed.txt")?;
        let decoy = create(c"decoy.txt")?;
        let mut rights = Rights::of(passed as i32);
        let mut byte = [b'!'];
        let mut data = part(&mut byte);
        let message = rights.message(&mut data);
        returns(call!(sendmsg, one, &raw const message, 0), 1)?;
        close(decoy)?;
        let mut rights = Rights::of(-1);
        let mut message = rights.message(&mut data);
        returns(call!(recvmsg, other, &raw mut message, MSG_CMSG_CLOEXEC), 1)?;
        let arrived = i64::from(rights.fd);
        ensure(arrived == decoy, "the descriptor did not arrive at the lowest free number")?;
        write(arrived, b"hello")?;
        let mut buffer = [0_u8; 16];
        returns(call!(pread64, passed, buffer.as_mut_ptr(), buffer.len(), 0), 5)?;
        ensure(buffer.starts_with(b"hello"), "the descriptor that arrived is of another file")?;
        [arrived, passed, other, one].into_iter().try_for_each(close)
    })
}

/// A control message that passes one descriptor (unix(7)), of CMSG_SPACE(4) bytes.
#[repr(C)]
pub(super) struct Rights {
    header: libc::cmsghdr,
    pub(super) fd: i32,
}

impl Rights {
    pub(super) fn of(fd: i32) -> Self {
        // SAFETY: plain numbers, for which all bits zero is a value.
        let mut header: libc::cmsghdr = unsafe { zeroed() };
        header.cmsg_len = (offset_of!(Self, fd) + size_of::<i32>()) as _;
        header.cmsg_level = SOL_SOCKET;
        header.cmsg_type = SCM_RIGHTS;
        Self { header, fd }
    }

    /// A message with this data that carries the descriptor.
    pub(super) fn message(&mut self, data: &mut iovec) -> libc::msghdr {
        // SAFETY: plain numbers and pointers, for which all bits zero is a value.
        let mut message: libc::msghdr = unsafe { zeroed() };
        message.msg_iov = data;
        message.msg_iovlen = 1;
        message.msg_control = (&raw mut *self).cast();
        message.msg_controllen = size_of::<Self>() as _;
        message
    }
}
