//! What the record of a call must not have.
//!
//! No I/O.

use super::{Call, Text};
use crate::table::syscalls::{Effect, Peek, Syscall};

impl Call {
    /// What it has and no argument of it leads to: mostly something that an earlier call has left in the record.
    pub(crate) fn left_over(&self) -> Option<&'static str> {
        let row = self.syscall();
        let done = self.success().is_some();
        let is_pair = || done && row.is_some_and(Syscall::makes_pair);
        let has_fd = |row: &Syscall| row.fd_args().next().is_some();
        let has_second_fd = |row: &Syscall| row.fd_args().nth(1).is_some() || row.replaces().is_some();
        let is_made = || done && row.is_some_and(Syscall::may_return_fd);
        let has_path =
            |row: &Syscall| row.path_args().next().is_some() && (done || row.effect != Effect::TellDirectory);
        let has_block = |row: &Syscall| match row.peek {
            Some((_, Peek::OpenHow | Peek::HandleIn)) => true,
            Some((_, Peek::Pair | Peek::HandleOut)) => done,
            None => false,
        };
        let [first, second] = self.fds;
        let has_bytes = self.peek.as_ref().is_some_and(|bytes| !bytes.is_empty());
        let odd = [
            (first.is_some() && !row.is_some_and(has_fd) && !is_pair(), "the file of a descriptor"),
            (second.is_some() && !row.is_some_and(has_second_fd) && !is_pair(), "the file of a second descriptor"),
            (self.made.is_some() && !is_made(), "a file that it has made"),
            (is_there(&self.texts[0]) && !row.is_some_and(has_path), "a path"),
            (is_there(&self.texts[1]) && row.is_none_or(|row| row.path_args().nth(1).is_none()), "a second path"),
            (has_bytes && !row.is_some_and(has_block), "a struct"),
            (self.peek.is_none() && row.is_none_or(|row| row.peek.is_none()), "a struct that could not be read"),
            ((0..3).any(|at| self.late[at] && !self.was_read(at)), "the mark of a late read of nothing"),
            (self.fds.iter().chain([&self.made]).flatten().any(|file| file.device == 0), "a file without a device"),
        ];
        odd.iter().find(|(is_odd, _)| *is_odd).map(|(_, what)| *what)
    }
}

impl Call {
    /// Whether the first path, the second one or the struct was read.
    fn was_read(&self, at: usize) -> bool {
        match self.texts.get(at) {
            Some(text) => matches!(text, Text::Read { bytes, .. } if !bytes.is_empty()),
            None => self.peek.is_some(),
        }
    }
}

/// Whether there is a text, or an error in its place.
fn is_there(text: &Text) -> bool {
    !matches!(text, Text::Read { bytes, .. } if bytes.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::call::tests::call;
    use crate::trace::call::{Deed, Identity};

    #[test]
    fn what_no_argument_leads_to_is_an_earlier_calls() {
        let file = Some(Identity { device: 1, inode: 7, magic: 0, mode: 0o100_644, flags: 0, cloexec: false });
        let text = || Text::Read { bytes: b"x".to_vec(), cut: false };
        let made = |deed: &mut Deed| deed.made = file;
        type Row<'r> = (&'r str, i64, &'r dyn Fn(&mut Deed), Option<&'r str>);
        let rows: [Row<'_>; 17] = [
            ("dup", 3, &|deed| (deed.fds[0], deed.made) = (file, file), None),
            ("dup", -9, &made, Some("a file that it has made")),
            ("close", 0, &made, Some("a file that it has made")),
            ("close", 0, &|deed| deed.fds[1] = file, Some("the file of a second descriptor")),
            ("dup2", 3, &|deed| deed.fds[1] = file, None),
            ("sync", 0, &|deed| deed.fds[0] = file, Some("the file of a descriptor")),
            ("pipe2", 0, &|deed| (deed.fds, deed.peek) = ([file; 2], Some(vec![0; 8])), None),
            ("pipe2", -22, &|deed| deed.peek = Some(vec![0; 8]), Some("a struct")),
            ("getcwd", 2, &|deed| deed.texts[0] = text(), None),
            ("getcwd", -34, &|deed| deed.texts[0] = text(), Some("a path")),
            ("close", 0, &|deed| deed.texts[0] = Text::Unreadable(14), Some("a path")),
            ("openat", 3, &|deed| deed.texts[1] = text(), Some("a second path")),
            ("openat2", -14, &|deed| deed.peek = None, None),
            ("close", -9, &|deed| deed.peek = None, Some("a struct that could not be read")),
            ("openat", 3, &|deed| (deed.texts[0], deed.late[0]) = (text(), true), None),
            ("openat", 3, &|deed| deed.late[0] = true, Some("the mark of a late read of nothing")),
            (
                "dup",
                3,
                &|deed| deed.made = file.map(|file| Identity { device: 0, ..file }),
                Some("a file without a device"),
            ),
        ];
        for (name, ret, change, expected) in rows {
            let Some(row) = Syscall::by_name(name) else { continue };
            let call = call(0, row.number, [0; 6], ret).with(|deed| deed.peek = Some(Vec::new()));
            let call = call.with(|deed| change(deed));
            assert_eq!(call.left_over(), expected, "{name} = {ret}");
        }
    }
}
