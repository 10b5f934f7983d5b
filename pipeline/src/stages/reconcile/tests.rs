use proptest::prelude::*;
use sluice_schemas::codec::Codecs;
use sluice_schemas::ids::{CampaignId, SendId, TenantId, TraceId};
use sluice_schemas::record::{Event, LedgerEntry, Message, SendState};
use sluice_schemas::time::Millis;
use sluice_schemas::topics::{EVENTS, SEND_LEDGER};

use super::Reconcile;
use crate::chain::{Chain, Context, Incoming};
use crate::domain::callback::Keys;
use crate::state::{Changes, Memory, Read as _, View};

struct Bench {
    chain: Reconcile,
    codecs: Codecs,
    keys: Keys,
    changes: Changes,
    memory: Memory,
    messages: Vec<Message>,
}

const ID: SendId = SendId::from_bytes([7; 16]);

impl Bench {
    fn new() -> Self {
        let codecs = Codecs::unregistered();
        let keys = Keys::new(&[("k".into(), b"secret".to_vec())]).expect("keys");
        Self {
            chain: Reconcile::new(&codecs, keys.clone()),
            codecs,
            keys,
            changes: Changes::default(),
            memory: Memory::default(),
            messages: Vec::new(),
        }
    }

    fn feed(&mut self, topic: &'static str, value: &[u8]) {
        let (mut out, mut failed) = (Vec::new(), None);
        let state = View::new(&self.memory, &mut self.changes, &mut failed);
        let mut cx = Context { now: Millis(1), state, out: &mut out };
        self.chain.record(&mut cx, &Incoming { topic, key: b"", value, headers: &[], offset: 0, at: Millis(1) }).expect("no poison");
        self.messages.extend(out.iter().map(|emit| self.codecs.of::<Message>().decode(&emit.value).expect("a message")));
    }

    fn ledger(&mut self, state: SendState, wamid: Option<&str>) {
        let entry = LedgerEntry {
            tenant: TenantId::from_bytes([1; 16]),
            account: "1555010001".into(),
            channel: "whatsapp".into(),
            send_id: ID,
            state,
            attempt: 1,
            wamid: wamid.map(Into::into),
            code: None,
            detail: None,
            conversation: None,
            campaign: Some(CampaignId::from_bytes([2; 16])),
            seq: 0,
            to: "15550100002".into(),
            body: None,
            at_ms: 1,
            trace: TraceId::default(),
        };
        let bytes = self.codecs.of::<LedgerEntry>().encode(&entry).expect("encodes");
        self.feed(SEND_LEDGER, &bytes);
    }

