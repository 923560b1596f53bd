//! What failures have in common: the same field of calls is wrong in the same way, or the same call is missing.
//!
//! No I/O. A cause is a title and a place. Scenarios whose causes have the same title are one group in the report of a run.

use super::matcher::facts::PAIR_IS_SWAPPED;
use super::matcher::{Difference, FieldDifference, Strand, TraceComparison};
use crate::base::escape;
use crate::judge::expectation::{Body, Expectation, ExpectedCall};
use crate::trace::whole::Trace;

/// Why a scenario did not pass, as far as other scenarios may share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureCause {
    /// What is wrong, such as `path one byte short` or `dup missing`.
    pub title: String,
    /// The call in which it was first seen.
    pub call: Option<String>,
    /// The file and line of the call that was expected, such as `tests.toml:354`.
    pub place: Option<String>,
}

impl FailureCause {
    /// A cause that is a sentence, without the numbers in it: another scenario may have lost another number of calls.
    pub fn of_sentence(sentence: &str) -> Self {
        let line = sentence.lines().next().unwrap_or_default().trim();
        let words: Vec<&str> = line.split(' ').map(|word| if is_number(word) { "…" } else { word }).collect();
        Self { title: words.join(" "), call: None, place: None }
    }

    /// The same, so that a terminal obeys nothing in it.
    #[must_use]
    pub(super) fn escaped(self) -> Self {
        let line = |text: String| escape::line(&text).into_owned();
        Self { title: line(self.title), call: self.call.map(line), place: self.place.map(line) }
    }

    /// The cause of the first difference.
    pub fn of(expectation: &Expectation, file: &str, trace: &Trace, comparison: &TraceComparison) -> Option<Self> {
        match comparison {
            TraceComparison::Whole(strands) => {
                let (strand, differences) = strands.iter().find(|(_, differences)| !differences.is_empty())?;
                Some(whole(strand, differences.first()?, file, trace))
            }
            TraceComparison::Partial { differences, .. } => {
                Some(partial(&expectation.body, differences.first()?, file, trace))
            }
        }
    }
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|one| one.is_ascii_digit() || matches!(one, '.' | ','))
}

/// The place of an expected call.
pub(super) fn place(file: &str, call: &ExpectedCall) -> String {
    format!("{file}:{}", call.line)
}

/// The expected call at which a difference shows: for an extra call, the one before which it stands, or the last one.
pub(super) fn expected_at<'s>(strand: &'s Strand, difference: &Difference) -> Option<&'s ExpectedCall> {
    let place = match difference {
        Difference::Missing { expected }
        | Difference::Swapped { expected, .. }
        | Difference::Wrong { expected, .. } => expected - strand.first,
        Difference::Extra { observed } | Difference::MoreExtra { observed, .. } => {
            let place = strand.observed.iter().position(|at| at == observed).unwrap_or_default();
            place.min(strand.expected.len().checked_sub(1)?)
        }
        Difference::Count { .. } | Difference::Unwanted { .. } | Difference::Contradicted { .. } => return None,
    };
    (place < strand.expected.len()).then(|| strand.expected.at(place))
}

fn whole(strand: &Strand, difference: &Difference, file: &str, trace: &Trace) -> FailureCause {
    let expected = expected_at(strand, difference);
    let place = expected.map(|call| place(file, call));
    let name = match difference {
        Difference::Extra { observed } | Difference::MoreExtra { observed, .. } => trace.calls[*observed].name(),
        _ => expected.map_or("", |call| call.syscall.name).to_owned(),
    };
    let title = match difference {
        Difference::Missing { .. } => format!("{name} missing"),
        Difference::Extra { .. } | Difference::MoreExtra { .. } => format!("{name} extra"),
        Difference::Swapped { with: Some(_), .. } => format!("{name} swapped with another call"),
        Difference::Swapped { with: None, .. } => format!("{name} out of order"),
        Difference::Wrong { fields, .. } => of_fields(&name, fields),
        Difference::Count { .. } | Difference::Unwanted { .. } | Difference::Contradicted { .. } => String::new(),
    };
    FailureCause { title, call: Some(name), place }
}

