//! Subjects: real tracers beside ours, with fences and without a sleep, and subjects that misbehave.

use std::path::Path;
use std::process::{Command, ExitCode, Output, Stdio};
use std::time::{Duration, Instant};

use ior_it::support::subject::process::Running;
use ior_it::support::subject::toml::Definition;
use ior_it::support::subject::window::{FenceKind, Fences};
use ior_it::support::subject::{Line, Waited};
use libtest_mimic::{Completion, Failed, Trial};

use crate::support::{self, Named, Tested};

mod writers; // subjects that write a file

/// The families whose calls these subjects claim.
const TRACERS: [(&str, &[&str]); 7] = [
    ("perf", &["dup", "rename"]),
    ("lurk", &["dup", "rename"]),
    ("bpftrace", &["dup-basic", "restart"]),
    ("opensnoop", &["open"]),
    ("opensnoop.bt", &["open", "name", "thread"]),
    ("ftrace", &["dup", "seccomp", "exec"]),
    ("ior", &["dup", "open"]),
];

pub fn main() -> ExitCode {
    let tests: [Named; 23] = [
        ("a_command_that_is_not_there_is_an_error", not_there),
        ("one_that_ends_early_is_told_with_its_last_words", ends_early),
        ("one_that_shows_nothing_is_waited_for_no_longer_than_its_limit", shows_nothing),
        ("gigabytes_without_an_end_of_a_line_take_little_memory", endless_line),
        ("a_flood_on_the_other_stream_is_kept_to_its_end", flood),
        ("one_that_ignores_its_signal_and_leaves_children_is_gone", ignores),
        ("an_adapter_may_be_a_command", own_adapter),
        ("one_that_writes_a_file_is_read_at_its_end", writers::writes),
        ("a_file_that_is_not_there_or_is_garbled_has_its_reason", writers::writes_nothing),
        ("a_tracer_that_writes_a_file_is_compared", writers::written),
        ("strace_is_right_about_all_scenarios", all_scenarios),
        ("our_own_tracer_is_right_about_all_scenarios_in_its_own_slot", own_tracer),
        ("one_that_claims_data_is_judged_by_it", own_tracer_with_data),
        ("several_run_one_after_the_other", several),
        ("a_command_is_compared_as_a_scenario_is", command),
        ("faults_are_found_and_named", faults),
        ("one_that_never_shows_a_fence_is_blind", blind),
        ("one_that_is_right_each_other_time_is_flaky", flaky),
        ("one_that_keeps_its_signal_from_the_tracer_is_told", keeps_its_signal),
        ("bad_usage_has_its_sentence", bad_usage),
        ("all_that_are_built_in_are_listed", listed),
        ("the_conformance_table_is_written", table),
        ("a_tracer_of_another_crate_runs_the_suite", example),
    ];
    support::run_live("subjects", || {
        let tests = tests.into_iter().map(|(name, test)| Trial::test(name, test));
        let tracers = TRACERS.map(|(name, filters)| {
            Trial::ignorable_test(format!("{name}_is_right_but_for_its_known_faults"), move || live(name, filters))
        });
        tests.chain(tracers).collect()
    })
}

fn ior_it(args: &[&str]) -> Result<Output, Failed> {
    Ok(with_tracefs(Path::new(env!("CARGO_BIN_EXE_ior-it"))).args(args).stdin(Stdio::null()).output()?)
}

/// Runs a program in its own mount namespace, in which the filesystems of the kernel's tracers are mounted.
fn with_tracefs(program: &Path) -> Command {
    const MOUNTS: &str = "mount -t tracefs nodev /sys/kernel/tracing 2>/dev/null; \
                          mount -t debugfs nodev /sys/kernel/debug 2>/dev/null; exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", MOUNTS, "sh"]).arg(program);
    command
}

/// Its output, after it has ended with this code.
fn expect(code: i32, args: &[&str]) -> Result<String, Failed> {
    let output = ior_it(args)?;
    let said = support::says(&output);
    require!(output.status.code() == Some(code), "{args:?}: {}\n{said}", output.status);
    Ok(said)
}

/// Another tracer is right about these scenarios, except for its known faults. Or it is not installed, and the skip says so.
fn live(name: &str, filters: &[&str]) -> Result<Completion, Failed> {
    let mut args = vec!["--subject", name];
    filters.iter().for_each(|filter| args.extend(["--filter", filter]));
    let output = ior_it(&args)?;
    let said = support::says(&output);
    match output.status.code() {
        Some(0) => Ok(Completion::Completed),
        Some(4) => {
            let why = said
                .lines()
                .find_map(|line| line.split_once("ignored ("))
                .map_or("nothing ran", |(_, why)| why.trim_end_matches(')'));
            Ok(Completion::ignored_with(why.to_owned()))
        }
        _ => Err(format!("{}\n{said}", output.status).into()),
    }
}

