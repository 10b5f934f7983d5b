//! The one table of the data flow: what reads what, writes what, and what holds when it crashes. Read this file first.

use sluice_schemas::topics as t;

/// What kind of part it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Pure stages in one Kafka transaction per window.
    Chain,
    /// Does I/O at the edge.
    Effect,
}

/// One row of the topology: a role that `sluice run --role NAME` runs.
#[derive(Debug, Clone, Copy)]
pub struct Role {
    /// Role, consumer group and metric label.
    pub name: &'static str,
    /// Chain or effect.
    pub kind: Kind,
    /// Stages, in order.
    pub stages: &'static [&'static str],
    /// Topics read; the first of a chain is its anchor, whose assignment the others follow.
    pub reads: &'static [&'static str],
    /// Topics and tables written.
    pub writes: &'static [&'static str],
    /// What holds, also across a crash.
    pub guarantee: &'static str,
    /// State and where its truth is.
    pub state: &'static str,
}

/// A chain's topics beyond its inputs and outputs.
#[derive(Debug, Clone, Copy)]
pub struct ChainTopics {
    /// Role name.
    pub name: &'static str,
    /// One record per transaction and partition.
    pub journal: &'static str,
    /// Keyed state.
    pub changelog: &'static str,
    /// Packed state that only grows, if any.
    pub packed: Option<&'static str>,
}

/// Topics of the chains.
pub const CHAINS: &[ChainTopics] = &[
    ChainTopics { name: "intake", journal: t::JOURNAL_INTAKE, changelog: t::CHANGELOG_INTAKE, packed: Some(t::CHANGELOG_DEDUP) },
    ChainTopics { name: "ledger", journal: t::JOURNAL_LEDGER, changelog: t::CHANGELOG_LEDGER, packed: None },
    ChainTopics { name: "reconcile", journal: t::JOURNAL_RECONCILE, changelog: t::CHANGELOG_RECONCILE, packed: None },
];

