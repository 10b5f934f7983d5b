//! Records of a build that is newer than the process that reads them.

use std::time::Duration;

use serde_json::{Value, json};
use sluice_connectors::kafka::producer::{Out, Producer};
use sluice_local::System;
use sluice_schemas::record::{RawEvent, Record};
use sluice_schemas::topics::EVENTS_RAW;

use super::books::Topics;
use super::harness::{calm, eventually, texts, write};
use super::http::{self, runtime};
use super::letters::{REQUEST, like};

/// Registers `raw_event` with one more field, as a newer build would; gives its id.
fn newer(system: &System) -> u32 {
    let mut schema: Value = serde_json::from_str(RawEvent::SCHEMA).expect("JSON");
    schema["fields"].as_array_mut().expect("fields").push(json!({"name": "later", "type": "int", "default": 0}));
    let url = system.registry_url();
    let answer = http::post(&format!("{url}/subjects/raw_event/versions"), &[], &json!({"schema": schema.to_string()}));
    assert_eq!(answer.status, 200, "{answer:?}");
    u32::try_from(answer.json()["id"].as_u64().expect("an id")).expect("fits")
}

#[test]
fn a_record_of_a_schema_registered_after_the_start_is_read_and_is_no_dead_letter() {
    let (system, from) = (calm(), "15550130001");
    let topics = Topics::of(system);
    write(system, from, REQUEST);
    eventually(system, "the first answer", || (texts(system, from).len() == 1).then_some(()));
    let (home, raw) = like(system, &topics, from, "wamid.NEWER0001");
    let mut value = topics.codecs.of::<RawEvent>().encode(&raw).expect("encodes");
    value.splice(1..5, newer(system).to_be_bytes());
    value.push(14);
    let key = format!("{}/{}", raw.tenant, raw.account).into_bytes();
    let out = Out { topic: EVENTS_RAW, partition: home, key, payload: Some(value), headers: Vec::new() };
    let producer = Producer::new(&topics.options, Duration::from_secs(30)).expect("a producer");
    runtime().block_on(producer.send_all(vec![out])).expect("written");
    eventually(system, "the second answer", || (texts(system, from).len() == 2).then_some(()));
}
