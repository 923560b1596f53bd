//! Requests about sockets, and about what waits for descriptors (io_uring_enter(2)).
#![allow(unsafe_code)]

use std::mem::zeroed;
use std::ptr;

use io_uring::squeue::Flags;
use io_uring::{opcode, types};
use libc::{AF_UNIX, MSG_PEEK, MSG_TRUNC, SHUT_WR, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_STREAM, iovec, msghdr, sockaddr_un};
use nix::errno::Errno;

use super::ring::{ENTRIES, Ring, at};
use super::socket::address;
use super::steps::{NOT_OPEN, close, part, pipe, write};
use crate::child::scenario::{Broken, Scenario, Setup, act, call, ensure, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("uring-socket-accept", uring_socket_accept),
    Scenario::new("uring-socket-listen", uring_socket_listen),
    Scenario::new("uring-socket-bytes", uring_socket_bytes),
    Scenario::new("uring-socket-messages", uring_socket_messages),
    Scenario::new("uring-socket-zero-copy", uring_socket_zero_copy),
    Scenario::new("uring-socket-notices", uring_socket_notices),
    Scenario::new("uring-socket-command", uring_socket_command),
    Scenario::new("uring-socket-epoll", uring_socket_epoll),
];

/// A descriptor that is not open.
const NOWHERE: types::Fd = types::Fd(NOT_OPEN);

const PACKET: &[u8; 12] = b"hello, world";

/// Several connections come by one request (IORING_ACCEPT_MULTISHOT). Each is a descriptor of its own, with a file of its own.
fn uring_socket_accept() -> Setup {
    act(|| {
        let (address, length) = address(b"listen.sock");
        let listening = call!(socket, AF_UNIX, SOCK_STREAM, 0)?;
        returns(call!(bind, listening, &raw const address, length), 0)?;
        returns(call!(listen, listening, 4), 0)?;
        let mut ring = Ring::new()?;
        let socket =
            |ring: &mut Ring| ring.request(&opcode::Socket::new(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0).build());
        let (one, other) = (socket(&mut ring)?, socket(&mut ring)?);
        ring.fails(opcode::Socket::new(AF_UNIX, 77, 0).build(), Errno::EINVAL)?;
        let connect = |fd: i32, address: &sockaddr_un| {
            opcode::Connect::new(types::Fd(fd), (&raw const *address).cast(), length as u32).build()
        };
        ring.fails(connect(NOT_OPEN, &address), Errno::EBADF)?;
        ring.push(&opcode::AcceptMulti::new(at(listening)).flags(SOCK_CLOEXEC).build().user_data(7))?;
        ring.enter(1, 0)?;
        for client in [one, other] {
            returns(call!(connect, client, &raw const address, length), 0)?;
            ring.enter(0, 1)?;
            let (user_data, server) = ring.next()?;
            ensure(user_data == 7 && server > other, "the connection did not come")?;
            write(server.into(), b"hello")?;
        }
        ring.fails(opcode::Accept::new(NOWHERE, ptr::null_mut(), ptr::null_mut()).build(), Errno::EBADF)?;
        ring.succeeds(opcode::Shutdown::new(types::Fd(one), SHUT_WR).build(), 0)?;
        ring.fails(opcode::Shutdown::new(NOWHERE, SHUT_WR).build(), Errno::EBADF)?;
        ring.succeeds(opcode::PollRemove::new(8).build(), -libc::ENOENT)
    })
}

/// A server without a system call about its socket.
fn uring_socket_listen() -> Setup {
    act(|| {
        let (address, length) = address(b"listen.sock");
        let mut ring = Ring::new()?;
        let listening = ring.makes("IORING_OP_SOCKET", opcode::Socket::new(AF_UNIX, SOCK_STREAM, 0).build())?;
        let bind = |fd: i32| opcode::Bind::new(types::Fd(fd), (&raw const address).cast(), length as u32).build();
        ring.makes("IORING_OP_BIND", bind(listening))?;
        ring.fails(bind(NOT_OPEN), Errno::EBADF)?;
        ring.succeeds(opcode::Listen::new(types::Fd(listening), 3).build(), 0)?;
        ring.fails(opcode::Listen::new(NOWHERE, 3).build(), Errno::EBADF)?;
        let client = call!(socket, AF_UNIX, SOCK_STREAM, 0)?;
        let connect = opcode::Connect::new(at(client), (&raw const address).cast(), length as u32).build();
        ring.succeeds(connect, 0)?;
        let accept = opcode::Accept::new(types::Fd(listening), ptr::null_mut(), ptr::null_mut()).build();
        let server = ring.request(&accept)?;
        ensure(server >= 0, "the connection did not come")?;
        close(server.into())?;
        ring.close()
    })
}

