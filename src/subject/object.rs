//! A subject that is a BPF object. It is loaded here, and its author's mapping turns its records into lines.
//!
//! I/O: reads the file, loads and attaches the programs, and reads their output. If the object has a map of the processes to
//! watch, it is loaded once, and each process is in the map while it is watched.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use libbpf_rs::{MapCore, MapFlags, MapHandle};

use super::collector::Collector;
use super::seam::{Profile, Shown, Subject, Waited, Watching};
use super::toml::{self, Definition, HowRun, Lifetime};
use super::window::Fences;
use crate::base::error::Error;
use crate::watch::tracer::refused;

pub mod decode; // records → lines
pub mod types; // the object's type information (BTF)
mod merge; // the order of records from several CPUs
mod load; // a file → attached programs
mod reader; // the thread that reads the records

use load::LoadedObject;
use reader::RingReader;

/// A BPF object under test.
pub struct ObjectSubject {
    profile: Profile,
    object: toml::TracerObject,
    /// The path of its file.
    file: PathBuf,
    /// Whether it is loaded once for the whole run.
    stays: bool,
    loaded: Mutex<Option<LoadedObject>>,
}

impl ObjectSubject {
    /// The subject for this definition. `folder` is the folder of its TOML: a relative path of the file begins there.
    pub fn new(definition: &Definition, version: Option<String>, folder: PathBuf) -> Result<Self, Error> {
        let HowRun::Object(object) = &definition.run else {
            return Err(Error::usage(format!("{} is no BPF object", definition.name), "a command is run"));
        };
        let file = folder.join(object.file.replace("{folder}", &folder.to_string_lossy()));
        let asks_pid = object.rodata.values().any(Option::is_none);
        let stays = !asks_pid && (object.filter.is_some() || definition.lifetime == Lifetime::Run);
        let (profile, object) = (definition.profile(version), (**object).clone());
        Ok(Self { profile, object, file, stays, loaded: Mutex::default() })
    }
}

impl Subject for ObjectSubject {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn watch(&self, pid: u32, fences: Fences) -> Result<Box<dyn Watching + '_>, Error> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.stays || loaded.is_none() {
            *loaded = None;
            *loaded = Some(load::load(&self.file, &self.object, pid)?);
        }
        let mut watch =
            ObjectWatch { stays: self.stays, loaded, filtered: None, reader: None, lost: 0, collector: None };
        watch.begin(&self.object, pid, fences)?;
        Ok(Box::new(watch))
    }
}

/// An entry in the map of watched processes, which is removed on drop.
struct Filtered {
    map: MapHandle,
    pid: u32,
}

impl Filtered {
    fn add(map: &MapHandle, pid: u32) -> Result<Self, Error> {
        let failed =
            |error: libbpf_rs::Error| refused("the process could not be put into the map of the filter", &error);
        let map = MapHandle::try_from(map).map_err(failed)?;
        // The object defines the value of an entry. Most objects only look for the entry, and some need a value other than 0.
        let mut value = vec![0; map.value_size() as usize];
        if let Some(first) = value.first_mut() {
            *first = 1;
        }
        map.update(&pid.to_ne_bytes(), &value, MapFlags::ANY).map_err(failed)?;
        Ok(Self { map, pid })
    }
}

impl Drop for Filtered {
    fn drop(&mut self) {
        // The object may have removed the entry itself.
        let _ = self.map.delete(&self.pid.to_ne_bytes());
    }
}

/// An object while it watches a process: one at a time.
struct ObjectWatch<'s> {
    stays: bool,
    reader: Option<RingReader>,
    filtered: Option<Filtered>,
    loaded: MutexGuard<'s, Option<LoadedObject>>,
    collector: Option<Arc<Collector>>,
    /// The count of losses at the begin.
    lost: u64,
}

impl ObjectWatch<'_> {
    fn begin(&mut self, object: &toml::TracerObject, pid: u32, fences: Fences) -> Result<(), Error> {
        let Some(loaded) = self.loaded.as_ref() else { return Ok(()) };
        self.lost = loaded.drops.as_ref().map_or(0, counted);
        let collector = Arc::new(Collector::new(fences, 1));
        self.reader = Some(RingReader::start(&loaded.ring, loaded.source, &object.records, Arc::clone(&collector))?);
        self.collector = Some(collector);
        self.filtered = loaded.filter.as_ref().map(|map| Filtered::add(map, pid)).transpose()?;
        Ok(())
    }

    /// Stops watching, so that the records come to an end.
    fn leave(&mut self) {
        self.filtered = None;
        if let Some(loaded) = self.loaded.as_mut().filter(|_| !self.stays) {
            loaded.links.clear();
        }
    }
}

impl Watching for ObjectWatch<'_> {
    fn wait_for(&self, enough: &dyn Fn(&BTreeSet<u64>) -> bool, limit: Duration) -> Waited {
        self.collector.as_ref().map_or(Waited::Ended, |collector| collector.wait_for(enough, limit))
    }

    fn stop(mut self: Box<Self>, limit: Duration) -> Shown {
        self.leave();
        if let Some(reader) = &self.reader {
            reader.stop();
        }
        let Some(collector) = &self.collector else { return Shown::default() };
        collector.wait_for_end(limit);
        let counted = self.loaded.as_ref().and_then(|loaded| loaded.drops.as_ref()).map_or(0, counted);
        if let lost @ 1.. = counted.saturating_sub(self.lost) {
            collector.lost(lost);
        }
        collector.take()
    }
}

impl Drop for ObjectWatch<'_> {
    fn drop(&mut self) {
        self.leave();
        self.reader = None;
        if !self.stays {
            *self.loaded = None;
        }
    }
}

/// The most elements that are read of a map of counts.
const MOST: usize = 1 << 16;

/// The sum of all counts in a map, on all CPUs.
fn counted(map: &MapHandle) -> u64 {
    let number = |bytes: &[u8]| match bytes.len() {
        4 => bytes.first_chunk().map_or(0, |bytes| u32::from_ne_bytes(*bytes).into()),
        _ => bytes.first_chunk().map_or(0, |bytes| u64::from_ne_bytes(*bytes)),
    };
    let size = map.value_size() as usize;
    let values = |key: Vec<u8>| {
        let values = if map.map_type().is_percpu() {
            map.lookup_percpu(&key, MapFlags::ANY).ok().flatten().unwrap_or_default()
        } else {
            map.lookup(&key, MapFlags::ANY).ok().flatten().into_iter().collect()
        };
        values.iter().map(|value| number(value.get(..size).unwrap_or(value))).fold(0, u64::saturating_add)
    };
    map.keys().take(MOST).map(values).fold(0, u64::saturating_add)
}
