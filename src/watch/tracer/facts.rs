//! What the kernel knows of each loaded program: how it was verified, how often it ran, and how long.
#![allow(unsafe_code)]

use std::os::fd::{FromRawFd, OwnedFd};

use libbpf_rs::{AsRawLibbpf, OpenObject, libbpf_sys};
use nix::errno::Errno;

use super::refusal::done;
use super::{Tracer, load};
use crate::base::error::Error;

/// What the verifier says of a program at the log level BPF_LOG_STATS, in one text.
#[derive(Debug)]
pub struct VerifierLog {
    /// The program.
    pub program: String,
    /// The buffer that the kernel has written to.
    pub text: Box<[u8]>,
}

/// BPF_LOG_STATS (kernel: include/linux/bpf_verifier.h): the sums, and no instruction.
const LOG_STATS: u32 = 4;
/// The size of a log in bytes: the sums take a few hundred.
const LOG_SIZE: usize = 16 << 10;

/// Asks the verifier for its sums on each program, which it writes when the object is loaded.
pub fn ask_verifier(open: &mut OpenObject) -> Vec<VerifierLog> {
    let mut logs = Vec::new();
    for program in open.progs_mut() {
        let name = program.name().to_string_lossy().into_owned();
        let mut text = vec![0_u8; LOG_SIZE].into_boxed_slice();
        // SAFETY: the program takes the log while the object is loaded. The caller keeps it, on the heap, for longer.
        let _ = unsafe {
            let program = program.as_libbpf_object().as_ptr();
            libbpf_sys::bpf_program__set_log_level(program, LOG_STATS);
            libbpf_sys::bpf_program__set_log_buf(program, text.as_mut_ptr().cast(), LOG_SIZE as u64)
        };
        logs.push(VerifierLog { program: name, text });
    }
    logs
}

/// What is known of a loaded program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProgramFacts {
    /// Its name.
    pub name: String,
    /// How many instructions the verifier has looked at (`verified_insns`): on each way that it went.
    pub verified: u32,
    /// What the verifier says of its work.
    pub verifier: VerifierSums,
    /// How often it ran while the kernel counted that.
    pub runs: u64,
    /// How long these runs took, in nanoseconds.
    pub time_ns: u64,
}

/// The sums of the verifier. `None` where the kernel does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifierSums {
    /// How many states it has kept in all, and at most at a time.
    pub states: Option<(u64, u64)>,
    /// The stack in bytes, of each function of the program.
    pub stack: Option<String>,
    /// How long it took, in microseconds.
    pub took_us: Option<u64>,
}

impl VerifierSums {
    /// Reads them from a log (kernel/bpf/verifier.c, print_verification_stats()).
    fn read(log: &str) -> Self {
        let after = |word: &str| log.split_once(word)?.1.split_whitespace().next().map(str::to_owned);
        let number = |word: &str| after(word)?.parse::<u64>().ok();
        Self {
            states: number("total_states ").zip(number("peak_states ")),
            stack: after("stack depth "),
            took_us: number("verification time "),
        }
    }
}

/// While it lives, the kernel counts the runs of BPF programs and their time (bpf(2), BPF_ENABLE_STATS; Linux 5.8). That costs each
/// program some 20 ns a run.
#[derive(Debug)]
pub struct RunStats {
    _counting: OwnedFd,
}

impl RunStats {
    /// From now on.
    pub fn enable() -> Result<Self, Errno> {
        // SAFETY: the argument is a plain number.
        let fd = done(unsafe { libbpf_sys::bpf_enable_stats(libbpf_sys::BPF_STATS_RUN_TIME) })?;
        // SAFETY: the kernel has just given this descriptor to us alone.
        Ok(Self { _counting: unsafe { OwnedFd::from_raw_fd(fd) } })
    }
}

impl Tracer {
    /// What is known of each loaded program. The sums of the verifier are there if the options asked for its log.
    pub fn facts(&self) -> Result<Vec<ProgramFacts>, Error> {
        let fact = |info: Result<(&str, libbpf_sys::bpf_prog_info), Error>| {
            let (name, info) = info?;
            let name = name.to_owned();
            let log = self.logs.iter().find(|log| log.program == name);
            let text = log.map(|log| log.text.split(|&byte| byte == 0).next().unwrap_or_default());
            let verifier = VerifierSums::read(&String::from_utf8_lossy(text.unwrap_or_default()));
            let (runs, time_ns) = (info.run_cnt, info.run_time_ns);
            Ok(ProgramFacts { name, verified: info.verified_insns, verifier, runs, time_ns })
        };
        load::infos(&self.programs).map(fact).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_are_those_of_the_kernels_log() {
        let log = "func#0 @0\nverification time 523 usec\nstack depth 48+96\n\
                   processed 1234 insns (limit 1000000) max_states_per_insn 4 total_states 90 peak_states 80 mark_read 7\n";
        let sums = VerifierSums { states: Some((90, 80)), stack: Some("48+96".to_owned()), took_us: Some(523) };
        assert_eq!(VerifierSums::read(log), sums);
        assert_eq!(VerifierSums::read("BPF program is too large\n"), VerifierSums::default());
    }
}
