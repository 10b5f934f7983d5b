//! The consumer loop of the effects, against a real broker.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::producer::{BaseProducer, BaseRecord, FutureProducer, FutureRecord, Producer as _};
use rdkafka::{Offset, TopicPartitionList};
use sluice_connectors::kafka::Options;
use sluice_connectors::kafka::consumer::{self, Commit, Subscription};
use sluice_connectors::kafka::lag::Reader;
use sluice_local::Engine;
use sluice_schemas::time::Millis;
use sluice_schemas::topics::EVENTS;

use super::harness::{PATIENCE, stack};
use super::http::runtime;

const PARTITIONS: i32 = 4;
const RECORDS: usize = 40;

fn until(what: &str, reached: impl Fn() -> Result<(), String>) {
    let begun = Instant::now();
    while let Err(stands) = reached() {
        assert!(begun.elapsed() < PATIENCE, "{what} did not come: {stands}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn client(options: &Options) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &options.brokers);
    config
}

fn topic(options: &Options) {
    let admin: AdminClient<DefaultClientContext> = client(options).create().expect("a client");
    let name = options.name(EVENTS);
    let topic = NewTopic::new(&name, PARTITIONS, TopicReplication::Fixed(1));
    let made = runtime().block_on(admin.create_topics([&topic], &AdminOptions::new())).expect("an answer");
    assert!(made.iter().all(Result::is_ok), "{made:?}");
}

fn produce(options: &Options, from: usize) {
    let producer: FutureProducer = client(options).create().expect("a producer");
    for n in from..from + RECORDS {
        let (name, value) = (options.name(EVENTS), n.to_string());
        let record = FutureRecord::<(), _>::to(&name).partition((n % PARTITIONS as usize) as i32).payload(&value);
        runtime().block_on(producer.send(record, PATIENCE)).expect("acknowledged");
    }
}

/// Another member of the group: takes part of the partitions, reads nothing for good, and leaves.
fn come_and_go(options: &Options, group: &str) {
    let mut config = client(options);
    config.set("group.id", options.name(group)).set("enable.auto.commit", "false").set("partition.assignment.strategy", "range");
    let member: BaseConsumer = config.create().expect("a consumer");
    member.subscribe(&[&options.name(EVENTS)]).expect("subscribes");
    until("a share of the partitions", || {
        let _ = member.poll(Duration::from_millis(50));
        let assigned = member.assignment().map_err(|error| error.to_string())?;
        if assigned.count() > 0 { Ok(()) } else { Err("nothing is assigned".into()) }
    });
}

/// Ends the loop however the test ends: the scope waits for its thread.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

fn options(prefix: &str) -> Options {
    Options {
        brokers: stack().address(Engine::Kafka).expect("an address"),
        prefix: prefix.into(),
        partitions: PARTITIONS,
        ..Options::default()
    }
}

/// Writes one record, stamped `at`, in a transaction of its own.
fn transact(producer: &BaseProducer, name: &str, at: i64) {
    producer.begin_transaction().expect("begins");
    producer.send(BaseRecord::<(), _>::to(name).partition(0).timestamp(at).payload("x")).map_err(|(e, _)| e).expect("is queued");
    producer.commit_transaction(PATIENCE).expect("commits");
}

#[test]
fn lag_counts_what_waits_with_its_age_and_no_transaction_marker() {
    let options = options("lag.");
    topic(&options);
    let name = options.name(EVENTS);
    let producer: BaseProducer = client(&options).set("transactional.id", &name).create().expect("a producer");
    producer.init_transactions(PATIENCE).expect("a transactional id");
    transact(&producer, &name, 1_000);
    // The group has read the one record; behind it lies the marker of its transaction.
    let member: BaseConsumer = client(&options).set("group.id", options.name("reader")).create().expect("a consumer");
    let mut read = TopicPartitionList::new();
    read.add_partition_offset(&name, 0, Offset::Offset(1)).expect("an offset");
    member.commit(&read, CommitMode::Sync).expect("commits");

    let lag = || Reader::new(&options).lag("reader", &[EVENTS]).expect("is measured").remove(0);
    // A partition that could not be looked at in time counts as waiting, so a busy machine may need a second look.
    until("the marker alone is no lag", || {
        let seen = lag();
        let found = (seen.committed, seen.end, seen.lag, seen.oldest);
        if found == (1, 2, 0, None) { Ok(()) } else { Err(format!("{found:?}")) }
    });
    transact(&producer, &name, 2_000);
    transact(&producer, &name, 3_000);
    until("the age of the oldest", || {
        let seen = lag();
        let right = seen.committed == 1 && seen.oldest == Some(Millis(2_000)) && seen.lag >= 2;
        if right { Ok(()) } else { Err(format!("{seen:?}")) }
    });
}

#[test]
fn a_rebalance_while_an_effect_fails_loses_no_record() {
    let options = options("rebalanced.");
    topic(&options);
    produce(&options, 0);
    let (stop, fails, calls) = (Arc::new(AtomicBool::new(false)), AtomicBool::new(true), AtomicUsize::new(0));
    let seen: Mutex<BTreeSet<usize>> = Mutex::default();
    let subscription = Subscription {
        group: "effect",
        instance: "effect-0".into(),
        topics: &[EVENTS],
        commit: Commit::After,
        // So few that most records still wait in the client when the effect fails.
        max_records: 3,
        linger: Duration::ZERO,
    };
    thread::scope(|scope| {
        let work = scope.spawn(|| {
            consumer::run(&options, &subscription, &stop, |batch| {
                calls.fetch_add(1, Ordering::AcqRel);
                if fails.load(Ordering::Acquire) {
                    return Err("the store is away");
                }
                let numbers = batch.iter().filter_map(|record| String::from_utf8_lossy(&record.record).parse::<usize>().ok());
                seen.lock().expect("the set").extend(numbers);
                Ok(())
            })
        });
        let ends = Ends(&stop);
        until("a failure", || if calls.load(Ordering::Acquire) >= 2 { Ok(()) } else { Err("no second call".into()) });
        come_and_go(&options, "effect");
        produce(&options, RECORDS);
        fails.store(false, Ordering::Release);
        let all: BTreeSet<usize> = (0..2 * RECORDS).collect();
        until("every record", || {
            let missing: Vec<usize> = all.difference(&seen.lock().expect("the set")).copied().collect();
            if missing.is_empty() { Ok(()) } else { Err(format!("{missing:?} are missing")) }
        });
        drop(ends);
        work.join().expect("no panic").expect("ends in its own way");
    });
}
