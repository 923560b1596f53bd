//! The value of a call's field, and whether it is the expected one.

use std::borrow::Cow;
use std::collections::HashMap;

use bstr::ByteSlice;

use super::FieldDifference;
use super::content;
use crate::judge::expectation::{Aspect, ExpectedCall, Wanted, WantedField, Which};
use crate::table::kind::Kind;
use crate::table::syscalls::Abi;
use crate::table::syscalls::{self, Ret, Role};
use crate::trace::call::{Call, Content, Identity, Outcome, RingRequest, Text};
use crate::trace::show;

mod shown;

pub(crate) use shown::PAIR_IS_SWAPPED;

/// What the names are bound to: the value, and the place of the expected call that bound it, counted from 1.
#[derive(Default)]
pub(super) struct Bindings<'e> {
    values: HashMap<&'e str, (i64, usize)>,
}

/// The value of a call's field.
pub(crate) enum Fact<'c> {
    Number(i64),
    Errno(i32),
    Unfinished,
    File(Option<&'c [u8]>),
    Files(&'c [Vec<u8>]),
    Text(&'c [u8]),
    Is(bool),
    /// What a pointer leads to.
    Content(Content),
    /// No value, with the reason. It equals only an absent file or a flag that was left out.
    Unknown(Cow<'c, str>),
}

impl Bindings<'_> {
    /// The value of a name.
    fn value(&self, name: &str) -> Option<i64> {
        self.values.get(name).map(|(value, _)| *value)
    }

    /// Unbinds these names.
    pub(super) fn forget(&mut self, names: &[String]) {
        for name in names {
            self.values.remove(name.as_str());
        }
    }

    /// The number of the call that bound this name, if it bound another name as well, and that one to this value.
    fn other_of_pair(&self, name: &str, value: i64) -> Option<usize> {
        let (_, number) = *self.values.get(name)?;
        let is_other = |(other, &(bound, by)): (&&str, &(i64, usize))| *other != name && bound == value && by == number;
        self.values.iter().any(is_other).then_some(number)
    }
}

/// Whether it is a call of this name.
pub(super) fn is_same_call(expected: &ExpectedCall, call: &Call) -> bool {
    call.syscall().is_some_and(|row| row.number == expected.syscall.number)
}

/// The number of fields in which a call differs, as far as that is known without the values of names. `None` if it is another
/// call.
pub(super) fn distance(expected: &ExpectedCall, call: &Call) -> Option<usize> {
    let fields = || expected.fields.iter().filter(|field| !meets(field, call, None)).count();
    is_same_call(expected, call).then(|| fields() + usize::from(contradiction(call).is_some()))
}

/// Whether a call matches everything in an entry without names.
pub(super) fn satisfies(expected: &ExpectedCall, call: &Call) -> bool {
    expected.fields.iter().all(|field| meets(field, call, None))
}

/// Whether a call is of this name and has every expected value, with the names as they are bound.
pub(super) fn meets_all(expected: &ExpectedCall, call: &Call, bindings: &Bindings) -> bool {
    is_same_call(expected, call)
        && contradiction(call).is_none()
        && expected.fields.iter().all(|field| meets(field, call, Some(bindings)))
}

/// The fields that differ. Binds the names that the call gives a value. `number` is its place, counted from 1.
pub(super) fn differences<'e>(
    expected: &'e ExpectedCall,
    number: usize,
    call: &Call,
    bindings: &mut Bindings<'e>,
) -> Vec<FieldDifference> {
    let mut differences = field_differences(expected, number, call, bindings);
    differences.extend(contradiction(call));
    differences
}

/// The same, but ignores the kernel's identities.
pub(super) fn field_differences<'e>(
    expected: &'e ExpectedCall,
    number: usize,
    call: &Call,
    bindings: &mut Bindings<'e>,
) -> Vec<FieldDifference> {
    let mut differences: Vec<FieldDifference> = Vec::new();
    for field in &expected.fields {
        if !meets(field, call, Some(bindings)) {
            differences.push(FieldDifference {
                field: field.key,
                expected: shown::wanted(field, bindings),
                observed: shown::observed(field, call, bindings),
            });
        }
        bind(field, number, call, bindings);
    }
    differences
}

