//! Kafka forgets the offsets of groups that were away for long. The changelogs still know how far the chains had come.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use serde_json::json;
use sluice_local::system::Setup;
use sluice_pipeline::topology::TOPOLOGY;

use super::books::{Topics, settle};
use super::harness::{PATIENCE, audience, campaign, control, eventually, funnel, seeded, stack, texts, write};
use super::http::runtime;

const RECIPIENTS: usize = 30;
const REQUEST: &str = "3 bags of cement and 2 m³ of sand to 01310-100?";

/// Deletes every consumer group, offsets and all. A member that ended leaves its group only when its session is over.
fn forget(topics: &Topics) {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", &topics.options.brokers).create().expect("a client");
    let begun = Instant::now();
    for role in TOPOLOGY {
        let group = topics.options.name(role.name);
        loop {
            let deleted = runtime().block_on(admin.delete_groups(&[&group], &AdminOptions::new())).expect("an answer");
            match deleted.into_iter().next() {
                Some(Err((_, error))) if error.to_string().contains("NonEmptyGroup") => {
                    assert!(begun.elapsed() < PATIENCE, "{group} does not end");
                    std::thread::sleep(Duration::from_millis(200));
                }
                // Roles that read no topic have no group.
                _ => break,
            }
        }
    }
}

#[test]
fn a_system_whose_offsets_kafka_has_forgotten_goes_on_where_it_was_and_does_nothing_twice() {
    let system = seeded(stack(), &Setup::test().configure(json!({"ledger": {"unknown_deadline_seconds": 5}})));
    let made = campaign(&system, "before", &audience("1555018", RECIPIENTS), 0);
    let id = made["id"].as_str().expect("an id").to_owned();
    let mut recipients: BTreeSet<String> = (0..RECIPIENTS).map(|n| format!("1555018{n:04}")).collect();
    let mut written = BTreeSet::new();
    let mut customer = |from: &str| {
        recipients.insert(from.to_owned());
        written.insert(write(&system, from, REQUEST));
        eventually(&system, "an answer", || texts(&system, from).pop());
    };
    control(&system, "start", &id);
    customer("15550187001");
    eventually(&system, "its end", || (funnel(&system, &id, RECIPIENTS as i64)["state"] == "completed").then_some(()));
    system.stop_sluice().expect("ends in its own way");
    forget(&Topics::of(&system));
    system.start_sluice().expect("starts");
    customer("15550187002");
    settle(&system, &recipients, &written);
    system.stop().expect("ends in its own way");
}
