//! BPF objects as subjects: three good ones on a process of ours, and broken ones.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use ior_it::support::subject::object::ObjectSubject;
use ior_it::support::subject::toml::Definition;
use ior_it::support::subject::window::{FenceKind, Fences, Window};
use ior_it::support::subject::{Line, Said, Shown, Subject, Waited, Watching};
use libtest_mimic::{Failed, Trial};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::support;

mod traced;

use traced::{MOVES, NONCE, Traced, cpus, made};
pub use traced::{WORK, works};

type Tested = Result<(), Failed>;
type Named = (&'static str, fn() -> Tested);

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(20);
/// How long to wait for fences that never come.
const SHORT: Duration = Duration::from_millis(300);

pub fn main() -> ExitCode {
    let tests: [Named; 13] = [
        ("one_record_a_call_of_one_process_shows_what_was_made", opens),
        ("enter_and_exit_apart_in_the_buffers_of_all_cpus_show_what_was_made", halves),
        ("one_with_a_filter_watches_one_process_after_the_other", halves_again),
        ("the_calls_of_a_thread_that_moves_stay_in_order", moves),
        ("who_is_watched_no_more_is_let_go", let_go),
        ("our_own_object_is_mapped_as_it_is", ours),
        ("a_layout_that_is_not_that_of_the_struct_is_refused", other_layout),
        ("a_layout_of_another_size_makes_everything_garbled", other_size),
        ("a_layout_with_fields_at_other_places_shows_other_values", other_places),
        ("what_did_not_fit_into_the_ring_is_told", small_ring),
        ("what_is_no_such_object_says_why", no_such),
        ("without_descriptors_it_says_so", no_descriptors),
        ("what_the_verifier_refuses_is_told_with_its_words", refused),
    ];
    support::mount_tracefs();
    support::run_live("objects", || tests.into_iter().map(|(name, test)| Trial::test(name, test)).collect())
}

/// What an object reported about the process, and the calls that the process made.
struct Seen {
    window: Window,
    /// Whether the object reported all fences.
    waited: Waited,
    results: Vec<i64>,
    pid: u32,
    shown: usize,
}

/// Watches a process while it acts this many times.
fn watch(subject: &dyn Subject, repeats: u32, limit: Duration) -> Result<Seen, Failed> {
    let fences = Fences { kind: subject.profile().fence, nonce: NONCE };
    let mut traced = Traced::start(fences.kind)?;
    let pid = traced.child.id();
    let watching = subject.watch(pid, fences)?;
    let open = attached(watching.as_ref(), &mut traced)?;
    let answer = traced.order(&format!("{open} {} {repeats}", open + 1))?;
    let closing = open + 1..=open + u64::from(cpus());
    let all = |shown: &BTreeSet<u64>| closing.clone().all(|number| shown.contains(&number));
    let waited = watching.wait_for(&all, limit);
    let Shown { lines, .. } = watching.stop(LONG);
    let results = answer.trim().trim_matches(['[', ']']).split(", ").filter_map(|word| word.parse().ok()).collect();
    let shown = lines.len();
    Ok(Seen { window: Window::of(lines, &fences, open, closing), waited, results, pid, shown })
}

/// The number after the first reported fence. An object that reports none in time is shown with its lines.
fn attached(watching: &dyn Watching, traced: &mut Traced) -> Result<u64, Failed> {
    let end = Instant::now() + Duration::from_secs(2);
    let mut number = 0;
    while Instant::now() < end {
        traced.order(&number.to_string())?;
        number += 1;
        match watching.wait_for(&|shown| !shown.is_empty(), Duration::from_millis(16)) {
            Waited::Shown => break,
            Waited::TooLong => {}
            Waited::Ended | Waited::AtEnd => return Err("it has ended".into()),
        }
    }
    Ok(number)
}

/// The calls of the act as lines, with the fields that are compared.
fn compared(calls: impl IntoIterator<Item = Said>, keys: &[&str]) -> Vec<String> {
    let names = ["openat", "write", "dup", "close", "lseek"];
    let told = |said: Said| {
        let of = |key: &&str| said.get(key).map(|value| format!("{key} = {value:?}"));
        format!("{} {}", said.call, keys.iter().filter_map(of).collect::<Vec<_>>().join(", "))
    };
    calls.into_iter().filter(|said| names.contains(&said.call.as_str())).map(told).collect()
}

fn inside(seen: &Seen) -> impl Iterator<Item = Said> {
    seen.window.inside.iter().filter_map(|line| if let Line::Call(said) = line { Some((**said).clone()) } else { None })
}

fn garbled(seen: &Seen) -> usize {
    seen.window.inside.iter().filter(|line| matches!(line, Line::Garbled { .. })).count()
}

/// The object of one of the sources beside its TOML, and the TOML with changes.
fn subject(folder: &Path, name: &str, changes: &[(&str, &str)]) -> Result<ObjectSubject, Failed> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/objects");
    support::compile(folder, name, &std::fs::read_to_string(tests.join(format!("{name}.bpf.c")))?)?;
    of_text(folder, &std::fs::read_to_string(tests.join(format!("{name}.toml")))?, changes)
}

