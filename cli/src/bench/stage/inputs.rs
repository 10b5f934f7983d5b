//! What the chains are fed.

use sluice_pipeline::domain::callback::Keys;
use sluice_schemas::codec::Codecs;
use sluice_schemas::ids::{SendId, TenantId, TraceId};
use sluice_schemas::meta;
use sluice_schemas::record::{Config, Event, Lane, LedgerEntry, Outbound, RawEvent, SendState};
use sluice_schemas::time::Millis;
use sluice_schemas::topics::{self, CONFIG, EVENTS, EVENTS_RAW, OUTBOUND_REPLY, SEND_LEDGER};

/// Key of the callback data.
pub(super) const KEY: &[u8] = b"0123456789abcdef";

const TENANT: TenantId = TenantId::from_bytes([1; 16]);
const ACCOUNT: &str = "15550100001";
/// People who write.
const PEOPLE: usize = 10_000;

/// Records in the order in which they are written.
pub(super) struct Input {
    /// Topic, key, value.
    pub records: Vec<(&'static str, Vec<u8>, Vec<u8>)>,
}

impl Input {
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }
}

/// One chain with one kind of traffic.
pub(super) struct Case {
    pub name: &'static str,
    pub chain: &'static str,
    pub about: &'static str,
    pub make: fn(&Codecs, usize) -> anyhow::Result<Input>,
}

pub(super) const CASES: &[Case] = &[
    Case {
        name: "intake",
        chain: "intake",
        about: "1/4 messages of 10,000 people, 3/4 statuses; no catalogue",
        make: |codecs, n| intake(codecs, n, false),
    },
    Case {
        name: "intake with a catalogue",
        chain: "intake",
        about: "the same, each message read for a quote and none asks for one",
        make: |codecs, n| intake(codecs, n, true),
    },
    Case { name: "ledger", chain: "ledger", about: "replies to different people, each planned and claimed", make: ledger },
    Case { name: "reconcile", chain: "reconcile", about: "3 ledger steps and 3 statuses a message", make: reconcile },
];

fn config(codecs: &Codecs, kind: &str, name: &str, value: &str) -> anyhow::Result<(&'static str, Vec<u8>, Vec<u8>)> {
    let config = Config { tenant: TENANT, kind: kind.into(), name: name.into(), version: 1, value: Some(value.into()), at_ms: 0 };
    Ok((CONFIG, topics::key(TENANT, &format_args!("{kind}/{name}")).into_bytes(), codecs.of().encode(&config)?))
}

fn intake(codecs: &Codecs, n: usize, catalogue: bool) -> anyhow::Result<Input> {
    let mut records = Vec::with_capacity(n + 1);
    if catalogue {
        records.push(config(codecs, "catalog", "-", include_str!("../../../../deploy/demo/catalog.json"))?);
    }
    let codec = codecs.of::<RawEvent>();
    for i in 0..n {
        let body = if i % 4 == 0 { message(i) } else { status(i) };
        let update = meta::split(body.as_bytes())?.swap_remove(0);
        let raw = RawEvent {
            tenant: TENANT,
            channel: "whatsapp".into(),
            object: update.object.to_string(),
            entry_id: update.entry_id.as_deref().unwrap_or_default().into(),
            entry_time: update.entry_time,
            field: update.field.as_deref().unwrap_or_default().into(),
            shape: if i % 4 == 0 { "message" } else { "status" }.into(),
            account: ACCOUNT.into(),
            display_phone_number: Some("15550109001".into()),
            position: 0,
            body_sha256: vec![7; 32],
            received_ms: Millis::now().0,
            trace: TraceId::of(&[7; 32], i as u32),
            contact: update.contact.as_deref().map(|contact| contact.as_bytes().to_vec()),
            raw: update.slice.to_vec(),
        };
        records.push((EVENTS_RAW, topics::key(TENANT, &ACCOUNT).into_bytes(), codec.encode(&raw)?));
    }
    Ok(Input { records })
}

fn person(i: usize) -> u64 {
    15_550_110_000 + (i * 7_919 % PEOPLE) as u64
}

fn envelope(value: &str) -> String {
    format!(
        r#"{{"object":"whatsapp_business_account","entry":[{{"id":"15550200001","changes":[{{"value":{{"messaging_product":"whatsapp","metadata":{{"display_phone_number":"15550109001","phone_number_id":"{ACCOUNT}"}},{value}}},"field":"messages"}}]}}]}}"#
    )
}

