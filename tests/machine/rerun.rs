//! `--watch`: what is saved is judged again, and keys do the rest.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};

use libtest_mimic::{Completion, Failed, Trial};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::clean::Before;
use crate::cli::TESTS;
use crate::support::terminal::OnTerminal;
use crate::support::{self, ior_it, says};

pub fn main() -> ExitCode {
    support::run_live("rerun", || {
        vec![
            Trial::test("a_saved_table_is_judged_again_and_only_what_changed_is_told", tables),
            Trial::ignorable_test("a_saved_script_of_a_subject_is_started_again", script),
            Trial::test("saved_sources_are_compiled_and_loaded", sources),
            Trial::test("a_saved_object_is_loaded_again", object),
            Trial::test("keys_choose_what_runs", keys),
            Trial::test("a_key_blesses_what_is_red", blessed),
            Trial::test("a_saved_program_is_built_or_it_says_why_not", program),
            Trial::test("sigint_leaves_nothing", || ended(Some(Signal::SIGINT))),
            Trial::test("sigkill_leaves_nothing", || ended(Some(Signal::SIGKILL))),
            Trial::test("the_key_that_ends_it_leaves_nothing", || ended(None)),
            Trial::test("where_there_is_nothing_to_wait_for_it_says_so", nothing),
        ]
    })
}

const RIGHT: &str = r#"{ call = "write", fd = "$b", path = "dup.txt", count = 5, ret = 5, "#;
const WRONG: &str = r#"{ call = "write", fd = "$b", path = "dup.txt", count = 6, ret = 5, "#;
/// What it says when it waits, without a terminal and with one.
const WAITS: &str = "waiting for a save";
const KEYS: &str = "keys: f ";

fn wrong() -> String {
    TESTS.replacen(RIGHT, WRONG, 1)
}

/// As editors do: a new file takes the place of the old one.
fn save(path: &Path, text: &str) -> Result<(), Failed> {
    let new = path.with_extension("new");
    fs::write(&new, text)?;
    Ok(fs::rename(new, path)?)
}

fn copy_sources(to: &Path) -> Result<(), Failed> {
    fs::create_dir(to.join("bpf"))?;
    for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("bpf"))? {
        let file = file?;
        fs::copy(file.path(), to.join("bpf").join(file.file_name()))?;
    }
    Ok(())
}

fn watching(folder: &Path, args: &[&str]) -> Command {
    let mut command =
        ior_it(&[&["--watch", "--exact", "--filter", "dup-basic", "--filter", "dup-dup2"], args].concat());
    command.current_dir(folder);
    command
}

/// A rerun without a terminal.
struct Piped {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Piped {
    fn start(mut command: Command) -> Result<Self, Failed> {
        // Errors are for people: the tests on a terminal read them.
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let lines = BufReader::new(child.stdout.take().ok_or("it has no output")?);
        Ok(Self { child, lines })
    }

    /// What it says until it waits.
    fn until_it_waits(&mut self) -> Result<String, Failed> {
        let mut said = String::new();
        while !said.ends_with(&format!("{WAITS}\n")) {
            require!(self.lines.read_line(&mut said)? > 0, "it has ended: {said}");
        }
        Ok(said)
    }
}

impl Drop for Piped {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM);
        let _ = self.child.wait();
    }
}

fn tables() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("tests.toml");
    fs::write(&file, TESTS)?;
    let mut run = Piped::start(watching(folder.path(), &[]))?;
    let first = run.until_it_waits()?;
    require!(first.contains("2 green, 0 red; ") && !first.contains("newly"), "{first}");
    save(&file, &wrong())?;
    let red = run.until_it_waits()?;
    require!(red.contains("tests.toml: saved\n") && red.contains("count: expected 6, observed 5"), "{red}");
    require!(red.contains("newly red: dup-basic\n1 green, 1 red (1 new); "), "{red}");
    fs::write(&file, format!("{}\n", wrong()))?;
    let same = run.until_it_waits()?;
    require!(same.contains("1 green, 1 red; ") && !same.contains("dup-basic"), "what is as before is told: {same}");
    save(&file, TESTS)?;
    let green = run.until_it_waits()?;
    require!(green.contains("newly green: dup-basic\n2 green (1 new), 0 red; "), "{green}");
    fs::write(&file, "[dup-basic")?;
    let broken = run.until_it_waits()?;
    require!(!broken.contains("green"), "a broken table was judged: {broken}");
    fs::write(&file, TESTS)?;
    let mended = run.until_it_waits()?;
    require!(mended.contains("2 green, 0 red; "), "{mended}");
    Ok(())
}

