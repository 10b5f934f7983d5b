//! What a shadow found, as people and programs read it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sluice_connectors::readable::{Decoder, bytes};
use sluice_pipeline::replay::{Cause, Difference, Totals};
use sluice_schemas::topics;

/// Decodes differences as they come; holds only their sums.
pub struct Reading {
    decoder: Decoder,
    /// Records that say the same in other bytes: written under another version of their schema.
    rewritten: u64,
    /// Differences by topic and kind.
    counts: BTreeMap<(&'static str, &'static str), u64>,
}

impl Reading {
    /// Nothing so far.
    pub fn new(decoder: Decoder) -> Self {
        Self { decoder, rewritten: 0, counts: BTreeMap::new() }
    }

    /// One record that is not the same; none if both say the same in other bytes.
    pub fn difference(&mut self, cause: &Cause, difference: &Difference) -> Option<Value> {
        let (then, now) = (self.decoded(difference, difference.then.as_deref()), self.decoded(difference, difference.now.as_deref()));
        if then == now {
            self.rewritten += 1;
            return None;
        }
        let (kind, changed) = (difference.kind().name(), changed(&then, &now));
        *self.counts.entry((difference.topic, kind)).or_default() += 1;
        let cause_record = cause.record.map(|(topic, offset)| json!({"topic": topic, "offset": offset}));
        Some(json!({
            "kind": "difference", "difference": kind, "at": cause.at.to_string(), "cause": cause_record, "topic": difference.topic,
            "key": bytes(&difference.key), "changed": changed, "then": then, "now": now,
        }))
    }

    fn decoded(&self, difference: &Difference, value: Option<&[u8]>) -> Value {
        let Some(value) = value else { return Value::Null };
        let name = topics::find(difference.topic).and_then(|topic| topic.record);
        name.and_then(|name| self.decoder.record(name, value).ok()).unwrap_or_else(|| bytes(value))
    }

    /// The sum, for programs and for people.
    pub fn sum(&self, totals: &Totals, seconds: f64) -> (Value, String) {
        let (equal, differences) = (totals.equal + self.rewritten, totals.differences - self.rewritten);
        let counts: Vec<Value> =
            self.counts.iter().map(|((topic, kind), n)| json!({"topic": topic, "difference": kind, "records": n})).collect();
        let value = json!({
            "kind": "report", "complete": totals.complete, "records": totals.records, "records_before": totals.before,
            "equal": equal, "differences": differences, "by_topic": counts, "sent": 0, "changed": 0,
            "seconds": seconds,
        });
        let mut lines = vec![format!(
            "{}: {} records of the tenant gave {} equal output records and {} that differ",
            if totals.complete { "done" } else { "cancelled" },
            totals.records,
            equal,
            differences,
        )];
        lines.extend(self.counts.iter().map(|((topic, kind), n)| format!("{n:>8} {kind} in {topic}")));
        (value, lines.join("\n"))
    }
}

/// The fields of two records that differ, from what to what.
pub fn changed(then: &Value, now: &Value) -> Map<String, Value> {
    let (Value::Object(then), Value::Object(now)) = (then, now) else { return Map::new() };
    let differing = then.iter().filter(|(name, was)| now.get(*name) != Some(was));
    differing.map(|(name, was)| (name.clone(), json!([was, now.get(name)]))).collect()
}
