//! What becomes of the bytes that come out of the ring: records to calls, calls to a trace, a trace to a verdict; and traces
//! to archives and back. Takes the recorded runs under tests/recorded, repeated, and needs no privileges.
//!
//! `cargo bench --bench pipeline`: "elements" are calls, "bytes" those of the records, or of the archive when unpacked.

use std::path::Path;
use std::time::Duration;

use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput, measurement::WallTime};
use ior_it::support::archive::{self, Archive};
use ior_it::support::child::scenarios;
use ior_it::support::judge::expectation::Expectations;
use ior_it::support::judge::matcher;
use ior_it::support::judge::verdict::judge;
use ior_it::support::trace::call::Call;
use ior_it::support::trace::counts::Counts;
use ior_it::support::trace::decoder;
use ior_it::support::trace::record::{self, Record};
use ior_it::support::trace::whole::Trace;

const TESTS: &str = include_str!("../tests.toml");
const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recorded");
/// How many calls are in the stream, at least.
const CALLS: usize = 100_000;

type Failure = Box<dyn std::error::Error>;

/// One recorded run, and its calls as bytes again.
struct Recording {
    archive: Archive,
    records: Vec<Vec<u8>>,
}

fn main() -> Result<(), Failure> {
    let recordings = recordings()?;
    let names: Vec<&str> = scenarios::all().map(|scenario| scenario.name).collect();
    let expectations = Expectations::parse("tests.toml", TESTS, &names).map_err(|errors| errors.to_string())?;
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    let mut group = criterion.benchmark_group("pipeline");
    group.sampling_mode(SamplingMode::Flat);
    let rounds = CALLS.div_ceil(calls_of(&recordings));
    group.throughput(Throughput::Elements((rounds * calls_of(&recordings)) as u64));
    stages(&mut group, &recordings, &expectations, rounds);
    group.finish();
    archives(&mut criterion, &recordings)?;
    criterion.final_summary();
    Ok(())
}

fn recordings() -> Result<Vec<Recording>, Failure> {
    let mut files: Vec<_> =
        std::fs::read_dir(RECORDED)?.map(|entry| Ok(entry?.path())).collect::<Result<_, Failure>>()?;
    files.retain(|file| file.to_string_lossy().ends_with(archive::SUFFIX));
    files.sort();
    files.iter().map(|file| recording(file)).collect()
}

fn recording(file: &Path) -> Result<Recording, Failure> {
    let archive = archive::decode(&std::fs::read(file)?).map_err(|bad| format!("{}: {bad:?}", file.display()))?;
    let records: Vec<Vec<u8>> = archive.observed.trace.calls.iter().map(|call| record::encode(1, call)).collect();
    // The kernel's names are in records of their own, which an archive does not keep.
    let mut calls: Vec<Call> = assembled(&records, &archive).calls;
    calls.iter_mut().zip(&archive.observed.trace.calls).for_each(|(call, of)| call.files = of.files.clone());
    if calls != archive.observed.trace.calls {
        return Err(format!("{}: the records do not give the recorded trace", file.display()).into());
    }
    Ok(Recording { archive, records })
}

fn calls_of(recordings: &[Recording]) -> usize {
    recordings.iter().map(|recording| recording.records.len()).sum::<usize>().max(1)
}

fn assembled(records: &[Vec<u8>], archive: &Archive) -> Trace {
    decoder::assemble(records.iter().map(Vec::as_slice), Counts::default(), Some(&archive.origin.workspace))
}

fn stages(
    group: &mut BenchmarkGroup<'_, WallTime>,
    recordings: &[Recording],
    expectations: &Expectations,
    rounds: usize,
) {
    let all = || (0..rounds).flat_map(|_| recordings);
    let expected = |archive: &Archive| expectations.get(&archive.origin.scenario);
    let decoded = |bytes: &Vec<u8>| match record::decode(bytes) {
        Ok(Record::Call(call, _) | Record::Request(call, _)) => Some(call),
        Ok(
            Record::Completion(..)
            | Record::Name(..)
            | Record::Closed { .. }
            | Record::Data { .. }
            | Record::End { .. },
        )
        | Err(_) => None,
    };
    group.bench_function("decode", |bencher| {
        bencher.iter(|| all().flat_map(|one| &one.records).filter_map(decoded).count());
    });
    group.bench_function("assemble", |bencher| {
        bencher.iter(|| all().map(|one| assembled(&one.records, &one.archive).calls.len()).sum::<usize>());
    });
    group.bench_function("match", |bencher| {
        let compared = |one: &Recording| {
            let trace = &one.archive.observed.trace;
            expected(&one.archive).map(|expectation| matcher::compare(expectation, trace).differences().count())
        };
        bencher.iter(|| all().filter_map(compared).sum::<usize>());
    });
    group.bench_function("verdict", |bencher| {
        let judged = |one: &Recording| {
            expected(&one.archive).map(|expectation| judge(expectation, "tests.toml", &one.archive.observed))
        };
        bencher.iter(|| all().filter_map(judged).count());
    });
}

/// One archive of very many calls, written and read.
fn archives(criterion: &mut Criterion, recordings: &[Recording]) -> Result<(), Failure> {
    let mut large = recordings.first().ok_or("nothing is recorded")?.archive.clone();
    let calls = recordings.iter().flat_map(|one| &one.archive.observed.trace.calls).cycle().take(CALLS);
    large.observed.trace.calls = calls.zip(0..).map(|(call, order)| Call { order, ..call.clone() }).collect();
    let bytes: usize = large.observed.trace.calls.iter().map(|call| record::encode(1, call).len()).sum();
    let packed = archive::encode(&large).map_err(|bad| format!("{bad:?}"))?;
    println!("an archive of {CALLS} calls: {} bytes for {bytes} bytes of records", packed.len());
    let mut group = criterion.benchmark_group("archive");
    group.sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Bytes(bytes as u64));
    group.bench_function("write", |bencher| bencher.iter(|| archive::encode(&large)));
    group.bench_function("read", |bencher| bencher.iter(|| archive::decode(&packed)));
    Ok(())
}
