//! What the harness costs: gate to verdict, against the same children gated and reaped with nothing attached; the BPF
//! object; and how time and memory grow with the number of scenarios and of calls.
//!
//! `cargo bench --bench harness` prints criterion's figures for some scenarios, and then tables: all scenarios, in rounds in
//! which `traced` and `bare` alternate; generated scenarios; a burst of a million calls. `-- table` prints the tables alone.

mod support;

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, SamplingMode};
use ior_it::support::child::scenarios;
use ior_it::support::judge::expectation::Expectations;
use ior_it::support::judge::verdict::Verdict;
use ior_it::support::session::{Options, Prepared, Session};
use ior_it::support::watch::tracer::{self, Tracer};
use support::rounds::{markdown, ms, quantile, ratio};
use support::{Failure, growth};

const TESTS: &str = include_str!("../tests.toml");
const LIMIT: Duration = Duration::from_secs(20);
const SCENARIOS: [&str; 6] =
    ["dup-basic", "open-enoent", "rename-basic", "close-range", "readwrite-basic", "iouring-enter"];
/// The rounds of the table.
const ROUNDS: usize = 50;

fn main() -> Result<(), Failure> {
    if let Some(row) = growth::task()? {
        println!("{}", row.join("\t"));
        return Ok(());
    }
    // The zygote is forked before the first thread.
    let as_in_a_run = tracer::TracerOptions { times: false, ..tracer::TracerOptions::default() };
    let options = Options { tracer: as_in_a_run, ..Options::default() };
    let session = Prepared::new(scenarios::all().copied(), options)?.load()?;
    let mut names: Vec<&str> = scenarios::all().map(|scenario| scenario.name).collect();
    let expectations = Expectations::parse("tests.toml", TESTS, &names).map_err(|errors| errors.to_string())?;
    names.retain(|name| expectations.get(name).is_some_and(|expectation| expectation.ignored.is_none()));
    let mut harness = Harness { session, expectations, failure: None };
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    for name in SCENARIOS.into_iter().filter(|name| names.contains(name)) {
        harness.group(&mut criterion, name)?;
    }
    object(&mut criterion)?;
    criterion.final_summary();
    harness.table(&names)?;
    drop(harness);
    growth::tables()
}

struct Harness {
    session: Session,
    expectations: Expectations,
    failure: Option<Failure>,
}

impl Harness {
    /// Times gate to verdict. Without tracing, gate to reap.
    fn once(&self, name: &str, traced: bool) -> Result<Duration, Failure> {
        if !traced {
            let workspace = self.session.workspaces().for_scenario(name)?;
            return Ok(self.session.observe(name, workspace.path(), LIMIT, false)?.1.act);
        }
        let expectation = self.expectations.get(name).ok_or("no table")?;
        let run = self.session.run(name, expectation, "tests.toml", LIMIT)?;
        match run.verdict {
            Verdict::Pass | Verdict::Skip(_) => Ok(run.phases.gate_to_verdict()),
            Verdict::Fail(report) | Verdict::Inconclusive(report) => Err(report.to_string().into()),
        }
    }

    fn group(&mut self, criterion: &mut Criterion, name: &str) -> Result<(), Failure> {
        let mut group = criterion.benchmark_group(name);
        group.sampling_mode(SamplingMode::Flat);
        for (baseline, traced) in [("bare", false), ("traced", true)] {
            self.session.set_tracing(traced)?;
            group.bench_function(BenchmarkId::from_parameter(baseline), |bencher| {
                bencher.iter_custom(|times| {
                    let sum = (0..times).map(|_| self.once(name, traced)).sum::<Result<Duration, Failure>>();
                    sum.unwrap_or_else(|error| {
                        self.failure = Some(error);
                        Duration::from_nanos(1)
                    })
                });
            });
        }
        self.failure.take().map_or(Ok(()), Err)
    }

    /// All scenarios, alternately traced and bare.
    fn table(&mut self, names: &[&str]) -> Result<(), Failure> {
        let mut samples: [Vec<f64>; 2] = Default::default();
        for _ in 0..ROUNDS {
            for (sample, traced) in samples.iter_mut().zip([true, false]) {
                self.session.set_tracing(traced)?;
                for name in names {
                    sample.push(ms(self.once(name, traced)?));
                }
            }
        }
        let row = |name: &str, sample: &[f64]| {
            let quantiles = [0.5, 0.95, 0.99, 1.0].map(|part| quantile(sample, part).unwrap_or(f64::NAN));
            [name.to_owned()].into_iter().chain(quantiles.map(|value| format!("{value:.3}"))).collect()
        };
        let [traced, bare] = &samples;
        let rows: [Vec<String>; 2] = [row("gate to verdict, traced", traced), row("gate to reap, bare", bare)];
        println!("\nAll {} scenarios, {ROUNDS} rounds, ms:\n", names.len());
        println!("{}", markdown(&["", "p50", "p95", "p99", "max"], &rows));
        println!("traced / bare, median of the ratios: {:.2}\n", ratio(traced, bare));
        Ok(())
    }
}

/// Times loading, attaching, detaching and freeing the object.
fn object(criterion: &mut Criterion) -> Result<(), Failure> {
    Tracer::load(&tracer::TracerOptions::default())?;
    let mut group = criterion.benchmark_group("object");
    group.sampling_mode(SamplingMode::Flat);
    type Step = fn() -> Result<Duration, Failure>;
    let steps: [(&str, Step); 4] = [
        ("load", || {
            timed(|| Ok(Tracer::load(&tracer::TracerOptions { attach: false, ..tracer::TracerOptions::default() })?))
                .map(|(elapsed, _)| elapsed)
        }),
        ("attach", || {
            let mut tracer =
                Tracer::load(&tracer::TracerOptions { attach: false, ..tracer::TracerOptions::default() })?;
            timed(|| Ok(tracer.attach()?)).map(|(elapsed, ())| elapsed)
        }),
        ("detach", || {
            let mut tracer = Tracer::load(&tracer::TracerOptions::default())?;
            timed(|| {
                tracer.detach();
                Ok(())
            })
            .map(|(elapsed, ())| elapsed)
        }),
        ("detach and free", || {
            let tracer = Tracer::load(&tracer::TracerOptions::default())?;
            timed(|| {
                drop(tracer);
                Ok(())
            })
            .map(|(elapsed, ())| elapsed)
        }),
    ];
    for (name, step) in steps {
        group.bench_function(name, |bencher| {
            // It could be loaded before, so a failure here is one of the bench and shows as no time at all.
            bencher.iter_custom(|times| (0..times).filter_map(|_| step().ok()).sum());
        });
    }
    Ok(())
}

fn timed<T>(step: impl FnOnce() -> Result<T, Failure>) -> Result<(Duration, T), Failure> {
    let begin = Instant::now();
    let value = step()?;
    Ok((begin.elapsed(), value))
}
