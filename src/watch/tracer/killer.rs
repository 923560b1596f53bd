//! Kills all processes of a watch.

use libbpf_rs::{MapCore, MapFlags, MapHandle};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use zerocopy::FromBytes;

use crate::table::layout::Filter;

/// A handle to kill the processes of a watch from any thread, even if the thread of the watch hangs.
#[derive(Debug)]
pub struct Killer {
    pub(super) filter: MapHandle,
    pub(super) id: u64,
}

impl Killer {
    /// Sends SIGKILL to all living processes of the watch, until no new ones come. A pid may be given to another process at any
    /// time. So each process is held by a descriptor, and looked up in the map again before the signal.
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

/// Kills the process with this pid if it is still meant. Whether it did.
fn kill_if(pid: &[u8], is_meant: &impl Fn(&[u8]) -> bool) -> bool {
    let number = pid.first_chunk().and_then(|bytes| Pid::from_raw(i32::from_ne_bytes(*bytes)));
    let Some(process) = number.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else { return false };
    is_meant(pid) && pidfd_send_signal(process, Signal::KILL).is_ok()
}
