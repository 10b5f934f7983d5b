//! Every schema may follow its released versions, and records of those versions are read by this build.
//!
//! A release copies `avsc/<name>.avsc` to `avsc/released/<name>/<n>.avsc`; copies are never edited.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use apache_avro::Schema;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use sluice_schemas::codec::{Codecs, Version};
use sluice_schemas::compatibility;
use sluice_schemas::record::{
    Claim, Command, Config, Control, Conversation, DeadLetter, Demand, Event, Hold, Journal, LedgerEntry, Message, OptOut, Outbound, Quote,
    RawEvent, Record, SCHEMAS, SendResult,
};

fn avsc() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("avsc")
}

/// The released versions of a schema, `(number, text)` in ascending order.
fn released(name: &str) -> Vec<(u32, String)> {
    let Ok(files) = fs::read_dir(avsc().join("released").join(name)) else { return Vec::new() };
    let mut versions: Vec<(u32, String)> = files
        .map(|file| {
            let path = file.expect("can be listed").path();
            let number = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
            let number = number.unwrap_or_else(|| panic!("{}: a released schema is named <number>.avsc", path.display()));
            (number, fs::read_to_string(&path).expect("can be read"))
        })
        .collect();
    versions.sort_unstable_by_key(|(number, _)| *number);
    versions
}

fn parsed(text: &str) -> Schema {
    Schema::parse_str(text).expect("is an Avro schema")
}

#[test]
fn every_schema_may_follow_its_released_versions() {
    for (name, text) in SCHEMAS {
        let versions: Vec<(u32, Schema)> = released(name).iter().map(|(number, text)| (*number, parsed(text))).collect();
        if let Err(reason) = compatibility::check(&parsed(text), &versions) {
            panic!("avsc/{name}.avsc: {reason}");
        }
    }
}

#[test]
fn released_versions_are_numbered_without_a_gap() {
    for (name, _) in SCHEMAS {
        let numbers: Vec<u32> = released(name).iter().map(|(number, _)| *number).collect();
        assert!(numbers.iter().copied().eq(1..=numbers.len() as u32), "{name}: {numbers:?}");
    }
}

#[test]
fn no_released_schema_was_dropped() {
    let Ok(folders) = fs::read_dir(avsc().join("released")) else { return };
    for folder in folders {
        let name = folder.expect("can be listed").file_name().into_string().expect("is text");
        assert!(SCHEMAS.iter().any(|(known, _)| *known == name), "topics may still hold records of `{name}`");
    }
}

/// Texts that are names of a Rust enum, by field: any other would rightly be refused. Add a field here when a record
/// gains one.
const NAMED: &[(&str, &str)] = &[
    ("lane", "bulk"),
    ("scope", "number"),
    ("source", "word"),
    ("state", "cancelled"),
    ("outcome", "accepted"),
    ("from", "planned"),
    ("to", "sent"),
];

/// A value of this schema in which every optional field is present.
fn sample(schema: &Schema, field: &str, named: &mut HashMap<String, Schema>) -> Value {
    match schema {
        Schema::Null => Value::Null,
        Schema::Boolean => Value::Boolean(true),
        Schema::Int => Value::Int(7),
        Schema::Long => Value::Long(7),
        Schema::Double => Value::Double(0.5),
        Schema::Bytes => Value::Bytes(vec![1, 2, 3]),
        Schema::String => Value::String(NAMED.iter().find(|(name, _)| *name == field).map_or("text", |(_, text)| *text).to_owned()),
        Schema::Fixed(fixed) => {
            named.insert(fixed.name.fullname(None), schema.clone());
            Value::Fixed(fixed.size, vec![7; fixed.size])
        }
        Schema::Array(array) => Value::Array(vec![sample(&array.items, field, named)]),
        Schema::Map(map) => Value::Map(HashMap::from([("key".to_owned(), sample(&map.types, field, named))])),
        Schema::Union(union) => {
            let last = union.variants().len() - 1;
            Value::Union(last as u32, Box::new(sample(&union.variants()[last], field, named)))
        }
        Schema::Record(record) => {
            named.insert(record.name.fullname(None), schema.clone());
            Value::Record(record.fields.iter().map(|f| (f.name.clone(), sample(&f.schema, &f.name, named))).collect())
        }
        Schema::Ref { name } => {
            let definition = named[&name.fullname(None)].clone();
            sample(&definition, field, named)
        }
        other => panic!("{field}: no sample for {other:?}; add one"),
    }
}

