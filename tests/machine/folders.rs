//! Files that other users put into a shared folder lead nowhere else, and modes are as intended.
#![allow(unsafe_code)]

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};
use std::time::Duration;

use crate::support::{self, Named, Tested, says};
use ior_it::support::base::limit::Limit;
use ior_it::support::base::place::{self, Folder};
use ior_it::support::child::ending::How;
use ior_it::support::child::scenario::{Scenario, act, call};
use ior_it::support::session::{Options, Prepared, Session};
use libtest_mimic::{Failed, Trial};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

pub fn main() -> ExitCode {
    let tests: [Named; 7] = [
        ("a_link_of_somebody_else_is_not_followed", links_of_others),
        ("links_that_nobody_else_can_have_put_are_followed", own_links),
        ("a_file_of_somebody_else_is_not_written_to", files_of_others),
        ("a_file_that_has_other_names_is_not_written_to", hard_links),
        ("what_is_no_file_is_written_to_as_before", special_files),
        ("modes_are_fixed_whatever_the_umask", modes),
        ("a_folder_whose_path_is_taken_away_stays_the_same", taken_away),
    ];
    // The zygote is forked before the first thread.
    support::run_live("folders", || {
        let session = Prepared::new([MAKES], Options::default()).and_then(Prepared::load);
        let run =
            move || session.map_err(|error| error.to_string().into()).and_then(|session| run_taken_away(&session));
        let tests = tests.into_iter().map(|(name, test)| Trial::test(name, test));
        tests.chain([Trial::test("a_scenario_runs_in_its_workspace_whatever_becomes_of_the_path", run)]).collect()
    })
}

/// Another user.
const OTHER: u32 = 65_534;

/// Any user can write to `yard`, as to /tmp. Only root can write to `house`, which has `precious` in it.
struct Ground(tempfile::TempDir);

impl Ground {
    fn new() -> Result<Self, Failed> {
        let ground = Self(tempfile::tempdir()?);
        fs::set_permissions(ground.0.path(), Permissions::from_mode(0o755))?;
        for (name, mode) in [("yard", 0o1777), ("house", 0o755)] {
            fs::create_dir(ground.path(name))?;
            fs::set_permissions(ground.path(name), Permissions::from_mode(mode))?;
        }
        fs::write(ground.path("house/precious"), "precious")?;
        Ok(ground)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// This user's link to a path.
    fn link(&self, name: &str, to: &str, owner: u32) -> Tested {
        symlink(self.path(to), self.path(name))?;
        Ok(lchown(self.path(name), Some(owner), None)?)
    }

    /// Checks that nothing was written into the house.
    fn is_untouched(&self) -> Tested {
        let names: Vec<_> = fs::read_dir(self.path("house"))?.flatten().map(|entry| entry.file_name()).collect();
        require!(names == ["precious"], "the house holds {names:?}");
        let precious = fs::read_to_string(self.path("house/precious"))?;
        require!(precious == "precious", "it was written to: {precious}");
        Ok(())
    }
}

/// Every option that writes to a path, with the exit code of a refusal.
const WRITERS: [(&str, &[&str], i32); 5] = [
    ("--output", &["--", "true"], 2),
    ("--logfile", &["--exact", "dup-basic"], 2),
    ("--archive", &["--exact", "dup-basic"], 2),
    ("--archive", &["--output", "/dev/null", "--", "true"], 2),
    ("TMPDIR", &["--exact", "dup-basic"], 101),
];

fn write_to(path: &Path, option: &str, args: &[&str]) -> Result<Output, Failed> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ior-it"));
    if option == "TMPDIR" {
        command.env(option, path)
    } else {
        command.arg(option).arg(path)
    };
    Ok(command.args(args).stdin(Stdio::null()).output()?)
}

fn refused(path: &Path, why: &str) -> Tested {
    for (option, args, code) in WRITERS {
        let output = write_to(path, option, args)?;
        let says = says(&output);
        let is_refused = output.status.code() == Some(code) && says.contains(why);
        require!(is_refused, "{option} {} {args:?}: {}: {says}", path.display(), output.status);
    }
    Ok(())
}

fn links_of_others() -> Tested {
    let ground = Ground::new()?;
    fs::create_dir(ground.path("theirs"))?;
    chown(ground.path("theirs"), Some(OTHER), None)?;
    ground.link("yard/last", "house/precious", OTHER)?;
    ground.link("yard/new", "house/new", OTHER)?;
    ground.link("yard/way", "house", OTHER)?;
    ground.link("theirs/way", "house", OTHER)?;
    // A link on the way leads through another user's link.
    ground.link("yard/mine", "yard/way/new", 0)?;
    // A user with another hard link to root's link could have moved it here.
    ground.link("yard/moved", "house", 0)?;
    fs::hard_link(ground.path("yard/moved"), ground.path("yard/moved-again"))?;
    let names = ["yard/last", "yard/new", "yard/way", "yard/way/", "yard/way/new", "yard/../yard/way/new"];
    for name in names.iter().chain(&["theirs/way/new", "yard/mine", "yard/moved/new"]) {
        refused(&ground.path(name), "a symbolic link of somebody else is on the way")?;
    }
    ground.is_untouched()
}

