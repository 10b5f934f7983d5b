use serde_json::Value;
use sluice_schemas::ids::CampaignId;
use uuid::Uuid;

use super::create::finish;
use super::{Campaign, get};
use crate::postgres::upload::Summary;
use crate::postgres::{Error, Result, Transaction, numbers};

/// A campaign of what failed in another, while its rows are gathered.
pub struct Retry {
    origin: CampaignId,
    id: CampaignId,
    home: i32,
}

impl Retry {
    /// A draft like `origin`, without rows. Refused before the origin is over: what is under way may still fail.
    pub async fn begin(transaction: &Transaction, origin: CampaignId, name: Option<&str>, by: &str) -> Result<Self> {
        let campaign = get(transaction, origin).await?;
        if !["completed", "cancelled"].contains(&campaign.state.as_str()) {
            return Err(Error::State { what: "the campaign", state: campaign.state, action: "retry it before it is over" });
        }
        let home = numbers::get(transaction, &campaign.channel, &campaign.account).await?.home;
        let id = CampaignId(Uuid::now_v7());
        let name = name.map_or_else(|| format!("{} (again)", campaign.name), str::to_owned);
        let sql = "insert into campaigns (tenant_id, id, name, channel, account, template_name, template_language, variables, throttle,
                                          created_by, failure_limit, send_window, retry_of)
                   select tenant_id, $3, $4, channel, account, template_name, template_language, variables, throttle,
                          $5, failure_limit, send_window, id
                   from campaigns where tenant_id = $1 and id = $2";
        transaction.execute(sql, &[&transaction.tenant()?.0, &origin.0, &id.0, &name, &by]).await?;
        transaction.batch("create temporary table retry_rows (seq bigint, recipient text, variables jsonb) on commit drop").await?;
        Ok(Self { origin, id, home })
    }

    /// Further rows, the first being row `from` of all that were chosen.
    pub async fn gather(&self, transaction: &Transaction, from: i64, recipients: &[&str], variables: &[Value]) -> Result<()> {
        let sql = "insert into retry_rows
                   select $1 + n - 1, recipient, variables from unnest($2::text[], $3::jsonb[]) with ordinality as t (recipient, variables, n)";
        transaction.execute(sql, &[&from, &recipients, &variables]).await?;
        Ok(())
    }

    /// Makes them its audience, less who is in an earlier retry. One that was cancelled before it ever ran has written to nobody.
    pub async fn finish(self, transaction: &Transaction) -> Result<Campaign> {
        let tenant = transaction.tenant()?;
        let sql = "insert into audience (tenant_id, campaign_id, home, seq, recipient, variables)
                   select $1, $2, $3, row_number() over (order by seq) - 1, recipient, variables from retry_rows r
                   where not exists (
                       select from audience a join campaigns c on c.tenant_id = a.tenant_id and c.id = a.campaign_id
                       where c.tenant_id = $1 and c.retry_of = $4 and a.recipient = r.recipient
                       and not (c.state = 'cancelled' and c.started_at is null))";
        let rows = transaction.execute(sql, &[&tenant.0, &self.id.0, &self.home, &self.origin.0]).await?;
        let rows = i64::try_from(rows).unwrap_or(i64::MAX);
        if rows == 0 {
            return Err(Error::invalid("failures", "none of these classes or codes failed, or an earlier retry has them all"));
        }
        finish(transaction, self.id, self.home, &Summary { rows, ..Summary::default() }).await?;
        get(transaction, self.id).await
    }
}
