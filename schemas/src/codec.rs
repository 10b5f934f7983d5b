//! The Confluent wire format: a zero byte, the schema's id in the registry (4 bytes, big-endian), the Avro datum.
//!
//! The hot path uses `serde_avro_fast`; tests hold its bytes against `apache-avro`'s.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::{Arc, PoisonError, RwLock};

use serde_avro_fast::Schema;
use serde_avro_fast::ser::SerializerConfig;

use crate::record::{Record, SCHEMAS};

/// Why bytes are not a record.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Shorter than a frame, or not starting with a zero byte.
    #[error("not a framed record: expected a zero byte and a 4-byte schema id, got {0} bytes")]
    Frame(usize),
    /// The registry has no schema of this id.
    #[error("schema id {0} is not known: is the registry another one than the writer's?")]
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
    /// By id; `None` for one that the registry does not have. Schemas live as long as the process: a handful, and the deserialiser may
    /// borrow from them.
    known: RwLock<HashMap<u32, Option<&'static Schema>>>,
}

impl Codecs {
    /// `own` are this build's schemas as registered; `older` further versions whose records may still be in the topics.
    pub fn new(own: &[Version], older: &[Version]) -> Result<Self, Error> {
        let mut inner = Inner { own: HashMap::new(), known: RwLock::default() };
        for version in own.iter().chain(older) {
            let known = inner.known.get_mut().unwrap_or_else(PoisonError::into_inner);
            known.insert(version.id, Some(parsed(&version.name, &version.text)?));
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
        match self.schema(id) {
            Some(schema) => Codec { id, schema, codecs: self.clone(), record: PhantomData },
            None => unreachable!("the schemas of this build are known from the start: {}", T::NAME),
        }
    }

    fn schema(&self, id: u32) -> Option<&'static Schema> {
        self.0.known.read().unwrap_or_else(PoisonError::into_inner).get(&id).copied().flatten()
    }

    /// The id of framed bytes whose schema nobody has looked up yet: written by a newer build since this process started. Ask the
    /// registry, then [`Codecs::learn`].
    pub fn stranger(&self, bytes: &[u8]) -> Option<u32> {
        let (id, _) = unframe(bytes).ok()?;
        (!self.0.known.read().unwrap_or_else(PoisonError::into_inner).contains_key(&id)).then_some(id)
    }

    /// Takes over what the registry says of an id: its schema's text, or that it has none. Records of an id without a schema give
    /// [`Error::UnknownSchema`] from now on.
    pub fn learn(&self, id: u32, text: Option<&str>) -> Result<(), Error> {
        let schema = text.map(|text| parsed(&format!("of id {id}"), text)).transpose()?;
        self.0.known.write().unwrap_or_else(PoisonError::into_inner).entry(id).or_insert(schema);
        Ok(())
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
        let schema = if id == self.id { self.schema } else { self.codecs.schema(id).ok_or(Error::UnknownSchema(id))? };
        serde_avro_fast::from_datum_slice(datum_bytes, schema).map_err(datum::<T>)
    }
}

fn parsed(name: &str, text: &str) -> Result<&'static Schema, Error> {
    let unusable = |e: serde_avro_fast::schema::SchemaError| Error::Schema { name: name.to_owned(), reason: e.to_string() };
    Ok(Box::leak(Box::new(text.parse().map_err(unusable)?)))
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
    fn an_id_is_a_stranger_until_the_registry_was_asked() {
        let codecs = Codecs::unregistered();
        let codec = codecs.of::<LedgerEntry>();
        let mut newer = codec.encode(&entry()).expect("encodes");
        assert_eq!(codecs.stranger(&newer), None);
        newer[1..5].copy_from_slice(&900_u32.to_be_bytes());
        assert_eq!(codecs.stranger(&newer), Some(900));
        codecs.learn(900, Some(LedgerEntry::SCHEMA)).expect("a schema");
        assert_eq!(codecs.stranger(&newer), None);
        assert_eq!(codec.decode(&newer).expect("decodes, also with a codec made before"), entry());
        newer[1..5].copy_from_slice(&901_u32.to_be_bytes());
        codecs.learn(901, None).expect("nothing to read");
        assert_eq!(codecs.stranger(&newer), None);
        assert!(matches!(codec.decode(&newer), Err(Error::UnknownSchema(901))));
        assert_eq!(codecs.stranger(b"{}"), None);
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
