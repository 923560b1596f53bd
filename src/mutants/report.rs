//! What came out of a run with mutants, for people and as JSON.
//!
//! No I/O.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table, TableStyle};
use serde::Serialize;

use super::fate::{Count, Fate, JudgedMutant};
use super::listed::Listed;

/// What a run has to tell.
#[derive(Clone, Debug)]
pub struct MutantsReport {
    /// The object.
    pub object: String,
    /// How many mutants the object has.
    pub planned: usize,
    /// How many scenarios judged each.
    pub scenarios: usize,
    /// Those of which no mutant was shown.
    pub left_out: Vec<String>,
    /// Whether the witness saw the survivors.
    pub witness: bool,
    /// The mutants of this run.
    pub judged: Vec<JudgedMutant>,
    /// The survivors that are known.
    pub listed: Listed,
}

/// The mutants by the first function that has them, as the object has its functions.
fn by_function(judged: &[JudgedMutant]) -> Vec<(String, Count)> {
    let mut functions: BTreeMap<&str, Count> = BTreeMap::new();
    for one in judged {
        let function = one.mutant.functions.first().map(String::as_str).unwrap_or_default();
        functions.entry(function).or_default().add(&one.fate);
    }
    functions.into_iter().map(|(function, count)| (function.to_owned(), count)).collect()
}

fn percent(count: &Count) -> String {
    count.score().map(|score| format!("{score:.1} %")).unwrap_or_default()
}

impl MutantsReport {
    /// Whether each mutant was killed or is listed, and none that is listed was killed.
    pub fn is_good(&self) -> bool {
        self.listed.unlisted(&self.judged).is_empty() && self.listed.dead(&self.judged).is_empty()
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text = self.sums();
        let _ = writeln!(text, "\n{}", self.table());
        text += &self.section("survived", &self.survivors());
        text += &self.section("in mutants.toml as survivors, and killed", &self.listed.dead(&self.judged));
        if !self.left_out.is_empty() {
            let _ = writeln!(text, "\nleft out, since they do not pass with the object: {}", self.left_out.join(", "));
        }
        let count = Count::of(&self.judged);
        let score = count.score().map_or_else(|| "no mutant could be seen".to_owned(), |score| format!("{score:.1} %"));
        let unlisted = self.listed.unlisted(&self.judged).len();
        let _ = writeln!(text, "\nscore: {score}, {} of {} killed", count.visible() - count.survived, count.visible());
        if count.survived > 0 {
            let _ = writeln!(text, "{} survived, {unlisted} of them without a reason in mutants.toml", count.survived);
        }
        text
    }

    fn survivors(&self) -> Vec<&JudgedMutant> {
        self.judged.iter().filter(|one| one.fate == Fate::Survived).collect()
    }

    fn sums(&self) -> String {
        let count = Count::of(&self.judged);
        let mut text = format!("{} of {} mutants of {}, ", count.all(), self.planned, self.object);
        let _ = writeln!(text, "judged by {} scenarios\n", self.scenarios);
        let by_witness = if self.witness { "noticed by the witness only" } else { "not asked: --witness asks it" };
        let rows = [
            ("stillborn", count.stillborn, "the verifier refuses them"),
            ("equivalent", count.equivalent, "the kernel runs the same program"),
            ("not run", count.not_run, "the change is in code that this kernel never gets to"),
            ("idle", count.idle, "the bits that differ are never used"),
            ("killed", count.killed, "noticed by the suite"),
            ("by witness", count.killed_by_witness, by_witness),
            ("survived", count.survived, "not noticed"),
        ];
        for (fate, number, meaning) in rows {
            let _ = writeln!(text, "  {fate:<10} {number:>6}  {meaning}");
        }
        text
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(TableStyle::new());
        let heads =
            ["function", "stillborn", "equivalent", "not run", "idle", "killed", "by witness", "survived", "score"];
        table.set_header(heads);
        let all = ("all".to_owned(), Count::of(&self.judged));
        for (function, count) in by_function(&self.judged).into_iter().chain([all]) {
            let Count { stillborn, equivalent, not_run, idle, killed, killed_by_witness, survived } = count;
            let numbers = [stillborn, equivalent, not_run, idle, killed, killed_by_witness, survived];
            let cells = numbers.map(|number| if number == 0 { String::new() } else { number.to_string() });
            table.add_row([function].into_iter().chain(cells).chain([percent(&count)]));
        }
        table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
        table
    }

    /// These mutants, line by line of the source.
    fn section(&self, head: &str, mutants: &[&JudgedMutant]) -> String {
        let mut text = String::new();
        let mut before = None;
        for one in mutants {
            let line = &one.mutant.line;
            if before.is_none() {
                let _ = writeln!(text, "\n{head}:");
            }
            if before != Some((&line.file, line.line)) {
                let functions = functions(&one.mutant.functions);
                let _ = writeln!(text, "\n  {}:{} in {functions}\n    {}", line.file, line.line, line.text);
            }
            before = Some((&line.file, line.line));
            let by = match &one.fate {
                Fate::Killed { by } | Fate::KilledByWitness { by } => format!(", killed by {by}"),
                Fate::Stillborn | Fate::Equivalent | Fate::NotRun | Fate::Idle | Fate::Survived => String::new(),
            };
            let reason = self.listed.reason(one).map(|reason| format!(" ({reason})")).unwrap_or_default();
            let _ = writeln!(text, "      {} at column {}{by}{reason}", one.mutant.change, line.column);
        }
        text
    }

    /// As JSON.
    pub fn json(&self) -> String {
        let mutants = self.judged.iter().map(|one| JsonMutant {
            file: &one.mutant.line.file,
            line: one.mutant.line.line,
            column: one.mutant.line.column,
            text: &one.mutant.line.text,
            change: &one.mutant.change,
            functions: &one.mutant.functions,
            places: &one.mutant.places,
            reason: self.listed.reason(one),
            fate: &one.fate,
        });
        let count = Count::of(&self.judged);
        let functions = by_function(&self.judged);
        let functions = functions.iter().map(|(function, count)| (function.as_str(), *count)).collect();
        let whole = Json {
            object: &self.object,
            planned: self.planned,
            scenarios: self.scenarios,
            left_out: &self.left_out,
            witness: self.witness,
            score: count.score(),
            count,
            functions,
            mutants: mutants.collect(),
        };
        serde_json::to_string_pretty(&whole).unwrap_or_default()
    }
}

/// The functions that have a copy. Many have one of what is inlined everywhere.
fn functions(names: &[String]) -> String {
    const SHOWN: usize = 4;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(SHOWN) {
        Some(more @ 1..) => format!("{shown} and {more} more"),
        Some(0) | None => shown,
    }
}

#[derive(Serialize)]
struct Json<'r> {
    object: &'r str,
    planned: usize,
    scenarios: usize,
    left_out: &'r [String],
    witness: bool,
    score: Option<f64>,
    count: Count,
    functions: BTreeMap<&'r str, Count>,
    mutants: Vec<JsonMutant<'r>>,
}

#[derive(Serialize)]
struct JsonMutant<'r> {
    file: &'r str,
    line: u32,
    column: u32,
    text: &'r str,
    change: &'r str,
    functions: &'r [String],
    places: &'r [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'r str>,
    #[serde(flatten)]
    fate: &'r Fate,
}
