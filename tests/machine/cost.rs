//! Checks what keeps the tracer cheap without a clock: its form, and not its time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, ExitCode};

use ior_it::support::archive;
use ior_it::support::base::error::Exit;
use ior_it::support::watch::tracer::{Tracer, TracerOptions};
use libbpf_rs::ObjectBuilder;
use libbpf_rs::libbpf_sys::bpf_insn;
use libtest_mimic::{Failed, Trial};

use crate::support::{self, Tested};

mod counts; // what tests/costs/costs.toml allows

pub fn main() -> ExitCode {
    type Test = fn() -> Tested;
    let tests: [(&str, Test); 9] = [
        ("programs_are_as_many_and_as_small_as_allowed", counts::programs),
        ("a_run_and_a_scenario_make_no_more_system_calls_than_allowed", counts::calls),
        ("the_kernels_types_are_mapped_where_that_is_possible", counts::types_are_mapped),
        ("records_are_no_larger_than_allowed", counts::bytes),
        ("an_excerpt_of_the_kernels_types_gives_the_same_programs", excerpt),
        ("stacks_fit_over_all_chains_of_calls", stacks),
        ("who_is_watched_no_more_is_looked_at_once", marks),
        ("times_are_there_where_they_are_asked_for", times),
        ("programs_that_read_data_are_loaded_only_where_it_is_asked_for", data),
    ];
    support::run_live("cost", || tests.into_iter().map(|(name, test)| Trial::test(name, test)).collect())
}

/// A program's tag is a hash of its instructions after the relocations.
fn excerpt() -> Tested {
    let load = |all_types| Tracer::load(&TracerOptions { all_types, attach: false, ..TracerOptions::default() });
    let (with, without) = (load(false)?, load(true)?);
    require!(with.used_excerpt() && !without.used_excerpt(), "no excerpt was used: is a type missing in NAMES?");
    let [with, without] = [with.programs()?, without.programs()?].map(BTreeMap::from_iter);
    for (name, tag) in &with {
        require!(without.get(name) == Some(tag), "{name} is another program with the excerpt");
    }
    // The excerpt tells the arguments of io_uring_complete, and so the program that does not fit is left out.
    let left_out: BTreeSet<_> = without.keys().filter(|name| !with.contains_key(*name)).collect();
    require!(left_out.len() == 1 && left_out.iter().all(|name| name.starts_with("ior_complete")), "{left_out:?}");
    Ok(())
}

/// The stack that Linux 6.1 allows for a chain of calls (kernel/bpf/verifier.c, check_max_stack_depth()). Newer kernels allow
/// more, and so would load programs that 6.1 refuses.
const MOST_STACK: usize = 512;
const MOST_FRAMES: usize = 8;

/// Counts all compiled code. A kernel sees only one of two branches, and this counts the deeper one.
fn stacks() -> Tested {
    let folder = tempfile::tempdir()?;
    let object = support::compile(folder.path(), "tracer", &support::source()?)?;
    for (name, deepest) in deepest(&object)? {
        let Chain { bytes, frames } = deepest;
        require!(bytes <= MOST_STACK && frames <= MOST_FRAMES, "{name}: {bytes} bytes of stack in {frames} frames");
    }
    // The control: a frame that is too large is found, here or by the kernel.
    let large = support::source()?.replace(
        "	struct label label = { .dentry = dentry, .mount = mount, .sum = sum };\n",
        "	struct label label = { .dentry = dentry, .mount = mount, .sum = sum };\n	volatile __u64 more[40] = {};\n	label.sum += more[sum & 7];\n",
    );
    let object = support::compile(folder.path(), "large", &large)?;
    let seen = deepest(&object).map_or(true, |chains| chains.values().any(|chain| chain.bytes > MOST_STACK));
    require!(seen, "a frame of 320 bytes more was not seen");
    Ok(())
}

/// Each of the two programs that read data reads an address that the verifier forbids. So the kernel refuses whoever loads it.
fn data() -> Tested {
    let folder = tempfile::tempdir()?;
    let places = [("enter", "	call->unread = 0;\n"), ("exit", "	role = roles_of(&call->record);\n	if (ret >= 0")];
    for (name, place) in places {
        let source = support::source()?;
        require!(source.matches(place).count() == 1, "{place:?} does not stand in one place of the tracer");
        let refused = source.replace(place, &format!("	(void)*(volatile __u64 *)8;\n{place}"));
        let object = support::compile(folder.path(), name, &refused)?;
        let runs: [(&[&str], i32); 6] = [
            (&["--exact", "--filter", "dup-basic"], 0),
            (&["--summary", "--", "true"], 0),
            (&["-s", "0", "--", "true"], 0),
            (&["--exact", "--filter", "data-written"], Exit::CannotTrace as i32),
            (&["--", "true"], Exit::CannotTrace as i32),
            (&["--format", "json", "--", "true"], Exit::CannotTrace as i32),
        ];
        for (arguments, code) in runs {
            let output = support::ior_it(&[]).arg("--bpf").arg(&object).args(arguments).output()?;
            require!(output.status.code() == Some(code), "{name}, {arguments:?}: {}", support::says(&output));
        }
    }
    Ok(())
}