    fn status(&mut self, status: &str, callback: bool) {
        let callback = if callback { format!(r#","callback_data":"{}""#, self.keys.sign("1555010001", ID, 1)) } else { String::new() };
        let event = Event {
            tenant: TenantId::from_bytes([1; 16]),
            account: "1555010001".into(),
            channel: "whatsapp".into(),
            conversation: None,
            kind: "status".into(),
            dedup_key: String::new(),
            at_ms: 2,
            received_ms: 2,
            trace: TraceId::default(),
            event: format!(r#"{{"id":"wamid.1","status":"{status}"{callback}}}"#),
        };
        let bytes = self.codecs.of::<Event>().encode(&event).expect("encodes");
        self.feed(EVENTS, &bytes);
    }

    fn inbound(&mut self, event: &str, at_ms: i64) {
        let event = Event {
            tenant: TenantId::from_bytes([1; 16]),
            account: "1555010001".into(),
            channel: "whatsapp".into(),
            conversation: None,
            kind: "inbound".into(),
            dedup_key: String::new(),
            at_ms,
            received_ms: at_ms,
            trace: TraceId::default(),
            event: event.into(),
        };
        let bytes = self.codecs.of::<Event>().encode(&event).expect("encodes");
        self.feed(EVENTS, &bytes);
    }

    fn answers(&self) -> Vec<&str> {
        self.messages.iter().filter_map(|m| m.answer.as_deref()).collect()
    }

    fn path(&self) -> Vec<SendState> {
        self.messages.iter().map(|m| m.to).collect()
    }
}

#[test]
fn a_status_that_comes_before_its_send_waits_for_it() {
    let mut bench = Bench::new();
    bench.status("delivered", false);
    bench.status("sent", false);
    bench.ledger(SendState::Planned, None);
    bench.ledger(SendState::InFlight, None);
    bench.ledger(SendState::Accepted, Some("wamid.1"));
    assert_eq!(bench.path(), [SendState::Planned, SendState::InFlight, SendState::Accepted, SendState::Delivered]);
}

#[test]
fn callback_data_settles_a_send_whose_answer_was_lost() {
    let mut bench = Bench::new();
    bench.ledger(SendState::Planned, None);
    bench.ledger(SendState::InFlight, None);
    bench.ledger(SendState::Unknown, None);
    bench.status("sent", true);
    bench.ledger(SendState::Accepted, Some("wamid.1"));
    bench.status("read", false);
    assert_eq!(bench.path(), [SendState::Planned, SendState::InFlight, SendState::Unknown, SendState::Sent, SendState::Read]);
}

proptest! {
    #[test]
    fn every_record_moves_one_unit_and_never_back(steps in proptest::collection::vec((0usize..5, any::<bool>()), 0..30), at in 0usize..30) {
        let mut bench = Bench::new();
        bench.ledger(SendState::Planned, None);
        bench.ledger(SendState::InFlight, None);
        for (i, (status, callback)) in steps.iter().enumerate() {
            if i == at {
                bench.ledger(SendState::Accepted, Some("wamid.1"));
            }
            bench.status(["sent", "delivered", "read", "failed", "played"][*status], *callback);
        }
        let mut stands = None;
        for message in &bench.messages {
            prop_assert_eq!(message.from, stands);
            prop_assert_ne!(Some(message.to), stands);
            stands = Some(message.to);
        }
        let delivered = bench.path().iter().position(|s| matches!(s, SendState::Delivered | SendState::Read | SendState::Played));
        if let Some(first) = delivered {
            prop_assert!(!bench.path()[first..].contains(&SendState::Failed));
        }
    }
}

/// Rows of all tables after a sweep at this day.
fn rows_on(bench: &mut Bench, day: i64) -> usize {
    bench.memory.apply(&bench.changes, 0);
    bench.changes.clear();
    let (mut out, mut failed) = (Vec::new(), None);
    let state = View::new(&bench.memory, &mut bench.changes, &mut failed);
    bench.chain.tick(&mut Context { now: Millis(day * Millis::DAY), state, out: &mut out });
    bench.memory.apply(&bench.changes, 0);
    bench.changes.clear();
    let mut rows = 0;
    for table in [super::MESSAGE, super::WAMID, super::EARLY] {
        let count = &mut |_: &[u8], _: &[u8]| {
            rows += 1;
            Ok(())
        };
        bench.memory.scan(table, count).expect("scans");
    }
    rows
}

#[test]
fn a_message_is_followed_for_8_days_after_its_end_or_31_days_and_one_that_may_go_on_for_good() {
    let mut read = Bench::new();
    read.ledger(SendState::Accepted, Some("wamid.1"));
    read.status("read", false);
    assert_eq!((rows_on(&mut read, 8), rows_on(&mut read, 10)), (2, 0));
    let mut sent = Bench::new();
    sent.ledger(SendState::Accepted, Some("wamid.1"));
    assert_eq!((rows_on(&mut sent, 31), rows_on(&mut sent, 33)), (2, 0));
    let mut quarantined = Bench::new();
    quarantined.ledger(SendState::Quarantined, None);
    assert_eq!(rows_on(&mut quarantined, 400), 1);
    let mut orphan = Bench::new();
    orphan.status("sent", false);
    assert_eq!((rows_on(&mut orphan, 31), rows_on(&mut orphan, 33)), (1, 0));
}

/// A bench whose message is at its recipient.
fn reached() -> Bench {
    let mut bench = Bench::new();
    bench.ledger(SendState::Planned, None);
    bench.ledger(SendState::InFlight, None);
    bench.ledger(SendState::Accepted, Some("wamid.1"));
    bench
}

#[test]
fn a_recipient_answers_a_campaign_once_whatever_follows() {
    let mut bench = reached();
    bench.inbound(r#"{"from":"15550100002","type":"button","text":"Yes","reply_to":"wamid.1"}"#, 10);
    bench.inbound(r#"{"from":"15550100002","type":"button","text":"No","reply_to":"wamid.1"}"#, 11);
    bench.inbound(r#"{"from":"15550100002","type":"text","text":"and now?"}"#, 12);
    assert_eq!(bench.answers(), ["Yes"]);
    let step = bench.messages.last().expect("a record");
    assert_eq!((step.from, step.to, step.at_ms), (Some(SendState::Accepted), SendState::Accepted, 1));
}

#[test]
fn words_answer_the_last_campaign_for_three_days_and_a_button_whenever() {
    let late = super::answer::WITHIN_MS + 2;
    let words = r#"{"from":"15550100002","type":"text","text":"hello"}"#;
    for (event, at_ms, answers) in [
        (words, late - 1, &[""][..]),
        (words, late, &[]),
        (r#"{"from":"15550100002","type":"button","text":"Yes","reply_to":"wamid.1"}"#, late, &["Yes"]),
        (r#"{"from":"15550100003","type":"text","text":"hello"}"#, 5, &[]),
        (r#"{"from":"15550100002","type":"text","text":"hello","reply_to":"wamid.of.somebody"}"#, 5, &[""]),
    ] {
        let mut bench = reached();
        bench.inbound(event, at_ms);
        assert_eq!(bench.answers(), answers, "{event} at {at_ms}");
    }
}
