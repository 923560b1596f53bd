//! The cost of tracing for each system call of the traced process.
//!
//! One child runs the operations and times itself, under five baselines: `untraced` (nothing attached), `floor` (empty
//! programs on the same two hooks), `not watched` (the tracer attached, another process's business), `watched`, and `without
//! times`: watched as a scenario is, with no clock. What it leaves in the ring is taken out between batches, outside of what is
//! timed; a batch that found the ring full would look cheap and is an error.
//!
//! `cargo bench --bench overhead` prints criterion's figures, and then a table of ratios: in each round of it the five
//! baselines follow each other within milliseconds, and a ratio is the median of the ratios of the rounds. `-- table` prints
//! the table alone; `IOR_BPF=./tracer.bpf.o` measures another object than the embedded one.

mod support;

use std::path::PathBuf;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode};
use ior_it::support::child::zygote::Zygote;
use ior_it::support::watch::tracer::{Tracer, TracerOptions};
use support::floor::Floor;
use support::rounds::{markdown, median, ratio};
use support::{Failure, operations, worker};

const LIMIT: Duration = Duration::from_secs(20);
/// The rounds of the table.
const ROUNDS: usize = 60;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Baseline {
    Untraced,
    Floor,
    NotWatched,
    Watched,
    WithoutTimes,
}

const BASELINES: [(Baseline, &str); 5] = [
    (Baseline::Untraced, "untraced"),
    (Baseline::Floor, "floor"),
    (Baseline::NotWatched, "not watched"),
    (Baseline::Watched, "watched"),
    (Baseline::WithoutTimes, "without times"),
];

struct Overhead {
    tracer: Tracer,
    without_times: Tracer,
    floor: Floor,
    pid: u32,
}

fn main() -> Result<(), Failure> {
    // Before the first thread: the zygote, and what it shares with its child.
    let zygote = Zygote::start(1, vec![worker::scenario()?], None)?;
    let workspace = tempfile::tempdir()?;
    let mut child = zygote.spawn(0, workspace.path())?;
    if let Some(ending) = child.reach_gate(LIMIT)? {
        return Err(format!("the child did not come to its gate: {ending}").into());
    }
    child.open_gate()?;
    let bpf = std::env::var_os("IOR_BPF").map(PathBuf::from);
    let options = TracerOptions { bpf, attach: false, ..TracerOptions::default() };
    let tracer = Tracer::load(&options)?;
    let without_times = Tracer::load(&TracerOptions { times: false, ..options })?;
    let mut overhead = Overhead { tracer, without_times, floor: Floor::load()?, pid: child.pid() };
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(1000))
        .configure_from_args();
    for operation in 0..operations::ALL.len() {
        overhead.group(&mut criterion, operation)?;
    }
    criterion.final_summary();
    overhead.table()?;
    worker::end()?;
    println!("the child {}", child.wait(LIMIT)?);
    Ok(())
}

impl Overhead {
    /// Runs the operation under the baseline. Returns the time by the child's clock.
    fn measure(&mut self, baseline: Baseline, operation: usize, times: usize) -> Result<Duration, Failure> {
        match baseline {
            Baseline::Untraced => batches(operation, times),
            Baseline::Floor => {
                let _links = self.floor.attach()?;
                batches(operation, times)
            }
            Baseline::NotWatched | Baseline::Watched => {
                let watched = baseline == Baseline::Watched;
                with(&mut self.tracer, watched.then_some(self.pid), operation, times)
            }
            Baseline::WithoutTimes => with(&mut self.without_times, Some(self.pid), operation, times),
        }
    }

    fn group(&mut self, criterion: &mut Criterion, operation: usize) -> Result<(), Failure> {
        let mut group = criterion.benchmark_group(operations::ALL[operation]);
        group.sampling_mode(SamplingMode::Flat);
        let mut failure = None;
        for (baseline, name) in BASELINES {
            group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                bencher.iter_custom(|times| match self.measure(baseline, operation, times as usize) {
                    Ok(elapsed) => elapsed,
                    Err(error) => {
                        failure = Some(error);
                        Duration::from_nanos(1)
                    }
                });
            });
        }
        failure.map_or(Ok(()), Err)
    }

    fn table(&mut self) -> Result<(), Failure> {
        let mut rows = Vec::new();
        for (operation, name) in operations::ALL.into_iter().enumerate() {
            let mut samples: [Vec<f64>; 5] = Default::default();
            for _ in 0..ROUNDS {
                for (sample, (baseline, _)) in samples.iter_mut().zip(BASELINES) {
                    let elapsed = self.measure(baseline, operation, operations::MOST_TIMES)?;
                    sample.push(elapsed.as_nanos() as f64 / operations::MOST_TIMES as f64);
                }
            }
            let [untraced, others @ ..] = &samples;
            let others = others.iter().map(|sample| format!("{:.0} ({:.2}×)", median(sample), ratio(sample, untraced)));
            rows.push([name.to_owned(), format!("{:.0}", median(untraced))].into_iter().chain(others).collect());
        }
        let header = ["ns per operation", "untraced", "floor", "not watched", "watched", "without times"];
        println!("\nMedians of {ROUNDS} interleaved rounds:\n\n{}", markdown(&header, &rows));
        Ok(())
    }
}

/// Attaches this tracer, and watches this process.
fn with(tracer: &mut Tracer, pid: Option<u32>, operation: usize, times: usize) -> Result<Duration, Failure> {
    tracer.attach()?;
    let measured = match pid {
        Some(pid) => watched(tracer, pid, operation, times),
        None => batches(operation, times),
    };
    tracer.detach();
    measured
}

fn watched(tracer: &Tracer, pid: u32, operation: usize, times: usize) -> Result<Duration, Failure> {
    let watching = tracer.watch(0, pid, false)?;
    let mut elapsed = Duration::ZERO;
    for times in sizes(times) {
        elapsed += worker::batch(operation, times)?;
        let records = watching.take();
        if records.counts.refused != 0 {
            return Err(format!("the ring was full: {:?}", records.counts).into());
        }
        let recorded = records.len();
        if recorded < times {
            return Err(format!("{recorded} records of {times} operations: they were not watched").into());
        }
    }
    Ok(elapsed)
}

fn batches(operation: usize, times: usize) -> Result<Duration, Failure> {
    sizes(times).map(|times| worker::batch(operation, times)).sum()
}

/// Runs this many operations, in batches that neither fill the ring nor reach the end of the file.
fn sizes(times: usize) -> impl Iterator<Item = usize> {
    let starts = (0..times).step_by(operations::MOST_TIMES);
    starts.map(move |start| operations::MOST_TIMES.min(times - start))
}
