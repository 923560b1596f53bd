//! Controls: what must not pass does not pass, and what happens to one scenario does not reach another.
//!
//! Every session's zygote is forked before the first thread starts, so all of them are prepared first.
#![allow(unsafe_code)]

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support;
use ior_it::base::limit::Limit;
use ior_it::child::ending::{How, Phase};
use ior_it::child::scenario::{Broken, Scenario, Setup, act, call, ensure};
use ior_it::child::scenarios;
use ior_it::judge::expectation::Expectations;
use ior_it::judge::verdict::Verdict;
use ior_it::session::{Options, Prepared, Session};
use ior_it::table::syscalls::{Class, Syscall};
use ior_it::watch::tracer;
use libtest_mimic::{Failed, Trial};

const TESTS: &str = include_str!("../../tests.toml");
const LIMIT: Duration = Duration::from_millis(200);
const LONG: Limit = Limit::growing(Duration::from_secs(20));

pub fn main() -> ExitCode {
    support::run_live("controls", || match sessions() {
        Ok(sessions) => trials(&Arc::new(sessions)),
        Err(error) => vec![Trial::test("sessions", move || Err(error.to_string().into()))],
    })
}

struct Sessions {
    whole: Session,
    unwatched: Session,
    unattached: Session,
    endings: Session,
}

fn sessions() -> Result<Sessions, ior_it::base::error::Error> {
    let base = || scenarios::all().copied();
    let whole = Prepared::new(base(), Options::default())?;
    let unwatched = Prepared::new(base(), Options { watch: false, ..Options::default() })?;
    let detached = Options { tracer: tracer::Options { attach: false, ..Default::default() }, ..Options::default() };
    let unattached = Prepared::new(base(), detached)?;
    let of_no_list = ENDINGS.iter().map(|row| row.0).chain([KERNEL_THREAD, TAKES_A_SECOND]);
    let endings = Prepared::new(of_no_list, Options::default())?;
    Ok(Sessions {
        whole: whole.load()?,
        unwatched: unwatched.load()?,
        unattached: unattached.load()?,
        endings: endings.load()?,
    })
}

fn trials(sessions: &Arc<Sessions>) -> Vec<Trial> {
    type Test = fn(&Sessions) -> Result<(), Failed>;
    let tests: [(&str, Test); 8] = [
        ("an_unwatched_twin_leaves_no_record", an_unwatched_twin_leaves_no_record),
        ("nothing_passes_when_nothing_is_attached", nothing_passes_when_nothing_is_attached),
        ("each_line_of_tests_toml_matters", each_line_of_tests_toml_matters),
        ("each_ending_has_its_own_message", each_ending_has_its_own_message),
        ("a_scenario_inherits_nothing_from_another", a_scenario_inherits_nothing_from_another),
        ("a_watch_takes_no_record_of_another", a_watch_takes_no_record_of_another),
        ("a_thread_of_the_kernel_ends_nothing", a_thread_of_the_kernel_ends_nothing),
        ("a_limit_grows_with_the_load_of_the_machine", a_limit_grows_with_the_load_of_the_machine),
    ];
    let trial = |(name, test): (&str, Test)| {
        let sessions = Arc::clone(sessions);
        Trial::test(name, move || test(&sessions))
    };
    tests.into_iter().map(trial).collect()
}

fn names() -> Vec<&'static str> {
    scenarios::all().map(|scenario| scenario.name).collect()
}

/// Those that run without being asked for.
fn everyday() -> Result<Vec<&'static str>, String> {
    let expectations = expectations(TESTS)?;
    let runs = |name: &&str| expectations.get(name).is_some_and(|expectation| expectation.ignored.is_none());
    Ok(names().into_iter().filter(runs).collect())
}

fn expectations(text: &str) -> Result<Expectations, String> {
    Expectations::parse("tests.toml", text, &names()).map_err(|errors| errors.to_string())
}

