//! Compiles the tracer, bpf/tracer.bpf.c, to `$OUT_DIR/tracer.bpf.o`, which src/watch/tracer.rs embeds, and that of the example.
//!
//! The flags are in bpf/flags, which `make bpf` reads too. Cargo runs build scripts in the folder of the package: all paths
//! are relative to it, so that the object does not depend on where it is built.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The tracer, and that of the example, which is small and has flags of ours.
const SOURCES: [&str; 2] = ["bpf/tracer.bpf.c", "examples/openat.bpf.c"];

fn main() -> ExitCode {
    println!("cargo:rerun-if-changed=bpf");
    println!("cargo:rerun-if-changed=examples/openat.bpf.c");
    println!("cargo:rerun-if-changed=scripts/setup");
    println!("cargo:rerun-if-env-changed=CLANG");
    tell_commit();
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// Tells the crate the commit that it is built of, if git knows it. `IOR_IT_COMMIT` comes first: `make install` knows whether something
/// was changed since. The build script runs again when the log of HEAD changes, and not for each build.
fn tell_commit() {
    println!("cargo:rerun-if-env-changed=IOR_IT_COMMIT");
    if env::var_os("IOR_IT_COMMIT").is_some_and(|commit| !commit.is_empty()) {
        return;
    }
    // Unpacked inside another repository, these sources are none of its files.
    let is_ours = git(&["ls-files", "--error-unmatch", "build.rs"]).is_some();
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]).filter(|_| is_ours) else { return };
    println!("cargo:rustc-env=IOR_IT_COMMIT={commit}");
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"]);
    // Cargo takes a file that is not there for one that has changed.
    for path in log.iter().filter(|path| Path::new(path).exists()) {
        println!("cargo:rerun-if-changed={path}");
    }
}

/// What git prints, if it succeeds.
fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).stderr(std::process::Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn build() -> Result<(), String> {
    check_prerequisites()?;
    let clang = env::var("CLANG").unwrap_or_else(|_| "clang".to_owned());
    let folder = PathBuf::from(variable("OUT_DIR")?);
    for source in SOURCES {
        let name = Path::new(source).with_extension("o");
        let object = folder.join(name.file_name().unwrap_or_default());
        compile(&clang, source, &object)?;
        drop_dwarf(&clang, &object);
    }
    Ok(())
}

/// Names everything that is not installed at once, by package.
fn check_prerequisites() -> Result<(), String> {
    let check = Command::new("sh").args(["scripts/setup", "--check"]).output();
    let check = check.map_err(|error| format!("error: sh could not be run: {error}"))?;
    if check.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&check.stderr).into_owned()) }
}

fn compile(clang: &str, source: &str, object: &Path) -> Result<(), String> {
    let arch = format!("-D__TARGET_ARCH_{}", target_arch()?);
    let status = Command::new(clang).args(["@bpf/flags", &arch, "-c", source, "-o"]).arg(object).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => {
            Err(format!("error: {clang} could not compile {source}: see above\n hint: CLANG=clang-N takes another"))
        }
        Err(error) => Err(format!("error: {clang} could not be run: {error}")),
    }
}

/// The architecture as libbpf's headers name it.
fn target_arch() -> Result<&'static str, String> {
    match variable("CARGO_CFG_TARGET_ARCH")?.as_str() {
        "x86_64" => Ok("x86"),
        "aarch64" => Ok("arm64"),
        other => {
            Err(format!("error: the tracer does not know the registers of {other}\n hint: add them to bpf/kernel.h"))
        }
    }
}

/// Drops the DWARF and keeps the BTF, a third off the object. Clang says where its own llvm-strip is; without one the
/// object is larger and no different otherwise.
fn drop_dwarf(clang: &str, object: &Path) {
    let Ok(found) = Command::new(clang).arg("-print-prog-name=llvm-strip").output() else { return };
    let strip = String::from_utf8_lossy(&found.stdout);
    let _ = Command::new(strip.trim()).arg("-g").arg(object).status();
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("error: {name} is not set\n hint: cargo sets it: run cargo build"))
}
