//! `sluice dead-letters`.

use std::str::FromStr;

use anyhow::anyhow;
use clap::Subcommand;
use serde_json::{Value, json};
use sluice_connectors::{kafka, registry};
use sluice_schemas::ids::TenantId;
use sluice_schemas::record::{DeadLetter, Record as _};
use sluice_schemas::topics::{self, Topic};

use super::contents::{Contents, Found, Next, Start};
use super::decode::{Decoder, bytes};
use super::output::Form;
use super::redact::redact;
use super::tap::{timestamp, which};
use crate::config::Config;
use crate::exit::Failure;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    form: Form,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Lists dead letters, each with the stage that gave up and the reason
    #[command(after_help = "Example: sluice dead-letters list --tenant acme --stage parse")]
    List {
        /// Only this tenant's: slug or identifier
        #[arg(long)]
        tenant: Option<String>,
        /// Only this stage's
        #[arg(long)]
        stage: Option<String>,
        /// Only this kind of error
        #[arg(long)]
        kind: Option<String>,
    },
    /// Shows one dead letter with the record that it keeps
    #[command(after_help = "Example: sluice dead-letters show 3:17")]
    Show {
        /// Its place as `list` prints it, `PARTITION:OFFSET`
        id: Place,
    },
}

/// Partition and offset in `events.dead-letter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place(i32, i64);

impl FromStr for Place {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        text.split_once(':')
            .and_then(|(partition, offset)| Some(Self(partition.parse().ok()?, offset.parse().ok()?)))
            .filter(|place| place.0 >= 0 && place.1 >= 0)
            .ok_or_else(|| "give PARTITION:OFFSET, as in 3:17; `sluice dead-letters list` prints it".into())
    }
}

const COLUMNS: [&str; 7] = ["id", "at", "tenant", "stage", "kind", "source", "detail"];

/// Runs the verb.
pub async fn run(config: &Config, args: Args) -> Result<(), Failure> {
    let decoder = Decoder::new(registry::load(&config.registry()).await?);
    let (options, form) = (config.kafka.clone(), args.form);
    match args.verb {
        Verb::List { tenant, stage, kind } => {
            let tenant = match &tenant {
                Some(text) => Some(which(config, text).await?),
                None => None,
            };
            let wanted = move |row: &Value| fits(row, tenant, stage.as_deref(), kind.as_deref());
            tokio::task::spawn_blocking(move || list(&options, form, &decoder, wanted)).await?
        }
        Verb::Show { id } => tokio::task::spawn_blocking(move || show(&options, form, &decoder, id)).await?,
    }
}

fn fits(row: &Value, tenant: Option<TenantId>, stage: Option<&str>, kind: Option<&str>) -> bool {
    tenant.is_none_or(|tenant| row["tenant"] == tenant.to_string().as_str())
        && stage.is_none_or(|stage| row["stage"] == stage)
        && kind.is_none_or(|kind| row["kind"] == kind)
}

fn dead_letters() -> Result<&'static Topic, Failure> {
    topics::find(topics::EVENTS_DEAD_LETTER).ok_or_else(|| anyhow!("there is no topic of dead letters").into())
}

fn list(options: &kafka::Options, form: Form, decoder: &Decoder, wanted: impl Fn(&Value) -> bool) -> Result<(), Failure> {
    let mut contents = Contents::open(options, dead_letters()?, Start::Beginning)?;
    let mut rows = Vec::new();
    loop {
        match contents.next()? {
            Next::Record(found) => {
                let row = row(&found, decoder);
                if wanted(&row) {
                    rows.push(row);
                }
            }
            Next::Quiet => {}
            Next::End => break,
        }
    }
    rows.sort_by(|a, b| a["at"].as_str().cmp(&b["at"].as_str()));
    form.rows(&COLUMNS, &rows)
}

/// A dead letter without what it keeps. One that cannot be decoded is listed as well: it is a fault of its own.
fn row(found: &Found, decoder: &Decoder) -> Value {
    let place = json!({"id": format!("{}:{}", found.partition, found.offset), "at": timestamp(found.timestamp_ms)});
    let letter = decoder.record(DeadLetter::NAME, found.value.as_deref().unwrap_or_default());
    let mut row = match letter {
        Ok(letter) => json!({
            "tenant": letter["tenant"], "stage": letter["stage"], "kind": letter["kind"], "detail": letter["detail"],
            "source": format!("{}/{}/{}", letter["topic"].as_str().unwrap_or_default(), letter["partition"], letter["offset"]),
            "attempt": letter["attempt"], "build": letter["build"],
        }),
        Err(error) => json!({"tenant": null, "stage": null, "kind": error.kind(), "detail": error.to_string(), "source": null}),
    };
    if let (Some(row), Value::Object(place)) = (row.as_object_mut(), place) {
        row.extend(place);
    }
    row
}

