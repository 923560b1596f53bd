//! The records of past runs: what `--record` keeps of a run, and what has changed between two of them.
//!
//! This file and `compare` take values and return values. `store` does the I/O.

use serde::{Deserialize, Serialize};

pub mod store; // the folder of the records
pub mod config; // what a user wants of every run
pub mod listed; // the runs, one a line
pub mod compare; // what has changed between two runs

/// The name of the format.
pub const FORMAT: &str = "ior-it-run";
/// Its version. It changes when a record that was valid becomes invalid: a reader ignores keys that it does not know.
pub const VERSION: u64 = 1;

/// One run of the suite. docs/run.schema.json describes it as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The name of the format: `ior-it-run`.
    pub format: String,
    /// The version of the format: 1.
    pub version: u64,
    /// When it began: UTC, as RFC 3339 says it, with milliseconds.
    pub began: String,
    /// How long it took, from the reading of the tables to the last verdict, in microseconds.
    pub took_us: u64,
    /// The version of `ior-it`, with its commit if it is known.
    pub ior_it: String,
    /// The command line, the program first. What is not UTF-8 has U+FFFD.
    pub command_line: Vec<String>,
    /// The directory in which it ran.
    pub directory: String,
    /// Where it ran.
    pub machine: Machine,
    /// The BPF object.
    pub object: RecordedObject,
    /// How many scenarios ran at a time.
    pub threads: u64,
    /// The exit code.
    pub exit: u8,
    /// The scenarios that were selected, in their order.
    pub scenarios: Vec<RecordedScenario>,
}

/// The machine of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Its name in the network (uname(2), nodename).
    pub name: String,
    /// The release of its kernel (uname(2)).
    pub kernel: String,
    /// Its architecture, under Rust's name for it.
    pub architecture: String,
    /// How many CPUs the process may use.
    pub cpus: u64,
}

/// The BPF object of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedObject {
    /// The file of `--bpf`; null for the embedded object.
    pub file: Option<String>,
    /// The digest (SHA-256) of the object, in hexadecimal digits.
    pub sha256: String,
    /// How many instructions the verifier has looked at, on all ways and in all programs; 0 if nothing was loaded.
    #[serde(default)]
    pub verified: u64,
    /// How long it took to prepare and to load it, in microseconds.
    #[serde(default)]
    pub load_us: u64,
}

/// What became of one scenario, or of one subject in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedScenario {
    /// Its name.
    pub name: String,
    /// The subject, if another tracer was in the slot.
    pub subject: Option<String>,
    /// The verdict.
    pub verdict: RecordedVerdict,
    /// Why it did not pass, or why it was skipped or not run: a short sentence.
    pub cause: Option<String>,
    /// How often it ran.
    pub runs: u64,
    /// How often it passed.
    pub passed: u64,
    /// How long its fastest run took, from fork to verdict, in microseconds. 0 if it did not run.
    pub took_us: u64,
    /// The calls in the trace of its last run; null if there was none.
    pub calls: Option<u64>,
    /// The losses of its last run that were not zero: a sentence each.
    pub losses: Vec<String>,
}

/// A verdict in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordedVerdict {
    /// It passed.
    Pass,
    /// It failed, at least once.
    Fail,
    /// It could not run.
    Skip,
    /// Something was lost.
    Inconclusive,
    /// It did not run, because the run ended before it.
    NotRun,
}

impl RecordedVerdict {
    /// Whether it says that something is wrong.
    pub fn is_red(self) -> bool {
        match self {
            Self::Fail | Self::Inconclusive => true,
            Self::Pass | Self::Skip | Self::NotRun => false,
        }
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Skip => "skip",
            Self::Inconclusive => "inconclusive",
            Self::NotRun => "not run",
        }
    }
}

impl RecordedScenario {
    /// Its name, after the subject if there is one.
    pub fn title(&self) -> String {
        self.subject.as_ref().map_or(self.name.clone(), |subject| format!("[{subject}] {}", self.name))
    }
}

