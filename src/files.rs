//! Which file a descriptor is, of what kind and with which flags: followed through the calls, and checked against what the
//! kernel says.
//!
//! No I/O: takes decoded calls and fills in [`Files`]. The descriptor table belongs to the process: its threads share it, and
//! their calls overlap. Somewhere between its enter and its exit a call does its work, so what closes a number counts from
//! the enter on and what makes one from the exit on: a number that one thread closes is free before its close has returned,
//! and another thread that gets it has it for certain only when its own call returns. In between, a flag that is being
//! changed is not known. A failed call changes nothing, with the one exception that close(2) documents. Where the kernel's
//! identity contradicts a followed name, the name is dropped: it is right or absent, never wrong. Where it contradicts a
//! kind or a flag, its own holds from there on. A file whose name was removed keeps it as it was last.

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;
use std::rc::Rc;

use crate::syscalls::{Peek, Ret, Role, Syscall};
use crate::trace::{Call, Files, Identity, Text};

mod name;
mod open;
mod promise;

use name::{Change, Name, inside};
use open::{Open, StatusChange, cloexec_set};
use promise::Promise;

/// A process: its working directory and its descriptors.
#[derive(Clone, Debug)]
struct Process {
    /// `None` after fchdir(2) to a directory that is not known.
    cwd: Option<Name>,
    open: BTreeMap<i32, Open>,
}

/// What a process has when it is at the gate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AtGate {
    /// Its working directory: an absolute path.
    pub cwd: Vec<u8>,
    /// The workspace, whose files are named relative to it. Without one all names are absolute.
    pub workspace: Option<Vec<u8>>,
    /// Its open files that have a path, by the descriptor.
    pub open: Vec<(i32, Vec<u8>)>,
}

impl AtGate {
    /// Nothing but the workspace.
    pub fn in_workspace(workspace: &[u8]) -> Self {
        Self { cwd: workspace.to_vec(), workspace: Some(workspace.to_vec()), open: Vec::new() }
    }

    fn shown(&self, name: &Name) -> Vec<u8> {
        self.workspace.as_ref().map_or_else(|| name.path.clone(), |workspace| inside(workspace, &name.path))
    }
}

/// Names the files of these calls, which stand in the order in which they were entered. `gate` is what the process had
/// when the first of them was.
pub fn follow(calls: &mut [Call], gate: AtGate) {
    let mut follower = Follower::new(gate);
    let mut entered: Vec<usize> = (0..calls.len()).collect();
    // Nearly sorted already: two threads number their calls in one order and read the clock in the other, by nanoseconds.
    entered.sort_by_key(|&at| calls[at].enter_ns);
    // By the time at which they are left.
    let mut in_flight: BTreeMap<(u64, usize), InCall> = BTreeMap::new();
    // The call that a thread is in. It may have requests of io_uring under way besides.
    let mut of_thread: HashMap<u32, (u64, usize)> = HashMap::new();
    for at in entered {
        let (now, tid, is_request) = (calls[at].enter_ns, calls[at].tid, calls[at].request.is_some());
        while let Some(first) = in_flight.first_entry().filter(|first| first.key().0 <= now) {
            let ((_, left), in_call) = first.remove_entry();
            follower.leave(&mut calls[left], in_call);
        }
        // The clock of BPF may step back by nanoseconds (ktime_get_mono_fast_ns()); a thread has left one call when it
        // enters the next.
        let before = if is_request { None } else { of_thread.remove(&tid) };
        if let Some((key, in_call)) = before.and_then(|key| in_flight.remove_entry(&key)) {
            follower.leave(&mut calls[key.1], in_call);
        }
        let Some(entered) = follower.enter(&mut calls[at]) else { continue };
        let key = (calls[at].exit_ns(), at);
        in_flight.insert(key, entered);
        if !is_request {
            of_thread.insert(tid, key);
        }
    }
    in_flight.into_iter().for_each(|((_, at), in_call)| follower.leave(&mut calls[at], in_call));
}

/// Follows the descriptors of the processes of one trace.
#[derive(Debug)]
pub struct Follower {
    gate: AtGate,
    processes: HashMap<u32, Process>,
    /// `struct file_handle`s that name_to_handle_at returned, with the name of the file that each was taken of.
    handles: HashMap<Vec<u8>, Name>,
}

/// What is known of a call at its enter and needed at its exit.
struct InCall {
    row: &'static Syscall,
    named: [Option<Name>; 2],
    /// The status flags that it leaves, if it changes them.
    status: Option<u32>,
}

impl Follower {
    /// Begins at the gate.
    pub fn new(gate: AtGate) -> Self {
        Self { gate, processes: HashMap::new(), handles: HashMap::new() }
    }

    /// Names the files of a call that no other overlaps, and does to the tables what the call did to the descriptors.
    pub fn follow(&mut self, call: &mut Call) {
        if let Some(entered) = self.enter(call) {
            self.leave(call, entered);
        }
    }

    /// Names the files of a call as they are when it is entered, and closes what it closes.
    fn enter(&mut self, call: &mut Call) -> Option<InCall> {
        let row = call.syscall()?;
        let process = self.processes.entry(call.pid).or_insert_with(|| Process::at(&self.gate));
        call.files = Files::default();
        process.check(call, row);
        let mut named = process.name(call, row);
        if let (Some((_, Peek::HandleIn)), Some(handle)) = (row.peek, &call.peek) {
            named[0] = self.handles.get(handle).cloned();
        }
        let closed = process.close(call, row);
        // A fork copies the table (fork(2)), and the child may make calls before the fork has returned. A new thread is
        // entered too, under its tid, where nobody looks.
        if let ("fork" | "vfork" | "clone" | "clone3", Some(forked @ 1..)) = (row.like, call.success()) {
            let copy = process.clone();
            self.processes.insert(forked as u32, copy);
        }
        let status = self.unsettle(call, row);
        let shown = |name: &Name| self.gate.shown(name);
        call.files.path = text(call, row, "path").or_else(|| named[0].as_ref().map(shown));
        call.files.path2 = text(call, row, "path2").or_else(|| named[1].as_ref().map(shown));
        call.files.closes = self.shown(closed);
        Some(InCall { row, named, status })
    }

    /// Does to the tables what the call has done when it returns.
    fn leave(&mut self, call: &mut Call, InCall { row, named, status }: InCall) {
        if let (Some((_, Peek::HandleOut)), Some(handle), Some(name), Some(_)) =
            (row.peek, &call.peek, &named[0], call.success())
        {
            self.handles.insert(handle.clone(), name.clone());
        }
        let process = self.processes.entry(call.pid).or_insert_with(|| Process::at(&self.gate));
        let replaced = process.apply(call, row, &named);
        process.check_made(call, row);
        if let Some(open) = process.open.get(&(call.args[0] as i32)).filter(|_| status.is_some()) {
            open.status.set(status);
        }
        call.files.closes.extend(self.shown(replaced));
        if let Some(change) = Change::by(call, row, &named).filter(|change| !self.is_of_one_file(change)) {
            self.names().for_each(|name| change.apply(name));
        }
    }

    /// Files as a call says that it closed them.
    fn shown(&self, closed: Vec<(i32, Open)>) -> Vec<Vec<u8>> {
        let shown = |name: &Name| self.gate.shown(name);
        closed.into_iter().map(|(fd, open)| shown_as(fd, open.name.as_ref().map(shown))).collect()
    }

    /// A call that changes flags makes them unknown until it returns; what the status flags are then, if that can be said. It
    /// changes those of all descriptors of the open file. Which those are is known of what calls have made; a descriptor that
    /// came from elsewhere may be of the same one, so that of all other open files of that file nothing is known until the
    /// kernel says it.
    fn unsettle(&mut self, call: &Call, row: &Syscall) -> Option<u32> {
        let fd = call.args[0] as i32;
        let mut changed = self.processes.get_mut(&call.pid).and_then(|process| process.open.get_mut(&fd));
        if let (Some(open), Some(_)) = (&mut changed, cloexec_set(call, row)) {
            open.cloexec = None;
        }
        let set = StatusChange::by(call, row)?;
        let before = changed.and_then(|open| open.status.get());
        let is_changed = |open: &&Open| {
            let identity = open.identity.as_ref();
            identity.zip(call.fds[0].as_ref()).is_some_and(|(open, changed)| changed.same_file(open))
        };
        let all = self.processes.values().flat_map(|process| process.open.values());
        all.filter(is_changed).for_each(|open| open.status.set(None));
        before.and_then(|before| set.after(before))
    }

    /// From now on this process is known, and none of its files: which process forked it was not seen.
    pub fn stranger(&mut self, pid: u32) {
        self.processes.insert(pid, Process { cwd: None, open: BTreeMap::new() });
    }

