//! A run leaves nothing behind, however it ends, and two runs do not disturb each other.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};

use crate::support;
use libtest_mimic::{Failed, Trial};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

pub fn main() -> ExitCode {
    support::run_live("clean", || {
        vec![
            Trial::test("a_run_to_the_end_leaves_nothing", to_the_end),
            Trial::test("sigint_leaves_nothing", || signalled(Signal::SIGINT, Some(130))),
            Trial::test("sigterm_leaves_nothing", || signalled(Signal::SIGTERM, Some(130))),
            Trial::test("sigkill_leaves_nothing", || signalled(Signal::SIGKILL, None)),
            Trial::test("a_closed_pipe_leaves_nothing", closed_pipe),
            Trial::test("a_killed_zygote_is_an_error_and_leaves_nothing", killed_zygote),
            Trial::test("two_runs_at_once_do_not_disturb_each_other", two_at_once),
            Trial::test("any_number_of_threads_gives_the_same_verdicts", threads),
            Trial::test("kept_workspaces_stay", kept),
        ]
    })
}

fn ior_it(temp: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ior-it"));
    command.args(args).env("TMPDIR", temp).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A run that goes on until it is ended.
const ENDLESS: [&str; 3] = ["--repeat", "4000000", "--test-threads=8"];
/// How often a signal ends a run. Each time the threads are at another place.
const ENDS: usize = 10;

/// Everything that a run could leave behind.
pub struct Before {
    programs: usize,
    processes: usize,
    pub temp: tempfile::TempDir,
    changes: Inotify,
}

impl Before {
    pub fn new() -> Result<Self, Failed> {
        let temp = tempfile::tempdir()?;
        let changes = Inotify::init(InitFlags::IN_CLOEXEC)?;
        changes.add_watch(temp.path(), AddWatchFlags::IN_CREATE | AddWatchFlags::IN_DELETE)?;
        Ok(Self { programs: programs(), processes: zygotes().len(), temp, changes })
    }

    /// Waits until a run has made its folder, or removed it.
    fn wait_for_change(&self) -> Result<(), Failed> {
        let mut fds = [PollFd::new(self.changes.as_fd(), PollFlags::POLLIN)];
        require!(poll(&mut fds, PollTimeout::from(30_000_u16))? == 1, "nothing happened in the folder for 30 s");
        self.changes.read_events()?;
        Ok(())
    }

    /// The zygote removes the folder last. By then everything else is gone.
    pub fn check_nothing_left(&self) -> Result<(), Failed> {
        while !files(self.temp.path())?.is_empty() {
            self.wait_for_change()?;
        }
        // A process that has removed the folder still has to exit, and the kernel frees programs a little after their last
        // descriptor is closed.
        let settled = (0..1_000_000).any(|_| {
            std::thread::yield_now();
            zygotes().len() <= self.processes && programs() <= self.programs
        });
        require!(
            settled,
            "zygotes: {:?} (before: {}), programs: {} (before: {})",
            zygotes(),
            self.processes,
            programs(),
            self.programs
        );
        Ok(())
    }
}

fn files(folder: &Path) -> std::io::Result<Vec<OsString>> {
    std::fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect()
}

fn programs() -> usize {
    libbpf_rs::query::ProgInfoIter::default().filter(|program| program.name.as_bytes().starts_with(b"ior_")).count()
}

/// The pids of the living zygotes.
fn zygotes() -> Vec<i32> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| {
        std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim() == "ior-it-zygote")
    })
    .collect()
}

fn zygote_of(run: &Child) -> Result<Pid, Failed> {
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", run.id()))?;
    let pid = children.split_whitespace().next().ok_or("the run has no zygote")?;
    Ok(Pid::from_raw(pid.parse()?))
}

fn to_the_end() -> Result<(), Failed> {
    let before = Before::new()?;
    let output = ior_it(before.temp.path(), &[]).output()?;
    require!(output.status.code() == Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    before.check_nothing_left()
}

fn signalled(signal: Signal, code: Option<i32>) -> Result<(), Failed> {
    let before = Before::new()?;
    for _ in 0..ENDS {
        let run = ior_it(before.temp.path(), &ENDLESS).spawn()?;
        before.wait_for_change()?;
        // Its handlers are installed before its first scenario runs.
        wait_for_workspace(before.temp.path())?;
        kill(Pid::from_raw(run.id() as i32), signal)?;
        let output = run.wait_with_output()?;
        require!(output.status.code() == code, "exit {:?}: {}", output.status, String::from_utf8_lossy(&output.stderr));
        before.check_nothing_left()?;
    }
    Ok(())
}

/// Waits for a workspace. The canary has none.
pub fn wait_for_workspace(temp: &Path) -> Result<(), Failed> {
    for _ in 0..10_000_000 {
        let folders = std::fs::read_dir(temp)?.flatten();
        if folders.flat_map(|folder| std::fs::read_dir(folder.path())).flatten().next().is_some() {
            return Ok(());
        }
        std::thread::yield_now();
    }
    Err("no scenario has begun".into())
}

fn closed_pipe() -> Result<(), Failed> {
    let before = Before::new()?;
    let mut run = ior_it(before.temp.path(), &[]).spawn()?;
    drop(run.stdout.take());
    let output = run.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    require!(!said.contains("panicked"), "{said}");
    before.check_nothing_left()
}

fn killed_zygote() -> Result<(), Failed> {
    let before = Before::new()?;
    let run = ior_it(before.temp.path(), &ENDLESS).spawn()?;
    wait_for_workspace(before.temp.path())?;
    kill(zygote_of(&run)?, Signal::SIGKILL)?;
    let output = run.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    require!(output.status.code() == Some(101) && said.contains("is gone"), "exit {:?}: {said}", output.status);
    before.check_nothing_left()
}

fn two_at_once() -> Result<(), Failed> {
    let before = Before::new()?;
    let runs = [(); 2].map(|()| ior_it(before.temp.path(), &["--repeat", "20"]).spawn());
    for run in runs {
        let output = run?.wait_with_output()?;
        require!(output.status.code() == Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    }
    before.check_nothing_left()
}

fn threads() -> Result<(), Failed> {
    let before = Before::new()?;
    let verdicts = |threads: &str| -> Result<Vec<String>, Failed> {
        let output = ior_it(before.temp.path(), &["--test-threads", threads, "--repeat", "3"]).output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        require!(output.status.code() == Some(0), "{threads} threads: {text}");
        let mut lines: Vec<String> = text
            .lines()
            .filter(|line| line.starts_with("test ") && line.contains(" ... "))
            .map(str::to_owned)
            .collect();
        lines.sort();
        Ok(lines)
    };
    let one = verdicts("1")?;
    require!(one.len() > 60, "{} verdicts", one.len());
    for threads in ["2", "8"] {
        require!(verdicts(threads)? == one, "{threads} threads give other verdicts than one");
    }
    before.check_nothing_left()
}

fn kept() -> Result<(), Failed> {
    let before = Before::new()?;
    let output = ior_it(before.temp.path(), &["--keep", "--exact", "dup-basic"]).output()?;
    let folders = files(before.temp.path())?;
    let [folder] = folders.as_slice() else { return Err(format!("{} folders are kept", folders.len()).into()) };
    let path = before.temp.path().join(folder);
    let said = String::from_utf8_lossy(&output.stderr);
    require!(said.contains(&path.display().to_string()), "{said}");
    require!(files(&path)?.len() == 1, "the workspace is not kept");
    std::fs::remove_dir_all(path)?;
    before.check_nothing_left()
}
