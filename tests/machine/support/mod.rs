//! What the groups of tests share.

pub mod fuse;
pub mod terminal;
pub mod programs;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};

use libtest_mimic::{Arguments, Completion, Failed, Trial};

pub type Tested = Result<(), Failed>;
/// A test in a group, with the name to run it by.
pub type Named = (&'static str, fn() -> Tested);

/// `ior-it` with these arguments and nothing to read.
pub fn ior_it(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ior-it"));
    command.args(args).stdin(Stdio::null());
    command
}

/// `ior-it` without privileges, also where the tests run as root: capabilities that are in no bounding set do not come back with
/// execve (capabilities(7)). It stays root for files, since others may not be able to reach the binary.
pub fn unprivileged() -> Command {
    let binary = env!("CARGO_BIN_EXE_ior-it");
    if !nix::unistd::geteuid().is_root() {
        return Command::new(binary);
    }
    let mut setpriv = Command::new("setpriv");
    setpriv.args(["--bounding-set=-all", binary]);
    setpriv
}

/// A command under `ior-it` with these options.
pub fn traced(options: &[&str], command: &[&str]) -> Command {
    ior_it(&[options, &["--"], command].concat())
}

/// This program as the command. A variable tells it which work to do.
pub fn working(options: &[&str], (variable, work): (&str, &str), args: &[&str]) -> Result<Command, Failed> {
    let program = std::env::current_exe()?;
    let mut command = traced(options, &[&[program.to_str().ok_or("its path is no text")?], args].concat());
    command.env(variable, work);
    Ok(command)
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Both of its streams.
pub fn says(output: &Output) -> String {
    text(&[output.stdout.as_slice(), &output.stderr].concat())
}

/// Runs trials one after the other in the main thread. Without privileges they are ignored with the reason. In CI, where
/// everything must run, they fail.
pub fn run_live(group: &str, trials: impl FnOnce() -> Vec<Trial>) -> ExitCode {
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    let trials = match (arguments.list, ior_it::support::watch::tracer::check_machine()) {
        (false, Ok(())) => trials(),
        // The names are known only after the setup. A list does not need it, and an unprivileged user cannot do it.
        (_, checked) => {
            let reason = checked.err().map(|error| error.to_string()).unwrap_or_default();
            vec![Trial::ignorable_test("live", move || without_privilege(&reason))]
        }
    };
    run(group, &arguments, trials)
}

/// Mounts tracefs, which few machines mount at boot, for this process alone. There is no
/// thread yet.
pub fn mount_tracefs() {
    use nix::mount::{MsFlags, mount};
    use nix::sched::{CloneFlags, unshare};
    let none = None::<&str>;
    // An ordinary user may do none of this, and his tests are ignored anyway.
    if unshare(CloneFlags::CLONE_NEWNS).is_ok() {
        let _ = mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none);
        let _ = mount(Some("nodev"), "/sys/kernel/tracing", Some("tracefs"), MsFlags::empty(), none);
    }
}

/// Runs trials as those of a group: `[group] name`.
pub fn run(group: &str, arguments: &Arguments, trials: impl IntoIterator<Item = Trial>) -> ExitCode {
    libtest_mimic::run(arguments, trials.into_iter().map(|trial| trial.with_kind(group)).collect()).exit_code()
}

/// A trial that needs privileges: without them it is ignored with the reason, or fails in CI.
pub fn live(name: &str, test: fn() -> Result<(), Failed>) -> Trial {
    match ior_it::support::watch::tracer::check_machine() {
        Ok(()) => Trial::test(name, test),
        Err(error) => Trial::ignorable_test(name, move || without_privilege(&error.to_string())),
    }
}

fn without_privilege(reason: &str) -> Result<Completion, Failed> {
    let in_ci = std::env::var_os("CI").is_some_and(|value| value == "true" || value == "1");
    if in_ci { Err(reason.into()) } else { Ok(Completion::ignored_with(reason)) }
}

/// Fails a trial with a sentence unless something holds.
macro_rules! require {
    ($holds:expr, $($sentence:tt)+) => {
        if !$holds {
            return Err(format!($($sentence)+).into());
        }
    };
}

/// Clang with the flags of the build, whose paths begin at the folder of the package. A changed source may leave things unused,
/// so that no warning counts.
pub fn clang() -> Command {
    let mut clang = Command::new(std::env::var_os("CLANG").unwrap_or_else(|| "clang".into()));
    clang.args(["@bpf/flags", "-w"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    clang
}

/// Compiles a changed tracer, for `--bpf`.
pub fn compile(folder: &Path, name: &str, source: &str) -> Result<PathBuf, Failed> {
    let (text, object) = (folder.join(format!("{name}.bpf.c")), folder.join(format!("{name}.bpf.o")));
    std::fs::write(&text, source)?;
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86" };
    let mut clang = clang();
    clang.arg(format!("-D__TARGET_ARCH_{arch}")).arg("-c").arg(&text).arg("-o").arg(&object);
    let output = clang.output()?;
    require!(output.status.success(), "clang: {}", String::from_utf8_lossy(&output.stderr));
    Ok(object)
}

/// The tracer's source in one text: with what its own files hold, but for the types of the kernel and the records.
pub fn source() -> std::io::Result<String> {
    let mut included = std::collections::HashSet::from(["kernel.h".to_owned(), "record.h".to_owned()]);
    inlined("tracer.bpf.c", &mut included)
}

fn inlined(file: &str, included: &mut std::collections::HashSet<String>) -> std::io::Result<String> {
    let mut text = String::new();
    for line in std::fs::read_to_string(bpf(file))?.split_inclusive('\n') {
        match line.strip_prefix("#include \"").and_then(|rest| rest.strip_suffix("\"\n")) {
            Some(other) if included.insert(other.to_owned()) => text += &inlined(other, included)?,
            Some(other) if !matches!(other, "kernel.h" | "record.h") => {}
            Some(_) | None => text += line,
        }
    }
    Ok(text)
}

/// Makes a program of a file, with these permissions. Another process does it: whoever was forked here meanwhile would have the program
/// open to be written, and nobody could execute it (execve(2), ETXTBSY).
pub fn install(from: impl AsRef<Path>, program: &Path, mode: u32) -> Result<(), Failed> {
    let mut command = Command::new("install");
    let status = command.args(["-m", &format!("{mode:o}")]).arg(from.as_ref()).arg(program).status()?;
    require!(status.success(), "install: {status}");
    Ok(())
}

/// A file of the tracer's source.
pub fn bpf(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("bpf").join(file)
}

/// Whether a program is in PATH.
pub fn is_installed(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}
