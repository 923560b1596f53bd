//! Breaks each thing that the tracer must get right, one at a time. The suite must not pass with the broken tracer.
//!
//! The tracer's source is changed as text (mutations.toml), compiled with clang, and given to the suite by `--bpf`.

use std::env::consts::ARCH;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;

use crate::support::{self, says};
use ior_it::support::watch::tracer::{self, Tracer};
use libtest_mimic::{Completion, Failed, Trial};

/// The text of the tracer to replace, its replacement, and what that breaks.
#[derive(serde::Deserialize)]
struct Mutation {
    name: String,
    from: String,
    to: String,
}

/// The file beside this one.
#[derive(serde::Deserialize)]
struct Rows {
    mutations: Vec<Mutation>,
}

/// A tracer of which the kernel skips a program. Its program at the enter of close reads an address that no process has, which
/// causes a page fault in the kernel. A program at page faults does the same, and the kernel skips it then, because it is
/// already running.
const SKIPPED: [(&str, &str); 2] = [
    (
        "	record->nr = nr;",
        "	record->nr = nr;\n	__u64 word;\n	if (nr == 3)\n		bpf_probe_read_user(&word, sizeof(word), (void *)8);",
    ),
    (
        "SEC(\"tp_btf/sched_process_fork\")\n",
        "SEC(\"tp_btf/page_fault_kernel\")\nint BPF_PROG(ior_fork, unsigned long address)\n{\n	__u64 word;\n\n	if (address == 8)\n		bpf_probe_read_user(&word, sizeof(word), (void *)8);\n	return 0;\n}\n\nSEC(\"?tp_btf/sched_process_fork\")\n",
    ),
];

pub fn main() -> ExitCode {
    support::run_live("mutations", || match prepared() {
        Ok((bench, mutations)) => trials(&Arc::new(bench), mutations),
        Err(error) => vec![Trial::test("mutations", move || Err(error.into()))],
    })
}

fn prepared() -> Result<(Bench, Vec<Mutation>), String> {
    let rows: Rows = toml::from_str(include_str!("mutations.toml")).map_err(|error| error.to_string())?;
    Ok((Bench::new()?, rows.mutations))
}

fn trials(bench: &Arc<Bench>, mutations: Vec<Mutation>) -> Vec<Trial> {
    let unchanged = Arc::clone(bench);
    let control = Trial::test("the_tracer_as_it_is_passes", move || unchanged.control());
    let mutation = |mutation: Mutation| {
        let bench = Arc::clone(bench);
        Trial::test(mutation.name.clone(), move || bench.mutation(&mutation))
    };
    let skipping = Arc::clone(bench);
    let skipped = Trial::ignorable_test("a_program_that_the_kernel_skips_is_a_loss", move || match ARCH {
        "x86_64" => skipping.skipped().map(|()| Completion::Completed),
        other => Ok(Completion::ignored_with(format!("page faults have no tracepoint on {other}"))),
    });
    let stale = Arc::clone(bench);
    let stale = Trial::test("a_thread_that_remembers_a_watch_is_not_of_the_next_one", move || stale.stale());
    [control, skipped, stale].into_iter().chain(mutations.into_iter().map(mutation)).collect()
}

struct Bench {
    source: String,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Result<Self, String> {
        let source = support::source().map_err(|error| error.to_string())?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        Ok(Self { source, folder })
    }

    fn control(&self) -> Result<(), Failed> {
        let object = support::compile(self.folder.path(), "control", &self.source)?;
        let (code, text) = suite(&object)?;
        require!(code == Some(0), "exit {code:?}:\n{text}");
        Ok(())
    }

    /// No scenario makes calls after its watch has ended. A process that goes on after its watch does.
    fn stale(&self) -> Result<(), Failed> {
        let [from, to] = ["return watch && watch->id == call->record.watch ? watch : NULL;", "return watch;"];
        require!(self.source.contains(from), "bring this text up to date: {from}");
        let broken = support::compile(self.folder.path(), "stale", &self.source.replace(from, to))?;
        let whole = support::compile(self.folder.path(), "not_stale", &self.source)?;
        let [whole, broken] = [calls_of_an_earlier_watch(whole)?, calls_of_an_earlier_watch(broken)?];
        require!(whole == 0, "{whole} calls of a process were counted after its watch, to another one");
        require!(broken > 0, "a tracer that does not ask whether a watch still is was not noticed");
        Ok(())
    }

