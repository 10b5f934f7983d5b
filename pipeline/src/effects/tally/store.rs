use std::collections::HashMap;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::Value;
use sluice_connectors::kafka::consumer::Delivered;
use sluice_connectors::postgres::{Pool, Transaction};
use sluice_schemas::failpoint::hit;
use sluice_schemas::record::{Message, Quote};
use uuid::Uuid;

use super::offsets::Slice;
use super::{Applied, Delta, Error};

pub(super) async fn messages(pool: &Pool, slice: &Slice, part: &[&Delivered<Message>]) -> Result<(Applied, Delta), Error> {
    let transaction = pool.worker().await?;
    let stored = slice.lock(&transaction).await?;
    let fresh: Vec<&Message> = part.iter().filter(|delivered| delivered.offset >= stored).map(|delivered| &delivered.record).collect();
    let delta = Delta::of(fresh.iter().copied());
    count(&transaction, slice.partition, &delta).await?;
    answer(&transaction, slice.partition, &delta).await?;
    attend(&transaction, &delta).await?;
    slice.advance(&transaction).await?;
    hit("tally", "before_commit");
    transaction.commit().await?;
    hit("tally", "after_commit");
    let applied = Applied { applied: fresh.len(), skipped: part.len() - fresh.len(), refused: Vec::new() };
    Ok((applied, delta))
}

async fn count(transaction: &Transaction, partition: i32, delta: &Delta) -> Result<(), Error> {
    if delta.counters.is_empty() {
        return Ok(());
    }
    let tenants: Vec<Uuid> = delta.counters.keys().map(|counter| counter.tenant.0).collect();
    let campaigns: Vec<Uuid> = delta.counters.keys().map(|counter| counter.campaign.0).collect();
    let states: Vec<&str> = delta.counters.keys().map(|counter| counter.state).collect();
    let codes: Vec<i32> = delta.counters.keys().map(|counter| counter.code).collect();
    let moves: Vec<i64> = delta.counters.values().copied().collect();
    transaction
        .execute(
            "insert into campaign_counters as c (tenant_id, campaign_id, partition, state, code, n)
             select t, i, $1, s, k, n from unnest($2::uuid[], $3::uuid[], $4::text[], $5::int[], $6::bigint[]) as m (t, i, s, k, n)
             on conflict (tenant_id, campaign_id, partition, state, code) do update set n = c.n + excluded.n",
            &[&partition, &tenants, &campaigns, &states, &codes, &moves],
        )
        .await?;
    Ok(())
}

async fn answer(transaction: &Transaction, partition: i32, delta: &Delta) -> Result<(), Error> {
    if delta.answers.is_empty() {
        return Ok(());
    }
    let tenants: Vec<Uuid> = delta.answers.keys().map(|(tenant, ..)| tenant.0).collect();
    let campaigns: Vec<Uuid> = delta.answers.keys().map(|(_, campaign, _)| campaign.0).collect();
    let answers: Vec<&str> = delta.answers.keys().map(|(.., answer)| answer.as_str()).collect();
    let counts: Vec<i64> = delta.answers.values().copied().collect();
    transaction
        .execute(
            "insert into campaign_answers as c (tenant_id, campaign_id, partition, answer, n)
             select t, i, $1, a, n from unnest($2::uuid[], $3::uuid[], $4::text[], $5::bigint[]) as m (t, i, a, n)
             on conflict (tenant_id, campaign_id, partition, answer) do update set n = c.n + excluded.n",
            &[&partition, &tenants, &campaigns, &answers, &counts],
        )
        .await?;
    Ok(())
}

