//! close(2), close_range(2).

use libc::{CLOSE_RANGE_CLOEXEC, F_GETFD, FD_CLOEXEC};
use nix::errno::Errno;

use super::steps::{NOT_OPEN, close, close_refused, create, write};
use crate::child::scenario::{Scenario, Setup, act, call, ensure, fails, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("close-basic", close_basic),
    Scenario::new("close-range", close_range),
    Scenario::new("close-range-empty", close_range_empty),
    Scenario::new("close-invalid-fd", close_invalid_fd),
    Scenario::new("close-double-close", close_double_close),
    Scenario::new("close-range-bounded", close_range_bounded),
    Scenario::new("close-range-cloexec", close_range_cloexec),
    Scenario::new("close-range-after-path", close_range_after_path),
];

/// Closes three files, but not in the order in which they were opened.
fn close_basic() -> Setup {
    act(|| {
        let a = create(c"a.txt")?;
        let b = create(c"b.txt")?;
        let c = create(c"c.txt")?;
        close(b)?;
        close(a)?;
        close(c)
    })
}

/// One call closes three descriptors. None of them is usable afterwards, but the next higher one still is.
fn close_range() -> Setup {
    act(|| {
        let a = create(c"a.txt")?;
        let b = create(c"b.txt")?;
        let c = create(c"c.txt")?;
        let kept = create(c"kept.txt")?;
        ensure((b, c, kept) == (a + 1, a + 2, a + 3), "the descriptors are not neighbours")?;
        returns(call!(close_range, a, c, 0), 0)?;
        close_refused(a)?;
        close_refused(b)?;
        close_refused(c)?;
        close(kept)
    })
}

fn close_range_empty() -> Setup {
    act(|| {
        let fd = create(c"kept.txt")?;
        returns(call!(close_range, 300, 310, 0), 0)?;
        write(fd, b"hello")?;
        close(fd)
    })
}

fn close_invalid_fd() -> Setup {
    act(|| close_refused(NOT_OPEN.into()))
}

fn close_double_close() -> Setup {
    act(|| {
        let fd = create(c"twice.txt")?;
        close(fd)?;
        close_refused(fd)
    })
}

/// Both ends of the range are open, and so are their neighbours outside. A number between them is not open.
fn close_range_bounded() -> Setup {
    act(|| {
        let below = create(c"below.txt")?;
        let first = create(c"first.txt")?;
        let hole = create(c"hole.txt")?;
        let last = create(c"last.txt")?;
        let above = create(c"above.txt")?;
        ensure((first, hole, last, above) == (below + 1, below + 2, below + 3, below + 4), "these are no neighbours")?;
        close(hole)?;
        returns(call!(close_range, first, last, 0), 0)?;
        close_refused(first)?;
        close_refused(last)?;
        write(below, b"hello")?;
        write(above, b"hello")?;
        close(below)?;
        close(above)
    })
}

/// Closes nothing, but sets close-on-exec. The descriptor next to the range does not get the flag.
fn close_range_cloexec() -> Setup {
    act(|| {
        let a = create(c"a.txt")?;
        let b = create(c"b.txt")?;
        let kept = create(c"kept.txt")?;
        ensure((b, kept) == (a + 1, a + 2), "the descriptors are not neighbours")?;
        returns(call!(close_range, a, b, CLOSE_RANGE_CLOEXEC), 0)?;
        returns(call!(fcntl, a, F_GETFD, 0), FD_CLOEXEC.into())?;
        returns(call!(fcntl, b, F_GETFD, 0), FD_CLOEXEC.into())?;
        returns(call!(fcntl, kept, F_GETFD, 0), 0)?;
        write(b, b"hello")?;
        close(a)?;
        close(b)?;
        close(kept)
    })
}

/// The call before close_range has a long path, of which nothing is left in what close_range closes.
fn close_range_after_path() -> Setup {
    let path = std::ffi::CString::new("./".repeat(1000) + "missing").unwrap_or_default();
    act(move || {
        let a = create(c"a.txt")?;
        fails(call!(unlink, path.as_ptr()), Errno::ENOENT)?;
        returns(call!(close_range, a, a, 0), 0)
    })
}
