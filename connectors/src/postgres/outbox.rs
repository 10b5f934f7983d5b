//! Records that must reach Kafka if, and only if, the change beside them was committed.
//!
//! At least once, and for each key in the order of the edits: an edit takes its row's lock before it adds its record, and one process
//! at a time publishes. A compacted topic keeps the last record of a key, so an older one must never follow a newer one, or a table
//! read from the start would be stale for good. After a crash the newest few are repeated; consumers keep the highest version.

use serde_json::{Value, json};
use sluice_schemas::ids::{CampaignId, TenantId};
use sluice_schemas::record::{Config, Control, ControlState};
use sluice_schemas::topics;

use super::{Pool, Result, Transaction};

/// A record on its way out.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// For `config`.
    Config(Config),
    /// For `campaign.control`.
    Control(Control),
}

impl Record {
    fn kind(&self) -> &'static str {
        match self {
            Self::Config(_) => "config",
            Self::Control(_) => "control",
        }
    }

    fn topic(&self) -> &'static str {
        match self {
            Self::Config(_) => topics::CONFIG,
            Self::Control(_) => topics::CAMPAIGN_CONTROL,
        }
    }

    fn tenant(&self) -> TenantId {
        match self {
            Self::Config(config) => config.tenant,
            Self::Control(control) => control.tenant,
        }
    }

    fn key(&self) -> String {
        match self {
            Self::Config(config) => topics::key(config.tenant, &format_args!("{}/{}", config.kind, config.name)),
            Self::Control(control) => topics::key(control.tenant, &control.campaign),
        }
    }

    /// The Avro types write identifiers as bytes, which JSON has none of; hence a form of its own.
    fn payload(&self) -> Value {
        match self {
            Self::Config(c) => json!({"kind": c.kind, "name": c.name, "version": c.version, "value": c.value, "at_ms": c.at_ms}),
            Self::Control(c) => json!({
                "campaign": c.campaign, "home": c.home, "account": c.account, "epoch": c.epoch, "state": c.state,
                "audience": c.audience, "throttle": c.throttle, "at_ms": c.at_ms,
            }),
        }
    }

    fn parse(tenant: TenantId, kind: &str, payload: Value) -> std::result::Result<Self, String> {
        #[derive(serde::Deserialize)]
        struct ConfigRow {
            kind: String,
            name: String,
            version: i64,
            value: Option<String>,
            at_ms: i64,
        }
        #[derive(serde::Deserialize)]
        struct ControlRow {
            campaign: CampaignId,
            home: i32,
            account: String,
            epoch: i64,
            state: ControlState,
            audience: i64,
            throttle: i32,
            at_ms: i64,
        }
        match kind {
            "config" => {
                let ConfigRow { kind, name, version, value, at_ms } = serde_json::from_value(payload).map_err(|e| e.to_string())?;
                Ok(Self::Config(Config { tenant, kind, name, version, value, at_ms }))
            }
            "control" => {
                let ControlRow { campaign, home, account, epoch, state, audience, throttle, at_ms } =
                    serde_json::from_value(payload).map_err(|e| e.to_string())?;
                Ok(Self::Control(Control { tenant, campaign, home, account, epoch, state, audience, throttle, at_ms }))
            }
            other => Err(format!("unknown record kind `{other}`")),
        }
    }
}

/// Adds a record for `partition`, in the transaction of the change that it tells.
pub(crate) async fn append(transaction: &Transaction, partition: i32, record: &Record) -> Result<()> {
    transaction
        .execute(
            "insert into outbox (tenant_id, topic, partition, key, record_kind, payload) values ($1, $2, $3, $4, $5, $6)",
            &[&record.tenant().0, &record.topic(), &partition, &record.key(), &record.kind(), &record.payload()],
        )
        .await?;
    Ok(())
}

/// A row that waits.
#[derive(Debug)]
pub struct Entry {
    /// Its place in the outbox.
    pub id: i64,
    /// Owner.
    pub tenant: TenantId,
    /// Topic, without the cluster's prefix.
    pub topic: String,
    /// Partition to write to.
    pub partition: i32,
    /// Record key.
    pub key: String,
    /// The record, or why the row does not hold one.
    pub record: std::result::Result<Record, String>,
}

/// One process publishes at a time; the others find nothing to do.
const PUBLISHER: i64 = 0x6f75_7462_6f78;

/// Rows that nobody else publishes while this is held. Dropped, they wait again.
pub struct Claim {
    transaction: Transaction,
    /// In the order they were added.
    pub entries: Vec<Entry>,
}

/// Takes up to `limit` rows that wait; none while another process holds some.
pub async fn claim(pool: &Pool, limit: i64) -> Result<Claim> {
    let transaction = pool.worker().await?;
    let free: bool = transaction.query_one("select pg_try_advisory_xact_lock($1)", &[&PUBLISHER]).await?.try_get(0)?;
    if !free {
        return Ok(Claim { transaction, entries: Vec::new() });
    }
    let rows = transaction
        .query(
            "select id, tenant_id, topic, partition, key, record_kind, payload from outbox
             where published_at is null order by id limit $1 for update skip locked",
            &[&limit],
        )
        .await?;
    let entries = rows.iter().map(entry).collect::<Result<_>>()?;
    Ok(Claim { transaction, entries })
}

impl Claim {
    /// Gives the rows back.
    pub async fn release(self) -> Result<()> {
        self.transaction.commit().await
    }

    /// Marks these as published, after Kafka has acknowledged them.
    pub async fn published(self, ids: &[i64]) -> Result<()> {
        self.transaction.execute("update outbox set published_at = now() where id = any($1)", &[&ids]).await?;
        self.transaction.commit().await
    }
}

fn entry(row: &tokio_postgres::Row) -> Result<Entry> {
    let tenant = TenantId(row.try_get(1)?);
    let kind: String = row.try_get(5)?;
    Ok(Entry {
        id: row.try_get(0)?,
        tenant,
        topic: row.try_get(2)?,
        partition: row.try_get(3)?,
        key: row.try_get(4)?,
        record: Record::parse(tenant, &kind, row.try_get(6)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_as_it_went() {
        let tenant = TenantId::from_bytes([1; 16]);
        let config = Config { tenant, kind: "number".into(), name: "1".into(), version: 7, value: Some("{\"a\":\"ü\"}".into()), at_ms: 5 };
        let control = Control {
            tenant,
            campaign: CampaignId::from_bytes([2; 16]),
            home: 3,
            account: "4".into(),
            epoch: 5,
            state: ControlState::Paused,
            audience: 6,
            throttle: 7,
            at_ms: 8,
        };
        for record in [Record::Config(Config { value: None, ..config.clone() }), Record::Config(config), Record::Control(control)] {
            assert_eq!(Record::parse(tenant, record.kind(), record.payload()), Ok(record));
        }
        assert!(Record::parse(tenant, "config", json!({"kind": 1})).is_err());
        assert!(Record::parse(tenant, "other", json!({})).is_err());
    }
}
