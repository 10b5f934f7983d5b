//! What the handlers read and change, in the types that are shown.

pub mod attention;
pub mod campaigns;
pub mod commands;
pub mod contacts;
pub mod figures;
pub mod forecast;
pub mod history;
pub mod idempotency;
pub mod letters;
pub mod manage;
pub mod media;
pub mod messages;
pub mod opt_outs;
pub mod outcomes;
pub mod paging;
pub mod quotes;
pub mod rates;
pub mod replays;
pub mod travel;
pub mod trial;
pub mod upload;

use sluice_connectors::postgres;

use crate::Error;

impl From<postgres::Error> for Error {
    fn from(error: postgres::Error) -> Self {
        match error {
            postgres::Error::NotFound { what, .. } => Self::NotFound(what.to_owned()),
            postgres::Error::Changed { .. } => Self::Changed(error.to_string()),
            postgres::Error::State { .. } | postgres::Error::Exists { .. } => Self::Conflict(error.to_string()),
            postgres::Error::Invalid { ref field, ref reason } => Self::field(field, format!("`{field}`: {reason}")),
            ref outage if outage.is_outage() => Self::Unavailable { service: "postgres", cause: error.to_string() },
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        postgres::Error::from(error).into()
    }
}
