use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A part of the past that is done again.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Replay {
    /// Its id.
    pub id: uuid::Uuid,
    /// What: `kind` is `shadow` or `redrive`, with what was asked for.
    pub wanted: Value,
    /// `planning`, `planned` (waits to be started), `waiting`, `running`, `done`, `cancelled`, `failed`.
    pub state: String,
    /// What it would do; `said` is the same in words.
    pub plan: Option<Value>,
    /// How far it is, in words.
    pub progress: Option<String>,
    /// What it did; `said` is the same in words.
    pub report: Option<Value>,
    /// Why it failed.
    pub error: Option<String>,
    /// Who asked for it.
    pub created_by: String,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub finished_at: Option<String>,
}

impl Replay {
    /// Word on pages.
    pub fn label(&self) -> &'static str {
        match self.state.as_str() {
            "planning" => "Being planned",
            "planned" => "Planned",
            "waiting" | "running" => "Running",
            "done" => "Done",
            "cancelled" => "Cancelled",
            _ => "Failed",
        }
    }

    /// Class of its tag.
    pub fn tone(&self) -> &'static str {
        match self.state.as_str() {
            "done" => "good",
            "failed" => "bad",
            "planned" => "warn",
            _ => "",
        }
    }

    /// What is done, in words.
    pub fn title(&self) -> &'static str {
        match (self.wanted["kind"].as_str(), self.wanted["catalog"].is_object()) {
            (Some("shadow"), true) => "Other prices over the past",
            (Some("shadow"), false) => "This build over the past",
            _ => "Dead letters again",
        }
    }

    /// Whether it changes by itself.
    pub fn moving(&self) -> bool {
        ["planning", "waiting", "running"].contains(&self.state.as_str())
    }

    /// Whether it can be ended.
    pub fn open(&self) -> bool {
        self.moving() || self.state == "planned"
    }

    /// A text of the request.
    pub fn asked(&self, name: &str) -> Option<&str> {
        self.wanted[name].as_str()
    }

    /// What `of`, the plan or the report, says in words.
    pub fn said<'a>(&self, of: &'a Value) -> &'a str {
        of["said"].as_str().unwrap_or_default()
    }

    /// What a reader of the report should know.
    pub fn remarks(&self) -> Vec<&str> {
        let remarks = self.report.as_ref().and_then(|report| report["remarks"].as_array());
        remarks.into_iter().flatten().filter_map(Value::as_str).collect()
    }
}

/// One record that came out otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Difference {
    /// Its number; the next page begins behind it.
    pub n: i64,
    /// Topic, key, what it was and what it would have been, the fields that differ, the input record that brought it about.
    pub difference: Value,
}

/// A field that came out otherwise.
pub struct Changed {
    /// Its name.
    pub field: String,
    /// What it was.
    pub then: String,
    /// What it would have been.
    pub now: String,
}

impl Difference {
    /// A text of the difference.
    pub fn text(&self, name: &str) -> &str {
        self.difference[name].as_str().unwrap_or_default()
    }

    /// The fields that differ, or that the record has at all where there is no other.
    pub fn changed(&self) -> Vec<Changed> {
        let short = |value: &Value| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            if text.chars().count() <= 200 { text } else { format!("{}…", text.chars().take(200).collect::<String>()) }
        };
        let pair = |(field, pair): (&String, &Value)| Changed { field: field.clone(), then: short(&pair[0]), now: short(&pair[1]) };
        self.difference["changed"].as_object().into_iter().flatten().map(pair).collect()
    }
}
