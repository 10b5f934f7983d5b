//! What the API and the console show. One type per thing: the API writes it as JSON, the console as HTML.

mod attention;
mod campaign;
mod compare;
mod contact;
mod conversation;
mod figures;
mod forecast;
mod letter;
mod media;
mod opt_outs;
mod quote;
mod recipient;
mod replay;
mod sent;
mod time;
mod trial;

pub use attention::{Doubt, Hold};
pub use campaign::{Answer, Campaign, CampaignState, Failure, Funnel, Progress, Refusal, explain};
pub use compare::{Comparison, Measure, Part, Verdict};
pub use contact::{Contact, ContactImport, Segment};
pub use conversation::{Conversation, Direction, Message, Window};
pub use figures::{Health, Number, Stage, Template, Today};
pub use forecast::{Cost, Forecast, PassedOver, Point};
pub use letter::{DeadLetter, KeptRecord, LetterDecision, LetterGroup, Settled};
pub use media::{Attachment, UploadedFile, shown_in_place};
pub use opt_outs::OptOut;
pub use quote::{Line, Money, Quote, lines};
pub use recipient::Recipient;
pub use replay::{Changed, Difference, Replay};
pub use sent::{Course, Sent, Step};
pub use time::{Clock, Moment, duration};
pub use trial::Trial;

use serde::Serialize;
use utoipa::ToSchema;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Page<T> {
    /// The rows.
    pub data: Vec<T>,
    /// Send it as `cursor` for the next page; null at the end.
    pub next_cursor: Option<String>,
}

/// A count with separators: `1,234,567`.
pub fn count(n: impl std::borrow::Borrow<i64>) -> String {
    let n = *n.borrow();
    let digits = n.unsigned_abs().to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if n < 0 {
        out.push('-');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn counts_are_grouped() {
        assert_eq!([0, 999, 1_000, -1_234_567].map(super::count), ["0", "999", "1,000", "-1,234,567"]);
    }
}
