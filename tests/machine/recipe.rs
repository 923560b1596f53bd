//! The recipe of docs/subjects.md, followed to the letter: its files, its commands, and what it says that they show.

use std::path::Path;
use std::process::{Command, ExitCode, Output, Stdio};

use libtest_mimic::{Completion, Failed, Trial};

use crate::cli::TESTS;
use crate::support;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/subjects.md");

pub fn main() -> ExitCode {
    support::run_live("recipe", || {
        vec![
            Trial::test("the_readme_begins_with_what_ior_it_prints", readme),
            Trial::ignorable_test("a_newcomers_tracer_is_in_the_slot_by_the_recipe_of_the_docs", recipe),
            Trial::ignorable_test("a_first_tracer_is_a_program_beside_its_file", first_tracer),
            Trial::ignorable_test("faults_in_each_50th_line_of_it_are_found_and_named", injected),
        ]
    })
}

/// The first failure and the first success of the README are real output. Addresses, times and the numbers of lines and of other
/// scenarios are their own each time.
fn readme() -> Result<(), Failed> {
    const README: &str = include_str!("../../README.md");
    let folder = tempfile::tempdir()?;
    let (right, wrong) =
        (r#"{ call = "dup", fd = "$a", path = "dup.txt""#, r#"{ call = "dup", fd = "$a", path = "other.txt""#);
    std::fs::write(folder.path().join("tables.toml"), TESTS.replacen(right, wrong, 1))?;
    let run = |args: &[&str]| -> Result<String, Failed> {
        let mut command = support::ior_it(args);
        let output = command.current_dir(&folder).env("COLUMNS", "100").stdin(Stdio::null()).output()?;
        Ok(plain(&String::from_utf8_lossy(&output.stdout)))
    };
    let failed = run(&["--exact", "--filter", "dup-basic", "--tests", "tables.toml"])?;
    let passed = run(&["--filter", "dup", "--test-threads", "1"])?;
    for (said, (from, to)) in
        [(failed, ("---- dup-basic ----", "run again")), (passed, ("running 9 tests", "finished in"))]
    {
        let real = part(&said, from, to)?;
        let written = part(&plain(&README.replace("\n    ", "\n")), from, to)?;
        require!(real == written, "README.md has\n{written}\nand ior-it prints\n{real}");
    }
    Ok(())
}

/// The lines from the one with `from` to the one with `to`.
fn part(text: &str, from: &str, to: &str) -> Result<String, Failed> {
    let lines: Vec<&str> = text.lines().skip_while(|line| !line.contains(from)).collect();
    let end = lines.iter().position(|line| line.contains(to)).ok_or(format!("no line with {to}: {text}"))?;
    Ok(lines[..=end].join("\n"))
}

/// Without what is different each time.
fn plain(text: &str) -> String {
    let rows = [("0x[0-9a-f]+", "0x"), (r"toml:\d+", "toml:"), (r"\d+ filtered out; finished in .*", "finished in")];
    rows.iter().fold(text.to_owned(), |text, (pattern, by)| match regex_lite::Regex::new(pattern) {
        Ok(pattern) => pattern.replace_all(&text, *by).into_owned(),
        Err(_) => text,
    })
}

/// Why the recipe cannot be followed here.
fn lacks() -> Option<Completion> {
    let missing = ["python3", "strace"].into_iter().find(|program| !support::is_installed(program))?;
    Some(Completion::ignored_with(format!("{missing} is not installed")))
}

/// Passes on the lines of the document's tracer, with a fault in each 50th that is no fence. The first of them depends on the seed.
const WRAPPER: &str = r#"
import json, os, subprocess, sys

fault, seed, pid = sys.argv[1], int(sys.argv[2]), sys.argv[3]
tracer = os.path.join(os.path.dirname(sys.argv[0]), "tracer.py")
held, nth = None, 0
for line in subprocess.Popen(["python3", tracer, pid], stdout=subprocess.PIPE, text=True).stdout:
    if json.loads(line)["call"] != "write":
        print(line, end="", flush=True)
        continue
    nth += 1
    out = [line]
    if nth % 50 == seed:
        if fault == "drop": out = []
        if fault == "double": out = [line, line]
        if fault == "rename": out = [line.replace('"write"', '"pwrite64"')]
        if fault == "cut": out = [line[:20] + "\n"]
        if fault == "swap": held, out = line, []
    elif held:
        out, held = [line, held], None
    for one in out:
        print(one, end="", flush=True)
"#;

/// 120 calls of write(2), each of another size.
const WRITES: &str = r#"i=1; while [ $i -le 120 ]; do printf "%${i}s" ""; i=$((i + 1)); done > /dev/null"#;

/// Each fault, and the word of its findings.
const FAULTS: [(&str, &str); 5] = [
    ("drop", "missing "),
    ("double", "twice "),
    ("swap", "out of order "),
    ("rename", "missing "),
    ("cut", "garbled "),
];

/// Eight runs of each fault, whose places lie elsewhere each time.
fn injected() -> Result<Completion, Failed> {
    if let Some(lacks) = lacks() {
        return Ok(lacks);
    }
    let text = std::fs::read_to_string(DOCUMENT)?;
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("tracer.py"), file(&text, "python", "tracer.py")?)?;
    std::fs::write(folder.path().join("wrapper.py"), WRAPPER)?;
    for (at, (fault, word)) in FAULTS.into_iter().cycle().take(40).enumerate() {
        let seed = 2 + 6 * (at / FAULTS.len());
        let toml =
            file(&text, "toml", "tracer.toml")?.replace(r#"calls = ["close", "dup", "write"]"#, r#"calls = ["write"]"#);
        let toml = toml.replace("tracer.py\", ", &format!("wrapper.py\", \"{fault}\", \"{seed}\", "));
        std::fs::write(folder.path().join("tracer.toml"), toml)?;
        let output = run(folder.path(), &["--summary", "--", "sh", "-c", WRITES])?;
        let said = support::says(&output);
        let found = said.lines().filter(|line| line.starts_with(&format!("  {word}"))).count();
        let injected = if seed <= 20 { 3 } else { 2 };
        require!(output.status.code() == Some(101), "{fault} {seed}: {}\n{said}", output.status);
        require!(found == injected, "{fault} {seed}: {found} of {injected}\n{said}");
    }
    Ok(Completion::Completed)
}

fn recipe() -> Result<Completion, Failed> {
    if let Some(lacks) = lacks() {
        return Ok(lacks);
    }
    let text = std::fs::read_to_string(DOCUMENT)?;
    let folder = tempfile::tempdir()?;
    let script = file(&text, "python", "tracer.py")?;
    std::fs::write(folder.path().join("tracer.py"), script)?;
    std::fs::write(folder.path().join("tracer.toml"), file(&text, "toml", "tracer.toml")?)?;
    let command = text.lines().find_map(|line| line.strip_prefix("    sudo ./ior-it --subject ./tracer.toml "));
    let words: Vec<&str> = command.ok_or("the document has no such command")?.split(' ').collect();
    let right = run(folder.path(), &words)?;
    let said = support::says(&right);
    require!(right.status.success() && said.contains("9 passed; 0 failed"), "{}\n{said}", right.status);

    let edit = ("int(ret)", "int(ret) + 1");
    require!(text.contains(&format!("write `{}` in place of `{}`", edit.1, edit.0)), "the document has another edit");
    require!(script.contains(edit.0), "there is nothing to edit");
    std::fs::write(folder.path().join("tracer.py"), script.replace(edit.0, edit.1))?;
    let wrong = run(folder.path(), &words)?;
    let said = support::says(&wrong);
    require!(wrong.status.code() == Some(101), "{}\n{said}", wrong.status);
    let shown = block(&text, "text")?.trim_end();
    require!(said.contains(shown) && said.contains("it printed"), "{shown:?} is not in\n{said}");
    let again = "run again    sudo ./ior-it --subject ./tracer.toml --exact --filter dup-basic";
    require!(said.contains(again), "{said}");
    Ok(Completion::Completed)
}

/// The file of docs/first-tracer.md, with the tracer of the recipe in place of the reader's own. It shows three of the calls that the
/// file claims, and no path.
fn first_tracer() -> Result<Completion, Failed> {
    if let Some(lacks) = lacks() {
        return Ok(lacks);
    }
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/first-tracer.md"))?;
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("mine.toml"), block(&text, "toml")?)?;
    let tracer = std::fs::read_to_string(DOCUMENT)?;
    std::fs::write(folder.path().join("tracer.py"), file(&tracer, "python", "tracer.py")?)?;
    std::fs::write(folder.path().join("script"), "#!/bin/sh\nexec python3 \"${0%/*}/tracer.py\" \"$2\"\n")?;
    support::install(folder.path().join("script"), &folder.path().join("my-tracer"), 0o755)?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_ior-it"));
    command.args(["--subject", "./mine.toml", "--filter", "dup-basic"]).current_dir(folder.path());
    let output = command.stdin(Stdio::null()).output()?;
    let said = support::says(&output);
    require!(output.status.code() == Some(101), "{}\n{said}", output.status);
    require!(said.contains("  missing      openat") && !said.contains("garbled"), "{said}");
    Ok(Completion::Completed)
}

/// The block that the document says to save under this name.
fn file<'t>(text: &'t str, language: &str, name: &str) -> Result<&'t str, Failed> {
    let (_, after) = text.split_once(&format!("as `{name}`:\n\n")).ok_or(format!("{name} is not in the document"))?;
    require!(after.starts_with(&format!("```{language}\n")), "{name} is no {language}");
    block(after, language)
}

/// The first block in this language.
fn block<'t>(text: &'t str, language: &str) -> Result<&'t str, Failed> {
    let begin = text.split_once(&format!("```{language}\n")).ok_or(format!("no block of {language}"))?.1;
    Ok(begin.split_once("```").ok_or("a block has no end")?.0)
}

fn run(folder: &Path, words: &[&str]) -> std::io::Result<Output> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ior-it"));
    command.args(["--subject", "./tracer.toml"]).args(words).current_dir(folder).stdin(Stdio::null()).output()
}
