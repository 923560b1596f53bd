//! Mutants of the tracer: the suite notices each of a sample, or mutants.toml says why it cannot.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{ExitCode, Stdio};

use libtest_mimic::{Completion, Failed, Trial};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::support::{self, Named, Tested, ior_it, says, text};

/// How many mutants are judged, and which.
const SAMPLE: [&str; 4] = ["--sample", "60", "--seed", "1"];

pub fn main() -> ExitCode {
    let tests: [Named; 6] = [
        ("an_unlisted_survivor_is_red_and_a_listed_one_that_dies_is_red_too", lists),
        ("a_mutant_has_the_same_fate_each_time", again),
        ("an_object_of_ones_own_is_mutated_like_the_embedded_one", own),
        ("the_sources_are_mutated_and_compiled", of_source),
        ("what_cannot_be_mutated_is_refused_with_a_hint", refused),
        ("a_signal_ends_it_and_leaves_nothing", interrupted),
    ];
    support::run_live("mutants", || {
        let sample = Trial::ignorable_test("each_mutant_of_a_sample_is_killed_or_listed", sample);
        tests.into_iter().map(|(name, test)| Trial::test(name, test)).chain([sample]).collect()
    })
}

/// The exit code and the report of a run.
fn mutants(args: &[&str]) -> Result<(Option<i32>, Value), Failed> {
    let output = ior_it(&[&["--mutants", "--format", "json"], args].concat()).output()?;
    let report = serde_json::from_slice(&output.stdout).map_err(|_| says(&output))?;
    Ok((output.status.code(), report))
}

/// The mutants with this fate, each as file, text, change and fate.
fn of_fate<'r>(report: &'r Value, fate: &str) -> Vec<&'r Value> {
    let all = report["mutants"].as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().filter(|one| one["fate"] == fate).collect()
}

/// The clang and the architecture whose object mutants.toml is about. Another compiler makes other instructions, and so other mutants.
const LISTED: (&str, &str) = ("clang version 14.", "x86_64");

fn sample() -> Result<Completion, Failed> {
    let version = text(&support::clang().arg("--version").output()?.stdout);
    if !version.contains(LISTED.0) || std::env::consts::ARCH != LISTED.1 {
        return Ok(Completion::ignored_with(format!(
            "mutants.toml is about the object of {} on {}",
            LISTED.0, LISTED.1
        )));
    }
    let output = ior_it(&[&["--mutants"], SAMPLE.as_slice()].concat()).output()?;
    require!(output.status.code() == Some(0), "exit {:?}\n{}", output.status.code(), says(&output));
    require!(text(&output.stdout).contains("60 of "), "{}", says(&output));
    Ok(Completion::Completed)
}

/// The function that is small, and whose mutants are all of them noticed or refused but for few.
const SMALL: [&str; 2] = ["--in", "is_from_there"];

/// A list of one mutant.
fn list(folder: &Path, one: &Value) -> Result<String, Failed> {
    let word = |key: &str| one[key].as_str().unwrap_or_default();
    let entry = toml::toml! { reason = "because" };
    let mut entry = toml::Value::Table(entry);
    let table = entry.as_table_mut().ok_or("no table")?;
    table.insert("file".into(), word("file").into());
    table.insert("text".into(), word("text").into());
    table.insert("column".into(), one["column"].as_i64().unwrap_or_default().into());
    table.insert("changes".into(), vec![word("change")].into());
    let whole = toml::Table::from_iter([("survives".to_owned(), toml::Value::Array(vec![entry]))]);
    let path = folder.join("list.toml");
    std::fs::write(&path, toml::to_string(&whole)?)?;
    Ok(path.to_str().ok_or("its path is no text")?.to_owned())
}

fn lists() -> Tested {
    let folder = tempfile::tempdir()?;
    let (_, report) = mutants(&SMALL)?;
    let killed = of_fate(&report, "killed");
    let dead = killed.first().ok_or("no mutant was killed")?;
    require!(dead["by"].is_string(), "{dead}");
    let file = list(folder.path(), dead)?;
    let (code, _) = mutants(&[SMALL.as_slice(), &["--listed", &file]].concat())?;
    require!(code == Some(101), "exit {code:?} though a listed mutant was killed");
    // No scenario runs that could notice anything but a dup.
    let few = [SMALL.as_slice(), &["--exact", "--filter", "dup-basic", "--listed", "/dev/null"]].concat();
    let (code, report) = mutants(&few)?;
    let survived = of_fate(&report, "survived").len();
    require!(code == Some(101) && survived > 0, "exit {code:?} though {survived} unlisted mutants survived");
    Ok(())
}

