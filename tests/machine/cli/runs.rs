//! Which scenarios run, and where the output goes.

use crate::support;
use std::fs::write;
use std::path::Path;

use super::{TESTS, Transcript, expect_error, expect_success, ior_it, names_in, stderr, stdout, unprivileged};
use crate::support::Tested;
use ior_it::support::child::scenarios;
use libtest_mimic::Failed;
use snapbox::{assert_data_eq, file, str};

pub fn what_was_asked_for_runs() -> Tested {
    let says =
        expect_success(ior_it(&["--filter", "dup-basic", "--filter", "dup2-same-fd", "--exact", "--test-threads=1"]))?;
    let (says, _) = says.split_once(" measured; ").ok_or(says.clone())?;
    assert_data_eq!(
        says,
        str![[r#"

running 2 tests
test dup-basic    ... ok
test dup2-same-fd ... ok

test result: ok. 2 passed; 0 failed; 0 ignored; 0
"#]]
    );
    Ok(())
}

pub fn an_ignored_scenario_runs_when_it_is_asked_for() -> Tested {
    // The time is too short for a million calls. The failure shows that the scenario ran.
    let rows: [(&str, &[&str], i32); 5] = [
        ("not by a part of its name", &["burst"], 4),
        ("nor among others", &["--filter", "burst", "--filter", "dup-basic"], 0),
        ("by its whole name", &["burst", "--exact"], 101),
        ("by libtest's flag", &["burst", "--ignored"], 101),
        ("by the other one", &["burst", "--include-ignored"], 101),
    ];
    for (sentence, args, code) in rows {
        let limit: &[&str] = if code == 101 { &["--timeout", "0.05"] } else { &[] };
        let output = ior_it(&[args, limit, &["--ring-size", "32MiB"]].concat()).output()?;
        let says = stdout(&output);
        require!(output.status.code() == Some(code), "{sentence}: {}: {says}", output.status);
        require!(says.contains("1 ignored") == (code != 101), "{sentence}: {says}");
    }
    let alone = expect_success(ior_it(&["--ignored", "--exact", "dup-basic", "--list"]))?;
    require!(alone.is_empty(), "dup-basic is not ignored: {alone}");
    Ok(())
}

pub fn perf_events_run_the_programs_of_calls_as_well() -> Tested {
    expect_success(ior_it(&["-q", "--perf-events"]))?;
    let output = ior_it(&["-q", "--perf-events", "--", "true"]).output()?;
    let shown = stderr(&output);
    require!(output.status.success() && shown.contains("execve("), "{}: {shown}", output.status);
    Ok(())
}

pub fn an_unfit_bpf_object_is_refused_with_the_reason() -> Tested {
    let folder = tempfile::tempdir()?;
    write(folder.path().join("text.o"), "int main(void) {}\n")?;
    write(folder.path().join("empty.o"), "")?;
    compile("char in_it[] __attribute__((section(\"license\"), used)) = \"GPL\";", &folder.path().join("lacks.o"))?;
    let mut transcript = Transcript::default();
    for (name, code) in [("missing.o", 2), (".", 2), ("text.o", 3), ("empty.o", 3), ("lacks.o", 3)] {
        let args = ["--exact", "dup-basic", "--bpf", name];
        let mut command = ior_it(&args);
        command.current_dir(&folder).env("TMPDIR", folder.path());
        transcript.error(command, &args, code)?;
    }
    assert_data_eq!(transcript.0, file!["../../golden/cli/bpf.txt"]);
    let left = std::fs::read_dir(&folder)?.count();
    require!(left == 3, "{left} files are there, and there were three");
    Ok(())
}

/// A BPF object of this C text.
fn compile(text: &str, object: &Path) -> Tested {
    let source = object.with_extension("c");
    write(&source, text)?;
    let status = support::clang().arg("-c").arg(&source).arg("-o").arg(object).status()?;
    require!(status.success(), "clang: {status}");
    Ok(std::fs::remove_file(source)?)
}

pub fn without_a_workspace_the_scenario_fails() -> Tested {
    for (sentence, folder) in
        [("is not there", "/nonexistent"), ("is no folder", "/etc/passwd"), ("takes no folder", "/proc")]
    {
        let output = ior_it(&["--exact", "dup-basic"]).env("TMPDIR", folder).output()?;
        let says = stdout(&output);
        require!(output.status.code() == Some(101), "{folder} {sentence}: {}: {says}", output.status);
        require!(says.contains("test dup-basic ... FAILED"), "{folder} {sentence}: {says}");
        require!(
            says.contains(&format!("error: no workspace could be made in {folder}: ")),
            "{folder} {sentence}: {says}"
        );
        require!(says.contains("let TMPDIR name a folder that can be written to"), "{folder} {sentence}: {says}");
    }
    Ok(())
}

pub fn archives_are_written_and_judged_alike() -> Tested {
    let temp = tempfile::tempdir()?;
    let folder = temp.path().join("new/archives");
    let path = folder.to_string_lossy().into_owned();
    let wrong = temp.path().join("wrong.toml");
    write(&wrong, TESTS.replace("\"dup.txt\", ret = \"$b\"", "\"duq.txt\", ret = \"$b\""))?;
    let wrong = wrong.to_string_lossy().into_owned();
    let rows: [(&str, &[&str], i32); 3] = [
        ("a new folder", &["--test-threads", "8"], 0),
        ("the last of several runs stays", &["--repeat", "3", "--exact", "dup-basic"], 0),
        ("what fails is kept too", &["--tests", &wrong, "--exact", "dup-basic"], 101),
    ];
    for (sentence, args, code) in rows {
        let output = ior_it(&[&["--archive", &path], args].concat()).output()?;
        let says = stdout(&output);
        require!(output.status.code() == Some(code), "{sentence}: {}: {says}{}", output.status, stderr(&output));
        require!(!says.contains("archive check"), "{sentence}: {says}");
    }
    // The ignored scenario leaves no archive.
    let recorded = scenarios::all().filter(|scenario| !["burst", "uring-flight-pid"].contains(&scenario.name));
    let mut expected: Vec<String> = recorded.map(|scenario| format!("{}.ior.zst", scenario.name)).collect();
    expected.sort();
    require!(names_in(&folder)? == expected, "{:?}", names_in(&folder)?);
    expect_success(unprivileged(&["--replay", &path]))?;
    let replayed = unprivileged(&["--replay", &path, "dup-basic"]).output()?;
    require!(replayed.status.code() == Some(2), "a filter after --replay is a path: {}", replayed.status);
    let replayed = unprivileged(&["dup-basic", "--replay", &path, "--tests", &wrong]).output()?;
    require!(replayed.status.code() == Some(101), "{}: {}", replayed.status, stdout(&replayed));
    Ok(())
}

pub fn a_run_writes_nothing_unless_it_is_asked_to() -> Tested {
    let folder = tempfile::tempdir()?;
    let temp = tempfile::tempdir()?;
    let mut command = ior_it(&["--filter", "dup", "-v"]);
    command.current_dir(&folder).env("TMPDIR", temp.path()).env("HOME", folder.path());
    expect_success(command)?;
    require!(names_in(folder.path())?.is_empty(), "{:?}", names_in(folder.path())?);
    Ok(())
}

pub fn where_no_archive_can_be_written_nothing_runs() -> Tested {
    let folder = tempfile::tempdir()?;
    write(folder.path().join("file"), "")?;
    for (name, reason) in [("file", "Not a directory"), ("file/below", "Not a directory"), ("/proc/1", "")] {
        let mut command = ior_it(&["--archive", name, "--exact", "dup-basic"]);
        command.current_dir(&folder);
        let says = expect_error(command, 2)?;
        require!(says.starts_with(&format!("error: no archive could be written in {name}: {reason}")), "{says}");
        require!(says.contains("let --archive name a folder that can be written to"), "{says}");
    }
    Ok(())
}

/// The flags of strace choose what is printed of a trace, and change no verdict.
pub fn the_calls_of_scenarios_are_chosen_as_those_of_commands() -> Tested {
    let lines = |args: &[&str]| -> Result<Vec<String>, Failed> {
        let says = expect_success(ior_it(&[&["--exact", "dup-basic"], args].concat()))?;
        let (_, trace) = says.split_once("dup-basic: finished\n").ok_or(says.clone())?;
        Ok(trace.trim_end().lines().map(str::to_owned).collect())
    };
    let all = lines(&["-v"])?;
    let names = |lines: &[String]| -> Vec<String> {
        lines.iter().map(|line| line.split('(').next().unwrap_or_default().to_owned()).collect()
    };
    require!(names(&all) == ["openat", "dup", "write", "close", "close", "exit_group"], "{all:?}");
    let rows: [(&[&str], &[&str]); 6] = [
        (&["-e", "dup,write"], &["dup", "write"]),
        (&["-e", "!close,exit_group"], &["openat", "dup", "write"]),
        (&["-P", "dup.txt", "-e", "%file"], &["openat"]),
        (&["--failed-only"], &[]),
        (&["-z"], &["openat", "dup", "write", "close", "close"]),
        (&["-s", "3", "-e", "write"], &["write"]),
    ];
    for (args, expected) in rows {
        let shown = lines(args)?;
        require!(names(&shown) == expected, "{args:?}: {shown:?}");
    }
    let data = lines(&["-s", "3", "-e", "write"])?;
    require!(data[0].contains("\"hel\"..., 5) = 5"), "{data:?}");
    let timed = lines(&["-r", "-e", "dup"])?;
    require!(timed[0].trim_start().starts_with("0.000000 dup("), "{timed:?}");
    let table = expect_success(ior_it(&["--exact", "dup-basic", "-c", "-S", "name", "-e", "close,dup"]))?;
    let rows: Vec<_> = table.lines().filter_map(|line| line.split_whitespace().next()).collect();
    require!(rows.ends_with(&["call", "close", "dup", "all"]) && !table.contains("write"), "{table}");
    let error = expect_error(ior_it(&["-e", "dup", "--list"]), 2)?;
    require!(error.contains("'--trace <SET>' cannot be used with '--list'"), "{error}");
    Ok(())
}

pub fn the_calls_of_scenarios_are_drawn() -> Tested {
    let folder = tempfile::tempdir()?;
    let [page, folded, events] =
        ["page", "folded", "events"].map(|name| folder.path().join(name).display().to_string());
    let pictures = ["--html", &page, "--flamegraph", &folded, "--timeline", &events];
    let archive = folder.path().join("archive").display().to_string();
    std::fs::create_dir(&archive)?;
    let two = ["--filter", "dup-basic", "--filter", "dup2-same-fd", "--exact"];
    let live = expect_success(ior_it(&[&two[..], &pictures, &["--archive", &archive, "-c"]].concat()))?;
    let text = std::fs::read_to_string(&folded)?;
    let closes = text.lines().filter(|line| line.ends_with(";close 2")).count();
    require!(closes == 1 && text.lines().all(|line| line.contains(";")), "{text}");
    let drawn: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&events)?)?;
    let calls = drawn.as_array().ok_or("no array")?.iter().filter(|event| event["ph"] != "M").count();
    let all = |says: &str| says.lines().rfind(|line| line.starts_with(" all ")).map(str::to_owned);
    let sum = all(&live).ok_or(live.clone())?;
    require!(sum.split_whitespace().nth(1) == Some(&calls.to_string()), "{calls} calls in the timeline: {sum}");
    // The same of what was archived.
    let again = [&["-c", "--html", &page][..], &["--replay", &archive]].concat();
    let replayed = expect_success(ior_it(&again))?;
    require!(all(&replayed).as_ref() == Some(&sum), "{replayed}");
    require!(std::fs::read_to_string(&page)?.contains("2 passed, 0 failed"), "no page of the archives");
    Ok(())
}

