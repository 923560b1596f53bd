//! The allowed costs of `costs.toml`, and what counts say of them.

use std::collections::BTreeMap;

/// The file with the allowed numbers.
const COSTS: &str = include_str!("costs.toml");
/// A count below this part of its number asks for a lower one.
const MUCH_LESS: f64 = 0.8;

/// Counts by their names.
pub type Counted = BTreeMap<String, f64>;

/// Checks all counts of a section. There must be a number for each count, and a count for each number. A section with a `kernel` has
/// the numbers of the kernels whose release begins with that. On another, the count of a name may be missing, and `elsewhere` times as
/// high.
pub fn check(section: &str, counts: &Counted, release: &str) -> Result<(), String> {
    check_in(COSTS, section, counts, release)
}

fn check_in(file: &str, section: &str, counts: &Counted, release: &str) -> Result<(), String> {
    let all: toml::Table = file.parse().map_err(|error| format!("costs.toml: {error}"))?;
    let table = all.get(section).and_then(|table| table.as_table());
    let table = table.ok_or_else(|| format!("costs.toml has no section [{section}]"))?;
    let number = |value: &toml::Value| value.as_float().or(value.as_integer().map(|whole| whole as f64));
    let mut numbers: Counted = table.iter().filter_map(|(name, value)| Some((name.clone(), number(value)?))).collect();
    let factor = numbers.remove("elsewhere").unwrap_or(1.0);
    let is_here =
        table.get("kernel").and_then(|kernel| kernel.as_str()).is_none_or(|kernel| release.starts_with(kernel));
    let said = if is_here { strictly(&numbers, counts) } else { loosely(&numbers, counts, factor) };
    if said.is_empty() { Ok(()) } else { Err(format!("[{section}] in tests/costs/costs.toml: {}", said.join("; "))) }
}

fn strictly(numbers: &Counted, counts: &Counted) -> Vec<String> {
    let unknown = counts.iter().filter(|(name, _)| !numbers.contains_key(*name));
    let unknown = unknown.map(|(name, count)| format!("{name} costs {count}, and has no number"));
    let known = numbers.iter().filter_map(|(name, most)| match counts.get(name) {
        None => Some(format!("{name} has a number, and was not counted")),
        Some(count) if count > most => Some(format!("{name} costs {count}, and {most} is the most")),
        Some(count) if *count < most * MUCH_LESS => {
            Some(format!("{name} costs only {count} instead of {most}: lower the number"))
        }
        Some(_) => None,
    });
    unknown.chain(known).collect()
}

fn loosely(numbers: &Counted, counts: &Counted, factor: f64) -> Vec<String> {
    let above = numbers.iter().filter_map(|(name, most)| {
        let (count, most) = (counts.get(name)?, most * factor);
        (*count > most).then(|| format!("{name} costs {count}, and {most} is the most on this kernel"))
    });
    above.collect()
}

#[test]
fn a_cost_is_neither_above_its_number_nor_far_below() {
    const FILE: &str =
        "[calls]\nrun = 10\nwalk = 2.5\n[steps]\nkernel = \"6.1.\"\nelsewhere = 2\nrun = 10\nwalk = 2.5\n";
    let counts = |pairs: &[(&str, f64)]| pairs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
    let checked = |section, pairs: &[(&str, f64)], release| check_in(FILE, section, &counts(pairs), release);
    for section in ["calls", "steps"] {
        let says = |pairs, words| {
            let said = checked(section, pairs, "6.1.99").unwrap_err();
            assert!(said.contains(words), "{said}");
        };
        assert_eq!(checked(section, &[("run", 10.0), ("walk", 2.0)], "6.1.99"), Ok(()));
        says(&[("run", 10.1), ("walk", 2.5)], "run costs 10.1, and 10 is the most");
        says(&[("run", 10.0), ("walk", 1.9)], "walk costs only 1.9 instead of 2.5");
        says(&[("run", 10.0)], "walk has a number, and was not counted");
        says(&[("run", 10.0), ("walk", 2.5), ("fly", 1.0)], "fly costs 1, and has no number");
    }
    assert_eq!(checked("steps", &[("run", 20.0), ("fly", 1.0)], "6.19.0"), Ok(()));
    assert!(checked("steps", &[("run", 20.1)], "6.19.0").unwrap_err().contains("20 is the most on this kernel"));
    assert!(checked("hops", &[], "").unwrap_err().contains("no section [hops]"));
}
