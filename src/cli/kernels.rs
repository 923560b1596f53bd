//! `--kernel`: the same command line on other kernels, each in a virtual machine.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::ends;
use super::flags::Cli;
use super::plan;
use crate::archive;
use crate::base::error::{Error, Exit};
use crate::base::escape;
use crate::base::place::Folder;
use crate::base::tell::{self, StandardStream};
use crate::child::lookup;
use crate::child::scenario::Scenario;
use crate::kernels::compared::{self, KernelColumn};
use crate::kernels::debian::DebianKernels;
use crate::kernels::emulator::{Acceleration, Emulator};
use crate::kernels::image::{self, Architecture};
use crate::kernels::machine::{BrokenKernel, MachineEnd, RunningMachines, VirtualMachine};
use crate::kernels::order::{self, GuestOrder};
use crate::kernels::pack::{PackedInitramfs, Packing};
use crate::kernels::release::DebianKernel;
use crate::runs::{RecordedVerdict, RunRecord};

mod arguments; // the command line of the guest
mod program; // the ior-it that runs there
mod heard; // what a guest says
mod comparison; // what differs between the kernels

use comparison::{KernelTable, is_compared};
use heard::{HeardGuest, below};
use program::{GuestProgram, head_of};

/// A file that a guest has sent back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentFile {
    name: PathBuf,
    bytes: Vec<u8>,
}

/// How long nothing may come from a kernel.
const SILENCE: Duration = Duration::from_secs(120);
/// How long a scenario may take in the guest, in seconds.
const LIMIT_OF_GUEST: &str = "60";
/// How many CPUs a machine has.
const CPUS_OF_MACHINE: usize = 2;
/// Where the guest keeps its record and its archives, below the folder that is sent back.
const STATE: &str = "state";
const ARCHIVES: &str = "archive";

/// A kernel that is to be booted.
#[derive(Clone, Debug)]
struct AskedKernel {
    /// As the command line has it.
    shown: String,
    file: PathBuf,
}

/// What a kernel has shown.
#[derive(Debug)]
struct KernelRun {
    kernel: AskedKernel,
    release: Option<String>,
    end: MachineEnd,
    acceleration: Acceleration,
    took: Duration,
    record: Option<RunRecord>,
    traces: BTreeMap<String, Vec<String>>,
}

/// What the runs on all kernels share.
struct Kernels<'k> {
    cli: &'k Cli,
    emulator: Emulator,
    initramfs: PackedInitramfs,
    archives: Option<Folder>,
    running: RunningMachines,
    are_many: bool,
}

/// Runs the command line on each kernel. Returns the exit code.
pub fn run(cli: &Cli, args: &[OsString], scenarios: &[Scenario]) -> Result<u8, Error> {
    let program = GuestProgram::of(cli)?;
    let architecture = program.architecture;
    check(cli, scenarios)?;
    let emulator = Emulator::find(architecture)?;
    let running = RunningMachines::default();
    let cache = DebianKernels::of_user(architecture);
    let interrupted = end_on_signals(&running, cache.clone().ok())?;
    let cache = || cache.clone();
    let kernels: Vec<AskedKernel> =
        cli.kernels.kernels.iter().map(|kernel| asked(kernel, architecture, &cache)).collect::<Result<_, _>>()?;
    let table = KernelTable::of(cli)?;
    let archives = cli.archive.as_deref().map(crate::archive::prepare).transpose()?;
    let initramfs = packed(cli, args, &program)?;
    let are_many = kernels.len() > 1;
    let shared = Kernels { cli, emulator, initramfs, archives, running, are_many };
    let runs = shared.run_all(kernels);
    ends::unless_interrupted(&interrupted, ());
    let runs = runs?;
    for run in &runs {
        StandardStream::Error.line(&run.summary());
    }
    let exit = worst(runs.iter().map(KernelRun::exit));
    if is_compared(cli) {
        let columns: Vec<KernelColumn> = runs.into_iter().filter_map(KernelRun::column).collect();
        comparison::tell(&columns, table.as_ref())?;
    }
    Ok(exit)
}

