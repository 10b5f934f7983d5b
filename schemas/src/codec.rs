//! The Confluent wire format: a zero byte, the schema's id in the registry (4 bytes, big-endian), the Avro datum.
//!
//! The hot path uses `serde_avro_fast`; tests hold its bytes against `apache-avro`'s.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;

use serde_avro_fast::Schema;
use serde_avro_fast::ser::SerializerConfig;

use crate::record::{Record, SCHEMAS};

/// Why bytes are not a record.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Shorter than a frame, or not starting with a zero byte.
    #[error("not a framed record: expected a zero byte and a 4-byte schema id, got {0} bytes")]
    Frame(usize),
    /// The registry gave no schema for this id when the process started.
    #[error("schema id {0} is not known: is this process older than the writer, or the registry another one?")]
    UnknownSchema(u32),
    /// The datum does not fit its schema, or the schema not the type.
    #[error("{record}: {reason}")]
    Datum {
        /// The record's schema name.
        record: &'static str,
        /// What did not fit.
        reason: String,
    },
    /// A schema text that does not parse.
    #[error("schema {name}: {reason}")]
    Schema {
        /// The schema's name.
        name: String,
        /// What is wrong.
        reason: String,
    },
}

impl Error {
    /// Every [`Error::kind`].
    pub const KINDS: [&str; 4] = ["frame", "unknown_schema", "datum", "schema"];

    /// Stable name for metrics and dead letters.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Frame(_) => "frame",
            Self::UnknownSchema(_) => "unknown_schema",
            Self::Datum { .. } => "datum",
            Self::Schema { .. } => "schema",
        }
    }
}

/// One version of a schema as the registry knows it.
#[derive(Debug, Clone)]
pub struct Version {
    /// Record name, equal to the registry's subject.
    pub name: String,
    /// Registry id.
    pub id: u32,
    /// Schema text.
    pub text: String,
}

/// The schemas of this build with their registry ids, and every older version still readable.
#[derive(Clone)]
pub struct Codecs(Arc<Inner>);

struct Inner {
    own: HashMap<&'static str, u32>,
    // Schemas live as long as the process: a handful, and the deserialiser may borrow from them.
    known: HashMap<u32, &'static Schema>,
}

impl Codecs {
    /// `own` are this build's schemas as registered; `older` further versions whose records may still be in the topics.
    pub fn new(own: &[Version], older: &[Version]) -> Result<Self, Error> {
        let mut inner = Inner { own: HashMap::new(), known: HashMap::new() };
        for version in own.iter().chain(older) {
            let parsed: Schema = version
                .text
                .parse()
                .map_err(|e: serde_avro_fast::schema::SchemaError| Error::Schema { name: version.name.clone(), reason: e.to_string() })?;
            inner.known.insert(version.id, Box::leak(Box::new(parsed)));
        }
        for version in own {
            if let Some((name, _)) = SCHEMAS.iter().find(|(name, _)| *name == version.name) {
                inner.own.insert(name, version.id);
            }
        }
        match SCHEMAS.iter().find(|(name, _)| !inner.own.contains_key(name)) {
            Some((name, _)) => {
                Err(Error::Schema { name: (*name).to_owned(), reason: "is not registered; run `sluice migrate`".to_owned() })
            }
            None => Ok(Self(Arc::new(inner))),
        }
    }

    /// Codecs with ids 1, 2, … in the order of [`SCHEMAS`]: for tests, benchmarks and tools without a registry.
    pub fn unregistered() -> Self {
        let own: Vec<Version> =
            SCHEMAS.iter().zip(1..).map(|((name, text), id)| Version { name: (*name).to_owned(), id, text: (*text).to_owned() }).collect();
        match Self::new(&own, &[]) {
            Ok(codecs) => codecs,
            Err(e) => unreachable!("the schemas of this build parse: {e}"),
        }
    }

    /// The codec of one record type.
    pub fn of<T: Record>(&self) -> Codec<T> {
        let id = self.0.own[T::NAME];
        Codec { id, schema: self.0.known[&id], codecs: self.clone(), record: PhantomData }
    }
}

/// Encodes and decodes one record type.
#[derive(Clone)]
pub struct Codec<T> {
    id: u32,
    schema: &'static Schema,
    codecs: Codecs,
    record: PhantomData<fn() -> T>,
}

