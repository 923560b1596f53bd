//! Scenarios of one's own: `run` and `script` in the file of `--tests`.

use std::fs;
use std::path::Path;

use super::{expect_success, ior_it, names_in, stderr, stdout, unprivileged};
use crate::support::{self, Tested};

/// Each table, whether it passes, and what the verdict says otherwise.
const ROWS: [(&str, &str, &str); 16] = [
    ("passes", PASSES, ""),
    ("runs-a-program", "run = [\"cat\", \"/etc/hostname\"]\nstdout = { contains = \"\\n\" }", ""),
    ("beside", "run = [\"./beside\", \"a b\"]\nstdout = \"1 a b\\n\"", ""),
    (
        "made-by-setup",
        "setup = \"printf '#!/bin/sh\\necho made\\n' > m; chmod +x m\"\nrun = [\"./m\"]\nstdout = \"made\\n\"",
        "",
    ),
    (
        "has-an-environment",
        "script = 'echo $A-$HOME-; cat \"$TESTS_DIR/beside\" | wc -l'\nenv = { A = \"x\" }\nstdout = { contains = \"x--\\n\" }",
        "",
    ),
    ("is-killed", "script = \"kill -SEGV $$\"\nends = \"SIGSEGV\"", ""),
    (
        "wrong-stdout",
        "script = \"echo a; echo c\"\nstdout = \"a\\nb\\n\"",
        "stdout       it differs in line 2: expected \"b\\n\", found \"c\\n\"",
    ),
    (
        "wrong-stderr",
        "script = \"echo no >&2\"\nstderr = \"\"",
        "stderr       it was to be empty, and is 3 bytes: \"no\\n\"",
    ),
    (
        "wrong-exit",
        "script = \"echo why >&2; exit 7\"",
        "the command was to exit with 0, and it exited with status 7 in act",
    ),
    ("dies", "script = \"kill -9 $$\"", "the command was to exit with 0, and it was killed by SIGKILL in act"),
    (
        "lives",
        "script = \"true\"\nends = \"SIGKILL\"",
        "the workload was to be killed by SIGKILL, and it exited with status 0 in act",
    ),
    (
        "no-file",
        "script = \"mkfifo f; ln -s /etc/hostname l\"\nfiles = { a = \"x\", f = \"x\", l = \"x\" }",
        "files        a is not there",
    ),
    ("no-program", "run = [\"no-such-program\"]", "no-such-program: not found, neither in"),
    ("no-setup", "setup = \"echo oh no >&2; exit 3\"\nscript = \"true\"", "`setup` ended with exit status: 3: oh no"),
    ("too-long", "script = \"exec sleep 1000\"\ntimeout = 0.2", "and it timed out in act after"),
    (
        "wrong-trace",
        "script = \": > f\"\nabsent = [{ call = \"openat\", path = \"f\" }]",
        "expected none, found 1: openat",
    ),
];

