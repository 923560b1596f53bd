//! The command from outside: what it says, to which stream, and how it exits.
//!
//! `SNAPSHOTS=overwrite cargo test --test machine cli` writes down what it says now; `git diff` shows whether that is better.

use std::fs::write;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, ExitCode, Output, Stdio};

use crate::support;
use ior_it::child::scenarios;
use libtest_mimic::{Arguments, Failed, Trial};
use snapbox::{assert_data_eq, file, str};

const BINARY: &str = env!("CARGO_BIN_EXE_ior-it");
const TESTS: &str = include_str!("../../tests.toml");

type Tested = Result<(), Failed>;
type Named = (&'static str, fn() -> Tested);

pub fn main() -> ExitCode {
    let anyone: [Named; 8] = [
        ("help_and_version_are_asked_for", help_and_version_are_asked_for),
        ("bad_usage_says_what_is_accepted", bad_usage_says_what_is_accepted),
        ("the_list_needs_no_privilege", the_list_needs_no_privilege),
        ("filters_select_from_the_list", filters_select_from_the_list),
        ("a_bad_tests_toml_is_named_with_its_line", a_bad_tests_toml_is_named_with_its_line),
        ("nothing_selected_is_told_before_anything_else", nothing_selected_is_told_before_anything_else),
        ("a_missing_privilege_is_named", a_missing_privilege_is_named),
        ("a_closed_pipe_ends_it_quietly", a_closed_pipe_ends_it_quietly),
    ];
    let live: [Named; 7] = [
        ("an_ignored_scenario_runs_when_it_is_asked_for", an_ignored_scenario_runs_when_it_is_asked_for),
        ("what_was_asked_for_runs", what_was_asked_for_runs),
        ("an_unfit_bpf_object_is_refused_with_the_reason", an_unfit_bpf_object_is_refused_with_the_reason),
        ("without_a_workspace_the_scenario_fails", without_a_workspace_the_scenario_fails),
        ("archives_are_written_and_judged_alike", archives_are_written_and_judged_alike),
        ("a_run_writes_nothing_unless_it_is_asked_to", a_run_writes_nothing_unless_it_is_asked_to),
        ("where_no_archive_can_be_written_nothing_runs", where_no_archive_can_be_written_nothing_runs),
    ];
    let anyone = anyone.into_iter().map(|(name, test)| Trial::test(name, test));
    let live = live.into_iter().map(|(name, test)| support::live(name, test));
    support::run("cli", &Arguments::from_args(), anyone.chain(live))
}

/// The command without a terminal, as wide as the snapshots.
fn ior_it(args: &[&str]) -> Command {
    plain(Command::new(BINARY), args)
}

/// The same without privileges, also where the tests run as root: capabilities that are in no bounding set do not come
/// back with execve (capabilities(7)). It stays root for files, since others may not be able to reach the binary.
fn unprivileged(args: &[&str]) -> Command {
    if !nix::unistd::geteuid().is_root() {
        return ior_it(args);
    }
    let mut setpriv = Command::new("setpriv");
    setpriv.args(["--bounding-set=-all", BINARY]);
    plain(setpriv, args)
}

fn plain(mut command: Command, args: &[&str]) -> Command {
    command.args(args).env("COLUMNS", "100").env_remove("CLICOLOR_FORCE").stdin(Stdio::null());
    command
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// An error: this code, nothing on the standard output; returns what is on the other.
fn expect_error(mut command: Command, code: i32) -> Result<String, Failed> {
    let output = command.output()?;
    require!(output.status.code() == Some(code), "{command:?}: {}: {}", output.status, stderr(&output));
    require!(output.stdout.is_empty(), "{command:?}: an error is for stderr: {}", stdout(&output));
    Ok(stderr(&output))
}

/// The commands as typed, each with its code and what it says.
#[derive(Default)]
struct Transcript(String);

impl Transcript {
    fn error(&mut self, command: Command, args: &[&str], code: i32) -> Tested {
        let says = expect_error(command, code)?;
        self.0 += &format!("$ ior-it {}\n[exit {code}]\n{}\n\n", args.join(" "), says.trim_end());
        Ok(())
    }
}

/// Success: nothing on the standard error output; returns the other.
fn expect_success(mut command: Command) -> Result<String, Failed> {
    let output = command.output()?;
    require!(output.status.code() == Some(0), "{command:?}: {}: {}", output.status, stderr(&output));
    require!(output.stderr.is_empty(), "{command:?}: {}", stderr(&output));
    Ok(stdout(&output))
}

fn help_and_version_are_asked_for() -> Tested {
    assert_data_eq!(expect_success(unprivileged(&["--help"]))?, file!["../golden/cli/help.txt"]);
    for version in ["--version", "-V"] {
        require!(expect_success(unprivileged(&[version]))? == "ior-it 0.1.0\n", "{version}");
    }
    let mut renamed = ior_it(&["--help"]);
    renamed.arg0("target/debug/deps/live-0123456789abcdef");
    require!(expect_success(renamed)?.contains("Usage: ior-it ["), "its name is not that of the file");
    Ok(())
}

fn bad_usage_says_what_is_accepted() -> Tested {
    let rows: [&[&str]; 30] = [
        &["--bogus"],
        &["--filtr", "dup"],
        &["one", "two"],
        &["--filter"],
        &["--repeat", "0"],
        &["--repeat", "many"],
        &["--timeout", "0"],
        &["--timeout", "nan"],
        &["--timeout", "3601"],
        &["--ring-size", "5000"],
        &["--ring-size", "2048"],
        &["--ring-size", "8GB"],
        &["--test-threads", "0"],
        &["--test-threads", "100000"],
        &["--test-threads", "many"],
        &["--format", "nope"],
        &["--archive"],
        &["--replay"],
        &["--replay", ".", "--bpf", "tracer.bpf.o"],
        &["--replay", ".", "--repeat", "2"],
        &["--replay", ".", "--keep"],
        &["--show", "dup-basic.ior.zst", "--list"],
        &["--summary"],
        &["--no-follow", "--output", "trace.txt"],
        &["--"],
        &["--summary", "--"],
        &["dup", "--", "true"],
        &["--repeat", "2", "--", "true"],
        &["--timeout", "1", "--list", "--", "true"],
        &["--replay", ".", "--", "true"],
    ];
    let mut transcript = Transcript::default();
    for args in rows {
        transcript.error(unprivileged(args), args, 2)?;
    }
    assert_data_eq!(transcript.0, file!["../golden/cli/usage.txt"]);
    Ok(())
}

fn the_list_needs_no_privilege() -> Tested {
    let expected: String = scenarios::all().map(|scenario| format!("{}: test\n", scenario.name)).collect();
    require!(expected.lines().count() >= 60, "the registry has {} scenarios", expected.lines().count());
    // As `cargo test`, nextest and editors ask for it.
    let rows: [(&str, &[&str], &str); 5] = [
        ("all scenarios", &["--list"], &expected),
        ("as nextest asks", &["--list", "--format", "terse"], &expected),
        ("those that are ignored", &["--list", "--format", "terse", "--ignored"], "burst: test\n"),
        ("one of them", &["--list", "--exact", "dup-basic"], "dup-basic: test\n"),
        ("none is no error in a list", &["--list", "--filter", "nope"], ""),
    ];
    for (sentence, args, expected) in rows {
        let list = expect_success(unprivileged(args))?;
        require!(list == expected, "{sentence}: {args:?}:\n{list}");
    }
    Ok(())
}

fn filters_select_from_the_list() -> Tested {
    let rows: [(&str, &[&str], usize); 6] = [
        ("the two families that duplicate", &["--filter", "dup"], 9),
        ("in one word", &["--filter=dup"], 9),
        ("libtest's own filter", &["dup"], 9),
        ("any of two", &["--filter", "dup2", "--filter", "dup3"], 4),
        ("without those", &["--filter", "dup", "--skip", "fcntl"], 6),
        ("the whole name", &["--filter", "dup2-same-fd", "--exact"], 1),
    ];
    for (sentence, args, count) in rows {
        let list = expect_success(unprivileged(&[&["--list"], args].concat()))?;
        require!(list.lines().count() == count, "{sentence}: {args:?}: not {count}:\n{list}");
        require!(list.lines().all(|line| line.contains("dup") && line.ends_with(": test")), "{sentence}:\n{list}");
    }
    Ok(())
}

fn a_bad_tests_toml_is_named_with_its_line() -> Tested {
    let folder = tempfile::tempdir()?;
    let on_top = |text: &str| [text, TESTS].concat().into_bytes();
    let rows = [
        ("latin1.toml", b"# in another encoding:\n# caf\xe9\n".to_vec()),
        ("syntax.toml", on_top("[dup-basic\n")),
        ("unknown.toml", on_top("\n[dup-basik]\nabout = \"near\"\ncalls = [{ call = \"dub\" }]\n")),
        (
            "values.toml",
            on_top("[dup-basik]\nabout = \"wrong\"\ncalls = [{ call = \"dup\", fd = \"$a\", ret = \"EBADFF\" }]\n"),
        ),
    ];
    let mut transcript = Transcript::default();
    for (name, bytes) in rows {
        write(folder.path().join(name), bytes)?;
        transcript.error(with_tests(folder.path(), name), &["--tests", name], 2)?;
    }
    for name in ["missing.toml", "."] {
        transcript.error(with_tests(folder.path(), name), &["--tests", name], 2)?;
    }
    assert_data_eq!(transcript.0, file!["../golden/cli/tests-toml.txt"]);

    // Not in the golden file, which would change with each new scenario.
    write(folder.path().join("empty.toml"), "")?;
    let says = expect_error(with_tests(folder.path(), "empty.toml"), 2)?;
    let count = format!("{} scenarios have no table", scenarios::all().count());
    require!(says.contains(&count) && says.contains("--> empty.toml:1:1") && says.contains("dup-basic"), "{says}");
    Ok(())
}

fn with_tests(folder: &Path, name: &str) -> Command {
    let mut command = unprivileged(&["--tests", name]);
    command.current_dir(folder);
    command
}

fn nothing_selected_is_told_before_anything_else() -> Tested {
    let rows: [(&[&str], &str, &str); 5] = [
        (&["--filter", "dup-basik"], "selected by dup-basik\n", "near names are dup-basic, "),
        (&["dup2-same-df"], "selected by dup2-same-df\n", "near names are dup2-same-fd, "),
        (&["--exact", "dup-basi"], "selected by dup-basi\n", "near names are dup-basic, "),
        (&["--filter", "zzz", "yyy"], "selected by yyy, zzz\n", " hint: `ior-it --list` names them all\n"),
        (&["--skip", ""], "selected by --skip\n", " hint: `ior-it --list` names them all\n"),
    ];
    for (args, sentence, hint) in rows {
        let says = expect_error(unprivileged(args), 4)?;
        require!(
            says.starts_with(&format!("error: no scenario is {sentence}")) && says.contains(hint),
            "{args:?}: {says}"
        );
    }
    Ok(())
}

fn a_missing_privilege_is_named() -> Tested {
    for args in [&[][..], &["--exact", "dup-basic", "--format", "json"]] {
        assert_data_eq!(
            expect_error(unprivileged(args), 3)?,
            str![[r#"
error: tracing needs CAP_BPF and CAP_PERFMON, which this process lacks
 hint: run it as `sudo ./ior-it`, or once `sudo setcap cap_bpf,cap_perfmon,cap_dac_read_search+ep ./ior-it`

"#]]
        );
    }
    Ok(())
}

fn a_closed_pipe_ends_it_quietly() -> Tested {
    for args in [["--list"], ["--help"]] {
        let (reader, writer) = std::io::pipe()?;
        drop(reader);
        let output = unprivileged(&args).stdout(writer).stderr(Stdio::piped()).spawn()?.wait_with_output()?;
        require!(output.status.signal() == Some(libc::SIGPIPE), "{args:?}: {}", output.status);
        require!(output.stderr.is_empty(), "{args:?}: {}", stderr(&output));
    }
    Ok(())
}

fn what_was_asked_for_runs() -> Tested {
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

fn an_ignored_scenario_runs_when_it_is_asked_for() -> Tested {
    // In a time that a million calls cannot keep: that it fails shows that it ran.
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

fn an_unfit_bpf_object_is_refused_with_the_reason() -> Tested {
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
    assert_data_eq!(transcript.0, file!["../golden/cli/bpf.txt"]);
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

fn without_a_workspace_the_scenario_fails() -> Tested {
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

/// All that is in a folder, by name.
fn names_in(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut names: Vec<String> = std::fs::read_dir(folder)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<std::io::Result<_>>()?;
    names.sort();
    Ok(names)
}

fn archives_are_written_and_judged_alike() -> Tested {
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
    // The one that is ignored leaves none.
    let recorded = scenarios::all().filter(|scenario| scenario.name != "burst");
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

fn a_run_writes_nothing_unless_it_is_asked_to() -> Tested {
    let folder = tempfile::tempdir()?;
    let temp = tempfile::tempdir()?;
    let mut command = ior_it(&["--filter", "dup", "-v"]);
    command.current_dir(&folder).env("TMPDIR", temp.path()).env("HOME", folder.path());
    expect_success(command)?;
    require!(names_in(folder.path())?.is_empty(), "{:?}", names_in(folder.path())?);
    Ok(())
}

fn where_no_archive_can_be_written_nothing_runs() -> Tested {
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
