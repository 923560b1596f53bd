//! The loaded programs of an object.
//!
//! libbpf loads one after the other, and most of the time goes into the kernel's verifier. It works for several threads at a time, so
//! here each program is loaded by whichever thread is free.
#![allow(unsafe_code)]

use std::borrow::Cow;
use std::ffi::{CStr, CString, OsStr};
use std::iter::once;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::ptr::null;
use std::slice::from_raw_parts;
use std::sync::Mutex;
use std::thread::Builder;

use libbpf_rs::libbpf_sys::{self, bpf_func_info, bpf_insn, bpf_line_info, bpf_prog_load_opts, bpf_program};
use libbpf_rs::{AsRawLibbpf, Link, Object, OpenObject, OpenProgramMut, ProgramMut, ProgramType};

use super::perf::{self, owned};
use super::refusal::done;

/// A loaded program.
pub struct LoadedProgram {
    /// Its name in the object.
    pub name: String,
    /// The program itself.
    pub fd: OwnedFd,
    /// Whether libbpf does not know that it is loaded.
    is_own: bool,
    /// The tracepoint of system calls at which a perf event is to run it.
    event: Option<&'static str>,
}

/// What keeps a program attached.
pub enum Attachment {
    /// By libbpf.
    Link(#[expect(dead_code, reason = "it is kept")] Link),
    /// By a link of the kernel.
    Own(#[expect(dead_code, reason = "it is kept")] OwnedFd),
}

impl LoadedProgram {
    /// The programs that libbpf has loaded.
    pub fn of(object: &Object) -> std::io::Result<Vec<Self>> {
        let loaded = object.progs_mut().filter(|program| program.as_fd().as_raw_fd() >= 0);
        let program = |program: ProgramMut<'_>| {
            let (name, fd) = (program.name().to_string_lossy().into_owned(), program.as_fd().try_clone_to_owned()?);
            Ok(Self { name, fd, is_own: false, event: None })
        };
        loaded.map(program).collect()
    }

    /// Attaches the program to the tracepoint that its section names.
    pub fn attach(&self, object: &Object) -> Result<Attachment, libbpf_rs::Error> {
        if let Some(tracepoint) = self.event {
            return self.attach_to_event(tracepoint).map(Attachment::Own);
        }
        if self.is_own {
            return self.attach_to_type().map(Attachment::Own);
        }
        let known = object.progs_mut().find(|program| program.name() == self.name.as_str());
        known.ok_or(libbpf_rs::Error::from_raw_os_error(libc::ENOENT))?.attach().map(Attachment::Link)
    }

    /// It is loaded for one tracepoint (`attach_btf_id` in bpf(2)).
    fn attach_to_type(&self) -> Result<OwnedFd, libbpf_rs::Error> {
        // SAFETY: no options are given.
        owned(unsafe { libbpf_sys::bpf_link_create(self.fd.as_raw_fd(), 0, libbpf_sys::BPF_TRACE_RAW_TP, null()) })
    }

    /// A perf event runs the program whenever its tracepoint is passed, on whatever CPU. The link keeps the event.
    fn attach_to_event(&self, tracepoint: &str) -> Result<OwnedFd, libbpf_rs::Error> {
        let event = perf::event(tracepoint)?;
        let (program, at) = (self.fd.as_raw_fd(), event.as_raw_fd());
        // SAFETY: no options are given.
        let link = owned(unsafe { libbpf_sys::bpf_link_create(program, at, libbpf_sys::BPF_PERF_EVENT, null()) })?;
        perf::enable(&event).map(|()| link)
    }

    /// Whether a perf event is to run it.
    pub fn is_of_event(&self) -> bool {
        self.event.is_some()
    }

    /// Attaches a program that any raw tracepoint may run.
    pub fn attach_to(&self, tracepoint: &str) -> Result<Attachment, libbpf_rs::Error> {
        let name = CString::new(tracepoint).map_err(|_| libbpf_rs::Error::from_raw_os_error(libc::EINVAL))?;
        // SAFETY: the name lives during the call.
        owned(unsafe { libbpf_sys::bpf_raw_tracepoint_open(name.as_ptr(), self.fd.as_raw_fd()) }).map(Attachment::Own)
    }
}

/// A program as the kernel is given it.
struct ReadyProgram<'o> {
    name: CString,
    kind: u32,
    attach: (u32, u32),
    instructions: Cow<'o, [bpf_insn]>,
    functions: &'o [bpf_func_info],
    lines: &'o [bpf_line_info],
    types: u32,
}

