//! Which column of the audience fills which placeholder of the template.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The placeholders of a template, by component. `{"body": ["first_name", {"column": "total", "fallback": "0"}]}`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mapping {
    /// The header's placeholders, or its picture, film or document.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub header: Vec<Slot>,
    /// The body's placeholders in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub body: Vec<Slot>,
    /// Buttons with placeholders.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<Button>,
}

/// A button with placeholders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Button {
    /// `quick_reply`, `url`, `copy_code`, …
    pub sub_type: String,
    /// Its place among the template's buttons, from 0.
    pub index: u32,
    /// What fills it.
    pub parameters: Vec<Slot>,
}

/// What fills one placeholder: a column (a bare string names one) or a fixed text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Form")]
pub struct Slot {
    /// Column of the audience.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// Fixed text, when there is no column; else what stands in for an empty one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
    /// `text`, `image`, `video`, `document` (both by link), `payload`, `coupon_code`.
    pub kind: String,
    /// Name of a named placeholder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Form {
    Column(String),
    Full {
        column: Option<String>,
        #[serde(alias = "text")]
        fallback: Option<String>,
        kind: Option<String>,
        parameter: Option<String>,
    },
}

impl From<Form> for Slot {
    fn from(form: Form) -> Self {
        let (column, fallback, kind, parameter) = match form {
            Form::Column(column) => (Some(column), None, None, None),
            Form::Full { column, fallback, kind, parameter } => (column, fallback, kind, parameter),
        };
        Self { column, fallback, kind: kind.unwrap_or_else(|| "text".into()), parameter }
    }
}

impl Mapping {
    fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.header.iter().chain(&self.body).chain(self.buttons.iter().flat_map(|button| &button.parameters))
    }

    /// Every column named.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.slots().filter_map(|slot| slot.column.as_deref())
    }

    /// The columns that must not be empty.
    pub fn required(&self) -> impl Iterator<Item = &str> {
        self.slots().filter(|slot| slot.fallback.is_none()).filter_map(|slot| slot.column.as_deref())
    }

    /// What cannot be filled at all, in words.
    pub fn fault(&self) -> Option<String> {
        const KINDS: [&str; 6] = ["text", "image", "video", "document", "payload", "coupon_code"];
        self.slots().find_map(|slot| {
            if slot.column.is_none() && slot.fallback.is_none() {
                Some("a placeholder needs `column` or `text`".to_owned())
            } else if KINDS.contains(&slot.kind.as_str()) {
                None
            } else {
                Some(format!("`{}` is not a kind of placeholder; use one of {}", slot.kind, KINDS.join(", ")))
            }
        })
    }

    /// The template's `components` for one row (contract §6), or the column that is empty.
    pub fn fill(&self, variables: &Map<String, Value>) -> Result<Vec<Value>, String> {
        let mut components = Vec::new();
        for (kind, slots) in [("header", &self.header), ("body", &self.body)] {
            if !slots.is_empty() {
                components.push(json!({"type": kind, "parameters": parameters(slots, variables)?}));
            }
        }
        for button in &self.buttons {
            let parameters = parameters(&button.parameters, variables)?;
            components.push(json!({
                "type": "button", "sub_type": button.sub_type, "index": button.index.to_string(), "parameters": parameters,
            }));
        }
        Ok(components)
    }
}

fn parameters(slots: &[Slot], variables: &Map<String, Value>) -> Result<Vec<Value>, String> {
    slots.iter().map(|slot| slot.fill(variables)).collect()
}

impl Slot {
    fn fill(&self, variables: &Map<String, Value>) -> Result<Value, String> {
        let column = self.column.as_deref();
        let given = column.and_then(|column| variables.get(column)).and_then(Value::as_str).map(str::trim);
        let text = given.filter(|text| !text.is_empty()).or(self.fallback.as_deref());
        let text = text.ok_or_else(|| column.unwrap_or_default().to_owned())?;
        // Meta refuses line breaks, tabs and runs of spaces in parameters (132018).
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let kind = self.kind.as_str();
        let mut parameter = Map::from_iter([("type".to_owned(), json!(kind))]);
        let value = if matches!(kind, "image" | "video" | "document") { json!({"link": text}) } else { json!(text) };
        parameter.insert(kind.to_owned(), value);
        if let Some(name) = &self.parameter {
            parameter.insert("parameter_name".into(), json!(name));
        }
        Ok(Value::Object(parameter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn placeholders_are_filled_in_the_order_of_the_mapping() {
        let mapping: Mapping = serde_json::from_value(json!({
            "header": [{"column": "picture", "kind": "image"}],
            "body": ["name", {"column": "total", "fallback": "nothing"}, {"text": "fixed", "parameter": "third"}],
            "buttons": [{"sub_type": "url", "index": 0, "parameters": ["code"]}],
        }))
        .unwrap();
        let row = map(json!({"picture": "https://x.example/a.png", "name": " Ana\n Luz ", "total": "", "code": "abc"}));
        assert_eq!(
            Value::from(mapping.fill(&row).unwrap()),
            json!([
                {"type": "header", "parameters": [{"type": "image", "image": {"link": "https://x.example/a.png"}}]},
                {"type": "body", "parameters": [
                    {"type": "text", "text": "Ana Luz"}, {"type": "text", "text": "nothing"},
                    {"type": "text", "text": "fixed", "parameter_name": "third"}]},
                {"type": "button", "sub_type": "url", "index": "0", "parameters": [{"type": "text", "text": "abc"}]},
            ])
        );
        assert_eq!(mapping.required().collect::<Vec<_>>(), ["picture", "name", "code"]);
        let stored = serde_json::to_value(&mapping).unwrap();
        assert_eq!(serde_json::from_value::<Mapping>(stored).unwrap(), mapping);
    }

    #[test]
    fn an_empty_column_without_a_fallback_is_named() {
        let mapping: Mapping = serde_json::from_value(json!({"body": ["name"]})).unwrap();
        assert_eq!(mapping.fill(&map(json!({"name": "  "}))), Err("name".into()));
        assert_eq!(mapping.fill(&Map::new()), Err("name".into()));
    }

    #[test]
    fn a_placeholder_that_nothing_fills_is_a_fault() {
        let fault = |value| serde_json::from_value::<Mapping>(value).unwrap().fault();
        assert!(fault(json!({"body": [{"kind": "text"}]})).unwrap().contains("column"));
        assert!(fault(json!({"body": [{"column": "a", "kind": "gif"}]})).unwrap().contains("gif"));
        assert_eq!(fault(json!({"body": ["a"]})), None);
    }
}
