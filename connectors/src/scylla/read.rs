use std::collections::HashSet;

use futures::TryStreamExt as _;
use scylla::value::CqlTimestamp;
use sluice_schemas::ids::{CampaignId, ConversationId, TenantId, TraceId};
use sluice_schemas::record::SendState;
use sluice_schemas::time::Millis;
use uuid::Uuid;

use super::model::Key;
use super::session::Session;
use super::{Direction, Error, MessageRow, Result, Snapshot, Step, StepRow, View, bucket, day, latest};

/// Partitions without a row after which a listing ends: three months of silence.
const EMPTY_DAYS: i32 = 92;
const EMPTY_BUCKETS: i32 = 40;
/// Candidates that are looked up at once when a page begins in the middle.
const LOOK_UP: usize = 64;

impl Session {
    /// The newest snapshots of the tenant's conversations that changed last before `before`, newest first.
    ///
    /// The next page starts at the last one's `updated_ms`. Each conversation appears once, where its newest snapshot stands.
    pub async fn recent_conversations(&self, tenant: TenantId, before: Millis, limit: usize) -> Result<Vec<Snapshot>> {
        // A first page sees the newest of all; behind it an older snapshot of a conversation shown before could come up again.
        let first = before.0 > Millis::now().0;
        let (mut found, mut seen) = (Vec::new(), HashSet::new());
        let (mut at, mut empty) = (day(before.0.min(Millis::now().0.saturating_add(Millis::DAY))), 0);
        while found.len() < limit && empty < EMPTY_DAYS {
            let rows = self.driver.execute_iter(self.statements.by_day.clone(), (tenant.0, at, before.0)).await;
            let rows = rows.map_err(Error::statement)?.rows_stream::<(i64, Uuid, String)>().map_err(Error::statement)?;
            let mut chunks = std::pin::pin!(futures::StreamExt::chunks(rows.map_err(Error::statement), LOOK_UP));
            empty += 1;
            while let Some(chunk) = futures::StreamExt::next(&mut chunks).await {
                empty = 0;
                let fresh = chunk.into_iter().collect::<Result<Vec<_>>>()?;
                let fresh: Vec<_> = fresh.into_iter().filter(|(_, conversation, _)| seen.insert(*conversation)).collect();
                for row in Self::each(fresh, |row| self.newest(tenant, row, first)).await?.into_iter().flatten() {
                    found.push(row);
                }
                if found.len() >= limit {
                    break;
                }
            }
            at -= 1;
        }
        found.truncate(limit);
        found.iter().map(|snapshot| parse("conversations_by_day", snapshot)).collect()
    }

    /// The row, unless the conversation has changed since.
    async fn newest(&self, tenant: TenantId, row: (i64, Uuid, String), first: bool) -> Result<Option<String>> {
        let (updated_ms, conversation, snapshot) = row;
        if !first {
            let newest = self.latest((tenant, ConversationId(conversation))).await?;
            if newest.is_some_and(|(newest, _, _)| newest > updated_ms) {
                return Ok(None);
            }
        }
        Ok(Some(snapshot))
    }

    /// The newest snapshot of a conversation.
    pub async fn conversation(&self, tenant: TenantId, conversation: ConversationId) -> Result<Option<Snapshot>> {
        let newest = self.latest((tenant, conversation)).await?;
        newest.map(|(_, _, snapshot)| parse("conversation_latest", &snapshot)).transpose()
    }

    async fn latest(&self, (tenant, conversation): Key) -> Result<Option<(i64, i64, String)>> {
        let rows = self.driver.execute_unpaged(&self.statements.latest, (tenant.0, conversation.0)).await;
        let rows = rows.map_err(Error::statement)?.into_rows_result().map_err(Error::statement)?;
        rows.maybe_first_row::<(i64, i64, String)>().map_err(Error::statement)
    }

    /// The messages of a conversation before `before` (time and id of the last one shown), newest first, with their lifecycles.
    ///
    /// `since` is the conversation's first sight, where the search ends; without it, it ends after a year without a message.
    pub async fn messages(
        &self,
        tenant: TenantId,
        conversation: ConversationId,
        before: Option<(i64, String)>,
        since: Option<Millis>,
        limit: usize,
    ) -> Result<Vec<View>> {
        let (mut ts, mut id) = before.unwrap_or((Millis::now().plus(Millis::DAY).0, String::new()));
        let end = since.map_or(i32::MIN, |since| bucket(since.0) - 1);
        let (mut at, mut empty, mut found) = (bucket(ts), 0, Vec::new());
        while found.len() < limit && empty < EMPTY_BUCKETS && at >= end {
            let left = (limit - found.len()) as i32;
            let values = (tenant.0, conversation.0, at, CqlTimestamp(ts), &id, left);
            let rows = self.driver.execute_unpaged(&self.statements.messages, values).await;
            let rows = rows.map_err(Error::statement)?.into_rows_result().map_err(Error::statement)?;
            let before = found.len();
            for row in rows.rows::<MessageColumns>().map_err(Error::statement)? {
                found.push(message(row.map_err(Error::statement)?));
            }
            empty = if found.len() == before { empty + 1 } else { 0 };
            at -= 1;
            if let Some(last) = found.last() {
                (ts, id) = (last.at_ms, last.message_id.clone());
            }
        }
        Self::each(found, |message| self.view(tenant, message)).await
    }

    async fn view(&self, tenant: TenantId, message: MessageRow) -> Result<View> {
        if message.direction != Direction::Out {
            return Ok(View { message, steps: Vec::new(), latest: None });
        }
        let mut steps: Vec<Step> = self.steps(tenant, &message.message_id).await?.into_iter().map(|row| row.step).collect();
        steps.sort_by_key(Step::place);
        let latest = latest(&steps).cloned();
        Ok(View { message, steps, latest })
    }

    /// Every step of an outbound message, by send id.
    pub async fn steps(&self, tenant: TenantId, message_id: &str) -> Result<Vec<StepRow>> {
        let rows = self.driver.execute_unpaged(&self.statements.steps, (tenant.0, message_id)).await;
        let rows = rows.map_err(Error::statement)?.into_rows_result().map_err(Error::statement)?;
        rows.rows::<StepColumns>().map_err(Error::statement)?.map(|row| step(row.map_err(Error::statement)?)).collect()
    }
}

fn parse(table: &'static str, json: &str) -> Result<Snapshot> {
    serde_json::from_str(json).map_err(|error| Error::Row { table, reason: error.to_string() })
}

type MessageColumns = (CqlTimestamp, String, String, String, String, String, String, String, Uuid);

fn message(row: MessageColumns) -> MessageRow {
    let (ts, message_id, direction, kind, type_, body, account, channel, trace) = row;
    let direction = Direction::from_name(&direction);
    MessageRow { at_ms: ts.0, message_id, direction, kind, type_, body, account, channel, trace: TraceId(trace) }
}

type StepColumns = (String, CqlTimestamp, Option<i32>, Option<String>, Option<String>, String, String, Option<Uuid>, Option<String>);

fn step(row: StepColumns) -> Result<StepRow> {
    let (state, at, code, detail, wamid, account, recipient, campaign, body) = row;
    let state = SendState::from_name(&state)
        .ok_or_else(|| Error::Row { table: "message_steps", reason: format!("`{state}` is not a state; is this build too old?") })?;
    let step = Step { state, at_ms: at.0, code, detail, wamid };
    Ok(StepRow { step, account, recipient, campaign: campaign.map(CampaignId), body })
}
