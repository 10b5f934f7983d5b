//! Meta's error codes as data: what each means, what to do, and what it slows down (contract §7, §10).
//!
//! A code may come in the answer to a send or later in a failed status; both are classified here. The class is the
//! contract's reading of Meta's remedies. Unlisted: a 5xx may be retried, the rest is permanent; log it.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::Channel;

/// What the sender does about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// the same again, later
    Retry,
    /// the same again, once the limit named by [`Scope`] allows it
    Throttle,
    /// never again in this form
    Permanent,
    /// nothing from this account until someone acts
    Account,
    /// set aside what [`Scope`] names until a time, a review or a person releases it
    Hold,
}

impl Class {
    /// The name in output and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Throttle => "throttle",
            Self::Permanent => "permanent",
            Self::Account => "account",
            Self::Hold => "hold",
        }
    }
}

/// What an error slows down or stops, beyond the one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// this number and this recipient
    Pair,
    /// everything to this recipient
    Recipient,
    /// everything from this number
    Number,
    /// everything from this account (WABA, Instagram account or page)
    Account,
    /// everything by this app
    App,
    /// every message of this template
    Template,
    /// every message with this flow
    Flow,
}

/// A row of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    /// codes of the row
    pub codes: RangeInclusive<i64>,
    /// only with this subcode
    pub subcode: Option<i64>,
    /// what happened
    pub meaning: &'static str,
    /// what the sender does
    pub class: Class,
    /// what else it concerns
    pub slows: Option<Scope>,
    /// what a person does; empty where there is nothing to do
    pub remedy: &'static str,
}

/// The judgement of one error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// what the sender does
    pub class: Class,
    /// what else it concerns
    pub slows: Option<Scope>,
    /// the row that decided; `None` for an unlisted code, which should be logged
    pub row: Option<&'static Row>,
}

const fn row(code: i64, class: Class, slows: Option<Scope>, meaning: &'static str, remedy: &'static str) -> Row {
    range(code, code, class, slows, meaning, remedy)
}

const fn range(from: i64, to: i64, class: Class, slows: Option<Scope>, meaning: &'static str, remedy: &'static str) -> Row {
    Row { codes: from..=to, subcode: None, meaning, class, slows, remedy }
}

const fn sub(code: i64, subcode: i64, class: Class, slows: Option<Scope>, meaning: &'static str, remedy: &'static str) -> Row {
    Row { codes: code..=code, subcode: Some(subcode), meaning, class, slows, remedy }
}

use Class::{Account as ACCOUNT, Hold as HOLD, Permanent as PERMANENT, Retry as RETRY, Throttle as THROTTLE};
use Scope::{Account, App, Flow, Number, Pair, Recipient, Template};

