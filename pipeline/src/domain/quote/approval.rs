//! The life of an approval: pending, then approved, changed, rejected or expired, once and for good.

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    Quote, QuoteId, freight,
    freight::Freight,
    money,
    price::{Decision, Reason},
};

/// A person's decision on a quote, awaited or made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The quote.
    pub quote: QuoteId,
    /// Why a person must look.
    pub reasons: Vec<Reason>,
    /// Since when it waits.
    pub requested_at: Timestamp,
    /// The last moment to decide.
    pub deadline: Timestamp,
    /// Where it stands.
    pub state: State,
}

/// Where an approval stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Waiting for a person.
    Pending,
    /// The quote goes out as it is.
    Approved {
        /// Who decided.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// The quote goes out changed.
    Changed {
        /// Who decided.
        by: String,
        /// When.
        at: Timestamp,
        /// What was changed.
        change: Change,
    },
    /// The quote does not go out.
    Rejected {
        /// Who decided.
        by: String,
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
    },
    /// Nobody decided in time.
    Expired {
        /// When it was noticed.
        at: Timestamp,
    },
}

/// What an approver changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// A new total.
    Total(Decimal),
    /// An amount taken off the total.
    Discount(Decimal),
    /// The freight, e.g. to a place that no zone has.
    Freight(Decimal),
}

/// What a person decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Send it as it is.
    Approve,
    /// Send it changed.
    Change(Change),
    /// Do not send it.
    Reject {
        /// Why.
        reason: String,
    },
}

/// Why a decision is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Decided before; the first decision stands.
    #[error("the approval of quote {quote:?} is already {state}; make a new quote to decide again")]
    AlreadyDecided {
        /// The quote.
        quote: String,
        /// The state's name.
        state: &'static str,
    },
    /// Too late.
    #[error("the approval of quote {quote:?} ended at {deadline}; make a new quote")]
    TooLate {
        /// The quote.
        quote: String,
        /// The last moment there was.
        deadline: Timestamp,
    },
    /// The quote needs no approval.
    #[error("quote {0:?} waits for no approval")]
    NotNeeded(String),
    /// The change makes no sense for the quote.
    #[error("{field} {amount} must be between 0 and {most}, in the currency's minor unit")]
    Amount {
        /// `total`, `discount` or `freight`.
        field: &'static str,
        /// The amount given.
        amount: Decimal,
        /// The largest allowed.
        most: Decimal,
    },
    /// A rejection without a reason.
    #[error("give a reason for the rejection")]
    NoReason,
    /// The quote given is not the one decided on.
    #[error("the approval is for quote {0:?}")]
    OtherQuote(String),
}

impl Error {
    /// Stable name, used as a metric label.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::AlreadyDecided { .. } => "already_decided",
            Self::TooLate { .. } => "too_late",
            Self::NotNeeded(_) => "not_needed",
            Self::Amount { .. } => "amount",
            Self::NoReason => "no_reason",
            Self::OtherQuote(_) => "other_quote",
        }
    }
}

/// Largest amount an approver may set; above it is a slip of the finger.
const LARGEST: Decimal = Decimal::from_parts(1_000_000_000, 0, 0, false, 0);

impl State {
    /// Stable name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved { .. } => "approved",
            Self::Changed { .. } => "changed",
            Self::Rejected { .. } => "rejected",
            Self::Expired { .. } => "expired",
        }
    }
}

impl Approval {
    /// Asks for a decision on a quote that needs one, within `within` and before the quote itself ends.
    pub fn request(quote: &Quote, now: Timestamp, within: SignedDuration) -> Result<Self, Error> {
        let Decision::NeedsApproval { reasons } = &quote.decision else {
            return Err(Error::NotNeeded(quote.id.0.clone()));
        };
        Ok(Self {
            quote: quote.id.clone(),
            reasons: reasons.clone(),
            requested_at: now,
            deadline: now.checked_add(within).unwrap_or(Timestamp::MAX).min(quote.valid_until),
            state: State::Pending,
        })
    }

