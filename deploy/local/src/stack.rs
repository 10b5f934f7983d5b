//! The engines together.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::engine::{self, Site};
use crate::error::Context as _;
use crate::guard::{Guard, Lock};
use crate::options::choose_port;
use crate::process::Process;
use crate::{Engine, Error, Options, fetch, postgres};

/// What an engine is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Answers requests.
    Running,
    /// Stands still with its connections open.
    Paused,
    /// Has no process.
    Stopped,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
        })
    }
}

/// An engine's process, if it has one.
#[derive(Debug, Default)]
enum Slot {
    #[default]
    Stopped,
    Running(Process),
    Paused(Process),
}

impl Slot {
    fn state(&self) -> State {
        match self {
            Self::Stopped => State::Stopped,
            Self::Running(_) => State::Running,
            Self::Paused(_) => State::Paused,
        }
    }

    fn process(&mut self) -> Option<&mut Process> {
        match self {
            Self::Stopped => None,
            Self::Running(process) | Self::Paused(process) => Some(process),
        }
    }
}

#[derive(Debug)]
struct Member {
    site: Site,
    slot: Mutex<Slot>,
}

/// Running engines in a folder. Shared by reference: every operation locks the one engine it is about.
///
/// Dropping it stops the engines, and so does the end of the process that holds it, however it ends.
#[derive(Debug)]
pub struct Stack {
    dir: PathBuf,
    temporary: bool,
    members: BTreeMap<Engine, Member>,
    // After the members: the folder is free, and a temporary one removed, when the engines have ended.
    _guard: Guard,
    _lock: Lock,
}

impl Stack {
    /// Starts the selected engines in `dir`, all at once, and returns when each has answered a real request.
    ///
    /// Data that an earlier stack left there is used again. Fails as a whole: no engine runs after an error.
    pub fn start(dir: &Path, options: &Options) -> Result<Self, Error> {
        Self::begin(dir, options, false)
    }

