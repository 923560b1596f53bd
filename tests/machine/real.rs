//! Programs that we did not write, under BPF and the witness at the same time: both see the same, and nothing is lost.
//!
//! The quick ones run with all tests; `REAL=all` (`make real`) runs all and writes docs/real-programs.md.

use std::fs::{read_to_string, write};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Mutex;

use crate::support;
use libtest_mimic::{Arguments, Completion, Failed, Trial};

/// A program, and what it does in a folder that has `tree`, 40 files in 5 folders, and `lines`, a text of 300,000 lines.
struct Real {
    name: &'static str,
    /// The programs it needs, by their names in PATH.
    needs: &'static [&'static str],
    /// The command that prints the version.
    version: &'static str,
    /// What it does, in words.
    does: &'static str,
    script: &'static str,
    /// Whether it runs with all tests.
    quick: bool,
}

const REALS: &[Real] = &[
    Real {
        name: "sqlite3",
        needs: &["sqlite3"],
        version: "echo sqlite3 $(sqlite3 --version | cut -d' ' -f1)",
        does: "create, insert 1,000 rows, select",
        script: "exec sqlite3 db 'create table t(n integer primary key, s text);
            with recursive c(n) as (select 1 union all select n + 1 from c where n < 1000)
            insert into t select n, hex(randomblob(500)) from c; select count(*), length(group_concat(s)) from t;'",
        quick: true,
    },
    Real {
        name: "sqlite3, by row",
        needs: &["sqlite3"],
        version: "echo sqlite3 $(sqlite3 --version | cut -d' ' -f1)",
        does: "insert 1,000 rows, a transaction each",
        script: "{ echo 'create table t(n);'; for n in $(seq 1000); do echo \"insert into t values($n);\"; done; } | sqlite3 db",
        quick: false,
    },
    Real {
        name: "git",
        needs: &["git"],
        version: "git --version",
        does: "init, add, commit, clone locally",
        script: "export HOME=$PWD GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a
            git init -q repo && cp -r tree repo && cd repo && git add . && git commit -q -m all && git clone -q . ../clone",
        quick: true,
    },
    Real {
        name: "tar and gzip",
        needs: &["tar", "gzip"],
        version: "tar --version",
        does: "pack a tree, unpack it elsewhere",
        script: "tar czf tree.tar.gz tree && mkdir to && tar xzf tree.tar.gz -C to && diff -r tree to/tree",
        quick: true,
    },
    Real {
        name: "find",
        needs: &["find"],
        version: "find --version",
        does: "all of /etc and the tree",
        script: "find tree /etc -type f -size +1k > found",
        quick: true,
    },
    Real {
        name: "a pipeline",
        needs: &["sh"],
        version: "sort --version",
        does: "six programs of a shell, side by side",
        script: "find tree -type f | sort | xargs cat | tr 0-9 a-j | sort -u | wc -l > counted",
        quick: true,
    },
    Real {
        name: "sort --parallel",
        needs: &["sort"],
        version: "sort --version",
        does: "300,000 lines in threads",
        script: "exec sort --parallel=4 -S 64M -o sorted lines",
        quick: true,
    },
    Real {
        name: "xz -T2",
        needs: &["xz"],
        version: "xz --version",
        does: "a text in blocks by two threads, and back",
        script: "xz -k -1 -T2 --block-size=256KiB lines && xz -dc -T2 lines.xz | cmp - lines",
        quick: false,
    },
    Real {
        name: "python3",
        needs: &["/usr/bin/python3"],
        version: "/usr/bin/python3 --version",
        does: "import modules of its standard library",
        script: "exec /usr/bin/python3 -c 'import asyncio, ctypes, decimal, email, http.client, json, multiprocessing, \
                 sqlite3, ssl, subprocess, unittest, xml.dom.minidom, zipfile'",
        quick: false,
    },
    Real {
        name: "perl",
        needs: &["perl"],
        version: "perl -e 'print \"perl $^V\"'",
        does: "walk and read the tree",
        script: "exec perl -MFile::Find -e 'find(sub { open(F, $_) and -f $_ and $n += () = <F> }, \"tree\"); print \"$n\\n\"' > read",
        quick: false,
    },
    Real {
        name: "rsync",
        needs: &["rsync"],
        version: "rsync --version",
        does: "copy a tree, change a file, copy again",
        script: "rsync -a tree/ copy && echo more >> tree/1/8 && rsync -a --checksum tree/ copy && diff -r tree copy",
        quick: false,
    },
    Real {
        name: "fio",
        needs: &["fio"],
        version: "fio --version",
        does: "randrw with verify=crc32, 1 MiB in blocks of 4 KiB",
        script: "exec fio --name=x --rw=randrw --verify=crc32 --size=1M --bs=4k --ioengine=psync --randseed=1 \
                 --filename=\"$PWD/data\" --output-format=json --output=fio.json",
        quick: false,
    },
];

/// What the folder has before each program.
const TREE: &str = "for f in $(seq 40); do mkdir -p tree/$((f % 5)); seq $f 2000 > tree/$((f % 5))/$f; done
    ln -s ../1/1 tree/2/link; seq 300000 | tac > lines";

