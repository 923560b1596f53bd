//! Loads another project's object, and says why it cannot be loaded.
//!
//! I/O: reads a file, and asks the kernel to load and attach its programs. Memory is bounded, whatever the file contains.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use libbpf_rs::btf::Btf;
use libbpf_rs::{Link, MapCore, MapHandle, MapType, Object, ObjectBuilder, OpenObject};
use nix::errno::Errno;

use super::decode::BufferKind;
use super::types::{self, Variable};
use crate::base::error::Error;
use crate::base::escape;
use crate::judge::expectation::errors::near_or_all;
use crate::subject::toml;
use crate::watch::tracer::{Refusal, libbpf_log, refused};

/// The largest file that may be an object, in bytes.
const LARGEST_OBJECT: u64 = 64 << 20;
/// The largest map, in bytes.
const LARGEST_MAP: u64 = 1 << 30;
/// The most lines of the verifier's log that are shown.
const LAST_LINES: usize = 12;

/// An object that is loaded and attached.
pub struct LoadedObject {
    /// The links of its programs. They are dropped before the object.
    pub links: Vec<Link>,
    /// The object, which owns its programs and maps.
    _object: Object,
    /// The map that carries its records.
    pub ring: MapHandle,
    /// The kind of this buffer.
    pub source: BufferKind,
    /// The map of watched processes.
    pub filter: Option<MapHandle>,
    /// The map that counts its losses.
    pub drops: Option<MapHandle>,
}

/// Opens, checks, loads and attaches the object for a process.
pub fn load(file: &Path, mapping: &toml::TracerObject, pid: u32) -> Result<LoadedObject, Error> {
    let name = escape::path(file);
    let bytes = read(file)?;
    libbpf_log::listen();
    let types = types_of(&bytes);
    let opened = ObjectBuilder::default().open_memory(&bytes);
    let mut open = opened.map_err(|error| not_opened(&name, &error))?;
    if let Some(types) = &types {
        types::check(&name, &mapping.records, &types::structs(types))?;
    }
    for (map, &entries) in &mapping.entries {
        resize(&name, &mut open, map, entries)?;
    }
    let source = maps(&name, mapping, &open)?;
    let variables = types.as_ref().map(types::variables).unwrap_or_default();
    for (variable, value) in &mapping.rodata {
        set(&name, &mut open, &variables, variable, value.unwrap_or_else(|| pid.into()))?;
    }
    let chosen = chosen(&name, &mapping.attach, &open)?;
    for mut program in open.progs_mut() {
        let is_chosen = chosen.contains(&*program.name().to_string_lossy());
        program.set_autoload(is_chosen);
    }
    let object = open.load().map_err(|error| not_loaded(&name, &error))?;
    let handle = |map: &str| handle(&name, &object, map);
    let ring = handle(&mapping.ring)?;
    let filter = mapping.filter.as_deref().map(handle).transpose()?;
    let drops = mapping.drops.as_deref().map(handle).transpose()?;
    let links = attach(&name, &object, &chosen)?;
    Ok(LoadedObject { links, _object: object, ring, source, filter, drops })
}

/// The contents of a file, if it is a regular file of a plausible size.
fn read(file: &Path) -> Result<Vec<u8>, Error> {
    let unfit = |why: String| {
        let hint = "`file` of [object] is the path of what `clang -target bpf -g -O2 -c` makes";
        Error::usage(format!("the object {}: {why}", escape::path(file)), hint)
    };
    let failed = |error: std::io::Error| unfit(error.to_string());
    // Opening a FIFO would wait for its writer (open(2)).
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

/// Its type information. An object without it is loaded too.
fn types_of(bytes: &[u8]) -> Option<Btf<'_>> {
    Btf::from_raw("types", bytes).ok().flatten()
}

fn lacks(name: &str, what: &str, wanted: &str, all: &[String]) -> Error {
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let hint = if all.is_empty() { format!("it has no {what} at all") } else { near_or_all(wanted, &all) };
    Error::usage(format!("{name} has no {what} `{}`", escape::line(wanted)), escape::lines(&hint).into_owned())
}