fn show(options: &kafka::Options, form: Form, decoder: &Decoder, place: Place) -> Result<(), Failure> {
    let mut contents = Contents::open(options, dead_letters()?, Start::At(place.0, place.1))?;
    loop {
        match contents.next()? {
            Next::Record(found) if found.offset == place.1 => {
                let letter = whole(options, &found, decoder);
                return form.one(&letter, &serde_json::to_string_pretty(&letter)?);
            }
            // Offsets of transaction markers hold no record.
            Next::Record(_) | Next::End => return Err(anyhow!("ID: there is no dead letter at {}:{}", place.0, place.1).into()),
            Next::Quiet => {}
        }
    }
}

/// The row with the original key, and the original record decoded by its topic's schema; as it is where that fails.
fn whole(options: &kafka::Options, found: &Found, decoder: &Decoder) -> Value {
    let mut row = row(found, decoder);
    let stored = found.value.as_deref().unwrap_or_default();
    // A letter that cannot be decoded is itself what is shown.
    let (key, value, topic) = decoder.original(stored).unwrap_or_else(|| (found.key.clone(), stored.to_vec(), String::new()));
    row["key"] = bytes(&key);
    let name = topic.strip_prefix(&options.prefix).and_then(topics::find).and_then(|topic| topic.record);
    match name.map(|name| decoder.record(name, &value)) {
        Some(Ok(record)) => row["record"] = record,
        Some(Err(error)) => {
            row["error"] = error.to_string().into();
            row["value"] = bytes(&value);
        }
        None => row["value"] = bytes(&value),
    }
    redact(&mut row);
    row
}

#[cfg(test)]
mod tests {
    use sluice_schemas::codec::Codecs;
    use sluice_schemas::record::Demand;

    use super::*;

    fn letter(codecs: &Codecs, value: Vec<u8>) -> Found {
        let letter = DeadLetter {
            tenant: TenantId::from_bytes([1; 16]),
            stage: "ledger".into(),
            kind: "poison".into(),
            detail: "`n` is negative".into(),
            topic: "test.campaign.demand".into(),
            partition: 3,
            offset: 17,
            timestamp_ms: 0,
            attempt: 1,
            build: "b".into(),
            key: b"k".to_vec(),
            value,
            role: "ledger".into(),
            headers: Vec::new(),
        };
        let value = codecs.of::<DeadLetter>().encode(&letter).expect("encodes");
        Found { partition: 1, offset: 2, timestamp_ms: 0, key: Vec::new(), value: Some(value) }
    }

    #[test]
    fn a_letter_is_shown_with_the_record_that_it_keeps() {
        let codecs = Codecs::unregistered();
        let demand = Demand { tenant: [1; 16].into(), campaign: [2; 16].into(), home: 3, epoch: 1, from: 0, n: -5, at_ms: 7 };
        let found = letter(&codecs, codecs.of::<Demand>().encode(&demand).expect("encodes"));
        let options = kafka::Options { prefix: "test.".into(), ..kafka::Options::default() };
        let shown = whole(&options, &found, &Decoder::new(codecs));
        assert_eq!(shown["record"]["n"], -5, "{shown}");
        assert_eq!((&shown["id"], &shown["source"]), (&json!("1:2"), &json!("test.campaign.demand/3/17")));
        assert!(fits(&shown, Some([1; 16].into()), Some("ledger"), Some("poison")) && !fits(&shown, None, Some("parse"), None));
    }

    #[test]
    fn a_letter_whose_record_is_broken_is_shown_as_it_is() {
        let codecs = Codecs::unregistered();
        let found = letter(&codecs, b"not framed".to_vec());
        let options = kafka::Options { prefix: "test.".into(), ..kafka::Options::default() };
        let shown = whole(&options, &found, &Decoder::new(codecs));
        assert_eq!(shown["value"], "not framed");
        assert!(shown["error"].is_string());
    }

    #[test]
    fn a_letter_that_is_no_letter_is_shown_as_it_is() {
        let found = Found { partition: 1, offset: 2, timestamp_ms: 0, key: b"k".to_vec(), value: Some(b"garbage".to_vec()) };
        let shown = whole(&kafka::Options::default(), &found, &Decoder::new(Codecs::unregistered()));
        assert_eq!((&shown["kind"], &shown["key"], &shown["value"]), (&json!("frame"), &json!("k"), &json!("garbage")));
    }

    #[test]
    fn a_place_is_a_partition_and_an_offset() {
        assert_eq!("3:17".parse(), Ok(Place(3, 17)));
        for bad in ["", "3", "3:", "a:b", "-1:2", "1:-2"] {
            assert!(bad.parse::<Place>().is_err(), "{bad}");
        }
    }
}
