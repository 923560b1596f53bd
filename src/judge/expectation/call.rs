//! One call of a table: its keys become the fields that are compared.

use std::collections::BTreeSet;

use toml::Spanned;
use toml::de::DeValue;

use super::entries::{Entry, find};
use super::errors::{Problems, near, near_or_all};
use super::keys::{CallKey, accepted, command, keys};
use super::values;
use super::{Aspect, ExpectedCall, Part, Wanted, WantedField, Which};
use crate::table::blocks;
use crate::table::kind::Kind;
use crate::table::syscalls::{Ret, Role, Syscall};
use crate::trace::call::{ContentState, NOTHING_READ};

/// The `$x` that earlier calls have bound.
#[derive(Clone, Default)]
pub(super) struct BoundNames {
    bound: BTreeSet<String>,
}

/// The longest name of a thread in bytes (prctl(2), PR_SET_NAME: 16 with the NUL).
const COMM: usize = 15;

/// The value of `bytes` for a call that counts none.
const NO_BYTES: &str = "none";

/// The kernel's call tables. The first is the default.
pub(crate) const ABIS: [&str; 2] = ["native", "32 bit"];

/// How BPF may have got a string. The first is the default.
pub(crate) const TEXT_STATES: [&str; 5] = ["whole", "cut", "unreadable", "null", "late"];

/// A key and its value as written in the file, on one line.
pub(super) fn part((key, value): &Entry, text: &str) -> Part {
    let raw = text.get(value.span()).unwrap_or_default();
    let value = if raw.contains('\n') { raw.split_whitespace().collect::<Vec<_>>().join(" ") } else { raw.to_owned() };
    Part { key: key.get_ref().to_string(), text: format!("{} = {value}", key.get_ref()) }
}

impl BoundNames {
    /// Restores what was bound before a repetition, and returns the names that the repetition bound.
    pub(super) fn forget_all_but(&mut self, before: &Self) -> Vec<String> {
        let new = self.bound.difference(&before.bound).cloned().collect();
        self.bound.clone_from(&before.bound);
        new
    }

    /// Binds the names of a call even if the call has errors. Otherwise each later use of the names would be an error too.
    pub(super) fn bind(&mut self, entries: &[Entry]) {
        let binding = entries
            .iter()
            .filter(|(key, _)| matches!(key.get_ref().as_ref(), "ret" | "pid" | "tid" | "exit_tid" | "makes"));
        for (_, value) in binding {
            self.bound.extend(values::name(value).map(str::to_owned));
            if let DeValue::Array(items) = value.get_ref() {
                self.bound.extend(items.iter().filter_map(values::name).map(str::to_owned));
            }
        }
    }
}

/// Reads the keys of one call.
pub(super) struct CallReader<'a, 't, 'p> {
    row: &'static Syscall,
    args: [u64; 6],
    keys: Vec<CallKey>,
    entries: &'a [Entry<'a, 't>],
    /// The names bound so far. `None` where calls have no order.
    names: Option<&'a BoundNames>,
    pub(super) problems: &'a mut Problems<'p>,
}

impl<'a, 't, 'p> CallReader<'a, 't, 'p> {
    /// Begins a call with this row and these entries.
    pub(super) fn new(
        row: &'static Syscall,
        entries: &'a [Entry<'a, 't>],
        names: Option<&'a BoundNames>,
        problems: &'a mut Problems<'p>,
    ) -> Self {
        let args = command(row, entries);
        let keys = keys(row, &args);
        Self { row, args, keys, entries, names, problems }
    }

    /// Reads a call of a whole trace: keys that are left out have their defaults.
    pub(super) fn whole(mut self, item: &Spanned<DeValue>) -> ExpectedCall {
        let mut fields = Vec::new();
        for key in self.keys.clone() {
            match find(self.entries, key.name) {
                Some(entry) => fields.extend(self.field(key, entry)),
                None => fields.extend(self.left_out(key, item, &fields)),
            }
        }
        fields.extend(self.no_file());
        self.unknown_keys(&[]);
        self.descriptor_of_nothing(&fields);
        self.finish(item, fields)
    }