fn of_text(folder: &Path, text: &str, changes: &[(&str, &str)]) -> Result<ObjectSubject, Failed> {
    let mut text = text.to_owned();
    for (from, to) in changes {
        require!(text.contains(from), "there is no {from:?} to change");
        text = text.replace(from, to);
    }
    let definition = Definition::parse("object.toml", &text).map_err(|errors| errors.to_string())?;
    Ok(ObjectSubject::new(&definition, None, folder.to_owned())?)
}

fn shows_what_was_made(subject: &dyn Subject, only: Option<&str>, keys: &[&str]) -> Tested {
    let seen = watch(subject, 1, LONG)?;
    require!(seen.waited == Waited::Shown, "{:?} after {} lines: {:?}", seen.waited, seen.shown, seen.window);
    let of_act = made(&seen.results, seen.pid).into_iter().filter(|said| only.is_none_or(|only| said.call == only));
    let (wanted, shown) = (compared(of_act, keys), compared(inside(&seen), keys));
    require!(shown == wanted, "shown {shown:#?}, made {wanted:#?}");
    require!(wanted.len() >= 3, "{wanted:?}");
    require!(garbled(&seen) == 0 && !seen.window.losses.are_known(), "{:?}", seen.window);
    Ok(())
}

fn opens() -> Tested {
    let folder = tempfile::tempdir()?;
    let subject = subject(folder.path(), "opens", &[])?;
    shows_what_was_made(&subject, Some("openat"), &["pid", "tid", "path", "flags", "ret"])
}

const OF_HALVES: [&str; 10] = ["pid", "tid", "fd", "dirfd", "flags", "mode", "count", "offset", "whence", "ret"];

fn halves() -> Tested {
    let folder = tempfile::tempdir()?;
    shows_what_was_made(&subject(folder.path(), "halves", &[])?, None, &OF_HALVES)
}

fn halves_again() -> Tested {
    let folder = tempfile::tempdir()?;
    let subject = subject(folder.path(), "halves", &[])?;
    // It is loaded once, and so it continues without its file.
    shows_what_was_made(&subject, None, &OF_HALVES)?;
    std::fs::remove_file(folder.path().join("halves.bpf.o"))?;
    (0..3).try_for_each(|_| shows_what_was_made(&subject, None, &OF_HALVES))
}

/// More records than one read takes: what each CPU has kept comes in one piece.
fn moves() -> Tested {
    let folder = tempfile::tempdir()?;
    let seen = watch(&subject(folder.path(), "halves", &[])?, MOVES as u32, LONG)?;
    let wanted = compared(made(&seen.results, seen.pid), &OF_HALVES);
    let shown = compared(inside(&seen), &OF_HALVES);
    require!(shown.len() == wanted.len() * MOVES as usize, "{} calls, garbled {}", shown.len(), garbled(&seen));
    require!(shown.chunks(wanted.len()).all(|act| act == wanted), "they are out of order");
    require!(garbled(&seen) == 0 && !seen.window.losses.are_known(), "{:?}", seen.window.losses);
    Ok(())
}

