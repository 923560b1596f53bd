//! Compares the names of a call's files: those from BPF, those in the kernel's links, and those that the witness derived
//! itself.

use super::sights::{self, Asked, Sights};
use super::tables::Tables;
use super::{Mismatch, permitted, text};
use crate::table::syscalls::{Effect, Role, Syscall};
use crate::trace::call::{Call, Text};
use crate::trace::testimony::{Leads, Seen};

/// A call as both saw it, and what the comparison of their names needs.
pub(super) struct ComparedNames<'a> {
    pub call: &'a Call,
    pub seen: &'a Seen,
    pub sights: &'a Sights<'a>,
    pub tables: &'a Tables<'a>,
    /// BPF's relative names are relative to this directory.
    pub workspace: Option<&'a [u8]>,
}

impl ComparedNames<'_> {
    /// The names that differ. BPF's names and the links in /proc both come from the kernel, in two different ways.
    pub(super) fn fields(&self) -> Vec<Mismatch> {
        let Some(row) = self.call.syscall().filter(|_| !permitted::is_disturbed(self.seen)) else { return Vec::new() };
        let mut fields = self.descriptors(row);
        fields.extend(self.paths(row));
        fields.extend(self.result());
        fields.extend(self.way());
        fields
    }

    /// The descriptors that the call got as arguments.
    fn descriptors(&self, row: &Syscall) -> Vec<Mismatch> {
        let (mut fields, as_it_is) = (Vec::new(), |link: &[u8]| Some(link.to_vec()));
        for (place, at) in row.fd_args().enumerate().filter(|&(place, _)| self.call.fds[place].is_some()) {
            let what = format!("name of argument {}", at + 1);
            fields.extend(self.looked_at(what, self.descriptor(row, at), Asked::Descriptor(place), as_it_is));
        }
        if let (Some(at), [closed]) = (row.replaces(), self.call.files.closes.as_slice()) {
            // A file without a name in BPF's record is shown by its number.
            let name = Some(closed.as_slice()).filter(|name| !name.starts_with(b"descriptor "));
            let asked = Asked::Descriptor(row.fd_args().count());
            fields.extend(self.looked_at(format!("name of argument {}", at + 1), name, asked, as_it_is));
        }
        fields
    }

    /// The path arguments, each after the directory at which it begins.
    fn paths(&self, row: &Syscall) -> Vec<Mismatch> {
        let mut fields = Vec::new();
        for (key, name) in [("path", &self.call.files.path), ("path2", &self.call.files.path2)] {
            // The path from getcwd(2) always begins at the root of its process.
            let at = row
                .arg(key)
                .filter(|&at| matches!(row.args[at].role, Role::Path) && row.effect != Effect::TellDirectory);
            let asked = at.and_then(|at| Some((at, sights::begins(row, self.seen, at)?)));
            let Some((at, asked)) = asked else { continue };
            let Some(Text::Read { bytes, .. }) = self.seen.call.text(at) else { continue };
            let what = format!("{key}, with where it begins");
            fields.extend(self.looked_at(what, name.as_deref(), asked, |link| spelled(link, bytes)));
        }
        fields
    }

    /// Compares a name from BPF with one derived from a link. The witness read the link before BPF looked at the file.
    fn looked_at(
        &self,
        what: String,
        name: Option<&[u8]>,
        asked: Asked,
        follows: impl Fn(&[u8]) -> Option<Vec<u8>>,
    ) -> Option<Mismatch> {
        let (name, other) = (name?, sights::link(self.seen, asked).and_then(&follows)?);
        let is_right = |link: &[u8]| follows(link).is_some_and(|other| is_same_name(name, &other, self.workspace));
        let is_alike = is_same_name(name, &other, self.workspace) || self.may_differ(asked, is_right);
        (!is_alike).then(|| Mismatch::new(what, text(name), text(&other)))
    }

    /// Whether another thread or process may have changed the name, or the file under the name, between the two looks.
    fn may_differ(&self, asked: Asked, is_right: impl Fn(&[u8]) -> bool) -> bool {
        permitted::is_renamed(self.sights, self.seen, asked, is_right)
            || permitted::is_replaced(self.tables, self.seen, asked)
    }

    /// The file that the call opened or made.
    fn result(&self) -> Option<Mismatch> {
        let link = self.seen.names.made_link.as_deref().filter(|_| !permitted::has_moved_since(self.seen));
        self.unlike("name of the result", link?)
    }

    /// The file that the path leads to.
    fn way(&self) -> Option<Mismatch> {
        let names = &self.seen.names;
        match &names.leads {
            Leads::Unknown | Leads::Unsettled => None,
            Leads::Here(name) => self.unlike("name of what the path leads to", name),
            Leads::Elsewhere { name, is_same } => Some(Mismatch {
                what: if *is_same { "name of what the path leads to" } else { "what the path leads to" }.to_owned(),
                bpf: text(names.made_link.as_deref().unwrap_or_default()),
                ptrace: text(name),
                source: "the link in /proc",
            }),
        }
    }

    /// Compares BPF's name of the file that the call made, if BPF has one, with another name.
    fn unlike(&self, what: &str, other: &[u8]) -> Option<Mismatch> {
        let name = self.call.files.made_path.as_deref()?;
        let is_right = |link: &[u8]| is_same_name(name, link, self.workspace);
        let unlike = !is_right(other) && !self.may_differ(Asked::Made, is_right);
        unlike.then(|| Mismatch::new(what.to_owned(), text(name), text(other)))
    }

    /// BPF's name for the descriptor in this argument, if the call is about that file.
    fn descriptor(&self, row: &Syscall, at: usize) -> Option<&[u8]> {
        let names = [("path", &self.call.files.path), ("path2", &self.call.files.path2)];
        let (_, name) = names.into_iter().find(|(key, _)| row.descriptor_for(key) == Some(at))?;
        name.as_deref()
    }
}

