//! Loads and attaches the BPF object, and explains why it could not be.

use std::fs::OpenOptions;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use caps::{CapSet, Capability};
use libbpf_rs::libbpf_sys::{self, bpf_prog_info};
use libbpf_rs::{ErrorKind, MapCore, MapHandle, MapType, Object, ObjectBuilder, OpenMap, OpenObject};
use nix::errno::Errno;

use super::excerpt::ExcerptFile;
use super::facts::{VerifierLog, ask_verifier};
use super::programs::{Attachment, LoadedProgram, load_beside};
use super::refusal::{Bug, Refusal, cause, done, refused};
use super::{TracerOptions, WATCHES, libbpf_log};
use crate::base::error::Error;
use crate::table::layout::{self, Blocks, Filter, Roles, Watch};
use crate::table::syscalls::Syscall;

static EMBEDDED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/tracer.bpf.o"));

/// The programs for system calls, signals and processes.
const PROGRAMS: [&str; 6] = ["ior_enter", "ior_exit", "ior_signal", "ior_exec", "ior_gone", "ior_fork"];

/// The programs that read data. The kernel runs the programs of a tracepoint in the order in which they are attached: the first must
/// run before those of [`PROGRAMS`], the second after them (bpf/data.h).
const DATA_PROGRAMS: [&str; 2] = ["ior_data_exit", "ior_data_enter"];

/// The programs for io_uring requests, each with its tracepoint. One program of each group has to fit: the kernel says which
/// (bpf/uring.h has the arguments of each).
const REQUEST_PROGRAMS: [&[(&str, &str)]; 4] = [
    &[("ior_submit", "io_uring_submit_req"), ("ior_submit", "io_uring_submit_sqe")],
    &[("ior_submit_refused", "io_uring_req_failed")],
    // The second program would fit the first one's tracepoint, too, and misread its arguments.
    &[("ior_complete_words", "io_uring_complete"), ("ior_complete", "io_uring_complete")],
    &[("ior_overflow", "io_uring_cqe_overflow")],
];

/// The maps: name, type, sizes of key and value, and the least number of entries. The loader sets the size of the ring.
const MAPS: [(&str, MapType, usize, usize, usize); 7] = [
    ("marked", MapType::Array, 4, 8, 1),
    ("filter", MapType::Hash, 4, size_of::<Filter>(), 16_384),
    ("watches", MapType::Array, 4, size_of::<Watch>(), WATCHES),
    ("roles", MapType::Array, 4, size_of::<Roles>(), 2 * Syscall::NUMBERS as usize),
    ("blocks", MapType::Array, 4, size_of::<Blocks>(), Syscall::NUMBERS as usize),
    ("request_roles", MapType::Array, 4, size_of::<Roles>(), 256),
    ("ring", MapType::RingBuf, 0, 0, 0),
];

/// The largest file that may be an object, in bytes. The embedded object has a hundredth of that.
const LARGEST_OBJECT: u64 = 16 << 20;
/// The largest size of a map other than the ring, in bytes. The tracer's own maps take at most a hundredth of that.
const LARGEST_MAP: u64 = 64 << 20;

/// The section with three words: the version, whether requests are followed, and whether perf events run the programs of calls.
pub const VERSION_SECTION: &str = ".rodata.version";

/// The cheap checks before anything is loaded: privileges, and the kernel's type information.
pub fn check_machine() -> Result<(), Error> {
    let has = |capability| caps::has_cap(None, CapSet::Effective, capability).unwrap_or(false);
    let missing: Vec<&str> = [(Capability::CAP_BPF, "CAP_BPF"), (Capability::CAP_PERFMON, "CAP_PERFMON")]
        .into_iter()
        .filter(|&(capability, _)| !has(capability) && !has(Capability::CAP_SYS_ADMIN))
        .map(|(_, name)| name)
        .collect();
    if !missing.is_empty() {
        return Err(Error::cannot_trace(
            format!("tracing needs {}, which this process lacks", missing.join(" and ")),
            "run it as `sudo ./ior-it`, or once `sudo setcap cap_bpf,cap_perfmon,cap_dac_read_search+ep ./ior-it`",
        ));
    }
    if !Path::new("/sys/kernel/btf/vmlinux").exists() {
        return Err(Error::cannot_trace(
            "the kernel has no type information in /sys/kernel/btf/vmlinux",
            "boot a kernel that was built with CONFIG_DEBUG_INFO_BTF=y (`ls /sys/kernel/btf`), and mount /sys",
        ));
    }
    Ok(())
}