/// Compares the kernel's word about a descriptor with that of the call that made it.
pub(super) fn contradiction(call: &Call) -> Option<FieldDifference> {
    let attributes = call.files.disagreements.iter().map(|said| {
        let [by_call, kernel] = [said.call, said.kernel].map(|attribute| format!("{} {attribute}", said.fd));
        (by_call, kernel)
    });
    let (by_call, kernel): (Vec<_>, Vec<_>) = attributes.unzip();
    (!kernel.is_empty()).then(|| FieldDifference {
        field: "descriptors",
        expected: format!("{} (by the call)", by_call.join(", ")),
        observed: format!("{} (by the kernel)", kernel.join(", ")),
    })
}

/// Binds the names that a call out of order would have bound.
pub(super) fn bind_all<'e>(expected: &'e ExpectedCall, number: usize, call: &Call, bindings: &mut Bindings<'e>) {
    for field in &expected.fields {
        bind(field, number, call, bindings);
    }
}

fn bind<'e>(field: &'e WantedField, number: usize, call: &Call, bindings: &mut Bindings<'e>) {
    if let Wanted::Name(name) = &field.wanted
        && let Some(Fact::Number(value)) = fact(field, call)
    {
        bindings.values.entry(name).or_insert((value, number));
    }
}

fn meets(field: &WantedField, call: &Call, bindings: Option<&Bindings>) -> bool {
    let Some(fact) = fact(field, call) else { return true };
    match &field.wanted {
        Wanted::Name(name) => {
            let bound = bindings.and_then(|bindings| bindings.values.get(name.as_str()));
            matches!(fact, Fact::Number(value) if bound.is_none_or(|(bound, _)| *bound == value))
        }
        Wanted::Number(wanted) => match fact {
            Fact::Number(value) => *wanted == value,
            // A failing openat2 may have had an unreadable `struct open_how`. The table cannot name its flags then.
            Fact::Unknown(_) => !field.written && call.errno().is_some(),
            Fact::Errno(_) | Fact::Unfinished | Fact::File(_) | Fact::Files(_) | Fact::Text(_) => false,
            Fact::Is(_) | Fact::Content(_) => false,
        },
        Wanted::Errno(wanted) => matches!(fact, Fact::Errno(errno) if errno == *wanted),
        Wanted::Unfinished => matches!(fact, Fact::Unfinished),
        Wanted::Is(wanted) => matches!(fact, Fact::Is(value) if value == *wanted),
        // A path that could not be read is unknown, unless the descriptors tell it.
        Wanted::Nothing => match fact {
            Fact::File(file) => file.is_none(),
            Fact::Unknown(_) => file(field.aspect, call).is_none(),
            Fact::Number(_) | Fact::Errno(_) | Fact::Unfinished | Fact::Files(_) | Fact::Text(_) => false,
            Fact::Is(_) | Fact::Content(_) => false,
        },
        Wanted::Text(wanted) => {
            matches!(fact, Fact::File(Some(bytes)) | Fact::Text(bytes) if bytes == of_process(wanted, call).as_ref())
        }
        Wanted::Contains(wanted) => matches!(fact, Fact::File(Some(bytes)) if bytes.contains_str(wanted)),
        Wanted::Files(wanted) => {
            let wanted = wanted.iter().map(String::as_bytes);
            matches!(fact, Fact::Files(files) if wanted.eq(files.iter().map(Vec::as_slice)))
        }
        Wanted::Content(wanted) => {
            let bound = |name: &str| bindings.and_then(|bindings| bindings.value(name));
            matches!(fact, Fact::Content(found) if content::meets(wanted, &found, &bound))
        }
    }
}

/// Replaces `{pid}` and `{tid}` in a path of proc(5) by the process and the thread that made the call.
fn of_process<'w>(wanted: &'w [u8], call: &Call) -> Cow<'w, [u8]> {
    if !wanted.contains(&b'{') {
        return Cow::Borrowed(wanted);
    }
    Cow::Owned(wanted.replace("{pid}", call.pid.to_string()).replace("{tid}", call.tid.to_string()))
}

