//! Scenarios about the harness itself.
#![allow(unsafe_code)]

use crate::child::scenario::{Scenario, Setup, act, call, returns};

pub const ALL: &[Scenario] = &[Scenario::new("crash", crash)];

/// Dies by SIGSEGV after two calls.
fn crash() -> Setup {
    // Not dumpable: no core file is left in the workspace, and no handler is started for it (prctl(2), PR_SET_DUMPABLE).
    nix::sys::prctl::set_dumpable(false)?;
    act(|| {
        let fd = call!(openat, libc::AT_FDCWD, c"crash.txt", libc::O_WRONLY | libc::O_CREAT, 0o644)?;
        returns(call!(write, fd, b"alive".as_ptr(), 5), 5)?;
        let nowhere = std::ptr::without_provenance_mut::<u8>(8);
        // SAFETY: none, on purpose: nothing is mapped below vm.mmap_min_addr, so this store raises SIGSEGV.
        unsafe { nowhere.write_volatile(1) };
        Ok(())
    })
}
