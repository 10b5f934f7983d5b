//! The table of topics: name, record, key, retention. Partitions are the same for all and fixed for a cluster's life.

use crate::time::Millis;

/// How a topic forgets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cleanup {
    /// By age, in milliseconds.
    After(i64),
    /// Keeps the newest record of each key.
    Compact,
    /// Keeps every record for this long, in milliseconds, and after it the newest of each key.
    CompactAfter(i64),
}

/// One topic.
#[derive(Debug, Clone, Copy)]
pub struct Topic {
    /// Name without the cluster's prefix.
    pub name: &'static str,
    /// Schema of its values; `None` for raw bytes.
    pub record: Option<&'static str>,
    /// How it forgets.
    pub cleanup: Cleanup,
    /// Whether the broker stamps records with its append time: the event time of the chains.
    pub append_time: bool,
    /// What it carries.
    pub doc: &'static str,
}

/// Raw events, journals and unrouted updates are kept this long: the reach of a replay. Compacted topics that a chain reads keep every
/// record as long, or a replay would miss versions that the chain had seen; so do the states that time travel answers from.
pub const HISTORY: i64 = 30 * Millis::DAY;
/// Dedup remembers 8 days; its changelog a day more.
pub const DEDUP_LOG: i64 = 9 * Millis::DAY;
const WEEK: i64 = 7 * Millis::DAY;

macro_rules! topics {
    ($($constant:ident = $name:literal, $record:expr, $cleanup:expr, $append:literal, $doc:literal;)+) => {
        $(#[doc = $doc] pub const $constant: &str = $name;)+
        /// Every topic, in the order of the data flow.
        pub const TOPICS: &[Topic] = &[$(Topic { name: $name, record: $record, cleanup: $cleanup, append_time: $append, doc: $doc }),+];
    };
}

topics! {
    EVENTS_RAW = "events.raw", Some("raw_event"), Cleanup::After(HISTORY), true, "Webhook updates as received, one record each.";
    EVENTS_UNROUTED = "events.unrouted", Some("raw_event"), Cleanup::After(HISTORY), true, "Updates for numbers that no tenant has registered.";
    EVENTS_DEAD_LETTER = "events.dead-letter", Some("dead_letter"), Cleanup::After(HISTORY), false, "Records that a stage could not process.";
    EVENTS = "events", Some("event"), Cleanup::After(WEEK), false, "Deduplicated facts, understood.";
    MEDIA_RETRY_1M = "media.retry.1m", Some("event"), Cleanup::After(WEEK), false, "Facts whose files are tried again after a minute.";
    MEDIA_RETRY_15M = "media.retry.15m", Some("event"), Cleanup::After(WEEK), false, "The same after a quarter of an hour.";
    MEDIA_RETRY_2H = "media.retry.2h", Some("event"), Cleanup::After(WEEK), false, "The same after two hours.";
    CONVERSATION_COMMANDS = "conversation.commands", Some("command"), Cleanup::After(HISTORY), true, "Decisions of people about conversations and quotes.";
    CONVERSATIONS = "conversations", Some("conversation"), Cleanup::CompactAfter(HISTORY), false, "State of each conversation after its last change.";
    QUOTES = "quotes", Some("quote"), Cleanup::CompactAfter(HISTORY), false, "State of each quote after its last change.";
    OUTBOUND_REPLY = "outbound.reply", Some("outbound"), Cleanup::After(WEEK), false, "Sends that answer a person who waits.";
    OUTBOUND_TRANSACTIONAL = "outbound.transactional", Some("outbound"), Cleanup::After(WEEK), false, "Sends that an event or a request asked for.";
    OUTBOUND_BULK = "outbound.bulk", Some("outbound"), Cleanup::After(WEEK), false, "Sends of campaigns.";
    CAMPAIGN_CONTROL = "campaign.control", Some("control"), Cleanup::CompactAfter(HISTORY), false, "What each campaign shall do, by home.";
    CAMPAIGN_DEMAND = "campaign.demand", Some("demand"), Cleanup::After(Millis::DAY), false, "The ledger's pulls for audience rows.";
    SEND_CLAIMS = "send.claims", Some("claim"), Cleanup::After(WEEK), false, "Leave to transmit, committed before the first byte.";
    SEND_RESULTS = "send.results", Some("send_result"), Cleanup::After(WEEK), true, "What became of each attempt.";
    SEND_LEDGER = "send.ledger", Some("ledger_entry"), Cleanup::After(WEEK), false, "Every step of every send up to its acceptance.";
    HOLDS = "holds", Some("hold"), Cleanup::Compact, false, "What sends wait for, by cause.";
    OPT_OUTS = "opt-outs", Some("opt_out"), Cleanup::Compact, false, "Who wants no offers, by person.";
    MESSAGES = "messages", Some("message"), Cleanup::After(HISTORY), false, "Every step of every outbound message, one lifecycle each.";
    CONFIG = "config", Some("config"), Cleanup::CompactAfter(HISTORY), false, "Configuration of each tenant, by version.";
    JOURNAL_INTAKE = "journal.intake", Some("journal"), Cleanup::After(HISTORY), false, "Transactions of the chain `intake`.";
    JOURNAL_LEDGER = "journal.ledger", Some("journal"), Cleanup::After(HISTORY), false, "Transactions of the chain `ledger`.";
    JOURNAL_RECONCILE = "journal.reconcile", Some("journal"), Cleanup::After(HISTORY), false, "Transactions of the chain `reconcile`.";
    CHANGELOG_INTAKE = "changelog.intake", None, Cleanup::Compact, false, "Keyed state of the chain `intake`.";
    CHANGELOG_DEDUP = "changelog.dedup", None, Cleanup::After(DEDUP_LOG), false, "Packed 16-byte hashes that dedup remembers.";
    CHANGELOG_LEDGER = "changelog.ledger", None, Cleanup::Compact, false, "Keyed state of the chain `ledger`.";
    CHANGELOG_RECONCILE = "changelog.reconcile", None, Cleanup::Compact, false, "Keyed state of the chain `reconcile`.";
}

/// The topic of this name.
pub fn find(name: &str) -> Option<&'static Topic> {
    TOPICS.iter().find(|topic| topic.name == name)
}

