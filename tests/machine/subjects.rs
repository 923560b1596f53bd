//! Subjects while they run: real tracers on a process of ours, by fences and without a sleep; and those that misbehave.
#![allow(unsafe_code)]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use ior_it::subject::Waited;
use ior_it::subject::claims::takes_part;
use ior_it::subject::compare::{Compared, Finding, compare};
use ior_it::subject::process::Running;
use ior_it::subject::toml::{Definition, FILES, Run, built_in};
use ior_it::subject::window::{Fences, Kind, Window};
use ior_it::subject::{Line, Said};
use ior_it::trace::call::Call;
use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::support::{self, Named, Tested};

/// Tells this very program to be the process that is traced.
pub const WORK: &str = "IOR_IT_TEST_SUBJECT";

pub fn main() -> ExitCode {
    let odd: [Named; 7] = [
        ("a_command_that_is_not_there_is_an_error", not_there),
        ("one_that_ends_early_is_told_with_its_last_words", ends_early),
        ("one_that_shows_nothing_is_waited_for_no_longer_than_its_limit", shows_nothing),
        ("gigabytes_without_an_end_of_a_line_take_little_memory", endless_line),
        ("a_flood_on_the_other_stream_is_kept_to_its_end", flood),
        ("one_that_ignores_its_signal_and_leaves_children_is_gone", ignores),
        ("an_adapter_may_be_a_command", own_adapter),
    ];
    let tracers = ["strace", "perf", "lurk", "bpftrace", "opensnoop", "opensnoop.bt", "ftrace"];
    let odd = odd.into_iter().map(|(name, test)| Trial::test(name, test));
    let tracers = tracers
        .map(|name| Trial::ignorable_test(format!("{name}_shows_what_stands_between_the_fences"), move || live(name)));
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    support::run("subjects", &arguments, odd.chain(tracers))
}

/// The process that is traced: it makes fences when it is told to, and between the last ones what is judged.
pub fn works() -> ExitCode {
    let out = ior_it::base::tell::Stream::Out;
    out.raw(&format!("{}\n", std::process::id()));
    for order in BufReader::new(std::io::stdin()).lines() {
        let Ok(order) = order else { return ExitCode::FAILURE };
        let mut words = order.split(' ');
        let Some(((what, kind), nonce)) = words.next().zip(words.next()).zip(words.next()) else {
            return ExitCode::FAILURE;
        };
        let kind = if kind == "Open" { Kind::Open } else { Kind::Close };
        let fences = Fences { kind, nonce: nonce.parse().unwrap_or_default() };
        let numbers: Vec<u64> = words.filter_map(|word| word.parse().ok()).collect();
        match (what, numbers.as_slice()) {
            ("fence", [number]) => fence(&fences, *number),
            ("act", [open, closing @ ..]) => {
                fence(&fences, *open);
                act();
                closing.iter().zip(0..).for_each(|(&number, cpu)| on_cpu(cpu, &fences, number));
            }
            _ => return ExitCode::FAILURE,
        }
        out.raw(".\n");
    }
    ExitCode::SUCCESS
}

/// One fence.
fn fence(fences: &Fences, number: u64) {
    let path = format!("{}\0", fences.path(number));
    // SAFETY: the path ends in a NUL; neither call succeeds.
    unsafe {
        match fences.kind {
            Kind::Close => libc::syscall(libc::SYS_close, Fences::fd(number) as i32),
            _ => libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), libc::O_RDONLY),
        };
    }
}

/// A closing fence, on a CPU of its own.
fn on_cpu(cpu: usize, fences: &Fences, number: u64) {
    let mut set = nix::sched::CpuSet::new();
    let moved = set.set(cpu).and_then(|()| nix::sched::sched_setaffinity(nix::unistd::Pid::from_raw(0), &set));
    // Where it may not go, it has not been before.
    let _ = moved;
    fence(fences, number);
}

fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, Into::into)
}

