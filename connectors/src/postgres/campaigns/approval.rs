//! A large campaign starts only after a second person has looked at it: one slip of a hand does not reach a million people.

use jiff::Timestamp;
use sluice_schemas::ids::CampaignId;

use super::{Campaign, get};
use crate::postgres::{Error, Result, Transaction};

/// Campaigns of the tenant with at least `from` recipients need it; none does without a size.
pub async fn require_from(transaction: &Transaction, from: Option<i64>) -> Result<()> {
    let sql = "update tenants set approve_from = $2 where id = $1";
    transaction.execute(sql, &[&transaction.tenant()?.0, &from]).await?;
    Ok(())
}

/// Approves a campaign that has not started, in somebody's name. Nobody approves what they made themselves.
pub async fn approve(transaction: &Transaction, id: CampaignId, by: &str, at: Timestamp) -> Result<Campaign> {
    let campaign = get(transaction, id).await?;
    if !["draft", "scheduled"].contains(&campaign.state.as_str()) {
        return Err(Error::State { what: "the campaign", state: campaign.state, action: "approve it" });
    }
    if campaign.created_by == by {
        let state = format!("made by {by}");
        return Err(Error::State { what: "the campaign", state, action: "let the same person approve it" });
    }
    let sql = "update campaigns set approved_by = $3, approved_at = $4, version = version + 1
               where tenant_id = $1 and id = $2 and approved_by is null";
    transaction.execute(sql, &[&transaction.tenant()?.0, &id.0, &by, &at]).await?;
    get(transaction, id).await
}

/// An error while the campaign waits for its approval.
pub(super) async fn check(transaction: &Transaction, id: CampaignId) -> Result<()> {
    let campaign = get(transaction, id).await?;
    if !campaign.awaits_approval {
        return Ok(());
    }
    let state = format!("not approved: with {} recipients it needs a second person, other than {}", campaign.audience, campaign.created_by);
    Err(Error::State { what: "the campaign", state, action: "start it" })
}