/// strace(1) sees the others: of one scenario nothing can be said, since a tracer by ptrace(2) has read the path before the kernel did.
fn all_scenarios() -> Tested {
    let said = expect(5, &["--subject", "strace"])?;
    require!(said.contains("; 0 failed; ") && said.contains("asked-overwritten: strace"), "{said}");
    require!(said.contains("inconclusive"), "{said}");
    Ok(())
}

/// The seam costs our own tracer nothing that it knows: it is judged by the JSON lines of its calls, as any other.
fn own_tracer() -> Tested {
    let said = expect(0, &["--subject", "ior-it"])?;
    require!(said.contains("[ior-it] dup-basic") && said.contains("; 0 failed; "), "{said}");
    Ok(())
}

/// Our own tracer reads data where that is claimed.
fn own_tracer_with_data() -> Tested {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("data.toml");
    let subject = "[subject]\nname = \"data\"\nown = true\nscope = \"tree\"\nfence = \"close\"\n\
                   [claims]\nfields = [\"data\", \"ret\"]\npath = \"resolved\"\n";
    std::fs::write(&file, subject)?;
    let file = file.to_str().ok_or("its path is no text")?;
    expect(0, &["--subject", file, "--filter", "data-"])?;
    Ok(())
}

fn several() -> Tested {
    let said = expect(0, &["--subject", "strace", "--subject", "ftrace", "--exact", "--filter", "dup-basic"])?;
    require!(said.contains("[strace] dup-basic") && said.contains("[ftrace] dup-basic"), "{said}");
    require!(said.contains("2 passed"), "{said}");
    Ok(())
}

/// A command is compared like a scenario.
fn command() -> Tested {
    let said = expect(3, &["--subject", "strace", "--summary", "--", "sh", "-c", "cat /etc/passwd | wc -l; exit 3"])?;
    require!(said.contains("sh: strace") && said.contains(": pass\n"), "{said}");
    require!(!said.contains("-70000") && !said.contains("ior-it-fence"), "no fence is a call of the program: {said}");
    Ok(())
}

/// The faults of a tracer are found, each with the line that shows it.
fn faults() -> Tested {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("liar.toml");
    let rows = [
        ("s/, 5) *= 5/, 5) = 6/", "wrong        write: ret: 5, and it says 6"),
        ("/ dup(/d", "missing      dup: it does not show this call"),
        ("s/ dup(/ dep(/", "missing      dup: it does not show this call"),
        ("/ dup(/p", "twice        dup: it shows this call once more"),
    ];
    for (edit, finding) in rows {
        std::fs::write(&file, liar(edit))?;
        let said = expect(101, &["--subject", file.to_str().ok_or("no text")?, "--exact", "--filter", "dup-basic"])?;
        require!(said.contains(finding), "{edit}: {said}");
    }
    Ok(())
}

/// strace with edited output.
fn liar(edit: &str) -> String {
    format!(
        "[subject]\nname = \"liar\"\nadapter = \"strace\"\nfence = \"close\"\nexcludes = [\"ptrace\"]\n\
         command = [\"sh\", \"-c\", \"\"\"exec strace -f -o '|sed -u \"{edit}\"' -p $1\"\"\", \"sh\", \"{{pid}}\"]\n\
         [claims]\nfields = [\"ret\"]\n"
    )
}

/// A subject that never reports a fence is blind. Its last output tells why.
fn blind() -> Tested {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("blind.toml");
    let text = "[subject]\nname = \"blind\"\nfence = \"close\"\ncommand = [\"sh\", \"-c\", \"echo no kprobes here >&2\"]\n\
                [claims]\nfields = [\"fd\"]\n";
    std::fs::write(&file, text)?;
    let said = expect(101, &["--subject", file.to_str().ok_or("no text")?, "--exact", "--filter", "dup-basic"])?;
    require!(said.contains("blind") && said.contains("no kprobes here"), "{said}");
    require!(said.contains("it printed no call") && !said.contains("missing"), "{said}");
    // What a tracer prints first says most of what is wrong with it.
    std::fs::write(&file, text.replace("echo no kprobes here >&2", "echo hello; exit 7"))?;
    let said = expect(101, &["--subject", file.to_str().ok_or("no text")?, "--exact", "--filter", "dup-basic"])?;
    require!(said.contains("exit status: 7; its line `hello`: this is no JSON object"), "{said}");
    Ok(())
}

