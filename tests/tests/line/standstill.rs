//! A flood of records that no stage can read stops what it comes from and nothing else, until somebody says that it goes on.

use std::time::Duration;

use serde_json::{Value, json};
use sluice_connectors::kafka::producer::{Out, Producer};
use sluice_local::System;
use sluice_local::system::Setup;
use sluice_schemas::ids::TenantId;
use sluice_schemas::topics::{self, EVENTS_RAW};

use super::books::Topics;
use super::harness::{eventually, seeded, stack, texts, write};
use super::http::runtime;
use super::letters::like;

const REQUEST: &str = "3 bags of cement to 01310-100?";
/// As many in a row as trip the breaker.
const FLOOD: usize = 1_000;

/// Writes as many records that nobody can read, in turn under these tenants' keys.
fn flood(topics: &Topics, home: i32, tenants: &[TenantId]) {
    let out = |n: usize| Out {
        topic: EVENTS_RAW,
        partition: home,
        key: topics::key(tenants[n % tenants.len()], &"flood").into_bytes(),
        payload: Some(b"no record of ours".to_vec()),
        headers: Vec::new(),
    };
    let producer = Producer::new(&topics.options, Duration::from_secs(30)).expect("a producer");
    runtime().block_on(producer.send_all((0..FLOOD).map(out).collect())).expect("written");
}

fn holds(system: &System) -> Vec<Value> {
    system.api_get("/api/v1/holds").expect("a list")["data"].as_array().expect("rows").clone()
}

fn stopped(system: &System) -> Option<String> {
    let metrics = system.metrics().ok()?;
    let line = metrics.lines().find(|line| line.starts_with(r#"sluice_stage_partitions_stopped{chain="intake"}"#))?;
    line.rsplit_once(' ').map(|(_, value)| value.to_owned())
}

/// Waits until the answer has been read: no status of it comes in between the records of a flood any more.
fn answered(system: &System, from: &str) {
    eventually(system, &format!("the answer to {from}"), || texts(system, from).pop());
    eventually(system, &format!("that {from} has read it"), || {
        let conversations = system.api_get("/api/v1/conversations").ok()?;
        let about = conversations["data"].as_array()?.iter().find(|about| about["phone"] == from)?["id"].as_str()?.to_owned();
        let messages = system.api_get(&format!("/api/v1/conversations/{about}/messages")).ok()?;
        messages["data"].as_array()?.iter().any(|message| message["status"] == "read").then_some(())
    });
}

#[test]
fn a_flood_parks_its_tenant_and_one_of_several_stops_the_partition_until_a_persons_word() {
    let system = seeded(stack(), &Setup::test().meta(&["--read-rate", "1"]));
    let topics = Topics::of(&system);
    let [first, parked, later, waiting] = ["15550130001", "15550130002", "15550130003", "15550130004"];
    write(&system, first, REQUEST);
    answered(&system, first);
    let (home, raw) = like(&system, &topics, first, "wamid.NOBODY");

    flood(&topics, home, &[raw.tenant]);
    let hold = eventually(&system, "the hold of the flood", || holds(&system).pop());
    assert_eq!((&hold["scope"], &hold["name"], &hold["until"]), (&json!("chain"), &json!("intake"), &Value::Null), "{hold}");
    assert!(hold["cause"].as_str().is_some_and(|cause| cause.contains("1000 dead letters in a row")), "{hold}");
    assert!(hold["remedy"].as_str().is_some_and(|remedy| remedy.contains("redrive")), "{hold}");
    write(&system, parked, REQUEST);
    let letters = || system.sluice_json(&["dead-letters", "list", "--kind", "parked"]).expect("a list");
    eventually(&system, "the letter of who wrote meanwhile", || (!letters().is_empty()).then_some(()));
    assert_eq!(texts(&system, parked), [""; 0]);
    system.sluice(&["holds", "lift", "chain", "intake", "--tenant", "acme", "--reason", "the sender is mended"]).expect("recorded");
    eventually(&system, "no hold", || holds(&system).is_empty().then_some(()));
    write(&system, later, REQUEST);
    answered(&system, later);
    let redrive = ["dead-letters", "redrive", "--kind", "parked", "--reason", "the sender is mended", "--yes"];
    system.sluice(&redrive).expect("a report");
    answered(&system, parked);

    flood(&topics, home, &[raw.tenant, TenantId::from_bytes([7; 16])]);
    eventually(&system, "the stop", || (stopped(&system)? == "1").then_some(()));
    write(&system, waiting, REQUEST);
    system.kill_sluice().expect("killed");
    system.start_sluice().expect("started");
    eventually(&system, "the stop after a restart", || (stopped(&system)? == "1").then_some(()));
    assert_eq!(texts(&system, waiting), [""; 0]);
    let partition = home.to_string();
    let resume = ["partition", "resume", "--chain", "intake", "--partition", &partition, "--reason", "mended"];
    system.sluice(&resume).expect("recorded");
    answered(&system, waiting);
    assert_eq!(stopped(&system).as_deref(), Some("0"));
    let each = [first, parked, later, waiting].map(|person| texts(&system, person).len());
    assert_eq!(each, [1; 4]);
    system.stop().expect("ends in its own way");
}
