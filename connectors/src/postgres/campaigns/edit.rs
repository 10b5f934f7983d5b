//! A campaign is changed by whoever has seen its newest version, and by nobody else.

use jiff::Timestamp;
use sluice_schemas::ids::CampaignId;
use sluice_schemas::record::ControlState;
use sluice_schemas::window::Window;

use super::{Campaign, control, get};
use crate::postgres::{Error, Result, Transaction};

/// What shall be otherwise; `None` leaves it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edit {
    /// Name for people.
    pub name: Option<String>,
    /// Messages per second; 0 for no limit of its own.
    pub throttle: Option<i32>,
    /// Percent of failures above which it pauses by itself; 0 for never.
    pub failure_limit: Option<i32>,
    /// Hours of the recipient's day; `Some(None)` for all.
    pub window: Option<Option<Window>>,
}

/// Changes it, if it still is at `version`. Name, throttle and failure limit may change until it is over, its hours until it starts. What a
/// second person has approved is not approved any more, and not scheduled; a running one goes on at its new pace at once.
pub async fn edit(transaction: &Transaction, id: CampaignId, edit: &Edit, version: i64, at: Timestamp) -> Result<Campaign> {
    let tenant = transaction.tenant()?;
    let sql = "select version, state, throttle, failure_limit, send_window, approved_by is not null from campaigns
               where tenant_id = $1 and id = $2 for update";
    let row = transaction.query_opt(sql, &[&tenant.0, &id.0]).await?.ok_or_else(|| Error::not_found("campaign", id))?;
    let (now, state): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
    let (throttle, failure_limit, window): (i32, i32, Option<String>) = (row.try_get(2)?, row.try_get(3)?, row.try_get(4)?);
    if now != version {
        return Err(Error::Changed { what: "the campaign" });
    }
    if ["completed", "cancelled"].contains(&state.as_str()) {
        return Err(Error::State { what: "the campaign", state, action: "edit it" });
    }
    let unstarted = ["draft", "scheduled"].contains(&state.as_str());
    let wanted = edit.window.as_ref().map_or(window.clone(), |window| window.as_ref().map(ToString::to_string));
    if wanted != window && !unstarted {
        return Err(Error::State { what: "the campaign", state, action: "change its hours: its messages are planned by them" });
    }
    let new = (edit.throttle.unwrap_or(throttle), edit.failure_limit.unwrap_or(failure_limit));
    let approved: bool = row.try_get(5)?;
    let void = approved && unstarted && (new != (throttle, failure_limit) || wanted != window);
    transaction
        .execute(
            "update campaigns set name = coalesce($3, name), throttle = $4, failure_limit = $5, send_window = $6, version = version + 1,
                approved_by = case when $7 then null else approved_by end, approved_at = case when $7 then null else approved_at end,
                starts_at = case when $7 then null else starts_at end, state = case when $7 then 'draft' else state end
             where tenant_id = $1 and id = $2",
            &[&tenant.0, &id.0, &edit.name, &new.0, &new.1, &wanted, &void],
        )
        .await?;
    if state == "running" && new.0 != throttle {
        control::announce_anew(transaction, tenant, id, ControlState::Running, at).await?;
    }
    get(transaction, id).await
}
