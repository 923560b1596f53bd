//! Writes what was observed into the text of a `tests.toml`.
//!
//! No I/O: texts and values in, a text out. What is right stays as it is written, with its comments, order and names. The
//! matcher itself says what is not right, and the result is read and compared again.

use toml_edit::{Array, DocumentMut, Item, TableLike};

use crate::child::ending::Ending;
use crate::judge::expectation::{Body, Expectation, Expectations};
use crate::judge::matcher::{self, TraceComparison};
use crate::judge::verdict::{Observed, losses};

mod names; // which name a number has
mod content; // what a pointer leads to as TOML
mod fact; // a value of a call as TOML
mod lines; // a call as a line
mod strand; // the calls of a table, or of one of its threads

/// Why a table cannot be made from a trace, a sentence, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotBlessed {
    /// The reason.
    pub why: String,
    /// What to do.
    pub hint: String,
}

impl NotBlessed {
    fn new(why: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { why: why.into(), hint: hint.into() }
    }
}

/// The text with the table of `scenario` as it was observed. `file` is its name in messages, and `names` are all scenarios. The
/// text is unchanged if the trace is as expected.
pub fn blessed(
    text: &str,
    file: &str,
    names: &[&str],
    scenario: &str,
    observed: &Observed,
) -> Result<String, NotBlessed> {
    let read = |text: &str| {
        Expectations::parse(file, text, names)
            .map_err(|errors| NotBlessed::new(format!("the new table cannot be read:\n{errors}"), BY_HAND))
    };
    let missing =
        || NotBlessed::new(format!("{file} has no table [{scenario}]"), "write one with `about` and `calls = []`");
    let before = read(text)?;
    let expectation = before.get(scenario).ok_or_else(missing)?;
    possible(expectation, observed)?;
    let new = edited(text, expectation, observed)?;
    let after = read(&new)?;
    let again = after.get(scenario).ok_or_else(missing)?;
    let rest = matcher::compare(again, &observed.trace);
    if let Some(difference) = rest.differences().next() {
        return Err(NotBlessed::new(format!("a difference has no words in the table: {difference:?}"), BY_HAND));
    }
    Ok(new)
}

const BY_HAND: &str = "change the table by hand";

/// A trace with losses proves nothing, and a workload that failed did not do what its table is about.
fn possible(expectation: &Expectation, observed: &Observed) -> Result<(), NotBlessed> {
    if let Some(loss) = losses(expectation, &observed.trace).into_iter().next() {
        return Err(NotBlessed::new(format!("the trace has losses: {loss}"), "run it again"));
    }
    if observed.ending.word().is_none() && matcher::ending(expectation, &observed.ending).is_some() {
        let why = format!("the workload did not do its work: it {}", observed.ending);
        return Err(NotBlessed::new(why, "the scenario itself is wrong, not its table"));
    }
    if let Body::Partial { .. } = expectation.body {
        let why = "`present` and `absent` say what matters in a trace, which no trace can tell";
        return Err(NotBlessed::new(why, BY_HAND));
    }
    Ok(())
}

fn edited(text: &str, expectation: &Expectation, observed: &Observed) -> Result<String, NotBlessed> {
    let mut document: DocumentMut =
        text.parse().map_err(|error| NotBlessed::new(format!("the file cannot be edited: {error}"), BY_HAND))?;
    let table = document
        .get_mut(&expectation.name)
        .and_then(Item::as_table_like_mut)
        .ok_or_else(|| NotBlessed::new("the table is not written as a table", BY_HAND))?;
    ends(table, expectation, &observed.ending);
    let comparison = matcher::compare(expectation, &observed.trace);
    let TraceComparison::Whole(strands) = &comparison else { return Ok(text.to_owned()) };
    let mut known = names::BoundNumbers::of(expectation, &observed.trace);
    for (strand, differences) in strands {
        let array = array_of(table, strand.thread.map(|thread| thread.name))?;
        let new = strand::rewritten(array, strand, differences, &observed.trace, &mut known)?;
        *array = new;
    }
    Ok(document.to_string())
}

/// The array of a strand: `calls`, or the one of a thread. The outer `None` is a table without threads.
fn array_of<'t>(table: &'t mut dyn TableLike, thread: Option<Option<&str>>) -> Result<&'t mut Array, NotBlessed> {
    let item = match thread {
        None => table.get_mut("calls"),
        Some(Some(name)) => {
            table.get_mut("threads").and_then(Item::as_table_like_mut).and_then(|threads| threads.get_mut(name))
        }
        Some(None) => return Err(NotBlessed::new("a thread made calls that the table does not have", BY_HAND)),
    };
    item.and_then(Item::as_array_mut).ok_or_else(|| NotBlessed::new("the calls are not written as an array", BY_HAND))
}

fn ends(table: &mut dyn TableLike, expectation: &Expectation, ending: &Ending) {
    let Some(word) = ending.word().filter(|word| *word != expectation.ends) else { return };
    if word == "finished" {
        table.remove("ends");
    } else {
        table.insert("ends", toml_edit::value(word));
    }
}