/// Loads the programs of an object, several at a time, and then lets libbpf do the rest. `tracepoints` has the type ids of the
/// kernel's tracepoints.
pub fn load_beside(
    mut open: OpenObject,
    tracepoints: &[(&str, u32)],
) -> Result<(Object, Vec<LoadedProgram>), libbpf_rs::Error> {
    // SAFETY: the object is open, and nobody else has it.
    let prepared = unsafe { libbpf_sys::bpf_object__prepare(open.as_libbpf_object().as_ptr()) };
    done(prepared).map_err(|errno| libbpf_rs::Error::from_raw_os_error(errno as i32))?;
    let mut loaded = load_all(ready(&mut open, tracepoints)?)?;
    loaded.sort_by_key(|loaded| open.progs().position(|program| program.name() == loaded.name.as_str()));
    open.progs_mut().for_each(|mut program| program.set_autoload(false));
    open.load().map(|object| (object, loaded))
}

/// The programs, those with the most instructions first.
fn ready<'o>(open: &'o mut OpenObject, tracepoints: &[(&str, u32)]) -> Result<Vec<ReadyProgram<'o>>, libbpf_rs::Error> {
    // SAFETY: the object is prepared: it has its types in the kernel.
    let types = unsafe { libbpf_sys::bpf_object__btf_fd(open.as_libbpf_object().as_ptr()) };
    let types = u32::try_from(types).map_err(|_| libbpf_rs::Error::from_raw_os_error(libc::ENOENT))?;
    let wanted = open.progs_mut().filter(|program| program.autoload());
    let ready = |program: OpenProgramMut<'o>| {
        let (name, section, kind, instructions) =
            (program.name(), program.section(), program.prog_type(), program.insns());
        let known = KnownProgram { name, section, kind, instructions };
        one_ready(&known, program.as_libbpf_object().as_ptr(), tracepoints, types)
    };
    let mut programs = wanted.map(ready).collect::<Result<Vec<_>, _>>()?;
    programs.sort_by_key(|program| program.instructions.len());
    Ok(programs)
}

/// Loads programs of a loaded object once more, some of them for perf events of tracepoints, and all with other settings: in place
/// of the first map, their instructions have the second.
pub fn load_again(
    object: &Object,
    wanted: &[(&str, Option<&'static str>)],
    settings: [BorrowedFd<'_>; 2],
) -> Result<Vec<LoadedProgram>, libbpf_rs::Error> {
    // SAFETY: the object is loaded: it has its types in the kernel.
    let types = unsafe { libbpf_sys::bpf_object__btf_fd(object.as_libbpf_object().as_ptr()) };
    let types = u32::try_from(types).map_err(|_| libbpf_rs::Error::from_raw_os_error(libc::ENOENT))?;
    let known = object.progs_mut().filter(|program| wanted.iter().any(|(name, _)| program.name() == *name));
    let settings = settings.map(|fd| fd.as_raw_fd());
    let event = |of: &OsStr| wanted.iter().find(|(name, _)| of == *name).and_then(|(_, tracepoint)| *tracepoint);
    let ready = known.map(|program| ready_again(&program, event(program.name()).is_some(), types, settings));
    let mut loaded = load_all(ready.collect::<Result<Vec<_>, _>>()?)?;
    for program in &mut loaded {
        program.event = event(OsStr::new(&program.name));
    }
    Ok(loaded)
}

fn ready_again<'o>(
    program: &ProgramMut<'o>,
    is_of_event: bool,
    types: u32,
    [first, second]: [i32; 2],
) -> Result<ReadyProgram<'o>, libbpf_rs::Error> {
    // No section that names a type of the kernel: such programs are not loaded again.
    let (name, section) = (program.name(), OsStr::new(""));
    let kind = if is_of_event { ProgramType::Tracepoint } else { program.prog_type() };
    let known = KnownProgram { name, section, kind, instructions: program.insns() };
    let mut ready = one_ready(&known, program.as_libbpf_object().as_ptr(), &[], types)?;
    let of_first = |instruction: &&mut bpf_insn| {
        let is_map_value = instruction.code == LOAD_WIDE && instruction.src_reg() == MAP_VALUE;
        is_map_value && instruction.imm == first
    };
    ready.instructions.to_mut().iter_mut().filter(of_first).for_each(|instruction| instruction.imm = second);
    Ok(ready)
}

/// BPF_LD | BPF_IMM | BPF_DW (include/uapi/linux/bpf.h).
const LOAD_WIDE: u8 = 0x18;
/// BPF_PSEUDO_MAP_VALUE: the constant is the descriptor of a map, and the address is in its value.
const MAP_VALUE: u8 = 2;

/// What libbpf says of a program.
struct KnownProgram<'o> {
    name: &'o OsStr,
    section: &'o OsStr,
    kind: ProgramType,
    instructions: &'o [bpf_insn],
}

