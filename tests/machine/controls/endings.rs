//! Scenarios that end in every way, and leave nothing to the next one.
#![allow(unsafe_code)]

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{LIMIT, LONG, Sessions};
use ior_it::support::base::limit::Limit;
use ior_it::support::child::ending::How;
use ior_it::support::child::scenario::{Broken, Scenario, Setup, act, call, ensure};
use ior_it::support::session::Session;
use libtest_mimic::Failed;

/// Scenarios that end in every way, and the verdict on each.
pub const ENDINGS: &[(Scenario, &str)] = &[
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

/// A grandchild in its own session, so that only its parent shows which scenario it belongs to. Both hang.
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
    // 0, 1, 2, the gate, and the descriptor for reading this directory.
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

pub const KERNEL_THREAD: Scenario = Scenario::new("kernel-thread", kernel_thread);

/// A request that the kernel gives to a thread of its own in this process.
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

pub fn a_thread_of_the_kernel_ends_nothing(sessions: &Sessions) -> Result<(), Failed> {
    let session = &sessions.endings;
    let workspace = session.workspaces().for_scenario(KERNEL_THREAD.name)?;
    let (observed, _) = session.observe(KERNEL_THREAD.name, workspace.path(), LONG, false)?;
    if let How::Skipped(_) = observed.ending.how {
        return Ok(());
    }
    require!(observed.ending.how == How::Finished, "it {}", observed.ending);
    let losses = observed.trace.losses().sentences();
    require!(losses.is_empty(), "{}", losses.join("\n"));
    require!(observed.trace.counts.ends == 1, "{} ends of one process", observed.trace.counts.ends);
    let last: Vec<_> = observed.trace.calls.iter().rev().take(2).map(|call| call.name()).collect();
    require!(last == ["exit_group", "sync"], "the last calls are {last:?}");
    Ok(())
}

pub const TAKES_A_SECOND: Scenario = Scenario::new("takes-a-second", || {
    act(|| {
        call!(poll, 0, 0, 1000)?;
        Ok(())
    })
});

/// Sixteen threads for each CPU want to run. Work for a fifth of a second may then take three seconds.
pub fn a_limit_grows_with_the_load_of_the_machine(sessions: &Sessions) -> Result<(), Failed> {
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

pub fn each_ending_has_its_own_message(sessions: &Sessions) -> Result<(), Failed> {
    for (scenario, expected) in ENDINGS {
        let limit = if scenario.name.ends_with("hangs") { LIMIT.into() } else { LONG };
        let said = ending_of(&sessions.endings, scenario.name, limit)?;
        require!(said == *expected, "{}: expected {expected:?}, got {said:?}", scenario.name);
    }
    // The hung child and its grandchild, which had left its process group, are gone when the next scenario has run.
    let hanging = processes_named("act-hangs");
    require!(hanging == 0, "{hanging} processes of act-hangs are left");
    Ok(())
}

fn processes_named(name: &str) -> usize {
    let comms = std::fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path().join("comm"));
    comms.filter(|path| std::fs::read_to_string(path).is_ok_and(|comm| comm.trim() == name)).count()
}

pub fn a_scenario_inherits_nothing_from_another(sessions: &Sessions) -> Result<(), Failed> {
    for name in ["finds-nothing", "leaves-things", "finds-nothing", "act-hangs", "finds-nothing"] {
        let said = ending_of(&sessions.endings, name, if name == "act-hangs" { LIMIT.into() } else { LONG })?;
        require!(said == "finished" || name == "act-hangs", "{name}: {said}");
    }
    Ok(())
}
