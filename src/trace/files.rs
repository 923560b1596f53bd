//! The files of a call, from its record and from the names that the kernel gave them.
//!
//! No I/O, and nothing is remembered from call to call. A name is right or absent. It is the kernel's own, from the moment at which
//! the call was entered or had made its descriptor. The path of a call is the directory at which it begins, followed by the string
//! that the call was given. Symbolic links and `..` in it are not resolved.

use crate::table::kind::Kind;
use crate::table::syscalls::{Effect, Peek, Ret, Role, Syscall};
use crate::trace::call::{Attribute, Call, Contradiction, Files, Identity, Text};
use crate::trace::record::Name;

mod promise;

use promise::Promise;

/// The names of a call's files, where they are known.
#[derive(Clone, Debug, Default)]
pub struct KnownNames<'n> {
    /// Of the files in [`crate::trace::call::Deed::fds`].
    pub fds: [Option<&'n Name>; 2],
    /// Of the file in [`crate::trace::call::Deed::made`].
    pub made: Option<&'n Name>,
    /// Of the working directory, where a path of it may begin.
    pub cwd: Option<&'n Name>,
    /// Of the root, where an absolute one may begin.
    pub root: Option<&'n Name>,
    /// The descriptors that it closes besides its own, with the names of their files.
    pub closed: Vec<(i32, Option<&'n Name>)>,
}

/// Fills in [`crate::trace::call::Deed::files`]. Names of files in the workspace are relative to it.
pub fn describe(call: &mut Call, named: &KnownNames<'_>, workspace: Option<&[u8]>) {
    call.files = Files::default();
    let Some(row) = call.syscall() else { return };
    let about = CallFiles { call, row, named, workspace };
    let files = Files {
        path: about.file("path"),
        path2: about.file("path2"),
        closes: about.closes(),
        cwd: about.working_directory(),
        made_path: call.made.as_ref().and_then(|made| about.shown(named.made, made)),
        kinds: [0, 1].map(|place| {
            let is_argument = row.makes_pair() || row.fd_args().nth(place).is_some();
            call.fds[place].as_ref().filter(|_| is_argument).map(|identity| kind(identity, named.fds[place]))
        }),
        made: call.made.as_ref().map(|identity| kind(identity, named.made)),
        disagreements: about.disagreements(),
    };
    call.files = files;
}

/// The kind of a descriptor's file. The kernel has a word for a file without a path (fs/anon_inodes.c and its callers).
fn kind(identity: &Identity, name: Option<&Name>) -> Kind {
    let word = name.filter(|name| name.alone).map_or(b"".as_slice(), |name| &name.path);
    match (identity.kind(), word) {
        (Kind::Anonymous, b"[eventfd]") => Kind::Eventfd,
        (Kind::Anonymous, b"[timerfd]") => Kind::Timerfd,
        (Kind::Anonymous, b"[signalfd]") => Kind::Signalfd,
        (Kind::Anonymous, b"[eventpoll]") => Kind::Epoll,
        (Kind::Anonymous, b"inotify") => Kind::Inotify,
        (Kind::Anonymous, b"[fanotify]") => Kind::Fanotify,
        (Kind::Anonymous, b"[io_uring]") => Kind::IoUring,
        (Kind::Anonymous, b"[pidfd]") => Kind::Pidfd,
        (Kind::Anonymous, b"[userfaultfd]") => Kind::Userfaultfd,
        (Kind::Anonymous, b"[fscontext]") => Kind::FsContext,
        (Kind::Anonymous, b"[landlock-ruleset]") => Kind::Landlock,
        (Kind::Anonymous, b"[perf_event]") => Kind::Perf,
        // bpf-map, bpf-prog, bpf_link, btf … (kernel/bpf/syscall.c, kernel/bpf/btf.c).
        (Kind::Anonymous, word) if word.starts_with(b"bpf") || word == b"btf" => Kind::Bpf,
        (Kind::File, word) if word.starts_with(b"memfd:") => Kind::Memfd,
        (kind, _) => kind,
    }
}

/// A call and what is known of its files.
struct CallFiles<'a> {
    call: &'a Call,
    row: &'static Syscall,
    named: &'a KnownNames<'a>,
    workspace: Option<&'a [u8]>,
}