/// What can be wrong with the command line is an error before anything is booted.
fn check(cli: &Cli, scenarios: &[Scenario]) -> Result<(), Error> {
    if cli.command.is_empty() {
        plan::validated(cli, scenarios, None)?;
    }
    if cli.libtest.is_for_machines() && cli.kernels.kernels.len() > 1 {
        let hint = "without --format, each line names its kernel; or one --kernel at a time";
        return Err(Error::usage("several kernels do not share one document", hint));
    }
    Ok(())
}

/// On a signal all machines are ended, and then this process.
fn end_on_signals(running: &RunningMachines, cache: Option<DebianKernels>) -> Result<Arc<AtomicBool>, Error> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let running = running.clone();
    ends::on_signals(&interrupted, move || {
        let _none_starts = running.end_all();
        if let Some(cache) = cache {
            cache.remove_begun();
        }
        tell::last_words("\ninterrupted: the virtual machines are ended");
        std::process::exit(Exit::Interrupted as i32);
    })?;
    Ok(interrupted)
}

/// The kernel that a word of the command line means.
fn asked(
    word: &str,
    architecture: Architecture,
    cache: &dyn Fn() -> Result<DebianKernels, Error>,
) -> Result<AskedKernel, Error> {
    let tell = |line: &str| StandardStream::Error.line(line);
    let file = match word.strip_prefix("debian:") {
        None => PathBuf::from(word),
        Some(name) => {
            let asked = DebianKernel::parse(name).ok_or_else(|| {
                let hint = "debian: takes a version or a suite, such as debian:6.1, debian:6.12 or debian:sid";
                Error::usage(format!("--kernel {word} names no kernel of Debian"), hint)
            })?;
            cache()?.kernel(&asked, &tell)?
        }
    };
    check_image(&file, architecture)?;
    Ok(AskedKernel { shown: escape::line(word).into_owned(), file })
}

fn check_image(file: &Path, architecture: Architecture) -> Result<(), Error> {
    let shown = escape::path(file);
    let hint = "a kernel's file is such as /boot/vmlinuz-VERSION; or debian:6.1, debian:6.12 or debian:sid";
    let head =
        head_of(file).map_err(|error| Error::usage(format!("--kernel {shown}: {error}"), hint).because(error))?;
    match image::architecture(&head) {
        Ok(of) if of == architecture => Ok(()),
        Ok(of) => Err(Error::usage(
            format!("--kernel {shown} is for {of}, and the ior-it that is to run there is for {architecture}"),
            format!("--kernel-program FILE takes one for {of}"),
        )),
        Err(why) => Err(Error::usage(format!("--kernel {shown} is no kernel: {why}"), hint)),
    }
}

/// The initramfs: the same for all kernels.
fn packed(cli: &Cli, args: &[OsString], program: &GuestProgram) -> Result<PackedInitramfs, Error> {
    let here = std::env::current_dir().map_err(|error| {
        Error::usage(format!("the working directory is gone: {error}"), "`cd` into one that is there").because(error)
    })?;
    let sent_back = Path::new(order::SENT_BACK);
    let path = std::env::var_os("PATH").unwrap_or_else(|| lookup::DEFAULT_PATH.into());
    let (mut arguments, mut programs) = (arguments::for_guest(args), Vec::new());
    let command = arguments.iter().position(|arg| arg == "--").unwrap_or(arguments.len());
    if let Some(program) = cli.command.first() {
        programs.push(here.join(program_of(program, &path)?));
    } else {
        arguments.splice(command..command, of_scenarios(cli));
    }
    if cli.archive.is_some() || is_compared(cli) {
        arguments.splice(command..command, ["--archive".into(), sent_back.join(ARCHIVES).into()]);
    }
    if cli.libtest.color.is_none() && StandardStream::Out.has_colours() && !cli.libtest.is_for_machines() {
        arguments.splice(command..command, ["--color".into(), "always".into()]);
    }
    let files = cli.tests.iter().chain(&cli.bpf).map(|file| here.join(file)).collect();
    let order = GuestOrder {
        arguments,
        environment: vec![
            ("PATH".into(), path),
            ("HOME".into(), order::TEMPORARY.into()),
            ("TMPDIR".into(), order::TEMPORARY.into()),
            ("XDG_STATE_HOME".into(), sent_back.join(STATE).into()),
        ],
        directory: here.into_os_string(),
        port: Emulator::port(program.architecture).to_owned(),
    };
    Packing { order: &order, program: &program.file, has_shell: program.is_of_this_machine, programs, files }.pack()
}