    /// The same in a new folder under the system's temporary one, which goes away with the stack.
    pub fn temporary(options: &Options) -> Result<Self, Error> {
        let dir = tempfile::Builder::new()
            .prefix("sluice-")
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o711))
            .tempdir()
            .context(|| "create a temporary folder".into())?;
        let stack = Self::begin(dir.path(), options, true)?;
        // The guard removes it, since no destructor runs in a process that is killed.
        let _ = dir.keep();
        Ok(stack)
    }

    fn begin(dir: &Path, options: &Options, temporary: bool) -> Result<Self, Error> {
        let dir = fs::create_dir_all(dir).and_then(|()| dir.canonicalize()).context(|| format!("create {}", dir.display()))?;
        let lock = Lock::take(&dir)?;
        let mut members = BTreeMap::new();
        for (&engine, &port) in &options.ports {
            let jars = fetch(engine, options.notice)?.unwrap_or_default();
            let site = Site {
                home: home(&dir, engine, options.notice)?,
                log: dir.join(format!("{engine}.log")),
                port: choose_port(engine.name(), port)?,
                internal_port: choose_port(engine.name(), 0)?,
                jars,
                durable: options.durable,
            };
            File::create(&site.log).context(|| format!("create {}", site.log.display()))?;
            members.insert(engine, Member { site, slot: Mutex::default() });
        }
        let homes: Vec<PathBuf> = members.values().map(|member| member.site.home.clone()).collect();
        let guard = Guard::watch(&lock, &dir, &homes, temporary)?;
        let stack = Self { dir, temporary, members, _guard: guard, _lock: lock };
        stack.start_all(options.notice)?;
        Ok(stack)
    }

    fn start_all(&self, notice: fn(&str)) -> Result<(), Error> {
        thread::scope(|scope| {
            let starts: Vec<_> = self
                .members
                .keys()
                .map(|&engine| {
                    scope.spawn(move || {
                        let took = self.start_engine(engine)?;
                        let (address, seconds) = (self.address(engine)?, took.as_secs_f64());
                        notice(&format!("{engine:<10} ready at {address} in {seconds:.1} s"));
                        Ok(())
                    })
                })
                .collect();
            starts.into_iter().try_for_each(|start| match start.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            })
        })
    }

    /// The folder with the engines' data and logs.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The engines of this stack.
    pub fn engines(&self) -> impl Iterator<Item = Engine> + '_ {
        self.members.keys().copied()
    }

    /// `host:port`, the same for the stack's whole life.
    pub fn address(&self, engine: Engine) -> Result<String, Error> {
        Ok(format!("127.0.0.1:{}", self.member(engine)?.site.port))
    }

    /// A URL for the database `sluice`, as its superuser.
    pub fn postgres_url(&self) -> Result<String, Error> {
        let address = self.address(Engine::Postgres)?;
        Ok(format!("postgres://postgres@{address}/{}", postgres::DATABASE))
    }

    /// A URL for another database, made if it is missing.
    pub(crate) fn database(&self, name: &str) -> Result<String, Error> {
        if name != postgres::DATABASE {
            postgres::create_database(self.member(Engine::Postgres)?.site.port, name)?;
        }
        Ok(format!("postgres://postgres@{}/{name}", self.address(Engine::Postgres)?))
    }

    /// The variables by which the product finds the engines: `SLUICE_KAFKA`, `SLUICE_CQL`, `SLUICE_POSTGRES`.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        let found = [
            ("SLUICE_KAFKA", self.address(Engine::Kafka)),
            ("SLUICE_CQL", self.address(Engine::Cassandra)),
            ("SLUICE_POSTGRES", self.postgres_url()),
        ];
        found.into_iter().filter_map(|(key, value)| Some((key, value.ok()?))).collect()
    }

    /// The engine's log file.
    pub fn log(&self, engine: Engine) -> Result<&Path, Error> {
        Ok(&self.member(engine)?.site.log)
    }

    /// What the engine is doing.
    pub fn state(&self, engine: Engine) -> Result<State, Error> {
        Ok(self.slot(engine)?.state())
    }

    /// The engine's main process, unless it is stopped.
    pub fn pid(&self, engine: Engine) -> Result<Option<u32>, Error> {
        Ok(self.slot(engine)?.process().map(|process| process.pid()))
    }

    /// Fails with the first engine that ended without being asked, and its log's last lines.
    pub fn check(&self) -> Result<(), Error> {
        for (&engine, member) in &self.members {
            let mut slot = lock(&member.slot);
            if let Some(error) = slot.process().and_then(|process| engine::died(engine, &member.site, process)) {
                *slot = Slot::Stopped;
                return Err(error);
            }
        }
        Ok(())
    }

    /// Starts a stopped engine and waits for its first answer; says how long it took.
    pub fn start_engine(&self, engine: Engine) -> Result<Duration, Error> {
        let mut slot = self.expect(engine, "start", State::Stopped)?;
        let begun = Instant::now();
        *slot = Slot::Running(engine::start(engine, &self.member(engine)?.site)?);
        Ok(begun.elapsed())
    }

    /// Lets the engine end in its own way. Nothing happens to one that is stopped.
    pub fn stop_engine(&self, engine: Engine) -> Result<(), Error> {
        stop(engine, &mut *self.slot(engine)?)
    }

    /// Ends every process of the engine at once, as a crash would. Nothing happens to one that is stopped.
    pub fn kill(&self, engine: Engine) -> Result<(), Error> {
        kill(engine, &mut *self.slot(engine)?)
    }

    /// Makes the engine stand still: connections stay open and nothing answers.
    pub fn pause(&self, engine: Engine) -> Result<(), Error> {
        let mut slot = self.expect(engine, "pause", State::Running)?;
        if let Some(process) = slot.process() {
            process.pause().context(|| format!("pause {engine}"))?;
        }
        if let Slot::Running(process) = mem::take(&mut *slot) {
            *slot = Slot::Paused(process);
        }
        Ok(())
    }

    /// Lets a paused engine go on.
    pub fn resume(&self, engine: Engine) -> Result<(), Error> {
        let mut slot = self.expect(engine, "resume", State::Paused)?;
        if let Slot::Paused(mut process) = mem::take(&mut *slot) {
            process.resume();
            *slot = Slot::Running(process);
        }
        Ok(())
    }

    /// Stops the engine in its own way and starts it again; says how long the start took.
    pub fn restart(&self, engine: Engine) -> Result<Duration, Error> {
        self.stop_engine(engine)?;
        self.start_engine(engine)
    }

    /// Ends all engines in their own way, at once, and reports the first failure.
    pub fn stop(self) -> Result<(), Error> {
        self.end_all(stop)
    }

    fn end_all(&self, end: fn(Engine, &mut Slot) -> Result<(), Error>) -> Result<(), Error> {
        thread::scope(|scope| {
            let ends: Vec<_> =
                self.members.iter().map(|(&engine, member)| scope.spawn(move || end(engine, &mut lock(&member.slot)))).collect();
            ends.into_iter().map(|end| end.join().unwrap_or(Ok(()))).fold(Ok(()), Result::and)
        })
    }

    fn member(&self, engine: Engine) -> Result<&Member, Error> {
        self.members.get(&engine).ok_or(Error::NotSelected(engine))
    }

    fn slot(&self, engine: Engine) -> Result<MutexGuard<'_, Slot>, Error> {
        Ok(lock(&self.member(engine)?.slot))
    }

    fn expect(&self, engine: Engine, operation: &'static str, wanted: State) -> Result<MutexGuard<'_, Slot>, Error> {
        let slot = self.slot(engine)?;
        let state = slot.state();
        if state == wanted { Ok(slot) } else { Err(Error::WrongState { engine, operation, state }) }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // Data that is thrown away needs no farewell.
        let _ = self.end_all(if self.temporary { kill } else { stop });
    }
}

/// Removes a stopped stack's folder, and the Postgres data that had to lie elsewhere.
pub fn clean(dir: &Path) -> Result<(), Error> {
    let Ok(dir) = dir.canonicalize() else { return Ok(()) };
    let _lock = Lock::take(&dir)?;
    postgres::discard_far(&dir)?;
    fs::remove_dir_all(&dir).context(|| format!("remove {}", dir.display()))
}

fn home(dir: &Path, engine: Engine, notice: fn(&str)) -> Result<PathBuf, Error> {
    if engine == Engine::Postgres {
        return postgres::home(dir, notice);
    }
    let home = dir.join(engine.name());
    fs::create_dir_all(&home).context(|| format!("create {}", home.display()))?;
    Ok(home)
}

fn stop(engine: Engine, slot: &mut Slot) -> Result<(), Error> {
    match mem::take(slot) {
        Slot::Stopped => Ok(()),
        Slot::Running(mut process) => engine::stop(engine, &mut process),
        Slot::Paused(mut process) => {
            process.resume();
            engine::stop(engine, &mut process)
        }
    }
}

fn kill(engine: Engine, slot: &mut Slot) -> Result<(), Error> {
    match mem::take(slot) {
        Slot::Stopped => Ok(()),
        Slot::Running(mut process) | Slot::Paused(mut process) => process.kill().context(|| format!("kill {engine}")),
    }
}

/// A panic in another thread leaves the slot as it was, and the engine must still be stoppable.
fn lock(slot: &Mutex<Slot>) -> MutexGuard<'_, Slot> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}