/// Rows with a subcode come first: the first match decides.
pub static TABLE: &[Row] = &[
    sub(10, 2_534_022, PERMANENT, None, "reply window closed", "wait for the customer, or use the human agent tag"),
    sub(100, 2_534_014, PERMANENT, Some(Recipient), "no such user", ""),
    sub(1, 1_357_046, HOLD, None, "reported as failed though sent", "look for the echo before sending again"),
    sub(100, 33, PERMANENT, None, "object missing or not permitted", "check the id and the token's permissions"),
    row(0, ACCOUNT, Some(Account), "token invalid", "give a new token"),
    row(1, RETRY, None, "unknown error", "check the request if it repeats"),
    row(2, RETRY, None, "service down", ""),
    row(3, ACCOUNT, Some(Account), "permission missing", "grant the app its permissions"),
    row(4, THROTTLE, Some(App), "app rate limit", ""),
    row(10, ACCOUNT, Some(Account), "permission missing", "grant the app its permissions"),
    row(17, THROTTLE, Some(App), "user rate limit", ""),
    row(32, THROTTLE, Some(Account), "page rate limit", ""),
    row(33, ACCOUNT, Some(Number), "number deleted", "register the number again or remove it"),
    row(100, PERMANENT, None, "bad parameter", "correct the message"),
    row(190, ACCOUNT, Some(Account), "token invalid or expired", "give a new token"),
    range(200, 299, ACCOUNT, Some(Account), "permission missing", "grant the app its permissions"),
    row(368, ACCOUNT, Some(Account), "blocked for policy violations", "see the account's quality page; appeal"),
    row(551, PERMANENT, Some(Recipient), "person unavailable", ""),
    row(613, THROTTLE, Some(Account), "call rate limit", ""),
    row(80_007, THROTTLE, Some(Account), "WABA rate limit", ""),
    row(130_403, PERMANENT, Some(Recipient), "business has blocked the user", ""),
    row(130_429, THROTTLE, Some(Number), "throughput of the number reached", ""),
    row(130_472, PERMANENT, None, "user is part of an experiment", ""),
    row(130_497, PERMANENT, Some(Recipient), "not allowed to message the recipient's country", ""),
    row(131_000, RETRY, None, "something went wrong", "a few attempts only"),
    row(131_005, ACCOUNT, Some(Account), "access denied", "grant the app its permissions"),
    row(131_008, PERMANENT, None, "parameter missing", "correct the message"),
    row(131_009, PERMANENT, None, "parameter invalid", "correct the message"),
    row(131_016, RETRY, None, "service overloaded", ""),
    row(131_021, PERMANENT, None, "recipient is the sender", ""),
    row(131_026, PERMANENT, Some(Recipient), "undeliverable: not on WhatsApp, terms not accepted, or old app", ""),
    row(131_030, PERMANENT, Some(Recipient), "recipient not on the test number's list", "add the recipient to the list"),
    row(131_031, ACCOUNT, Some(Account), "account locked", "see the account's quality page; appeal"),
    row(131_037, ACCOUNT, Some(Number), "display name not approved", "have the display name approved"),
    row(131_042, ACCOUNT, Some(Account), "payment problem", "correct the payment method"),
    row(131_045, ACCOUNT, Some(Number), "registration or certificate problem", "register the number"),
    row(131_047, PERMANENT, None, "24 h window closed", "use a template"),
    row(131_048, HOLD, Some(Number), "spam limit of the number", "stop the number; improve its quality"),
    row(131_049, HOLD, Some(Recipient), "Meta chose not to deliver (marketing cap)", "at least 24 h before another try"),
    row(131_050, PERMANENT, Some(Recipient), "user stopped marketing", "no marketing to this user"),
    row(131_051, PERMANENT, None, "unsupported message type", ""),
    row(131_052, PERMANENT, None, "download of received media failed", "ask the customer to send it again"),
    row(131_053, PERMANENT, None, "upload of media failed", "correct the media, then send anew"),
    row(131_056, THROTTLE, Some(Pair), "too many messages to this recipient", ""),
    row(131_057, RETRY, None, "account in maintenance or upgrade", "takes about a minute"),
    row(131_062, PERMANENT, None, "business-scoped id not supported for this message", "send to the phone number"),
    row(131_064, ACCOUNT, Some(Account), "restricted by classification", "see the account's restrictions"),
    row(132_000, PERMANENT, None, "number of template parameters differs", "correct the parameters"),
    row(132_001, PERMANENT, Some(Template), "template missing in this language or not approved", "check name and language"),
    row(132_005, PERMANENT, None, "text too long with its parameters", "shorten the parameters"),
    row(132_007, PERMANENT, Some(Template), "template violates policy", "change the template"),
    row(132_012, PERMANENT, None, "format of a template parameter differs", "correct the parameters"),
    row(132_015, HOLD, Some(Template), "template paused for low quality", "wait until it is unpaused, or edit it"),
    row(132_016, PERMANENT, Some(Template), "template disabled for low quality", "create a new template"),
    row(132_018, PERMANENT, None, "template payload invalid", "correct the parameters"),
    row(132_068, HOLD, Some(Flow), "flow blocked", "correct the flow"),
    row(132_069, THROTTLE, Some(Flow), "flow throttled", "correct the flow"),
    row(133_000, RETRY, Some(Number), "deregistration incomplete", ""),
    row(133_004, RETRY, None, "server unavailable", ""),
    row(133_005, ACCOUNT, Some(Number), "PIN wrong", "give the right PIN"),
    row(133_006, ACCOUNT, Some(Number), "number not verified", "verify the number first"),
    row(133_008, ACCOUNT, Some(Number), "too many PIN attempts", "wait"),
    row(133_009, ACCOUNT, Some(Number), "PIN entered too fast", "wait"),
    row(133_010, ACCOUNT, Some(Number), "number not registered", "register the number"),
    row(133_015, ACCOUNT, Some(Number), "number recently deleted", "wait 5 minutes"),
    row(133_016, THROTTLE, Some(Number), "registered or deregistered too often", "10 attempts in 72 h; wait for days"),
    row(137_000, PERMANENT, Some(Recipient), "identity of the recipient has changed", "confirm the recipient's identity"),
    row(139_100, PERMANENT, None, "some users could not be blocked", "inspect the items"),
    range(2_388_000, 2_388_999, PERMANENT, Some(Template), "template cannot be created", "correct the template"),
];

