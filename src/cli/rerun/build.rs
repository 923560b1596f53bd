//! Compiles the tracer, and builds `ior-it`, as build.rs and the Makefile do.
//!
//! What clang and cargo say goes to the standard error output as it is.

use std::collections::VecDeque;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use nix::unistd::{Gid, Uid, User};

use crate::base::error::Error;
use crate::watch::tracer::compiler;

/// Whether the working directory is a checkout of this project.
pub fn has_program() -> bool {
    let text = std::fs::read_to_string("Cargo.toml").unwrap_or_default();
    let package = text.parse::<toml::Table>().ok();
    let name = package.as_ref().and_then(|package| package.get("package")?.get("name")?.as_str());
    name == Some(env!("CARGO_PKG_NAME")) && Path::new("src/main.rs").is_file()
}

/// How many objects are kept.
const KEPT: usize = 8;

/// The files of bpf/, each with what is in it.
type SourceFiles = Vec<(PathBuf, Vec<u8>)>;

/// The objects that were compiled last, with their sources. Sources that are saved as they were before need no clang.
#[derive(Default)]
pub struct CompiledObjects(VecDeque<(SourceFiles, Arc<[u8]>)>);

impl CompiledObjects {
    /// The object of the present sources. It stays in memory.
    pub fn object(&mut self) -> Result<Arc<[u8]>, Error> {
        let sources = sources().ok();
        if let Some((_, object)) = self.0.iter().find(|(of, _)| Some(of) == sources.as_ref()) {
            return Ok(Arc::clone(object));
        }
        let object = tracer()?;
        // What is saved while clang reads may or may not be in the object.
        if let Some(sources) = sources.filter(|before| self::sources().is_ok_and(|after| after == *before)) {
            self.0.truncate(KEPT - 1);
            self.0.push_front((sources, Arc::clone(&object)));
        }
        Ok(object)
    }
}

fn sources() -> std::io::Result<SourceFiles> {
    let paths = std::fs::read_dir("bpf")?.map(|entry| Ok(entry?.path()));
    let mut paths = paths.collect::<std::io::Result<Vec<PathBuf>>>()?;
    paths.retain(|path| path.is_file());
    paths.sort();
    paths.into_iter().map(|path| Ok((path.clone(), std::fs::read(path)?))).collect()
}

fn tracer() -> Result<Arc<[u8]>, Error> {
    let hint = "CLANG=clang-N takes another clang; bpf/ is compiled again when it is saved";
    let mut command = compiler::compiler(Path::new(compiler::SOURCE));
    let clang = command.get_program().display().to_string();
    let compiled = command.stderr(Stdio::inherit()).output();
    let compiled =
        compiled.map_err(|error| Error::usage(format!("{clang} could not be run: {error}"), hint).because(error))?;
    if !compiled.status.success() {
        return Err(Error::usage(format!("{clang} could not compile {}: see above", compiler::SOURCE), hint));
    }
    Ok(compiled.stdout.into())
}

/// Builds `ior-it` by the quick profile, and returns the path of the program. Under sudo, cargo runs as the user who called it: what it
/// writes to target/ stays the user's.
pub fn program() -> Result<PathBuf, Error> {
    let hint = "`make build` builds it by hand; until then the previous program keeps running";
    let caller = Caller::of_sudo();
    let mut cargo = caller.as_ref().map_or_else(|| Command::new("cargo"), Caller::cargo);
    cargo.args(["build", "--profile", "quick", "--locked", "--bin", env!("CARGO_PKG_NAME")]);
    cargo.args(["--message-format", "json-render-diagnostics"]);
    let built = cargo.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let built = built.map_err(|error| Error::usage(format!("cargo could not be run: {error}"), hint).because(error))?;
    if !built.status.success() {
        return Err(Error::usage("cargo could not build ior-it: see above", hint));
    }
    let path = executable(&String::from_utf8_lossy(&built.stdout));
    path.ok_or_else(|| Error::usage("cargo has built ior-it and does not say where", hint))
}

/// The program that cargo names in its messages (`cargo help build`, `--message-format`).
fn executable(messages: &str) -> Option<PathBuf> {
    let values = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    values.filter_map(|message| Some(PathBuf::from(message.get("executable")?.as_str()?))).next_back()
}

/// The user who called sudo(8).
struct Caller {
    uid: Uid,
    gid: Gid,
    home: PathBuf,
}

impl Caller {
    fn of_sudo() -> Option<Self> {
        let uid = Uid::from_raw(std::env::var("SUDO_UID").ok()?.parse().ok()?);
        let User { uid, gid, dir, .. } = User::from_uid(uid).ok()??;
        (nix::unistd::geteuid().is_root() && !uid.is_root()).then_some(Self { uid, gid, home: dir })
    }

    /// The user's cargo. sudo takes the user's own folders out of PATH, where rustup puts it.
    fn cargo(&self) -> Command {
        let folder = self.home.join(".cargo/bin");
        let own = folder.join("cargo");
        let mut command = if own.is_file() { Command::new(own) } else { Command::new("cargo") };
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(folder).chain(std::env::split_paths(&path))).unwrap_or(path);
        command.env("PATH", path).env("HOME", &self.home).uid(self.uid.as_raw()).gid(self.gid.as_raw());
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_program_that_cargo_names_is_the_one() {
        let messages = "{\"reason\":\"compiler-artifact\",\"executable\":null}\nnoise\n\
                        {\"reason\":\"compiler-artifact\",\"executable\":\"/t/quick/ior-it\"}\n\
                        {\"reason\":\"build-finished\",\"success\":true}\n";
        assert_eq!(executable(messages), Some("/t/quick/ior-it".into()));
        assert_eq!(executable("{\"reason\":\"build-finished\"}\n"), None);
    }
}
