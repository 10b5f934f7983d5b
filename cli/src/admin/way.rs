//! The way of a verb to what Meta keeps.

use anyhow::anyhow;
use sluice_connectors::manage::{self, Desk};
use sluice_connectors::meta::Client;
use sluice_connectors::postgres::Pool;
use sluice_connectors::postgres::seal::Keyring;
use sluice_schemas::ids::TenantId;

use super::{connect, tenant};
use crate::config::Config;
use crate::exit::Failure;

/// What a desk borrows.
pub struct Way {
    pool: Pool,
    keys: Keyring,
    client: Client,
    tenant: TenantId,
}

impl Way {
    /// Opens it for the tenant of this slug.
    pub async fn open(config: &Config, slug: &str) -> Result<Self, Failure> {
        let pool = connect(config).await?;
        let tenant = tenant(&pool, slug).await?;
        Ok(Self { pool, keys: config.keyring()?, client: Client::new(&config.meta)?, tenant })
    }

    /// Postgres, and whose rows are meant.
    pub fn tenant(&self) -> (&Pool, TenantId) {
        (&self.pool, self.tenant)
    }

    /// The desk at its end.
    pub fn desk<'a>(&'a self, by: &'a str) -> Desk<'a> {
        Desk { pool: &self.pool, keys: &self.keys, client: &self.client, tenant: self.tenant, by }
    }
}

/// Every fault on a line of its own.
pub fn failed(error: manage::Error) -> Failure {
    match error {
        manage::Error::Invalid(faults) => {
            let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
            Failure::data(anyhow!("{}", lines.join("\n")))
        }
        other => anyhow!("{other}").into(),
    }
}
