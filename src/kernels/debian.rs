//! Kernels of Debian's packages: `apt-get` finds, fetches and checks them, `dpkg-deb` unpacks them, and a folder keeps the kernels.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::image::Architecture;
use super::release::{DebianKernel, kernel_of, newest};
use crate::base::error::Error;
use crate::base::escape;
use crate::base::place::Folder;
use crate::runs::store;

/// Where Debian's own package of them has the keys of its archives.
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// The suites in which a version is looked for if this machine's own have none.
const OTHER_SUITES: [&str; 3] = ["stable", "testing", "sid"];

/// The folder that keeps kernels.
#[derive(Clone, Debug)]
pub struct DebianKernels {
    folder: PathBuf,
    architecture: Architecture,
}

/// Where packages are: the options that tell apt.
type Source = Vec<String>;

impl DebianKernels {
    /// The folder of this user: `$XDG_CACHE_HOME/ior-it`, or `~/.cache/ior-it`.
    pub fn of_user(architecture: Architecture) -> Result<Self, Error> {
        let cache = std::env::var_os("XDG_CACHE_HOME");
        let folder = store::folder_of(cache.as_deref(), store::home().as_deref(), ".cache").ok_or_else(|| {
            let hint = "let XDG_CACHE_HOME name a folder, with an absolute path";
            Error::usage("no folder is known for kernels: this user has no home", hint)
        })?;
        Ok(Self { folder, architecture })
    }

    /// The file of a kernel. What is not there is fetched; `tell` says so.
    pub fn kernel(&self, asked: &DebianKernel, tell: &dyn Fn(&str)) -> Result<PathBuf, Error> {
        let made = Folder::make(&self.folder).and_then(|folder| folder.check_writable());
        made.map_err(|error| self.cannot_write(error))?;
        let (package, source) = self.package(asked, tell)?;
        let kernel = self.folder.join(format!("vmlinuz-{}", kernel_of(&package)));
        if kernel.exists() {
            return Ok(kernel);
        }
        tell(&format!("{package} is fetched"));
        let temporary = tempfile::Builder::new().prefix(&temporary_prefix()).tempdir_in(&self.folder);
        let temporary = temporary.map_err(|error| self.cannot_write(error))?;
        self.unpacked(&temporary, &package, &source, &kernel)?;
        Ok(kernel)
    }

    /// Removes what this process has begun to fetch, for its last moment.
    pub fn remove_begun(&self) {
        let begun = std::fs::read_dir(&self.folder).into_iter().flatten().filter_map(Result::ok);
        let prefix = temporary_prefix();
        for entry in begun.filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix)) {
            // Nothing can be done about what cannot be removed.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }

    /// The package with the kernel, and where it is.
    fn package(&self, asked: &DebianKernel, tell: &dyn Fn(&str)) -> Result<(String, Source), Error> {
        let regex = asked.packages(self.architecture.debian());
        let in_source = |source: Source| -> Result<Option<(String, Source)>, Error> {
            let found = apt("apt-cache", &source).args(["search", "--names-only", &regex]).said()?;
            Ok(newest(&found).map(|package| (package.to_owned(), source)))
        };
        let suites: Vec<&str> = match asked {
            DebianKernel::Version(_) => {
                if let Some(found) = in_source(Source::new())? {
                    return Ok(found);
                }
                OTHER_SUITES.to_vec()
            }
            DebianKernel::Suite(suite) => vec![suite],
        };
        for suite in &suites {
            if let Some(found) = in_source(self.suite(suite, tell)?)? {
                return Ok(found);
            }
        }
        let what = match asked {
            DebianKernel::Version(version) => format!("a kernel {version}"),
            DebianKernel::Suite(suite) => format!("a kernel in {suite}"),
        };
        Err(Error::usage(
            format!("Debian has no package of {what} for virtual machines"),
            "`apt-get update`, and then `apt-cache search --names-only '^linux-image-.*cloud'`",
        ))
    }

    /// The packages of a suite, beside those of this machine: apt keeps their lists in a folder of ours.
    fn suite(&self, suite: &str, tell: &dyn Fn(&str)) -> Result<Source, Error> {
        let folder = self.folder.join("apt").join(suite);
        for part in ["lists/partial", "cache/archives/partial"] {
            std::fs::create_dir_all(folder.join(part)).map_err(|error| self.cannot_write(error))?;
        }
        let keys = if Path::new(KEYS).exists() { format!("[signed-by={KEYS}] ") } else { String::new() };
        let line = format!("deb {keys}{} {suite} main\n", archive()?);
        let sources = folder.join("sources.list");
        std::fs::write(&sources, line).map_err(|error| self.cannot_write(error))?;
        let shown = folder.display();
        let source = vec![
            format!("Dir::Etc::sourcelist={shown}/sources.list"),
            "Dir::Etc::sourceparts=/dev/null".to_owned(),
            format!("Dir::State::lists={shown}/lists"),
            format!("Dir::Cache={shown}/cache"),
            "Acquire::Languages=none".to_owned(),
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".to_owned(),
            "APT::Get::List-Cleanup=false".to_owned(),
        ];
        tell(&format!("the packages of {suite} are looked up"));
        match apt("apt-get", &source).args(["update", "-q", "--error-on=any"]).said() {
            Ok(_) => {}
            // What was looked up before will do.
            Err(error) if has_lists(&folder) => tell(&format!("warning: {}", error.sentence)),
            Err(error) => return Err(error),
        }
        Ok(source)
    }

    /// Fetches and unpacks the package, and keeps its kernel.
    fn unpacked(&self, temporary: &TempDir, package: &str, source: &Source, kernel: &Path) -> Result<(), Error> {
        let folder = temporary.path();
        apt("apt-get", source).args(["download", "-q", package]).current_dir(folder).said()?;
        let fetched = package_in(folder).map_err(|error| self.cannot_write(error))?;
        let unpacked = folder.join("unpacked");
        Command::new("dpkg-deb").arg("-x").arg(fetched).arg(&unpacked).said()?;
        let found = kernel_in(&unpacked, kernel_of(package));
        let kept = found.and_then(std::fs::read).and_then(|bytes| {
            let name = kernel.file_name().unwrap_or_default();
            Folder::open(&self.folder)?.replace(name, &bytes)
        });
        kept.map_err(|error| self.cannot_write(error))
    }

    fn cannot_write(&self, error: io::Error) -> Error {
        Error::usage(
            format!("no kernel could be kept in {}: {error}", escape::path(&self.folder)),
            "let XDG_CACHE_HOME name a folder that can be written to, with room in it",
        )
        .because(error)
    }
}

