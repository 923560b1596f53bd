//! How processes end, and what comes with a signal (wait(2), sigaction(2)), as strace would write it.
//!
//! No I/O.

use crate::table::blocks::number;
use crate::table::names;
use crate::table::syscalls::put_name;
use crate::trace::show::{put, put_address, put_hex, put_names, put_number};

/// `[{WIFEXITED(s) && WEXITSTATUS(s) == 0}]` (wait(2), ptrace(2)).
pub(super) fn put_status(out: &mut String, bytes: &[u8]) {
    let status = number(bytes, true).unwrap_or(0) as i32;
    out.push_str("[{");
    let is_stop = libc::WIFSTOPPED(status);
    let event = if is_stop { status as u32 >> 16 } else { 0 };
    if libc::WIFEXITED(status) {
        put(out, format_args!("WIFEXITED(s) && WEXITSTATUS(s) == {}", libc::WEXITSTATUS(status)));
    } else if is_stop {
        out.push_str("WIFSTOPPED(s) && WSTOPSIG(s) == ");
        put_signal(out, libc::WSTOPSIG(status) & 0x7f);
        // PTRACE_O_TRACESYSGOOD.
        out.push_str(if libc::WSTOPSIG(status) & 0x80 != 0 { " | 0x80" } else { "" });
    } else if libc::WIFCONTINUED(status) {
        out.push_str("WIFCONTINUED(s)");
    } else {
        out.push_str("WIFSIGNALED(s) && WTERMSIG(s) == ");
        put_signal(out, libc::WTERMSIG(status));
        out.push_str(if libc::WCOREDUMP(status) { " && WCOREDUMP(s)" } else { "" });
    }
    out.push('}');
    if event != 0 {
        out.push_str(" | ");
        names::PTRACE_EVENT.put(out, event.into());
        out.push_str("<<16");
    }
    out.push(']');
}

/// A signal by its name, or else its number.
pub(super) fn put_signal(out: &mut String, signal: i32) {
    match names::SIGNAL.name(signal as u64) {
        Some(name) => out.push_str(name),
        // Real-time signals count from 32 (signal(7)).
        None if (32..=64).contains(&signal) => put(out, format_args!("SIGRT_{}", signal - 32)),
        None => put_number(out, signal),
    }
}

/// `{si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=7, si_uid=0, si_status=1, si_utime=0, si_stime=0}`. Which members there are depends
/// on the signal and the code (include/uapi/asm-generic/siginfo.h).
pub(super) fn put_signal_info(out: &mut String, bytes: &[u8]) {
    let [signal, errno, code] = [0, 4, 8].map(|at| word(bytes, at, 4) as i32);
    if signal == 0 && code == 0 {
        return out.push_str("{}");
    }
    out.push_str("{si_signo=");
    put_signal(out, signal);
    out.push_str(", si_code=");
    put_code(out, signal, code);
    if errno != 0 {
        out.push_str(", si_errno=");
        names::put_errno(out, errno);
    }
    put_rest(out, signal, code, bytes);
    out.push('}');
}

/// What comes with a signal of this code.
fn put_rest(out: &mut String, signal: i32, code: i32, bytes: &[u8]) {
    let value = word(bytes, 24, 8);
    match (signal, code) {
        (_, libc::SI_TIMER) => {
            put(out, format_args!(", si_timerid={:#x}, si_overrun={}", word(bytes, 16, 4), word(bytes, 20, 4)));
            put_value(out, value);
        }
        (_, ..=0) => {
            put_sender(out, bytes);
            if code != libc::SI_USER && value != 0 {
                put_value(out, value);
            }
        }
        (libc::SIGCHLD, _) => put_child(out, bytes, code),
        (libc::SIGILL | libc::SIGFPE | libc::SIGSEGV | libc::SIGBUS | libc::SIGTRAP, 1..=0x7f) => {
            out.push_str(", si_addr=");
            put_address(out, word(bytes, 16, 8) as u64);
        }
        (libc::SIGIO, 1..=6) => {
            put(out, format_args!(", si_band={}, si_fd={}", word(bytes, 16, 8), word(bytes, 24, 4)));
        }
        (libc::SIGSYS, SYS_SECCOMP) => {
            out.push_str(", si_call_addr=");
            put_address(out, word(bytes, 16, 8) as u64);
            out.push_str(", si_syscall=");
            put_name(out, word(bytes, 24, 4) as u32, false);
            out.push_str(", si_arch=");
            names::AUDIT_ARCH.put(out, (word(bytes, 28, 4) as u32).into());
        }
        _ => {}
    }
}

/// The code of the SIGSYS that a filter of seccomp(2) sends.
const SYS_SECCOMP: i32 = 1;

/// A signed number of so many bytes; 0 if the bytes end before it.
fn word(bytes: &[u8], at: usize, size: usize) -> i64 {
    bytes.get(at..at + size).and_then(|bytes| number(bytes, true)).unwrap_or(0)
}

fn put_code(out: &mut String, signal: i32, code: i32) {
    let of_fault = || {
        let (_, codes) = names::FAULT_CODES.iter().find(|(known, _)| *known == signal)?;
        codes.get(usize::try_from(code).ok()?.checked_sub(1)?).copied()
    };
    match names::SIGNAL_CODE.name((code as u32).into()) {
        Some(name) => out.push_str(name),
        None if signal == libc::SIGCHLD => put_names(out, &names::CHILD_CODE, (code as u32).into()),
        None if (signal, code) == (libc::SIGSYS, SYS_SECCOMP) => out.push_str("SYS_SECCOMP"),
        None => match of_fault() {
            Some(name) => out.push_str(name),
            None => put_hex(out, (code as u32).into()),
        },
    }
}

