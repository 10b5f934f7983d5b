//! Kafka: the truth. Topics, an acknowledged producer, transactions for the chains, the consumer loop of the effects, lag.

pub mod admin;
pub mod consumer;
mod due;
pub mod lag;
pub mod log;
pub mod producer;
pub mod stale;
pub mod tail;
pub mod transaction;

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Headers as _, Message};
use serde::Deserialize;
use sluice_schemas::record::Header;

/// Where the cluster is and how topics are named.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Bootstrap servers, `host:port[,host:port]`.
    pub brokers: String,
    /// Put before every topic, consumer group and transactional id, so that several systems can share a cluster.
    pub prefix: String,
    /// Partitions of every topic, fixed for the cluster's life.
    pub partitions: i32,
    /// Replication factor of topics that `sluice migrate` creates.
    pub replication: i32,
    /// `min.insync.replicas` of those topics.
    pub min_insync: i32,
    /// `plaintext`, `ssl`, `sasl_plaintext`, `sasl_ssl`.
    pub security_protocol: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            brokers: "127.0.0.1:9092".into(),
            prefix: String::new(),
            partitions: 8,
            replication: 1,
            min_insync: 1,
            security_protocol: "plaintext".into(),
        }
    }
}

impl Options {
    /// The cluster's name of a topic, consumer group or transactional id.
    pub fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Settings that every client shares: addresses, security, reconnection.
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("security.protocol", &self.security_protocol)
            .set("client.id", "sluice")
            // Reconnect soon: a broker that comes back must not wait for the default back-off of 10 s.
            .set("reconnect.backoff.max.ms", "1000")
            .set("socket.keepalive.enable", "true")
            .set("topic.metadata.refresh.interval.ms", "30000");
        config
    }
}

/// What went wrong at the edge to Kafka.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// No broker answers.
    #[error("Kafka is not reachable: {0}; check kafka.brokers")]
    Unreachable(String),
    /// The local queue is full or the broker did not acknowledge in time: the caller must say so, not wait.
    #[error("Kafka did not take the records: {0}")]
    Refused(String),
    /// Another instance has this one's identity; only leaving is safe.
    #[error("fenced: another instance runs as this one: {0}")]
    Fenced(String),
    /// A topic is missing or has another shape.
    #[error("topic {topic}: {reason}")]
    Topic {
        /// The topic.
        topic: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The client has lost a partition for good; a fresh one finds it again.
    #[error("the client has lost the leader of a partition, and does not look for it again")]
    Stale,
    /// Anything else the client reports.
    #[error("Kafka: {0}")]
    Client(String),
}

impl Error {
    /// Stable name for metrics.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::Refused(_) => "refused",
            Self::Fenced(_) => "fenced",
            Self::Topic { .. } => "topic",
            Self::Stale => "stale",
            Self::Client(_) => "client",
        }
    }
}

impl From<KafkaError> for Error {
    fn from(e: KafkaError) -> Self {
        match e.rdkafka_error_code() {
            Some(RDKafkaErrorCode::BrokerTransportFailure | RDKafkaErrorCode::AllBrokersDown | RDKafkaErrorCode::Resolve) => {
                Self::Unreachable(e.to_string())
            }
            Some(RDKafkaErrorCode::QueueFull | RDKafkaErrorCode::MessageTimedOut | RDKafkaErrorCode::NotEnoughReplicas) => {
                Self::Refused(e.to_string())
            }
            Some(RDKafkaErrorCode::Fenced | RDKafkaErrorCode::ProducerFenced | RDKafkaErrorCode::FencedInstanceId) => {
                Self::Fenced(e.to_string())
            }
            _ => Self::Client(e.to_string()),
        }
    }
}

/// Tells a fence that may be our own doing from one by another instance.
///
/// When a broker restarts, the answer to a static member's join can be lost: the member asks again under its old member id, and the
/// coordinator takes it for an impostor of itself. A fresh client gets the identity back. A real second instance does the same and
/// fences us again at once, so only the first fence of a while is answered by coming back.
#[derive(Debug, Default)]
pub struct Fences {
    last: Option<Instant>,
}

impl Fences {
    /// A fence that comes this long after the one before it is a new occasion.
    pub const QUIET: Duration = Duration::from_mins(1);

    /// Notes a fence; says whether to come back with a fresh client, else only leaving is safe.
    pub fn may_return(&mut self, now: Instant) -> bool {
        let before = self.last.replace(now);
        before.is_none_or(|before| now.saturating_duration_since(before) >= Self::QUIET)
    }
}

/// The headers of a record; none cost nothing.
pub fn headers(message: &impl Message) -> Vec<Header> {
    let owned = |header: rdkafka::message::Header<'_, &[u8]>| Header {
        key: header.key.to_owned(),
        value: header.value.unwrap_or_default().to_vec(),
    };
    message.headers().map(|headers| headers.iter().map(owned).collect()).unwrap_or_default()
}

/// Limit of a call that asks a broker something.
pub(crate) const CALL: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_fence_of_a_while_may_be_our_own_and_the_next_is_not() {
        let (mut fences, start) = (Fences::default(), Instant::now());
        assert!(fences.may_return(start));
        assert!(!fences.may_return(start + Duration::from_secs(5)));
        assert!(!fences.may_return(start + Duration::from_secs(50)), "every fence begins the quiet anew");
        assert!(fences.may_return(start + Duration::from_secs(50) + Fences::QUIET));
    }
}