fn message(i: usize) -> String {
    let (person, now) = (person(i), Millis::now().0 / 1_000);
    envelope(&format!(
        r#""contacts":[{{"profile":{{"name":"Customer {person}"}},"wa_id":"{person}"}}],"messages":[{{"from":"{person}","id":"wamid.HBgLMTU1NTAxMDAwMDAVAgASGBQzQTA{i:012}","timestamp":"{now}","text":{{"body":"Good morning, thank you very much, see you on Friday then"}},"type":"text"}}]"#
    ))
}

fn status(i: usize) -> String {
    let (person, now) = (person(i), Millis::now().0 / 1_000);
    let name = ["sent", "delivered", "read"][i % 4 - 1];
    envelope(&format!(
        r#""statuses":[{{"id":"wamid.HBgLMTU1NTAxMDAwMDAVAgARGBJDRDk{:012}","status":"{name}","timestamp":"{now}","recipient_id":"{person}","pricing":{{"billable":true,"pricing_model":"PMP","category":"utility","type":"regular"}}}}]"#,
        i / 4
    ))
}

fn ledger(codecs: &Codecs, n: usize) -> anyhow::Result<Input> {
    let mut records = vec![config(codecs, "number", ACCOUNT, r#"{"messages_per_second":1000000}"#)?];
    let codec = codecs.of::<Outbound>();
    for i in 0..n {
        let cause = format!("message:{ACCOUNT}:wamid.{i:024}");
        let outbound = Outbound {
            tenant: TENANT,
            account: ACCOUNT.into(),
            channel: "whatsapp".into(),
            send_id: SendId::of(TENANT, &cause, 0),
            cause,
            conversation: None,
            to: format!("{}", 15_550_000_000_u64 + i as u64),
            lane: Lane::Reply,
            campaign: None,
            seq: -1,
            epoch: 0,
            suppressed: None,
            window: None,
            body: r#"{"type":"text","text":{"body":"Thank you for your message. We will come back to you tomorrow morning."}}"#.into(),
            at_ms: Millis::now().0,
            trace: TraceId::default(),
        };
        records.push((OUTBOUND_REPLY, topics::key(TENANT, &outbound.send_id).into_bytes(), codec.encode(&outbound)?));
    }
    Ok(Input { records })
}

fn reconcile(codecs: &Codecs, n: usize) -> anyhow::Result<Input> {
    let keys = Keys::new(&[("bench".into(), KEY.to_vec())]).ok_or_else(|| anyhow::anyhow!("a key"))?;
    let (entries, events) = (codecs.of::<LedgerEntry>(), codecs.of::<Event>());
    let mut records = Vec::with_capacity(n + 6);
    for i in 0..n.div_ceil(6) {
        let id = SendId::of(TENANT, &i.to_string(), 0);
        let wamid = format!("wamid.HBgLMTU1NTAxMDAwMDAVAgARGBJDRDk{i:012}");
        let key = topics::key(TENANT, &id).into_bytes();
        for state in [SendState::Planned, SendState::InFlight, SendState::Accepted] {
            let entry = LedgerEntry {
                tenant: TENANT,
                account: ACCOUNT.into(),
                channel: "whatsapp".into(),
                send_id: id,
                state,
                attempt: 1,
                wamid: (state == SendState::Accepted).then(|| wamid.clone()),
                code: None,
                detail: None,
                conversation: None,
                campaign: None,
                seq: -1,
                to: format!("{}", 15_550_000_000_u64 + i as u64),
                body: (state == SendState::Planned).then(|| r#"{"type":"text","text":{"body":"Thank you for your message."}}"#.into()),
                at_ms: 1,
                trace: TraceId::default(),
            };
            records.push((SEND_LEDGER, key.clone(), entries.encode(&entry)?));
        }
        let callback = keys.sign(ACCOUNT, id, 1);
        for status in ["sent", "delivered", "read"] {
            let event = Event {
                tenant: TENANT,
                account: ACCOUNT.into(),
                channel: "whatsapp".into(),
                conversation: None,
                kind: "status".into(),
                dedup_key: format!("status:{ACCOUNT}:{wamid}:{status}:"),
                at_ms: 2,
                received_ms: 2,
                trace: TraceId::default(),
                event: format!(
                    r#"{{"kind":"status","id":"{wamid}","dedup_key":"status:{ACCOUNT}:{wamid}:{status}:","channel":"whatsapp","account":"{ACCOUNT}","waba":"15550200001","recipient":"{}","timestamp":"2026-11-25T12:00:00Z","position":0,"status":"{status}","callback_data":"{callback}"}}"#,
                    15_550_000_000_u64 + i as u64
                ),
            };
            records.push((EVENTS, key.clone(), events.encode(&event)?));
        }
    }
    Ok(Input { records })
}
