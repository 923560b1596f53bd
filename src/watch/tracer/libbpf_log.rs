//! libbpf's messages while it loads an object. They are kept for the error that may follow, and not printed.
#![allow(unsafe_code)]

use std::ffi::{c_char, c_int, c_void};
use std::mem::transmute;
use std::ptr::null_mut;
use std::slice::from_raw_parts;
use std::sync::{Mutex, MutexGuard, PoisonError};

use libbpf_rs::libbpf_sys;

static SAID: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// The most bytes that are kept. The verifier's log of a program has at most 16 MiB.
const CAP: usize = 32 << 20;

unsafe extern "C" {
    /// asprintf(3). The ABIs of x86-64 and arm64 hand over a `va_list` as an address.
    fn vasprintf(text: *mut *mut c_char, format: *const c_char, arguments: *mut c_void) -> c_int;
}

/// Forgets all messages, and collects new ones from now on.
pub fn listen() {
    said().clear();
    type Listener = unsafe extern "C" fn(u32, *const c_char, *mut c_void) -> c_int;
    // SAFETY: the type is libbpf's own, except that the `va_list` is an address, as the ABI passes it.
    unsafe { libbpf_sys::libbpf_set_print(transmute::<Option<Listener>, libbpf_sys::libbpf_print_fn_t>(Some(keep))) };
}

/// Takes no messages any more.
pub fn silence() {
    // SAFETY: without a function, libbpf prints nothing.
    unsafe { libbpf_sys::libbpf_set_print(None) };
}

/// The messages since then. A damaged object may have any bytes in its names: U+FFFD replaces those that are no text.
pub fn since() -> String {
    let text = |c: char| if c.is_control() && !matches!(c, '\n' | '\t') { char::REPLACEMENT_CHARACTER } else { c };
    String::from_utf8_lossy(&said()).chars().map(text).collect()
}

fn said() -> MutexGuard<'static, Vec<u8>> {
    SAID.lock().unwrap_or_else(PoisonError::into_inner)
}

/// libbpf calls this. It must not panic, because C code cannot unwind.
unsafe extern "C" fn keep(level: u32, format: *const c_char, arguments: *mut c_void) -> c_int {
    let mut said = said();
    if level > libbpf_sys::LIBBPF_WARN || said.len() > CAP {
        return 0;
    }
    let mut text = null_mut();
    // SAFETY: the format and its arguments come from libbpf.
    let length = usize::try_from(unsafe { vasprintf(&raw mut text, format, arguments) });
    // Without memory the message is lost.
    let Ok(length) = length else { return 0 };
    if said.try_reserve(length).is_ok() {
        // SAFETY: vasprintf has written `length` bytes.
        said.extend_from_slice(unsafe { from_raw_parts(text.cast(), length) });
    }
    // SAFETY: vasprintf has allocated it, and nothing uses it any more.
    unsafe { libc::free(text.cast()) };
    0
}
