//! The conversation: who it is with, whether its 24-hour window is open, what it waits for.
//!
//! Pure transitions of one conversation; the intake chain finds it by its aliases and stores it.

use sluice_schemas::ids::{ConversationId, TenantId};
use sluice_schemas::meta::{Event, Kind};
use sluice_schemas::record::Conversation;
use sluice_schemas::time::Millis;

/// After a customer's message anything may be sent for this long; later only templates (contract §8).
pub const WINDOW_MS: i64 = Millis::DAY;
/// A redriven event is late when its conversation changed more than this after it.
pub const LATE_MS: i64 = 60_000;
/// Characters of a message shown in lists.
const PREVIEW: usize = 120;

/// A conversation waits for attention.
pub const OPEN: &str = "OPEN";
/// A person has closed it; the next inbound message opens it again.
pub const RESOLVED: &str = "RESOLVED";

/// The person on the other side, as an event names them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Person {
    /// Phone digits.
    pub phone: Option<String>,
    /// Business-scoped user id, IGSID or PSID.
    pub user_id: Option<String>,
    /// Profile name.
    pub name: Option<String>,
}

impl Person {
    /// Whom the event is about; `None` for account-level facts and groups.
    pub fn of(event: &Event) -> Option<Self> {
        if event.group_id.is_some() {
            return None;
        }
        let id = match event.kind {
            Kind::Echo => event.to.as_deref(),
            Kind::Status => event.recipient.as_deref(),
            Kind::AccountEvent | Kind::Error | Kind::GroupEvent | Kind::History | Kind::ContactSync | Kind::Unknown => None,
            _ => event.from.as_deref(),
        };
        let mut person = Self { user_id: event.user_id.clone(), ..Self::default() };
        if let Some(contact) = &event.contact {
            person.name.clone_from(&contact.name);
            person.phone.clone_from(&contact.wa_id);
            person.user_id = person.user_id.or_else(|| contact.user_id.clone());
        }
        match id {
            Some(id) if is_phone(event, id) => person.phone = Some(id.to_owned()),
            Some(id) => person.user_id = Some(id.to_owned()),
            None => {}
        }
        (person.phone.is_some() || person.user_id.is_some()).then_some(person)
    }

    /// What a message to this person is addressed to.
    pub fn address(&self) -> Option<&str> {
        self.phone.as_deref().or(self.user_id.as_deref())
    }

    /// Every name under which this person's conversation is found.
    pub fn aliases(&self) -> impl Iterator<Item = &str> {
        self.phone.as_deref().into_iter().chain(self.user_id.as_deref())
    }
}

/// Digits are a phone number on WhatsApp only; on Instagram and Messenger scoped ids are digits too.
fn is_phone(event: &Event, id: &str) -> bool {
    event.channel == Some(sluice_schemas::meta::Channel::Whatsapp) && id.bytes().all(|b| b.is_ascii_digit())
}

/// A conversation at first sight.
pub fn begin(tenant: TenantId, id: ConversationId, account: &str, channel: &str, now: Millis) -> Conversation {
    Conversation {
        tenant,
        conversation: id,
        account: account.to_owned(),
        channel: channel.to_owned(),
        phone: None,
        user_id: None,
        name: None,
        status: OPEN.to_owned(),
        stage: "idle".to_owned(),
        window_until_ms: 0,
        created_ms: now.0,
        updated_ms: now.0,
        last_in_ms: 0,
        preview: String::new(),
        unread: 0,
        assignee: None,
        quote: None,
        version: 0,
    }
}

/// Learns what the event says about the person; what it does not say stays.
pub fn meet(mut conversation: Conversation, person: &Person) -> Conversation {
    let learn = |known: &mut Option<String>, said: &Option<String>| {
        if said.is_some() {
            known.clone_from(said);
        }
    };
    learn(&mut conversation.phone, &person.phone);
    learn(&mut conversation.user_id, &person.user_id);
    learn(&mut conversation.name, &person.name);
    conversation
}

