//! The quote stage: a customer's text, or an approver's decision, into a quote record and a message.

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sluice_schemas::ids::QuoteId;
use sluice_schemas::record::{Conversation, Quote as Record};
use sluice_schemas::time::Millis;

use crate::domain::quote::approval::{Change, Verdict};
use crate::domain::quote::price::{Decision, Reason};
use crate::domain::quote::{self, Approval, Catalog, Language, Lexicon, Quote, Request, render};

/// A person has this long to decide.
const APPROVAL_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// A tenant's catalogue, ready to read texts.
pub struct Shop {
    /// The rules.
    pub catalog: Catalog,
    lexicon: Lexicon,
}

/// What is stored beside a quote's record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// The quote.
    pub quote: Quote,
    /// The decision on it, where one is needed.
    pub approval: Option<Approval>,
    /// Language of the customer.
    pub language: Language,
}

/// What the stage answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The quote's record; none while something is asked.
    pub record: Option<Record>,
    /// What to keep beside it.
    pub kept: Option<Kept>,
    /// The message to the customer.
    pub text: String,
    /// Stage of the conversation afterwards.
    pub stage: &'static str,
    /// The request so far, while something is missing.
    pub pending: Option<Request>,
}

impl Shop {
    /// Reads a catalogue; an invalid one is refused with its first problem.
    pub fn new(json: &str) -> Result<Self, String> {
        let catalog: Catalog = serde_json::from_str(json).map_err(|e| e.to_string())?;
        if let Err(problems) = catalog.validate() {
            return Err(problems.first().map_or_else(String::new, |p| format!("{}: {}", p.field, p.message)));
        }
        let lexicon = Lexicon::new(&catalog);
        Ok(Self { catalog, lexicon })
    }

    /// The answer to a text, or `None` when it asks for no quote.
    pub fn answer(
        &self,
        about: &Conversation,
        pending: Option<Request>,
        text: &str,
        cause: &str,
        locale: Language,
        now: Millis,
    ) -> Option<Answer> {
        let mut request = self.lexicon.request(text);
        let language = request.language.unwrap_or(locale);
        if let Some(before) = pending {
            request = before.merge(request);
        }
        if !request.is_quote() {
            return None;
        }
        let id = QuoteId::of(about.tenant, cause);
        let at = timestamp(now);
        // Amounts beyond what money can hold leave the text to a person.
        let quote = quote::quote(quote::QuoteId(reference(id)), &request, &self.catalog, None, at).ok()?;
        if let Decision::Ask { .. } = quote.decision {
            let text = render::text(&quote, language);
            return Some(Answer { record: None, kept: None, text, stage: "asked", pending: Some(request) });
        }
        let approval = Approval::request(&quote, at, APPROVAL_WITHIN).ok();
        let (status, stage, message) = match &approval {
            Some(_) => (AWAITING, "awaiting_approval", render::waiting(language).to_owned()),
            None => ("answered", "quoted", render::text(&quote, language)),
        };
        let record = record(id, about, status, &quote, approval.as_ref(), text, now);
        Some(Answer { record: Some(record), kept: Some(Kept { quote, approval, language }), text: message, stage, pending: None })
    }
}

#[allow(clippy::too_many_arguments, reason = "the fields of one record")]
fn record(id: QuoteId, about: &Conversation, status: &str, quote: &Quote, approval: Option<&Approval>, text: &str, now: Millis) -> Record {
    let deadline = approval.map_or(quote.valid_until, |a| a.deadline);
    Record {
        tenant: about.tenant,
        quote: id,
        conversation: about.conversation,
        account: about.account.clone(),
        status: status.to_owned(),
        total: quote.total.to_string(),
        currency: quote.currency.clone(),
        reasons: approval.map(|a| a.reasons.iter().map(sentence).collect()).unwrap_or_default(),
        request: text.to_owned(),
        detail: serde_json::to_string(quote).unwrap_or_default(),
        created_ms: now.0,
        updated_ms: now.0,
        deadline_ms: deadline.as_millisecond(),
        decided_by: None,
        trace: sluice_schemas::ids::TraceId::default(),
    }
}

/// What people call the quote by: the first 8 digits of its id.
fn reference(id: QuoteId) -> String {
    id.0.simple().to_string()[..8].to_uppercase()
}

/// A person's decision on a quote that waits; the error is for the person.
pub fn decide(mut record: Record, kept: Kept, verdict: Verdict, by: &str, now: Millis) -> Result<(Record, Kept, String), String> {
    let approval = kept.approval.as_ref().ok_or("this quote needs no approval")?;
    let at = timestamp(now);
    let decided = approval.decide(&kept.quote, verdict, by, at).map_err(|e| e.to_string())?;
    let released = decided.release(&kept.quote).map_err(|e| e.to_string())?;
    decided.state.name().clone_into(&mut record.status);
    record.decided_by = Some(by.to_owned());
    record.updated_ms = now.0;
    let (quote, text) = match released {
        Some(quote) => {
            let text = render::text(&quote, kept.language);
            (quote, text)
        }
        None => (kept.quote, render::rejected(kept.language).to_owned()),
    };
    record.total = quote.total.to_string();
    record.detail = serde_json::to_string(&quote).unwrap_or_default();
    Ok((record, Kept { quote, approval: Some(decided), language: kept.language }, text))
}

/// A quote that nobody decided on in time.
pub fn expire(mut record: Record, mut kept: Kept, now: Millis) -> (Record, Kept) {
    kept.approval = kept.approval.map(|approval| approval.at(timestamp(now)));
    if let Some(approval) = &kept.approval {
        approval.state.name().clone_into(&mut record.status);
        record.updated_ms = now.0;
    }
    (record, kept)
}

/// The status of a quote that waits for a person.
pub const AWAITING: &str = "awaiting_approval";

/// The verdict that a command names.
pub fn verdict(action: &str, argument: Option<&str>) -> Result<Verdict, String> {
    match action {
        "approve" => Ok(Verdict::Approve),
        "change" => {
            let total = argument.unwrap_or_default().trim().parse::<Decimal>().map_err(|e| format!("new total: {e}"))?;
            Ok(Verdict::Change(Change::Total(total)))
        }
        _ => Ok(Verdict::Reject { reason: argument.unwrap_or_default().to_owned() }),
    }
}

fn timestamp(at: Millis) -> Timestamp {
    Timestamp::from_millisecond(at.0).unwrap_or_default()
}

/// A reason as a person reads it.
fn sentence(reason: &Reason) -> String {
    match reason {
        Reason::AboveTotal(total) => format!("The total, {total}, is above the limit."),
        Reason::BelowMargin(margin) => format!("The margin, {margin} %, is below the limit."),
        Reason::Unsure { text, .. } => format!("“{text}” may have been read wrongly."),
        Reason::UnknownPhrase(phrase) => format!("“{phrase}” is not in the catalogue."),
        Reason::Truncated => "The message was too long to be read whole.".to_owned(),
        Reason::PriceNotValid(sku) => format!("The price of {sku} is not valid today."),
        Reason::NoZone(postal_code) => format!("No freight zone has {postal_code}."),
    }
}
