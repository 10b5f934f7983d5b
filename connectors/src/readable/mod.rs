//! Records as people and `jq` read them: identifiers as text, bytes as text where they are text.

mod redact;

use std::collections::HashMap;

use base64::Engine as _;
use serde_json::{Map, Value};
use sluice_schemas::codec::{self, Codecs};
use sluice_schemas::record::{self, Record, SCHEMAS};
use uuid::Uuid;

pub use redact::redact;

/// Decodes records of every schema.
pub struct Decoder {
    codecs: Codecs,
    schemas: HashMap<&'static str, Value>,
}

macro_rules! by_name {
    ($codecs:expr, $name:expr, $bytes:expr, $($type:ident),+ $(,)?) => {
        match $name {
            $(<record::$type as Record>::NAME => raw::<record::$type>($codecs, $bytes),)+
            other => Err(codec::Error::Schema { name: other.to_owned(), reason: "is not one that this build decodes".into() }),
        }
    };
}

impl Decoder {
    /// A decoder with the deployed schemas.
    pub fn new(codecs: Codecs) -> Self {
        let schemas = SCHEMAS.iter().map(|(name, text)| (*name, serde_json::from_str(text).unwrap_or_default())).collect();
        Self { codecs, schemas }
    }

    /// The record of schema `name` in framed bytes. Access tokens are blotted out, wherever they stand.
    pub fn record(&self, name: &str, bytes: &[u8]) -> Result<Value, codec::Error> {
        let value = by_name!(
            &self.codecs,
            name,
            bytes,
            RawEvent,
            Event,
            DeadLetter,
            Conversation,
            Quote,
            Command,
            Outbound,
            Claim,
            SendResult,
            LedgerEntry,
            Message,
            Control,
            Demand,
            Hold,
            OptOut,
            Config,
            Journal,
            StateSend,
            StateCampaign,
            StateMessage,
            StateEarly,
        )?;
        let mut value = readable(self.schemas.get(name).unwrap_or(&Value::Null), value);
        redact(&mut value);
        Ok(value)
    }

    /// Key, value and topic of the record that a framed dead letter keeps.
    pub fn original(&self, bytes: &[u8]) -> Option<(Vec<u8>, Vec<u8>, String)> {
        let letter = self.codecs.of::<record::DeadLetter>().decode(bytes).ok()?;
        Some((letter.key, letter.value, letter.topic))
    }
}

fn raw<T: Record>(codecs: &Codecs, bytes: &[u8]) -> Result<Value, codec::Error> {
    let record = codecs.of::<T>().decode(bytes)?;
    serde_json::to_value(&record).map_err(|e| codec::Error::Datum { record: T::NAME, reason: e.to_string() })
}

/// JSON writes bytes as an array of numbers; the schema tells which arrays are bytes.
fn readable(schema: &Value, value: Value) -> Value {
    match (schema, value) {
        (_, Value::Null) => Value::Null,
        (Value::Array(union), value) => readable(union.iter().find(|branch| *branch != "null").unwrap_or(&Value::Null), value),
        (Value::String(name), value) => match name.as_str() {
            "bytes" => bytes(&octets(&value)),
            // The only named type that records refer to is the 16-byte identifier.
            "Id16" | "sluice.Id16" => identifier(&value),
            _ => value,
        },
        (Value::Object(schema), value) => match (schema.get("type").and_then(Value::as_str), value) {
            (Some("fixed"), value) => identifier(&value),
            (Some("record"), Value::Object(record)) => Value::Object(fields(schema, record)),
            (Some("array"), Value::Array(items)) => {
                let item = schema.get("items").unwrap_or(&Value::Null);
                items.into_iter().map(|value| readable(item, value)).collect()
            }
            (_, value) => value,
        },
        (_, value) => value,
    }
}

