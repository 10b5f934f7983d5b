use scylla::value::CqlTimestamp;
use sluice_schemas::ids::{ConversationId, TenantId};
use sluice_schemas::time::Millis;

use super::session::Session;
use super::{Error, MessageRow, Result, Snapshot, StepRow, bucket, day};

/// One row to be written. Written again, it changes nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// A message of a conversation.
    Message {
        /// Owner.
        tenant: TenantId,
        /// Conversation it belongs to.
        conversation: ConversationId,
        /// The message.
        row: MessageRow,
    },
    /// A step of an outbound message.
    Step {
        /// Owner.
        tenant: TenantId,
        /// The send id.
        message_id: String,
        /// The step.
        row: StepRow,
    },
    /// A conversation after a change.
    Snapshot {
        /// Owner.
        tenant: TenantId,
        /// The conversation.
        snapshot: Snapshot,
    },
}

impl Session {
    /// Writes the rows, a bounded number at once; returns when all are acknowledged. Rows beyond the retention are left out.
    /// Gives the number written.
    pub async fn write(&self, rows: Vec<Write>, now: Millis) -> Result<usize> {
        let written = Self::each(rows, |row| self.put(row, now)).await?;
        Ok(written.into_iter().filter(|written| *written).count())
    }

    async fn put(&self, row: Write, now: Millis) -> Result<bool> {
        match row {
            Write::Message { tenant, conversation, row } => self.put_message(tenant, conversation, row, now).await,
            Write::Step { tenant, message_id, row } => self.put_step(tenant, message_id, row, now).await,
            Write::Snapshot { tenant, snapshot } => {
                let (id, updated_ms, version) = (snapshot.conversation.0, snapshot.updated_ms, snapshot.version);
                let Some(ttl) = self.ttl(updated_ms, now) else { return Ok(false) };
                let json = serde_json::to_string(&snapshot).map_err(Error::statement)?;
                let stamp = self.stamp(updated_ms);
                let by_day = (tenant.0, day(updated_ms), updated_ms, version, id, &json, stamp, ttl);
                let latest = (tenant.0, id, updated_ms, version, &json, stamp, ttl);
                let by_day = self.driver.execute_unpaged(&self.statements.put_by_day, by_day);
                let latest = self.driver.execute_unpaged(&self.statements.put_latest, latest);
                futures::try_join!(by_day, latest).map_err(Error::statement)?;
                Ok(true)
            }
        }
    }

    async fn put_message(&self, tenant: TenantId, conversation: ConversationId, row: MessageRow, now: Millis) -> Result<bool> {
        let Some(ttl) = self.ttl(row.at_ms, now) else { return Ok(false) };
        let values = (
            tenant.0,
            conversation.0,
            bucket(row.at_ms),
            CqlTimestamp(row.at_ms),
            row.message_id,
            row.direction.name(),
            row.kind,
            row.type_,
            row.body,
            row.account,
            row.channel,
            row.trace.0,
            self.stamp(row.at_ms),
            ttl,
        );
        self.driver.execute_unpaged(&self.statements.put_message, values).await.map_err(Error::statement)?;
        Ok(true)
    }

    async fn put_step(&self, tenant: TenantId, message_id: String, row: StepRow, now: Millis) -> Result<bool> {
        let Some(ttl) = self.ttl(row.step.at_ms, now) else { return Ok(false) };
        let values = (
            tenant.0,
            message_id,
            row.step.state.name(),
            CqlTimestamp(row.step.at_ms),
            unset(row.step.code),
            unset(row.step.detail),
            unset(row.step.wamid),
            row.account,
            row.recipient,
            unset(row.campaign.map(|campaign| campaign.0)),
            unset(row.body),
            self.stamp(row.step.at_ms),
            ttl,
        );
        self.driver.execute_unpaged(&self.statements.put_step, values).await.map_err(Error::statement)?;
        Ok(true)
    }

    /// Write time of a row of this moment, microseconds.
    const fn stamp(&self, ms: i64) -> i64 {
        ms.saturating_mul(1_000).saturating_add(self.generation)
    }

    /// Seconds that a row of this moment still has, so that a rebuilt one goes when the first one would have; 0 means for good.
    fn ttl(&self, at_ms: i64, now: Millis) -> Option<i32> {
        remaining(self.retention_days, at_ms, now)
    }
}

fn remaining(retention_days: u32, at_ms: i64, now: Millis) -> Option<i32> {
    if retention_days == 0 {
        return Some(0);
    }
    let ends = at_ms.saturating_add(i64::from(retention_days) * Millis::DAY);
    let seconds = Millis(ends).since(now) / Millis::SECOND;
    // 20 years is the most that CQL takes.
    (seconds > 0).then(|| seconds.min(20 * 365 * 86_400) as i32)
}

/// Absent values are left unset: a null would be a tombstone.
fn unset<T: scylla::serialize::value::SerializeValue>(value: Option<T>) -> scylla::value::MaybeUnset<T> {
    value.map_or(scylla::value::MaybeUnset::Unset, scylla::value::MaybeUnset::Set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rebuilt_row_goes_when_the_first_would_have() {
        let now = Millis(100 * Millis::DAY);
        assert_eq!(remaining(0, 0, now), Some(0));
        assert_eq!(remaining(30, 90 * Millis::DAY, now), Some(20 * 86_400));
        assert_eq!(remaining(30, 70 * Millis::DAY, now), None);
        assert_eq!(remaining(u32::MAX, i64::MAX, now), Some(20 * 365 * 86_400));
    }
}
