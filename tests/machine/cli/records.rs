//! Records of runs, and runs again and again.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use ior_it::support::runs::RunRecord;
use libtest_mimic::Failed;

use super::{TESTS, expect_error, expect_success, ior_it, names_in, stderr, stdout};
use crate::support::Tested;

/// `ior-it` with its state in this folder.
fn with_state(folder: &Path, args: &[&str]) -> Command {
    let mut command = ior_it(args);
    command.current_dir(folder).env("XDG_STATE_HOME", folder.join("state"));
    command
}

/// Its output if it exits with this code.
fn says(mut command: Command, code: i32) -> Result<String, Failed> {
    let output = command.output()?;
    let said = stdout(&output);
    require!(output.status.code() == Some(code), "{command:?}: {}: {said}{}", output.status, stderr(&output));
    Ok(said)
}

pub fn a_recorded_run_is_listed_compared_and_run_again() -> Tested {
    let folder = tempfile::tempdir()?;
    let state = folder.path().join("state/ior-it");
    fs::write(
        folder.path().join("wrong.toml"),
        TESTS.replace("\"dup.txt\", ret = \"$b\"", "\"duq.txt\", ret = \"$b\""),
    )?;
    let two = ["--exact", "--filter", "dup-basic", "--filter", "dup2-same-fd"];
    let run = |more: &[&str]| with_state(folder.path(), &[&two, more].concat());
    expect_success(run(&[]))?;
    require!(!state.exists(), "a run leaves a record unasked");
    says(run(&["--record"]), 0)?;
    says(run(&["--record", "--tests", "wrong.toml"]), 101)?;
    let names = names_in(&state)?;
    require!(names.len() == 2 && names.iter().all(|name| name.ends_with(".json")), "{names:?}");
    let record = RunRecord::decode(&fs::read(state.join(&names[1]))?)?;
    require!(record.exit == 101 && record.red() == ["dup-basic"], "{record:?}");
    require!(record.scenarios.len() == 2 && record.scenarios.iter().all(|one| one.calls > Some(1)), "{record:?}");
    require!(record.object.sha256.len() == 64 && !record.machine.kernel.is_empty(), "{record:?}");
    let state_of = |args: &[&str]| with_state(folder.path(), args);
    let listed = expect_success(state_of(&["--runs"]))?;
    let lines: Vec<&str> = listed.lines().collect();
    let (last, first) = (&names[1][..names[1].len() - 5], &names[0][..names[0].len() - 5]);
    require!(lines[0].starts_with(&format!(" 1 {last}  1 passed, 1 failed; ")), "{listed}");
    require!(lines[1].starts_with(&format!(" 2 {first}  2 passed; ")), "{listed}");
    let compared = says(state_of(&["--compare", "2"]), 101)?;
    require!(compared.contains("newly red (1):\n    dup-basic: pass -> fail (dup: path "), "{compared}");
    let back = says(state_of(&["--compare", last, &format!("state/ior-it/{}", names[0])]), 0)?;
    require!(back.contains("newly green (1):\n    dup-basic: fail -> pass"), "{back}");
    let again = says(state_of(&["--rerun-failed", "--record"]), 0)?;
    require!(again.contains("test dup-basic ... ok") && again.contains("1 passed"), "{again}");
    let nothing = expect_error(state_of(&["--rerun-failed"]), 4)?;
    require!(nothing.contains("nothing was red in the last run"), "{nothing}");
    Ok(())
}

pub fn a_file_makes_each_run_leave_a_record() -> Tested {
    let folder = tempfile::tempdir()?;
    let (state, config) = (folder.path().join("state/ior-it"), folder.path().join("config/ior-it"));
    let run = |args: &[&str]| {
        let mut command = with_state(folder.path(), args);
        command.env("XDG_CONFIG_HOME", folder.path().join("config"));
        command
    };
    let one = ["--exact", "dup-basic"];
    fs::create_dir_all(&config)?;
    for (text, records) in [("", 0), ("record = false\n", 0), ("record = true\n", 1)] {
        fs::write(config.join("config.toml"), text)?;
        says(run(&one), 0)?;
        let kept = if state.exists() { names_in(&state)?.len() } else { 0 };
        require!(kept == records, "{text:?}: {kept} records");
    }
    expect_success(run(&["--list"]))?;
    require!(names_in(&state)?.len() == 1, "a list leaves a record");
    fs::write(config.join("config.toml"), "recrod = true\n")?;
    let error = expect_error(run(&one), 2)?;
    require!(error.contains("config.toml cannot be used") && error.contains("recrod"), "{error}");
    Ok(())
}

