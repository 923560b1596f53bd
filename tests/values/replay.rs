//! `--replay` and `--show`: archives judged and shown without privileges.
//!
//! The archives in `tests/recorded` come from real runs of all scenarios. CONTRIBUTING.md says how to make them.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use ior_it::support::archive::{self, Archive};
use ior_it::support::child::ending::{How, Phase};
use ior_it::support::child::scenarios;
use ior_it::support::judge::expectation::Expectations;
use ior_it::support::judge::verdict::{Verdict, judge};
use ior_it::support::table::syscalls::{Class, Syscall};
use ior_it::support::trace::call::Text;
use snapbox::{assert_data_eq, file};

pub const TESTS: &str = include_str!("../../tests.toml");

/// The archives have the numbers of this architecture. On another architecture they are refused, which is tested there.
const RECORDED_ON: &str = "x86_64";

fn recorded() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded")
}

pub fn recorded_here() -> bool {
    let here = std::env::consts::ARCH == RECORDED_ON;
    if !here {
        let error = archive::check(&crate::recorded("dup-basic")).unwrap_err();
        assert!(error.sentence.contains("it was recorded on x86_64"), "{error}");
    }
    here
}

pub fn names() -> Vec<&'static str> {
    scenarios::all().map(|scenario| scenario.name).collect()
}

/// What does not run where the archives are made: a process id needs more than 16 bits.
const NOT_RECORDED: [&str; 1] = ["uring-flight-pid"];

/// The recorded scenarios: those that run by default.
pub fn everyday() -> Vec<&'static str> {
    let expectations = Expectations::parse("tests.toml", TESTS, &names()).unwrap();
    let is_recorded = |name: &&str| expectations.get(name).unwrap().ignored.is_none() && !NOT_RECORDED.contains(name);
    names().into_iter().filter(is_recorded).collect()
}

fn read(scenario: &str) -> Archive {
    archive::load(&crate::recorded(scenario)).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_scenario_is_recorded_and_passes() {
    if !recorded_here() {
        return;
    }
    let expectations = Expectations::parse("tests.toml", TESTS, &names()).unwrap();
    for name in everyday() {
        let verdict = judge(expectations.get(name).unwrap(), "tests.toml", &read(name).observed);
        assert_eq!(verdict, Verdict::Pass, "{name}: make the archives anew if the scenario has changed");
    }
    let files = std::fs::read_dir(recorded()).unwrap().count();
    assert_eq!(files, everyday().len(), "an archive of no scenario is left");
    let size: u64 = std::fs::read_dir(recorded()).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
    assert!(size < 2_000 * files as u64, "{files} archives are {size} bytes");
}

/// Every I/O call of every table is needed: without its line, the recorded trace has one call too many.
#[test]
fn with_any_line_less_in_its_table_a_recorded_trace_fails() {
    if !recorded_here() {
        return;
    }
    let everyday = everyday();
    let lines: Vec<&str> = TESTS.lines().collect();
    let mut failed = 0;
    for at in 0..lines.len() {
        let call = lines[at].trim_start().strip_prefix("{ call = \"").and_then(|rest| rest.split('"').next());
        // A call that is not I/O is compared only because a line names it.
        if call.and_then(Syscall::by_name).is_none_or(|row| row.class == Class::Other) {
            continue;
        }
        let is_header = |line: &str| line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).is_some();
        let begin = lines[..at].iter().rposition(|line| is_header(line)).unwrap();
        let end = lines[at..].iter().position(|line| is_header(line)).map_or(lines.len(), |after| at + after);
        let table = lines[begin].trim_matches(['[', ']']);
        if !everyday.contains(&table) {
            continue;
        }
        let without: String =
            (begin..end).filter(|&line| line != at).map(|line| format!("{}\n", lines[line])).collect();
        // Without the line that binds a name, the file has another error.
        let Ok(expectations) = Expectations::parse("tests.toml", &without, &[table]) else { continue };
        let verdict = judge(expectations.get(table).unwrap(), "tests.toml", &read(table).observed);
        assert!(matches!(&verdict, Verdict::Fail(report) if report.contains("extra")), "line {}: {verdict:?}", at + 1);
        failed += 1;
    }
    assert!(failed > 100, "only {failed} lines were tried");
}

