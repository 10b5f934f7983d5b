//! Topics: what should be, what is, and the difference.

use std::collections::BTreeMap;

use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, ConfigResource, ConfigSource, NewTopic, OwnedResourceSpecifier, ResourceSpecifier,
    TopicReplication,
};
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
    /// Exists and will be given these settings, which it lacks.
    Settings(Vec<&'static str>),
    /// Exists with another number of partitions, which cannot be changed: every record's home would move.
    Partitions(usize),
}

type Admin = AdminClient<DefaultClientContext>;

/// Every topic of the table with what the cluster has.
pub async fn plan(options: &Options) -> Result<Vec<(&'static Topic, Finding)>, Error> {
    let admin: Admin = options.client().create()?;
    let asked = options.clone();
    let existing = tokio::task::spawn_blocking(move || existing(&asked)).await.map_err(|e| Error::Client(e.to_string()))??;
    let names: Vec<String> = TOPICS.iter().map(|topic| options.name(topic.name)).filter(|name| existing.contains_key(name)).collect();
    let described = describe(&admin, &names).await?;
    let finding = |topic: &Topic| {
        let name = options.name(topic.name);
        match (existing.get(&name), described.get(&name)) {
            (None, _) => Finding::Missing,
            (Some(n), _) if *n != options.partitions as usize => Finding::Partitions(*n),
            (_, None) => Finding::Present,
            (_, Some(now)) => match differing(&settings(topic, options), now) {
                settings if settings.is_empty() => Finding::Present,
                settings => Finding::Settings(settings),
            },
        }
    };
    Ok(TOPICS.iter().map(|topic| (topic, finding(topic))).collect())
}

fn existing(options: &Options) -> Result<BTreeMap<String, usize>, Error> {
    let consumer: BaseConsumer = options.client().create()?;
    let metadata = consumer.fetch_metadata(None, CALL).map_err(|e| Error::Unreachable(e.to_string()))?;
    Ok(metadata.topics().iter().map(|t| (t.name().to_owned(), t.partitions().len())).collect())
}

async fn describe(admin: &Admin, names: &[String]) -> Result<BTreeMap<String, ConfigResource>, Error> {
    let wanted: Vec<ResourceSpecifier<'_>> = names.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    let described = admin.describe_configs(&wanted, &call()).await?;
    let named = |found: ConfigResource| match &found.specifier {
        OwnedResourceSpecifier::Topic(name) => Some((name.clone(), found)),
        _ => None,
    };
    let found: Result<Vec<_>, _> = described.into_iter().collect();
    Ok(found.map_err(|code| refused("settings".into(), code))?.into_iter().filter_map(named).collect())
}

/// The settings that nobody has given the topic and whose default is not ours. A value that an operator chose stays.
fn differing(wanted: &[(&'static str, String)], now: &ConfigResource) -> Vec<&'static str> {
    let open = |key: &str, value: &str| {
        now.get(key).is_none_or(|entry| entry.source != ConfigSource::DynamicTopic && entry.value.as_deref() != Some(value))
    };
    wanted.iter().filter(|(key, value)| open(key, value)).map(|(key, _)| *key).collect()
}

/// Creates the topics and settings that are missing; safe to repeat. Returns the names of the topics that it touched.
pub async fn migrate(options: &Options) -> Result<Vec<String>, Error> {
    let (mut missing, mut lacking) = (Vec::new(), Vec::new());
    for (topic, finding) in plan(options).await? {
        match finding {
            Finding::Present => {}
            Finding::Missing => missing.push(topic),
            Finding::Settings(_) => lacking.push(topic),
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
    let admin: Admin = options.client().create()?;
    let mut touched = create(&admin, options, &missing).await?;
    touched.extend(alter(&admin, options, &lacking).await?);
    Ok(touched)
}

async fn create(admin: &Admin, options: &Options, missing: &[&Topic]) -> Result<Vec<String>, Error> {
    if missing.is_empty() {
        return Ok(Vec::new());
    }
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
    for result in admin.create_topics(&wanted, &call()).await? {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => return Err(refused(topic, code)),
        }
    }
    Ok(names)
}

/// The call resets every setting that it does not name, so those that the topic has are named again.
async fn alter(admin: &Admin, options: &Options, lacking: &[&Topic]) -> Result<Vec<String>, Error> {
    let names: Vec<String> = lacking.iter().map(|topic| options.name(topic.name)).collect();
    let described = describe(admin, &names).await?;
    for (name, topic) in names.iter().zip(lacking) {
        let Some(now) = described.get(name) else { continue };
        let (own, lacks) = (settings(topic, options), differing(&settings(topic, options), now));
        let kept = now.entries.iter().filter(|entry| entry.source == ConfigSource::DynamicTopic);
        let kept = kept.filter_map(|entry| Some((entry.name.as_str(), entry.value.as_deref()?)));
        let new = own.iter().filter(|(key, _)| lacks.contains(key)).map(|(key, value)| (*key, value.as_str()));
        let all = kept.chain(new);
        let wanted = all.fold(AlterConfig::new(ResourceSpecifier::Topic(name)), |config, (key, value)| config.set(key, value));
        for result in admin.alter_configs([&wanted], &call()).await? {
            result.map_err(|(_, code)| refused(name.clone(), code))?;
        }
    }
    Ok(names)
}

fn call() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(CALL)).request_timeout(Some(CALL))
}

fn refused(topic: String, code: RDKafkaErrorCode) -> Error {
    Error::Topic { topic, reason: code.to_string() }
}

fn settings(topic: &Topic, options: &Options) -> Vec<(&'static str, String)> {
    let mut settings = vec![("min.insync.replicas", options.min_insync.to_string())];
    match topic.cleanup {
        Cleanup::Compact => settings.push(("cleanup.policy", "compact".into())),
        Cleanup::CompactAfter(ms) => {
            settings.push(("cleanup.policy", "compact".into()));
            settings.push(("min.compaction.lag.ms", ms.to_string()));
        }
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