    /// Reads a call of a partial trace: only the written keys are compared.
    pub(super) fn partial(mut self, item: &Spanned<DeValue>) -> ExpectedCall {
        let mut fields = Vec::new();
        for key in self.keys.clone() {
            fields.extend(find(self.entries, key.name).and_then(|entry| self.field(key, entry)));
        }
        if let Some(entry) = find(self.entries, "path_contains") {
            let text = values::string(entry, self.problems).unwrap_or("-");
            if text.is_empty() {
                self.problems.push(entry.1.span(), "`path_contains` is empty", "every path contains that");
            }
            let wanted = Wanted::Contains(text.to_owned());
            let (aspect, role) = (Aspect::File(0), Role::Text);
            fields.push(WantedField { key: "path_contains", aspect, role, wanted, written: true });
        }
        self.unknown_keys(&["path_contains"]);
        self.finish(item, fields)
    }

    fn finish(self, item: &Spanned<DeValue>, fields: Vec<WantedField>) -> ExpectedCall {
        let text = self.problems.text;
        let parts = self.entries.iter().map(|entry| part(entry, text)).collect();
        ExpectedCall { syscall: self.row, line: self.problems.line_of(item.span().start), parts, fields }
    }

    fn unknown_keys(&mut self, besides: &[&str]) {
        let mut known = accepted(&self.keys);
        known.extend(besides);
        for (key, value) in self.entries.iter().filter(|(key, _)| !known.contains(&key.get_ref().as_ref())) {
            let name = key.get_ref().as_ref();
            let pointer = self.row.arg(name).is_some();
            let (message, hint) = match name {
                _ if pointer => {
                    let hint = "leave it out: an address differs from run to run";
                    (format!("`{name}` of `{}` is an address", self.row.name), hint.to_owned())
                }
                "path_contains" | "min_count" => {
                    let hint = "it is for `present`; `calls` has whole paths, and a line for each call";
                    (format!("`{name}` has no place in `calls`"), hint.to_owned())
                }
                _ => (format!("`{}` has no key `{name}`", self.row.name), near_or_all(name, &known)),
            };
            self.problems.push(key.span().start..value.span().end, message, hint);
        }
    }

    /// The value of a key.
    fn field(&mut self, key: CallKey, entry: Entry) -> Option<WantedField> {
        let wanted = match key.aspect {
            Aspect::Made(at) => self.made(entry, at)?,
            Aspect::Status(Which::Fd(at)) if self.row.makes_pair() => self.status_of_pair(entry, at, key.role)?,
            _ => self.wanted(key, entry)?,
        };
        Some(WantedField { key: key.name, aspect: key.aspect, role: key.role, wanted, written: true })
    }

    fn wanted(&mut self, key: CallKey, entry: Entry) -> Option<Wanted> {
        if let Some(name) = values::name(entry.1).filter(|_| takes_name(key)) {
            return self.name(name, entry.1, !matches!(key.aspect, Aspect::Arg(_)));
        }
        match key.aspect {
            Aspect::Ret => values::ret(entry, key.role, self.problems),
            Aspect::Bytes => self.bytes(entry),
            Aspect::Kind(_) => values::one_of(entry, &Kind::names(), self.problems),
            Aspect::Cloexec(_) | Aspect::Worker | Aspect::More | Aspect::Ambiguous | Aspect::Refused => {
                values::yes_or_no(entry, self.problems).map(Wanted::Is)
            }
            Aspect::Closes => values::strings(entry, self.problems).map(Wanted::Files),
            Aspect::Comm => self.comm(entry),
            Aspect::Text(_) => values::one_of(entry, &TEXT_STATES, self.problems),
            Aspect::Abi => values::one_of(entry, &ABIS, self.problems),
            Aspect::DataIs(_) => {
                let [whole, cut, unreadable, late] = ContentState::ALL.map(|(_, word)| word);
                values::one_of(entry, &[whole, cut, unreadable, late, NOTHING_READ], self.problems)
            }
            Aspect::Data(at) => {
                let shape = blocks::shape_of_arg(self.row, at, &self.args)?;
                self.content(entry, &shape).map(Wanted::Content)
            }
            Aspect::File(_)
            | Aspect::MadeFile
            | Aspect::Arg(_)
            | Aspect::Implied
            | Aspect::How(_)
            | Aspect::Status(_)
            | Aspect::UserData
            | Aspect::SqeFlags
            | Aspect::Pid
            | Aspect::Tid
            | Aspect::ExitTid
            | Aspect::Made(_) => values::by_role(entry, key.role, self.problems),
        }
    }