fn let_go() -> Tested {
    let folder = tempfile::tempdir()?;
    let subject = subject(folder.path(), "halves", &[])?;
    let fences = Fences { kind: FenceKind::Close, nonce: NONCE };
    let (mut before, mut after) = (Traced::start(FenceKind::Close)?, Traced::start(FenceKind::Close)?);
    let watching = subject.watch(before.child.id(), fences)?;
    attached(watching.as_ref(), &mut before)?;
    watching.stop(LONG);
    let watching = subject.watch(after.child.id(), fences)?;
    attached(watching.as_ref(), &mut after)?;
    let [of_before, of_after] = [900_000_u64, 900_001];
    before.order(&of_before.to_string())?;
    after.order(&of_after.to_string())?;
    let waited = watching.wait_for(&|shown| shown.contains(&of_after), LONG);
    require!(waited == Waited::Shown, "{waited:?}");
    let lines = watching.stop(LONG).lines;
    let of_it = |line: &&Line| matches!(line, Line::Call(said) if fences.number(said) == Some(of_before));
    require!(!lines.iter().any(|line| of_it(&line)), "the one before is still watched");
    Ok(())
}

fn ours() -> Tested {
    let folder = tempfile::tempdir()?;
    support::compile(folder.path(), "tracer", &support::source()?)?;
    let subject = of_text(folder.path(), include_str!("../../subjects/ior-it-object.toml"), &[])?;
    shows_what_was_made(&subject, None, &OF_HALVES)
}

/// The error of an object that cannot watch.
fn error_of(subject: &ObjectSubject) -> Result<String, Failed> {
    let fences = Fences { kind: FenceKind::Close, nonce: NONCE };
    match subject.watch(std::process::id(), fences) {
        Ok(_) => Err("it was loaded".into()),
        Err(error) => Ok(format!("{error} {}", error.hint)),
    }
}

fn other_layout() -> Tested {
    let folder = tempfile::tempdir()?;
    let error = error_of(&subject(folder.path(), "opens", &[("s32 ret; u32 flags", "u32 flags; s32 ret")])?)?;
    require!(
        error.contains("struct event") && error.contains("`flags` is at byte 20, and by the layout at 16"),
        "{error}"
    );
    let error = error_of(&subject(folder.path(), "opens", &[("path[256]", "path[248]")])?)?;
    require!(error.contains("it has 296 bytes, and the layout 288"), "{error}");
    Ok(())
}

fn other_size() -> Tested {
    let folder = tempfile::tempdir()?;
    let seen = watch(
        &subject(folder.path(), "halves", &[("s64 ret\"", "s64 ret; u64 more\""), ("u64 args[6]", "u64 args[5]")])?,
        1,
        SHORT,
    )?;
    require!(seen.waited == Waited::TooLong && inside(&seen).count() == 0, "{:?}", seen.window);
    require!(seen.shown >= 18, "{} lines", seen.shown);
    Ok(())
}

fn other_places() -> Tested {
    let folder = tempfile::tempdir()?;
    let seen = watch(&subject(folder.path(), "halves", &[("u32 pid; u32 nr", "u32 nr; u32 pid")])?, 1, SHORT)?;
    let (wanted, shown) = (made(&seen.results, seen.pid), inside(&seen));
    let (wanted, shown) = (compared(wanted, &OF_HALVES), compared(shown, &OF_HALVES));
    require!(wanted != shown && seen.waited == Waited::TooLong, "{shown:#?}");
    Ok(())
}

fn small_ring() -> Tested {
    let folder = tempfile::tempdir()?;
    let changes = [("drops = \"lost\"", "drops = \"lost\"\nentries = { events = 4096 }")];
    let seen = watch(&subject(folder.path(), "opens", &changes)?, 2000, SHORT)?;
    require!(seen.window.losses.are_known(), "nothing was lost of {} lines", seen.shown);
    Ok(())
}