/// Record key of everything about one conversation: `tenant/conversation`, so that its records keep their order.
pub fn key(tenant: crate::ids::TenantId, rest: &impl std::fmt::Display) -> String {
    use std::fmt::Write as _;
    // Two identifiers and the slash: every record has such a key, and growing it would cost more than writing it.
    let mut key = String::with_capacity(73);
    match write!(key, "{tenant}/{rest}") {
        Ok(()) => key,
        Err(e) => unreachable!("a string takes all text: {e}"),
    }
}

/// Home partition of a tenant among `partitions`, by rendezvous hash. Computed once, then stored: the stored value rules.
pub fn home(tenant: crate::ids::TenantId, partitions: i32) -> i32 {
    use std::hash::Hasher;
    (0..partitions)
        .max_by_key(|partition| {
            let mut hasher = siphasher::sip::SipHasher13::new_with_keys(0x736c_7569, 0x6365);
            hasher.write(tenant.as_bytes());
            hasher.write_i32(*partition);
            hasher.finish()
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::TenantId;

    #[test]
    fn every_record_named_here_has_a_schema() {
        for topic in TOPICS {
            if let Some(record) = topic.record {
                assert!(crate::record::SCHEMAS.iter().any(|(name, _)| *name == record), "{}", topic.name);
            }
        }
    }

    #[test]
    fn a_home_moves_only_to_a_partition_that_was_added() {
        for n in 0..200u8 {
            let tenant = TenantId::from_bytes([n; 16]);
            let (few, many) = (home(tenant, 8), home(tenant, 9));
            assert!(few == many || many == 8);
        }
    }
}
