//! Dead letters of a tenant: what is open, one with what it keeps, and what people decide about them.

use std::sync::atomic::AtomicBool;

use serde_json::{Value, json};
use sluice_connectors::letters::{self, Bench, Command, Filter, Group, Letter, Place, Report, Source};
use sluice_connectors::postgres::letters::Decision;
use sluice_connectors::readable::{Decoder, bytes, redact};
use sluice_schemas::topics;

use crate::auth::{Actor, Role};
use crate::{Error, State};

/// Letters on a page.
const SHOWN: usize = 100;
/// Longest reason.
const REASON: usize = 1_000;

/// Which letters of the tenant are meant, as addresses and forms name them.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
pub struct Which {
    /// Stage that gave up.
    pub stage: Option<String>,
    /// Error kind.
    pub kind: Option<String>,
    /// One letter, `PARTITION:OFFSET`.
    pub id: Option<String>,
}

impl Which {
    fn filter(&self) -> Result<Filter, Error> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let place = given(&self.id).map(|id| id.parse::<Place>().map_err(|e| Error::field("id", format!("`id`: {e}")))).transpose()?;
        Ok(Filter { stage: given(&self.stage), kind: given(&self.kind), places: place.into_iter().collect(), ..Filter::default() })
    }
}

fn bench(app: &State, actor: &Actor) -> Bench {
    Bench {
        options: (*app.kafka).clone(),
        codecs: app.codecs.clone(),
        producer: app.producer.clone(),
        pool: app.pool.clone(),
        within: Some(actor.tenant),
    }
}

/// Open letters by stage and kind.
pub async fn groups(app: &State, actor: &Actor) -> Result<Vec<Group>, Error> {
    Ok(bench(app, actor).plan(&[Source::Letters], &Filter::default()).await.map_err(failed)?.groups)
}

/// The newest letters that fit, open or not, at most 100.
pub async fn list(app: &State, actor: &Actor, which: &Which) -> Result<Vec<(Letter, Option<Decision>)>, Error> {
    bench(app, actor).list(Source::Letters, &which.filter()?, SHOWN).await.map_err(failed)
}

/// One letter with the record that it keeps, decoded as far as this build can.
pub async fn show(app: &State, actor: &Actor, id: &str) -> Result<(Letter, Option<Decision>, Value), Error> {
    let which = Which { id: Some(id.to_owned()), ..Which::default() };
    let found = bench(app, actor).list(Source::Letters, &which.filter()?, 1).await.map_err(failed)?;
    let (letter, decision) = found.into_iter().next().ok_or_else(|| Error::NotFound(format!("dead letter {id}")))?;
    let record = record(app, &letter);
    Ok((letter, decision, record))
}

fn record(app: &State, letter: &Letter) -> Value {
    let kept = &letter.letter;
    let decoded =
        topics::find(&kept.topic).and_then(|topic| topic.record).map(|name| Decoder::new(app.codecs.clone()).record(name, &kept.value));
    let mut value = match decoded {
        Some(Ok(record)) => opened(record),
        Some(Err(e)) => json!({"error": e.to_string(), "value": bytes(&kept.value)}),
        None => json!({"value": bytes(&kept.value)}),
    };
    redact(&mut value);
    value
}

/// Meta's update inside a raw event is JSON in a text: people read it better as what it is.
fn opened(mut record: Value) -> Value {
    for field in ["raw", "contact", "event", "body"] {
        if let Some(inner) = record[field].as_str().and_then(|text| serde_json::from_str::<Value>(text).ok()).filter(Value::is_object) {
            record[field] = inner;
        }
    }
    record
}

/// Redrives (`redrive`, `redrive-late`) or drops (`drop`) what fits and is open.
pub async fn act(app: &State, actor: &Actor, action: &str, which: &Which, reason: &str) -> Result<Report, Error> {
    actor.require(Role::Admin, "redrive and drop dead letters")?;
    let command = match action {
        "redrive" => Command::Redrive { answer_late: false },
        "redrive-late" => Command::Redrive { answer_late: true },
        "drop" => Command::Drop,
        _ => return Err(Error::field("action", format!("`{action}` is not one of redrive, redrive-late, drop"))),
    };
    let named = [&which.id, &which.stage, &which.kind].into_iter().flatten().any(|name| !name.is_empty());
    if !named {
        return Err(Error::field("id", "name a letter, a stage or a kind of error"));
    }
    let reason = reason.trim();
    if matches!(command, Command::Drop) && reason.is_empty() {
        return Err(Error::field("reason", "`reason` is missing: say why these records are given up"));
    }
    if reason.chars().count() > REASON {
        return Err(Error::field("reason", format!("`reason` is longer than {REASON} characters")));
    }
    let (bench, filter) = (bench(app, actor), which.filter()?);
    let plan = bench.plan(&[Source::Letters], &filter).await.map_err(failed)?;
    bench.run(&plan, &filter, command, (&actor.name, reason), &AtomicBool::new(false), |_| {}).await.map_err(failed)
}

fn failed(error: letters::Error) -> Error {
    match error {
        letters::Error::Postgres(e) => e.into(),
        letters::Error::Kafka(e) => Error::Unavailable { service: "kafka", cause: e.to_string() },
        busy @ letters::Error::Busy => Error::Conflict(busy.to_string()),
        other => Error::Internal(other.to_string()),
    }
}
