//! The command that compiles the tracer from its sources, in a checkout of this project.

use std::path::Path;
use std::process::{Command, Stdio};

/// The tracer's source, and the flags to compile it with.
pub const SOURCE: &str = "bpf/tracer.bpf.c";
const FLAGS: &str = "bpf/flags";

/// Whether the working directory has the tracer's sources.
pub fn has_sources() -> bool {
    Path::new(SOURCE).is_file() && Path::new(FLAGS).is_file()
}

/// The command, as build.rs and the Makefile have it. The object comes from its standard output.
pub fn compiler(source: &Path) -> Command {
    let clang = std::env::var_os("CLANG").filter(|clang| !clang.is_empty()).unwrap_or_else(|| "clang".into());
    let arch = match std::env::consts::ARCH {
        "aarch64" => "arm64",
        "x86_64" => "x86",
        other => other,
    };
    let mut command = Command::new(clang);
    command.arg(format!("@{FLAGS}")).arg(format!("-D__TARGET_ARCH_{arch}")).arg("-c").arg(source).args(["-o", "-"]);
    command.stdin(Stdio::null());
    command
}
