//! What can go wrong, each with the fix or the place to look.

use std::io;
use std::path::PathBuf;

use crate::{Engine, State};

/// A failure of the local stack.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program, user or version that the engines need is not on this machine.
    #[error("{what} is missing; run deploy/local/setup.sh")]
    Missing {
        /// What was looked for.
        what: String,
    },
    /// Somebody else listens on a fixed port.
    #[error("port {port} for {name} is in use; stop what listens there or give another port")]
    PortInUse {
        /// What was to listen.
        name: &'static str,
        /// The port.
        port: u16,
    },
    /// Another stack runs in the same folder.
    #[error("{} is in use by process {pid}; stop it or give another folder", dir.display())]
    InUse {
        /// The folder.
        dir: PathBuf,
        /// The other holder, as it wrote itself down.
        pid: String,
    },
    /// Maven did not bring an engine's jars.
    #[error("could not download {name}: {detail}")]
    Fetch {
        /// Engine and version.
        name: String,
        /// Maven's last lines.
        detail: String,
    },
    /// The engine, or one of its set-up steps, ended by itself.
    #[error("{engine} ended unexpectedly ({status}); log {}:\n{tail}", log.display())]
    Exited {
        /// The engine.
        engine: Engine,
        /// Exit status or signal.
        status: String,
        /// Its log file.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// The engine runs but does not answer.
    #[error("{engine} does not answer on port {port} after {seconds} s ({cause}); log {}:\n{tail}", log.display())]
    TimedOut {
        /// The engine.
        engine: Engine,
        /// Where it should answer.
        port: u16,
        /// How long it was given.
        seconds: u64,
        /// The last attempt's failure.
        cause: io::Error,
        /// Its log file.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// A part of the product ended by itself.
    #[error("{name} ended unexpectedly ({status}); log {}:\n{tail}", log.display())]
    PartExited {
        /// registry, meta or sluice.
        name: &'static str,
        /// Exit status or signal.
        status: String,
        /// Its log file.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// A part of the product runs but is not ready.
    #[error("{name} is not ready at {url} after {seconds} s ({cause}); log {}:\n{tail}", log.display())]
    NotReady {
        /// registry, meta or sluice.
        name: &'static str,
        /// What was asked.
        url: String,
        /// How long it was given.
        seconds: u64,
        /// The last attempt's failure.
        cause: String,
        /// Its log file.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// A verb of `sluice` failed.
    #[error("`sluice {verb}` ended with {status}:\n{detail}")]
    Verb {
        /// The verb with its arguments.
        verb: String,
        /// Exit status or signal.
        status: String,
        /// What it wrote to stderr.
        detail: String,
    },
    /// An answer that is not the expected one.
    #[error("{what}: {detail}")]
    Answer {
        /// What was asked.
        what: String,
        /// What came.
        detail: String,
    },
    /// The operation does not fit the engine's state, such as resuming one that runs.
    #[error("cannot {operation} {engine}: it is {state}")]
    WrongState {
        /// The engine.
        engine: Engine,
        /// What was asked.
        operation: &'static str,
        /// What the engine is.
        state: State,
    },
    /// The stack was started without this engine.
    #[error("{0} is not part of this stack")]
    NotSelected(Engine),
    /// A file or process operation failed.
    #[error("{what}: {source}")]
    Io {
        /// What was attempted, with its path.
        what: String,
        /// The system's answer.
        source: io::Error,
    },
}

impl Error {
    /// A stable word for the class of failure.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "missing",
            Self::PortInUse { .. } => "port_in_use",
            Self::InUse { .. } => "in_use",
            Self::Fetch { .. } => "fetch",
            Self::Exited { .. } => "exited",
            Self::TimedOut { .. } => "timed_out",
            Self::PartExited { .. } => "part_exited",
            Self::NotReady { .. } => "not_ready",
            Self::Verb { .. } => "verb",
            Self::Answer { .. } => "answer",
            Self::WrongState { .. } => "wrong_state",
            Self::NotSelected(_) => "not_selected",
            Self::Io { .. } => "io",
        }
    }
}

/// Says what was attempted when the system refuses.
pub(crate) trait Context<T> {
    /// Turns a system error into [`Error::Io`] with `what` before it.
    fn context(self, what: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|source| Error::Io { what: what(), source })
    }
}
