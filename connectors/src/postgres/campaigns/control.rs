use jiff::Timestamp;
use sluice_schemas::ids::{CampaignId, TenantId};
use sluice_schemas::record::{Control, ControlState};

use super::{Campaign, approval, brake, get};
use crate::postgres::outbox::{self, Record};
use crate::postgres::{Error, Pool, Result, Transaction, tenants};

/// What shall become of a campaign. Each raises its epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Draft or scheduled → running.
    Start,
    /// Running → paused, with the reason shown.
    Pause(String),
    /// Paused → running.
    Resume,
    /// Anything that is not over → cancelled.
    Cancel,
}

impl Action {
    const fn name(&self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Pause(_) => "pause",
            Self::Resume => "resume",
            Self::Cancel => "cancel",
        }
    }

    fn next(&self, state: &str) -> Option<ControlState> {
        match (self, state) {
            (Self::Start, "draft" | "scheduled") | (Self::Resume, "paused") => Some(ControlState::Running),
            (Self::Pause(_), "running") => Some(ControlState::Paused),
            (Self::Cancel, "draft" | "scheduled" | "running" | "paused") => Some(ControlState::Cancelled),
            _ => None,
        }
    }
}

/// Changes the state, raises the epoch, and adds one control record for every home of the tenant to the outbox, all in the caller's
/// transaction. A start waits for the approval that its size asks for.
pub async fn control(transaction: &Transaction, id: CampaignId, action: &Action, at: Timestamp) -> Result<Campaign> {
    if *action == Action::Start {
        approval::check(transaction, id).await?;
    }
    apply(transaction, transaction.tenant()?, id, action, at).await?;
    get(transaction, id).await
}

/// Draft → scheduled, to start at `at`. [`start_due`] starts it.
pub async fn schedule(transaction: &Transaction, id: CampaignId, at: Timestamp) -> Result<Campaign> {
    approval::check(transaction, id).await?;
    let sql = "update campaigns set state = 'scheduled', starts_at = $3, version = version + 1
               where tenant_id = $1 and id = $2 and state in ('draft', 'scheduled') and audience_size > 0";
    if transaction.execute(sql, &[&transaction.tenant()?.0, &id.0, &at]).await? == 0 {
        let campaign = get(transaction, id).await?;
        if campaign.audience == 0 {
            return Err(empty());
        }
        return Err(Error::State { what: "the campaign", state: campaign.state, action: "schedule it" });
    }
    get(transaction, id).await
}

fn empty() -> Error {
    Error::invalid("audience", "has no recipient that can be used; see the refused lines")
}

pub(super) async fn apply(transaction: &Transaction, tenant: TenantId, id: CampaignId, action: &Action, at: Timestamp) -> Result<()> {
    // Locked, so that two controls at once get different epochs in the order in which they commit.
    let sql = "select state, account, throttle, audience_size from campaigns where tenant_id = $1 and id = $2 for update";
    let row = transaction.query_opt(sql, &[&tenant.0, &id.0]).await?.ok_or_else(|| Error::not_found("campaign", id))?;
    let (state, account, throttle, audience): (String, String, i32, i64) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
    let Some(next) = action.next(&state) else {
        return Err(Error::State { what: "the campaign", state, action: action.name() });
    };
    if *action == Action::Start && audience == 0 {
        return Err(empty());
    }
    let reason = match action {
        Action::Pause(reason) => Some(reason.as_str()),
        _ => None,
    };
    let epoch = transaction
        .query_one(
            "update campaigns set state = $3, pause_reason = $4, epoch = epoch + 1, version = version + 1,
                started_at = case when $3 = 'running' then coalesce(started_at, $5) else started_at end,
                finished_at = case when $3 = 'cancelled' then $5 else null end
             where tenant_id = $1 and id = $2 returning epoch",
            &[&tenant.0, &id.0, &next.name(), &reason, &at],
        )
        .await?
        .try_get(0)?;
    if next == ControlState::Running {
        brake::begin(transaction, tenant, id).await?;
    }
    let control = Control { tenant, campaign: id, home: 0, account, epoch, state: next, audience: 0, throttle, at_ms: at.as_millisecond() };
    announce(transaction, &control).await
}

