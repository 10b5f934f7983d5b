//! Gathers from the outside what a run did: the simulated Meta's book, our topics, our pages.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use sluice_local::System;
use sluice_schemas::record::{Claim, Conversation, DeadLetter, Event, Message, RawEvent};
use sluice_schemas::topics as t;

use super::checks::{Asked, Delivered, Facts, Place};
use crate::checker::{Acceptance, Step};
use crate::topics::{Entry, Tail, Topics, Veil};

/// Topics looked at.
const FOLLOWED: [&str; 7] =
    [t::EVENTS_RAW, t::EVENTS, t::EVENTS_DEAD_LETTER, t::EVENTS_UNROUTED, t::CONVERSATIONS, t::MESSAGES, t::SEND_CLAIMS];
/// Longest look at the topics.
const LOOK: Duration = Duration::from_secs(5);

/// Reads on from run to run, and keeps what is of the present one.
pub struct Witness {
    topics: Topics,
    tail: Tail,
    /// Acceptances of Meta read so far.
    accepted: u64,
    /// Bodies that were not answered 200 yet: Meta would send them again.
    unsent: Vec<Value>,
    facts: Facts,
    /// Whom this run is about.
    people: BTreeSet<String>,
    /// Conversation of each person and account, once known, and how many messages it has heard.
    conversations: BTreeMap<String, usize>,
    /// Messages that lie in the dead letters, and the records they lay in.
    buried: (BTreeSet<String>, BTreeSet<(String, i32, i64)>),
}