fn verdict(session: &Session, name: &str, expectations: &Expectations) -> Result<Verdict, Failed> {
    let expectation = expectations.get(name).ok_or_else(|| format!("{name} has no table"))?;
    Ok(session.run(name, expectation, "tests.toml", LONG)?.verdict)
}

fn an_unwatched_twin_leaves_no_record(sessions: &Sessions) -> Result<(), Failed> {
    for name in everyday()? {
        let workspace = sessions.unwatched.workspaces().for_scenario(name)?;
        let (observed, _) = sessions.unwatched.observe(name, workspace.path(), LONG, false)?;
        let ending = &observed.ending;
        let has_run = matches!(ending.how, How::Finished | How::Exited(0) | How::Skipped(_) | How::Signal(_));
        require!(has_run && ending.phase == Phase::Act, "{name}: it {ending}");
        require!(
            observed.trace.calls.is_empty(),
            "{name}: {} calls of a child that nobody watched",
            observed.trace.calls.len()
        );
    }
    let unclaimed = sessions.unwatched.unclaimed_records();
    require!(unclaimed == 0, "{unclaimed} records came though nothing was watched");
    Ok(())
}

fn nothing_passes_when_nothing_is_attached(sessions: &Sessions) -> Result<(), Failed> {
    let expectations = expectations(TESTS)?;
    for name in everyday()? {
        // Whoever follows processes waits for ends that nobody sees.
        let expectation = expectations.get(name).ok_or_else(|| format!("{name} has no table"))?;
        match sessions.unattached.run(name, expectation, "tests.toml", LIMIT)?.verdict {
            // Skipped for a reason of its own, which has nothing to do with tracing.
            Verdict::Fail(_) | Verdict::Inconclusive(_) | Verdict::Skip(_) => {}
            Verdict::Pass => return Err(format!("{name} passes").into()),
        }
    }
    require!(sessions.unattached.canary().is_err(), "the canary was seen though nothing is attached");
    Ok(())
}

/// Each line of `calls` of each table is taken out, doubled and changed: the verdict on the same trace, or the parser,
/// must object.
fn each_line_of_tests_toml_matters(sessions: &Sessions) -> Result<(), Failed> {
    let mut survivors = Vec::new();
    for (name, table) in tables() {
        let original = expectations(TESTS)?;
        let expectation = original.get(name).ok_or("no table")?;
        if expectation.ignored.is_some() {
            continue;
        }
        let run = sessions.whole.run(name, expectation, "tests.toml", LONG)?;
        if let Verdict::Skip(_) = run.verdict {
            continue;
        }
        require!(run.verdict == Verdict::Pass, "{name} does not pass: {:?}", run.verdict);
        for (what, mutant) in mutants(table) {
            let Ok(parsed) = Expectations::parse("tests.toml", &mutant, &[name]) else { continue };
            let expectation = parsed.get(name).ok_or("no table")?;
            match ior_it::judge::verdict::judge(expectation, "tests.toml", &run.observed) {
                Verdict::Fail(_) => {}
                other => survivors.push(format!("{name}: {what} → {other:?}")),
            }
        }
    }
    require!(survivors.is_empty(), "{} changes went unnoticed:\n{}", survivors.len(), survivors.join("\n"));
    Ok(())
}

/// The tables of tests.toml: name and text.
fn tables() -> Vec<(&'static str, &'static str)> {
    let starts: Vec<usize> = TESTS.match_indices("\n[").map(|(at, _)| at + 1).chain([TESTS.len()]).collect();
    let table = |pair: &[usize]| {
        let text = &TESTS[pair[0]..pair[1]];
        let name = text.strip_prefix('[').and_then(|rest| rest.split(']').next()).unwrap_or_default();
        (name, text)
    };
    starts.windows(2).map(table).collect()
}