fn partial(body: &Body, difference: &Difference, file: &str, trace: &Trace) -> FailureCause {
    let Body::Partial { present, absent } = body else { return FailureCause::of_sentence("") };
    let expected = match difference {
        Difference::Count { present: at, .. } => Some(&present[*at].call),
        Difference::Unwanted { absent: at, .. } => Some(&absent[*at]),
        _ => None,
    };
    let name = expected.map_or("", |call| call.syscall.name).to_owned();
    let place = expected.map(|call| place(file, call));
    match difference {
        Difference::Count { nearest: Some((_, fields)), .. } => {
            FailureCause { title: of_fields(&name, fields), call: Some(name), place }
        }
        Difference::Count { found: 0, .. } => {
            FailureCause { title: format!("{name} missing"), call: Some(name), place }
        }
        Difference::Count { .. } => FailureCause { title: format!("{name} not as often"), call: Some(name), place },
        Difference::Unwanted { .. } => FailureCause { title: format!("{name} extra"), call: Some(name), place },
        Difference::Contradicted { observed, field } => {
            let name = trace.calls[*observed].name();
            FailureCause { title: of_fields(&name, std::slice::from_ref(field)), call: Some(name), place }
        }
        _ => FailureCause::of_sentence(""),
    }
}

/// The first wrong field and its fault. The call is not part of it where the fault itself says enough: a path that is cut is
/// cut in all calls.
fn of_fields(call: &str, fields: &[FieldDifference]) -> String {
    let Some(first) = fields.first() else { return call.to_owned() };
    if let Some(other) = first.swapped_with(fields) {
        return format!("{} and {other} swapped", first.field);
    }
    match fault(&first.expected, &first.observed) {
        Some(fault) => format!("{} {fault}", first.field),
        None => format!("{call}: {} wrong", first.field),
    }
}

/// In which way a value is wrong, if that can be said.
fn fault(expected: &str, observed: &str) -> Option<String> {
    if observed.contains(PAIR_IS_SWAPPED) {
        return Some("swapped with the other of its pair".to_owned());
    }
    if expected == "none" {
        return Some("where none is expected".to_owned());
    }
    if matches!(observed, "none" | "unknown" | "nothing" | "not open" | "unreadable") {
        return Some("absent".to_owned());
    }
    if let (Some(expected), Some(observed)) = (quoted(expected), quoted(observed)) {
        return of_text(expected, observed);
    }
    if let (Ok(expected), Ok(observed)) = (expected.parse::<i64>(), observed.parse::<i64>()) {
        return of_number(expected, observed);
    }
    match (is_errno(expected), is_errno(observed)) {
        (true, false) => return Some("no errno".to_owned()),
        (false, true) => return Some(format!("{observed} in place of success")),
        (true, true) => return None,
        (false, false) => {}
    }
    of_flags(expected, observed)
}

fn quoted(text: &str) -> Option<&str> {
    text.strip_prefix('"')?.strip_suffix('"')
}

fn of_text(expected: &str, observed: &str) -> Option<String> {
    let more = observed.len().abs_diff(expected.len());
    let bytes = if more == 1 { "one byte ".to_owned() } else { String::new() };
    if observed.is_empty() {
        return Some("empty".to_owned());
    }
    if expected.starts_with(observed) {
        return Some(if more == 1 { format!("{bytes}short") } else { "cut short".to_owned() });
    }
    if observed.starts_with(expected) {
        return Some(format!("{bytes}too long"));
    }
    expected.ends_with(observed).then(|| "without its beginning".to_owned())
}

fn of_number(expected: i64, observed: i64) -> Option<String> {
    let fault = match observed.checked_sub(expected)? {
        1 => "one too many",
        -1 => "one too few",
        _ if observed == expected.checked_neg()? => "with the other sign",
        _ if observed as u32 == expected as u32 => "cut to 32 bits",
        _ if observed == 0 => "0",
        _ => return None,
    };
    Some(fault.to_owned())
}

/// Whether it is the name of an errno: capitals and digits, and no flag.
fn is_errno(text: &str) -> bool {
    text.starts_with('E')
        && !text.contains('_')
        && text.chars().all(|one| one.is_ascii_uppercase() || one.is_ascii_digit())
}