/// A row of docs/real-programs.md.
struct Row {
    at: usize,
    line: String,
}

static ROWS: Mutex<Vec<Row>> = Mutex::new(Vec::new());

pub fn main() -> ExitCode {
    let all = std::env::var("REAL").is_ok_and(|which| which == "all");
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    let privilege = ior_it::support::watch::tracer::check_machine().err().map(|error| error.to_string());
    let chosen = REALS.iter().enumerate().filter(|(_, real)| all || real.quick);
    let trial = |(at, real): (usize, &'static Real)| {
        let privilege = privilege.clone();
        Trial::ignorable_test(real.name.replace(' ', "_"), move || match privilege.or_else(|| missing(real)) {
            None => runs_alike(at, real).map(|()| Completion::Completed),
            Some(reason) if all || std::env::var_os("CI").is_some() => Err(reason.into()),
            Some(reason) => Ok(Completion::ignored_with(reason)),
        })
    };
    let code = support::run("real", &arguments, chosen.map(trial));
    let rows = std::mem::take(&mut *ROWS.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    if rows.len() == REALS.len()
        && let Err(error) = write(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/real-programs.md"), page(rows))
    {
        eprintln!("error: docs/real-programs.md: {error}");
        return ExitCode::FAILURE;
    }
    code
}

/// Why it cannot run here.
fn missing(real: &Real) -> Option<String> {
    let there = |name: &str| shell(&format!("command -v {name}")).is_ok();
    let name = real.needs.iter().find(|name| !there(name))?;
    Some(format!("{name} is not installed: scripts/setup --programs installs what is missing"))
}

/// The first line of what a script prints.
fn shell(script: &str) -> Result<String, Failed> {
    let output = Command::new("sh").args(["-c", script]).output()?;
    require!(output.status.success(), "{script}: {}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned())
}

fn runs_alike(at: usize, real: &Real) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().canonicalize()?;
    let made = Command::new("sh").args(["-ec", TREE]).current_dir(&path).status()?;
    require!(made.success(), "the tree could not be made: {made}");
    let trace = path.join("trace");
    let mut command = Command::new(env!("CARGO_BIN_EXE_ior-it"));
    command.args(["--witness", "-q", "--ring-size", "64MiB", "--output"]).arg(&trace);
    let output = command.args(["--", "sh", "-c", real.script]).current_dir(&path).output()?;
    let trace = read_to_string(trace)?;
    let end: String = trace.lines().filter(|line| !line.starts_with("[pid ")).map(|line| format!("{line}\n")).collect();
    let stderr = String::from_utf8_lossy(&output.stderr);
    require!(output.status.success(), "{}:\n{stderr}{end}", output.status);
    let lost = trace.lines().find_map(|line| line.strip_prefix("lost: nothing; "));
    let processes = lost.and_then(|line| line.split(" of ").nth(1)).ok_or_else(|| format!("lost:\n{end}"))?;
    let compared =
        trace.lines().find_map(|line| line.strip_prefix("witness: ")?.strip_suffix(" calls compared, no difference"));
    let compared = compared.ok_or_else(|| format!("not alike:\n{end}"))?;
    if real.name == "fio" {
        counts_as_fio(&trace, &path)?;
    }
    let version = shell(real.version)?;
    let line = format!("| {} | {version} | {} | {processes} | {compared} | 0 | 0 |", real.name, real.does);
    ROWS.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(Row { at, line });
    Ok(())
}

/// fio's own count of the I/Os that it has issued is that of the calls on its data file.
fn counts_as_fio(trace: &str, folder: &Path) -> Result<(), Failed> {
    let said = read_to_string(folder.join("fio.json"))?;
    let file = format!("<{}>", folder.join("data").display());
    for (key, name) in [("read", "pread64"), ("write", "pwrite64")] {
        let part = said.split_once(&format!("\"{key}\" : {{")).ok_or("no such part in fio's output")?.1;
        let issued = part.split_once("\"total_ios\" : ").and_then(|(_, rest)| rest.split(',').next());
        let issued: usize = issued.ok_or("no total_ios in fio's output")?.trim().parse()?;
        let of_file = |line: &&str| line.contains(&format!("] {name}(")) && line.contains(&file);
        let counted = trace.lines().filter(of_file).count();
        require!(issued > 0 && counted == issued, "fio has issued {issued} of {key}, counted are {counted} {name}");
    }
    Ok(())
}

fn page(mut rows: Vec<Row>) -> String {
    rows.sort_by_key(|row| row.at);
    let kernel = shell("uname -r | cut -d- -f1").unwrap_or_default();
    let mut page = format!(
        "# Programs that we did not write\n\n\
         Each program ran as `ior-it --witness -- sh -c …` on Linux {kernel}. Each call was compared with what ptrace saw at the same\n\
         time ([witness.md](witness.md)). `make real` writes this page, and `tests/machine/real.rs` has the commands.\n\n\
         | program | version | what it did | watched | calls compared | differences | lost |\n|---|---|---|---|---|---|---|\n"
    );
    rows.iter().for_each(|row| page.extend([&row.line, "\n"]));
    page + "\nfio counts the reads and writes that it issues, including those that verify. Its count equals the calls on its data\n\
            file.\n"
}
