//! Which calls are asked for: `-e trace=SET`, as strace(1) has it.
//!
//! No I/O. A set names calls by their names, by classes (`%file`) or by regular expressions (`/^open`). It holds for the calls of
//! 32-bit programs and the requests of io_uring, too, each by its own name.

use std::collections::BTreeSet;
use std::str::FromStr;

use regex_lite::Regex;
use strsim::damerau_levenshtein;

use crate::table::syscalls::{self as rows, Abi, Ret, Role, Syscall};

mod classes; // the classes that only a list can tell

/// The calls that are asked for, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    names: BTreeSet<String>,
}

/// Why a text is no set, a sentence with a hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoSet(String);

impl std::fmt::Display for NoSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoSet {}

impl Selection {
    /// The calls of several sets.
    pub fn union(sets: &[Selection]) -> Option<Self> {
        let (first, more) = sets.split_first()?;
        let mut all = first.clone();
        all.names.extend(more.iter().flat_map(|set| set.names.iter().cloned()));
        Some(all)
    }

    /// Whether a call with this name is asked for.
    pub fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Whether the call with this number in one of the kernel's tables is asked for. A number without a name is.
    pub fn has_number(&self, abi: Abi, number: u32) -> bool {
        rows::known_name(abi, number).is_none_or(|name| self.has(name))
    }

    /// Whether a request of io_uring is asked for.
    pub fn has_requests(&self) -> bool {
        Syscall::all().iter().any(|row| row.is_request() && self.has(row.name))
    }
}

impl FromStr for Selection {
    type Err = NoSet;

    /// `trace=SET`, `t=SET` or `SET`: names with commas between them, `all`, `none`, `%class`, `/regex`, `?name` for a call that
    /// need not exist, and `!` in front for all others.
    fn from_str(text: &str) -> Result<Self, NoSet> {
        let set = match text.split_once('=') {
            Some(("trace" | "t", set)) => set,
            Some((other, _)) => {
                return Err(NoSet(format!("`{other}=` is not known: `trace=` says which calls are recorded")));
            }
            None => text,
        };
        let (set, is_negated) = set.strip_prefix('!').map_or((set, false), |rest| (rest, true));
        let universe = universe();
        let mut names = BTreeSet::new();
        for item in set.split(',').map(str::trim) {
            names.extend(chosen(item, &universe)?);
        }
        if is_negated {
            names = universe.into_iter().filter(|name| !names.contains(name)).collect();
        }
        Ok(Self { names })
    }
}

/// The names of all calls and requests.
fn universe() -> BTreeSet<String> {
    let native = rows::all_names().map(str::to_owned);
    let compat = (0..Syscall::NUMBERS).filter_map(|number| rows::known_name(Abi::Compat, number).map(str::to_owned));
    let rows = Syscall::all().iter().map(|row| row.name.to_owned());
    native.chain(compat).chain(rows).collect()
}

/// The names that one part of a set chooses.
fn chosen(item: &str, universe: &BTreeSet<String>) -> Result<Vec<String>, NoSet> {
    let those = |is_meant: &dyn Fn(&str) -> bool| universe.iter().filter(|name| is_meant(name)).cloned().collect();
    if let Some(pattern) = item.strip_prefix('/') {
        let regex =
            Regex::new(pattern).map_err(|error| NoSet(format!("`{item}` is no regular expression: {error}")))?;
        return Ok(those(&|name| regex.is_match(name)));
    }
    if let Some(class) = item.strip_prefix('%') {
        let class = classes::class(class).ok_or_else(|| no_class(item))?;
        return Ok(those(&|name| class.has(name)));
    }
    let (name, may_lack) = item.strip_prefix('?').map_or((item, false), |name| (name, true));
    match name {
        "all" => Ok(those(&|_| true)),
        "none" => Ok(Vec::new()),
        "" => Err(NoSet("a name is missing: write as in `-e trace=openat,close`, `%file` or `/^open`".to_owned())),
        name if universe.contains(name) => Ok(vec![name.to_owned()]),
        _ if may_lack || Syscall::is_known(name) => Ok(Vec::new()),
        // strace has had these classes without the sign.
        name => match classes::class(name) {
            Some(class) => Ok(those(&|name| class.has(name))),
            None => Err(no_call(name, universe)),
        },
    }
}

fn no_class(item: &str) -> NoSet {
    NoSet(format!("there is no class `{item}`; there are {}", classes::names().join(", ")))
}