    /// A `$x`, which may be new if `binds`.
    pub(super) fn name(&mut self, name: &str, value: &Spanned<DeValue>, binds: bool) -> Option<Wanted> {
        let Some(names) = self.names else {
            let hint = "`present` and `absent` have no order: write what is known before";
            self.problems.push(value.span(), format!("nothing binds `{name}` here"), hint);
            return None;
        };
        if !values::is_well_formed(name) {
            self.problems.push(value.span(), format!("`{name}` is no name"), "letters, digits and _, as in \"$a\"");
            return None;
        }
        if !binds && !names.bound.contains(name) {
            let hint = near(name, names.bound.iter().map(String::as_str))
                .unwrap_or_else(|| format!("bind it by the result of an earlier call, as in ret = \"{name}\""));
            self.problems.push(value.span(), format!("no call before binds `{name}`"), hint);
            return None;
        }
        Some(Wanted::Name(name.to_owned()))
    }

    /// One of the two values of `makes`. An error in the array as a whole is reported once.
    fn made(&mut self, entry: Entry, at: usize) -> Option<Wanted> {
        match entry.1.get_ref() {
            DeValue::Array(items) if items.len() == 2 => {
                let item = &items[at];
                match values::name(item) {
                    Some(name) => self.name(name, item, true),
                    None => values::by_role((entry.0, item), Role::FdNumber, self.problems),
                }
            }
            _ if at > 0 => None,
            _ => {
                let hint = "write the two descriptors, as in makes = [\"$r\", \"$w\"]";
                self.problems.push(entry.1.span(), "`makes` is not two descriptors", hint);
                None
            }
        }
    }

    /// A number of bytes for a call that counts bytes, or `none`.
    fn bytes(&mut self, entry: Entry) -> Option<Wanted> {
        if entry.1.get_ref().as_str() == Some(NO_BYTES) {
            return Some(Wanted::Nothing);
        }
        if !matches!(self.row.ret, Ret::Bytes) {
            let hint = "leave out `bytes`, or write bytes = \"none\"";
            self.problems.push(entry.1.span(), format!("the result of `{}` counts no bytes", self.row.name), hint);
            return None;
        }
        values::by_role(entry, Role::Unsigned, self.problems)
    }

    /// One of the two values of a pair's `status`.
    fn status_of_pair(&mut self, entry: Entry, at: usize, role: Role) -> Option<Wanted> {
        match entry.1.get_ref() {
            DeValue::Array(items) if items.len() == 2 => values::by_role((entry.0, &items[at]), role, self.problems),
            _ if at > 0 => None,
            _ => {
                let hint = "write the flags of each, as in status = [\"O_RDONLY\", \"O_WRONLY\"]";
                self.problems.push(entry.1.span(), "`status` is not that of two descriptors", hint);
                None
            }
        }
    }

    fn comm(&mut self, entry: Entry) -> Option<Wanted> {
        let text = values::string(entry, self.problems)?;
        if text.len() > COMM {
            let hint =
                format!("the kernel keeps {COMM} bytes of it: \"{}\"", text.chars().take(COMM).collect::<String>());
            self.problems.push(entry.1.span(), "no thread has a name this long", hint);
        }
        Some(Wanted::Text(text.as_bytes().to_vec()))
    }

    /// The default of a key in a whole trace. `None` if the key is then not compared.
    fn left_out(&mut self, key: CallKey, item: &Spanned<DeValue>, fields: &[WantedField]) -> Option<WantedField> {
        if let Some(hint) = self.hint_if_required(key) {
            let message = format!("`{}` of `{}` is missing", key.name, self.row.name);
            self.problems.push(item.span(), message, hint);
            return None;
        }
        let wanted = match (key.aspect, key.role) {
            (Aspect::File(_), _) => Wanted::Nothing,
            (Aspect::Text(_), _) => Wanted::Text(TEXT_STATES[0].into()),
            // Compared if the table says what the pointer leads to.
            (Aspect::DataIs(at), _) => find(self.entries, self.row.args[at].name).map(|_| whole_content())?,
            (Aspect::Closes, _) => Wanted::Files(Vec::new()),
            (Aspect::Cloexec(Which::Made | Which::Pair) | Aspect::More, _) => Wanted::Is(false),
            (Aspect::Ambiguous | Aspect::Refused, _) => Wanted::Is(false),
            (Aspect::Abi, _) => Wanted::Text(ABIS[0].into()),
            (Aspect::MadeFile, _) => self.made_file(fields),
            (Aspect::SqeFlags, _) => Wanted::Number(0),
            (Aspect::ExitTid, _) => Wanted::Nothing,
            (Aspect::Arg(_), Role::DirFd) => Wanted::Number(libc::AT_FDCWD.into()),
            (Aspect::Arg(_), Role::Flags(_)) | (Aspect::How(0 | 2), _) => Wanted::Number(0),
            (
                Aspect::Arg(_)
                | Aspect::Data(_)
                | Aspect::Implied
                | Aspect::How(_)
                | Aspect::Ret
                | Aspect::Bytes
                | Aspect::Kind(_)
                | Aspect::Status(_)
                | Aspect::Cloexec(Which::Fd(_))
                | Aspect::UserData
                | Aspect::Worker
                | Aspect::Comm
                | Aspect::Pid
                | Aspect::Tid
                | Aspect::Made(_),
                _,
            ) => return None,
        };
        Some(WantedField { key: key.name, aspect: key.aspect, role: key.role, wanted, written: false })
    }