fn fields(schema: &Map<String, Value>, record: Map<String, Value>) -> Map<String, Value> {
    let types: HashMap<&str, &Value> = schema
        .get("fields")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|field| Some((field["name"].as_str()?, field.get("type")?)))
        .collect();
    record
        .into_iter()
        .map(|(name, value)| {
            let value = readable(types.get(name.as_str()).copied().unwrap_or(&Value::Null), value);
            (name, value)
        })
        .collect()
}

fn octets(value: &Value) -> Vec<u8> {
    value.as_array().into_iter().flatten().filter_map(|byte| byte.as_u64().and_then(|byte| u8::try_from(byte).ok())).collect()
}

fn identifier(value: &Value) -> Value {
    match Uuid::from_slice(&octets(value)) {
        Ok(id) => id.to_string().into(),
        Err(_) => value.clone(),
    }
}

/// Bytes as they are when they are text, else in base64 behind `base64:`.
pub fn bytes(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) => text.into(),
        _ => format!("base64:{}", base64::engine::general_purpose::STANDARD.encode(bytes)).into(),
    }
}

#[cfg(test)]
mod tests {
    use sluice_schemas::ids::{TenantId, TraceId};
    use sluice_schemas::record::{InputOffset, Journal, RawEvent};

    use super::*;

    fn event(raw: &[u8]) -> RawEvent {
        RawEvent {
            tenant: TenantId::from_bytes([1; 16]),
            channel: "whatsapp".into(),
            object: "whatsapp_business_account".into(),
            entry_id: "1".into(),
            entry_time: None,
            field: "messages".into(),
            shape: "message".into(),
            account: "106".into(),
            display_phone_number: None,
            position: 0,
            body_sha256: vec![0xff; 4],
            received_ms: 5,
            trace: TraceId::from_bytes([2; 16]),
            contact: Some(b"{\"wa_id\":\"15550100002\"}".to_vec()),
            raw: raw.to_vec(),
        }
    }

    #[test]
    fn identifiers_are_text_and_bytes_are_text_or_base64() {
        let codecs = Codecs::unregistered();
        let framed = codecs.of::<RawEvent>().encode(&event(b"{\"id\":\"wamid.A\"}")).expect("encodes");
        let value = Decoder::new(codecs).record("raw_event", &framed).expect("decodes");
        assert_eq!(value["tenant"], "01010101-0101-0101-0101-010101010101");
        assert_eq!(value["trace"], "02020202-0202-0202-0202-020202020202");
        assert_eq!(value["raw"], "{\"id\":\"wamid.A\"}");
        assert_eq!(value["contact"], "{\"wa_id\":\"15550100002\"}");
        assert_eq!(value["body_sha256"], "base64://///w==");
        assert_eq!(value["entry_time"], Value::Null);
    }

    #[test]
    fn nested_records_stay_what_they_are() {
        let codecs = Codecs::unregistered();
        let journal = Journal { sequence: 1, inputs: vec![InputOffset { topic: "events".into(), offset: 7 }], ..Journal::default() };
        let framed = codecs.of::<Journal>().encode(&journal).expect("encodes");
        let value = Decoder::new(codecs).record("journal", &framed).expect("decodes");
        assert_eq!(value["inputs"][0]["offset"], 7);
    }

    #[test]
    fn every_schema_of_a_topic_can_be_decoded() {
        let decoder = Decoder::new(Codecs::unregistered());
        for (name, _) in SCHEMAS {
            // Broken bytes: the schema must be known, the bytes refused.
            let error = decoder.record(name, b"{}").expect_err("no frame");
            assert_eq!(error.kind(), "frame", "{name}");
        }
    }

    #[test]
    fn a_token_inside_a_record_does_not_come_out() {
        let codecs = Codecs::unregistered();
        let raw = br#"{"access_token":"short","url":"https://x.example/?access_token=abc","t":"EAAGm0PX4ZCpsBAKZCabcdefghijkl"}"#;
        let framed = codecs.of::<RawEvent>().encode(&event(raw)).expect("encodes");
        let text = Decoder::new(codecs).record("raw_event", &framed).expect("decodes").to_string();
        for secret in ["short", "abc", "EAAG"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}
