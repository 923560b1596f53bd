//! Turns the errno of a refused step into a cause and a hint. No I/O, except that it reads this process's limits.

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit};

use crate::base::error::Error;

/// An error of the system or of a library.
pub trait Refusal {
    /// The errno, if there is one.
    fn errno(&self) -> Option<Errno>;
    /// Its own words.
    fn words(&self) -> String;
}

impl Refusal for Errno {
    fn errno(&self) -> Option<Errno> {
        Some(*self)
    }

    fn words(&self) -> String {
        self.to_string()
    }
}

impl Refusal for std::io::Error {
    fn errno(&self) -> Option<Errno> {
        self.raw_os_error().map(Errno::from_raw)
    }

    fn words(&self) -> String {
        self.to_string()
    }
}

impl Refusal for libbpf_rs::Error {
    /// libbpf-rs shows the number only in its text: `failed to load: Cannot allocate memory (os error 12)`.
    fn errno(&self) -> Option<Errno> {
        let words = self.words();
        let (_, number) = words.rsplit_once("(os error ")?;
        number.strip_suffix(')')?.parse().ok().map(Errno::from_raw)
    }

    fn words(&self) -> String {
        format!("{self:#}")
    }
}

/// The result of a function of libbpf, which returns the negative errno of what has failed.
pub(super) fn done(result: i32) -> Result<i32, Errno> {
    if result < 0 { Err(Errno::from_raw(result.saturating_neg())) } else { Ok(result) }
}

/// A broken invariant of our own.
pub struct Bug(pub &'static str);

impl Refusal for Bug {
    fn errno(&self) -> Option<Errno> {
        None
    }

    fn words(&self) -> String {
        format!("BUG: {}", self.0)
    }
}

/// The cause and a hint, if the errno means the same in every step.
pub fn cause(refusal: &dyn Refusal) -> Option<(String, &'static str)> {
    let cause = match refusal.errno()? {
        Errno::EMFILE => {
            let (most, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or_default();
            let sentence = format!("this process may have no more than {most} descriptors open (EMFILE)");
            (sentence, "`ulimit -n 1024` allows more (a unit's LimitNOFILE=, docker's --ulimit nofile=1024)")
        }
        Errno::ENFILE => (
            "this machine may have no more files open (ENFILE)".to_owned(),
            "`sysctl fs.file-nr` says how many there are and may be",
        ),
        Errno::ENOMEM => (
            "there is no memory for it (ENOMEM)".to_owned(),
            "a smaller --ring-size needs less; `ulimit -v`, `ulimit -l` and a cgroup's memory.max say what there may be",
        ),
        Errno::ENOSYS => (
            "there is no such system call here (ENOSYS)".to_owned(),
            "the kernel needs CONFIG_BPF_SYSCALL; a seccomp filter may hide the call: with docker, --security-opt seccomp=unconfined",
        ),
        Errno::EPERM | Errno::EACCES => (
            "it is not permitted, though no capability is missing".to_owned(),
            "`cat /sys/kernel/security/lockdown` must not say [confidentiality]; with docker, --security-opt seccomp=unconfined",
        ),
        _ => return None,
    };
    Some(cause)
}

/// The error for a step that the kernel has refused.
pub fn refused(step: &str, refusal: &dyn Refusal) -> Error {
    let (words, hint) = cause(refusal).unwrap_or_else(|| (refusal.words(), "`dmesg` may say more"));
    Error::cannot_trace(format!("{step}: {words}"), hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use libbpf_rs::ErrorExt;

    #[test]
    fn whatever_libbpf_returns_below_zero_is_an_error() {
        let rows = [(0, Ok(0)), (5, Ok(5)), (-1, Err(Errno::EPERM)), (-22, Err(Errno::EINVAL))];
        for (result, expected) in rows {
            assert_eq!(done(result), expected, "{result}");
        }
    }

    #[test]
    fn the_cause_is_told_whoever_says_it() {
        let libbpf = |errno: Errno| libbpf_rs::Error::from_raw_os_error(errno as i32).context("failed to load object");
        let rows: [(&str, Box<dyn Refusal>, &str, &str); 6] = [
            ("libbpf, below what it did", Box::new(libbpf(Errno::EMFILE)), "descriptors open (EMFILE)", "ulimit -n"),
            ("the system", Box::new(Errno::EMFILE), "descriptors open (EMFILE)", "ulimit -n"),
            ("the standard library", Box::new(std::io::Error::from(Errno::ENOMEM)), "no memory", "--ring-size"),
            ("by a filter", Box::new(libbpf(Errno::EPERM)), "not permitted", "seccomp"),
            (
                "of no known cause",
                Box::new(libbpf(Errno::EXDEV)),
                "failed to load object: Invalid cross-device",
                "dmesg",
            ),
            ("without a number", Box::new(Bug("gone")), "BUG: gone", "dmesg"),
        ];
        for (sentence, refusal, words, hint) in rows {
            let error = refused("a step", refusal.as_ref());
            assert!(error.sentence.starts_with("a step: ") && error.sentence.contains(words), "{sentence}: {error}");
            assert!(error.hint.contains(hint), "{sentence}: {error}");
        }
    }
}
