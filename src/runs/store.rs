//! The folder of the records: `$XDG_STATE_HOME/ior-it`, a file for each run.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use nix::unistd::{User, geteuid};

use super::RunRecord;
use crate::base::error::{Error, Exit};
use crate::base::escape;
use crate::base::place::Folder;

/// The suffix of a record's file name.
const SUFFIX: &str = ".json";
/// The largest file that may be a record, in bytes. A run of all scenarios has a thousandth of that.
const LARGEST: u64 = 64 << 20;

/// The folder of the records.
#[derive(Clone, Debug)]
pub struct RunStore {
    folder: PathBuf,
}

/// A record in the folder.
#[derive(Clone, Debug)]
pub struct KeptRun {
    /// The name of its file without the suffix. Later runs have greater names.
    pub id: String,
    /// What it says.
    pub record: RunRecord,
}

impl RunStore {
    /// That of the user who runs this process: of root, under sudo.
    pub fn of_user() -> Result<Self, Error> {
        let state = std::env::var_os("XDG_STATE_HOME");
        folder_of(state.as_deref(), home().as_deref()).map(|folder| Self { folder }).ok_or_else(|| {
            let hint = "let XDG_STATE_HOME name a folder, with an absolute path";
            Error::usage("no folder is known for the records of runs: this user has no home", hint)
        })
    }

    /// Checks that a record can be written, before anything runs.
    pub fn check_writable(&self) -> Result<(), Error> {
        let checked = Folder::make(&self.folder).and_then(|folder| folder.check_writable());
        checked.map_err(|error| self.cannot_write(error))
    }

    /// Writes a record. A reader sees nothing, or all of it. Returns its file.
    pub fn save(&self, record: &RunRecord, began: SystemTime) -> Result<PathBuf, Error> {
        let name = format!("{}{SUFFIX}", id(began, std::process::id()));
        let bytes = record.encode().map_err(|error| self.cannot_write(error.into()))?;
        let written = Folder::make(&self.folder).and_then(|folder| folder.replace(name.as_ref(), &bytes));
        written.map_err(|error| self.cannot_write(error)).map(|()| self.folder.join(name))
    }

    /// All records, the newest first. A file that is none is an error: it may be of a newer version, and nothing is left out in silence.
    pub fn all(&self) -> Result<Vec<KeptRun>, Error> {
        self.ids()?.iter().map(|id| self.kept(id)).collect()
    }

    /// The newest record.
    pub fn last(&self) -> Result<KeptRun, Error> {
        let ids = self.ids()?;
        let id = ids.first().ok_or_else(|| self.nothing())?;
        self.kept(id)
    }

    /// The record that is meant by a word: a number counts from the newest, which is 1; or the beginning of an id; or a file.
    pub fn find(&self, word: &str) -> Result<KeptRun, Error> {
        if word.contains('/') || word.ends_with(SUFFIX) {
            let path = Path::new(word);
            let id = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            return read(path).map(|record| KeptRun { id, record });
        }
        let ids = self.ids()?;
        if ids.is_empty() {
            return Err(self.nothing());
        }
        let shown = escape::line(word).into_owned();
        let hint = "`ior-it --runs` lists them, with numbers and ids";
        let found: Vec<&String> = match word.parse::<usize>() {
            // An id begins with a year.
            Ok(number) if word.len() < 4 => number.checked_sub(1).and_then(|at| ids.get(at)).into_iter().collect(),
            Ok(_) | Err(_) => ids.iter().filter(|id| id.starts_with(word)).collect(),
        };
        match found[..] {
            [id] => self.kept(id),
            [] => Err(Error::usage(format!("there is no record of a run {shown}: there are {}", ids.len()), hint)),
            [_, _, ..] => Err(Error::usage(format!("{} runs have an id that begins with {shown}", found.len()), hint)),
        }
    }

    /// The ids of all records, the newest first. A folder that is not there has none.
    fn ids(&self) -> Result<Vec<String>, Error> {
        let names = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries.map(|entry| entry.map(|entry| entry.file_name())).collect(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        };
        let names: Vec<_> = names.map_err(|error: std::io::Error| {
            let folder = escape::path(&self.folder);
            Error::usage(format!("cannot read {folder}: {error}"), "records of root are for root: sudo").because(error)
        })?;
        let is_record = |name: &&str| name.ends_with(SUFFIX) && !name.starts_with('.');
        let ids = names.iter().filter_map(|name| name.to_str()).filter(is_record);
        let mut ids: Vec<String> = ids.map(|name| name[..name.len() - SUFFIX.len()].to_owned()).collect();
        ids.sort_by(|one, other| other.cmp(one));
        Ok(ids)
    }