/// A table with one line of its calls missing, doubled, or with one value changed.
fn mutants(table: &str) -> Vec<(String, String)> {
    let mut mutants = Vec::new();
    for line in table.lines().filter(|line| line.trim_start().starts_with("{ call = ")) {
        let mut with = |what: &str, text: String| {
            mutants.push((format!("{what}: {}", line.trim()), table.replacen(line, &text, 1)))
        };
        if !is_only_mention(line, table) {
            with("taken out", String::new());
        }
        with("doubled", format!("{line}\n{line}"));
        for changed in changed_values(line) {
            with(&format!("changed to {}", changed.trim()), changed.clone());
        }
    }
    mutants
}

/// A call that is no I/O takes part in the comparison because its table names it: without its only line it does not.
fn is_only_mention(line: &str, table: &str) -> bool {
    let call = line.trim_start().strip_prefix("{ call = ").and_then(|rest| rest.split('"').nth(1)).unwrap_or_default();
    let is_io = Syscall::by_name(call).is_none_or(|row| row.class == Class::Io);
    !is_io && table.matches(&format!("{{ call = \"{call}\"")).count() == 1
}

/// The line with each of its values changed in turn.
fn changed_values(line: &str) -> Vec<String> {
    let mut changed = Vec::new();
    for (at, _) in line.match_indices(" = ") {
        let (head, value) = line.split_at(at + 3);
        let end = match value.strip_prefix('"') {
            Some(text) => text.find('"').map_or(0, |end| end + 2),
            None => value.find([',', ' ']).unwrap_or(0),
        };
        let (value, rest) = value.split_at(end);
        let other = match value.parse::<i64>() {
            Ok(number) => (number + 1).to_string(),
            Err(_) if value.starts_with("0o") => "0o123".to_owned(),
            Err(_) if value == "true" => "false".to_owned(),
            Err(_) if value.starts_with("\"$") => "77".to_owned(),
            Err(_) if value.starts_with("\"E") => "\"EXDEV\"".to_owned(),
            Err(_) => value.replacen('"', "\"other-", 1),
        };
        // A bit more, where the value is flags.
        let name = value.trim_matches('"');
        let is_flags = value.starts_with('"')
            && !name.is_empty()
            && name.chars().all(|c| matches!(c, 'A'..='Z' | '0'..='9' | '_' | '|' | 'x'));
        let more = if is_flags { format!("\"{name}|0x10000000\"") } else { other.clone() };
        for other in [other, more].into_iter().filter(|other| other != value) {
            changed.push(format!("{head}{other}{rest}"));
        }
    }
    changed
}

/// Scenarios that end in all ways, and what is said of each.
const ENDINGS: &[(Scenario, &str)] = &[
    (
        Scenario::new("setup-fails", || Err(Broken::Step("no luck".to_owned()))),
        "failed in setup, before the gate: no luck",
    ),
    (Scenario::new("setup-panics", || panic!("oh no")), "panicked in setup, before the gate: oh no"),
    (
        Scenario::new("setup-dies", || {
            kill_self(libc::SIGKILL);
            act(|| Ok(()))
        }),
        "killed by SIGKILL in setup, before the gate",
    ),
    (Scenario::new("setup-exits", || exit(7)), "exited with status 7 in setup, before the gate"),
    (
        Scenario::new("setup-hangs", || {
            pause();
            act(|| Ok(()))
        }),
        "timed out in setup, before the gate after 0.2 s",
    ),
    (Scenario::new("act-fails", || act(|| ensure(false, "that did not hold"))), "failed in act: that did not hold"),
    (Scenario::new("act-panics", || act(|| panic!("oh no"))), "panicked in act: oh no"),
    (
        Scenario::new("act-dies", || {
            act(|| {
                kill_self(libc::SIGTERM);
                Ok(())
            })
        }),
        "killed by SIGTERM in act",
    ),
    (Scenario::new("act-exits", || act(|| exit(0).map(drop))), "exited with status 0 in act"),
    (
        Scenario::new("act-hangs", || {
            act(|| {
                fork_and_hang();
                Ok(())
            })
        }),
        "timed out in act after 0.2 s",
    ),
    (
        Scenario::new("lacks", || act(|| Ok(call!(no_such_call).map(drop)?))),
        "skipped in act: this kernel has no no_such_call",
    ),
    (Scenario::new("leaves-things", leaves_things), "finished"),
    (Scenario::new("finds-nothing", finds_nothing), "finished"),
];