/// The object with its programs, and whether libbpf has used the excerpt of the kernel's types.
pub struct LoadedTracer {
    pub object: Object,
    pub programs: Vec<LoadedProgram>,
    pub by_excerpt: bool,
    /// What the verifier has said, if it was asked.
    pub logs: Vec<VerifierLog>,
}

/// The object that these options load: what messages call it, and its contents.
pub fn object(file: Option<&Path>) -> Result<(String, Vec<u8>), Error> {
    match file {
        Some(file) => Ok((crate::base::escape::path(file), read(file)?)),
        None => Ok(("the embedded BPF object".to_owned(), EMBEDDED.to_vec())),
    }
}

/// Opens, checks and loads the object. If that fails with the excerpt of the kernel's types, it tries again with all types.
pub fn load(options: &TracerOptions) -> Result<LoadedTracer, Error> {
    libbpf_log::listen();
    let (name, bytes) = match &options.compiled {
        Some(compiled) => ("the compiled BPF object".to_owned(), compiled.to_vec()),
        None => object(options.bpf.as_deref())?,
    };
    // The excerpt is for our own object: another one may need other types.
    let excerpt = if options.bpf.is_none() && !options.all_types { ExcerptFile::make() } else { None };
    if let Some(loaded) = excerpt.and_then(|given| load_with_excerpt(options, &name, &bytes, &given)) {
        return Ok(loaded);
    }
    libbpf_log::listen();
    let open = opened(options, &name, &bytes, None)?;
    let is_own = options.bpf.is_some() || options.compiled.is_some();
    load_by_libbpf(options, open).map_err(|error| not_loaded(&name, is_own, &error))
}

/// `None` if anything fails: libbpf says more of what it loads by itself. It does that, too, if its log is asked for.
fn load_with_excerpt(options: &TracerOptions, name: &str, bytes: &[u8], types: &ExcerptFile) -> Option<LoadedTracer> {
    let open = opened(options, name, bytes, Some(types)).ok()?;
    if options.verifier_log {
        return Some(LoadedTracer { by_excerpt: true, ..load_by_libbpf(options, open).ok()? });
    }
    let (object, programs) = load_beside(open, &types.tracepoints).ok()?;
    Some(LoadedTracer { object, programs, by_excerpt: true, logs: Vec::new() })
}

fn load_by_libbpf(options: &TracerOptions, mut open: OpenObject) -> Result<LoadedTracer, libbpf_rs::Error> {
    let logs = if options.verifier_log { ask_verifier(&mut open) } else { Vec::new() };
    let object = open.load()?;
    let programs = LoadedProgram::of(&object)?;
    Ok(LoadedTracer { object, programs, by_excerpt: false, logs })
}

