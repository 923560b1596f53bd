//! What the harness costs: gate to verdict for each scenario, against the same child gated and reaped untraced.
//!
//! `cargo bench --bench harness` prints, for each scenario, `traced` and `bare`; their ratio is the figure. Everything runs
//! interleaved in one process with the programs attached, so that both see the same machine.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion};
use ior_it::error::Error;
use ior_it::expectation::Expectations;
use ior_it::scenarios;
use ior_it::session::{Options, Prepared, Session};

const TESTS: &str = include_str!("../tests.toml");
const LIMIT: Duration = Duration::from_secs(20);

fn main() -> Result<(), Error> {
    // All zygotes are forked before the first thread.
    let watched = Prepared::new(scenarios::all().copied(), Options::default())?;
    let bare = Prepared::new(scenarios::all().copied(), Options { watch: false, attach: false, ..Options::default() })?;
    let bare = bare.load()?;
    let mut criterion = Criterion::default().configure_from_args();
    gate_to_reap(&mut criterion, &bare);
    gate_to_verdict(&mut criterion, &watched.load()?);
    criterion.final_summary();
    Ok(())
}

const SCENARIOS: [&str; 4] = ["dup-basic", "open-enoent", "rename-basic", "close-range"];

fn gate_to_reap(criterion: &mut Criterion, bare: &Session) {
    let mut group = criterion.benchmark_group("gate to reap, untraced");
    for name in SCENARIOS {
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter_custom(|times| {
                let once = |_| {
                    let workspace = bare.workspaces().for_scenario(name).ok()?;
                    Some(bare.observe(name, workspace.path(), LIMIT, false).ok()?.1.act)
                };
                (0..times).filter_map(once).sum()
            });
        });
    }
}

fn gate_to_verdict(criterion: &mut Criterion, watched: &Session) {
    let names: Vec<&str> = scenarios::all().map(|scenario| scenario.name).collect();
    let Ok(expectations) = Expectations::parse("tests.toml", TESTS, &names) else { return };
    let mut group = criterion.benchmark_group("gate to verdict");
    for name in SCENARIOS {
        let Some(expectation) = expectations.get(name) else { continue };
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter_custom(|times| {
                let once = |_| Some(watched.run(name, expectation, "tests.toml", LIMIT).ok()?.phases.gate_to_verdict());
                (0..times).filter_map(once).sum()
            });
        });
    }
}
