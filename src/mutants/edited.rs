//! The tracer's sources, and what clang makes of them with one thing changed.
//!
//! I/O: it reads the sources once. For each mutant it writes them into a temporary folder, where clang finds them.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Stdio;

use super::plan::{Mutant, SourceEdit};
use super::source;
use crate::base::error::Error;
use crate::watch::tracer::compiler;

/// The tracer's sources.
#[derive(Debug)]
pub struct Sources {
    files: Vec<(String, String)>,
}

impl Sources {
    /// Those in the working directory.
    pub fn read() -> Result<Self, Error> {
        let hint = "run it in a checkout of this project; without --source, the object is mutated";
        if !compiler::has_sources() {
            let sentence = format!("--source needs {}, which is not in the working directory", compiler::SOURCE);
            return Err(Error::usage(sentence, hint));
        }
        let folder = Path::new(compiler::SOURCE).parent().unwrap_or(Path::new("."));
        let read = || -> io::Result<Vec<(String, String)>> {
            let mut files = Vec::new();
            for entry in fs::read_dir(folder)? {
                let path = entry?.path();
                if path.extension().is_some_and(|extension| extension == "c" || extension == "h") {
                    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    files.push((name, fs::read_to_string(&path)?));
                }
            }
            files.sort();
            Ok(files)
        };
        let files = read().map_err(|error| {
            Error::usage(format!("the tracer's sources cannot be read: {error}"), hint).because(error)
        })?;
        Ok(Self { files })
    }

    /// All mutants of the sources.
    pub fn mutants(&self) -> Vec<Mutant> {
        source::all("./bpf", &self.files)
    }

    /// The object with this change, or with none; `None` if the compiler refuses it.
    pub fn compile(&self, edit: Option<&SourceEdit>) -> Result<Option<Vec<u8>>, Error> {
        let hint = "CLANG=clang-N takes another clang; TMPDIR names a folder with room";
        let compile = || -> io::Result<Option<Vec<u8>>> {
            let folder = tempfile::Builder::new().prefix("ior-it.source.").tempdir()?;
            for (name, text) in &self.files {
                let mut text = text.clone();
                if let Some(edit) = edit.filter(|edit| edit.file == *name) {
                    text.replace_range(edit.place.clone(), &edit.text);
                }
                fs::write(folder.path().join(name), text)?;
            }
            let source = Path::new(compiler::SOURCE).file_name().unwrap_or_default();
            let mut clang = compiler::compiler(&folder.path().join(source));
            // What a mutant no longer uses is no mistake.
            let output = clang.arg("-Wno-error").stderr(Stdio::null()).output()?;
            Ok(Some(output.stdout).filter(|_| output.status.success()))
        };
        compile().map_err(|error| {
            Error::cannot_trace(format!("a mutant could not be compiled: {error}"), hint).because(error)
        })
    }
}
