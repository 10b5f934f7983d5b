//! What is outside the chains: customers who write, somebody who plans sends, the sender, and a Meta that loses answers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sluice_pipeline::domain::callback::Keys;
use sluice_schemas::codec::Codecs;
use sluice_schemas::ids::{SendId, TenantId, TraceId};
use sluice_schemas::meta;
use sluice_schemas::record::{Claim, Lane, Outbound, Outcome, RawEvent, SendResult};
use sluice_schemas::time::Millis;
use sluice_schemas::topics::{self, EVENTS_RAW, OUTBOUND_TRANSACTIONAL, SEND_CLAIMS, SEND_RESULTS};

use super::log::{Log, Offset};
use super::{Bug, PARTITIONS};

const TENANTS: u8 = 3;

pub fn tenant(n: u8) -> TenantId {
    TenantId::from_bytes([n % TENANTS + 1; 16])
}

pub fn home(tenant: TenantId) -> i32 {
    i32::from(tenant.as_bytes()[0]) % PARTITIONS
}

pub fn account(tenant: TenantId) -> String {
    format!("1555010000{}", tenant.as_bytes()[0])
}

pub struct World {
    codecs: Codecs,
    keys: Keys,
    bug: Bug,
    /// Ids of what customers wrote, in the order in which each person's first copy came in.
    pub written: Vec<(TenantId, String, String)>,
    pub planned: BTreeSet<SendId>,
    /// Wamids of each send that Meta accepted.
    pub accepted: BTreeMap<SendId, Vec<String>>,
    /// Webhooks that Meta has not delivered yet.
    webhooks: VecDeque<(TenantId, String)>,
    /// Claims that the sender holds in memory.
    hand: VecDeque<Claim>,
}

impl World {
    pub fn new(codecs: &Codecs, keys: &Keys, bug: Bug) -> Self {
        Self {
            codecs: codecs.clone(),
            keys: keys.clone(),
            bug,
            written: Vec::new(),
            planned: BTreeSet::new(),
            accepted: BTreeMap::new(),
            webhooks: VecDeque::new(),
            hand: VecDeque::new(),
        }
    }

    /// A customer writes; Meta may deliver the message again with the statuses.
    pub fn write(&mut self, log: &mut Log, now: Millis, who: u8, again: bool) {
        let (tenant, person) = (tenant(who), format!("155501101{:02}", who % 12));
        let id = format!("wamid.in.{}", self.written.len());
        let value = format!(
            r#""contacts":[{{"profile":{{"name":"P"}},"wa_id":"{person}"}}],"messages":[{{"from":"{person}","id":"{id}","timestamp":"{}","text":{{"body":"hello"}},"type":"text"}}]"#,
            now.0 / 1_000
        );
        self.written.push((tenant, person, id));
        self.deliver(log, now, tenant, &value);
        if again {
            self.webhooks.push_back((tenant, value));
        }
    }