/// Opens and checks the object, and makes it ready to be loaded.
pub fn opened(
    options: &TracerOptions,
    name: &str,
    bytes: &[u8],
    types: Option<&ExcerptFile>,
) -> Result<OpenObject, Error> {
    let TracerOptions { ring_size, requests, data, .. } = options;
    let mut builder = ObjectBuilder::default();
    if let Some(types) = types {
        builder.btf_custom_path(types.path()).map_err(|error| not_opened(name, &error))?;
    }
    let opened = builder.name("ior_it").and_then(|builder| builder.open_memory(bytes));
    let mut open = opened.map_err(|error| not_opened(name, &error))?;
    check(name, &open)?;
    set_entries(&mut open, "ring", *ring_size)
        .map_err(|error| refused(&format!("the ring buffer cannot be of {ring_size} bytes"), &error))?;
    // There is room for twice as many: pid_max may be raised meanwhile.
    set_entries(&mut open, "marked", 2 * pids() / u64::BITS + 1)
        .map_err(|error| refused("there cannot be a mark for each process", &error))?;
    for mut settings in open.maps_mut().filter(|map| map.name() == VERSION_SECTION) {
        if let Some(follows) = settings.initial_value_mut().and_then(|value| value.get_mut(4..8)) {
            follows.copy_from_slice(&u32::from(*requests).to_ne_bytes());
        }
    }
    let takes = types.and_then(|types| types.complete_takes);
    for mut program in open.progs_mut() {
        let program_name = program.name().to_string_lossy().into_owned();
        if is_of_requests(&program_name) {
            program.set_autoload(*requests && fits(&program_name, takes));
        }
        if DATA_PROGRAMS.contains(&program_name.as_str()) {
            program.set_autoload(*data > 0);
        }
    }
    Ok(open)
}

/// Whether a program fits the number of arguments of the tracepoint io_uring_complete, for which there are two programs.
fn fits(program: &str, complete_takes: Option<u16>) -> bool {
    match (program, complete_takes) {
        ("ior_complete", Some(takes)) => takes < 5,
        ("ior_complete_words", Some(takes)) => takes >= 5,
        _ => true,
    }
}

fn set_entries(open: &mut OpenObject, name: &str, entries: u32) -> Result<(), libbpf_rs::Error> {
    open.maps_mut().filter(|map| map.name() == name).try_for_each(|mut map| map.set_max_entries(entries))
}

/// The largest pid plus one: pid_max (proc_sys_kernel(5)), or the most that a kernel allows.
fn pids() -> u32 {
    let most = 1 << 22;
    let told = std::fs::read_to_string("/proc/sys/kernel/pid_max").ok().and_then(|text| text.trim().parse().ok());
    told.map_or(most, |pids: u32| pids.min(most))
}

pub fn is_of_requests(name: &str) -> bool {
    REQUEST_PROGRAMS.iter().any(|group| group.iter().any(|&(program, _)| program == name))
}

