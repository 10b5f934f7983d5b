//! Dead letters and unrouted updates: found, redriven once, dropped, and audited.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use sluice_connectors::kafka::producer::{Out, Producer};
use sluice_local::System;
use sluice_schemas::record::{DeadLetter, Event, Failure, Original, RawEvent};
use sluice_schemas::topics::{EVENTS, EVENTS_DEAD_LETTER, EVENTS_RAW, EVENTS_UNROUTED};

use super::books::Topics;
use super::conversation::{body, webhook};
use super::harness::{calm, eventually, texts, write};
use super::http::runtime;

pub const REQUEST: &str = "3 bags of cement to 01310-100?";

/// Redrives of a tenant run one at a time, so their tests do too.
static TURN: Mutex<()> = Mutex::new(());

/// This test's turn.
pub fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A raw event like one that came from `from`, with another id, and the home it lies on.
pub fn like(system: &System, topics: &Topics, from: &str, id: &str) -> (i32, RawEvent) {
    let raws = topics.all::<RawEvent>(EVENTS_RAW);
    let text = |raw: &RawEvent| String::from_utf8_lossy(&raw.raw).into_owned();
    let mut raw = raws.into_iter().find(|raw| text(raw).contains(from) && text(raw).contains(REQUEST)).expect("its raw event");
    let mut update: Value = serde_json::from_slice(&raw.raw).expect("JSON");
    update["id"] = id.into();
    update["timestamp"] = jiff::Timestamp::now().as_second().to_string().into();
    raw.raw = update.to_string().into_bytes();
    let tenants = system.sluice_json(&["tenant", "list"]).expect("tenants");
    let home = tenants.iter().find(|tenant| tenant["id"] == raw.tenant.to_string().as_str()).expect("its tenant")["home"].clone();
    (i32::try_from(home.as_i64().expect("a number")).expect("a partition"), raw)
}

/// Writes the letter that a build with a fault would have written of this event.
pub fn plant(topics: &Topics, home: i32, raw: &RawEvent, kind: &str, offset: i64) {
    let (key, value) = (format!("{}/{}", raw.tenant, raw.account), topics.codecs.of::<RawEvent>().encode(raw).expect("encodes"));
    let original = Original {
        topic: EVENTS_RAW,
        partition: home,
        offset,
        timestamp_ms: raw.received_ms,
        key: key.as_bytes(),
        value: &value,
        headers: &[],
    };
    let failure = Failure { tenant: raw.tenant, role: "intake", stage: "dedup", kind, detail: "planted", build: "0.0.0" };
    let letter = DeadLetter::new(original, failure);
    let payload = topics.codecs.of::<DeadLetter>().encode(&letter).expect("encodes");
    let out = Out { topic: EVENTS_DEAD_LETTER, partition: home, key: letter.record_key(), payload: Some(payload), headers: Vec::new() };
    let producer = Producer::new(&topics.options, Duration::from_secs(30)).expect("a producer");
    runtime().block_on(producer.send_all(vec![out])).expect("written");
}

fn heard(topics: &Topics, id: &str) -> usize {
    topics.all::<Event>(EVENTS).iter().filter(|event| event.event.contains(id)).count()
}

#[test]
fn a_letter_is_redriven_once_whatever_is_asked() {
    let _turn = turn();
    let (system, from) = (calm(), "15550127001");
    let topics = Topics::of(system);
    write(system, from, REQUEST);
    eventually(system, "the first answer", || (texts(system, from).len() == 1).then_some(()));
    let (home, raw) = like(system, &topics, from, "wamid.LETTER0001");
    // The same record twice, as when a first redrive was cut off before its decision was noted.
    plant(&topics, home, &raw, "planted_once", 900_000_001);
    plant(&topics, home, &raw, "planted_once", 900_000_001);
    let list = || system.sluice_json(&["dead-letters", "list", "--kind", "planted_once"]).expect("a list");
    assert_eq!(list().len(), 2);
    let redrive = ["dead-letters", "redrive", "--kind", "planted_once", "--reason", "repaired"];
    let planned = system.sluice_json(&redrive).expect("a plan");
    assert_eq!((&planned[0]["records"], &planned[0]["resent"]["events.raw"]), (&json!(2), &json!(2)));
    assert_eq!(list().len(), 2, "a plan does nothing");
    let done = system.sluice_json(&[&redrive[..], &["--yes"]].concat()).expect("a report");
    assert_eq!(done[0]["done"], 2);
    eventually(system, "the second answer", || (texts(system, from).len() == 2).then_some(()));
    assert_eq!(heard(&topics, "wamid.LETTER0001"), 1);

    assert!(list().is_empty());
    let all = system.sluice_json(&["dead-letters", "list", "--kind", "planted_once", "--all"]).expect("a list");
    assert!(all.iter().all(|row| row["decision"]["decision"] == "redriven" && row["decision"]["reason"] == "repaired"), "{all:?}");
    let again = system.sluice(&[&redrive[..], &["--yes"]].concat()).expect_err("nothing is left").to_string();
    assert!(again.contains("2 that fit were redriven or dropped before"), "{again}");
    // What came after it shows that nothing of it is still under way.
    write(system, from, REQUEST);
    eventually(system, "the third answer", || (texts(system, from).len() >= 3).then_some(()));
    assert_eq!((heard(&topics, "wamid.LETTER0001"), texts(system, from).len()), (1, 3));
}

