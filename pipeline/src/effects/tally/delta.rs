use std::collections::{BTreeMap, HashMap};

use sluice_schemas::ids::{CampaignId, SendId, TenantId};
use sluice_schemas::record::{Message, SendState};

/// A counter: campaign, state, error code (0 but for failed).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Counter {
    /// Owner.
    pub tenant: TenantId,
    /// Campaign.
    pub campaign: CampaignId,
    /// `pending` or a [`SendState`].
    pub state: &'static str,
    /// Error code of failed, else 0.
    pub code: i32,
}

/// A send that wants attention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attention {
    /// Number it left from.
    pub account: String,
    /// Recipient.
    pub recipient: String,
    /// `unknown` or `quarantined`.
    pub state: &'static str,
    /// Since when.
    pub since_ms: i64,
    /// Campaign it belongs to.
    pub campaign: Option<CampaignId>,
    /// Reason in words.
    pub detail: Option<String>,
}

/// What a run of steps changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delta {
    /// By how much each counter moves; their sum is 0. Ordered, so that two transactions lock rows in the same order.
    pub counters: BTreeMap<Counter, i64>,
    /// Recipients of a campaign who answered, by what they pressed; nothing for words.
    pub answers: BTreeMap<(TenantId, CampaignId, String), i64>,
    /// Sends that want attention now (`Some`), or no longer (`None`).
    pub attention: HashMap<(TenantId, SendId), Option<Attention>>,
}

impl Delta {
    /// The sum of these steps.
    pub fn of<'a>(messages: impl IntoIterator<Item = &'a Message>) -> Self {
        let mut delta = Self::default();
        for message in messages {
            if let Some(answer) = &message.answer {
                delta.answer(message, answer);
                continue;
            }
            delta.count(message);
            delta.attend(message);
        }
        delta.counters.retain(|_, n| *n != 0);
        delta
    }

    fn answer(&mut self, message: &Message, answer: &str) {
        if let Some(campaign) = message.campaign {
            // Postgres' text has no zero character, and one would stop the whole batch for good.
            *self.answers.entry((message.tenant, campaign, answer.replace('\0', ""))).or_default() += 1;
        }
    }

    /// Whether a campaign may have come to its end.
    pub fn touches_campaigns(&self) -> bool {
        !self.counters.is_empty()
    }

    fn count(&mut self, message: &Message) {
        let Some(campaign) = message.campaign else { return };
        let counter = |state: Option<SendState>| {
            // A failure is counted under its code. A delivery after it does not say that code again, so it leaves by code 0:
            // the sum still holds, and so does the number of failures.
            let code = if state == Some(SendState::Failed) && message.to == SendState::Failed { message.code.unwrap_or(0) } else { 0 };
            Counter { tenant: message.tenant, campaign, state: state.map_or("pending", SendState::name), code }
        };
        let (from, to) = (counter(message.from), counter(Some(message.to)));
        *self.counters.entry(from).or_default() -= 1;
        *self.counters.entry(to).or_default() += 1;
    }

    fn attend(&mut self, message: &Message) {
        let wants = |state| matches!(state, SendState::Unknown | SendState::Quarantined);
        let key = (message.tenant, message.send_id);
        if wants(message.to) {
            let attention = Attention {
                account: message.account.clone(),
                recipient: message.recipient.clone(),
                state: message.to.name(),
                since_ms: message.at_ms,
                campaign: message.campaign,
                detail: message.detail.clone(),
            };
            self.attention.insert(key, Some(attention));
        } else if message.from.is_some_and(wants) {
            self.attention.insert(key, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sluice_schemas::ids::TraceId;

    use super::*;

    fn message(send: u8, from: Option<SendState>, to: SendState, code: Option<i32>) -> Message {
        Message {
            tenant: TenantId::from_bytes([1; 16]),
            account: "15550100001".into(),
            channel: "whatsapp".into(),
            send_id: SendId::from_bytes([send; 16]),
            wamid: None,
            conversation: None,
            campaign: Some(CampaignId::from_bytes([2; 16])),
            seq: i64::from(send),
            from,
            to,
            code,
            detail: None,
            recipient: "15550100002".into(),
            body: None,
            answer: None,
            at_ms: 5,
            trace: TraceId::default(),
        }
    }

    fn by_state(delta: &Delta) -> Vec<(&'static str, i32, i64)> {
        delta.counters.iter().map(|(counter, n)| (counter.state, counter.code, *n)).collect()
    }

    #[test]
    fn a_first_step_leaves_pending() {
        let delta = Delta::of(&[message(1, None, SendState::Planned, None), message(2, None, SendState::Suppressed, None)]);
        assert_eq!(by_state(&delta), [("pending", 0, -2), ("planned", 0, 1), ("suppressed", 0, 1)]);
    }

    #[test]
    fn failures_are_counted_by_code_and_retries_are_not() {
        let steps = [
            message(1, Some(SendState::InFlight), SendState::Failed, Some(131_026)),
            message(2, Some(SendState::InFlight), SendState::Planned, Some(131_056)),
        ];
        assert_eq!(by_state(&Delta::of(&steps)), [("failed", 131_026, 1), ("in_flight", 0, -2), ("planned", 0, 1)]);
    }

    #[test]
    fn an_answer_is_counted_and_moves_nothing() {
        let answers = |text: &str| Message { answer: Some(text.into()), ..message(1, Some(SendState::Read), SendState::Read, None) };
        let delta = Delta::of(&[answers("Yes"), answers(""), answers("Yes\0")]);
        let (tenant, campaign) = (TenantId::from_bytes([1; 16]), CampaignId::from_bytes([2; 16]));
        let counted: Vec<_> = delta.answers.iter().map(|(key, n)| (key.clone(), *n)).collect();
        assert_eq!(counted, [((tenant, campaign, String::new()), 1), ((tenant, campaign, "Yes".to_owned()), 2)]);
        assert!(delta.counters.is_empty() && delta.attention.is_empty());
    }

    #[test]
    fn attention_ends_when_the_outcome_is_known() {
        let unknown = message(1, Some(SendState::InFlight), SendState::Unknown, None);
        let settled = message(1, Some(SendState::Unknown), SendState::Accepted, None);
        let key = (unknown.tenant, unknown.send_id);
        assert_eq!(Delta::of([&unknown]).attention[&key].as_ref().map(|a| a.state), Some("unknown"));
        assert_eq!(Delta::of([&unknown, &settled]).attention[&key], None);
    }

    #[test]
    fn sends_outside_campaigns_are_not_counted() {
        let step = Message { campaign: None, ..message(1, None, SendState::Planned, None) };
        assert_eq!(Delta::of([&step]), Delta::default());
    }

    fn state() -> impl Strategy<Value = SendState> {
        proptest::sample::select(SendState::ALL)
    }

    proptest! {
        #[test]
        fn every_step_moves_one_unit(
            steps in proptest::collection::vec((any::<u8>(), proptest::option::of(state()), state(), proptest::option::of(1..9)), 0..60),
            cut in 0usize..60,
        ) {
            let steps: Vec<_> = steps.into_iter().map(|(send, from, to, code)| message(send, from, to, code)).collect();
            let (a, b) = steps.split_at(cut.min(steps.len()));
            let mut sum = Delta::of(a).counters;
            for (counter, n) in Delta::of(b).counters {
                *sum.entry(counter).or_default() += n;
            }
            sum.retain(|_, n| *n != 0);
            let whole = Delta::of(&steps).counters;
            prop_assert_eq!(whole.values().sum::<i64>(), 0);
            prop_assert_eq!(sum, whole);
        }
    }
}