/// Judges an error code. `code` is `None` when the answer carried none: then 429 is a throttle, and a 5xx or an
/// unknown HTTP status may be retried. For a listed code the HTTP status does not count: Meta's mapping varies.
pub fn classify(channel: Option<Channel>, code: Option<i64>, subcode: Option<i64>, http_status: Option<u16>) -> Verdict {
    let matches = |row: &&Row| {
        code.is_some_and(|code| row.codes.contains(&code))
            && (row.subcode.is_none() || row.subcode == subcode)
            // A page code; WhatsApp has no such row.
            && (row.codes != (551..=551) || channel != Some(Channel::Whatsapp))
    };
    if let Some(row) = TABLE.iter().find(matches) {
        return Verdict { class: row.class, slows: row.slows, row: Some(row) };
    }
    let class = match (code, http_status) {
        (_, Some(500..)) | (None, None) => Class::Retry,
        (None, Some(429)) => Class::Throttle,
        _ => Class::Permanent,
    };
    Verdict { class, slows: None, row: None }
}

/// What a listed code means, and what a person does about it.
pub fn explained(code: Option<i32>) -> (Option<&'static str>, Option<&'static str>) {
    let row = code.and_then(|code| classify(None, Some(code.into()), None, None).row);
    (row.map(|row| row.meaning), row.map(|row| row.remedy).filter(|remedy| !remedy.is_empty()))
}

/// How long to leave a pair alone after the `attempt`-th (from 1) 131056 in a row: 4^n s, at most a day.
pub fn pair_pause_seconds(attempt: u32) -> u64 {
    4_u64.checked_pow(attempt).unwrap_or(u64::MAX).min(86_400)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&[1, 2, 131_000, 131_016, 131_057, 133_000, 133_004], RETRY)]
    #[case(&[4, 17, 32, 613, 80_007, 130_429, 131_056, 133_016, 132_069], THROTTLE)]
    #[case(&[131_048, 131_049, 132_015, 132_068], HOLD)]
    #[case(&[131_005, 10, 3, 200, 250, 299, 0, 190, 33, 131_031, 368, 131_064, 131_042, 131_045, 131_037], ACCOUNT)]
    #[case(&[133_005, 133_006, 133_008, 133_009, 133_010, 133_015], ACCOUNT)]
    #[case(&[131_050, 130_472, 100, 131_008, 131_009, 131_021, 131_026, 131_030, 131_047, 131_051, 131_052], PERMANENT)]
    #[case(&[131_053, 130_497, 130_403, 131_062, 137_000, 132_000, 132_012, 132_018, 132_001, 132_005], PERMANENT)]
    #[case(&[132_007, 132_016, 139_100, 2_388_040, 551], PERMANENT)]
    fn every_row_of_the_contract_has_its_class(#[case] codes: &[i64], #[case] class: Class) {
        for code in codes {
            // The HTTP status must not matter for a listed code.
            for status in [None, Some(400), Some(429), Some(500)] {
                let verdict = classify(None, Some(*code), None, status);
                assert_eq!(verdict.class, class, "{code} {status:?}");
                assert!(verdict.row.is_some(), "{code} is listed");
            }
        }
    }

    #[rstest]
    #[case(10, 2_534_022, PERMANENT)]
    #[case(100, 2_534_014, PERMANENT)]
    #[case(1, 1_357_046, HOLD)]
    #[case(100, 33, PERMANENT)]
    #[case(190, 463, ACCOUNT)]
    fn a_subcode_decides_where_one_is_listed(#[case] code: i64, #[case] subcode: i64, #[case] class: Class) {
        assert_eq!(classify(Some(Channel::Instagram), Some(code), Some(subcode), Some(400)).class, class);
    }

    #[test]
    fn an_unlisted_code_is_retried_only_after_a_server_error() {
        assert_eq!(classify(None, Some(999_999), None, Some(503)).class, RETRY);
        for status in [None, Some(200), Some(400), Some(404), Some(429)] {
            let verdict = classify(None, Some(999_999), None, status);
            assert_eq!((verdict.class, verdict.row), (PERMANENT, None), "{status:?}");
        }
    }

    #[test]
    fn limits_say_what_they_slow() {
        assert_eq!(classify(None, Some(131_056), None, None).slows, Some(Pair));
        assert_eq!(classify(None, Some(130_429), None, None).slows, Some(Number));
        assert_eq!(classify(None, Some(80_007), None, None).slows, Some(Account));
        assert_eq!(classify(None, Some(4), None, None).slows, Some(App));
    }

    #[test]
    fn a_pair_rests_longer_each_time() {
        assert_eq!([1, 2, 3].map(pair_pause_seconds), [4, 16, 64]);
        assert_eq!(pair_pause_seconds(u32::MAX), 86_400);
    }
}
