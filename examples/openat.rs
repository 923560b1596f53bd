//! A tracer of another project in the slot: its own BPF object, and one call in `main`. `cargo run --example openat -- --filter open`
//! as root runs the scenarios on it.

#![allow(clippy::expect_used)] // an example ends where something is not as it must be

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use ior_it::{
    Calls, Claims, Collector, Error, FenceKind, Fences, Interrupted, Line, Profile, Said, Scope, Shown, Subject, Value,
    Waited, Watching,
};
use libbpf_rs::{MapCore, MapFlags, Object, ObjectBuilder, RingBufferBuilder};

static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/openat.bpf.o"));

fn main() -> ExitCode {
    ior_it::conformance(|| Ok(Box::new(Openat::profiled())))
}

/// The tracer, which is loaded again for each process that it watches.
struct Openat(Profile);

impl Openat {
    fn profiled() -> Self {
        let fields = ["pid", "tid", "path", "ret"].map(str::to_owned).to_vec();
        let calls = Calls::These(vec!["openat".to_owned()]);
        let claims = Claims { calls, fields, interrupted: Interrupted::Attempts, ..Claims::default() };
        let limit = Duration::from_secs(10);
        let (name, version) = ("openat".to_owned(), Some(env!("CARGO_PKG_VERSION").to_owned()));
        let (fence, scope) = (FenceKind::Open, Scope::Pid);
        Self(Profile { name, version, claims, known: Vec::new(), fence, scope, attach: limit, close: limit })
    }
}

impl Subject for Openat {
    fn profile(&self) -> &Profile {
        &self.0
    }

    fn watch(&self, pid: u32, fences: Fences) -> Result<Box<dyn Watching + '_>, Error> {
        let failed = |error: libbpf_rs::Error| {
            Error::cannot_trace(format!("openat: {error}"), "is this root, and is tracefs mounted?")
        };
        let object = ObjectBuilder::default().open_memory(OBJECT).and_then(|open| open.load()).map_err(failed)?;
        let pids = object.maps().find(|map| map.name() == "pids").expect("the object has it");
        pids.update(&pid.to_ne_bytes(), &[1], MapFlags::ANY).map_err(failed)?;
        let links = object.progs_mut().map(|program| program.attach()).collect::<Result<_, _>>().map_err(failed)?;
        Ok(Box::new(Watched { collector: Arc::new(Collector::new(fences, 1)), _links: links, object }))
    }
}

/// One watched process.
struct Watched {
    collector: Arc<Collector>,
    _links: Vec<libbpf_rs::Link>,
    object: Object,
}

impl Watched {
    /// Takes the records in the ring. Waits for them this long.
    fn take(&self, limit: Duration) {
        let events = self.object.maps().find(|map| map.name() == "events").expect("the object has it");
        let mut ring = RingBufferBuilder::new();
        let keep = |bytes: &[u8]| {
            self.collector.push([(line(bytes), bytes.len())]);
            0
        };
        ring.add(&events, keep).expect("it is a ring");
        ring.build().and_then(|ring| ring.poll(limit)).expect("the ring can be read");
    }
}

/// `struct event` of the BPF object.
fn line(bytes: &[u8]) -> Line {
    let id = |at: usize| Value::Number(u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("four bytes")).into());
    let long = |at: usize| i64::from_ne_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    let ret = if long(8) < 0 { Value::Errno(-long(8) as i32) } else { Value::Number(long(8)) };
    let path = usize::try_from(long(16) - 1).map_or(Value::Nothing, |length| bytes[24..24 + length].into());
    let said = Said::new("openat").with("pid", id(0)).with("tid", id(4)).with("path", path).with("ret", ret);
    Line::Call(Box::new(said))
}

impl Watching for Watched {
    fn wait_for(&self, enough: &dyn Fn(&BTreeSet<u64>) -> bool, limit: Duration) -> Waited {
        self.take(Duration::ZERO);
        if self.collector.wait_for(enough, Duration::ZERO) == Waited::TooLong {
            self.take(limit);
        }
        self.collector.wait_for(enough, Duration::ZERO)
    }

    fn stop(self: Box<Self>, _limit: Duration) -> Shown {
        self.take(Duration::ZERO);
        self.collector.take()
    }
}
