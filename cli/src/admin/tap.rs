//! `sluice tap`.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use serde_json::{Value, json};
use sluice_connectors::readable::{Decoder, bytes, redact};
use sluice_connectors::{kafka, registry};
use sluice_schemas::ids::TenantId;
use sluice_schemas::topics::{self, TOPICS, Topic};

use super::contents::{Contents, Found, Next, Start};
use super::output::notice;
use crate::config::Config;
use crate::exit::Failure;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// Topic, as `sluice topology` names it
    #[arg(value_parser = topic)]
    topic: &'static Topic,
    /// Only this tenant's records: slug or identifier
    #[arg(long)]
    tenant: Option<String>,
    /// Start with the oldest record instead of the next one
    #[arg(long)]
    from_beginning: bool,
    /// End after this many
    #[arg(short, long)]
    number: Option<u64>,
    /// One JSON object a line (the only form there is; accepted for uniformity)
    #[arg(long)]
    json: bool,
}

fn topic(name: &str) -> Result<&'static Topic, String> {
    topics::find(name).ok_or_else(|| {
        let names: Vec<&str> = TOPICS.iter().map(|topic| topic.name).collect();
        format!("is no topic; there are: {}", names.join(", "))
    })
}

/// Follows the topic until the number is reached or a signal comes.
pub async fn run(config: &Config, args: Args) -> Result<(), Failure> {
    let tenant = match &args.tenant {
        Some(text) => Some(which(config, text).await?),
        None => None,
    };
    let decoder = Decoder::new(registry::load(&config.registry()).await?);
    let stop = Arc::new(AtomicBool::new(false));
    let (options, flag) = (config.kafka.clone(), Arc::clone(&stop));
    let mut work = tokio::task::spawn_blocking(move || follow(&options, &args, tenant, &decoder, &flag));
    tokio::select! {
        done = &mut work => return done?,
        () = crate::run::signal() => stop.store(true, Ordering::Release),
    }
    work.await?
}

/// An identifier needs no look-up, so `tap` works while Postgres is down.
pub async fn which(config: &Config, text: &str) -> Result<TenantId, Failure> {
    match text.parse() {
        Ok(id) => Ok(id),
        Err(_) => super::tenant(&super::connect(config).await?, text).await,
    }
}

fn follow(options: &kafka::Options, args: &Args, tenant: Option<TenantId>, decoder: &Decoder, stop: &AtomicBool) -> Result<(), Failure> {
    let start = if args.from_beginning { Start::Beginning } else { Start::End };
    let mut contents = Contents::open(options, args.topic, start)?;
    let mut left = args.number.unwrap_or(u64::MAX);
    let mut broken = false;
    while left > 0 && !stop.load(Ordering::Acquire) {
        let found = match contents.next() {
            Ok(Next::Record(found)) => found,
            Ok(Next::End | Next::Quiet) => continue,
            // The client connects anew by itself.
            Err(kafka::Error::Unreachable(reason)) => {
                if !std::mem::replace(&mut broken, true) {
                    notice(&format!("Kafka is not reachable: {reason}; waiting for it"));
                }
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        broken = false;
        let line = line(args.topic, &found, decoder);
        if tenant.is_none_or(|tenant| belongs(tenant, &found, &line)) {
            let mut out = std::io::stdout().lock();
            writeln!(out, "{line}")?;
            out.flush()?;
            left -= 1;
        }
    }
    Ok(())
}

/// One record as one object. What cannot be decoded is shown with the reason, and the tap goes on.
fn line(topic: &Topic, found: &Found, decoder: &Decoder) -> Value {
    let mut line = json!({
        "topic": topic.name, "partition": found.partition, "offset": found.offset, "timestamp": timestamp(found.timestamp_ms),
        "key": bytes(&found.key),
    });
    match (&found.value, topic.record) {
        (None, _) => line["record"] = Value::Null,
        (Some(value), None) => line["value"] = bytes(value),
        (Some(value), Some(name)) => match decoder.record(name, value) {
            Ok(record) => line["record"] = record,
            Err(error) => {
                line["error"] = error.to_string().into();
                line["value"] = bytes(value);
            }
        },
    }
    redact(&mut line);
    line
}

/// RFC 3339.
pub fn timestamp(ms: i64) -> Option<String> {
    Timestamp::from_millisecond(ms).ok().map(|at| at.to_string())
}

/// By the record's own word, else by its key.
fn belongs(tenant: TenantId, found: &Found, line: &Value) -> bool {
    let tenant = tenant.to_string();
    match line["record"]["tenant"].as_str() {
        Some(owner) => owner == tenant,
        None => found.key.strip_prefix(tenant.as_bytes()).is_some_and(|rest| rest.is_empty() || rest[0] == b'/'),
    }
}

#[cfg(test)]
mod tests {
    use sluice_schemas::codec::Codecs;
    use sluice_schemas::record::Demand;

    use super::*;

    fn found(key: &[u8], value: Option<Vec<u8>>) -> Found {
        Found { partition: 3, offset: 9, timestamp_ms: 0, key: key.to_vec(), value }
    }

    #[test]
    fn a_line_says_where_the_record_lies_and_what_it_is() {
        let (codecs, tenant) = (Codecs::unregistered(), TenantId::from_bytes([1; 16]));
        let demand = Demand { tenant, campaign: [2; 16].into(), home: 3, epoch: 1, from: 0, n: 5, at_ms: 7 };
        let value = codecs.of::<Demand>().encode(&demand).expect("encodes");
        let topic = topics::find(topics::CAMPAIGN_DEMAND).expect("a topic");
        let record = found(b"k", Some(value));
        let shown = line(topic, &record, &Decoder::new(codecs));
        assert_eq!(shown["timestamp"], "1970-01-01T00:00:00Z");
        assert_eq!((&shown["offset"], &shown["record"]["n"]), (&json!(9), &json!(5)));
        assert!(belongs(tenant, &record, &shown) && !belongs(TenantId::UNKNOWN, &record, &shown));
    }

    #[test]
    fn what_cannot_be_decoded_is_shown_with_the_reason() {
        let decoder = Decoder::new(Codecs::unregistered());
        let topic = topics::find(topics::EVENTS).expect("a topic");
        let shown = line(topic, &found(b"k", Some(b"{}".to_vec())), &decoder);
        assert!(shown["error"].as_str().is_some_and(|e| e.contains("framed")) && shown["value"] == "{}", "{shown}");
        assert_eq!(line(topic, &found(b"k", None), &decoder)["record"], Value::Null);
    }

    #[test]
    fn a_tombstone_belongs_to_the_tenant_of_its_key() {
        let tenant = TenantId::from_bytes([1; 16]);
        assert!(belongs(tenant, &found(format!("{tenant}/x").as_bytes(), None), &Value::Null));
        assert!(!belongs(tenant, &found(format!("{tenant}0").as_bytes(), None), &Value::Null));
    }

    #[test]
    fn an_unknown_topic_is_answered_with_those_there_are() {
        assert!(topic("event").is_err_and(|e| e.contains("events.raw")));
        assert!(topic("events").is_ok());
    }
}