/// The contents of a file. Only a regular file of sensible size is read: others may have no end, or block.
fn read(file: &Path) -> Result<Vec<u8>, Error> {
    let unfit = |why: String| {
        Error::usage(
            format!("--bpf {}: {why}", crate::base::escape::path(file)),
            "`make bpf` makes an object: ./tracer.bpf.o",
        )
    };
    let failed = |error: std::io::Error| unfit(error.to_string());
    // O_NONBLOCK: opening a FIFO would wait for a writer (open(2)).
    let opened = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(file).map_err(failed)?;
    if !opened.metadata().map_err(failed)?.is_file() {
        return Err(unfit("it is no regular file".to_owned()));
    }
    let mut bytes = Vec::new();
    opened.take(LARGEST_OBJECT + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LARGEST_OBJECT {
        return Err(unfit(format!("it has more than {} MiB, which no BPF object has", LARGEST_OBJECT >> 20)));
    }
    Ok(bytes)
}

/// Checks that an object has the programs and maps that user space uses, in the same layout.
fn check(name: &str, open: &OpenObject) -> Result<(), Error> {
    let mut lacks = Vec::new();
    let mut programs = [PROGRAMS.as_slice(), &DATA_PROGRAMS].concat();
    programs.extend(REQUEST_PROGRAMS.iter().flat_map(|group| group.iter().map(|&(program, _)| program)));
    programs.dedup();
    for program in programs {
        if !open.progs().any(|found| found.name() == program) {
            lacks.push(format!("the program {program}"));
        }
    }
    lacks.extend(MAPS.iter().filter_map(|map| lacks_map(map, open)));
    let version = open.maps().find(|found| found.name() == VERSION_SECTION);
    let version = version.as_ref().and_then(|found| found.initial_value()).and_then(|value| value.first_chunk());
    match version.map(|bytes| u32::from_ne_bytes(*bytes)) {
        Some(layout::VERSION) => {}
        Some(other) => lacks.push(format!("record version {} (it has {other})", layout::VERSION)),
        None => lacks.push(format!("record version {}", layout::VERSION)),
    }
    let hint = "compile it from bpf/tracer.bpf.c and bpf/record.h of this version: `make bpf`";
    if !lacks.is_empty() {
        return Err(Error::cannot_trace(format!("{name} lacks {}", lacks.join(", ")), hint));
    }
    match open.maps().find(|map| map.name() != "ring" && size(map) > LARGEST_MAP) {
        Some(map) => {
            let map = map.name().to_string_lossy().escape_debug().to_string();
            let most = LARGEST_MAP >> 20;
            Err(Error::cannot_trace(format!("{name} has the map {map} with more than {most} MiB"), hint))
        }
        None => Ok(()),
    }
}

/// What the object lacks if it does not have this map as user space needs it.
fn lacks_map(
    &(name, kind, key, value, entries): &(&str, MapType, usize, usize, usize),
    open: &OpenObject,
) -> Option<String> {
    let Some(found) = open.maps().find(|found| found.name() == name) else { return Some(format!("the map {name}")) };
    if found.map_type() != kind || (found.key_size() as usize, found.value_size() as usize) != (key, value) {
        return Some(format!("the map {name} as a {kind:?} of {key} and {value} bytes"));
    }
    let has = found.max_entries() as usize;
    (has < entries).then(|| format!("the map {name} with {entries} entries (it has {has})"))
}

/// The least size of a map in bytes: its keys and values.
fn size(map: &OpenMap<'_>) -> u64 {
    u64::from(map.max_entries()).saturating_mul(u64::from(map.key_size()) + u64::from(map.value_size()))
}

/// The error if libbpf cannot open an object.
fn not_opened(name: &str, error: &libbpf_rs::Error) -> Error {
    match cause(error) {
        Some((words, hint)) => Error::cannot_trace(format!("{name} could not be opened: {words}"), hint),
        None => {
            Error::cannot_trace(format!("{name} is no BPF object: {error}"), "`make bpf` makes one: ./tracer.bpf.o")
        }
    }
}

/// The verifier's words for a map that does not exist. libbpf asks the kernel whether it supports global data, takes EMFILE for a
/// no, and leaves the map out.
const NO_MAP: &str = "is not pointing to valid bpf_map";

/// The error if the kernel refuses the object: its last messages, and what they mean. EPERM may also come from the verifier. A
/// fault of an object of the user's own is not ours.
fn not_loaded(name: &str, is_own: bool, error: &libbpf_rs::Error) -> Error {
    let said = libbpf_log::since();
    let by_verifier = said.contains("BEGIN PROG LOAD LOG");
    let lacks = matches!(error.errno(), Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM));
    let known =
        if said.contains(NO_MAP) { cause(&Errno::EMFILE) } else { cause(error).filter(|_| lacks || !by_verifier) };
    if let Some((words, hint)) = known {
        return Error::cannot_trace(format!("{name} could not be loaded: {words}"), hint);
    }
    let lines: Vec<&str> = said.lines().filter(|line| !line.contains("PROG LOAD LOG")).collect();
    let last = lines[lines.len().saturating_sub(12)..].join("\n    ");
    let error = if by_verifier {
        Error::cannot_trace(
            format!("the kernel's verifier refused {name} (no privilege is missing); its last lines:"),
            if is_own {
                "`clang -g` puts the source's lines into the log; without --bpf, the embedded object is loaded"
            } else {
                "`uname -r` and the lines above belong into a bug report; `--bpf FILE` tries another object"
            },
        )
    } else {
        Error::cannot_trace(
            format!("{name} could not be loaded: {error}"),
            "`cat /sys/kernel/security/lockdown` must not say [confidentiality], and the kernel needs CONFIG_BPF_SYSCALL",
        )
    };
    error.with_details(format!("    {last}"))
}

