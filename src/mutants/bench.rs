//! Loads mutants and lets the suite judge them.
//!
//! I/O: each mutant is a tracer of its own, beside the one that the session has. The children come from one zygote.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::edited::Sources;
use super::fate::{Fate, JudgedMutant};
use super::flow::Flow;
use super::image::Image;
use super::instruction::Instruction;
use super::order::Order;
use super::plan::Mutant;
use crate::base::error::Error;
use crate::base::limit::Limit;
use crate::child::ending::{How, Phase};
use crate::judge::expectation::Expectation;
use crate::judge::verdict::Verdict;
use crate::session::{ScenarioRun, Session};
use crate::watch::tracer::{self, Tracer};

/// The least time that a scenario gets, and how many times longer it gets than it takes with the object as it is.
const LEAST: Duration = Duration::from_secs(1);
const SLACK: u32 = 20;

/// A scenario that passes with the object as it is.
struct Scene<'e> {
    name: &'static str,
    expectation: &'e Expectation,
    limit: Duration,
}

/// The place where mutants are judged.
pub struct Bench<'e> {
    session: Session,
    options: tracer::TracerOptions,
    name: String,
    image: Image,
    /// Where mutants of the source are made.
    sources: Option<Sources>,
    flow: Flow,
    /// The programs of the object as it is.
    translated: Vec<Vec<[u8; 8]>>,
    scenes: Vec<Scene<'e>>,
    /// Scenarios that do not pass with the object as it is.
    left_out: Vec<String>,
    order: Mutex<Order>,
    /// Whether the kernel gets to an instruction, by its place.
    reached: Mutex<HashMap<usize, bool>>,
    /// Whether survivors are shown to the witness.
    witness: bool,
}

impl<'e> Bench<'e> {
    /// For the object that the session has loaded, which is `image`. It runs each of these scenarios once.
    pub fn new(
        session: Session,
        options: tracer::TracerOptions,
        (name, image, sources): (String, Image, Option<Sources>),
        scenarios: &[(&'static str, &'e Expectation)],
        witness: bool,
    ) -> Result<Self, Error> {
        let all_types = !session.tracer().used_excerpt();
        let options = tracer::TracerOptions { attach: false, all_types, ..options };
        let image = image.bound(&session.tracer().linked(image.bytes()));
        let translated = session.tracer().translated()?;
        let mut bench = Self {
            session,
            options,
            name,
            flow: Flow::of(&image),
            image,
            sources,
            translated,
            scenes: Vec::new(),
            left_out: Vec::new(),
            order: Mutex::default(),
            reached: Mutex::default(),
            witness,
        };
        bench.check(scenarios)?;
        Ok(bench)
    }

    /// The scenarios that do not pass with the object as it is. They judge no mutant.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// How many scenarios judge mutants.
    pub fn scenes(&self) -> usize {
        self.scenes.len()
    }

    /// Sees that the bound object is the same program, and which scenarios pass with it.
    fn check(&mut self, scenarios: &[(&'static str, &'e Expectation)]) -> Result<(), Error> {
        let bug = || {
            let sentence = format!("{} is another program when it is bound to this kernel", self.name);
            Error::cannot_trace(sentence, "BUG: `uname -r` and the object belong into a bug report")
        };
        let mut tracer = self.load(self.image.bytes())?.ok_or_else(bug)?;
        if tracer.translated()? != self.translated {
            return Err(bug());
        }
        self.check_sources()?;
        tracer.attach()?;
        let session = self.session.with_tracer(tracer);
        let mut times = Vec::new();
        for &(name, expectation) in scenarios {
            let begin = Instant::now();
            let run = session.run(name, expectation, "tests.toml", Limit::growing(expectation.timeout))?;
            match run.verdict {
                Verdict::Pass => {
                    let took = begin.elapsed();
                    self.scenes.push(Scene { name, expectation, limit: LEAST.max(took * SLACK) });
                    times.push(took);
                }
                Verdict::Fail(_) | Verdict::Inconclusive(_) => self.left_out.push(name.to_owned()),
                Verdict::Skip(_) => {}
            }
        }
        if self.scenes.is_empty() {
            let sentence = format!("no scenario passes with {}", self.name);
            return Err(Error::cannot_trace(sentence, "run it first without --mutants: the reports say why"));
        }
        self.order = Mutex::new(Order::new(times));
        Ok(())
    }

    /// Sees that the object was made of the sources: a mutant is compared with it.
    fn check_sources(&self) -> Result<(), Error> {
        let Some(sources) = &self.sources else { return Ok(()) };
        let made = sources.compile(None)?.map_or(Ok(None), |bytes| self.load(&bytes))?;
        if made.map_or(Ok(None), |tracer| tracer.translated().map(Some))?.as_ref() == Some(&self.translated) {
            return Ok(());
        }
        let sentence = format!("{} was not made of the sources in the working directory", self.name);
        Err(Error::usage(sentence, "`make build` builds an ior-it of these sources"))
    }

