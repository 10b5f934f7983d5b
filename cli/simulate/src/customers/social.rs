//! The course of Instagram and Messenger messages.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::limits::Millis;
use crate::random::Draw;
use crate::state::{Account, State};
use crate::timeline::Event;
use crate::webhook::Update;
use crate::world::Network;

/// What Messenger and Instagram tell about a message that a business sent (contract §10).
pub(crate) fn begin(state: &Arc<State>, account: &Arc<Account>, user: &str, mid: &str, message: &Value) {
    let now = state.clock.now();
    let (business, customer) = (json!({"id": account.seed.id}), json!({"id": user}));
    let mut echo = json!({"mid": mid, "is_echo": true});
    for field in ["text", "attachments"] {
        if let Some(value) = message.get(field) {
            echo[field] = value.clone();
        }
    }
    let echo = json!({"sender": business, "recipient": customer, "timestamp": now, "message": echo});
    let from_customer = |at: Millis, field: &str, value: Value| {
        let mut item = json!({"sender": customer, "recipient": business, "timestamp": at});
        item[field] = value;
        item
    };
    let draw = Draw::new(state.seed, &format!("{}/{user}", account.seed.id), now as u64);
    let behaviour = &state.behaviour;
    let delivered = now + draw.between("delivered after", behaviour.delivered_after.low, behaviour.delivered_after.high);
    let read = delivered + draw.between("read after", behaviour.read_after.low, behaviour.read_after.high);
    let mut items = vec![(now, echo)];
    let messenger = account.seed.network == Network::Messenger;
    if messenger {
        items.push((delivered, from_customer(delivered, "delivery", json!({"mids": [mid], "watermark": delivered}))));
    }
    if draw.chance("read", behaviour.read_rate) {
        let value = if messenger { json!({"watermark": read}) } else { json!({"mid": mid}) };
        items.push((read, from_customer(read, "read", value)));
    }
    state.timeline.plan(items.into_iter().map(|(at, item)| {
        let update = Update::Social { account: account.clone(), time: at, item };
        (at, Event::Update(update))
    }));
}
