//! Typed access to an object's fields with the path in every refusal.

use serde_json::{Map, Value};

use super::Refusal;

/// An object and its path, such as `interactive['action']`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    map: &'a Map<String, Value>,
    path: &'a str,
}

/// The top-level object (`path` empty) or one whose path is known.
pub(super) fn fields<'a>(map: &'a Map<String, Value>, path: &'a str) -> Fields<'a> {
    Fields { map, path }
}

/// A value that must be an object.
pub(super) fn object<'a>(value: &'a Value, path: &'a str) -> Result<Fields<'a>, Refusal> {
    match value {
        Value::Object(map) => Ok(fields(map, path)),
        _ => Err(Refusal::bad(format!("Param {path} must be a JSON object."))),
    }
}

/// Whether a text has more than `most` characters.
pub(super) fn longer(text: &str, most: usize) -> bool {
    // Bytes are never fewer than characters, so short texts need no counting.
    text.len() > most && text.chars().count() > most
}

impl<'a> Fields<'a> {
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    pub(super) fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}['{key}']", self.path) }
    }

    /// 100 for a key that this object does not have.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Refusal> {
        match self.map.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(Refusal::bad(format!("Unexpected key \"{key}\" on param \"{}\".", self.path))),
            None => Ok(()),
        }
    }

    /// A string of at most `most` characters, if present.
    pub(super) fn text(&self, key: &str, most: usize) -> Result<Option<&'a str>, Refusal> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let text = value.as_str().ok_or_else(|| Refusal::bad(format!("Param {} must be a string.", self.path(key))))?;
        if longer(text, most) {
            return Err(Refusal::invalid(format!("{} length invalid. Min length: 0, Max length: {most}", self.path(key))));
        }
        Ok(Some(text))
    }

    /// A string of 1 to `most` characters.
    pub(super) fn required_text(&self, key: &str, most: usize) -> Result<&'a str, Refusal> {
        match self.text(key, most)? {
            Some("") => Err(Refusal::invalid(format!("{} length invalid. Min length: 1, Max length: {most}", self.path(key)))),
            Some(text) => Ok(text),
            None => Err(Refusal::missing(format!("{} is missing", self.path(key)))),
        }
    }

    /// A list, if present.
    pub(super) fn list(&self, key: &str) -> Result<Option<&'a [Value]>, Refusal> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Array(list)) => Ok(Some(list)),
            Some(_) => Err(Refusal::bad(format!("Param {} must be an array.", self.path(key)))),
        }
    }

    /// A list of `least` to `most` items.
    pub(super) fn required_list(&self, key: &str, least: usize, most: usize) -> Result<&'a [Value], Refusal> {
        let list = self.list(key)?.ok_or_else(|| Refusal::missing(format!("{} is missing", self.path(key))))?;
        if (least..=most).contains(&list.len()) {
            Ok(list)
        } else {
            Err(Refusal::invalid(format!("{} must have {least} to {most} items, got {}", self.path(key), list.len())))
        }
    }

    /// A boolean, or nothing.
    pub(super) fn flag(&self, key: &str) -> Result<(), Refusal> {
        match self.get(key) {
            None | Some(Value::Bool(_)) => Ok(()),
            Some(_) => Err(Refusal::bad(format!("Param {} must be a boolean.", self.path(key)))),
        }
    }
}