/// File calls of many kinds, right ones and wrong ones, with odd paths.
fn act() {
    let call = |number: libc::c_long, args: [usize; 4]| {
        // SAFETY: paths end in a NUL, buffers are as large as is said, and no descriptor but those made here is closed.
        unsafe { libc::syscall(number, args[0], args[1], args[2], args[3], 0_usize, 0_usize) as usize }
    };
    let at = |path: &[u8]| path.as_ptr() as usize;
    let (cwd, mut room) = (libc::AT_FDCWD as usize, [0_u8; 256]);
    let buffer = room.as_mut_ptr() as usize;
    let created = (libc::O_RDWR | libc::O_CREAT) as usize;
    let file = call(libc::SYS_openat, [cwd, at(b"act.txt\0"), created, 0o600]);
    let copy = call(libc::SYS_dup, [file, 0, 0, 0]);
    call(libc::SYS_write, [copy, at(b"hello"), 5, 0]);
    call(libc::SYS_lseek, [file, 0, libc::SEEK_SET as usize, 0]);
    call(libc::SYS_pread64, [file, buffer, 3, 2]);
    call(libc::SYS_fcntl, [file, libc::F_GETFL as usize, 0, 0]);
    call(libc::SYS_fcntl, [file, libc::F_DUPFD_CLOEXEC as usize, 100, 0]);
    call(libc::SYS_close, [100, 0, 0, 0]);
    call(libc::SYS_fstat, [file, buffer, 0, 0]);
    call(libc::SYS_ftruncate, [file, 3, 0, 0]);
    call(libc::SYS_renameat2, [cwd, at(b"act.txt\0"), cwd, at(b"b.txt\0")]);
    call(libc::SYS_linkat, [cwd, at(b"b.txt\0"), cwd, at(b"c.txt\0")]);
    call(libc::SYS_newfstatat, [cwd, at(b"c.txt\0"), buffer, libc::AT_SYMLINK_NOFOLLOW as usize]);
    call(libc::SYS_unlinkat, [cwd, at(b"c.txt\0"), 0, 0]);
    call(libc::SYS_unlinkat, [cwd, at(b"b.txt\0"), 0, 0]);
    call(libc::SYS_mkdirat, [cwd, at(b"d\0"), 0o700, 0]);
    call(libc::SYS_unlinkat, [cwd, at(b"d\0"), libc::AT_REMOVEDIR as usize, 0]);
    call(libc::SYS_symlinkat, [at(b"target\0"), cwd, at(b"link\0"), 0]);
    call(libc::SYS_readlinkat, [cwd, at(b"link\0"), buffer, 64]);
    call(libc::SYS_unlinkat, [cwd, at(b"link\0"), 0, 0]);
    call(libc::SYS_faccessat, [cwd, at(b"none\0"), (libc::R_OK | libc::W_OK) as usize, 0]);
    call(libc::SYS_close, [copy, 0, 0, 0]);
    call(libc::SYS_close, [file, 0, 0, 0]);
    call(libc::SYS_close, [777, 0, 0, 0]);
    call(libc::SYS_fsync, [777, 0, 0, 0]);
    call(libc::SYS_openat, [cwd, at(b"odd) = 5, \"x\"\n\xff\\.txt\0"), 0, 0]);
    call(libc::SYS_openat, [cwd, at(b"\0"), 0, 0]);
    call(libc::SYS_openat, [cwd, 0, 0, 0]);
    call(libc::SYS_openat, [cwd, 8, 0, 0]);
    call(libc::SYS_openat, [cwd, at(b"missing/act.txt\0"), libc::O_WRONLY as usize, 0]);
}

/// The process, under our own tracer, and what it is told by.
struct Traced {
    ior_it: Child,
    pid: u32,
    orders: Option<ChildStdin>,
    answers: BufReader<std::process::ChildStdout>,
    folder: tempfile::TempDir,
}