/// A chain of calls: the stack that it takes, and the number of functions in it.
#[derive(Clone, Copy, Default)]
struct Chain {
    bytes: usize,
    frames: usize,
}

/// The deepest chain of each program in an object.
fn deepest(object: &Path) -> Result<BTreeMap<String, Chain>, Failed> {
    let object = ObjectBuilder::default().open_file(object)?.load()?;
    let chains = object.progs().map(|program| {
        let functions = functions(program.insns());
        (program.name().to_string_lossy().into_owned(), chain(&functions, 0))
    });
    Ok(chains.collect())
}

/// A function, by its first instruction: the stack that it takes, and the functions that it calls.
type Functions = BTreeMap<usize, (usize, BTreeSet<usize>)>;

fn chain(functions: &Functions, from: usize) -> Chain {
    let Some((own, called)) = functions.get(&from) else { return Chain::default() };
    let below = called.iter().map(|&called| chain(functions, called));
    let (bytes, frames) = below.fold((0, 0), |most, chain| (most.0.max(chain.bytes), most.1.max(chain.frames)));
    Chain { bytes: own.max(&1).next_multiple_of(32) + bytes, frames: 1 + frames }
}

/// Splits a program after the relocations into its functions: those that are called, and those that are callbacks of a helper.
fn functions(insns: &[bpf_insn]) -> Functions {
    let calls = insns.iter().enumerate().filter_map(|(at, insn)| Some((at, called_by(at, insn)?)));
    let calls: Vec<(usize, usize)> = calls.collect();
    let mut functions: Functions = calls.iter().map(|&(_, begin)| (begin, Default::default())).collect();
    functions.entry(0).or_default();
    let begins: Vec<usize> = functions.keys().copied().collect();
    let of = |at: usize| begins[begins.partition_point(|&begin| begin <= at) - 1];
    for (at, called) in calls {
        functions.entry(of(at)).or_default().1.insert(called);
    }
    for (at, bytes) in stack_of(insns) {
        let own = &mut functions.entry(of(at)).or_default().0;
        *own = (*own).max(bytes);
    }
    functions
}

/// BPF_PSEUDO_CALL, and BPF_PSEUDO_FUNC in a wide load (include/uapi/linux/bpf.h): both count from the next instruction.
fn called_by(at: usize, insn: &bpf_insn) -> Option<usize> {
    let is_call = insn.code == 0x85 && insn.src_reg() == 1;
    let is_callback = insn.code == 0x18 && insn.src_reg() == 4;
    (is_call || is_callback).then(|| (at as i64 + 1 + i64::from(insn.imm)) as usize)
}

/// How deep an instruction reaches into the stack: by r10, or by a copy of r10 minus a constant.
fn stack_of(insns: &[bpf_insn]) -> impl Iterator<Item = (usize, usize)> {
    const FRAME: u8 = 10;
    insns.iter().enumerate().filter_map(|(at, insn)| {
        let class = insn.code & 7;
        let reaches = match class {
            1 if insn.src_reg() == FRAME => i32::from(insn.off),
            2 | 3 if insn.dst_reg() == FRAME => i32::from(insn.off),
            // r1 = r10, r1 += -16
            7 if insn.code == 0x07 && at > 0 => {
                let before = &insns[at - 1];
                let is_copy = before.code == 0xbf && before.src_reg() == FRAME && before.dst_reg() == insn.dst_reg();
                if is_copy { insn.imm } else { 0 }
            }
            _ => 0,
        };
        (reaches < 0).then_some((at, reaches.unsigned_abs() as usize))
    })
}

/// A process takes away its own mark with its next call. A tracer without that keeps looking at its calls.
fn marks() -> Tested {
    let folder = tempfile::tempdir()?;
    let source = support::source()?;
    let from = "		unmark(task->tgid);\n";
    require!(source.matches(from).count() == 1, "bring this text up to date: {from}");
    let keeping = support::compile(folder.path(), "keeping", &source.replace(from, ""))?;
    let stays = |bpf| -> Result<[bool; 2], Failed> {
        let tracer = Tracer::load(&TracerOptions { bpf, ..TracerOptions::default() })?;
        let watching = tracer.watch(0, std::process::id(), false)?;
        let _call = nix::unistd::getppid();
        let during = tracer.marks(std::process::id());
        drop(watching);
        let _call = nix::unistd::getppid();
        Ok([during, tracer.marks(std::process::id())])
    };
    require!(stays(None)? == [true, false], "a process that was watched is marked: {:?}", stays(None)?);
    require!(stays(Some(keeping))? == [true, true], "a tracer that keeps its marks was not noticed");
    Ok(())
}

fn times() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().display().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ior-it"));
    let output = command.args(["--archive", &path, "--exact", "--filter", "dup-basic"]).output()?;
    require!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let archive = archive::load(&folder.path().join("dup-basic.ior.zst"))?;
    let calls = &archive.observed.trace.calls;
    let timed = |call: &&ior_it::support::trace::call::Call| call.enter_ns != 0 && call.duration_ns != 0;
    require!(calls.iter().filter(timed).count() == calls.len() && !calls.is_empty(), "{calls:?}");
    Ok(())
}