/// Every role, in the order of the data flow.
pub const TOPOLOGY: &[Role] = &[
    Role {
        name: "ingress",
        kind: Kind::Effect,
        stages: &["ingress"],
        reads: &[],
        writes: &[t::EVENTS_RAW, t::EVENTS_UNROUTED],
        guarantee: "at least once: 200 only after all in-sync replicas have every update; otherwise Meta resends",
        state: "none",
    },
    Role {
        name: "intake",
        kind: Kind::Chain,
        stages: &["dedup", "conversation", "quote"],
        reads: &[t::EVENTS_RAW, t::CONVERSATION_COMMANDS, t::CONFIG],
        writes: &[t::EVENTS, t::CONVERSATIONS, t::QUOTES, t::OUTBOUND_REPLY, t::HOLDS, t::EVENTS_DEAD_LETTER],
        guarantee: "exactly once: inputs, outputs, state and journal commit together",
        state: "hashes of 8 days, conversations, aliases, quotes, configuration; changelog",
    },
    Role {
        name: "ledger",
        kind: Kind::Chain,
        stages: &["ledger"],
        reads: &[
            t::OUTBOUND_REPLY,
            t::OUTBOUND_TRANSACTIONAL,
            t::OUTBOUND_BULK,
            t::SEND_RESULTS,
            t::CAMPAIGN_CONTROL,
            t::CONFIG,
            t::EVENTS,
        ],
        writes: &[t::SEND_CLAIMS, t::SEND_LEDGER, t::CAMPAIGN_DEMAND, t::HOLDS, t::OPT_OUTS, t::EVENTS_DEAD_LETTER],
        guarantee: "exactly once; at most one automatic transmission whose outcome is not proven negative",
        state: "sends, campaign cursors, number buckets, holds, opt-outs; changelog",
    },
    Role {
        name: "sender",
        kind: Kind::Effect,
        stages: &["sender"],
        reads: &[t::SEND_CLAIMS],
        writes: &[t::SEND_RESULTS],
        guarantee: "at most once: a claim's offset is committed before its first byte leaves",
        state: "none",
    },
    Role {
        name: "expand",
        kind: Kind::Effect,
        stages: &["expand"],
        reads: &[t::CAMPAIGN_DEMAND],
        writes: &[t::OUTBOUND_BULK],
        guarantee: "at least once: a repeated demand gives the same send ids, which the ledger absorbs",
        state: "none",
    },
    Role {
        name: "reconcile",
        kind: Kind::Chain,
        stages: &["reconcile"],
        reads: &[t::SEND_LEDGER, t::EVENTS, t::CONFIG],
        writes: &[t::MESSAGES, t::HOLDS, t::EVENTS_DEAD_LETTER],
        guarantee: "exactly once; a message's state never goes backwards",
        state: "one lifecycle per message, wamids, early statuses; changelog",
    },
    Role {
        name: "archive",
        kind: Kind::Effect,
        stages: &["archive"],
        reads: &[t::EVENTS, t::CONVERSATIONS, t::MESSAGES],
        writes: &["cql messages, steps, conversations"],
        guarantee: "at least once onto immutable rows stamped with event time: repeats change nothing",
        state: "none",
    },
    Role {
        name: "tally",
        kind: Kind::Effect,
        stages: &["tally"],
        reads: &[t::MESSAGES, t::QUOTES, t::HOLDS, t::OPT_OUTS],
        writes: &["postgres campaign_counters, campaign_answers, quotes, sends_attention, holds, opt_outs"],
        guarantee: "exactly once: counters and offsets commit in one Postgres transaction",
        state: "offsets in Postgres",
    },
    Role {
        name: "accounts",
        kind: Kind::Effect,
        stages: &["accounts"],
        reads: &[t::EVENTS],
        writes: &["postgres templates, numbers"],
        guarantee: "at least once: Meta is asked anew at a start, every hour and after each of its words about an account",
        state: "none",
    },
    Role {
        name: "media",
        kind: Kind::Effect,
        stages: &["media"],
        reads: &[t::EVENTS, t::MEDIA_RETRY_1M, t::MEDIA_RETRY_15M, t::MEDIA_RETRY_2H],
        writes: &["files", t::MEDIA_RETRY_1M, t::MEDIA_RETRY_15M, t::MEDIA_RETRY_2H, t::EVENTS_DEAD_LETTER],
        guarantee: "at least once onto keys made of the message's id: a repeat finds the file there",
        state: "none",
    },
    Role {
        name: "outbox",
        kind: Kind::Effect,
        stages: &["outbox"],
        reads: &["postgres outbox"],
        writes: &[t::CONFIG, t::CAMPAIGN_CONTROL],
        guarantee: "at least once, in order: readers keep the highest version or epoch",
        state: "none",
    },
    Role {
        name: "api",
        kind: Kind::Effect,
        stages: &["live"],
        reads: &[t::CONVERSATIONS, t::QUOTES, t::MESSAGES],
        writes: &[t::CONVERSATION_COMMANDS, t::OUTBOUND_TRANSACTIONAL, "postgres", "server-sent events"],
        guarantee: "commands: acknowledged by all in-sync replicas before 2xx; live: best effort, resumable by cursor",
        state: "none",
    },
];

/// The role of this name.
pub fn role(name: &str) -> Option<&'static Role> {
    TOPOLOGY.iter().find(|role| role.name == name)
}

/// The topics of chain `name`.
pub fn chain(name: &str) -> Option<&'static ChainTopics> {
    CHAINS.iter().find(|chain| chain.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_named_here_is_in_the_table_of_topics_and_is_used() {
        let mut used = std::collections::BTreeSet::new();
        for role in TOPOLOGY {
            for name in role.reads.iter().chain(role.writes).filter(|name| !name.contains(' ') && !["postgres", "files"].contains(name)) {
                assert!(t::find(name).is_some(), "{name}");
                used.insert(*name);
            }
        }
        for chain in CHAINS {
            used.extend([chain.journal, chain.changelog]);
            used.extend(chain.packed);
        }
        for topic in t::TOPICS {
            assert!(used.contains(topic.name), "{} is written by nobody", topic.name);
        }
    }

    #[test]
    fn every_chain_has_its_topics() {
        for role in TOPOLOGY.iter().filter(|role| role.kind == Kind::Chain) {
            assert!(chain(role.name).is_some(), "{}", role.name);
        }
    }
}