    /// A process, or a thread that was entered as one, is gone: what was known of its files is dropped.
    pub fn forget(&mut self, pid: u32) {
        self.processes.remove(&pid);
    }

    /// All that is known of names: what changes them reaches the files of every process, working directories and handles.
    fn names(&mut self) -> impl Iterator<Item = &mut Name> {
        self.processes.values_mut().flat_map(Process::names).chain(self.handles.values_mut())
    }

    /// Whether it renames a file onto another name of the same file, which does nothing (rename(2)).
    fn is_of_one_file(&self, change: &Change) -> bool {
        let Change::Renamed { old, new, .. } = change else { return false };
        let identity = |path: &[u8]| {
            let mut open = self.processes.values().flat_map(|process| process.open.values());
            open.find(|open| open.name.as_ref().is_some_and(|name| name.path == path && !name.gone))?.identity
        };
        matches!((identity(old), identity(new)), (Some(old), Some(new)) if old.same_file(&new))
    }
}

impl Process {
    fn at(gate: &AtGate) -> Self {
        let open = |(fd, path): &(i32, Vec<u8>)| (*fd, Open { name: Some(Name::new(path)), ..Open::default() });
        Self { cwd: Some(Name::new(&gate.cwd)), open: gate.open.iter().map(open).collect() }
    }

    fn names(&mut self) -> impl Iterator<Item = &mut Name> {
        self.open.values_mut().filter_map(|open| open.name.as_mut()).chain(&mut self.cwd)
    }

    /// Drops the names that the kernel's identity contradicts, and says of which descriptors, of which kind they are, and
    /// where it says something else than the calls before.
    fn check(&mut self, call: &mut Call, row: &Syscall) {
        let is_registered: [bool; 6] = std::array::from_fn(|at| call.is_registered(at));
        let files = &mut call.files;
        for (at, (place, identity)) in row.fd_args().zip(call.fds.iter().enumerate()) {
            let fd = call.args[at] as i32;
            let Some(open) = self.open.get_mut(&fd).filter(|_| !is_registered[at]) else { continue };
            match (open.identity, identity) {
                (Some(known), Some(identity)) if !identity.same_file(&known) => files.contradicted.push(fd),
                (Some(_), None) => files.contradicted.push(fd),
                (_, Some(identity)) => {
                    files.disagreements.extend(open.settle(fd, identity));
                    files.kinds[place] = open.kind;
                }
                (None, None) => {}
            }
        }
        for fd in &files.contradicted {
            self.open.remove(fd);
        }
        for (kind, identity) in files.kinds.iter_mut().zip(&call.fds) {
            *kind = kind.or(identity.map(|identity| identity.kind()));
        }
    }

    /// The same of the descriptors that the call has made.
    fn check_made(&mut self, call: &mut Call, row: &Syscall) {
        let (result, pair) = (call.success(), pair(call, row));
        let files = &mut call.files;
        let mut settle = |fd: i32, identity: Option<&Identity>| {
            let (open, identity) = (self.open.get_mut(&fd)?, identity?);
            files.disagreements.extend(open.settle(fd, identity));
            open.kind
        };
        if let (Ret::Fd, Some(result)) = (row.ret_for(&call.args), result) {
            files.made = settle(result as i32, call.made.as_ref());
        }
        for (place, fd) in pair.into_iter().flatten().enumerate() {
            files.kinds[place] = settle(fd, call.fds[place].as_ref());
        }
    }

    /// The files that the call is about: of its paths, else of its descriptors.
    fn name(&self, call: &Call, row: &Syscall) -> [Option<Name>; 2] {
        ["path", "path2"].map(|key| match row.arg(key) {
            Some(at) => self.resolve(call, row, at),
            // mmap(2): an anonymous mapping is of no file, whatever its descriptor.
            None if row.like == "mmap" && call.args[3] as i32 & libc::MAP_ANONYMOUS != 0 => None,
            None => {
                let fd = row.descriptor_for(key).filter(|&at| !call.is_registered(at));
                fd.and_then(|at| self.name_of(call.args[at] as i32))
            }
        })
    }

    fn name_of(&self, fd: i32) -> Option<Name> {
        self.open.get(&fd).and_then(|open| open.name.clone())
    }

    /// A path argument: against the directory descriptor that stands before it, else the working directory. An empty path
    /// names the directory descriptor's own file (AT_EMPTY_PATH, openat(2)).
    fn resolve(&self, call: &Call, row: &Syscall, at: usize) -> Option<Name> {
        if matches!(row.args[at].role, Role::Text) {
            return None;
        }
        let dirfd = at.checked_sub(1).filter(|&before| matches!(row.args[before].role, Role::DirFd));
        let base = || match dirfd.map(|before| call.args[before] as i32) {
            None | Some(libc::AT_FDCWD) => self.cwd.clone(),
            Some(fd) => self.name_of(fd),
        };
        match call.text(at)? {
            // utimensat(2): no path is the directory descriptor's own file. Where a call wants a path, it fails (EFAULT).
            Text::Unreadable(_) if call.args[at] == 0 && call.success().is_some() => dirfd.and_then(|_| base()),
            Text::Unreadable(_) | Text::Read { cut: true, .. } => None,
            // The kernel's answer, of which there is none on failure; "(unreachable)/x" is no path (getcwd(2)).
            Text::Read { bytes, .. } if row.like == "getcwd" => {
                call.success().filter(|_| bytes.starts_with(b"/")).map(|_| Name::new(bytes))
            }
            Text::Read { bytes, .. } if bytes.starts_with(b"/") => Some(Name::new(bytes)),
            Text::Read { bytes, .. } => base().map(|base| base.join(bytes)),
        }
    }

    /// What the call closes; returns what of it is not its own descriptor.
    fn close(&mut self, call: &Call, row: &Syscall) -> Vec<(i32, Open)> {
        // close(2): "Linux kernel always releases the file descriptor early in the close operation", unless it was none.
        // A request can also fail before it closes anything: it is cancelled, or its entry is not as it must be.
        let not_begun = matches!(call.errno(), Some(libc::EBADF | libc::ECANCELED | libc::EINVAL));
        if row.like == "close" && !call.is_registered(0) && !not_begun {
            self.open.remove(&(call.args[0] as i32));
        }
        if row.like == "close_range" && call.success().is_some() { self.close_range(call) } else { Vec::new() }
    }

    /// What the call made of descriptors and the working directory; returns what a descriptor that it made replaced.
    fn apply(&mut self, call: &Call, row: &Syscall, named: &[Option<Name>; 2]) -> Vec<(i32, Open)> {
        let Some(result) = call.success() else { return Vec::new() };
        if let Ret::Fd = row.ret_for(&call.args) {
            let name = named[0].clone().filter(|_| row.returns_its_file() && !call.opens_unnamed());
            return self.opened(call, row, result as i32, name);
        }
        match row.like {
            "chdir" | "fchdir" => self.cwd = named[0].clone(),
            // What is not known to stay open has no name after it: that is better than a wrong one.
            "execve" | "execveat" => self.open.retain(|_, open| open.cloexec == Some(false)),
            "getcwd" if self.cwd.is_none() => self.cwd = named[0].clone(),
            _ => {}
        }
        if let Some(cloexec) = cloexec_set(call, row) {
            self.set_cloexec(call.args[0] as u32..=call.args[0] as u32, cloexec);
        }
        for (end, fd) in pair(call, row).into_iter().flatten().enumerate() {
            self.open.insert(fd, Open::made(None, call.fds[end], Promise::of(call, row, end)));
        }
        Vec::new()
    }

    fn opened(&mut self, call: &Call, row: &Syscall, fd: i32, name: Option<Name>) -> Vec<(i32, Open)> {
        // dup2 of a descriptor to itself does nothing (dup(2)), and signalfd of its own makes no other (signalfd(2)).
        if matches!(row.like, "dup2" | "signalfd" | "signalfd4") && call.args[0] as i32 == fd {
            return Vec::new();
        }
        let mut made = Open::made(name, call.made, Promise::of(call, row, 0));
        if let Some(same) = self.open.get(&(call.args[0] as i32)).filter(|_| row.duplicates()) {
            (made.kind, made.status) = (same.kind, Rc::clone(&same.status));
        }
        let before = self.open.insert(fd, made);
        // Any other call returns a number that was free: if one was known here, what closed it was not seen.
        before.filter(|_| matches!(row.like, "dup2" | "dup3")).map(|open| (fd, open)).into_iter().collect()
    }

    fn set_cloexec(&mut self, numbers: RangeInclusive<u32>, cloexec: bool) {
        let open = self.open.iter_mut().filter(|(fd, _)| numbers.contains(&(**fd as u32)));
        open.for_each(|(_, open)| open.cloexec = Some(cloexec));
    }