#[test]
fn a_letter_that_fails_again_keeps_its_place_and_can_be_dropped_with_a_reason() {
    let _turn = turn();
    let (system, from) = (calm(), "15550127002");
    let topics = Topics::of(system);
    write(system, from, REQUEST);
    eventually(system, "an answer", || texts(system, from).pop());
    let (home, mut raw) = like(system, &topics, from, "wamid.LETTER0002");
    // Nobody sent it: no build can attribute it.
    let mut update: Value = serde_json::from_slice(&raw.raw).expect("JSON");
    let fields = update.as_object_mut().expect("an object");
    fields.retain(|name, _| !name.starts_with("from"));
    (raw.raw, raw.contact) = (update.to_string().into_bytes(), None);
    plant(&topics, home, &raw, "planted_bad", 900_000_002);
    system.sluice(&["dead-letters", "redrive", "--kind", "planted_bad", "--yes"]).expect("redriven");
    let again = eventually(system, "the letter of the second attempt", || {
        let rows = system.sluice_json(&["dead-letters", "list", "--kind", "unattributed"]).ok()?;
        rows.into_iter().find(|row| row["source"] == format!("{EVENTS_RAW}/{home}/900000002").as_str())
    });
    assert_eq!(again["attempt"], 2);
    let id = again["id"].as_str().expect("a place");
    let refused = system.sluice(&["dead-letters", "drop", id, "--yes"]).expect_err("no reason").to_string();
    assert!(refused.contains("--reason"), "{refused}");
    let dropped = system.sluice_json(&["dead-letters", "drop", id, "--reason", "nobody sent it", "--yes"]).expect("a report");
    assert_eq!(dropped[0]["done"], 1);
    let empty = ["replay", "redrive", "--tenant", "acme", "--from", "2001-01-01T00:00:00Z", "--to", "2001-01-02T00:00:00Z", "--yes"];
    let nothing = system.sluice(&empty).expect_err("nothing is there").to_string();
    assert!(nothing.contains("lies before what is still there"), "{nothing}");
}

#[test]
fn what_came_for_a_number_is_replayed_when_it_is_registered() {
    let _turn = turn();
    let system = calm();
    let topics = Topics::of(system);
    assert_eq!(webhook(system, "", &body("15559990077", "15550127003", "wamid.EARLY0001", "Anybody there?")), 200);
    assert!(topics.all::<RawEvent>(EVENTS_UNROUTED).iter().any(|raw| raw.account == "15559990077"));
    system.sluice(&["number", "add", "--tenant", "acme", "--account", "15559990077", "--waba", "15559990078"]).expect("added");
    eventually(system, "the early message", || (heard(&topics, "wamid.EARLY0001") == 1).then_some(()));
    let conversation = eventually(system, "its conversation", || {
        let found = system.api_get("/api/v1/conversations?q=15550127003").ok()?;
        found["data"][0]["preview"].as_str().map(str::to_owned)
    });
    assert_eq!(conversation, "Anybody there?");
    let by_hand = system.sluice(&["replay", "redrive", "--tenant", "acme", "--stage", "ingress", "--yes"]).expect_err("done").to_string();
    assert!(by_hand.contains("redriven or dropped before"), "{by_hand}");
}
