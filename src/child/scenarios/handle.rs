//! Handles of files (name_to_handle_at(2), open_by_handle_at(2)): used again, on two file systems, and by a thread.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::fs;

use caps::Capability;
use libc::{AT_EMPTY_PATH, AT_FDCWD, O_PATH, O_RDONLY};

use super::mount;
use super::open::{FileHandle, LONGEST, without_handles};
use super::steps::{close, open, open_dir};
use crate::base::rights::raise;
use crate::child::scenario::{Broken, Scenario, Setup, act, call, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("handle-again", handle_again),
    Scenario::new("handle-two-filesystems", handle_two_filesystems),
    Scenario::new("handle-thread", handle_thread),
];

fn take(at: i64, path: &CStr, flags: i32) -> Result<FileHandle, Broken> {
    let mut handle = FileHandle::with_room_for(LONGEST);
    let mut mount_id = 0_i32;
    let taken = call!(name_to_handle_at, at, path, &raw mut handle, &raw mut mount_id, flags);
    taken.map_err(without_handles)?;
    Ok(handle)
}

fn open_by(mount: i64, handle: &mut FileHandle) -> Result<i64, Broken> {
    call!(open_by_handle_at, mount, &raw mut *handle, O_RDONLY).map_err(without_handles)
}

/// A handle is taken by a descriptor, and opens the file twice, under the name that it has by then.
fn handle_again() -> Setup {
    raise(Capability::CAP_DAC_READ_SEARCH);
    fs::write("a.txt", "")?;
    act(|| {
        let named = open(c"a.txt", O_PATH)?;
        let mut handle = take(named, c"", AT_EMPTY_PATH)?;
        close(named)?;
        let first = open_by(AT_FDCWD.into(), &mut handle)?;
        returns(call!(renameat2, AT_FDCWD, c"a.txt", AT_FDCWD, c"b.txt", 0), 0)?;
        let second = open_by(AT_FDCWD.into(), &mut handle)?;
        close(first)?;
        close(second)
    })
}

/// A file of the same name is on each of two file systems, and a descriptor says which of them a handle is for.
fn handle_two_filesystems() -> Setup {
    raise(Capability::CAP_DAC_READ_SEARCH);
    mount::alone()?;
    mount::mount_at(c"here", c"")?;
    mount::mount_at(c"there", c"")?;
    fs::write("here/a.txt", "")?;
    fs::write("there/a.txt", "")?;
    act(|| {
        let (here, there) = (open_dir(c"here")?, open_dir(c"there")?);
        let mut one = take(here, c"a.txt", 0)?;
        let mut other = take(there, c"a.txt", 0)?;
        let files = [open_by(there, &mut other)?, open_by(here, &mut one)?];
        files.into_iter().chain([there, here]).try_for_each(close)
    })
}

/// A thread opens by a handle that its process has taken.
fn handle_thread() -> Setup {
    raise(Capability::CAP_DAC_READ_SEARCH);
    fs::write("a.txt", "")?;
    act(|| {
        let mut handle = take(AT_FDCWD.into(), c"a.txt", 0)?;
        let opened = std::thread::spawn(move || open_by(AT_FDCWD.into(), &mut handle));
        close(opened.join().map_err(|_| Broken::Step("the thread panicked".to_owned()))??)
    })
}