    fn close_range(&mut self, call: &Call) -> Vec<(i32, Open)> {
        let (first, last) = (call.args[0] as u32, call.args[1] as u32);
        if call.args[2] as u32 & libc::CLOSE_RANGE_CLOEXEC != 0 {
            self.set_cloexec(first..=last, true);
            return Vec::new();
        }
        let (closed, kept): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut self.open).into_iter().partition(|&(fd, _)| (first..=last).contains(&(fd as u32)));
        self.open = kept;
        closed.into_iter().collect()
    }
}

/// The two descriptors that a call made.
fn pair(call: &Call, row: &Syscall) -> Option<[i32; 2]> {
    call.success().filter(|_| row.makes_pair())?;
    call.pair()
}

/// A string that names no file (the text of a symbolic link, an attribute's name): it is shown as it is.
fn text(call: &Call, row: &Syscall, key: &str) -> Option<Vec<u8>> {
    let at = row.arg(key).filter(|&at| matches!(row.args[at].role, Role::Text))?;
    match call.text(at)? {
        Text::Read { bytes, .. } => Some(bytes.clone()),
        Text::Unreadable(_) => None,
    }
}

fn shown_as(fd: i32, file: Option<Vec<u8>>) -> Vec<u8> {
    file.unwrap_or_else(|| format!("descriptor {fd}").into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::Kind;
    use crate::syscalls::Sqe;
    use crate::trace::{Disagreement, Outcome, Request};

    const CWD: i64 = libc::AT_FDCWD as i64;

    /// A call in the making. The workspace is /ws.
    #[derive(Clone)]
    struct Step(Call);

    fn call(name: &str) -> Step {
        Step(Call {
            number: Syscall::by_name(name).unwrap_or_else(|| panic!("no row for {name}")).number,
            order: 0,
            pid: 1,
            tid: 1,
            exit_tid: 1,
            comm: [0; 16],
            args: [0; 6],
            outcome: Outcome::Returned(0),
            enter_ns: 0,
            duration_ns: 0,
            texts: [""; 2].map(text),
            fds: [None; 2],
            made: None,
            peek: None,
            request: None,
            files: Files::default(),
        })
    }

    fn text(text: &str) -> Text {
        Text::Read { bytes: text.into(), cut: false }
    }

    impl Step {
        fn args(mut self, args: &[i64]) -> Self {
            self.0.args.iter_mut().zip(args).for_each(|(slot, &arg)| *slot = arg as u64);
            self
        }

        fn path(mut self, path: &str) -> Self {
            self.0.texts[0] = text(path);
            self
        }

        fn path2(mut self, path: &str) -> Self {
            self.0.texts[1] = text(path);
            self
        }

        fn unreadable(mut self) -> Self {
            self.0.texts[0] = Text::Unreadable(libc::EFAULT);
            self.0.args[1] = 0x10;
            self
        }

        /// No path at all, where that is the second argument.
        fn null(mut self) -> Self {
            self = self.unreadable();
            self.0.args[1] = 0;
            self
        }

        fn ret(mut self, ret: i64) -> Self {
            self.0.outcome = Outcome::Returned(ret);
            self
        }

        fn fails(self, errno: i32) -> Self {
            self.ret(-i64::from(errno))
        }

        /// The inode that the kernel found behind the first descriptor argument.
        fn on(mut self, inode: u64) -> Self {
            self.0.fds[0] = Some(identity(inode));
            self
        }

        /// The inode behind the second one.
        fn on2(mut self, inode: u64) -> Self {
            self.0.fds[1] = Some(identity(inode));
            self
        }

        /// The inode behind the descriptor that was returned.
        fn made(mut self, inode: u64) -> Self {
            self.0.made = Some(identity(inode));
            self
        }

        fn peek(mut self, bytes: &[u8]) -> Self {
            self.0.peek = Some(bytes.to_vec());
            self
        }

        /// A request whose entry has these flags and this `file_index`.
        fn entry(mut self, flags: u8, file_index: u32) -> Self {
            let sqe = Sqe([u64::from(flags) << 8, 0, 0, 0, 0, u64::from(file_index) << 32]);
            self.0.request = Some(Request { sqe, ..Request::default() });
            self
        }

        fn pid(mut self, pid: u32) -> Self {
            (self.0.pid, self.0.tid, self.0.exit_tid) = (pid, pid, pid);
            self
        }

        fn tid(mut self, tid: u32) -> Self {
            (self.0.tid, self.0.exit_tid) = (tid, tid);
            self
        }

        /// Entered and left at these times.
        fn during(mut self, enter_ns: u64, exit_ns: u64) -> Self {
            (self.0.enter_ns, self.0.duration_ns) = (enter_ns, exit_ns - enter_ns);
            self
        }
    }

    fn identity(inode: u64) -> Identity {
        Identity { device: 1, inode, magic: 0, mode: 0, flags: 0, cloexec: false }
    }

    fn open(path: &str, fd: i64) -> Step {
        call("openat").args(&[CWD]).path(path).ret(fd)
    }

    fn open_below(dirfd: i64, path: &str, fd: i64) -> Step {
        open(path, fd).args(&[dirfd])
    }

    fn read(fd: i64) -> Step {
        call("read").args(&[fd])
    }

    fn close(fd: i64) -> Step {
        call("close").args(&[fd])
    }

    fn dup3(fd: i64, newfd: i64) -> Step {
        call("dup3").args(&[fd, newfd]).ret(newfd)
    }

    fn chdir(path: &str) -> Step {
        call("chdir").path(path)
    }

    fn rename(old: &str, new: &str) -> Step {
        call("renameat").args(&[CWD, 0, CWD]).path(old).path2(new)
    }

    fn pipe(ends: [i32; 2]) -> Step {
        call("pipe2").peek(&ends.map(i32::to_ne_bytes).concat())
    }

    /// What is said of the files of a call: `path & path2`, with `-` for none, and what it closed or contradicted.
    fn said(files: &Files) -> String {
        let text = |path: &Vec<u8>| String::from_utf8_lossy(path).into_owned();
        let mut said = files.path.as_ref().map_or("-".to_owned(), text);
        if let Some(path2) = &files.path2 {
            said += &format!(" & {}", text(path2));
        }
        if !files.closes.is_empty() {
            said += &format!(" closes {}", files.closes.iter().map(text).collect::<Vec<_>>().join(", "));
        }
        if !files.contradicted.is_empty() {
            said += &format!(" contradicts {:?}", files.contradicted);
        }
        said
    }

    /// A sentence, the calls, and what is said of the last one's files.
    type Row<'r> = (&'r str, Vec<Step>, &'r str);

    fn check(rows: Vec<Row<'_>>) {
        for (sentence, calls, expected) in rows {
            let mut calls: Vec<Call> = calls.into_iter().map(|Step(call)| call).collect();
            follow(&mut calls, AtGate::in_workspace(b"/ws"));
            let last = calls.pop().map(|call| call.files).unwrap_or_default();
            assert_eq!(said(&last), expected, "{sentence}");
        }
    }

    #[test]
    fn a_descriptor_is_the_file_that_it_was_opened_for_until_it_is_closed() {
        check(vec![
            ("openat names its own path", vec![open("x", 3)], "x"),
            ("a read has the file's name", vec![open("x", 3), read(3)], "x"),
            ("so has a read that fails", vec![open("x", 3), read(3).fails(libc::EISDIR)], "x"),
            ("a number that was never opened has none", vec![open("x", 3), read(4)], "-"),
            ("close has the name itself", vec![open("x", 3), close(3)], "x"),
            ("and nothing has it after that", vec![open("x", 3), close(3), read(3)], "-"),
            ("a number reused is a new file", vec![open("x", 3), close(3), open("y", 3), read(3)], "y"),
            ("two numbers are two files", vec![open("x", 3), open("y", 4), read(3)], "x"),
            ("openat2 opens as well", vec![call("openat2").args(&[CWD]).path("x").ret(3), read(3)], "x"),
            ("an openat that fails has a path", vec![open("x", 0).fails(libc::ENOENT)], "x"),
            ("but makes no file", vec![open("x", 3), open("y", 0).fails(libc::ENOENT), read(3)], "x"),
            ("an unreadable path is no name", vec![open("", 3).unreadable(), read(3)], "-"),
            (
                "a call that the table does not have has no files",
                vec![Step(Call { number: 9999, ..open("x", 3).0 })],
                "-",
            ),
        ]);
    }

    #[test]
    fn a_number_that_the_table_believes_open_is_closed_by_no_open() {
        check(vec![
            ("openat closes nothing: what closed it was not seen", vec![open("x", 3), open("y", 3)], "y"),
            ("the new file has the number", vec![open("x", 3), open("y", 3), read(3)], "y"),
            ("dup neither", vec![open("x", 3), open("y", 4), call("dup").args(&[3]).ret(4)], "x"),
        ]);
    }

    #[test]
    fn close_releases_the_number_unless_there_was_none() {
        check(vec![
            ("EIO comes after the release (close(2))", vec![open("x", 3), close(3).fails(libc::EIO), read(3)], "-"),
            ("EINTR too", vec![open("x", 3), close(3).fails(libc::EINTR), read(3)], "-"),
            ("EBADF releases nothing", vec![open("x", 3), close(3).fails(libc::EBADF), read(3)], "x"),
            ("closing one of two leaves the other", vec![open("x", 3), open("y", 4), close(3), read(4)], "y"),
        ]);
    }

    #[test]
    fn requests_do_what_the_system_calls_do() {
        let opens = |fd| call("IORING_OP_OPENAT").args(&[CWD]).path("x").ret(fd).entry(0, 0);
        let reads = |fd| call("IORING_OP_READ").args(&[fd]).entry(0, 0);
        let closes = |fd| call("IORING_OP_CLOSE").args(&[fd]).entry(0, 0);
        let renames = call("IORING_OP_RENAMEAT").args(&[CWD, 0, CWD]).path("x").path2("y").entry(0, 0);
        let pipes = call("IORING_OP_PIPE").peek(&[3_i32, 4].map(i32::to_ne_bytes).concat()).entry(0, 0);
        check(vec![
            ("a request opens", vec![opens(3), read(3)], "x"),
            ("and a failed one does not", vec![opens(0).fails(libc::ENOENT), read(0)], "-"),
            ("a request has the name of its descriptor", vec![open("x", 3), reads(3)], "x"),
            ("a request closes", vec![open("x", 3), closes(3), read(3)], "-"),
            ("but not by EBADF", vec![open("x", 3), closes(3).fails(libc::EBADF), read(3)], "x"),
            ("nor where it is cancelled", vec![open("x", 3), closes(3).fails(libc::ECANCELED), read(3)], "x"),
            ("nor where its entry is wrong", vec![open("x", 3), closes(3).fails(libc::EINVAL), read(3)], "x"),
            ("but by any other error", vec![open("x", 3), closes(3).fails(libc::EIO), read(3)], "-"),
            ("a request renames", vec![open("x", 3), renames, read(3)], "y"),
            ("a pipe's ends are no files", vec![open("x", 3), close(3), pipes, read(3)], "-"),
        ]);
    }

    #[test]
    fn an_index_into_the_table_of_a_ring_is_no_descriptor() {
        let opens = call("IORING_OP_OPENAT").args(&[CWD, 0, 0, 0, 4]).path("x").ret(3).entry(0, 4);
        let reads = call("IORING_OP_READ").args(&[3]).entry(Sqe::FIXED_FILE, 0);
        let closes = call("IORING_OP_CLOSE").args(&[0, 4]).entry(0, 4);
        check(vec![
            ("what goes into that table has no descriptor", vec![opens, read(3)], "-"),
            ("an index is not named", vec![open("x", 3), reads.clone()], "-"),
            ("nor checked", vec![open("x", 3).made(1), reads.on(2), read(3).on(1)], "x"),
            ("what is closed there leaves the descriptors", vec![open("x", 0), closes, read(0)], "x"),
        ]);
    }

    #[test]
    fn a_duplicate_is_the_same_file_under_another_number() {
        let fcntl = |fd, cmd, ret| call("fcntl").args(&[fd, i64::from(cmd), 0]).ret(ret);
        let dup = |fd, ret| call("dup").args(&[fd]).ret(ret);
        check(vec![
            ("dup names the file", vec![open("x", 3), dup(3, 4)], "x"),
            ("the duplicate is the file", vec![open("x", 3), dup(3, 4), read(4)], "x"),
            ("it outlives the first", vec![open("x", 3), dup(3, 4), close(3), read(4)], "x"),
            ("a failed dup makes none", vec![open("x", 3), dup(3, 0).fails(libc::EMFILE), read(0)], "-"),
            ("dup3 names the first file, and the number is free", vec![open("x", 3), dup3(3, 9)], "x"),
            ("the chosen number is the file", vec![open("x", 3), dup3(3, 9), read(9)], "x"),
            ("dup3 closes what had the number", vec![open("x", 3), open("y", 4), dup3(3, 4)], "x closes y"),
            ("which is then the first file", vec![open("x", 3), open("y", 4), dup3(3, 4), read(4)], "x"),
            (
                "a failed dup3 closes nothing",
                vec![open("x", 3), open("y", 4), dup3(3, 4).fails(libc::EINVAL), read(4)],
                "y",
            ),
            ("F_DUPFD", vec![open("x", 3), fcntl(3, libc::F_DUPFD, 7), read(7)], "x"),
            ("F_DUPFD_CLOEXEC", vec![open("x", 3), fcntl(3, libc::F_DUPFD_CLOEXEC, 7), read(7)], "x"),
            (
                "the result of another command is no descriptor",
                vec![open("x", 3), fcntl(3, libc::F_GETFL, 7), read(7)],
                "-",
            ),
            ("a duplicate of nothing known has no name", vec![dup(3, 4), read(4)], "-"),
            ("even where the number had one", vec![open("x", 4), dup3(3, 4), read(4)], "-"),
        ]);
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn dup2_closes_what_had_the_number_except_itself() {
        let dup2 = |fd, newfd| call("dup2").args(&[fd, newfd]).ret(newfd);
        check(vec![
            ("dup2 onto an open number closes it", vec![open("x", 3), open("y", 4), dup2(3, 4)], "x closes y"),
            ("which is then the first file", vec![open("x", 3), open("y", 4), dup2(3, 4), read(4)], "x"),
            ("dup2 onto itself closes nothing", vec![open("x", 3), dup2(3, 3)], "x"),
            ("and changes nothing", vec![open("x", 3), dup2(3, 3), read(3)], "x"),
            ("a failed dup2 closes nothing", vec![open("x", 3), dup2(9, 3).fails(libc::EBADF), read(3)], "x"),
        ]);
    }

    #[test]
    fn close_range_closes_what_lies_between_its_bounds() {
        let range =
            |first: u32, last: u32, flags: u32| call("close_range").args(&[first.into(), last.into(), flags.into()]);
        let three = || vec![open("x", 3), open("y", 4), open("z", 5)];
        let then = |calls: &[Step]| [three(), calls.to_vec()].concat();
        let cloexec = libc::CLOSE_RANGE_CLOEXEC;
        check(vec![
            ("both bounds are included", then(&[range(3, 4, 0)]), "- closes x, y"),
            ("what was closed has no name", then(&[range(3, 4, 0), read(4)]), "-"),
            ("what lies outside stays", then(&[range(3, 4, 0), read(5)]), "z"),
            ("without an upper bound", then(&[range(4, u32::MAX, 0)]), "- closes y, z"),
            ("a range that holds none", then(&[range(6, 9, 0)]), "-"),
            ("a failed one closes none", then(&[range(4, 3, 0).fails(libc::EINVAL), read(3)]), "x"),
            ("CLOSE_RANGE_CLOEXEC closes none", then(&[range(3, 5, cloexec)]), "-"),
            ("all stay open", then(&[range(3, 5, cloexec), read(4)]), "y"),
            ("a file without a path goes by its number", vec![pipe([3, 4]), range(3, 3, 0)], "- closes descriptor 3"),
        ]);
    }

    #[test]
    fn a_relative_path_begins_at_the_working_directory() {
        let fchdir = |fd| call("fchdir").args(&[fd]);
        check(vec![
            ("first that is the workspace", vec![open("x", 3)], "x"),
            ("chdir moves it", vec![chdir("d"), open("x", 3)], "d/x"),
            ("from where it is", vec![chdir("d"), chdir("e"), open("x", 3)], "d/e/x"),
            ("out of the workspace", vec![chdir("/etc"), open("x", 3)], "/etc/x"),
            ("into the root", vec![chdir("/"), open("x", 3)], "/x"),
            ("and back", vec![chdir("/etc"), chdir("/ws"), open("x", 3)], "x"),
            ("a failed one does not", vec![chdir("d").fails(libc::ENOENT), open("x", 3)], "x"),
            ("fchdir moves it to a descriptor's", vec![open("d", 3), fchdir(3), open("x", 4)], "d/x"),
            ("a failed one does not", vec![open("d", 3), fchdir(3).fails(libc::ENOTDIR), open("x", 4)], "x"),
            ("to a directory that nobody knows, there is no name", vec![fchdir(9), open("x", 3)], "-"),
            ("and none for the descriptor", vec![fchdir(9), open("x", 3), read(3)], "-"),
            ("until the next absolute one", vec![fchdir(9), chdir("/ws/d"), open("x", 3)], "d/x"),
            ("an absolute path needs none", vec![fchdir(9), open("/ws/x", 3)], "x"),
        ]);
    }

    #[test]
    fn paths_are_shown_from_the_workspace() {
        check(vec![
            ("an absolute path inside it is shortened", vec![open("/ws/d/x", 3)], "d/x"),
            ("the workspace itself is a dot", vec![open("/ws", 3)], "."),
            ("a dot is the workspace", vec![open(".", 3)], "."),
            ("a path outside stays absolute", vec![open("/etc/passwd", 3)], "/etc/passwd"),
            ("a neighbour whose name begins alike is outside", vec![open("/wsx/y", 3)], "/wsx/y"),
            ("a leading ./ says nothing", vec![open("./x", 3)], "x"),
            ("nor does another", vec![open("d/./x", 3)], "d/x"),
            ("nor two slashes", vec![open("d//x", 3)], "d/x"),
            ("in an absolute path neither", vec![open("//ws///d/./x", 3)], "d/x"),
            ("nor a slash at the end", vec![open("d/", 3)], "d"),
            ("the root stays what it is", vec![open("/.", 3)], "/"),
            ("two dots are kept: a symbolic link may stand before them", vec![open("d/../x", 3)], "d/../x"),
        ]);
    }

    #[test]
    fn getcwd_says_where_it_is() {
        let getcwd = |path| call("getcwd").path(path).ret(4);
        let fchdir = call("fchdir").args(&[9]);
        check(vec![
            ("in the workspace", vec![getcwd("/ws")], "."),
            ("below it", vec![getcwd("/ws/d")], "d"),
            ("on failure it says nothing", vec![getcwd("").fails(libc::ERANGE)], "-"),
            ("out of reach there is no path", vec![getcwd("(unreachable)/d")], "-"),
            ("what was not known is known then", vec![fchdir.clone(), getcwd("/ws/d"), open("x", 3)], "d/x"),
            ("but not by one that failed", vec![fchdir, getcwd("").fails(libc::ERANGE), open("x", 3)], "-"),
        ]);
    }

    #[test]
    fn a_call_without_its_path_is_about_its_directory_descriptor() {
        let utimensat = |dirfd| call("utimensat").args(&[dirfd]).null();
        check(vec![
            ("its file", vec![open("x", 3), utimensat(3)], "x"),
            ("of which nothing may be known", vec![utimensat(3)], "-"),
            ("where it failed there is none", vec![open("x", 3), utimensat(3).fails(libc::EFAULT)], "-"),
            ("nor for an address that could not be read", vec![open("x", 3), utimensat(3).unreadable()], "-"),
        ]);
    }

    #[test]
    fn a_file_without_a_name_is_not_its_directory() {
        let tmpfile = libc::O_TMPFILE | libc::O_RDWR;
        let unnamed = open("d", 3).args(&[CWD, 0, tmpfile.into()]);
        let how = [tmpfile as u64, 0o600, 0].map(u64::to_ne_bytes).concat();
        let unnamed2 = call("openat2").args(&[CWD]).path("d").peek(&how).ret(3);
        let directory = open("d", 3).args(&[CWD, 0, libc::O_DIRECTORY.into()]);
        check(vec![
            ("the call is about the directory", vec![unnamed.clone()], "d"),
            ("the file has no name", vec![unnamed.clone(), read(3)], "-"),
            ("nor has a duplicate", vec![unnamed, dup3(3, 9), read(9)], "-"),
            ("openat2 says it in its struct", vec![unnamed2, read(3)], "-"),
            ("O_DIRECTORY alone opens the directory", vec![directory, read(3)], "d"),
        ]);
    }

    #[test]
    fn the_name_of_an_attribute_is_the_second_string() {
        let setxattr = call("setxattr").path("x").path2("user./ws/a");
        let fsetxattr = call("fsetxattr").args(&[3]).path("user.a");
        check(vec![
            ("beside a path", vec![setxattr], "x & user./ws/a"),
            ("beside a descriptor", vec![open("x", 3), fsetxattr.clone()], "x & user.a"),
            ("of which nothing may be known", vec![fsetxattr], "- & user.a"),
        ]);
    }

    #[test]
    fn a_path_begins_at_its_directory_descriptor() {
        let linkat = call("linkat").args(&[3, 0, CWD, 0, libc::AT_EMPTY_PATH.into()]).path("").path2("y");
        let unsigned_cwd = i64::from(libc::AT_FDCWD as u32);
        check(vec![
            ("below a directory", vec![open("d", 3), open_below(3, "x", 4)], "d/x"),
            ("and the file keeps that name", vec![open("d", 3), open_below(3, "x", 4), close(3), read(4)], "d/x"),
            ("not below the working directory", vec![open("d", 3), chdir("e"), open_below(3, "x", 4)], "d/x"),
            ("AT_FDCWD in 32 bits is AT_FDCWD", vec![open_below(unsigned_cwd, "x", 3)], "x"),
            ("an absolute path looks at no descriptor", vec![open("d", 3), open_below(3, "/ws/x", 4)], "x"),
            ("below one that nobody knows there is no name", vec![open_below(9, "x", 4)], "-"),
            ("nor for the file", vec![open_below(9, "x", 4), read(4)], "-"),
            ("an empty path is the descriptor's own file", vec![open("x", 3), linkat.clone()], "x & y"),
            ("of which nothing may be known", vec![linkat], "- & y"),
            (
                "each path has its own",
                vec![open("d", 3), open("e", 4), call("renameat").args(&[3, 0, 4]).path("x").path2("y")],
                "d/x & e/y",
            ),
        ]);
    }

    #[test]
    fn the_text_of_a_symbolic_link_is_not_resolved() {
        let symlinkat = |target, dirfd| call("symlinkat").args(&[0, dirfd]).path(target).path2("link");
        check(vec![
            ("it is kept as it is", vec![chdir("d"), symlinkat("../x", CWD)], "../x & d/link"),
            ("whatever its directory is", vec![open("d", 3), symlinkat("x", 3)], "x & d/link"),
            ("an absolute one too", vec![symlinkat("/ws//x", CWD)], "/ws//x & link"),
        ]);
    }

    #[test]
    fn an_open_file_follows_its_name() {
        let renameat2 =
            |old, new, flags: u32| call("renameat2").args(&[CWD, 0, CWD, 0, flags.into()]).path(old).path2(new);
        let exchange = |old, new| renameat2(old, new, libc::RENAME_EXCHANGE);
        let noreplace = renameat2("x", "y", libc::RENAME_NOREPLACE);
        let two = || vec![open("x", 3), open("y", 4)];
        let then = |calls: &[Step]| [two(), calls.to_vec()].concat();
        check(vec![
            ("a rename names both", vec![open("x", 3), rename("x", "y")], "x & y"),
            ("the open file has the new one", vec![open("x", 3), rename("x", "y"), read(3)], "y"),
            ("and a second new one", vec![open("x", 3), rename("x", "y"), rename("y", "z"), read(3)], "z"),
            ("a failed rename changes none", vec![open("x", 3), rename("x", "y").fails(libc::EACCES), read(3)], "x"),
            ("another file keeps its own", vec![open("xx", 3), rename("x", "y"), read(3)], "xx"),
            ("renameat2 without an exchange", vec![open("x", 3), noreplace, read(3)], "y"),
            ("below a renamed directory", vec![open("d/x", 3), rename("d", "e"), read(3)], "e/x"),
            ("and far below", vec![open("d/e/x", 3), rename("d", "f"), read(3)], "f/e/x"),
            ("a directory written with a slash", vec![open("d/x", 3), rename("d/", "e/"), read(3)], "e/x"),
            ("a path written with more than it needs", vec![open("d//x", 3), rename(".//d/./x", "y"), read(3)], "y"),
            ("an exchange: the first has the second's", then(&[exchange("x", "y"), read(3)]), "y"),
            ("and the second the first's", then(&[exchange("x", "y"), read(4)]), "x"),
            ("twice is as before", then(&[exchange("x", "y"), exchange("x", "y"), read(3)]), "x"),
            ("below an exchanged directory", vec![open("d/x", 3), exchange("e", "d"), read(3)], "e/x"),
            (
                "the working directory has a new name too",
                vec![chdir("d"), rename("/ws/d", "/ws/e"), open("x", 3)],
                "e/x",
            ),
            ("another process's file as well", vec![open("x", 3), rename("x", "y").pid(2), read(3)], "y"),
        ]);
    }

    #[test]
    fn a_name_that_is_gone_is_moved_by_no_rename() {
        let unlink = |path| call("unlinkat").args(&[CWD]).path(path);
        let over = || vec![open("x", 3), open("y", 4), rename("x", "y"), rename("y", "z")];
        let one_file = || vec![open("x", 3).made(7), open("y", 4).made(7), rename("x", "y"), rename("y", "z")];
        let removed = || vec![open("x", 3), unlink("x"), open("x", 4), rename("x", "y")];
        let handle = vec![
            call("name_to_handle_at").args(&[CWD]).path("x").peek(b"H"),
            unlink("x"),
            rename("x", "y"),
            call("open_by_handle_at").args(&[CWD]).peek(b"H").ret(3),
        ];
        let then = |calls: Vec<Step>, last: Step| [calls, vec![last]].concat();
        check(vec![
            ("an unlinked file keeps its name", vec![open("x", 3), unlink("x"), read(3)], "x"),
            ("whatever has that name later", then(removed(), read(3)), "x"),
            ("which is moved", then(removed(), read(4)), "y"),
            (
                "a duplicate is no less gone",
                vec![open("x", 3), unlink("x"), dup3(3, 9), rename("x", "y"), read(9)],
                "x",
            ),
            ("nor a handle", handle, "x"),
            (
                "an unlink that fails removes none",
                vec![open("x", 3), unlink("x").fails(libc::EBUSY), rename("x", "y"), read(3)],
                "y",
            ),
            (
                "a removed directory is the working directory under its name",
                vec![chdir("d"), unlink("/ws/d"), rename("/ws/d", "/ws/e"), open("x", 3).fails(libc::ENOENT)],
                "d/x",
            ),
            ("a file that another is renamed over keeps its name", then(over(), read(4)), "y"),
            ("and the other moves on", then(over(), read(3)), "z"),
            ("a rename onto itself removes none", vec![open("x", 3), rename("x", "x"), rename("x", "y"), read(3)], "y"),
            ("onto another name of the file neither", then(one_file(), read(4).on(7)), "z"),
            ("and the first stays too", then(one_file(), read(3).on(7)), "x"),
        ]);
    }

    #[test]
    fn a_handle_is_the_file_that_it_was_taken_of() {
        let take = |path, handle: &[u8]| call("name_to_handle_at").args(&[CWD]).path(path).peek(handle);
        let open_handle = |handle: &[u8]| call("open_by_handle_at").args(&[CWD]).peek(handle).ret(3);
        let too_small = take("y", b"H1").fails(libc::EOVERFLOW);
        check(vec![
            ("the name is taken", vec![take("x", b"H1")], "x"),
            ("the handle has it", vec![take("x", b"H1"), open_handle(b"H1")], "x"),
            ("and so has the descriptor", vec![take("x", b"H1"), open_handle(b"H1"), read(3)], "x"),
            ("another handle is another file", vec![take("x", b"H1"), take("y", b"H2"), open_handle(b"H1")], "x"),
            ("an unknown handle has no name", vec![take("x", b"H1"), open_handle(b"H2")], "-"),
            ("a call that fails gives no handle", vec![take("x", b"H1"), too_small, open_handle(b"H1")], "x"),
            ("the handle is the file, not its name", vec![take("x", b"H1"), rename("x", "y"), open_handle(b"H1")], "y"),
        ]);
    }

    #[test]
    fn the_ends_of_a_pipe_have_no_path() {
        check(vec![
            ("neither the call", vec![pipe([3, 4])], "-"),
            ("nor the first end", vec![pipe([3, 4]), read(3)], "-"),
            ("nor the numbers that were files before", vec![open("x", 4), pipe([3, 4]), read(4)], "-"),
            ("a failed pipe makes none", vec![open("x", 4), pipe([3, 4]).fails(libc::EMFILE), read(4)], "x"),
            ("dup3 over an end says its number", vec![open("x", 5), pipe([3, 4]), dup3(5, 4)], "x closes descriptor 4"),
            ("a socketpair is the same", vec![open("x", 4), socketpair([4, 5]), read(4)], "-"),
        ]);
    }

    fn socketpair(ends: [i32; 2]) -> Step {
        call("socketpair").peek(&ends.map(i32::to_ne_bytes).concat())
    }

    #[test]
    fn the_ends_of_a_pipe_are_known_by_what_the_kernel_says_of_them() {
        let ends = || pipe([3, 4]).on(7).on2(7);
        check(vec![
            ("the same pipe", vec![ends(), read(3).on(7)], "-"),
            ("another file under the number of the first", vec![ends(), read(3).on(8)], "- contradicts [3]"),
            ("under that of the second", vec![ends(), read(4).on(8)], "- contradicts [4]"),
            ("a socketpair's two are two files", vec![socketpair([3, 4]).on(7).on2(8), read(4).on(8)], "-"),
            ("of which each is checked", vec![socketpair([3, 4]).on(7).on2(8), read(4).on(7)], "- contradicts [4]"),
        ]);
    }

    #[test]
    fn a_descriptor_that_a_call_returns_is_not_always_the_file_that_the_call_is_about() {
        let memfd = call("memfd_create").path("x").ret(3);
        let with_fd = |name, ret| call(name).args(&[3, 4]).ret(ret);
        let signalfd4 = |fd: i64| call("signalfd4").args(&[fd]).ret(3);
        check(vec![
            ("memfd_create has a name", vec![memfd.clone()], "x"),
            ("which is no path of its descriptor", vec![memfd, read(3)], "-"),
            ("accept4 is about the socket that listens", vec![open("x", 3), with_fd("accept4", 5)], "x"),
            ("and returns another", vec![open("x", 3), with_fd("accept4", 5), read(5)], "-"),
            ("pidfd_getfd has a number of another process", vec![open("x", 4), with_fd("pidfd_getfd", 5)], "-"),
            ("and returns that one's file", vec![open("x", 4), with_fd("pidfd_getfd", 5), read(5)], "-"),
            ("nor is it the first descriptor's", vec![open("x", 3), with_fd("pidfd_getfd", 5), read(5)], "-"),
            ("signalfd4 of no descriptor makes one", vec![signalfd4(-1).made(7), read(3).on(7)], "-"),
            ("of its own it returns the same", vec![signalfd4(-1).made(7), signalfd4(3).on(7).made(7)], "-"),
            ("which stays known", vec![signalfd4(-1), signalfd4(3).made(7), read(3).on(8)], "- contradicts [3]"),
            ("an eventfd takes a number that was a file", vec![open("x", 3), call("eventfd2").ret(3), read(3)], "-"),
        ]);
    }

    #[test]
    fn a_result_that_counts_or_numbers_something_is_no_descriptor() {
        let numbered = |name| call(name).args(&[4]).ret(3);
        check(vec![
            ("the number of an inotify watch", vec![open("x", 3), numbered("inotify_add_watch").path("y")], "y"),
            ("takes no file's place", vec![open("x", 3), numbered("inotify_add_watch").path("y"), read(3)], "x"),
            ("nor do events that are ready", vec![open("x", 3), numbered("epoll_pwait"), read(3)], "x"),
            ("nor requests that were submitted", vec![open("x", 3), numbered("io_submit"), read(3)], "x"),
            ("nor bytes that were received", vec![open("x", 3), numbered("recvmsg"), read(3)], "x"),
        ]);
    }

    #[test]
    fn a_descriptor_that_no_call_returned_has_no_name() {
        let received = || call("recvmsg").args(&[4]).ret(1);
        check(vec![
            ("one that came over a socket", vec![open("x", 5), received(), read(6).on(7)], "-"),
            ("not even at a number that was a file", vec![open("x", 5), close(5), received(), read(5).on(7)], "-"),
            ("one that came with an event of fanotify", vec![open("x", 5), read(3).ret(24), read(6).on(7)], "-"),
            ("its duplicate neither", vec![received(), dup3(5, 9).on(7).made(7), read(9).on(7)], "-"),
        ]);
    }

    #[test]
    fn a_call_with_two_descriptors_is_about_both_files() {
        let two = |name, at: [usize; 2]| {
            let mut args = [0; 6];
            (args[at[0]], args[at[1]]) = (3, 4);
            vec![open("x", 3), open("y", 4), call(name).args(&args)]
        };
        check(vec![
            ("copy_file_range: from, to", two("copy_file_range", [0, 2]), "x & y"),
            ("sendfile: to, from", two("sendfile", [0, 1]), "x & y"),
            ("splice: from, to", two("splice", [0, 2]), "x & y"),
            ("tee: from, to", two("tee", [0, 1]), "x & y"),
            ("epoll_ctl: the second is the third argument", two("epoll_ctl", [0, 2]), "x & y"),
            ("mmap has one, the fifth", two("mmap", [4, 5]), "x"),
            ("which means nothing to an anonymous mapping", vec![open("x", 3), anonymous(3)], "-"),
            ("inotify_add_watch has a path besides", vec![open("x", 3), watch(3, "y")], "y"),
            ("which is not below the descriptor", vec![open("d", 3), chdir("e"), watch(3, "y")], "e/y"),
            ("fanotify_mark's is below the second", vec![open("d", 4), mark(3, 4, "y")], "d/y"),
        ]);
    }

    fn anonymous(fd: i64) -> Step {
        call("mmap").args(&[0, 4096, 0, i64::from(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS), fd])
    }

    fn watch(fd: i64, path: &str) -> Step {
        call("inotify_add_watch").args(&[fd]).path(path).ret(1)
    }

    fn mark(fd: i64, dirfd: i64, path: &str) -> Step {
        call("fanotify_mark").args(&[fd, 0, 0, dirfd]).path(path)
    }

    #[test]
    fn a_name_that_the_kernel_contradicts_is_dropped_and_told() {
        let x = || open("x", 3).made(7);
        let appending = Identity { flags: 0o2000, mode: 0o644, cloexec: true, ..identity(7) };
        let changed = Step(Call { fds: [Some(appending), None], ..read(3).0 });
        let elsewhere = Step(Call { fds: [Some(Identity { device: 2, ..identity(7) }), None], ..read(3).0 });
        let sendfile = call("sendfile").args(&[3, 4]);
        check(vec![
            ("the same file is none", vec![x(), read(3).on(7)], "x"),
            ("nor are flags that changed", vec![x(), changed], "x"),
            ("another inode is", vec![x(), read(3).on(8)], "- contradicts [3]"),
            ("the same inode of another device is", vec![x(), elsewhere], "- contradicts [3]"),
            ("it is told once, and the name stays away", vec![x(), read(3).on(8), read(3).on(7)], "-"),
            ("a descriptor that is not open", vec![x(), read(3).fails(libc::EBADF)], "- contradicts [3]"),
            ("after close it is no contradiction", vec![x(), close(3).on(7), read(3).fails(libc::EBADF)], "-"),
            ("a duplicate is checked too", vec![x(), dup3(3, 9).on(7).made(7), read(9).on(8)], "- contradicts [9]"),
            ("a directory descriptor too", vec![x(), open_below(3, "y", 4).on(8)], "- contradicts [3]"),
            ("AT_FDCWD is no descriptor", vec![x(), open("y", 4)], "y"),
            ("the second of two", vec![x(), open("y", 4).made(8), sendfile.clone().on(7).on2(9)], "x contradicts [4]"),
            ("both of them", vec![x(), open("y", 4).made(8), sendfile.on(8).on2(7)], "- contradicts [3, 4]"),
            ("what is not known cannot be contradicted", vec![open("x", 3), read(3).on(8)], "x"),
        ]);
    }

    #[test]
    fn descriptors_belong_to_the_process_and_its_threads_share_them() {
        check(vec![
            ("another process does not have them", vec![open("x", 3), read(3).pid(2)], "-"),
            ("its own are its own", vec![open("x", 3), open("y", 3).pid(2), read(3)], "x"),
            ("nor does its close matter", vec![open("x", 3), close(3).pid(2), read(3)], "x"),
            ("its working directory neither", vec![chdir("d").pid(2), open("x", 3)], "x"),
            ("another thread has them", vec![open("x", 3), read(3).tid(2)], "x"),
            ("its close matters", vec![open("x", 3), close(3).tid(2), read(3)], "-"),
            ("its working directory too", vec![chdir("d").tid(2), open("x", 3)], "d/x"),
        ]);
    }

    #[test]
    fn calls_that_overlap_are_about_the_files_that_the_kernel_had() {
        // The first thread has opened x as 3, and closes it while the second gets the number for y.
        let x = || open("x", 3).made(7).during(0, 10);
        let closing = |enter, exit| close(3).on(7).during(enter, exit);
        let y = |enter, exit| open("y", 3).made(8).tid(2).during(enter, exit);
        let then = |fd, enter| read(fd).on(8).tid(2).during(enter, enter + 10);
        let dup2 = |enter, exit| call("dup3").args(&[5, 3]).ret(3).on(9).made(9).tid(2).during(enter, exit);
        let pipe = |enter, exit| pipe([3, 4]).on(8).on2(8).tid(2).during(enter, exit);
        let range = || call("close_range").args(&[3, 3]).during(20, 60);
        let z = || open("z", 5).made(9).tid(2).during(0, 10);
        check(vec![
            ("close returns last", vec![x(), closing(20, 60), y(30, 50), then(3, 70)], "y"),
            ("the open was entered first", vec![x(), y(15, 50), closing(20, 60), then(3, 70)], "y"),
            ("and the close is about x", vec![x(), y(15, 50), closing(20, 60)], "x"),
            ("the open surrounds the close", vec![x(), y(15, 70), closing(20, 60), then(3, 80)], "y"),
            ("the close surrounds the open, and its use", vec![x(), closing(20, 90), y(30, 50), then(3, 60)], "y"),
            ("numbered one way, entered the other", vec![x(), y(30, 50), closing(20, 60), then(3, 70)], "y"),
            ("a range that closes it", vec![x(), range(), y(15, 50), then(3, 70)], "y"),
            ("says so", vec![x(), y(15, 50), range()], "- closes x"),
            ("a pipe takes the number", vec![x(), pipe(15, 50), closing(20, 60), then(3, 70)], "-"),
            ("a duplicate over it is there when it returns", vec![x(), z(), dup2(20, 50), then(3, 60).on(9)], "z"),
            ("and says what it closed", vec![x(), z(), dup2(20, 50)], "z closes x"),
            (
                "a clock that steps back does not put a thread's calls into another order",
                vec![x(), close(3).on(7).during(9, 20), read(3).fails(libc::EBADF).during(19, 30)],
                "-",
            ),
        ]);
    }

    #[test]
    fn a_forked_process_may_call_before_the_fork_has_returned() {
        let fork = call("fork").ret(2).during(20, 90);
        check(vec![("it has its parent's files", vec![open("x", 3), fork, read(3).pid(2).during(30, 40)], "x")]);
    }

    /// What the kernel says of an open file of this kind, with these flags.
    fn kernel(kind: Kind, flags: i32, cloexec: bool) -> Identity {
        let (magic, mode) = match kind {
            Kind::Pipe => (0x5049_5045, libc::S_IFIFO),
            Kind::Socket => (0x534f_434b, libc::S_IFSOCK),
            Kind::Anonymous => (0x0904_1934, libc::S_IFREG),
            _ => (0xef53, libc::S_IFREG),
        };
        Identity { magic, mode: mode as u16, flags: flags as u32, cloexec, ..identity(7) }
    }

    impl Step {
        /// With what the kernel says of its first descriptor.
        fn seen(mut self, identity: Identity) -> Self {
            self.0.fds[0] = Some(identity);
            self
        }

        /// With what the kernel says of the returned one.
        fn gives(mut self, identity: Identity) -> Self {
            self.0.made = Some(identity);
            self
        }

        fn ends(mut self, ends: [Identity; 2]) -> Self {
            self.0.fds = ends.map(Some);
            self
        }
    }

    /// What is said of the last call's descriptors besides names: kinds of the given and the made one, and disagreements.
    fn check_attributes(rows: Vec<Row<'_>>) {
        for (sentence, calls, expected) in rows {
            let gate = AtGate { open: vec![(3, b"/ws/g".to_vec())], ..AtGate::in_workspace(b"/ws") };
            let mut calls: Vec<Call> = calls.into_iter().map(|Step(call)| call).collect();
            follow(&mut calls, gate);
            let last = calls.pop().map(|call| call.files).unwrap_or_default();
            let kinds = [last.kinds[0], last.kinds[1], last.made].into_iter().flatten().map(Kind::name);
            let differ = last
                .disagreements
                .iter()
                .map(|Disagreement { fd, followed, kernel }| format!("{fd} {followed} is {kernel}"));
            let said: Vec<String> = kinds.map(str::to_owned).chain(differ).collect();
            assert_eq!(said.join(", "), expected, "{sentence}");
        }
    }

    const RDWR: i32 = libc::O_RDWR;

    fn made(name: &str, args: &[i64], kernel: Identity) -> Step {
        call(name).args(args).gives(kernel).ret(5)
    }

    #[test]
    fn what_a_call_makes_is_what_its_flags_say() {
        let (cloexec, nonblock) = (i64::from(libc::O_CLOEXEC), i64::from(libc::O_NONBLOCK));
        let anonymous = |flags, cloexec| kernel(Kind::Anonymous, flags, cloexec);
        let file = |flags, cloexec| kernel(Kind::File, flags, cloexec);
        let opened = |flags: i32| made("openat", &[CWD, 0, flags.into()], file(flags, flags & libc::O_CLOEXEC != 0));
        let how = [(RDWR | libc::O_CLOEXEC) as u64, 0, 0].map(u64::to_ne_bytes).concat();
        let quiet = RDWR | libc::O_NONBLOCK;
        check_attributes(vec![
            ("a file", vec![opened(RDWR)], "file"),
            (
                "flags that only open acts on are no status",
                vec![opened(libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC)],
                "file",
            ),
            ("close-on-exec", vec![opened(libc::O_CLOEXEC)], "file"),
            (
                "O_PATH",
                vec![made("openat", &[CWD, 0, (libc::O_PATH | RDWR).into()], file(libc::O_PATH, false))],
                "file",
            ),
            ("openat2's flags", vec![made("openat2", &[CWD], file(RDWR, true)).peek(&how)], "file"),
            ("an eventfd", vec![made("eventfd2", &[0, cloexec | nonblock], anonymous(quiet, true))], "eventfd"),
            ("a memfd", vec![made("memfd_create", &[0, 1], file(RDWR, true))], "memfd"),
            (
                "a memfd's other flags are no O_NONBLOCK",
                vec![made("memfd_create", &[0, 2], file(RDWR, false))],
                "memfd",
            ),
            (
                "an inotify is only read",
                vec![made("inotify_init1", &[nonblock], anonymous(libc::O_NONBLOCK, false))],
                "inotify",
            ),
            ("a fanotify has flags of its own", vec![made("fanotify_init", &[3], anonymous(quiet, true))], "fanotify"),
            ("a ring always closes", vec![made("io_uring_setup", &[4], anonymous(RDWR, true))], "io_uring"),
            (
                "a socket's flags are in its type",
                vec![made("socket", &[1, 1 | nonblock], kernel(Kind::Socket, quiet, false))],
                "socket",
            ),
        ]);
    }

    #[test]
    fn what_a_call_makes_may_be_something_else_by_the_kernel() {
        let cloexec = i64::from(libc::O_CLOEXEC);
        let file = |flags, cloexec| kernel(Kind::File, flags, cloexec);
        let opened = |flags: i32| made("openat", &[CWD, 0, flags.into()], file(flags, flags & libc::O_CLOEXEC != 0));
        let ends = |one, other| [one, other].map(|access| kernel(Kind::Pipe, access, true));
        check_attributes(vec![
            (
                "accept4's are its own",
                vec![made("accept4", &[9, 0, 0, cloexec], kernel(Kind::Socket, RDWR, true))],
                "socket",
            ),
            ("a pipe is for one way each", vec![pipe([5, 6]).args(&[0, cloexec]).ends(ends(0, 1))], "pipe, pipe"),
            (
                "each of its ends",
                vec![pipe([5, 6]).args(&[0, cloexec]).ends(ends(1, 0))],
                "pipe, pipe, 5 status O_RDONLY is status O_WRONLY, 6 status O_WRONLY is status O_RDONLY",
            ),
            (
                "pidfd_getfd's is what the kernel says",
                vec![made("pidfd_getfd", &[9], file(libc::O_APPEND, true))],
                "file",
            ),
            (
                "but closes on exec",
                vec![made("pidfd_getfd", &[9], file(0, false))],
                "file, 5 cloexec true is cloexec false",
            ),
            ("another kind", vec![made("eventfd2", &[], file(RDWR, false))], "file, 5 kind eventfd is kind file"),
            ("other flags", vec![opened(RDWR).gives(file(0, false))], "file, 5 status O_RDWR is status O_RDONLY"),
            (
                "close-on-exec that was not asked for",
                vec![opened(0).gives(file(0, true))],
                "file, 5 cloexec false is cloexec true",
            ),
        ]);
    }

    #[test]
    fn status_flags_change_by_the_calls_that_change_them() {
        let file = |flags, cloexec| kernel(Kind::File, flags, cloexec);
        let opened = || made("openat", &[CWD, 0, RDWR.into()], file(RDWR, false));
        let fcntl =
            |fd: i64, cmd: i32, arg: i32| call("fcntl").args(&[fd, cmd.into(), arg.into()]).seen(file(RDWR, false));
        let setfl = |fd, flags| fcntl(fd, libc::F_SETFL, flags);
        let ioctl = |op: u64, now: bool| call("ioctl").args(&[5, op as i64]).seen(file(RDWR, now));
        let see = |fd, flags, cloexec| read(fd).seen(file(flags, cloexec));
        let dup = || dup3(5, 9).seen(file(RDWR, false)).gives(file(RDWR, false));
        let append = RDWR | libc::O_APPEND;
        let stale = "file, 5 status O_RDWR is status O_RDWR|O_APPEND";
        check_attributes(vec![
            ("nothing changed", vec![opened(), see(5, RDWR, false)], "file"),
            ("F_SETFL", vec![opened(), setfl(5, libc::O_APPEND), see(5, append, false)], "file"),
            ("it cannot change the access mode", vec![opened(), setfl(5, libc::O_WRONLY), see(5, RDWR, false)], "file"),
            (
                "one that fails",
                vec![opened(), setfl(5, libc::O_APPEND).fails(libc::EPERM), see(5, append, false)],
                stale,
            ),
            (
                "the kernel's holds, and is told once",
                vec![opened(), see(5, append, false), see(5, append, false)],
                "file",
            ),
            ("a duplicate shares them", vec![opened(), dup(), setfl(9, libc::O_APPEND), see(5, append, false)], "file"),
            (
                "a forked process too",
                vec![opened(), call("clone").ret(2), setfl(5, libc::O_APPEND).pid(2), see(5, append, false)],
                "file",
            ),
            (
                "whether O_ASYNC is known to a file only the kernel says",
                vec![opened(), setfl(5, libc::O_ASYNC), see(5, RDWR, false)],
                "file",
            ),
            (
                "FIONBIO's number is in memory",
                vec![opened(), ioctl(libc::FIONBIO, false), see(5, append, false)],
                "file",
            ),
            (
                "a descriptor from elsewhere may be of the same open file",
                vec![opened(), setfl(12, libc::O_APPEND), see(5, append, false)],
                "file",
            ),
        ]);
    }

    #[test]
    fn close_on_exec_changes_by_the_calls_that_change_it() {
        let file = |flags, cloexec| kernel(Kind::File, flags, cloexec);
        let opened = || made("openat", &[CWD, 0, RDWR.into()], file(RDWR, false));
        let fcntl =
            |fd: i64, cmd: i32, arg: i32| call("fcntl").args(&[fd, cmd.into(), arg.into()]).seen(file(RDWR, false));
        let ioctl = |op: u64, now: bool| call("ioctl").args(&[5, op as i64]).seen(file(RDWR, now));
        let see = |fd, flags, cloexec| read(fd).seen(file(flags, cloexec));
        let dup = || dup3(5, 9).seen(file(RDWR, false)).gives(file(RDWR, false));
        let append = RDWR | libc::O_APPEND;
        let range = call("close_range").args(&[5, 5, libc::CLOSE_RANGE_CLOEXEC.into()]);
        check_attributes(vec![
            ("F_SETFD", vec![opened(), fcntl(5, libc::F_SETFD, 1), see(5, RDWR, true)], "file"),
            (
                "of each descriptor its own",
                vec![opened(), dup(), fcntl(9, libc::F_SETFD, 1), see(5, RDWR, true)],
                "file, 5 cloexec false is cloexec true",
            ),
            ("FIOCLEX", vec![opened(), ioctl(libc::FIOCLEX, false), see(5, RDWR, true)], "file"),
            (
                "FIONCLEX",
                vec![opened(), ioctl(libc::FIOCLEX, false), ioctl(libc::FIONCLEX, true), see(5, RDWR, false)],
                "file",
            ),
            ("close_range", vec![opened(), range, see(5, RDWR, true)], "file"),
            ("at the gate the kernel says it first", vec![see(3, append, true)], "file"),
            (
                "and has to say the same again",
                vec![see(3, RDWR, true), see(3, append, false)],
                "file, 3 status O_RDWR is status O_RDWR|O_APPEND, 3 cloexec true is cloexec false",
            ),
            ("of what no call made it says all", vec![see(12, append, true)], "file"),
        ]);
    }

    #[test]
    fn what_is_not_known_to_stay_open_has_no_name_after_execve() {
        let cloexec = i64::from(libc::O_CLOEXEC);
        let exec = || call("execve").path("tiny");
        let dup = dup3(3, 9).args(&[3, 9, cloexec]);
        let set = call("fcntl").args(&[3, libc::F_SETFD.into(), 1]);
        check(vec![
            ("without the flag it stays", vec![open("x", 3), exec(), read(3)], "x"),
            ("with the flag it is gone", vec![open("x", 3).args(&[CWD, 0, cloexec]), exec(), read(3)], "-"),
            ("a duplicate has its own", vec![open("x", 3), dup.clone(), exec(), read(9)], "-"),
            ("and the first is not touched by it", vec![open("x", 3), dup, exec(), read(3)], "x"),
            ("one that was set later", vec![open("x", 3), set, exec(), read(3)], "-"),
            (
                "a failed execve closes none",
                vec![open("x", 3).args(&[CWD, 0, cloexec]), exec().fails(libc::ENOENT), read(3)],
                "x",
            ),
        ]);
    }
}