    fn kept(&self, id: &str) -> Result<KeptRun, Error> {
        let record = read(&self.folder.join(format!("{id}{SUFFIX}")))?;
        Ok(KeptRun { id: id.to_owned(), record })
    }

    fn nothing(&self) -> Error {
        let folder = escape::path(&self.folder);
        let hint = "`sudo ./ior-it --record` runs the scenarios and leaves one; those of root are root's own";
        Error::new(format!("there is no record of a run in {folder}"), hint.to_owned(), Exit::Usage)
    }

    fn cannot_write(&self, error: std::io::Error) -> Error {
        Error::usage(
            format!("no record could be written in {}: {error}", escape::path(&self.folder)),
            "let XDG_STATE_HOME name a folder that can be written to, with room in it",
        )
        .because(error)
    }
}

fn read(path: &Path) -> Result<RunRecord, Error> {
    let shown = escape::path(path);
    let cannot = |why: String| {
        Error::usage(
            format!("{shown} cannot be used: {why}"),
            "docs/records.md describes the format; remove the file if it is no use",
        )
    };
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
    opened.map_err(|error| cannot(error.to_string()))?;
    if bytes.len() as u64 > LARGEST {
        return Err(cannot(format!("it has more than {} MiB", LARGEST >> 20)));
    }
    RunRecord::decode(&bytes).map_err(cannot)
}

/// The name of a record: when the run began, and its process.
fn id(began: SystemTime, pid: u32) -> String {
    let began = humantime::format_rfc3339_millis(began).to_string();
    format!("{}-{pid}", began.replace(['-', ':'], ""))
}

/// The folder: the XDG base directory specification ignores a path that is not absolute.
fn folder_of(state: Option<&OsStr>, home: Option<&Path>) -> Option<PathBuf> {
    let state = state.map(Path::new).filter(|state| state.is_absolute());
    let base = state.map(Path::to_owned).or_else(|| home.map(|home| home.join(".local/state")))?;
    Some(base.join("ior-it"))
}

/// The home of this process's user. `HOME` counts if it is that user's own: under sudo it may be another one's, where root should
/// leave no files.
pub fn home() -> Option<PathBuf> {
    let of_user = || User::from_uid(geteuid()).ok().flatten().map(|user| user.dir);
    let named = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    let is_own = |home: &PathBuf| home.metadata().is_ok_and(|about| about.uid() == geteuid().as_raw());
    named.filter(is_own).or_else(of_user)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::runs::RecordedVerdict;
    use crate::runs::tests::run;

    #[test]
    fn the_folder_is_that_of_the_base_directories() {
        let home = Some(Path::new("/root"));
        let of = |state: Option<&str>, home| folder_of(state.map(OsStr::new), home);
        assert_eq!(of(Some("/x"), home), Some("/x/ior-it".into()));
        assert_eq!(of(Some("x"), home), Some("/root/.local/state/ior-it".into()), "not absolute");
        assert_eq!(of(None, home), Some("/root/.local/state/ior-it".into()));
        assert_eq!(of(Some(""), None), None);
    }

    #[test]
    fn records_are_found_by_number_by_id_and_by_file() {
        let folder = tempfile::tempdir().unwrap();
        let store = RunStore { folder: folder.path().join("new/ior-it") };
        assert!(store.all().unwrap().is_empty());
        assert!(store.last().unwrap_err().sentence.contains("there is no record of a run in"));
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let record = |calls| run(&[("dup-basic", RecordedVerdict::Pass, 1, calls)]);
        store.check_writable().unwrap();
        let first = store.save(&record(1), at(1_000_000_000)).unwrap();
        store.save(&record(2), at(1_700_000_000)).unwrap();
        let calls = |found: Result<KeptRun, Error>| found.unwrap().record.scenarios[0].calls;
        assert_eq!(calls(store.find("1")), Some(2), "the newest is 1");
        assert_eq!(calls(store.find("2")), Some(1));
        assert_eq!(calls(store.last()), Some(2));
        assert_eq!(calls(store.find("20010909T014640")), Some(1));
        assert_eq!(calls(store.find(first.to_str().unwrap())), Some(1));
        assert_eq!(store.all().unwrap().len(), 2);
        store.save(&record(3), at(1_000_000_001)).unwrap();
        let rows = [
            ("4", "there is no record of a run 4: there are 3"),
            ("0", "there is no record of a run 0: there are 3"),
            ("2026", "there is no record of a run 2026: there are 3"),
            ("200109", "2 runs have an id that begins with 200109"),
        ];
        for (word, says) in rows {
            assert_eq!(store.find(word).unwrap_err().sentence, says);
        }
        std::fs::write(store.folder.join("x.json"), "{}").unwrap();
        assert!(store.all().unwrap_err().sentence.contains("x.json cannot be used: it is no record of a run"));
    }
}