    fn deliver(&self, log: &mut Log, now: Millis, tenant: TenantId, value: &str) {
        let account = account(tenant);
        let body = format!(
            r#"{{"object":"whatsapp_business_account","entry":[{{"id":"1","changes":[{{"value":{{"messaging_product":"whatsapp","metadata":{{"display_phone_number":"1","phone_number_id":"{account}"}},{value}}},"field":"messages"}}]}}]}}"#
        );
        let update = meta::split(body.as_bytes()).expect("splits").swap_remove(0);
        let raw = RawEvent {
            tenant,
            channel: "whatsapp".into(),
            object: update.object.to_string(),
            entry_id: "1".into(),
            entry_time: None,
            field: "messages".into(),
            shape: if value.starts_with(r#""contacts"#) { "message" } else { "status" }.into(),
            account,
            display_phone_number: None,
            position: 0,
            body_sha256: vec![7; 32],
            received_ms: now.0,
            trace: TraceId::default(),
            contact: update.contact.as_deref().map(|contact| contact.as_bytes().to_vec()),
            raw: update.slice.to_vec(),
        };
        log.append(EVENTS_RAW, home(tenant), b"k".to_vec(), self.codecs.of().encode(&raw).expect("encodes"), now);
    }

    /// Meta delivers its oldest webhook, twice if it did not see the acknowledgement.
    pub fn webhook(&mut self, log: &mut Log, now: Millis, twice: bool) -> bool {
        let Some((tenant, value)) = self.webhooks.pop_front() else { return false };
        for _ in 0..=i32::from(twice) {
            self.deliver(log, now, tenant, &value);
        }
        true
    }

    /// Somebody asks for a send; who asks may repeat.
    pub fn plan(&mut self, log: &mut Log, now: Millis, who: u8, again: bool) {
        let tenant = tenant(who);
        let cause = format!("row {}", self.planned.len() / if again { 2 } else { 1 });
        let send_id = SendId::of(tenant, &cause, 0);
        self.planned.insert(send_id);
        let outbound = Outbound {
            tenant,
            account: account(tenant),
            channel: "whatsapp".into(),
            send_id,
            cause,
            conversation: None,
            to: format!("155501102{:02}", who % 24),
            lane: Lane::Transactional,
            campaign: None,
            seq: -1,
            epoch: 0,
            suppressed: None,
            window: None,
            body: r#"{"type":"text","text":{"body":"hello"}}"#.into(),
            at_ms: now.0,
            trace: TraceId::default(),
        };
        let (key, value) = (topics::key(tenant, &send_id).into_bytes(), self.codecs.of().encode(&outbound).expect("encodes"));
        for _ in 0..=i32::from(again) {
            log.append(OUTBOUND_TRANSACTIONAL, home(tenant), key.clone(), value.clone(), now);
        }
    }

    /// The sender takes claims: the offset is committed before the claim is looked at. It may die right after the first.
    pub fn take(&mut self, log: &mut Log, now: Millis, dies: bool) -> bool {
        let mut taken = false;
        for partition in 0..PARTITIONS {
            let from = log.committed("sender", SEND_CLAIMS, partition).map_or(0, |(next, _)| next);
            let uncommitted = self.bug == Bug::ClaimsBeforeCommit;
            let found =
                if uncommitted { log.read_uncommitted(SEND_CLAIMS, partition, from) } else { log.read(SEND_CLAIMS, partition, from) };
            let Some((offset, record)) = found else { continue };
            let claim: Claim = self.codecs.of().decode(record.value.as_deref().unwrap_or_default()).expect("a claim");
            taken = true;
            let next = Offset { group: "sender", topic: SEND_CLAIMS, partition, next: offset + 1, sequence: 0 };
            if self.bug == Bug::SendBeforeOffset {
                self.hand.push_back(claim);
                self.send(log, now, 0);
            } else {
                log.set_committed(&next);
                self.hand.push_back(claim);
            }
            if dies {
                self.hand.clear();
                return true;
            }
            log.set_committed(&next);
        }
        taken
    }

    pub fn next_slot(&self) -> Option<Millis> {
        self.hand.iter().map(|claim| Millis(claim.slot_ms)).min()
    }

    /// Transmits the next claim whose slot has come; `fate` is what the network does to it.
    pub fn send(&mut self, log: &mut Log, now: Millis, fate: u8) -> bool {
        let Some(at) = self.hand.iter().position(|claim| claim.slot_ms <= now.0) else { return false };
        let Some(claim) = self.hand.remove(at) else { return false };
        let answer = |outcome, wamid: Option<&String>| Some((outcome, wamid.cloned()));
        let result = if now.0 >= claim.not_after_ms {
            answer(Outcome::Unwritten, None)
        } else {
            match fate % 16 {
                0..=8 => answer(Outcome::Accepted, Some(&self.accept(&claim))),
                // Meta has it, the answer is lost on the way, or with the process.
                9 | 10 => {
                    self.accept(&claim);
                    answer(if self.bug == Bug::UnknownSentAgain { Outcome::Unwritten } else { Outcome::Unknown }, None)
                }
                11 => {
                    self.accept(&claim);
                    None
                }
                12 => answer(Outcome::Unknown, None),
                13 => answer(Outcome::Unwritten, None),
                14 => answer(Outcome::Rejected, None),
                _ => None,
            }
        };
        if let Some((outcome, wamid)) = result {
            self.answer(log, now, &claim, outcome, wamid);
        }
        true
    }

    fn accept(&mut self, claim: &Claim) -> String {
        let wamids = self.accepted.entry(claim.send_id).or_default();
        let wamid = format!("wamid.out.{}.{}", claim.send_id.0.simple(), wamids.len());
        wamids.push(wamid.clone());
        let callback = self.keys.sign(&claim.account, claim.send_id, claim.attempt);
        for status in ["delivered", "sent"] {
            let value = format!(
                r#""statuses":[{{"id":"{wamid}","status":"{status}","timestamp":"{}","recipient_id":"{}","biz_opaque_callback_data":"{callback}"}}]"#,
                claim.slot_ms / 1_000,
                claim.to
            );
            self.webhooks.push_back((claim.tenant, value));
        }
        wamid
    }

    fn answer(&self, log: &mut Log, now: Millis, claim: &Claim, outcome: Outcome, wamid: Option<String>) {
        let rejected = outcome == Outcome::Rejected;
        let result = SendResult {
            tenant: claim.tenant,
            account: claim.account.clone(),
            send_id: claim.send_id,
            attempt: claim.attempt,
            outcome,
            wamid,
            code: rejected.then_some(2),
            class: rejected.then(|| "retry".into()),
            detail: None,
            http_status: 0,
            at_ms: now.0,
        };
        let value = self.codecs.of().encode(&result).expect("encodes");
        log.append(SEND_RESULTS, home(claim.tenant), b"k".to_vec(), value, now);
    }
}
