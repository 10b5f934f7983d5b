//! What becomes of an attempt: answers, statuses that come instead of an answer, and silence.

use serde::Deserialize;
use sluice_schemas::ids::SendId;
use sluice_schemas::record::{Event, Outbound, Outcome, SendResult, SendState, StateSend};
use sluice_schemas::time::Millis;

use super::{Ledger, MAX_FAILURES, Step, item};
use crate::chain::{Context, Poison};

/// Meta's pair rate (contract §7): slows this pair only, 4^n seconds.
const PAIR_RATE: i32 = 131_056;
/// Meta chose not to deliver now: another try after a day at the earliest.
const NOT_NOW: i32 = 131_049;
/// Meta reports some messages as failed that it has sent (contract §10): class `hold` without anything that could be held.
const PERHAPS_SENT: i32 = 1;

/// What a person decided on a quarantined send.
#[derive(Deserialize)]
pub(super) struct Decision {
    #[serde(rename = "decision")]
    word: String,
    by: String,
    reason: String,
}

/// The part of a status that settles a send.
#[derive(Deserialize)]
struct Status {
    id: Option<String>,
    callback_data: Option<String>,
}

impl Ledger {
    /// The answer to an attempt. One for an older attempt, or a second one, changes nothing.
    pub(super) fn settle(&mut self, cx: &mut Context<'_>, result: &SendResult) -> Result<(), Poison> {
        let Some((mut send, outbound)) = self.load_send(cx, result.send_id)? else { return Ok(()) };
        let open = matches!(send.state, SendState::InFlight | SendState::Unknown | SendState::Quarantined);
        if !open || send.attempt != result.attempt {
            return Ok(());
        }
        if send.state == SendState::InFlight {
            self.schedule.release(&outbound.account, &outbound.to, cx.now);
        }
        match result.outcome {
            Outcome::Accepted => self.accept(cx, send, &outbound, result.wamid.clone()),
            Outcome::Rejected => {
                self.give_back(cx, &outbound);
                self.rejected(cx, send, &outbound, result)
            }
            Outcome::Unwritten => {
                self.give_back(cx, &outbound);
                self.again(cx, &mut send, &outbound, cx.now, result)
            }
            Outcome::Unknown => self.doubt(cx, send, &outbound, result.detail.clone()),
        }
    }

    fn accept(&mut self, cx: &mut Context<'_>, send: StateSend, outbound: &Outbound, wamid: Option<String>) -> Result<(), Poison> {
        self.accept_as(cx, send, outbound, wamid, Step::default())
    }

    fn accept_as(
        &mut self,
        cx: &mut Context<'_>,
        mut send: StateSend,
        outbound: &Outbound,
        wamid: Option<String>,
        step: Step,
    ) -> Result<(), Poison> {
        self.clear_timer(outbound.send_id, &mut send);
        self.proven(cx, outbound.send_id)?;
        Self::end(cx, &mut send, SendState::Accepted);
        send.wamid = wamid;
        self.store(cx, outbound.send_id, &send)?;
        self.enter(cx, outbound, &send, step)
    }

    fn rejected(&mut self, cx: &mut Context<'_>, mut send: StateSend, outbound: &Outbound, result: &SendResult) -> Result<(), Poison> {
        if self.hold_for(cx, outbound, result)? {
            return self.again(cx, &mut send, outbound, cx.now, result);
        }
        self.unproven(cx, outbound.send_id)?;
        self.opt_out_by_refusal(cx, outbound, result)?;
        send.failures += 1;
        let backoff = 1_000 * 4_i64.pow(send.failures.clamp(0, 6) as u32);
        let until = match (result.class.as_deref(), result.code) {
            (Some("throttle"), Some(PAIR_RATE)) => {
                self.schedule.hold_pair(&outbound.account, &outbound.to, cx.now.plus(backoff));
                cx.now.plus(backoff)
            }
            (_, Some(NOT_NOW)) => cx.now.plus(Millis::DAY),
            (Some("throttle"), _) => {
                self.throttle(outbound, result.code, cx.now.plus(backoff.min(60_000)));
                cx.now
            }
            (Some("hold"), Some(PERHAPS_SENT)) => return self.doubt(cx, send, outbound, result.detail.clone()),
            (Some("retry"), _) => cx.now.plus(backoff),
            _ => return self.fail(cx, send, outbound, result.code, result.detail.clone()),
        };
        if send.failures >= MAX_FAILURES {
            return self.fail(cx, send, outbound, result.code, result.detail.clone());
        }
        self.again(cx, &mut send, outbound, until, result)
    }

    fn fail(
        &mut self,
        cx: &mut Context<'_>,
        mut send: StateSend,
        outbound: &Outbound,
        code: Option<i32>,
        detail: Option<String>,
    ) -> Result<(), Poison> {
        self.clear_timer(outbound.send_id, &mut send);
        Self::end(cx, &mut send, SendState::Failed);
        self.store(cx, outbound.send_id, &send)?;
        self.enter(cx, outbound, &send, Step { code, detail, first: false })
    }

    /// Proven negative: planned again, unless its campaign was cancelled meanwhile.
    fn again(
        &mut self,
        cx: &mut Context<'_>,
        send: &mut StateSend,
        outbound: &Outbound,
        not_before: Millis,
        result: &SendResult,
    ) -> Result<(), Poison> {
        self.plan_again(cx, send, outbound, not_before, Step { code: result.code, detail: result.detail.clone(), first: false })
    }