impl CallFiles<'_> {
    /// The file that the call is about: of its path, else of its descriptor.
    fn file(&self, key: &str) -> Option<Vec<u8>> {
        let Self { call, row, .. } = self;
        if let Some(at) = row.arg(key) {
            return self.path(at);
        }
        // The file of the call is that of the handle, which it opens.
        if let Some((_, Peek::HandleIn)) = row.peek.filter(|_| key == "path") {
            return self.shown(self.named.made, call.made.as_ref()?);
        }
        // mmap(2): an anonymous mapping has no file, whatever its descriptor is.
        if row.effect == Effect::Map && call.args[3] as i32 & libc::MAP_ANONYMOUS != 0 {
            return None;
        }
        let at = row.descriptor_for(key).filter(|&at| !call.is_registered(at))?;
        self.behind(at)
    }

    /// The working directory, if the call names it by `AT_FDCWD`.
    fn working_directory(&self) -> Option<Vec<u8>> {
        let Self { call, row, named, workspace } = self;
        let cwd = named.cwd.filter(|cwd| is_whole(cwd) && Some(cwd.path.as_slice()) != *workspace)?;
        let is_named = |at: usize| matches!(row.args[at].role, Role::DirFd) && call.args[at] as i32 == libc::AT_FDCWD;
        row.fd_args().any(is_named).then(|| self.inside(&cwd.path))
    }

    /// The file of a descriptor argument.
    fn behind(&self, at: usize) -> Option<Vec<u8>> {
        let place = self.row.fd_args().position(|arg| arg == at)?;
        self.shown(self.named.fds[place], self.call.fds[place].as_ref()?)
    }

    /// A string argument. A path follows the directory at which it begins; a string that is no path is returned as it is.
    fn path(&self, at: usize) -> Option<Vec<u8>> {
        let Self { call, row, .. } = self;
        let dirfd = row.dirfd_of(at, &call.args);
        let text = match call.text(at)? {
            // utimensat(2): without a path, the call acts on the directory descriptor's own file. Other calls fail (EFAULT).
            Text::Unreadable(_) if call.args[at] == 0 && call.success().is_some() => return self.behind(dirfd?),
            Text::Unreadable(_) | Text::Read { cut: true, .. } => return None,
            Text::Read { bytes, .. } => bytes,
        };
        if matches!(row.args[at].role, Role::Text) {
            return Some(text.clone());
        }
        // The path is the kernel's answer. A call that fails has none, and "(unreachable)/x" is no path (getcwd(2)).
        if row.effect == Effect::TellDirectory {
            return call.success().filter(|_| text.starts_with(b"/")).map(|_| self.inside(&normal(text)));
        }
        if text.is_empty() && dirfd.is_some() {
            return self.behind(dirfd?);
        }
        let base = match dirfd {
            _ if text.starts_with(b"/") => self.named.root,
            Some(fd) => self.named.fds[row.fd_args().position(|arg| arg == fd)?],
            None => self.named.cwd,
        };
        match base {
            Some(base) => is_whole(base).then(|| self.inside(&normal(&[&base.path, b"/".as_slice(), text].concat()))),
            // An absolute path is a name in itself, if no other root is known.
            None => text.starts_with(b"/").then(|| self.inside(&normal(text))),
        }
    }

    /// The name of a file, if it has one.
    fn shown(&self, name: Option<&Name>, identity: &Identity) -> Option<Vec<u8>> {
        let name = name.filter(|name| !name.alone && !name.cut && !name.detached)?;
        if name.deleted && is_unnamed(name, identity) {
            return None;
        }
        let mut shown = self.inside(&name.path);
        if name.deleted {
            shown.extend(b" (deleted)");
        }
        Some(shown)
    }

    /// A path inside the workspace, relative to it; the workspace itself is `.`. Other paths stay as they are.
    fn inside(&self, path: &[u8]) -> Vec<u8> {
        let below = self.workspace.and_then(|workspace| path.strip_prefix(workspace));
        match below {
            Some(b"") => b".".to_vec(),
            Some([b'/', rest @ ..]) => rest.to_vec(),
            Some(_) | None => path.to_vec(),
        }
    }

    /// The files that the call has closed besides its own. close_range(2) closes those in its range, and dup2(2) the file that had
    /// the new number, unless that is the descriptor itself.
    fn closes(&self) -> Vec<Vec<u8>> {
        let Self { call, row, named, .. } = self;
        let shown = |fd: i32, name: Option<&Name>| {
            let name = name.filter(|name| !name.alone && !name.cut && !name.detached);
            let name = name.map(|name| {
                let deleted = if name.deleted { b" (deleted)".as_slice() } else { b"" };
                [&self.inside(&name.path), deleted].concat()
            });
            name.unwrap_or_else(|| format!("descriptor {fd}").into_bytes())
        };
        if call.success().is_none() {
            return Vec::new();
        }
        let closes_range = row.effect == Effect::CloseRange && call.args[2] as u32 & libc::CLOSE_RANGE_CLOEXEC == 0;
        if closes_range {
            return named.closed.iter().map(|&(fd, name)| shown(fd, name)).collect();
        }
        let replaced = row.replaces().map(|at| call.args[at] as i32);
        let replaced = replaced.filter(|&fd| call.fds[1].is_some() && call.args[0] as i32 != fd);
        replaced.map(|fd| shown(fd, named.fds[1])).into_iter().collect()
    }

    /// Where the kernel contradicts what follows from the call for the descriptors that it made.
    fn disagreements(&self) -> Vec<Contradiction> {
        let Self { call, row, named, .. } = self;
        let Some(result) = call.success() else { return Vec::new() };
        if row.makes_pair() {
            let pair = call.pair().into_iter().flatten().zip(&call.fds).zip(named.fds).enumerate();
            return pair
                .flat_map(|(end, ((fd, made), name))| broken(call, row, end, fd, made.as_ref(), name))
                .collect();
        }
        // signalfd(2) makes no descriptor if it is given one, and neither does dup2(2) from a descriptor to itself.
        let may_make_none = row.effect == Effect::DuplicateOnto || row.kind_made() == Some(Kind::Signalfd);
        let none_made = may_make_none && call.args[0] as i32 == result as i32;
        match row.ret_for(&call.args) {
            Ret::Fd if !none_made => broken(call, row, 0, result as i32, call.made.as_ref(), named.made),
            _ => Vec::new(),
        }
    }
}

