//! The loaded programs of an object.
//!
//! libbpf loads one after the other, and most of the time goes into the kernel's verifier. It works for several threads at a time, so
//! here each program is loaded by whichever thread is free.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::iter::once;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::ptr::null;
use std::slice::from_raw_parts;
use std::sync::Mutex;
use std::thread::Builder;

use libbpf_rs::libbpf_sys::{self, bpf_func_info, bpf_insn, bpf_line_info, bpf_prog_load_opts};
use libbpf_rs::{AsRawLibbpf, Link, Object, OpenObject, OpenProgramMut, ProgramMut};

use super::refusal::done;

/// A loaded program.
pub struct LoadedProgram {
    /// Its name in the object.
    pub name: String,
    /// The program itself.
    pub fd: OwnedFd,
    /// Whether libbpf does not know that it is loaded.
    is_own: bool,
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
            Ok(Self { name, fd, is_own: false })
        };
        loaded.map(program).collect()
    }

    /// Attaches the program to the tracepoint that its section names.
    pub fn attach(&self, object: &Object) -> Result<Attachment, libbpf_rs::Error> {
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

    /// Attaches a program that any raw tracepoint may run.
    pub fn attach_to(&self, tracepoint: &str) -> Result<Attachment, libbpf_rs::Error> {
        let name = CString::new(tracepoint).map_err(|_| libbpf_rs::Error::from_raw_os_error(libc::EINVAL))?;
        // SAFETY: the name lives during the call.
        owned(unsafe { libbpf_sys::bpf_raw_tracepoint_open(name.as_ptr(), self.fd.as_raw_fd()) }).map(Attachment::Own)
    }
}

/// A new descriptor, or the negative errno.
fn owned(fd: i32) -> Result<OwnedFd, libbpf_rs::Error> {
    let fd = done(fd).map_err(|errno| libbpf_rs::Error::from_raw_os_error(errno as i32))?;
    // SAFETY: the kernel has just given this descriptor to us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A program as the kernel is given it.
struct ReadyProgram<'o> {
    name: CString,
    kind: u32,
    attach: (u32, u32),
    instructions: &'o [bpf_insn],
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
    let mut programs = wanted.map(|program| one_ready(&program, tracepoints, types)).collect::<Result<Vec<_>, _>>()?;
    programs.sort_by_key(|program| program.instructions.len());
    Ok(programs)
}

fn one_ready<'o>(
    program: &OpenProgramMut<'o>,
    tracepoints: &[(&str, u32)],
    types: u32,
) -> Result<ReadyProgram<'o>, libbpf_rs::Error> {
    let unknown = || libbpf_rs::Error::from_raw_os_error(libc::ENOENT);
    let section = program.section().to_string_lossy();
    let attach = match section.strip_prefix("tp_btf/") {
        Some(name) => {
            let (_, id) = tracepoints.iter().find(|(known, _)| *known == name).ok_or_else(unknown)?;
            (libbpf_sys::BPF_TRACE_RAW_TP, *id)
        }
        None => (0, 0),
    };
    let raw = program.as_libbpf_object().as_ptr();
    // SAFETY: libbpf keeps both arrays as long as the object, and says how long they are.
    let (functions, lines) = unsafe {
        let functions = (libbpf_sys::bpf_program__func_info(raw), libbpf_sys::bpf_program__func_info_cnt(raw) as usize);
        let lines = (libbpf_sys::bpf_program__line_info(raw), libbpf_sys::bpf_program__line_info_cnt(raw) as usize);
        if functions.0.is_null() || lines.0.is_null() {
            return Err(unknown());
        }
        (from_raw_parts(functions.0, functions.1), from_raw_parts(lines.0, lines.1))
    };
    let name = CString::new(program.name().as_bytes()).map_err(|_| unknown())?;
    let kind = program.prog_type() as u32;
    Ok(ReadyProgram { name, kind, attach, instructions: program.insns(), functions, lines, types })
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
        Ok(LoadedProgram { name: self.name.to_string_lossy().into_owned(), fd: owned(fd)?, is_own: true })
    }
}