    fn load(&self, bytes: &[u8]) -> Result<Option<Tracer>, Error> {
        Tracer::of_image(&self.options, &self.name, bytes)
    }

    /// The object of a mutant, loaded; `None` if the compiler or the kernel refuses it.
    fn load_mutant(&self, mutant: &Mutant) -> Result<Option<Tracer>, Error> {
        let compiled = match (&mutant.edit, &self.sources) {
            (Some(edit), Some(sources)) => sources.compile(Some(edit))?,
            _ => Some(self.image.with(mutant.replaced.iter().copied())),
        };
        compiled.map_or(Ok(None), |bytes| self.load(&bytes))
    }

    /// Loads a mutant and runs the suite until a scenario kills it.
    pub fn judge(&self, mutant: Mutant) -> Result<JudgedMutant, Error> {
        let fate = self.fate(&mutant)?;
        Ok(JudgedMutant { mutant, fate })
    }

    fn fate(&self, mutant: &Mutant) -> Result<Fate, Error> {
        let Some(mut tracer) = self.load_mutant(mutant)? else { return Ok(Fate::Stillborn) };
        let is_of_source = mutant.edit.is_some();
        if tracer.translated()? == self.translated {
            drop(tracer);
            let is_equal = is_of_source || self.is_reached(mutant)?;
            return Ok(if is_equal { Fate::Equivalent } else { Fate::NotRun });
        }
        if !is_of_source && self.flow.is_idle(mutant) {
            return Ok(Fate::Idle);
        }
        // A program that asks for more than its tracepoint gives is refused only here.
        if tracer.attach().is_err() || tracer.follows_requests() != self.session.follows_requests() {
            return Ok(Fate::Stillborn);
        }
        let session = self.session.with_tracer(tracer);
        if let Some(by) = self.first_killer(&session, mutant, kills)? {
            return Ok(Fate::Killed { by });
        }
        if self.witness {
            session.set_witness(true);
            if let Some(by) = self.first_killer(&session, mutant, |run| run.objection.is_some())? {
                return Ok(Fate::KilledByWitness { by });
            }
        }
        Ok(Fate::Survived)
    }

    /// Whether the kernel gets to any instruction that a mutant changes: with a trap there, it refuses the program.
    fn is_reached(&self, mutant: &Mutant) -> Result<bool, Error> {
        for &(at, _) in &mutant.replaced {
            let known = lock(&self.reached).get(&at).copied();
            let reached = match known {
                Some(reached) => reached,
                None => self.load(&self.image.with([(at, Instruction::TRAP)]))?.is_none(),
            };
            lock(&self.reached).insert(at, reached);
            if reached {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The first scenario that kills the mutant twice: a child that was slow, or a machine that had no room, kills nobody.
    fn first_killer(
        &self,
        session: &Session,
        mutant: &Mutant,
        kills: fn(&ScenarioRun) -> bool,
    ) -> Result<Option<String>, Error> {
        let function = mutant.functions.first().map(String::as_str).unwrap_or_default();
        let order = lock(&self.order).first_to_last(function);
        for scenario in order {
            let scene = &self.scenes[scenario];
            let is_killed = scene.kills(session, kills, 1)?
                && (scene.kills(session, kills, 3)? || self.kills_anew(mutant, session, scene, kills)?);
            if is_killed {
                lock(&self.order).killed(function, scenario);
                return Ok(Some(scene.name.to_owned()));
            }
        }
        Ok(None)
    }

    /// Whether a scenario kills the mutant that is loaded anew: the first run may have changed what the maps hold.
    fn kills_anew(
        &self,
        mutant: &Mutant,
        before: &Session,
        scene: &Scene<'_>,
        kills: fn(&ScenarioRun) -> bool,
    ) -> Result<bool, Error> {
        let Some(mut tracer) = self.load_mutant(mutant)? else { return Ok(false) };
        tracer.attach()?;
        let session = before.with_tracer(tracer);
        session.set_witness(before.is_witnessed());
        scene.kills(&session, kills, 3)
    }
}

impl Scene<'_> {
    /// Whether it kills the mutant that the session has, in so many times its limit.
    fn kills(&self, session: &Session, kills: fn(&ScenarioRun) -> bool, times: u32) -> Result<bool, Error> {
        let limit = Limit::growing(self.limit * times);
        session.run(self.name, self.expectation, "tests.toml", limit).map(|run| kills(&run))
    }
}

/// Whether a run is not as it should be, and the tracer may be what is wrong.
fn kills(run: &ScenarioRun) -> bool {
    let ending = &run.observed.ending;
    let is_of_machine = ending.phase == Phase::Setup || matches!(ending.how, How::PremiseNotMet(_));
    !is_of_machine && matches!(run.verdict, Verdict::Fail(_) | Verdict::Inconclusive(_))
}

/// A lock that survives a panic of its holder: what it guards is whole between any two statements here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