/// Where the kernel's identity of a new descriptor breaks the promise of the call.
fn broken(
    call: &Call,
    row: &Syscall,
    end: usize,
    fd: i32,
    made: Option<&Identity>,
    name: Option<&Name>,
) -> Vec<Contradiction> {
    let Some(made) = made else { return Vec::new() };
    let Promise { kind: promised, status, cloexec } = Promise::of(call, row, end);
    let is = kind(made, name);
    let kinds = promised.filter(|promised| *promised != is && !promised.can_be(is));
    let of_kind = kinds.map(|promised| (Attribute::Kind(promised), Attribute::Kind(is)));
    let of_status = status.map(|status| (Attribute::Status(status), Attribute::Status(made.status())));
    let of_cloexec = cloexec.map(|cloexec| (Attribute::Cloexec(cloexec), Attribute::Cloexec(made.cloexec)));
    let said = [of_kind, of_status, of_cloexec].into_iter().flatten();
    said.filter(|(call, kernel)| call != kernel).map(|(call, kernel)| Contradiction { fd, call, kernel }).collect()
}

/// Whether the name is a whole path, below which other paths can be looked up.
fn is_whole(name: &Name) -> bool {
    !(name.alone || name.cut || name.detached || name.deleted)
}

/// Whether this is a file made with O_TMPFILE. The kernel calls it by its inode, which is no name (fs/namei.c, vfs_tmpfile()).
fn is_unnamed(name: &Name, identity: &Identity) -> bool {
    let last = name.path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    last == format!("#{}", identity.inode).as_bytes()
}

/// An absolute path without `//`, `.` and a slash at the end. `..` is kept, since its meaning depends on symbolic links.
fn normal(path: &[u8]) -> Vec<u8> {
    let parts = path.split(|&byte| byte == b'/').filter(|part| !part.is_empty() && *part != b".");
    let mut normal = Vec::with_capacity(path.len());
    for part in parts {
        normal.push(b'/');
        normal.extend(part);
    }
    if normal.is_empty() { b"/".to_vec() } else { normal }
}

#[cfg(test)]
mod tests;
