//! Whether the content in a line is right.
//!
//! No I/O.

use super::Wrongness;
use crate::subject::keys::{DATA, DATA_IS};
use crate::subject::said::{Said, Value};
use crate::trace::call::ContentState;

/// How the content in a line is wrong. The line may leave out members of structs, but no argument.
pub fn wrongness(expected: &Value, said: &Said) -> Option<Wrongness> {
    let Some(Value::Object(shown)) = said.get(DATA) else { return Some(Wrongness::Absent) };
    let Value::Object(expected) = expected else { return Some(Wrongness::Wrong) };
    let of_arg = |(arg, expected): &(&'static str, Value)| {
        let Some((_, shown)) = shown.iter().find(|(known, _)| known == arg) else { return Some(Wrongness::Absent) };
        match of_value(expected, shown) {
            Some(Wrongness::Cut) if is_marked_as_cut(said, arg) => None,
            wrongness => wrongness,
        }
    };
    worst(expected.iter().map(of_arg))
}

fn is_marked_as_cut(said: &Said, arg: &str) -> bool {
    let Some(Value::Object(states)) = said.get(DATA_IS) else { return false };
    states.iter().any(|(known, state)| *known == arg && *state == ContentState::Cut.word().into())
}

fn of_value(expected: &Value, shown: &Value) -> Option<Wrongness> {
    match (expected, shown) {
        (expected, shown) if expected == shown => None,
        (Value::Text(whole), Value::Text(shown)) if whole.starts_with(shown) => Some(Wrongness::Cut),
        (Value::List(whole), Value::List(shown)) if shown.len() <= whole.len() => {
            let missing = (shown.len() < whole.len()).then_some(Wrongness::Cut);
            worst(whole.iter().zip(shown).map(|(whole, shown)| of_value(whole, shown)).chain([missing]))
        }
        (Value::Object(whole), Value::Object(shown)) => {
            let of_member = |(name, shown): &(&'static str, Value)| {
                let whole = whole.iter().find(|(known, _)| known == name);
                whole.map_or(Some(Wrongness::Wrong), |(_, whole)| of_value(whole, shown))
            };
            let nothing = shown.is_empty().then_some(Wrongness::Absent);
            worst(shown.iter().map(of_member).chain([nothing]))
        }
        _ => Some(Wrongness::Wrong),
    }
}

/// The worst of these: wrong, then absent, then cut.
fn worst(all: impl Iterator<Item = Option<Wrongness>>) -> Option<Wrongness> {
    let rank = |wrongness: &Wrongness| match wrongness {
        Wrongness::Cut => 0,
        Wrongness::Absent => 1,
        Wrongness::Wrong => 2,
    };
    all.flatten().max_by_key(rank)
}
