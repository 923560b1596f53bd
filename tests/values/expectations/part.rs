//! `present` and `absent`: a part of a trace.

use super::calls::{call, observed, parse};
use super::check::{Row, differences};
use ior_it::support::trace::call::{Attribute, Contradiction, Outcome};

pub const PART: &str = include_str!("part.toml");

#[test]
fn a_part_of_a_trace_is_counted() {
    let expectation = parse(PART);
    let rows: &[Row] = &[
        ("all holds", |_| (), &[]),
        (
            "the order does not matter, nor do other calls",
            |c| {
                c.reverse();
                c.push(call("sync", &[], 0))
            },
            &[],
        ),
        ("one more than at least", |c| c.push(c[5].clone()), &[]),
        (
            "no such path",
            |c| c[3].files.path = Some(b"b.txt".to_vec()),
            &[r#"present 1 found 0, nearest 4: path_contains: a path with "a.t" in it | "b.txt""#],
        ),
        ("no such call", |c| drop(c.remove(3)), &["present 1 found 0"]),
        ("one too few", |c| drop(c.remove(5)), &["present 2 found 2"]),
        ("one too many", |c| c.push(c[14].clone()), &["present 3 found 2"]),
        ("another thread", |c| c[14].comm[0] = b'W', &[r#"present 3 found 0, nearest 15: comm: "worker" | "Worker""#]),
        ("a path that must not be", |c| c[0].files.path = Some(b"my/secret".to_vec()), &["absent 1 found 1, first 1"]),
        ("a failure that must not be", |c| c[2].outcome = Outcome::Returned(-24), &["absent 2 found 1, first 3"]),
        (
            "the kernel says that a descriptor is something else",
            |c| {
                let (call, kernel) = (Attribute::Cloexec(true), Attribute::Cloexec(false));
                c[3].files.disagreements = vec![Contradiction { fd: 5, call, kernel }];
            },
            &["contradicted 4: descriptors: 5 cloexec true (by the call) | 5 cloexec false (by the kernel)"],
        ),
    ];
    for (sentence, change, expected) in rows {
        let mut calls = observed();
        change(&mut calls);
        assert_eq!(differences(&expectation, calls), *expected, "{sentence}");
    }
}
