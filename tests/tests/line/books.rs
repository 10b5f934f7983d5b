//! Reads both sides of the books: the simulated Meta's ledger, and our topics from their beginning to their end.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::Value;
use sluice_local::System;
use sluice_schemas::record::{DeadLetter, Event, Message, RawEvent, Record};
use sluice_schemas::topics::{EVENTS, EVENTS_DEAD_LETTER, EVENTS_UNROUTED, MESSAGES};
use sluice_tests::checker::{Acceptance, Books, Fault, Step};
use sluice_tests::topics;

use super::harness::{self, PATIENCE};
use super::http::runtime;

/// The topics of a system.
pub struct Topics(topics::Topics);

impl std::ops::Deref for Topics {
    type Target = topics::Topics;

    fn deref(&self) -> &topics::Topics {
        &self.0
    }
}

impl Topics {
    pub fn of(system: &System) -> Self {
        Self(runtime().block_on(topics::Topics::of(system)).expect("the configuration and the schemas"))
    }

    /// Every committed record that stands in the topic now.
    pub fn all<T: Record>(&self, topic: &'static str) -> Vec<T> {
        self.0.all(topic, PATIENCE).unwrap_or_else(|error| panic!("{topic}: {error}"))
    }

    /// The ids of the inbound messages that reached an end, each as often as it did.
    fn heard(&self) -> Vec<String> {
        let events = self.all::<Event>(EVENTS);
        let understood = events.iter().filter(|event| event.kind == "inbound").map(|event| event.event.as_bytes().to_vec());
        let letters = self.all::<DeadLetter>(EVENTS_DEAD_LETTER).into_iter().map(|letter| letter.value);
        let unrouted = self.all::<RawEvent>(EVENTS_UNROUTED).into_iter().map(|raw| raw.raw);
        understood.chain(letters).chain(unrouted).filter_map(|json| id(&json)).collect()
    }
}

/// The message's id in a parsed event or in an update as Meta sent it.
fn id(json: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(json);
    let from = text.find("wamid.")?;
    let end = text[from..].find('"')?;
    Some(text[from..from + end].to_owned())
}

/// Both sides as they stand now.
pub fn read(system: &System, topics: &Topics, recipients: &BTreeSet<String>, written: &BTreeSet<String>) -> Books {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    // Ours first: what Meta accepts in between is then missing on our side, which time heals, and never the other way round.
    let heard = topics.heard();
    let steps = topics.all::<Message>(MESSAGES).into_iter().map(|message| Step {
        send: message.send_id.0.simple().to_string(),
        recipient: message.recipient,
        from: message.from.map(|state| state.name().to_owned()),
        to: message.to.name().to_owned(),
        wamid: message.wamid,
    });
    let steps = steps.collect();
    let acceptances = harness::accepted(system).into_iter().map(|entry| Acceptance {
        wamid: text(&entry["wamid"]),
        to: text(&entry["to"]),
        send: text(&entry["callback_data"]).split('.').nth(2).unwrap_or_default().to_owned(),
    });
    Books { recipients: recipients.clone(), written: written.clone(), acceptances: acceptances.collect(), steps, heard }
}

/// Waits until every promise is kept. A fault that no time can heal fails at once.
pub fn settle(system: &System, recipients: &BTreeSet<String>, written: &BTreeSet<String>) -> Books {
    let topics = Topics::of(system);
    let begun = Instant::now();
    loop {
        let books = read(system, &topics, recipients, written);
        let faults = books.faults();
        if faults.is_empty() {
            return books;
        }
        let hopeless = faults.iter().any(|fault| !fault.may_heal()) || begun.elapsed() > PATIENCE;
        assert!(!hopeless, "{}\n{:?}\n{}", shown(&faults), books.states(""), harness::complaints(system));
        if let Err(error) = system.check() {
            panic!("{error}\n{}", harness::complaints(system));
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn shown(faults: &[Fault]) -> String {
    let lines: Vec<String> = faults.iter().take(20).map(ToString::to_string).collect();
    format!("{} faults:\n{}", faults.len(), lines.join("\n"))
}