fn file(aspect: Aspect, call: &Call) -> Option<&[u8]> {
    match aspect {
        Aspect::File(0) => call.files.path.as_deref(),
        Aspect::File(_) => call.files.path2.as_deref(),
        Aspect::Text(_)
        | Aspect::Arg(_)
        | Aspect::Data(_)
        | Aspect::DataIs(_)
        | Aspect::Implied
        | Aspect::How(_)
        | Aspect::Ret
        | Aspect::Bytes
        | Aspect::Kind(_)
        | Aspect::Status(_)
        | Aspect::Cloexec(_)
        | Aspect::Closes
        | Aspect::Comm
        | Aspect::Pid
        | Aspect::Tid
        | Aspect::ExitTid
        | Aspect::UserData
        | Aspect::SqeFlags
        | Aspect::Worker
        | Aspect::More
        | Aspect::Ambiguous
        | Aspect::Abi
        | Aspect::Refused
        | Aspect::MadeFile
        | Aspect::Made(_) => None,
    }
}

/// A request has a queue entry, unless it comes from an archive without it.
fn of_request<'c>(call: &Call, fact: impl FnOnce(&RingRequest) -> Fact<'c>) -> Fact<'c> {
    call.request.as_ref().map_or(Fact::Unknown("unknown".into()), fact)
}

/// `None` where there is nothing to compare: the field is about a descriptor that the call did not make.
pub(crate) fn fact<'c>(field: &WantedField, call: &'c Call) -> Option<Fact<'c>> {
    Some(match field.aspect {
        Aspect::File(at) => file_fact(at, call),
        Aspect::Text(at) => Fact::Text(text_state(at, call)),
        Aspect::Arg(at) => Fact::Number(argument(call, at, field.role)),
        Aspect::Data(at) => content::of(call, at).map_or_else(|why| Fact::Unknown(why.into()), Fact::Content),
        Aspect::DataIs(at) => Fact::Text(content::state(call, at)),
        Aspect::Implied => Fact::Number(call.syscall()?.implied_flags?.1 as i64),
        Aspect::How(word) => match call.how(word) {
            Some(value) => Fact::Number(value as i64),
            None => Fact::Unknown("unreadable".into()),
        },
        Aspect::Ret => result_fact(call),
        Aspect::Bytes => call.bytes().map_or(Fact::Unknown("none".into()), |bytes| Fact::Number(bytes as i64)),
        Aspect::Kind(which) => of_descriptor(which, call, kind, |kind| Fact::Text(kind.as_bytes()))?,
        Aspect::Status(which) => of_descriptor(which, call, status, Fact::Number)?,
        Aspect::Cloexec(which) => of_descriptor(which, call, cloexec, Fact::Is)?,
        Aspect::Closes => Fact::Files(&call.files.closes),
        Aspect::Comm => Fact::Text(call.comm()),
        Aspect::Pid => Fact::Number(call.pid.into()),
        Aspect::Tid => Fact::Number(call.tid.into()),
        Aspect::ExitTid => call.other_exit_tid().map_or(Fact::Unknown("none".into()), |tid| Fact::Number(tid.into())),
        Aspect::UserData => of_request(call, |request| Fact::Number(request.sqe.user_data() as i64)),
        Aspect::SqeFlags => of_request(call, |request| Fact::Number(request.sqe.flags().into())),
        Aspect::Worker => of_request(call, |request| Fact::Is(request.worker)),
        Aspect::More => of_request(call, |request| Fact::Is(request.more)),
        Aspect::Ambiguous => of_request(call, |request| Fact::Is(request.ambiguous)),
        Aspect::Refused => Fact::Is(call.refused),
        Aspect::Abi => Fact::Text(match call.abi {
            Abi::Native => b"native",
            Abi::Compat => b"32 bit",
        }),
        Aspect::MadeFile => {
            call.success()?;
            Fact::File(call.files.made_path.as_deref())
        }
        Aspect::Made(at) => match call.pair() {
            Some(pair) => Fact::Number(pair[at].into()),
            None => Fact::Unknown("unreadable".into()),
        },
    })
}

fn result_fact<'c>(call: &Call) -> Fact<'c> {
    match (call.outcome, call.errno()) {
        (Outcome::Unfinished, _) => Fact::Unfinished,
        (Outcome::Returned(_), Some(errno)) => Fact::Errno(errno),
        (Outcome::Returned(value), None) => Fact::Number(value),
    }
}

/// The string of a path argument, with its address.
fn text_of(at: usize, call: &Call) -> Option<(u64, &Text)> {
    let arg = call.syscall()?.arg(["path", "path2"][at])?;
    Some((call.args[arg], call.text(arg)?))
}

