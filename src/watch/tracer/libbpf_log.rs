//! What libbpf says while it loads an object: kept for the error that may follow, and printed by nobody.
#![allow(unsafe_code)]

use std::ffi::{c_char, c_int, c_void};
use std::mem::transmute;
use std::ptr::null_mut;
use std::slice::from_raw_parts;
use std::sync::{Mutex, MutexGuard, PoisonError};

use libbpf_rs::libbpf_sys;

static SAID: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// When so many bytes are kept, nothing more is: the verifier's log of one program has 16 MiB at most.
const CAP: usize = 32 << 20;

unsafe extern "C" {
    /// asprintf(3). The ABIs of x86-64 and arm64 hand over a `va_list` as an address.
    fn vasprintf(text: *mut *mut c_char, format: *const c_char, arguments: *mut c_void) -> c_int;
}

/// Forgets what was said, and listens from now on.
pub fn listen() {
    said().clear();
    type Listener = unsafe extern "C" fn(u32, *const c_char, *mut c_void) -> c_int;
    // SAFETY: libbpf's type but for the name of a `va_list`, which is handed over as an address.
    unsafe { libbpf_sys::libbpf_set_print(transmute::<Option<Listener>, libbpf_sys::libbpf_print_fn_t>(Some(keep))) };
}

/// What was said since then. The names in a damaged object may be any bytes: U+FFFD stands for what is no text.
pub fn since() -> String {
    let text = |c: char| if c.is_control() && !matches!(c, '\n' | '\t') { char::REPLACEMENT_CHARACTER } else { c };
    String::from_utf8_lossy(&said()).chars().map(text).collect()
}

fn said() -> MutexGuard<'static, Vec<u8>> {
    SAID.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Called by libbpf, through which nothing can unwind: nothing here panics.
unsafe extern "C" fn keep(level: u32, format: *const c_char, arguments: *mut c_void) -> c_int {
    let mut said = said();
    if level > libbpf_sys::LIBBPF_WARN || said.len() > CAP {
        return 0;
    }
    let mut text = null_mut();
    // SAFETY: libbpf's own format with its arguments.
    let length = usize::try_from(unsafe { vasprintf(&raw mut text, format, arguments) });
    // Without memory it is not kept.
    let Ok(length) = length else { return 0 };
    if said.try_reserve(length).is_ok() {
        // SAFETY: vasprintf has written so many bytes.
        said.extend_from_slice(unsafe { from_raw_parts(text.cast(), length) });
    }
    // SAFETY: allocated by vasprintf, and not used any more.
    unsafe { libc::free(text.cast()) };
    0
}
