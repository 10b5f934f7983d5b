use std::collections::HashSet;
use std::io::Read;

use sluice_schemas::ids::{CampaignId, TenantId};
use sluice_schemas::window::Window;
use uuid::Uuid;

use super::{Campaign, Import, Mapping, Refusal, get};
use crate::postgres::upload::{Columns, Of, Summary, load};
use crate::postgres::{Error, Pool, Result, Transaction, contacts, numbers};

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

/// Makes a draft with its audience from a file, in one transaction: there is never half an audience.
pub async fn create<R: Read + Send + 'static>(pool: &Pool, tenant: TenantId, new: &New, import: &Import, audience: R) -> Result<Created> {
    let (transaction, id, home) = begin(pool, tenant, new).await?;
    let summary = load(&transaction, audience, import, columns(&new.mapping)).await?;
    let sql = "insert into audience (tenant_id, campaign_id, home, seq, recipient, variables)
               select $1, $2, $3, seq, recipient, variables from uploaded order by seq";
    transaction.execute(sql, &[&tenant.0, &id.0, &home]).await?;
    end(transaction, id, home, summary).await
}

/// Makes a draft whose audience are the contacts that belong to a segment now. Who lacks what the template needs is suppressed when
/// it is sent.
pub async fn create_from_segment(pool: &Pool, tenant: TenantId, new: &New, segment: &str) -> Result<Created> {
    let (transaction, id, home) = begin(pool, tenant, new).await?;
    let (text, which) = contacts::segment(&transaction, segment).await?;
    let columns: Vec<String> = new.mapping.columns().map(str::to_owned).collect();
    let rows = contacts::to_audience(&transaction, &which, id.0, home, &columns).await?;
    if rows == 0 {
        return Err(Error::invalid("segment", format!("nobody belongs to `{segment}` ({text})")));
    }
    let sql = "update campaigns set segment = $3 where tenant_id = $1 and id = $2";
    transaction.execute(sql, &[&tenant.0, &id.0, &format!("{segment}: {text}")]).await?;
    end(transaction, id, home, Summary { rows, ..Summary::default() }).await
}

/// The draft without its audience, and its home.
async fn begin(pool: &Pool, tenant: TenantId, new: &New) -> Result<(Transaction, CampaignId, i32)> {
    if let Some(fault) = new.mapping.fault() {
        return Err(Error::invalid("variables", fault));
    }
    let transaction = pool.tenant(tenant).await?;
    let number = numbers::get(&transaction, &new.channel, &new.account).await?;
    check_template(&transaction, new, number.waba_id.as_deref()).await?;
    let id = CampaignId(Uuid::now_v7());
    insert(&transaction, id, new).await?;
    Ok((transaction, id, number.home))
}

async fn end(transaction: Transaction, id: CampaignId, home: i32, summary: Summary) -> Result<Created> {
    finish(&transaction, id, home, &summary).await?;
    let campaign = get(&transaction, id).await?;
    transaction.commit().await?;
    Ok(Created { campaign, refusals: summary.refusals })
}

/// The columns that the mapping names.
fn columns(mapping: &Mapping) -> Columns {
    let required: HashSet<&str> = mapping.required().collect();
    let mut names: Vec<&str> = mapping.columns().collect();
    names.sort_unstable();
    names.dedup();
    Columns::Named(names.into_iter().map(|name| (name.to_owned(), required.contains(name))).collect())
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

/// The whole audience is pending on its home; from here on every step moves one unit.
pub(super) async fn finish(transaction: &Transaction, id: CampaignId, home: i32, summary: &Summary) -> Result<()> {
    let tenant = transaction.tenant()?;
    let sql = "insert into campaign_counters (tenant_id, campaign_id, partition, state, n) values ($1, $2, $3, 'pending', $4)";
    transaction.execute(sql, &[&tenant.0, &id.0, &home, &summary.rows]).await?;
    let sql = "update campaigns set audience_size = $3, refused = $4, duplicates = $5 where tenant_id = $1 and id = $2";
    transaction.execute(sql, &[&tenant.0, &id.0, &summary.rows, &summary.refused, &summary.duplicates]).await?;
    Of::Campaign(id.0).refuse(transaction, summary).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_counted_once() {
        let components = serde_json::json!([{"type": "HEADER", "text": "{{1}}"}, {"type": "BODY", "text": "{{1}} {{ 2 }} {{1}} {{x"}]);
        assert_eq!(placeholders(&components), 2);
    }
}