impl Traced {
    fn start() -> Result<Self, Failed> {
        let folder = tempfile::tempdir()?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_ior-it"));
        command.args(["-q", "--archive", "archive", "--output", "trace", "--"]).arg(std::env::current_exe()?);
        command.env(WORK, "1").current_dir(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut ior_it = command.spawn()?;
        let (orders, answers) = (ior_it.stdin.take(), ior_it.stdout.take().ok_or("no stdout")?);
        let (mut answers, mut pid) = (BufReader::new(answers), String::new());
        answers.read_line(&mut pid)?;
        Ok(Self { ior_it, pid: pid.trim().parse()?, orders, answers, folder })
    }

    /// What our own tracer has seen of it.
    fn reference(mut self) -> Result<Vec<Call>, Failed> {
        drop(self.orders.take());
        let status = self.ior_it.wait()?;
        require!(status.success(), "the reference: {status}");
        let mut archives = std::fs::read_dir(self.folder.path().join("archive"))?;
        let path = archives.next().ok_or("there is no archive")??.path();
        Ok(ior_it::archive::load(&path)?.observed.trace.calls)
    }

    fn order(&mut self, order: &str) -> Tested {
        writeln!(self.orders.as_mut().ok_or("it has ended")?, "{order}")?;
        self.answers.read_line(&mut String::new())?;
        Ok(())
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ = self.ior_it.wait();
    }
}

fn fences(kind: Kind) -> Fences {
    Fences { kind, nonce: u64::from(std::process::id()) }
}

/// Makes fences until one of them is shown: 1, 2, 4 … 16 ms apart, which the wait for what it shows is.
fn attach(
    running: &Running,
    traced: &mut Traced,
    fences: &Fences,
    limit: Duration,
) -> Result<Result<u64, String>, Failed> {
    let (end, mut pause) = (Instant::now() + limit, Duration::from_millis(1));
    for number in 0.. {
        traced.order(&format!("fence {:?} {} {number}", fences.kind, fences.nonce))?;
        let waited = wait_for(running, &[number], pause);
        if running.collector().wait_for(&|shown| !shown.is_empty(), Duration::ZERO) == Waited::Shown {
            return Ok(Ok(number + 1));
        }
        match waited {
            Waited::Ended => return Ok(Err(running.collector().take().last_words)),
            Waited::TooLong if Instant::now() > end => return Err("it runs, and has shown no fence".into()),
            Waited::Shown | Waited::TooLong => pause = (pause * 2).min(Duration::from_millis(16)),
        }
    }
    Ok(Err("numbers end".to_owned()))
}

fn live(name: &str) -> Result<Completion, Failed> {
    let definition = built_in(name)?;
    let Run::Command { command, .. } = &definition.run else { return Err("no command".into()) };
    if let Some(reason) = missing(&definition, command) {
        return Ok(Completion::ignored_with(reason));
    }
    let folder = tempfile::tempdir()?;
    for (file, text) in FILES {
        std::fs::write(folder.path().join(file), text)?;
    }
    let fences = fences(definition.fence);
    let mut traced = Traced::start()?;
    let running = Running::start(&definition, traced.pid, folder.path(), fences)?;
    let open = match attach(&running, &mut traced, &fences, definition.attach)? {
        Ok(open) => open,
        // Its own words say why it does not run here: no kprobes, no memory to lock, no BTF.
        Err(words) => return Ok(Completion::ignored_with(words.replace('\n', "; "))),
    };
    let closing: Vec<u64> = (open + 1..=open + cpus() as u64).collect();
    let numbers: Vec<String> = closing.iter().map(u64::to_string).collect();
    traced.order(&format!("act {:?} {} {open} {}", fences.kind, fences.nonce, numbers.join(" ")))?;
    let mut waited = wait_for(&running, &closing, Duration::from_millis(200));
    let end = Instant::now() + definition.close;
    // Later ones push out what is held back, and are none of the numbers that are waited for.
    let mut more = closing[closing.len() - 1] + 1;
    while waited == Waited::TooLong && Instant::now() < end {
        traced.order(&format!("fence {:?} {} {more}", fences.kind, fences.nonce))?;
        more += 1;
        waited = wait_for(&running, &closing, Duration::from_millis(20));
    }
    let shown = running.stop(definition.close);
    require!(waited == Waited::Shown, "{waited:?}: {}", shown.last_words);
    let window = Window::of(shown.lines, &fences, open, closing[0]..=closing[closing.len() - 1]);
    is_what_was_made(&definition, &window, &traced.reference()?, &fences, open).map(|()| Completion::Completed)
}

fn missing(definition: &Definition, command: &[String]) -> Option<String> {
    let is_there = |program: &str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| folder.join(program).exists())
    };
    if let Err(error) = ior_it::watch::tracer::check_machine() {
        return Some(error.to_string());
    }
    let tracefs = Path::new("/sys/kernel/tracing/events");
    let debugfs = Path::new("/sys/kernel/debug/tracing");
    if !is_there(&command[0]) {
        return Some(format!("{} is not installed", command[0]));
    }
    let needs_tracefs = definition.needs.iter().any(|need| need == "tracefs") && !tracefs.exists();
    if definition.needs.iter().any(|need| need == "debugfs") && !debugfs.exists() {
        return Some("debugfs is not mounted: mount -t debugfs nodev /sys/kernel/debug".to_owned());
    }
    needs_tracefs.then(|| "tracefs is not mounted: mount -t tracefs nodev /sys/kernel/tracing".to_owned())
}

