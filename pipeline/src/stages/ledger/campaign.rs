//! Campaigns pull: the ledger owns the cursor and asks for rows when it runs short, so that a backlog waits in the audience
//! and never in a topic. Pause holds, resume goes on at the cursor, cancel ends what is planned; none repeats or skips a row.

use sluice_schemas::ids::CampaignId;
use sluice_schemas::record::{Control, ControlState, Demand, Outbound, StateCampaign};
use sluice_schemas::time::Millis;
use sluice_schemas::topics::{self, CAMPAIGN_DEMAND};

use super::{CAMPAIGNS, Ledger, poison};
use crate::chain::{Context, Poison};

/// Rows are asked for when less than this much work is left, …
const LOW_MS: i64 = 1_500;
/// … and as many as fill this much.
const FULL_MS: i64 = 3_000;
/// Rows that do not come within this time are asked for again; the send id absorbs what comes twice.
const PATIENCE_MS: i64 = 10_000;
/// Rows that wait for the hours of their recipients at most: what the ledger keeps of an audience whose day has not begun.
const WAITING_ROWS: i64 = 20_000;
/// Rows of one demand at most.
const MAX_ROWS: i64 = 5_000;

impl Ledger {
    /// Start, pause, resume or cancel. An older epoch changes nothing: the outbox may repeat.
    pub(super) fn control(&mut self, cx: &mut Context<'_>, control: &Control) -> Result<(), Poison> {
        let before = self.campaigns.get(&control.campaign);
        if before.is_some_and(|campaign| campaign.epoch >= control.epoch || campaign.state == ControlState::Cancelled) {
            return Ok(());
        }
        let (cursor, received) = before.map_or((0, 0), |campaign| (campaign.cursor, campaign.received));
        let campaign = StateCampaign {
            tenant: control.tenant,
            account: control.account.clone(),
            home: control.home,
            epoch: control.epoch,
            state: control.state,
            audience: control.audience,
            throttle: control.throttle,
            cursor,
            received,
            demanded_ms: cx.now.0,
        };
        self.campaigns.insert(control.campaign, campaign);
        self.store_campaign(cx, control.campaign)?;
        match control.state {
            ControlState::Running => self.schedule.run(control.campaign, control.throttle),
            ControlState::Paused | ControlState::Cancelled => self.schedule.hold(control.campaign),
        }
        if control.state == ControlState::Cancelled {
            for id in self.schedule.drain(&control.account, control.campaign) {
                self.cancel_planned(cx, id)?;
            }
        }
        Ok(())
    }

    pub(super) fn is_cancelled(&self, id: CampaignId) -> bool {
        self.campaigns.get(&id).is_some_and(|campaign| campaign.state == ControlState::Cancelled)
    }

    /// A row came: rows of a home come in order, so the highest one tells how far the demand has been answered.
    pub(super) fn arrived(&mut self, cx: &mut Context<'_>, outbound: &Outbound) -> Result<(), Poison> {
        let Some(id) = outbound.campaign else { return Ok(()) };
        let Some(campaign) = self.campaigns.get_mut(&id) else { return Ok(()) };
        if outbound.seq < campaign.received {
            return Ok(());
        }
        campaign.received = outbound.seq + 1;
        campaign.demanded_ms = cx.now.0;
        self.store_campaign(cx, id)
    }

    /// Asks for rows where less than [`LOW_MS`] of work is left.
    pub(super) fn pull(&mut self, cx: &mut Context<'_>) -> Result<(), Poison> {
        let running: Vec<CampaignId> =
            self.campaigns.iter().filter(|(_, c)| c.state == ControlState::Running && c.received < c.audience).map(|(id, _)| *id).collect();
        for id in running {
            let Some(campaign) = self.campaigns.get(&id) else { continue };
            let rate = self.schedule.bulk_rate(&campaign.account);
            let full = (rate * FULL_MS / 1000).clamp(1, MAX_ROWS);
            let (from, n) = if campaign.received < campaign.cursor {
                if cx.now.since(Millis(campaign.demanded_ms)) < PATIENCE_MS {
                    continue;
                }
                (campaign.received, campaign.cursor - campaign.received)
            } else {
                let planned = self.schedule.planned(&campaign.account, id);
                // Counting what is due costs something; few that are planned at all are few that are due.
                let due = if planned > rate * LOW_MS / 1000 { self.schedule.backlog(&campaign.account, id, cx.now) } else { planned };
                if due > rate * LOW_MS / 1000 || planned >= WAITING_ROWS {
                    continue;
                }
                (campaign.cursor, full.min(campaign.audience - campaign.cursor))
            };
            self.demand(cx, id, from, n)?;
        }
        Ok(())
    }

    fn demand(&mut self, cx: &mut Context<'_>, id: CampaignId, from: i64, n: i64) -> Result<(), Poison> {
        let Some(campaign) = self.campaigns.get_mut(&id) else { return Ok(()) };
        campaign.cursor = campaign.cursor.max(from + n);
        campaign.demanded_ms = cx.now.0;
        let demand = Demand {
            tenant: campaign.tenant,
            campaign: id,
            home: campaign.home,
            epoch: campaign.epoch,
            from,
            n: n as i32,
            at_ms: cx.now.0,
        };
        let value = self.io.demand.encode(&demand).map_err(poison(demand.tenant))?;
        cx.emit(CAMPAIGN_DEMAND, topics::key(demand.tenant, &id), value);
        self.store_campaign(cx, id)
    }

    /// When a demand that was not answered is repeated.
    pub(super) fn pull_due(&self) -> Option<Millis> {
        self.campaigns
            .values()
            .filter(|c| c.state == ControlState::Running && c.received < c.cursor)
            .map(|c| Millis(c.demanded_ms).plus(PATIENCE_MS))
            .min()
    }

    /// Encodes a campaign's state.
    fn store_campaign(&self, cx: &mut Context<'_>, id: CampaignId) -> Result<(), Poison> {
        if let Some(campaign) = self.campaigns.get(&id) {
            let bytes = self.io.campaign.encode(campaign).map_err(poison(campaign.tenant))?;
            cx.state.put(CAMPAIGNS, id.as_bytes(), bytes);
        }
        Ok(())
    }
}