/// Two sockets that are connected, and keep packets apart.
fn packets() -> Result<[i64; 2], Broken> {
    let mut ends = [0_i32; 2];
    returns(call!(socketpair, AF_UNIX, SOCK_DGRAM, 0, ends.as_mut_ptr()), 0)?;
    Ok(ends.map(i64::from))
}

/// recv(2): what is peeked at is not moved, and of a packet that is cut only what the buffer holds.
fn uring_socket_bytes() -> Setup {
    act(|| {
        let [one, other] = packets()?;
        let mut ring = Ring::new()?;
        let send = |ring: &mut Ring| ring.succeeds(opcode::Send::new(at(one), PACKET.as_ptr(), 12).build(), 12);
        let mut buffer = [0_u8; 4];
        let begin = buffer.as_mut_ptr();
        let receive = |ring: &mut Ring, flags: i32, result: i32| {
            ring.succeeds(opcode::Recv::new(at(other), begin, 4).flags(flags).build(), result)
        };
        send(&mut ring)?;
        receive(&mut ring, MSG_PEEK, 4)?;
        receive(&mut ring, MSG_PEEK | MSG_TRUNC, 12)?;
        receive(&mut ring, MSG_TRUNC, 12)?;
        send(&mut ring)?;
        receive(&mut ring, 0, 4)?;
        ensure(&buffer == b"hell", "other bytes were received than were sent")?;
        ring.fails(opcode::Send::new(NOWHERE, PACKET.as_ptr(), 12).build(), Errno::EBADF)?;
        ring.fails(opcode::Recv::new(NOWHERE, begin, 4).build(), Errno::EBADF)?;
        ring.close()
    })
}

/// A message with this data.
fn message(data: &mut iovec) -> msghdr {
    // SAFETY: plain numbers and pointers, for which all bits zero is a value.
    let mut message: msghdr = unsafe { zeroed() };
    (message.msg_iov, message.msg_iovlen) = (data, 1);
    message
}

/// recvmsg(2), whose buffers are behind two pointers: of a packet that is cut the tracer does not know how much they hold.
fn uring_socket_messages() -> Setup {
    act(|| {
        let [one, other] = packets()?;
        let mut ring = Ring::new()?;
        let (mut packet, mut buffer) = (*PACKET, [0_u8; 4]);
        let (mut out, mut into) = (part(&mut packet), part(&mut buffer));
        let (sent, mut received) = (message(&mut out), message(&mut into));
        let (sent, received) = (&raw const sent, &raw mut received);
        let send = |ring: &mut Ring| ring.succeeds(opcode::SendMsg::new(at(one), sent).build(), 12);
        let receive = |ring: &mut Ring, flags: i32, result: i32| {
            ring.succeeds(opcode::RecvMsg::new(at(other), received).flags(flags as u32).build(), result)
        };
        send(&mut ring)?;
        receive(&mut ring, MSG_PEEK, 4)?;
        receive(&mut ring, MSG_TRUNC, 12)?;
        send(&mut ring)?;
        receive(&mut ring, 0, 4)?;
        ring.fails(opcode::SendMsg::new(NOWHERE, sent).build(), Errno::EBADF)?;
        ring.fails(opcode::RecvMsg::new(NOWHERE, received).build(), Errno::EBADF)?;
        // The ring has no queue of a network device.
        ring.fails(opcode::RecvZc::new(at(other), 12).build(), Errno::EINVAL)?;
        ring.close()
    })
}

/// Sends that use the process's own memory (IORING_OP_SEND_ZC). A notification says that the memory is free, and is no completion.
fn uring_socket_zero_copy() -> Setup {
    act(|| {
        let [one, _] = connected()?;
        let mut ring = Ring::new()?;
        let sent = ring.makes("IORING_OP_SEND_ZC", opcode::SendZc::new(at(one), PACKET.as_ptr(), 12).build())?;
        ensure(sent == 12, "the packet was not sent")?;
        ring.enter(0, 1)?;
        ring.next()?;
        let mut packet = *PACKET;
        let mut data = part(&mut packet);
        let sent = message(&mut data);
        ring.succeeds(opcode::SendMsgZc::new(at(one), &raw const sent).build(), 12)?;
        ring.enter(0, 1)?;
        ring.next()?;
        // A notification follows this one as well.
        ring.fails(opcode::SendZc::new(NOWHERE, PACKET.as_ptr(), 12).build(), Errno::EBADF)?;
        ring.close()?;
        let mut ring = Ring::new()?;
        ring.fails(opcode::SendMsgZc::new(NOWHERE, &raw const sent).build(), Errno::EBADF)?;
        ring.close()
    })
}

