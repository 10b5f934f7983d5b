//! A piece of a body carried along in an event.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::scan::Node;

/// Deepest nesting carried as JSON. `serde_json` reads 128 levels; an event adds a few of its own.
const DEPTH: usize = 100;

/// A JSON value kept as text: numbers, key order and duplicate keys stay as Meta sent them, white space between tokens
/// is gone, so that an event fits on one line. A value nested too deeply for common readers, or text that is no JSON,
/// is carried as a JSON string.
#[derive(Clone)]
pub struct Json(Box<RawValue>);

impl Json {
    /// Keeps a text, compacted.
    pub fn keep(text: &str) -> Self {
        let kept = match Node::read(text) {
            Ok(node) => compact(node.raw()),
            Err(_) => None,
        };
        kept.and_then(|text| RawValue::from_string(text).ok()).map_or_else(|| Self::quoted(text), Self)
    }

    fn quoted(text: &str) -> Self {
        Self(serde_json::value::to_raw_value(text).unwrap_or_default())
    }

    /// The JSON text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// Reads it as a type of the caller's own.
    pub fn parse<'a, T: Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.0.get())
    }
}

/// Drops white space outside strings; `None` when the nesting is too deep.
fn compact(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        if quoted {
            quoted = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else {
            match byte {
                b'"' => quoted = true,
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                b' ' | b'\n' | b'\r' | b'\t' => continue,
                _ => {}
            }
            if depth > DEPTH {
                return None;
            }
        }
        out.push(byte);
    }
    String::from_utf8(out).ok()
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|raw| Self::keep(raw.get()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_white_space_outside_strings_is_dropped() {
        let json = Json::keep("{ \"a b\" : [ 1.50 ,\n\t\"x \\\" y\" ] }");
        assert_eq!(json.as_str(), r#"{"a b":[1.50,"x \" y"]}"#);
    }

    #[test]
    fn what_no_reader_could_parse_is_carried_as_a_string() {
        assert_eq!(Json::keep("{\"a\":").as_str(), r#""{\"a\":""#);
        let deep = "[".repeat(500) + &"]".repeat(500);
        assert_eq!(Json::keep(&deep).parse::<String>().unwrap(), deep);
    }
}