impl RunRecord {
    /// How many scenarios have this verdict.
    pub fn count(&self, verdict: RecordedVerdict) -> usize {
        self.scenarios.iter().filter(|scenario| scenario.verdict == verdict).count()
    }

    /// The names of the scenarios that failed or were inconclusive, each once.
    pub fn red(&self) -> Vec<&str> {
        let red = self.scenarios.iter().filter(|scenario| scenario.verdict.is_red());
        let mut names: Vec<&str> = red.map(|scenario| scenario.name.as_str()).collect();
        names.dedup();
        names
    }

    /// The record as JSON, with a line break at its end.
    pub fn encode(&self) -> serde_json::Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Reads a record, or says what is wrong with it.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        /// What every version has.
        #[derive(Deserialize)]
        struct Head {
            format: String,
            version: u64,
        }
        let head: Head = serde_json::from_slice(bytes).map_err(|error| format!("it is no record of a run: {error}"))?;
        if head.format != FORMAT {
            return Err(format!("its format is {:?}, not {FORMAT:?}", head.format));
        }
        if head.version != VERSION {
            return Err(format!("it has version {} of the format, and this ior-it reads {VERSION}", head.version));
        }
        serde_json::from_slice(bytes).map_err(|error| format!("it is no record of a run: {error}"))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A run of these scenarios: name, verdict, time in microseconds, calls.
    pub fn run(scenarios: &[(&str, RecordedVerdict, u64, u64)]) -> RunRecord {
        let one = |&(name, verdict, took_us, calls): &(&str, RecordedVerdict, u64, u64)| RecordedScenario {
            name: name.to_owned(),
            subject: None,
            verdict,
            cause: verdict.is_red().then(|| "path one byte short".to_owned()),
            runs: 1,
            passed: u64::from(verdict == RecordedVerdict::Pass),
            took_us,
            calls: Some(calls),
            losses: Vec::new(),
        };
        RunRecord {
            format: FORMAT.to_owned(),
            version: VERSION,
            began: "2026-11-27T19:30:36.123Z".to_owned(),
            took_us: 2_500_000,
            ior_it: "0.1.0".to_owned(),
            command_line: vec!["./ior-it".to_owned(), "--record".to_owned()],
            directory: "/src".to_owned(),
            machine: Machine { kernel: "6.12.0".to_owned(), cpus: 2, ..Machine::default() },
            object: RecordedObject { sha256: "ab".repeat(32), ..RecordedObject::default() },
            threads: 2,
            exit: 0,
            scenarios: scenarios.iter().map(one).collect(),
        }
    }

    #[test]
    fn a_record_survives_the_way() {
        use RecordedVerdict::{Fail, Inconclusive, NotRun, Pass, Skip};
        let verdicts = [Pass, Fail, Skip, Inconclusive, NotRun];
        let record = run(&verdicts.map(|verdict| (verdict.word(), verdict, 12, 3)));
        assert_eq!(RunRecord::decode(&record.encode().unwrap()), Ok(record.clone()));
        assert_eq!(record.red(), ["fail", "inconclusive"]);
        assert_eq!(record.count(Pass), 1);
    }

    #[test]
    fn another_file_is_refused_with_the_reason() {
        let rows = [
            ("", "it is no record of a run: "),
            ("{}", "it is no record of a run: missing field"),
            ("{\"format\":\"x\",\"version\":1}", "its format is \"x\", not \"ior-it-run\""),
            ("{\"format\":\"ior-it-run\",\"version\":2}", "it has version 2 of the format, and this ior-it reads 1"),
            ("{\"format\":\"ior-it-run\",\"version\":1}", "it is no record of a run: missing field `began`"),
        ];
        for (text, says) in rows {
            let error = RunRecord::decode(text.as_bytes()).unwrap_err();
            assert!(error.starts_with(says), "{text}: {error}");
        }
    }
}