/// Checks that the mapping's maps exist, and that their types are supported.
fn maps(name: &str, mapping: &toml::TracerObject, open: &OpenObject) -> Result<BufferKind, Error> {
    let all: Vec<String> = open.maps().map(|map| map.name().to_string_lossy().into_owned()).collect();
    let kind = |wanted: &str| {
        let map = open.maps().find(|map| map.name() == wanted).ok_or_else(|| lacks(name, "map", wanted, &all))?;
        Ok::<_, Error>((map.map_type(), map.key_size(), map.value_size()))
    };
    if let Some(large) = open.maps().find(|map| size(map) > LARGEST_MAP) {
        let map = large.name().to_string_lossy().into_owned();
        let sentence = format!("{name} has the map `{}` with more than 1 GiB", escape::line(&map));
        return Err(Error::cannot_trace(sentence, "`max_entries` says how many elements it has"));
    }
    if let Some(filter) = &mapping.filter {
        let (kind, key, _) = kind(filter)?;
        if !matches!(kind, MapType::Hash | MapType::LruHash) || key != 4 {
            let sentence = format!("the map `{filter}` of {name} is no hash map with keys of 4 bytes");
            return Err(Error::usage(sentence, "`filter` names a hash map whose keys are the processes to watch"));
        }
    }
    if let Some(drops) = &mapping.drops {
        let (kind, _, value) = kind(drops)?;
        let counts = [MapType::Array, MapType::PercpuArray, MapType::Hash, MapType::PercpuHash];
        if !counts.contains(&kind) || !matches!(value, 4 | 8) {
            let sentence = format!("the map `{drops}` of {name} is no array or hash of counts with 4 or 8 bytes");
            return Err(Error::usage(sentence, "`drops` names a map whose values are how many records it lost"));
        }
    }
    match kind(&mapping.ring)?.0 {
        MapType::RingBuf => Ok(BufferKind::Ring),
        MapType::PerfEventArray => Ok(BufferKind::Perf),
        other => Err(Error::usage(
            format!("the map `{}` of {name} is a {other:?}", mapping.ring),
            "`ring` names a BPF_MAP_TYPE_RINGBUF or a BPF_MAP_TYPE_PERF_EVENT_ARRAY",
        )),
    }
}

/// Sets the number of a map's elements.
fn resize(name: &str, open: &mut OpenObject, map: &str, entries: u32) -> Result<(), Error> {
    let all: Vec<String> = open.maps().map(|map| map.name().to_string_lossy().into_owned()).collect();
    let mut found = open.maps_mut().filter(|found| found.name() == map);
    let mut found = found.next().ok_or_else(|| lacks(name, "map", map, &all))?;
    let failed = |error| refused(&format!("the map `{map}` of {name} cannot have {entries} elements"), &error);
    found.set_max_entries(entries).map_err(failed)
}

/// The least memory that a map takes, in bytes. A ring's entries are bytes.
fn size(map: &libbpf_rs::OpenMap<'_>) -> u64 {
    let each = u64::from(map.key_size()) + u64::from(map.value_size());
    u64::from(map.max_entries()).saturating_mul(each.max(1))
}

/// Sets the value of a variable.
fn set(
    name: &str,
    open: &mut OpenObject,
    variables: &[(String, Variable)],
    wanted: &str,
    value: i64,
) -> Result<(), Error> {
    let Some((_, found)) = variables.iter().find(|(variable, _)| variable == wanted) else {
        let all: Vec<String> = variables.iter().map(|(variable, _)| variable.clone()).collect();
        return Err(lacks(name, "variable", wanted, &all));
    };
    let bytes = value.to_le_bytes();
    let cut = bytes.get(..found.size).filter(|_| [1, 2, 4, 8].contains(&found.size));
    let cut = cut.filter(|cut| fits(value, cut.len())).ok_or_else(|| {
        let sentence = format!("the variable `{wanted}` of {name} has {} bytes, and cannot be {value}", found.size);
        Error::usage(sentence, "`rodata` sets variables that are numbers")
    })?;
    let mut maps = open.maps_mut().filter(|map| map.name().to_string_lossy().ends_with(&found.section));
    let mut map = maps.next();
    let place = map.as_mut().and_then(|map| map.initial_value_mut()?.get_mut(found.offset..found.offset + cut.len()));
    let Some(place) = place else {
        let sentence = format!("the variable `{wanted}` of {name} has no place in {}", found.section);
        return Err(Error::usage(sentence, "declare it as in `const volatile int PID_FILTER = 0;`"));
    };
    place.copy_from_slice(cut);
    Ok(())
}

/// Whether a number fits into this many bytes, signed or unsigned.
fn fits(value: i64, size: usize) -> bool {
    let bits = 8 * size as u32;
    bits == 64 || (-(1_i64 << (bits - 1))..1_i64 << bits).contains(&value)
}