fn no_call(name: &str, universe: &BTreeSet<String>) -> NoSet {
    let far = |known: &String| damerau_levenshtein(name, known);
    match universe.iter().min_by_key(|known| far(known)).filter(|known| far(known) <= name.len() / 3) {
        Some(near) => NoSet(format!("there is no call `{name}`; did you mean `{near}`?")),
        None => NoSet(format!("there is no call `{name}`; `/{name}` takes it as a regular expression")),
    }
}

/// Whether a call takes a path.
fn takes_path(row: &Syscall) -> bool {
    row.args.iter().any(|arg| matches!(arg.role, Role::Path))
}

/// Whether a call takes or makes a descriptor.
fn has_descriptor(row: &Syscall) -> bool {
    let takes = row.args.iter().any(|arg| matches!(arg.role, Role::Fd | Role::DirFd | Role::FdNumber));
    takes || row.makes.is_some() || matches!(row.ret, Ret::Fd | Ret::FdWhen(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> Selection {
        text.parse().unwrap()
    }

    fn refused(text: &str) -> String {
        text.parse::<Selection>().unwrap_err().to_string()
    }

    #[test]
    fn names_choose_calls() {
        for text in ["trace=openat,close", "t=openat,close", "openat, close", "openat,?no_such_call,close"] {
            let set = set(text);
            assert_eq!((set.has("openat"), set.has("close"), set.has("read")), (true, true, false), "{text}");
        }
        let others = set("!openat,close");
        assert_eq!((others.has("openat"), others.has("close"), others.has("read")), (false, false, true));
        assert!(set("all").has("getpid") && !set("none").has("getpid") && set("!none").has("getpid"));
        assert!(set("stat64").has("stat64"), "a call of 32-bit programs");
        assert!(set("/^(open|clos)").has("openat2") && !set("/^open").has("mq_open"));
    }

    #[test]
    fn classes_choose_calls() {
        let rows = [
            ("%file", "openat", "read"),
            ("file", "renameat2", "close"),
            ("%desc", "read", "mkdir"),
            ("%network", "sendmsg", "openat"),
            ("%net", "IORING_OP_ACCEPT", "IORING_OP_READ"),
            ("%process", "execve", "openat"),
            ("%signal", "rt_sigaction", "openat"),
            ("%ipc", "shmget", "openat"),
            ("%memory", "mprotect", "openat"),
            ("%creds", "setresuid", "openat"),
            ("%clock", "clock_gettime", "openat"),
            ("%%stat", "statx", "statfs"),
            ("%io_uring", "IORING_OP_READ", "read"),
            ("%%statfs", "fstatfs", "fstat"),
        ];
        for (class, has, lacks) in rows {
            let set = set(class);
            assert!(set.has(has) && !set.has(lacks), "{class}: {has}, {lacks}");
        }
        assert!(!set("%file,%desc").has_requests() || set("%file").has("IORING_OP_OPENAT"));
        assert!(!set("openat").has_requests() && set("IORING_OP_READ").has_requests());
    }

    #[test]
    fn wrong_sets_have_their_sentence() {
        assert_eq!(refused("opennat"), "there is no call `opennat`; did you mean `openat`?");
        assert_eq!(refused("qqqqqq"), "there is no call `qqqqqq`; `/qqqqqq` takes it as a regular expression");
        assert_eq!(refused("write=3"), "`write=` is not known: `trace=` says which calls are recorded");
        assert!(refused("%files").starts_with("there is no class `%files`; there are %file, %desc, "));
        assert!(refused("trace=").starts_with("a name is missing"));
        assert!(refused("openat,,close").starts_with("a name is missing"));
        assert!(refused("/(").starts_with("`/(` is no regular expression"));
    }

    #[test]
    fn numbers_without_a_name_are_asked_for() {
        let set = set("openat");
        let openat = Syscall::by_name("openat").unwrap().number;
        assert!(set.has_number(Abi::Native, openat) && set.has_number(Abi::Native, Syscall::NUMBERS - 1));
        assert!(!set.has_number(Abi::Native, Syscall::by_name("close").unwrap().number));
    }

    #[test]
    fn several_sets_are_one() {
        assert_eq!(Selection::union(&[]), None);
        let both = Selection::union(&[set("openat"), set("close")]).unwrap();
        assert!(both.has("openat") && both.has("close") && !both.has("read"));
    }
}