/// The command as an unprivileged user runs it.
fn ior_it(folder: &Path, args: &[&str]) -> Command {
    let binary = env!("CARGO_BIN_EXE_ior-it");
    let mut command = if nix::unistd::geteuid().is_root() {
        let mut setpriv = Command::new("setpriv");
        setpriv.args(["--bounding-set=-all", binary]);
        setpriv
    } else {
        Command::new(binary)
    };
    command.args(args).current_dir(folder).env("COLUMNS", "100").stdin(Stdio::null());
    command
}

fn output(folder: &Path, args: &[&str]) -> Output {
    ior_it(folder, args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Its standard output. The exit code must be as expected.
fn says(folder: &Path, args: &[&str], code: i32) -> String {
    let output = output(folder, args);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// A folder with changed copies of these archives.
fn folder(scenarios: &[&str], change: impl Fn(&mut Archive)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let place = archive::prepare(folder.path()).unwrap();
    for scenario in scenarios {
        let mut archive = read(scenario);
        change(&mut archive);
        archive::save(&place, &archive).unwrap();
    }
    folder
}

#[test]
fn all_of_a_folder_is_judged_without_privileges() {
    if !recorded_here() {
        return;
    }
    let root = recorded();
    let (root, all) = (root.parent().unwrap(), everyday().len());
    let whole = says(root, &["--replay", "recorded"], 0);
    assert!(whole.contains(&format!("test result: ok. {all} passed; 0 failed; 0 ignored")), "{whole}");
    let (one, others) = ("recorded/dup-basic.ior.zst", all - 1);
    let rows: [(&str, &[&str], usize, usize); 5] = [
        ("a filter", &["--exact", "dup-basic", "--replay", "recorded"], 1, others),
        ("filters", &["--replay", "recorded", "--filter", "dup2-", "--filter", "dup-basic", "--exact"], 1, others),
        ("a file", &["--replay", one], 1, 0),
        ("a file and its folder are each once", &["--replay", one, "recorded"], all, 0),
        ("several times", &["--replay", "recorded/sync-sync.ior.zst", "--replay", one], 2, 0),
    ];
    for (sentence, args, passed, filtered) in rows {
        let says = says(root, args, 0);
        let expected = format!("{passed} passed; 0 failed; 0 ignored; 0 measured; {filtered} filtered out");
        assert!(says.contains(&expected), "{sentence}: {says}");
    }
    assert_eq!(says(root, &["--list", "--replay", "recorded/dup-basic.ior.zst"], 0), "dup-basic: test\n");
}

#[test]
fn two_archives_of_one_scenario_are_told_apart_by_their_files() {
    if !recorded_here() {
        return;
    }
    let folder = folder(&["dup-basic"], |_| ());
    std::fs::copy(folder.path().join("dup-basic.ior.zst"), folder.path().join("other.ior.zst")).unwrap();
    let list = says(folder.path(), &["--list", "--replay", "."], 0);
    assert_eq!(list, "dup-basic (./dup-basic.ior.zst): test\ndup-basic (./other.ior.zst): test\n");
    let one = says(folder.path(), &["--replay", ".", "--filter", "other"], 0);
    assert!(one.contains("1 passed; 0 failed; 0 ignored; 0 measured; 1 filtered out"), "{one}");
}

#[test]
fn a_replay_exits_as_a_run_does() {
    if !recorded_here() {
        return;
    }
    let two = ["dup-basic", "sync-sync"];
    let lossy = folder(&two[..1], |archive| archive.observed.trace.counts.refused += 1);
    let without = folder(&two, |archive| archive.observed.trace.calls[1].args[1] += 1);
    let skipped = folder(&two, |archive| {
        archive.observed.ending.phase = Phase::Setup;
        archive.observed.ending.how = How::Skipped("no weather".to_owned());
    });
    let failing = folder(&two, |archive| {
        archive.observed.ending.how = How::Failed("no luck".to_owned());
    });
    let rows: [(&str, &Path, &[&str], i32, &str); 6] = [
        ("what was lost", lossy.path(), &[], 5, "a part of the trace was lost, so it proves nothing"),
        ("what is not compared", without.path(), &[], 0, "2 passed"),
        ("skipped", skipped.path(), &[], 4, "ignored (no weather)"),
        ("failed", failing.path(), &[], 101, "run again    ./ior-it --replay ./dup-basic.ior.zst"),
        (
            "stopped",
            failing.path(),
            &["--fail-fast", "--test-threads=1"],
            101,
            "0 passed; 1 failed; 0 ignored; 1 not run; 0 measured",
        ),
        ("shown", failing.path(), &["-v"], 101, "dup-basic: failed in act: no luck\nopenat(AT_FDCWD, \"dup.txt\", "),
    ];
    for (sentence, folder, args, code, expected) in rows {
        let says = says(folder, &[&["--replay", "."], args].concat(), code);
        assert!(says.contains(expected), "{sentence}: {says}");
    }
}

#[test]
fn another_tests_toml_judges_the_same_archives() {
    if !recorded_here() {
        return;
    }
    let folder = folder(&["dup-basic"], |_| ());
    let old = r#"{ call = "dup", fd = "$a", path = "dup.txt", ret = "$b", "#;
    let new = r#"{ call = "dup", fd = "$a", path = "duq.txt", ret = "$b", "#;
    assert!(TESTS.contains(old));
    std::fs::write(folder.path().join("mine.toml"), TESTS.replace(old, new)).unwrap();
    let says = says(folder.path(), &["--replay", ".", "--tests", "mine.toml"], 101);
    assert!(says.contains("duq.txt") && says.contains("mine.toml:"), "{says}");
}

#[test]
fn what_cannot_be_replayed_is_told_with_its_file() {
    if !recorded_here() {
        return;
    }
    let folder = folder(&["dup-basic"], |archive| archive.origin.scenario = "dup-basik".to_owned());
    let path = |name: &str| folder.path().join(name);
    let whole = std::fs::read(recorded().join("sync-sync.ior.zst")).unwrap();
    std::fs::write(path("cut.ior.zst"), &whole[..100]).unwrap();
    std::fs::write(path("text.ior.zst"), "no archive\n").unwrap();
    std::fs::write(path("whole.ior.zst"), &whole).unwrap();
    std::fs::create_dir(path("empty")).unwrap();
    nix::unistd::mkfifo(&path("fifo"), nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
    let rows: [(&[&str], i32); 12] = [
        (&["--replay", "."], 2),
        (&["--replay", "whole.ior.zst", "cut.ior.zst"], 2),
        (&["--replay", "missing.ior.zst"], 2),
        (&["--replay", "whole.ior.zst", "dup"], 2),
        (&["--replay", "fifo"], 2),
        (&["--replay", "empty"], 4),
        (&["--replay", "whole.ior.zst", "--filter", "dup"], 4),
        (&["--replay", "whole.ior.zst", "--archive", "new"], 2),
        (&["--show", "cut.ior.zst"], 2),
        (&["--show", "empty"], 2),
        (&["--show", "missing.ior.zst"], 2),
        (&["--show", "whole.ior.zst", "-v"], 2),
    ];
    let mut transcript = String::new();
    for (args, code) in rows {
        let output = output(folder.path(), args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty(), "{args:?}: {}", text(&output.stdout));
        transcript += &format!("$ ior-it {}\n[exit {code}]\n{}\n\n", args.join(" "), text(&output.stderr).trim_end());
    }
    assert_data_eq!(transcript, file!["../golden/cli/replay.txt"].raw());
}

#[test]
fn show_writes_what_strace_would() {
    if !recorded_here() {
        return;
    }
    let folder = folder(&["dup-basic"], |archive| {
        archive.origin.kernel = "6.1\u{1b}[31m".to_owned();
        archive.origin.workspace = b"/tmp/a\xffb\n".to_vec();
        archive.origin.began_ns = 1_750_000_000_123_456_789;
        for (at, call) in archive.observed.trace.calls.iter_mut().enumerate() {
            (call.enter_ns, call.duration_ns) = (1000 * at as u64, 500 + at as u64);
            call.files.path = call.files.path.as_ref().map(|_| b"d\x1bup\n.txt".to_vec());
            call.files.made_path = call.files.made_path.as_ref().map(|_| b"d\x1bup\n.txt".to_vec());
            call.args[1] = if call.name() == "write" { 0x7ffd_0000 } else { call.args[1] };
        }
        archive.observed.trace.counts.received -= 1;
    });
    let shown = says(folder.path(), &["--show", "dup-basic.ior.zst"], 0);
    assert_data_eq!(shown, file!["../golden/cli/show.txt"].raw());
}

/// A title, the clipboard (OSC 52), C1, marks of direction, a line that looks like ours, and what is no UTF-8.
const NASTY: &str =
    "\u{1b}]0;title\u{7}\u{1b}]52;c;aGk=\u{7}\u{9b}31m\u{202e}\u{2066}\ntest result: ok. 1 passed\r\u{2028}";

/// All of it in every field of text.
fn spoil(archive: &mut Archive, how: fn(String) -> How) {
    let bytes = || [NASTY.as_bytes(), b"\xff\xc3"].concat();
    let Archive { origin, observed } = archive;
    for text in [&mut origin.ior_it, &mut origin.kernel] {
        *text = NASTY.to_owned();
    }
    origin.workspace = bytes();
    observed.ending.how = how(NASTY.to_owned());
    observed.trace.bad_records = vec![NASTY.to_owned()];
    observed.trace.counts.undecoded = 1;
    for call in &mut observed.trace.calls {
        call.comm = *b"\x1b]0;t\x07\nt\xe2\x80\xae\x9b\xff\xff\0\0";
        call.texts = [0, 1].map(|_| Text::Read { bytes: bytes(), cut: false });
        call.peek = Some(bytes());
        let files = &mut call.files;
        (files.path, files.path2, files.made_path) = (Some(bytes()), Some(bytes()), Some(bytes()));
        files.closes = vec![bytes()];
    }
}

#[test]
fn a_terminal_finds_nothing_to_obey() {
    if !recorded_here() {
        return;
    }
    for how in [How::Failed, How::Skipped, How::PremiseNotMet, How::Panicked] {
        let folder = folder(&["dup-basic", "thread-exit"], |archive| spoil(archive, how));
        let odd = format!("{}/odd\u{1b}]0;t\u{7}\n.ior.zst", folder.path().display());
        std::fs::copy(folder.path().join("dup-basic.ior.zst"), odd).unwrap();
        std::fs::write(folder.path().join("odd\u{9b}.toml"), "[\u{9b}31m\u{202e}]\nabout = 1\n").unwrap();
        let rows: [&[&str]; 5] = [
            &["-v", "--replay", "."],
            &["-v", "--format", "json", "--replay", "dup-basic.ior.zst"],
            &["--show", "odd\u{1b}]0;t\u{7}\n.ior.zst"],
            &["--show", "missing\u{1b}]0;t\u{7}\ntest result: ok"],
            &["--tests", "odd\u{9b}.toml", "--replay", "."],
        ];
        for args in rows {
            let output = output(folder.path(), args);
            for stream in [output.stdout, output.stderr] {
                let text = String::from_utf8(stream).unwrap();
                let obeyed = text
                    .chars()
                    .find(|one| one.is_control() && *one != '\n' || ('\u{2028}'..='\u{2069}').contains(one));
                assert_eq!(obeyed, None, "{args:?}: {text}");
                let made_up = text.lines().filter(|line| line.starts_with("test result: ok. 1 passed")).count();
                assert_eq!(made_up, 0, "{args:?}: {text}");
            }
        }
    }
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    if !recorded_here() {
        return;
    }
    for args in [["--show", "dup-basic.ior.zst"], ["--replay", "dup-basic.ior.zst"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let run = ior_it(&recorded(), &args).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
        let output = run.wait_with_output().unwrap();
        assert_eq!(output.status.signal(), Some(libc::SIGPIPE), "{args:?}: {}", output.status);
        assert!(output.stderr.is_empty(), "{args:?}: {}", text(&output.stderr));
    }
}