/// A path after the directory at which it begins. A removed directory, or one outside of every tree, has nothing below it.
fn spelled(base: &[u8], path: &[u8]) -> Option<Vec<u8>> {
    if !base.starts_with(b"/") || base.ends_with(b" (deleted)") {
        return None;
    }
    let parts = base.split(|&byte| byte == b'/').chain(path.split(|&byte| byte == b'/'));
    let mut spelled = Vec::new();
    for part in parts.filter(|part| !matches!(*part, b"" | b".")) {
        spelled.push(b'/');
        spelled.extend(part);
    }
    if spelled.is_empty() {
        spelled.push(b'/');
    }
    Some(spelled)
}

/// Whether BPF's name is this one.
fn is_same_name(name: &[u8], other: &[u8], workspace: Option<&[u8]>) -> bool {
    match (name, workspace) {
        ([b'/', ..], _) => other == name,
        (b".", Some(workspace)) => other == workspace,
        (_, Some(workspace)) => other.strip_prefix(workspace).and_then(|rest| rest.strip_prefix(b"/")) == Some(name),
        (_, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{both, file, said};
    use super::*;
    use crate::trace::testimony::{FileNames as Looks, Testimony};
    use crate::trace::whole::Trace;

    const NONE: [&str; 0] = [];

    /// The differences for the first call, openat(AT_FDCWD, "a.txt"), if BPF reports this name and the witness saw these.
    fn opened(name: &str, looks: Looks) -> Vec<String> {
        let (mut trace, mut testimony) = both();
        trace.calls[0].files.made_path = Some(name.into());
        trace.calls.truncate(1);
        testimony.calls.truncate(1);
        *testimony.calls[0].names_mut() = looks;
        said(&trace, &testimony)
    }

    fn linked(link: &str, leads: Leads) -> Looks {
        Looks { made_link: Some(link.into()), leads, ..Looks::default() }
    }

    #[test]
    fn a_name_must_be_that_of_the_place_to_which_the_path_leads() {
        let here = |name: &str| Looks { leads: Leads::Here(name.into()), ..Looks::default() };
        assert_eq!(opened("a.txt", here("/ws/a.txt")), NONE);
        let said = ["openat: name of what the path leads to: \"a.txt\" | \"/ws/b.txt\""];
        assert_eq!(opened("a.txt", here("/ws/b.txt")), said, "though no link says so");
    }

    #[test]
    fn a_path_that_leads_elsewhere_contradicts_the_name_and_the_link() {
        let elsewhere = |is_same| linked("/ws/a.txt", Leads::Elsewhere { name: b"/ws/b.txt".to_vec(), is_same });
        let another = ["openat: what the path leads to: \"/ws/a.txt\" | \"/ws/b.txt\""];
        assert_eq!(opened("a.txt", elsewhere(false)), another);
        let by_another_name = ["openat: name of what the path leads to: \"/ws/a.txt\" | \"/ws/b.txt\""];
        assert_eq!(opened("a.txt", elsewhere(true)), by_another_name);
    }

    #[test]
    fn a_file_that_others_have_moved_since_may_be_called_otherwise() {
        assert_eq!(opened("a.txt", linked("/ws/b.txt", Leads::Unsettled)), NONE);
        let said = ["openat: name of the result: \"a.txt\" | \"/ws/b.txt\""];
        assert_eq!(opened("a.txt", linked("/ws/b.txt", Leads::Unknown)), said);
    }

    #[test]
    fn a_path_begins_where_the_witness_says() {
        let judged = |name: &str, base: &str| {
            let (mut trace, mut testimony) = both();
            trace.calls[0].files.path = Some(name.into());
            testimony.calls[0].names_mut().bases[0] = Some(base.into());
            said(&trace, &testimony)
        };
        assert_eq!(judged("a.txt", "/ws"), NONE);
        assert_eq!(judged("/other/a.txt", "/other"), NONE);
        assert_eq!(judged("a.txt", "/ws (deleted)"), NONE, "nothing is below");
        let said = ["openat: path, with where it begins: \"a.txt\" | \"/ws/sub/a.txt\""];
        assert_eq!(judged("a.txt", "/ws/sub"), said);
    }

    #[test]
    fn a_path_begins_at_its_descriptor() {
        let judged = |link: &str| {
            let (mut trace, mut testimony) = both();
            for call in [&mut trace.calls[0], &mut testimony.calls[0].call] {
                (call.args[0], call.fds[0]) = (9, file(5));
            }
            trace.calls[0].files.path = Some(b"d/a.txt".to_vec());
            testimony.calls[0].names_mut().links[0] = Some(link.into());
            said(&trace, &testimony)
        };
        assert_eq!(judged("/ws/d"), NONE);
        assert_eq!(judged("/ws/e"), ["openat: path, with where it begins: \"d/a.txt\" | \"/ws/e/a.txt\""]);
    }

    /// The differences for the read. BPF reports `b.txt` for it, and the witness saw these links at the read and at the close.
    fn read(links: [&str; 2], change: fn(&mut Trace, &mut Testimony)) -> Vec<String> {
        let (mut trace, mut testimony) = both();
        trace.calls[1].files.path = Some(b"b.txt".to_vec());
        for (at, link) in [1, 2].into_iter().zip(links) {
            testimony.calls[at].names_mut().links[0] = Some(link.into());
            trace.calls[2].files.path = link.strip_prefix("/ws/").map(Into::into);
        }
        change(&mut trace, &mut testimony);
        said(&trace, &testimony)
    }

    #[test]
    fn a_name_that_the_witness_sees_later_is_permitted() {
        let differs = ["read: name of argument 1: \"b.txt\" | \"/ws/a.txt\""];
        assert_eq!(read(["/ws/a.txt", "/ws/a.txt"], |_, _| {}), differs);
        assert_eq!(read(["/ws/a.txt", "/ws/b.txt"], |_, _| {}), NONE);
        let of_another = |trace: &mut Trace, testimony: &mut Testimony| {
            (trace.calls[2].fds[0], testimony.calls[2].call.fds[0]) = (file(9), file(9));
        };
        assert_eq!(read(["/ws/a.txt", "/ws/b.txt"], of_another), differs, "which is not the name of another file");
    }

    #[test]
    fn a_name_from_before_is_a_difference() {
        let (mut trace, mut testimony) = both();
        trace.calls[2].files.path = Some(b"a.txt".to_vec());
        testimony.calls[2].names_mut().links[0] = Some(b"/ws/b.txt".to_vec());
        assert_eq!(said(&trace, &testimony), ["close: name of argument 1: \"a.txt\" | \"/ws/b.txt\""]);
    }

    #[test]
    fn names_are_not_compared_where_another_thread_was_changing_some() {
        assert_eq!(read(["/ws/a.txt", "/ws/a.txt"], |_, testimony| testimony.calls[1].disturbed = true), NONE);
    }
}
