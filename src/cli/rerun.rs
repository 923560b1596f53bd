//! `--watch`: runs again what is selected when a file is saved, or a key pressed.
//!
//! The zygote stays. A saved source or object makes a new session with it, saved tables a new plan. One thread does everything, and
//! waits in poll(2) for saves and keys; another one hears of saves.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::bless::Blessing;
use super::ends;
use super::flags::Cli;
use super::keys::{self, KeyMode};
use super::plan::{self, Plan};
use super::run::LiveRun;
use super::subjects;
use super::traces::TraceView;
use super::trials::{self, TrialDone, TrialOptions};
use crate::base::error::{Error, Exit};
use crate::base::escape;
use crate::base::rights;
use crate::base::tell::{self, StandardStream};
use crate::base::terminal::TerminalMode;
use crate::child::scenario::Scenario;
use crate::judge::expectation::EMBEDDED;
use crate::session::{KeptZygote, Options, Prepared, Session};
use crate::watch::tracer::{self, compiler};

mod files; // which files, and their saves
mod build; // clang and cargo
mod news; // what has changed since the last run
mod actions; // what keys do besides running again

use files::{SaveEvents, Saved, SavedKind, WatchedFiles};
use news::{LastRun, RerunTimes};

/// The last run of the program before, in the environment of the one that was built meanwhile.
const LAST_RUN: &str = "IOR_IT_LAST_RUN";

const KEYS: &str = "keys: f runs only what is red, a all, r again, b blesses, e explains, p pauses, q ends";

/// What the reruns share.
struct Reruns {
    cli: Cli,
    scenarios: Vec<Scenario>,
    zygote: KeptZygote,
    plan: Arc<Plan>,
    /// `None` while the object is wanting.
    session: Option<Arc<Session>>,
    /// What was compiled of bpf/.
    compiled: Option<Arc<[u8]>>,
    objects: build::CompiledObjects,
    files: WatchedFiles,
    saves: SaveEvents,
    keys: Option<KeyMode>,
    last: LastRun,
    only_red: bool,
    exit: Exit,
    interrupted: Arc<AtomicBool>,
    /// Whether tables were saved that have not been read yet.
    has_new_tables: bool,
    /// The program that was built of the saved sources.
    built: Option<PathBuf>,
}

/// What has ended a wait.
enum Wake {
    Saved(Vec<Saved>),
    Key(u8),
    /// The terminal is gone.
    NoKeys,
}

/// Runs what is selected, and again whenever something is saved, until a key or a signal ends it.
pub fn run(cli: Cli, scenarios: Vec<Scenario>, args: &[OsString]) -> Result<Exit, Error> {
    rights::refuse("--watch")?;
    let mut reruns = Reruns::prepare(cli, scenarios)?;
    let exit = reruns.serve()?;
    let Some(program) = reruns.built.take() else { return Ok(exit) };
    let last = serde_json::to_string(&reruns.last).unwrap_or_default();
    // The zygote ends, and the terminal is as before.
    drop(reruns);
    let error = Command::new(&program).args(args.iter().skip(1)).env(LAST_RUN, last).exec();
    let sentence = format!("{} cannot be executed: {error}", escape::path(&program));
    Err(Error::usage(sentence, "`make build` builds it by hand").because(error))
}

/// The file of this program. The zygote knows the commands of scenarios of one's own from its beginning: other ones are for a new one.
fn this_program() -> Result<PathBuf, Error> {
    std::env::current_exe().map_err(|error| {
        Error::usage(format!("this program's file is unknown: {error}"), "press q, and call it again").because(error)
    })
}

