//! The schema registry, Confluent-compatible: our side as a client, and a small server for machines that have none.
//!
//! A subject is a record's name (`raw_event`, …), whatever topics carry it. `sluice migrate` calls [`register`]; every
//! role calls [`load`] when it starts and from then on encodes and decodes without the registry; [`learn`] looks up what a newer build
//! has registered since.

mod client;
pub mod server;

pub use client::{learn, load, register};

/// Where the registry is.
#[derive(Debug, Clone)]
pub struct Options {
    /// Base address, such as `http://registry:8081`; user and password may stand in it.
    pub url: String,
}

/// Why the registry did not give what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No answer: address, network, or the registry is down.
    #[error("the schema registry at {url} cannot be reached ({reason}): check the address and that it runs, e.g. `sluice registry`")]
    Unreachable {
        /// Its address, without user and password.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// The schema would break readers.
    #[error("schema `{subject}` is not compatible with its earlier versions: {reason}")]
    Incompatible {
        /// The record's name.
        subject: String,
        /// The registry's words; ours name the field.
        reason: String,
    },
    /// The registry does not know this build's schema.
    #[error("schema `{subject}` of this build is not registered; run `sluice migrate`")]
    Unregistered {
        /// The record's name.
        subject: String,
    },
    /// An answer that is neither success nor one of the above.
    #[error("the schema registry at {url} answered unexpectedly about `{subject}`: {reason}")]
    Answer {
        /// Its address, without user and password.
        url: String,
        /// The record's name.
        subject: String,
        /// The answer.
        reason: String,
    },
    /// A registered schema that this build cannot use.
    #[error(transparent)]
    Codec(#[from] sluice_schemas::codec::Error),
}

impl Error {
    /// Stable name for metrics and exit codes.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::Incompatible { .. } => "incompatible",
            Self::Unregistered { .. } => "unregistered",
            Self::Answer { .. } => "answer",
            Self::Codec(error) => error.kind(),
        }
    }
}
