use std::fmt::Write as _;
use std::io::Read;

use bytes::Bytes;
use futures::SinkExt as _;
use sluice_schemas::ids::CampaignId;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::import::{Line, Lines};
use super::{Campaign, Import, Mapping, Refusal, get};
use crate::postgres::{Error, Pool, Result, Transaction, numbers};
use sluice_schemas::ids::TenantId;
use sluice_schemas::window::Window;

/// Refusals kept with a campaign; further ones are only counted.
const KEPT_REFUSALS: usize = 10_000;
const CHUNK: usize = 256 * 1024;

/// A campaign to be made.
#[derive(Debug, Clone)]
pub struct New {
    /// Name for people.
    pub name: String,
    /// Channel of the number.
    pub channel: String,
    /// Number it sends from.
    pub account: String,
    /// Template name.
    pub template_name: String,
    /// Template language.
    pub template_language: String,
    /// Which column fills which placeholder.
    pub mapping: Mapping,
    /// Messages per second; 0 for no limit of its own.
    pub throttle: i32,
    /// Percent of failures above which it pauses by itself; 0 for never.
    pub failure_limit: i32,
    /// Hours of the recipient's day in which it sends.
    pub window: Option<Window>,
    /// Who makes it.
    pub created_by: String,
}

/// What became of the file.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Created {
    /// The draft.
    pub campaign: Campaign,
    /// The first refused lines.
    pub refusals: Vec<Refusal>,
}

/// Makes a draft with its audience, in one transaction: there is never half an audience.
///
/// `audience` is read on a blocking thread and never held in memory as a whole; only the set of recipients is, to merge duplicates.
pub async fn create<R: Read + Send + 'static>(pool: &Pool, tenant: TenantId, new: &New, import: &Import, audience: R) -> Result<Created> {
    if let Some(fault) = new.mapping.fault() {
        return Err(Error::invalid("variables", fault));
    }
    let transaction = pool.tenant(tenant).await?;
    let number = numbers::get(&transaction, &new.channel, &new.account).await?;
    check_template(&transaction, new, number.waba_id.as_deref()).await?;
    let id = CampaignId(Uuid::now_v7());
    insert(&transaction, id, new).await?;
    let summary = load(&transaction, id, number.home, new, import, audience).await?;
    finish(&transaction, id, number.home, &summary).await?;
    let campaign = get(&transaction, id).await?;
    transaction.commit().await?;
    Ok(Created { campaign, refusals: summary.refusals })
}

async fn check_template(transaction: &Transaction, new: &New, waba: Option<&str>) -> Result<()> {
    let sql = "select status, components from templates
               where tenant_id = $1 and name = $2 and language = $3 and ($4::text is null or waba_id = $4) limit 1";
    let tenant = transaction.tenant()?;
    let row = transaction.query_opt(sql, &[&tenant.0, &new.template_name, &new.template_language, &waba]).await?;
    let name = format!("{} ({})", new.template_name, new.template_language);
    let row = row.ok_or_else(|| Error::not_found("template", &name))?;
    let status: String = row.try_get(0)?;
    if status != "APPROVED" {
        return Err(Error::invalid("template", format!("{name} is {status}; only an APPROVED template can be sent")));
    }
    let components: serde_json::Value = row.try_get(1)?;
    let wanted = placeholders(&components);
    let given = new.mapping.body.len();
    if wanted == given {
        return Ok(());
    }
    Err(Error::invalid("variables.body", format!("the body of {name} has {wanted} placeholders, {given} are filled")))
}

/// Different `{{…}}` in the body.
fn placeholders(components: &serde_json::Value) -> usize {
    let components = components.as_array().map(Vec::as_slice).unwrap_or_default();
    let is_body = |component: &&serde_json::Value| component["type"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("body"));
    let text = components.iter().find(is_body).and_then(|body| body["text"].as_str()).unwrap_or_default();
    let names = text.split("{{").skip(1).filter_map(|rest| rest.split_once("}}").map(|(name, _)| name.trim()));
    names.collect::<std::collections::HashSet<_>>().len()
}

async fn insert(transaction: &Transaction, id: CampaignId, new: &New) -> Result<()> {
    let mapping = serde_json::to_value(&new.mapping).map_err(|error| Error::invalid("variables", error.to_string()))?;
    transaction
        .execute(
            "insert into campaigns (tenant_id, id, name, channel, account, template_name, template_language, variables,
                                    throttle, created_by, failure_limit, send_window)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            &[
                &transaction.tenant()?.0,
                &id.0,
                &new.name,
                &new.channel,
                &new.account,
                &new.template_name,
                &new.template_language,
                &mapping,
                &new.throttle,
                &new.created_by,
                &new.failure_limit,
                &new.window.as_ref().map(ToString::to_string),
            ],
        )
        .await?;
    Ok(())
}

