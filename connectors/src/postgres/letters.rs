//! What people decided on dead letters and unrouted updates, and the lock of those who are at it.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::Value;
use sluice_schemas::ids::TenantId;

use super::{Result, Transaction};

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Decision {
    /// `redriven` or `dropped`.
    pub decision: String,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
}

/// A record decided on: owner, partition, offset.
pub type Subject = (TenantId, i32, i64);

/// Who decides what, and why.
#[derive(Debug, Clone, Copy)]
pub struct Act<'a> {
    /// `redriven` or `dropped`.
    pub decision: &'a str,
    /// Who.
    pub actor: &'a str,
    /// Why; may be empty for a redrive.
    pub reason: &'a str,
}

/// The decisions on these records of `topic`, as far as the transaction may see them.
pub async fn decided(transaction: &Transaction, topic: &str, places: &[(i32, i64)]) -> Result<HashMap<(i32, i64), Decision>> {
    let (partitions, offsets): (Vec<i32>, Vec<i64>) = places.iter().copied().unzip();
    let sql = "select d.partition, d.\"offset\", d.decision, d.at, d.actor, d.reason
               from unnest($2::int[], $3::bigint[]) as w (p, o)
               join letter_decisions d on d.topic = $1 and d.partition = w.p and d.\"offset\" = w.o and d.generation = 0";
    transaction
        .query(sql, &[&topic, &partitions, &offsets])
        .await?
        .iter()
        .map(|row| {
            let decision = Decision { decision: row.try_get(2)?, at: row.try_get(3)?, actor: row.try_get(4)?, reason: row.try_get(5)? };
            Ok(((row.try_get(0)?, row.try_get(1)?), decision))
        })
        .collect()
}

/// Notes a decision on each; a later one on the same record replaces it.
pub async fn decide(transaction: &Transaction, topic: &str, act: Act<'_>, subjects: &[Subject]) -> Result<()> {
    let tenants: Vec<uuid::Uuid> = subjects.iter().map(|(tenant, ..)| tenant.0).collect();
    let partitions: Vec<i32> = subjects.iter().map(|(_, partition, _)| *partition).collect();
    let offsets: Vec<i64> = subjects.iter().map(|(.., offset)| *offset).collect();
    let sql = "insert into letter_decisions (tenant_id, topic, partition, \"offset\", decision, actor, reason)
               select t, $1, p, o, $5, $6, $7 from unnest($2::uuid[], $3::int[], $4::bigint[]) as w (t, p, o)
               on conflict (tenant_id, topic, partition, \"offset\", generation)
               do update set decision = excluded.decision, at = excluded.at, actor = excluded.actor, reason = excluded.reason";
    transaction.execute(sql, &[&topic, &tenants, &partitions, &offsets, &act.decision, &act.actor, &act.reason]).await?;
    Ok(())
}

/// Writes to a tenant's audit log from a transaction that may cross tenants. Records of nobody leave no entry there.
pub async fn audit(transaction: &Transaction, tenant: TenantId, actor: &str, action: &str, subject: &str, detail: &Value) -> Result<()> {
    if tenant == TenantId::UNKNOWN {
        return Ok(());
    }
    let sql = "insert into audit_log (tenant_id, actor, action, subject, detail) values ($1, $2, $3, $4, $5)";
    transaction.execute(sql, &[&tenant.0, &actor, &action, &subject, detail]).await?;
    Ok(())
}

/// Base of the locks' numbers.
const LOCK: i64 = 0x6c65_7474_6572;

/// Takes the lock of a tenant's redrives, or of all tenants', until the transaction ends; false when another one is at it.
pub async fn lock(transaction: &Transaction, tenant: Option<TenantId>) -> Result<bool> {
    let sql = match tenant {
        Some(_) => "select pg_try_advisory_xact_lock_shared($1) and pg_try_advisory_xact_lock($2)",
        None => "select pg_try_advisory_xact_lock($1) and $2::bigint = $2",
    };
    let own = tenant.map_or(0, |tenant| (tenant.0.as_u128() as i64) ^ LOCK);
    Ok(transaction.query_one(sql, &[&LOCK, &own]).await?.try_get(0)?)
}