pub fn a_record_that_cannot_be_kept_or_read_is_an_error() -> Tested {
    let folder = tempfile::tempdir()?;
    let none = expect_error(with_state(folder.path(), &["--compare", "1"]), 2)?;
    require!(none.contains("there is no record of a run in ") && none.contains("ior-it --record"), "{none}");
    expect_error(with_state(folder.path(), &["--rerun-failed"]), 2)?;
    fs::write(folder.path().join("state"), "")?;
    let kept = expect_error(with_state(folder.path(), &["--record", "--exact", "dup-basic"]), 2)?;
    require!(kept.contains("no record could be written in ") && kept.contains("XDG_STATE_HOME"), "{kept}");
    fs::remove_file(folder.path().join("state"))?;
    fs::create_dir_all(folder.path().join("state/ior-it"))?;
    fs::write(folder.path().join("state/ior-it/20260101.json"), "{}")?;
    for args in [&["--runs"][..], &["--compare", "1"], &["--rerun-failed"]] {
        let error = expect_error(with_state(folder.path(), args), 2)?;
        require!(error.contains("20260101.json cannot be used: it is no record of a run"), "{error}");
    }
    Ok(())
}

/// Passes three times, and then fails.
const FLAKY: &str = r#"
[flaky]
about = "the fourth run fails"
setup = "echo x >> \"$TESTS_DIR/runs\""
script = "test $(wc -l < \"$TESTS_DIR/runs\") -ne 4"
"#;

pub fn what_passes_and_fails_is_flaky() -> Tested {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("flaky.toml"), FLAKY)?;
    let flaky = ["--tests", "flaky.toml", "--exact", "--filter", "flaky", "--test-threads", "1"];
    let run = |more: &[&str]| with_state(folder.path(), &[&flaky, more].concat());
    let said = says(run(&["--until-fail", "--record"]), 101)?;
    let rate = "flaky: it failed in 1 of 4 runs: 25.00 %, with 95 % confidence 4.56 % to 69.94 %; run 4:";
    require!(said.contains(rate), "{said}");
    let names = names_in(&folder.path().join("state/ior-it"))?;
    let record = RunRecord::decode(&fs::read(folder.path().join("state/ior-it").join(&names[0]))?)?;
    require!((record.scenarios[0].runs, record.scenarios[0].passed) == (4, 3), "{record:?}");
    // From now on it passes.
    let output = run(&["--stress", "0.3", "--filter", "dup-basic"]).output()?;
    require!(output.status.code() == Some(0), "{}{}", stdout(&output), stderr(&output));
    require!(stdout(&output).contains("2 passed"), "{}", stdout(&output));
    require!(stderr(&output).starts_with("2 scenarios ran "), "{}", stderr(&output));
    let wrong = expect_error(run(&["--stress", "0"]), 2)?;
    require!(wrong.contains("more than 0 and at most 604800"), "{wrong}");
    Ok(())
}

/// What `ior-it` writes to a terminal that has these variables.
fn on_terminal(args: &[&str], term: &str, folder: &Path) -> Result<String, Failed> {
    let size = nix::pty::Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
    let pty = nix::pty::openpty(&size, None)?;
    let mut command = ior_it(args);
    command.current_dir(folder).env("TERM", term).stdin(Stdio::null());
    command.stdout(Stdio::from(pty.slave.try_clone()?)).stderr(Stdio::from(pty.slave)).process_group(0);
    let mut child = command.spawn()?;
    // The last copies of the terminal's other end are those of the child.
    drop(command);
    let mut bytes = Vec::new();
    let mut terminal = File::from(pty.master);
    let mut part = [0; 4096];
    // A terminal whose other end is closed fails with EIO: that is its end.
    while let Ok(length @ 1..) = terminal.read(&mut part) {
        bytes.extend_from_slice(&part[..length]);
    }
    let status = child.wait()?;
    require!(status.success(), "{status}: {}", String::from_utf8_lossy(&bytes));
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A run that lasts more than a second without waiting for anything: its last step comes after that time.
pub fn a_long_run_has_a_bar_on_a_terminal() -> Tested {
    let folder = tempfile::tempdir()?;
    let args = ["--stress", "1.1", "--exact", "--filter", "dup-basic"];
    let shown = on_terminal(&args, "xterm", folder.path())?;
    require!(shown.contains('█') && shown.contains(" runs, "), "there is no bar: {shown:?}");
    require!(shown.contains("test dup-basic ... "), "{shown:?}");
    let dumb = on_terminal(&args, "dumb", folder.path())?;
    require!(!dumb.contains('█'), "there is a bar: {dumb:?}");
    let json = on_terminal(&[&args[..], &["--format", "json"]].concat(), "xterm", folder.path())?;
    require!(!json.contains('█'), "there is a bar: {json:?}");
    let piped = ior_it(&args).env("TERM", "xterm").output()?;
    require!(piped.status.success(), "{}", stderr(&piped));
    let words = stderr(&piped);
    require!(words.starts_with("1 scenario ran ") && words.lines().count() == 1, "{words:?}");
    Ok(())
}
