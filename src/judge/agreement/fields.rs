//! Finds the parts in which two observations of one call differ, except the names of files.

use super::sights::Asked;
use super::tables::Tables;
use super::{Mismatch, permitted};
use crate::table::syscalls::{Ret, Syscall};
use crate::trace::call::{Call, Identity, Outcome, Text};
use crate::trace::show;
use crate::trace::testimony::Seen;

/// A call as BPF and the witness saw it, and the differences found so far.
pub(super) struct Fields<'a> {
    bpf: &'a Call,
    seen: &'a Seen,
    tables: &'a Tables<'a>,
    found: Vec<Mismatch>,
}

impl<'a> Fields<'a> {
    /// All that differs.
    pub(super) fn of(bpf: &'a Call, seen: &'a Seen, tables: &'a Tables<'a>) -> Vec<Mismatch> {
        let mut fields = Self { bpf, seen, tables, found: Vec::new() };
        fields.registers();
        let Some(row) = bpf.syscall() else { return fields.found };
        fields.paths(row);
        fields.descriptors(row);
        // A thread that was killed on its way out no longer shows what the call did.
        if seen.call.outcome != Outcome::Unfinished {
            fields.made(row);
            fields.block(row);
        }
        fields.found
    }

    fn differ<T>(&mut self, what: impl FnOnce() -> String, [bpf, ptrace]: [&T; 2], shown: impl Fn(&T) -> String) {
        self.found.push(Mismatch::new(what(), shown(bpf), shown(ptrace)));
    }

    /// The thread that made the call, its arguments, and its result.
    fn registers(&mut self) {
        let (bpf, ptrace) = (self.bpf, &self.seen.call);
        if bpf.pid != ptrace.pid {
            self.differ(|| "process".to_owned(), [&bpf.pid, &ptrace.pid], u32::to_string);
        }
        for (at, (one, other)) in bpf.args.iter().zip(&ptrace.args).enumerate().filter(|(_, (one, other))| one != other)
        {
            let arg = bpf.syscall().and_then(|row| row.args.get(at));
            let name = arg.map_or(String::new(), |arg| format!(" ({})", arg.name));
            self.differ(|| format!("argument {}{name}", at + 1), [one, other], |value| format!("{value:#x}"));
        }
        if bpf.outcome != ptrace.outcome && !permitted::may_end_otherwise(bpf, self.seen) {
            self.differ(|| "result".to_owned(), [&bpf.outcome, &ptrace.outcome], |&it| outcome(it));
        }
    }

    fn paths(&mut self, row: &Syscall) {
        for (place, at) in row.path_args().enumerate() {
            let (one, other) = (&self.bpf.texts[place], &self.seen.call.texts[place]);
            if one != other && !permitted::may_read_otherwise(self.bpf, self.seen, place) {
                let shown = |text: &Text| show::text(self.seen.call.args[at], text);
                self.differ(|| row.args[at].name.to_owned(), [one, other], shown);
            }
        }
    }

    /// The block that a pointer points at.
    fn block(&mut self, row: &Syscall) {
        let Some((at, _)) = row.peek else { return };
        let (one, other) = (&self.bpf.peek, &self.seen.call.peek);
        if one != other && !permitted::may_read_otherwise(self.bpf, self.seen, 2) {
            self.differ(|| row.args[at].name.to_owned(), [one, other], |block| format!("{block:02x?}"));
        }
    }

    fn descriptors(&mut self, row: &Syscall) {
        for place in 0..self.bpf.fds.len() {
            let link = self.seen.names.links[place].as_ref();
            let both = [self.bpf.fds[place], self.seen.call.fds[place]];
            self.file(|| identified(row, place), both, link, Asked::Descriptor(place));
        }
    }

    /// The open file of the descriptor that the call returned.
    fn made(&mut self, row: &Syscall) {
        if matches!(row.ret_for(&self.seen.call.args), Ret::Fd) {
            let link = self.seen.names.made_link.as_ref();
            let both = [self.bpf.made, self.seen.call.made];
            self.file(|| "file behind the result".to_owned(), both, link, Asked::Made);
        }
    }

    fn file(
        &mut self,
        what: impl FnOnce() -> String,
        [bpf, ptrace]: [Option<Identity>; 2],
        link: Option<&Vec<u8>>,
        asked: Asked,
    ) {
        let bpf = bpf.map(permitted::comparable);
        let same = permitted::same(bpf, ptrace)
            || permitted::cannot_be_asked(link, ptrace)
            || permitted::is_replaced(self.tables, self.seen, asked);
        if !same {
            self.differ(what, [&bpf, &ptrace], |&it| identity(it));
        }
    }
}

/// A name for this place in [`fds`](crate::trace::call::Deed::fds).
fn identified(row: &Syscall, place: usize) -> String {
    match (row.makes_pair(), place) {
        (true, 0) => "file behind the first of the pair".to_owned(),
        (true, _) => "file behind the second of the pair".to_owned(),
        (false, _) => format!(
            "file behind {}",
            row.fd_args().chain(row.replaces()).nth(place).map_or("no argument", |at| row.args[at].name)
        ),
    }
}

fn outcome(outcome: Outcome) -> String {
    match outcome {
        Outcome::Returned(value) => value.to_string(),
        Outcome::Unfinished => "none".to_owned(),
    }
}

fn identity(identity: Option<Identity>) -> String {
    let Some(Identity { device, inode, magic, mode, flags, cloexec }) = identity else { return "not open".to_owned() };
    let cloexec = if cloexec { ", close-on-exec" } else { "" };
    let (major, minor) = (device >> 20, device & 0xf_ffff);
    format!("inode {inode} of {major}:{minor} ({magic:#x}), mode {mode:o}, flags {flags:o}{cloexec}")
}
