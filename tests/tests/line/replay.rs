//! The journal is complete: what it tells, with the inputs that it names, gives every output of the chains again.

use std::collections::BTreeMap;

use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::{Offset, TopicPartitionList};
use serde_json::json;
use sluice_connectors::kafka::log::{Entry, Log};
use sluice_local::System;
use sluice_local::system::Setup;
use sluice_pipeline::chain::Chain;
use sluice_pipeline::domain::callback::Keys;
use sluice_pipeline::replay::{Make, Replay, Source};
use sluice_pipeline::stages::intake::Intake;
use sluice_pipeline::stages::ledger::{Ledger, Settings};
use sluice_pipeline::stages::reconcile::Reconcile;
use sluice_pipeline::topology::{self, CHAINS};
use sluice_schemas::codec::Codecs;

use super::approval::waiting;
use super::books::Topics;
use super::harness::{audience, campaign, control, eventually, funnel, seeded, stack, texts, write};
use super::http::runtime;

type Records = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// Stages as `sluice run` makes them from this system's configuration.
fn make(system: &System, chain: &str, codecs: &Codecs) -> Box<Make> {
    let text = std::fs::read_to_string(system.dir().join("sluice.toml")).expect("the configuration");
    let configuration: toml::Value = toml::from_str(&text).expect("TOML");
    let secret = configuration["secrets"]["callback"]["local"].as_str().expect("a key").as_bytes().to_vec();
    let keys = Keys::new(&[("local".into(), secret)]).expect("keys");
    let deadline = configuration.get("ledger").and_then(|ledger| ledger.get("unknown_deadline_seconds")?.as_integer()).unwrap_or(3_600);
    let codecs = codecs.clone();
    match chain {
        "intake" => Box::new(move || Box::new(Intake::new(&codecs)) as Box<dyn Chain>),
        "ledger" => {
            let settings = Settings { keys, http_timeout_ms: 30_000, unknown_deadline_ms: deadline * 1_000 };
            Box::new(move || Box::new(Ledger::new(&codecs, settings.clone())) as Box<dyn Chain>)
        }
        _ => Box::new(move || Box::new(Reconcile::new(&codecs, keys.clone())) as Box<dyn Chain>),
    }
}

/// Every committed record of a partition.
fn records(topics: &Topics, topic: &str, partition: i32) -> Records {
    let mut log = Log::open(&topics.options, topic, partition).expect("a partition");
    log.seek(log.bounds().expect("bounds").0).expect("its beginning");
    let entries = std::iter::from_fn(|| log.read().expect("a record"));
    entries.map(|Entry { key, value, .. }| (key, value)).collect()
}

/// What the replay of a chain writes to each topic of a partition; the number of its transactions.
fn replayed(system: &System, topics: &Topics, chain: &str, partition: i32, out: &mut BTreeMap<&'static str, Records>) -> usize {
    let (role, chain_topics) = (topology::role(chain).expect("a role"), topology::chain(chain).expect("a chain"));
    let make = make(system, chain, &topics.codecs);
    let source = Source { kafka: topics.options.clone(), codecs: topics.codecs.clone(), role, topics: chain_topics, partition };
    let mut replay = Replay::from_beginning(&source, &*make).expect("a journal");
    let mut transactions = 0;
    while let Some(transaction) = replay.transaction().expect("a transaction") {
        transactions += 1;
        for emit in transaction.outputs {
            out.entry(emit.topic).or_default().push((emit.key, Some(emit.value)));
        }
        out.entry(chain_topics.changelog)
            .or_default()
            .extend(transaction.keyed.into_iter().map(|(key, value)| (key, value.map(|value| value.to_vec()))));
        if let (Some(packed), false) = (chain_topics.packed, transaction.seen.is_empty()) {
            let hashes = transaction.seen.concat();
            out.entry(packed).or_default().push((transaction.journal.sequence.to_be_bytes().to_vec(), Some(hashes)));
        }
    }
    transactions
}

