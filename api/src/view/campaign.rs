use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{count, duration};

/// What a campaign is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CampaignState {
    /// Not started.
    Draft,
    /// Starts by itself.
    Scheduled,
    /// Sends.
    Running,
    /// Held.
    Paused,
    /// Every row has been settled.
    Completed,
    /// Stopped for good.
    Cancelled,
}

impl CampaignState {
    /// The state of this name in the table.
    pub fn from_name(name: &str) -> Option<Self> {
        serde_json::from_value(serde_json::Value::from(name)).ok()
    }

    /// Word on pages.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Draft => "Draft",
            Self::Scheduled => "Scheduled",
            Self::Running => "Running",
            Self::Paused => "Paused",
            Self::Completed => "Completed",
            Self::Cancelled => "Cancelled",
        }
    }

    /// Class of its tag.
    pub const fn tone(self) -> &'static str {
        match self {
            Self::Running | Self::Completed => "good",
            Self::Paused | Self::Scheduled => "warn",
            Self::Draft | Self::Cancelled => "",
        }
    }

    /// Whether nothing more will be sent.
    pub const fn over(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled)
    }

    /// What can be done now: verb, label, class of its button.
    pub const fn verbs(self) -> &'static [(&'static str, &'static str, &'static str)] {
        match self {
            Self::Draft | Self::Scheduled => &[("start", "Start", "primary"), ("cancel", "Cancel", "danger")],
            Self::Running => &[("pause", "Pause", "primary"), ("cancel", "Cancel", "danger")],
            Self::Paused => &[("resume", "Resume", "primary"), ("cancel", "Cancel", "danger")],
            Self::Completed | Self::Cancelled => &[],
        }
    }
}

/// Units of the audience by where they stand. The first nine add up to `audience`; the last four are parts of `accepted`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Funnel {
    /// Rows of the audience.
    pub audience: i64,
    /// Not yet expanded.
    pub pending: i64,
    /// Never to be sent: opted out, capped or invalid.
    pub suppressed: i64,
    /// Waits for its turn.
    pub planned: i64,
    /// On its way to Meta.
    pub in_flight: i64,
    /// Nobody knows yet whether Meta took it; never resent by itself.
    pub unknown: i64,
    /// Unknown past the deadline: waits for a person.
    pub quarantined: i64,
    /// Proven not to have reached its recipient.
    pub failed: i64,
    /// Cancelled before it left.
    pub cancelled: i64,
    /// Taken by Meta, whatever came after.
    pub accepted: i64,
    /// Of accepted: left Meta.
    pub sent: i64,
    /// Of sent: on the device.
    pub delivered: i64,
    /// Of delivered: read.
    pub read: i64,
    /// Of accepted: its recipient answered, in words or by a button.
    pub answered: i64,
}

/// One row of the funnel's table.
pub struct Step {
    /// Class of its colour.
    pub name: &'static str,
    /// Words.
    pub label: &'static str,
    /// Units.
    pub n: i64,
    /// Share of the audience.
    pub share: String,
    /// A part of the row above, not of the sum.
    pub part: bool,
}

/// One segment of the funnel's bar, in thousandths of its width.
pub struct Segment {
    /// Class of its colour.
    pub name: &'static str,
    /// Left edge.
    pub x: String,
    /// Width.
    pub width: String,
}

impl Funnel {
    /// Adds `n` units that stand at `state`.
    pub fn add(&mut self, state: &str, n: i64) {
        self.audience += n;
        match state {
            "suppressed" => self.suppressed += n,
            "planned" => self.planned += n,
            "in_flight" => self.in_flight += n,
            "unknown" => self.unknown += n,
            "quarantined" => self.quarantined += n,
            "failed" => self.failed += n,
            "cancelled" => self.cancelled += n,
            "accepted" | "sent" | "delivered" | "read" | "played" => {
                self.accepted += n;
                let rank = ["accepted", "sent", "delivered", "read"].iter().position(|name| *name == state).unwrap_or(3);
                self.sent += if rank >= 1 { n } else { 0 };
                self.delivered += if rank >= 2 { n } else { 0 };
                self.read += if rank >= 3 { n } else { 0 };
            }
            _ => self.pending += n,
        }
    }

