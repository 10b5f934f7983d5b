use serde::de::DeserializeOwned;
use serde_json::Value;

/// What is wrong with one field of a command, and how to put it right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {detail}")]
pub struct Fault {
    /// Path of the field, such as `interactive.action.buttons[0].reply.title`.
    pub field: String,
    /// What is wrong, to be read after the field's name.
    pub detail: String,
}

impl Fault {
    /// A fault of `field`.
    pub fn new(field: &str, detail: impl Into<String>) -> Self {
        Self { field: field.to_owned(), detail: detail.into() }
    }
}

/// Reads a value whose path is `at`; the fault names the field inside it.
pub(super) fn read<T: DeserializeOwned>(value: Value, at: &str) -> Result<T, Fault> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let (path, detail) = (error.path().to_string(), error.inner().to_string());
        let mut field = if path == "." { at.to_owned() } else { format!("{at}.{path}").replace(".[", "[") };
        // The path of a missing field ends at its parent.
        if let Some(name) = detail.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
            field = format!("{field}.{name}");
            return Fault { field, detail: "is missing".into() };
        }
        Fault { field, detail: format!("is not valid: {detail}") }
    })
}