    /// Its traces lack nothing, and still prove nothing: a call that was not counted cannot be missed.
    fn skipped(&self) -> Result<(), Failed> {
        let mut source = self.source.clone();
        for (from, to) in SKIPPED {
            require!(source.matches(from).count() == 1, "bring this up to date: {from}");
            source = source.replacen(from, to, 1);
        }
        let source = source.replace("BPF_PROG(ior_fork, struct", "BPF_PROG(unused, struct");
        let object = support::compile(self.folder.path(), "skipped", &source)?;
        let args = ["--all-reports", "--exact", "--filter", "dup-basic", "--filter", "close-basic"];
        let output = Command::new(env!("CARGO_BIN_EXE_ior-it")).arg("--bpf").arg(object).args(args).output()?;
        let text = says(&output);
        require!(output.status.code() == Some(5), "exit {:?}:\n{text}", output.status);
        // Each of the two closes at least one descriptor of its own. All other counts are unchanged.
        let sentence = "\n  lost         the kernel skipped a program of the tracer";
        require!(text.matches(sentence).count() == 2, "{text}");
        require!(text.matches("\n  lost ").count() == 2, "{text}");
        Ok(())
    }

    fn mutation(&self, Mutation { name, from, to }: &Mutation) -> Result<(), Failed> {
        let places = self.source.matches(from).count();
        require!(places == 1, "the text to replace stands in {places} places of the tracer: bring this row up to date");
        let object = support::compile(self.folder.path(), name, &self.source.replacen(from, to, 1))?;
        let (code, text) = suite(&object)?;
        // 101 is a failure, 5 inconclusive, 3 a canary that was not seen. A tracer that the verifier refuses would prove
        // nothing.
        require!(!text.contains("verifier"), "the mutant was not loaded:\n{text}");
        let noticed = matches!(code, Some(101 | 5 | 3));
        require!(noticed, "exit {code:?}: the suite did not notice");
        Ok(())
    }
}

/// The slot in which a tracer watches its own process when it is loaded: the last but one of `IOR_WATCHES`.
const SLOT: usize = 1022;

/// How many calls of this process, whose watch has ended, are counted for the new process in its slot, which makes none.
fn calls_of_an_earlier_watch(object: PathBuf) -> Result<u64, Failed> {
    let tracer = Tracer::load(&tracer::TracerOptions { bpf: Some(object), ..tracer::TracerOptions::default() })?;
    drop(tracer.watch(SLOT, std::process::id(), false)?);
    let mut blocked = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    let input = blocked.stdin.take();
    let mut byte = [0; 1];
    // Its first call after its start. From then on it waits for input.
    let reads = format!("{} 0x0 ", libc::SYS_read);
    while !std::fs::read_to_string(format!("/proc/{}/syscall", blocked.id()))?.starts_with(&reads) {
        std::thread::yield_now();
    }
    let watching = tracer.watch(SLOT, blocked.id(), false)?;
    // Watched again in another slot: calls of an unwatched process are ignored.
    let own = tracer.watch(1, std::process::id(), false)?;
    std::fs::File::open("/dev/null")?.read_exact(&mut byte).ok();
    let seen = watching.counts().seen;
    drop((own, watching, input));
    blocked.wait()?;
    Ok(seen)
}

/// The exit code and the output of the whole suite with this tracer. The timeout is a second, because a broken tracer must not
/// hang it.
fn suite(object: &Path) -> Result<(Option<i32>, String), Failed> {
    let output = Command::new(env!("CARGO_BIN_EXE_ior-it")).arg("--bpf").arg(object).arg("-q").output()?;
    Ok((output.status.code(), says(&output)))
}