fn demonstration(system: &System) {
    for (n, text) in ["3 bags of cement to 01310-100?", "hello", "5 bags of cement", "2 m³ of sand to 13010-111"].iter().enumerate() {
        write(system, &format!("1555012700{n}"), text);
    }
    let quote = waiting(system, "15550127010", "240 bags of cement and 12 m³ of sand to 13010-111, please");
    let id = quote["id"].as_str().expect("an id");
    system.api_post(&format!("/api/v1/quotes/{id}/approve"), "replayed", &json!({})).expect("decided");
    let made = campaign(system, "replayed", &audience("1555028", 60), 0);
    let id = made["id"].as_str().expect("an id").to_owned();
    control(system, "start", &id);
    // A restart in the middle: memory begins anew from state, which the journal must tell.
    eventually(system, "a campaign on its way", || (funnel(system, &id, 60)["funnel"]["accepted"].as_i64()? > 10).then_some(()));
    system.kill_sluice().expect("killed");
    system.start_sluice().expect("started");
    eventually(system, "the end of the campaign", || (funnel(system, &id, 60)["state"] == "completed").then_some(()));
    write(system, "15550127000", "4 bags of cement to 01310-100?");
    eventually(system, "an answer", || (texts(system, "15550127000").len() > 1).then_some(()));
}

#[test]
fn a_replay_of_every_transaction_gives_the_outputs_and_the_state_in_the_topics_byte_for_byte() {
    // A claim that was killed before its first byte is unknown for good, and the campaign waits for the deadline.
    let brief = json!({"ledger": {"unknown_deadline_seconds": 5}});
    let system = seeded(stack(), &Setup::test().partitions(2).meta(&["--read-rate", "1"]).configure(brief));
    demonstration(&system);
    system.stop_sluice().expect("stopped");
    let topics = Topics::of(&system);
    let mut transactions = BTreeMap::new();
    for partition in 0..topics.options.partitions {
        let mut expected = BTreeMap::new();
        for chain in CHAINS {
            *transactions.entry(chain.name).or_default() += replayed(&system, &topics, chain.name, partition, &mut expected);
        }
        let outputs = CHAINS.iter().flat_map(|chain| topology::role(chain.name).into_iter().flat_map(|role| role.writes));
        let state = CHAINS.iter().flat_map(|chain| [Some(chain.changelog), chain.packed]).flatten();
        let all: std::collections::BTreeSet<&str> = outputs.copied().chain(state).collect();
        for topic in all {
            let mut there = records(&topics, topic, partition);
            // The journal's own copy among the state, and the day before packed hashes, are the runner's.
            there.retain(|(key, _)| key != &[0]);
            if topic.ends_with("dedup") {
                for (_, value) in &mut there {
                    *value = value.take().map(|value| value[2..].to_vec());
                }
            }
            let again = expected.remove(topic).unwrap_or_default();
            assert_eq!(again.len(), there.len(), "{topic}[{partition}]");
            let differs = again.iter().zip(&there).position(|(again, there)| again != there);
            assert_eq!(differs, None, "{topic}[{partition}]");
        }
        assert!(expected.is_empty(), "written where nobody reads: {:?}", expected.keys());
    }
    assert!(transactions.values().all(|n: &usize| *n > 10), "{transactions:?}");
    system.stop().expect("stopped");
}

/// Drops what a partition holds before an offset, as retention does.
fn forget(topics: &Topics, topic: &str, before: i64) {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", &topics.options.brokers).create().expect("a client");
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&topics.options.name(topic), 0, Offset::Offset(before)).expect("a partition");
    let dropped = runtime().block_on(admin.delete_records(&list, &AdminOptions::new())).expect("dropped");
    dropped.elements().iter().for_each(|element| element.error().expect("dropped"));
}

#[test]
fn a_replay_that_needs_what_is_gone_says_what_is_still_there() {
    let system = seeded(stack(), &Setup::test().partitions(1));
    write(&system, "15550127501", "3 bags of cement to 01310-100?");
    eventually(&system, "an answer", || texts(&system, "15550127501").pop());
    system.stop_sluice().expect("stopped");
    let topics = Topics::of(&system);
    let (role, chain) = (topology::role("intake").expect("a role"), topology::chain("intake").expect("a chain"));
    let source = Source { kafka: topics.options.clone(), codecs: topics.codecs.clone(), role, topics: chain, partition: 0 };
    let make = make(&system, "intake", &topics.codecs);
    let fault = || {
        let mut replay = Replay::from_beginning(&source, &*make).expect("a journal");
        loop {
            match replay.transaction() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("nothing was missed"),
                Err(e) => return (e.kind(), e.to_string()),
            }
        }
    };
    forget(&topics, "events.raw", 1);
    let (kind, said) = fault();
    assert!(kind == "order" && said.contains("events.raw[0] does not fit transaction"), "{said}");
    forget(&topics, chain.journal, 2);
    let (kind, said) = fault();
    assert!(kind == "gone" && said.contains("transaction 1 is not there; the oldest after it is"), "{said}");
    system.stop().expect("stopped");
}