/// A file among the words of a subject's command is a part of it.
fn script() -> Result<Completion, Failed> {
    if !support::is_installed("strace") {
        return Ok(Completion::ignored_with("strace is not installed"));
    }
    let folder = tempfile::tempdir()?;
    let (file, script) = (folder.path().join("mine.toml"), folder.path().join("tracer.sh"));
    let text = "[subject]\nname = \"mine\"\nadapter = \"strace\"\nfence = \"close\"\nexcludes = [\"ptrace\"]\n\
                command = [\"sh\", \"{folder}/tracer.sh\", \"{pid}\"]\n[claims]\nfields = [\"ret\"]\n";
    fs::write(&file, text)?;
    fs::write(&script, "exec strace -f -o /dev/stdout -p $1\n")?;
    let mut run = Piped::start(watching(folder.path(), &["--subject", "./mine.toml"]))?;
    let first = run.until_it_waits()?;
    require!(first.contains("2 green, 0 red; "), "{first}");
    save(&script, "exec strace -f -o '|sed -u \"/ dup(/d\"' -p $1\n")?;
    let red = run.until_it_waits()?;
    require!(red.contains("tracer.sh: saved\n") && red.contains("missing      dup"), "{red}");
    Ok(Completion::Completed)
}

fn sources() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    copy_sources(folder.path())?;
    let file = folder.path().join("bpf/tracer.bpf.c");
    let text = fs::read_to_string(&file)?;
    let mut run = OnTerminal::start(watching(folder.path(), &[]))?;
    let first = run.until(KEYS)?;
    require!(first.contains("2 green, 0 red; ") && first.contains("(clang "), "{first}");
    fs::write(&file, format!("{text}int wrong = \n"))?;
    let broken = run.until(KEYS)?;
    require!(
        broken.contains("error: ") && broken.contains("clang could not compile bpf/tracer.bpf.c: see above"),
        "{broken}"
    );
    require!(!broken.contains("green"), "the object before was judged: {broken}");
    save(&file, &text)?;
    let mended = run.until(KEYS)?;
    require!(mended.contains("2 green, 0 red; "), "{mended}");
    let flags = folder.path().join("bpf/read.h");
    let (right, flag) = (fs::read_to_string(&flags)?, "to->flags = READ(cast, file, f_flags)");
    save(&flags, &right.replacen(flag, &format!("{flag} ^ 04000"), 1))?;
    let changed = run.until(KEYS)?;
    require!(changed.contains("newly red: dup-basic, dup-dup2\n") && changed.contains(", load "), "{changed}");
    save(&flags, &right)?;
    let back = run.until(KEYS)?;
    require!(
        back.contains("newly green: ") && back.contains("(clang 0.00, "),
        "sources as before need no clang: {back}"
    );
    let names = folder.path().read_dir()?.count();
    require!(names == 1, "it has written {} files", names - 1);
    Ok(())
}

fn object() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let source = support::source()?;
    let made = support::compile(folder.path(), "right", &source)?;
    let loaded = folder.path().join("mine.bpf.o");
    fs::copy(&made, &loaded)?;
    let mut run = Piped::start(watching(folder.path(), &["--bpf", "mine.bpf.o"]))?;
    let first = run.until_it_waits()?;
    require!(first.contains("2 green, 0 red; "), "{first}");
    fs::write(&loaded, "no object")?;
    let broken = run.until_it_waits()?;
    require!(broken.contains("mine.bpf.o: saved") && !broken.contains("green"), "{broken}");
    fs::rename(&made, &loaded)?;
    let mended = run.until_it_waits()?;
    require!(mended.contains("2 green, 0 red; ") && mended.contains("load "), "{mended}");
    Ok(())
}