/// What it shows between the fences is what our own tracer has seen, but for its known faults.
fn is_what_was_made(definition: &Definition, window: &Window, seen: &[Call], fences: &Fences, open: u64) -> Tested {
    let place = |number| seen.iter().position(|call| fences.number(&Said::of(call)) == Some(number));
    let (first, last) = (place(open).ok_or("no opening fence")?, place(open + 1).ok_or("no closing fence")?);
    // Those of the other kinds beside them are none of the act.
    let inside = seen[first + 1..last].iter().filter(|call| !fences.is_any(&Said::of(call)));
    let reference: Vec<Call> = inside.cloned().collect();
    let lines = &window.inside;
    let claims = &definition.claims;
    let compared = Compared { reference: &reference, lines, claims, workspace: None, takes_part: &takes_part };
    let comparison = compare(&compared);
    let is_known = |finding: &&Finding| {
        let call = finding.call(&compared);
        let is_explained = |about: &&str| definition.known.iter().any(|known| known.explains("", &call, about));
        finding.about().iter().all(is_explained)
    };
    let unknown: Vec<&Finding> = comparison.findings.iter().filter(|finding| !is_known(finding)).collect();
    let about: Vec<String> = unknown.iter().map(|finding| format!("{} {finding:?}", finding.call(&compared))).collect();
    require!(unknown.is_empty(), "{} of {} are right: {about:#?}", comparison.right, comparison.claimed);
    require!(comparison.claimed >= 4 && comparison.right > 0, "{comparison:?}");
    require!(window.lost == 0, "{} has lost {}", definition.name, window.lost);
    Ok(())
}

/// A subject that is a shell script.
fn script(script: &str, more: &str) -> Result<Definition, Failed> {
    let text = format!(
        "[subject]\nname = \"script\"\ncommand = [\"sh\", \"-c\", '''{script}''']\nfence = \"close\"\n{more}\n[claims]\nfields = [\"fd\"]\n"
    );
    Definition::parse("script.toml", &text).map_err(|errors| errors.to_string().into())
}

fn started(text: &str, more: &str) -> Result<Running, Failed> {
    Ok(Running::start(&script(text, more)?, std::process::id(), Path::new("."), fences(Kind::Close))?)
}

fn wait_for(running: &Running, fences: &[u64], limit: Duration) -> Waited {
    running.collector().wait_for(&|shown| fences.iter().all(|number| shown.contains(number)), limit)
}

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

