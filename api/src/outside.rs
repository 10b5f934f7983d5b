//! What lies outside: Meta's Graph API and the files of messages.

use sluice_connectors::manage::Desk;
use sluice_connectors::media::Links;
use sluice_connectors::meta::{Client, graph};
use sluice_connectors::postgres::seal::Keyring;

use crate::auth::Actor;
use crate::{Error, State};

/// What a process needs for it; one without keys has none of it.
#[derive(Clone)]
pub struct Outside {
    /// Meta.
    pub client: Client,
    /// Opens and seals access tokens.
    pub keys: Keyring,
    /// Signs and reads links to files.
    pub links: Links,
    /// What Meta presents when it verifies the address of our webhooks.
    pub verify_token: String,
}

impl State {
    /// The way out.
    pub(crate) fn outside(&self) -> Result<&Outside, Error> {
        self.outside.as_ref().ok_or_else(|| Error::Unavailable { service: "Meta", cause: "this process has no `secrets.keys`".into() })
    }

    /// Where somebody changes what Meta keeps.
    pub(crate) fn desk<'a>(&'a self, actor: &'a Actor) -> Result<Desk<'a>, Error> {
        let Outside { client, keys, .. } = self.outside()?;
        Ok(Desk { pool: &self.pool, keys, client, tenant: actor.tenant, by: &actor.name })
    }
}

impl From<graph::Error> for Error {
    fn from(error: graph::Error) -> Self {
        match error {
            // Meta's words are for whoever asked: they name what is to be changed.
            graph::Error::Refused { .. } => Self::Conflict(error.to_string()),
            error => Self::Unavailable { service: "Meta", cause: error.to_string() },
        }
    }
}
