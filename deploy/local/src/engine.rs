//! One engine: its place on disk and on the network, and the way from its command to its first answer.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::error::Context as _;
use crate::probe::probe;
use crate::process::{POLL, Process, run, tail};
use crate::{Engine, Error, cassandra, kafka, postgres};

/// How long an engine may take to its first answer. Cassandra needs 8 s on two idle cores.
const PATIENCE: Duration = Duration::from_mins(3);
/// How long an engine may take to stop when asked.
const FAREWELL: Duration = Duration::from_secs(30);

/// Where an engine lives.
#[derive(Debug)]
pub(crate) struct Site {
    /// Its folder, where it runs: `guard.sh` knows engines by it.
    pub(crate) home: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) port: u16,
    /// The second port that Kafka's controller and Cassandra's gossip insist on.
    pub(crate) internal_port: u16,
    pub(crate) jars: PathBuf,
    pub(crate) durable: bool,
}

impl Site {
    /// Puts the ports into a configuration file.
    pub(crate) fn fill(&self, template: &str) -> String {
        template.replace("{port}", &self.port.to_string()).replace("{internal_port}", &self.internal_port.to_string())
    }

    /// Removes what an interrupted set-up left.
    pub(crate) fn discard(&self, name: &str) -> Result<(), Error> {
        let path = self.home.join(name);
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
        .context(|| format!("remove {}", path.display()))
    }

    /// Makes a finished set-up count.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<(), Error> {
        fs::rename(self.home.join(from), self.home.join(to)).context(|| format!("rename {from} in {}", self.home.display()))
    }

    /// Sends a command's output to the end of the log.
    fn log_to(&self, command: &mut Command) -> Result<(), Error> {
        let open = || -> io::Result<(File, File)> {
            let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
            Ok((log.try_clone()?, log))
        };
        let (out, err) = open().context(|| format!("open {}", self.log.display()))?;
        command.stdout(out).stderr(err);
        Ok(())
    }

    fn ended(&self, engine: Engine, status: impl ToString) -> Error {
        Error::Exited { engine, status: status.to_string(), log: self.log.clone(), tail: tail(&self.log) }
    }
}

/// Runs a step of an engine's set-up to its end.
pub(crate) fn run_step(engine: Engine, site: &Site, mut command: Command) -> Result<(), Error> {
    site.log_to(&mut command)?;
    let status = run(command).context(|| format!("start the set-up of {engine}"))?;
    if status.success() { Ok(()) } else { Err(site.ended(engine, status)) }
}

/// Sets the engine up if need be, starts it and waits for its first answer.
pub(crate) fn start(engine: Engine, site: &Site) -> Result<Process, Error> {
    let mut command = match engine {
        Engine::Kafka => kafka::command(site, &site.jars),
        Engine::Cassandra => cassandra::command(site, &site.jars),
        Engine::Postgres => postgres::command(site, site.durable),
    }?;
    site.log_to(&mut command)?;
    let mut process = Process::spawn(command).context(|| format!("start {engine}"))?;
    let ready = wait_until_ready(engine, site, &mut process);
    if ready.is_err() {
        let _ = process.kill();
    }
    ready.map(|()| process)
}

fn wait_until_ready(engine: Engine, site: &Site, process: &mut Process) -> Result<(), Error> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(error) = died(engine, site, process) {
            return Err(error);
        }
        match probe(engine, site.port) {
            Ok(()) => return Ok(()),
            Err(cause) if Instant::now() > deadline => {
                let seconds = PATIENCE.as_secs();
                let (log, tail) = (site.log.clone(), tail(&site.log));
                return Err(Error::TimedOut { engine, port: site.port, seconds, cause, log, tail });
            }
            Err(_) => thread::sleep(POLL),
        }
    }
}

/// The error to report if the process has ended by itself.
pub(crate) fn died(engine: Engine, site: &Site, process: &mut Process) -> Option<Error> {
    match process.exited() {
        Ok(None) => None,
        Ok(Some(status)) => Some(site.ended(engine, status)),
        Err(error) => Some(site.ended(engine, error)),
    }
}

/// Asks the engine to end in its own way.
pub(crate) fn stop(engine: Engine, process: &mut Process) -> Result<(), Error> {
    // SIGTERM makes Postgres wait for its clients; SIGINT ends their sessions and still writes a checkpoint.
    let request = if engine == Engine::Postgres { Signal::INT } else { Signal::TERM };
    process.stop(request, FAREWELL).context(|| format!("stop {engine}"))
}
