//! The known subjects, and whether one can run here.
//!
//! I/O: reads TOML files, asks a subject for its version, and looks for programs in PATH and for features of the kernel.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::object::ObjectSubject;
use super::own::OwnTracer;
use super::process::CommandSubject;
use super::seam::Subject;
use super::toml::{AdapterChoice, Definition, FILES, HowRun, built_in};
use crate::base::error::Error;
use crate::base::{escape, rights};

/// A subject on the command line.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// How to run it, and its claims.
    pub definition: Definition,
    /// The name or the file on the command line.
    asked: String,
    /// The folder of its TOML. `None` if it is built in.
    folder: Option<PathBuf>,
}

impl Candidate {
    /// The subject with this name, or from this file: a path with a slash, or one that ends in `.toml`.
    pub fn find(name: &str) -> Result<Self, Error> {
        let path = Path::new(name);
        let is_file = name.contains('/') || path.extension().is_some_and(|extension| extension == "toml");
        if !is_file {
            return Ok(Self { definition: built_in(name)?, asked: name.to_owned(), folder: None });
        }
        rights::refuse("--subject with a file")?;
        let shown = escape::path(path);
        let text = std::fs::read(path).map_err(|error| {
            Error::usage(format!("--subject {shown}: {error}"), "`ior-it --subjects` lists those that are built in")
                .because(error)
        })?;
        let parsed = Definition::parse_bytes(&shown, &text);
        let definition = parsed.map_err(|errors| {
            Error::usage(format!("{shown} is no subject"), "docs/subjects.md describes the format")
                .with_details(format!("\n{errors}"))
        })?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Absolute: a word with it is a path from anywhere.
        let folder = parent.canonicalize().unwrap_or_else(|_| parent.to_owned());
        Ok(Self { definition, asked: name.to_owned(), folder: Some(folder) })
    }

    /// The files that it is made of: its TOML, and the object, or the program and the files among its words and the adapter's.
    pub fn files(&self) -> Vec<PathBuf> {
        let Some(folder) = &self.folder else { return Vec::new() };
        let made_of = match &self.definition.run {
            HowRun::Command { command, adapter, .. } => {
                let adapter = if let AdapterChoice::Command(words) = adapter { words.as_slice() } else { &[] };
                command.iter().chain(adapter).filter(|word| word.contains('/')).collect()
            }
            HowRun::Object(object) => vec![&object.file],
            HowRun::Own => Vec::new(),
        };
        let files = made_of.into_iter().map(|word| folder.join(self.placed(word)));
        // The first may still have to be made. Other words may be no files at all.
        let files = files.enumerate().filter(|(at, file)| *at == 0 || file.is_file()).map(|(_, file)| file);
        std::iter::once(PathBuf::from(&self.asked)).chain(files).collect()
    }

    /// A word of the TOML with its folder in it.
    fn placed(&self, word: &str) -> String {
        let folder = self.folder.as_ref().map(|folder| folder.to_string_lossy());
        folder.map_or_else(|| word.to_owned(), |folder| word.replace("{folder}", &folder))
    }

    /// The command that puts it into the slot again: `sudo ./ior-it --subject ./mine.toml`.
    pub fn command(&self) -> String {
        let asked = shlex::try_quote(&self.asked).unwrap_or_default();
        format!("sudo ./ior-it --subject {}", escape::line(&asked))
    }

    /// The subject. The files of a built-in subject are written to `files`.
    pub fn subject(&self, files: &Path) -> Result<Box<dyn Subject>, Error> {
        let folder = match &self.folder {
            Some(folder) => folder.clone(),
            None => {
                put_files(files).map_err(|error| {
                    Error::scenario(
                        format!("the scripts of the subjects could not be written: {error}"),
                        "make room in TMPDIR",
                    )
                    .because(error)
                })?;
                files.to_owned()
            }
        };
        let version = self.version();
        Ok(match self.definition.run {
            HowRun::Command { .. } => {
                Box::new(CommandSubject::new(self.definition.clone(), version, folder, files.to_owned()))
            }
            HowRun::Object(_) => Box::new(ObjectSubject::new(&self.definition, version, folder)?),
            HowRun::Own => Box::new(OwnTracer::load(self.definition.profile(version))?),
        })
    }

    /// The first line with a digit that its version command prints: above it there may be a banner.
    pub fn version(&self) -> Option<String> {
        if matches!(self.definition.run, HowRun::Own) {
            return Some(env!("CARGO_PKG_VERSION").to_owned());
        }
        let (program, arguments) = self.definition.version.split_first()?;
        let arguments = arguments.iter().map(|word| self.placed(word));
        let asked = Command::new(self.placed(program)).args(arguments).stdin(Stdio::null()).output().ok()?;
        let line = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
            let numbered = lines().find(|line| line.contains(|char: char| char.is_ascii_digit()));
            numbered.or_else(|| lines().next()).map(str::to_owned)
        };
        line(&asked.stdout).or_else(|| line(&asked.stderr))
    }

    /// The reason why it cannot run here, if it cannot, and how to get it.
    pub fn missing(&self) -> Option<String> {
        let HowRun::Command { command, .. } = &self.definition.run else { return None };
        let program = command.first().map_or(String::new(), |program| self.placed(program));
        if !is_in_path(&program) {
            let program = escape::line(&program);
            let is_path = program.contains('/');
            let why =
                if is_path { format!("there is no file {program}") } else { format!("{program} is not installed") };
            return Some(format!("{why}{}", how_to_get(&program)));
        }
        self.definition.needs.iter().find_map(|need| lacks(need)).map(str::to_owned)
    }
}

fn put_files(folder: &Path) -> std::io::Result<()> {
    if !folder.exists() {
        std::fs::create_dir(folder)?;
    }
    FILES.iter().try_for_each(|(name, text)| std::fs::write(folder.join(name), text))
}

fn is_in_path(program: &str) -> bool {
    if program.contains('/') {
        return Path::new(program).exists();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).exists())
}

/// The package or project of each built-in subject, by its program.
const SOURCES: [(&str, &str); 7] = [
    ("strace", "apt-get install strace"),
    ("perf", "apt-get install linux-perf"),
    ("lurk", "cargo install lurk-cli"),
    ("bpftrace", "apt-get install bpftrace"),
    ("opensnoop", "apt-get install libbpf-tools"),
    ("opensnoop.bt", "apt-get install bpftrace"),
    ("ior", "its sources are at github.com/snonux/ior"),
];

fn how_to_get(program: &str) -> String {
    let known = SOURCES.iter().find(|(name, _)| *name == program);
    known.map(|(_, how)| format!(": {how}")).unwrap_or_default()
}

/// The missing feature of the kernel, and what to do about it.
fn lacks(need: &str) -> Option<&'static str> {
    let (path, what) = match need {
        "tracefs" => {
            ("/sys/kernel/tracing/events", "tracefs is not mounted: mount -t tracefs nodev /sys/kernel/tracing")
        }
        "debugfs" => ("/sys/kernel/debug/tracing", "debugfs is not mounted: mount -t debugfs nodev /sys/kernel/debug"),
        "kprobes" => ("/sys/kernel/tracing/kprobe_events", "this kernel has no kprobes (CONFIG_KPROBE_EVENTS)"),
        "btf" => ("/sys/kernel/btf/vmlinux", "this kernel has no BTF (CONFIG_DEBUG_INFO_BTF)"),
        _ => return None,
    };
    (!Path::new(path).exists()).then_some(what)
}
