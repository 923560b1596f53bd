//! What lies on pages that nobody has touched: it is read when the call has ended, and is marked where the process can write to it.
#![allow(unsafe_code)]

use std::hint::black_box;
use std::ptr::null;

use caps::Capability;
use libc::{AT_FDCWD, O_CREAT, O_RDWR};
use nix::errno::Errno;

use super::edges::OBJ_GET;
use super::path::{cold, cold_at, cold_bytes, cold_writable};
use super::steps::{close, create, fails_if_permitted, part, skip_on};
use super::structs::{last_bytes, sockets, with};
use crate::base::rights::raise;
use crate::child::scenario::{Broken, Scenario, Setup, act, call, fails, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("untouched-blocks", blocks),
    Scenario::new("untouched-message", message),
    Scenario::new("untouched-programs", programs),
    Scenario::new("untouched-attr", attr),
    Scenario::new("untouched-count", count),
    Scenario::new("untouched-second-path", second_path),
    Scenario::new("untouched-path", path),
    Scenario::new("untouched-base", base),
    Scenario::new("untouched-handle", handle),
    Scenario::new("untouched-array", array),
    Scenario::new("untouched-room", room),
];

const PAGE: usize = 4096;

/// A text and an address, both on pages that nobody has touched, and then each by itself.
fn blocks() -> Setup {
    const TO: &[u8] = b"\x01\0to\0";
    let (both, text) = ((cold_writable(b"both")?, cold_writable(TO)?), cold_writable(b"text")?);
    let address = cold_writable(TO)?;
    act(move || {
        let (warm, to) = (black_box(*b"warm"), black_box(*b"\x01\0to\0"));
        let [a, b] = sockets()?;
        returns(call!(bind, b, to.as_ptr(), 5), 0)?;
        returns(call!(sendto, a, both.0, 4, 0, both.1, 5), 4)?;
        returns(call!(sendto, a, text, 4, 0, to.as_ptr(), 5), 4)?;
        returns(call!(sendto, a, warm.as_ptr(), 4, 0, address, 5), 4)?;
        close(b)?;
        close(a)
    })
}

/// The bytes of a struct.
fn bytes_of<T>(of: &T) -> &[u8] {
    // SAFETY: the structs here are zeroed at first, so their padding has values as well.
    unsafe { std::slice::from_raw_parts((&raw const *of).cast(), size_of::<T>()) }
}