fn temporary_prefix() -> String {
    format!(".fetched-{}-", std::process::id())
}

/// The address of Debian's archive, as this machine's own apt has it.
fn archive() -> Result<String, Error> {
    let format = "$(ORIGIN) $(LABEL) $(REPO_URI)";
    let found = apt("apt-get", &[]).args(["indextargets", "--format", format, "Created-By: Packages"]).said()?;
    let archive = found.lines().find_map(|line| line.strip_prefix("Debian Debian "));
    archive.map(str::to_owned).ok_or_else(|| {
        Error::cannot_trace(
            "apt knows no archive of Debian from which a kernel could be fetched",
            "`apt-get update`; or give the file of a kernel: `--kernel FILE`",
        )
    })
}

fn has_lists(folder: &Path) -> bool {
    let lists = std::fs::read_dir(folder.join("lists"));
    lists.is_ok_and(|mut lists| {
        lists.any(|list| list.is_ok_and(|list| list.file_name().to_string_lossy().contains("_Packages")))
    })
}

/// The kernel of this release in an unpacked package: in /boot, or since Debian's 7.2.13 with its modules.
fn kernel_in(unpacked: &Path, release: &str) -> io::Result<PathBuf> {
    let places = [format!("boot/vmlinuz-{release}"), format!("usr/lib/modules/{release}/vmlinuz")];
    let paths = places.iter().map(|place| unpacked.join(place));
    paths.into_iter().find(|path| path.is_file()).ok_or_else(|| {
        let places = places.map(|place| format!("/{place}"));
        io::Error::other(format!("the package has no kernel at {}", places.join(" or ")))
    })
}

/// The package that was fetched into a folder.
fn package_in(folder: &Path) -> io::Result<PathBuf> {
    let mut paths = std::fs::read_dir(folder)?.filter_map(Result::ok).map(|entry| entry.path());
    let found = paths.find(|path| path.extension().is_some_and(|extension| extension == "deb"));
    found.ok_or_else(|| io::Error::other("apt-get has left no package"))
}

fn apt(program: &str, source: &[String]) -> Command {
    let mut command = Command::new(program);
    command.args(source.iter().flat_map(|option| ["-o", option]));
    // Root fetches into a folder of its own, which apt's other user cannot enter.
    command.args(["-o", "APT::Sandbox::User=root"]).env("LC_ALL", "C");
    command
}

/// A command whose output is wanted, or its complaint.
trait Saying {
    fn said(&mut self) -> Result<String, Error>;
}

impl Saying for Command {
    fn said(&mut self) -> Result<String, Error> {
        let program = Path::new(self.get_program()).display().to_string();
        let verb = self.get_args().find(|arg| !arg.to_string_lossy().contains(['-', '=']));
        let shown = format!("{program} {}", verb.unwrap_or(OsStr::new("")).display()).trim_end().to_owned();
        let hint = "it takes Debian's apt; without, give the file of a kernel: `--kernel FILE`";
        let output = self.stdin(Stdio::null()).output().map_err(|error| {
            Error::cannot_trace(format!("{program}, which finds Debian's kernels, does not run: {error}"), hint)
                .because(error)
        })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let hint = "is the archive reachable, and is there room? `apt-get update`, `df`; or give the file of a kernel";
        Err(Error::cannot_trace(format!("`{shown}` failed ({})", output.status), hint).with_details(said))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_is_in_boot_or_with_its_modules() {
        for place in ["boot/vmlinuz-7.2", "usr/lib/modules/7.2/vmlinuz"] {
            let unpacked = tempfile::tempdir().unwrap();
            let file = unpacked.path().join(place);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, "").unwrap();
            assert_eq!(kernel_in(unpacked.path(), "7.2").unwrap(), file);
            let error = kernel_in(unpacked.path(), "7.3").unwrap_err().to_string();
            assert_eq!(error, "the package has no kernel at /boot/vmlinuz-7.3 or /usr/lib/modules/7.3/vmlinuz");
        }
    }
}