/// Tells the homes of a campaign that goes on what it may do now, under a new epoch.
pub(super) async fn announce_anew(
    transaction: &Transaction,
    tenant: TenantId,
    id: CampaignId,
    state: ControlState,
    at: Timestamp,
) -> Result<()> {
    let sql = "update campaigns set epoch = epoch + 1 where tenant_id = $1 and id = $2 returning epoch, account, throttle";
    let row = transaction.query_one(sql, &[&tenant.0, &id.0]).await?;
    let (epoch, account, throttle) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let control = Control { tenant, campaign: id, home: 0, account, epoch, state, audience: 0, throttle, at_ms: at.as_millisecond() };
    announce(transaction, &control).await
}

/// One record for each home, with the rows that lie there and its share of the throttle.
async fn announce(transaction: &Transaction, control: &Control) -> Result<()> {
    let sizes = sizes(transaction, control).await?;
    let sharing = sizes.iter().filter(|(_, n)| *n > 0).count().max(1) as i32;
    let mut homes = tenants::homes_of(transaction, control.tenant).await?;
    homes.extend(sizes.iter().map(|(home, _)| *home));
    homes.sort_unstable();
    homes.dedup();
    for home in homes {
        let audience = sizes.iter().find(|(at, _)| *at == home).map_or(0, |(_, n)| *n);
        // Rounded up: a share of nothing would mean no limit.
        let throttle = (control.throttle + sharing - 1) / sharing;
        let record = Record::Control(Control { home, audience, throttle, ..control.clone() });
        outbox::append(transaction, home, &record).await?;
    }
    Ok(())
}

/// Rows of the audience by home. The counters tell: their sum on a home is the audience there, whatever has been sent.
async fn sizes(transaction: &Transaction, control: &Control) -> Result<Vec<(i32, i64)>> {
    let sql = "select partition, sum(n)::bigint from campaign_counters where tenant_id = $1 and campaign_id = $2 group by partition";
    let rows = transaction.query(sql, &[&control.tenant.0, &control.campaign.0]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Starts the scheduled campaigns whose time has come; gives those it started.
pub async fn start_due(pool: &Pool, now: Timestamp) -> Result<Vec<(TenantId, CampaignId)>> {
    let transaction = pool.worker().await?;
    let sql = "select tenant_id, id from campaigns where state = 'scheduled' and starts_at <= $1 for update skip locked";
    let mut started = Vec::new();
    for row in transaction.query(sql, &[&now]).await? {
        let (tenant, id) = (TenantId(row.try_get(0)?), CampaignId(row.try_get(1)?));
        apply(&transaction, tenant, id, &Action::Start, now).await?;
        started.push((tenant, id));
    }
    transaction.commit().await?;
    Ok(started)
}

/// Completes the running campaigns of which nothing is left to do; gives those it completed.
///
/// It looks at committed counters of all homes, so it runs after a tally, not inside: of two homes that end at once, each would
/// see the other unfinished.
pub async fn complete(pool: &Pool, now: Timestamp) -> Result<Vec<(TenantId, CampaignId)>> {
    let transaction = pool.worker().await?;
    let rows = transaction
        .query(
            "update campaigns c set state = 'completed', finished_at = $1, version = version + 1
             where c.state = 'running' and not exists (
                select from campaign_counters n where n.tenant_id = c.tenant_id and n.campaign_id = c.id
                and n.state in ('pending', 'planned', 'in_flight', 'unknown') and n.n <> 0)
             returning tenant_id, id",
            &[&now],
        )
        .await?;
    transaction.commit().await?;
    rows.iter().map(|row| Ok((TenantId(row.try_get(0)?), CampaignId(row.try_get(1)?)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_stays_over() {
        for state in ["completed", "cancelled"] {
            for action in [Action::Start, Action::Pause(String::new()), Action::Resume, Action::Cancel] {
                assert_eq!(action.next(state), None, "{state} {action:?}");
            }
        }
        assert_eq!(Action::Start.next("running"), None);
        assert_eq!(Action::Resume.next("paused"), Some(ControlState::Running));
    }
}
