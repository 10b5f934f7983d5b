//! How many messages of campaigns one person gets within some days, over all campaigns and numbers of the tenant. Counted when a message is
//! claimed and given back when it is proven not to have reached anybody; a message beyond the cap is suppressed and not kept for later.

use serde::{Deserialize, Serialize};
use sluice_schemas::record::{Lane, Outbound};
use sluice_schemas::time::Millis;

use super::Ledger;
use super::opt_out::key;
use crate::chain::Context;

/// Table of what was claimed for each person: tenant, person → [`Claimed`], oldest first, 16 bytes each.
const TABLE: u8 = 9;
/// The longest span of a cap: what is older counts for none.
pub const MOST_DAYS: i64 = 31;

/// What a tenant may send, beside Meta's limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Plan {
    /// Messages a second over all its numbers; 0 for no limit.
    pub messages_per_second: i64,
    /// Messages of campaigns that one person gets …
    pub cap_messages: i64,
    /// … within so many days; 0 for no cap.
    pub cap_days: i64,
}

impl Plan {
    fn caps(self) -> bool {
        self.cap_messages > 0 && self.cap_days > 0
    }
}

/// A claim that counts: when, and the first half of its send id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Claimed(Millis, [u8; 8]);

fn read(bytes: &[u8]) -> Vec<Claimed> {
    let read = |row: &[u8; 16]| {
        let (at, id) = (row.first_chunk().copied().unwrap_or_default(), row.last_chunk().copied().unwrap_or_default());
        Claimed(Millis(i64::from_be_bytes(at)), id)
    };
    bytes.as_chunks::<16>().0.iter().map(read).collect()
}

fn written(claims: &[Claimed]) -> Vec<u8> {
    claims.iter().flat_map(|Claimed(at, id)| [at.0.to_be_bytes(), *id].concat()).collect()
}

fn half(outbound: &Outbound) -> [u8; 8] {
    outbound.send_id.as_bytes().first_chunk().copied().unwrap_or_default()
}

impl Ledger {
    fn cap(&self, outbound: &Outbound) -> Option<Plan> {
        let plan = self.plans.get(&outbound.tenant).copied().filter(|plan| plan.caps());
        plan.filter(|_| outbound.lane == Lane::Bulk && outbound.campaign.is_some())
    }

    fn claimed(cx: &mut Context<'_>, outbound: &Outbound, days: i64) -> Vec<Claimed> {
        let mut claims = cx.state.get(TABLE, &key(outbound.tenant, &outbound.to)).map(|bytes| read(&bytes)).unwrap_or_default();
        claims.retain(|claim| cx.now.since(claim.0) < days * Millis::DAY && claim.1 != half(outbound));
        claims
    }

    /// Why this message of a campaign must not go, if its recipient has had as many as the tenant allows.
    pub(super) fn capped(&self, cx: &mut Context<'_>, outbound: &Outbound) -> Option<String> {
        let plan = self.cap(outbound)?;
        let had = Self::claimed(cx, outbound, plan.cap_days).len() as i64;
        (had >= plan.cap_messages).then(|| format!("frequency cap: {had} campaign messages within {} days", plan.cap_days))
    }

    /// A message of a campaign is claimed.
    pub(super) fn count(&self, cx: &mut Context<'_>, outbound: &Outbound) {
        if self.cap(outbound).is_none() {
            return;
        }
        // A cap that is made longer later counts what is known by then.
        let mut claims = Self::claimed(cx, outbound, MOST_DAYS);
        claims.push(Claimed(cx.now, half(outbound)));
        cx.state.put(TABLE, &key(outbound.tenant, &outbound.to), written(&claims));
    }

    /// It was proven not to have reached anybody.
    pub(super) fn uncount(&self, cx: &mut Context<'_>, outbound: &Outbound) {
        if self.cap(outbound).is_none() {
            return;
        }
        let claims = Self::claimed(cx, outbound, MOST_DAYS);
        let key = key(outbound.tenant, &outbound.to);
        if claims.is_empty() {
            cx.state.delete(TABLE, &key);
        } else {
            cx.state.put(TABLE, &key, written(&claims));
        }
    }

    /// Forgets what counts for no cap any more, a piece of the table at a time.
    pub(super) fn forget_claims(&mut self, cx: &mut Context<'_>) {
        for (key, value) in self.caps_sweep.next(&mut cx.state, TABLE, cx.now) {
            if read(&value).iter().all(|claim| cx.now.since(claim.0) >= MOST_DAYS * Millis::DAY) {
                cx.state.delete(TABLE, &key);
            }
        }
    }
}