    /// Units that will not move by themselves any more, as far as sending goes.
    pub const fn settled(&self) -> i64 {
        self.suppressed + self.quarantined + self.failed + self.cancelled + self.accepted
    }

    /// Units that the campaign still has to send.
    pub const fn open(&self) -> i64 {
        self.pending + self.planned + self.in_flight + self.unknown
    }

    /// The rows of its table, in the order of the flow.
    pub fn steps(&self) -> Vec<Step> {
        let rows = [
            ("pending", "Pending", self.pending, false),
            ("suppressed", "Suppressed", self.suppressed, false),
            ("planned", "Planned", self.planned, false),
            ("in_flight", "In flight", self.in_flight, false),
            ("unknown", "Unknown", self.unknown, false),
            ("quarantined", "Quarantined", self.quarantined, false),
            ("failed", "Failed", self.failed, false),
            ("cancelled", "Cancelled", self.cancelled, false),
            ("accepted", "Accepted by Meta", self.accepted, false),
            ("sent", "Sent", self.sent, true),
            ("delivered", "Delivered", self.delivered, true),
            ("read", "Read", self.read, true),
            ("answered", "Answered", self.answered, true),
        ];
        rows.map(|(name, label, n, part)| Step { name, label, n, share: share(n, self.audience), part }).into()
    }

    /// The segments of its bar: disjoint, and together the whole width.
    pub fn segments(&self) -> Vec<Segment> {
        let parts = [
            ("read", self.read),
            ("delivered", self.delivered - self.read),
            ("sent", self.sent - self.delivered),
            ("accepted", self.accepted - self.sent),
            ("in_flight", self.in_flight),
            ("planned", self.planned),
            ("unknown", self.unknown),
            ("quarantined", self.quarantined),
            ("failed", self.failed),
            ("cancelled", self.cancelled),
            ("suppressed", self.suppressed),
            ("pending", self.pending),
        ];
        let scale = 1_000.0 / (self.audience.max(1) as f64);
        let mut x = 0.0;
        let mut segments = Vec::new();
        for (name, n) in parts.into_iter().filter(|(_, n)| *n > 0) {
            let width = n as f64 * scale;
            segments.push(Segment { name, x: format!("{x:.2}"), width: format!("{width:.2}") });
            x += width;
        }
        segments
    }

    /// The bar in words.
    pub fn summary(&self) -> String {
        let n = |n| count(n);
        format!(
            "{} of {} settled: {} accepted, {} delivered, {} read, {} failed",
            n(self.settled()),
            n(self.audience),
            n(self.accepted),
            n(self.delivered),
            n(self.read),
            n(self.failed)
        )
    }
}

/// `n` of `all` in per cent; never rounded to 0 % or 100 % when it is not.
pub(super) fn share(n: i64, all: i64) -> String {
    if n == 0 || all == 0 {
        return "–".to_owned();
    }
    let percent = n as f64 * 100.0 / all as f64;
    match percent {
        p if p < 0.1 => "< 0.1 %".to_owned(),
        p if n < all && p > 99.9 => "> 99.9 %".to_owned(),
        p => format!("{p:.1} %"),
    }
}

/// Failed messages of one code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Failure {
    /// Meta's error code, 0 when it failed without one.
    pub code: i32,
    /// Messages.
    pub n: i64,
    /// What it means and what helps.
    pub explanation: String,
}

/// Recipients who answered alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Answer {
    /// The text of the button that they pressed; null for words.
    pub button: Option<String>,
    /// Recipients.
    pub n: i64,
}