fn framed(id: u32, text: &str) -> Vec<u8> {
    let schema = parsed(text);
    let value = sample(&schema, "", &mut HashMap::new());
    let mut bytes = vec![0];
    bytes.extend_from_slice(&id.to_be_bytes());
    GenericDatumWriter::builder(&schema).build().expect("builds").write_value(&mut bytes, value).expect("the sample fits its schema");
    bytes
}

/// Reads a record of every released version, and of the present one, with the type of this build.
fn reads_every_version<T: Record>() {
    let own: Vec<Version> =
        SCHEMAS.iter().zip(1..).map(|((name, text), id)| Version { name: (*name).into(), id, text: (*text).into() }).collect();
    let mut versions: Vec<Version> =
        released(T::NAME).into_iter().map(|(number, text)| Version { name: T::NAME.into(), id: 1_000 + number, text }).collect();
    let codec = Codecs::new(&own, &versions).expect("every version parses").of::<T>();
    versions.extend(own.into_iter().filter(|version| version.name == T::NAME));
    for version in versions {
        if let Err(error) = codec.decode(&framed(version.id, &version.text)) {
            panic!("{} {}: a record of this version is not read: {error}", T::NAME, version.id);
        }
    }
}

#[test]
fn records_of_every_released_version_are_read() {
    reads_every_version::<RawEvent>();
    reads_every_version::<Event>();
    reads_every_version::<DeadLetter>();
    reads_every_version::<Conversation>();
    reads_every_version::<Quote>();
    reads_every_version::<Command>();
    reads_every_version::<Outbound>();
    reads_every_version::<Claim>();
    reads_every_version::<SendResult>();
    reads_every_version::<LedgerEntry>();
    reads_every_version::<Message>();
    reads_every_version::<Control>();
    reads_every_version::<Demand>();
    reads_every_version::<Hold>();
    reads_every_version::<OptOut>();
    reads_every_version::<Config>();
    reads_every_version::<Journal>();
}

/// `raw_event` as it stands, changed by `change`, against itself as version 1.
fn refusal(change: impl FnOnce(&mut Vec<serde_json::Value>)) -> String {
    let mut schema: serde_json::Value = serde_json::from_str(RawEvent::SCHEMA).expect("is JSON");
    change(schema["fields"].as_array_mut().expect("is a record"));
    let new = Schema::parse(&schema).expect("still parses");
    compatibility::check(&new, &[(1, parsed(RawEvent::SCHEMA))]).expect_err("must be caught")
}

#[test]
fn a_field_removed_without_a_default_is_caught() {
    let reason = refusal(|fields| fields.retain(|field| field["name"] != "raw"));
    assert!(reason.starts_with("field `raw` is not written and has no default"), "{reason}");
    assert!(reason.ends_with("version 1 could not read the records of this schema"), "{reason}");
}

#[test]
fn a_field_added_without_a_default_is_caught() {
    let reason = refusal(|fields| fields.push(serde_json::json!({ "name": "added", "type": "int" })));
    assert!(reason.starts_with("field `added` is not written and has no default"), "{reason}");
    assert!(reason.ends_with("this schema could not read the records of version 1"), "{reason}");
}

#[test]
fn a_changed_type_is_caught() {
    let reason = refusal(|fields| {
        for field in fields.iter_mut().filter(|field| field["name"] == "received_ms") {
            field["type"] = "string".into();
        }
    });
    assert!(reason.starts_with("field `received_ms` is written as `\"long\"` and read as `\"string\"`"), "{reason}");
}
