//! rename(2), renameat(2), renameat2(2).

use std::fs;

use libc::{AT_FDCWD, RENAME_NOREPLACE};
use nix::errno::Errno;

use super::steps::{close, open_dir};
use crate::child::scenario::{Broken, Failed, Scenario, Setup, act, call, fails, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("rename-basic", rename_basic),
    Scenario::new("rename-renameat", rename_renameat),
    Scenario::new("rename-renameat2", rename_renameat2),
    Scenario::new("rename-enoent", rename_enoent),
    Scenario::new("rename-noreplace", rename_noreplace),
];

fn rename_basic() -> Setup {
    fs::write("old.txt", "")?;
    act(|| returns(call!(rename, c"old.txt", c"new.txt"), 0))
}

fn rename_renameat() -> Setup {
    between_directories(|from, to| call!(renameat, from, c"old.txt", to, c"new.txt"))
}

fn rename_renameat2() -> Setup {
    between_directories(|from, to| call!(renameat2, from, c"old.txt", to, c"new.txt", 0))
}

/// Renames `from/old.txt` to `to/new.txt`, each relative to a descriptor of its directory.
fn between_directories(rename: fn(i64, i64) -> Result<i64, Failed>) -> Setup {
    fs::create_dir("from")?;
    fs::create_dir("to")?;
    fs::write("from/old.txt", "")?;
    act(move || {
        let from = open_dir(c"from")?;
        let to = open_dir(c"to")?;
        returns(rename(from, to), 0)?;
        close(to)?;
        close(from)
    })
}

fn rename_enoent() -> Setup {
    act(|| fails(call!(rename, c"missing.txt", c"new.txt"), Errno::ENOENT))
}

fn rename_noreplace() -> Setup {
    fs::write("old.txt", "")?;
    fs::write("new.txt", "")?;
    act(|| {
        let renamed = call!(renameat2, AT_FDCWD, c"old.txt", AT_FDCWD, c"new.txt", RENAME_NOREPLACE);
        match renamed {
            // rename(2): the filesystem does not support the flag.
            Err(Failed { errno: Errno::EINVAL, .. }) => {
                Err(Broken::Skip("the file system of the workspace lacks RENAME_NOREPLACE".to_owned()))
            }
            renamed => fails(renamed, Errno::EEXIST),
        }
    })
}
