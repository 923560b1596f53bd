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
mod connect;
mod dir;
mod dup;
mod event;
mod fallocate;
mod fcntl;
mod flock;
mod ioctl;
mod iouring;
mod ring;
mod link;
mod memory;
mod mknod;
mod mount;
mod mqueue;
mod name;
mod network;
mod open;
mod handle;
mod path;
mod exec;
mod clock;
mod ends;
mod asked;
mod data;
mod structs;
mod extensible;
mod edges;
mod untouched;
mod pidfd;
mod pipe;
mod poll;
mod readwrite;
mod recent;
mod refused;
mod remote;
mod rename;
mod signal;
mod held;
mod hidden;
mod seccomp;
mod repeat;
mod shared;
mod socket;
mod denied;
mod descriptor;
mod stat;
mod sync;
mod sysv;
mod thread;
mod transfer;
mod truncate;
mod unlink;
mod uring;
mod utime;
mod xattr;
mod uring_queues;
mod uring_files;
mod uring_sockets;
mod uring_flight;

/// The families, in the order in which they run and are listed.
const FAMILIES: &[(&str, &[Scenario])] = &[
    ("harness", harness::ALL),
    ("open", open::ALL),
    ("handle", handle::ALL),
    ("readwrite", readwrite::ALL),
    ("close", close::ALL),
    ("dup", dup::ALL),
    ("fcntl", fcntl::ALL),
    ("flock", flock::ALL),
    ("rename", rename::ALL),
    ("link", link::ALL),
    ("unlink", unlink::ALL),
    ("dir", dir::ALL),
    ("mknod", mknod::ALL),
    ("stat", stat::ALL),
    ("chmod", chmod::ALL),
    ("chown", chown::ALL),
    ("utime", utime::ALL),
    ("xattr", xattr::ALL),
    ("sync", sync::ALL),
    ("truncate", truncate::ALL),
    ("fallocate", fallocate::ALL),
    ("transfer", transfer::ALL),
    ("memory", memory::ALL),
    ("pipe", pipe::ALL),
    ("event", event::ALL),
    ("ioctl", ioctl::ALL),
    ("aio", aio::ALL),
    ("pidfd", pidfd::ALL),
    ("socket", socket::ALL),
    ("bytes", bytes::ALL),
    ("data", data::ALL),
    ("structs", structs::ALL),
    ("extensible", extensible::ALL),
    ("edges", edges::ALL),
    ("untouched", untouched::ALL),
    ("iouring", iouring::ALL),
    ("uring", uring::ALL),
    ("uring_queues", uring_queues::ALL),
    ("uring_files", uring_files::ALL),
    ("uring_sockets", uring_sockets::ALL),
    ("uring_flight", uring_flight::ALL),
    ("path", path::ALL),
    ("name", name::ALL),
    ("shared", shared::ALL),
    ("asked", asked::ALL),
    ("ends", ends::ALL),
    ("restart", restart::ALL),
    ("repeat", repeat::ALL),
    ("signal", signal::ALL),
    ("held", held::ALL),
    ("seccomp", seccomp::ALL),
    ("exec", exec::ALL),
    ("hidden", hidden::ALL),
    ("descriptor", descriptor::ALL),
    ("thread", thread::ALL),
    ("mount", mount::ALL),
    ("mqueue", mqueue::ALL),
    ("sysv", sysv::ALL),
    ("remote", remote::ALL),
    ("clock", clock::ALL),
    ("poll", poll::ALL),
    ("recent", recent::ALL),
    ("connect", connect::ALL),
    ("network", network::ALL),
    ("refused", refused::ALL),
    ("denied", denied::ALL),
    ("burst", burst::ALL),
];

/// The families of the basic tier. Where one of them is red, nothing else says anything: each scenario opens, reads and closes.
pub const BASIC: [&str; 4] = ["harness", "open", "close", "readwrite"];

/// Whether a scenario is in the basic tier.
pub fn is_basic(scenario: &str) -> bool {
    family_of(scenario).is_some_and(|family| BASIC.contains(&family))
}

/// All scenarios.
pub fn all() -> impl Iterator<Item = &'static Scenario> {
    FAMILIES.iter().flat_map(|(_, scenarios)| scenarios.iter())
}

/// The family of a scenario, by the name of its file.
pub fn family_of(scenario: &str) -> Option<&'static str> {
    let has = |scenarios: &[Scenario]| scenarios.iter().any(|one| one.name == scenario);
    FAMILIES.iter().find(|(_, scenarios)| has(scenarios)).map(|(family, _)| *family)
}
