//! `sluice audit` on a line that runs: sound books, and disagreements planted in the topics.

use std::time::Duration;

use serde_json::Value;
use sluice_connectors::kafka::producer::{Out, Producer};
use sluice_schemas::ids::{SendId, TenantId, TraceId};
use sluice_schemas::record::{Event, LedgerEntry, Record, SendState};
use sluice_schemas::topics::{EVENTS, SEND_LEDGER};

use super::books::Topics;
use super::harness::{calm, eventually, texts, write};
use super::http::runtime;

/// A tenant that no number has: what is planted disturbs nobody's books but its own.
const NOBODY: TenantId = TenantId::from_bytes([0x5a; 16]);

fn plant<T: Record>(topics: &Topics, topic: &'static str, record: &T) {
    let payload = topics.codecs.of::<T>().encode(record).expect("encodes");
    let out = Out { topic, partition: 1, key: format!("{NOBODY}/x").into_bytes(), payload: Some(payload), headers: Vec::new() };
    let producer = Producer::new(&topics.options, Duration::from_secs(30)).expect("a producer");
    runtime().block_on(producer.send_all(vec![out])).expect("written");
}

fn event() -> Event {
    Event {
        tenant: NOBODY,
        account: "1".into(),
        channel: "whatsapp".into(),
        conversation: None,
        kind: "unknown".into(),
        dedup_key: "planted".into(),
        at_ms: 1,
        received_ms: 1,
        trace: TraceId::default(),
        event: "{}".into(),
    }
}

fn accepted(attempt: i32) -> LedgerEntry {
    LedgerEntry {
        tenant: NOBODY,
        account: "1".into(),
        channel: "whatsapp".into(),
        send_id: SendId::from_bytes([7; 16]),
        state: SendState::Accepted,
        attempt,
        wamid: None,
        code: None,
        detail: None,
        conversation: None,
        campaign: None,
        seq: -1,
        to: "15550128009".into(),
        body: None,
        at_ms: 1,
        trace: TraceId::default(),
    }
}

#[test]
fn the_books_of_a_line_that_runs_add_up() {
    let (system, from) = (calm(), "15550128001");
    write(system, from, "3 bags of cement to 01310-100?");
    eventually(system, "an answer", || texts(system, from).pop());
    let told = system.sluice_json(&["audit", "--tenant", "acme"]).expect("the books add up");
    let sums = told.last().expect("sums");
    let n = |name: &str| sums[name].as_u64().unwrap_or_else(|| panic!("{name}: {sums}"));
    assert!(n("processed") > 0 && n("sends") > 0, "{sums}");
    // What waits may be a send of somebody else's campaign as well as a raw event.
    let ended = n("processed") + n("duplicates") + n("dead_letters") + n("forgotten");
    assert!(ended <= n("raw") && n("raw") <= ended + n("waiting"), "{sums}");
    assert_eq!(n("faults"), 0);
}

#[test]
fn planted_disagreements_are_named_and_the_exit_code_says_so() {
    let system = calm();
    let topics = Topics::of(system);
    for _ in 0..2 {
        plant(&topics, EVENTS, &event());
    }
    for attempt in [1, 2] {
        plant(&topics, SEND_LEDGER, &accepted(attempt));
    }
    let arguments = ["audit", "--tenant", &NOBODY.to_string(), "--json"];
    let output = system.command(&arguments).expect("a command").output().expect("it runs");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let rows: Vec<Value> = String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("a row")).collect();
    let mut faults: Vec<&str> = rows.iter().filter_map(|row| row["fault"].as_str()).collect();
    faults.sort_unstable();
    assert_eq!(faults, ["accepted twice", "in a state, and never planned", "processed twice", "processed, and never received"]);
    assert!(rows.iter().filter(|row| row["fault"].is_string()).all(|row| row["partition"] == 1), "{rows:?}");
}
