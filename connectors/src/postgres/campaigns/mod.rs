//! Campaigns: their audience snapshot, their control, their funnel.

mod approval;
mod brake;
mod compare;
mod control;
mod create;
mod edit;
mod forecast;
mod funnel;
mod mapping;
mod passed;
mod retry;

use jiff::Timestamp;
use sluice_schemas::ids::CampaignId;

pub use super::upload::{Import, Refusal};
pub use approval::{approve, require_from};
pub use brake::{FAILURE_LIMIT, JUDGED_FROM, brake};
pub use compare::{Measure, Verdict, compare};
pub use control::{Action, complete, control, schedule, start_due};
pub use create::{Created, New, create, create_from_segment};
pub use edit::{Edit, edit};
pub use forecast::{Outlook, outlook};
pub use funnel::{Funnel, answers, funnel};
pub use mapping::{Button, Mapping, Slot};
pub use passed::{Beside, PassedOver};
use passed::{beside, passed_over};
pub use retry::Retry;

use super::upload::Of;
use super::{Error, Result, Transaction};

/// A campaign.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Campaign {
    /// Identifier.
    pub id: CampaignId,
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
    /// `draft`, `scheduled`, `running`, `paused`, `completed`, `cancelled`.
    pub state: String,
    /// Why it is paused.
    pub pause_reason: Option<String>,
    /// Raised by every control.
    pub epoch: i64,
    /// Raised by every change: whoever edits it must have seen the newest.
    pub version: i64,
    /// Messages per second; 0 for no limit of its own.
    pub throttle: i32,
    /// Percent of failures above which it pauses by itself; 0 for never.
    pub failure_limit: i32,
    /// Hours of the recipient's day in which it sends: [`sluice_schemas::window::Window`].
    pub window: Option<String>,
    /// The segment that its audience was taken from, with its expression of then.
    pub segment: Option<String>,
    /// The campaign whose failed messages it tries again.
    pub retry_of: Option<CampaignId>,
    /// Who approved it.
    pub approved_by: Option<String>,
    /// Whether it cannot start before a second person has approved it.
    pub awaits_approval: bool,
    /// Rows of the snapshot.
    pub audience: i64,
    /// Lines that were refused at import.
    pub refused: i64,
    /// Lines merged into an earlier one.
    pub duplicates: i64,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it shall start.
    pub starts_at: Option<Timestamp>,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When it was completed or cancelled.
    pub finished_at: Option<Timestamp>,
}

impl Campaign {
    /// The template command of a row whose `components` are filled (contract §6).
    pub fn template(&self, components: Vec<serde_json::Value>) -> serde_json::Value {
        let mut template = serde_json::json!({"name": self.template_name, "language": {"code": self.template_language}});
        if !components.is_empty() {
            template["components"] = components.into();
        }
        serde_json::json!({"type": "template", "template": template})
    }
}

const COLUMNS: &str = "id, name, channel, account, template_name, template_language, variables, state, pause_reason, epoch,
    throttle, audience_size, refused, duplicates, created_by, created_at, starts_at, started_at, finished_at, failure_limit, send_window,
    retry_of, approved_by,
    approved_by is null and state in ('draft', 'scheduled')
        and audience_size >= coalesce((select approve_from from tenants t where t.id = campaigns.tenant_id), 9223372036854775807),
    segment, version";

/// One campaign.
pub async fn get(transaction: &Transaction, id: CampaignId) -> Result<Campaign> {
    let sql = format!("select {COLUMNS} from campaigns where tenant_id = $1 and id = $2");
    let row = transaction.query_opt(&sql, &[&transaction.tenant()?.0, &id.0]).await?;
    campaign(&row.ok_or_else(|| Error::not_found("campaign", id))?)
}

/// Campaigns, newest first, behind `after`.
pub async fn list(transaction: &Transaction, after: Option<(Timestamp, CampaignId)>, limit: i64) -> Result<Vec<Campaign>> {
    let (at, id) = after.unwrap_or((Timestamp::MAX, CampaignId::from_bytes([0xff; 16])));
    let sql = format!(
        "select {COLUMNS} from campaigns where tenant_id = $1 and (created_at, id) < ($2, $3)
         order by created_at desc, id desc limit $4"
    );
    transaction.query(&sql, &[&transaction.tenant()?.0, &at, &id.0, &limit]).await?.iter().map(campaign).collect()
}

