//! The runs, one a line: `--runs`.
//!
//! No I/O.

use super::RecordedVerdict::{Fail, Inconclusive, NotRun, Pass, Skip};
use super::store::KeptRun;
use crate::base::escape;

/// All runs, the newest first. Its number is what `--compare` takes.
pub fn text(runs: &[KeptRun]) -> String {
    let lines = runs.iter().enumerate().map(|(at, run)| line(&(at + 1).to_string(), run));
    lines.collect::<Vec<_>>().join("\n")
}

/// One run: a label, its id, what came out, how long it took, and its command line.
pub fn line(label: &str, run: &KeptRun) -> String {
    let record = &run.record;
    let verdicts =
        [(Pass, "passed"), (Fail, "failed"), (Inconclusive, "inconclusive"), (Skip, "skipped"), (NotRun, "not run")];
    let counts = verdicts.map(|(verdict, word)| (record.count(verdict), word));
    let counts: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    let took = record.took_us as f64 / 1e6;
    let command = shlex::try_join(record.command_line.iter().map(String::as_str)).unwrap_or_default();
    let line = format!("{label:>2} {}  {}; {took:.1} s; {command}", run.id, counts.join(", "));
    escape::line(&line).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::tests::run;

    #[test]
    fn a_run_is_a_line() {
        let runs = [
            KeptRun { id: "two".to_owned(), record: run(&[("a", Pass, 1, 1), ("b", Fail, 1, 1), ("c", Pass, 1, 1)]) },
            KeptRun { id: "one".to_owned(), record: run(&[("a", Inconclusive, 1, 1), ("b", Skip, 0, 0)]) },
        ];
        assert_eq!(
            text(&runs),
            " 1 two  2 passed, 1 failed; 2.5 s; ./ior-it --record\n 2 one  1 inconclusive, 1 skipped; 2.5 s; ./ior-it --record"
        );
    }
}