fn own_links() -> Tested {
    let ground = Ground::new()?;
    ground.link("yard/mine", "house/way", 0)?;
    // Any owner will do: only root can have put it there.
    ground.link("house/way", "house/deep/folder", OTHER)?;
    for (name, target) in [("yard/mine/new", "house/deep/folder/new"), ("house/way", "house/deep/folder")] {
        fs::create_dir_all(ground.path("house/deep/folder"))?;
        for (option, args, _) in WRITERS.iter().filter(|(option, _, _)| *option != "TMPDIR") {
            let output = write_to(&ground.path(name), option, args)?;
            let expected = if name == "house/way" && *option != "--archive" { 2 } else { 0 };
            require!(output.status.code() == Some(expected), "{option} {name}: {}: {}", output.status, says(&output));
            let made = ground.path(target);
            require!(expected != 0 || made.exists(), "{option} {name}: nothing is in its place");
            if made.is_dir() {
                fs::remove_dir_all(made)?
            } else {
                fs::remove_file(made)?
            }
            fs::create_dir_all(ground.path("house/deep/folder"))?;
        }
    }
    ground.link("house/loop", "house/loop", 0)?;
    let error = place::create(&ground.path("house/loop")).err().and_then(|error| error.raw_os_error());
    require!(error == Some(libc::ELOOP), "{error:?}");
    // A path that ends in a slash is a folder's.
    for (name, errno) in [("house/new/", libc::ENOENT), ("house/deep/", libc::EISDIR), ("", libc::ENOENT)] {
        let path = if name.is_empty() { PathBuf::new() } else { ground.path(name) };
        let error = place::create(&path).err().and_then(|error| error.raw_os_error());
        require!(error == Some(errno), "{name}: {error:?}");
    }
    Ok(())
}

fn files_of_others() -> Tested {
    let ground = Ground::new()?;
    let theirs = ground.path("yard/theirs");
    fs::write(&theirs, "theirs")?;
    mkfifo(&ground.path("yard/fifo"), Mode::S_IRWXU)?;
    chown(&theirs, Some(OTHER), None)?;
    chown(ground.path("yard/fifo"), Some(OTHER), None)?;
    for (option, args, code) in WRITERS.iter().take(2) {
        for name in ["yard/theirs", "yard/fifo"] {
            let output = write_to(&ground.path(name), option, args)?;
            let says = says(&output);
            let is_refused = output.status.code() == Some(*code) && says.contains("a file of somebody else is there");
            require!(is_refused, "{option} {name}: {}: {says}", output.status);
        }
    }
    require!(fs::read_to_string(&theirs)? == "theirs", "it was written to");
    Ok(())
}

fn hard_links() -> Tested {
    let ground = Ground::new()?;
    fs::create_dir(ground.path("group"))?;
    fs::set_permissions(ground.path("group"), Permissions::from_mode(0o775))?;
    for name in ["yard/linked", "group/linked"] {
        fs::hard_link(ground.path("house/precious"), ground.path(name))?;
        for (option, args, code) in WRITERS.iter().take(2) {
            let output = write_to(&ground.path(name), option, args)?;
            let says = says(&output);
            let is_refused =
                output.status.code() == Some(*code) && says.contains("a file that has other names is there");
            require!(is_refused, "{option} {name}: {}: {says}", output.status);
        }
    }
    ground.is_untouched()?;
    // An archive replaces an existing file.
    fs::hard_link(ground.path("house/precious"), ground.path("yard/dup-basic.ior.zst"))?;
    let output = write_to(&ground.path("yard"), "--archive", &["--exact", "dup-basic"])?;
    require!(output.status.code() == Some(0), "{}: {}", output.status, says(&output));
    ground.is_untouched()?;
    fs::hard_link(ground.path("house/precious"), ground.path("house/linked"))?;
    let output = write_to(&ground.path("house/linked"), "--output", &["--", "true"])?;
    require!(output.status.code() == Some(0), "{}: {}", output.status, says(&output));
    Ok(())
}