/// One that is right each other time is flaky.
fn flaky() -> Tested {
    let folder = tempfile::tempdir()?;
    let (file, turn) = (folder.path().join("liar.toml"), folder.path().join("turn"));
    let turns =
        format!("if [ -e {0} ]; then rm {0}; edit=dup; else touch {0}; edit=none; fi; export edit; ", turn.display());
    let text = liar("/ $edit(/p").replace("exec strace", &format!("{turns}exec strace"));
    std::fs::write(&file, text)?;
    let file = file.to_str().ok_or("no text")?;
    let said = expect(
        101,
        &[
            "--subject",
            file,
            "--exact",
            "--filter",
            "dup-basic",
            "--until-fail",
            "--stress",
            "60",
            "--test-threads",
            "1",
        ],
    )?;
    require!(said.contains("flaky: it failed in 1 of 2 runs"), "{said}");
    require!(said.contains("[liar] dup-basic") && said.contains("twice        dup"), "{said}");
    Ok(())
}

/// A script that keeps the signal from the tracer costs its whole limit, which is told.
fn keeps_its_signal() -> Tested {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("keeps.toml");
    let text = liar("").replace("exec strace", "trap '' INT; sleep 1000 & exec strace");
    std::fs::write(&file, text.replace("fence =", "limits = { attach = 30, close = 0.05 }\nfence ="))?;
    let said = expect(0, &["--subject", file.to_str().ok_or("no text")?, "--exact", "--filter", "dup-basic"])?;
    require!(said.contains("in 1 scenario it did not end when it was asked to"), "{said}");
    Ok(())
}

fn bad_usage() -> Tested {
    let rows: [(i32, &[&str], &str); 6] = [
        (2, &["--subject", "strce"], "there is no subject `strce`"),
        (2, &["--subject", "./none.toml"], "--subject ./none.toml: No such file or directory"),
        (2, &["--subject", "strace", "--witness"], "strace traces by ptrace(2), as the witness does"),
        (2, &["--subject", "strace", "--subject", "ftrace", "--", "true"], "a command runs beside one subject"),
        (2, &["--conformance"], "--output"),
        (3, &["--subject", "ior", "--no-skip"], "ior is not installed"),
    ];
    for (code, args, sentence) in rows {
        let said = expect(code, args)?;
        require!(said.contains(sentence), "{args:?}: {said}");
    }
    Ok(())
}

fn listed() -> Tested {
    let said = expect(0, &["--subjects"])?;
    for (name, _) in ior_it::support::subject::toml::BUILT_IN {
        require!(said.contains(&format!(" {name} ")), "{name}: {said}");
    }
    Ok(())
}

fn table() -> Tested {
    let folder = tempfile::tempdir()?;
    let to = folder.path().join("table");
    let to = to.to_str().ok_or("no text")?;
    let said = expect(0, &["--conformance", "--subject", "strace", "--filter", "dup", "--output", to])?;
    require!(said.contains("[9/9]"), "{said}");
    for file in ["conformance.md", "conformance.json", "conformance.html"] {
        let text = std::fs::read_to_string(folder.path().join("table").join(file))?;
        require!(text.contains("strace") && text.contains("28/28") | text.contains("dup-basic"), "{file}:\n{text}");
    }
    Ok(())
}

/// Another project's tracer in a test of its own: cargo builds examples with the tests.
fn example() -> Tested {
    let program = std::env::current_exe()?.ancestors().nth(2).ok_or("no folder")?.join("examples/openat");
    let output = with_tracefs(&program).env_remove("CI").stdin(Stdio::null()).output()?;
    let said = support::says(&output);
    require!(output.status.success() && said.contains("[openat] open-basic"), "{}\n{said}", output.status);
    Ok(())
}

fn fences(kind: FenceKind) -> Fences {
    Fences { kind, nonce: u64::from(std::process::id()) }
}

/// A subject that is a shell script.
fn script(script: &str, more: &str) -> Result<Definition, Failed> {
    let text = format!(
        "[subject]\nname = \"script\"\ncommand = [\"sh\", \"-c\", '''{script}''']\nfence = \"close\"\n{more}\n[claims]\nfields = [\"fd\"]\n"
    );
    Definition::parse("script.toml", &text).map_err(|errors| errors.to_string().into())
}

fn started(text: &str, more: &str) -> Result<Running, Failed> {
    Ok(Running::start(
        &script(text, more)?,
        std::process::id(),
        Path::new("."),
        &std::env::temp_dir(),
        fences(FenceKind::Close),
    )?)
}

