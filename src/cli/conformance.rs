//! `--conformance`: runs every subject on every scenario, and makes one table.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::subjects::SubjectSlot;
use crate::base::error::{Error, Exit};
use crate::base::tell::StandardStream;
use crate::child::scenarios::family_of;
use crate::subject::cell::Cell;
use crate::subject::conformance::{About, Table, files, progress, text};

/// The width of the table if the terminal does not report its own.
const WIDTH: usize = 100;

/// The cells so far.
#[derive(Default)]
struct Measured {
    cells: Vec<Cell>,
    findings: usize,
}

/// Runs each subject on each scenario, prints the table, and writes it into a folder. `cell` runs one subject on one scenario.
pub fn run(
    subjects: &[SubjectSlot],
    names: &[&'static str],
    lanes: usize,
    folder: &Path,
    cell: &(dyn Fn(&SubjectSlot, &str) -> Cell + Sync),
) -> Result<Exit, Error> {
    let folder = files::prepare(folder)?;
    subjects.iter().for_each(say_missing);
    let here = subjects.iter().filter(|slot| slot.missing.is_none());
    let pairs: Vec<(&SubjectSlot, &'static str)> =
        here.flat_map(|slot| names.iter().map(move |&name| (slot, name))).collect();
    let measured = Mutex::<Measured>::default();
    let (give, take) = crossbeam_channel::unbounded();
    let all = pairs.len();
    for pair in pairs {
        // The channel has room for all of them.
        let _ = give.send(pair);
    }
    drop(give);
    std::thread::scope(|threads| {
        for _ in 0..lanes {
            threads.spawn(|| take.iter().for_each(|(slot, name)| add(&measured, cell(slot, name), all)));
        }
    });
    let Measured { cells, .. } = measured.into_inner().unwrap_or_else(PoisonError::into_inner);
    if cells.is_empty() {
        return Ok(Exit::NothingRan);
    }
    let table = Table::new(cells, |name| family_of(name).unwrap_or("others").to_owned(), about());
    StandardStream::Out.line(&text::text(&table, width()));
    for path in files::write(&folder, &table)? {
        StandardStream::Error.line(&format!("written: {}", crate::base::escape::path(&path)));
    }
    Ok(Exit::Success)
}

fn say_missing(slot: &SubjectSlot) {
    if let Some(missing) = &slot.missing {
        StandardStream::Error.line(&format!("{} is left out: {missing}", slot.name));
    }
}

fn add(measured: &Mutex<Measured>, cell: Cell, all: usize) {
    let mut measured = measured.lock().unwrap_or_else(PoisonError::into_inner);
    measured.findings += cell.findings.len();
    let done = measured.cells.len() + 1;
    StandardStream::Error.line(&progress::progress(done, all, &cell, measured.findings));
    measured.cells.push(cell);
}

fn about() -> About {
    let names = nix::sys::utsname::uname();
    let part = |name: fn(&nix::sys::utsname::UtsName) -> &std::ffi::OsStr| {
        names.as_ref().map(|names| name(names).to_string_lossy().into_owned()).unwrap_or_default()
    };
    let machine = format!("Linux {} on {}", part(|names| names.release()), part(|names| names.machine()));
    let date = humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string();
    let words: Vec<String> = std::env::args().skip(1).collect();
    let command = format!("sudo ./ior-it {}", shlex::try_join(words.iter().map(String::as_str)).unwrap_or_default());
    About { machine, date: date.split('T').next().unwrap_or_default().to_owned(), command }
}

fn width() -> usize {
    rustix::termios::tcgetwinsize(rustix::stdio::stdout()).map_or(WIDTH, |size| usize::from(size.ws_col)).max(40)
}
