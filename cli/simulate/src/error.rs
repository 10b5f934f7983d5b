//! Why the simulator cannot start or run.

use std::path::PathBuf;

/// A failure of the simulator itself; refusals of Graph API calls are answers and not errors.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A flag or a field of the world file is wrong.
    #[error("{key}: {problem}")]
    Configuration {
        /// The flag or field.
        key: String,
        /// What is wrong and how to put it right.
        problem: String,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The address could not be bound.
    #[error("cannot listen on {address}: {source}; choose another with --listen")]
    Listen {
        /// The address asked for.
        address: std::net::SocketAddr,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The HTTP server ended.
    #[error("the server stopped: {0}")]
    Serve(std::io::Error),
    /// The HTTP client that posts webhooks could not be built.
    #[error("the webhook client cannot be built: {0}")]
    Client(reqwest::Error),
}

impl Error {
    /// A stable word for metrics and exit codes.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Configuration { .. } => "configuration",
            Self::File { .. } => "file",
            Self::Listen { .. } => "listen",
            Self::Serve(_) => "serve",
            Self::Client(_) => "client",
        }
    }

    pub(crate) fn configuration(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Configuration { key: key.into(), problem: problem.into() }
    }
}