pub fn a_page_has_the_verdicts_and_both_traces() -> Tested {
    let folder = tempfile::tempdir()?;
    let (tests, page) = (folder.path().join("tests.toml"), folder.path().join("page.html"));
    let (before, table) = TESTS.split_once("[dup-basic]").ok_or("no table")?;
    write(
        &tests,
        format!("{before}[dup-basic]{}", table.replacen("call = \"dup\", fd = \"$a\"", "call = \"dup\", fd = 77", 1)),
    )?;
    let [tests, page] = [&tests, &page].map(|path| path.display().to_string());
    let args = ["--exact", "--filter", "dup-basic", "--filter", "dup2-same-fd", "--tests", &tests, "--html", &page];
    let output = ior_it(&args).output()?;
    require!(output.status.code() == Some(101), "{}: {}", output.status, stdout(&output));
    let text = std::fs::read_to_string(&page)?;
    for part in
        ["<h1>1 passed, 1 failed, 0 inconclusive, 0 skipped</h1>", "<td class=\"expected\">", "<td class=\"observed\">"]
    {
        require!(text.contains(part), "no {part}: {text}");
    }
    require!(text.contains("dup2-same-fd") && !text.contains("<script"), "{text}");
    for part in ["<p>Nothing was lost.</p>", "Flame graph by bytes", "aria-label=\"Timeline\"", "gate ", "p99"] {
        require!(text.contains(part), "no {part}: {text}");
    }
    // Nothing runs if it cannot be written.
    let error = expect_error(ior_it(&["--exact", "dup-basic", "--html", "/no/such/page.html"]), 2)?;
    require!(error.contains("/no/such/page.html could not be written"), "{error}");
    Ok(())
}
