use sluice_schemas::codec::Codecs;
use sluice_schemas::ids::{TenantId, TraceId};
use sluice_schemas::meta;
use sluice_schemas::record::{Command, Config, Conversation, DeadLetter, Event, Failure, Header, Original, Outbound, Quote, RawEvent};
use sluice_schemas::redrive::Mark;
use sluice_schemas::time::Millis;
use sluice_schemas::topics::{CONFIG, CONVERSATION_COMMANDS, CONVERSATIONS, EVENTS, EVENTS_RAW, OUTBOUND_REPLY, QUOTES};

use super::Intake;
use crate::chain::{Chain, Context, Incoming, Poison};
use crate::state::{Changes, Memory, View};

const TENANT: TenantId = TenantId::from_bytes([1; 16]);
const ACCOUNT: &str = "15550100001";
const CUSTOMER: &str = "15550110002";

struct Bench {
    chain: Intake,
    headers: Vec<Header>,
    codecs: Codecs,
    memory: Memory,
    now: Millis,
    events: Vec<Event>,
    conversations: Vec<Conversation>,
    quotes: Vec<Quote>,
    replies: Vec<Outbound>,
}

impl Bench {
    fn new() -> Self {
        let codecs = Codecs::unregistered();
        let mut bench = Self {
            chain: Intake::new(&codecs),
            headers: Vec::new(),
            codecs,
            memory: Memory::default(),
            now: Millis(1_760_000_000_000),
            events: Vec::new(),
            conversations: Vec::new(),
            quotes: Vec::new(),
            replies: Vec::new(),
        };
        bench.configure("catalog", 1, include_str!("../../../../deploy/demo/catalog.json"));
        bench.configure("tenant", 1, r#"{"locale":"en"}"#);
        bench
    }

    fn feed(&mut self, topic: &'static str, key: &str, value: &[u8]) -> Result<(), Poison> {
        let headers = self.headers.clone();
        let incoming = Incoming { topic, key: key.as_bytes(), value, headers: &headers, offset: 0, at: self.now };
        self.run(|chain, cx| chain.record(cx, &incoming))
    }

    fn tick(&mut self) {
        let ticked = self.run(|chain, cx| {
            chain.tick(cx);
            Ok(())
        });
        ticked.expect("ticks");
    }

    fn run(&mut self, act: impl FnOnce(&mut Intake, &mut Context<'_>) -> Result<(), Poison>) -> Result<(), Poison> {
        let (mut changes, mut out, mut failed) = (Changes::default(), Vec::new(), None);
        let mut cx = Context { now: self.now, state: View::new(&self.memory, &mut changes, &mut failed), out: &mut out };
        act(&mut self.chain, &mut cx)?;
        self.memory.apply(&changes, crate::state::day(self.now));
        for emit in out {
            match emit.topic {
                EVENTS => self.events.push(self.codecs.of().decode(&emit.value).expect("event")),
                CONVERSATIONS => self.conversations.push(self.codecs.of().decode(&emit.value).expect("conversation")),
                QUOTES => self.quotes.push(self.codecs.of().decode(&emit.value).expect("quote")),
                OUTBOUND_REPLY => self.replies.push(self.codecs.of().decode(&emit.value).expect("outbound")),
                other => panic!("unexpected topic {other}"),
            }
        }
        Ok(())
    }

    fn configure(&mut self, kind: &str, version: i64, value: &str) {
        let config = Config { tenant: TENANT, kind: kind.into(), name: "-".into(), version, value: Some(value.into()), at_ms: 0 };
        let bytes = self.codecs.of().encode(&config).expect("encodes");
        self.feed(CONFIG, &format!("{TENANT}/{kind}/-"), &bytes).expect("no poison");
    }

    fn webhook(&mut self, body: &str) -> Vec<Result<(), Poison>> {
        let updates = meta::split(body.as_bytes()).expect("splits");
        let raws: Vec<RawEvent> = updates
            .iter()
            .map(|update| RawEvent {
                tenant: TENANT,
                channel: "whatsapp".into(),
                object: update.object.to_string(),
                entry_id: update.entry_id.as_deref().unwrap_or_default().into(),
                entry_time: update.entry_time,
                field: update.field.as_deref().unwrap_or_default().into(),
                shape: serde_json::to_value(update.shape).expect("shape").as_str().unwrap_or_default().into(),
                account: update.account.as_deref().unwrap_or_default().into(),
                display_phone_number: None,
                position: update.position as i32,
                body_sha256: vec![0; 32],
                received_ms: self.now.0,
                trace: TraceId::from_bytes([3; 16]),
                contact: update.contact.as_deref().map(|c| c.as_bytes().to_vec()),
                raw: update.slice.to_vec(),
            })
            .collect();
        raws.iter()
            .map(|raw| {
                let bytes = self.codecs.of().encode(raw).expect("encodes");
                self.feed(EVENTS_RAW, "k", &bytes)
            })
            .collect()
    }

    fn says(&mut self, id: &str, text: &str) {
        let body = message(id, CUSTOMER, self.now, text);
        for result in self.webhook(&body) {
            result.expect("no poison");
        }
    }

    fn command(&mut self, id: &str, action: &str, argument: Option<&str>) -> Result<(), Poison> {
        let conversation = self.conversations.last().expect("a conversation").conversation;
        let command = Command {
            tenant: TENANT,
            conversation,
            account: ACCOUNT.into(),
            id: id.into(),
            action: action.into(),
            quote: None,
            argument: argument.map(Into::into),
            actor: "owner@acme.example".into(),
            at_ms: self.now.0,
            trace: TraceId::default(),
        };
        let bytes = self.codecs.of().encode(&command).expect("encodes");
        self.feed(CONVERSATION_COMMANDS, "k", &bytes)
    }

    fn texts(&self) -> Vec<String> {
        let text = |reply: &Outbound| {
            let body: serde_json::Value = serde_json::from_str(&reply.body).expect("json");
            body["text"]["body"].as_str().unwrap_or_default().to_owned()
        };
        self.replies.iter().map(text).collect()
    }

    fn state(&self) -> &Conversation {
        self.conversations.last().expect("a conversation")
    }
}

fn message(id: &str, from: &str, at: Millis, text: &str) -> String {
    serde_json::json!({
        "object": "whatsapp_business_account",
        "entry": [{ "id": "15550200001", "changes": [{ "field": "messages", "value": {
            "messaging_product": "whatsapp",
            "metadata": { "display_phone_number": "15550109001", "phone_number_id": ACCOUNT },
            "contacts": [{ "profile": { "name": "Ana" }, "wa_id": from }],
            "messages": [{ "from": from, "id": id, "timestamp": (at.0 / 1000).to_string(), "type": "text", "text": { "body": text } }],
        } }] }],
    })
    .to_string()
}

#[test]
fn a_request_is_answered_with_an_itemised_quote() {
    let mut bench = Bench::new();
    bench.says("wamid.1", "3 bags of cement and 2 m³ of sand to 01310-100?");
    assert_eq!(bench.quotes[0].status, "answered");
    assert_eq!(bench.state().stage, "quoted");
    let text = &bench.texts()[0];
    assert!(text.contains("ement") && text.contains("and") && text.contains(&bench.quotes[0].total), "{text}");
    assert_eq!(bench.replies[0].to, CUSTOMER);
}

#[test]
fn the_same_update_in_any_number_of_posts_is_one_event_and_one_answer() {
    let mut bench = Bench::new();
    for _ in 0..3 {
        bench.says("wamid.1", "3 bags of cement to 01310-100");
    }
    assert_eq!((bench.events.len(), bench.replies.len(), bench.quotes.len()), (1, 1, 1));
}

#[test]
fn a_large_quote_waits_for_a_person_and_goes_out_when_approved_once() {
    let mut bench = Bench::new();
    bench.says("wamid.1", "400 bags of cement to 01310-100");
    assert_eq!((bench.state().stage.as_str(), bench.quotes[0].status.as_str()), ("awaiting_approval", "awaiting_approval"));
    assert!(!bench.quotes[0].reasons.is_empty());
    assert!(!bench.texts()[0].contains(&bench.quotes[0].total));
    bench.command("c1", "approve", None).expect("approved");
    bench.command("c1", "approve", None).expect("a repeat changes nothing");
    assert_eq!(bench.quotes.last().map(|q| q.status.as_str()), Some("approved"));
    assert_eq!(bench.texts().len(), 2);
    assert!(bench.texts()[1].contains("TOTAL") || bench.texts()[1].to_lowercase().contains("total"));
    let again = bench.command("c2", "reject", Some("no")).expect_err("already decided");
    assert_eq!((again.stage, again.kind), ("quote", "decision"));
}

#[test]
fn a_quote_that_nobody_decides_on_expires_and_is_not_sent_afterwards() {
    let mut bench = Bench::new();
    bench.says("wamid.1", "400 bags of cement to 01310-100");
    bench.chain = Intake::new(&bench.codecs);
    bench.chain.load(&bench.memory).expect("loads");
    bench.now = bench.chain.due().expect("an approval waits");
    bench.tick();
    assert_eq!(bench.quotes.last().map(|q| q.status.as_str()), Some("expired"));
    assert_eq!((bench.state().stage.as_str(), bench.chain.due()), ("idle", None));
    bench.command("c1", "approve", None).expect_err("too late");
    assert_eq!(bench.texts().len(), 1);
}

#[test]
fn a_changed_total_is_what_the_customer_gets() {
    let mut bench = Bench::new();
    bench.says("wamid.1", "400 bags of cement to 01310-100");
    bench.command("c1", "change", Some("9999.00")).expect("changed");
    assert_eq!(bench.quotes.last().map(|q| q.total.as_str()), Some("9999.00"));
    assert!(bench.texts()[1].contains("9,999.00"), "{}", bench.texts()[1]);
}

#[test]
fn what_is_missing_is_asked_and_the_answer_completes_the_request() {
    let mut bench = Bench::new();
    bench.says("wamid.1", "3 bags of cement please");
    assert_eq!(bench.state().stage, "asked");
    bench.says("wamid.2", "01310-100");
    assert_eq!(bench.quotes[0].status, "answered");
    assert_eq!(bench.replies.len(), 2);
}

#[test]
fn small_talk_is_left_to_people() {
    let mut bench = Bench::new();
    bench.says("wamid.1", "Good morning!");
    assert!(bench.replies.is_empty());
    assert_eq!((bench.state().unread, bench.state().name.as_deref()), (1, Some("Ana")));
    bench.command("c1", "reply", Some("Hello Ana")).expect("sent");
    assert_eq!((bench.texts().as_slice(), bench.state().unread), (&["Hello Ana".to_owned()][..], 0));
}

#[test]
fn an_assigned_conversation_is_answered_by_its_person_only() {
    let mut bench = Bench::new();
    bench.says("wamid.1", "hi");
    bench.command("c1", "assign", Some("agent@acme.example")).expect("assigned");
    bench.says("wamid.2", "3 bags of cement to 01310-100");
    assert!(bench.replies.is_empty());
}

#[test]
fn a_number_and_its_user_id_are_one_conversation() {
    let mut bench = Bench::new();
    bench.says("wamid.1", "hi");
    let with_id =
        message("wamid.2", CUSTOMER, bench.now, "again").replace(r#""wa_id":"15550110002""#, r#""wa_id":"15550110002","user_id":"US.1a""#);
    bench.webhook(&with_id);
    let hidden = message("wamid.3", CUSTOMER, bench.now, "hidden")
        .replace(r#""wa_id":"15550110002""#, r#""user_id":"US.1a""#)
        .replace(r#""from":"15550110002""#, r#""from_user_id":"US.1a""#);
    for result in bench.webhook(&hidden) {
        result.expect("no poison");
    }
    let first = bench.events[0].conversation;
    assert_eq!(bench.events.len(), 3);
    assert!(bench.events.iter().all(|event| event.conversation == first && first.is_some()));
}

#[test]
fn an_event_without_a_sender_goes_to_the_dead_letters() {
    let mut bench = Bench::new();
    let body = message("wamid.1", CUSTOMER, bench.now, "x").replace(r#""from":"15550110002","#, "");
    let poisons: Vec<_> = bench.webhook(&body).into_iter().filter_map(Result::err).collect();
    assert_eq!(poisons.iter().map(|p| (p.stage, p.kind)).collect::<Vec<_>>(), [("dedup", "unattributed")]);
}

#[test]
fn configuration_survives_a_restart_and_an_older_version_changes_nothing() {
    let mut bench = Bench::new();
    bench.configure("tenant", 3, r#"{"locale":"pt-BR"}"#);
    bench.configure("tenant", 2, r#"{"locale":"es"}"#);
    bench.chain = Intake::new(&bench.codecs);
    bench.chain.load(&bench.memory).expect("loads");
    bench.says("wamid.1", "01310-100 3 cimento");
    assert!(!bench.replies.is_empty());
}

fn mark(answer_late: bool) -> Header {
    let original = Original { topic: EVENTS_RAW, partition: 0, offset: 7, timestamp_ms: 0, key: b"k", value: b"", headers: &[] };
    let failure = Failure { tenant: TENANT, role: "intake", stage: "dedup", kind: "datum", detail: "", build: "b" };
    Mark::of(&DeadLetter::new(original, failure), 1, answer_late).header()
}

/// A customer asks at 0 s, and again after `gap` seconds; the first request comes by redrive an hour later. Answers, and the last preview.
fn redriven(gap: i64, answer_late: bool) -> (usize, String) {
    let mut bench = Bench::new();
    let asked = bench.now;
    bench.now = asked.plus(gap * 1_000);
    bench.says("wamid.2", "hello?");
    let before = bench.replies.len();
    bench.now = asked.plus(3_600_000);
    bench.headers = vec![mark(answer_late)];
    let body = message("wamid.1", CUSTOMER, asked, "3 bags of cement to 01310-100");
    assert!(bench.webhook(&body).iter().all(Result::is_ok));
    assert_eq!(bench.events.len(), 2, "it is stored and merged");
    (bench.replies.len() - before, bench.state().preview.clone())
}

#[test]
fn a_redriven_event_is_answered_unless_its_conversation_has_moved_on() {
    assert_eq!(redriven(60, false).0, 1);
    assert_eq!(redriven(61, false), (0, "hello?".into()));
    assert_eq!(redriven(61, true).0, 1, "asked for");
}

#[test]
fn who_wants_no_offers_is_told_so_once_for_each_word_and_gets_no_quote_for_it() {
    let mut bench = Bench::new();
    bench.says("wamid.1", "STOP");
    bench.says("wamid.1", "STOP");
    assert_eq!(bench.texts(), ["You will get no more offers from us. Write START to get them again."]);
    bench.configure("tenant", 2, r#"{"locale":"pt"}"#);
    bench.says("wamid.2", "start");
    assert!(bench.texts()[1].contains("voltará a receber"), "{:?}", bench.texts());
    assert!(bench.quotes.is_empty());
    assert_eq!(bench.state().unread, 0, "it is answered");
}