fn wait_for(running: &Running, fences: &[u64], limit: Duration) -> Waited {
    running.collector().wait_for(&|shown| fences.iter().all(|number| shown.contains(number)), limit)
}

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

fn not_there() -> Tested {
    let text =
        "[subject]\nname = \"x\"\ncommand = [\"/no/such/tracer\"]\nfence = \"close\"\n[claims]\nfields = [\"fd\"]\n";
    let definition = Definition::parse("x.toml", text).map_err(|errors| errors.to_string())?;
    let started = Running::start(&definition, 1, Path::new("."), &std::env::temp_dir(), fences(FenceKind::Close));
    let said = started.err().map(|error| error.to_string()).unwrap_or_default();
    require!(said.starts_with("error: /no/such/tracer could not be started: No such file or directory"), "{said}");
    Ok(())
}

fn ends_early() -> Tested {
    let running = started("echo no kprobes here >&2; exit 3", "")?;
    let waited = wait_for(&running, &[0], LONG);
    let shown = running.stop(LONG);
    require!(waited == Waited::Ended && shown.last_words == "no kprobes here", "{waited:?} {}", shown.last_words);
    let code = shown.status.and_then(|status| status.code());
    require!(code == Some(3) && !shown.killed, "{:?}, killed: {}", shown.status, shown.killed);
    Ok(())
}

fn shows_nothing() -> Tested {
    let running = started("echo what; exec tail -f /dev/null", "")?;
    require!(wait_for(&running, &[0], Duration::from_millis(20)) == Waited::TooLong, "it was not too long");
    let shown = running.stop(LONG);
    require!(matches!(shown.lines.as_slice(), [Line::Garbled { .. }]), "{:?}", shown.lines);
    Ok(())
}

fn endless_line() -> Tested {
    let running = started("head -c 3000000000 /dev/zero; echo; echo '{\"call\":\"close\",\"fd\":-7000001}'", "")?;
    let waited = wait_for(&running, &[0], LONG);
    require!(waited == Waited::Shown, "{waited:?}");
    let shown = running.stop(LONG);
    let garbled = matches!(&shown.lines[0], Line::Garbled { raw, .. } if raw.len() <= 4096);
    require!(garbled && shown.lines.len() == 2, "{} lines", shown.lines.len());
    let peak = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_SELF)?.max_rss();
    require!(peak < 100_000, "it takes {peak} KiB");
    Ok(())
}

fn flood() -> Tested {
    let running = started("yes flood | head -c 50000000 >&2; echo the last words >&2; exit 1", "")?;
    let waited = wait_for(&running, &[0], LONG);
    let words = running.stop(LONG).last_words;
    require!(waited == Waited::Ended, "{waited:?}");
    require!(words.ends_with("the last words") && words.len() <= 4096, "{} bytes", words.len());
    Ok(())
}

fn ignores() -> Tested {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("pid");
    let text = format!(
        "trap '' INT; cat <&2 & echo $! > {0}.new; mv {0}.new {0}; echo '{{\"call\":\"close\",\"fd\":-7000001}}'; while :; do read x; done < /dev/zero",
        file.display()
    );
    let running = started(&text, "")?;
    require!(wait_for(&running, &[0], LONG) == Waited::Shown, "it does not come");
    let child = nix::unistd::Pid::from_raw(std::fs::read_to_string(&file)?.trim().parse()?);
    require!(running.stop(Duration::from_millis(20)).killed, "it is told as one that has ended");
    // A killed process is gone when init has reaped it. Only this test waits for that.
    let gone = |pid| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        status.is_empty() || status.contains(") Z ")
    };
    let end = Instant::now() + LONG;
    while !gone(child) {
        require!(Instant::now() < end, "{child} is left");
        std::thread::yield_now();
    }
    Ok(())
}

fn own_adapter() -> Tested {
    let adapter =
        "adapter = [\"sed\", \"-u\", 's/^closed \\(.*\\)/{\"call\":\"close\",\"fd\":\\1}/']\nlost = 'lost (\\d+)'";
    let running = started("echo lost 5 >&2; echo closed 9; echo closed -7000001; exec cat /dev/null", adapter)?;
    require!(wait_for(&running, &[0], LONG) == Waited::Shown, "it does not come");
    let shown = running.stop(LONG);
    let lost = shown.lines.iter().filter(|line| matches!(line, Line::Lost(5))).count();
    let calls = shown.lines.iter().filter(|line| matches!(line, Line::Call(said) if said.call == "close")).count();
    require!((lost, calls) == (1, 2), "{:?}", shown.lines);
    Ok(())
}