/// What the program before has left, if it was another build of this one.
fn last_run() -> LastRun {
    let text = std::env::var(LAST_RUN).ok();
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

/// The files that the plan is made of.
fn watched(cli: &Cli, plan: &Plan) -> WatchedFiles {
    let mut files = WatchedFiles::default();
    cli.tests.iter().for_each(|path| files.add_file(path, SavedKind::Tables));
    plan.subjects.iter().flat_map(|slot| slot.files()).for_each(|path| files.add_file(&path, SavedKind::Tables));
    match &cli.bpf {
        Some(path) => files.add_file(path, SavedKind::Object),
        None if compiler::has_sources() => files.add_sources(Path::new("bpf"), SavedKind::Sources),
        None => {}
    }
    if build::has_program() {
        files.add_sources(Path::new("src"), SavedKind::Program);
    }
    files
}

/// After a signal the zygote kills the children and removes the workspaces, and the terminal is as before.
fn end_on_signals(zygote: &KeptZygote, interrupted: &Arc<AtomicBool>) -> Result<(), Error> {
    // The signals' thread lives as long as the process, and must not keep the zygote.
    let zygote = Arc::downgrade(&zygote.zygote());
    ends::on_signals(interrupted, move || {
        zygote.upgrade().iter().for_each(|zygote| zygote.interrupt());
        keys::restore();
        tell::last_words("\ninterrupted: the children are killed, the workspaces removed");
        std::process::exit(Exit::Interrupted as i32);
    })
}

impl Reruns {
    /// Makes everything that all runs share: the zygote first, before there is a second thread.
    fn prepare(mut cli: Cli, scenarios: Vec<Scenario>) -> Result<Self, Error> {
        if cli.tests.is_none() && Path::new(EMBEDDED).is_file() {
            cli.tests = Some(EMBEDDED.into());
        }
        let mut plan = plan::validated(&cli, &scenarios, None)?;
        let files = watched(&cli, &plan);
        if files.is_empty() {
            let hint = "call it in a checkout of ior-it, or with --tests FILE, --bpf FILE or --subject FILE";
            return Err(Error::usage("there is no file here for --watch to wait for", hint));
        }
        tracer::check_machine()?;
        let terminal = TerminalMode::of_stdin().map(Arc::new);
        plan.session.terminal.clone_from(&terminal);
        let all: Vec<Scenario> = scenarios.iter().chain(&plan.own).copied().collect();
        let zygote = Prepared::new(all, plan.session.clone())?.kept();
        subjects::ready(&mut plan.subjects, zygote.workspaces())?;
        let interrupted = Arc::default();
        end_on_signals(&zygote, &interrupted)?;
        Ok(Self {
            cli,
            scenarios,
            zygote,
            plan: Arc::new(plan),
            session: None,
            compiled: None,
            objects: build::CompiledObjects::default(),
            saves: SaveEvents::of(&files)?,
            files,
            keys: terminal.map(KeyMode::begin),
            last: last_run(),
            only_red: false,
            exit: Exit::NothingRan,
            interrupted,
            has_new_tables: false,
            built: None,
        })
    }

    /// Serves until a key ends it, or until there is a new program.
    fn serve(&mut self) -> Result<Exit, Error> {
        self.say_or_go_on(|all| all.saved(&[], Instant::now()));
        while self.built.is_none() {
            match self.wait()? {
                Wake::Saved(saved) => {
                    let Some(first) = saved.iter().map(|saved| saved.at).min() else { continue };
                    self.say_or_go_on(|all| all.saved(&saved, first));
                }
                Wake::Key(b'q') => return Ok(self.exit),
                Wake::Key(key) => self.say_or_go_on(|all| all.key(key)),
                Wake::NoKeys => self.keys = None,
            }
        }
        Ok(self.exit)
    }

    /// An error here is for the next save to end.
    fn say_or_go_on(&mut self, act: impl FnOnce(&mut Self) -> Result<(), Error>) {
        if let Err(error) = act(self) {
            StandardStream::Error.line(&error.to_string());
            self.exit = error.exit;
        }
        // What is called next says more.
        if self.built.is_some() || self.is_called() {
            return;
        }
        // The commands are told where they can be given.
        if self.keys.is_some() {
            StandardStream::Out.line(KEYS);
        } else {
            StandardStream::Out.line("waiting for a save");
        }
    }

    /// Waits for a save or a key.
    fn wait(&self) -> Result<Wake, Error> {
        let stdin = rustix::stdio::stdin();
        let mut polled = vec![PollFd::new(self.saves.ready(), PollFlags::POLLIN)];
        polled.extend(self.keys.iter().map(|_| PollFd::new(stdin, PollFlags::POLLIN)));
        loop {
            match poll(&mut polled, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(Error::usage(format!("poll: {errno}"), "see `ulimit -n`")),
            }
            if polled[0].any() == Some(true) {
                return Ok(Wake::Saved(self.saves.take()));
            }
            if let (Some(keys), Some(true)) = (&self.keys, polled.get(1).and_then(PollFd::any)) {
                return Ok(keys.next().map_or(Wake::NoKeys, Wake::Key));
            }
        }
    }

    /// Whether something waits that ends the present run: what it says is old by then.
    fn is_called(&self) -> bool {
        self.saves.are_some() || self.keys.as_ref().is_some_and(KeyMode::is_pressed)
    }

    fn key(&mut self, key: u8) -> Result<(), Error> {
        let now = Instant::now();
        match key {
            b'f' | b'a' => self.only_red = key == b'f',
            b'b' => return self.bless(),
            b'e' => return self.explain(),
            b'p' => return self.pause(),
            // Any other key has at most cut a run short.
            _ => {}
        }
        self.saved(&[], now)
    }

    /// Takes in what was saved, and runs what is selected.
    fn saved(&mut self, saved: &[Saved], since: Instant) -> Result<(), Error> {
        let names: BTreeSet<String> = saved.iter().map(|saved| escape::path(&saved.path)).collect();
        let changes: BTreeSet<SavedKind> = saved.iter().map(|saved| saved.change).collect();
        if !names.is_empty() {
            let names: Vec<String> = names.into_iter().collect();
            StandardStream::Out.line(&format!("\n{}: saved", names.join(", ")));
        }
        // What an error leaves undone, the next save does.
        self.has_new_tables |= changes.contains(&SavedKind::Tables);
        if changes.contains(&SavedKind::Sources) {
            self.compiled = None;
        }
        if changes.contains(&SavedKind::Object) {
            self.session = None;
        }
        if changes.contains(&SavedKind::Program) {
            self.built = Some(build::program()?);
            return Ok(());
        }
        let mut times = RerunTimes::default();
        if self.files.has_sources() && self.compiled.is_none() {
            let begin = Instant::now();
            self.compiled = Some(self.objects.object()?);
            times.clang = Some(begin.elapsed());
        }
        if self.has_new_tables {
            self.read_tables()?;
        }
        if self.built.is_some() {
            return Ok(());
        }
        let begin = Instant::now();
        if self.load()? {
            times.load = Some(begin.elapsed());
        }
        self.run_selected(times, since)
    }

    fn read_tables(&mut self) -> Result<(), Error> {
        let mut plan = plan::validated(&self.cli, &self.scenarios, None)?;
        subjects::ready(&mut plan.subjects, self.zygote.workspaces())?;
        plan.session.terminal.clone_from(&self.plan.session.terminal);
        if !plan.tables.has_same_commands(&self.plan.tables) {
            self.built = Some(this_program()?);
            return Ok(());
        }
        let files = watched(&self.cli, &plan);
        if files != self.files {
            self.saves = SaveEvents::of(&files)?;
            self.files = files;
        }
        (self.plan, self.has_new_tables) = (Arc::new(plan), false);
        Ok(())
    }

    /// What the tables need, with what was compiled.
    fn options(&self) -> Options {
        let mut options = self.plan.session.clone().needing(self.plan.needs());
        options.tracer.compiled.clone_from(&self.compiled);
        options
    }

    /// Loads the object, unless the one that is loaded is right. Whether it did.
    fn load(&mut self) -> Result<bool, Error> {
        let options = self.options();
        if self.session.as_ref().is_some_and(|session| session.is_of(&options.tracer)) {
            return Ok(false);
        }
        self.session = None;
        let session = self.zygote.session(&options)?;
        ends::unless_interrupted(&self.interrupted, session.canary())?;
        self.session = Some(Arc::new(session));
        Ok(true)
    }

    /// A run of the plan.
    fn live_run(&self, bless: Option<Blessing>) -> Result<Arc<LiveRun>, Error> {
        let session = self.session.as_ref().ok_or_else(|| {
            Error::usage("no BPF object is loaded", "the error above says why: save the file that it names")
        })?;
        let plan = Arc::clone(&self.plan);
        let (session, interrupted) = (Arc::clone(session), Arc::clone(&self.interrupted));
        let view = TraceView::of(&self.cli)?;
        Ok(Arc::new(LiveRun::new(session, plan, view, bless, interrupted)?))
    }

    /// Runs these scenarios, until something ends the run.
    fn run_these(&self, run: &Arc<LiveRun>, selected: Vec<String>) -> (TrialOptions, Vec<TrialDone>) {
        let all = self.scenarios.iter().chain(&self.plan.own);
        let names: Vec<&'static str> = all.map(|scenario| scenario.name).collect();
        let tiers = self.plan.tiers && !self.only_red;
        let options = TrialOptions { selected, tiers, ..self.plan.trials() };
        let done = trials::run_quietly(&options, run.trials(&names), &|| self.is_called());
        (options, run.unless_interrupted(done))
    }

    /// Runs what is selected, or of it what is red, and prints what is new.
    fn run_selected(&mut self, mut times: RerunTimes, since: Instant) -> Result<(), Error> {
        let red: Vec<String> = if self.only_red { self.last.red() } else { Vec::new() };
        let selected = if red.is_empty() { self.plan.selected.clone() } else { red };
        let run = self.live_run(None)?;
        let begin = Instant::now();
        let (options, done) = self.run_these(&run, selected);
        (times.run, times.all) = (begin.elapsed(), since.elapsed());
        if done.iter().any(TrialDone::is_cut) {
            StandardStream::Out.line("cut short");
        }
        let news = self.last.take(&done);
        run.print_traces(Exit::Success);
        trials::report(&options, &[news.newly_red.as_slice(), &news.red_otherwise].concat())?;
        news.lines().iter().for_each(|line| StandardStream::Out.line(line));
        if done.iter().any(TrialDone::is_of_another_tier) {
            StandardStream::Out.line("the basic tier is red: the others were not run; --no-tiers runs them");
        }
        StandardStream::Out.line(&news.sum(&times));
        self.exit = if news.is_green() { Exit::Success } else { Exit::Failed };
        Ok(())
    }
}