/// Each part of a message in turn on a page that nobody has touched. The length of its address has 32 bits.
fn message() -> Setup {
    let cold_part = |bytes: &[u8]| Ok::<_, Broken>(libc::iovec { iov_base: cold_writable(bytes)?.cast(), iov_len: 4 });
    let text: &'static mut [u8] = Box::leak(Box::new(*b"warm"));
    let warm: &'static mut [libc::iovec] = Box::leak(Box::new([part(text)]));
    let cold_text: &'static mut [libc::iovec] = Box::leak(Box::new([cold_part(b"cold")?]));
    let vector = cold_writable(bytes_of(&warm[0]))?;
    let mut messages = [with(warm); 5];
    (messages[0].msg_name, messages[0].msg_namelen) = (cold_writable(b"\x01\0to\0")?.cast(), 5);
    messages[1].msg_control = cold_writable(bytes_of(&[16_u64, 0x7_0000_0009]))?.cast();
    messages[1].msg_controllen = 16;
    messages[2].msg_iov = vector.cast();
    messages[3] = with(cold_text);
    let whole = cold_writable(bytes_of(&messages[4]))?;
    let again: [&'static mut [libc::iovec]; 2] =
        [Box::leak(Box::new([cold_part(b"once")?])), Box::leak(Box::new([cold_part(b"next")?]))];
    let again = again.map(with);
    let with_length = |msg_hdr| libc::mmsghdr { msg_hdr, msg_len: 0 };
    act(move || {
        let to = black_box(*b"\x01\0to\0");
        let [a, b] = sockets()?;
        returns(call!(bind, b, to.as_ptr(), 5), 0)?;
        for message in &messages {
            returns(call!(sendmsg, a, &raw const *message, 0), 4)?;
        }
        returns(call!(sendmsg, a, whole, 0), 4)?;
        for mut both in [[again[0], messages[4]], [messages[4], again[1]]].map(|both| both.map(with_length)) {
            returns(call!(sendmmsg, a, both.as_mut_ptr(), 2, 0), 2)?;
        }
        close(b)?;
        close(a)
    })
}

/// Arguments of a program of which the second leads nowhere, and some on pages that nobody has touched. The file is no program.
fn programs() -> Setup {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write("none", "no program")?;
    std::fs::set_permissions("none", std::fs::Permissions::from_mode(0o755))?;
    let (second, warm) = (cold_writable(b"cold\0")?, Box::leak(Box::new(*b"warm\0")));
    let array = cold_writable(bytes_of(&[warm.as_ptr(), null()]))?;
    act(move || {
        let bad = black_box([warm.as_ptr(), 8_usize as *const u8, null()]);
        fails(call!(execve, c"none", bad.as_ptr(), bad[2..].as_ptr()), Errno::EFAULT)?;
        let cold = black_box([warm.as_ptr(), second.cast_const(), warm.as_ptr(), null()]);
        fails(call!(execve, c"none", cold.as_ptr(), cold[3..].as_ptr()), Errno::ENOEXEC)?;
        fails(call!(execve, c"none", array, cold[3..].as_ptr()), Errno::ENOEXEC)
    })
}

/// A struct with the address of a string: one of them is on a page that nobody has touched, and it may end before the address.
fn attr() -> Setup {
    let path = Box::leak(Box::new(*b"nowhere\0"));
    let (whole, text) = (cold_writable(bytes_of(&[path.as_ptr() as u64, 0]))?, cold_writable(b"there\0")?);
    act(move || {
        fails(call!(bpf, OBJ_GET, whole, 12), Errno::ENOENT)?;
        let asked = black_box([text as u64, 0]);
        fails(call!(bpf, OBJ_GET, asked.as_ptr(), 16), Errno::ENOENT)?;
        fails(call!(bpf, OBJ_GET, 8, 16), Errno::EFAULT)
    })
}

/// A set of signals whose size, behind its address, is on a page that nobody has touched.
fn count() -> Setup {
    let (set, edge) = (Box::leak(Box::new(1_u64 << (libc::SIGUSR1 - 1))), last_bytes(8)?);
    // SAFETY: eight bytes are there, and nobody else has them.
    unsafe { edge.cast::<u64>().write(&raw const *set as u64) };
    cold_at(b"\x08", edge as u64 + 8)?;
    act(move || {
        let (none, at_once) = (null::<u8>(), black_box([0_i64; 2]));
        returns(call!(pselect6, 0, none, none, none, at_once.as_ptr(), edge), 0)
    })
}

/// The place of a link, which is the third argument, on a page that nobody has touched. The last time, 256 bytes are.
fn second_path() -> Setup {
    let (link, late) = (cold("link")?, cold_writable(b"late\0")?);
    let long = cold_writable(format!("{}last\0", "./".repeat(126)).as_bytes())?;
    act(move || {
        let warm = black_box(*b"warm\0");
        returns(call!(symlinkat, c"text", AT_FDCWD, warm.as_ptr()), 0)?;
        returns(call!(symlinkat, c"text", AT_FDCWD, link), 0)?;
        // The record before is one with a file.
        close(create(c"before")?)?;
        returns(call!(symlinkat, c"text", AT_FDCWD, late), 0)?;
        returns(call!(symlinkat, c"text", AT_FDCWD, long), 0)
    })
}

/// A path of 256 bytes on a page that nobody has touched, and one without an end, behind which memory ends.
fn path() -> Setup {
    let long = cold_writable(format!("{}path\0", "./".repeat(126)).as_bytes())?;
    let endless = last_bytes(PAGE)?;
    // SAFETY: so many bytes are there, and nobody else has them.
    unsafe { endless.write_bytes(b'x', PAGE) };
    act(move || {
        close(call!(openat, AT_FDCWD, long, O_RDWR | O_CREAT, 0o644)?)?;
        fails(call!(openat, AT_FDCWD, endless, O_RDWR | O_CREAT, 0o644), Errno::ENAMETOOLONG)
    })
}

/// A relative and an absolute path on pages that nobody has touched, below another root.
fn base() -> Setup {
    std::fs::create_dir_all("jail/sub")?;
    std::fs::write("jail/sub/x.txt", "")?;
    let (relative, absolute, second) = (cold("x.txt")?, cold("/sub/x.txt")?, cold("/sub/y.txt")?);
    act(move || {
        call!(chroot, c"jail").map_err(skip_on(Errno::EPERM, "chroot is not permitted"))?;
        returns(call!(chdir, c"/sub"), 0)?;
        for path in [relative, absolute] {
            close(call!(openat, AT_FDCWD, path, libc::O_RDONLY, 0)?)?;
        }
        returns(call!(rename, c"x.txt", second), 0)
    })
}

/// A handle on a page that nobody has touched: the process can write to the second one. The size of the third has a fourth byte.
fn handle() -> Setup {
    raise(Capability::CAP_DAC_READ_SEARCH);
    // Four bytes of a type that no file system has.
    let bytes = [4_u32, 0x7fff, 9].map(u32::to_ne_bytes).concat();
    let (cold, late) = (cold_bytes(&bytes)?, cold_writable(&bytes)?);
    act(move || {
        let denied = (Errno::EPERM, "open_by_handle_at needs CAP_DAC_READ_SEARCH");
        for handle in [cold, late] {
            fails_if_permitted(call!(open_by_handle_at, AT_FDCWD, handle, 0), Errno::ESTALE, denied)?;
        }
        let large = black_box([1_u64 << 24; 17]);
        fails(call!(open_by_handle_at, AT_FDCWD, large.as_ptr(), 0), Errno::EINVAL)?;
        fails(call!(open_by_handle_at, AT_FDCWD, 8, 0), Errno::EFAULT)
    })
}

/// A set of signals and the struct that leads to it, each in turn on a page that nobody has touched, and a struct that is nowhere.
fn array() -> Setup {
    let set = 1_u64 << (libc::SIGUSR1 - 1);
    let (cold, warm) = (cold_writable(bytes_of(&set))? as u64, Box::leak(Box::new(set)));
    let late = cold_writable(bytes_of(&[&raw const *warm as u64, 8]))?;
    act(move || {
        let mut at_once = [0_i64; 2];
        let mask = black_box([cold, 8]);
        returns(call!(pselect6, 0, 0, 0, 0, at_once.as_mut_ptr(), mask.as_ptr()), 0)?;
        returns(call!(pselect6, 0, 0, 0, 0, at_once.as_mut_ptr(), late), 0)?;
        fails(call!(pselect6, 0, 0, 0, 0, at_once.as_mut_ptr(), 8), Errno::EFAULT)
    })
}

/// How much room there is for an address and an option, on a page that nobody has touched. The call overwrites it.
fn room() -> Setup {
    let of_name = cold_writable(bytes_of(&16_u32))?;
    let of_option = cold_writable(bytes_of(&4_u32))?;
    act(move || {
        let (mut name, mut option, mut warm) = ([0_u8; 16], 0_u32, black_box(4_u32));
        let [a, b] = sockets()?;
        returns(call!(getsockname, a, name.as_mut_ptr(), of_name), 0)?;
        let [level, kind] = [libc::SOL_SOCKET, libc::SO_TYPE];
        returns(call!(getsockopt, a, level, kind, &raw mut option, of_option), 0)?;
        returns(call!(getsockopt, a, level, kind, &raw mut option, &raw mut warm), 0)?;
        close(b)?;
        close(a)
    })
}