/// How fast it goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, ToSchema)]
pub struct Progress {
    /// Settled units per second over the last minutes; null when not known.
    pub per_second: Option<f64>,
    /// Seconds until every unit is settled, at this rate; null when it does not move.
    pub seconds_left: Option<f64>,
}

impl Progress {
    /// From (time in ms, settled units) seen in the last minutes, oldest first, and what is still open.
    pub fn of(samples: &[(i64, i64)], open: i64) -> Self {
        let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return Self::default() };
        let seconds = (last.0 - first.0) as f64 / 1_000.0;
        if seconds < 1.0 {
            return Self::default();
        }
        let per_second = (last.1 - first.1).max(0) as f64 / seconds;
        let seconds_left = (per_second > 0.0).then(|| open as f64 / per_second);
        Self { per_second: Some(per_second), seconds_left }
    }

    /// The rate in words.
    pub fn rate(&self) -> String {
        match self.per_second {
            None => "–".to_owned(),
            Some(rate) if rate > 0.0 && rate < 10.0 => format!("{rate:.1}/s"),
            Some(rate) => format!("{}/s", count(rate.round() as i64)),
        }
    }

    /// The time left in words.
    pub fn left(&self) -> String {
        self.seconds_left.map_or_else(|| "–".to_owned(), duration)
    }
}

/// A line of the upload that is not in the audience.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Refusal {
    /// Line of the file; the heading is line 1.
    pub line: i64,
    /// Why.
    pub reason: String,
    /// Beginning of the line.
    pub content: String,
}

/// A campaign.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Campaign {
    /// Its id.
    pub id: uuid::Uuid,
    /// Its name.
    pub name: String,
    /// What it is doing.
    pub state: CampaignState,
    /// Why it was paused, when it was not by a person's click alone.
    pub pause_reason: Option<String>,
    /// Number it sends from.
    pub account: String,
    /// That number as people write it.
    pub number: String,
    /// Template's name.
    pub template: String,
    /// Template's language.
    pub language: String,
    /// Messages per second it may use; 0 for no limit of its own.
    pub throttle: i32,
    /// Percent of failures above which it pauses by itself; 0 for never.
    pub failure_limit: i32,
    /// Hours of the recipient's day in which it sends; all when null.
    pub window: Option<String>,
    /// The segment that its audience was taken from, with its expression of then.
    pub segment: Option<String>,
    /// The campaign whose failed messages it tries again.
    pub retry_of: Option<uuid::Uuid>,
    /// Who approved it.
    pub approved_by: Option<String>,
    /// Whether a second person has to approve it before it can start.
    pub awaits_approval: bool,
    /// Raised by start, pause, resume and cancel.
    pub epoch: i64,
    /// Raised by every change; `ETag` in quotes, for `If-Match`.
    pub version: i64,
    /// Lines of the upload that were refused.
    pub refused: i64,
    /// Lines of the upload whose number was there already.
    pub duplicates: i64,
    /// Who created it.
    pub created_by: String,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub started_at: Option<String>,
    /// RFC 3339.
    pub finished_at: Option<String>,
    /// Where its audience stands.
    pub funnel: Funnel,
    /// How fast it goes.
    pub progress: Progress,
    /// Failed messages by code, most first.
    pub failures: Vec<Failure>,
    /// What recipients answered first, most first.
    pub answers: Vec<Answer>,
}