fn no_such() -> Tested {
    let folder = tempfile::tempdir()?;
    drop(subject(folder.path(), "opens", &[])?);
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/objects/opens.toml"))?;
    let rows: [(&str, &str, &str, &str); 8] = [
        ("ring = \"events\"", "ring = \"event\"", "has no map `event`", "did you mean `events`?"),
        ("ring = \"events\"", "ring = \"open\"", "the map `open` of", "BPF_MAP_TYPE_RINGBUF"),
        ("[\"handle_*\"]", "[\"handel_enter\"]", "has no program `handel_enter`", "did you mean `handle_enter`?"),
        ("{ PID_FILTER", "{ PID_FILTR", "has no variable `PID_FILTR`", "did you mean `PID_FILTER`?"),
        ("\"{pid}\" }", "1099511627776 }", "has 4 bytes, and cannot be 1099511627776", "numbers"),
        ("drops = \"lost\"", "drops = \"open\"", "the map `open` of", "`drops` names a map"),
        ("drops = \"lost\"", "filter = \"lost\"", "the map `lost` of", "`filter` names a hash map"),
        ("[\"handle_*\"]", "[\"handle_*\", \"other\"]", "the program other of", "/sys/kernel/tracing/events"),
    ];
    for (from, to, sentence, hint) in rows {
        let error = error_of(&of_text(folder.path(), &text, &[(from, to)])?)?;
        require!(error.contains(sentence) && error.contains(hint), "{to}: {error}");
    }
    let file = folder.path().join("opens.bpf.o");
    let whole = std::fs::read(&file)?;
    let files: [(&[u8], &str); 3] =
        [(b"", "is no BPF object"), (b"text\n", "is no BPF object"), (&whole[..whole.len() / 2], "is no BPF object")];
    for (bytes, sentence) in files {
        std::fs::write(&file, bytes)?;
        let error = error_of(&of_text(folder.path(), &text, &[])?)?;
        require!(error.contains(sentence), "{error}");
    }
    std::fs::remove_file(&file)?;
    let error = error_of(&of_text(folder.path(), &text, &[])?)?;
    require!(error.contains("No such file") && error.contains("`file` of [object]"), "{error}");
    let error = error_of(&of_text(folder.path(), &text, &[("opens.bpf.o", "/dev/zero")])?)?;
    require!(error.contains("it is no regular file"), "{error}");
    Ok(())
}

fn refused() -> Tested {
    let folder = tempfile::tempdir()?;
    let tests: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/objects");
    let source = std::fs::read_to_string(tests.join("opens.bpf.c"))?.replace("if (!event)\n\t\treturn 0;", "");
    support::compile(folder.path(), "opens", &source)?;
    let error = error_of(&of_text(folder.path(), &std::fs::read_to_string(tests.join("opens.toml"))?, &[])?)?;
    require!(error.contains("the kernel's verifier refused") && error.contains("processed"), "{error}");
    Ok(())
}

/// A limit of this process, which is restored on drop.
struct Limited(u64, u64);

impl Limited {
    fn to(count: u64) -> Result<Self, Failed> {
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
        setrlimit(Resource::RLIMIT_NOFILE, count, hard)?;
        Ok(Self(soft, hard))
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, self.0, self.1);
    }
}

fn no_descriptors() -> Tested {
    let folder = tempfile::tempdir()?;
    let subject = subject(folder.path(), "opens", &[])?;
    let open = std::fs::read_dir("/proc/self/fd")?.count() as u64;
    for more in 0..8 {
        let limited = Limited::to(open + more)?;
        let error = error_of(&subject);
        drop(limited);
        // With enough of them it is loaded.
        let Ok(error) = error else { return Ok(()) };
        require!(error.contains("EMFILE") || error.contains("os error 24"), "with {more} more: {error}");
    }
    shows_what_was_made(&subject, Some("openat"), &["path", "ret"])
}