fn one_ready<'o>(
    program: &KnownProgram<'o>,
    raw: *mut bpf_program,
    tracepoints: &[(&str, u32)],
    types: u32,
) -> Result<ReadyProgram<'o>, libbpf_rs::Error> {
    let unknown = || libbpf_rs::Error::from_raw_os_error(libc::ENOENT);
    let section = program.section.to_string_lossy();
    let attach = match section.strip_prefix("tp_btf/") {
        Some(name) => {
            let (_, id) = tracepoints.iter().find(|(known, _)| *known == name).ok_or_else(unknown)?;
            (libbpf_sys::BPF_TRACE_RAW_TP, *id)
        }
        None => (0, 0),
    };
    // SAFETY: libbpf keeps both arrays as long as the object, and says how long they are.
    let (functions, lines) = unsafe {
        let functions = (libbpf_sys::bpf_program__func_info(raw), libbpf_sys::bpf_program__func_info_cnt(raw) as usize);
        let lines = (libbpf_sys::bpf_program__line_info(raw), libbpf_sys::bpf_program__line_info_cnt(raw) as usize);
        if functions.0.is_null() || lines.0.is_null() {
            return Err(unknown());
        }
        (from_raw_parts(functions.0, functions.1), from_raw_parts(lines.0, lines.1))
    };
    let name = CString::new(program.name.as_bytes()).map_err(|_| unknown())?;
    let (kind, instructions) = (program.kind as u32, Cow::Borrowed(program.instructions));
    Ok(ReadyProgram { name, kind, attach, instructions, functions, lines, types })
}

/// Loads them, with as many threads as there are CPUs, or as many as the system allows.
fn load_all(left: Vec<ReadyProgram<'_>>) -> Result<Vec<LoadedProgram>, libbpf_rs::Error> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(left.len());
    let left = Mutex::new(left);
    let next = || left.lock().unwrap_or_else(|held| held.into_inner()).pop();
    let work = || std::iter::from_fn(next).map(|program| program.load()).collect::<Result<Vec<_>, _>>();
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map_while(|_| Builder::new().spawn_scoped(scope, work).ok()).collect();
        let mine = work();
        let theirs =
            others.into_iter().map(|other| other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        Ok(once(mine).chain(theirs).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    })
}

impl ReadyProgram<'_> {
    fn load(&self) -> Result<LoadedProgram, libbpf_rs::Error> {
        /// As the object says; the kernel's helpers ask for it.
        const LICENSE: &CStr = c"Dual BSD/GPL";
        let (expected_attach_type, attach_btf_id) = self.attach;
        let mut options = bpf_prog_load_opts {
            sz: size_of::<bpf_prog_load_opts>() as u64,
            expected_attach_type,
            attach_btf_id,
            prog_btf_fd: self.types,
            func_info: self.functions.as_ptr().cast(),
            func_info_cnt: self.functions.len() as u32,
            func_info_rec_size: size_of::<bpf_func_info>() as u32,
            line_info: self.lines.as_ptr().cast(),
            line_info_cnt: self.lines.len() as u32,
            line_info_rec_size: size_of::<bpf_line_info>() as u32,
            ..bpf_prog_load_opts::default()
        };
        // SAFETY: all arrays live during the call and have the lengths that are given.
        let fd = unsafe {
            let (first, count) = (self.instructions.as_ptr(), self.instructions.len() as u64);
            libbpf_sys::bpf_prog_load(self.kind, self.name.as_ptr(), LICENSE.as_ptr(), first, count, &raw mut options)
        };
        Ok(LoadedProgram { name: self.name.to_string_lossy().into_owned(), fd: owned(fd)?, is_own: true, event: None })
    }
}