fn not_there() -> Tested {
    let text =
        "[subject]\nname = \"x\"\ncommand = [\"/no/such/tracer\"]\nfence = \"close\"\n[claims]\nfields = [\"fd\"]\n";
    let definition = Definition::parse("x.toml", text).map_err(|errors| errors.to_string())?;
    let started = Running::start(&definition, 1, Path::new("."), fences(Kind::Close));
    let said = started.err().map(|error| error.to_string()).unwrap_or_default();
    require!(said.starts_with("error: /no/such/tracer could not be started: No such file or directory"), "{said}");
    Ok(())
}

fn ends_early() -> Tested {
    let running = started("echo no kprobes here >&2; exit 3", "")?;
    let waited = wait_for(&running, &[0], LONG);
    let words = running.stop(LONG).last_words;
    require!(waited == Waited::Ended && words == "no kprobes here", "{waited:?} {words}");
    Ok(())
}

fn shows_nothing() -> Tested {
    let running = started("echo what; exec tail -f /dev/null", "")?;
    require!(wait_for(&running, &[0], Duration::from_millis(20)) == Waited::TooLong, "it was not too long");
    let shown = running.stop(LONG);
    require!(matches!(shown.lines.as_slice(), [Line::Garbled { .. }]), "{:?}", shown.lines);
    Ok(())
}

fn endless_line() -> Tested {
    let running = started("head -c 3000000000 /dev/zero; echo; echo '{\"call\":\"close\",\"fd\":-7000001}'", "")?;
    let waited = wait_for(&running, &[0], LONG);
    require!(waited == Waited::Shown, "{waited:?}");
    let shown = running.stop(LONG);
    let garbled = matches!(&shown.lines[0], Line::Garbled { raw, .. } if raw.len() <= 4096);
    require!(garbled && shown.lines.len() == 2, "{} lines", shown.lines.len());
    let peak = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_SELF)?.max_rss();
    require!(peak < 100_000, "it takes {peak} KiB");
    Ok(())
}

fn flood() -> Tested {
    let running = started("yes flood | head -c 50000000 >&2; echo the last words >&2; exit 1", "")?;
    let waited = wait_for(&running, &[0], LONG);
    let words = running.stop(LONG).last_words;
    require!(waited == Waited::Ended, "{waited:?}");
    require!(words.ends_with("the last words") && words.len() <= 4096, "{} bytes", words.len());
    Ok(())
}

fn ignores() -> Tested {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("pid");
    let text = format!(
        "trap '' INT; cat <&2 & echo $! > {0}.new; mv {0}.new {0}; echo '{{\"call\":\"close\",\"fd\":-7000001}}'; while :; do read x; done < /dev/zero",
        file.display()
    );
    let running = started(&text, "")?;
    require!(wait_for(&running, &[0], LONG) == Waited::Shown, "it does not come");
    let child = nix::unistd::Pid::from_raw(std::fs::read_to_string(&file)?.trim().parse()?);
    drop(running.stop(Duration::from_millis(20)));
    // Whoever was killed is gone when he is reaped, by init: this is waited for, and by nobody else.
    let gone = |pid| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        status.is_empty() || status.contains(") Z ")
    };
    let end = Instant::now() + LONG;
    while !gone(child) {
        require!(Instant::now() < end, "{child} is left");
        std::thread::yield_now();
    }
    Ok(())
}

fn own_adapter() -> Tested {
    let adapter =
        "adapter = [\"sed\", \"-u\", 's/^closed \\(.*\\)/{\"call\":\"close\",\"fd\":\\1}/']\nlost = 'lost (\\d+)'";
    let running = started("echo closed -7000001; echo lost 5 >&2; echo closed 9; exec cat /dev/null", adapter)?;
    require!(wait_for(&running, &[0], LONG) == Waited::Shown, "it does not come");
    let shown = running.stop(LONG);
    let lost = shown.lines.iter().filter(|line| matches!(line, Line::Lost(5))).count();
    let calls = shown.lines.iter().filter(|line| matches!(line, Line::Call(said) if said.call == "close")).count();
    require!((lost, calls) == (1, 2), "{:?}", shown.lines);
    Ok(())
}