/// The lines that the import refused, by line, behind line `after`.
pub async fn refusals(transaction: &Transaction, id: CampaignId, after: i64, limit: i64) -> Result<Vec<Refusal>> {
    Of::Campaign(id.0).refusals(transaction, after, limit).await
}

/// A row of the audience.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipient {
    /// Row of the snapshot on its home.
    pub seq: i64,
    /// Phone digits or business-scoped user id.
    pub recipient: String,
    /// Columns by name.
    pub variables: serde_json::Map<String, serde_json::Value>,
    /// Why it shall not be sent to.
    pub suppressed: Option<String>,
}

/// Where a row of an audience is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Place {
    /// Home partition of the row.
    pub home: i32,
    /// Row of the snapshot on that home.
    pub seq: i64,
}

/// Why the row at `place` is sent to: its send id is made of this, the same for every demand that covers it.
pub fn cause(campaign: CampaignId, place: Place) -> String {
    format!("campaign/{campaign}/{}/{}", place.home, place.seq)
}

/// Rows `from` to `from + n - 1` of the audience on `home`, by row.
pub async fn audience(transaction: &Transaction, id: CampaignId, home: i32, from: i64, n: i64) -> Result<Vec<Recipient>> {
    let sql = "select seq, recipient, variables, suppressed from audience
               where tenant_id = $1 and campaign_id = $2 and home = $3 and seq >= $4 and seq < $5 order by seq";
    let until = from.saturating_add(n.max(0));
    let rows = transaction.query(sql, &[&transaction.tenant()?.0, &id.0, &home, &from, &until]).await?;
    rows.iter().map(recipient).collect()
}

/// At most `n` rows of the audience behind `after`, by home and row.
pub async fn audience_behind(transaction: &Transaction, id: CampaignId, after: Option<Place>, n: i64) -> Result<Vec<(Place, Recipient)>> {
    let sql = "select seq, recipient, variables, suppressed, home from audience
               where tenant_id = $1 and campaign_id = $2 and (home, seq) > ($3, $4) order by home, seq limit $5";
    let Place { home, seq } = after.unwrap_or(Place { home: -1, seq: -1 });
    let rows = transaction.query(sql, &[&transaction.tenant()?.0, &id.0, &home, &seq, &n]).await?;
    rows.iter()
        .map(|row| {
            let recipient = recipient(row)?;
            Ok((Place { home: row.try_get(4)?, seq: recipient.seq }, recipient))
        })
        .collect()
}

fn recipient(row: &tokio_postgres::Row) -> Result<Recipient> {
    let variables = match row.try_get(2)? {
        serde_json::Value::Object(map) => map,
        _ => serde_json::Map::new(),
    };
    Ok(Recipient { seq: row.try_get(0)?, recipient: row.try_get(1)?, variables, suppressed: row.try_get(3)? })
}

fn campaign(row: &tokio_postgres::Row) -> Result<Campaign> {
    let mapping: serde_json::Value = row.try_get(6)?;
    Ok(Campaign {
        id: CampaignId(row.try_get(0)?),
        name: row.try_get(1)?,
        channel: row.try_get(2)?,
        account: row.try_get(3)?,
        template_name: row.try_get(4)?,
        template_language: row.try_get(5)?,
        mapping: serde_json::from_value(mapping).map_err(|error| Error::invalid("variables", error.to_string()))?,
        state: row.try_get(7)?,
        pause_reason: row.try_get(8)?,
        epoch: row.try_get(9)?,
        throttle: row.try_get(10)?,
        audience: row.try_get(11)?,
        refused: row.try_get(12)?,
        duplicates: row.try_get(13)?,
        created_by: row.try_get(14)?,
        created_at: row.try_get(15)?,
        starts_at: row.try_get(16)?,
        started_at: row.try_get(17)?,
        finished_at: row.try_get(18)?,
        failure_limit: row.try_get(19)?,
        window: row.try_get(20)?,
        retry_of: row.try_get::<_, Option<uuid::Uuid>>(21)?.map(CampaignId),
        approved_by: row.try_get(22)?,
        awaits_approval: row.try_get(23)?,
        segment: row.try_get(24)?,
        version: row.try_get(25)?,
    })
}
