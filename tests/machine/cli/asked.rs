//! What strace's users ask for, of scenarios: where the traces go, and how commands start.

use std::fs;

use super::{expect_error, expect_success, ior_it, names_in, stderr, stdout, unprivileged};
use crate::support::Tested;
use libtest_mimic::Failed;

/// A scenario, with the calls that it makes in order.
const ONE: [&str; 3] = ["--exact", "--filter", "dup-basic"];
const CALLS: [&str; 6] = ["openat(", "dup(", "write(", "close(", "close(", "exit_group("];

/// Runs that scenario, and checks that its verdict alone is on the standard output.
fn one(args: &[&str]) -> Tested {
    let says = expect_success(ior_it(&[&ONE, args].concat()))?;
    require!(says.contains("1 passed") && !says.contains("openat"), "{args:?}: {says}");
    Ok(())
}

fn check_trace(trace: &str) -> Tested {
    let shown: Vec<&str> = trace.trim_end().lines().collect();
    require!(shown.len() == 7 && shown[0] == "dup-basic: finished", "{trace}");
    require!(shown[1..].iter().zip(CALLS).all(|(line, call)| line.starts_with(call)), "{trace}");
    Ok(())
}

pub fn the_traces_go_where_they_are_wanted() -> Tested {
    let folder = tempfile::tempdir()?;
    let [file, lines, piped] = ["file", "lines.jsonl", "piped"].map(|name| folder.path().join(name));
    one(&["-o", &file.display().to_string()])?;
    check_trace(&fs::read_to_string(&file)?)?;
    one(&["-c", "-o", &format!("|sort >{}", piped.display())])?;
    let table = fs::read_to_string(&piped)?;
    require!(table.contains("openat ") && !table.contains("dup.txt"), "it is not read to its end: {table}");
    one(&["-o", &lines.display().to_string()])?;
    let text = fs::read_to_string(&lines)?;
    let calls: Vec<serde_json::Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    require!(calls.len() == 7 && calls[0]["note"] == "dup-basic: finished" && calls[2]["call"] == "dup", "{text}");
    one(&["--archive", &folder.path().display().to_string()])?;
    let archive = folder.path().join("dup-basic.ior.zst").display().to_string();
    let says = expect_success(unprivileged(&["-o", &file.display().to_string(), "--replay", &archive]))?;
    require!(says.contains("1 passed") && !says.contains("openat"), "{says}");
    check_trace(&fs::read_to_string(&file)?)
}

pub fn each_process_of_a_scenario_has_a_file() -> Tested {
    let folder = tempfile::tempdir()?;
    let table = "[forks]\nabout = \"x\"\nscript = \"cat /dev/null; cat /dev/null; :\"\n";
    fs::write(folder.path().join("own.toml"), table)?;
    let forks = |args: &[&str]| -> Result<String, Failed> {
        let mut command = ior_it(&[&["--tests", "own.toml", "--exact", "--filter", "forks"], args].concat());
        command.current_dir(&folder);
        expect_success(command)
    };
    forks(&["-ff", "-o", "trace"])?;
    let all = fs::read_to_string(folder.path().join("trace"))?;
    let (_, pids) = all.trim_end().split_once("; its processes: ").ok_or(all.clone())?;
    let pids: Vec<&str> = pids.split(", ").collect();
    require!(all.starts_with("forks: exited with status 0 in act; ") && pids.len() == 3, "{all}");
    let [shell, first, second] = pids[..] else { return Err(all.into()) };
    let of = |pid: &str| fs::read_to_string(folder.path().join(format!("trace.{pid}")));
    require!(
        of(shell)?.starts_with("execve(\"/bin/sh\", ") && of(shell)?.matches("execve(").count() == 1,
        "{}",
        of(shell)?
    );
    for cat in [first, second] {
        require!(of(cat)?.contains("/cat\"") && !of(cat)?.contains("[pid "), "{}", of(cat)?);
    }
    require!(names_in(folder.path())?.len() == 5, "{:?}", names_in(folder.path())?);
    // Of a scenario, names in its workspace are relative without the option, too.
    let relative = expect_success(ior_it(&[&ONE[..], &["--relative-paths", "-f"]].concat()))?;
    require!(relative.contains("dup(3<dup.txt>) = 4<dup.txt> <"), "{relative}");
    let error = expect_error(ior_it(&[&ONE[..], &["-ff"]].concat()), 2)?;
    require!(error.contains("-ff writes files, and needs --output FILE"), "{error}");
    Ok(())
}