    /// A person's decision on `quote`. Only a pending approval can be decided, until its deadline.
    pub fn decide(&self, quote: &Quote, verdict: Verdict, by: &str, now: Timestamp) -> Result<Self, Error> {
        self.belongs_to(quote)?;
        if self.state != State::Pending {
            return Err(Error::AlreadyDecided { quote: self.quote.0.clone(), state: self.state.name() });
        }
        if now > self.deadline {
            return Err(Error::TooLate { quote: self.quote.0.clone(), deadline: self.deadline });
        }
        let by = by.to_owned();
        let state = match verdict {
            Verdict::Approve => State::Approved { by, at: now },
            Verdict::Change(change) => {
                apply(quote, &change)?;
                State::Changed { by, at: now, change }
            }
            Verdict::Reject { reason } if reason.trim().is_empty() => return Err(Error::NoReason),
            Verdict::Reject { reason } => State::Rejected { by, at: now, reason },
        };
        Ok(Self { state, ..self.clone() })
    }

    /// The approval as it stands at `now`: expired, if nobody decided in time.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        if self.state == State::Pending && now > self.deadline {
            return Self { state: State::Expired { at: now }, ..self };
        }
        self
    }

    /// The quote to send, once approved or changed; `None` while it waits and when it is not to be sent.
    pub fn release(&self, quote: &Quote) -> Result<Option<Quote>, Error> {
        self.belongs_to(quote)?;
        match &self.state {
            State::Approved { .. } => Ok(Some(Quote { decision: Decision::Answer, ..quote.clone() })),
            State::Changed { change, .. } => apply(quote, change).map(Some),
            State::Pending | State::Rejected { .. } | State::Expired { .. } => Ok(None),
        }
    }

    fn belongs_to(&self, quote: &Quote) -> Result<(), Error> {
        if quote.id == self.quote { Ok(()) } else { Err(Error::OtherQuote(self.quote.0.clone())) }
    }
}