fn again() -> Tested {
    let fates = |jobs| {
        let (_, report) = mutants(&[SMALL.as_slice(), &["--jobs", jobs]].concat())?;
        let fate = |one: &Value| format!("{}:{}: {}: {}", one["line"], one["column"], one["change"], one["fate"]);
        let all = report["mutants"].as_array().map(|all| all.iter().map(fate).collect::<Vec<_>>());
        Ok::<_, Failed>(all.unwrap_or_default())
    };
    let (one, several) = (fates("1")?, fates("4")?);
    require!(one.len() > 20 && one == several, "{one:#?}\n{several:#?}");
    Ok(())
}

fn own() -> Tested {
    let folder = tempfile::tempdir()?;
    let object = support::compile(folder.path(), "own", &support::source()?)?;
    let object = object.to_str().ok_or("its path is no text")?;
    let (_, report) = mutants(&[&["--bpf", object], SMALL.as_slice()].concat())?;
    let killed = of_fate(&report, "killed").len();
    require!(report["object"] == object && killed > 5, "{report:#}");
    Ok(())
}

fn of_source() -> Tested {
    let args = ["--source", "--exact", "--filter", "close-range", "--in", "tell_closed"];
    let (_, report) = mutants(&args)?;
    let dead = |change: &str| of_fate(&report, "killed").iter().any(|one| one["change"] == change);
    // No file is told, and none but the first.
    for change in ["the condition is always true", "`+` becomes `-`"] {
        require!(dead(change), "`{change}` was not noticed: {report:#}");
    }
    let stillborn = of_fate(&report, "stillborn").len();
    require!(stillborn > 0, "the verifier and the compiler have refused nothing: {report:#}");
    let elsewhere = tempfile::tempdir()?;
    let output = ior_it(&["--mutants", "--source"]).current_dir(elsewhere.path()).output()?;
    let (code, said) = (output.status.code(), text(&output.stderr));
    require!(code == Some(2) && said.contains("error: --source needs bpf/tracer.bpf.c"), "exit {code:?}: {said}");
    // Other sources than those of the object.
    let folder = elsewhere.path().join("bpf");
    std::fs::create_dir(&folder)?;
    for entry in std::fs::read_dir("bpf")? {
        let entry = entry?;
        let source = std::fs::read_to_string(entry.path())?;
        std::fs::write(folder.join(entry.file_name()), source.replace("record->late = 0;", "record->late = 1;"))?;
    }
    let args = ["--mutants", "--source", "--exact", "--filter", "close-range", "--in", "tell_closed"];
    let output = ior_it(&args).current_dir(elsewhere.path()).output()?;
    let (code, said) = (output.status.code(), text(&output.stderr));
    require!(code == Some(2) && said.contains("was not made of the sources"), "exit {code:?}: {said}");
    Ok(())
}

fn refused() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    std::fs::write(path("text"), "no object")?;
    std::fs::write(path("list"), "[[survives]]\nfile = 1\n")?;
    std::fs::write(path("empty"), "[[survives]]\nfile = 'f'\ntext = 't'\nchanges = []\nreason = 'r'\n")?;
    std::fs::write(path("bare.c"), "int f(void *context) { return 0; }\n")?;
    let without_lines = support::clang().args(["-g0", "-c", &path("bare.c"), "-o", &path("bare")]).status()?;
    require!(without_lines.success(), "clang: {without_lines}");
    let rows: [(&[&str], &str); 8] = [
        (&["--in", "ior_entr"], "has no function or file `ior_entr`"),
        (&["--bpf", &path("text")], "cannot be mutated"),
        (&["--bpf", &path("bare")], "it has no line information"),
        (&["--listed", &path("list")], "cannot be used"),
        (&["--listed", &path("empty")], "has no reason, or no changes"),
        (&["--listed", &path("none")], "No such file"),
        (&["--sample", "0"], "invalid value '0'"),
        (&["--format", "terse"], "--mutants has no such --format"),
    ];
    for (args, says_so) in rows {
        let output = ior_it(&[&["--mutants"], args].concat()).output()?;
        let said = says(&output);
        require!(output.status.code() == Some(2) && said.contains(says_so), "{args:?}: {}\n{said}", output.status);
        require!(said.contains("hint: ") || said.contains("--help"), "{args:?} without a hint:\n{said}");
    }
    Ok(())
}

/// While mutants are judged. That nothing is left in TMPDIR is checked for the whole group.
fn interrupted() -> Tested {
    let mut child = ior_it(&["--mutants"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(child.stderr.take().ok_or("no stderr")?).lines();
    let first = lines.next().ok_or("it has said nothing")??;
    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT)?;
    let rest = lines.collect::<Result<Vec<_>, _>>()?;
    let status = child.wait()?;
    require!(status.code() == Some(130), "{status} after {first:?}: {rest:?}");
    require!(rest.iter().any(|line| line.contains("interrupted")), "{rest:?}");
    Ok(())
}