pub fn traces_that_cannot_be_written_leave_the_verdicts() -> Tested {
    let error = expect_error(ior_it(&[&ONE[..], &["-o", "/no/such/folder/file"]].concat()), 2)?;
    require!(
        error.contains("error: --output /no/such/folder/file: No such file") && error.contains(" hint: "),
        "{error}"
    );
    for (output, why) in [("/dev/full", "No space left"), ("|no-such-command", "Broken pipe")] {
        let output = ior_it(&[&ONE[..], &["-o", output]].concat()).output()?;
        require!(output.status.code() == Some(5), "{why}: {}", output.status);
        require!(stdout(&output).contains("1 passed"), "{why}: {}", stdout(&output));
        require!(stderr(&output).contains(why) && stderr(&output).contains("\n hint: "), "{}", stderr(&output));
    }
    // One that has read enough is no error.
    let says = expect_success(ior_it(&["--filter", "dup", "-o", "|head -n 0"]))?;
    require!(says.contains("0 failed"), "{says}");
    Ok(())
}

/// A folder with a scenario that says who runs it, and with what.
fn asking() -> Result<tempfile::TempDir, Failed> {
    let folder = tempfile::tempdir()?;
    let table = r#"
[asks]
about = "who runs it, with which variables, and whether its workspace is its own"
setup = "id -un; mkdir sub; id -un > who"
script = "id -un; cat who; cd sub; echo $A-$B-$C > f; cat $OLDPWD/sub/f; echo said > /dev/stderr; stat -c %U .."
env = { A = "table", B = "table" }
stdout = "nobody\nnobody\nasked--c\nnobody\n"
stderr = "said\n"
"#;
    fs::write(folder.path().join("own.toml"), table)?;
    Ok(folder)
}

pub fn commands_of_scenarios_start_as_asked_for() -> Tested {
    let folder = asking()?;
    let asks = |args: &[&str]| {
        let mut command = ior_it(&[&["--tests", "own.toml", "--exact", "--filter", "asks"], args].concat());
        command.current_dir(&folder);
        command
    };
    let all = ["-u", "nobody", "-E", "A=asked", "-E", "B", "-E", "C=c"];
    expect_success(asks(&all))?;
    expect_success(asks(&[&all[..], &["--witness", "--repeat", "3"]].concat()))?;
    let failed = asks(&["-u", "nobody", "-E", "A=a b"]).output()?;
    let says = stdout(&failed);
    require!(failed.status.code() == Some(101) && says.contains("\"a b-table-\\n\""), "{says}");
    require!(says.contains("--exact --filter asks -E 'A=a b' -u nobody --tests own.toml"), "{says}");
    let rows: [(&[&str], &str); 4] = [
        (&["-u", "no-such-user"], "error: there is no user no-such-user\n hint: "),
        (&["-E", "=x"], "error: --env: the name of the variable is missing\n hint: "),
        (&["--skip", "asks", "-u", "nobody"], "-E and -u are for commands, and for scenarios with `run` or `script`"),
        (&["--list", "-E", "A=1"], "cannot be used with"),
    ];
    for (args, says) in rows {
        let mut command = ior_it(&[&["--tests", "own.toml"], args].concat());
        command.current_dir(&folder);
        let error = expect_error(command, 2)?;
        require!(error.contains(says), "{args:?}: {error}");
    }
    Ok(())
}