/// The flags that one side has and the other has not.
fn of_flags(expected: &str, observed: &str) -> Option<String> {
    let flags = |text: &str| -> Option<Vec<String>> {
        let is_flag = |word: &str| {
            word.contains('_') && word.chars().all(|one| one.is_ascii_uppercase() || one.is_ascii_digit() || one == '_')
        };
        let words: Vec<String> = text.split('|').map(str::to_owned).collect();
        (text == "0" || words.iter().all(|word| is_flag(word))).then_some(words)
    };
    let (expected, observed) = (flags(expected)?, flags(observed)?);
    let only = |these: &[String], those: &[String]| {
        let these = these.iter().filter(|one| *one != "0" && !those.contains(one));
        these.cloned().collect::<Vec<_>>().join("|")
    };
    match (only(&expected, &observed), only(&observed, &expected)) {
        (lacks, more) if more.is_empty() && !lacks.is_empty() => Some(format!("without {lacks}")),
        (lacks, more) if lacks.is_empty() && !more.is_empty() => Some(format!("with {more} too")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_in_which_a_value_is_wrong_has_a_name() {
        let rows = [
            ("\"dup.txt\"", "\"dup.tx\"", "path one byte short"),
            ("\"dup.txt\"", "\"dup\"", "path cut short"),
            ("\"dup.txt\"", "\"dup.txtx\"", "path one byte too long"),
            ("\"dup.txt\"", "\"dup.txt more\"", "path too long"),
            ("\"dup.txt\"", "\"up.txt\"", "path without its beginning"),
            ("\"dup.txt\"", "\"\"", "path empty"),
            ("\"dup.txt\"", "\"other.txt\"", "dup: path wrong"),
            ("\"dup.txt\"", "none", "path absent"),
            ("none", "\"dup.txt\"", "path where none is expected"),
            ("5", "6", "path one too many"),
            ("5", "4", "path one too few"),
            ("9", "-9", "path with the other sign"),
            ("4294967301", "5", "path cut to 32 bits"),
            ("7", "0", "path 0"),
            ("7", "12", "dup: path wrong"),
            ("EBADF", "0", "path no errno"),
            ("0", "EBADF", "path EBADF in place of success"),
            ("EBADF", "EPERM", "dup: path wrong"),
            ("O_RDWR|O_CREAT", "O_RDWR", "path without O_CREAT"),
            ("O_RDWR", "O_RDWR|O_CREAT", "path with O_CREAT too"),
            ("O_RDWR", "O_WRONLY", "dup: path wrong"),
            ("O_APPEND", "0", "path without O_APPEND"),
            ("$a = 3 (bound by call 1)", "4", "dup: path wrong"),
            (
                "$a = 3 (bound by call 1)",
                "4: the pair is swapped that is made by call 1",
                "path swapped with the other of its pair",
            ),
        ];
        for (expected, observed, title) in rows {
            let field = FieldDifference { field: "path", expected: expected.to_owned(), observed: observed.to_owned() };
            assert_eq!(of_fields("dup", &[field]), title, "{expected} {observed}");
        }
    }

    #[test]
    fn two_fields_in_each_others_place_are_swapped() {
        let field = |field, expected: &str, observed: &str| FieldDifference {
            field,
            expected: expected.to_owned(),
            observed: observed.to_owned(),
        };
        let paths = [field("path", "\"a\"", "\"b\""), field("path2", "\"b\"", "\"a\"")];
        assert_eq!(of_fields("rename", &paths), "path and path2 swapped");
        let bound = [field("fd", "$a = 3 (bound by call 1)", "4"), field("fd2", "4", "3")];
        assert_eq!(of_fields("dup2", &bound), "fd and fd2 swapped");
        let other = [field("path", "\"a\"", "\"b\""), field("path2", "\"b\"", "\"c\"")];
        assert_eq!(of_fields("rename", &other), "rename: path wrong");
    }

    #[test]
    fn numbers_in_a_sentence_do_not_part_it() {
        let title = |sentence| FailureCause::of_sentence(sentence).title;
        assert_eq!(title("3 of 12 calls found no room"), title("41 of 7 calls found no room"));
        assert_eq!(title("3 of 12 calls of dup2 found no room\nmore"), "… of … calls of dup2 found no room");
    }
}
