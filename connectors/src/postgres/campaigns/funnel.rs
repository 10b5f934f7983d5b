use std::collections::BTreeMap;

use sluice_schemas::ids::CampaignId;
use uuid::Uuid;

use crate::postgres::{Error, Result, Transaction};

/// Where the audience stands, by state; one unit each.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Funnel {
    /// Rows of the snapshot.
    pub audience: i64,
    /// Not yet demanded by the ledger.
    pub pending: i64,
    /// By state as [`sluice_schemas::record::SendState`] names them; each recipient stands in one. Absent means none.
    pub states: BTreeMap<String, i64>,
    /// Failed by error code. Code 0 counts failures without one, less those that were delivered after all.
    pub failures: BTreeMap<i32, i64>,
    /// Recipients who answered, by the button that they pressed; nothing for words. Parts of the states, not of the sum.
    pub answers: BTreeMap<String, i64>,
}

impl Funnel {
    /// Recipients that stand in `state`.
    pub fn count(&self, state: &str) -> i64 {
        self.states.get(state).copied().unwrap_or(0)
    }

    /// Those that Meta accepted, whatever became of them then.
    pub fn accepted(&self) -> i64 {
        ["accepted", "sent", "delivered", "read", "played"].iter().map(|state| self.count(state)).sum()
    }

    /// Whether the books add up: every recipient stands somewhere, once.
    pub fn balanced(&self) -> bool {
        self.audience == self.pending + self.states.values().sum::<i64>()
    }
}

/// The funnel as of one commit.
pub async fn funnel(transaction: &Transaction, id: CampaignId) -> Result<Funnel> {
    // One statement, one snapshot: audience and counters are of the same moment.
    let rows = transaction
        .query(
            "select c.audience_size, n.state, n.code, sum(n.n)::bigint
             from campaigns c left join campaign_counters n on n.tenant_id = c.tenant_id and n.campaign_id = c.id
             where c.tenant_id = $1 and c.id = $2 group by c.audience_size, n.state, n.code",
            &[&transaction.tenant()?.0, &id.0],
        )
        .await?;
    if rows.is_empty() {
        return Err(Error::not_found("campaign", id));
    }
    let mut funnel = Funnel::default();
    for row in rows {
        funnel.audience = row.try_get(0)?;
        let (Some(state), Some(code), Some(n)) =
            (row.try_get::<_, Option<String>>(1)?, row.try_get::<_, Option<i32>>(2)?, row.try_get::<_, Option<i64>>(3)?)
        else {
            continue;
        };
        if state == "pending" {
            funnel.pending += n;
            continue;
        }
        if state == "failed" && n != 0 {
            *funnel.failures.entry(code).or_default() += n;
        }
        *funnel.states.entry(state).or_default() += n;
    }
    funnel.states.retain(|_, n| *n != 0);
    funnel.answers = answers(transaction, &[id.0]).await?.into_iter().map(|(_, answer, n)| (answer, n)).collect();
    Ok(funnel)
}

/// What recipients of these campaigns answered: campaign, button pressed or nothing for words, how many.
pub async fn answers(transaction: &Transaction, ids: &[Uuid]) -> Result<Vec<(Uuid, String, i64)>> {
    let sql = "select campaign_id, answer, sum(n)::bigint from campaign_answers where tenant_id = $1 and campaign_id = any($2)
               group by campaign_id, answer order by 3 desc, 2";
    let rows = transaction.query(sql, &[&transaction.tenant()?.0, &ids]).await?;
    rows.into_iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).collect()
}
