//! What a user wants of every run: `$XDG_CONFIG_HOME/ior-it/config.toml`.

use std::io::ErrorKind;
use std::path::Path;

use serde::Deserialize;

use super::store::{folder_of, home};
use crate::base::error::Error;
use crate::base::escape;

/// The keys of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserConfig {
    /// Whether each run keeps a record.
    #[serde(default)]
    pub record: bool,
}

impl UserConfig {
    /// That of the user who runs this process: of root, under sudo. Without a file, every key has its default.
    pub fn of_user() -> Result<Self, Error> {
        let config = std::env::var_os("XDG_CONFIG_HOME");
        let Some(folder) = folder_of(config.as_deref(), home().as_deref(), ".config") else {
            return Ok(Self::default());
        };
        let path = folder.join("config.toml");
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::parse(&path, &text),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(Self::default()),
            Err(error) => Err(wrong(&path, &error.to_string()).because(error)),
        }
    }

    fn parse(path: &Path, text: &str) -> Result<Self, Error> {
        toml::from_str(text).map_err(|error| wrong(path, error.to_string().trim_end()))
    }
}

fn wrong(path: &Path, why: &str) -> Error {
    Error::usage(format!("{} cannot be used: {why}", escape::path(path)), "its only key is `record`: true or false")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_whether_each_run_is_recorded() {
        let parsed = |text| UserConfig::parse(Path::new("/c.toml"), text);
        assert_eq!(parsed("record = true\n").unwrap(), UserConfig { record: true });
        assert_eq!(parsed("").unwrap(), UserConfig { record: false });
        for text in ["record = 1", "recrod = true", "record ="] {
            let error = parsed(text).unwrap_err().to_string();
            assert!(error.contains("/c.toml cannot be used") && error.contains("`record`"), "{text}: {error}");
        }
    }
}
