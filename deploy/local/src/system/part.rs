//! A process of the product, and how it is known to be ready.

use std::env;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::setup::Place;
use crate::process::{POLL, tail};
use crate::{Companion, Error, http};

/// How long a part may take to be ready. A restore on a busy machine takes the longest.
const PATIENCE: Duration = Duration::from_mins(2);
/// How long a part may take to end when asked: its work in flight, then a commit.
const FAREWELL: Duration = Duration::from_secs(30);

/// One process, running or not.
pub(super) struct Part {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
    env: Vec<(&'static str, String)>,
    /// Answers 200 once the part is ready.
    ready: String,
    log: PathBuf,
    running: Option<Companion>,
}

/// The registry for machines that have none.
pub(super) fn registry(place: &Place) -> Result<Part, Error> {
    let port = place.ports.registry;
    let arguments = ["registry", "--listen", &format!("127.0.0.1:{port}")];
    Part::new(place, "registry", &arguments, vec![configuration(place)], format!("{}/subjects", Place::url(port)))
}

/// The simulated Meta, whose book continues after a restart.
pub(super) fn meta(place: &Place) -> Result<Part, Error> {
    let (port, ingress) = (place.ports.meta, Place::url(place.ports.ingress));
    let (listen, webhook) = (format!("127.0.0.1:{port}"), format!("{ingress}/webhooks/whatsapp"));
    let book = place.dir.join("meta.jsonl").display().to_string();
    let mut arguments = vec!["simulate", "--listen", &listen, "--webhook", &webhook, "--book", &book];
    arguments.extend(place.meta.iter().map(String::as_str));
    let env = vec![
        ("SLUICE_APP_SECRET", place.secrets.app_secret.clone()),
        ("SLUICE_VERIFY_TOKEN", place.secrets.verify_token.clone()),
        ("SLUICE_META_TOKEN", place.secrets.access_token.clone()),
    ];
    Part::new(place, "meta", &arguments, env, format!("{}/healthz", Place::url(port)))
}

/// Every role in one process.
pub(super) fn sluice(place: &Place) -> Result<Part, Error> {
    let ready = format!("{}/readyz", Place::url(place.ports.metrics));
    Part::new(place, "sluice", &["run"], vec![configuration(place)], ready)
}

/// `sluice run` of another build or under another name, with metrics and health on `ops`.
pub(super) fn instance(place: &Place, program: &Path, name: &str, ops: u16, roles: &[&str]) -> Result<Part, Error> {
    let mut arguments = vec!["run"];
    arguments.extend(roles.iter().flat_map(|role| ["--role", role]));
    let env = vec![configuration(place), ("SLUICE_INSTANCE", name.to_owned()), ("SLUICE_API__OPS_LISTEN", format!("127.0.0.1:{ops}"))];
    let mut part = Part::new(place, "sluice", &arguments, env, format!("{}/readyz", Place::url(ops)))?;
    program.clone_into(&mut part.program);
    part.log = place.log(&format!("sluice-{name}"));
    Ok(part)
}

fn configuration(place: &Place) -> (&'static str, String) {
    ("SLUICE_CONFIG", place.configuration().display().to_string())
}

/// `$SLUICE_BIN`, else the `sluice` that was built beside us: tests lie one folder deeper.
pub fn binary() -> Result<PathBuf, Error> {
    if let Some(path) = env::var_os("SLUICE_BIN").filter(|path| !path.is_empty()) {
        return Ok(path.into());
    }
    let own = env::current_exe().unwrap_or_default();
    own.ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join("sluice"))
        .find(|path| path.is_file())
        .ok_or_else(|| Error::Missing { what: "the program sluice (`cargo build -p sluice`, or set SLUICE_BIN)".into() })
}

impl Part {
    fn new(place: &Place, name: &'static str, arguments: &[&str], env: Vec<(&'static str, String)>, ready: String) -> Result<Self, Error> {
        let arguments = arguments.iter().map(ToString::to_string).collect();
        Ok(Self { name, program: binary()?, arguments, env, ready, log: place.log(name), running: None })
    }

    /// Starts it and waits until it is ready.
    pub(super) fn start(&mut self) -> Result<Duration, Error> {
        self.launch(&[])?;
        self.await_ready()
    }

    /// Starts it with further variables.
    pub(super) fn launch(&mut self, env: &[(&'static str, String)]) -> Result<(), Error> {
        let env = [&self.env, env].concat();
        self.running = Some(Companion::logged(&self.program, &self.arguments, &env, &self.log)?);
        Ok(())
    }

    /// Waits until it is ready; says how long that took.
    pub(super) fn await_ready(&mut self) -> Result<Duration, Error> {
        let begun = Instant::now();
        loop {
            self.check()?;
            let cause = match http::request(&self.ready, &[], None) {
                Ok(answer) if answer.status == 200 => return Ok(begun.elapsed()),
                Ok(answer) => format!("{} {}", answer.status, answer.body.trim()),
                Err(error) => error.to_string(),
            };
            if begun.elapsed() > PATIENCE {
                self.kill()?;
                return Err(Error::NotReady {
                    name: self.name,
                    url: self.ready.clone(),
                    seconds: PATIENCE.as_secs(),
                    cause,
                    log: self.log.clone(),
                    tail: tail(&self.log),
                });
            }
            thread::sleep(POLL);
        }
    }

    /// Fails when it ended without being asked.
    pub(super) fn check(&mut self) -> Result<(), Error> {
        let Some(status) = self.running.as_mut().map_or(Ok(None), Companion::exited)? else { return Ok(()) };
        self.running = None;
        Err(Error::PartExited { name: self.name, status: status.to_string(), log: self.log.clone(), tail: tail(&self.log) })
    }

    pub(super) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    pub(super) fn stands_still(&self) -> bool {
        self.running.as_ref().is_some_and(Companion::stands_still)
    }

    pub(super) fn stop(&mut self) -> Result<(), Error> {
        self.running.take().map_or(Ok(()), |mut running| running.stop(FAREWELL))
    }

    pub(super) fn kill(&mut self) -> Result<(), Error> {
        self.running.take().map_or(Ok(()), |mut running| running.kill())
    }

    pub(super) fn pause(&mut self) -> Result<(), Error> {
        self.running.as_mut().map_or(Ok(()), Companion::pause)
    }

    pub(super) fn resume(&mut self) {
        if let Some(running) = &mut self.running {
            running.resume();
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}
