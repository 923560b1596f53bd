//! The registry: every scenario by its name, a family a file.

use crate::scenario::Scenario;

mod aio;
mod close;
mod dir;
mod dup;
mod event;
mod fcntl;
mod harness;
mod ioctl;
mod iouring;
mod link;
mod memory;
mod open;
mod pidfd;
mod pipe;
mod readwrite;
mod rename;
mod socket;
mod stat;
mod steps;
mod sync;
mod transfer;
mod truncate;
mod unlink;

/// The families, in the order in which they run and are listed.
const FAMILIES: &[&[Scenario]] = &[
    harness::ALL,
    open::ALL,
    readwrite::ALL,
    close::ALL,
    dup::ALL,
    fcntl::ALL,
    rename::ALL,
    link::ALL,
    unlink::ALL,
    dir::ALL,
    stat::ALL,
    sync::ALL,
    truncate::ALL,
    transfer::ALL,
    memory::ALL,
    pipe::ALL,
    event::ALL,
    ioctl::ALL,
    aio::ALL,
    pidfd::ALL,
    socket::ALL,
    iouring::ALL,
];

/// All scenarios.
pub fn all() -> impl Iterator<Item = &'static Scenario> {
    FAMILIES.iter().copied().flatten()
}

/// The scenario of this name.
pub fn by_name(name: &str) -> Option<&'static Scenario> {
    all().find(|scenario| scenario.name == name)
}
