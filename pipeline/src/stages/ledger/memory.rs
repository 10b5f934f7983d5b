//! What the ledger keeps in memory, all of it derived from the stored sends and campaigns.

use std::collections::{BTreeMap, BTreeSet};

use sluice_schemas::codec::Codecs;
use sluice_schemas::ids::{CampaignId, SendId, TenantId};
use sluice_schemas::record::{ControlState, SendState, StateCampaign, StateSend};
use sluice_schemas::time::Millis;

use super::caps::Plan;
use super::holds::Holds;
use super::reach::Reach;
use super::{CAMPAIGNS, Io, NUMBERS, PLANS, SENDS, Schedule, Settings, item};
use crate::state::{Error, Read, Sweep};

/// The ledger of one partition.
pub struct Ledger {
    pub(super) io: Io,
    pub(super) settings: Settings,
    pub(super) schedule: Schedule,
    pub(super) campaigns: BTreeMap<CampaignId, StateCampaign>,
    pub(super) holds: Holds,
    pub(super) reach: Reach,
    pub(super) sweep: Sweep,
    pub(super) plans: BTreeMap<TenantId, Plan>,
    pub(super) caps_sweep: Sweep,
    /// Timers of sends in flight and unknown.
    pub(super) timers: BTreeSet<(Millis, SendId)>,
    /// Highest order of arrival given.
    pub(super) order: i64,
}

impl Ledger {
    /// An empty ledger; [`crate::chain::Chain::load`] fills it.
    pub fn new(codecs: &Codecs, settings: Settings) -> Self {
        Self {
            io: Io::new(codecs),
            settings,
            schedule: Schedule::default(),
            campaigns: BTreeMap::new(),
            holds: Holds::default(),
            reach: Reach::default(),
            sweep: Sweep::default(),
            plans: BTreeMap::new(),
            caps_sweep: Sweep::default(),
            timers: BTreeSet::new(),
            order: 0,
        }
    }

    pub(super) fn reload(&mut self, state: &dyn Read) -> Result<(), Error> {
        self.schedule = Schedule::default();
        self.campaigns.clear();
        self.holds = Holds::default();
        self.reach = Reach::default();
        self.sweep = Sweep::default();
        self.plans.clear();
        self.caps_sweep = Sweep::default();
        self.timers.clear();
        self.order = 0;
        state.scan(NUMBERS, &mut |account, number| {
            if let (Ok(account), Ok(number)) = (std::str::from_utf8(account), serde_json::from_slice(number)) {
                self.know(account, number);
            }
            Ok(())
        })?;
        state.scan(PLANS, &mut |tenant, plan| {
            self.allow(id16(tenant)?.into(), serde_json::from_slice(plan).unwrap_or_default());
            Ok(())
        })?;
        self.reload_reach(state)?;
        self.reload_holds(state)?;
        state.scan(CAMPAIGNS, &mut |id, value| {
            let campaign = self.io.campaign.decode(value).map_err(unreadable)?;
            let id = id16(id)?;
            if campaign.state == ControlState::Running {
                self.schedule.run(id.into(), campaign.throttle);
            }
            self.campaigns.insert(id.into(), campaign);
            Ok(())
        })?;
        state.scan(SENDS, &mut |id, value| {
            let send = self.io.send.decode(value).map_err(unreadable)?;
            self.order = self.order.max(send.order);
            self.revive(id16(id)?.into(), &send)
        })
    }

    fn revive(&mut self, id: SendId, send: &StateSend) -> Result<(), Error> {
        let Some(framed) = &send.outbound else { return Ok(()) };
        let outbound = self.io.outbound.decode(framed).map_err(unreadable)?;
        match send.state {
            SendState::Planned => self.schedule.add(item(&outbound, send)),
            SendState::InFlight => {
                self.schedule.occupy(&outbound.account, &outbound.to);
                self.timers.insert((Millis(send.due_ms), id));
            }
            SendState::Unknown => {
                self.timers.insert((Millis(send.due_ms), id));
            }
            _ => {}
        }
        Ok(())
    }

    /// Sets the timer of a send in flight or unknown, replacing the one before.
    pub(super) fn set_timer(&mut self, id: SendId, send: &mut StateSend, due: Millis) {
        self.timers.remove(&(Millis(send.due_ms), id));
        send.due_ms = due.0;
        self.timers.insert((due, id));
    }

    /// Removes the timer of a send; `due_ms` then says when a planned one may go.
    pub(super) fn clear_timer(&mut self, id: SendId, send: &mut StateSend) {
        self.timers.remove(&(Millis(send.due_ms), id));
        send.due_ms = 0;
    }

    pub(super) fn next_due(&self) -> Option<Millis> {
        let timer = self.timers.first().map(|(due, _)| *due);
        timer
            .into_iter()
            .chain(self.schedule.due())
            .chain(self.pull_due())
            .chain(self.holds_due())
            .chain([self.sweep.due(), self.caps_sweep.due()])
            .min()
    }
}

fn id16(bytes: &[u8]) -> Result<[u8; 16], Error> {
    bytes.try_into().map_err(|_| Error::Value("key is not an identifier".into()))
}

fn unreadable(e: sluice_schemas::codec::Error) -> Error {
    Error::Value(e.to_string())
}
