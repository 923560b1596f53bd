//! The registry of all scenarios, with one file for each family.

use crate::child::scenario::Scenario;

mod harness;
mod program;
mod restart;
mod steps;
mod aio;
mod burst;
mod bytes;
mod chmod;
mod chown;
mod close;
mod dir;
mod dup;
mod ends;
mod asked;
mod event;
mod exec;
mod fallocate;
mod fcntl;
mod flock;
mod ioctl;
mod iouring;
mod link;
mod memory;
mod mknod;
mod name;
mod open;
mod path;
mod pidfd;
mod pipe;
mod readwrite;
mod rename;
mod seccomp;
mod shared;
mod socket;
mod descriptor;
mod stat;
mod sync;
mod thread;
mod transfer;
mod truncate;
mod unlink;
mod uring;
mod utime;
mod xattr;

/// The families, in the order in which they run and are listed.
const FAMILIES: &[&[Scenario]] = &[
    harness::ALL,
    open::ALL,
    readwrite::ALL,
    close::ALL,
    dup::ALL,
    fcntl::ALL,
    flock::ALL,
    rename::ALL,
    link::ALL,
    unlink::ALL,
    dir::ALL,
    mknod::ALL,
    stat::ALL,
    chmod::ALL,
    chown::ALL,
    utime::ALL,
    xattr::ALL,
    sync::ALL,
    truncate::ALL,
    fallocate::ALL,
    transfer::ALL,
    memory::ALL,
    pipe::ALL,
    event::ALL,
    ioctl::ALL,
    aio::ALL,
    pidfd::ALL,
    socket::ALL,
    bytes::ALL,
    iouring::ALL,
    uring::ALL,
    path::ALL,
    name::ALL,
    shared::ALL,
    asked::ALL,
    ends::ALL,
    restart::ALL,
    seccomp::ALL,
    exec::ALL,
    descriptor::ALL,
    thread::ALL,
    burst::ALL,
];

/// All scenarios.
pub fn all() -> impl Iterator<Item = &'static Scenario> {
    FAMILIES.iter().copied().flatten()
}

/// The scenario of this name.
pub fn by_name(name: &str) -> Option<&'static Scenario> {
    all().find(|scenario| scenario.name == name)
}
