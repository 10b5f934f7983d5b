//! Connections that the roles of one process share; only what the chosen roles need is opened.

use std::time::Duration;

use sluice_connectors::kafka::producer::Producer;
use sluice_connectors::{postgres, registry, scylla};
use sluice_schemas::codec::Codecs;

use crate::config::Config;
use crate::exit::Failure;

/// A record that no broker takes within this time is refused.
const PRODUCE: Duration = Duration::from_secs(10);

/// Shared connections.
pub struct Parts {
    /// Configuration.
    pub config: Config,
    /// Schemas with their registry ids.
    pub codecs: Codecs,
    /// Acknowledged producer.
    pub producer: Producer,
    /// Postgres, where a role needs it.
    pub pool: Option<postgres::Pool>,
    /// History, where a role needs it.
    pub history: Option<scylla::Session>,
}

impl Parts {
    /// Opens them. An engine that does not answer ends the start: a supervisor tries again.
    pub async fn connect(config: Config, roles: &[&str]) -> Result<Self, Failure> {
        let needs = |names: &[&str]| roles.iter().any(|role| names.contains(role));
        let codecs = registry::load(&config.registry()).await?;
        let producer = Producer::new(&config.kafka, PRODUCE)?;
        let mut pool = None;
        if needs(&["ingress", "sender", "expand", "tally", "accounts", "media", "outbox", "api"]) {
            let opened = postgres::Pool::new(&config.postgres)?;
            postgres::check_role(&opened).await?;
            pool = Some(opened);
        }
        let history = if needs(&["archive", "api"]) { Some(scylla::Session::connect(&config.cql).await?) } else { None };
        Ok(Self { config, codecs, producer, pool, history })
    }

    /// The pool of a role that [`Parts::connect`] knows to need it.
    pub fn pool(&self) -> Result<postgres::Pool, Failure> {
        self.pool.clone().ok_or_else(|| anyhow::anyhow!("this role needs Postgres").into())
    }
}