#[derive(Default)]
struct Summary {
    rows: i64,
    duplicates: i64,
    refused: i64,
    refusals: Vec<Refusal>,
}

/// `COPY` refuses tables with policies, so the rows pass through a temporary table, whose `INSERT … SELECT` the policy checks.
async fn load<R: Read + Send + 'static>(
    transaction: &Transaction,
    id: CampaignId,
    home: i32,
    new: &New,
    import: &Import,
    audience: R,
) -> Result<Summary> {
    transaction.batch("create temporary table audience_import (seq bigint, recipient text, variables jsonb) on commit drop").await?;
    let (chunks, mut received) = mpsc::channel(4);
    let (import, mapping) = (import.clone(), new.mapping.clone());
    let parser = tokio::task::spawn_blocking(move || parse(Lines::new(audience, &import, &mapping)?, &chunks));
    let sink = transaction.copy_in("copy audience_import (seq, recipient, variables) from stdin").await?;
    let mut sink = std::pin::pin!(sink);
    while let Some(chunk) = received.recv().await {
        sink.send(chunk).await?;
    }
    sink.close().await?;
    let summary = parser.await.map_err(|error| Error::invalid("audience", error.to_string()))??;
    transaction
        .execute(
            "insert into audience (tenant_id, campaign_id, home, seq, recipient, variables)
             select $1, $2, $3, seq, recipient, variables from audience_import order by seq",
            &[&transaction.tenant()?.0, &id.0, &home],
        )
        .await?;
    Ok(summary)
}

fn parse<R: Read>(mut lines: Lines<R>, chunks: &mpsc::Sender<Bytes>) -> Result<Summary> {
    let mut summary = Summary::default();
    let mut text = String::new();
    while let Some(line) = lines.next()? {
        match line {
            Line::Row { recipient, variables } => {
                let variables = serde_json::Value::Object(variables).to_string();
                // Writing to a String cannot fail.
                let _ = write!(text, "{}\t", summary.rows);
                escape(&mut text, &recipient);
                text.push('\t');
                escape(&mut text, &variables);
                text.push('\n');
                summary.rows += 1;
            }
            Line::Duplicate => summary.duplicates += 1,
            Line::Refused(refusal) => {
                summary.refused += 1;
                if summary.refusals.len() < KEPT_REFUSALS {
                    summary.refusals.push(refusal);
                }
            }
        }
        if text.len() >= CHUNK && chunks.blocking_send(std::mem::take(&mut text).into()).is_err() {
            // The other side failed and tells why.
            return Ok(summary);
        }
    }
    let _ = chunks.blocking_send(text.into());
    Ok(summary)
}

/// The text format of `COPY`.
fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c => out.push(c),
        }
    }
}

/// The whole audience is pending on its home; from here on every step moves one unit.
pub(super) async fn stand(transaction: &Transaction, id: CampaignId, home: i32, rows: i64) -> Result<()> {
    let sql = "insert into campaign_counters (tenant_id, campaign_id, partition, state, n) values ($1, $2, $3, 'pending', $4)";
    transaction.execute(sql, &[&transaction.tenant()?.0, &id.0, &home, &rows]).await?;
    Ok(())
}

async fn finish(transaction: &Transaction, id: CampaignId, home: i32, summary: &Summary) -> Result<()> {
    let tenant = transaction.tenant()?;
    stand(transaction, id, home, summary.rows).await?;
    transaction
        .execute(
            "update campaigns set audience_size = $3, refused = $4, duplicates = $5 where tenant_id = $1 and id = $2",
            &[&tenant.0, &id.0, &summary.rows, &summary.refused, &summary.duplicates],
        )
        .await?;
    let lines: Vec<i64> = summary.refusals.iter().map(|refusal| refusal.line as i64).collect();
    let reasons: Vec<&str> = summary.refusals.iter().map(|refusal| refusal.reason.as_str()).collect();
    let excerpts: Vec<&str> = summary.refusals.iter().map(|refusal| refusal.excerpt.as_str()).collect();
    transaction
        .execute(
            "insert into import_refusals (tenant_id, campaign_id, line, reason, content_excerpt)
             select $1, $2, * from unnest($3::bigint[], $4::text[], $5::text[]) on conflict do nothing",
            &[&tenant.0, &id.0, &lines, &reasons, &excerpts],
        )
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_cell_ends_a_copied_row() {
        let mut out = String::new();
        escape(&mut out, "a\tb\nc\\N\r");
        assert_eq!(out, "a\\tb\\nc\\\\N\\r");
    }

    #[test]
    fn placeholders_are_counted_once() {
        let components = serde_json::json!([{"type": "HEADER", "text": "{{1}}"}, {"type": "BODY", "text": "{{1}} {{ 2 }} {{1}} {{x"}]);
        assert_eq!(placeholders(&components), 2);
    }
}