fn kill_self(signal: i32) {
    // SAFETY: a signal to this process itself.
    unsafe { libc::kill(libc::getpid(), signal) };
}

fn exit(status: i32) -> Setup {
    // SAFETY: ends the child.
    unsafe { libc::_exit(status) }
}

fn pause() {
    // SAFETY: waits for a signal.
    unsafe { libc::pause() };
}

/// A grandchild in a session of its own, so that only its parentage tells whose it is; both hang.
fn fork_and_hang() {
    // SAFETY: the child has one thread.
    if unsafe { libc::fork() } == 0 {
        // SAFETY: no pointers.
        unsafe { libc::setsid() };
    }
    pause();
}

fn leaves_things() -> Setup {
    act(|| {
        // SAFETY: the child has one thread.
        unsafe { std::env::set_var("IOR_LEFT", "1") };
        call!(openat, libc::AT_FDCWD, c"left", libc::O_CREAT | libc::O_WRONLY, 0o600)?;
        call!(chdir, c"/")?;
        call!(umask, 0o777)?;
        call!(prctl, libc::PR_SET_NAME, c"left")?;
        Ok(())
    })
}

fn finds_nothing() -> Setup {
    let files = std::fs::read_dir(".")?.count();
    ensure(files == 0, "the workspace is not empty")?;
    ensure(std::env::vars_os().count() == 0, "the environment is not empty")?;
    ensure(
        std::env::current_dir()?.to_string_lossy().contains("finds-nothing"),
        "the working directory is not the workspace",
    )?;
    ensure(std::fs::read_to_string("/proc/self/comm")?.trim() == "finds-nothing", "the name is not the scenario's")?;
    // 0, 1, 2, the gate, and the one that reads this directory.
    let mut open: Vec<String> = std::fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .collect();
    open.sort();
    ensure(open == ["0", "1", "2", "255", "3"], &format!("descriptors are open: {open:?}"))?;
    // SAFETY: reads and restores the mask.
    let mask = unsafe { libc::umask(0o022) };
    ensure(mask == 0o022, "the umask is another")?;
    act(|| Ok(()))
}

const KERNEL_THREAD: Scenario = Scenario::new("kernel-thread", kernel_thread);

/// A request of a ring that the kernel gives to a thread of its own, which it makes in this process.
fn kernel_thread() -> Setup {
    let mut ring = io_uring::IoUring::new(4).map_err(|error| Broken::Skip(format!("no io_uring here: {error}")))?;
    let nop = io_uring::opcode::Nop::new().build().flags(io_uring::squeue::Flags::ASYNC);
    act(move || {
        // SAFETY: a request without memory.
        let pushed = unsafe { ring.submission().push(&nop) };
        ensure(pushed.is_ok(), "the new ring has no room for one entry")?;
        ring.submit_and_wait(1)?;
        let threads = std::fs::read_dir("/proc/self/task")?.count();
        ensure(threads == 2, &format!("the process has {threads} threads"))?;
        drop(ring);
        call!(sync)?;
        Ok(())
    })
}

fn a_thread_of_the_kernel_ends_nothing(sessions: &Sessions) -> Result<(), Failed> {
    let session = &sessions.endings;
    let workspace = session.workspaces().for_scenario(KERNEL_THREAD.name)?;
    let (observed, _) = session.observe(KERNEL_THREAD.name, workspace.path(), LONG, false)?;
    if let How::Skipped(_) = observed.ending.how {
        return Ok(());
    }
    require!(observed.ending.how == How::Finished, "it {}", observed.ending);
    let losses = observed.trace.losses();
    require!(losses.is_empty(), "{}", losses.join("\n"));
    require!(observed.trace.counts.ends == 1, "{} ends of one process", observed.trace.counts.ends);
    let last: Vec<_> = observed.trace.calls.iter().rev().take(2).map(|call| call.name()).collect();
    require!(last == ["exit_group", "sync"], "the last calls are {last:?}");
    Ok(())
}