fn put_sender(out: &mut String, bytes: &[u8]) {
    put(out, format_args!(", si_pid={}, si_uid={}", word(bytes, 16, 4), word(bytes, 20, 4) as u32));
}

fn put_value(out: &mut String, value: i64) {
    put(out, format_args!(", si_value={{sival_int={}, sival_ptr=", value as i32));
    put_address(out, value as u64);
    out.push('}');
}

fn put_child(out: &mut String, bytes: &[u8], code: i32) {
    put_sender(out, bytes);
    out.push_str(", si_status=");
    let status = word(bytes, 24, 4) as i32;
    if code == libc::CLD_EXITED {
        put_number(out, status)
    } else {
        put_signal(out, status)
    }
    put(out, format_args!(", si_utime={}, si_stime={}", word(bytes, 32, 8), word(bytes, 40, 8)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(put: impl Fn(&mut String)) -> String {
        let mut out = String::new();
        put(&mut out);
        out
    }

    #[test]
    fn a_status_says_how_a_process_has_ended_or_stopped() {
        let rows = [
            (42 << 8, "[{WIFEXITED(s) && WEXITSTATUS(s) == 42}]"),
            (9, "[{WIFSIGNALED(s) && WTERMSIG(s) == SIGKILL}]"),
            (11 | 0x80, "[{WIFSIGNALED(s) && WTERMSIG(s) == SIGSEGV && WCOREDUMP(s)}]"),
            (34, "[{WIFSIGNALED(s) && WTERMSIG(s) == SIGRT_2}]"),
            (19 << 8 | 0x7f, "[{WIFSTOPPED(s) && WSTOPSIG(s) == SIGSTOP}]"),
            (0x85 << 8 | 0x7f, "[{WIFSTOPPED(s) && WSTOPSIG(s) == SIGTRAP | 0x80}]"),
            (4 << 16 | 5 << 8 | 0x7f, "[{WIFSTOPPED(s) && WSTOPSIG(s) == SIGTRAP} | PTRACE_EVENT_EXEC<<16]"),
            (0xffff, "[{WIFCONTINUED(s)}]"),
        ];
        for (status, expected) in rows {
            assert_eq!(shown(|out| put_status(out, &i32::to_ne_bytes(status))), expected);
        }
    }

    /// A `siginfo_t`: the signal, the code, and the words from the 16th byte on.
    fn info(signal: i32, code: i32, words: &[i32]) -> Vec<u8> {
        let mut bytes: Vec<u8> = [signal, 0, code, 0].iter().chain(words).flat_map(|word| word.to_ne_bytes()).collect();
        bytes.resize(128, 0);
        bytes
    }

    #[test]
    fn what_comes_with_a_signal_depends_on_it() {
        let rows = [
            (info(0, 0, &[]), "{}"),
            (
                info(libc::SIGCHLD, libc::CLD_EXITED, &[7, 1000, 3, 0, 5, 0, 6, 0]),
                "{si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=7, si_uid=1000, si_status=3, si_utime=5, si_stime=6}",
            ),
            (
                info(libc::SIGCHLD, libc::CLD_KILLED, &[7, 0, 9]),
                "{si_signo=SIGCHLD, si_code=CLD_KILLED, si_pid=7, si_uid=0, si_status=SIGKILL, si_utime=0, si_stime=0}",
            ),
            (info(libc::SIGUSR1, 0, &[7, 8, 9]), "{si_signo=SIGUSR1, si_code=SI_USER, si_pid=7, si_uid=8}"),
            (
                info(libc::SIGUSR1, libc::SI_QUEUE, &[7, 8, 9, 0]),
                "{si_signo=SIGUSR1, si_code=SI_QUEUE, si_pid=7, si_uid=8, si_value={sival_int=9, sival_ptr=0x9}}",
            ),
            (
                info(libc::SIGALRM, libc::SI_TIMER, &[1, 2, 3, 0]),
                "{si_signo=SIGALRM, si_code=SI_TIMER, si_timerid=0x1, si_overrun=2, si_value={sival_int=3, sival_ptr=0x3}}",
            ),
            (info(libc::SIGSEGV, 1, &[16, 0]), "{si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=0x10}"),
            (info(libc::SIGIO, 1, &[1, 0, 5]), "{si_signo=SIGIO, si_code=POLL_IN, si_band=1, si_fd=5}"),
            (
                info(libc::SIGSYS, 1, &[16, 0, 0, 0xc000_003e_u32 as i32]),
                "{si_signo=SIGSYS, si_code=SYS_SECCOMP, si_call_addr=0x10, si_syscall=read, si_arch=AUDIT_ARCH_X86_64}",
            ),
            (info(libc::SIGWINCH, 0x80, &[7]), "{si_signo=SIGWINCH, si_code=SI_KERNEL}"),
        ];
        for (bytes, expected) in rows {
            assert_eq!(shown(|out| put_signal_info(out, &bytes)), expected);
        }
    }
}
