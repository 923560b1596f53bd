//! A trace against an expectation, with each difference in one line.

use super::calls::{EXPECTED, observed, parse, trace};
use ior_it::support::judge::expectation::Expectation;
use ior_it::support::judge::matcher::{self, Difference, FieldDifference};
use ior_it::support::trace::call::Call;

/// A difference in one line. Calls are counted from 1 here.
fn short(difference: &Difference) -> String {
    let fields = |fields: &[FieldDifference]| {
        let one = |f: &FieldDifference| format!("{}: {} | {}", f.field, f.expected, f.observed);
        fields.iter().map(one).collect::<Vec<_>>().join("; ")
    };
    match difference {
        Difference::Missing { expected } => format!("missing {}", expected + 1),
        Difference::Extra { observed } => format!("extra {}", observed + 1),
        Difference::Swapped { expected, observed, with } => {
            let with = with.map_or(String::new(), |with| format!(", with {}", with + 1));
            format!("swapped {} is {}{with}", expected + 1, observed + 1)
        }
        Difference::Wrong { expected, observed, fields: wrong } if expected == observed => {
            format!("wrong {}: {}", expected + 1, fields(wrong))
        }
        Difference::Wrong { expected, observed, fields: wrong } => {
            format!("wrong {} is {}: {}", expected + 1, observed + 1, fields(wrong))
        }
        Difference::MoreExtra { observed, count } => format!("{count} more from {}", observed + 1),
        Difference::Count { present, found, nearest } => {
            let nearest = nearest.iter().map(|(at, wrong)| format!(", nearest {}: {}", at + 1, fields(wrong)));
            format!("present {} found {found}{}", present + 1, nearest.collect::<String>())
        }
        Difference::Unwanted { absent, observed, count } => {
            format!("absent {} found {count}, first {}", absent + 1, observed + 1)
        }
        Difference::Contradicted { observed, field } => {
            format!("contradicted {}: {}", observed + 1, fields(std::slice::from_ref(field)))
        }
    }
}

pub fn differences(expectation: &Expectation, calls: Vec<Call>) -> Vec<String> {
    matcher::compare(expectation, &trace(calls)).differences().map(short).collect()
}

pub type Change = fn(&mut Vec<Call>);

/// A change to the observed calls, in a sentence and in code, and the differences that must be found.
pub type Row = (&'static str, Change, &'static [&'static str]);

pub fn check(rows: &[Row]) {
    let expectation = parse(EXPECTED);
    for (sentence, change, expected) in rows {
        let mut calls = observed();
        change(&mut calls);
        assert_eq!(differences(&expectation, calls), *expected, "{sentence}");
    }
}
