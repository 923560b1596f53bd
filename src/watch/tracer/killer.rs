//! The end of all processes of a watch, by signal.

use libbpf_rs::{MapCore, MapFlags, MapHandle};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use zerocopy::FromBytes;

use crate::table::layout::Filter;

/// Kills whoever belongs to a watch, from any thread, also when nobody else answers.
#[derive(Debug)]
pub struct Killer {
    pub(super) filter: MapHandle,
    pub(super) id: u64,
}

impl Killer {
    /// SIGKILL for all processes of the watch that are not gone, until there are no new ones. Each is named by a descriptor, and
    /// looked up again after that: its number may have been given to somebody else before.
    pub fn kill_all(&self) {
        let is_ours = |pid: &[u8]| {
            let entry = self.filter.lookup(pid, MapFlags::ANY).ok().flatten();
            let entry = entry.and_then(|entry| Filter::read_from_bytes(&entry).ok());
            entry.is_some_and(|entry| entry.id == self.id && entry.gone == 0)
        };
        for _ in 0..100 {
            let killed = self.filter.keys().filter(|pid| is_ours(pid) && kill_if(pid, &is_ours)).count();
            if killed == 0 {
                return;
            }
            std::thread::yield_now();
        }
    }
}

/// Whether there was such a process, and it was still meant.
fn kill_if(pid: &[u8], is_meant: &impl Fn(&[u8]) -> bool) -> bool {
    let number = pid.first_chunk().and_then(|bytes| Pid::from_raw(i32::from_ne_bytes(*bytes)));
    let Some(process) = number.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else { return false };
    is_meant(pid) && pidfd_send_signal(process, Signal::KILL).is_ok()
}
