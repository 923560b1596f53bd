//! Sockets by their addresses and options, and how they fail: getsockname(2), getpeername(2), setsockopt(2), accept(2).
#![allow(unsafe_code)]

use std::mem::zeroed;

use libc::{AF_UNIX, AF_UNSPEC, MSG_DONTWAIT, MSG_NOSIGNAL, SHUT_WR, SO_RCVBUF, SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET};
use nix::errno::Errno;

use super::steps::close;
use crate::child::scenario::{Scenario, Setup, act, call, ensure, fails, returns};

pub const ALL: &[Scenario] =
    &[Scenario::new("connect-names", connect_names), Scenario::new("connect-refused", connect_refused)];

/// The address of a socket at this path, and its length (unix(7)).
fn address(path: &[u8]) -> (libc::sockaddr_un, usize) {
    // SAFETY: plain numbers, for which all bits zero is a value.
    let mut address: libc::sockaddr_un = unsafe { zeroed() };
    address.sun_family = AF_UNIX as libc::sa_family_t;
    for (to, from) in address.sun_path.iter_mut().zip(path) {
        *to = *from as libc::c_char;
    }
    (address, 2 + path.len() + 1)
}

/// Both ends say where they are, and take options.
fn connect_names() -> Setup {
    act(|| {
        let (at, length) = address(b"named.sock");
        let listening = call!(socket, AF_UNIX, SOCK_STREAM, 0)?;
        let one = 1_i32;
        returns(call!(setsockopt, listening, SOL_SOCKET, SO_REUSEADDR, &raw const one, 4), 0)?;
        returns(call!(bind, listening, &raw const at, length), 0)?;
        returns(call!(listen, listening, 1), 0)?;
        let client = call!(socket, AF_UNIX, SOCK_STREAM, 0)?;
        returns(call!(connect, client, &raw const at, length), 0)?;
        let server = call!(accept, listening, 0, 0)?;
        let (mut name, mut room) = (address(b"").0, size_of_val(&at) as u32);
        returns(call!(getsockname, server, &raw mut name, &raw mut room), 0)?;
        ensure(room as usize == length, "the name has another length than was given")?;
        returns(call!(getpeername, client, &raw mut name, &raw mut room), 0)?;
        let (mut size, mut four) = (0_i32, 4_u32);
        returns(call!(getsockopt, client, SOL_SOCKET, SO_RCVBUF, &raw mut size, &raw mut four), 0)?;
        [server, client, listening].into_iter().try_for_each(close)
    })
}

/// No such family, nobody there, not connected, the name in use, nothing to read, nobody who reads.
fn connect_refused() -> Setup {
    act(|| {
        fails(call!(socket, AF_UNSPEC, SOCK_STREAM, 0), Errno::EAFNOSUPPORT)?;
        let (at, length) = address(b"nobody.sock");
        let mut pair = [0_i32; 2];
        fails(call!(socketpair, AF_UNSPEC, SOCK_STREAM, 0, pair.as_mut_ptr()), Errno::EAFNOSUPPORT)?;
        let one = call!(socket, AF_UNIX, SOCK_STREAM, 0)?;
        fails(call!(connect, one, &raw const at, length), Errno::ENOENT)?;
        fails(call!(sendto, one, b"x".as_ptr(), 1, MSG_NOSIGNAL, 0, 0), Errno::ENOTCONN)?;
        fails(call!(getpeername, one, &raw const at, &raw mut pair), Errno::ENOTCONN)?;
        returns(call!(shutdown, one, SHUT_WR), 0)?;
        fails(call!(accept4, one, 0, 0, 0), Errno::EINVAL)?;
        returns(call!(bind, one, &raw const at, length), 0)?;
        let other = call!(socket, AF_UNIX, SOCK_STREAM, 0)?;
        fails(call!(bind, other, &raw const at, length), Errno::EADDRINUSE)?;
        fails(call!(connect, other, &raw const at, length), Errno::ECONNREFUSED)?;
        close(other)?;
        close(one)?;
        returns(call!(socketpair, AF_UNIX, SOCK_STREAM, 0, pair.as_mut_ptr()), 0)?;
        let [one, other] = pair.map(i64::from);
        let mut byte = 0_u8;
        fails(call!(recvfrom, one, &raw mut byte, 1, MSG_DONTWAIT, 0, 0), Errno::EAGAIN)?;
        close(other)?;
        fails(call!(sendto, one, b"x".as_ptr(), 1, MSG_NOSIGNAL, 0, 0), Errno::EPIPE)?;
        close(one)
    })
}
