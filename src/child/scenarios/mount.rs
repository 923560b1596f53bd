//! Mounts in a namespace of their own: mount(2), fsopen(2), move_mount(2), mount_setattr(2), statmount(2), pivot_root(2).
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::fs;
use std::ptr;

use libc::{AT_FDCWD, MNT_DETACH, O_CLOEXEC, O_CREAT, O_RDWR};
use nix::errno::Errno;

use super::steps::{close, create, skip_on};
use crate::child::scenario::{Broken, Failed, Scenario, Setup, act, call, ensure, fails, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("mount-basic", mount_basic),
    Scenario::new("mount-root", mount_root),
    Scenario::new("mount-fsopen", mount_fsopen),
    Scenario::new("mount-listed", mount_listed),
    Scenario::new("mount-pivot-root", mount_pivot_root),
    Scenario::new("mount-open-tree-attr", mount_open_tree_attr),
    Scenario::new("mount-quota-sync", mount_quota_sync),
    Scenario::new("mount-ustat", mount_ustat),
];

const NOT_PERMITTED: &str = "it takes the rights of root: mount(2)";
// include/uapi/linux/mount.h.
const CLOEXEC: i32 = 1;
const SET_FLAG: i32 = 0;
const SET_STRING: i32 = 1;
const CREATE: i32 = 6;
const MOUNT_NODEV: i32 = 4;
const FROM_EMPTY_PATH: i32 = 4;
const CLONE: i32 = 1;

/// A namespace of mounts from which nothing leads to others, and two directories.
pub(super) fn alone() -> Result<(), Broken> {
    fs::create_dir("here")?;
    fs::create_dir("there")?;
    // SAFETY: plain numbers and strings.
    let prepared = unsafe {
        Errno::result(libc::unshare(libc::CLONE_NEWNS)).and_then(|_| {
            let private = libc::MS_REC | libc::MS_PRIVATE;
            Errno::result(libc::mount(ptr::null(), c"/".as_ptr(), ptr::null(), private, ptr::null()))
        })
    };
    prepared.map(drop).map_err(|errno| skip_on(Errno::EPERM, NOT_PERMITTED)(Failed { call: "mount", errno }))
}

fn mount_here() -> Result<(), Failed> {
    mount_at(c"here", c"")
}

/// A new file system in memory at this directory (tmpfs(5)).
pub(super) fn mount_at(directory: &CStr, options: &CStr) -> Result<(), Failed> {
    call!(mount, c"none", directory, c"tmpfs", 0, options).map(drop)
}

/// Mounted read-only, and unmounted; what is no mount is not unmounted, and an unknown type not mounted.
fn mount_basic() -> Setup {
    alone()?;
    act(|| {
        returns(call!(mount, c"none", c"here", c"tmpfs", libc::MS_RDONLY | libc::MS_NOSUID, 0), 0)?;
        fails(call!(openat, AT_FDCWD, c"here/x.txt", O_RDWR | O_CREAT, 0o644), Errno::EROFS)?;
        returns(call!(umount2, c"here", 0), 0)?;
        fails(call!(umount2, c"here", 0), Errno::EINVAL)?;
        fails(call!(mount, c"none", c"here", c"no such type", 0, 0), Errno::ENODEV)
    })
}

/// The root of the process is a mount below the root of others: paths go on above it.
fn mount_root() -> Setup {
    alone()?;
    mount_here()?;
    fs::create_dir("here/jail")?;
    act(|| {
        returns(call!(chdir, c"here"), 0)?;
        close(call!(openat, AT_FDCWD, c"jail/y.txt", O_RDWR | O_CREAT, 0o644)?)?;
        for root in [c".", c"/jail"] {
            returns(call!(chroot, root), 0)?;
            close(call!(openat, AT_FDCWD, c"/x.txt", O_RDWR | O_CREAT, 0o644)?)?;
        }
        Ok(())
    })
}