impl Witness {
    pub(super) fn new(system: &System) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let topics = runtime.block_on(Topics::of(system))?;
        let tail = topics.tail(&FOLLOWED)?;
        Ok(Self {
            topics,
            tail,
            accepted: 0,
            unsent: Vec::new(),
            facts: Facts::default(),
            people: BTreeSet::new(),
            conversations: BTreeMap::new(),
            buried: Default::default(),
        })
    }

    /// A new run begins: what is in the topics now is not of it.
    pub(super) fn begin(&mut self) -> anyhow::Result<()> {
        self.tail.more(LOOK * 4)?;
        self.facts = Facts::default();
        self.people.clear();
        self.conversations.clear();
        self.unsent.clear();
        self.buried = Default::default();
        Ok(())
    }

    /// A customer asked.
    pub(super) fn asked(&mut self, id: String, person: String, account: &str, sum: String) {
        self.people.insert(person.clone());
        self.facts.books.written.insert(id.clone());
        self.facts.asked.push(Asked { id, person, account: account.to_owned(), sum });
    }

    /// These are to get a campaign's message, once.
    pub(super) fn invite(&mut self, people: Vec<String>) {
        self.people.extend(people.iter().cloned());
        self.facts.books.recipients.extend(people);
    }

    /// Posts a body as Meta does; one that is refused is posted again by [`Self::repost`].
    pub(super) fn post(&mut self, system: &System, ids: &[String], body: Value) {
        self.facts.books.written.extend(ids.iter().cloned());
        let taken = system.meta_post("/_sim/webhook", &body).is_ok_and(|answer| answer["status"] == 200);
        if !taken {
            self.unsent.push(body);
        }
    }

    /// Posts again what was refused.
    pub(super) fn repost(&mut self, system: &System) -> anyhow::Result<()> {
        for _ in 0..50 {
            self.unsent.retain(|body| !system.meta_post("/_sim/webhook", body).is_ok_and(|answer| answer["status"] == 200));
            if self.unsent.is_empty() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        anyhow::bail!("the ingress takes no webhook")
    }

    /// Hides what comes behind the present ends of the changelogs.
    pub(super) fn veil(&self) -> anyhow::Result<Veil> {
        self.topics.veil(&[t::CHANGELOG_INTAKE, t::CHANGELOG_LEDGER, t::CHANGELOG_RECONCILE])
    }

    /// What is known now, and whether the topics were read to their ends.
    pub(super) fn look(&mut self, system: &System, campaign: Option<&str>) -> anyhow::Result<(Facts, bool)> {
        // Ours first: what Meta accepts in between is then missing on our side, which time heals, and never the other way round.
        let (entries, whole) = self.tail.more(LOOK)?;
        for entry in &entries {
            self.note(entry)?;
        }
        self.ledger(system)?;
        let mut facts = self.facts.clone();
        facts.unarchived = self.unarchived(system);
        facts.miscounted = campaign.map(|id| self.miscounted(system, id)).into_iter().flatten().collect();
        Ok((facts, whole))
    }

    /// A body without an answer is posted again, and each of its records that nobody can attribute has a letter of its own: together they
    /// are one end of the message. Two letters of one record are two.
    fn bury(&mut self, id: String, record: (String, i32, i64)) {
        let again = !self.buried.1.insert(record);
        if self.buried.0.insert(id.clone()) || again {
            self.facts.books.heard.push(id);
        }
    }

    fn note(&mut self, entry: &Entry) -> anyhow::Result<()> {
        match entry.topic {
            t::EVENTS_RAW => {
                let raw: RawEvent = self.topics.decode(&entry.value)?;
                if let Some(id) = id(&raw.raw).filter(|id| self.facts.books.written.contains(id)) {
                    self.facts.arrived.entry(entry.partition).or_default().push(id);
                    self.place(entry, &raw.tenant, &raw.account);
                }
            }
            t::EVENTS_UNROUTED => {
                let raw: RawEvent = self.topics.decode(&entry.value)?;
                self.facts.books.heard.extend(id(&raw.raw));
            }
            t::EVENTS_DEAD_LETTER => {
                let letter: DeadLetter = self.topics.decode(&entry.value)?;
                if let Some(id) = id(&letter.value) {
                    self.bury(id, (letter.topic, letter.partition, letter.offset));
                }
            }
            t::EVENTS => {
                let event: Event = self.topics.decode(&entry.value)?;
                let known = id(event.event.as_bytes()).filter(|id| event.kind == "inbound" && self.facts.books.written.contains(id));
                if let Some(id) = known {
                    self.facts.books.heard.push(id.clone());
                    let conversation = event.conversation.map(|id| id.to_string()).unwrap_or_default();
                    if event.account == super::arena::ACCOUNTS[0] {
                        *self.conversations.entry(conversation.clone()).or_default() += 1;
                    }
                    self.facts.heard.entry(conversation).or_default().push(id);
                    self.place(entry, &event.tenant, &event.account);
                }
            }
            t::CONVERSATIONS => {
                let conversation: Conversation = self.topics.decode(&entry.value)?;
                if conversation.phone.as_ref().is_some_and(|phone| self.people.contains(phone)) {
                    self.facts.versions.entry(conversation.conversation.to_string()).or_default().push(conversation.version);
                    self.place(entry, &conversation.tenant, &conversation.account);
                }
            }
            t::MESSAGES => {
                let message: Message = self.topics.decode(&entry.value)?;
                if self.people.contains(&message.recipient) {
                    self.place(entry, &message.tenant, &message.account);
                    self.step(message);
                }
            }
            _ => {
                let claim: Claim = self.topics.decode(&entry.value)?;
                if self.people.contains(&claim.to) {
                    self.place(entry, &claim.tenant, &claim.account);
                    self.facts.leases.insert((claim.send_id.0.simple().to_string(), claim.attempt), claim.not_after_ms);
                }
            }
        }
        Ok(())
    }

    fn place(&mut self, entry: &Entry, tenant: &impl ToString, account: &str) {
        let place = Place { topic: entry.topic, partition: entry.partition, tenant: tenant.to_string(), account: account.to_owned() };
        if !self.facts.places.contains(&place) {
            self.facts.places.push(place);
        }
    }

    fn step(&mut self, message: Message) {
        let send = message.send_id.0.simple().to_string();
        if message.campaign.is_none() {
            self.facts.sends.insert(send.clone(), (message.recipient.clone(), message.account));
        }
        self.facts.books.steps.push(Step {
            send,
            recipient: message.recipient,
            from: message.from.map(|state| state.name().to_owned()),
            to: message.to.name().to_owned(),
            wamid: message.wamid,
        });
    }

    fn ledger(&mut self, system: &System) -> anyhow::Result<()> {
        let page = system.meta_get(&format!("/_sim/ledger?after={}&limit=100000", self.accepted))?;
        for entry in page["data"].as_array().into_iter().flatten() {
            self.accepted = entry["seq"].as_u64().unwrap_or(self.accepted);
            let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
            if !self.people.contains(&text("to")) {
                continue;
            }
            let callback = text("callback_data");
            let mut parts = callback.split('.').skip(2);
            let send = parts.next().unwrap_or_default().to_owned();
            let attempt = parts.next().and_then(|attempt| attempt.parse().ok()).unwrap_or_default();
            self.facts.books.acceptances.push(Acceptance { wamid: text("wamid"), to: text("to"), send: send.clone() });
            self.facts.delivered.push(Delivered {
                to: text("to"),
                account: text("phone_number_id"),
                text: entry["body"]["text"]["body"].as_str().map(str::to_owned),
                attempt: (send, attempt),
                at_ms: text("time").parse::<jiff::Timestamp>().map(jiff::Timestamp::as_millisecond).unwrap_or_default(),
            });
        }
        Ok(())
    }

    /// The history of every conversation of acme shows each message that its customer wrote.
    fn unarchived(&self, system: &System) -> Vec<String> {
        let mut wrong = Vec::new();
        for (conversation, heard) in &self.conversations {
            let path = format!("/api/v1/conversations/{conversation}/messages?limit=200");
            match system.api_get(&path) {
                Ok(page) => {
                    let shown = page["data"].as_array().into_iter().flatten().filter(|message| message["direction"] == "in").count();
                    if shown != *heard {
                        wrong.push(format!("{conversation}: {shown} of {heard} messages"));
                    }
                }
                Err(e) => wrong.push(format!("{conversation}: {e}")),
            }
        }
        wrong
    }

    /// The campaign is over, and its page says of how many what the topics say.
    fn miscounted(&self, system: &System, id: &str) -> Option<String> {
        let page = match system.api_get(&format!("/api/v1/campaigns/{id}")) {
            Ok(page) => page,
            Err(e) => return Some(e.to_string()),
        };
        let mut said: BTreeMap<&str, i64> = BTreeMap::new();
        for state in self.stands() {
            let place = if ["sent", "delivered", "read", "played"].contains(&state) { "accepted" } else { state };
            *said.entry(place).or_default() += 1;
        }
        let funnel = &page["funnel"];
        let differs = |state: &str| funnel[state].as_i64() != Some(said.get(state).copied().unwrap_or_default());
        let states = ["suppressed", "planned", "in_flight", "unknown", "quarantined", "failed", "cancelled", "accepted"];
        let wrong: Vec<&str> = states.into_iter().filter(|state| differs(state)).collect();
        let over = page["state"] == "completed";
        (!over || !wrong.is_empty()).then(|| format!("{}, {wrong:?}: {funnel} for {said:?}", page["state"]))
    }

    /// The last state of each send of the campaign.
    fn stands(&self) -> Vec<&str> {
        let own = self.facts.books.steps.iter().filter(|step| self.facts.books.recipients.contains(&step.recipient));
        let last: BTreeMap<&str, &str> = own.map(|step| (step.send.as_str(), step.to.as_str())).collect();
        last.into_values().collect()
    }
}

/// The message's id in a parsed event or in an update as Meta sent it.
fn id(json: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(json);
    let from = text.find("wamid.")?;
    let end = text[from..].find('"')?;
    Some(text[from..from + end].to_owned())
}
