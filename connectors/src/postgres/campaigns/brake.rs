//! Campaigns that mostly fail pause by themselves: a wrong list or a broken template costs a few messages, not a number's quality.

use jiff::Timestamp;
use sluice_schemas::ids::{CampaignId, TenantId};
use sluice_schemas::meta::codes;

use super::control::{Action, apply};
use crate::postgres::{Pool, Result, Transaction};

/// Percent of failures above which a campaign pauses, where nobody said another share.
pub const FAILURE_LIMIT: i32 = 20;
/// Outcomes before which no share is judged: the first few say nothing.
pub const JUDGED_FROM: i64 = 50;

/// Outcomes: messages that Meta took, and those that failed.
const OUTCOMES: &str = "('failed', 'accepted', 'sent', 'delivered', 'read', 'played')";

/// A campaign that failed too often since it was last started or resumed.
struct Failing {
    tenant: TenantId,
    id: CampaignId,
    limit: i32,
    failed: i64,
    settled: i64,
    /// The most frequent error code.
    code: i32,
}

impl Failing {
    fn reason(&self) -> String {
        let percent = self.failed * 100 / self.settled.max(1);
        let meaning = codes::explained(Some(self.code)).0.map_or_else(String::new, |meaning| format!(" ({meaning})"));
        format!(
            "by itself: {} of the last {} messages failed ({percent} %, the limit is {} %), most often with code {}{meaning}",
            self.failed, self.settled, self.limit, self.code
        )
    }
}

/// What became of messages so far does not count against a campaign that begins or goes on now.
pub(super) async fn begin(transaction: &Transaction, tenant: TenantId, id: CampaignId) -> Result<()> {
    let sql = format!(
        "update campaigns c set failed_before = f.failed, settled_before = f.settled
         from (select coalesce(sum(n) filter (where state = 'failed'), 0)::bigint failed,
                      coalesce(sum(n) filter (where state in {OUTCOMES}), 0)::bigint settled
               from campaign_counters where tenant_id = $1 and campaign_id = $2) f
         where c.tenant_id = $1 and c.id = $2"
    );
    transaction.execute(&sql, &[&tenant.0, &id.0]).await?;
    Ok(())
}

/// Pauses the running campaigns whose failures are above their limit; gives those it paused.
pub async fn brake(pool: &Pool, now: Timestamp) -> Result<Vec<(TenantId, CampaignId)>> {
    let transaction = pool.worker().await?;
    let failing = failing(&transaction).await?;
    for campaign in &failing {
        apply(&transaction, campaign.tenant, campaign.id, &Action::Pause(campaign.reason()), now).await?;
    }
    transaction.commit().await?;
    Ok(failing.iter().map(|campaign| (campaign.tenant, campaign.id)).collect())
}

async fn failing(transaction: &Transaction) -> Result<Vec<Failing>> {
    let sql = format!(
        "select c.tenant_id, c.id, c.failure_limit, f.failed - c.failed_before, f.settled - c.settled_before, coalesce(f.code, 0)
         from campaigns c cross join lateral (
            select coalesce(sum(n) filter (where state = 'failed'), 0)::bigint failed,
                   coalesce(sum(n) filter (where state in {OUTCOMES}), 0)::bigint settled,
                   (select k.code from campaign_counters k where k.tenant_id = c.tenant_id and k.campaign_id = c.id and k.state = 'failed'
                    group by k.code order by sum(k.n) desc, k.code limit 1) code
            from campaign_counters n where n.tenant_id = c.tenant_id and n.campaign_id = c.id) f
         where c.state = 'running' and c.failure_limit > 0 and f.settled - c.settled_before >= $1
           and (f.failed - c.failed_before) * 100 > c.failure_limit * (f.settled - c.settled_before)
         for update of c skip locked"
    );
    let row = |row: &tokio_postgres::Row| {
        Ok(Failing {
            tenant: TenantId(row.try_get(0)?),
            id: CampaignId(row.try_get(1)?),
            limit: row.try_get(2)?,
            failed: row.try_get(3)?,
            settled: row.try_get(4)?,
            code: row.try_get(5)?,
        })
    };
    transaction.query(&sql, &[&JUDGED_FROM]).await?.iter().map(row).collect()
}