/// Attaches the programs for io_uring requests; none of them if this kernel lacks a tracepoint.
pub fn attach_requests(programs: &[LoadedProgram]) -> Result<Vec<Attachment>, Error> {
    let attached: Result<Option<Vec<Attachment>>, Error> =
        REQUEST_PROGRAMS.iter().map(|group| attach_one_of(programs, group)).collect();
    Ok(attached?.unwrap_or_default())
}

/// Attaches the first program that fits. The kernel answers ENOENT if it has no such tracepoint, and EINVAL if the program takes
/// more arguments than the tracepoint gives (kernel/trace/bpf_trace.c, bpf_probe_register()).
fn attach_one_of(programs: &[LoadedProgram], group: &[(&str, &str)]) -> Result<Option<Attachment>, Error> {
    for &(name, tracepoint) in group {
        let Some(program) = programs.iter().find(|program| program.name == name) else { continue };
        match program.attach_to(tracepoint) {
            Ok(attached) => return Ok(Some(attached)),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput) => {}
            Err(error) => return Err(refused(&format!("the program {name} could not be attached"), &error)),
        }
    }
    Ok(None)
}

/// Attaches all other programs.
pub fn attach(object: &Object, programs: &[LoadedProgram]) -> Result<Vec<Attachment>, Error> {
    let [before, after] = DATA_PROGRAMS;
    let order = [before].into_iter().chain(PROGRAMS).chain([after]);
    order
        .filter_map(|name| programs.iter().find(|program| program.name == name))
        .map(|program| {
            let failed = |error| refused(&format!("the program {} could not be attached", program.name), &error);
            program.attach(object).map_err(failed)
        })
        .collect()
}

/// A handle to a map, which [`load`] has checked.
pub fn map_handle(object: &Object, name: &str) -> Result<MapHandle, Error> {
    let map = object.maps().find(|map| map.name() == name);
    map.ok_or_else(|| refused(&format!("the map {name} is gone"), &Bug("it was there when the object was opened")))
        .and_then(|map| {
            MapHandle::try_from(&map).map_err(|error| refused(&format!("the map {name} could not be opened"), &error))
        })
}

/// How often the kernel has skipped a program of this object because it was already running on that CPU. Each skip loses an
/// enter, an exit or an end. The question takes about 2 µs.
pub fn skipped(programs: &[LoadedProgram]) -> Result<u64, Error> {
    infos(programs).map(|info| info.map(|(_, info)| info.recursion_misses)).sum()
}

/// The loaded programs, each with its tag.
pub fn tags(programs: &[LoadedProgram]) -> Result<Vec<(String, [u8; 8])>, Error> {
    infos(programs).map(|info| info.map(|(name, info)| (name.to_owned(), info.tag))).collect()
}

/// What the kernel reports about each loaded program.
#[allow(unsafe_code)]
pub fn infos(programs: &[LoadedProgram]) -> impl Iterator<Item = Result<(&str, bpf_prog_info), Error>> {
    programs.iter().map(|program| {
        let mut info = bpf_prog_info::default();
        let mut size = size_of_val(&info) as u32;
        // SAFETY: `info` has the size that is given, and no pointer that the kernel would follow.
        let result = unsafe {
            libbpf_sys::bpf_obj_get_info_by_fd(program.fd.as_raw_fd(), (&raw mut info).cast(), &raw mut size)
        };
        let cannot = |errno| refused("what the kernel counts of a program cannot be read", &errno);
        done(result).map(|_| (program.name.as_str(), info)).map_err(cannot)
    })
}

#[cfg(test)]
mod tests {
    use object::{Object as _, ObjectSection as _};

    use super::super::btf::TRACEPOINTS;
    use super::EMBEDDED;

    #[test]
    fn each_tracepoint_of_the_object_is_looked_for() {
        let object = object::File::parse(EMBEDDED).unwrap();
        let names =
            object.sections().filter_map(|section| Some(section.name().ok()?.strip_prefix("tp_btf/")?.to_owned()));
        let names: Vec<String> = names.collect();
        assert!(names.len() >= 6 && names.iter().all(|name| TRACEPOINTS.contains(&name.as_str())), "{names:?}");
    }
}
