//! Topics: what should be, what is, and the difference.

use std::collections::BTreeMap;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use sluice_schemas::topics::{Cleanup, TOPICS, Topic};

use super::{CALL, Error, Options};

/// What `sluice migrate` finds about one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// As it should be.
    Present,
    /// Will be created.
    Missing,
    /// Exists with another number of partitions, which cannot be changed: every record's home would move.
    Partitions(usize),
}

/// Every topic of the table with what the cluster has.
pub fn plan(options: &Options) -> Result<Vec<(&'static Topic, Finding)>, Error> {
    let existing = existing(options)?;
    Ok(TOPICS
        .iter()
        .map(|topic| {
            let finding = match existing.get(&options.name(topic.name)) {
                None => Finding::Missing,
                Some(n) if *n == options.partitions as usize => Finding::Present,
                Some(n) => Finding::Partitions(*n),
            };
            (topic, finding)
        })
        .collect())
}

fn existing(options: &Options) -> Result<BTreeMap<String, usize>, Error> {
    let consumer: BaseConsumer = options.client().create()?;
    let metadata = consumer.fetch_metadata(None, CALL).map_err(|e| Error::Unreachable(e.to_string()))?;
    Ok(metadata.topics().iter().map(|t| (t.name().to_owned(), t.partitions().len())).collect())
}

/// Creates what is missing; safe to repeat. Returns the names it created.
pub async fn migrate(options: &Options) -> Result<Vec<String>, Error> {
    let mut missing = Vec::new();
    for (topic, finding) in plan(options)? {
        match finding {
            Finding::Present => {}
            Finding::Missing => missing.push(topic),
            Finding::Partitions(n) => {
                return Err(Error::Topic {
                    topic: options.name(topic.name),
                    reason: format!(
                        "has {n} partitions, kafka.partitions says {}; they are fixed for a cluster's life",
                        options.partitions
                    ),
                });
            }
        }
    }
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let admin: AdminClient<DefaultClientContext> = options.client().create()?;
    let names: Vec<String> = missing.iter().map(|topic| options.name(topic.name)).collect();
    let settings: Vec<Vec<(&str, String)>> = missing.iter().map(|topic| settings(topic, options)).collect();
    let wanted: Vec<NewTopic<'_>> = names
        .iter()
        .zip(&settings)
        .map(|(name, settings)| {
            let topic = NewTopic::new(name, options.partitions, TopicReplication::Fixed(options.replication));
            settings.iter().fold(topic, |topic, (key, value)| topic.set(key, value))
        })
        .collect();
    let call = AdminOptions::new().operation_timeout(Some(CALL)).request_timeout(Some(CALL));
    for result in admin.create_topics(&wanted, &call).await? {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => return Err(Error::Topic { topic, reason: code.to_string() }),
        }
    }
    Ok(names)
}

fn settings(topic: &Topic, options: &Options) -> Vec<(&'static str, String)> {
    let mut settings = vec![("min.insync.replicas", options.min_insync.to_string())];
    match topic.cleanup {
        Cleanup::Compact => settings.push(("cleanup.policy", "compact".into())),
        Cleanup::After(ms) => {
            settings.push(("cleanup.policy", "delete".into()));
            settings.push(("retention.ms", ms.to_string()));
        }
    }
    if topic.append_time {
        settings.push(("message.timestamp.type", "LogAppendTime".into()));
    }
    settings
}