/// The programs that are named, or all programs. Each pattern must match at least one.
fn chosen(name: &str, patterns: &[String], open: &OpenObject) -> Result<BTreeSet<String>, Error> {
    let all: Vec<String> = open.progs().map(|program| program.name().to_string_lossy().into_owned()).collect();
    if patterns.is_empty() {
        return Ok(all.into_iter().collect());
    }
    let mut chosen = BTreeSet::new();
    for pattern in patterns {
        let before = all.iter().filter(|program| is_like(pattern.as_bytes(), program.as_bytes()));
        let found: Vec<String> = before.cloned().collect();
        if found.is_empty() {
            return Err(lacks(name, "program", pattern, &all));
        }
        chosen.extend(found);
    }
    Ok(chosen)
}

/// Whether a name matches a pattern, in which `*` is any text.
pub(super) fn is_like(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut of, mut star) = (0, 0, None);
    while of < name.len() {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at, of));
            at += 1;
        } else if pattern.get(at) == Some(&name[of]) {
            (at, of) = (at + 1, of + 1);
        } else if let Some((after, taken)) = star {
            star = Some((after, taken + 1));
            (at, of) = (after + 1, taken + 1);
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|&byte| byte == b'*')
}

fn handle(name: &str, object: &Object, map: &str) -> Result<MapHandle, Error> {
    let failed = |error: &dyn Refusal| refused(&format!("the map `{map}` of {name} could not be opened"), error);
    let found = object.maps().find(|found| found.name() == map);
    let found = found.ok_or_else(|| failed(&Errno::ENOENT))?;
    MapHandle::try_from(&found).map_err(|error| failed(&error))
}

fn attach(name: &str, object: &Object, chosen: &BTreeSet<String>) -> Result<Vec<Link>, Error> {
    let mut links = Vec::new();
    for program in object.progs_mut().filter(|program| chosen.contains(&*program.name().to_string_lossy())) {
        let link = program.attach().map_err(|error| {
            let program_name = program.name().to_string_lossy().into_owned();
            let section = program.section().to_string_lossy().into_owned();
            let step = format!("the program {program_name} of {name}, SEC(\"{section}\"), could not be attached");
            let step = escape::line(&step).into_owned();
            match cause(&error) {
                Some((words, hint)) => Error::cannot_trace(format!("{step}: {words}"), hint),
                None => Error::cannot_trace(
                    format!("{step}: {}", error.words()),
                    "`ls /sys/kernel/tracing/events` has the tracepoints (`mount -t tracefs nodev /sys/kernel/tracing`)",
                ),
            }
        })?;
        links.push(link);
    }
    Ok(links)
}

fn not_opened(name: &str, error: &libbpf_rs::Error) -> Error {
    let said = last_lines(&libbpf_log::since());
    let error = match cause(error) {
        Some((words, hint)) => Error::cannot_trace(format!("{name} could not be opened: {words}"), hint),
        None => Error::usage(
            format!("{name} is no BPF object: {}", error.words()),
            "`clang -target bpf -g -O2 -c` makes one; `llvm-readelf -S` shows its sections",
        ),
    };
    with_last(error, said)
}

/// What was missing, as far as the errno shows.
fn cause(error: &libbpf_rs::Error) -> Option<(String, &'static str)> {
    let (words, hint) = crate::watch::tracer::cause(error)?;
    let is_memory = error.errno() == Some(Errno::ENOMEM);
    let of_maps =
        "`entries` of [object] makes maps smaller; `ulimit -l` and a cgroup's memory.max say what there may be";
    Some((words, if is_memory { of_maps } else { hint }))
}

/// The error when the kernel refuses the object: the end of its log, and what it means.
fn not_loaded(name: &str, error: &libbpf_rs::Error) -> Error {
    let said = libbpf_log::since();
    let by_verifier = said.contains("BEGIN PROG LOAD LOG");
    let known = cause(error).filter(|_| !by_verifier || !matches!(error.errno(), Some(Errno::EACCES | Errno::EPERM)));
    let error = match known {
        Some((words, hint)) => Error::cannot_trace(format!("{name} could not be loaded: {words}"), hint),
        None if by_verifier => Error::cannot_trace(
            format!("the kernel's verifier refused {name}; its last lines:"),
            "`attach` may name the programs that this kernel takes; the others are not loaded",
        ),
        None => Error::cannot_trace(
            format!("{name} could not be loaded: {}", error.words()),
            "`cat /sys/kernel/security/lockdown` must not say [confidentiality], and the kernel needs CONFIG_BPF_SYSCALL",
        ),
    };
    with_last(error, last_lines(&said))
}

fn with_last(error: Error, said: String) -> Error {
    if said.is_empty() { error } else { error.with_details(format!("    {said}")) }
}

fn last_lines(said: &str) -> String {
    let lines: Vec<&str> = said.lines().filter(|line| !line.contains("PROG LOAD LOG")).collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].join("\n    ")
}
