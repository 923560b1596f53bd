//! What the tracer and a run cost, as counts that `tests/costs/costs.toml` allows.
#![allow(unsafe_code)]

use std::ffi::CStr;

use ior_it::support::watch::tracer::{Extent, MOST_DATA, Tracer, TracerOptions};
use libtest_mimic::Failed;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::unistd::{close, dup, write};

use crate::costs::{self, Counted};
use crate::support::{self, Tested};

fn release() -> Result<String, Failed> {
    Ok(nix::sys::utsname::uname()?.release().to_string_lossy().into_owned())
}

/// The kernel loads as many programs as a run needs, and the verifier goes no longer way through each.
pub fn programs() -> Tested {
    let loaded = |requests, data| -> Result<_, Failed> {
        let options = TracerOptions { requests, data, attach: false, ..TracerOptions::default() };
        Ok(Tracer::load(&options)?.facts()?)
    };
    let all = loaded(true, MOST_DATA)?;
    let sizes = [("plain", loaded(false, 0)?.len()), ("data", loaded(false, MOST_DATA)?.len()), ("all", all.len())];
    let sizes = sizes.into_iter().map(|(name, size)| (name.to_owned(), size as f64)).collect();
    let verified: Counted = all.into_iter().map(|facts| (facts.name, f64::from(facts.verified))).collect();
    costs::check("programs", &sizes, "")?;
    costs::check("verified", &verified, &release()?)?;
    Ok(())
}

/// A measurement that other processes can only make larger is taken this often at most.
const ROUNDS: usize = 5;

/// How many times a scenario runs to learn what one run costs.
const RUNS: u64 = 50;

/// `ior-it` counts its own system calls, those of its zygote, and those of the children.
pub fn calls() -> Tested {
    let mut least = Counted::new();
    let mut said = String::new();
    for _ in 0..ROUNDS {
        for (name, count) in counted()? {
            let least = least.entry(name).or_insert(count);
            *least = least.min(count);
        }
        match costs::check("calls", &least, "") {
            Ok(()) => return Ok(()),
            Err(sentence) => said = sentence,
        }
    }
    Err(said.into())
}

fn counted() -> Result<Counted, Failed> {
    let one = ["-q", "--test-threads", "1", "--exact", "--filter", "dup-basic"];
    let scenario = |more: &[&str]| -> Result<(f64, f64), Failed> {
        let run = calls_of(&[&one, more].concat())?;
        let repeat = (RUNS + 1).to_string();
        let runs = calls_of(&[&one, more, &["--repeat", &repeat]].concat())?;
        Ok((run as f64, (runs as f64 - run as f64) / RUNS as f64))
    };
    let ((run, each), (_, witnessed)) = (scenario(&[])?, scenario(&["--witness"])?);
    let counts = [("list", calls_of(&["--list"])? as f64), ("run", run), ("scenario", each), ("witnessed", witnessed)];
    Ok(counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect())
}

/// Since Linux 6.16 the kernel's types can be mapped, and nobody reads them.
pub fn types_are_mapped() -> Tested {
    let file = std::fs::File::open("/sys/kernel/btf/vmlinux")?;
    let pages = file.metadata()?.len() / 4096;
    // SAFETY: the file does not change while the kernel runs.
    let may_be_mapped = unsafe { memmap2::MmapOptions::new().map_copy_read_only(&file) }.is_ok();
    let reads = summary_of(&["-q", "--exact", "--filter", "dup-basic"])?.1;
    require!(reads < pages || !may_be_mapped, "{reads} reads for {pages} pages of types");
    Ok(())
}

/// The system calls that `ior-it` makes with these options. How often it reads depends on the size of the kernel's types, and how
/// often it waits for a lock on the other threads.
fn calls_of(options: &[&str]) -> Result<u64, Failed> {
    let (all, reads, waits) = summary_of(options)?;
    Ok(all - reads - waits)
}

/// All system calls, read(2) and futex(2).
fn summary_of(options: &[&str]) -> Result<(u64, u64, u64), Failed> {
    let mut command = support::traced(&["--summary"], &[&[env!("CARGO_BIN_EXE_ior-it")], options].concat());
    // Cargo sets it for tests. The dynamic linker looks for each library in each of its folders.
    let output = command.env_remove("LD_LIBRARY_PATH").output()?;
    let says = support::says(&output);
    require!(output.status.success() && says.contains("lost: nothing"), "{says}");
    let count = |row: &str| {
        let cells = says.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        cells.filter(|cells| cells.len() == 7 && cells[0] == row).find_map(|cells| cells[1].parse::<u64>().ok())
    };
    let all =
        says.lines().find_map(|line| line.trim_start().strip_prefix("all ")?.split_whitespace().next()?.parse().ok());
    Ok((all.ok_or("the summary has no sum")?, count("read").unwrap_or(0), count("futex").unwrap_or(0)))
}

/// How often the bytes of a step are counted.
const STEPS: usize = 20;

/// The bytes that a step of this process leaves in the ring.
pub fn bytes() -> Tested {
    let tracer = Tracer::load(&TracerOptions { data: MOST_DATA, ..TracerOptions::default() })?;
    let null = open(c"/dev/null", OFlag::O_RDWR, Mode::empty())?;
    let of = |data, step: &dyn Fn() -> nix::Result<()>| -> Result<f64, Failed> {
        let watching = tracer.watch_with(
            0,
            std::process::id(),
            Extent { follow: false, hides: false, data: if data { u32::MAX } else { 0 } },
        )?;
        let taken = || -> Result<usize, Failed> {
            let mut bytes = 0;
            let records = watching.take();
            records.for_each(|record| bytes += record.len());
            require!(records.counts.refused + records.counts.untold == 0, "records were lost: {:?}", records.counts);
            Ok(bytes)
        };
        // What a file's name costs once is no cost of a step.
        step()?;
        taken()?;
        // The other threads of this process, which run other tests, make calls as well: the least of some rounds is that of the step.
        let round = |_| -> Result<(usize, usize), Failed> {
            let none = taken()?;
            step()?;
            Ok((none, taken()?))
        };
        let rounds = (0..STEPS).map(round).collect::<Result<Vec<_>, _>>()?;
        let none = rounds.iter().map(|(none, _)| none).min().unwrap_or(&0);
        Ok((rounds.iter().map(|(_, all)| all).min().unwrap_or(&0) - none) as f64)
    };
    const NAME: &CStr = c"/dev/null";
    let opened = || close(open(NAME, OFlag::O_RDONLY, Mode::empty())?);
    let counts = [
        ("dup and close", of(false, &|| close(dup(&null)?))?),
        ("openat and close", of(false, &opened)?),
        ("write", of(false, &|| write(&null, &[0; 64]).map(drop))?),
        ("write of 64 bytes with data", of(true, &|| write(&null, &[0; 64]).map(drop))?),
    ];
    let counts = counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
    costs::check("bytes", &counts, "")?;
    Ok(())
}
