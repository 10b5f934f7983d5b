//! Sends that wait for the hours of their recipients: asked when they are planned, and again when they are to be claimed.

use sluice_schemas::record::{Outbound, StateSend};
use sluice_schemas::time::Millis;
use sluice_schemas::window::Window;

use super::{Item, Ledger};
use crate::chain::{Context, Poison};

/// When this send's hours begin, if they are not now. A window that cannot be read holds nobody back: it was checked when it was set.
pub(super) fn opens(outbound: &Outbound, now: Millis) -> Option<Millis> {
    let window: Window = outbound.window.as_deref()?.parse().ok()?;
    Some(window.opens(now, &outbound.to)).filter(|opening| *opening > now)
}

impl Ledger {
    /// Whether it is out of the recipient's hours; then it is planned for their beginning, and its place is free again.
    pub(super) fn out_of_hours(
        &mut self,
        cx: &mut Context<'_>,
        item: &Item,
        send: &mut StateSend,
        outbound: &Outbound,
    ) -> Result<bool, Poison> {
        let Some(opening) = opens(outbound, cx.now) else { return Ok(false) };
        self.schedule.release(&item.account, &item.to, cx.now);
        send.due_ms = opening.0;
        self.store(cx, item.id, send)?;
        self.schedule.add(Item { not_before: opening, ..item.clone() });
        Ok(true)
    }
}
