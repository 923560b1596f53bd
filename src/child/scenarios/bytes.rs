//! Results that count bytes, and results that do not: recv(2), sendmmsg(2), poll(2), io_submit(2), lseek(2).
#![allow(unsafe_code)]

use std::fs;
use std::mem::zeroed;

use libc::{AF_UNIX, MSG_PEEK, MSG_TRUNC, O_RDONLY, POLLIN, SEEK_END, SOCK_DGRAM, iovec};

use super::aio::submit_one;
use super::steps::{close, open, part};
use crate::child::scenario::{Broken, Scenario, Setup, act, call, ensure, returns};

pub const ALL: &[Scenario] = &[Scenario::new("bytes-meaning", bytes_meaning)];

const PACKET: &[u8; 12] = b"hello, world";

/// Packets that are peeked at, cut, and counted instead of measured. Then requests, and an offset.
fn bytes_meaning() -> Setup {
    fs::write("bytes.txt", PACKET)?;
    act(|| {
        let mut ends = [0_i32; 2];
        returns(call!(socketpair, AF_UNIX, SOCK_DGRAM, 0, ends.as_mut_ptr()), 0)?;
        let [one, other] = ends.map(i64::from);
        send(one)?;
        let mut ready = libc::pollfd { fd: ends[1], events: POLLIN, revents: 0 };
        returns(call!(poll, &raw mut ready, 1, -1), 1)?;
        receive(other, MSG_PEEK, 4)?;
        receive(other, MSG_PEEK | MSG_TRUNC, 12)?;
        receive(other, MSG_TRUNC, 12)?;
        send(one)?;
        receive(other, 0, 4)?;
        send(one)?;
        receive_message(other)?;
        in_twos(one, other)?;
        close(other)?;
        close(one)?;
        let file = open(c"bytes.txt", O_RDONLY)?;
        submit_one(file)?;
        returns(call!(lseek, file, 0, SEEK_END), 12)?;
        close(file)
    })
}

fn send(socket: i64) -> Result<(), Broken> {
    returns(call!(sendto, socket, PACKET.as_ptr(), PACKET.len(), 0, 0, 0), 12)
}

/// The buffer holds a third of the packet.
fn receive(socket: i64, flags: i32, result: i64) -> Result<(), Broken> {
    let mut buffer = [0_u8; 4];
    returns(call!(recvfrom, socket, buffer.as_mut_ptr(), buffer.len(), flags, 0, 0), result)?;
    ensure(&buffer == b"hell", "other bytes were received than were sent")
}

/// The same with recvmsg, whose buffer is behind two pointers.
fn receive_message(socket: i64) -> Result<(), Broken> {
    let mut buffer = [0_u8; 4];
    let mut data = part(&mut buffer);
    let mut message = message(&mut data);
    returns(call!(recvmsg, socket, &raw mut message.msg_hdr, MSG_TRUNC), 12)
}

/// Two packets in one call: both calls return 2.
fn in_twos(one: i64, other: i64) -> Result<(), Broken> {
    let (mut first, mut second) = ([b'1'; 5], [b'2'; 7]);
    let mut data = [part(&mut first), part(&mut second)];
    let mut messages = data.each_mut().map(message);
    returns(call!(sendmmsg, one, messages.as_mut_ptr(), 2, 0), 2)?;
    returns(call!(recvmmsg, other, messages.as_mut_ptr(), 2, 0, 0), 2)?;
    ensure(messages.each_ref().map(|message| message.msg_len) == [5, 7], "other packets came than were sent")
}

fn message(data: &mut iovec) -> libc::mmsghdr {
    // SAFETY: plain numbers and pointers, for which all bits zero is a value.
    let mut message: libc::mmsghdr = unsafe { zeroed() };
    message.msg_hdr.msg_iov = data;
    message.msg_hdr.msg_iovlen = 1;
    message
}
