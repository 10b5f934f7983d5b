//! What must hold once everything has come to rest. L: nothing lost; D: nothing twice; O: in order; T: tenants apart.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sluice_pipeline::state::{Memory, Read as _};
use sluice_schemas::codec::Codecs;
use sluice_schemas::ids::{ConversationId, SendId};
use sluice_schemas::record::{Conversation, Event, Message, Record, SendState};
use sluice_schemas::topics::{CONVERSATIONS, EVENTS, MESSAGES};

use super::log::{Log, Topic};
use super::world::{World, account, home};
use super::{PARTITIONS, Sim};

fn records<T: Record>(log: &Log, codecs: &Codecs, topic: Topic, partition: i32) -> Vec<T> {
    let codec = codecs.of::<T>();
    log.all(topic, partition).map(|(_, record)| codec.decode(record.value.as_deref().unwrap_or_default()).expect("a record")).collect()
}

fn ensure(holds: bool, broken: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(broken()) }
}

impl Sim {
    /// The first promise that is broken.
    pub fn promises(&self) -> Result<(), String> {
        let events = self.heard()?;
        self.conversations(&events)?;
        self.sends()?;
        self.state()
    }

    /// Every message a customer wrote is an event, once, in the order in which it came.
    fn heard(&self) -> Result<HashMap<ConversationId, usize>, String> {
        let mut wanted: BTreeMap<_, Vec<&str>> = BTreeMap::new();
        for (tenant, person, id) in &self.world.written {
            wanted.entry((*tenant, person.clone())).or_default().push(id);
        }
        let (mut found, mut counts) = (BTreeMap::<_, Vec<String>>::new(), HashMap::new());
        for partition in 0..PARTITIONS {
            for event in records::<Event>(&self.log, &self.codecs, EVENTS, partition) {
                ensure(home(event.tenant) == partition && account(event.tenant) == event.account, || format!("T: {event:?}"))?;
                if event.kind != "inbound" {
                    continue;
                }
                let parsed: serde_json::Value = serde_json::from_str(&event.event).expect("JSON");
                let text = |name: &str| parsed[name].as_str().unwrap_or_default().to_owned();
                found.entry((event.tenant, text("from"))).or_default().push(text("id"));
                *counts.entry(event.conversation.expect("a conversation")).or_default() += 1;
            }
        }
        for (who, ids) in &wanted {
            let heard = found.remove(who).unwrap_or_default();
            let unique: BTreeSet<&String> = heard.iter().collect();
            ensure(unique.len() == heard.len(), || format!("D: heard twice: {heard:?}"))?;
            ensure(ids.iter().all(|id| heard.iter().any(|heard| heard == id)), || format!("L: wrote {ids:?}, heard {heard:?}"))?;
            ensure(heard == *ids, || format!("O: wrote {ids:?}, heard {heard:?}"))?;
        }
        ensure(found.is_empty(), || format!("L: nobody wrote {found:?}"))?;
        Ok(counts)
    }

    /// A conversation changes once with each message: its versions count them without gap or repeat.
    fn conversations(&self, counts: &HashMap<ConversationId, usize>) -> Result<(), String> {
        let mut versions: HashMap<ConversationId, i64> = HashMap::new();
        for partition in 0..PARTITIONS {
            for state in records::<Conversation>(&self.log, &self.codecs, CONVERSATIONS, partition) {
                let last = versions.entry(state.conversation).or_default();
                ensure(state.version == *last + 1, || format!("D: version {} follows {last}", state.version))?;
                ensure(home(state.tenant) == partition && account(state.tenant) == state.account, || format!("T: {state:?}"))?;
                *last = state.version;
            }
        }
        let short = counts.iter().find(|(id, n)| versions.get(id).copied().unwrap_or_default() != **n as i64);
        ensure(short.is_none(), || format!("L: {short:?}, versions {versions:?}"))
    }

    /// Every planned send is at one end, which agrees with what Meta accepted; its steps form one chain.
    fn sends(&self) -> Result<(), String> {
        let mut stands: BTreeMap<SendId, SendState> = BTreeMap::new();
        for partition in 0..PARTITIONS {
            for step in records::<Message>(&self.log, &self.codecs, MESSAGES, partition) {
                ensure(home(step.tenant) == partition && account(step.tenant) == step.account, || format!("T: {step:?}"))?;
                let before = stands.insert(step.send_id, step.to);
                ensure(before == step.from, || {
                    format!("O: {} stood at {before:?} and moved {:?} → {:?}", step.send_id, step.from, step.to)
                })?;
            }
        }
        let World { planned, accepted, .. } = &self.world;
        for (id, wamids) in accepted {
            ensure(wamids.len() == 1, || format!("D: {id} was accepted {} times", wamids.len()))?;
            ensure(planned.contains(id), || format!("D: {id} was never planned"))?;
        }
        for id in planned {
            let stands = stands.get(id).copied();
            let right = if accepted.contains_key(id) {
                stands == Some(SendState::Delivered)
            } else {
                matches!(stands, Some(SendState::Quarantined | SendState::Failed))
            };
            ensure(right, || format!("L: {id} stands at {stands:?}; accepted: {}", accepted.contains_key(id)))?;
        }
        ensure(stands.len() == planned.len(), || "L: a send that nobody planned".into())
    }

    /// What an instance keeps on its disk is what the changelog says.
    fn state(&self) -> Result<(), String> {
        let rows = |memory: &Memory| {
            let mut rows = Vec::new();
            for table in 1..u8::MAX {
                let mut row = |key: &[u8], value: &[u8]| {
                    rows.push((table, key.to_vec(), value.to_vec()));
                    Ok(())
                };
                memory.scan(table, &mut row).expect("scans");
            }
            rows
        };
        for node in &self.nodes {
            for partition in node.cells.keys() {
                let (kept, told) = (rows(&node.disks[partition].memory), rows(&node.told(&self.log, *partition)));
                ensure(kept == told, || format!("L: the state of {}[{partition}] is not that of its changelog", node.name))?;
            }
        }
        Ok(())
    }
}