/// The quote with the change, its total again the sum of its parts.
fn apply(quote: &Quote, change: &Change) -> Result<Quote, Error> {
    let within = |field, amount: Decimal, most| {
        let places = money::minor_units(&quote.currency).unwrap_or(2);
        let fits = amount >= Decimal::ZERO && amount <= most && amount.normalize().scale() <= places;
        if fits { Ok(money::round(amount, places)) } else { Err(Error::Amount { field, amount, most }) }
    };
    let mut changed = Quote { decision: Decision::Answer, ..quote.clone() };
    let before = quote.adjustment.unwrap_or_default();
    match change {
        Change::Total(total) => {
            changed.total = within("total", *total, LARGEST)?;
            changed.adjustment = Some(before + (changed.total - quote.total));
        }
        Change::Discount(discount) => {
            let discount = within("discount", *discount, quote.total)?;
            changed.total = quote.total - discount;
            changed.adjustment = Some(before - discount);
        }
        Change::Freight(amount) => {
            let amount = within("freight", *amount, LARGEST)?;
            changed.total = quote.total - quote.freight.amount() + amount;
            let (zone, weight_kg) = match &quote.freight {
                Freight::Charged { zone, weight_kg, .. } => (zone.clone(), *weight_kg),
                Freight::NoZone { postal_code } => (postal_code.clone(), Decimal::ZERO),
                _ => (String::new(), Decimal::ZERO),
            };
            changed.freight = Freight::Charged { zone, weight_kg, amount, explanation: freight::Rule::Agreed };
        }
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::quote::{demo, price};

    fn waiting() -> (Quote, Approval) {
        let request = demo::request("500 bags of cement to 90210");
        let quote = price::quote(QuoteId("Q-7".into()), &request, &demo::catalog(), None, demo::now()).unwrap();
        let approval = Approval::request(&quote, demo::now(), SignedDuration::from_hours(4)).unwrap();
        (quote, approval)
    }

    fn later(hours: i64) -> Timestamp {
        demo::now() + SignedDuration::from_hours(hours)
    }

    #[test]
    fn a_quote_that_needs_no_approval_gets_none() {
        let (quote, _) = waiting();
        let quote = Quote { decision: Decision::Answer, ..quote };
        let refused = Approval::request(&quote, demo::now(), SignedDuration::from_hours(4));
        assert_eq!(refused.unwrap_err().kind(), "not_needed");
    }

    #[test]
    fn the_deadline_is_never_after_the_end_of_the_quote() {
        let (quote, _) = waiting();
        let approval = Approval::request(&quote, demo::now(), SignedDuration::from_hours(1000)).unwrap();
        assert_eq!(approval.deadline, quote.valid_until);
    }

    #[test]
    fn an_approved_quote_goes_out_as_it_is() {
        let (quote, approval) = waiting();
        assert_eq!(approval.release(&quote), Ok(None));
        let approved = approval.decide(&quote, Verdict::Approve, "ana", later(4)).unwrap();
        assert_eq!(approved.state, State::Approved { by: "ana".into(), at: later(4) });
        let sent = approved.release(&quote).unwrap().unwrap();
        assert_eq!((sent.total, sent.decision), (quote.total, Decision::Answer));
    }

    #[test]
    fn a_decision_stands() {
        let (quote, approval) = waiting();
        let reason = "no truck".to_owned();
        let rejected = approval.decide(&quote, Verdict::Reject { reason }, "ana", later(1)).unwrap();
        assert_eq!(rejected.release(&quote), Ok(None));
        let again = rejected.decide(&quote, Verdict::Approve, "rui", later(2)).unwrap_err();
        assert_eq!(again, Error::AlreadyDecided { quote: "Q-7".into(), state: "rejected" });
        assert_eq!(rejected.clone().at(later(100)), rejected);
    }

    #[test]
    fn nobody_decides_after_the_deadline() {
        let (quote, approval) = waiting();
        assert_eq!(approval.clone().at(later(4)).state, State::Pending);
        assert_eq!(approval.decide(&quote, Verdict::Approve, "ana", later(5)).unwrap_err().kind(), "too_late");
        let expired = approval.at(later(5));
        assert_eq!(expired.state, State::Expired { at: later(5) });
        assert_eq!(expired.decide(&quote, Verdict::Approve, "ana", later(1)).unwrap_err().kind(), "already_decided");
        assert_eq!(expired.release(&quote), Ok(None));
    }

    #[test]
    fn a_senseless_decision_changes_nothing() {
        let (quote, approval) = waiting();
        let refuse = |verdict| approval.decide(&quote, verdict, "ana", later(1)).unwrap_err().kind();
        assert_eq!(refuse(Verdict::Reject { reason: "  ".into() }), "no_reason");
        assert_eq!(refuse(Verdict::Change(Change::Total(-Decimal::ONE))), "amount");
        assert_eq!(refuse(Verdict::Change(Change::Discount(quote.total + Decimal::ONE))), "amount");
        assert_eq!(refuse(Verdict::Change(Change::Freight(Decimal::new(1, 3)))), "amount");
        let other = Quote { id: QuoteId("Q-8".into()), ..quote.clone() };
        assert_eq!(approval.decide(&other, Verdict::Approve, "ana", later(1)).unwrap_err().kind(), "other_quote");
    }

    #[test]
    fn an_approver_sets_the_freight_to_a_place_without_a_zone() {
        let (quote, approval) = waiting();
        assert!(approval.reasons.contains(&Reason::NoZone("90210".into())));
        let verdict = Verdict::Change(Change::Freight(Decimal::from(900)));
        let changed = approval.decide(&quote, verdict, "ana", later(1)).unwrap();
        let sent = changed.release(&quote).unwrap().unwrap();
        assert_eq!(sent.total, quote.total + Decimal::from(900));
    }
}