    /// The name of the file that a call opens or duplicates. It follows from the path if the path has no `..` and no symbolic
    /// link.
    fn made_file(&self, fields: &[WantedField]) -> Wanted {
        let flags = find(self.entries, "flags").and_then(|(_, value)| value.get_ref().as_str());
        let unnamed = flags.is_some_and(|flags| flags.split('|').any(|flag| flag == "O_TMPFILE"));
        let path = fields.iter().find(|field| field.aspect == Aspect::File(0));
        let path = path.filter(|_| self.row.returns_its_file() && !unnamed);
        path.map_or(Wanted::Nothing, |path| path.wanted.clone())
    }

    /// The files that the call has no key for. A name for one of them would be invented.
    fn no_file(&self) -> Vec<WantedField> {
        let has = |aspect| self.keys.iter().any(|key| key.aspect == aspect);
        [("path", Aspect::File(0)), ("path2", Aspect::File(1))]
            .into_iter()
            .filter(|&(_, aspect)| !has(aspect))
            .map(|(key, aspect)| WantedField { key, aspect, role: Role::Text, wanted: Wanted::Nothing, written: false })
            .collect()
    }

    /// An example value for a required key. `None` if the key may be left out.
    fn hint_if_required(&self, key: CallKey) -> Option<String> {
        match (key.aspect, key.role) {
            (Aspect::Arg(_), Role::Fd) => Some("write \"$a\" as an earlier call bound it, or a number".to_owned()),
            (Aspect::Arg(_), Role::Choice(names)) => {
                let first = names.all().next().unwrap_or_default();
                Some(format!("write one {}, as in \"{first}\"", names.what))
            }
            (Aspect::Implied, Role::Flags(names)) => {
                let flags = self.row.implied_flags.map_or(0, |(_, flags)| flags);
                Some(format!("write \"{}\", which it stands for", names.show(flags)))
            }
            (Aspect::Ret, _) => (!matches!(self.row.ret, Ret::Never)).then(|| values::RET_HINT.to_owned()),
            _ => None,
        }
    }

    /// Refuses keys about a descriptor that the call fails to make. They would never be compared.
    fn descriptor_of_nothing(&mut self, fields: &[WantedField]) {
        let fails = fields.iter().any(|field| matches!(field.wanted, Wanted::Errno(_) | Wanted::Unfinished));
        if !fails || !(self.row.makes_pair() || self.keys.iter().any(|key| key.aspect == Aspect::Cloexec(Which::Made)))
        {
            return;
        }
        for name in ["kind", "status", "cloexec"] {
            if let Some((key, _)) = find(self.entries, name) {
                let hint = format!("leave out `{name}` where a call fails");
                self.problems.push(key.span(), "this call returns no descriptor", hint);
            }
        }
    }
}

fn whole_content() -> Wanted {
    Wanted::Text(ContentState::Whole.word().into())
}

/// Whether the value of a key may be a `$x`.
fn takes_name(key: CallKey) -> bool {
    match key.aspect {
        Aspect::Ret | Aspect::Pid | Aspect::Tid | Aspect::ExitTid => true,
        Aspect::Arg(_) => !matches!(key.role, Role::Flags(_) | Role::Choice(_)),
        Aspect::UserData
        | Aspect::SqeFlags
        | Aspect::Worker
        | Aspect::More
        | Aspect::Ambiguous
        | Aspect::Abi
        | Aspect::Refused
        | Aspect::MadeFile
        | Aspect::File(_)
        | Aspect::Text(_)
        | Aspect::Data(_)
        | Aspect::DataIs(_)
        | Aspect::Implied
        | Aspect::How(_)
        | Aspect::Bytes
        | Aspect::Kind(_)
        | Aspect::Status(_)
        | Aspect::Cloexec(_)
        | Aspect::Closes
        | Aspect::Comm
        | Aspect::Made(_) => false,
    }
}