impl<T: Record> Codec<T> {
    /// The framed bytes of `record`.
    pub fn encode(&self, record: &T) -> Result<Vec<u8>, Error> {
        let mut out = Vec::with_capacity(256);
        out.push(0);
        out.extend_from_slice(&self.id.to_be_bytes());
        serde_avro_fast::to_datum(record, out, &mut SerializerConfig::new(self.schema)).map_err(datum::<T>)
    }

    /// The record in framed bytes, written by this build or an older one.
    pub fn decode(&self, bytes: &[u8]) -> Result<T, Error> {
        let (id, datum_bytes) = unframe(bytes)?;
        let schema = if id == self.id { self.schema } else { self.codecs.0.known.get(&id).copied().ok_or(Error::UnknownSchema(id))? };
        serde_avro_fast::from_datum_slice(datum_bytes, schema).map_err(datum::<T>)
    }
}

fn datum<T: Record>(e: impl std::fmt::Display) -> Error {
    Error::Datum { record: T::NAME, reason: e.to_string() }
}

/// Splits framed bytes into schema id and datum.
pub fn unframe(bytes: &[u8]) -> Result<(u32, &[u8]), Error> {
    match bytes {
        [0, a, b, c, d, datum @ ..] => Ok((u32::from_be_bytes([*a, *b, *c, *d]), datum)),
        _ => Err(Error::Frame(bytes.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{CampaignId, SendId, TenantId, TraceId};
    use crate::record::{Event, Journal, LedgerEntry, Run, SendState};

    fn entry() -> LedgerEntry {
        LedgerEntry {
            tenant: TenantId::from_bytes([1; 16]),
            account: "1555010001".into(),
            channel: "whatsapp".into(),
            send_id: SendId::from_bytes([2; 16]),
            state: SendState::InFlight,
            attempt: 2,
            wamid: None,
            code: Some(131_056),
            detail: Some("pair rate".into()),
            conversation: None,
            campaign: Some(CampaignId::from_bytes([3; 16])),
            seq: 7,
            to: "15550100002".into(),
            body: None,
            at_ms: 1_700_000_000_000,
            trace: TraceId::from_bytes([4; 16]),
        }
    }

    #[test]
    fn a_record_comes_back_as_it_was_written() {
        let codec = Codecs::unregistered().of::<LedgerEntry>();
        let bytes = codec.encode(&entry()).expect("encodes");
        assert_eq!(codec.decode(&bytes).expect("decodes"), entry());
    }

    #[test]
    fn both_codecs_write_the_same_bytes() {
        let codec = Codecs::unregistered().of::<LedgerEntry>();
        let fast = codec.encode(&entry()).expect("encodes");
        let schema = apache_avro::Schema::parse_str(LedgerEntry::SCHEMA).expect("parses");
        let mut slow = Vec::new();
        apache_avro::writer::datum::GenericDatumWriter::builder(&schema)
            .build()
            .expect("builds")
            .write_ser(&mut slow, &entry())
            .expect("encodes");
        assert_eq!(fast[5..], slow[..]);
    }

    #[test]
    fn nested_records_come_back() {
        let codec = Codecs::unregistered().of::<Journal>();
        let journal =
            Journal { sequence: 3, runs: vec![Run { input: -1, count: 1, clock_ms: 5 }], build: "b".into(), ..Journal::default() };
        assert_eq!(codec.decode(&codec.encode(&journal).expect("encodes")).expect("decodes"), journal);
    }

    #[test]
    fn a_foreign_id_is_named() {
        let codec = Codecs::unregistered().of::<Event>();
        assert!(matches!(codec.decode(&[0, 0, 0, 9, 9, 1]), Err(Error::UnknownSchema(2313))));
        assert!(matches!(codec.decode(b"{}"), Err(Error::Frame(2))));
    }

    #[test]
    fn no_bytes_panic() {
        let codec = Codecs::unregistered().of::<LedgerEntry>();
        let bytes = codec.encode(&entry()).expect("encodes");
        for cut in 0..bytes.len() {
            assert!(codec.decode(&bytes[..cut]).is_err());
        }
    }
}
