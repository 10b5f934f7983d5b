//! Differences record by record as they are found, and their sum, on stdout.

use std::io::Write as _;
use std::time::Instant;

use serde_json::Value;
use sluice_connectors::readable::Decoder;
use sluice_pipeline::replay::{Cause, Difference, Totals};

use super::reading::Reading;
use crate::admin::output::{Form, notice};
use crate::exit::Failure;

/// Characters of a value that people are shown.
const SHOWN: usize = 60;

/// Writes differences as they come.
pub struct Report {
    form: Form,
    limit: u64,
    begun: Instant,
    shown: u64,
    reading: Reading,
}

impl Report {
    /// An empty report.
    pub fn new(form: Form, limit: u64, decoder: Decoder) -> Self {
        Self { form, limit, begun: Instant::now(), shown: 0, reading: Reading::new(decoder) }
    }

    /// One record that is not the same.
    pub fn difference(&mut self, cause: &Cause, difference: &Difference) -> Result<(), Failure> {
        let Some(value) = self.reading.difference(cause, difference) else { return Ok(()) };
        self.shown += 1;
        if self.form.json() {
            return self.form.one(&value, "");
        }
        if self.shown <= self.limit {
            self.form.one(&value, &line(&value))?;
        } else if self.shown == self.limit + 1 {
            notice("further differences are only counted; --limit shows more, --json all");
        }
        Ok(())
    }

    /// The sum.
    pub fn end(&self, totals: &Totals) -> Result<(), Failure> {
        let (value, text) = self.reading.sum(totals, self.begun.elapsed().as_secs_f64());
        self.form.one(&value, &text)?;
        std::io::stdout().lock().flush()?;
        Ok(())
    }
}

fn line(value: &Value) -> String {
    let text = |name: &str| value[name].as_str().unwrap_or_default();
    let head = format!("{}  {}  {}", text("at"), text("topic"), text("difference"));
    if let (Value::Null, one) | (one, Value::Null) = (&value["then"], &value["now"]) {
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
    use serde_json::json;

    use super::super::reading::changed;
    use super::*;

    #[test]
    fn a_changed_record_is_shown_by_its_fields_and_another_by_what_it_is() {
        let (then, now) = (json!({"total": "10.00", "same": 1}), json!({"total": "12.00", "same": 1}));
        let of = |difference: &str, now: &Value| {
            let changed = changed(&then, now);
            json!({"at": "2026-11-26T00:00:00Z", "topic": "quotes", "difference": difference, "changed": changed, "then": then, "now": now})
        };
        assert_eq!(line(&of("changed", &now)), "2026-11-26T00:00:00Z  quotes  changed\n    total: 10.00 → 12.00");
        assert_eq!(line(&of("missing", &Value::Null)), "2026-11-26T00:00:00Z  quotes  missing  total 10.00");
    }
}
