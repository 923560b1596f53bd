//! Everything that needs no privileges: help, lists, and errors before anything runs.

use std::fs::write;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, Stdio};

use super::{TESTS, Transcript, expect_error, expect_success, ior_it, stderr, unprivileged};
use crate::support::Tested;
use ior_it::support::child::scenarios;
use snapbox::{assert_data_eq, file, str};

pub fn help_and_version_are_asked_for() -> Tested {
    assert_data_eq!(expect_success(unprivileged(&["--help"]))?, file!["../../golden/cli/help.txt"]);
    for version in ["--version", "-V"] {
        let said = expect_success(unprivileged(&[version]))?;
        require!(said == version_of(commit()), "{version}: {said}");
    }
    let mut renamed = ior_it(&["--help"]);
    renamed.arg0("target/debug/deps/live-0123456789abcdef");
    require!(expect_success(renamed)?.contains("Usage: ior-it ["), "its name is not that of the file");
    Ok(())
}

/// The commit of this checkout, as the build asks for it; `None` if it is no checkout.
fn commit() -> Option<String> {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    git(&["ls-files", "--error-unmatch", "build.rs"]).and_then(|_| git(&["rev-parse", "--short=12", "HEAD"]))
}

fn version_of(commit: Option<String>) -> String {
    let commit = commit.map_or(String::new(), |commit| format!(" ({commit})"));
    format!("ior-it {}{commit}\n", env!("CARGO_PKG_VERSION"))
}

/// Both are made of the flags, so the newest flag is in them.
pub fn completions_and_the_man_page_have_each_flag() -> Tested {
    for shell in ["bash", "zsh", "fish", "elvish"] {
        let said = expect_success(unprivileged(&["--completions", shell]))?;
        require!(said.contains("watch") && said.contains("completions"), "{shell}: {said}");
    }
    let page = expect_success(unprivileged(&["--man"]))?;
    for flag in ["\\-\\-watch", "\\-\\-pause", ".SH SYNOPSIS", "Exit codes:"] {
        require!(page.contains(flag), "{flag}: {page}");
    }
    let script = expect_success(unprivileged(&["--completions", "bash"]))?;
    let status = Command::new("bash").args(["-n", "-c", &script]).status()?;
    require!(status.success(), "bash cannot read it");
    Ok(())
}

pub fn bad_usage_says_what_is_accepted() -> Tested {
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
        &["--no-follow"],
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
    assert_data_eq!(transcript.0, file!["../../golden/cli/usage.txt"]);
    Ok(())
}

pub fn the_list_needs_no_privilege() -> Tested {
    let expected: String = scenarios::all().map(|scenario| format!("{}: test\n", scenario.name)).collect();
    require!(expected.lines().count() >= 60, "the registry has {} scenarios", expected.lines().count());
    // The forms that `cargo test`, nextest and editors use.
    let rows: [(&str, &[&str], &str); 5] = [
        ("all scenarios", &["--list"], &expected),
        ("as nextest asks", &["--list", "--format", "terse"], &expected),
        (
            "those that are ignored",
            &["--list", "--format", "terse", "--ignored"],
            "uring-flight-pid: test\nburst: test\n",
        ),
        ("one of them", &["--list", "--exact", "dup-basic"], "dup-basic: test\n"),
        ("none is no error in a list", &["--list", "--filter", "nope"], ""),
    ];
    for (sentence, args, expected) in rows {
        let list = expect_success(unprivileged(args))?;
        require!(list == expected, "{sentence}: {args:?}:\n{list}");
    }
    Ok(())
}

pub fn filters_select_from_the_list() -> Tested {
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

pub fn a_bad_tests_toml_is_named_with_its_line() -> Tested {
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
    assert_data_eq!(transcript.0, file!["../../golden/cli/tests-toml.txt"]);

    // Not in the golden file, because it would change with each new scenario.
    write(folder.path().join("empty.toml"), "")?;
    let says = expect_error(with_tests(folder.path(), "empty.toml"), 2)?;
    let count = format!("{} scenarios have no table", scenarios::all().count());
    require!(says.contains(&count) && says.contains("--> empty.toml:1:1") && says.contains("[open-basic]"), "{says}");
    Ok(())
}

fn with_tests(folder: &Path, name: &str) -> Command {
    let mut command = unprivileged(&["--tests", name]);
    command.current_dir(folder);
    command
}

pub fn nothing_selected_is_told_before_anything_else() -> Tested {
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

pub fn a_missing_privilege_is_named() -> Tested {
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

pub fn a_closed_pipe_ends_it_quietly() -> Tested {
    for args in [["--list"], ["--help"]] {
        let (reader, writer) = std::io::pipe()?;
        drop(reader);
        let output = unprivileged(&args).stdout(writer).stderr(Stdio::piped()).spawn()?.wait_with_output()?;
        require!(output.status.signal() == Some(libc::SIGPIPE), "{args:?}: {}", output.status);
        require!(output.stderr.is_empty(), "{args:?}: {}", stderr(&output));
    }
    Ok(())
}