fn keys() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("tests.toml"), wrong())?;
    let mut run = OnTerminal::start(watching(folder.path(), &[]))?;
    require!(run.until(KEYS)?.contains("1 green, 1 red (1 new); "), "the first run is another");
    require!(!run.is_as_before()?, "keys come only with Enter");
    for (key, says) in [("f", "0 green, 1 red; "), ("r", "0 green, 1 red; "), ("a", "1 green, 1 red; ")] {
        run.press(key)?;
        let said = run.until(KEYS)?;
        require!(said.contains(says), "{key}: {said}");
    }
    run.press("e")?;
    let said = run.until(KEYS)?;
    require!(
        said.contains("dup-basic: FAILED") && said.contains("the table is wrong") && said.contains(" ior_enter "),
        "{said}"
    );
    run.press("p")?;
    run.until("Enter goes on, ")?;
    run.press("\n")?;
    require!(run.until(KEYS)?.contains("---- dup-basic ----"), "what was paused is not told");
    require!(!run.is_as_before()?, "keys come only with Enter");
    run.press("q")?;
    require!(run.end()?.code() == Some(101), "the exit code is not that of the last run");
    require!(run.is_as_before()?, "the terminal stays in another mode");
    Ok(())
}

fn blessed() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("tests.toml");
    fs::write(&file, wrong())?;
    let mut run = OnTerminal::start(watching(folder.path(), &[]))?;
    run.until(KEYS)?;
    run.press("b")?;
    run.until("[y/N] ")?;
    require!(run.is_as_before()?, "an answer is not read as a line");
    run.press("n\n")?;
    require!(run.until(KEYS)?.contains("nothing is written"), "it does not say that nothing is written");
    require!(fs::read_to_string(&file)? == wrong(), "it was written though the answer is no");
    run.press("b")?;
    run.until("[y/N] ")?;
    run.press("y\n")?;
    run.until("newly green: dup-basic")?;
    require!(fs::read_to_string(&file)? == TESTS, "more was changed than the wrong line");
    run.press("q")?;
    require!(run.end()?.code() == Some(0), "what is blessed is red");
    Ok(())
}

/// A package of the same name whose build fails, and then succeeds: the new program takes over with the same arguments.
fn program() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let (source, file) = (folder.path().join("src"), folder.path().join("src/main.rs"));
    fs::create_dir(source)?;
    fs::write(
        folder.path().join("Cargo.toml"),
        "[package]\nname = \"ior-it\"\nedition = \"2024\"\n[profile.quick]\ninherits = \"dev\"\n",
    )?;
    fs::write(folder.path().join("Cargo.lock"), "version = 4\n[[package]]\nname = \"ior-it\"\nversion = \"0.0.0\"\n")?;
    fs::write(&file, "fn main() {}\n")?;
    let mut run = OnTerminal::start(watching(folder.path(), &[]))?;
    run.until(KEYS)?;
    fs::write(&file, "fn main( {}\n")?;
    let said = run.until(KEYS)?;
    require!(said.contains("cargo could not ") && said.contains("the previous program keeps running"), "{said}");
    run.press("r")?;
    require!(run.until(KEYS)?.contains("2 green, 0 red; "), "it does not go on");
    save(&file, "fn main() { println!(\"new: {:?}\", std::env::args().skip(1).collect::<Vec<_>>()); }\n")?;
    let says = r#"new: ["--watch", "--exact", "--filter", "dup-basic", "--filter", "dup-dup2"]"#;
    run.until(says)?;
    require!(run.end()?.success() && run.is_as_before()?, "the new program has another terminal");
    Ok(())
}

fn ended(by: Option<Signal>) -> Result<(), Failed> {
    let before = Before::new()?;
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("tests.toml"), TESTS)?;
    let mut command = watching(folder.path(), &[]);
    command.env("TMPDIR", before.temp.path());
    let mut run = OnTerminal::start(command)?;
    run.until(KEYS)?;
    match by {
        None => run.press("q")?,
        Some(signal) => kill(Pid::from_raw(run.child.id() as i32), signal)?,
    }
    let status = run.end()?;
    let code = by.map_or(Some(0), |signal| (signal == Signal::SIGINT).then_some(130));
    require!(status.code() == code, "{status}");
    before.check_nothing_left()?;
    require!(run.is_as_before()?, "the terminal stays in another mode");
    Ok(())
}

fn nothing() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let output = watching(folder.path(), &[]).output()?;
    let said = says(&output);
    require!(output.status.code() == Some(2), "{said}");
    require!(said.contains("there is no file here for --watch to wait for\n hint: "), "{said}");
    Ok(())
}