/// The same in steps: a context, a mount that is attached nowhere, a place for it, a copy of it, which is made read-only.
fn mount_fsopen() -> Setup {
    alone()?;
    act(|| {
        fails(call!(fsopen, c"no such type", 0), Errno::ENODEV)?;
        let context = call!(fsopen, c"tmpfs", CLOEXEC)?;
        returns(call!(fsconfig, context, SET_STRING, c"size", c"1m", 0), 0)?;
        fails(call!(fsconfig, context, SET_FLAG, c"nonsense", 0, 0), Errno::EINVAL)?;
        returns(call!(fsconfig, context, CREATE, 0, 0, 0), 0)?;
        let mount = call!(fsmount, context, CLOEXEC, MOUNT_NODEV)?;
        returns(call!(move_mount, mount, c"", AT_FDCWD, c"here", FROM_EMPTY_PATH), 0)?;
        close(create(c"here/x.txt")?)?;
        let tree = call!(open_tree, AT_FDCWD, c"here", CLONE | O_CLOEXEC)?;
        returns(call!(move_mount, tree, c"", AT_FDCWD, c"there", FROM_EMPTY_PATH), 0)?;
        // struct mount_attr: what is set, what is cleared, the propagation, a user namespace.
        let read_only = [1_u64, 0, 0, 0];
        returns(call!(mount_setattr, AT_FDCWD, c"there", 0, read_only.as_ptr(), size_of_val(&read_only)), 0)?;
        fails(call!(openat, AT_FDCWD, c"there/y.txt", O_RDWR | O_CREAT, 0o644), Errno::EROFS)?;
        let picked = call!(fspick, AT_FDCWD, c"here", CLOEXEC)?;
        [picked, tree, mount, context].into_iter().try_for_each(close)?;
        returns(call!(umount2, c"there", 0), 0)?;
        returns(call!(umount2, c"here", 0), 0)
    })
}

/// One of the mounts is named by its number, and told of by that.
fn mount_listed() -> Setup {
    alone()?;
    mount_here()?;
    act(|| {
        // struct mnt_id_req: its size, the root of the namespace (LSMT_ROOT), the last mount of the list before.
        let below_root = [24_u64, u64::MAX, 0];
        let mut id = 0_u64;
        returns(call!(listmount, below_root.as_ptr(), &raw mut id, 1, 0), 1)?;
        ensure(id != 0, "listmount named no mount")?;
        // STATMOUNT_MNT_BASIC.
        let about = [24_u64, id, 2];
        let mut told = [0_u64; 64];
        returns(call!(statmount, about.as_ptr(), told.as_mut_ptr(), size_of_val(&told), 0), 0)?;
        ensure(told[1] & 2 != 0, "statmount told nothing")
    })
}

/// The root is another directory, and the old root is unmounted: what was below it has no path any more.
fn mount_pivot_root() -> Setup {
    alone()?;
    mount_here()?;
    fs::create_dir("here/old")?;
    act(|| {
        match call!(pivot_root, c"there", c"there") {
            Err(failed) if failed.errno == Errno::EINVAL => {
                return Err(Broken::Skip("the root is that of an initramfs, which cannot be turned".to_owned()));
            }
            refused => fails(refused, Errno::EBUSY)?,
        }
        call!(pivot_root, c"here", c"here/old")?;
        returns(call!(chdir, c"/"), 0)?;
        returns(call!(umount2, c"/old", MNT_DETACH), 0)?;
        close(create(c"/x.txt")?)
    })
}

/// A copy of a mount that is read-only from the beginning.
fn mount_open_tree_attr() -> Setup {
    alone()?;
    mount_here()?;
    act(|| {
        let read_only = [1_u64, 0, 0, 0];
        let size = size_of_val(&read_only);
        close(call!(open_tree_attr, AT_FDCWD, c"here", CLONE | O_CLOEXEC, read_only.as_ptr(), size)?)
    })
}

/// Without a device, those of all file systems are written (quotactl(2)).
fn mount_quota_sync() -> Setup {
    // Q_SYNC of users.
    act(|| returns(call!(quotactl, 0x8000_0100_u32, 0, 0, 0), 0))
}

/// A file system by its device, and a device on which none is mounted.
fn mount_ustat() -> Setup {
    use std::os::unix::fs::MetadataExt;
    let device = fs::metadata(".")?.dev();
    // The call takes the device as the kernel has it: 12 bits of the major number above 20 of the minor.
    let device = u64::from(libc::major(device)) << 8 | u64::from(libc::minor(device)) & 0xff;
    act(move || {
        let mut told = [0_u64; 4];
        returns(call!(ustat, device, told.as_mut_ptr()), 0)?;
        fails(call!(ustat, 0xfff00, told.as_mut_ptr()), Errno::EINVAL)
    })
}
