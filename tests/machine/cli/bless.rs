//! `--bless`: a table becomes what was observed, if somebody wants that.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use libtest_mimic::Failed;

use super::{TESTS, expect_error, ior_it, stderr, stdout};

const RIGHT: &str = r#"{ call = "write", fd = "$b", path = "dup.txt", count = 5, ret = 5, "#;
const WRONG: &str = r#"{ call = "write", fd = "$b", path = "dup.txt", count = 6, ret = "EIO", "#;

/// Nothing is written unasked, only the wrong line is changed, and the file keeps its mode and its owner.
pub fn a_wrong_table_is_blessed_if_somebody_says_so() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("tests.toml");
    let wrong = TESTS.replacen(RIGHT, WRONG, 1);
    require!(wrong != TESTS, "dup-basic has another line now");
    fs::write(&file, &wrong)?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640))?;
    std::os::unix::fs::chown(&file, Some(65_534), None)?;
    let bless = |more: &[&str]| {
        let args = [&["--exact", "--filter", "dup-basic", "--bless"], more].concat();
        let mut command = ior_it(&args);
        command.current_dir(folder.path());
        command
    };
    let asked = bless(&[]).output()?;
    require!(asked.status.code() == Some(2), "{}", stderr(&asked));
    let (shown, why) = (stdout(&asked), stderr(&asked));
    require!(shown.contains(&format!("\n-  {WRONG}")) && shown.contains(&format!("\n+  {RIGHT}")), "{shown}");
    require!(why.contains("tests.toml is as it was: nobody can be asked whether to write it\n hint: --yes "), "{why}");
    require!(fs::read_to_string(&file)? == wrong, "it was written unasked");
    let written = bless(&["--yes"]).output()?;
    require!(written.status.success(), "{}", stderr(&written));
    require!(stderr(&written).contains("1 table is written to tests.toml"), "{}", stderr(&written));
    require!(fs::read_to_string(&file)? == TESTS, "more was changed than the wrong line");
    let about = fs::metadata(&file)?;
    require!(about.mode() & 0o7777 == 0o640 && about.uid() == 65_534, "the file has another mode or owner: {about:?}");
    require!(fs::read_dir(folder.path())?.count() == 1, "a file is left beside it");
    let again = bless(&["--yes"]).output()?;
    require!(again.status.success(), "{}", stderr(&again));
    require!(stderr(&again).contains("nothing to bless: tests.toml says what was observed"), "{}", stderr(&again));
    fs::remove_file(&file)?;
    let error = expect_error(bless(&["--yes"]), 2)?;
    require!(error.contains("tests.toml: No such file") && error.contains(" hint: "), "{error}");
    Ok(())
}
