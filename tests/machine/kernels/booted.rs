//! A kernel that is booted: an older one than this machine's, of Debian's packages.

use std::process::Command;

use crate::support::{self, Tested, says};

/// The oldest kernel that ior-it is for.
const OLDER: &str = "debian:6.1";
/// The families of the basic tier.
const BASE: [&str; 4] = ["harness-", "open-", "close-", "dup-"];

/// What this machine lacks for it.
pub fn lacks() -> Option<String> {
    let has = |program: &str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| folder.join(program).exists())
    };
    let qemu = format!("qemu-system-{}", std::env::consts::ARCH);
    if !has(&qemu) {
        return Some(format!("{qemu} is not installed"));
    }
    let found = || {
        let output =
            Command::new("apt-cache").args(["search", "--names-only", r"^linux-image-6\.1[.+-].*cloud"]).output();
        output.is_ok_and(|output| !output.stdout.is_empty())
    };
    (!has("apt-cache") || !found()).then(|| "the packages of this system have no kernel 6.1".to_owned())
}

/// A scenario of one's own, in a file below the folder for temporary files, as is the working directory.
const OWN: &str = "[open-of-ones-own]\nabout = \"a script makes a file\"\nscript = \": > made\"\n\
                   files = { made = \"\" }\npresent = [{ call = \"openat\", path = \"made\" }]\n";

/// All of them pass, on that kernel and no other, and an archive comes back for each.
pub fn base() -> Tested {
    let folder = tempfile::tempdir()?;
    let archives = folder.path().join("archives");
    let filters = BASE.iter().flat_map(|family| ["--filter", family]);
    std::fs::write(folder.path().join("own.toml"), OWN)?;
    let args: Vec<&str> = ["--kernel", OLDER, "--tests", "own.toml"].into_iter().chain(filters).collect();
    let mut command = support::ior_it(&args);
    let output = command.current_dir(&folder).arg("--archive").arg(&archives).output()?;
    let said = says(&output);
    require!(output.status.code() == Some(0), "{}: {said}", output.status);
    let summary = said.lines().find(|line| line.starts_with("6.1.") && line.contains(" passed, 0 failed"));
    require!(summary.is_some() && said.contains("test open-of-ones-own "), "{said}");
    let passed = said.matches(" ... ok").count();
    require!(passed >= 20, "{passed} passed: {said}");
    let kept: usize = std::fs::read_dir(&archives)?
        .map(|release| std::fs::read_dir(release?.path()).map(Iterator::count))
        .sum::<std::io::Result<usize>>()?;
    let skipped = said.matches(" ... ignored").count();
    require!(kept == passed + skipped, "{kept} archives, {passed} passed, {skipped} skipped: {said}");
    Ok(())
}
