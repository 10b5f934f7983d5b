//! `sluice dead-letters`.

use anyhow::anyhow;
use clap::Subcommand;
use jiff::Timestamp;
use serde_json::{Value, json};
use sluice_connectors::letters::{Command, Filter, Group, Place, Source};
use sluice_connectors::postgres::letters as decisions;
use sluice_connectors::readable::{Decoder, bytes, redact};
use sluice_connectors::{kafka, registry};
use sluice_schemas::ids::TenantId;
use sluice_schemas::record::{DeadLetter, Record as _};
use sluice_schemas::topics::{self, Topic};

use super::connect;
use super::contents::{Contents, Found, Next, Start};
use super::letters::{self, Act};
use super::output::{Form, notice};
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
        /// Those too that were redriven or dropped
        #[arg(long)]
        all: bool,
        /// How many of each tenant, stage and kind are open, instead of each one
        #[arg(long, conflicts_with = "all")]
        groups: bool,
    },
    /// Shows one dead letter with the record that it keeps
    #[command(after_help = "Example: sluice dead-letters show 3:17")]
    Show {
        /// Its place as `list` prints it, `PARTITION:OFFSET`
        id: Place,
    },
    /// Feeds the kept records, as they are, into the stage that failed: those named, or those that fit; shows a plan and asks
    #[command(after_help = "Example: sluice dead-letters redrive --tenant acme --stage quote --reason 'catalogue repaired' --yes")]
    Redrive {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        act: Act,
        /// Answer messages too whose conversation has moved on since
        #[arg(long)]
        answer_late: bool,
    },
    /// Gives letters up: those named, or those that fit; the records stay in the topic until it forgets them
    #[command(after_help = "Example: sluice dead-letters drop 3:17 --reason 'a test of the vendor' --yes")]
    Drop {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        act: Act,
    },
}

#[derive(clap::Args)]
#[group(id = "selection", required = true, multiple = true)]
struct Which {
    /// Places as `list` prints them, `PARTITION:OFFSET`
    ids: Vec<Place>,
    /// Only this tenant's: slug or identifier
    #[arg(long)]
    tenant: Option<String>,
    /// Only this stage's
    #[arg(long)]
    stage: Option<String>,
    /// Only this kind of error
    #[arg(long)]
    kind: Option<String>,
    /// Only what failed at this time or later (RFC 3339)
    #[arg(long)]
    from: Option<Timestamp>,
    /// Only what failed before this time (RFC 3339)
    #[arg(long)]
    to: Option<Timestamp>,
}

impl Which {
    async fn filter(self, config: &Config) -> Result<Filter, Failure> {
        Ok(Filter {
            tenant: owner(config, self.tenant.as_deref()).await?,
            stage: self.stage,
            kind: self.kind,
            account: None,
            from_ms: self.from.map(Timestamp::as_millisecond),
            to_ms: self.to.map(Timestamp::as_millisecond),
            places: self.ids,
        })
    }
}

const COLUMNS: [&str; 7] = ["id", "at", "tenant", "stage", "kind", "source", "detail"];

const GROUPS: [&str; 6] = ["tenant", "stage", "kind", "records", "first", "last"];

/// Runs the verb.
pub async fn run(config: &Config, args: Args) -> Result<(), Failure> {
    let form = args.form;
    match args.verb {
        Verb::List { tenant, stage, kind, groups: true, .. } => {
            let filter = Filter { tenant: owner(config, tenant.as_deref()).await?, stage, kind, ..Filter::default() };
            groups(config, form, &filter).await
        }
        Verb::List { tenant, stage, kind, all, .. } => {
            let tenant = owner(config, tenant.as_deref()).await?;
            let wanted = move |row: &Value| fits(row, tenant, stage.as_deref(), kind.as_deref());
            let (options, decoder) = (config.kafka.clone(), Decoder::new(registry::load(&config.registry()).await?));
            let mut rows = tokio::task::spawn_blocking(move || list(&options, &decoder, wanted)).await??;
            match settle(config, &mut rows).await {
                Ok(()) => rows.retain(|row| all || row["decision"].is_null()),
                // The letters lie in Kafka: they are listed while Postgres is down.
                Err(failure) => notice(&format!("what was decided is not known, so every letter is listed: {:#}", failure.error)),
            }
            form.rows(&COLUMNS, &rows)
        }
        Verb::Show { id } => {
            let (options, decoder) = (config.kafka.clone(), Decoder::new(registry::load(&config.registry()).await?));
            tokio::task::spawn_blocking(move || show(&options, form, &decoder, id)).await?
        }
        Verb::Redrive { which, act, answer_late } => {
            let filter = which.filter(config).await?;
            letters::act(config, form, &act, &[Source::Letters], &filter, Command::Redrive { answer_late }).await
        }
        Verb::Drop { which, act } => {
            if act.reason.trim().is_empty() {
                return Err(Failure::data(anyhow!("--reason: say why these records are given up")));
            }
            let filter = which.filter(config).await?;
            letters::act(config, form, &act, &[Source::Letters], &filter, Command::Drop).await
        }
    }
}

async fn owner(config: &Config, tenant: Option<&str>) -> Result<Option<TenantId>, Failure> {
    match tenant {
        Some(text) => Ok(Some(which(config, text).await?)),
        None => Ok(None),
    }
}

async fn groups(config: &Config, form: Form, filter: &Filter) -> Result<(), Failure> {
    let plan = letters::bench(config).await?.plan(&[Source::Letters], filter).await?;
    let row = |group: &Group| {
        json!({"tenant": group.tenant, "stage": group.stage, "kind": group.kind, "records": group.records,
               "first": timestamp(group.first_ms), "last": timestamp(group.last_ms)})
    };
    form.rows(&GROUPS, &plan.groups.iter().map(row).collect::<Vec<_>>())
}

/// Says of each row what was decided on it.
async fn settle(config: &Config, rows: &mut [Value]) -> Result<(), Failure> {
    let transaction = connect(config).await?.worker().await?;
    for rows in rows.chunks_mut(1_000) {
        let place = |row: &Value| row["id"].as_str().and_then(|id| id.parse::<Place>().ok()).map(|place| (place.0, place.1));
        let places: Vec<(i32, i64)> = rows.iter().filter_map(place).collect();
        let decided = decisions::decided(&transaction, topics::EVENTS_DEAD_LETTER, &places).await?;
        for row in rows {
            row["decision"] = json!(place(row).and_then(|place| decided.get(&place)));
        }
    }
    transaction.commit().await?;
    Ok(())
}

fn fits(row: &Value, tenant: Option<TenantId>, stage: Option<&str>, kind: Option<&str>) -> bool {
    tenant.is_none_or(|tenant| row["tenant"] == tenant.to_string().as_str())
        && stage.is_none_or(|stage| row["stage"] == stage)
        && kind.is_none_or(|kind| row["kind"] == kind)
}

fn dead_letters() -> Result<&'static Topic, Failure> {
    topics::find(topics::EVENTS_DEAD_LETTER).ok_or_else(|| anyhow!("there is no topic of dead letters").into())
}

fn list(options: &kafka::Options, decoder: &Decoder, wanted: impl Fn(&Value) -> bool) -> Result<Vec<Value>, Failure> {
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
    Ok(rows)
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
}