/// What the guest is told for scenarios. An emulated processor is slow, and with a witness a scenario takes seconds there.
fn of_scenarios(cli: &Cli) -> Vec<OsString> {
    let mut told = vec!["--record".into()];
    if cli.timeout.is_none() {
        told.extend(["--timeout".into(), LIMIT_OF_GUEST.into()]);
    }
    told
}

fn program_of(program: &OsString, path: &OsString) -> Result<PathBuf, Error> {
    if program.as_encoded_bytes().contains(&b'/') {
        return Ok(PathBuf::from(program));
    }
    lookup::in_path(program, path).map_err(|errno| {
        let shown = escape::path(Path::new(program));
        Error::new(format!("{shown}: {errno}"), "`command -v` says where a program is".to_owned(), Exit::NotFound)
            .because(errno)
    })
}

impl Kernels<'_> {
    /// Runs on all kernels, some at a time, and returns what they have shown in their order.
    fn run_all(&self, kernels: Vec<AskedKernel>) -> Result<Vec<KernelRun>, Error> {
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        let machines = self.cli.kernels.machines.map_or(cpus / CPUS_OF_MACHINE, |machines| machines as usize).max(1);
        let threads = machines.min(kernels.len());
        let queue: Mutex<VecDeque<(usize, AskedKernel)>> = Mutex::new(kernels.into_iter().enumerate().collect());
        let done = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    loop {
                        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                        let Some((at, kernel)) = next else { return };
                        let run = self.run_one(kernel);
                        done.lock().unwrap_or_else(PoisonError::into_inner).push((at, run));
                    }
                });
            }
        });
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_by_key(|(at, _)| *at);
        done.into_iter().map(|(_, run)| run).collect()
    }

    fn run_one(&self, kernel: AskedKernel) -> Result<KernelRun, Error> {
        let silence = self.cli.kernels.silence.unwrap_or(SILENCE);
        let machine =
            VirtualMachine { emulator: &self.emulator, kernel: &kernel.file, initramfs: &self.initramfs, silence };
        let mut heard = HeardGuest::new(self.are_many);
        let began = Instant::now();
        let tell = |line: &str| StandardStream::Error.line(line);
        let (end, acceleration) = machine.run(&self.running, &mut |frame| heard.hear(frame), &tell)?;
        let took = began.elapsed();
        let HeardGuest { release, files, .. } = heard;
        let record = below(&files, STATE).find_map(|(_, bytes)| RunRecord::decode(bytes).ok());
        if let (Some(archives), Some(release), MachineEnd::Ended(_)) = (&self.archives, &release, &end) {
            keep(archives, release, &files)?;
        }
        let traces = below(&files, ARCHIVES).filter_map(|(_, bytes)| archive::decode(bytes).ok());
        let traces = traces.map(|read| (read.origin.scenario, compared::lines(&read.observed.trace))).collect();
        let run = KernelRun { kernel, release, end, acceleration, took, record, traces };
        if let Some(error) = run.error() {
            StandardStream::Error.line(&error.to_string());
        }
        Ok(run)
    }
}

/// Keeps the archives of a kernel in a folder with the name of its release.
fn keep(archives: &Folder, release: &str, files: &[SentFile]) -> Result<(), Error> {
    let path = archives.path().join(release.replace('/', "_"));
    let cannot = |error: std::io::Error| {
        let hint = "let --archive name a folder that can be written to, with room in it";
        Error::scenario(format!("no archive could be written in {}: {error}", escape::path(&path)), hint).because(error)
    };
    let folder = Folder::make(&path).map_err(cannot)?;
    for (name, bytes) in below(files, ARCHIVES) {
        folder.replace(name.as_os_str(), bytes).map_err(cannot)?;
    }
    Ok(())
}