/// Whether a conversation has gone on after an event of `at`: a redriven event is then late, and is not answered by itself.
pub fn moved_on(conversation: &Conversation, at: Millis) -> bool {
    conversation.updated_ms > at.0 + LATE_MS
}

/// A customer's message: opens the conversation and its window. One that comes late never shortens the window, and is not the last word.
pub fn inbound(mut conversation: Conversation, event: &Event, at: Millis, now: Millis) -> Conversation {
    OPEN.clone_into(&mut conversation.status);
    conversation.window_until_ms = conversation.window_until_ms.max(at.0 + WINDOW_MS);
    conversation.unread = conversation.unread.saturating_add(1);
    if at.0 >= conversation.last_in_ms {
        conversation.last_in_ms = at.0;
        conversation.preview = preview(&summary(event));
    }
    touched(conversation, now)
}

/// A message of ours, by a person or the pipeline.
pub fn answered(mut conversation: Conversation, text: &str, now: Millis) -> Conversation {
    conversation.unread = 0;
    conversation.preview = preview(text);
    touched(conversation, now)
}

/// Any change raises the version and the time.
pub fn touched(mut conversation: Conversation, now: Millis) -> Conversation {
    conversation.version += 1;
    conversation.updated_ms = now.0;
    conversation
}

/// Whether free-form messages may be sent.
pub fn window_is_open(conversation: &Conversation, now: Millis) -> bool {
    now.0 < conversation.window_until_ms
}

/// A line for lists: the text, or what kind of message it was.
pub fn summary(event: &Event) -> String {
    let caption = event.attachments.iter().find_map(|a| a.caption.clone());
    event.text.clone().or(caption).unwrap_or_else(|| format!("[{}]", event.type_.as_deref().unwrap_or("message")))
}

fn preview(text: &str) -> String {
    let mut line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(PREVIEW).collect();
    if text.chars().count() > PREVIEW {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conversation() -> Conversation {
        begin(TenantId::default(), ConversationId::default(), "1555010001", "whatsapp", Millis(0))
    }

    fn said(text: &str) -> Event {
        Event { kind: Kind::Inbound, text: Some(text.into()), ..Event::default() }
    }

    #[test]
    fn an_inbound_message_opens_the_window_and_a_late_one_never_shortens_it() {
        let first = inbound(conversation(), &said("hi"), Millis(1_000), Millis(1_000));
        assert!(window_is_open(&first, Millis(WINDOW_MS)));
        assert!(!window_is_open(&first, Millis(1_000 + WINDOW_MS)));
        let late = inbound(first.clone(), &said("earlier"), Millis(10), Millis(2_000));
        assert_eq!(late.window_until_ms, first.window_until_ms);
        assert_eq!((late.unread, late.version), (2, 2));
        assert_eq!(late.preview, "hi", "the last word stays the last word");
    }

    #[test]
    fn a_resolved_conversation_is_opened_by_the_next_message() {
        let resolved = Conversation { status: RESOLVED.into(), ..conversation() };
        assert_eq!(inbound(resolved, &said("hi"), Millis(1), Millis(1)).status, OPEN);
    }

    #[test]
    fn what_an_event_does_not_say_about_a_person_stays() {
        let known = meet(conversation(), &Person { phone: Some("15550100002".into()), name: Some("Ana".into()), user_id: None });
        let known = meet(known, &Person { user_id: Some("US.1a".into()), ..Person::default() });
        assert_eq!(known.phone.as_deref(), Some("15550100002"));
        assert_eq!((known.name.as_deref(), known.user_id.as_deref()), (Some("Ana"), Some("US.1a")));
    }

    #[test]
    fn a_preview_is_one_short_line() {
        let long = "a\n".repeat(500);
        let got = answered(conversation(), &long, Millis(1)).preview;
        assert_eq!(got.chars().count(), PREVIEW + 1);
        assert!(!got.contains('\n'));
    }
}