const TAKES_A_SECOND: Scenario = Scenario::new("takes-a-second", || {
    act(|| {
        call!(poll, 0, 0, 1000)?;
        Ok(())
    })
});

/// Sixteen threads for each CPU want to run: what may take a fifth of a second then may take three.
fn a_limit_grows_with_the_load_of_the_machine(sessions: &Sessions) -> Result<(), Failed> {
    let over = AtomicBool::new(false);
    let busy = || {
        // SAFETY: of this thread alone (setpriority(2), "C library/kernel differences"); all others go first.
        unsafe { libc::nice(19) };
        while !over.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
    };
    let session = &sessions.endings;
    let observed = std::thread::scope(|scope| {
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        (0..16 * cpus).for_each(|_| drop(scope.spawn(busy)));
        let observed = [Limit::growing(LIMIT), Limit::from(LIMIT)]
            .map(|limit| session.observe(TAKES_A_SECOND.name, Path::new("/"), limit, false));
        over.store(true, Ordering::Relaxed);
        observed
    });
    let [growing, exact] = observed.map(|observed| observed.map(|(observed, _)| observed.ending.how));
    require!(growing == Ok(How::Finished), "under a limit that grows: {growing:?}");
    require!(exact == Ok(How::TimedOut(LIMIT)), "under one that does not: {exact:?}");
    Ok(())
}

fn ending_of(session: &Session, name: &str, limit: Limit) -> Result<String, Failed> {
    let workspace = session.workspaces().for_scenario(name)?;
    let (observed, _) = session.observe(name, workspace.path(), limit, false)?;
    Ok(observed.ending.to_string())
}

fn each_ending_has_its_own_message(sessions: &Sessions) -> Result<(), Failed> {
    for (scenario, expected) in ENDINGS {
        let limit = if scenario.name.ends_with("hangs") { LIMIT.into() } else { LONG };
        let said = ending_of(&sessions.endings, scenario.name, limit)?;
        require!(said == *expected, "{}: expected {expected:?}, got {said:?}", scenario.name);
    }
    // Both the child that hung and its grandchild, which had left its process group, are gone once the next one has run.
    let hanging = processes_named("act-hangs");
    require!(hanging == 0, "{hanging} processes of act-hangs are left");
    Ok(())
}

fn processes_named(name: &str) -> usize {
    let comms = std::fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path().join("comm"));
    comms.filter(|path| std::fs::read_to_string(path).is_ok_and(|comm| comm.trim() == name)).count()
}

fn a_scenario_inherits_nothing_from_another(sessions: &Sessions) -> Result<(), Failed> {
    for name in ["finds-nothing", "leaves-things", "finds-nothing", "act-hangs", "finds-nothing"] {
        let said = ending_of(&sessions.endings, name, if name == "act-hangs" { LIMIT.into() } else { LONG })?;
        require!(said == "finished" || name == "act-hangs", "{name}: {said}");
    }
    Ok(())
}

fn a_watch_takes_no_record_of_another(sessions: &Sessions) -> Result<(), Failed> {
    let expectations = expectations(TESTS)?;
    for name in everyday()? {
        let verdict = verdict(&sessions.whole, name, &expectations)?;
        require!(matches!(verdict, Verdict::Pass | Verdict::Skip(_)), "{name}: {verdict:?}");
    }
    let unclaimed = sessions.whole.unclaimed_records();
    require!(unclaimed == 0, "{unclaimed} records belonged to no watch");
    Ok(())
}