/// What an error code means to the person who runs the campaign (contract §7).
pub fn explain(code: i32) -> &'static str {
    match code {
        0 => "Failed without a code.",
        130_429 => "The number reached its messages per second; these were throttled too long.",
        131_026 => "Cannot be reached: not on WhatsApp, an old app, or terms not accepted.",
        131_042 => "Meta has a problem with the account's payment method: check it in Business Manager.",
        131_047 => "The 24-hour window was closed; only a template may be sent then.",
        131_048 => "Meta limits this number for spam: too many people blocked or reported it.",
        131_049 => "Meta chose not to deliver it: the person has had enough marketing for now. Not before a day from now.",
        131_050 => "The person stopped marketing messages from this business.",
        131_056 => "Too many messages to this one person in a short time.",
        130_472 => "The person is part of an experiment of Meta's and gets no marketing.",
        130_497 => "Meta does not let this business write to this country.",
        131_031 | 368 | 131_064 => "Meta has locked the account for a policy violation.",
        131_000 => "Meta failed for a reason it does not name, several times.",
        131_005 | 10 | 3 | 200..=299 => "The token may not do this: check the app's permissions.",
        190 => "The access token is no longer valid: put in a new one.",
        131_008 | 131_009 | 100 => "A parameter is missing or wrong: check the columns that fill the template.",
        131_016 | 131_057 => "Meta was overloaded or under maintenance.",
        131_021 => "The recipient is the sender.",
        131_030 => "A test number may only write to listed recipients.",
        131_051..=131_053 => "The media or message type could not be used.",
        131_037 | 131_045 => "The number is not fully registered: check its certificate and display name.",
        130_403 | 131_062 | 137_000 => "The person blocked the business, or the id does not match.",
        132_000 | 132_012 | 132_018 => "The template's variables do not fit: count or format differs.",
        132_001 => "There is no approved template of this name and language.",
        132_005 | 132_007 => "The filled template is too long or breaks a policy.",
        132_015 => "The template is paused for low quality.",
        132_016 => "The template was disabled for low quality.",
        132_068 | 132_069 => "The flow in the template is blocked or throttled.",
        133_000..=133_016 => "The number is not registered correctly: register it again.",
        _ => "See Meta's list of error codes.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STATES: [&str; 13] = [
        "pending",
        "suppressed",
        "planned",
        "in_flight",
        "unknown",
        "quarantined",
        "failed",
        "cancelled",
        "accepted",
        "sent",
        "delivered",
        "read",
        "played",
    ];

    proptest! {
        #[test]
        fn the_funnel_adds_up(units in prop::collection::vec(0..1_000_000i64, STATES.len())) {
            let mut funnel = Funnel::default();
            STATES.iter().zip(&units).for_each(|(state, n)| funnel.add(state, *n));
            prop_assert_eq!(funnel.audience, units.iter().sum::<i64>());
            let sum: i64 = funnel.steps().iter().filter(|step| !step.part).map(|step| step.n).sum();
            prop_assert_eq!(sum, funnel.audience);
            prop_assert_eq!(funnel.settled() + funnel.open(), funnel.audience);
            let width: f64 = funnel.segments().iter().map(|segment| segment.width.parse::<f64>().expect("number")).sum();
            prop_assert!(funnel.audience == 0 || (width - 1_000.0).abs() < 0.2, "{}", width);
        }
    }

    #[test]
    fn read_implies_delivered_and_sent() {
        let mut funnel = Funnel::default();
        funnel.add("read", 2);
        funnel.add("accepted", 1);
        assert_eq!((funnel.accepted, funnel.sent, funnel.delivered, funnel.read), (3, 2, 2, 2));
    }

    #[test]
    fn time_left_follows_the_rate() {
        let progress = Progress::of(&[(0, 100), (60_000, 700)], 1_200);
        assert_eq!((progress.rate(), progress.left()), ("10/s".into(), "2 min".into()));
        assert_eq!(Progress::of(&[(0, 5), (60_000, 5)], 3).seconds_left, None);
        assert_eq!(Progress::of(&[], 3), Progress::default());
    }

    #[test]
    fn a_share_is_not_rounded_to_all_or_nothing() {
        assert_eq!(share(1, 1_000_000), "< 0.1 %");
        assert_eq!(share(999_999, 1_000_000), "> 99.9 %");
        assert_eq!(share(5, 5), "100.0 %");
    }
}
