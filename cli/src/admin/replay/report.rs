//! Differences record by record as they are found, and their sum.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Instant;

use serde_json::{Map, Value, json};
use sluice_connectors::readable::{Decoder, bytes};
use sluice_pipeline::replay::{Cause, Difference, Totals};
use sluice_schemas::topics;

use crate::admin::output::{Form, notice};
use crate::exit::Failure;

/// Characters of a value that people are shown.
const SHOWN: usize = 60;

/// Writes differences as they come; holds only their sums.
pub struct Report {
    form: Form,
    limit: u64,
    decoder: Decoder,
    begun: Instant,
    shown: u64,
    /// Records that say the same in other bytes: written under another version of their schema.
    rewritten: u64,
    /// Differences by topic and kind.
    counts: BTreeMap<(&'static str, &'static str), u64>,
}

impl Report {
    /// An empty report.
    pub fn new(form: Form, limit: u64, decoder: Decoder) -> Self {
        Self { form, limit, decoder, begun: Instant::now(), shown: 0, rewritten: 0, counts: BTreeMap::new() }
    }

    /// One record that is not the same.
    pub fn difference(&mut self, cause: &Cause, difference: &Difference) -> Result<(), Failure> {
        let (then, now) = (self.decoded(difference, difference.then.as_deref()), self.decoded(difference, difference.now.as_deref()));
        if then == now {
            self.rewritten += 1;
            return Ok(());
        }
        let (kind, changed) = (difference.kind().name(), changed(&then, &now));
        *self.counts.entry((difference.topic, kind)).or_default() += 1;
        let cause_record = cause.record.map(|(topic, offset)| json!({"topic": topic, "offset": offset}));
        let value = json!({
            "kind": "difference", "difference": kind, "at": cause.at.to_string(), "cause": cause_record, "topic": difference.topic,
            "key": bytes(&difference.key), "changed": changed, "then": then, "now": now,
        });
        self.shown += 1;
        if self.form.json() {
            return self.form.one(&value, "");
        }
        if self.shown <= self.limit {
            self.form.one(&value, &line(&value, kind, &then, &now))?;
        } else if self.shown == self.limit + 1 {
            notice("further differences are only counted; --limit shows more, --json all");
        }
        Ok(())
    }

    fn decoded(&self, difference: &Difference, value: Option<&[u8]>) -> Value {
        let Some(value) = value else { return Value::Null };
        let name = topics::find(difference.topic).and_then(|topic| topic.record);
        name.and_then(|name| self.decoder.record(name, value).ok()).unwrap_or_else(|| bytes(value))
    }

    /// The sum.
    pub fn end(&self, totals: &Totals) -> Result<(), Failure> {
        let (equal, differences) = (totals.equal + self.rewritten, totals.differences - self.rewritten);
        let counts: Vec<Value> =
            self.counts.iter().map(|((topic, kind), n)| json!({"topic": topic, "difference": kind, "records": n})).collect();
        let value = json!({
            "kind": "report", "complete": totals.complete, "records": totals.records, "records_before": totals.before,
            "equal": equal, "differences": differences, "by_topic": counts, "sent": 0, "changed": 0,
            "seconds": self.begun.elapsed().as_secs_f64(),
        });
        let mut lines = vec![format!(
            "{}: {} records of the tenant gave {} equal output records and {} that differ",
            if totals.complete { "done" } else { "cancelled" },
            totals.records,
            equal,
            differences,
        )];
        lines.extend(self.counts.iter().map(|((topic, kind), n)| format!("{n:>8} {kind} in {topic}")));
        self.form.one(&value, &lines.join("\n"))?;
        std::io::stdout().lock().flush()?;
        Ok(())
    }
}

/// The fields of two records that differ, from what to what.
fn changed(then: &Value, now: &Value) -> Map<String, Value> {
    let (Value::Object(then), Value::Object(now)) = (then, now) else { return Map::new() };
    let differing = then.iter().filter(|(name, was)| now.get(*name) != Some(was));
    differing.map(|(name, was)| (name.clone(), json!([was, now.get(name)]))).collect()
}

fn line(value: &Value, kind: &str, then: &Value, now: &Value) -> String {
    let topic = value["topic"].as_str().unwrap_or_default();
    let head = format!("{}  {topic}  {kind}", value["at"].as_str().unwrap_or_default());
    if let (Value::Null, one) | (one, Value::Null) = (then, now) {
        return format!("{head}  {}", summary(one));
    }
    let fields = value["changed"].as_object().into_iter().flatten();
    let fields = fields.map(|(name, pair)| format!("    {name}: {} → {}", short(&pair[0]), short(&pair[1])));
    std::iter::once(head).chain(fields).collect::<Vec<_>>().join("\n")
}

/// What a record is about, from the fields that tell most.
fn summary(record: &Value) -> String {
    let told = ["status", "total", "stage", "preview", "body", "kind"].iter().filter_map(|name| Some((name, record.get(*name)?)));
    told.map(|(name, value)| format!("{name} {}", short(value))).collect::<Vec<_>>().join(", ")
}

fn short(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned).replace('\n', " ");
    if text.chars().count() <= SHOWN { text } else { format!("{}…", text.chars().take(SHOWN).collect::<String>()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_record_is_shown_by_its_fields_and_another_by_what_it_is() {
        let (then, now) = (json!({"total": "10.00", "same": 1}), json!({"total": "12.00", "same": 1}));
        let value = json!({"at": "2026-11-26T00:00:00Z", "topic": "quotes", "changed": changed(&then, &now)});
        assert_eq!(line(&value, "changed", &then, &now), "2026-11-26T00:00:00Z  quotes  changed\n    total: 10.00 → 12.00");
        assert_eq!(line(&value, "missing", &then, &Value::Null), "2026-11-26T00:00:00Z  quotes  missing  total 10.00");
    }
}
