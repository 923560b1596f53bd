//! chmod(2), fchmod(2), fchmodat(2).

use std::fs;

use libc::{AT_FDCWD, O_RDONLY};

use super::steps::{close, empty_stat, open, open_dir};
use crate::child::scenario::{Scenario, Setup, act, call, ensure, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("chmod-basic", chmod_basic),
    Scenario::new("chmod-fchmod", chmod_fchmod),
    Scenario::new("chmod-fchmodat", chmod_fchmodat),
];

fn chmod_basic() -> Setup {
    fs::write("chmod.txt", "")?;
    act(|| {
        returns(call!(chmod, c"chmod.txt", 0o4710), 0)?;
        let mut stat = empty_stat();
        returns(call!(newfstatat, AT_FDCWD, c"chmod.txt", &raw mut stat, 0), 0)?;
        ensure(stat.st_mode & 0o7777 == 0o4710, "chmod gave the file another mode")
    })
}

fn chmod_fchmod() -> Setup {
    fs::write("fchmod.txt", "")?;
    act(|| {
        let fd = open(c"fchmod.txt", O_RDONLY)?;
        returns(call!(fchmod, fd, 0o600), 0)?;
        close(fd)
    })
}

fn chmod_fchmodat() -> Setup {
    fs::create_dir("sub")?;
    fs::write("sub/fchmodat.txt", "")?;
    act(|| {
        let dir = open_dir(c"sub")?;
        returns(call!(fchmodat, dir, c"fchmodat.txt", 0o400), 0)?;
        close(dir)
    })
}