const PASSES: &str = r#"setup = "echo old > in.txt"
script = "cat in.txt; echo hello > out.txt; echo bad >&2; exit 3"
exit = 3
stdout = "old\n"
stderr = "bad\n"
files = { "out.txt" = { sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03" }, none = false }
present = [
  { call = "execve", path = "/bin/sh", count = 1 },
  { call = "openat", path = "in.txt", comm = "cat" },
  { call = "write", path = "out.txt", ret = 6 },
]"#;

/// A folder with the file of all rows, and a program beside it.
fn folder() -> Result<tempfile::TempDir, libtest_mimic::Failed> {
    let folder = tempfile::tempdir()?;
    let tables = ROWS.map(|(name, table, _)| format!("[{name}]\nabout = \"{name}\"\n{table}\n\n"));
    fs::write(folder.path().join("own.toml"), tables.concat())?;
    let source = folder.path().join("beside.sh");
    fs::write(&source, "#!/bin/sh\necho $# \"$@\"\n")?;
    support::install(&source, &folder.path().join("beside"), 0o755)?;
    fs::remove_file(source)?;
    Ok(folder)
}

/// `ior-it` in that folder, on one scenario.
fn one(folder: &Path, name: &str, more: &[&str]) -> std::process::Command {
    let mut command = ior_it(&[&["--tests", "own.toml", "--exact", "--filter", name], more].concat());
    command.current_dir(folder);
    command
}

pub fn commands_are_judged_by_all_that_they_do() -> Tested {
    let folder = folder()?;
    for (name, _, says) in ROWS {
        let output = one(folder.path(), name, &[]).output()?;
        let said = stdout(&output);
        if says.is_empty() {
            require!(output.status.code() == Some(0), "{name}: {}: {said}{}", output.status, stderr(&output));
            continue;
        }
        require!(output.status.code() == Some(101), "{name}: {}: {said}", output.status);
        require!(said.contains(says), "{name}: {said}");
        require!(said.contains("expected by  own.toml:"), "{name}: {said}");
        let again = format!("run again    sudo ./ior-it --exact --filter {name} --tests own.toml");
        require!(said.contains(&again), "{name}: {said}");
    }
    let failed = stdout(&one(folder.path(), "wrong-exit", &[]).output()?);
    require!(failed.contains("it said      why"), "{failed}");
    let files = stdout(&one(folder.path(), "no-file", &[]).output()?);
    require!(files.contains("files        f is a FIFO, not a regular file"), "{files}");
    require!(files.contains("files        l is a symbolic link, not a regular file"), "{files}");
    // The scenarios of the suite are still there, with their own tables.
    let both = expect_success({
        let mut command = ior_it(&["--tests", "own.toml", "--exact", "--filter", "dup-basic", "--filter", "passes"]);
        command.current_dir(&folder);
        command
    })?;
    require!(both.contains("2 passed"), "{both}");
    Ok(())
}

pub fn commands_are_archived_witnessed_and_blessed() -> Tested {
    let folder = folder()?;
    expect_success(one(folder.path(), "passes", &["--witness"]))?;
    expect_success(one(folder.path(), "passes", &["--repeat", "3", "--archive", "archives"]))?;
    let mut replay = unprivileged(&["--replay", "archives", "--tests", "own.toml"]);
    let replayed = expect_success({
        replay.current_dir(&folder);
        replay
    })?;
    require!(replayed.contains("test passes ... ok"), "{replayed}");
    // The trace and the exit of a failure are judged again, and its streams are not in the archive.
    let table = "[true]\nabout = \"x\"\nrun = [\"true\"]\nstdout = \"\"\n# kept\ncalls = [] # as well\n";
    fs::write(folder.path().join("own.toml"), table)?;
    let wrong = one(folder.path(), "true", &[]).output()?;
    require!(wrong.status.code() == Some(101), "{}", stdout(&wrong));
    let blessed = one(folder.path(), "true", &["--bless", "--yes"]).output()?;
    require!(blessed.status.code() == Some(0), "{}{}", stdout(&blessed), stderr(&blessed));
    let text = fs::read_to_string(folder.path().join("own.toml"))?;
    require!(text.contains("{ call = \"openat\", path = \"/etc/ld.so.cache\""), "{text}");
    require!(text.contains("# kept") && text.contains("# as well"), "{text}");
    expect_success(one(folder.path(), "true", &[]))?;
    Ok(())
}

pub fn a_command_leaves_nothing_behind() -> Tested {
    let (folder, temp) = (folder()?, tempfile::tempdir()?);
    // A process that leaves its group and its session, and that no trace waits for.
    let script = "script = \"setsid sleep 1001.25 & : > f\"\nsetup = \"setsid sleep 1001.25 &\"\nfollow = false";
    fs::write(folder.path().join("own.toml"), format!("[leaves]\nabout = \"x\"\n{script}\n"))?;
    let mut command = one(folder.path(), "leaves", &["--repeat", "3"]);
    command.env("TMPDIR", temp.path());
    expect_success(command)?;
    require!(names_in(temp.path())?.is_empty(), "{:?}", names_in(temp.path())?);
    require!(names_in(folder.path())? == ["beside", "own.toml"], "{:?}", names_in(folder.path())?);
    let mut left = 0;
    for entry in fs::read_dir("/proc")? {
        let line = fs::read(entry?.path().join("cmdline")).unwrap_or_default();
        left += usize::from(line == b"sleep\x001001.25\0");
    }
    require!(left == 0, "{left} processes are left");
    Ok(())
}