impl KernelRun {
    fn name(&self) -> &str {
        self.release.as_deref().unwrap_or(&self.kernel.shown)
    }

    /// What is compared with the other kernels; `None` if it has left no record.
    fn column(self) -> Option<KernelColumn> {
        let release = self.name().to_owned();
        Some(KernelColumn { release, record: self.record?, traces: self.traces })
    }

    fn exit(&self) -> u8 {
        match self.end {
            MachineEnd::Ended(code) => code,
            MachineEnd::Broken(..) => Exit::BrokenKernel as u8,
        }
    }

    /// What is wrong with the kernel, if anything is.
    fn error(&self) -> Option<Error> {
        let MachineEnd::Broken(broken, lines) = &self.end else { return None };
        let hint = match broken {
            BrokenKernel::Hung(_) => "--silence SECONDS gives it more time; `quiet` is on its command line",
            BrokenKernel::NotBooted => "it needs a serial console (8250 or PL011), an initramfs and devtmpfs built in",
            BrokenKernel::Panic(_) | BrokenKernel::Oops(_) => "--filter and --test-threads 1 find the scenario",
            BrokenKernel::Left | BrokenKernel::Garbled => "-v shows what was run before",
        };
        let said = if lines.is_empty() { "its console is empty".to_owned() } else { lines.join("\n") };
        let error = Error::new(format!("{}: {broken}", self.name()), hint.to_owned(), Exit::BrokenKernel);
        Some(error.with_details(said))
    }

    /// One line about it.
    fn summary(&self) -> String {
        let what = match (&self.end, &self.record) {
            (MachineEnd::Broken(broken, _), _) => broken.to_string(),
            (MachineEnd::Ended(_), Some(record)) => counted(record),
            (MachineEnd::Ended(code), None) => format!("exit code {code}"),
        };
        let how = match self.acceleration {
            Acceleration::Kvm => "with KVM",
            Acceleration::Emulated => "emulated",
        };
        format!("{}: {what} ({:.1} s, {how})", self.name(), self.took.as_secs_f64())
    }
}

/// The sums of the verdicts.
fn counted(record: &RunRecord) -> String {
    use RecordedVerdict::{Fail, Inconclusive, NotRun, Pass, Skip};
    let words =
        [(Pass, "passed"), (Fail, "failed"), (Skip, "skipped"), (Inconclusive, "inconclusive"), (NotRun, "not run")];
    let sums = words.map(|(verdict, word)| (record.count(verdict), word));
    let said = sums.iter().filter(|(count, word)| *count > 0 || matches!(*word, "passed" | "failed"));
    said.map(|(count, word)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
}

/// The exit code of all, of the codes of each: the worst by what it says.
fn worst(codes: impl Iterator<Item = u8>) -> u8 {
    let order = [Exit::BrokenKernel, Exit::Failed, Exit::CannotTrace, Exit::Usage, Exit::Inconclusive];
    let order = order.map(|exit| exit as u8);
    // A command's own code is as bad as a failure; that nothing ran is better than anything but success.
    let badness = |code: &u8| match order.iter().position(|known| known == code) {
        Some(at) => 10 - at,
        None if *code == Exit::Success as u8 => 0,
        None if *code == Exit::NothingRan as u8 => 1,
        None => 9,
    };
    codes.max_by_key(badness).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_kernel_decides_the_exit_code() {
        let rows: [(&[u8], u8); 6] =
            [(&[0, 0], 0), (&[0, 4], 4), (&[101, 6, 0], 6), (&[5, 3], 3), (&[0, 101, 5], 101), (&[0, 7], 7)];
        for (codes, expected) in rows {
            assert_eq!(worst(codes.iter().copied()), expected, "{codes:?}");
        }
    }
}