    fn plan_again(
        &mut self,
        cx: &mut Context<'_>,
        send: &mut StateSend,
        outbound: &Outbound,
        not_before: Millis,
        step: Step,
    ) -> Result<(), Poison> {
        self.clear_timer(outbound.send_id, send);
        if outbound.campaign.is_some_and(|campaign| self.is_cancelled(campaign)) {
            return self.cancel(cx, send.clone(), outbound);
        }
        send.state = SendState::Planned;
        send.due_ms = not_before.0;
        self.store(cx, outbound.send_id, send)?;
        self.schedule.add(item(outbound, send));
        self.enter(cx, outbound, send, step)
    }

    pub(super) fn cancel(&mut self, cx: &mut Context<'_>, mut send: StateSend, outbound: &Outbound) -> Result<(), Poison> {
        Self::end(cx, &mut send, SendState::Cancelled);
        self.store(cx, outbound.send_id, &send)?;
        self.enter(cx, outbound, &send, Step { detail: Some("the campaign was cancelled".into()), ..Step::default() })
    }

    fn doubt(&mut self, cx: &mut Context<'_>, mut send: StateSend, outbound: &Outbound, detail: Option<String>) -> Result<(), Poison> {
        if send.state != SendState::InFlight {
            return Ok(());
        }
        send.state = SendState::Unknown;
        self.set_timer(outbound.send_id, &mut send, cx.now.plus(self.settings.unknown_deadline_ms));
        self.store(cx, outbound.send_id, &send)?;
        self.enter(cx, outbound, &send, Step { detail, ..Step::default() })
    }

    /// An inbound message takes a slot; a status with our callback data settles what it is about.
    pub(super) fn event(&mut self, cx: &mut Context<'_>, event: &Event) -> Result<(), Poison> {
        if event.kind == "inbound" {
            self.schedule.inbound(&event.account, cx.now);
        }
        if matches!(event.kind.as_str(), "inbound" | "postback") {
            self.wrote(cx, event);
            return self.opt_out_by_word(cx, event);
        }
        if event.kind == "user_preference" {
            return self.opt_out_by_preference(cx, event);
        }
        if event.kind == "account_event" {
            return self.account_event(cx, event);
        }
        if event.kind != "status" {
            return Ok(());
        }
        let Ok(status) = serde_json::from_str::<Status>(&event.event) else { return Ok(()) };
        let Some((send_id, attempt)) = status.callback_data.and_then(|data| self.settings.keys.verify(&event.account, &data)) else {
            return Ok(());
        };
        let Some((send, outbound)) = self.load_send(cx, send_id)? else { return Ok(()) };
        // Any status proves that Meta accepted the attempt. Reconcile reads the same status and knows how it went on.
        let open = matches!(send.state, SendState::InFlight | SendState::Unknown | SendState::Quarantined);
        if !open || send.attempt != attempt {
            return Ok(());
        }
        if send.state == SendState::InFlight {
            self.schedule.release(&outbound.account, &outbound.to, cx.now);
        }
        self.accept(cx, send, &outbound, status.id)
    }

    /// Fires what is due: an attempt without an answer becomes unknown, an unknown one is quarantined.
    pub(super) fn fire(&mut self, cx: &mut Context<'_>) {
        while let Some((due, id)) = self.timers.first().copied() {
            if due > cx.now {
                return;
            }
            self.timers.pop_first();
            if let Err(e) = self.expire(cx, id) {
                tracing::error!(detail = e.detail, send_id = %id, "ledger timer");
            }
        }
    }

    fn expire(&mut self, cx: &mut Context<'_>, id: SendId) -> Result<(), Poison> {
        let Some((mut send, outbound)) = self.load_send(cx, id)? else { return Ok(()) };
        match send.state {
            SendState::InFlight => {
                self.schedule.release(&outbound.account, &outbound.to, cx.now);
                self.doubt(cx, send, &outbound, Some("no answer within the lease and the HTTP time-out".into()))
            }
            SendState::Unknown => {
                send.state = SendState::Quarantined;
                // From now on: decisions about an earlier doubt do not count.
                send.due_ms = cx.now.0;
                self.store(cx, id, &send)?;
                self.enter(cx, &outbound, &send, Step { detail: Some("no status within the deadline".into()), ..Step::default() })
            }
            _ => Ok(()),
        }
    }

    /// A person's decision on a quarantined send; one about an earlier attempt, or a second one, changes nothing.
    pub(super) fn decided(&mut self, cx: &mut Context<'_>, id: SendId, decision: &Decision, at_ms: i64) -> Result<(), Poison> {
        let Some((mut send, outbound)) = self.load_send(cx, id)? else { return Ok(()) };
        if send.state != SendState::Quarantined || at_ms < send.due_ms {
            return Ok(());
        }
        let detail = Some(format!("{}: {}", decision.by, decision.reason));
        match decision.word.as_str() {
            "release" => self.plan_again(cx, &mut send, &outbound, cx.now, Step { detail, ..Step::default() }),
            "mark-sent" => self.accept_as(cx, send, &outbound, None, Step { detail, ..Step::default() }),
            _ => Ok(()),
        }
    }

    /// The send that is planned, for a cancel.
    pub(super) fn cancel_planned(&mut self, cx: &mut Context<'_>, id: SendId) -> Result<(), Poison> {
        match self.load_send(cx, id)? {
            Some((send, outbound)) if send.state == SendState::Planned => self.cancel(cx, send, &outbound),
            Some(_) | None => Ok(()),
        }
    }
}