async fn attend(transaction: &Transaction, delta: &Delta) -> Result<(), Error> {
    let settled: Vec<_> = delta.attention.iter().filter(|(_, attention)| attention.is_none()).map(|(key, _)| *key).collect();
    if !settled.is_empty() {
        let tenants: Vec<Uuid> = settled.iter().map(|(tenant, _)| tenant.0).collect();
        let sends: Vec<Uuid> = settled.iter().map(|(_, send)| send.0).collect();
        transaction
            .execute(
                "delete from sends_attention a using unnest($1::uuid[], $2::uuid[]) as gone (tenant, send)
                 where a.tenant_id = gone.tenant and a.send_id = gone.send",
                &[&tenants, &sends],
            )
            .await?;
    }
    let open: Vec<_> = delta.attention.iter().filter_map(|(key, attention)| Some((key, attention.as_ref()?))).collect();
    if open.is_empty() {
        return Ok(());
    }
    let tenants: Vec<Uuid> = open.iter().map(|((tenant, _), _)| tenant.0).collect();
    let sends: Vec<Uuid> = open.iter().map(|((_, send), _)| send.0).collect();
    let accounts: Vec<&str> = open.iter().map(|(_, a)| a.account.as_str()).collect();
    let recipients: Vec<&str> = open.iter().map(|(_, a)| a.recipient.as_str()).collect();
    let states: Vec<&str> = open.iter().map(|(_, a)| a.state).collect();
    let since: Vec<Timestamp> = open.iter().map(|(_, a)| at(a.since_ms)).collect();
    let campaigns: Vec<Option<Uuid>> = open.iter().map(|(_, a)| a.campaign.map(|campaign| campaign.0)).collect();
    // Postgres' text has no zero character, and one would stop the whole batch for good.
    let details: Vec<Option<String>> = open.iter().map(|(_, a)| a.detail.as_ref().map(|text| text.replace('\0', ""))).collect();
    transaction
        .execute(
            "insert into sends_attention (tenant_id, send_id, account, recipient, state, since, campaign_id, detail)
             select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::uuid[], $8::text[])
             on conflict (tenant_id, send_id) do update set
                state = excluded.state, since = excluded.since, detail = excluded.detail",
            &[&tenants, &sends, &accounts, &recipients, &states, &since, &campaigns, &details],
        )
        .await?;
    Ok(())
}

/// A moment of a record. One that no calendar holds becomes the earliest: a record is never lost for its clock.
pub(super) fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH)
}

pub(super) async fn quotes(pool: &Pool, slice: &Slice, part: &[&Delivered<Quote>]) -> Result<Applied, Error> {
    let transaction = pool.worker().await?;
    let stored = slice.lock(&transaction).await?;
    let mut applied = Applied::default();
    let mut newest: HashMap<_, (&Quote, Value)> = HashMap::new();
    for delivered in part {
        if delivered.offset < stored {
            applied.skipped += 1;
            continue;
        }
        let quote = &delivered.record;
        match check(quote) {
            Ok(detail) => {
                applied.applied += 1;
                newest.insert((quote.tenant, quote.quote), (quote, detail));
            }
            Err(reason) => applied.refused.push((delivered.partition, delivered.offset, reason)),
        }
    }
    for (quote, detail) in newest.into_values() {
        put(&transaction, quote, &detail).await?;
    }
    slice.advance(&transaction).await?;
    transaction.commit().await?;
    Ok(applied)
}

/// What Postgres would refuse is refused here, alone: in the statement it would take the whole batch with it.
fn check(quote: &Quote) -> Result<Value, String> {
    quote.total.parse::<Decimal>().map_err(|error| format!("total `{}`: {error}", quote.total))?;
    if [&quote.request, &quote.detail, &quote.status].iter().any(|text| text.contains('\0')) || quote.detail.contains("\\u0000") {
        return Err("a text holds a zero character".into());
    }
    serde_json::from_str(&quote.detail).map_err(|error| format!("detail: {error}"))
}

/// Quotes are few, so each is a statement. The guard keeps a newer row where an old record comes again in a rebuild.
async fn put(transaction: &Transaction, quote: &Quote, detail: &Value) -> Result<(), Error> {
    transaction
        .execute(
            "insert into quotes as q (tenant_id, quote_id, conversation_id, account, status, total, currency, reasons, request,
                detail, created_at, updated_at, deadline_at, decided_by, trace)
             values ($1, $2, $3, $4, $5, $6::text::numeric, $7, $8, $9, $10, $11, $12, $13, $14, $15)
             on conflict (tenant_id, quote_id) do update set
                conversation_id = excluded.conversation_id, account = excluded.account, status = excluded.status,
                total = excluded.total, currency = excluded.currency, reasons = excluded.reasons, request = excluded.request,
                detail = excluded.detail, updated_at = excluded.updated_at, deadline_at = excluded.deadline_at,
                decided_by = excluded.decided_by
             where q.updated_at <= excluded.updated_at",
            &[
                &quote.tenant.0,
                &quote.quote.0,
                &quote.conversation.0,
                &quote.account,
                &quote.status,
                &quote.total,
                &quote.currency,
                &quote.reasons,
                &quote.request,
                detail,
                &at(quote.created_ms),
                &at(quote.updated_ms),
                &at(quote.deadline_ms),
                &quote.decided_by,
                &quote.trace.0,
            ],
        )
        .await?;
    Ok(())
}
