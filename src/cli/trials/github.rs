//! `--format github`: as for a person, and an annotation for each cause of failures at the end, which GitHub shows beside the line of
//! the table (docs.github.com, "Workflow commands for GitHub Actions").

use std::time::Duration;

use super::groups::{GroupOf, TrialGroup, groups};
use super::output::TrialOutput;
use super::text::TextPrinter;
use super::{Printer, TrialDone, TrialName, TrialSums};

pub struct GithubPrinter {
    text: TextPrinter,
}

impl GithubPrinter {
    pub fn new<'n>(output: TrialOutput, all_reports: bool, names: impl Iterator<Item = &'n TrialName>) -> Self {
        Self { text: TextPrinter::new(output, false, all_reports, names) }
    }
}

impl Printer for GithubPrinter {
    fn begin(&mut self, trials: usize, seed: Option<u64>) {
        self.text.begin(trials, seed);
    }

    fn announce(&mut self, name: &TrialName) {
        self.text.announce(name);
    }

    fn done(&mut self, done: &TrialDone) {
        self.text.done(done);
    }

    fn end(&mut self, all: &[TrialDone], sums: &TrialSums, took: Duration) {
        self.text.end(all, sums, took);
        for (of, level) in [(GroupOf::Failed, "error"), (GroupOf::Inconclusive, "warning")] {
            for group in groups(all, of, false) {
                self.text.put(&annotation(level, &group));
            }
        }
    }
}

/// `::error file=tests.toml,line=12,title=dup-basic::…`.
fn annotation(level: &str, group: &TrialGroup<'_>) -> String {
    let place =
        group.report.cause.as_ref().and_then(|cause| cause.place.as_deref()).and_then(|place| place.rsplit_once(':'));
    let place = place.map_or(String::new(), |(file, line)| format!("file={},line={line},", property(file)));
    let title = match group.others.len() {
        0 => group.first.name.to_string(),
        more => format!("{} and {more} more", group.first.name),
    };
    let cause = group.title.map_or(String::new(), |title| format!("{title}\n"));
    format!("::{level} {place}title={}::{}\n", property(&title), message(&format!("{cause}{}", group.report)))
}

/// A message in one line.
fn message(text: &str) -> String {
    text.trim_end().replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property's value, which ends at a comma or a colon.
fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}
