//! What is changed at Meta by our word: templates made, edited and deleted; business accounts connected (contract §1, §9).
//!
//! Meta is asked first and our row follows in one transaction with the audit log. If that fails, the role `accounts` brings the row: Meta is
//! the truth about both.

mod connect;
mod draft;
mod templates;

use secrecy::SecretString;
use sluice_schemas::command::Fault;
use sluice_schemas::ids::TenantId;

use crate::meta::{Client, graph};
use crate::postgres::seal::Keyring;
use crate::postgres::{self, Pool, numbers};

pub use connect::{Connect, Connected, Registered};
pub use draft::{Button, Draft, Words};

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields that are wrong.
    #[error("{}", .0.first().map_or_else(String::new, Fault::to_string))]
    Invalid(Vec<Fault>),
    /// It cannot be done as things are.
    #[error("{0}")]
    Conflict(String),
    /// Meta.
    #[error(transparent)]
    Meta(#[from] graph::Error),
    /// Postgres.
    #[error(transparent)]
    Postgres(#[from] postgres::Error),
}

impl Error {
    fn field(field: &str, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![Fault::new(field, detail)])
    }
}

/// Somebody of a tenant, and the way to Meta.
pub struct Desk<'a> {
    /// Postgres.
    pub pool: &'a Pool,
    /// Opens and seals access tokens.
    pub keys: &'a Keyring,
    /// Meta.
    pub client: &'a Client,
    /// Whose.
    pub tenant: TenantId,
    /// Who, for the audit log.
    pub by: &'a str,
}

impl Desk<'_> {
    /// The business account that is meant: the only one where none is named, with a token that may speak for it.
    async fn account(&self, waba: Option<&str>) -> Result<(String, SecretString), Error> {
        let transaction = self.pool.tenant(self.tenant).await?;
        let mut own: Vec<String> = numbers::list(&transaction).await?.into_iter().filter_map(|number| number.waba_id).collect();
        transaction.commit().await?;
        own.sort();
        own.dedup();
        let waba = match (waba, own.as_slice()) {
            (Some(waba), own) if own.iter().any(|known| known == waba) => waba.to_owned(),
            (Some(waba), _) => return Err(Error::field("waba", format!("{waba} is no WhatsApp business account of this tenant"))),
            (None, [only]) => only.clone(),
            (None, []) => return Err(Error::field("waba", "is missing: this tenant has no WhatsApp number yet")),
            (None, several) => return Err(Error::field("waba", format!("says which of {} is meant", several.join(", ")))),
        };
        let token = numbers::token_of_waba(self.pool, self.keys, self.tenant, &waba).await?;
        let token = token.ok_or_else(|| Error::Conflict(format!("no active number of business account {waba} has an access token")))?;
        Ok((waba, token))
    }
}