fn special_files() -> Tested {
    let ground = Ground::new()?;
    for folder in ["yard", "house"] {
        mkfifo(&ground.path(&format!("{folder}/fifo")), Mode::S_IRWXU)?;
    }
    let trace = "grep -q 'lost: nothing'";
    let rows = [
        format!("\"$B\" --output /dev/stdout -- true | {trace}"),
        format!("\"$B\" --output /proc/self/fd/1 -- true | {trace}"),
        format!("\"$B\" --output /dev/fd/5 -- true 5>&1 >/dev/null | {trace}"),
        format!("\"$B\" --output /dev/fd/5 -- true 5>house/opened; {trace} house/opened"),
        "\"$B\" --output /dev/full -- true; test $? = 5".to_owned(),
        "\"$B\" --output /dev/null -- true".to_owned(),
        format!("{trace} <house/fifo & \"$B\" --output house/fifo -- true && wait $!"),
        format!("\"$B\" --output yard/fifo -- true & {trace} <yard/fifo && wait $!"),
        "\"$B\" --logfile /dev/fd/5 --list 5>&1 >/dev/null | grep -q dup-basic".to_owned(),
    ];
    for row in rows {
        let mut command = Command::new("sh");
        command.args(["-c", &row]).current_dir(ground.0.path()).env("B", env!("CARGO_BIN_EXE_ior-it"));
        let output = command.stdin(Stdio::null()).output()?;
        require!(output.status.success(), "{row}: {}: {}", output.status, says(&output));
    }
    Ok(())
}

fn modes() -> Tested {
    for umask in [0, 0o077, 0o777] {
        let ground = Ground::new()?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_ior-it"));
        command.args(["--keep", "--exact", "dup-basic", "--archive"]).arg(ground.path("yard/new/archives"));
        command.env("TMPDIR", ground.path("yard"));
        // SAFETY: a system call.
        unsafe {
            command.pre_exec(move || {
                libc::umask(umask);
                Ok(())
            });
        }
        let output = command.output()?;
        require!(output.status.code() == Some(0), "{umask:o}: {}: {}", output.status, says(&output));
        let is_run = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with("ior-it.");
        let run = fs::read_dir(ground.path("yard"))?.flatten().find(is_run).ok_or("no folder was kept")?.path();
        let workspace = fs::read_dir(&run)?.flatten().next().ok_or("no workspace")?.path();
        let rows = [
            (run, 0o700),
            (workspace, 0o700),
            (ground.path("yard/new"), 0o755),
            (ground.path("yard/new/archives"), 0o755),
            (ground.path("yard/new/archives/dup-basic.ior.zst"), 0o644),
        ];
        for (path, mode) in rows {
            let found = fs::metadata(&path)?.mode() & 0o7777;
            require!(found == mode, "umask {umask:o}: {} has mode {found:o}", path.display());
        }
    }
    Ok(())
}

/// A user who can write to the parent folder can replace the folder. What is made in it is reached from its descriptor.
fn taken_away() -> Tested {
    let ground = Ground::new()?;
    let run = Folder::open(&ground.path("yard"))?.make_private_new("ior-it.")?;
    fs::rename(run.path(), ground.path("yard/away"))?;
    symlink(ground.path("house"), run.path())?;
    let workspace = run.make_private("made".as_ref())?;
    require!(workspace.path() == ground.path("yard/away/made"), "{}", workspace.path().display());
    run.replace("file".as_ref(), b"text")?;
    require!(fs::read_to_string(ground.path("yard/away/file"))? == "text", "it was written elsewhere");
    let mut command = Command::new("pwd");
    let path = run.path().join("made");
    // SAFETY: system calls.
    unsafe { command.pre_exec(move || Ok(run.enter(&path)?)) };
    let output = command.arg("-P").output()?;
    require!(says(&output).trim_end() == workspace.path().to_string_lossy(), "{}", says(&output));
    let run = Folder::open(&ground.path("yard/away"))?;
    run.remove("made".as_ref())?;
    run.remove_all()?;
    require!(!ground.path("yard/away").exists(), "it is not removed");
    ground.is_untouched()
}

const MAKES: Scenario = Scenario::new("makes", || {
    act(|| {
        call!(openat, libc::AT_FDCWD, c"made", libc::O_WRONLY | libc::O_CREAT, 0o644)?;
        Ok(())
    })
});

/// The same for a run: neither the child nor the process that removes the workspaces uses the path.
fn run_taken_away(session: &Session) -> Tested {
    let ground = Ground::new()?;
    let workspaces = session.workspaces();
    let path = workspaces.root().ok_or("there is no folder for workspaces")?.path();
    let away = path.with_extension("away");
    fs::create_dir(ground.path("house/makes.0"))?;
    fs::rename(path, &away)?;
    let linked = symlink(ground.path("house"), path);
    let observe = || {
        let workspace = workspaces.for_scenario(MAKES.name)?;
        let limit = Limit::growing(Duration::from_secs(20));
        let (observed, _) = session.observe(MAKES.name, workspace.path(), limit, false)?;
        Ok::<_, ior_it::support::base::error::Error>((observed.ending.how, away.join("makes.0/made").exists()))
    };
    let observed = observe();
    linked.and_then(|()| fs::remove_file(path))?;
    let left = fs::read_dir(&away)?.count();
    fs::rename(&away, path)?;
    require!(observed == Ok((How::Finished, true)), "{observed:?}");
    require!(left == 0, "the workspace is not removed");
    fs::remove_dir(ground.path("house/makes.0"))?;
    ground.is_untouched()
}