/// Notifications that are taken for no completion: one in the memory of a request that was never completed, and one that finds no room
/// in its queue while a request with its number waits.
fn uring_socket_notices() -> Setup {
    act(|| {
        let [one, _] = connected()?;
        let [reads, _] = pipe()?;
        let mut ring = Ring::new()?;
        let nop = || opcode::Nop::new().build();
        ring.push_all(&[0; ENTRIES as usize].map(|_| nop().flags(Flags::SKIP_SUCCESS).user_data(7)))?;
        ring.enter(ENTRIES, 0)?;
        let send = || opcode::SendZc::new(at(one), PACKET.as_ptr(), 12).build().user_data(7);
        let sent = ring.makes("IORING_OP_SEND_ZC", send())?;
        ensure(sent == 12, "the packet was not sent")?;
        ring.enter(0, 1)?;
        ring.next()?;
        ring.close()?;
        let mut ring = Ring::new()?;
        ring.push(&opcode::PollAdd::new(at(reads), libc::POLLIN as u32).build().user_data(7))?;
        ring.push_all(&[0; 3].map(|_| nop()))?;
        ring.enter(4, 3)?;
        ring.push_all(&[0; 4].map(|_| nop()))?;
        ring.enter(4, 7)?;
        ring.push(&send())?;
        ring.enter(1, 8)
    })
}

/// 127.0.0.1, and any free port.
fn loopback_address() -> libc::sockaddr_in {
    // SAFETY: plain numbers, for which all bits zero is a value.
    let mut address: libc::sockaddr_in = unsafe { zeroed() };
    address.sin_family = libc::AF_INET as u16;
    address.sin_addr.s_addr = u32::from_ne_bytes([127, 0, 0, 1]);
    address
}

fn loopback() -> Result<i64, Broken> {
    let socket = call!(socket, libc::AF_INET, SOCK_DGRAM, 0)?;
    let address = loopback_address();
    returns(call!(bind, socket, &raw const address, size_of_val(&address)), 0)?;
    Ok(socket)
}

/// Two sockets of the internet, of which the first one sends to the second.
fn connected() -> Result<[i64; 2], Broken> {
    let [one, other] = [loopback()?, loopback()?];
    let mut address = loopback_address();
    let mut length = size_of_val(&address) as u32;
    returns(call!(getsockname, other, &raw mut address, &raw mut length), 0)?;
    returns(call!(connect, one, &raw const address, length), 0)?;
    Ok([one, other])
}

/// Commands go to the file itself: how many bytes a socket has (SOCKET_URING_OP_SIOCINQ, include/uapi/linux/io_uring.h).
fn uring_socket_command() -> Setup {
    act(|| {
        let [one, other] = connected()?;
        write(one, b"hello")?;
        let mut ring = Ring::new()?;
        let asked = ring.request(&opcode::UringCmd16::new(at(other), 0).build())?;
        if asked == -libc::EOPNOTSUPP {
            return Err(Broken::Skip("this kernel has no commands for sockets".to_owned()));
        }
        ensure(asked == 5, &format!("a command was to return 5 and returned {asked}"))?;
        ring.fails(opcode::UringCmd16::new(NOWHERE, 0).build(), Errno::EBADF)?;
        ring.close()
    })
}

/// epoll_ctl(2), and epoll_wait(2), which newer kernels have as a request.
fn uring_socket_epoll() -> Setup {
    act(|| {
        let [reads, writes] = pipe()?;
        let epoll = call!(epoll_create1, 0)?;
        let mut ring = Ring::new()?;
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: 5 };
        let add =
            || opcode::EpollCtl::new(at(epoll), at(reads), libc::EPOLL_CTL_ADD, (&raw const event).cast()).build();
        ring.succeeds(add(), 0)?;
        ring.fails(add(), Errno::EEXIST)?;
        write(writes, b"x")?;
        let events = (&raw mut event).cast();
        let wait = |fd: types::Fd| opcode::EpollWait::new(fd, events, 3).build();
        let ready = ring.makes("IORING_OP_EPOLL_WAIT", wait(at(epoll)))?;
        ensure(ready == 1, "the pipe is not ready")?;
        ring.fails(wait(NOWHERE), Errno::EBADF)?;
        ring.close()
    })
}
