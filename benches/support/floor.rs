//! The floor: empty programs on the tracer's hooks, compiled at the start of a bench.

use std::process::Command;

use libbpf_rs::{Link, Object, ObjectBuilder};

use super::Failure;

const SOURCE: &str = "benches/support/floor.bpf.c";

/// The empty programs, loaded.
pub struct Floor {
    object: Object,
}

impl Floor {
    /// Compiles and loads them.
    pub fn load() -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let compiled = folder.path().join("floor.bpf.o");
        let clang = std::env::var("CLANG").unwrap_or_else(|_| "clang".to_owned());
        let mut command = Command::new(&clang);
        command.current_dir(env!("CARGO_MANIFEST_DIR")).args(["@bpf/flags", "-c", SOURCE, "-o"]).arg(&compiled);
        let status = command.status()?;
        if !status.success() {
            return Err(format!("{clang} could not compile {SOURCE}").into());
        }
        Ok(Self { object: ObjectBuilder::default().open_file(&compiled)?.load()? })
    }

    /// Attaches them until the links are dropped.
    pub fn attach(&self) -> Result<Vec<Link>, Failure> {
        Ok(self.object.progs_mut().map(|program| program.attach()).collect::<Result<_, _>>()?)
    }
}
