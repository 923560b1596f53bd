//! A call as a line of a table.

use toml_edit::{InlineTable, Value};

use super::fact;
use super::names::BoundNumbers;
use crate::judge::expectation::keys::{CallKey, keys};
use crate::judge::expectation::{Aspect, ExpectedCall, Wanted, WantedField, Which};
use crate::judge::matcher::facts::{Fact, fact as observed};
use crate::table::names;
use crate::table::syscalls::{Ret, Role, Syscall};
use crate::trace::call::Call;

/// Writes the observed values of these keys into a line that is there. Keys that say nothing are taken out.
pub(super) fn corrected(
    line: &mut InlineTable,
    keys: &[&'static str],
    expected: &ExpectedCall,
    call: &Call,
    known: &mut BoundNumbers,
) {
    for &key in keys {
        let fields: Vec<&WantedField> = expected.fields.iter().filter(|field| field.key == key).collect();
        let value = match fields.as_slice() {
            // It follows from the path, which is corrected as well.
            [field] if field.aspect == Aspect::MadeFile && !field.written && follows(call) => continue,
            [field] => renamed(field, call, known).or_else(|| fact::value(&fields, call, known)),
            _ => fact::value(&fields, call, known),
        };
        match value {
            Some(value) => put(line, key, value),
            None => drop(line.remove(key)),
        }
    }
}

/// The space before the brace stays before the brace.
fn put(line: &mut InlineTable, key: &str, value: Value) {
    if !line.contains_key(key)
        && let Some((_, last)) = line.iter_mut().last()
    {
        last.decor_mut().set_suffix("");
    }
    line.insert(key, value);
}

/// A new name for the result of a call which had a name that another number has.
fn renamed(field: &WantedField, call: &Call, known: &mut BoundNumbers) -> Option<Value> {
    match (&field.wanted, observed(field, call)) {
        (Wanted::Name(_) | Wanted::Errno(_), Some(Fact::Number(number))) if field.aspect == Aspect::Ret => {
            binds(call.syscall()?, call, known, number).then(|| known.bind_new(field, number, call).into())
        }
        _ => None,
    }
}

/// The line of a call that the table does not have.
pub(super) fn new(call: &Call, known: &mut BoundNumbers) -> Option<InlineTable> {
    let row = call.syscall()?;
    let mut parts: Vec<(&str, Value)> = vec![("call", row.name.into())];
    let keys = keys(row, &call.args);
    for (at, key) in keys.iter().enumerate() {
        if keys[..at].iter().any(|before| before.name == key.name) {
            continue;
        }
        let fields: Vec<WantedField> = keys.iter().filter(|other| other.name == key.name).map(field).collect();
        if let Some(value) = worth_a_word(row, &fields, call, known) {
            // The file of a descriptor stands beside the descriptor.
            let beside = ["fd", "fd2"][usize::from(key.name == "path2")];
            let beside = parts.iter().position(|(name, _)| *name == beside).map(|place| place + 1);
            let is_its_file = matches!(key.name, "path" | "path2") && row.arg(key.name).is_none();
            parts.insert(beside.filter(|_| is_its_file).unwrap_or(parts.len()), (key.name, value));
        }
    }
    Some(parts.into_iter().collect())
}

fn field(key: &CallKey) -> WantedField {
    WantedField { key: key.name, aspect: key.aspect, role: key.role, wanted: Wanted::Nothing, written: true }
}

/// The value of a key in a new line, if the line is to have it: what must be written, what is not the default, and the plain
/// numbers that a reader looks for.
fn worth_a_word(row: &'static Syscall, fields: &[WantedField], call: &Call, known: &mut BoundNumbers) -> Option<Value> {
    let first = &fields[0];
    let number = |field: &WantedField| number(field, call);
    match (first.aspect, first.role) {
        (Aspect::Ret, _) => {
            if let Some(result) = number(first).filter(|&result| binds(row, call, known, result)) {
                return Some(known.bind_new(first, result, call).into());
            }
        }
        (Aspect::Made(_), _) => {
            let names = fields.iter().map(|field| Some(known.bind_new(field, number(field)?, call)));
            return names.collect::<Option<toml_edit::Array>>().map(Value::Array);
        }
        (Aspect::Arg(_), Role::DirFd) if number(first) == Some(libc::AT_FDCWD.into()) => return None,
        (Aspect::Arg(_) | Aspect::How(_), Role::Mode) if !makes_a_file(row, call) => return None,
        (Aspect::Arg(_), Role::Id) if number(first) == Some(-1) => return None,
        (Aspect::Arg(_), _) if number(first).is_some_and(|number| known.is_id(number)) => return None,
        (Aspect::Text(_), _) => return worded(first, call, b"whole"),
        (Aspect::Abi, _) => return worded(first, call, b"native"),
        (Aspect::Cloexec(Which::Made | Which::Pair) | Aspect::Refused | Aspect::More | Aspect::Ambiguous, _) => {
            return matches!(observed(first, call), Some(Fact::Is(true))).then(|| true.into());
        }
        (Aspect::MadeFile, _) if follows(call) => return None,
        (Aspect::Pid, _) if known.are_of_processes() => return Some(process(first, call, known)),
        (Aspect::Closes, _) if matches!(observed(first, call), Some(Fact::Files([]))) => return None,
        (
            Aspect::Arg(_)
            | Aspect::How(_)
            | Aspect::File(_)
            | Aspect::Implied
            | Aspect::MadeFile
            | Aspect::Closes
            | Aspect::UserData
            | Aspect::SqeFlags,
            _,
        ) => {}
        _ => return None,
    }
    fact::value(&fields.iter().collect::<Vec<_>>(), call, known)
}

fn number(field: &WantedField, call: &Call) -> Option<i64> {
    match observed(field, call) {
        Some(Fact::Number(number)) => Some(number),
        _ => None,
    }
}

/// The name of the process that made a call.
fn process(field: &WantedField, call: &Call, known: &mut BoundNumbers) -> Value {
    let name = known.name_of(field, call.pid.into(), call).map(str::to_owned);
    name.unwrap_or_else(|| known.bind_new(field, call.pid.into(), call)).into()
}

fn worded(field: &WantedField, call: &Call, default: &[u8]) -> Option<Value> {
    match observed(field, call) {
        Some(Fact::Text(word)) if word != default => Some(String::from_utf8_lossy(word).into_owned().into()),
        _ => None,
    }
}

/// Whether a result is another number in each run: a descriptor, an address, a process.
fn binds(row: &'static Syscall, call: &Call, known: &BoundNumbers, result: i64) -> bool {
    matches!(row.ret_for(&call.args), Ret::Fd | Ret::Pointer) || (result > 0 && known.is_id(result))
}

/// Whether the kernel looks at the mode: open(2) with O_CREAT or O_TMPFILE, and all calls that have no flags of open.
fn makes_a_file(row: &'static Syscall, call: &Call) -> bool {
    let opens = |at: usize| matches!(row.args[at].role, Role::Flags(flags) if std::ptr::eq(flags, &names::OPEN));
    let flags = (0..row.args.len()).find(|&at| opens(at)).map(|at| call.args[at]).or_else(|| call.how(0));
    flags.is_none_or(|flags| flags as i32 & (libc::O_CREAT | (libc::O_TMPFILE & !libc::O_DIRECTORY)) != 0)
}

/// Whether the name of the file that a call returns follows from the rest of its line.
fn follows(call: &Call) -> bool {
    let returns_it = call.syscall().is_some_and(Syscall::returns_its_file);
    if returns_it { call.files.made_path == call.files.path } else { call.files.made_path.is_none() }
}