fn text_state(at: usize, call: &Call) -> &'static [u8] {
    match text_of(at, call) {
        Some(_)
            if call.syscall().and_then(|row| row.arg(["path", "path2"][at])).is_some_and(|arg| call.is_late(arg)) =>
        {
            b"late"
        }
        Some((0, Text::Unreadable(_))) => b"null",
        Some((_, Text::Unreadable(_))) => b"unreadable",
        Some((_, Text::Read { cut: true, .. })) => b"cut",
        Some((_, Text::Read { cut: false, .. })) | None => b"whole",
    }
}

/// The field's value for a descriptor, or for both of a pair if they are equal. `None` if the call failed to make it.
fn of_descriptor<'c, T: PartialEq>(
    which: Which,
    call: &'c Call,
    said: fn(&'c Call, DescriptorPlace) -> Option<T>,
    fact: fn(T) -> Fact<'c>,
) -> Option<Fact<'c>> {
    let row = call.syscall()?;
    let is_made = row.makes_pair() || which == Which::Made;
    let returns_one = row.makes_pair_for(&call.args) || matches!(row.ret_for(&call.args), Ret::Fd);
    if is_made && !(returns_one && call.success().is_some()) {
        return None;
    }
    let places = match which {
        Which::Made => [DescriptorPlace::Made; 2],
        Which::Fd(at) => [DescriptorPlace::Fd(at); 2],
        Which::Pair => [0, 1].map(DescriptorPlace::Fd),
    };
    Some(match places.map(|place| said(call, place)) {
        [Some(first), Some(second)] if first == second => fact(first),
        [Some(_), Some(_)] => Fact::Unknown("not the same of both".into()),
        [None, _] | [_, None] => Fact::Unknown(if is_made { "unknown" } else { "not open" }.into()),
    })
}

/// One descriptor of a call.
#[derive(Clone, Copy)]
enum DescriptorPlace {
    Made,
    Fd(usize),
}

fn identity(call: &Call, place: DescriptorPlace) -> Option<&Identity> {
    match place {
        DescriptorPlace::Made => call.made.as_ref(),
        DescriptorPlace::Fd(at) => call.fds[at].as_ref(),
    }
}

fn kind(call: &Call, place: DescriptorPlace) -> Option<&'static str> {
    let kind = match place {
        DescriptorPlace::Made => call.files.made,
        DescriptorPlace::Fd(at) => call.files.kinds[at],
    };
    kind.map(Kind::name)
}

fn status(call: &Call, place: DescriptorPlace) -> Option<i64> {
    identity(call, place).map(|identity| identity.status().into())
}

fn cloexec(call: &Call, place: DescriptorPlace) -> Option<bool> {
    identity(call, place).map(|identity| identity.cloexec)
}

fn file_fact(at: usize, call: &Call) -> Fact<'_> {
    match text_of(at, call) {
        // No path. The call was about the file of its directory descriptor (utimensat(2)).
        Some((0, Text::Unreadable(_))) if file(Aspect::File(at), call).is_some() => {
            Fact::File(file(Aspect::File(at), call))
        }
        Some((address, text @ Text::Unreadable(_))) => Fact::Unknown(show::text(address, text).into()),
        Some((address, text @ Text::Read { cut: true, .. })) => Fact::Unknown(show::text(address, text).into()),
        Some((_, Text::Read { cut: false, .. })) | None => Fact::File(file(Aspect::File(at), call)),
    }
}

/// An argument as a number. The kernel looks at 32 bits of descriptors, flags and modes.
fn argument(call: &Call, at: usize, role: Role) -> i64 {
    let raw = call.args[at];
    match role {
        Role::Fd | Role::DirFd | Role::FdNumber | Role::Int | Role::Named(_) => (raw as i32).into(),
        Role::Id => syscalls::id(raw),
        Role::Flags(names) | Role::Choice(names) if names.is_long() => raw as i64,
        Role::Flags(_) | Role::Choice(_) | Role::Mode | Role::UnsignedInt => (raw as u32).into(),
        Role::Signed => call.signed(at),
        Role::Path | Role::Text | Role::Unsigned | Role::Pointer => raw as i64,
    }
}
